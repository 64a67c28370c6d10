//! A life with an old program: register, log in, chat, be away, come back.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};

use super::clients::{GAP, Old, Program, texts_of};
use crate::common::client::{Account, Client, unique};
use crate::common::cluster::Cluster;
use crate::common::mariadb::MariaDb;
use crate::common::node::Node;
use crate::common::process::wait_for;

/// The words of a program's lists: a user's id, a group's, its members.
fn words(program: Program) -> [&'static str; 3] {
    match program {
        Program::Course => ["id", "id", "users"],
        Program::Qq => ["id", "groupid", "users"],
        Program::Polaris => ["uid", "gid", "groupusers"],
    }
}

#[test]
fn people_with_one_program_chat() {
    let node = Node::with_settings(&[GAP]);
    for program in Program::ALL {
        chat_at(program, node.addr(), node.addr());
    }
}

#[test]
fn people_with_one_program_chat_behind_nginx_on_three_nodes() {
    let cluster = Cluster::start(&MariaDb::shared().url("dialects"), 3, &[GAP]);
    for program in Program::ALL {
        chat_at(program, cluster.entry(), cluster.entry());
    }
}

fn chat_at(program: Program, here: SocketAddr, there: SocketAddr) {
    let mut anna = Old::join(program, here, &unique("anna"));
    let mut ben = Old::join(program, there, &unique("ben"));
    anna.chat(ben.id, "hello {\"a\":1} \\ 'quoted' 你好");
    ben.wait_for_shown(1);
    assert_eq!(ben.texts(), ["hello {\"a\":1} \\ 'quoted' 你好"]);
    ben.chat(anna.id, "hello yourself");
    anna.wait_for_shown(1);

    let group_name = unique("chess");
    ben.add_friend(anna.id);
    anna.create_group(&group_name);
    let [id, group_id, users] = words(program);
    let (mut group, name) = (0, group_name.as_str());
    wait_for("the group in its maker's list", || {
        anna.log_out();
        let ack = anna.login(anna.id);
        let groups = texts_of(&ack, "groups");
        group = groups.iter().find(|group| group["groupname"] == name)?[group_id].as_u64()?;
        Some(())
    });
    ben.join_group(group);
    wait_for("both in the lists of both", || {
        ben.log_out();
        let ack = ben.login(ben.id);
        let friends = texts_of(&ack, "friends");
        let members = texts_of(&ack, "groups").iter().map(|group| texts_of(group, users).len()).max();
        (friends.iter().any(|friend| friend[id] == json!(anna.id)) && members == Some(2)).then_some(())
    });
    ben.group_chat(group, "hello, all");
    anna.wait_for_shown(2);
    assert_eq!(anna.texts()[1], "hello, all");

    // Away: what was said then is in the login reply, once.
    ben.log_out();
    let before = ben.shown.len();
    anna.chat(ben.id, "are you there?");
    anna.group_chat(group, "is anybody?");
    // Another account on the same connection is told nothing of it.
    let ben_id = ben.id;
    let other = ben.register(&unique("carl"));
    ben.login(other);
    assert_eq!(ben.shown.len(), before);
    ben.log_out();
    let back = |ben: &mut Old| {
        ben.login(ben_id);
        ben.wait_for_shown(before + 2);
        let mut texts: Vec<String> = ben.texts()[before..].iter().map(ToString::to_string).collect();
        texts.sort();
        texts
    };
    assert_eq!(back(&mut ben), ["are you there?", "is anybody?"]);
    ben.linger(Duration::from_millis(600));
    ben.log_out();
    ben.login(ben_id);
    ben.linger(Duration::from_millis(300));
    assert_eq!(ben.shown.len(), before + 2, "nothing comes twice");
}

#[test]
fn an_old_program_and_one_of_ours_chat() {
    let node = Node::with_settings(&[GAP]);
    for program in Program::ALL {
        let mut old = Old::join(program, node.addr(), &unique("old"));
        let account = Account::register(node.addr(), "new");
        let mut new = account.login(node.addr());
        old.chat(account.id, "from before");
        let push = new.expect_push(6);
        assert_eq!((&push["msg"], &push["id"]), (&json!("from before"), &json!(old.id)));
        let stored = new.ok(json!({"msgid": 6, "toid": old.id, "msg": "from today", "ext": {"re": 1}}));
        old.wait_for_shown(1);
        assert_eq!(old.texts(), ["from today"]);
        let time = old.shown[0]["time"].as_str().unwrap();
        assert!(time.len() == 19 && time.as_bytes()[10] == b' ', "{time}");
        // What is changed later has no form of its own there.
        new.ok(json!({"msgid": 57, "id": old.id, "of": stored["seq"], "msg": "from tomorrow"}));
        new.ok(json!({"msgid": 61, "id": old.id, "of": stored["seq"], "reaction": "+1", "on": true}));
        new.ok(json!({"msgid": 59, "id": old.id, "of": stored["seq"]}));
        new.ok(json!({"msgid": 6, "toid": old.id, "msg": "bye"}));
        old.wait_for_shown(4);
        assert_eq!(old.texts()[1..], ["(edited) from tomorrow", "(took a message back)", "bye"]);
    }
}

