//! What is confirmed.

use stonechat::ids::{ConvId, DeviceId, Peer, UserId};
use stonechat::store::{CursorRow, Pending};

use crate::fresh::{Fresh, Saving, append, group, message, user};

const UNNAMED: DeviceId = DeviceId::UNNAMED;

pub(crate) fn pending_until_confirmed(fresh: &Fresh) {
    let mut store = fresh.store();
    let (ann, bob) = (user(&mut *store, "ann"), user(&mut *store, "bob"));
    let conv = ConvId::pair(ann, bob);
    assert_eq!(store.position(ann, UNNAMED, conv).unwrap(), None);
    append(&mut *store, &[message(bob, Peer::User(ann), "1"), message(bob, Peer::User(ann), "2")]);
    assert_eq!(store.pending(ann, UNNAMED).unwrap(), [Pending { conv, delivered: 0, last_seq: 2 }]);
    store.save(&[CursorRow { user: ann, device: UNNAMED, conv, delivered: 1 }]).unwrap();
    assert_eq!(store.pending(ann, UNNAMED).unwrap(), [Pending { conv, delivered: 1, last_seq: 2 }]);
    store.save(&[CursorRow { user: ann, device: UNNAMED, conv, delivered: 2 }]).unwrap();
    assert_eq!(store.pending(ann, UNNAMED).unwrap(), []);
    let end = Pending { conv, delivered: 2, last_seq: 2 };
    assert_eq!(store.position(ann, UNNAMED, conv).unwrap(), Some(end), "a position is known without anything pending");
    store.save(&[]).unwrap();
}

pub(crate) fn cursors_only_move_forward(fresh: &Fresh) {
    let mut store = fresh.store();
    let (ann, bob) = (user(&mut *store, "ann"), user(&mut *store, "bob"));
    let conv = ConvId::pair(ann, bob);
    let phone = store.device(ann, "phone").unwrap().id;
    append(&mut *store, &vec![message(bob, Peer::User(ann), "x"); 9]);
    for device in [UNNAMED, phone] {
        let row = |delivered| CursorRow { user: ann, device, conv, delivered };
        store.save(&[row(5)]).unwrap();
        store.save(&[row(3)]).unwrap();
        store.save(&[row(7), row(6)]).unwrap();
        assert_eq!(store.position(ann, device, conv).unwrap().unwrap().delivered, 7);
    }
}

pub(crate) fn a_cursor_beyond_the_end_is_not_written(fresh: &Fresh) {
    let mut store = fresh.store();
    let (ann, bob) = (user(&mut *store, "ann"), user(&mut *store, "bob"));
    let conv = ConvId::pair(ann, bob);
    append(&mut *store, &vec![message(bob, Peer::User(ann), "x"); 3]);
    let delivered = |fresh: &Fresh| fresh.store().position(ann, UNNAMED, conv).unwrap().unwrap().delivered;
    let row = |delivered| CursorRow { user: ann, device: UNNAMED, conv, delivered };
    store.save(&[row(2)]).unwrap();
    store.save(&[row(4)]).unwrap();
    assert_eq!(delivered(fresh), 2, "what gets the number 4 next has not arrived");
    store.save(&[row(3)]).unwrap();
    assert_eq!(delivered(fresh), 3);
}

pub(crate) fn a_cursor_of_an_epoch_that_is_over_is_not_written(fresh: &Fresh) {
    let mut store = fresh.store();
    let (ann, bob) = (user(&mut *store, "ann"), user(&mut *store, "bob"));
    let conv = ConvId::pair(ann, bob);
    let phone = store.device(ann, "phone").unwrap().id;
    append(&mut *store, &vec![message(bob, Peer::User(ann), "x"); 3]);
    let before = store.cluster().unwrap().epoch;
    let present = store.new_epoch(&before).unwrap().epoch;
    for device in [UNNAMED, phone] {
        let row = CursorRow { user: ann, device, conv, delivered: 2 };
        assert_eq!(store.save_cursors(&before, &[row]).unwrap(), []);
        assert_eq!(store.position(ann, device, conv).unwrap().unwrap().delivered, 0);
        assert_eq!(store.save_cursors(&present, &[row]).unwrap(), []);
        assert_eq!(store.position(ann, device, conv).unwrap().unwrap().delivered, 2);
    }
}

pub(crate) fn devices_have_their_own_cursors(fresh: &Fresh) {
    let mut store = fresh.store();
    let (ann, bob) = (user(&mut *store, "ann"), user(&mut *store, "bob"));
    let (phone, cursor_queue) = (store.device(ann, "phone").unwrap().id, store.device(ann, "desk").unwrap().id);
    let conv = ConvId::pair(ann, bob);
    append(&mut *store, &[message(bob, Peer::User(ann), "1")]);
    for device in [UNNAMED, phone, cursor_queue] {
        assert_eq!(store.pending(ann, device).unwrap(), [Pending { conv, delivered: 0, last_seq: 1 }]);
    }
    store.save(&[CursorRow { user: ann, device: phone, conv, delivered: 1 }]).unwrap();
    assert_eq!(store.pending(ann, phone).unwrap(), []);
    assert_eq!(store.pending(ann, cursor_queue).unwrap().len(), 1);
    assert_eq!(store.position(ann, cursor_queue, conv).unwrap().unwrap().delivered, 0, "no row of its own yet");
    assert_eq!(store.pending(ann, UNNAMED).unwrap().len(), 1);
}

