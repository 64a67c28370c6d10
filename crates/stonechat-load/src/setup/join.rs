//! Has accounts join a group before any of them is there to stay: to join beside thousands of members who are told of each
//! newcomer would take as many notices as there are pairs of them.

use std::io;
use std::net::SocketAddr;
use std::time::Instant;

use anyhow::{Context, Result};
use serde::de::IgnoredAny;
use stonechat_protocol::ask::Ask;
use stonechat_protocol::body::{LoggedIn, OfGroup};
use stonechat_protocol::ids::GroupId;

use super::{Account, Confirm, Patience, target};
use crate::engine::{Client, Net, Next, cut_off};
use crate::progress::Progress;
use crate::wire::{errno_of, msgid, msgid_of, reply};

/// Members who come in at once.
const CONNECTIONS_MAX: usize = 16;

pub(super) struct Joining<'a> {
    targets: &'a [SocketAddr],
    progress: &'a Progress,
    accounts: &'a mut [Account],
    /// By connection: who is on it.
    busy: Vec<usize>,
    /// What the first of them has made.
    group: Option<GroupId>,
    next: usize,
    done: usize,
    patience: Patience,
}

impl<'a> Joining<'a> {
    pub(super) fn new(targets: &'a [SocketAddr], progress: &'a Progress, accounts: &'a mut [Account]) -> Self {
        let busy = vec![0; CONNECTIONS_MAX];
        Self { targets, progress, accounts, busy, group: None, next: 0, done: 0, patience: Patience::new() }
    }

    fn begin(&mut self, net: &mut Net, k: usize) -> Result<()> {
        if self.next < self.accounts.len() {
            self.busy[k] = self.next;
            self.next += 1;
            net.connect(k, target(self.targets, self.busy[k]))?;
        }
        Ok(())
    }

    fn ask(&self, k: usize) -> String {
        match self.group {
            Some(group) => Ask::AddGroup(group).line(None),
            None => Ask::CreateGroup { name: &self.accounts[self.busy[k]].name, desc: "load" }.line(None),
        }
    }
}

impl Client for Joining<'_> {
    fn connected(&mut self, net: &mut Net, k: usize) -> Result<()> {
        net.send(k, self.accounts[self.busy[k]].login_line(Confirm::Never).as_bytes());
        Ok(())
    }

    fn line(&mut self, net: &mut Net, k: usize, line: &[u8], _at: Instant) -> Result<()> {
        if errno_of(line).is_none() {
            // A notice of who else has come.
            return Ok(());
        }
        if msgid_of(line) == msgid::LOGIN_REPLY {
            let login: LoggedIn<'_, IgnoredAny> = reply(line)?;
            self.accounts[self.busy[k]].token = login.token.into_owned();
            net.send(k, self.ask(k).as_bytes());
            return Ok(());
        }
        let OfGroup { groupid } = reply(line)?;
        self.group = Some(groupid);
        self.done += 1;
        net.close(k);
        self.begin(net, k)
    }

    fn closed(&mut self, _net: &mut Net, k: usize, why: &io::Error) -> Result<()> {
        Err(cut_off(k, why)).context("joining the group")
    }

    fn turn(&mut self, net: &mut Net, now: Instant) -> Result<Next> {
        match (self.next, self.done) {
            (0, _) => self.begin(net, 0)?,
            // The group is there: the others may come.
            (1 | 2, 1) => {
                for k in 1..CONNECTIONS_MAX {
                    self.begin(net, k)?;
                }
            }
            _ => {}
        }
        self.progress.at(self.done);
        if self.done == self.accounts.len() {
            return Ok(Next::Done);
        }
        self.patience.wait("joining the group", self.done, now)
    }
}
