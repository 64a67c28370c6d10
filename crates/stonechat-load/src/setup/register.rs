//! Makes accounts over a few connections.

use std::io;
use std::net::SocketAddr;
use std::time::Instant;

use anyhow::{Context, Result};
use stonechat_protocol::ask::Ask;
use stonechat_protocol::body::Registered;

use super::{Account, PASSWORD, Patience, target};
use crate::engine::{Client, Net, Next, cut_off};
use crate::progress::Progress;
use crate::wire::reply;

/// Registrations under way at once: enough to share commits.
const CONNECTIONS_MAX: usize = 64;

pub(super) struct Registering<'a> {
    targets: &'a [SocketAddr],
    progress: &'a Progress,
    accounts: Vec<Account>,
    /// By connection: whom it is registering.
    busy: Vec<usize>,
    next: usize,
    done: usize,
    patience: Patience,
}

impl<'a> Registering<'a> {
    pub(super) fn new(targets: &'a [SocketAddr], progress: &'a Progress, count: usize) -> Result<Self> {
        let run = getrandom::u32().context("no randomness")?;
        let account = |nth: usize| Account { name: format!("load-{run:08x}-{nth}"), ..Account::default() };
        Ok(Self {
            targets,
            progress,
            accounts: (0..count).map(account).collect(),
            busy: Vec::new(),
            next: 0,
            done: 0,
            patience: Patience::new(),
        })
    }

    pub(super) fn into_accounts(self) -> Vec<Account> {
        self.accounts
    }

    fn register_next(&mut self, net: &mut Net, k: usize) {
        let Some(account) = self.accounts.get(self.next) else { return net.close(k) };
        let line = Ask::Register { name: &account.name, pwd: PASSWORD }.line(None);
        net.send(k, line.as_bytes());
        self.busy[k] = self.next;
        self.next += 1;
    }
}

impl Client for Registering<'_> {
    fn connected(&mut self, net: &mut Net, k: usize) -> Result<()> {
        self.register_next(net, k);
        Ok(())
    }

    fn line(&mut self, net: &mut Net, k: usize, line: &[u8], _at: Instant) -> Result<()> {
        let Registered { id } = reply(line)?;
        self.accounts[self.busy[k]].id = id.number();
        self.done += 1;
        self.register_next(net, k);
        Ok(())
    }

    fn closed(&mut self, _net: &mut Net, k: usize, why: &io::Error) -> Result<()> {
        Err(cut_off(k, why)).context("registering")
    }

    fn turn(&mut self, net: &mut Net, now: Instant) -> Result<Next> {
        if self.busy.is_empty() {
            self.busy = vec![0; CONNECTIONS_MAX.min(self.accounts.len())];
            (0..self.busy.len()).try_for_each(|k| net.connect(k, target(self.targets, k)))?;
        }
        self.progress.at(self.done);
        if self.done == self.accounts.len() {
            return Ok(Next::Done);
        }
        self.patience.wait("registering", self.done, now)
    }
}
