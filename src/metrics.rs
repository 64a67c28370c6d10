//! Counters and gauges by name, and one text dump of them for Prometheus.
//!
//! Handles are plain fields: counting costs one atomic addition, no look-up. Every part of the server that counts
//! something holds the same `Arc<Metrics>`; any thread may count.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use crate::net::CloseReason;
use crate::store::migrate;

/// Why a connection was closed.
#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
pub struct Reason {
    /// The label's value.
    pub reason: CloseReason,
}

impl EncodeLabelValue for CloseReason {
    fn encode(&self, encoder: &mut LabelValueEncoder) -> Result<(), std::fmt::Error> {
        format!("{self:?}").as_str().encode(encoder)
    }
}

/// A request that was answered with an errno other than 0.
#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
pub struct Refusal {
    /// The errno of the reply.
    pub errno: u32,
}

/// Everything that is counted. Names and help texts are in [`Metrics::new`].
#[derive(Debug)]
#[expect(missing_docs, reason = "each field's help text stands beside it in `new`")]
pub struct Metrics {
    registry: Registry,
    pub accepted: Counter,
    pub accept_errors: Counter,
    pub connections_refused: Counter,
    pub connections: Gauge,
    pub closed: Family<Reason, Counter>,
    pub lines_in: Counter,
    pub lines_out: Counter,
    pub bytes_in: Counter,
    pub bytes_out: Counter,
    pub sessions: Gauge,
    pub group_events_waiting: Gauge,
    pub requests_refused: Family<Refusal, Counter>,
    pub messages_in: Counter,
    pub messages_stored: Counter,
    pub messages_duplicate: Counter,
    pub messages_pushed: Counter,
    pub messages_caught_up: Counter,
    pub deliveries_ignored: Counter,
    pub lane_commit_seconds: Histogram,
    pub lane_batch_messages: Histogram,
    pub lane_queued: Gauge,
    pub lane_unsettled: Gauge,
    pub lane_aside: Gauge,
    pub worker_queued: Gauge,
    pub store_errors: Counter,
    pub replica_answers: Counter,
    pub replica_declines: Counter,
    pub cursors_dirty: Gauge,
    pub cursors_written: Counter,
    pub cursors_dropped: Counter,
    pub bus_up: Gauge<i64>,
    pub bus_published: Counter,
    pub bus_heard: Counter,
    pub bus_dropped: Counter,
    pub bus_subscriptions: Gauge,
    pub bus_reconnects: Counter,
    pub resyncs: Counter,
    pub resync_conversations: Counter,
    pub resync_sessions: Counter,
    pub epochs: Counter,
    pub logins: Counter,
    pub logins_failed: Counter,
    pub slow_operations: Counter,
    pub start_time_seconds: Gauge<f64, AtomicU64>,
    pub certificate_expiry: Gauge,
}

impl Metrics {
    /// All metrics at zero.
    #[must_use]
    #[expect(clippy::too_many_lines, reason = "a table: one entry for each metric")]
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("stonechat");
        let mut counter = |name: &str, help: &str| {
            let made: Counter<u64, AtomicU64> = Counter::default();
            registry.register(name, help, made.clone());
            made
        };
        let accepted = counter("accepted", "Connections accepted");
        let accept_errors = counter("accept_errors", "Errors of accept, too many open files among them");
        let connections_refused = counter("connections_refused", "Connections closed at once: limits.connections");
        let lines_in = counter("lines_in", "Lines received");
        let lines_out = counter("lines_out", "Lines queued to be sent");
        let bytes_in = counter("bytes_in", "Bytes received");
        let bytes_out = counter("bytes_out", "Bytes given to the kernel");
        let messages_in = counter("messages_in", "Chat messages accepted from clients");
        let messages_stored = counter("messages_stored", "Chat messages committed");
        let messages_duplicate = counter("messages_duplicate", "Chat messages sent again with a known cid");
        let messages_pushed = counter("messages_pushed", "Chat messages pushed to sessions");
        let messages_caught_up =
            counter("messages_caught_up", "Chat messages pushed from the store: backlog and holes");
        let deliveries_ignored = counter("deliveries_ignored", "DELIVERED lines for foreign conversations");
        let store_errors = counter("store_errors", "Calls that the database did not serve");
        let replica_answers = counter("replica_answers", "HISTORY, SEARCH and FIND that a replica has answered");
        let replica_declines = counter("replica_declines", "The same that the main database has answered in its place");
        let cursors_written = counter("cursors_written", "Cursor rows written");
        let cursors_dropped = counter("cursors_dropped", "Cursor rows given up while the database was away");
        let bus_published = counter("bus_published", "Bells handed to the bus");
        let bus_heard = counter("bus_heard", "Bells heard from other nodes");
        let bus_dropped = counter("bus_dropped", "Bells dropped: no link or no room");
        let bus_reconnects = counter("bus_reconnects", "Times the bus link was opened again");
        let resyncs = counter("resyncs", "Times that bells may have been lost, and the store was looked into");
        let resync_conversations = counter("resync_conversations", "Conversations that had changed meanwhile");
        let resync_sessions =
            counter("resync_sessions", "Sessions compared with the store, because more was not known");
        let epochs = counter("epochs", "Times the data were found to have gone back to an earlier state");
        let logins = counter("logins", "Logins that succeeded");
        let logins_failed = counter("logins_failed", "Logins with wrong credentials");
        let slow_operations = counter("slow_operations", "What has taken longer than log.slow_ms");

