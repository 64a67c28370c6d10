//! `logins`: connect, log in, close, and again, so many at a time.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use hdrhistogram::Histogram;
use serde::de::IgnoredAny;
use stonechat_protocol::body::LoggedIn;

use crate::cli::{By, Common, LoginsArgs};
use crate::clock::{nanos, now};
use crate::engine::{Client, Net, Next, cut_off};
use crate::meter::{Measured, Meter, Reading};
use crate::open_files;
use crate::progress::Progress;
use crate::report::{Latency, Report, histogram};
use crate::setup::{Account, Confirm, Stage, target};
use crate::wire::{errno_of, msgid, msgid_of, refusal, reply};

/// Accounts for each connection: one that has just logged out is not the next to log in.
const ACCOUNTS_PER_CONNECTION: usize = 4;
/// How long one login may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Runs it.
pub(crate) fn run(common: &Common, args: &LoginsArgs, progress: &Progress) -> Result<Report> {
    ensure!(args.in_flight > 0, "--in-flight is at least 1");
    open_files::allow(args.in_flight * ACCOUNTS_PER_CONNECTION)?;
    let mut engine = common.engine()?;
    let meter = Meter::new(&common.pids)?;
    let mut stage = Stage { engine: &mut engine, targets: &common.connect, progress };
    let mut accounts = stage.register(args.in_flight * ACCOUNTS_PER_CONNECTION)?;
    // For their tokens.
    stage.log_in(&mut accounts, common.confirm())?;
    engine.run(&mut Leaving::new(accounts.len()))?;
    let mut client = Logins::new(common, args, progress, meter, &accounts);
    engine.run(&mut client)?;
    client.report()
}

/// The door that people go through.
struct Logins<'a> {
    targets: &'a [SocketAddr],
    progress: &'a Progress,
    meter: Meter,
    workload: String,
    by: By,
    confirm: Confirm,
    accounts: &'a [Account],
    /// By connection.
    visits: Vec<Visit>,
    /// Who is out, and for how long: the next one first.
    outside: VecDeque<usize>,
    times: crate::talk::Times,
    phase: Phase,
    count: u64,
    replies: Histogram<u64>,
    whole: Histogram<u64>,
    begin: Option<Reading>,
    end: Option<Reading>,
}

#[derive(Clone, Copy, Debug)]
struct Visit {
    account: usize,
    since: Instant,
    is_in: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    Ready,
    Warming(Instant),
    Measuring(Instant),
    Over,
}

impl<'a> Logins<'a> {
    fn new(
        common: &'a Common,
        args: &LoginsArgs,
        progress: &'a Progress,
        meter: Meter,
        accounts: &'a [Account],
    ) -> Self {
        let visit = Visit { account: 0, since: now(), is_in: false };
        Self {
            targets: &common.connect,
            progress,
            meter,
            workload: format!("logins: by {}, {} in flight; connect, log in, close", args.by, args.in_flight),
            by: args.by,
            confirm: common.confirm(),
            accounts,
            visits: vec![visit; args.in_flight],
            outside: (0..accounts.len()).collect(),
            times: common.times(),
            phase: Phase::Ready,
            count: 0,
            replies: histogram(),
            whole: histogram(),
            begin: None,
            end: None,
        }
    }

    fn report(self) -> Result<Report> {
        let (Some(begin), Some(end)) = (self.begin, self.end) else { bail!("nothing was measured") };
        let measured = Measured { workload: self.workload, unit: "login", count: self.count, connections: 0 };
        let mut report = self.meter.report(&begin, &end, measured);
        report.latencies.push(Latency::of("to the reply", &self.replies));
        report.latencies.push(Latency::of("to the close", &self.whole));
        Ok(report)
    }

    fn visit(&mut self, net: &mut Net, k: usize) -> Result<()> {
        let account = self.outside.pop_front().context("more connections than accounts")?;
        self.visits[k] = Visit { account, since: now(), is_in: false };
        net.connect(k, target(self.targets, account))
    }

