//! `storm`: all sessions are cut off at once, and all resume.
//!
//! ```text
//!   Saying #0: each tells its partner something, and none confirms it
//!   Resuming:  all connections are reset; everyone connects, logs in by token, must find exactly that message, confirms
//!   Saying #1: each tells its partner something again, and it must arrive
//! ```
//!
//! With `--patient` each comes back after a time of its own (comeback), and tells its partner #1 as soon as it is back: the
//! partner, who may be away, must find or be pushed it exactly once. A login that is refused is counted, and tried again later.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use hdrhistogram::Histogram;
use serde_json::value::RawValue;
use stonechat_protocol::ask::Ask;
use stonechat_protocol::body::LoggedIn;

use crate::cli::{Common, StormArgs};
use crate::clock::{nanos, now};
use crate::comeback::{self, Comeback};
use crate::engine::{Client, Net, Next, cut_off};
use crate::ledger::{Ledger, Numbering, Problems};
use crate::meter::{Measured, Meter, Reading};
use crate::open_files;
use crate::progress::Progress;
use crate::report::{Figure, Lasted, Latency, Report, histogram};
use crate::setup::{Account, Confirm, Stage, target};
use crate::stamp::{self, Stamp};
use crate::unsolicited;
use crate::wire::{around_text, errno_of, msgid, msgid_of, not_understood, refusal, reply, seq_of, stamped};

/// How long nothing may happen before what is missing counts as lost, while somebody has a connection.
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
    if args.group {
        stage.join_one_group(&mut accounts)?;
    }
    stage.log_in(&mut accounts, CONFIRM)?;
    let mut storm = Storm::new(common, args, progress, meter, accounts)?;
    engine.run(&mut storm)?;
    storm.report()
}

struct Storm<'a> {
    targets: &'a [SocketAddr],
    progress: &'a Progress,
    meter: Meter,
    cut: Cut,
    order: Order,
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
    /// Lines of #1 that have come while others were still away.
    talked: usize,
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

/// How the sessions are cut off.
#[derive(Clone, Copy, Debug)]
struct Cut {
    /// This process is killed; otherwise the connections are reset.
    kill: Option<u32>,
    /// Somebody says when.
    waits: bool,
}

/// In which order they come back.
#[derive(Debug)]
enum Order {
    /// One after the other, so many at a time.
    InTurn(usize),
    /// Each at its own time.
    Patient(Comeback),
}

impl Order {
    /// How long nothing may happen before what is missing counts as lost.
    fn silence(&self) -> Duration {
        match self {
            Self::InTurn(_) => SILENCE,
            // All of them may wait for their next try.
            Self::Patient(_) => SILENCE + comeback::LONGEST_WAIT,
        }
    }
}

