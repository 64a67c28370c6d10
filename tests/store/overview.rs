//! What users see of conversations: the list of them, what is unread, who has read up to where.

use stonechat::clock::UnixMs;
use stonechat::ids::{ConvId, DeviceId, Peer, UserId};
use stonechat::store::{
    Activity, ConversationPage, ConversationRow, ConversationsWanted, CursorRow, Flags, ReadRow, ReceiptRow,
    SavedReads, Store, StoreError, With,
};

use crate::fresh::{Fresh, NOW, Saving, append, at, group, message, user};

const ALL: ConversationsWanted = ConversationsWanted { after: None, limit: 200, bytes_max: usize::MAX };

fn list(store: &mut dyn Store, user: UserId) -> Vec<ConversationRow> {
    let ConversationPage { rows, next } = store.conversations(user, ALL).unwrap();
    assert_eq!(next, None);
    rows
}

fn read_up_to(store: &mut dyn Store, user: UserId, conv: ConvId, read: u64) -> Vec<ReadRow> {
    let epoch = store.cluster().unwrap().epoch;
    let SavedReads { moved, locked } = store.save_reads(&epoch, &[ReadRow { user, conv, read }]).unwrap();
    assert_eq!(locked, []);
    moved
}

pub(crate) fn reads_only_move_forward_and_up_to_the_end(fresh: &Fresh) {
    let mut store = fresh.store();
    let (ann, bob, eve) = (user(&mut *store, "ann"), user(&mut *store, "bob"), user(&mut *store, "eve"));
    let conv = ConvId::pair(ann, bob);
    append(&mut *store, &vec![message(bob, Peer::User(ann), "x"); 9]);
    let row = |read| ReadRow { user: ann, conv, read };
    assert_eq!(read_up_to(&mut *store, ann, conv, 5), [row(5)]);
    assert_eq!(read_up_to(&mut *store, ann, conv, 5), [], "it stands there");
    assert_eq!(read_up_to(&mut *store, ann, conv, 3), [], "never back");
    assert_eq!(read_up_to(&mut *store, ann, conv, 1_000), [row(9)], "there is no more");
    assert_eq!(read_up_to(&mut *store, ann, conv, u64::MAX), []);
    assert_eq!(read_up_to(&mut *store, eve, conv, 5), [], "it is none of eve's");
    let chess = group(&mut *store, bob, "chess");
    append(&mut *store, &[message(bob, Peer::Group(chess), "1")]);
    assert_eq!(read_up_to(&mut *store, ann, ConvId::group(chess), 1), [], "ann is no member");
    store.join_group(ann, chess, NOW).unwrap();
    append(&mut *store, &[message(bob, Peer::Group(chess), "2")]);
    assert_eq!(read_up_to(&mut *store, ann, ConvId::group(chess), 2).len(), 1);
    append(&mut *store, &[message(bob, Peer::Group(chess), "3")]);
    fresh.execute(&format!("DELETE FROM GroupUser WHERE userid = {ann}"));
    assert_eq!(read_up_to(&mut *store, ann, ConvId::group(chess), 3), [], "a row that was left over moves no more");
    let delivered = store.position(ann, DeviceId::UNNAMED, conv).unwrap().unwrap().delivered;
    assert_eq!(delivered, 0, "what has arrived is another number");
}

pub(crate) fn reads_of_an_epoch_that_is_over_are_not_written(fresh: &Fresh) {
    let mut store = fresh.store();
    let (ann, bob) = (user(&mut *store, "ann"), user(&mut *store, "bob"));
    let conv = ConvId::pair(ann, bob);
    append(&mut *store, &vec![message(bob, Peer::User(ann), "x"); 3]);
    let before = store.cluster().unwrap().epoch;
    let present = store.new_epoch(&before).unwrap().epoch;
    let row = ReadRow { user: ann, conv, read: 2 };
    assert_eq!(store.save_reads(&before, &[row]).unwrap(), SavedReads::default());
    assert_eq!(store.save_reads(&present, &[row]).unwrap().moved, [row]);
}