    fn go_on(&mut self, net: &mut Net, at: Instant) -> Result<Option<Instant>> {
        match self.phase {
            Phase::Ready => {
                self.progress.begin("logging in", 0);
                (0..self.visits.len()).try_for_each(|k| self.visit(net, k))?;
                self.phase = Phase::Warming(at + self.times.warmup);
            }
            Phase::Warming(until) if at >= until => {
                let reading = self.meter.read(now)?;
                self.phase = Phase::Measuring(reading.at() + self.times.measure);
                self.begin = Some(reading);
            }
            Phase::Measuring(until) if at >= until => {
                self.end = Some(self.meter.read(now)?);
                self.phase = Phase::Over;
            }
            _ => {}
        }
        Ok(match self.phase {
            Phase::Warming(until) | Phase::Measuring(until) => Some(until),
            Phase::Ready | Phase::Over => None,
        })
    }
}

impl Client for Logins<'_> {
    fn connected(&mut self, net: &mut Net, k: usize) -> Result<()> {
        let account = &self.accounts[self.visits[k].account];
        let line = match self.by {
            By::Password => account.password_line(self.confirm),
            By::Token => account.token_line(self.confirm),
        };
        net.send(k, line.as_bytes());
        Ok(())
    }

    fn line(&mut self, net: &mut Net, k: usize, line: &[u8], at: Instant) -> Result<()> {
        if errno_of(line).is_none() {
            return Ok(());
        }
        let account = &self.accounts[self.visits[k].account];
        let login: LoggedIn<'_, IgnoredAny> = reply(line)?;
        let is_right = Some(login.id) == account.user();
        ensure!(is_right, "account {} logged in and is told that it is {}", account.id, login.id);
        if matches!(self.phase, Phase::Measuring(_)) {
            self.replies.saturating_record(nanos(at, self.visits[k].since));
        }
        self.visits[k].is_in = true;
        net.finish(k);
        Ok(())
    }

    fn closed(&mut self, net: &mut Net, k: usize, why: &io::Error) -> Result<()> {
        if !self.visits[k].is_in {
            return Err(cut_off(k, why));
        }
        if matches!(self.phase, Phase::Measuring(_)) {
            self.count += 1;
            self.whole.saturating_record(nanos(now(), self.visits[k].since));
        }
        self.outside.push_back(self.visits[k].account);
        self.visit(net, k)
    }

    fn turn(&mut self, net: &mut Net, at: Instant) -> Result<Next> {
        let Some(until) = self.go_on(net, at)? else { return Ok(Next::Done) };
        let is_stuck = |visit: &Visit| at.saturating_duration_since(visit.since) > PATIENCE;
        ensure!(!self.visits.iter().any(is_stuck), "a login has taken more than {PATIENCE:?}");
        Ok(Next::Until(until))
    }
}

/// Closes all connections in order and waits until the server has closed its side.
pub(crate) struct Leaving {
    left: usize,
    connections: usize,
    has_begun: bool,
}

impl Leaving {
    pub(crate) fn new(connections: usize) -> Self {
        Self { left: connections, connections, has_begun: false }
    }
}

impl Client for Leaving {
    fn connected(&mut self, _net: &mut Net, _k: usize) -> Result<()> {
        Ok(())
    }

    fn line(&mut self, _net: &mut Net, _k: usize, line: &[u8], _at: Instant) -> Result<()> {
        ensure!(msgid_of(line) != msgid::ERROR, "{}", refusal(line));
        Ok(())
    }

    fn closed(&mut self, _net: &mut Net, _k: usize, _why: &io::Error) -> Result<()> {
        self.left -= 1;
        Ok(())
    }

    fn turn(&mut self, net: &mut Net, now: Instant) -> Result<Next> {
        if !std::mem::replace(&mut self.has_begun, true) {
            (0..self.connections).for_each(|k| net.finish(k));
        }
        Ok(if self.left == 0 { Next::Done } else { Next::Until(now + PATIENCE) })
    }
}
