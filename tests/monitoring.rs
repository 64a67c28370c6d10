//! What watches the server: Prometheus' rules and Grafana's dashboard, against a server that runs and against promtool.

#![allow(clippy::unwrap_used, reason = "helpers of tests; allow-unwrap-in-tests misses them")]

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use common::client::Client;
use common::http::get;
use common::node::Node;
use serde_json::Value;

fn text(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("monitoring").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The metrics that a text names.
fn metrics(text: &str) -> BTreeSet<String> {
    let part_of_a_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let names =
        text.match_indices("stonechat_").map(|(at, _)| text[at..].split(|c| !part_of_a_name(c)).next().unwrap());
    names.map(str::to_owned).collect()
}

#[test]
fn the_rules_do_what_their_tests_say() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("monitoring");
    for words in [["check", "rules", "stonechat.rules.yml"], ["test", "rules", "stonechat.test.yml"]] {
        let ended = Command::new("promtool").args(words).current_dir(&folder).output();
        let ended = ended.unwrap_or_else(|error| panic!("promtool: {error}; see the README for what to install"));
        assert!(ended.status.success(), "{words:?}: {ended:?}");
    }
}

#[test]
fn every_alert_has_a_test() {
    let tests = text("stonechat.test.yml");
    let untested =
        ["StonechatBellsDropped", "StonechatSlowReaders", "StonechatCannotAccept", "StonechatConversationsLocked"];
    for alert in text("stonechat.rules.yml").lines().filter_map(|line| line.trim().strip_prefix("- alert: ")) {
        assert!(tests.contains(alert), "{alert} is not tried");
        let fires = tests.contains(&format!("alertname: {alert}\n"));
        assert!(fires || untested.contains(&alert), "{alert} never fires in a test");
    }
}

#[test]
fn rules_and_dashboard_ask_for_metrics_that_there_are() {
    let node = Node::start(&["--admin", "127.0.0.1:0"]);
    let mut anna = Client::newcomer(node.addr(), "anna");
    anna.refused(serde_json::json!({"msgid": 6, "toid": 2_000_000_000, "msg": "to nobody"}), 404);
    drop(Client::connect(node.addr()));
    let there = get(node.admin(), "/metrics").1;
    let there = metrics(&there);
    for name in ["stonechat.rules.yml", "grafana.json"] {
        let asked = metrics(&text(name));
        assert!(asked.len() > 10, "{name}: {asked:?}");
        let unknown: Vec<_> = asked.difference(&there).collect();
        // It counts when the first connection is closed, which may be a moment ahead.
        assert!(unknown.is_empty() || unknown == ["stonechat_closed_total"], "{name} asks for {unknown:?}");
    }
}

#[test]
fn the_dashboard_explains_each_panel_and_shows_every_metric() {
    let dashboard: Value = serde_json::from_str(&text("grafana.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    for panel in panels {
        assert!(panel["description"].as_str().is_some_and(|text| text.len() > 10), "{}", panel["title"]);
        assert!(!panel["targets"].as_array().unwrap().is_empty(), "{}", panel["title"]);
    }
    let node = Node::start(&["--admin", "127.0.0.1:0"]);
    let shown = metrics(&text("grafana.json"));
    for line in get(node.admin(), "/metrics").1.lines().filter(|line| line.starts_with("# TYPE ")) {
        let name = line.split(' ').nth(2).unwrap();
        assert!(shown.iter().any(|shown| shown.starts_with(name)), "no panel shows {name}");
    }
}
