//! Batches: numbers, cids, refusals, and many threads at once.

use std::collections::BTreeMap;

use stonechat::cid::{of_integer, of_string};
use stonechat::clock::UnixMs;
use stonechat::ids::{ConvId, DeviceId, GroupId, Peer, UserId};
use stonechat::store::{Append, Appended, CursorRow, Range};

use crate::fresh::{Fresh, NOW, Saving, append, at, group, message, read, stored, user, with_cid};

pub(crate) fn messages_are_numbered_per_conversation(fresh: &Fresh) {
    let mut store = fresh.store();
    let (ann, bob, eve) = (user(&mut *store, "ann"), user(&mut *store, "bob"), user(&mut *store, "eve"));
    let batch =
        [message(ann, Peer::User(bob), "1"), message(ann, Peer::User(eve), "1"), message(bob, Peer::User(ann), "2")];
    assert_eq!(append(&mut *store, &batch), [1, 1, 2]);
    assert_eq!(append(&mut *store, &batch[..1]), [3]);
    assert_eq!(store.append(&[]).unwrap(), []);
    let (messages, more) = read(&mut *store, ann, ConvId::pair(ann, bob), Range::After(0));
    assert_eq!(messages.iter().map(|m| (m.seq, m.sender.id)).collect::<Vec<_>>(), [(1, ann), (2, bob), (3, ann)]);
    assert_eq!(messages[0].sender.name, "ann");
    assert!(!more);
    assert_eq!(fresh.number("SELECT COUNT(*) FROM `Cursor` WHERE device = 0"), 4, "both users of both conversations");
}

pub(crate) fn batches_and_everything_else_of_one_store_are_committed_at_once(fresh: &Fresh) {
    let mut store = fresh.store();
    let (ann, bob) = (user(&mut *store, "ann"), user(&mut *store, "bob"));
    let conv = ConvId::pair(ann, bob);
    for seq in 1..=3 {
        assert_eq!(append(&mut *store, &[message(ann, Peer::User(bob), "x")]), [seq]);
        assert_eq!(fresh.number("SELECT last_seq FROM Conversation"), i64::try_from(seq).unwrap());
        store.save(&[CursorRow { user: bob, device: DeviceId::UNNAMED, conv, delivered: seq }]).unwrap();
        let delivered = format!("SELECT delivered FROM `Cursor` WHERE userid = {bob}");
        assert_eq!(fresh.number(&delivered), i64::try_from(seq).unwrap());
        user(&mut *store, &format!("user {seq}"));
        assert_eq!(fresh.number("SELECT COUNT(*) FROM User"), i64::try_from(seq).unwrap() + 2);
    }
}

pub(crate) fn a_batch_of_every_size_is_stored(fresh: &Fresh) {
    let mut store = fresh.store();
    let (ann, bob) = (user(&mut *store, "ann"), user(&mut *store, "bob"));
    let mut next = 1;
    for size in [1, 7, 9, 65, 600] {
        let text = "x".repeat(3_000);
        let batch: Vec<Append> =
            (0..size).map(|n| with_cid(&format!("{size}-{n}"), message(ann, Peer::User(bob), &text))).collect();
        let expected: Vec<u64> = (next..next + size).collect();
        assert_eq!(append(&mut *store, &batch), expected);
        let again = store.append(&batch).unwrap();
        assert!(
            again.iter().zip(expected).all(|(o, seq)| matches!(o, Appended::Duplicate { seq: s, .. } if *s == seq))
        );
        next += size;
    }
    assert_eq!(fresh.number("SELECT COUNT(*) FROM Message"), 682);
}

pub(crate) fn a_cid_counts_once_across_batches_and_stores(fresh: &Fresh) {
    let (mut store, mut other) = (fresh.store(), fresh.store());
    let (ann, bob, eve) = (user(&mut *store, "ann"), user(&mut *store, "bob"), user(&mut *store, "eve"));
    let first = at(5, with_cid("c", message(ann, Peer::User(bob), "once")));
    assert_eq!(append(&mut *store, &[message(bob, Peer::User(ann), "before"), first.clone()]), [1, 2]);
    let again = Appended::Duplicate { seq: 2, sent_at: UnixMs(5) };
    assert_eq!(other.append(&[at(9, first.clone())]).unwrap(), [again]);
    assert_eq!(store.append(std::slice::from_ref(&first)).unwrap(), [again]);
    let others = [with_cid("c", message(bob, Peer::User(ann), "")), with_cid("c", message(ann, Peer::User(eve), ""))];
    assert_eq!(append(&mut *other, &others), [3, 1], "another sender's, another conversation's");
    assert_eq!(append(&mut *other, &[message(ann, Peer::User(bob), ""), message(ann, Peer::User(bob), "")]), [4, 5]);
}

