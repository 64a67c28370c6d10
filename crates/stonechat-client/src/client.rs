//! The shell around the model: carries out its effects on the socket and the disk, and keeps the news for whoever shows
//! them. The screen, the line mode and the one-shot commands are all built on it.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use crossbeam_channel::Sender;
use stonechat_protocol::time::UnixMs;

use crate::command::{self, Command, Kind};
use crate::model::{Account, Effect, Event, Link, Model, News};
use crate::net::{Incoming, Net};
use crate::server::Server;
use crate::spool::Spool;
use crate::state_dir::{Current, Folder, OpenError, StateDir};

/// How long the last lines may take to be written when the client ends.
const FAREWELL: Duration = Duration::from_secs(1);

/// Where to chat, and as whom.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) server: Server,
    pub(crate) name: String,
    /// Not needed when a token is saved.
    pub(crate) password: Option<String>,
    pub(crate) is_new: bool,
}

/// A running client of one account.
pub(crate) struct Client {
    pub(crate) model: Model,
    server: Server,
    state_dir: StateDir,
    folder: Folder,
    /// The account's name by which its folder is found; it may have got another one since.
    folder_name: String,
    net: Net,
    spool: Spool,
    news: Vec<News>,
}

impl Client {
    /// Opens the account's folder; connects when told to by [`Client::connect`]. What comes goes to `events`.
    pub(crate) fn open(state_dir: &StateDir, identity: Identity, events: Sender<Incoming>) -> Result<Self, OpenError> {
        let mut folder = state_dir.open(&identity.server.place, &identity.name)?;
        let account = folder.account(&identity.name);
        let token = account.token.filter(|_| !identity.is_new);
        let account = Account { token, password: identity.password, is_new: identity.is_new, ..account };
        let model = Model::new(account, folder.take_outbox(), folder.marks(), random_u64());
        let net = Net::new(identity.server.clone(), events);
        let spool = Spool::of(folder.path());
        let (server, state_dir, folder_name) = (identity.server, state_dir.clone(), identity.name);
        Ok(Self { spool, model, server, state_dir, folder, folder_name, net, news: Vec::new() })
    }

    /// Whether it can log in without being told a password.
    pub(crate) fn can_log_in(&self) -> bool {
        self.model.account.token.is_some() || self.model.account.password.is_some()
    }

    /// Where it chats.
    pub(crate) fn server(&self) -> &Server {
        &self.server
    }

    /// Starts to connect.
    pub(crate) fn connect(&mut self) {
        self.model.connect();
        self.settle();
    }

    /// Takes in what came from the network.
    pub(crate) fn incoming(&mut self, incoming: Incoming, now: Instant) {
        if let Some(event) = self.net.current(incoming) {
            self.handle(event, now);
        }
    }

    fn handle(&mut self, event: Event, now: Instant) {
        self.model.handle(event, now);
        self.settle();
    }

    /// Time has passed, or something was asked of the model.
    pub(crate) fn tick(&mut self, now: Instant) {
        self.model.tick(now);
        self.take_spooled();
        self.settle();
    }

    /// What `send` has handed over is sent with this client's session.
    fn take_spooled(&mut self) {
        if self.model.link != Link::Online {
            self.spool.forget_taken();
            return;
        }
        for (cid, letter) in self.spool.take() {
            let target = command::target(Kind::Any, &letter.to);
            self.model.order(Command::Send { cid, target, text: letter.msg }, UnixMs::now());
        }
    }

    /// Before the client ends: what was shown is noted and confirmed.
    pub(crate) fn finish(&mut self) {
        self.model.confirm_now();
        self.settle();
        self.net.finish(FAREWELL);
    }

    /// A start without flags takes this account from now on.
    pub(crate) fn be_current(&mut self) {
        let current = Current {
            server: self.server.to_string(),
            name: self.folder_name.clone(),
            ca: self.server.ca().map(Path::to_owned),
        };
        if self.state_dir.current().as_ref() != Some(&current)
            && let Err(error) = self.state_dir.set_current(&current)
        {
            self.news.push(News::Refused(format!("cannot write to the state folder: {error}")));
        }
    }

    /// The same, where no account was used before: a script does not change what a person has chosen.
    pub(crate) fn be_current_if_first(&mut self) {
        if self.state_dir.current().is_none() {
            self.be_current();
        }
    }

    /// What the user should know since the last call.
    pub(crate) fn take_news(&mut self) -> Vec<News> {
        std::mem::take(&mut self.news)
    }

    /// Carries out what the model wants.
    pub(crate) fn settle(&mut self) {
        for effect in self.model.take_effects() {
            if let Err(error) = self.carry_out(effect) {
                self.news.push(News::Refused(format!("cannot write to the state folder: {error}")));
            }
        }
    }

    fn carry_out(&mut self, effect: Effect) -> io::Result<()> {
        match effect {
            Effect::Connect => self.net.open(),
            Effect::Hangup => self.net.close(),
            Effect::Send(line) => self.net.send(line),
            Effect::Record(record) => self.folder.record(&record, &self.model.outbox)?,
            Effect::SaveMarks => {
                let chats = self.model.chats.iter();
                self.folder.save_marks(chats.map(|(peer, chat)| (*peer, self.model.title(*peer), &chat.mark)))?;
            }
            Effect::SaveAccount => self.folder.save_account(&self.model.account)?,
            Effect::Taken(cid) => self.spool.remove(&cid),
            Effect::Report { cid, outcome } => self.spool.report(&cid, &outcome)?,
            Effect::Tell(news) => self.news.push(news),
        }
        Ok(())
    }
}

/// A random number: message ids begin with it, and waits differ by it.
pub(crate) fn random_u64() -> u64 {
    let mut bytes = [0; 8];
    // Without the kernel's randomness the clock and the process number still differ from start to start.
    if getrandom::fill(&mut bytes).is_err() {
        let clock = UnixMs::now().0.unsigned_abs();
        return clock << 22 ^ u64::from(std::process::id());
    }
    u64::from_le_bytes(bytes)
}