pub(crate) fn many_reads_at_once(fresh: &Fresh) {
    let mut store = fresh.store();
    let ann = user(&mut *store, "ann");
    let others: Vec<UserId> = (0..75).map(|n| user(&mut *store, &format!("user {n}"))).collect();
    let batch: Vec<_> = others.iter().map(|&other| message(other, Peer::User(ann), "x")).collect();
    append(&mut *store, &batch);
    let rows: Vec<ReadRow> =
        others.iter().map(|&other| ReadRow { user: ann, conv: ConvId::pair(ann, other), read: 1 }).collect();
    let moved = std::thread::scope(|scope| {
        let save = |reversed: bool| {
            let mut rows = rows.clone();
            scope.spawn(move || {
                if reversed {
                    rows.reverse();
                }
                let mut store = fresh.store();
                let epoch = store.cluster().unwrap().epoch;
                let mut moved = 0;
                // What is locked comes back, and is saved the next time.
                while !rows.is_empty() {
                    let saved = store.save_reads(&epoch, &rows).unwrap();
                    moved += saved.moved.len();
                    rows = saved.locked;
                }
                moved
            })
        };
        [save(true), save(false)].map(|thread| thread.join().unwrap()).iter().sum::<usize>()
    });
    assert_eq!(moved, 75, "each has moved once");
    assert_eq!(fresh.number("SELECT COUNT(*) FROM `Cursor` WHERE read_seq = 1"), 75);
}

