//! Whether somebody waits for a user's answer, which is what a login goes by.

use std::sync::atomic::{AtomicBool, Ordering};

use stonechat::ids::{DeviceId, UserId};
use stonechat::store::rights::Joining;
use stonechat::store::{AccountPage, Contact, GroupChange, JoinOutcome, Store, StoreError};

use crate::fresh::{Fresh, NOW, group, user};
use crate::group_order::{NOTHING, set};

fn is_asked(store: &mut dyn Store, user: UserId) -> bool {
    store.account_page(user, DeviceId::UNNAMED, 10, 10).unwrap().is_asked
}

pub(crate) fn who_is_asked_is_known_until_nobody_waits(fresh: &Fresh) {
    let mut store = fresh.store();
    let (ann, bob) = (user(&mut *store, "ann"), user(&mut *store, "bob"));
    let chess = group(&mut *store, ann, "chess");
    assert!(!is_asked(&mut *store, ann) && !is_asked(&mut *store, bob), "nobody has asked somebody new");

    store.request_friend(ann, bob, "\"\"", NOW).unwrap();
    assert!(is_asked(&mut *store, bob) && !is_asked(&mut *store, ann));
    store.settle_asked(bob).unwrap();
    assert!(is_asked(&mut *store, bob), "a request is open");
    store.answer_friend(bob, ann, true).unwrap();
    store.settle_asked(bob).unwrap();
    assert!(!is_asked(&mut *store, bob));

    store.invite(ann, chess, bob, NOW).unwrap().unwrap();
    store.settle_asked(bob).unwrap();
    assert!(is_asked(&mut *store, bob), "an invitation is open");
    store.invite(ann, chess, bob, NOW).unwrap().unwrap();
    store.answer_invitation(bob, chess, false, NOW).unwrap().unwrap();
    assert!(is_asked(&mut *store, bob), "that is for the next login to find");
    store.settle_asked(bob).unwrap();
    assert!(!is_asked(&mut *store, bob));

    set(&mut *store, ann, chess, GroupChange { joining: Some(Joining::Ask), ..NOTHING });
    assert!(matches!(store.join_group(bob, chess, NOW).unwrap(), JoinOutcome::Waiting { .. }));
    assert!(!is_asked(&mut *store, bob) && !is_asked(&mut *store, ann), "a wish is nothing that a login tells");
    store.request_friend(bob, ann, "\"\"", NOW).unwrap();
    assert!(!is_asked(&mut *store, ann), "they are friends");
}

pub(crate) fn whoever_was_there_before_is_looked_at_once(fresh: &Fresh) {
    let mut store = fresh.store();
    fresh.execute("INSERT INTO User (id, name, name_key, password, created_at) VALUES (7, 'old', 'old', 'x', 1)");
    let old = UserId::new(7).unwrap();
    assert!(is_asked(&mut *store, old));
    store.settle_asked(old).unwrap();
    assert!(!is_asked(&mut *store, old));
}

pub(crate) fn the_first_friends_are_those_of_the_first_page(fresh: &Fresh) {
    let mut store = fresh.store();
    let [ann, bob, cat] = ["ann", "bob", "cat"].map(|name| user(&mut *store, name));
    let nobody = UserId::new(i64::from(i32::MAX)).unwrap();
    let page = |store: &mut dyn Store, user, limit| store.account_page(user, DeviceId::UNNAMED, limit, 10).unwrap();
    assert_eq!(page(&mut *store, nobody, 10), AccountPage::default());
    assert_eq!(page(&mut *store, ann, 10), AccountPage::default());
    store.add_friend(ann, cat).unwrap();
    store.add_friend(ann, bob).unwrap();
    let friends: Vec<Contact> = page(&mut *store, ann, 10).friends;
    assert_eq!(friends.iter().map(|friend| friend.id).collect::<Vec<_>>(), [bob, cat], "by ascending id");
    assert_eq!(friends, store.friends(ann, 0, 10).unwrap());
    assert_eq!(page(&mut *store, ann, 1).friends, friends[..1]);
}

pub(crate) fn what_is_asked_while_that_is_settled_is_not_lost(fresh: &Fresh) {
    let mut store = fresh.store();
    let (ann, bob) = (user(&mut *store, "ann"), user(&mut *store, "bob"));
    let chess = group(&mut *store, ann, "chess");
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut store = fresh.store();
                while !is_over.load(Ordering::Relaxed) {
                    let settled = store.settle_asked(bob);
                    assert!(matches!(settled, Ok(()) | Err(StoreError::Busy(_))), "{settled:?}");
                }
            });
        }
        for _ in 0..50 {
            until_done(|| store.request_friend(ann, bob, "\"\"", NOW).map(|_| ()));
            assert!(is_asked(&mut *store, bob), "a request");
            until_done(|| store.withdraw_friend(ann, bob).map(|_| ()));
            until_done(|| store.invite(ann, chess, bob, NOW).map(|_| ()));
            assert!(is_asked(&mut *store, bob), "an invitation");
            until_done(|| store.answer_invitation(bob, chess, false, NOW).map(|_| ()));
        }
        is_over.store(true, Ordering::Relaxed);
    });
    store.settle_asked(bob).unwrap();
    assert!(!is_asked(&mut *store, bob));
}

/// On a busy machine others may hold the user for longer than a call waits.
fn until_done(mut call: impl FnMut() -> Result<(), StoreError>) {
    loop {
        match call() {
            Err(StoreError::Busy(_)) => {}
            done => return done.unwrap(),
        }
    }
}
