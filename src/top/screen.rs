//! The screen: a row for each node, and one for all of them.

use std::time::Duration;

use super::reading::Reading;

/// What stands above the columns.
const HEAD: [&str; 13] = [
    "node",
    "sessions",
    "open",
    "in/s",
    "stored/s",
    "pushed/s",
    "p50",
    "p99",
    "queued",
    "jobs",
    "failed/s",
    "refused/s",
    "bus",
];

/// What a node does.
#[derive(Debug)]
pub(super) struct Row {
    node: String,
    does: Does,
}

#[derive(Debug)]
enum Does {
    /// It does not answer.
    Nothing(String),
    Work(Work),
}

/// Numbers of a node; rates are a second's.
#[derive(Debug, Default)]
struct Work {
    sessions: f64,
    connections: f64,
    lines_in: f64,
    stored: f64,
    pushed: f64,
    /// Seconds of a commit: half of them, and all but one in a hundred, took at most so long.
    commit: [Option<f64>; 2],
    queued: f64,
    jobs: f64,
    failed: f64,
    refused: f64,
    hears_others: bool,
}

impl Row {
    /// A node that was read twice, so much time apart; without any no rate is known.
    pub(super) fn of(node: &str, before: &Reading, now: &Reading, passed: Duration) -> Self {
        let seconds = passed.as_secs_f64();
        let rate = |counter: &str| if seconds > 0.0 { now.grown(before, counter) / seconds } else { 0.0 };
        let commit = |share| now.quantile(before, "stonechat_lane_commit_seconds", share);
        let does = Does::Work(Work {
            sessions: now.gauge("stonechat_sessions"),
            connections: now.gauge("stonechat_connections"),
            lines_in: rate("stonechat_lines_in_total"),
            stored: rate("stonechat_messages_stored_total"),
            pushed: rate("stonechat_messages_pushed_total"),
            commit: [commit(0.5), commit(0.99)],
            queued: now.gauge("stonechat_lane_queued"),
            jobs: now.gauge("stonechat_worker_queued"),
            failed: rate("stonechat_store_errors_total"),
            refused: rate("stonechat_requests_refused_total"),
            hears_others: now.gauge("stonechat_bus_up") > 0.0,
        });
        Self { node: node.to_owned(), does }
    }

    /// A node that does not answer, and why.
    pub(super) fn silent(node: &str, why: &str) -> Self {
        Self { node: node.to_owned(), does: Does::Nothing(why.to_owned()) }
    }

    fn cells(&self) -> Vec<String> {
        match &self.does {
            Does::Nothing(why) => vec![self.node.clone(), format!("does not answer: {why}")],
            Does::Work(work) => {
                let mut cells = vec![self.node.clone()];
                cells.extend(work.cells());
                cells
            }
        }
    }
}

impl Work {
    fn cells(&self) -> Vec<String> {
        let Self { sessions, connections, lines_in, stored, pushed, commit, queued, jobs, failed, refused, .. } = self;
        let mut cells: Vec<String> =
            [sessions, connections, lines_in, stored, pushed].into_iter().map(|value| count(*value)).collect();
        cells.extend(commit.iter().map(|seconds| seconds.map_or_else(|| "-".to_owned(), time)));
        cells.extend([queued, jobs, failed, refused].into_iter().map(|value| count(*value)));
        cells.push(if self.hears_others { "up" } else { "DOWN" }.to_owned());
        cells
    }

    /// Takes another node's numbers in. Times are those of the slower one.
    fn add(&mut self, other: &Self) {
        self.sessions += other.sessions;
        self.connections += other.connections;
        self.lines_in += other.lines_in;
        self.stored += other.stored;
        self.pushed += other.pushed;
        for (own, other) in self.commit.iter_mut().zip(other.commit) {
            *own = [*own, other].into_iter().flatten().reduce(f64::max);
        }
        self.queued += other.queued;
        self.jobs += other.jobs;
        self.failed += other.failed;
        self.refused += other.refused;
        self.hears_others &= other.hears_others;
    }
}

/// The rows as a table, with their sum if there are several.
pub(super) fn text(rows: &[Row]) -> String {
    let mut lines = vec![HEAD.iter().map(|&title| title.to_owned()).collect()];
    lines.extend(rows.iter().map(Row::cells));
    let works: Vec<&Work> = rows.iter().filter_map(Row::work).collect();
    if rows.len() > 1 {
        let mut all = Work { hears_others: !works.is_empty(), ..Work::default() };
        for work in &works {
            all.add(work);
        }
        let mut cells = vec![format!("{} of {}", works.len(), rows.len())];
        cells.extend(all.cells());
        lines.push(cells);
    }
    let width = |column: usize| {
        let cells = lines.iter().filter(|line| line.len() == HEAD.len());
        cells.map(|line: &Vec<String>| line[column].chars().count()).max().unwrap_or(0)
    };
    let names = lines.iter().map(|line| line[0].chars().count()).max().unwrap_or(0);
    let mut out = String::new();
    for line in &lines {
        let cells = line.iter().enumerate().map(|(column, cell)| match column {
            0 => format!("{cell:names$}"),
            _ if line.len() == HEAD.len() => format!("{cell:>width$}", width = width(column)),
            _ => cell.clone(),
        });
        out.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        out.push('\n');
    }
    out
}

impl Row {
    fn work(&self) -> Option<&Work> {
        match &self.does {
            Does::Work(work) => Some(work),
            Does::Nothing(_) => None,
        }
    }
}

/// A number without what nobody reads of it.
fn count(value: f64) -> String {
    if value.fract() == 0.0 || value >= 10.0 { format!("{value:.0}") } else { format!("{value:.1}") }
}

/// Seconds, as the upper bound that they are.
fn time(seconds: f64) -> String {
    if seconds.is_infinite() {
        return "long".to_owned();
    }
    if seconds < 1.0 { format!("{:.1}ms", seconds * 1000.0) } else { format!("{seconds:.1}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_node_has_a_row_and_all_of_them_have_one() {
        let before = Reading::of("stonechat_messages_stored_total 100\n");
        let now = Reading::of(
            "stonechat_sessions 12000\nstonechat_connections 12010\nstonechat_messages_stored_total 300\nstonechat_bus_up 1\n\
             stonechat_lane_commit_seconds_bucket{le=\"0.0032\"} 99\nstonechat_lane_commit_seconds_bucket{le=\"+Inf\"} 100\n",
        );
        let second = Duration::from_secs(2);
        let rows = [
            Row::of("a:9101", &before, &now, second),
            Row::of("b:9102", &now, &now, second),
            Row::silent("c:9103", "Connection refused"),
        ];
        let shown = text(&rows);
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!(
            lines,
            [
                "node    sessions   open  in/s  stored/s  pushed/s    p50    p99  queued  jobs  failed/s  refused/s  bus",
                "a:9101     12000  12010     0       100         0  3.2ms  3.2ms       0     0         0          0   up",
                "b:9102     12000  12010     0         0         0      -      -       0     0         0          0   up",
                "c:9103  does not answer: Connection refused",
                "2 of 3     24000  24020     0       100         0  3.2ms  3.2ms       0     0         0          0   up",
            ]
        );
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!([count(0.0), count(0.25), count(3.0), count(1234.5)], ["0", "0.2", "3", "1234"]);
        assert_eq!([time(0.0001), time(1.6384), time(f64::INFINITY)], ["0.1ms", "1.6s", "long"]);
    }
}
