//! `backlog`: much was said to a user who was away and now logs in.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::value::RawValue;
use stonechat_protocol::ask::Ask;
use stonechat_protocol::body::LoggedIn;
use stonechat_protocol::ids::Peer;

use crate::cli::{BacklogArgs, Common};
use crate::clock::{nanos, now};
use crate::engine::{Client, Net, Next};
use crate::ledger::{Heard, Ledger, Numbering, Problems};
use crate::meter::{Measured, Meter, Peak, Reading};
use crate::open_files;
use crate::progress::Progress;
use crate::report::{Lasted, Report};
use crate::setup::{Account, Confirm, Stage, target};
use crate::stamp::{self, Stamp};
use crate::unsolicited;
use crate::wire::{around_text, errno_of, msgid, msgid_of, not_understood, refusal, reply, seq_of, stamped};

/// Messages of each sender under way.
const WINDOW: u32 = 32;
/// How long nothing may come before what is missing counts as lost.
const SILENCE: Duration = Duration::from_secs(10);
/// How often the memory is looked at.
const TICK: Duration = Duration::from_millis(20);
/// The receiver confirms after so many messages of a sender, unless `--confirm` says otherwise.
const CONFIRM_EVERY: u32 = 100;

/// Runs it.
pub(crate) fn run(common: &Common, args: &BacklogArgs, progress: &Progress) -> Result<Report> {
    open_files::allow(args.senders + 1)?;
    let mut engine = common.engine()?;
    let meter = Meter::new(&common.pids)?;
    let mut stage = Stage { engine: &mut engine, targets: &common.connect, progress };
    let mut accounts = stage.register(args.senders + 1)?;
    // The last one stays away until all is said.
    stage.log_in(&mut accounts[..args.senders], Confirm::Never)?;
    let mut backlog = Backlog::new(common, args, progress, meter, accounts)?;
    engine.run(&mut backlog)?;
    backlog.report()
}

struct Backlog<'a> {
    targets: &'a [SocketAddr],
    progress: &'a Progress,
    meter: Meter,
    /// The receiver is the last one; its connection has the number of the senders.
    accounts: Vec<Account>,
    /// The line of a message to the one who is away, without its text.
    around_text: (String, String),
    confirm_every: u32,
    blank: Vec<u8>,
    /// Of each sender with the receiver.
    talks: Vec<OneTalk>,
    phase: Phase,
    /// Acks while it is said, messages while it is read.
    done: usize,
    done_at: Instant,
    begin: Option<Reading>,
    peak: Option<Peak>,
    end: Option<Reading>,
    problems: Problems,
}

struct OneTalk {
    ledger: Ledger,
    total: u32,
    sent: u32,
    unconfirmed: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    Ready,
    Saying,
    Reading,
    Over,
}

impl<'a> Backlog<'a> {
    fn new(
        common: &'a Common,
        args: &BacklogArgs,
        progress: &'a Progress,
        meter: Meter,
        accounts: Vec<Account>,
    ) -> Result<Self> {
        let talk = |nth: usize| {
            let share = (args.messages + nth) / args.senders;
            let ledger = Ledger::new(format!("sender {nth}"), Numbering::Server, 2, 1);
            Ok(OneTalk { ledger, total: u32::try_from(share)?, sent: 0, unconfirmed: 0 })
        };
        let confirm_every = match common.confirm() {
            Confirm::Every(many) => many,
            Confirm::Never => CONFIRM_EVERY,
        };
        Ok(Self {
            targets: &common.connect,
            progress,
            meter,
            confirm_every,
            blank: stamp::blank(common.message_bytes),
            talks: (0..args.senders).map(talk).collect::<Result<_>>()?,
            around_text: around_text(accounts[args.senders].peer()?),
            accounts,
            phase: Phase::Ready,
            done: 0,
            done_at: now(),
            begin: None,
            peak: None,
            end: None,
            problems: Problems::default(),
        })
    }

    fn report(mut self) -> Result<Report> {
        for talk in &self.talks {
            talk.ledger.finish(&[talk.sent], &mut self.problems);
        }
        let (Some(begin), Some(end)) = (self.begin, self.end) else { bail!("not all could be said") };
        let measured = Measured {
            workload: format!(
                "backlog: {} messages of {} bytes from {} senders wait for one user, who logs in; memory is before the \
                 login and at its highest",
                self.talks.iter().map(|talk| talk.total).sum::<u32>(),
                self.blank.len(),
                self.talks.len()
            ),
            unit: "message",
            count: self.done as u64,
            connections: 1,
        };
        let mut report = self.meter.report(&begin, &end, measured);
        report.durations.push(Lasted { what: "from connecting to the last message", seconds: report.seconds });
        report.problems = self.problems.into_lines();
        Ok(report)
    }

