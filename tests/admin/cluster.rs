//! Two nodes: what is done at one holds at the other, with Redis and without.

use serde_json::{Value, json};

use crate::common::client::Client;
use crate::common::mariadb::MariaDb;
use crate::common::process::wait_for;
use crate::common::redis::Redis;
use crate::desk::Desk;

fn two(name: &str, redis: &Redis) -> [Desk; 2] {
    let (mysql, redis) = (MariaDb::shared().url(name), redis.url());
    let one = || Desk::start(&["--mysql", &mysql, "--redis", &redis], Some(name.to_owned()), &["session_policy=multi"]);
    [one(), one()]
}

#[test]
fn what_is_done_at_one_node_holds_at_the_other() {
    let redis = Redis::start();
    let [here, there] = two("admin_cluster", &redis);
    let mut ann = Client::newcomer(there.node.addr(), "ann");
    let mut ben = Client::newcomer(there.node.addr(), "ben");
    let mut eve = Client::newcomer(there.node.addr(), "eve");
    here.post("/v1/broadcast", json!({"text": "hello"}));
    for client in [&mut ann, &mut ben, &mut eve] {
        assert_eq!(client.expect_notice("broadcast")["text"], "hello");
    }
    here.post(&format!("/v1/users/{}/disable", ann.id), Value::Null);
    ann.expect_closed();
    here.post(&format!("/v1/users/{}/logout", ben.id), Value::Null);
    ben.expect_closed();
    here.post(&format!("/v1/users/{}/erase", eve.id), Value::Null);
    eve.expect_closed();
    there.node.connect().refused(json!({"msgid": 1, "id": ann.id, "token": ann.token}), 403);
}

#[test]
fn a_disabled_users_sessions_end_without_redis_as_well() {
    let mut redis = Redis::start();
    let [here, there] = two("admin_without_redis", &redis);
    let mut ann = Client::newcomer(there.node.addr(), "ann");
    let mut ben = Client::newcomer(there.node.addr(), "ben");
    redis.kill();
    here.post(&format!("/v1/users/{}/disable", ann.id), Value::Null);
    ann.expect_closed();
    here.post(&format!("/v1/users/{}/reset-password", ben.id), Value::Null);
    ben.expect_closed();
    wait_for("the loss of Redis to be noticed", || {
        let told = here.post("/v1/broadcast", json!({"text": "x"}))["told"].clone();
        (told == "this node only: Redis is away").then_some(())
    });
}
