//! Finding users and groups.

use stonechat::ids::{GroupId, UserId};

use crate::fresh::{Fresh, group, user};

pub(crate) fn users_by_id_then_by_prefix(fresh: &Fresh) {
    let mut store = fresh.store();
    let names = ["Otto", "anton", "Anna", "ANNE", "Änne"];
    let ids: Vec<UserId> = names.into_iter().map(|name| user(&mut *store, name)).collect();
    let mut find = |id: Option<UserId>, prefix: &str, limit| {
        let found = store.find_users(id, prefix, limit).unwrap();
        found.into_iter().map(|person| person.name).collect::<Vec<_>>()
    };
    assert_eq!(find(None, "aN", 10), ["Anna", "ANNE", "anton"]);
    assert_eq!(find(None, "ä", 10), ["Änne"]);
    assert_eq!(find(Some(ids[0]), "an", 10), ["Otto", "Anna", "ANNE", "anton"], "the id first");
    assert_eq!(find(Some(ids[3]), "an", 10), ["ANNE", "Anna", "anton"], "nobody twice");
    assert_eq!(find(Some(ids[0]), "an", 2), ["Otto", "Anna"]);
    assert_eq!(find(Some(UserId::new(12_345).unwrap()), "x", 10), Vec::<String>::new());
}

pub(crate) fn groups_by_id_then_by_prefix(fresh: &Fresh) {
    let mut store = fresh.store();
    let ann = user(&mut *store, "ann");
    let chess = group(&mut *store, ann, "Chess");
    let cheese = group(&mut *store, ann, "cheese 🧀");
    let found = store.find_groups(Some(chess), "CHE", 10).unwrap();
    assert_eq!(found.iter().map(|group| group.id).collect::<Vec<_>>(), [chess, cheese]);
    assert_eq!((found[1].name.as_str(), found[1].desc.as_str()), ("cheese 🧀", "about"));
    assert_eq!(store.find_groups(GroupId::new(12_345), "x", 10).unwrap(), []);
}

pub(crate) fn prefixes_are_no_patterns(fresh: &Fresh) {
    let mut store = fresh.store();
    for name in ["100%", "100x", "a_b", "axb", "🦊a", "🦊🦊"] {
        user(&mut *store, name);
    }
    for (prefix, count) in [("100%", 1), ("a_", 1), ("%", 0), ("🦊", 2), ("🦊🦊", 1)] {
        assert_eq!(store.find_users(None, prefix, 10).unwrap().len(), count, "{prefix}");
    }
}
