//! Whose data it is: two installations never meet by accident, and when the data went back (a restore, a fail-over to
//! older data) every new message is shown.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests wait for real servers")]

mod common;

use common::client::{Client, unique};
use common::mariadb::MariaDb;
use common::node::Node;
use common::redis::Redis;
use serde_json::json;

/// A node on a database of its own name on the shared server.
fn node_on(mysql: &str, redis: &Redis, settings: &[&str]) -> Node {
    let redis = redis.url();
    let mut args = vec!["--mysql", mysql, "--redis", &redis];
    args.extend(settings.iter().flat_map(|setting| ["--set", setting]));
    Node::start(&args)
}

fn new_database() -> String {
    MariaDb::shared().url(&unique("identity").replace('-', "_"))
}

// --- two installations ----------------------------------------------------------------------------------------

#[test]
fn two_installations_on_one_redis_do_not_meet() {
    let redis = Redis::start();
    let (one, other) = (new_database(), new_database());
    let settings = ["session_policy=replace"];
    let [mine, also_mine] = [(); 2].map(|()| node_on(&one, &redis, &settings));
    let foreign = node_on(&other, &redis, &settings);
    // The same numbers on both sides: users 1 and 2, group 1.
    let mut anna = Client::newcomer(mine.addr(), "anna");
    let mut ben = Client::newcomer(also_mine.addr(), "ben");
    let mut other_anna = Client::newcomer(foreign.addr(), "anna");
    let mut other_ben = Client::newcomer(foreign.addr(), "ben");
    assert_eq!([anna.id, ben.id], [other_anna.id, other_ben.id]);
    anna.expect_silence();
    ben.expect_silence();
    let group = anna.create_group("chess");
    assert_eq!(other_anna.create_group("go"), group);
    ben.join(group);
    other_ben.join(group);
    for client in [&mut anna, &mut other_anna] {
        client.expect_notice("group_joined");
    }
    for number in 1..=3 {
        other_anna.say(ben.id, &format!("foreign {number}"));
        other_anna.say_to_group(group, &format!("foreign {number}"));
    }
    anna.say(ben.id, "to ben");
    anna.say_to_group(group, "to all");
    assert_eq!(ben.expect_push(6)["msg"], "to ben");
    assert_eq!(ben.expect_push(10)["msg"], "to all");
    ben.expect_silence();
    anna.expect_silence();
    let mut again = Client::login_as(foreign.addr(), &other_anna.name);
    other_anna.expect_closed();
    assert_eq!(again.ok(json!({"msgid": 31, "keyword": "anna"}))["users"].as_array().unwrap().len(), 1);
    anna.expect_silence();
    ben.say(anna.id, "still here");
    assert_eq!(anna.expect_push(6)["msg"], "still here");
}
