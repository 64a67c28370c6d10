//! `handshakes`: connect over TLS, exchange one line, close, and again; so many at a time, or so many a second.
//!
//! ```text
//!   idle --(free, or its time has come)--> under way: TCP, TLS, PING --> PONG --> idle
//!                                             |  the server ends it, or is silent
//!                                             +--> resting --(the next tick)--> idle
//! ```
//!
//! A connection counts when the server has answered a line: only then has it, too, done its part of the handshake.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use hdrhistogram::Histogram;
use rustls::HandshakeKind;
use stonechat_protocol::ask::Ask;

use crate::cli::{Common, HandshakesArgs};
use crate::clock::{nanos, now};
use crate::engine::{Client, Net, Next};
use crate::meter::{Measured, Meter, Reading};
use crate::open_files;
use crate::progress::Progress;
use crate::report::{Figure, Latency, Report, histogram};
use crate::setup::target;
use crate::talk::Times;
use crate::unsolicited;
use crate::wire::{msgid, msgid_of, refusal};

/// How long one connection may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often those that take too long are looked for. A connection that failed is not tried again before.
const TICK: Duration = Duration::from_millis(100);
/// Reasons of failures that the report shows.
const REASONS_MAX: usize = 3;

/// Runs it.
pub(crate) fn run(common: &Common, args: &HandshakesArgs, progress: &Progress) -> Result<Report> {
    ensure!(
        common.transport.tls,
        "there are no handshakes without TLS: give --tls, and perhaps --ca and --no-resumption"
    );
    open_files::allow(args.in_flight())?;
    let mut engine = common.engine()?;
    let mut client = Handshakes::new(common, args, progress)?;
    engine.run(&mut client)?;
    client.report()
}

struct Handshakes<'a> {
    targets: &'a [SocketAddr],
    progress: &'a Progress,
    meter: Meter,
    workload: String,
    /// How far apart they begin; `None`: as soon as there is room.
    interval: Option<Duration>,
    /// By connection: what is under way.
    visits: Vec<Option<Visit>>,
    /// Connections that may be begun.
    idle: Vec<usize>,
    resting: Vec<usize>,
    next_tick: Instant,
    /// When the first one is due, and how many were due so far.
    schedule: (Instant, u32),
    times: Times,
    phase: Phase,
    counts: Counts,
    begin: Option<Reading>,
    end: Option<Reading>,
}

#[derive(Clone, Copy, Debug)]
struct Visit {
    /// When it was to begin.
    since: Instant,
    is_measured: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    Ready,
    Warming(Instant),
    Measuring(Instant),
    /// Nothing is begun any more.
    Draining,
}

#[derive(Debug)]
struct Counts {
    /// Done while measuring.
    done: u64,
    /// Of those that began while measuring.
    full: u64,
    resumed: u64,
    failed: u64,
    reasons: Vec<String>,
    handshake: Histogram<u64>,
    whole: Histogram<u64>,
}

impl<'a> Handshakes<'a> {
    fn new(common: &'a Common, args: &HandshakesArgs, progress: &'a Progress) -> Result<Self> {
        let (in_flight, start) = (args.in_flight(), now());
        let pace = match args.rate {
            Some(rate) => format!("{rate} a second, at most {in_flight} in flight"),
            None => format!("{in_flight} in flight"),
        };
        let kind = if common.transport.of_tls.no_resumption { "full" } else { "with tickets" };
        Ok(Self {
            targets: &common.connect,
            progress,
            meter: Meter::new(&common.pids)?,
            workload: format!("handshakes: {kind}, {pace}; connect, exchange a line, close"),
            interval: args.rate.map(|rate| Duration::from_secs_f64(1.0 / rate)),
            visits: vec![None; in_flight],
            idle: (0..in_flight).rev().collect(),
            resting: Vec::new(),
            next_tick: start,
            schedule: (start, 0),
            times: common.times(),
            phase: Phase::Ready,
            counts: Counts {
                done: 0,
                full: 0,
                resumed: 0,
                failed: 0,
                reasons: Vec::new(),
                handshake: histogram(),
                whole: histogram(),
            },
            begin: None,
            end: None,
        })
    }

    fn report(self) -> Result<Report> {
        let (Some(begin), Some(end)) = (self.begin, self.end) else { bail!("nothing was measured") };
        let Counts { done, full, resumed, failed, reasons, handshake, whole } = self.counts;
        let measured = Measured { workload: self.workload, unit: "handshake", count: done, connections: 0 };
        let mut report = self.meter.report(&begin, &end, measured);
        report.latencies.push(Latency::of("to the handshake", &handshake));
        report.latencies.push(Latency::of("to the first reply", &whole));
        let counted = [("full handshakes", full), ("resumed handshakes", resumed), ("failures", failed)];
        report.figures.extend(counted.map(|(what, count)| Figure { what, value: figure(count) }));
        if report.cpu_us_per_unit > 0.0 {
            let value = 1e6 / report.cpu_us_per_unit;
            report.figures.push(Figure { what: "handshakes per CPU second of the watched processes", value });
        }
        if failed > 0 {
            report.problems.push(format!("{failed} connections failed: {}", reasons.join("; ")));
        }
        if done == 0 && failed == 0 {
            report.problems.push("no connection was made".to_owned());
        }
        Ok(report)
    }

