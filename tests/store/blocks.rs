//! Blocks: in their own table, and in the rules of the conversation.

use stonechat::ids::{ConvId, Peer, UserId};
use stonechat::store::{BlockOutcome, FriendOutcome, Quotas, Store};

use crate::fresh::{Fresh, NOW, append, message, user};

fn three(store: &mut dyn Store) -> [UserId; 3] {
    [user(store, "ann"), user(store, "bob"), user(store, "eve")]
}

fn rules(fresh: &Fresh, a: UserId, b: UserId) -> i64 {
    let conv = ConvId::pair(a, b).number();
    fresh.number(&format!("SELECT COALESCE(SUM(rules), -1) FROM Conversation WHERE id = {conv}"))
}

const DONE: BlockOutcome = BlockOutcome::Done { were_friends: false };

pub(crate) fn a_block_stands_in_the_rules_of_the_conversation(fresh: &Fresh) {
    let mut store = fresh.store();
    let [ann, bob, eve] = three(&mut *store);
    assert_eq!(rules(fresh, ann, bob), -1, "there is no conversation yet");
    assert_eq!(store.block(bob, ann).unwrap(), DONE);
    assert_eq!(rules(fresh, ann, bob), 2, "the higher id has blocked the lower");
    assert_eq!(store.block(bob, ann).unwrap(), DONE, "again");
    assert_eq!(store.block(ann, bob).unwrap(), DONE);
    assert_eq!(rules(fresh, ann, bob), 3);
    assert!(store.unblock(bob, ann).unwrap());
    assert!(store.unblock(bob, ann).unwrap(), "again");
    assert_eq!(rules(fresh, ann, bob), 1);

    append(&mut *store, &[message(ann, Peer::User(eve), "hello")]);
    store.block(eve, ann).unwrap();
    assert_eq!(rules(fresh, ann, eve), 2);
    assert!(store.unblock(eve, ann).unwrap());
    assert_eq!(rules(fresh, ann, eve), 0, "what was said stays");

    let nobody = UserId::new(i64::from(i32::MAX)).unwrap();
    assert_eq!(store.block(ann, nobody).unwrap(), BlockOutcome::NoSuchUser);
    assert!(!store.unblock(ann, nobody).unwrap());
    assert_eq!(fresh.number("SELECT COUNT(*) FROM Conversation"), 2);
}

pub(crate) fn an_unused_conversation_goes_with_the_last_block(fresh: &Fresh) {
    let mut store = fresh.store();
    let [ann, bob, _] = three(&mut *store);
    store.block(ann, bob).unwrap();
    store.block(bob, ann).unwrap();
    store.unblock(ann, bob).unwrap();
    assert_eq!(rules(fresh, ann, bob), 2);
    store.unblock(bob, ann).unwrap();
    assert_eq!(rules(fresh, ann, bob), -1);
    assert_eq!(append(&mut *store, &[message(ann, Peer::User(bob), "hello")]), [1]);
    let lists = format!("SELECT COUNT(*) FROM `Cursor` WHERE conv = {}", ConvId::pair(ann, bob).number());
    assert_eq!(fresh.number(&lists), 2, "it is opened as any other");
}

pub(crate) fn a_block_ends_a_friendship_and_forbids_the_next(fresh: &Fresh) {
    let mut store = fresh.store();
    let [ann, bob, eve] = three(&mut *store);
    store.add_friend(ann, bob).unwrap();
    assert_eq!(store.block(ann, bob).unwrap(), BlockOutcome::Done { were_friends: true });
    assert_eq!((store.friends_count(ann).unwrap(), store.friends_count(bob).unwrap()), (0, 0));

    store.request_friend(eve, ann, "\"\"", NOW).unwrap();
    store.request_friend(ann, eve, "\"\"", NOW).unwrap();
    store.block(ann, eve).unwrap();
    assert_eq!(fresh.number("SELECT COUNT(*) FROM FriendRequest"), 0);

    for (one, other, outcome) in [(bob, ann, FriendOutcome::Blocked), (ann, bob, FriendOutcome::Blocking)] {
        assert_eq!(store.add_friend(one, other).unwrap(), outcome);
        assert_eq!(store.request_friend(one, other, "\"\"", NOW).unwrap(), outcome);
        assert_eq!(store.answer_friend(one, other, true).unwrap(), outcome);
    }
    store.block(bob, ann).unwrap();
    assert_eq!(store.add_friend(bob, ann).unwrap(), FriendOutcome::Blocking, "both have: one's own block comes first");
    store.unblock(ann, bob).unwrap();
    store.unblock(bob, ann).unwrap();
    assert!(matches!(store.add_friend(bob, ann).unwrap(), FriendOutcome::Done(_)));
    assert!(matches!(store.add_friend(bob, eve).unwrap(), FriendOutcome::Done(_)), "others are not concerned");
}

pub(crate) fn the_blocked_are_listed_for_the_blocker_and_looked_up_for_the_blocked(fresh: &Fresh) {
    let mut store = fresh.store();
    let [ann, bob, eve] = three(&mut *store);
    store.block(ann, eve).unwrap();
    store.block(ann, bob).unwrap();
    store.block(bob, eve).unwrap();
    let blocked = |store: &mut dyn Store, user, after, limit| -> Vec<UserId> {
        store.blocked(user, after, limit).unwrap().into_iter().map(|person| person.id).collect()
    };
    assert_eq!(blocked(&mut *store, ann, 0, 10), [bob, eve]);
    assert_eq!(blocked(&mut *store, ann, 0, 1), [bob]);
    assert_eq!(blocked(&mut *store, ann, bob.number(), 10), [eve]);
    assert_eq!(blocked(&mut *store, eve, 0, 10), []);
    let mut blockers = store.blockers(eve, &[ann, bob, eve]).unwrap();
    blockers.sort_unstable();
    assert_eq!(blockers, [ann, bob]);
    assert_eq!(store.blockers(eve, &[bob]).unwrap(), [bob]);
    assert_eq!(store.blockers(bob, &[eve]).unwrap(), []);
    assert_eq!(store.blockers(eve, &[]).unwrap(), []);
}

pub(crate) fn blocks_have_a_quota(fresh: &Fresh) {
    let mut store = fresh.store();
    store.hold_to(Quotas { blocks: Some(1), ..Quotas::default() });
    let [ann, bob, eve] = three(&mut *store);
    assert_eq!(store.block(ann, bob).unwrap(), DONE);
    assert_eq!(store.block(ann, eve).unwrap(), BlockOutcome::Full);
    assert_eq!(rules(fresh, ann, eve), -1, "nothing is left of it");
    assert_eq!(store.block(ann, bob).unwrap(), DONE, "again needs no room");
    assert_eq!(store.block(eve, ann).unwrap(), DONE, "another's");
    store.unblock(ann, bob).unwrap();
    assert_eq!(store.block(ann, eve).unwrap(), DONE);
}

pub(crate) fn two_who_block_each_other_at_once_and_talk(fresh: &Fresh) {
    let mut store = fresh.store();
    let [ann, bob, _] = three(&mut *store);
    std::thread::scope(|scope| {
        for (one, other) in [(ann, bob), (bob, ann)] {
            scope.spawn(move || {
                let mut store = fresh.store();
                for _ in 0..20 {
                    store.block(one, other).unwrap();
                    store.unblock(one, other).unwrap();
                }
            });
        }
    });
    assert_eq!(rules(fresh, ann, bob), -1);
    assert_eq!(fresh.number("SELECT COUNT(*) FROM Block"), 0);
}
