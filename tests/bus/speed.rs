//! How many bells a second come through; run by hand, for docs/performance.md.
//!
//!     cargo test --release --test bus bells_a_second -- --ignored --nocapture

use std::time::{Duration, Instant};

use bytes::Bytes;
use stonechat::bus::{Bell, Bus, Channel};

use crate::common::redis::{AnyRedis, Redis};
use crate::common::shards::Shards;
use crate::{Node, user};

/// How long it is measured.
const TIME: Duration = Duration::from_secs(4);

/// Users whose bells ring, each heard by one node.
const USERS: i64 = 3000;

/// Bells that are under way at most: fewer than the publisher's queue has room for.
const UNDER_WAY: u64 = 20_000;

#[test]
#[ignore = "it measures"]
fn bells_a_second() {
    let one = measure(&Redis::start());
    println!("one Redis: {one} bells a second");
    let three = measure(&Shards::start());
    println!("a Redis Cluster of three masters: {three} bells a second");
}

/// Two nodes ring, two others hear: bells that came in each second.
fn measure(redis: &impl AnyRedis) -> u128 {
    let way = redis.way();
    let nodes: Vec<Node> = (1..=4).map(|id| Node::up(&way, id)).collect();
    let (ringing, hearing) = nodes.split_at(2);
    let users: Vec<Channel> = (1..=USERS).map(user).collect();
    for (node, users) in hearing.iter().zip(users.chunks(users.len() / 2)) {
        assert!(node.bus.subscribe(users).wait(crate::PATIENCE));
    }
    // As long as an ordinary message's.
    let payload = Bytes::from(vec![b'x'; 200]);
    let heard = || hearing.iter().map(|node| node.metrics.bus_heard.get()).sum::<u64>();
    let dropped = || ringing.iter().map(|node| node.metrics.bus_dropped.get()).sum::<u64>();
    let (begun, mut rung) = (Instant::now(), 0);
    while begun.elapsed() < TIME {
        if rung - heard() > UNDER_WAY {
            std::thread::sleep(Duration::from_micros(200));
            continue;
        }
        for (node, users) in ringing.iter().zip(users.chunks(users.len() / 2)) {
            let bells = users.iter().map(|channel| Bell { channel: *channel, payload: payload.clone() });
            node.bus.publish(bells.collect());
        }
        rung += USERS.unsigned_abs();
    }
    let rate = u128::from(heard()) * 1000 / begun.elapsed().as_millis();
    assert_eq!(dropped(), 0, "no bell found the queue full");
    rate
}
