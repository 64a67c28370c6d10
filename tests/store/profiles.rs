//! Names that change, and the profile beside them.

use stonechat::clock::UnixMs;
use stonechat::ids::UserId;
use stonechat::store::{Contact, Created, NewProfile, ProfileChange, ProfileOutcome, Store, UserRef};

use crate::fresh::{Fresh, NOW, PHC, user};

const HELD_UNTIL: UnixMs = UnixMs(NOW.0 + 1_000);

fn rename(store: &mut dyn Store, user: UserId, name: &str, now: UnixMs) -> bool {
    let change = ProfileChange { name: Some(name), profile: NewProfile::Same, held_until: Some(HELD_UNTIL) };
    match store.change_profile(user, &change, now).unwrap() {
        ProfileOutcome::Done(contact) => {
            assert_eq!((contact.id, contact.name.as_str()), (user, name));
            true
        }
        ProfileOutcome::NameTaken => false,
        ProfileOutcome::NoSuchUser => panic!("there is no user {user}"),
    }
}

pub(crate) fn a_name_that_was_given_up_is_held(fresh: &Fresh) {
    let mut store = fresh.store();
    let (ann, bob) = (user(&mut *store, "ann"), user(&mut *store, "bob"));
    assert!(!rename(&mut *store, ann, "BOB", NOW), "it is bob's");
    assert!(rename(&mut *store, ann, "Anna", NOW));
    assert_eq!(store.user(UserRef::Name("ann")).unwrap(), None);
    assert_eq!(store.user(UserRef::Name("anna")).unwrap().unwrap().id, ann);

    assert!(!rename(&mut *store, bob, "Ann", NOW), "it is held, however it is spelled");
    assert_eq!(store.create_user("ann", PHC, NOW).unwrap(), Created::NameTaken);
    assert!(store.is_name_held("aNN", NOW).unwrap());
    assert!(!store.is_name_held("anna", NOW).unwrap());
    assert!(rename(&mut *store, ann, "aNN", NOW), "its owner may come back to it");
    assert!(!store.is_name_held("ann", NOW).unwrap(), "who has it holds it");
    assert!(!rename(&mut *store, bob, "anna", NOW), "now the other one is held");
    assert!(rename(&mut *store, bob, "anna", HELD_UNTIL), "for a while");
}

pub(crate) fn another_spelling_of_the_same_name_gives_nothing_up(fresh: &Fresh) {
    let mut store = fresh.store();
    let ann = user(&mut *store, "ann");
    assert!(rename(&mut *store, ann, "ANN", NOW));
    assert!(rename(&mut *store, ann, "ANN", NOW), "the same");
    assert_eq!(fresh.number("SELECT COUNT(*) FROM HeldName"), 0);
    let at_once = ProfileChange { name: Some("eve"), profile: NewProfile::Same, held_until: None };
    assert!(matches!(store.change_profile(ann, &at_once, NOW).unwrap(), ProfileOutcome::Done(_)));
    assert_eq!(fresh.number("SELECT COUNT(*) FROM HeldName"), 0, "where names are not held");
    assert!(matches!(store.create_user("ann", PHC, NOW).unwrap(), Created::New(_)));
}

pub(crate) fn names_are_held_no_longer_than_they_should_be(fresh: &Fresh) {
    let mut store = fresh.store();
    let ann = user(&mut *store, "ann");
    assert!(rename(&mut *store, ann, "anna", NOW));
    assert!(!store.sweep_accounts(NOW).unwrap());
    assert!(store.sweep_accounts(HELD_UNTIL).unwrap());
    assert!(!store.sweep_accounts(HELD_UNTIL).unwrap());
    assert_eq!(fresh.number("SELECT COUNT(*) FROM HeldName"), 0);
}

pub(crate) fn a_profile_comes_back_as_it_was_given(fresh: &Fresh) {
    let mut store = fresh.store();
    let (ann, bob) = (user(&mut *store, "ann"), user(&mut *store, "bob"));
    store.add_friend(ann, bob).unwrap();
    let text = "{\"n\": 1.50, \"🦊\":\"ä\"}";
    let contact =
        |profile: Option<&str>| Contact { id: ann, name: "ann".to_owned(), profile: profile.map(str::to_owned) };
    let set = |store: &mut dyn Store, profile| {
        store.change_profile(ann, &ProfileChange { name: None, profile, held_until: None }, NOW).unwrap()
    };
    assert_eq!(set(&mut *store, NewProfile::Set(text)), ProfileOutcome::Done(contact(Some(text))));
    assert_eq!(store.friends(bob, 0, 10).unwrap(), [contact(Some(text))]);
    assert_eq!(set(&mut *store, NewProfile::Same), ProfileOutcome::Done(contact(Some(text))));
    let bobs = ProfileChange { name: Some("bob"), profile: NewProfile::Set("1"), held_until: None };
    assert_eq!(store.change_profile(ann, &bobs, NOW).unwrap(), ProfileOutcome::NameTaken);
    assert_eq!(store.friends(bob, 0, 10).unwrap(), [contact(Some(text))], "all of it or nothing");
    assert_eq!(set(&mut *store, NewProfile::Removed), ProfileOutcome::Done(contact(None)));
    assert_eq!(store.friends(bob, 0, 10).unwrap(), [contact(None)]);
    let nobody = UserId::new(i64::from(i32::MAX)).unwrap();
    assert_eq!(store.change_profile(nobody, &bobs, NOW).unwrap(), ProfileOutcome::NoSuchUser);
}
