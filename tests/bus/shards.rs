//! What the bus does on a Redis Cluster: slots move and masters are replaced, nothing is lost, and only what may have been
//! missed is looked for.

use stonechat::bus::redis::probe;
use stonechat::bus::{Bus, Channel, LinkState};

use crate::common::process::{free_port, wait_for};
use crate::common::redis::{AnyRedis, Redis};
use crate::common::shards::Shards;
use crate::{AWAY, IDENTITY, LOST, Node, group, of, user};

const MOVED: &str = "slots of Redis have moved";

/// Two nodes that have met.
fn two(redis: &Shards) -> [Node; 2] {
    [1, 2].map(|id| {
        let node = Node::up(&redis.way(), id);
        assert!(node.bus.wait_for_introduction(crate::PATIENCE));
        node
    })
}

/// A user whose channel is on this server.
fn user_on(redis: &Shards, server: usize) -> (i64, Channel) {
    let number = (1..1000).find(|number| redis.master_of(&of(&format!("u:{number}"))) == server).unwrap();
    (number, user(number))
}

#[test]
fn every_server_carries_its_part() {
    let redis = Shards::start();
    let [a, b] = two(&redis);
    let channels: Vec<Channel> = (1..=300).map(user).collect();
    assert!(b.bus.subscribe(&channels).wait(crate::PATIENCE));
    assert_eq!(a.elsewhere(&channels), vec![1; 300]);
    for channel in &channels {
        a.ring(*channel, [format!("{channel:?}")]);
    }
    wait_for("all bells", || (b.ear.heard().len() == 300).then_some(()));
    for master in redis.masters() {
        let count = redis.command_to(master, &["PUBSUB", "SHARDCHANNELS"]).matches(IDENTITY).count();
        assert!(count > 50, "{count} channels on one of three servers");
    }
    b.bus.unsubscribe(&channels);
    wait_for("the subscriptions to end", || (a.elsewhere(&channels) == vec![0; 300]).then_some(()));
}

#[test]
fn a_slot_that_moves_takes_its_subscriptions_along_and_only_they_are_resynced() {
    let redis = Shards::start();
    let [a, b] = two(&redis);
    let [from, to, other] = redis.masters().try_into().unwrap();
    let ((number, moved), (_, stays)) = (user_on(&redis, from), user_on(&redis, other));
    b.subscribe(moved);
    b.subscribe(stays);
    a.reaches(&b, moved, "before");
    redis.move_slots([redis.slot_of(&of(&format!("u:{number}")))], to);
    let parts = || b.ear.parts.lock().unwrap().clone();
    wait_for("the resync of the slot", || parts().iter().any(|(why, _)| *why == MOVED).then_some(()));
    a.reaches(&b, moved, "after");
    a.reaches(&b, stays, "beside");
    assert_eq!(a.elsewhere(&[moved, stays]), [1, 1]);
    for (why, part) in parts() {
        assert!(part.contains(moved) && !part.contains(stays), "{why}");
    }
    assert_eq!((b.ear.resyncs(AWAY), b.ear.resyncs(LOST), b.metrics.bus_reconnects.get()), (0, 0, 0));
    assert_eq!(b.bus.link(), LinkState::Up);
    // Back again, with whoever comes meanwhile.
    redis.move_slots([redis.slot_of(&of(&format!("u:{number}")))], from);
    b.subscribe(moved);
    a.reaches(&b, moved, "and back");
    assert_eq!((b.bus.link(), b.metrics.bus_reconnects.get()), (LinkState::Up, 0));
}

#[test]
fn whoever_subscribes_in_a_slot_that_has_just_moved_is_subscribed_where_it_is_now() {
    let redis = Shards::start();
    let [a, b] = two(&redis);
    let [from, to, _] = redis.masters().try_into().unwrap();
    let on_first = (1..1000).filter(|number| redis.master_of(&of(&format!("u:{number}"))) == from);
    // What every node is subscribed to stays where it is.
    let standing = ["nodes", "all", "n:0000000000000001", "n:0000000000000002"].map(|name| redis.slot_of(&of(name)));
    for number in on_first.take(5) {
        let slot = redis.slot_of(&of(&format!("u:{number}")));
        assert!(!standing.contains(&slot));
        redis.move_slots([slot], to);
        b.subscribe(user(number));
        a.reaches(&b, user(number), &format!("{number}"));
        redis.move_slots([slot], from);
        b.bus.unsubscribe(&[user(number)]);
        b.subscribe(user(number));
        a.reaches(&b, user(number), &format!("{number} and back"));
    }
    assert_eq!((b.bus.link(), b.metrics.bus_reconnects.get()), (LinkState::Up, 0));
    assert_eq!(
        (b.ear.resyncs(AWAY), b.ear.parts.lock().unwrap().iter().filter(|(why, _)| *why == AWAY).count()),
        (0, 0)
    );
}