#[test]
fn many_messages_at_once_are_all_shown() {
    let node = Node::with_settings(&[GAP]);
    for program in Program::ALL {
        let mut old = Old::join(program, node.addr(), &unique("old"));
        let mut new = Account::register(node.addr(), "new").login(node.addr());
        let lines: Vec<String> =
            (0..40).map(|n| json!({"msgid": 6, "toid": old.id, "msg": n.to_string()}).to_string() + "\n").collect();
        new.send_raw(lines.concat().as_bytes());
        old.wait_for_shown(40);
        let expected: Vec<String> = (0..40).map(|n| n.to_string()).collect();
        assert_eq!(old.texts(), expected);
    }
}

#[test]
fn what_is_too_long_for_them_comes_in_pieces() {
    let node = Node::with_settings(&[GAP]);
    for program in Program::ALL {
        let mut old = Old::join(program, node.addr(), &unique("old"));
        let mut new = Account::register(node.addr(), "new").login(node.addr());
        let text = "a word, \"another\" 和一个 ".repeat(150);
        new.ok(json!({"msgid": 6, "toid": old.id, "msg": text}));
        new.ok(json!({"msgid": 6, "toid": old.id, "msg": "end"}));
        while old.texts().last() != Some(&"end") {
            let so_far = old.shown.len();
            old.wait_for_shown(so_far + 1);
        }
        assert!(old.shown.len() > 4);
        assert_eq!(old.texts()[..old.shown.len() - 1].concat(), text);
    }
}

#[test]
fn a_login_with_more_than_fits_is_cut_and_loses_no_message() {
    let node = Node::with_settings(&[GAP]);
    for program in Program::ALL {
        let mut old = Old::join(program, node.addr(), &unique("old"));
        let (id, addr) = (old.id, node.addr());
        old.log_out();
        let mut friends: Vec<Client> = (0..30).map(|_| Account::register(addr, "friend").login(addr)).collect();
        for (number, friend) in friends.iter_mut().enumerate() {
            friend.ok(json!({"msgid": 7, "friendid": id}));
            friend.ok(json!({"msgid": 8, "groupname": unique("group"), "groupdesc": "d".repeat(100)}));
            friend.ok(json!({"msgid": 6, "toid": id, "msg": format!("{number}: {}", "long ".repeat(20))}));
        }
        old.login(id);
        old.wait_for_shown(30);
        let mut numbers: Vec<u32> =
            old.texts().iter().map(|text| text.split(':').next().unwrap().parse().unwrap()).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (0..30).collect::<Vec<_>>());
    }
}

#[test]
fn what_has_arrived_does_not_come_again_and_what_has_not_does() {
    let node = Node::with_settings(&[GAP]);
    for program in Program::ALL {
        let mut old = Old::join(program, node.addr(), &unique("old"));
        let mut new = Account::register(node.addr(), "new").login(node.addr());
        let id = old.id;
        new.ok(json!({"msgid": 6, "toid": id, "msg": "one"}));
        old.wait_for_shown(1);
        // The end of the program: an orderly FIN.
        drop(old);
        let mut old = wait_for("the session to be over", || {
            let mut old = Old::start(program, node.addr());
            let ack = old.try_login(id, "secret");
            (ack["errno"] == 0).then_some((old, ack))
        });
        old.0.linger(Duration::from_millis(100));
        let offline = if program == Program::Polaris { "offlinemsgs" } else { "offlinemsg" };
        assert_eq!((&old.1[offline], old.0.shown.len()), (&json!([]), 0), "{program:?}");
    }
}

#[test]
fn after_a_killed_node_everything_is_there() {
    let cluster = Cluster::start(&MariaDb::shared().url("dialects_killed"), 3, &[GAP]);
    for program in Program::ALL {
        let mut anna = Old::join(program, cluster.entry(), &unique("anna"));
        let anna_id = anna.id;
        anna.log_out();
        let mut new = Account::register(cluster.node(0), "new").login(cluster.node(0));
        let texts: Vec<String> = (0..20).map(|n| format!("message {n}")).collect();
        for text in &texts {
            new.ok(json!({"msgid": 6, "toid": anna_id, "msg": text}));
        }
        cluster.nodes[2].kill();
        drop(anna);
        let mut anna = Old::start(program, cluster.entry());
        anna.login(anna_id);
        anna.wait_for_shown(20);
        assert_eq!(anna.texts(), texts);
        cluster.nodes[2].restart();
    }
}

#[test]
fn refusals_are_told_in_their_words() {
    let node = Node::with_settings(&[GAP]);
    for program in Program::ALL {
        let mut old = Old::start(program, node.addr());
        let name = unique("anna");
        let id = old.register(&name);
        assert_eq!(old.try_register(&name)["errno"], 1, "taken");
        assert_eq!(old.try_register("")["errno"], 1);
        assert_eq!(old.try_login(id, "wrong")["errno"], 1);
        assert_eq!(old.try_login(4_000_000, "secret")["errno"], 1);
        let mut twin = Old::start(program, node.addr());
        old.login(id);
        assert_eq!(twin.try_login(id, "secret")["errno"], 2, "online");
        // The same account again on one connection: the program has lost the first reply.
        old.login(id);
        // To nobody, to oneself, in no group: silence.
        old.chat(0, "to nobody");
        old.chat(4_000_000, "to nobody");
        old.chat(id, "to myself");
        old.group_chat(4_000_000, "nowhere");
        old.join_group(4_000_000);
        old.add_friend(id);
        old.create_group("");
        old.linger(Duration::from_millis(300));
        assert_eq!(old.shown, Vec::<Value>::new());
    }
}