    fn total(&self) -> usize {
        self.talks.iter().map(|talk| talk.total as usize).sum()
    }

    fn receiver(&self) -> usize {
        self.talks.len()
    }

    fn say(&mut self, net: &mut Net, k: usize) {
        let talk = &mut self.talks[k];
        if talk.sent == talk.total {
            return;
        }
        let mut text = self.blank.clone();
        Stamp { sender: u32::try_from(k).unwrap_or(u32::MAX), number: talk.sent, at_ns: nanos(now(), self.done_at) }
            .write(&mut text);
        talk.sent += 1;
        let (before, behind) = &self.around_text;
        net.send(k, before.as_bytes());
        net.send(k, &text);
        net.send(k, behind.as_bytes());
    }

    fn acked(&mut self, net: &mut Net, k: usize, line: &[u8]) -> Result<()> {
        ensure!(errno_of(line) == Some(0), "{}", refusal(line));
        let seq = seq_of(line).with_context(|| not_understood(line))?;
        ensure!(k < self.talks.len() && self.phase == Phase::Saying, "an ack that nobody waits for");
        self.talks[k].ledger.acked(0, seq, &mut self.problems);
        self.stepped();
        self.say(net, k);
        Ok(())
    }

    fn stepped(&mut self) {
        self.done += 1;
        self.done_at = now();
    }

    fn pushed(&mut self, net: &mut Net, line: &[u8]) {
        let found = stamped(line, &self.blank).filter(|(stamp, _)| (stamp.sender as usize) < self.talks.len());
        let Some((stamp, seq)) = found else {
            return self.problems.add(|| format!("a message that nobody sent: {}", String::from_utf8_lossy(line)));
        };
        let (sender, receiver) = (stamp.sender as usize, self.receiver());
        let talk = &mut self.talks[sender];
        if talk.ledger.heard(1, (0, stamp.number), seq, &mut self.problems) == Heard::News {
            self.done += 1;
            self.done_at = now();
        }
        talk.unconfirmed += 1;
        if talk.unconfirmed == self.confirm_every || stamp.number + 1 == talk.total {
            talk.unconfirmed = 0;
            let confirm = self.accounts[sender].user().map(|user| Ask::Delivered { peer: Peer::User(user), seq });
            net.send(receiver, confirm.map(|confirm| confirm.line(None)).unwrap_or_default().as_bytes());
        }
    }

    fn go_on(&mut self, net: &mut Net) -> Result<()> {
        match self.phase {
            Phase::Ready => {
                self.progress.begin("saying", self.total());
                self.phase = Phase::Saying;
                (0..self.talks.len()).for_each(|k| (0..WINDOW).for_each(|_| self.say(net, k)));
            }
            Phase::Saying if self.done == self.total() => {
                self.progress.begin("reading", self.total());
                (self.phase, self.done) = (Phase::Reading, 0);
                let begin = self.meter.read(now)?;
                self.peak = Some(Peak::begin(&begin));
                self.begin = Some(begin);
                net.connect(self.receiver(), target(self.targets, self.receiver()))?;
                self.done_at = now();
            }
            Phase::Reading if self.done == self.total() => {
                self.phase = Phase::Over;
                let end = self.meter.read(now)?;
                self.end = self.peak.take().map(|peak| peak.end(end));
            }
            _ => {}
        }
        Ok(())
    }
}

impl Client for Backlog<'_> {
    fn connected(&mut self, net: &mut Net, k: usize) -> Result<()> {
        net.send(k, self.accounts[k].login_line(Confirm::Every(self.confirm_every)).as_bytes());
        Ok(())
    }

    fn line(&mut self, net: &mut Net, k: usize, line: &[u8], _at: Instant) -> Result<()> {
        match msgid_of(line) {
            msgid::ONE_CHAT => self.pushed(net, line),
            msgid::ONE_CHAT_ACK => self.acked(net, k, line)?,
            msgid::LOGIN_REPLY => {
                let login: LoggedIn<'_, Box<RawValue>> = reply(line)?;
                login.offlinemsg.iter().flatten().for_each(|push| self.pushed(net, push.get().as_bytes()));
            }
            _ => unsolicited::line(net, k, line)?,
        }
        Ok(())
    }

    fn turn(&mut self, net: &mut Net, at: Instant) -> Result<Next> {
        self.go_on(net)?;
        self.progress.at(self.done);
        if let Some(peak) = &mut self.peak {
            peak.look(&self.meter, at)?;
        }
        let until = self.done_at + SILENCE;
        if self.phase == Phase::Over {
            return Ok(Next::Done);
        }
        if at >= until {
            self.end = Some(self.meter.read(now)?);
            return Ok(Next::Done);
        }
        Ok(Next::Until(until.min(at + TICK)))
    }
}
