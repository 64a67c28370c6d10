//! Who has left a group: nothing of it is read any more, and nothing that is written late brings him back.

use stonechat::ids::{ConvId, DeviceId, Peer, UserId};
use stonechat::store::{CursorRow, JoinOutcome, LeaveOutcome, OwnPending, Pending, Place, Range, Store};

use crate::fresh::{Fresh, NOW, Saving, append, group, listed, message, read, user};

/// Rounds of leaving against writing: a thousand would do on a fast machine.
const ROUNDS: usize = 2_000;
/// SQLite waits for the disk at each commit, and has one writer: the rounds show little there.
const ROUNDS_ON_SQLITE: usize = 200;

const DEVICES: [DeviceId; 2] = [DeviceId::UNNAMED, DeviceId(1)];

/// Every way to read a group's messages.
fn sees_anything(store: &mut dyn Store, reader: UserId, conv: ConvId, known: Pending) -> Vec<&'static str> {
    let mut seen = Vec::new();
    for device in DEVICES {
        let of_conv = |pending: &[Pending]| pending.iter().any(|pending| pending.conv == conv);
        if of_conv(&store.pending(reader, device).unwrap()) {
            seen.push("pending");
        }
        if of_conv(&store.pending_of_all(&[(reader, device)]).unwrap()[0]) {
            seen.push("pending_of_all");
        }
        if store.position(reader, device, conv).unwrap().is_some() {
            seen.push("position");
        }
        let place = Place { conv, after: Some(0) };
        // The room of the second is that of a conversation among others.
        for places in [vec![place], vec![place; 2]] {
            let pages = store.pages(reader, device, &places, 10, 1_000).unwrap();
            if pages.iter().any(|page| page.position.is_some() || !page.messages.is_empty()) {
                seen.push("pages");
            }
        }
    }
    for range in [Range::Latest, Range::After(0), Range::After(99), Range::Before(2)] {
        if store.messages(reader, conv, range, 10, 1_000).unwrap().is_some() {
            seen.push("messages");
        }
    }
    for own in [OwnPending::Listed, OwnPending::LeftOut] {
        if !store.oldest_pending(reader, &[known], listed(own), 10, 1_000).unwrap().is_empty() {
            seen.push("oldest_pending");
        }
    }
    seen.dedup();
    seen
}

pub(crate) fn who_has_left_reads_nothing_whatever_rows_are_left(fresh: &Fresh) {
    let mut store = fresh.store();
    let (ann, bob) = (user(&mut *store, "ann"), user(&mut *store, "bob"));
    let chess = group(&mut *store, ann, "chess");
    let conv = ConvId::group(chess);
    assert_eq!(store.device(bob, "phone").unwrap().id, DEVICES[1]);
    store.join_group(bob, chess, NOW).unwrap();
    append(&mut *store, &[message(ann, Peer::Group(chess), "1"), message(ann, Peer::User(bob), "1")]);
    let known = Pending { conv, delivered: 0, last_seq: 1 };
    let all = ["pending", "pending_of_all", "position", "pages", "messages", "oldest_pending"];
    for way in all {
        assert!(sees_anything(&mut *store, bob, conv, known).contains(&way), "a member reads it by {way}");
    }

    assert_eq!(store.quit_group(bob, chess).unwrap(), LeaveOutcome::Done);
    // As a cursor that was written behind has left them over.
    for device in DEVICES {
        fresh.execute(&format!(
            "INSERT INTO `Cursor` (userid, device, conv, delivered, read_seq) VALUES ({bob}, {}, {chess}, 0, 0)",
            device.0
        ));
    }
    append(&mut *store, &[message(ann, Peer::Group(chess), "2")]);
    assert_eq!(sees_anything(&mut *store, bob, conv, known), [""; 0]);
    let offline = format!("SELECT message FROM OfflineMessage WHERE userid = {bob}");
    assert_eq!(fresh.texts(&offline).len(), 1, "the view shows what ann wrote to bob alone");
    let pair = ConvId::pair(ann, bob);
    assert_eq!(read(&mut *store, bob, pair, Range::Latest).0.len(), 1);
    let eve = user(&mut *store, "eve");
    assert_eq!(store.messages(eve, pair, Range::Latest, 10, 1_000).unwrap(), None, "of two others");
    assert_eq!(store.messages(ann, conv, Range::After(2), 10, 1_000).unwrap(), Some((vec![], false)));
}

