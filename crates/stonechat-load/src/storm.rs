//! `storm`: all sessions are cut off at once, and all resume.
//!
//! ```text
//!   Saying #0: each tells its partner something, and none confirms it
//!   Resuming:  all connections are reset; everyone connects, logs in by token, must find exactly that message, confirms
//!   Saying #1: each tells its partner something again, and it must arrive
//! ```

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use hdrhistogram::Histogram;
use serde_json::value::RawValue;
use stonechat_protocol::ask::Ask;
use stonechat_protocol::body::LoggedIn;

use crate::cli::{Common, StormArgs};
use crate::clock::{nanos, now};
use crate::engine::{Client, Net, Next};
use crate::ledger::{Ledger, Numbering, Problems};
use crate::meter::{Measured, Meter, Reading};
use crate::open_files;
use crate::progress::Progress;
use crate::report::{Lasted, Latency, Report, histogram};
use crate::setup::{Account, Confirm, Stage, target};
use crate::stamp::{self, Stamp};
use crate::unsolicited;
use crate::wire::{around_text, errno_of, msgid, msgid_of, not_understood, refusal, reply, seq_of, stamped};

/// How long nothing may happen before what is missing counts as lost.
const SILENCE: Duration = Duration::from_secs(10);
const CONFIRM: Confirm = Confirm::Every(1);

/// Runs it.
pub(crate) fn run(common: &Common, args: &StormArgs, progress: &Progress) -> Result<Report> {
    let connections = args.connections + args.connections % 2;
    open_files::allow(connections)?;
    let mut engine = common.engine()?;
    let meter = Meter::new(&common.pids)?;
    let mut stage = Stage { engine: &mut engine, targets: &common.connect, progress };
    let mut accounts = stage.register(connections)?;
    stage.log_in(&mut accounts, CONFIRM)?;
    let mut storm = Storm::new(common, args, progress, meter, accounts)?;
    engine.run(&mut storm)?;
    storm.report()
}

struct Storm<'a> {
    targets: &'a [SocketAddr],
    progress: &'a Progress,
    meter: Meter,
    in_flight: usize,
    accounts: Vec<Account>,
    /// The line of a message to each of them, without its text.
    around_text: Vec<(String, String)>,
    blank: Vec<u8>,
    /// Of each two.
    ledgers: Vec<Ledger>,
    /// By connection: the `seq` of what was said to it last.
    heard: Vec<u64>,
    phase: Phase,
    /// In this phase: lines that have come, sessions that have resumed.
    done: usize,
    /// Connections opened in this phase.
    opened: usize,
    done_at: Instant,
    start: Instant,
    counts: Counts,
    problems: Problems,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    Ready,
    /// With the number of the message.
    Saying(u32),
    Resuming,
    Over,
}

struct Counts {
    back: Histogram<u64>,
    cut: Option<Reading>,
    all_back: Option<Reading>,
    said: Option<Instant>,
}

impl<'a> Storm<'a> {
    fn new(
        common: &'a Common,
        args: &StormArgs,
        progress: &'a Progress,
        meter: Meter,
        accounts: Vec<Account>,
    ) -> Result<Self> {
        let ledger = |nth| Ledger::new(format!("pair {nth}"), Numbering::Server, 2, 2);
        let start = now();
        Ok(Self {
            targets: &common.connect,
            progress,
            meter,
            in_flight: args.in_flight,
            blank: stamp::blank(common.message_bytes),
            ledgers: (0..accounts.len() / 2).map(ledger).collect(),
            heard: vec![0; accounts.len()],
            around_text: accounts.iter().map(|account| Ok(around_text(account.peer()?))).collect::<Result<_>>()?,
            accounts,
            phase: Phase::Ready,
            done: 0,
            opened: 0,
            done_at: start,
            start,
            counts: Counts { back: histogram(), cut: None, all_back: None, said: None },
            problems: Problems::default(),
        })
    }

    fn report(mut self) -> Result<Report> {
        let sent = if self.counts.said.is_some() { [2, 2] } else { [1, 1] };
        self.ledgers.iter().for_each(|ledger| ledger.finish(&sent, &mut self.problems));
        let (Some(cut), Some(back)) = (&self.counts.cut, &self.counts.all_back) else {
            bail!("not all came back: {} of {} after {SILENCE:?} of silence", self.done, self.accounts.len());
        };
        let count = self.accounts.len();
        let workload = format!("storm: {count} sessions are cut off and resume, {} at a time", self.in_flight);
        let measured = Measured { workload, unit: "session", count: count as u64, connections: count };
        let mut report = self.meter.report(cut, back, measured);
        report.latencies.push(Latency::of("from the cut", &self.counts.back));
        let since_cut = |at: Instant| at.saturating_duration_since(cut.at()).as_secs_f64();
        report.durations.push(Lasted { what: "all back and caught up", seconds: since_cut(back.at()) });
        if let Some(said) = self.counts.said {
            report.durations.push(Lasted { what: "all have talked again", seconds: since_cut(said) });
        }
        report.problems = self.problems.into_lines();
        Ok(report)
    }