pub(crate) fn the_latest_conversation_comes_first(fresh: &Fresh) {
    let mut store = fresh.store();
    let (ann, bob, eve) = (user(&mut *store, "ann"), user(&mut *store, "bob"), user(&mut *store, "eve"));
    let chess = group(&mut *store, bob, "chess");
    store.join_group(ann, chess, NOW).unwrap();
    append(
        &mut *store,
        &[
            at(NOW.0 + 10, message(bob, Peer::User(ann), "1")),
            at(NOW.0 + 30, message(eve, Peer::User(ann), "2")),
            at(NOW.0 + 20, message(bob, Peer::User(ann), "3")),
            at(NOW.0 + 30, message(bob, Peer::User(eve), "4")),
        ],
    );
    let rows = list(&mut *store, ann);
    let convs: Vec<ConvId> = rows.iter().map(|row| row.activity.conv).collect();
    assert_eq!(convs, [ConvId::pair(ann, eve), ConvId::pair(ann, bob), ConvId::group(chess)]);
    assert_eq!(rows[1].activity.at, UnixMs(NOW.0 + 20));
    assert_eq!((rows[1].last_seq, rows[1].unread, rows[1].read), (2, 2, 0));
    assert_eq!(rows[1].last.as_ref().unwrap().body, r#"{"msg":"3"}"#);
    let With::User { person, is_erased, delivered, read } = &rows[1].with else { panic!("bob is a user") };
    assert_eq!((person.name.as_str(), *is_erased, *delivered, *read), ("bob", false, Some(0), Some(0)));
    let With::Group { name, total, .. } = &rows[2].with else { panic!("chess is a group") };
    assert_eq!((name.as_str(), *total, rows[2].last_seq, &rows[2].last), ("chess", 2, 0, &None));
    // Two that were active at the same time come in a fixed order, and pages leave none out.
    append(&mut *store, &[at(NOW.0 + 20, message(ann, Peer::Group(chess), "5"))]);
    let whole = list(&mut *store, ann);
    let mut paged = Vec::new();
    let mut after = None;
    loop {
        let page = store.conversations(ann, ConversationsWanted { after, limit: 1, ..ALL }).unwrap();
        paged.extend(page.rows);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(paged, whole);
    let behind_all = Activity { at: UnixMs(0), conv: ConvId::group(chess) };
    let nothing = store.conversations(ann, ConversationsWanted { after: Some(behind_all), ..ALL }).unwrap();
    assert_eq!(nothing, ConversationPage::default());
}

pub(crate) fn what_others_said_behind_the_read_position_is_unread(fresh: &Fresh) {
    let mut store = fresh.store();
    let (ann, bob) = (user(&mut *store, "ann"), user(&mut *store, "bob"));
    let conv = ConvId::pair(ann, bob);
    let (to_ann, to_bob) = (message(bob, Peer::User(ann), "x"), message(ann, Peer::User(bob), "y"));
    append(&mut *store, &[to_ann.clone(), to_ann.clone(), to_ann.clone()]);
    let unread = |store: &mut dyn Store, user| {
        let row = list(store, user).remove(0);
        (row.read, row.unread)
    };
    assert_eq!(unread(&mut *store, ann), (0, 3));
    assert_eq!(unread(&mut *store, bob), (3, 0), "who has spoken has read");
    read_up_to(&mut *store, ann, conv, 2);
    assert_eq!(unread(&mut *store, ann), (2, 1));
    append(&mut *store, &[to_bob.clone(), to_ann.clone(), to_ann.clone()]);
    assert_eq!(unread(&mut *store, ann), (4, 2), "what one has said counts as read, and nothing was written");
    assert_eq!(fresh.number(&format!("SELECT read_seq FROM `Cursor` WHERE device = 0 AND userid = {ann}")), 2);
    assert_eq!(unread(&mut *store, bob), (6, 0));
    // Events are no messages.
    fresh.execute("UPDATE Message SET kind = 3, of_seq = 1 WHERE seq = 5");
    assert_eq!(unread(&mut *store, ann), (4, 1));
    append(&mut *store, &vec![to_ann.clone(); 99]);
    assert_eq!(unread(&mut *store, ann), (2, 100), "how far back one's own word is looked for is bounded");
    append(&mut *store, &vec![to_ann; 200]);
    assert_eq!(unread(&mut *store, ann).1, 100, "so many, or more");
    append(&mut *store, &[to_bob]);
    assert_eq!(unread(&mut *store, ann), (306, 0));
}

pub(crate) fn what_came_before_a_member_is_not_shown(fresh: &Fresh) {
    let mut store = fresh.store();
    let (ann, bob) = (user(&mut *store, "ann"), user(&mut *store, "bob"));
    let chess = group(&mut *store, bob, "chess");
    append(&mut *store, &[message(bob, Peer::Group(chess), "1"), message(bob, Peer::Group(chess), "2")]);
    store.join_group(ann, chess, NOW).unwrap();
    fresh.execute(&format!("UPDATE GroupUser SET joined_seq = 2 WHERE userid = {ann}"));
    let row = list(&mut *store, ann).remove(0);
    assert_eq!((row.last_seq, row.unread, row.last), (2, 0, None));
    append(&mut *store, &[message(bob, Peer::Group(chess), "3")]);
    let row = list(&mut *store, ann).remove(0);
    assert_eq!((row.last_seq, row.unread, row.last.unwrap().seq), (3, 1, 3));
    fresh.execute(&format!("DELETE FROM GroupUser WHERE userid = {ann}"));
    assert_eq!(list(&mut *store, ann), [], "a group that was left is not listed, whatever rows are left");
    store.delete_group(bob, chess, UnixMs(0)).unwrap();
    assert_eq!(list(&mut *store, bob), []);
}

pub(crate) fn a_page_of_long_messages_is_short(fresh: &Fresh) {
    let mut store = fresh.store();
    let ann = user(&mut *store, "ann");
    let long = "x".repeat(1_000);
    for n in 0..5 {
        let other = user(&mut *store, &format!("user {n}"));
        append(&mut *store, &[at(n, message(other, Peer::User(ann), &long))]);
    }
    let page = store.conversations(ann, ConversationsWanted { bytes_max: 2_500, ..ALL }).unwrap();
    assert_eq!((page.rows.len(), page.next.is_some()), (2, true));
    let page = store.conversations(ann, ConversationsWanted { bytes_max: 0, after: page.next, ..ALL }).unwrap();
    assert_eq!((page.rows.len(), page.rows[0].activity.at), (1, UnixMs(2)), "one always comes");
}

pub(crate) fn flags_are_ones_own(fresh: &Fresh) {
    let mut store = fresh.store();
    let (ann, bob, eve) = (user(&mut *store, "ann"), user(&mut *store, "bob"), user(&mut *store, "eve"));
    let conv = ConvId::pair(ann, bob);
    assert_eq!(store.set_flags(ann, conv, Some(true), None).unwrap(), None, "there is no such conversation yet");
    append(&mut *store, &[message(bob, Peer::User(ann), "x")]);
    let mut set = |user, muted, pinned| store.set_flags(user, conv, muted, pinned).unwrap();
    assert_eq!(set(ann, Some(true), None), Some(Flags { muted: true, pinned: false }));
    assert_eq!(set(ann, None, Some(true)), Some(Flags { muted: true, pinned: true }));
    assert_eq!(set(ann, Some(false), Some(true)), Some(Flags { muted: false, pinned: true }));
    assert_eq!(set(eve, Some(true), None), None);
    let chess = group(&mut *store, bob, "chess");
    assert_eq!(store.set_flags(ann, ConvId::group(chess), Some(true), None).unwrap(), None, "ann is no member");
    assert_eq!(list(&mut *store, ann)[0].flags, Flags { muted: false, pinned: true });
    assert_eq!(list(&mut *store, bob)[0].flags, Flags::default());
}

pub(crate) fn receipts_tell_how_far_everybody_is(fresh: &Fresh) {
    tell_receipts(fresh).unwrap();
}

fn tell_receipts(fresh: &Fresh) -> Result<(), StoreError> {
    let mut store = fresh.store();
    let (ann, bob, eve) = (user(&mut *store, "ann"), user(&mut *store, "bob"), user(&mut *store, "eve"));
    let phone = store.device(ann, "phone")?.id;
    let conv = ConvId::pair(ann, bob);
    append(&mut *store, &vec![message(bob, Peer::User(ann), "x"); 9]);
    let row = |device, delivered| CursorRow { user: ann, device, conv, delivered };
    store.save(&[row(DeviceId::UNNAMED, 3), row(phone, 7)])?;
    read_up_to(&mut *store, ann, conv, 5);
    let of_ann = ReceiptRow { user: ann, delivered: 7, read: 5 };
    let of_bob = ReceiptRow { user: bob, delivered: 0, read: 0 };
    assert_eq!(store.receipts(bob, conv, 0, 10)?, Some(vec![of_ann, of_bob]));
    assert_eq!(store.receipts(bob, conv, ann.number(), 10)?, Some(vec![of_bob]));
    assert_eq!(store.receipts(bob, conv, 0, 1)?, Some(vec![of_ann]));
    assert_eq!(store.receipts(eve, conv, 0, 10)?, None);
    let With::User { delivered, read, .. } = list(&mut *store, bob).remove(0).with else { panic!("a user") };
    assert_eq!((delivered, read), (Some(7), Some(5)));
    fresh.execute(&format!("UPDATE Conversation SET rules = 1 WHERE id = {}", conv.number()));
    assert_eq!(store.receipts(bob, conv, 0, 10)?, Some(vec![of_bob]), "hidden both ways while a block holds");
    let With::User { delivered, read, .. } = list(&mut *store, bob).remove(0).with else { panic!("a user") };
    assert_eq!((delivered, read), (None, None));
    let ends = store.conversation_ends(&[conv, ConvId::pair(ann, eve)])?;
    assert_eq!((ends.len(), ends[0].last_seq, ends[0].rules.is_blocked()), (1, 9, true));
    let chess = group(&mut *store, bob, "chess");
    for member in [ann, eve] {
        store.join_group(member, chess, NOW)?;
    }
    append(&mut *store, &[message(bob, Peer::Group(chess), "x")]);
    let of = |user, delivered| ReceiptRow { user, delivered, read: 0 };
    store.save(&[CursorRow { user: eve, device: DeviceId::UNNAMED, conv: ConvId::group(chess), delivered: 1 }])?;
    let all = vec![of(ann, 0), of(bob, 0), of(eve, 1)];
    assert_eq!(store.receipts(ann, ConvId::group(chess), 0, 10)?, Some(all));
    assert_eq!(store.receipts(ann, ConvId::group(chess), bob.number(), 10)?, Some(vec![of(eve, 1)]));
    store.quit_group(eve, chess)?;
    assert_eq!(store.receipts(eve, ConvId::group(chess), 0, 10)?, None);
    Ok(())
}

pub(crate) fn typing_is_told_to_those_it_is_for(fresh: &Fresh) {
    let mut store = fresh.store();
    let (ann, bob, eve) = (user(&mut *store, "ann"), user(&mut *store, "bob"), user(&mut *store, "eve"));
    let is_told = |store: &mut dyn Store, user, to| store.is_typing_told(user, to, 2).unwrap();
    assert!(!is_told(&mut *store, ann, Peer::User(bob)), "not to strangers");
    store.add_friend(ann, eve).unwrap();
    assert!(is_told(&mut *store, ann, Peer::User(eve)), "to friends");
    append(&mut *store, &[message(bob, Peer::User(ann), "x")]);
    assert!(is_told(&mut *store, ann, Peer::User(bob)), "where something was said");
    fresh.execute("UPDATE Conversation SET rules = 2");
    assert!(!is_told(&mut *store, ann, Peer::User(bob)));
    let chess = group(&mut *store, bob, "chess");
    assert!(is_told(&mut *store, bob, Peer::Group(chess)));
    assert!(!is_told(&mut *store, ann, Peer::Group(chess)), "no member");
    for member in [ann, eve] {
        store.join_group(member, chess, NOW).unwrap();
    }
    assert!(!is_told(&mut *store, bob, Peer::Group(chess)), "too many members");
    let mut pairs = store.friend_ids_of_all(&[ann, eve, bob], 10).unwrap();
    pairs.sort_unstable();
    assert_eq!(pairs, [(ann, eve), (eve, ann)]);
    assert_eq!(store.friend_ids_of_all(&[ann, eve, bob], 1).unwrap().len(), 1);
}
