//! What a reactor counts by itself during a turn. The shared counters hear of it once a turn, so that reactors seldom
//! fight for a cache line.

use crate::metrics::Metrics;

/// Counts of one turn.
#[derive(Default, Debug)]
pub(super) struct TurnCounts {
    pub(super) lines_in: u64,
    pub(super) lines_out: u64,
    pub(super) bytes_in: u64,
    pub(super) bytes_out: u64,
}

impl TurnCounts {
    /// Adds it to the shared counters and begins anew.
    pub(super) fn report(&mut self, metrics: &Metrics) {
        let Self { lines_in, lines_out, bytes_in, bytes_out } = std::mem::take(self);
        for (counter, by) in [
            (&metrics.lines_in, lines_in),
            (&metrics.lines_out, lines_out),
            (&metrics.bytes_in, bytes_in),
            (&metrics.bytes_out, bytes_out),
        ] {
            if by > 0 {
                counter.inc_by(by);
            }
        }
    }
}
