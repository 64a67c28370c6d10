//! `send`: one message, stored by the server when it returns.
//!
//! ```text
//!   no other client runs:   log in, find out who is meant, say it, wait for the ack; confirm nothing that comes
//!   another one runs:       put the letter into its spool, wait for what it tells
//! ```

use std::path::Path;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, select};
use stonechat_protocol::time::UnixMs;

use crate::client::{Client, Identity, random_u64};
use crate::clock::now;
use crate::command::{Command, Kind, Target, target};
use crate::exit::{Failure, Kind as Why};
use crate::model::News;
use crate::net::channel;
use crate::spool::{Handover, Letter, Outcome};
use crate::state_dir::{OpenError, StateDir};
use crate::tail::{require_login, take};

/// How often the model hears that time has passed.
const TICK: Duration = Duration::from_millis(50);

/// When sending is given up.
pub(crate) struct Limits<'a> {
    pub(crate) until: Instant,
    /// The process was asked to end.
    pub(crate) stop: &'a Receiver<()>,
}

/// Sends one message; returns when the server has stored it.
pub(crate) fn send(
    state_dir: &StateDir,
    identity: Identity,
    letter: Letter,
    limits: &Limits<'_>,
) -> Result<(), Failure> {
    let (events, incoming) = channel();
    let account = state_dir.account_folder(&identity.server.place, &identity.name);
    let client = match Client::open(state_dir, identity, events) {
        Err(OpenError::InUse) => return hand_over(&account, &letter, limits),
        other => other?,
    };
    require_login(&client)?;
    let whom = target(Kind::Any, &letter.to);
    let mut sending = Sending { client, whom, text: letter.msg, cid: None, last: String::new() };
    sending.begin();
    loop {
        for news in sending.client.take_news() {
            if let Some(result) = sending.hears(news) {
                return result;
            }
        }
        select! {
            recv(incoming) -> event => take(&mut sending.client, event.ok(), &incoming),
            recv(limits.stop) -> _ => return Err(too_late(sending.cid.is_some(), "interrupted")),
            default(TICK) => {}
        }
        sending.client.tick(now());
        if now() >= limits.until {
            return Err(too_late(sending.cid.is_some(), &sending.last));
        }
    }
}

/// One message on its way.
struct Sending {
    client: Client,
    whom: Target,
    text: String,
    /// From when it is in the outbox.
    cid: Option<String>,
    /// What was heard of the connection, in case it comes to nothing.
    last: String,
}

impl Sending {
    fn begin(&mut self) {
        self.client.model.only_send();
        if self.client.model.knows(&self.whom) {
            self.look_up();
        }
        self.client.connect();
    }

    /// Asks who is meant; the answer is that the conversation is opened.
    fn look_up(&mut self) {
        self.client.model.order(Command::Chat(self.whom.clone(), None), UnixMs::now());
        self.client.settle();
    }

    /// One piece of news; the result once it is certain.
    fn hears(&mut self, news: News) -> Option<Result<(), Failure>> {
        let is_mine = |cid: &String| self.cid.as_ref() == Some(cid);
        match news {
            News::Stored { cid, .. } if is_mine(&cid) => return Some(Ok(())),
            News::Failed { cid, why, .. } if is_mine(&cid) => return Some(Err(self.drop_failed(why))),
            News::Refused(why) if self.cid.is_none() => return Some(Err(Failure::new(Why::Refused, why))),
            News::LoginRefused(why) => return Some(Err(Failure::new(Why::NotLoggedIn, why))),
            News::Opened(peer) if self.cid.is_none() => {
                self.cid = Some(self.client.model.say(peer, &self.text, UnixMs::now()));
                self.client.tick(now());
            }
            News::Welcome { .. } => {
                self.client.be_current_if_first();
                if self.cid.is_none() {
                    self.look_up();
                }
            }
            // Waiting does not help, and a script should hear of it at once.
            News::Unfit(why) => return Some(Err(too_late(self.cid.is_some(), &why))),
            News::Says(text) => self.last = text,
            _ => {}
        }
        None
    }

    /// A script hears of the refusal; nobody would ever retry it by hand.
    fn drop_failed(&mut self, why: String) -> Failure {
        self.client.model.order(Command::Discard, UnixMs::now());
        self.client.settle();
        Failure::new(Why::Refused, why)
    }
}

fn too_late(is_kept: bool, last: &str) -> Failure {
    let kept = if is_kept {
        "the message is kept in the outbox and goes out with the next start"
    } else {
        "the message was not sent"
    };
    let reason = if last.is_empty() { "the server did not answer in time" } else { last };
    Failure::new(Why::Unreachable, format!("{reason}; {kept}"))
}

/// Another client of this account is running: it sends the message.
fn hand_over(account: &Path, letter: &Letter, limits: &Limits<'_>) -> Result<(), Failure> {
    let handover = Handover::post(account, &format!("{:016x}-0", random_u64()), letter)?;
    let mut is_over = false;
    loop {
        match handover.outcome() {
            Some(Outcome::Seq(_)) => return Ok(()),
            Some(Outcome::Why(why)) => return Err(Failure::new(Why::Refused, why)),
            None if is_over || now() >= limits.until => {
                return Err(too_late(!handover.take_back(), "the running client did not get to it"));
            }
            None => is_over = limits.stop.recv_timeout(TICK).is_ok(),
        }
    }
}