struct Counts {
    back: Histogram<u64>,
    /// Logins that were refused, connections that were lost or could not be had: on the way back.
    refused: u32,
    /// What the first of them was told.
    refusal: Option<String>,
    lost: u32,
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
            cut: Cut { kill: args.kill, waits: args.wait },
            order: if args.patient {
                Order::Patient(Comeback::new(accounts.len())?)
            } else {
                Order::InTurn(args.in_flight)
            },
            blank: stamp::blank(common.message_bytes),
            ledgers: (0..accounts.len() / 2).map(ledger).collect(),
            heard: vec![0; accounts.len()],
            around_text: accounts.iter().map(|account| Ok(around_text(account.peer()?))).collect::<Result<_>>()?,
            accounts,
            phase: Phase::Ready,
            done: 0,
            talked: 0,
            opened: 0,
            done_at: start,
            start,
            counts: Counts {
                back: histogram(),
                refused: 0,
                refusal: None,
                lost: 0,
                cut: None,
                all_back: None,
                said: None,
            },
            problems: Problems::default(),
        })
    }

    fn report(mut self) -> Result<Report> {
        let sent = if self.counts.said.is_some() { [2, 2] } else { [1, 1] };
        self.ledgers.iter().for_each(|ledger| ledger.finish(&sent, &mut self.problems));
        let (Some(cut), Some(back)) = (&self.counts.cut, &self.counts.all_back) else {
            let silence = self.order.silence();
            bail!("not all came back: {} of {} after {silence:?} of silence", self.done, self.accounts.len());
        };
        let count = self.accounts.len();
        let how = match &self.order {
            Order::InTurn(in_flight) => format!("{in_flight} at a time"),
            Order::Patient(_) => "each after a time of its own".to_owned(),
        };
        let workload = format!("storm: {count} sessions are cut off and resume, {how}");
        let measured = Measured { workload, unit: "session", count: count as u64, connections: count };
        let mut report = self.meter.report(cut, back, measured);
        report.latencies.push(Latency::of("from the cut", &self.counts.back));
        let since_cut = |at: Instant| at.saturating_duration_since(cut.at()).as_secs_f64();
        report.durations.push(Lasted { what: "all back and caught up", seconds: since_cut(back.at()) });
        if let Some(said) = self.counts.said {
            report.durations.push(Lasted { what: "all have talked again", seconds: since_cut(said) });
        }
        if matches!(self.order, Order::Patient(_)) {
            let figure = |what, value: u32| Figure { what, value: value.into() };
            report.figures.push(figure("logins refused on the way back", self.counts.refused));
            report.figures.push(figure("connections lost on the way back", self.counts.lost));
        }
        report.notes.extend(self.counts.refusal.map(|told| format!("a login was refused on the way back: {told}")));
        report.problems = self.problems.into_lines();
        Ok(report)
    }

    fn begin(&mut self, net: &mut Net, phase: Phase) -> Result<()> {
        (self.phase, self.done, self.opened, self.done_at) = (phase, 0, 0, now());
        match phase {
            Phase::Saying(1) if matches!(self.order, Order::Patient(_)) => {
                self.progress.begin("talking", 2 * self.accounts.len());
                self.done = self.talked;
            }
            Phase::Saying(number) => {
                self.progress.begin("talking", 2 * self.accounts.len());
                (0..self.accounts.len()).for_each(|k| self.say(net, k, number));
            }
            Phase::Resuming => {
                self.progress.begin("resuming", self.accounts.len());
                self.cut_all(net)?;
            }
            Phase::Ready | Phase::Over => {}
        }
        Ok(())
    }

    fn cut_all(&mut self, net: &mut Net) -> Result<()> {
        if self.cut.waits {
            writeln!(io::stderr(), "ready").context("cannot say so")?;
            io::stdin().read_line(&mut String::new()).context("cannot wait for a line")?;
        }
        let cut = self.meter.read(now)?;
        self.done_at = cut.at();
        self.counts.cut = Some(cut);
        if let Some(pid) = self.cut.kill {
            let killed = Command::new("kill").args(["-KILL", &pid.to_string()]).status();
            ensure!(killed.context("cannot run kill")?.success(), "cannot kill {pid}");
            // The connections end by themselves.
            return Ok(());
        }
        for k in 0..self.accounts.len() {
            net.cut(k);
            if let Order::Patient(comeback) = &mut self.order {
                comeback.lost(k, self.done_at);
            }
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
        if self.phase == Phase::Resuming {
            self.talked += 1;
        } else {
            self.done += 1;
        }
        self.done_at = now();
    }

    /// The login's reply must bring what was not confirmed: one message, the one that was heard before; and, where all come back at
    /// times of their own, what the partner has said meanwhile, if it has.
    fn resumed(&mut self, net: &mut Net, k: usize, line: &[u8], at: Instant) -> Result<()> {
        let login: LoggedIn<'_, Box<RawValue>> = reply(line)?;
        let mut found: Vec<_> =
            login.offlinemsg.iter().flatten().map(|push| stamped(push.get().as_bytes(), &self.blank)).collect();
        if matches!(self.order, Order::Patient(_)) {
            if let [_, Some((stamp @ Stamp { number: 1, .. }, seq))] = found[..] {
                self.ledgers[k / 2].heard(k % 2, (stamp.sender, stamp.number), seq, &mut self.problems);
                self.talked += 1;
                found.truncate(1);
            }
            self.say(net, k, 1);
        }
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
        self.done += 1;
        self.done_at = now();
        Ok(())
    }

    /// A login was refused on the way back.
    fn refused(&mut self, net: &mut Net, k: usize, line: &[u8]) -> Result<()> {
        let Order::Patient(comeback) = &mut self.order else { bail!("{}", refusal(line)) };
        self.counts.refused += 1;
        self.counts.refusal.get_or_insert_with(|| refusal(line));
        net.close(k);
        comeback.lost(k, now());
        Ok(())
    }

    fn open_more(&mut self, net: &mut Net, at: Instant) -> Result<()> {
        match &mut self.order {
            Order::InTurn(in_flight) => {
                while self.opened < self.accounts.len() && self.opened - self.done < *in_flight {
                    net.connect(self.opened, target(self.targets, self.opened))?;
                    self.opened += 1;
                }
            }
            Order::Patient(comeback) => {
                while let Some(k) = comeback.due(at) {
                    net.connect(k, target(self.targets, k))?;
                }
            }
        }
        Ok(())
    }

    /// When to look again, if nothing comes.
    fn next(&self, until: Instant) -> Instant {
        match &self.order {
            Order::Patient(comeback) if self.phase == Phase::Resuming => {
                comeback.next().map_or(until, |at| at.min(until))
            }
            Order::Patient(_) | Order::InTurn(_) => until,
        }
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
        let is_returning = self.phase == Phase::Resuming;
        match msgid_of(line) {
            msgid::LOGIN_REPLY | msgid::ERROR if is_returning && errno_of(line).is_some_and(|errno| errno != 0) => {
                self.refused(net, k, line)?;
            }
            msgid::ONE_CHAT => self.pushed(k, line),
            msgid::ONE_CHAT_ACK => self.acked(k, line)?,
            msgid::LOGIN_REPLY => self.resumed(net, k, line, at)?,
            _ => unsolicited::line(net, k, line)?,
        }
        Ok(())
    }

    fn closed(&mut self, _net: &mut Net, k: usize, why: &io::Error) -> Result<()> {
        match &mut self.order {
            Order::Patient(comeback) if self.phase == Phase::Resuming => {
                // The cut itself is no loss on the way back.
                self.counts.lost += u32::from(comeback.has_tried(k) || self.cut.kill.is_none());
                comeback.lost(k, now());
                Ok(())
            }
            Order::Patient(_) | Order::InTurn(_) => Err(cut_off(k, why)),
        }
    }

    fn turn(&mut self, net: &mut Net, at: Instant) -> Result<Next> {
        if self.is_complete() {
            let next = self.next_phase()?;
            self.begin(net, next)?;
        }
        if self.phase == Phase::Resuming {
            self.open_more(net, at)?;
        }
        self.progress.at(self.done);
        let until = self.done_at + self.order.silence();
        Ok(if self.phase == Phase::Over || at >= until { Next::Done } else { Next::Until(self.next(until)) })
    }
}
