//! By what names are compared, and how those of a database of version 1 get their keys.

use stonechat::ids::UserId;
use stonechat::names::Unfit;
use stonechat::store::{Created, KeptName, Named, Store, UserRef};

use crate::fresh::{Fresh, NOW, group, user};

pub(crate) fn names_that_read_the_same_are_one_account(fresh: &Fresh) {
    let mut store = fresh.store();
    for group_of in [
        &["ΛΟΓΟΣ", "λογοσ", "λογος", "Λογος"][..],
        &["café", "cafe\u{301}", "CAFÉ"],
        &["anna", "ａｎｎａ", "ANNA", "an\u{200B}na", "\u{202E}anna"],
        &["山田 太郎", "山田\u{3000}太郎", "山田  太郎"],
    ] {
        let first = user(&mut *store, group_of[0]);
        for name in group_of {
            assert_eq!(store.user(UserRef::Name(name)).unwrap().map(|user| user.id), Some(first), "{name:?}");
            assert_eq!(store.create_user(name, "", NOW).unwrap(), Created::NameTaken, "{name:?}");
        }
        group(&mut *store, first, group_of[0]);
        for name in group_of {
            assert_eq!(store.create_group(first, name, "", NOW).unwrap(), Created::NameTaken, "{name:?}");
        }
    }
}

pub(crate) fn a_prefix_is_compared_as_names_are(fresh: &Fresh) {
    let mut store = fresh.store();
    for name in ["ΟΔΥΣΣΕΥΣ", "Οδυσσέας", "Ａnton", "anna", "cafe\u{301}teria"] {
        let id = user(&mut *store, name);
        group(&mut *store, id, name);
    }
    for (prefix, found) in [
        ("ΟΔΥΣ", &["Οδυσσέας", "ΟΔΥΣΣΕΥΣ"][..]),
        ("οδυς", &["Οδυσσέας", "ΟΔΥΣΣΕΥΣ"]),
        ("ΟΔΥΣΣΕΥΣ", &["ΟΔΥΣΣΕΥΣ"]),
        ("οδυσσευς", &["ΟΔΥΣΣΕΥΣ"]),
        ("ａｎ", &["anna", "Ａnton"]),
        ("CAFÉ", &["cafe\u{301}teria"]),
    ] {
        let users: Vec<String> =
            store.find_users(None, prefix, 10).unwrap().into_iter().map(|user| user.name).collect();
        assert_eq!(users, found, "users {prefix}");
        let groups = store.find_groups(None, prefix, 10).unwrap();
        assert_eq!(groups.into_iter().map(|group| group.name).collect::<Vec<_>>(), found, "groups {prefix}");
    }
}

pub(crate) fn a_prefix_that_shows_nothing_finds_nobody(fresh: &Fresh) {
    let mut store = fresh.store();
    user(&mut *store, "anna");
    assert_eq!(store.find_users(None, "\u{200B}", 10).unwrap(), []);
}

/// Goes back to version 1, with users and groups as it would have them: (id, name).
fn of_before(fresh: &Fresh, names: &[(i64, &str)]) {
    fresh.execute("DELETE FROM SchemaVersion WHERE version >= 2");
    for (id, name) in names {
        let quoted = name.replace('\'', "''");
        let key = name.to_lowercase().replace('\'', "''");
        fresh.execute(&format!(
            "INSERT INTO User (id, name, name_key, password, created_at) VALUES ({id}, '{quoted}', '{key}', 'x', 1)"
        ));
        fresh.execute(&format!(
            "INSERT INTO AllGroup (id, groupname, name_key, groupdesc, created_at) VALUES ({id}, '{quoted}', '{key}', '', 1)"
        ));
    }
}

fn owner(store: &mut dyn Store, name: &str) -> Option<i64> {
    store.user(UserRef::Name(name)).unwrap().map(|user| i64::from(user.id.number()))
}

/// Every kind of name that was possible, ids out of the order of names.
const BEFORE: [(i64, &str); 14] = [
    (1, "λογος"),
    (2, "ΛΟΓΟσ"),
    (3, "anna"),
    (4, "anna\u{200B}"),
    (5, "\u{202E}anna"),
    (6, "ａｎｎａ"),
    (7, "cafe\u{301}"),
    (8, "café"),
    (9, "12345"),
    (10, "#chess"),
    (11, "Ｂen"),
    (12, "ben"),
    (13, "\u{2800}"),
    (14, "O'Brien"),
];

fn kept(fresh: &Fresh) -> Vec<(Named, i64, bool)> {
    let kept = fresh.stores.kept_names(100).unwrap();
    let mut kept: Vec<_> = kept.into_iter().map(|KeptName { named, id, why, .. }| (named, id, why.is_some())).collect();
    kept.sort_by_key(|&(named, id, _)| (named == Named::Group, id));
    kept
}

