//! Reading messages.

use stonechat::ids::{ConvId, DeviceId, Peer, UserId};
use stonechat::store::{Append, Message, OwnPending, Range, Store};

use crate::fresh::{Fresh, append, at, listed, message, user};

fn seqs(messages: &[Message]) -> Vec<u64> {
    messages.iter().map(|message| message.seq).collect()
}

/// Messages 1 to `count` of ann to bob.
fn chatter(store: &mut dyn Store, count: usize) -> (UserId, UserId, ConvId) {
    let (ann, bob) = (user(store, "ann"), user(store, "bob"));
    let batch: Vec<Append> = (0..count).map(|_| message(ann, Peer::User(bob), "0123456789")).collect();
    append(store, &batch);
    (ann, bob, ConvId::pair(ann, bob))
}

pub(crate) fn ranges_are_exclusive_and_ascending(fresh: &Fresh) {
    let mut store = fresh.store();
    let (ann, _, conv) = chatter(&mut *store, 200);
    let mut read = |range, limit| {
        let (messages, more) = store.messages(ann, conv, range, limit, usize::MAX).unwrap().unwrap();
        (seqs(&messages), more)
    };
    assert_eq!(read(Range::After(0), 2), (vec![1, 2], true));
    assert_eq!(read(Range::After(198), 2), (vec![199, 200], false));
    assert_eq!(read(Range::After(200), 2), (vec![], false));
    assert_eq!(read(Range::After(u64::MAX), 2), (vec![], false));
    assert_eq!(read(Range::Before(4), 2), (vec![2, 3], true));
    assert_eq!(read(Range::Before(3), 2), (vec![1, 2], false));
    assert_eq!(read(Range::Before(1), 2), (vec![], false));
    assert_eq!(read(Range::Before(9_999), 1), (vec![200], true));
    assert_eq!(read(Range::Latest, 3), (vec![198, 199, 200], true));
    assert_eq!(read(Range::Latest, 200), ((1..=200).collect(), false));
    assert_eq!(read(Range::After(10), 150), ((11..=160).collect(), true), "more than one page");
    assert_eq!(read(Range::Latest, 0), (vec![], true));
    let none = ConvId::pair(ann, UserId::new(999).unwrap());
    assert_eq!(store.messages(ann, none, Range::Latest, 10, 10).unwrap().unwrap(), (vec![], false));
}

pub(crate) fn bytes_are_bounded_but_one_message_always_comes(fresh: &Fresh) {
    let mut store = fresh.store();
    let (ann, _, conv) = chatter(&mut *store, 10);
    let one = r#"{"msg":"0123456789"}"#.len();
    for (bytes_max, count) in [(0, 1), (one, 1), (3 * one, 3), (3 * one + 1, 3), (10 * one, 10)] {
        let (messages, more) = store.messages(ann, conv, Range::After(0), 100, bytes_max).unwrap().unwrap();
        assert_eq!((messages.len(), more), (count, count < 10));
        let (latest, more) = store.messages(ann, conv, Range::Latest, 100, bytes_max).unwrap().unwrap();
        assert_eq!((latest.len(), more, latest.last().unwrap().seq), (count, count < 10, 10));
    }
}

pub(crate) fn the_oldest_pending_are_merged_by_time(fresh: &Fresh) {
    let mut store = fresh.store();
    let (ann, bob, eve) = (user(&mut *store, "ann"), user(&mut *store, "bob"), user(&mut *store, "eve"));
    let from_bob = |ms| at(ms, message(bob, Peer::User(ann), "b"));
    let from_eve = |ms| at(ms, message(eve, Peer::User(ann), "e"));
    // bob's second message came through a node whose clock is behind.
    append(&mut *store, &[from_bob(50), from_eve(20), from_bob(10), from_eve(60), from_bob(70)]);
    let pending = store.pending(ann, DeviceId::UNNAMED).unwrap();
    let oldest = store.oldest_pending(ann, &pending, listed(OwnPending::Listed), 100, usize::MAX).unwrap();
    let told: Vec<_> = oldest.iter().map(|m| (m.sender.name.as_str(), m.seq)).collect();
    assert_eq!(told, [("eve", 1), ("bob", 1), ("bob", 2), ("eve", 2), ("bob", 3)]);
}

pub(crate) fn the_oldest_pending_are_bounded_and_skip_own_messages(fresh: &Fresh) {
    let mut store = fresh.store();
    let ann = user(&mut *store, "ann");
    let others: Vec<UserId> = (0..70).map(|n| user(&mut *store, &format!("user {n}"))).collect();
    let mut batch = Vec::new();
    for (ms, &other) in (1..).zip(&others) {
        batch.push(at(ms, message(ann, Peer::User(other), "mine")));
        batch.push(at(ms + 1_000, message(other, Peer::User(ann), "0123456789")));
        batch.push(at(ms + 2_000, message(other, Peer::User(ann), "0123456789")));
    }
    append(&mut *store, &batch);
    let pending = store.pending(ann, DeviceId::UNNAMED).unwrap();
    assert_eq!(pending.len(), 70);
    let all = store.oldest_pending(ann, &pending, listed(OwnPending::LeftOut), 1_000, usize::MAX).unwrap();
    assert_eq!(all.len(), 140);
    assert!(all.iter().all(|m| m.sender.id != ann) && all.is_sorted_by_key(|m| m.sent_at));
    assert_eq!(store.oldest_pending(ann, &pending, listed(OwnPending::LeftOut), 100, usize::MAX).unwrap(), all[..100]);
    let one = all[0].body.len();
    assert_eq!(store.oldest_pending(ann, &pending, listed(OwnPending::LeftOut), 100, 5 * one).unwrap(), all[..5]);
    assert_eq!(store.oldest_pending(ann, &pending, listed(OwnPending::LeftOut), 100, 0).unwrap(), all[..1]);
    assert_eq!(store.oldest_pending(ann, &pending, listed(OwnPending::Listed), 1_000, usize::MAX).unwrap().len(), 210);
    assert_eq!(store.oldest_pending(ann, &[], listed(OwnPending::Listed), 10, 10).unwrap(), []);
    let first = stonechat::store::Pending { delivered: 2, ..pending[0] };
    assert_eq!(seqs(&store.oldest_pending(ann, &[first], listed(OwnPending::LeftOut), 10, usize::MAX).unwrap()), [3]);
}
