//! Friends and requests.

use stonechat::clock::UnixMs;
use stonechat::ids::UserId;
use stonechat::store::{Contact, FriendOutcome, Person, Store};

use crate::fresh::{Fresh, NOW, user};

fn nobody() -> UserId {
    UserId::new(i64::from(i32::MAX)).unwrap()
}

fn person(id: UserId, name: &str) -> Person {
    Person { id, name: name.to_owned() }
}

fn contact(id: UserId, name: &str) -> Contact {
    Contact { id, name: name.to_owned(), profile: None }
}

pub(crate) fn friendship_is_mutual(fresh: &Fresh) {
    let mut store = fresh.store();
    let (ann, bob, eve) = (user(&mut *store, "ann"), user(&mut *store, "bob"), user(&mut *store, "eve"));
    assert_eq!(store.add_friend(bob, ann).unwrap(), FriendOutcome::Done(person(ann, "ann")));
    assert_eq!(store.add_friend(ann, bob).unwrap(), FriendOutcome::Already(person(bob, "bob")));
    assert_eq!(store.add_friend(ann, nobody()).unwrap(), FriendOutcome::NoSuchUser);
    store.add_friend(ann, eve).unwrap();
    assert_eq!(store.friends(ann, 0, 100).unwrap(), [contact(bob, "bob"), contact(eve, "eve")], "by ascending id");
    assert_eq!(store.friends(bob, 0, 100).unwrap(), [contact(ann, "ann")]);

    assert!(store.delete_friend(bob, ann).unwrap());
    assert!(!store.delete_friend(ann, bob).unwrap());
    assert_eq!(store.friends(ann, 0, 100).unwrap(), [contact(eve, "eve")]);
    assert_eq!(store.friends(bob, 0, 100).unwrap(), []);
}

pub(crate) fn a_request_waits_for_its_answer(fresh: &Fresh) {
    let mut store = fresh.store();
    let (ann, bob, eve) = (user(&mut *store, "ann"), user(&mut *store, "bob"), user(&mut *store, "eve"));
    assert_eq!(store.request_friend(eve, ann, "\"hi\"", UnixMs(1)).unwrap(), FriendOutcome::Done(person(ann, "ann")));
    store.request_friend(bob, ann, "\"hey\"", UnixMs(2)).unwrap();
    store.request_friend(eve, ann, "\"please 🙏\"", UnixMs(3)).unwrap();
    store.request_friend(eve, ann, "\"please 🙏\"", UnixMs(4)).unwrap();
    let waiting = store.friend_requests(ann, 10).unwrap();
    let told: Vec<_> = waiting.iter().map(|request| (request.from.id, request.msg.as_str())).collect();
    assert_eq!(told, [(eve, "\"please 🙏\""), (bob, "\"hey\"")], "oldest first, with the latest words");
    assert_eq!(store.friend_requests(ann, 1).unwrap().len(), 1);
    assert_eq!(store.friend_requests(bob, 10).unwrap(), []);

    assert_eq!(store.answer_friend(ann, eve, false).unwrap(), FriendOutcome::Done(person(eve, "eve")));
    assert_eq!(store.answer_friend(ann, eve, true).unwrap(), FriendOutcome::NoSuchRequest);
    assert_eq!(store.friends(ann, 0, 100).unwrap(), []);
    assert_eq!(store.answer_friend(ann, bob, true).unwrap(), FriendOutcome::Done(person(bob, "bob")));
    assert_eq!(store.friends(bob, 0, 100).unwrap(), [contact(ann, "ann")]);
    assert_eq!(store.friend_requests(ann, 10).unwrap(), []);
}

pub(crate) fn requests_between_friends_and_to_nobody(fresh: &Fresh) {
    let mut store = fresh.store();
    let (ann, bob) = (user(&mut *store, "ann"), user(&mut *store, "bob"));
    store.add_friend(ann, bob).unwrap();
    assert_eq!(store.request_friend(ann, bob, "\"\"", NOW).unwrap(), FriendOutcome::Already(person(bob, "bob")));
    assert_eq!(store.request_friend(ann, nobody(), "\"\"", NOW).unwrap(), FriendOutcome::NoSuchUser);
    assert_eq!(store.answer_friend(ann, nobody(), true).unwrap(), FriendOutcome::NoSuchRequest);
    assert_eq!(fresh.number("SELECT COUNT(*) FROM FriendRequest"), 0);
}

pub(crate) fn what_one_has_asked_can_be_seen_and_withdrawn(fresh: &Fresh) {
    let mut store = fresh.store();
    let (ann, bob, eve) = (user(&mut *store, "ann"), user(&mut *store, "bob"), user(&mut *store, "eve"));
    store.request_friend(ann, eve, "\"e\"", NOW).unwrap();
    store.request_friend(ann, bob, "\"b\"", NOW).unwrap();
    store.request_friend(bob, eve, "\"\"", NOW).unwrap();
    let asked = |store: &mut dyn Store, after, limit| -> Vec<(UserId, String)> {
        let asked = store.asked_friends(ann, after, limit).unwrap();
        asked.into_iter().map(|request| (request.from.id, request.msg)).collect()
    };
    assert_eq!(asked(&mut *store, 0, 10), [(bob, "\"b\"".to_owned()), (eve, "\"e\"".to_owned())], "by ascending id");
    assert_eq!(asked(&mut *store, bob.number(), 10).len(), 1);
    assert_eq!(asked(&mut *store, 0, 1).len(), 1);
    assert!(store.withdraw_friend(ann, eve).unwrap());
    assert!(!store.withdraw_friend(ann, eve).unwrap(), "there is none any more");
    assert!(!store.withdraw_friend(eve, bob).unwrap(), "another's is not one's own");
    assert_eq!(store.friend_requests(eve, 10).unwrap().len(), 1);
}

pub(crate) fn becoming_friends_removes_requests(fresh: &Fresh) {
    let mut store = fresh.store();
    let (ann, bob) = (user(&mut *store, "ann"), user(&mut *store, "bob"));
    store.request_friend(ann, bob, "\"\"", NOW).unwrap();
    store.request_friend(bob, ann, "\"\"", NOW).unwrap();
    store.add_friend(ann, bob).unwrap();
    assert_eq!(fresh.number("SELECT COUNT(*) FROM FriendRequest"), 0);
}
