//! The login of the course's program and that of QQChatServer's are the same bytes: what the server makes of that.

use std::io::{Read, Write};
use std::time::Duration;

use serde_json::{Value, json};

use super::clients::{GAP, Old, Program, texts_of};
use crate::common::client::{Account, unique};
use crate::common::node::Node;
use crate::common::process::wait_for;

#[test]
fn an_account_is_remembered_by_its_program() {
    let node = Node::with_settings(&[GAP]);
    let mut new = Account::register(node.addr(), "new").login(node.addr());
    for program in [Program::Course, Program::Qq] {
        // Registering tells; from the next connection on the login alone does.
        let mut old = Old::start(program, node.addr());
        let id = old.register(&unique("old"));
        old.login(id);
        old.create_group(&unique("group"));
        old.log_out();
        drop(old);
        for _ in 0..2 {
            let mut old = Old::start(program, node.addr());
            let ack = old.login(id);
            let [group] = &texts_of(&ack, "groups")[..] else { panic!("one group: {ack}") };
            let has = |key: &str| group.get(key).is_some();
            // One of them dies where it does not find its own; and who has logged in is not shown yet.
            assert!(has("id") && has("groupid"), "{group}");
            new.ok(json!({"msgid": 6, "toid": id, "msg": "now"}));
            old.wait_for_shown(1);
            old.log_out();
            new.ok(json!({"msgid": 6, "toid": id, "msg": "later"}));
            old.login(id);
            old.wait_for_shown(2);
            assert_eq!(old.texts(), ["now", "later"], "{program:?} {ack}");
            old.log_out();
        }
    }
}

#[test]
fn what_was_remembered_wrongly_is_mended_by_the_first_word() {
    let node = Node::with_settings(&[GAP]);
    let mut new = Account::register(node.addr(), "new").login(node.addr());
    for (made_by, used_by) in [(Program::Qq, Program::Course), (Program::Course, Program::Qq)] {
        let mut first = Old::start(made_by, node.addr());
        let (id, other) = (first.register(&unique("one")), first.register(&unique("other")));
        first.login(id);
        first.create_group(&unique("group"));
        first.log_out();
        let mut old = Old::start(used_by, node.addr());
        let ack = old.login(id);
        assert_eq!(texts_of(&ack, "groups").len(), 1);
        old.chat(new.id, "understood");
        assert_eq!(new.expect_push(6)["msg"], "understood", "{used_by:?}");
        old.log_out();
        // The program stays what it is, whoever uses it next, and whatever that account was remembered by.
        old.login(other);
        new.ok(json!({"msgid": 6, "toid": other, "msg": "to the other"}));
        old.wait_for_shown(1);
        old.log_out();
        // From the next time on it is known at once.
        let mut old = Old::start(used_by, node.addr());
        old.login(id);
        new.ok(json!({"msgid": 6, "toid": id, "msg": "known"}));
        old.wait_for_shown(1);
        assert_eq!(old.texts(), ["known"], "{used_by:?}");
    }
}

#[test]
fn who_has_registered_and_said_nothing_more_is_known() {
    let node = Node::with_settings(&[GAP]);
    let mut new = Account::register(node.addr(), "new").login(node.addr());
    let mut old = Old::start(Program::Qq, node.addr());
    let id = old.register(&unique("quiet"));
    // It is noted beside the answer, not ahead of it.
    old.linger(Duration::from_secs(1));
    drop(old);
    let mut old = Old::start(Program::Qq, node.addr());
    old.login(id);
    new.ok(json!({"msgid": 6, "toid": id, "msg": "hello"}));
    old.wait_for_shown(1);
    // And who only reads, and logs out.
    let mut made = crate::common::client::Client::connect(node.addr());
    let id = made.ok(json!({"msgid": 4, "name": unique("reader"), "pwd": "secret"}))["id"].as_u64().unwrap();
    let mut old = Old::start(Program::Qq, node.addr());
    old.login(id);
    old.log_out();
    old.linger(Duration::from_secs(1));
    drop(old);
    let mut old = Old::start(Program::Qq, node.addr());
    wait_for("the login of before to end", || (old.try_login(id, "secret")["errno"] == 0).then_some(()));
    new.ok(json!({"msgid": 6, "toid": id, "msg": "hello"}));
    old.wait_for_shown(1);
}

#[test]
fn a_relative_that_the_settings_expect_counts_more_than_what_accounts_remember() {
    let node = Node::with_settings(&[GAP]);
    let mut old = Old::start(Program::Course, node.addr());
    let id = old.register(&unique("moved"));
    old.login(id);
    old.log_out();
    node.term();
    let expected = ["--set", GAP, "--set", "dialects.extra=jjli0427", "--set", "dialects.default=jjli0427"];
    let node = Node::start_in(node.into_data(), &expected);
    let mut socket = std::net::TcpStream::connect(node.addr()).unwrap();
    socket.write_all(format!("{{\"msgid\":1,\"id\":{id},\"password\":\"secret\"}}\0").as_bytes()).unwrap();
    let mut buffer = [0; 1024];
    let read = socket.read(&mut buffer).unwrap();
    let ack: Value = serde_json::from_slice(&buffer[..read - 1]).unwrap();
    assert_eq!((&ack["msgid"], &ack["error"]), (&json!(4), &json!(0)), "{ack}");
}

