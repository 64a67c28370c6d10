//! What a run found: a table for people, JSON for machines.

use std::fmt::{self, Display, Formatter};
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

/// The percentiles of every latency.
const PERCENTILES: [f64; 4] = [50.0, 90.0, 99.0, 99.9];

/// The result of a run.
#[derive(Serialize, Debug)]
pub(crate) struct Report {
    /// What was done, with its settings, for a person.
    pub(crate) workload: String,
    /// How connections were made: "plain", "tls", "websocket" or "websocket over tls".
    pub(crate) transport: String,
    /// What is counted: "message", "login", "session", "handshake".
    pub(crate) unit: &'static str,
    /// How long was measured.
    pub(crate) seconds: f64,
    /// How many units in that time.
    pub(crate) count: u64,
    /// `None` where a rate means nothing.
    pub(crate) per_second: Option<f64>,
    pub(crate) latencies: Vec<Latency>,
    /// CPU of the processes under test, each and in total.
    pub(crate) cpu: Vec<Cpu>,
    /// Microseconds for each unit, all processes under test together.
    pub(crate) cpu_us_per_unit: f64,
    /// The load generator's own thread.
    pub(crate) own_cpu: Cpu,
    pub(crate) memory: Vec<Memory>,
    /// Other durations that the workload measures.
    pub(crate) durations: Vec<Lasted>,
    /// Other figures that the workload counts or works out.
    pub(crate) figures: Vec<Figure>,
    /// What does not look right but is no fault.
    pub(crate) notes: Vec<String>,
    /// Empty: every message came exactly once and in order.
    pub(crate) problems: Vec<String>,
}

/// One distribution, in microseconds.
#[derive(Serialize, Debug)]
pub(crate) struct Latency {
    pub(crate) what: &'static str,
    pub(crate) count: u64,
    pub(crate) p50_us: f64,
    pub(crate) p90_us: f64,
    pub(crate) p99_us: f64,
    pub(crate) p999_us: f64,
    pub(crate) max_us: f64,
}

/// CPU time of one process.
#[derive(Serialize, Debug)]
pub(crate) struct Cpu {
    pub(crate) name: String,
    pub(crate) us_per_unit: f64,
    /// 1.0 is one core.
    pub(crate) cores: f64,
}

/// Memory (PSS) of one process.
#[derive(Serialize, Debug)]
pub(crate) struct Memory {
    pub(crate) name: String,
    pub(crate) before_bytes: u64,
    pub(crate) after_bytes: u64,
    /// The growth for each connection.
    pub(crate) per_connection_bytes: f64,
}

/// How long something took.
#[derive(Serialize, Debug)]
pub(crate) struct Lasted {
    pub(crate) what: &'static str,
    pub(crate) seconds: f64,
}

/// A number with its name.
#[derive(Serialize, Debug)]
pub(crate) struct Figure {
    pub(crate) what: &'static str,
    pub(crate) value: f64,
}

impl Latency {
    /// Of a histogram of nanoseconds.
    pub(crate) fn of(what: &'static str, histogram: &Histogram<u64>) -> Self {
        let [p50_us, p90_us, p99_us, p999_us] =
            PERCENTILES.map(|percentile| micros(histogram.value_at_percentile(percentile)));
        Self { what, count: histogram.len(), p50_us, p90_us, p99_us, p999_us, max_us: micros(histogram.max()) }
    }
}

/// The longest latency that is told from longer ones: an hour.
const NANOS_MAX: u64 = 3_600_000_000_000;

/// A histogram for nanoseconds with three significant digits.
pub(crate) fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, NANOS_MAX, 3).expect("the bounds are apart and it takes up to 5 digits")
}

#[expect(clippy::cast_precision_loss, reason = "a latency of 2^53 ns is a hundred days")]
fn micros(nanos: u64) -> f64 {
    nanos as f64 / 1000.0
}

/// `duration` for each of `count`, in microseconds; 0 when there are none.
#[expect(clippy::cast_precision_loss, reason = "a figure of a report")]
pub(crate) fn micros_per(duration: Duration, count: u64) -> f64 {
    if count == 0 { 0.0 } else { duration.as_secs_f64() * 1e6 / count as f64 }
}

#[expect(clippy::cast_precision_loss, reason = "a figure of a report")]
fn kib(bytes: u64) -> f64 {
    bytes as f64 / 1024.0
}

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}; {}", self.workload, self.transport)?;
        let (unit, count, seconds) = (self.unit, self.count, self.seconds);
        match self.per_second {
            Some(per_second) => writeln!(f, "  {per_second:>12.0} {unit}s/s   ({count} in {seconds:.2} s)")?,
            None => writeln!(f, "  {count:>12} {unit}s   (for {seconds:.2} s)")?,
        }
        self.write_latencies(f)?;
        self.write_cpu(f)?;
        for Memory { name, before_bytes, after_bytes, per_connection_bytes } in &self.memory {
            let (before, after) = (kib(*before_bytes), kib(*after_bytes));
            writeln!(
                f,
                "  memory (PSS) of {name}: {before:.0} KiB, then {after:.0} KiB; {per_connection_bytes:.0} bytes per connection"
            )?;
        }
        for lasted in &self.durations {
            writeln!(f, "  {}: {:.3} s", lasted.what, lasted.seconds)?;
        }
        for figure in &self.figures {
            writeln!(f, "  {}: {:.0}", figure.what, figure.value)?;
        }
        for note in &self.notes {
            writeln!(f, "  note: {note}")?;
        }
        if self.problems.is_empty() {
            return writeln!(f, "  verified: nothing missing, nothing twice, all in order");
        }
        self.problems.iter().try_for_each(|problem| writeln!(f, "  WRONG: {problem}"))
    }
}

impl Report {
    fn write_latencies(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.latencies.is_empty() {
            return Ok(());
        }
        writeln!(f, "  {:<20}{:>10}{:>10}{:>10}{:>10}{:>10}", "latency, ms", "p50", "p90", "p99", "p99.9", "max")?;
        for latency in &self.latencies {
            write!(f, "    {:<18}", latency.what)?;
            for us in [latency.p50_us, latency.p90_us, latency.p99_us, latency.p999_us, latency.max_us] {
                write!(f, "{:>10.3}", us / 1000.0)?;
            }
            writeln!(f)?;
        }
        Ok(())
    }

    fn write_cpu(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "  {:<20}{:>10}{:>10}", "CPU", format!("us/{}", self.unit), "cores")?;
        for cpu in &self.cpu {
            writeln!(f, "    {:<18}{:>10.2}{:>10.2}", cpu.name, cpu.us_per_unit, cpu.cores)?;
        }
        if self.cpu.len() > 1 {
            let cores: f64 = self.cpu.iter().map(|cpu| cpu.cores).sum();
            writeln!(f, "    {:<18}{:>10.2}{cores:>10.2}", "in all", self.cpu_us_per_unit)?;
        }
        writeln!(f, "    {:<18}{:>10.2}{:>10.2}", "(load generator)", self.own_cpu.us_per_unit, self.own_cpu.cores)
    }
}
