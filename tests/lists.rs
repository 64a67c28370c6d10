//! Long lists come in pages, quotas are told in words, and what a deleted group leaves is removed after a crash, too.
#![allow(clippy::unwrap_used, reason = "allow-unwrap-in-tests misses what is no #[test]")]

mod common;

use std::time::Duration;

use common::client::{Client, PASSWORD, unique};
use common::node::Node;
use common::process::wait_for;
use serde_json::{Value, json};

/// Beyond what one page of friends holds.
const FRIENDS: u64 = 620;
/// Beyond what the login reply carries.
const GROUPS: u64 = 230;

fn database(node: &Node) -> rusqlite::Connection {
    let database = rusqlite::Connection::open(node.database()).unwrap();
    database.busy_timeout(Duration::from_secs(20)).unwrap();
    database
}

fn count(node: &Node, statement: &str) -> i64 {
    database(node).query_row(statement, [], |row| row.get(0)).unwrap()
}

fn count_of(number: u64) -> usize {
    usize::try_from(number).unwrap()
}

/// As SQLite takes it.
fn int(number: u64) -> i64 {
    i64::try_from(number).unwrap()
}

/// Gives the user friends and groups behind the server's back; each group has a pending message.
fn make_popular(node: &Node, user: u64, friends: u64, groups: u64) {
    let [user, friends, groups] = [user, friends, groups].map(int);
    let mut database = database(node);
    let change = database.transaction().unwrap();
    for friend in 10_000..10_000 + friends {
        let name = format!("friend {friend}");
        let insert = "INSERT INTO User (id, name, name_key, password, created_at) VALUES (?, ?, ?, '', 0)";
        change.execute(insert, rusqlite::params![friend, name, name]).unwrap();
        let insert = "INSERT INTO Friend (userid, friendid) VALUES (?, ?), (?, ?)";
        change.execute(insert, [user, friend, friend, user]).unwrap();
    }
    for group in 5_000..5_000 + groups {
        let name = format!("group {group}");
        let insert = "INSERT INTO AllGroup (id, groupname, name_key, groupdesc, created_at, members) \
                      VALUES (?, ?, ?, '', 0, 2)";
        change.execute(insert, rusqlite::params![group, name, name]).unwrap();
        change.execute("INSERT INTO Conversation (id, last_seq) VALUES (?, 1)", [group]).unwrap();
        let insert = "INSERT INTO GroupUser (groupid, userid) VALUES (?, ?), (?, 10000)";
        change.execute(insert, [group, user, group]).unwrap();
        let insert = "INSERT INTO Cursor (userid, device, conv, delivered, read_seq) VALUES (?, 0, ?, 0, 0)";
        change.execute(insert, [user, group]).unwrap();
        let insert =
            "INSERT INTO Message (conv, seq, sender, sent_at, body) VALUES (?, 1, 10000, ?, '{\"msg\":\"hi\"}')";
        change.execute(insert, [group, group]).unwrap();
    }
    change.commit().unwrap();
}

fn ids(list: &Value) -> Vec<u64> {
    list.as_array().unwrap().iter().map(|entry| entry["id"].as_u64().unwrap()).collect()
}

#[test]
fn friends_and_groups_come_in_pages() {
    let node = Node::start(&[]);
    let anna = Client::newcomer(node.addr(), "anna");
    make_popular(&node, anna.id, FRIENDS, GROUPS);
    let account = anna.account();
    drop(anna);
    let mut anna = account.login(node.addr());

    let welcome = anna.welcome.clone();
    assert_eq!((ids(&welcome["friends"]).len(), &welcome["friends_total"]), (500, &json!(FRIENDS)));
    assert_eq!((ids(&welcome["groups"]).len(), &welcome["groups_total"]), (200, &json!(GROUPS)));
    assert_eq!(welcome["offlinemsg"].as_array().unwrap().len(), 100);
    // All that was not listed follows.
    let mut told: Vec<u64> = welcome["offlinemsg"].as_array().unwrap().iter().map(group_of).collect();
    told.extend(anna.expect_pushes(10, count_of(GROUPS) - 100).iter().map(group_of));
    told.sort_unstable();
    assert_eq!(told, (5_000..5_000 + GROUPS).collect::<Vec<_>>());

    let first = anna.ok(json!({"msgid": 27}));
    assert_eq!((ids(&first["friends"]), &first["more"]), ((10_000..10_500).collect(), &json!(true)));
    let rest = anna.ok(json!({"msgid": 27, "after": 10_499}));
    assert_eq!((ids(&rest["friends"]), &rest["more"]), ((10_500..10_000 + FRIENDS).collect(), &json!(false)));
    let some = anna.ok(json!({"msgid": 27, "after": 10_100, "limit": 2}));
    assert_eq!((ids(&some["friends"]), &some["more"]), (vec![10_101, 10_102], &json!(true)));
    assert_eq!(ids(&anna.ok(json!({"msgid": 27, "limit": 100_000}))["friends"]).len(), 500);
    anna.refused(json!({"msgid": 27, "limit": 0}), 400);
    anna.refused(json!({"msgid": 27, "after": "x"}), 400);

    let all = anna.ok(json!({"msgid": 29}));
    assert_eq!((ids(&all["groups"]).len(), &all["more"]), (count_of(GROUPS), &json!(false)));
    let some = anna.ok(json!({"msgid": 29, "after": 5_001, "limit": 3}));
    assert_eq!((ids(&some["groups"]), &some["more"]), (vec![5_002, 5_003, 5_004], &json!(true)));
    assert_eq!(some["groups"][0]["total"], 2);
    let members = anna.ok(json!({"msgid": 29, "groupid": 5_000, "limit": 1}));
    assert_eq!((ids(&members["groups"][0]["users"]), &members["more"]), (vec![anna.id], &json!(true)));

    let account = anna.ok(json!({"msgid": 41}));
    assert_eq!((ids(&account["friends"]).len(), &account["friends_total"]), (500, &json!(FRIENDS)));
    assert_eq!((ids(&account["groups"]).len(), &account["groups_total"]), (200, &json!(GROUPS)));
}

