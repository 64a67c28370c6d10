//! The identity of the data, its epoch, and the nodes that use it.

use stonechat::clock::UnixMs;
use stonechat::ids::{ConvId, NodeId, Peer, Seq};
use stonechat::store::{ClusterRow, Range, Sender};

use crate::fresh::{Fresh, append, message, user};

/// But for when it was read.
fn is_same(one: &ClusterRow, other: &ClusterRow) -> bool {
    (&one.id, &one.epoch) == (&other.id, &other.epoch)
}

pub(crate) fn data_have_an_identity_that_stays(fresh: &Fresh) {
    let first = fresh.store().cluster().unwrap();
    assert_eq!(first.id.len(), 32, "{first:?}");
    assert_ne!(first.id, first.epoch);
    fresh.stores.migrate().unwrap();
    assert!(is_same(&fresh.store().cluster().unwrap(), &first));
}

pub(crate) fn of_many_who_ask_one_makes_the_epoch(fresh: &Fresh) {
    let first = fresh.store().cluster().unwrap();
    let asked = std::thread::scope(|scope| {
        let ask = || scope.spawn(|| fresh.store().new_epoch(&first.epoch).unwrap());
        let asking: Vec<_> = (0..4).map(|_| ask()).collect();
        asking.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    assert!(asked.iter().all(|row| is_same(row, &asked[0])), "{asked:?}");
    assert_eq!(asked[0].id, first.id);
    assert_ne!(asked[0].epoch, first.epoch);
    assert!(is_same(&fresh.store().new_epoch(&first.epoch).unwrap(), &asked[0]), "who comes late changes nothing");
}

pub(crate) fn nodes_are_known_until_they_end_or_are_long_gone(fresh: &Fresh) {
    let mut store = fresh.store();
    let (killed, here) = (NodeId(u64::MAX), NodeId(7));
    let month = UnixMs(31 * 24 * 3600 * 1000);
    store.note_node(killed, UnixMs(0)).unwrap();
    store.note_node(here, UnixMs(1)).unwrap();
    assert!(store.has_node(killed).unwrap() && store.has_node(here).unwrap());
    store.note_node(here, month).unwrap();
    assert!(!store.has_node(killed).unwrap());
    assert!(store.has_node(here).unwrap());
    store.forget_node(here).unwrap();
    assert!(!store.has_node(here).unwrap());
}

/// The thread that starts a node and its cursor writer both note it.
pub(crate) fn a_node_is_noted_by_several_of_its_threads_at_once(fresh: &Fresh) {
    let node = NodeId(5);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut store = fresh.store();
                for round in 0..100 {
                    store.note_node(node, UnixMs(round)).unwrap();
                }
            });
        }
    });
    assert!(fresh.store().has_node(node).unwrap());
}

pub(crate) fn ends_are_told_of_those_that_exist(fresh: &Fresh) {
    let mut store = fresh.store();
    let (ann, ben) = (user(&mut *store, "ann"), user(&mut *store, "ben"));
    let conv = ConvId::pair(ann, ben);
    assert_eq!(store.ends(&[conv]).unwrap(), []);
    append(&mut *store, &vec![message(ann, Peer::User(ben), "x"); 3]);
    let strangers = (100..400).map(|number| ConvId::from_number(number).unwrap());
    let asked: Vec<ConvId> = strangers.chain([conv]).collect();
    assert_eq!(store.ends(&asked).unwrap(), [(conv, 3)]);
    assert_eq!(store.ends(&[]).unwrap(), []);
}

pub(crate) fn senders_are_told_of_messages_that_exist(fresh: &Fresh) {
    let mut store = fresh.store();
    let (ann, ben) = (user(&mut *store, "ann"), user(&mut *store, "ben"));
    let conv = ConvId::pair(ann, ben);
    append(&mut *store, &[message(ann, Peer::User(ben), "x"), message(ben, Peer::User(ann), "y")]);
    let strangers = (100..400).map(|number| (ConvId::from_number(number).unwrap(), 1));
    let asked: Vec<(ConvId, Seq)> = strangers.chain([(conv, 2), (conv, 9), (conv, 1)]).collect();
    let mut senders = store.senders(&asked).unwrap();
    senders.sort_unstable_by_key(|sender| sender.seq);
    let shown = store.messages(ann, conv, Range::After(0), 9, usize::MAX).unwrap().unwrap().0;
    let shown: Vec<Sender> =
        shown.iter().map(|m| Sender { conv, seq: m.seq, user: m.sender.id, sent_at: m.sent_at }).collect();
    assert_eq!(senders, shown);
    assert_eq!(senders.iter().map(|sender| sender.user).collect::<Vec<_>>(), [ann, ben]);
    assert_eq!(store.senders(&[]).unwrap(), []);
}