    /// Begins what is due; when the next one is, if that is known.
    fn begin_due(&mut self, net: &mut Net, at: Instant) -> Result<Option<Instant>> {
        let Some(interval) = self.interval else {
            while let Some(k) = self.idle.pop() {
                self.visit(net, k, now())?;
            }
            return Ok(None);
        };
        loop {
            let due = self.schedule.0 + interval * self.schedule.1;
            if due > at {
                return Ok(Some(due));
            }
            self.schedule.1 += 1;
            match self.idle.pop() {
                Some(k) => self.visit(net, k, due)?,
                None => self.failed(self.is_measuring(), || "as many as --in-flight allows are under way".to_owned()),
            }
        }
    }

    fn visit(&mut self, net: &mut Net, k: usize, since: Instant) -> Result<()> {
        self.visits[k] = Some(Visit { since, is_measured: self.is_measuring() });
        net.connect(k, target(self.targets, k))
    }

    fn is_measuring(&self) -> bool {
        matches!(self.phase, Phase::Measuring(_))
    }

    fn failed(&mut self, is_measured: bool, why: impl FnOnce() -> String) {
        if !is_measured {
            return;
        }
        self.counts.failed += 1;
        if self.counts.reasons.len() < REASONS_MAX {
            let why = why();
            if !self.counts.reasons.contains(&why) {
                self.counts.reasons.push(why);
            }
        }
    }

    /// A connection has ended before it was of use.
    fn ended(&mut self, k: usize, why: impl FnOnce() -> String) {
        if let Some(visit) = self.visits[k].take() {
            self.resting.push(k);
            self.failed(visit.is_measured, why);
        }
    }

    /// Gives up those that take too long, and lets those that failed be begun again.
    fn tick(&mut self, net: &mut Net, at: Instant) {
        if at < self.next_tick {
            return;
        }
        self.next_tick = at + TICK;
        self.idle.append(&mut self.resting);
        for k in 0..self.visits.len() {
            if let Some(visit) = self.visits[k].take_if(|visit| at.saturating_duration_since(visit.since) > PATIENCE) {
                net.close(k);
                self.resting.push(k);
                self.failed(visit.is_measured, || format!("no answer for {PATIENCE:?}"));
            }
        }
    }

    fn go_on(&mut self, at: Instant) -> Result<()> {
        match self.phase {
            Phase::Ready => {
                self.progress.begin("shaking hands", 0);
                self.schedule = (at, 0);
                self.phase = Phase::Warming(at + self.times.warmup);
            }
            Phase::Warming(until) if at >= until => {
                let reading = self.meter.read(now)?;
                self.phase = Phase::Measuring(reading.at() + self.times.measure);
                self.begin = Some(reading);
            }
            Phase::Measuring(until) if at >= until => {
                self.end = Some(self.meter.read(now)?);
                self.phase = Phase::Draining;
            }
            _ => {}
        }
        Ok(())
    }
}

#[expect(clippy::cast_precision_loss, reason = "a figure of a report")]
fn figure(count: u64) -> f64 {
    count as f64
}

impl Client for Handshakes<'_> {
    fn connected(&mut self, net: &mut Net, k: usize) -> Result<()> {
        if let Some(visit) = self.visits[k].filter(|visit| visit.is_measured) {
            self.counts.handshake.saturating_record(nanos(now(), visit.since));
        }
        net.send(k, Ask::Ping.line(None).as_bytes());
        Ok(())
    }

    fn line(&mut self, net: &mut Net, k: usize, line: &[u8], at: Instant) -> Result<()> {
        match msgid_of(line) {
            msgid::PONG => {}
            // The server has had enough of it; others may do better.
            msgid::ERROR => {
                net.close(k);
                self.ended(k, || refusal(line));
                return Ok(());
            }
            _ => return unsolicited::line(net, k, line),
        }
        let Some(visit) = self.visits[k].take() else { return Ok(()) };
        if visit.is_measured {
            self.counts.whole.saturating_record(nanos(at, visit.since));
            match net.handshake(k) {
                Some(HandshakeKind::Resumed) => self.counts.resumed += 1,
                _ => self.counts.full += 1,
            }
        }
        self.counts.done += u64::from(self.is_measuring());
        net.finish(k);
        net.close(k);
        self.idle.push(k);
        Ok(())
    }

    fn closed(&mut self, _net: &mut Net, k: usize, why: &io::Error) -> Result<()> {
        self.ended(k, || why.to_string());
        Ok(())
    }

    fn turn(&mut self, net: &mut Net, at: Instant) -> Result<Next> {
        self.go_on(at)?;
        self.tick(net, at);
        if self.phase == Phase::Draining {
            let is_over = self.visits.iter().all(Option::is_none);
            return Ok(if is_over { Next::Done } else { Next::Until(self.next_tick) });
        }
        let due = self.begin_due(net, at)?;
        self.progress.at(usize::try_from(self.counts.done).unwrap_or(usize::MAX));
        Ok(Next::Until(due.map_or(self.next_tick, |due| due.min(self.next_tick))))
    }
}