fn group_of(message: &Value) -> u64 {
    message["groupid"].as_u64().unwrap()
}

#[test]
fn a_quota_that_is_used_up_is_told_in_words() {
    let node = Node::with_settings(&[
        "quota.friends=1",
        "quota.friend_requests=1",
        "quota.groups_joined=2",
        "quota.groups_created=1",
        "quota.group_members=2",
    ]);
    let mut all: Vec<Client> = (0..4).map(|_| Client::newcomer(node.addr(), "quota")).collect();
    let id: Vec<u64> = all.iter().map(|client| client.id).collect();
    let told = |client: &mut Client, request: Value, words: &str| {
        let refused = client.refused(request, 409);
        let errmsg = refused["errmsg"].as_str().unwrap();
        assert!(errmsg.contains(words), "{errmsg:?} says {words:?}");
    };
    all[0].ok(json!({"msgid": 7, "friendid": id[1]}));
    told(&mut all[0], json!({"msgid": 7, "friendid": id[2]}), "you have 1 friends");
    told(&mut all[2], json!({"msgid": 7, "friendid": id[0]}), "that user has 1 friends");
    all[2].ok(json!({"msgid": 35, "friendid": id[0]}));
    told(&mut all[2], json!({"msgid": 35, "friendid": id[1]}), "1 of your friend requests");
    told(&mut all[0], json!({"msgid": 37, "friendid": id[2], "accept": true}), "you have 1 friends");

    let group = all[0].create_group("quota");
    told(&mut all[0], json!({"msgid": 8, "groupname": unique("more"), "groupdesc": ""}), "created 1 groups");
    all[1].join(group);
    told(&mut all[2], json!({"msgid": 9, "groupid": group}), "the group has 2 members");
    let (second, third) = (all[2].create_group("quota"), all[3].create_group("quota"));
    all[0].join(second);
    told(&mut all[0], json!({"msgid": 9, "groupid": third}), "you are in 2 groups");
}

#[test]
fn where_friends_are_asked_adding_one_is_a_request() {
    let node = Node::with_settings(&["friending=ask", "friends_only=true", "quota.friend_requests=1"]);
    let (mut anna, mut ben) = (Client::newcomer(node.addr(), "anna"), Client::newcomer(node.addr(), "ben"));
    let asked = anna.ok(json!({"msgid": 7, "friendid": ben.id}));
    assert_eq!((&asked["waiting"], &asked["name"], asked.get("state")), (&json!(true), &json!(ben.name), None));
    let request = ben.expect_push(35);
    assert_eq!((&request["id"], &request["msg"]), (&json!(anna.id), &json!("")));
    anna.ok(json!({"msgid": 7, "friendid": ben.id}));
    assert_eq!(ben.expect_push(35)["id"], anna.id, "asked again");
    anna.refused(json!({"msgid": 6, "toid": ben.id, "msg": "hi"}), 403);
    let stranger = Client::newcomer(node.addr(), "cleo");
    anna.refused(json!({"msgid": 7, "friendid": stranger.id}), 409);

    // Who wants it too says so in the same way.
    let added = ben.ok(json!({"msgid": 7, "friendid": anna.id}));
    assert_eq!((&added["friendid"], &added["state"], added.get("waiting")), (&json!(anna.id), &json!("online"), None));
    assert_eq!(anna.expect_notice("friend_added")["id"], ben.id);
    let again = anna.ok(json!({"msgid": 7, "friendid": ben.id}));
    assert_eq!((&again["state"], again.get("waiting")), (&json!("online"), None));
    anna.say(ben.id, "friends now");
    assert_eq!(ben.expect_push(6)["msg"], "friends now");
    anna.refused(json!({"msgid": 7, "friendid": 999_999}), 404);
}