pub(crate) fn cursors_of_strangers_are_not_written(fresh: &Fresh) {
    let mut store = fresh.store();
    let (ann, bob, eve) = (user(&mut *store, "ann"), user(&mut *store, "bob"), user(&mut *store, "eve"));
    let chess = group(&mut *store, bob, "chess");
    append(&mut *store, &[message(bob, Peer::User(ann), "1"), message(bob, Peer::Group(chess), "1")]);
    let rows_before = fresh.number("SELECT COUNT(*) FROM `Cursor`");
    let row = |user, device, conv| CursorRow { user, device: DeviceId(device), conv, delivered: 1 };
    let (pair, of_group) = (ConvId::pair(ann, bob), ConvId::group(chess));
    let rows = [row(eve, 0, pair), row(eve, 1, pair), row(ann, 0, of_group), row(ann, 1, of_group), row(ann, 0, pair)];
    store.save(&rows).unwrap();
    assert_eq!(fresh.number("SELECT COUNT(*) FROM `Cursor`"), rows_before);
    assert_eq!(store.position(ann, UNNAMED, pair).unwrap().unwrap().delivered, 1, "the others are written");
}

pub(crate) fn many_cursors_at_once(fresh: &Fresh) {
    let mut store = fresh.store();
    let ann = user(&mut *store, "ann");
    for name in ["phone", "desk"] {
        store.device(ann, name).unwrap();
    }
    let others: Vec<UserId> = (0..75).map(|n| user(&mut *store, &format!("user {n}"))).collect();
    let batch: Vec<_> = others.iter().map(|&other| message(other, Peer::User(ann), "x")).collect();
    append(&mut *store, &batch);
    let row =
        |device| move |&other: &UserId| CursorRow { user: ann, device, conv: ConvId::pair(ann, other), delivered: 1 };
    let rows: Vec<_> = others.iter().map(row(DeviceId(2))).chain(others.iter().map(row(UNNAMED))).collect();
    std::thread::scope(|scope| {
        for reversed in [true, false] {
            let mut rows = rows.clone();
            scope.spawn(move || {
                if reversed {
                    rows.reverse();
                }
                fresh.store().save(&rows).unwrap();
            });
        }
    });
    assert_eq!(store.pending(ann, UNNAMED).unwrap(), []);
    assert_eq!(store.pending(ann, DeviceId(2)).unwrap(), []);
    assert_eq!(store.pending(ann, DeviceId(1)).unwrap().len(), 75);
    assert_eq!(fresh.number("SELECT COUNT(*) FROM `Cursor`"), 75 * 3);
}

pub(crate) fn pending_of_many_sessions(fresh: &Fresh) {
    let mut store = fresh.store();
    let users: Vec<UserId> = (0..10).map(|n| user(&mut *store, &format!("user {n}"))).collect();
    store.device(users[3], "phone").unwrap();
    for &to in &users[1..] {
        append(&mut *store, &[message(users[0], Peer::User(to), "x")]);
    }
    let conv = ConvId::pair(users[0], users[3]);
    store.save(&[CursorRow { user: users[3], device: DeviceId(1), conv, delivered: 1 }]).unwrap();
    let mut sessions: Vec<_> = users.iter().map(|&user| (user, UNNAMED)).collect();
    sessions.push((users[3], DeviceId(1)));
    sessions.push((users[4], DeviceId(1)));
    sessions.push((UserId::new(999_999).unwrap(), UNNAMED));
    sessions.push((users[1], UNNAMED));
    let each: Vec<_> = sessions.iter().map(|&(user, device)| store.pending(user, device).unwrap()).collect();
    assert_eq!(store.pending_of_all(&sessions).unwrap(), each);
    assert_eq!((each[0].len(), each[1].len(), each[10].len(), each[11].len(), each[12].len()), (9, 1, 0, 1, 0));
    assert!(store.pending_of_all(&[]).unwrap().is_empty());
}

pub(crate) fn the_view_of_offline_messages(fresh: &Fresh) {
    let mut store = fresh.store();
    let (ann, bob) = (user(&mut *store, "ann"), user(&mut *store, "bob"));
    let batch =
        [message(bob, Peer::User(ann), "1"), message(ann, Peer::User(bob), "2"), message(bob, Peer::User(ann), "3")];
    append(&mut *store, &batch);
    let of_ann = format!("SELECT message FROM OfflineMessage WHERE userid = {ann} ORDER BY message");
    assert_eq!(fresh.texts(&of_ann), [r#"{"msg":"1"}"#, r#"{"msg":"3"}"#]);
    store.save(&[CursorRow { user: ann, device: UNNAMED, conv: ConvId::pair(ann, bob), delivered: 1 }]).unwrap();
    assert_eq!(fresh.texts(&of_ann), [r#"{"msg":"3"}"#]);
    assert_eq!(fresh.texts(&format!("SELECT message FROM OfflineMessage WHERE userid = {bob}")), [r#"{"msg":"2"}"#]);
}
