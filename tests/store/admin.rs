//! What administrators change, and what is noted of it in the same transaction; work that one node at a time does; names that are
//! held for who is erased.

use stonechat::clock::UnixMs;
use stonechat::store::admin::By;
use stonechat::store::{Created, Quotas, UserQuota, UserRef};

use crate::fresh::{Fresh, NOW, PHC, new_token, user};

const END: UnixMs = UnixMs(NOW.0 + 1_000_000);
const BY: By<'_> = By { who: "uid 7", now: NOW };

fn later(ms: i64) -> UnixMs {
    UnixMs(NOW.0 + ms)
}

pub(crate) fn a_disabled_user_gets_no_token_and_other_nodes_find_it(fresh: &Fresh) {
    let mut store = fresh.store();
    let ann = user(&mut *store, "ann");
    assert!(store.save_token(&new_token(&[1; 32], ann, END), NOW).unwrap());
    assert!(store.admin().unwrap().disable(ann, BY).unwrap());
    assert!(!store.save_token(&new_token(&[2; 32], ann, END), NOW).unwrap(), "a login that was under way");
    assert!(store.user(UserRef::Id(ann)).unwrap().unwrap().is_disabled);
    assert!(store.token(&[1; 32], "", NOW).unwrap().unwrap().is_disabled, "the token is kept");
    let ended = store.ended_tokens(later(-1)).unwrap();
    assert_eq!(ended.iter().map(|ended| (ended.user, ended.token)).collect::<Vec<_>>(), [(ann, None)]);
    assert_eq!(store.ended_tokens(NOW).unwrap(), []);
    assert!(store.admin().unwrap().enable(ann, BY).unwrap());
    assert!(store.save_token(&new_token(&[2; 32], ann, END), NOW).unwrap());
    assert_eq!(store.ended_tokens(later(-1)).unwrap(), []);
}

pub(crate) fn what_is_done_is_noted_and_what_is_not_is_not(fresh: &Fresh) {
    let mut store = fresh.store();
    let ann = user(&mut *store, "ann");
    let nobody = stonechat::ids::UserId::new(4_000_000).unwrap();
    let admin = store.admin().unwrap();
    assert!(admin.log_out(ann, BY).unwrap());
    assert!(!admin.log_out(nobody, BY).unwrap());
    assert!(!admin.set_user_quota(nobody, UserQuota::Friends, Some(1), BY).unwrap());
    assert!(admin.erase_user(ann, None, BY).unwrap());
    assert!(!admin.disable(ann, BY).unwrap(), "who is erased is nobody");
    let noted = admin.audit(0, 10).unwrap();
    let told: Vec<_> = noted.iter().map(|row| (row.who.as_str(), row.action.as_str(), row.subject.clone())).collect();
    assert_eq!(told, [("uid 7", "logout", format!("user {ann}")), ("uid 7", "erase", format!("user {ann}"))]);
    assert_eq!(admin.audit(noted[0].id, 10).unwrap().len(), 1);
}

pub(crate) fn a_users_own_quota_counts_for_that_user_alone(fresh: &Fresh) {
    let mut store = fresh.store();
    let (ann, bob) = (user(&mut *store, "ann"), user(&mut *store, "bob"));
    store.hold_to(Quotas { groups_created: Some(1), ..Quotas::default() });
    assert!(store.admin().unwrap().set_user_quota(ann, UserQuota::GroupsCreated, Some(2), BY).unwrap());
    let is_made = |created: Created<_>| matches!(created, Created::New(_));
    for (number, (creator, expected)) in
        [(ann, true), (ann, true), (ann, false), (bob, true), (bob, false)].iter().enumerate()
    {
        let made = store.create_group(*creator, &format!("group {number}"), "", NOW).unwrap();
        assert_eq!(is_made(made), *expected, "group {number}");
    }
    assert!(store.admin().unwrap().set_user_quota(bob, UserQuota::GroupsCreated, Some(0), BY).unwrap());
    assert!(is_made(store.create_group(bob, "without a limit", "", NOW).unwrap()));
    assert_eq!(store.user_quota(ann, UserQuota::GroupsCreated).unwrap(), Some(2));
    assert!(store.admin().unwrap().set_user_quota(ann, UserQuota::GroupsCreated, None, BY).unwrap());
    assert_eq!(store.user_quota(ann, UserQuota::GroupsCreated).unwrap(), None);
}

pub(crate) fn one_node_at_a_time_has_a_lease(fresh: &Fresh) {
    let (mut one, mut other) = (fresh.store(), fresh.store());
    let (one, other) = (one.admin().unwrap(), other.admin().unwrap());
    assert!(one.lease("work", "one", later(100), NOW).unwrap());
    assert!(!other.lease("work", "other", later(200), later(50)).unwrap());
    assert!(other.lease("other work", "other", later(200), later(50)).unwrap());
    assert!(one.lease("work", "one", later(150), later(50)).unwrap(), "its own is renewed");
    assert!(other.lease("work", "other", later(300), later(151)).unwrap(), "a node that has died loses it");
    assert!(!one.lease("work", "one", later(400), later(200)).unwrap());
    one.release_lease("work", "one").unwrap();
    assert!(!one.lease("work", "one", later(400), later(200)).unwrap(), "it was another's");
    other.release_lease("work", "other").unwrap();
    assert!(one.lease("work", "one", later(400), later(200)).unwrap());
}

pub(crate) fn the_name_of_an_erased_user_is_held_and_stands_nowhere(fresh: &Fresh) {
    let mut store = fresh.store();
    let ann = user(&mut *store, "Zebrafinch");
    assert!(store.admin().unwrap().erase_user(ann, Some(later(1_000)), BY).unwrap());
    assert_eq!(fresh.number("SELECT COUNT(*) FROM HeldName WHERE name_key LIKE '%zebra%'"), 0);
    assert!(store.is_name_held("zebraFINCH", NOW).unwrap());
    assert_eq!(store.create_user("zebrafinch", PHC, NOW).unwrap(), Created::NameTaken);
    assert!(matches!(store.create_user("zebrafinch", PHC, later(1_001)).unwrap(), Created::New(_)));
}

/// Versions before have held them as they were.
pub(crate) fn names_that_were_held_before_are_hidden_by_the_upgrade(fresh: &Fresh) {
    let mut store = fresh.store();
    let (ann, ben) = (user(&mut *store, "ann"), user(&mut *store, "ben"));
    assert!(store.admin().unwrap().erase_user(ann, None, BY).unwrap());
    let until = later(1_000).0;
    for (name, owner) in [("zebrafinch", ann), ("nightjar", ben)] {
        fresh.execute(&format!(
            "INSERT INTO HeldName (of_group, name_key, owner, until) VALUES (0, '{name}', {owner}, {until})"
        ));
    }
    fresh.execute("DELETE FROM SchemaVersion WHERE version >= 5");
    fresh.stores.migrate().unwrap();
    assert_eq!(fresh.number("SELECT COUNT(*) FROM HeldName WHERE name_key = 'zebrafinch'"), 0);
    assert_eq!(fresh.number("SELECT COUNT(*) FROM HeldName WHERE name_key = 'nightjar'"), 1);
    for name in ["zebrafinch", "nightjar"] {
        assert!(store.is_name_held(name, NOW).unwrap(), "{name}");
    }
}
