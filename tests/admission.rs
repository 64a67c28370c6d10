//! What a node is told that Redis will never let in, and that it is told at start.
#![allow(clippy::unwrap_used, reason = "helpers of tests; allow-unwrap-in-tests misses them")]

mod common;

use std::sync::Arc;

use common::redis::Redis;
use stonechat::bus::redis::{RedisBus, RedisBusError};
use stonechat::ids::NodeId;
use stonechat::metrics::Metrics;

const IDENTITY: &str = "cafe";

/// What a node with this URL is told when it starts; `None`: it may.
fn refusal(url: &str) -> Option<String> {
    let bus = RedisBus::new(url, NodeId(1), IDENTITY, Arc::new(Metrics::new())).unwrap();
    assert_eq!(bus.check().is_err(), stonechat::bus::redis::probe(url, Some(IDENTITY)).is_err(), "check-config agrees");
    bus.check().err().map(|error| error.to_string())
}

#[test]
fn what_redis_will_never_allow_is_an_error_at_start() {
    let mut redis = Redis::with_password(Some("open-sesame"));
    let port = redis.port();
    assert_eq!(refusal(&redis.url()), None);
    let refused = |credentials: &str, advice: &str| {
        let text = refusal(&format!("redis://{credentials}127.0.0.1:{port}/")).expect("a refusal");
        assert!(text.contains(advice) && !text.contains("open-sesame"), "{text}");
    };
    refused(":wrong@", "the password in the URL is wrong");
    refused("", "it wants a password");
    let user = |name: &str, rules: &[&str]| {
        let words = [&["ACL", "SETUSER", name, "on", ">open-sesame", "resetchannels"], rules].concat();
        assert_eq!(redis.command(&words), "+OK");
    };
    let channels = format!("&{IDENTITY}:*");
    let needed = ["+ping", "+publish", "+subscribe", "+unsubscribe", "+pubsub|numsub"];
    user("node", &[&needed[..], &[&channels]].concat());
    assert_eq!(refusal(&format!("redis://node:open-sesame@127.0.0.1:{port}/")), None, "it needs nothing more");
    user("foreigner", &[&needed[..], &["&somewhere:*"]].concat());
    refused("foreigner:open-sesame@", &channels);
    for (index, missing) in needed.iter().enumerate() {
        let rest: Vec<&str> = needed.iter().copied().filter(|command| command != missing).collect();
        let name = format!("lame{index}");
        user(&name, &[&rest[..], &[&channels]].concat());
        refused(&format!("{name}:open-sesame@"), missing);
    }
    redis.kill();
    let bus = RedisBus::new(&redis.url(), NodeId(1), IDENTITY, Arc::new(Metrics::new())).unwrap();
    assert!(bus.check().is_ok(), "a Redis that is away may come");
}

#[test]
fn a_password_for_a_redis_that_has_none_is_an_error_at_start() {
    let redis = Redis::start();
    let text = refusal(&format!("redis://:secret@127.0.0.1:{}/", redis.port())).expect("a refusal");
    assert!(text.contains("it has no password") && !text.contains("secret"), "{text}");
}

#[test]
fn a_bad_url_is_an_error_at_once() {
    for url in ["redis//x", "http://127.0.0.1/", "unix://"] {
        let refused = RedisBus::new(url, NodeId(1), IDENTITY, Arc::new(Metrics::new()));
        assert!(matches!(refused, Err(RedisBusError::Url(_))), "{url}");
    }
}