pub(crate) fn a_cid_counts_once_within_a_batch(fresh: &Fresh) {
    let mut store = fresh.store();
    let (ann, bob) = (user(&mut *store, "ann"), user(&mut *store, "bob"));
    let twice = with_cid("c", message(ann, Peer::User(bob), "x"));
    let batch = [at(5, twice.clone()), at(6, twice), message(bob, Peer::User(ann), "y")];
    let outcomes = store.append(&batch).unwrap();
    let again = Appended::Duplicate { seq: 1, sent_at: UnixMs(5) };
    assert_eq!(outcomes, [Appended::Stored(1), again, Appended::Stored(2)]);
    assert_eq!(read(&mut *store, ann, batch[0].conv(), Range::Latest).0.len(), 2);
}

pub(crate) fn cids_are_compared_byte_for_byte(fresh: &Fresh) {
    let mut store = fresh.store();
    let (ann, bob) = (user(&mut *store, "ann"), user(&mut *store, "bob"));
    let cids = ["a", "A", "ä", "a ", "", "a\u{301}", "🦊", "1", "01", "'\"\\%"];
    let batch: Vec<Append> = cids.iter().map(|cid| with_cid(cid, message(ann, Peer::User(bob), "x"))).collect();
    assert_eq!(append(&mut *store, &batch), (1..=10).collect::<Vec<_>>());
    let kept = read(&mut *store, ann, batch[0].conv(), Range::After(0)).0;
    assert!(kept.iter().zip(cids).all(|(message, cid)| message.cid.as_deref() == Some(cid)));
    let again = store.append(&batch).unwrap();
    assert!(again.iter().all(|outcome| matches!(outcome, Appended::Duplicate { .. })), "{again:?}");
}

/// Older messages have the same text for a number and for a string of its digits. What was in flight while the server was
/// exchanged is sent again and must not be stored twice, whichever it was.
pub(crate) fn a_cid_of_an_older_message_still_counts(fresh: &Fresh) {
    let (mut store, mut after) = (fresh.store(), fresh.store());
    let (ann, bob) = (user(&mut *store, "ann"), user(&mut *store, "bob"));
    let say = |cid: &str, ms| at(ms, with_cid(cid, message(ann, Peer::User(bob), "x")));
    assert_eq!(append(&mut *store, &[say("7", 5), say("abc", 6)]), [1, 2], "as an older server stored them");
    let (number, string) = (of_integer("7"), of_string("7"));
    let again = Appended::Duplicate { seq: 1, sent_at: UnixMs(5) };
    assert_eq!(after.append(&[say(&number, 9), say(&string, 9)]).unwrap(), [again, again]);
    assert_eq!(after.append(&[say(&string, 9)]).unwrap(), [again]);
    let unchanged = Appended::Duplicate { seq: 2, sent_at: UnixMs(6) };
    assert_eq!(after.append(&[say(&of_string("abc"), 9)]).unwrap(), [unchanged]);
    // New ones are two, in whatever order and batch.
    let (number, string) = (of_integer("8"), of_string("8"));
    assert_eq!(append(&mut *after, &[say(&number, 10), say(&string, 11)]), [3, 4]);
    let of_number = Appended::Duplicate { seq: 3, sent_at: UnixMs(10) };
    let of_string = Appended::Duplicate { seq: 4, sent_at: UnixMs(11) };
    assert_eq!(store.append(&[say(&string, 12), say(&number, 12)]).unwrap(), [of_string, of_number]);
}