    fn begin(&mut self, net: &mut Net, phase: Phase) -> Result<()> {
        (self.phase, self.done, self.opened, self.done_at) = (phase, 0, 0, now());
        match phase {
            Phase::Saying(number) => {
                self.progress.begin("talking", 2 * self.accounts.len());
                (0..self.accounts.len()).for_each(|k| self.say(net, k, number));
            }
            Phase::Resuming => {
                self.progress.begin("resuming", self.accounts.len());
                self.counts.cut = Some(self.meter.read(now)?);
                (0..self.accounts.len()).for_each(|k| net.cut(k));
            }
            Phase::Ready | Phase::Over => {}
        }
        Ok(())
    }

    fn say(&self, net: &mut Net, k: usize, number: u32) {
        let mut text = self.blank.clone();
        let sender = u32::try_from(k % 2).unwrap_or(0);
        Stamp { sender, number, at_ns: nanos(now(), self.start) }.write(&mut text);
        let (before, behind) = &self.around_text[k ^ 1];
        net.send(k, before.as_bytes());
        net.send(k, &text);
        net.send(k, behind.as_bytes());
    }

    fn pushed(&mut self, k: usize, line: &[u8]) {
        let Some((stamp, seq)) = stamped(line, &self.blank) else {
            return self.problems.add(|| format!("a message that nobody sent: {}", String::from_utf8_lossy(line)));
        };
        self.ledgers[k / 2].heard(k % 2, (stamp.sender, stamp.number), seq, &mut self.problems);
        self.heard[k] = seq;
        self.stepped();
    }

    fn acked(&mut self, k: usize, line: &[u8]) -> Result<()> {
        ensure!(errno_of(line) == Some(0), "{}", refusal(line));
        let seq = seq_of(line).with_context(|| not_understood(line))?;
        self.ledgers[k / 2].acked(u32::try_from(k % 2).unwrap_or(0), seq, &mut self.problems);
        self.stepped();
        Ok(())
    }

    fn stepped(&mut self) {
        self.done += 1;
        self.done_at = now();
    }

    /// The login's reply must bring what was not confirmed: one message, the one that was heard before.
    fn resumed(&mut self, net: &mut Net, k: usize, line: &[u8], at: Instant) -> Result<()> {
        let login: LoggedIn<'_, Box<RawValue>> = reply(line)?;
        let found: Vec<_> =
            login.offlinemsg.iter().flatten().map(|push| stamped(push.get().as_bytes(), &self.blank)).collect();
        let is_right = matches!(found[..], [Some((Stamp { number: 0, .. }, seq))] if seq == self.heard[k]);
        if !is_right {
            let (id, seq) = (login.id, self.heard[k]);
            self.problems.add(|| format!("{id} should find the one message with seq {seq} and finds {found:?}"));
        }
        let (peer, seq) = (self.accounts[k ^ 1].peer()?, self.heard[k]);
        net.send(k, Ask::Delivered { peer, seq }.line(None).as_bytes());
        if let Some(cut) = &self.counts.cut {
            self.counts.back.saturating_record(nanos(at, cut.at()));
        }
        self.stepped();
        Ok(())
    }

    fn open_more(&mut self, net: &mut Net) -> Result<()> {
        while self.opened < self.accounts.len() && self.opened - self.done < self.in_flight {
            net.connect(self.opened, target(self.targets, self.opened))?;
            self.opened += 1;
        }
        Ok(())
    }

    /// Whether the phase has done what it is for.
    fn is_complete(&self) -> bool {
        match self.phase {
            Phase::Ready => true,
            // Each of them gets an ack and a push.
            Phase::Saying(_) => self.done >= 2 * self.accounts.len(),
            Phase::Resuming => self.done == self.accounts.len(),
            Phase::Over => false,
        }
    }

    fn next_phase(&mut self) -> Result<Phase> {
        Ok(match self.phase {
            Phase::Ready => Phase::Saying(0),
            Phase::Saying(0) => Phase::Resuming,
            Phase::Resuming => {
                self.counts.all_back = Some(self.meter.read(now)?);
                Phase::Saying(1)
            }
            Phase::Saying(_) | Phase::Over => {
                self.counts.said = Some(now());
                Phase::Over
            }
        })
    }
}

impl Client for Storm<'_> {
    fn connected(&mut self, net: &mut Net, k: usize) -> Result<()> {
        net.send(k, self.accounts[k].token_line(CONFIRM).as_bytes());
        Ok(())
    }

    fn line(&mut self, net: &mut Net, k: usize, line: &[u8], at: Instant) -> Result<()> {
        match msgid_of(line) {
            msgid::ONE_CHAT => self.pushed(k, line),
            msgid::ONE_CHAT_ACK => self.acked(k, line)?,
            msgid::LOGIN_REPLY => self.resumed(net, k, line, at)?,
            _ => unsolicited::line(net, k, line)?,
        }
        Ok(())
    }

    fn turn(&mut self, net: &mut Net, at: Instant) -> Result<Next> {
        if self.is_complete() {
            let next = self.next_phase()?;
            self.begin(net, next)?;
        }
        if self.phase == Phase::Resuming {
            self.open_more(net)?;
        }
        self.progress.at(self.done);
        let until = self.done_at + SILENCE;
        Ok(if self.phase == Phase::Over || at >= until { Next::Done } else { Next::Until(until) })
    }
}
