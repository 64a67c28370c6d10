//! Opens a session for each account, some at a time.

use std::io;
use std::net::SocketAddr;
use std::time::Instant;

use anyhow::{Context, Result};
use serde::de::IgnoredAny;
use stonechat_protocol::body::LoggedIn;

use super::{Account, Confirm, Patience, target};
use crate::engine::{Client, Net, Next, cut_off};
use crate::progress::Progress;
use crate::wire::{errno_of, reply};

/// Logins under way at once.
const IN_FLIGHT: usize = 64;

pub(super) struct LoggingIn<'a> {
    targets: &'a [SocketAddr],
    progress: &'a Progress,
    accounts: &'a mut [Account],
    confirm: Confirm,
    opened: usize,
    done: usize,
    patience: Patience,
}

impl<'a> LoggingIn<'a> {
    pub(super) fn new(
        targets: &'a [SocketAddr],
        progress: &'a Progress,
        accounts: &'a mut [Account],
        confirm: Confirm,
    ) -> Self {
        Self { targets, progress, accounts, confirm, opened: 0, done: 0, patience: Patience::new() }
    }
}

impl Client for LoggingIn<'_> {
    fn connected(&mut self, net: &mut Net, k: usize) -> Result<()> {
        net.send(k, self.accounts[k].login_line(self.confirm).as_bytes());
        Ok(())
    }

    fn line(&mut self, _net: &mut Net, k: usize, line: &[u8], _at: Instant) -> Result<()> {
        // Only the reply has an errno; what is pushed to those who are in already is not of interest here.
        if errno_of(line).is_some() {
            let login: LoggedIn<'_, IgnoredAny> = reply(line)?;
            self.accounts[k].token = login.token.into_owned();
            self.done += 1;
        }
        Ok(())
    }

    fn closed(&mut self, _net: &mut Net, k: usize, why: &io::Error) -> Result<()> {
        Err(cut_off(k, why)).context("logging in")
    }

    fn turn(&mut self, net: &mut Net, now: Instant) -> Result<Next> {
        while self.opened < self.accounts.len() && self.opened - self.done < IN_FLIGHT {
            net.connect(self.opened, target(self.targets, self.opened))?;
            self.opened += 1;
        }
        self.progress.at(self.done);
        if self.done == self.accounts.len() {
            return Ok(Next::Done);
        }
        self.patience.wait("logging in", self.done, now)
    }
}