#[test]
fn two_who_ask_each_other_at_the_same_moment_become_friends() {
    let node = Node::with_settings(&["friending=ask"]);
    let (mut anna, mut ben) = (Client::newcomer(node.addr(), "anna"), Client::newcomer(node.addr(), "ben"));
    let ids = [anna.id, ben.id];
    let ask = |client: &mut Client, friend: u64| client.ok(json!({"msgid": 7, "friendid": friend}));
    for round in 0..100 {
        let waiting = std::thread::scope(|scope| {
            let asked = [scope.spawn(|| ask(&mut anna, ids[1])), scope.spawn(|| ask(&mut ben, ids[0]))];
            asked.map(|asked| asked.join().unwrap()).iter().filter(|told| told["waiting"] == true).count()
        });
        assert!(waiting < 2, "round {round}: both were told to wait");
        let friends = anna.ok(json!({"msgid": 27}));
        assert_eq!(friends["friends"][0]["id"], ids[1], "round {round}");
        anna.ok(json!({"msgid": 21, "friendid": ids[1]}));
    }
}

#[test]
fn a_device_that_makes_room_ends_its_session() {
    let node = Node::with_settings(&["quota.devices=2", "session_policy=multi"]);
    let account = Client::newcomer(node.addr(), "devices").account();
    let mut oldest = account.login_from(node.addr(), "one");
    let mut other = account.login_from(node.addr(), "two");
    let mut newest = account.login_from(node.addr(), "three");
    let last = oldest.expect_closed();
    assert!(last.iter().any(|message| message["kind"] == "replaced"), "a NOTICE replaced among {last:?}");
    let mut writer = Client::newcomer(node.addr(), "writer");
    writer.say(newest.id, "to those that are left");
    for client in [&mut other, &mut newest] {
        assert_eq!(client.expect_push(6)["msg"], "to those that are left");
    }
}

#[test]
fn the_token_used_longest_ago_makes_room() {
    let node = Node::with_settings(&["quota.tokens=2", "session_policy=multi"]);
    let first = Client::newcomer(node.addr(), "tokens");
    let (id, name, oldest) = (first.id, first.name.clone(), first.token.clone());
    let second = Client::login_as(node.addr(), &name).token;
    drop(Client::resume(node.addr(), id, &oldest));
    Client::login_as(node.addr(), &name);
    Client::connect(node.addr()).refused(json!({"msgid": 1, "id": id, "token": second}), 1);
    drop(Client::resume(node.addr(), id, &oldest));
    Client::connect(node.addr()).ok(json!({"msgid": 1, "id": id, "pwd": PASSWORD}));
}

#[test]
fn a_deleted_group_is_swept_after_a_crash() {
    const MEMBERS: i64 = 20_000;
    let node = Node::start(&[]);
    let mut anna = Client::newcomer(node.addr(), "anna");
    let group = anna.create_group("large");
    {
        let mut database = database(&node);
        let change = database.transaction().unwrap();
        let group = int(group);
        for user in 100_000..100_000 + MEMBERS {
            change.execute("INSERT INTO GroupUser (groupid, userid) VALUES (?, ?)", [group, user]).unwrap();
            let insert = "INSERT INTO Cursor (userid, device, conv, delivered, read_seq) VALUES (?, 0, ?, 0, 0)";
            change.execute(insert, [user, group]).unwrap();
        }
        change.commit().unwrap();
    }
    anna.ok(json!({"msgid": 25, "groupid": group}));
    anna.refused(json!({"msgid": 10, "groupid": group, "msg": "is there anybody?"}), 404);
    anna.refused(json!({"msgid": 43, "groupid": group}), 404);
    node.kill();
    node.restart();
    let left =
        |table: &str, column: &str| count(&node, &format!("SELECT COUNT(*) FROM {table} WHERE {column} = {group}"));
    wait_for("the members of the deleted group to be removed", || {
        let all = [("GroupUser", "groupid"), ("Cursor", "conv"), ("DeletedGroup", "id")];
        all.iter().all(|(table, column)| left(table, column) == 0).then_some(())
    });
}