pub(crate) fn names_of_before_keep_their_owners(fresh: &Fresh) {
    of_before(fresh, &BEFORE);
    // (id, whether it cannot be compared at all)
    let without_key = [(2, false), (4, true), (5, true), (6, false), (8, false), (12, false), (13, true)];
    let expected: Vec<_> = [Named::User, Named::Group]
        .into_iter()
        .flat_map(|named| without_key.map(|(id, unfit)| (named, id, unfit)))
        .collect();
    assert_eq!(kept(fresh), expected, "told ahead of the migration");
    fresh.stores.migrate().unwrap();
    assert_eq!(kept(fresh), expected, "told after the migration");
    let told = fresh.stores.kept_names(100).unwrap();
    let of_four = told.iter().find(|kept| kept.id == 4 && kept.named == Named::User).unwrap();
    assert_eq!((of_four.name.as_str(), of_four.why), ("anna\u{200B}", Some(Unfit::Invisible('\u{200B}'))));
    assert_eq!(fresh.stores.kept_names(3).unwrap().len(), 6, "as many as asked for");

    let mut store = fresh.store();
    for (id, name) in BEFORE {
        assert_eq!(owner(&mut *store, name), Some(id), "{name:?} is found by its exact spelling");
        let by_id = store.user(UserRef::Id(UserId::new(id).unwrap())).unwrap().unwrap();
        assert_eq!(by_id.name, name, "nobody is renamed");
        assert_eq!(store.create_user(name, "", NOW).unwrap(), Created::NameTaken, "{name:?}");
        let group = store.find_groups(None, name, 10).unwrap();
        assert!(group.iter().any(|group| i64::from(group.id.number()) == id), "FIND lists group {name:?}: {group:?}");
        let users = store.find_users(UserId::new(12_345), name, 10).unwrap();
        assert!(users.iter().any(|user| i64::from(user.id.number()) == id), "FIND lists {name:?}: {users:?}");
    }
    for (name, id) in
        [("ΛΟΓΟΣ", 1), ("λογοσ", 1), ("ANNA", 3), ("CAFÉ", 7), ("ＢEN", 11), ("BEN", 11), ("１２３４５", 9)]
    {
        assert_eq!(owner(&mut *store, name), Some(id), "{name:?} is the name of the lowest id");
    }
    assert_eq!(store.create_user("ΛΌΓΟΣ", "", NOW).unwrap(), Created::New(UserId::new(15).unwrap()));
}

pub(crate) fn names_of_before_get_their_keys_in_pieces(fresh: &Fresh) {
    fresh.execute("DELETE FROM SchemaVersion WHERE version >= 2");
    // Every name collides with one that is 1,500 ids away: in another piece.
    let count = 3_000;
    let rows: Vec<String> = (1..=count)
        .map(|id| {
            let name = if id <= count / 2 { format!("ΣΑΣ {id}") } else { format!("σασ {}", id - count / 2) };
            format!("({id}, '{name}', '{}', 'x', 1)", name.to_lowercase())
        })
        .collect();
    for rows in rows.chunks(500) {
        let rows = rows.join(", ");
        fresh.execute(&format!("INSERT INTO User (id, name, name_key, password, created_at) VALUES {rows}"));
    }
    fresh.stores.migrate().unwrap();
    let mut store = fresh.store();
    for id in [1, 499, 999, 1_000, 1_001, 1_500] {
        assert_eq!(owner(&mut *store, &format!("σας {id}")), Some(id));
        assert_eq!(owner(&mut *store, &format!("σασ {id}")), Some(id + count / 2), "its exact spelling");
    }
    assert_eq!(fresh.number("SELECT COUNT(*) FROM User WHERE name_key >= ' ' AND name_key < '!'"), count / 2);
}

pub(crate) fn keys_are_given_again_from_any_state(fresh: &Fresh) {
    of_before(fresh, &BEFORE);
    fresh.stores.migrate().unwrap();
    let keys = || fresh.texts("SELECT CAST(name_key AS CHAR) FROM User ORDER BY id");
    let given = keys();
    for done in 0..=BEFORE.len() {
        // As if a migration had come so far, and had been killed. A name whose key was taken from it keeps its spelling.
        for (id, name) in &BEFORE[done..] {
            let key = name.to_lowercase().replace('\'', "''");
            if fresh.number(&format!("SELECT COUNT(*) FROM User WHERE name_key = '{key}' AND id <> {id}")) == 0 {
                fresh.execute(&format!("UPDATE User SET name_key = '{key}' WHERE id = {id}"));
            }
        }
        fresh.execute("DELETE FROM SchemaVersion WHERE version >= 2");
        fresh.stores.migrate().unwrap();
        assert_eq!(keys(), given, "after {done} rows");
    }
}