pub(crate) fn refusals_cost_the_others_nothing_and_leave_no_trace(fresh: &Fresh) {
    let mut store = fresh.store();
    let (ann, bob, eve) = (user(&mut *store, "ann"), user(&mut *store, "bob"), user(&mut *store, "eve"));
    let chess = group(&mut *store, ann, "chess");
    let nobody = Peer::User(UserId::new(i64::from(i32::MAX)).unwrap());
    let nowhere = Peer::Group(GroupId::new(i64::from(i32::MAX)).unwrap());
    let batch = [
        message(ann, nobody, "x"),
        message(ann, Peer::User(bob), "x"),
        message(ann, nowhere, "x"),
        message(eve, Peer::Group(chess), "x"),
        message(ann, Peer::Group(chess), "x"),
        with_cid("c", message(ann, nobody, "x")),
        Append { friends_only: true, ..message(ann, Peer::User(eve), "x") },
        message(ann, Peer::User(bob), "y"),
    ];
    let expected = [
        Appended::NoSuchUser,
        Appended::Stored(1),
        Appended::NoSuchGroup,
        Appended::NotMember,
        Appended::Stored(1),
        Appended::NoSuchUser,
        Appended::NotFriends,
        Appended::Stored(2),
    ];
    assert_eq!(store.append(&batch).unwrap(), expected);
    assert_eq!(store.append(&batch[..1]).unwrap(), expected[..1]);
    assert_eq!(fresh.number("SELECT COUNT(*) FROM Conversation"), 2);
    assert_eq!(fresh.number("SELECT COUNT(*) FROM Message"), 3);
    assert_eq!(fresh.number("SELECT COUNT(*) FROM `Cursor`"), 3, "ann, bob, and ann in the group");
}

pub(crate) fn below_the_known_end_no_number_is_given_out(fresh: &Fresh) {
    let mut store = fresh.store();
    let (ann, bob) = (user(&mut *store, "ann"), user(&mut *store, "bob"));
    let chess = group(&mut *store, ann, "chess");
    append(&mut *store, &[with_cid("c", message(ann, Peer::User(bob), "x"))]);
    let known = |known_end, message| Append { known_end, ..message };
    let batch = [
        known(2, message(ann, Peer::User(bob), "y")),
        known(2, with_cid("c", message(ann, Peer::User(bob), "x"))),
        known(1, message(ann, Peer::Group(chess), "y")),
    ];
    let outcomes = [Appended::WentBack(1), Appended::Duplicate { seq: 1, sent_at: NOW }, Appended::WentBack(0)];
    assert_eq!(store.append(&batch).unwrap(), outcomes);
    assert_eq!(append(&mut *store, &[known(1, message(ann, Peer::User(bob), "y"))]), [2]);
    assert_eq!(store.append(&batch).unwrap()[0], Appended::Stored(3));
}

pub(crate) fn friends_only_is_obeyed(fresh: &Fresh) {
    let mut store = fresh.store();
    let (ann, bob) = (user(&mut *store, "ann"), user(&mut *store, "bob"));
    let only = Append { friends_only: true, ..message(ann, Peer::User(bob), "x") };
    assert_eq!(store.append(std::slice::from_ref(&only)).unwrap(), [Appended::NotFriends]);
    store.add_friend(bob, ann).unwrap();
    assert_eq!(append(&mut *store, &[only.clone(), message(bob, Peer::User(ann), "y")]), [1, 2]);
    store.delete_friend(ann, bob).unwrap();
    let batch = [only, message(ann, Peer::User(bob), "z")];
    assert_eq!(store.append(&batch).unwrap(), [Appended::NotFriends, Appended::Stored(3)]);
}

pub(crate) fn whoever_left_is_refused(fresh: &Fresh) {
    let mut store = fresh.store();
    let (ann, bob) = (user(&mut *store, "ann"), user(&mut *store, "bob"));
    let chess = group(&mut *store, ann, "chess");
    store.join_group(bob, chess, NOW).unwrap();
    let from_bob = [message(bob, Peer::Group(chess), "x")];
    assert_eq!(append(&mut *store, &from_bob), [1]);
    store.quit_group(bob, chess).unwrap();
    assert_eq!(store.append(&from_bob).unwrap(), [Appended::NotMember]);
}

