//! What must be there before something can be measured: accounts, sessions, friends, groups.
//!
//! ```text
//!   register: a few connections make the accounts      log_in: one connection for each account, which stays
//!   errands:  requests that sessions have to make, such as to join a group      join: all in one large group
//! ```
//!
//! Each is a client of its own; they run one after the other on the same engine.

mod join;
mod log_in;
mod register;
mod requests;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use serde::de::DeserializeOwned;
use stonechat_protocol::ask::{Ask, Login};
use stonechat_protocol::ids::{Peer, UserId};

use crate::clock::now;
use crate::engine::{Engine, Next};
use crate::progress::Progress;

/// The password of all accounts: they are worth nothing.
const PASSWORD: &str = "load test";
/// How long nothing may happen before we give up.
const PATIENCE: Duration = Duration::from_secs(30);

/// An account that the generator has made.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct Account {
    pub(crate) id: u32,
    pub(crate) name: String,
    /// Empty until it has logged in once.
    pub(crate) token: String,
}

/// How a session tells what has arrived.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Confirm {
    /// Not at all.
    Never,
    /// By DELIVERED, after so many messages.
    Every(u32),
}

/// Where a run happens.
pub(crate) struct Stage<'a> {
    pub(crate) engine: &'a mut Engine,
    pub(crate) targets: &'a [SocketAddr],
    pub(crate) progress: &'a Progress,
}

impl Account {
    /// LOGIN, by token if there is one.
    pub(crate) fn login_line(&self, confirm: Confirm) -> String {
        if self.token.is_empty() { self.password_line(confirm) } else { self.token_line(confirm) }
    }

    pub(crate) fn password_line(&self, confirm: Confirm) -> String {
        self.login(confirm, |login| login.pwd = Some(PASSWORD))
    }

    pub(crate) fn token_line(&self, confirm: Confirm) -> String {
        self.login(confirm, |login| login.token = Some(&self.token))
    }

    fn login<'a>(&'a self, confirm: Confirm, prove: impl FnOnce(&mut Login<'a>)) -> String {
        let mut login = Login { id: self.user(), ack: confirm != Confirm::Never, ..Login::default() };
        prove(&mut login);
        Ask::Login(login).line(None)
    }

    /// The account's id; `None` before it is registered.
    pub(crate) fn user(&self) -> Option<UserId> {
        UserId::new(self.id.into())
    }

    /// The conversation with the account.
    ///
    /// # Errors
    /// It is not registered.
    pub(crate) fn peer(&self) -> Result<Peer> {
        self.user().map(Peer::User).ok_or_else(|| anyhow!("{} is not registered", self.name))
    }
}

/// The node of connection `k`: they are dealt round.
pub(crate) fn target(targets: &[SocketAddr], k: usize) -> SocketAddr {
    targets[k % targets.len()]
}

impl Stage<'_> {
    /// Makes so many accounts. All connections are free again afterwards.
    pub(crate) fn register(&mut self, count: usize) -> Result<Vec<Account>> {
        self.progress.begin("registering", count);
        let mut client = register::Registering::new(self.targets, self.progress, count)?;
        self.engine.run(&mut client)?;
        self.engine.net.close_all();
        Ok(client.into_accounts())
    }

    /// Logs all accounts in, account `k` on connection `k`.
    pub(crate) fn log_in(&mut self, accounts: &mut [Account], confirm: Confirm) -> Result<()> {
        self.progress.begin("logging in", accounts.len());
        self.engine.run(&mut log_in::LoggingIn::new(self.targets, self.progress, accounts, confirm))
    }

    /// Makes all accounts members of one group. All connections are free again afterwards.
    pub(crate) fn join_one_group(&mut self, accounts: &mut [Account]) -> Result<()> {
        self.progress.begin("joining the group", accounts.len());
        self.engine.run(&mut join::Joining::new(self.targets, self.progress, accounts))?;
        self.engine.net.close_all();
        Ok(())
    }

    /// Sends each `(k, request)` on its connection, one after the other on each, and returns the replies in that order.
    pub(crate) fn run_errands<T: DeserializeOwned>(
        &mut self,
        what: &'static str,
        requests: Vec<(usize, String)>,
    ) -> Result<Vec<T>> {
        self.progress.begin(what, requests.len());
        let mut client = requests::SetupRequests::new(self.progress, requests);
        self.engine.run(&mut client)?;
        client.into_replies()
    }
}

/// Gives up when nothing has happened for too long.
#[derive(Debug)]
struct Patience {
    done: usize,
    since: Instant,
}

impl Patience {
    fn new() -> Self {
        Self { done: 0, since: now() }
    }

    /// `done` steps are done at `now`.
    fn wait(&mut self, what: &str, done: usize, now: Instant) -> Result<Next> {
        if done != self.done {
            *self = Self { done, since: now };
        }
        let until = self.since + PATIENCE;
        if now < until { Ok(Next::Until(until)) } else { Err(anyhow!("{what}: no reply for {PATIENCE:?}")) }
    }
}
