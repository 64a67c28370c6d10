//! What only a database of version 1 can have: names from before there were rules for them, and what version 2 makes of them.

use stonechat::clock::UnixMs;
use stonechat::ids::{ConvId, DeviceId, GroupId, Peer, UserId};
use stonechat::store::{Appended, JoinOutcome, Range, Store, UserRef};

use super::DUMPS;
use crate::fresh::{Fresh, NOW, append, message, with_cid};

#[test]
fn an_old_sqlite_database_goes_on() {
    let fresh = DUMPS[0].on_sqlite();
    fresh.stores.migrate().unwrap();
    goes_on(&fresh);
}

#[test]
fn an_old_mariadb_database_goes_on() {
    let fresh = DUMPS[0].on_mariadb("an_old_database_goes_on");
    fresh.stores.migrate().unwrap();
    goes_on(&fresh);
}

fn id(number: i64) -> UserId {
    UserId::new(number).unwrap()
}

/// All that was there is there, and what comes next comes behind it.
fn goes_on(fresh: &Fresh) {
    let mut store = fresh.store();
    let (anna, ben) = (id(1), id(2));
    for (name, number) in [
        ("ANNA", 1),
        ("ben", 2),
        ("ΛΟΓΟΣ", 3),
        ("λογος", 3),
        ("λογοσ", 4),
        ("anna\u{200B}", 5),
        ("12345", 6),
        ("#chess", 7),
        ("o'brien", 8),
        ("café", 9),
        ("cafe\u{301}", 10),
        ("张三 😀", 11),
        ("Ａnna", 12),
    ] {
        let found = store.user(UserRef::Name(name)).unwrap().map(|user| user.id);
        assert_eq!(found, Some(id(number)), "{name:?}");
        assert!(store.user(UserRef::Id(id(number))).unwrap().unwrap().password.starts_with("$argon2id$"));
    }
    let kept: Vec<i64> = fresh.stores.kept_names(10).unwrap().into_iter().map(|kept| kept.id).collect();
    assert_eq!(kept.len(), 5, "users 4, 5, 10, 12 and group 3: {kept:?}");
    assert_eq!(store.friends(anna, 0, 500).unwrap().iter().map(|friend| friend.id).collect::<Vec<_>>(), [ben]);
    assert!(store.account_page(id(3), DeviceId(0), 10, 10).unwrap().is_asked, "it was asked before that was noted");
    let asked = store.friend_requests(id(3), 10).unwrap();
    assert_eq!((asked[0].from.id, asked[0].msg.as_str()), (anna, r#""we met in \"Oslo\"""#));
    let groups: Vec<String> = store.groups(ben, 0, 500).unwrap().into_iter().map(|(own, _)| own.group.name).collect();
    assert_eq!(groups, ["chess", "Ａnna's", "CHESS\u{200B}"]);
    let chess = GroupId::new(1).unwrap();
    assert_eq!(store.members(chess, 0, 10).unwrap().total, 3);
    assert_eq!(store.device(anna, "phone").unwrap().id, DeviceId(1));
    assert_eq!(fresh.number("SELECT COUNT(*) FROM AuthToken WHERE userid <= 2"), 3);
    assert_eq!(fresh.number("SELECT COUNT(*) FROM Cluster"), 1);

    let pair = ConvId::pair(anna, ben);
    let (kept, more) = read(&mut *store, ben, pair);
    assert_eq!((kept.len(), more), (8, false));
    assert_eq!(kept[5], "{\"msg\":\"é 😀 \u{2028}\",\"ext\":{\"type\": \"text/plain\", \"n\": 1}}");
    let position = store.position(ben, DeviceId::UNNAMED, pair).unwrap().unwrap();
    assert_eq!((position.delivered, position.last_seq), (3, 8));
    let again = with_cid(&stonechat::cid::of_integer("3"), message(anna, Peer::User(ben), "x"));
    let outcome = store.append(&[again]).unwrap()[0];
    assert!(matches!(outcome, Appended::Duplicate { seq: 3, .. }), "sent again behind the upgrade: {outcome:?}");
    assert_eq!(append(&mut *store, &[message(anna, Peer::User(ben), "new")]), [9]);
    assert_eq!(append(&mut *store, &[message(id(8), Peer::Group(chess), "new")]), [8]);
    assert!(matches!(store.join_group(id(9), chess, NOW).unwrap(), JoinOutcome::New { last_seq: 8, .. }));
    let made = store.create_user("new", "x", UnixMs(NOW.0)).unwrap();
    assert_eq!(made, stonechat::store::Created::New(id(13)), "ids go on");
}

fn read(store: &mut dyn Store, reader: UserId, conv: ConvId) -> (Vec<String>, bool) {
    let page = store.messages(reader, conv, Range::After(0), 100, 1 << 20).unwrap();
    let (messages, more) = page.expect("a member reads");
    (messages.into_iter().map(|message| message.body).collect(), more)
}