pub(crate) fn four_threads_number_without_holes(fresh: &Fresh) {
    const BATCHES: usize = 30;
    let mut store = fresh.store();
    let users: Vec<UserId> = (0..6).map(|n| user(&mut *store, &format!("user {n}"))).collect();
    let everyone = group(&mut *store, users[0], "everyone");
    for &member in &users[1..] {
        store.join_group(member, everyone, NOW).unwrap();
    }
    let users = &users;
    let outcomes: Vec<(ConvId, u64)> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4usize)
            .map(|thread| {
                scope.spawn(move || {
                    let mut store = fresh.store();
                    let mut numbers = Vec::new();
                    for n in 0..BATCHES {
                        // Each thread meets the conversations in another order.
                        let pick = |step: usize| users[(n + step * (thread + 1)) % users.len()];
                        let pairs = (1..5).map(pick).filter(|&to| to != pick(0)).map(Peer::User);
                        let batch: Vec<Append> = pairs
                            .chain([Peer::Group(everyone)])
                            .map(|to| with_cid(&format!("{thread}-{n}"), message(pick(0), to, "x")))
                            .collect();
                        let stored_as = store.append(&batch).unwrap();
                        // A batch may say the same twice to one: `pick` repeats itself.
                        let new = batch.iter().zip(stored_as).filter(|(_, o)| matches!(o, Appended::Stored(_)));
                        numbers.extend(new.map(|(message, outcome)| (message.conv(), stored(outcome))));
                    }
                    numbers
                })
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let mut by_conv: BTreeMap<ConvId, Vec<u64>> = BTreeMap::new();
    for (conv, seq) in outcomes {
        by_conv.entry(conv).or_default().push(seq);
    }
    assert!(by_conv.len() > 8, "conversations are shared: {}", by_conv.len());
    for (conv, mut numbers) in by_conv {
        numbers.sort_unstable();
        assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>(), "{conv:?}");
        let ends = fresh.number(&format!("SELECT last_seq FROM Conversation WHERE id = {}", conv.number()));
        let rows = fresh.number(&format!("SELECT COUNT(*) FROM Message WHERE conv = {}", conv.number()));
        let count = i64::try_from(numbers.len()).unwrap();
        assert_eq!((ends, rows), (count, count));
    }
}

pub(crate) fn two_sides_open_a_conversation_at_once(fresh: &Fresh) {
    let mut store = fresh.store();
    let users: Vec<UserId> = (0..12).map(|n| user(&mut *store, &format!("user {n}"))).collect();
    let users = &users;
    std::thread::scope(|scope| {
        for thread in 0..4usize {
            scope.spawn(move || {
                let mut store = fresh.store();
                for pair in users.chunks(2) {
                    let (from, to) = if thread % 2 == 0 { (pair[0], pair[1]) } else { (pair[1], pair[0]) };
                    append(&mut *store, &[message(from, Peer::User(to), "first!")]);
                }
            });
        }
    });
    assert_eq!(fresh.number("SELECT COUNT(*) FROM Conversation WHERE last_seq = 4"), 6);
    assert_eq!(fresh.number("SELECT COUNT(*) FROM `Cursor`"), 12);
}

pub(crate) fn bodies_come_back_byte_for_byte(fresh: &Fresh) {
    let mut store = fresh.store();
    let (ann, bob) = (user(&mut *store, "ann"), user(&mut *store, "bob"));
    let bodies = [
        r#"{"msg":"\u0000\\\"'"}"#.to_owned(),
        "{\"msg\":\"👩‍👩‍👧 𝔘 ä a\u{301} \u{202e}\"}".to_owned(),
        "{\"msg\":\"'; DROP TABLE User; -- ?%_\",\"ext\":{\"n\":1e400}} ".to_owned(),
        format!("{{\"msg\":\"{}\"}}", "x".repeat(200_000)),
    ];
    let batch: Vec<Append> =
        bodies.iter().map(|body| Append { body: body.as_str().into(), ..message(ann, Peer::User(bob), "") }).collect();
    append(&mut *store, &batch);
    let (kept, _) = read(&mut *store, ann, batch[0].conv(), Range::After(0));
    assert!(kept.iter().map(|message| &message.body).eq(&bodies));
}

pub(crate) fn nothing_is_in_doubt_without_a_lost_commit(fresh: &Fresh) {
    let mut store = fresh.store();
    let (ann, bob) = (user(&mut *store, "ann"), user(&mut *store, "bob"));
    let batch = [message(ann, Peer::User(bob), "x")];
    append(&mut *store, &batch);
    assert_eq!(store.settle(&batch).unwrap(), None);
}
