//! What the bus does behind sentinels: it follows the master, and nothing is lost on the way.

use std::net::TcpListener;

use stonechat::backend::Backend;
use stonechat::bus::redis::probe;
use stonechat::bus::{Bus, LinkState};

use crate::common::certificates::Ca;
use crate::common::process::{free_port, wait_for};
use crate::common::redis::{AnyRedis, Raw, Redis, Way};
use crate::common::sentinels::{Access, Sentinels};
use crate::{AWAY, IDENTITY, Node, brisk, is_let_in, user};

#[test]
fn a_fail_over_by_command_is_followed_and_resynced() {
    let redis = Sentinels::start(1);
    let (a, b) = (Node::up(&redis.way(), 1), Node::up(&redis.way(), 2));
    b.subscribe(user(1));
    a.reaches(&b, user(1), "before");
    redis.fail_over();
    b.ear.wait_for_resync(AWAY);
    a.reaches(&b, user(1), "after");
    wait_for("presence", || (a.ask(&[user(1)]).ok()?[..] == [1]).then_some(()));
}

#[test]
fn a_master_that_dies_is_replaced() {
    let mut redis = Sentinels::start(2);
    let (a, b) = (Node::up(&redis.way(), 1), Node::up(&redis.way(), 2));
    b.subscribe(user(1));
    redis.lose_the_master();
    b.ear.wait_for_resync(AWAY);
    a.reaches(&b, user(1), "after");
}

#[test]
fn a_master_that_was_frozen_during_the_fail_over_is_left_although_it_answers_again() {
    let mut redis = Sentinels::start(1);
    let (a, b) = (Node::up(&redis.way(), 1), Node::up(&redis.way(), 2));
    b.subscribe(user(1));
    redis.freeze_the_master();
    b.ear.wait_for_resync(AWAY);
    a.reaches(&b, user(1), "after");
    let subscribers = |redis: &Redis| redis.command(&["PUBSUB", "NUMSUB", &crate::of("u:1")]);
    assert!(subscribers(redis.master()).ends_with(":1"));
    for replica in redis.replicas() {
        wait_for("nobody to be subscribed there", || subscribers(replica).ends_with(":0").then_some(()));
    }
}

/// Its connections stay open, and it takes subscriptions and bells: nobody else hears them.
#[test]
fn a_master_that_was_made_a_replica_by_hand_is_left_and_one_made_a_master_is_not_taken() {
    let mut redis = Sentinels::start(1);
    let (a, b) = (Node::up(&redis.way(), 1), Node::up(&redis.way(), 2));
    b.subscribe(user(1));
    let master = redis.master();
    let replica = redis.replicas()[0].port().to_string();
    // Somebody who stays where the nodes come back to.
    let mut witness = master.connect();
    witness.command(&["SUBSCRIBE", &crate::of("nodes")]);
    assert_eq!(redis.replicas()[0].command(&["REPLICAOF", "NO", "ONE"]), "+OK");
    assert_eq!(master.command(&["REPLICAOF", "127.0.0.1", &replica]), "+OK");
    for node in [&a, &b] {
        node.wait_for_link(LinkState::Down);
        assert!(node.ask(&[user(1)]).is_err(), "presence is unknown");
    }
    assert_eq!(master.command(&["REPLICAOF", "NO", "ONE"]), "+OK");
    b.ear.wait_for_resync(AWAY);
    a.reaches(&b, user(1), "again");
    // What the server took last may have reached nobody: whoever changes the server says so.
    let lost = ["0000000000000001 lost", "0000000000000002 lost"];
    let mut told = lost.map(|_| false);
    while told != [true, true] {
        let heard = witness.hear();
        lost.iter().zip(&mut told).for_each(|(lost, told)| *told |= heard.contains(lost));
    }
    redis.wait_until_ready();
}

#[test]
fn sentinels_that_are_dead_or_silent_are_passed_over() {
    let redis = Sentinels::start(1);
    let dead = format!("127.0.0.1:{}", free_port());
    // It takes connections, as a frozen one does, and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = redis.url_behind(&[&dead, &silent.local_addr().unwrap().to_string()]);
    let node = Node::up(&Way { url, tls_ca: None }, 1);
    assert!(node.bus.wait_for_introduction(crate::PATIENCE));
    redis.fail_over();
    node.ear.wait_for_resync(AWAY);
}

#[test]
fn sentinels_are_needed_for_changes_only() {
    let mut redis = Sentinels::start(1);
    let (a, b) = (Node::up(&redis.way(), 1), Node::up(&redis.way(), 2));
    b.subscribe(user(1));
    redis.kill_sentinels();
    // Longer than the lookout waits between two looks.
    std::thread::sleep(2 * brisk().look);
    a.reaches(&b, user(1), "without sentinels");
    assert_eq!((a.bus.link(), b.ear.resyncs(AWAY)), (LinkState::Up, 0));
    redis.restart_sentinels();
}

