//! Damage that was planted is found, and mended as far as the rest of the data says how.

use crate::common::client::Client;
use crate::life::lived;
use crate::place::{Place, tail};

/// What is done to the data, what is told of it, and whether it can be mended.
const DAMAGE: &[(&str, &str, bool)] = &[
    // Users 1 anna, 2 ben, 3 cleo, 4 dora (erased), 5 eve; group 1 of anna and ben; conversation 4294967298 of anna and ben.
    (
        "INSERT INTO Device (userid, device, name) VALUES (77, 1, 'x')",
        "user 77 does not exist, and has a device, 1",
        true,
    ),
    ("INSERT INTO ErasedUser (id) VALUES (78)", "user 78 does not exist, and is being erased", true),
    ("UPDATE AuthToken SET userid = 79 WHERE userid = 5", "user 79 does not exist, and has a session", true),
    (
        "INSERT INTO Friend (userid, friendid) VALUES (3, 1)",
        "user 3 has 1 as a friend, but not the other way round",
        true,
    ),
    (
        "INSERT INTO Friend (userid, friendid) VALUES (3, 80)",
        "users 3 and 80 are friends, and one of them does not exist",
        true,
    ),
    ("INSERT INTO Friend (userid, friendid) VALUES (5, 2)", "users 2 and 5 are friends, and 2 has blocked 5", true),
    (
        "INSERT INTO Block (userid, blocked) VALUES (81, 1)",
        "user 81 has blocked 1, and one of them does not exist",
        true,
    ),
    (
        "INSERT INTO FriendRequest (userid, friendid, msg, created_at) VALUES (1, 82, '', 1)",
        "user 1 asks 82 to be friends, and one of them does not exist",
        true,
    ),
    (
        "INSERT INTO FriendRequest (userid, friendid, msg, created_at) VALUES (1, 2, '', 1)",
        "user 1 asks 2 to be friends, and they are",
        true,
    ),
    ("UPDATE User SET asked = 0 WHERE id = 2", "user 2 is asked something, and is noted as not being asked", true),
    ("INSERT INTO GroupUser (groupid, userid) VALUES (1, 83)", "group 1 has a member 83, who does not exist", true),
    ("INSERT INTO GroupUser (groupid, userid) VALUES (1, 4)", "group 1 has a member 4, who was erased", true),
    ("INSERT INTO GroupUser (groupid, userid) VALUES (84, 1)", "group 84 does not exist, and has a member 1", true),
    ("INSERT INTO GroupBan (groupid, userid, banned_at) VALUES (85, 1, 1)", "user 1 is banned from group 85", true),
    (
        "INSERT INTO GroupAsk (groupid, userid, wish, asked_at) VALUES (86, 1, 1, 1)",
        "user 1 is to come into group 86",
        true,
    ),
    ("INSERT INTO KeptMute (groupid, userid, muted_until) VALUES (87, 1, 1)", "user 1 is muted in group 87", true),
    ("UPDATE AllGroup SET members = 7 WHERE id = 2", "group 2 is said to have 7 members, and has 1", true),
    ("UPDATE GroupUser SET grouprole = 'normal' WHERE groupid = 2", "group 2 has 0 creators", false),
    (
        "INSERT INTO Conversation (id, last_seq) VALUES (88, 0)",
        "conversation 88 is of a group that does not exist",
        false,
    ),
    (
        "INSERT INTO Message (conv, seq, sender, sent_at, body) VALUES (89, 1, 1, 1, 'x')",
        "conversation 89 has messages, and is of a group that does not exist",
        true,
    ),
    (
        "INSERT INTO Message (conv, seq, sender, sent_at, body) VALUES (4294967301, 1, 1, 1, 'x')",
        "conversation 4294967301 has messages, and no end",
        true,
    ),
    (
        "INSERT INTO Message (conv, seq, sender, sent_at, body) VALUES (4294967301, 2, 90, 1, 'x')",
        "user 90 does not exist, and has said something",
        false,
    ),
    (
        "INSERT INTO Block (userid, blocked) VALUES (5, 3)",
        "conversation 12884901893 does not say that user 5 has blocked 3",
        true,
    ),
    (
        "INSERT INTO Conversation (id, last_seq, rules) VALUES (4294967299, 0, 2)",
        "conversation 4294967299 says that the one with the higher id has blocked",
        true,
    ),
    (
        "UPDATE Conversation SET last_msg = 1000 WHERE id = 1",
        "conversation 1 has another last message than it says",
        true,
    ),
    ("DELETE FROM Message WHERE conv = 1 AND seq IN (5, 6, 9)", "conversation 1 has no messages 5 to 6", false),
    ("SELECT 1", "conversation 1 has no messages 9 to 9", false),
    (
        "UPDATE Conversation SET last_seq = last_seq - 2 WHERE id = 4294967298",
        "conversation 4294967298 ends at 10, and has messages up to 12",
        true,
    ),
    (
        "INSERT INTO `Cursor` (userid, device, conv, delivered, read_seq) VALUES (3, 0, 1, 0, 0)",
        "user 3 (device 0) has a position in group 1, and is no member",
        true,
    ),
    (
        "INSERT INTO `Cursor` (userid, device, conv, delivered, read_seq) VALUES (3, 0, 4294967298, 0, 0)",
        "user 3 (device 0) has a position in conversation 4294967298, which is not there or not the user's",
        true,
    ),
    (
        "INSERT INTO `Cursor` (userid, device, conv, delivered, read_seq) VALUES (1, 9, 4294967298, 0, 0)",
        "device 9 of user 1 does not exist, and has a position in conversation 4294967298",
        true,
    ),
    (
        "UPDATE `Cursor` SET delivered = 999, read_seq = 998 WHERE userid = 2 AND device = 0 AND conv = 1",
        "user 2 (device 0) is at 999 and 998 of conversation 1, which ends at 21",
        true,
    ),
    (
        "DELETE FROM `Cursor` WHERE userid = 2 AND device = 0 AND conv = 2",
        "group 2 has a member 2 without a position in it",
        false,
    ),
    (
        "INSERT INTO Reaction (conv, of_seq, reaction, userid, seq, sent_at, is_on) VALUES (1, 500, 'x', 1, 1, 1, 1)",
        "user 1 has reacted to message 500 of conversation 1, which is not there",
        true,
    ),
    (
        "INSERT INTO ReactionTotal (conv, of_seq, reaction, total, since) VALUES (1, 501, 'x', 1, 1)",
        "reactions to message 501 of conversation 1 are counted, which is not there",
        true,
    ),
    (
        "UPDATE ReactionTotal SET total = 5 WHERE conv = 1 AND of_seq = 3",
        "message 3 of conversation 1 is said to have 5 reactions of a kind, and has 1",
        true,
    ),
    (
        "DELETE FROM ReactionTotal WHERE conv = 4294967298 AND of_seq = 1",
        "message 1 of conversation 4294967298 has 1 reactions of a kind that are not counted",
        true,
    ),
];

