//! Measures between two moments: how long, how much CPU each process used, how its memory grew.

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::proc_stat::Watched;
use crate::report::{Cpu, Memory, Report, micros_per};

/// How often the memory is looked at for its peak.
const PEAK_LOOKS: Duration = Duration::from_millis(20);

/// The processes under test, and the generator itself.
#[derive(Debug)]
pub(crate) struct Meter {
    watched: Vec<Watched>,
    /// Threads of this process that are under test (the forwarder); their memory is not their own.
    threads: Vec<Watched>,
    own: Watched,
}

/// A moment.
#[derive(Clone, Debug)]
pub(crate) struct Reading {
    at: Instant,
    cpu: Vec<Duration>,
    own: Duration,
    pss_bytes: Vec<u64>,
}

impl Meter {
    /// Must be called from the generator's thread, whose CPU counts as the generator's.
    pub(crate) fn new(watched: &[Watched]) -> Result<Self> {
        Ok(Self { watched: watched.to_vec(), threads: Vec::new(), own: Watched::this_thread("load generator")? })
    }

    /// Watches a thread, too.
    pub(crate) fn watch_thread(&mut self, thread: Watched) {
        self.threads.push(thread);
    }

    /// Reads all meters; the clock and CPU at the last moment.
    ///
    /// # Errors
    /// A process has ended.
    pub(crate) fn read(&self, clock: impl FnOnce() -> Instant) -> Result<Reading> {
        let pss_bytes = self.pss_bytes()?;
        let cpu = self.watched.iter().chain(&self.threads).map(Watched::cpu).collect::<Result<_>>()?;
        Ok(Reading { at: clock(), cpu, own: self.own.cpu()?, pss_bytes })
    }

    /// The memory of all watched processes at this moment, in bytes; for [`Peak`].
    fn pss_bytes(&self) -> Result<Vec<u64>> {
        self.watched.iter().map(Watched::pss_bytes).collect()
    }

    /// How memory grew between two readings.
    pub(crate) fn growth(&self, begin: &Reading, end: &Reading, connections: usize) -> Vec<Memory> {
        self.memory(&begin.pss_bytes, &end.pss_bytes, connections)
    }

    /// What lies between two readings, for `count` units over `connections`.
    pub(crate) fn report(&self, begin: &Reading, end: &Reading, what: Measured) -> Report {
        let wall = end.at.saturating_duration_since(begin.at);
        let seconds = wall.as_secs_f64().max(1e-9);
        let share = |name: &str, spent: Duration| Cpu {
            name: name.to_owned(),
            us_per_unit: micros_per(spent, what.count),
            cores: spent.as_secs_f64() / seconds,
        };
        let spent: Vec<Duration> =
            end.cpu.iter().zip(&begin.cpu).map(|(end, begin)| end.saturating_sub(*begin)).collect();
        let names = self.watched.iter().chain(&self.threads);
        Report {
            unit: what.unit,
            seconds,
            count: what.count,
            per_second: Some(rate(what.count, seconds)),
            cpu: names.zip(&spent).map(|(watched, spent)| share(&watched.name, *spent)).collect(),
            cpu_us_per_unit: micros_per(spent.iter().sum(), what.count),
            own_cpu: share(&self.own.name, end.own.saturating_sub(begin.own)),
            memory: self.memory(&begin.pss_bytes, &end.pss_bytes, what.connections),
            workload: what.workload,
            latencies: Vec::new(),
            durations: Vec::new(),
            figures: Vec::new(),
            // Told by whoever made the connections.
            transport: String::new(),
            notes: Vec::new(),
            problems: Vec::new(),
        }
    }

    fn memory(&self, before: &[u64], after: &[u64], connections: usize) -> Vec<Memory> {
        let growth = |name: &str, before: u64, after: u64| Memory {
            name: name.to_owned(),
            before_bytes: before,
            after_bytes: after,
            per_connection_bytes: per_connection(before, after, connections),
        };
        let both = before.iter().zip(after);
        self.watched.iter().zip(both).map(|(watched, (before, after))| growth(&watched.name, *before, *after)).collect()
    }
}

impl Reading {
    /// When it was taken.
    pub(crate) fn at(&self) -> Instant {
        self.at
    }
}

/// The largest memory seen of each process while something lasts.
#[derive(Debug)]
pub(crate) struct Peak {
    highest: Vec<u64>,
    looked_at: Instant,
}

impl Peak {
    /// From here on.
    pub(crate) fn begin(begin: &Reading) -> Self {
        Self { highest: begin.pss_bytes.clone(), looked_at: begin.at }
    }

    /// Looks, but not more often than 50 times a second.
    ///
    /// # Errors
    /// A process has ended.
    pub(crate) fn look(&mut self, meter: &Meter, now: Instant) -> Result<()> {
        if now < self.looked_at + PEAK_LOOKS {
            return Ok(());
        }
        self.looked_at = now;
        for (highest, bytes) in self.highest.iter_mut().zip(meter.pss_bytes()?) {
            *highest = (*highest).max(bytes);
        }
        Ok(())
    }

    /// The reading at the end, with the peaks as its memory.
    pub(crate) fn end(self, mut end: Reading) -> Reading {
        for (highest, bytes) in self.highest.into_iter().zip(&mut end.pss_bytes) {
            *bytes = highest.max(*bytes);
        }
        end
    }
}

/// What was counted between two readings.
#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) workload: String,
    pub(crate) unit: &'static str,
    pub(crate) count: u64,
    pub(crate) connections: usize,
}

#[expect(clippy::cast_precision_loss, reason = "a figure of a report")]
fn rate(count: u64, seconds: f64) -> f64 {
    count as f64 / seconds
}

#[expect(clippy::cast_precision_loss, reason = "a figure of a report")]
fn per_connection(before: u64, after: u64, connections: usize) -> f64 {
    (after as f64 - before as f64) / connections.max(1) as f64
}
