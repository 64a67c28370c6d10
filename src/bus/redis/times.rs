//! How long the Redis bus waits for what.

use std::time::{Duration, Instant};

/// All waits of the Redis bus; tests shorten them.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// A connection attempt may take this long.
    pub connect: Duration,
    /// The subscriber pings its connection this often ...
    pub ping: Duration,
    /// ... and drops it after this much silence.
    pub silence: Duration,
    /// The first wait before connecting again; it doubles with each failure ...
    pub backoff_first: Duration,
    /// ... up to this.
    pub backoff_most: Duration,
    /// The publisher gives up on a connection that does not answer for this long.
    pub reply: Duration,
    /// How often a node says that it is here and looks after the others.
    pub watch: Duration,
    /// A node that asks who is there waits this long for the answers of nodes that it does not know.
    pub introduce: Duration,
    /// How often sentinels are asked who is the master.
    pub look: Duration,
}

impl Default for Times {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(1),
            ping: Duration::from_secs(5),
            silence: Duration::from_secs(10),
            backoff_first: Duration::from_millis(50),
            backoff_most: Duration::from_secs(2),
            reply: Duration::from_secs(3),
            watch: Duration::from_secs(3),
            introduce: Duration::from_secs(1),
            look: Duration::from_secs(1),
        }
    }
}

/// The clock of the bus's threads. The logic is told the time.
#[expect(clippy::disallowed_methods, reason = "the thread shells read the clock here")]
pub(super) fn now() -> Instant {
    Instant::now()
}