#[test]
fn sentinels_may_come_later_than_the_node() {
    let mut redis = Sentinels::start(1);
    redis.kill_sentinels();
    let node = Node::start(&redis.way(), 1, brisk());
    let _ = node.bus.subscribe(&[user(1)]);
    assert!(!node.bus.wait_for_introduction(crate::PATIENCE), "nobody waits for what is not there");
    assert_eq!(node.bus.link(), LinkState::Down);
    redis.restart_sentinels();
    node.ear.wait_for_resync(AWAY);
}

#[test]
fn passwords_of_both_kinds_are_used() {
    let access = Access { password: Some("open-sesame"), sentinel_password: Some("who-is-there"), ca: None };
    is_let_in(&Sentinels::start_by(1, access));
}

#[test]
fn sentinels_and_servers_by_tls_are_followed() {
    let access = Access { password: Some("open-sesame"), ca: Some(Ca::new("of the test")), ..Access::default() };
    let redis = Sentinels::start_by(1, access);
    is_let_in(&redis);
    let node = Node::up(&redis.way(), 1);
    redis.fail_over();
    node.ear.wait_for_resync(AWAY);
    let way = redis.way();
    let stranger = Ca::new("a stranger");
    let told = probe(Backend { url: &way.url, tls_ca: Some(&stranger.file()) }, Some(IDENTITY)).unwrap_err();
    assert!(told.contains("is not signed by the CA"), "{told}");
}

#[test]
fn what_sentinels_refuse_is_told() {
    let access = Access { password: Some("open-sesame"), sentinel_password: Some("who-is-there"), ca: None };
    let redis = Sentinels::start_by(1, access);
    let url = redis.url();
    let refused = |url: &str, advice: &str| {
        let told = probe(url, Some(IDENTITY)).unwrap_err();
        assert!(told.contains(advice) && !told.contains("open-sesame") && !told.contains("who-is-there"), "{told}");
    };
    assert_eq!(probe(&url, Some(IDENTITY)), Ok(()));
    assert_eq!(probe(&url, None), Ok(()));
    refused(&url.replace("/chat", "/tchat"), "no sentinel knows a master by the name tchat");
    refused(&url.replace("?sentinel_pass=who-is-there", ""), "write ?sentinel_pass=password behind the name");
    refused(&url.replace("who-is-there", "nobody"), "sentinel_user or sentinel_pass is wrong");
    refused(&url.replace("open-sesame", "nobody"), "the user or the password in the URL is wrong");
    let nobody = format!("redis+sentinel://127.0.0.1:{}/chat", free_port());
    refused(&nobody, "no sentinel answers");
    let limited = ["ACL", "SETUSER", "limited", "on", ">pw", "+@all", "-role", "&*"];
    assert_eq!(redis.master().command(&limited), "+OK");
    refused(&url.replace(":open-sesame@", "limited:pw@"), "allow the user +role as well");
}

/// Whoever is asked names a server that is none: a sentinel that is late, or one that lies.
#[test]
fn a_server_that_calls_itself_a_replica_is_not_taken_for_the_master() {
    let redis = Sentinels::start(1);
    let replica = redis.replicas()[0].port();
    let liar = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("redis+sentinel://{}/chat", liar.local_addr().unwrap());
    std::thread::spawn(move || {
        use std::io::{Read, Write};
        for stream in liar.incoming() {
            let mut stream = stream.unwrap();
            std::thread::spawn(move || {
                let mut bytes = [0; 4096];
                while let Ok(count @ 1..) = stream.read(&mut bytes) {
                    let text = String::from_utf8_lossy(&bytes[..count]).into_owned();
                    let place = format!("*2\r\n$9\r\n127.0.0.1\r\n${}\r\n{replica}\r\n", replica.to_string().len());
                    let others = text.matches("\r\nCLIENT\r\n").count();
                    let asked = text.matches("GET-MASTER-ADDR").count();
                    let about = if asked > 0 { "-ERR not told\r\n" } else { "" };
                    let answer = "+OK\r\n".repeat(others) + &place.repeat(asked) + about;
                    if stream.write_all(answer.as_bytes()).is_err() {
                        return;
                    }
                }
            });
        }
    });
    let told = probe(&url, Some(IDENTITY)).unwrap_err();
    assert!(told.contains("which says that it is none"), "{told}");
    let node = Node::start(&Way { url, tls_ca: None }, 1, brisk());
    assert!(!node.bus.wait_for_introduction(crate::PATIENCE));
    assert_eq!(node.bus.link(), LinkState::Down);
    assert!(!Raw::to(replica, None).unwrap().command(&["PUBSUB", "CHANNELS"]).contains(IDENTITY));
}