        let mut gauge = |name: &str, help: &str| {
            let made: Gauge = Gauge::default();
            registry.register(name, help, made.clone());
            made
        };
        let connections = gauge("connections", "Open connections");
        let sessions = gauge("sessions", "Logged-in sessions");
        let group_events_waiting =
            gauge("group_events_waiting", "Messages and notices that large groups are being told, by all reactors");
        let lane_queued = gauge("lane_queued", "Messages waiting for a lane");
        let lane_unsettled = gauge("lane_unsettled", "Lanes that look up the outcome of a commit");
        let lane_aside =
            gauge("lane_aside", "Conversations that are locked in the database, or in doubt: their messages wait");
        let worker_queued = gauge("worker_queued", "Jobs waiting for a worker");
        let cursors_dirty = gauge("cursors_dirty", "Cursor rows not written yet");
        let bus_up = gauge("bus_up", "1 while bells of other nodes arrive (always, without Redis)");
        let bus_subscriptions = gauge("bus_subscriptions", "Channels subscribed to");
        let certificate_expiry = gauge(
            "certificate_expiry_timestamp_seconds",
            "When the certificate for clients expires, in seconds since 1970; 0: there is none, or it does not say",
        );

        let start_time_seconds = Gauge::default();
        let help = "When the process started, in seconds since 1970: time() less this is for how long it runs";
        registry.register("start_time_seconds", help, start_time_seconds.clone());
        let build = [("version", env!("CARGO_PKG_VERSION").to_owned()), ("schema", migrate::newest().to_string())];
        registry.register("build", "The server's version, and that of its tables", Info::new(build));

        let closed = Family::default();
        registry.register("closed", "Connections closed, by reason", closed.clone());
        let requests_refused = Family::default();
        registry.register("requests_refused", "Requests answered with an error, by errno", requests_refused.clone());
        // 0.1 ms to 26 s; 1 to 2048 messages.
        let lane_commit_seconds = Histogram::new(exponential_buckets(0.0001, 2.0, 19));
        registry.register("lane_commit_seconds", "Time of a lane's commit", lane_commit_seconds.clone());
        let lane_batch_messages = Histogram::new(exponential_buckets(1.0, 2.0, 12));
        registry.register("lane_batch_messages", "Messages in a lane's commit", lane_batch_messages.clone());

        Self {
            registry,
            accepted,
            accept_errors,
            connections_refused,
            connections,
            closed,
            lines_in,
            lines_out,
            bytes_in,
            bytes_out,
            sessions,
            group_events_waiting,
            requests_refused,
            messages_in,
            messages_stored,
            messages_duplicate,
            messages_pushed,
            messages_caught_up,
            deliveries_ignored,
            lane_commit_seconds,
            lane_batch_messages,
            lane_queued,
            lane_unsettled,
            lane_aside,
            worker_queued,
            store_errors,
            replica_answers,
            replica_declines,
            cursors_dirty,
            cursors_written,
            cursors_dropped,
            bus_up,
            bus_published,
            bus_heard,
            bus_dropped,
            bus_subscriptions,
            bus_reconnects,
            resyncs,
            resync_conversations,
            resync_sessions,
            epochs,
            logins,
            logins_failed,
            slow_operations,
            start_time_seconds,
            certificate_expiry,
        }
    }

    /// All of it in the Prometheus text format.
    #[must_use]
    pub fn text(&self) -> String {
        let mut out = String::with_capacity(8 * 1024);
        encode(&mut out, &self.registry).expect("writing to a String cannot fail");
        out
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dump_names_and_counts() {
        let metrics = Metrics::new();
        metrics.accepted.inc();
        metrics.closed.get_or_create(&Reason { reason: CloseReason::SlowConsumer }).inc();
        let text = metrics.text();
        assert!(text.contains("stonechat_accepted_total 1\n"), "{text}");
        assert!(text.contains("stonechat_closed_total{reason=\"SlowConsumer\"} 1\n"), "{text}");
    }
}
