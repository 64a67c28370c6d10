//! Users, tokens, devices.

use std::time::Duration;

use stonechat::clock::UnixMs;
use stonechat::ids::{ConvId, DeviceId, NodeId, Peer, UserId};
use stonechat::store::ClientDialect::{Cmf, Course, Polaris, Qq, Sponge};
use stonechat::store::{Created, CursorRow, KnownDevice, Person, Store, TokenRow, TokenUse, UserRef};

use crate::fresh::{Fresh, NOW, Saving, append, group, message, new, new_token, user};

pub(crate) fn a_user_is_found_by_id_and_by_name(fresh: &Fresh) {
    let mut store = fresh.store();
    let id = new(store.create_user("Ann Lee", "$argon2id$x", NOW).unwrap());
    let found = store.user(UserRef::Id(id)).unwrap().unwrap();
    assert_eq!((found.id, found.name.as_str(), found.password.as_str()), (id, "Ann Lee", "$argon2id$x"));
    assert_eq!(store.user(UserRef::Name("aNN lEE")).unwrap().unwrap(), found);
    assert_eq!(store.user(UserRef::Name("Ann")).unwrap(), None);
    assert_eq!(store.user(UserRef::Id(UserId::new(999_999).unwrap())).unwrap(), None);
    assert_eq!(fresh.texts("SELECT state FROM User"), ["offline"]);
    assert_eq!(fresh.number("SELECT created_at FROM User"), NOW.0);
    store.ping().unwrap();
}

pub(crate) fn names_are_unique_without_regard_to_case_but_with_accents(fresh: &Fresh) {
    let mut store = fresh.store();
    let first = user(&mut *store, "Ärger");
    assert_eq!(store.create_user("äRGER", "", NOW).unwrap(), Created::NameTaken);
    assert_eq!(store.user(UserRef::Name("ÄRGER")).unwrap().unwrap().id, first);
    assert_ne!(user(&mut *store, "arger"), first, "a and ä are different letters");
    user(&mut *store, "straße");
    user(&mut *store, "strasse");
    user(&mut *store, "ΟΔΟΣ");
    user(&mut *store, "оля");
    assert_eq!(store.create_user("ОЛЯ", "", NOW).unwrap(), Created::NameTaken);
    let creator = first;
    group(&mut *store, creator, "Ärger");
    assert_eq!(store.create_group(creator, "ärger", "", NOW).unwrap(), Created::NameTaken);
}

pub(crate) fn odd_names_come_back_byte_for_byte(fresh: &Fresh) {
    let mut store = fresh.store();
    for name in ["🦊🦊", "a'b\"c`d\\e", "%_?;--", "e\u{301}", &"𝔘".repeat(50), "İstanbul"] {
        let id = user(&mut *store, name);
        assert_eq!(store.user(UserRef::Id(id)).unwrap().unwrap().name, name);
        assert_eq!(store.user(UserRef::Name(name)).unwrap().unwrap().id, id);
    }
}

