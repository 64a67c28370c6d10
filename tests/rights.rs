//! Rights against time: somebody loses one while thousands of messages are on their way. Whatever is acknowledged after the
//! acknowledgement of the loss would be too much.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests wait for real servers")]

mod common;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};

use common::client::Client;
use common::cluster::Cluster;
use common::mariadb::MariaDb;
use common::node::Node;
use serde_json::{Value, json};

/// What a race sends at most.
const MESSAGES: u64 = 10_000;

/// What it needs to be as fast as it can.
const SETTINGS: [&str; 2] = ["limits.messages_per_second=1000000", "limits.inflight=512"];

/// Where a race takes place: the one who loses a right is at `here`, who takes it at `there`.
#[derive(Clone, Copy)]
struct Track {
    here: SocketAddr,
    there: SocketAddr,
}

fn on_every_track(race: impl Fn(Track)) {
    let node = Node::with_settings(&SETTINGS);
    race(Track { here: node.addr(), there: node.addr() });
    drop(node);
    let cluster = Cluster::start(&MariaDb::shared().url("rights"), 2, &SETTINGS);
    race(Track { here: cluster.node(0), there: cluster.node(1) });
    race(Track { here: cluster.node(1), there: cluster.node(1) });
}

/// Sends requests for as long as they are taken, and until it is told to stop. The numbers of those that were stored, and the
/// errno of the first that was not.
fn run(runner: &mut Client, request: impl Fn(u64) -> Value, is_lost: &AtomicBool) -> (Vec<u64>, Option<i64>) {
    const AT_ONCE: u64 = 100;
    let (mut stored, mut refused) = (Vec::new(), None);
    for turn in 0..MESSAGES / AT_ONCE {
        // One turn more after the loss is known: every one of it must be refused.
        let is_over = is_lost.load(Ordering::Acquire);
        let lines: Vec<String> = (0..AT_ONCE).map(|n| request(turn * AT_ONCE + n).to_string() + "\n").collect();
        runner.send_raw(lines.concat().as_bytes());
        let mut replies = 0;
        while replies < AT_ONCE {
            let reply = runner.recv();
            let Some(errno) = reply.get("errno").and_then(Value::as_i64) else { continue };
            replies += 1;
            match reply["seq"].as_u64() {
                Some(seq) => stored.push(seq),
                None => refused = refused.or(Some(errno)),
            }
        }
        if is_over {
            break;
        }
    }
    (stored, refused)
}

/// While `runner` sends, `taker` takes a right; what is stored of the runner's comes ahead of
/// what the taker says next: of the number that `take` returns.
fn race(runner: &mut Client, request: impl Fn(u64) -> Value + Sync, take: impl FnOnce() -> u64 + Send) {
    let is_lost = AtomicBool::new(false);
    let (stored, refused, mark) = std::thread::scope(|scope| {
        let racing = scope.spawn(|| run(runner, &request, &is_lost));
        std::thread::sleep(std::time::Duration::from_millis(50));
        let mark = take();
        is_lost.store(true, Ordering::Release);
        let (stored, refused) = racing.join().expect("the runner");
        (stored, refused, mark)
    });
    assert_eq!(refused, Some(403), "{} were stored, and none refused", stored.len());
    let late: Vec<&u64> = stored.iter().filter(|seq| **seq > mark).collect();
    assert!(late.is_empty(), "stored behind {mark}, which was said after the loss was acknowledged: {late:?}");
}

/// A group of the taker's with the runner in it.
fn group_of(track: Track) -> (Client, Client, u64) {
    let mut taker = Client::newcomer(track.there, "taker");
    let mut runner = Client::newcomer(track.here, "runner");
    let group = taker.create_group("race");
    runner.join(group);
    (taker, runner, group)
}

fn mark(taker: &mut Client, group: u64) -> u64 {
    taker.say_to_group(group, "from here on")["seq"].as_u64().expect("an ack has a seq")
}

/// A member talks while the group's creator asks for something, after which nothing more may be said.
fn nothing_is_said_after(loss: impl Fn(u64, u64) -> Value + Sync) {
    on_every_track(|track| {
        let (mut taker, mut runner, group) = group_of(track);
        let id = runner.id;
        race(
            &mut runner,
            |n| json!({"msgid": 10, "groupid": group, "msg": n.to_string()}),
            || {
                taker.ok(loss(group, id));
                mark(&mut taker, group)
            },
        );
    });
}

#[test]
fn a_kicked_member_says_nothing_more() {
    nothing_is_said_after(|group, id| json!({"msgid": 71, "groupid": group, "id": id}));
}

#[test]
fn a_muted_member_says_nothing_more() {
    nothing_is_said_after(|group, id| json!({"msgid": 75, "groupid": group, "id": id, "seconds": 3_600}));
}

#[test]
fn where_only_admins_speak_nobody_else_does() {
    nothing_is_said_after(|group, _| json!({"msgid": 67, "groupid": group, "speak": "admins"}));
}

#[test]
fn an_admin_who_is_one_no_more_recalls_nothing_of_others() {
    on_every_track(|track| {
        let (mut taker, mut runner, group) = group_of(track);
        let id = runner.id;
        taker.ok(json!({"msgid": 69, "groupid": group, "id": id, "role": "admin"}));
        for n in 0..MESSAGES / 5 {
            taker.send(&json!({"msgid": 10, "groupid": group, "msg": n.to_string()}));
            if n % 100 == 99 {
                taker.expect_pushes(12, 100);
            }
        }
        race(
            &mut runner,
            |n| json!({"msgid": 59, "groupid": group, "of": n % (MESSAGES / 5) + 1}),
            || {
                taker.ok(json!({"msgid": 69, "groupid": group, "id": id, "role": "normal"}));
                mark(&mut taker, group)
            },
        );
    });
}

#[test]
fn a_blocked_user_is_heard_no_more() {
    on_every_track(|track| {
        let mut taker = Client::newcomer(track.there, "taker");
        let mut runner = Client::newcomer(track.here, "runner");
        let (from, to) = (runner.id, taker.id);
        race(
            &mut runner,
            |n| json!({"msgid": 6, "toid": to, "msg": n.to_string()}),
            || {
                taker.ok(json!({"msgid": 53, "id": from, "on": true}));
                let last = taker.ok(json!({"msgid": 43, "id": from, "limit": 1}));
                last["messages"][0]["seq"].as_u64().unwrap_or(0)
            },
        );
    });
}