#[test]
fn a_login_that_may_be_of_both_is_answered_for_both() {
    let node = Node::with_settings(&[GAP]);
    let mut new = Account::register(node.addr(), "new").login(node.addr());
    for program in [Program::Course, Program::Qq] {
        // The account was made by a client of ours: nothing is known of it.
        let name = unique("old");
        let mut made = crate::common::client::Client::connect(node.addr());
        let id = made.ok(json!({"msgid": 4, "name": name, "pwd": "secret"}))["id"].as_u64().unwrap();
        new.ok(json!({"msgid": 6, "toid": id, "msg": "pending"}));
        new.ok(json!({"msgid": 7, "friendid": id}));
        let mut old = Old::start(program, node.addr());
        let ack = old.login(id);
        assert_eq!(texts_of(&ack, "friends").len(), 1);
        assert_eq!(old.texts(), ["pending"], "{program:?}");
        // The first request that is not the same for both tells, for all that follows.
        old.create_group(&unique("group"));
        old.linger(Duration::from_millis(200));
        new.ok(json!({"msgid": 6, "toid": id, "msg": "told"}));
        old.wait_for_shown(2);
        assert_eq!(old.texts(), ["pending", "told"]);
    }
}

#[test]
fn a_course_client_is_never_sent_the_number_that_it_dies_of() {
    let node = Node::with_settings(&[GAP, "dialects.default=qq"]);
    let mut new = Account::register(node.addr(), "new").login(node.addr());
    let mut made = crate::common::client::Client::connect(node.addr());
    let id = made.ok(json!({"msgid": 4, "name": unique("old"), "pwd": "secret"}))["id"].as_u64().unwrap();
    let mut old = Old::start(Program::Course, node.addr());
    old.login(id);
    new.ok(json!({"msgid": 6, "toid": id, "msg": "a guess"}));
    // It would take 5 for the answer to a registration.
    old.linger(Duration::from_millis(300));
    old.chat(new.id, "I am the course's");
    new.expect_push(6);
    new.ok(json!({"msgid": 6, "toid": id, "msg": "known"}));
    old.wait_for_shown(1);
    assert_eq!(old.texts(), ["known"]);
}

#[test]
fn lines_for_cmf_are_ours_and_its_program_has_shapes_of_its_own() {
    let node = Node::with_settings(&[GAP]);
    let name = unique("anna");
    let mut nc = crate::common::client::Client::connect(node.addr());
    let id = nc.ok(json!({"msgid": 4, "name": name, "pwd": "secret"}))["id"].as_u64().unwrap();
    let reply = nc.request(json!({"msgid": 1, "id": id, "pwd": "secret"}));
    assert_eq!((&reply["errno"], reply["token"].is_string()), (&json!(0), true), "a line is a line");
    nc.log_out();
    let mut program = Old::start(Program::Course, node.addr());
    program.send(&json!({"msgid": 1, "id": id, "pwd": "secret"}));
    let mut twin = Old::start(Program::Course, node.addr());
    twin.send(&json!({"msgid": 4, "name": name, "pwd": "secret"}));
    assert_eq!(twin.awaited(5), json!({"errno": 1, "errmsg": "this name is taken", "id": -1, "msgid": 5}));
    let ack = program.awaited(2);
    assert_eq!((&ack["errno"], &ack["friends"]), (&json!(0), &json!([])));
    assert_eq!(ack.get("token"), None);
}

#[test]
fn relatives_with_other_numbers_are_known_where_a_setting_names_them() {
    let node = Node::with_settings(&[GAP, "dialects.extra=jjli0427", "dialects.default=jjli0427"]);
    let mut socket = std::net::TcpStream::connect(node.addr()).unwrap();
    let mut ask = |request: Value| -> Value {
        socket.write_all(format!("{request}\0").as_bytes()).unwrap();
        let mut buffer = [0; 1024];
        let read = socket.read(&mut buffer).unwrap();
        serde_json::from_slice(&buffer[..read - 1]).unwrap()
    };
    let ack = ask(json!({"msgid": 2, "name": unique("li"), "password": "secret"}));
    assert_eq!((&ack["msgid"], &ack["error"]), (&json!(3), &json!(0)));
    let ack = ask(json!({"msgid": 1, "id": ack["id"], "password": "secret"}));
    assert_eq!((&ack["msgid"], &ack["error"]), (&json!(4), &json!(0)));
    let plain = Node::with_settings(&["dialects.enabled=false"]);
    let mut client = crate::common::client::Client::connect(plain.addr());
    let reply = client.request(json!({"msgid": 4, "name": "x", "password": "secret"}));
    assert_eq!(reply["errno"], 400, "without dialects it is a line of ours that lacks something: {reply}");
}
