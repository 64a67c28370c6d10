//! The files in `monitoring/`: Prometheus takes them, each alert can be raised, and what they ask for and what is written about
//! them exists.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use stonechat::metrics::{Metrics, Reason, Refusal};
use stonechat::net::CloseReason;

/// What OpenMetrics adds to the name of a counter, of a histogram, or of what is only told.
const ENDINGS: [&str; 5] = ["_total", "_bucket", "_sum", "_count", "_info"];

fn text(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Runs promtool in `monitoring/`.
fn promtool(args: &[&str]) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("monitoring");
    let done = Command::new("promtool").args(args).current_dir(folder).output().expect("promtool is installed");
    let (out, errors) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "promtool {args:?}:\n{out}{errors}");
}

/// The names in it that begin like this.
fn names(text: &str, begin: &str) -> BTreeSet<String> {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == ':';
    text.split(|letter| !is_part(letter)).filter(|word| word.starts_with(begin)).map(str::to_owned).collect()
}

/// Behind `key` in each line that begins with it, whatever is ahead of it.
fn values<'t>(text: &'t str, key: &'t str) -> impl Iterator<Item = String> + 't {
    text.lines().filter_map(move |line| line.trim().strip_prefix(key)).map(|value| value.trim().to_owned())
}

/// The first cell of each row of the tables below this heading of docs/monitoring.md.
fn rows_below(heading: &str) -> Vec<String> {
    let document = text("docs/monitoring.md");
    let section = document.split("\n## ").find(|section| section.starts_with(heading)).expect("the heading is there");
    let cells = section.lines().filter_map(|line| line.strip_prefix("| ")?.split(" | ").next());
    cells.skip(1).map(str::to_owned).collect()
}

#[test]
fn prometheus_takes_the_files_and_each_alert_is_raised_when_it_should_be() {
    promtool(&["check", "config", "prometheus.yml"]);
    promtool(&["check", "rules", "recording.rules.yml", "alerts.rules.yml"]);
    promtool(&["test", "rules", "tests.yml"]);
    let tested: BTreeSet<String> = names(&text("monitoring/tests.yml"), "Stonechat");
    let alerts: BTreeSet<String> = values(&text("monitoring/alerts.rules.yml"), "- alert:").collect();
    assert!(alerts.len() > 10 && tested == alerts, "tested: {tested:?}\nthere are: {alerts:?}");
}

#[test]
fn what_is_asked_for_is_counted() {
    let metrics = Metrics::new();
    // What has labels shows once it has counted.
    metrics.closed.get_or_create(&Reason { reason: CloseReason::PeerClosed }).inc();
    metrics.requests_refused.get_or_create(&Refusal { errno: 503 }).inc();
    let counted: BTreeSet<String> = metrics
        .text()
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next().map(str::to_owned))
        .collect();
    let recorded: BTreeSet<String> = values(&text("monitoring/recording.rules.yml"), "- record:").collect();
    for file in ["recording.rules.yml", "alerts.rules.yml", "tests.yml", "grafana.json"] {
        let asked = names(&text(&format!("monitoring/{file}")), "stonechat_");
        let unknown: Vec<&String> = asked
            .iter()
            .filter(|name| {
                let base = ENDINGS.iter().find_map(|ending| name.strip_suffix(ending));
                !counted.contains(*name) && !base.is_some_and(|base| counted.contains(base))
            })
            .collect();
        assert!(unknown.is_empty() && counted.len() > 20, "{file}: no node counts {unknown:?}");
        let used = names(&text(&format!("monitoring/{file}")), "stonechat:");
        assert!(used.is_subset(&recorded), "{file}: no rule records {:?}", used.difference(&recorded));
    }
}

#[test]
fn what_is_shown_and_raised_is_explained() {
    let dashboard: Value = serde_json::from_str(&text("monitoring/grafana.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let titles: Vec<&str> = panels.map(|panel| panel["title"].as_str().unwrap()).collect();
    assert_eq!(rows_below("What the dashboard shows"), titles);
    let alerts: Vec<String> = values(&text("monitoring/alerts.rules.yml"), "- alert:").collect();
    assert_eq!(rows_below("What the alerts mean"), alerts);
}