pub(crate) fn leftover_cursors_are_removed_by_the_upgrade(fresh: &Fresh) {
    let mut store = fresh.store();
    let (ann, bob) = (user(&mut *store, "ann"), user(&mut *store, "bob"));
    let chess = group(&mut *store, ann, "chess");
    append(&mut *store, &[message(ann, Peer::User(bob), "1"), message(ann, Peer::Group(chess), "1")]);
    for (user, device, conv) in [(bob.number(), 0, 1), (bob.number(), 1, 1), (ann.number(), 1, 99)] {
        fresh.execute(&format!(
            "INSERT INTO `Cursor` (userid, device, conv, delivered, read_seq) VALUES ({user}, {device}, {conv}, 0, 0)"
        ));
    }
    fresh.execute("DELETE FROM SchemaVersion WHERE version >= 2");
    fresh.stores.migrate().unwrap();
    assert_eq!(fresh.number("SELECT COUNT(*) FROM `Cursor`"), 3, "ann's in the group, and both of the pair");
    assert_eq!(store.pending(ann, DeviceId::UNNAMED).unwrap().len(), 2);
}

pub(crate) fn a_cursor_written_while_leaving_brings_nobody_back(fresh: &Fresh) {
    let mut store = fresh.store();
    let (ann, bob) = (user(&mut *store, "ann"), user(&mut *store, "bob"));
    let chess = group(&mut *store, ann, "chess");
    store.device(bob, "phone").unwrap();
    append(&mut *store, &[message(ann, Peer::Group(chess), "1")]);
    let row = |device| CursorRow { user: bob, device, conv: ConvId::group(chess), delivered: 1 };
    let rounds = if fresh.is_sqlite() { ROUNDS_ON_SQLITE } else { ROUNDS };
    let is_over = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        for device in DEVICES {
            let (row, is_over) = (row(device), &is_over);
            scope.spawn(move || {
                let mut store = fresh.store();
                while !is_over.load(std::sync::atomic::Ordering::Relaxed) {
                    store.save(&[row]).unwrap();
                }
            });
        }
        for round in 0..rounds {
            assert!(matches!(store.join_group(bob, chess, NOW).unwrap(), JoinOutcome::New { .. }), "round {round}");
            assert_eq!(store.quit_group(bob, chess).unwrap(), LeaveOutcome::Done);
            if round % 50 == 49 {
                let left_over = format!("SELECT COUNT(*) FROM `Cursor` WHERE userid = {bob}");
                let left_over = fresh.number(&left_over);
                if left_over != 0 {
                    is_over.store(true, std::sync::atomic::Ordering::Relaxed);
                    panic!("{left_over} cursors are left in round {round}");
                }
            }
        }
        is_over.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    assert_eq!(fresh.number(&format!("SELECT COUNT(*) FROM `Cursor` WHERE userid = {bob}")), 0);
}

pub(crate) fn a_device_made_while_leaving_leaves_no_cursor(fresh: &Fresh) {
    let mut store = fresh.store();
    let (ann, bob) = (user(&mut *store, "ann"), user(&mut *store, "bob"));
    let chess = group(&mut *store, ann, "chess");
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let mut store = fresh.store();
            for number in 0..30 {
                store.device(bob, &format!("device {number}")).unwrap();
            }
        });
        for _ in 0..60 {
            store.join_group(bob, chess, NOW).unwrap();
            store.quit_group(bob, chess).unwrap();
        }
    });
    assert_eq!(fresh.number(&format!("SELECT COUNT(*) FROM `Cursor` WHERE userid = {bob}")), 0);
}