#[test]
fn many_slots_that_move_one_after_the_other_lose_nothing() {
    let redis = Shards::start();
    let [a, b] = two(&redis);
    let channels: Vec<Channel> = (1..=400).map(user).collect();
    assert!(b.bus.subscribe(&channels).wait(crate::PATIENCE));
    let [first, second, _] = redis.masters().try_into().unwrap();
    let slots: Vec<usize> = (1..=400).map(|number| redis.slot_of(&of(&format!("u:{number}")))).collect();
    let of_first: Vec<usize> = slots.into_iter().filter(|slot| *slot < 16384 / 3).take(60).collect();
    redis.move_slots(of_first.iter().copied(), second);
    wait_for("all to be subscribed", || (a.ask(&channels).ok()?.iter().sum::<u64>() == 400).then_some(()));
    for channel in &channels {
        a.reaches(&b, *channel, &format!("{channel:?}"));
    }
    redis.move_slots(of_first, first);
}

#[test]
fn a_master_that_dies_is_replaced_and_only_its_slots_are_resynced() {
    let mut redis = Shards::start();
    let [a, b] = two(&redis);
    let nodes = redis.master_of(&of("nodes"));
    let lives: Vec<usize> = [1, 2].map(|id| redis.master_of(&of(&format!("n:{id:016x}")))).into();
    let all = redis.master_of(&of("all"));
    // One that carries nothing that concerns every node, if there is one.
    let victim = redis.masters().into_iter().find(|at| *at != nodes && *at != all && !lives.contains(at));
    let victim = victim.unwrap_or_else(|| redis.masters()[0]);
    let other = redis.masters().into_iter().find(|at| *at != victim).unwrap();
    let ((_, lost), (_, stays)) = (user_on(&redis, victim), user_on(&redis, other));
    b.subscribe(lost);
    b.subscribe(stays);
    redis.lose(victim);
    let parts = || b.ear.parts.lock().unwrap().clone();
    wait_for("the resync of the shard", || parts().iter().any(|(why, _)| *why == AWAY).then_some(()));
    a.reaches(&b, lost, "after");
    a.reaches(&b, stays, "beside");
    assert!(parts().iter().filter(|(why, _)| *why == AWAY).all(|(_, part)| part.contains(lost)));
    assert!(parts().iter().any(|(_, part)| !part.contains(stays)));
    a.wait_for_link(LinkState::Up);
    wait_for("presence", || (a.ask(&[lost, stays]).ok()?[..] == [1, 1]).then_some(()));
}

#[test]
fn bells_for_the_other_servers_go_on_while_one_is_away() {
    let mut redis = Shards::start();
    let [a, b] = two(&redis);
    // The first one is frozen.
    let (_, stays) = user_on(&redis, redis.masters()[1]);
    b.subscribe(stays);
    redis.signal("STOP");
    a.reaches(&b, stays, "meanwhile");
    redis.signal("CONT");
}

#[test]
fn a_fail_over_by_command_is_followed() {
    let redis = Shards::start();
    let [a, b] = two(&redis);
    let channels: Vec<Channel> = (1..=50).map(group).collect();
    assert!(b.bus.subscribe(&channels).wait(crate::PATIENCE));
    for master in redis.masters() {
        redis.fail_over(master);
    }
    a.wait_for_link(LinkState::Up);
    wait_for("all to be subscribed", || (a.ask(&channels).ok()?.iter().sum::<u64>() == 50).then_some(()));
    for channel in &channels {
        a.reaches(&b, *channel, &format!("{channel:?}"));
    }
}

#[test]
fn a_password_holds_for_all_servers() {
    let redis = Shards::with_password(Some("open-sesame"));
    let [a, b] = two(&redis);
    b.subscribe(user(1));
    a.reaches(&b, user(1), "let in");
    let refused = |url: &str, advice: &str| {
        let told = probe(url, Some(IDENTITY)).unwrap_err();
        assert!(told.contains(advice) && !told.contains("open-sesame"), "{told}");
    };
    assert_eq!(probe(&redis.url(), Some(IDENTITY)), Ok(()));
    refused(&redis.url().replace("open-sesame", "nobody"), "is wrong");
    refused(&format!("redis+cluster://127.0.0.1:{}", free_port()), "no server of the cluster answers");
    let single = Redis::start();
    refused(&single.url().replace("redis:", "redis+cluster:"), "write redis:// for a single one");
    for master in redis.masters() {
        let limited = ["ACL", "SETUSER", "limited", "on", ">pw", "+@all", "-ssubscribe", "&*"];
        assert_eq!(redis.command_to(master, &limited), "+OK");
    }
    for replica in 3..6 {
        redis.command_to(replica, &["ACL", "SETUSER", "limited", "on", ">pw", "+@all", "-ssubscribe", "&*"]);
    }
    refused(&redis.url().replace(":open-sesame@", "limited:pw@"), "+ssubscribe");
}

#[test]
fn servers_may_come_later_than_the_node() {
    let mut redis = Shards::start();
    let way = redis.way();
    redis.kill();
    let node = Node::start(&way, 1, crate::brisk());
    let ticket = node.bus.subscribe(&[user(1)]);
    assert!(!node.bus.wait_for_introduction(crate::PATIENCE), "nobody waits for what is not there");
    assert_eq!(node.bus.link(), LinkState::Down);
    wait_for("nobody to wait for the ticket", || ticket.look());
    redis.restart();
    node.wait_for_link(LinkState::Up);
    let other = Node::up(&way, 2);
    other.reaches(&node, user(1), "subscribed");
}
