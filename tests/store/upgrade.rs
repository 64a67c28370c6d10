//! A database of version 1, with rows of every table (tests/upgrade), is brought up to date.

use std::time::Duration;

use stonechat::clock::UnixMs;
use stonechat::ids::{ConvId, DeviceId, GroupId, Peer, UserId};
use stonechat::store::mysql::MySqlStores;
use stonechat::store::{Appended, JoinOutcome, OpenStore, Range, Store, UserRef};

use crate::common::mariadb::MariaDb;
use crate::fresh::{Fresh, NOW, append, message, with_cid};
use crate::proxy::{Cut, Proxy};

#[test]
fn an_old_sqlite_database_goes_on() {
    let fresh = Fresh::old_sqlite();
    fresh.stores.migrate().unwrap();
    goes_on(&fresh);
}

#[test]
fn an_old_mariadb_database_goes_on() {
    let fresh = Fresh::old_mariadb("an_old_database_goes_on");
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
    assert!(store.first_friends(id(3), 10).unwrap().1, "it was asked before that was noted");
    let asked = store.friend_requests(id(3), 10).unwrap();
    assert_eq!((asked[0].from.id, asked[0].msg.as_str()), (anna, r#""we met in \"Oslo\"""#));
    let groups: Vec<String> = store.groups(ben, 0, 500).unwrap().into_iter().map(|own| own.group.name).collect();
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

/// Tables, columns and rows, but for what is made anew each time.
fn whole(fresh: &Fresh) -> Vec<String> {
    let columns = "SELECT CONCAT(table_name, '.', column_name, ' ', column_type) FROM information_schema.columns \
                   WHERE table_schema = DATABASE() ORDER BY table_name, ordinal_position";
    let keys = "SELECT CONCAT(table_name, ': ', index_name, ' ', seq_in_index, ' ', column_name) \
                FROM information_schema.statistics WHERE table_schema = DATABASE() \
                ORDER BY table_name, index_name, seq_in_index";
    let mut all = fresh.texts(columns);
    all.extend(fresh.texts(keys));
    let tables = "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() \
                  AND table_name NOT IN ('Cluster', 'SchemaVersion') ORDER BY table_name";
    for table in fresh.texts(tables) {
        let of_table = format!(
            "SELECT GROUP_CONCAT(CONCAT('COALESCE(HEX(`', column_name, '`), \\'-\\')') ORDER BY ordinal_position SEPARATOR ', ') \
             FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = '{table}'"
        );
        let columns = fresh.texts(&of_table).concat();
        let mut rows = fresh.texts(&format!("SELECT CONCAT_WS(' ', '{table}', {columns}) FROM `{table}`"));
        rows.sort();
        all.extend(rows);
    }
    all
}

/// The connection is cut at every packet in turn, ahead of the server and behind it, as if the node had been killed; the
/// next one completes what it finds.
#[test]
fn an_upgrade_that_is_killed_at_any_statement_is_completed_by_the_next_start() {
    let reference = Fresh::old_mariadb("upgrade_reference");
    let proxy = Proxy::start(MariaDb::shared().port());
    let through_proxy =
        |db: &str| MySqlStores::new(&MariaDb::url_on_port(db, proxy.port), Duration::from_secs(20)).unwrap();
    let stores = through_proxy("upgrade_reference");
    proxy.cut_at_packet(0, Cut::Never);
    stores.migrate().unwrap();
    let packets = proxy.packets();
    assert!((40..1_000).contains(&packets), "{packets} packets");
    let upgraded = whole(&reference);
    assert!(upgraded.len() > 100, "{upgraded:?}");
    // A database holds several cuts, each at a state that the ones before have left.
    let lot = 8;
    let mut without_effect = 0;
    for (number, first) in (1..=packets).step_by(lot).enumerate() {
        let db = format!("upgrade_killed_{number}");
        let fresh = Fresh::old_mariadb(&db);
        let mut failed = 0;
        for packet in first..first + lot {
            for cut in [Cut::Before, Cut::After] {
                proxy.cut_at_packet(packet, cut);
                failed += usize::from(through_proxy(&db).migrate().is_err());
            }
        }
        without_effect += usize::from(failed == 0);
        proxy.cut_at_packet(0, Cut::Never);
        through_proxy(&db).migrate().unwrap();
        assert_eq!(whole(&fresh), upgraded, "cut from packet {first} on");
    }
    // The last few packets give the lock back and close the connection.
    assert!(without_effect <= 2, "{without_effect} lots of cuts met nothing");
}