#[test]
fn nothing_is_wrong_with_what_a_server_has_written() {
    for place in Place::both() {
        let (place, _) = lived(place);
        let before = place.dump();
        assert_eq!(place.run(&["check"]).succeeded().out(), "checked: nothing is wrong\n");
        assert_eq!(place.run(&["check", "--repair"]).succeeded().out(), "checked: nothing is wrong\n");
        assert_eq!(tail(&place.dump()), tail(&before));
        // While a server runs, too.
        let running = place.start();
        running.run(&["check"]).succeeded();
    }
}

#[test]
fn every_damage_is_found_and_mended_where_that_can_be() {
    for place in Place::both() {
        let (place, lived) = lived(place);
        // What was being erased is.
        place.execute("DELETE FROM ErasedUser");
        place.execute("DELETE FROM `Cursor` WHERE userid = 4");
        assert_eq!(place.run(&["check"]).succeeded().out(), "checked: nothing is wrong\n");
        for (statement, _, _) in DAMAGE.iter().filter(|(statement, _, _)| *statement != "SELECT 1") {
            place.execute(statement);
        }
        let before = place.dump();
        let found = place.run(&["check"]);
        assert_eq!(found.code, Some(1), "{}", found.stderr);
        let found = found.out();
        for (_, told, _) in DAMAGE {
            assert!(found.lines().any(|line| line.starts_with(told)), "{told} is not in\n{found}");
        }
        assert_eq!(tail(&place.dump()), tail(&before), "to look changes nothing");

        let mended = place.run(&["check", "--repair"]);
        assert_eq!(mended.code, Some(1), "something is left: {}", mended.stderr);
        let mended = mended.out();
        for (_, told, is_mended) in DAMAGE {
            let end = if *is_mended { ": mended" } else { ": left as it is" };
            let is_it = |line: &str| line.starts_with(told) && line.ends_with(end);
            assert!(mended.lines().any(is_it), "{told}{end} is not in\n{mended}");
        }
        let left = place.run(&["check"]).out();
        let mut left: Vec<&str> = left.lines().collect();
        assert!(left.pop().unwrap().starts_with("checked: "), "{left:?}");
        for line in &left {
            let is_known = |(_, told, is_mended): &(&str, &str, bool)| !is_mended && line.starts_with(told);
            assert!(DAMAGE.iter().any(is_known), "{line} should have been mended");
        }
        assert_eq!(left.len(), DAMAGE.iter().filter(|(_, _, is_mended)| !is_mended).count(), "{left:?}");

        let running = place.start();
        let mut anna = Client::resume(running.node.addr(), lived.anna.id, &lived.token);
        assert_eq!(anna.say(lived.ben.id, "and on we go")["seq"], serde_json::json!(lived.said + 1));
    }
}

#[test]
fn a_damaged_file_is_told() {
    let (place, _) = lived(Place::sqlite());
    place.execute("PRAGMA wal_checkpoint(TRUNCATE)");
    // An index that says what the table does not.
    place.execute(
        "PRAGMA writable_schema = ON;
         UPDATE sqlite_master SET sql = 'CREATE INDEX GroupUserByUser ON GroupUser (groupid)' WHERE name = 'GroupUserByUser';",
    );
    let ended = place.run(&["check"]);
    assert_eq!(ended.code, Some(1));
    assert!(ended.out().contains("the file is damaged: "), "{}{}", ended.out(), ended.stderr);
    place.run(&["check", "--repair"]);
}

#[test]
fn a_repair_beside_a_running_server_is_refused() {
    let running = Place::sqlite().start();
    running.run(&["check", "--repair"]).refused("another stonechat runs on the data folder");
    running.node.assert_running();
}
