//! `idle`: sessions that only sit there. What do they cost?

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde::de::IgnoredAny;
use stonechat_protocol::ask::Ask;

use crate::accounts_file;
use crate::cli::{Common, IdleArgs};
use crate::clock::now;
use crate::engine::{Client, Net, Next};
use crate::groups;
use crate::meter::{Measured, Meter};
use crate::open_files;
use crate::progress::Progress;
use crate::report::{Lasted, Report};
use crate::setup::{Account, Stage};
use crate::wire::{msgid, msgid_of, refusal};

/// After the last login: what still has to be written or pushed is done by then.
const SETTLE: Duration = Duration::from_secs(3);
/// Members of each group.
const MEMBERS: usize = 100;

/// Runs it.
pub(crate) fn run(common: &Common, args: &IdleArgs, progress: &Progress) -> Result<Report> {
    open_files::allow(args.connections)?;
    let mut engine = common.engine()?;
    let meter = Meter::new(&common.pids)?;
    let known = args.accounts.as_deref().map(accounts_file::read).transpose()?.flatten();
    let begin = meter.read(now)?;
    let mut stage = Stage { engine: &mut engine, targets: &common.connect, progress };
    let mut notes = Vec::new();
    let mut accounts = if let Some(accounts) = known {
        accounts
    } else {
        notes.push("the accounts were made in this run: their making is in the memory, too".to_owned());
        stage.register(args.connections)?
    };
    if accounts.len() != args.connections {
        bail!("the file has {} accounts, --connections is {}", accounts.len(), args.connections);
    }
    let login = now();
    stage.log_in(&mut accounts, common.confirm())?;
    let logged_in = login.elapsed();
    if !notes.is_empty() {
        befriend(&mut stage, &accounts, args)?;
    }
    if let Some(path) = &args.accounts {
        accounts_file::write(path, &accounts)?;
    }
    progress.begin("sitting", 0);
    engine.run(&mut Sitting::until(now() + SETTLE))?;
    let sitting = meter.read(now)?;
    engine.run(&mut Sitting::until(sitting.at() + common.times().measure))?;
    let end = meter.read(now)?;
    let measured = Measured {
        workload: format!(
            "idle: {} sessions, {} groups and {} friends each; CPU is per session and {:.0} s",
            args.connections,
            args.groups,
            args.friends,
            common.times().measure.as_secs_f64()
        ),
        unit: "session",
        count: args.connections as u64,
        connections: args.connections,
    };
    let mut report = meter.report(&sitting, &end, measured);
    report.memory = meter.growth(&begin, &end, args.connections);
    report.durations.push(Lasted { what: "logging in", seconds: logged_in.as_secs_f64() });
    report.per_second = None;
    report.notes = notes;
    Ok(report)
}

/// Friends are the next ones in the circle, so that everyone has as many; groups are rows of accounts, shifted for each
/// further group so that its members differ.
fn befriend(stage: &mut Stage<'_>, accounts: &[Account], args: &IdleArgs) -> Result<()> {
    let count = accounts.len();
    let mut requests = Vec::new();
    for distance in 1..=args.friends / 2 {
        requests.extend((0..count).map(|k| (k, (k + distance) % count)));
    }
    if args.friends % 2 == 1 {
        // An odd one: the person opposite.
        requests.extend((0..count / 2).map(|k| (k, k + count / 2)));
    }
    let request = |(k, friend): (usize, usize)| {
        let friend = accounts[friend].user().context("a friend is registered")?;
        Ok((k, Ask::AddFriend(friend).line(None)))
    };
    let requests = requests.into_iter().filter(|(k, friend)| k != friend).map(request).collect::<Result<_>>()?;
    stage.run_errands::<IgnoredAny>("making friends", requests)?;
    for nth in 0..args.groups {
        groups::found(stage, accounts, MEMBERS, nth)?;
    }
    Ok(())
}

/// Waits. What comes is read; a connection that is lost is an error.
pub(crate) struct Sitting {
    until: Instant,
}

impl Sitting {
    pub(crate) fn until(until: Instant) -> Self {
        Self { until }
    }
}

impl Client for Sitting {
    fn connected(&mut self, _net: &mut Net, _k: usize) -> Result<()> {
        Ok(())
    }

    fn line(&mut self, net: &mut Net, k: usize, line: &[u8], _at: Instant) -> Result<()> {
        match msgid_of(line) {
            msgid::PING => net.send(k, Ask::Pong.line(None).as_bytes()),
            msgid::ERROR => bail!("{}", refusal(line)),
            _ => {}
        }
        Ok(())
    }

    fn turn(&mut self, _net: &mut Net, now: Instant) -> Result<Next> {
        Ok(if now >= self.until { Next::Done } else { Next::Until(self.until) })
    }
}