pub(crate) fn two_registrations_of_one_name_make_one_user(fresh: &Fresh) {
    let tries: Vec<Created<UserId>> = std::thread::scope(|scope| {
        let register = || fresh.store().create_user("same", "", NOW).unwrap();
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(register)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(tries.iter().filter(|made| **made == Created::NameTaken).count(), 3, "{tries:?}");
    assert_eq!(fresh.number("SELECT COUNT(*) FROM User"), 1);
}

pub(crate) fn the_dialect_of_a_user_is_remembered(fresh: &Fresh) {
    let mut store = fresh.store();
    let (ann, bob) = (user(&mut *store, "ann"), user(&mut *store, "bob"));
    let dialect = |store: &mut dyn Store, user| store.user(UserRef::Id(user)).unwrap().unwrap().dialect;
    assert_eq!(dialect(&mut *store, ann), None);
    for spoken in [Course, Qq, Polaris, Cmf, Sponge] {
        store.set_dialect(ann, Some(spoken)).unwrap();
        assert_eq!(dialect(&mut *store, ann), Some(spoken));
        assert_eq!(store.user(UserRef::Name("ann")).unwrap().unwrap().dialect, Some(spoken));
        assert_eq!(fresh.texts("SELECT dialect FROM User WHERE dialect IS NOT NULL"), [spoken.name()]);
    }
    fresh.execute("UPDATE User SET dialect = 'esperanto'");
    assert_eq!(dialect(&mut *store, ann), None, "a later version's, which this one does not know");
    store.set_dialect(bob, None).unwrap();
    assert_eq!(dialect(&mut *store, bob), None);
}

pub(crate) fn states_are_reported(fresh: &Fresh) {
    let mut store = fresh.store();
    let users: Vec<UserId> = (0..20).map(|n| user(&mut *store, &format!("user {n}"))).collect();
    let (here, there) = (NodeId(1), NodeId(0xfeed_beef_feed_beef));
    let online = || fresh.number("SELECT COUNT(*) FROM User WHERE state = 'online'");
    store.report_states(here, &users, &[]).unwrap();
    assert_eq!(online(), 20);
    store.report_states(here, &users[..1], &users[1..12]).unwrap();
    assert_eq!(online(), 9);
    store.report_states(here, &[], &[]).unwrap();
    assert_eq!(store.reporting_nodes().unwrap(), [here]);

    store.report_states(there, &users[..5], &[]).unwrap();
    store.report_states(here, &[], &users).unwrap();
    assert_eq!(online(), 5, "what another node has reported since is not overwritten");
    store.report_states(here, &users[15..], &[]).unwrap();
    let mut reporting = store.reporting_nodes().unwrap();
    reporting.sort_unstable();
    assert_eq!(reporting, [here, there]);
    assert_eq!(store.report_absent(there, 3).unwrap(), users[..3], "some of them");
    assert_eq!(online(), 7);
    assert_eq!(store.report_absent(there, 3).unwrap(), users[3..5], "each once");
    assert_eq!(store.report_absent(there, 3).unwrap(), []);
    assert_eq!(online(), 5, "the users of a node that is no more are offline");
    assert_eq!(store.reporting_nodes().unwrap(), [here]);
}

pub(crate) fn tokens_live_until_they_expire(fresh: &Fresh) {
    let mut store = fresh.store();
    let (ann, bob) = (user(&mut *store, "ann"), user(&mut *store, "bob"));
    let new = |token, user, end| new_token(token, user, UnixMs(end));
    assert!(store.save_token(&new(&[0xff; 32], ann, 2_000), UnixMs(1_000)).unwrap());
    let person = Person { id: ann, name: "ann".to_owned() };
    let (device, address) = ("phone".to_owned(), "192.0.2.7".to_owned());
    let row = TokenRow {
        user: person,
        expires_at: UnixMs(2_000),
        is_latest: true,
        device,
        address,
        is_disabled: false,
        known_device: None,
        groups: vec![],
    };
    assert_eq!(store.token(&[0xff; 32], "phone", UnixMs(1_999)).unwrap(), Some(row));
    assert_eq!(store.token(&[0xff; 32], "phone", UnixMs(2_000)).unwrap(), None, "expired");
    assert_eq!(store.token(&[0; 32], "phone", UnixMs(0)).unwrap(), None, "unknown");

    let used = TokenUse { device: "", address: "::1" };
    store.extend_token(&[0xff; 32], UnixMs(3_000), used, UnixMs(1_500)).unwrap();
    store.extend_token(&[1; 32], UnixMs(3_000), used, UnixMs(1_500)).unwrap();
    let row = store.token(&[0xff; 32], "phone", UnixMs(2_500)).unwrap().unwrap();
    assert_eq!((row.expires_at, &*row.device, &*row.address), (UnixMs(3_000), "", "::1"));

    store.save_token(&new(&[2; 32], bob, 2_000), UnixMs(1_000)).unwrap();
    store.save_token(&new(&[3; 32], ann, 9_000), UnixMs(5_000)).unwrap();
    assert_eq!(fresh.number("SELECT COUNT(*) FROM AuthToken"), 2, "only ann's expired one is removed");

    store.delete_token(&[3; 32]).unwrap();
    store.delete_token(&[3; 32]).unwrap();
    assert_eq!(store.token(&[3; 32], "phone", UnixMs(5_000)).unwrap(), None);
    assert!(fresh.stores.timeout() > Duration::ZERO);
}

pub(crate) fn devices_have_numbers_and_begin_at_the_end(fresh: &Fresh) {
    let mut store = fresh.store();
    let (ann, bob) = (user(&mut *store, "ann"), user(&mut *store, "bob"));
    append(&mut *store, &[message(bob, Peer::User(ann), "old")]);
    let conv = ConvId::pair(ann, bob);

    assert_eq!(store.known_device(ann, "phone").unwrap(), None);
    let phone = store.device(ann, "phone").unwrap().id;
    assert_eq!(store.known_device(ann, "phone").unwrap(), Some(KnownDevice { id: phone, is_latest: true }));
    assert_eq!(store.known_device(ann, "Phone").unwrap(), None);
    let tablet = store.device(ann, "Phone").unwrap().id;
    assert_eq!((phone, tablet), (DeviceId(1), DeviceId(2)), "device names are compared exactly");
    assert_eq!(store.device(ann, "phone").unwrap().id, phone);
    assert_eq!(store.device(bob, "phone").unwrap().id, DeviceId(1), "each user counts for himself");
    assert_eq!(store.pending(ann, phone).unwrap(), [], "nothing old is pending");
    assert_eq!(store.pending(ann, DeviceId::UNNAMED).unwrap().len(), 1);
    assert_eq!(store.position(ann, phone, conv).unwrap().unwrap().delivered, 1);

    append(&mut *store, &[message(bob, Peer::User(ann), "new")]);
    let pending = store.pending(ann, phone).unwrap();
    assert_eq!((pending[0].delivered, pending[0].last_seq), (1, 2));
    store.save(&[CursorRow { user: ann, device: phone, conv, delivered: 2 }]).unwrap();
    assert_eq!(store.pending(ann, phone).unwrap(), []);
    assert_eq!(store.pending(ann, tablet).unwrap().len(), 1);
}
