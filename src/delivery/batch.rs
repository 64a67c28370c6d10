//! Messages that are committed together, and what their senders and readers are told of it. No I/O.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use super::Which;
use crate::clock::UnixMs;
use crate::ids::{ConvId, DeviceId, Peer, Seq, UserId};
use crate::net::ConnId;
use crate::store::{Append, Appended, Change, Content, Event, StoreError};
use crate::wire::errno::Errno;
use crate::wire::reply::{self, Echo, Push, TimeText, What};

/// Messages in a batch, and bytes of their bodies: bounds the time a commit takes.
pub const BATCH_MESSAGES_MAX: usize = 1024;
/// See [`BATCH_MESSAGES_MAX`].
pub const BATCH_BYTES_MAX: usize = 1 << 20;

/// Who waits for the outcome of a message.
#[derive(Clone, Debug)]
pub struct ReplyTo {
    /// The connection it came on.
    pub conn: ConnId,
    /// The device of its session.
    pub device: DeviceId,
    /// The sender's name, for the push.
    pub name: Arc<str>,
    /// What the reply repeats.
    pub echo: Echo,
}

/// A message on its way into the store.
#[derive(Clone, Debug)]
pub struct Job {
    /// What is to be stored.
    pub append: Append,
    /// Who waits for it.
    pub reply_to: ReplyTo,
    /// When it came to the lane: its sender is answered within the lane's patience from then on.
    pub since: Instant,
}

// It is moved some times on its way. What is larger is moved by a call each time.
const _: () = assert!(size_of::<Job>() <= 128);

impl Job {
    /// What it takes to keep it waiting, roughly.
    pub(super) fn bytes(&self) -> usize {
        size_of::<Self>() + self.append.body.bytes()
    }
}

/// Messages that are committed together. Invariant: both lists have the same length and order.
#[derive(Debug, Default)]
pub struct Batch {
    appends: Vec<Append>,
    senders: Vec<(ReplyTo, Instant)>,
    bytes: usize,
}

impl Batch {
    /// An empty one with room for so many.
    #[must_use]
    pub(crate) fn for_messages(count: usize) -> Self {
        Self { appends: Vec::with_capacity(count), senders: Vec::with_capacity(count), bytes: 0 }
    }

    /// Adds a message.
    pub fn push(&mut self, job: Job) {
        self.bytes += job.append.body.bytes();
        self.appends.push(job.append);
        self.senders.push((job.reply_to, job.since));
    }

    /// Whether nothing more should be added.
    #[must_use]
    pub(crate) fn is_full(&self) -> bool {
        self.appends.len() >= BATCH_MESSAGES_MAX || self.bytes >= BATCH_BYTES_MAX
    }

    /// What to hand to the store.
    #[must_use]
    pub fn appends(&self) -> &[Append] {
        &self.appends
    }

    /// The same, to note what the store must have of their conversations before it takes them.
    pub(super) fn appends_mut(&mut self) -> &mut [Append] {
        &mut self.appends
    }

    /// Whether there is no message in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.appends.is_empty()
    }

    /// The messages, in order.
    pub(super) fn into_jobs(self) -> impl Iterator<Item = Job> {
        self.appends.into_iter().zip(self.senders).map(|(append, (reply_to, since))| Job { append, reply_to, since })
    }

    /// The conversations, each once.
    pub(super) fn conversations(&self) -> HashSet<ConvId> {
        self.appends.iter().map(Append::conv).collect()
    }

    /// When the message that has waited longest came.
    pub(super) fn oldest(&self) -> Option<Instant> {
        self.senders.iter().map(|(_, since)| *since).min()
    }

    /// Two batches in its place: by conversations, or, where there is only one, the earlier messages and the later ones.
    /// `None` if there is only one message.
    pub(super) fn halve(self) -> Option<(Self, Self)> {
        if self.appends.len() < 2 {
            return None;
        }
        let (mut first, mut second) = (Self::default(), Self::default());
        let conversations = self.conversations();
        let messages = self.appends.len();
        let mut early = HashSet::new();
        for (place, job) in self.into_jobs().enumerate() {
            let conv = job.append.conv();
            let is_early = match conversations.len() {
                1 => place < messages / 2,
                count => early.contains(&conv) || (early.len() < count / 2 && early.insert(conv)),
            };
            if is_early { first.push(job) } else { second.push(job) }
        }
        Some((first, second))
    }

    /// Who waits for each message.
    #[cfg(test)]
    pub(super) fn senders_for_tests(&self) -> impl Iterator<Item = &ReplyTo> {
        self.senders.iter().map(|(reply_to, _)| reply_to)
    }

    fn messages(&self) -> impl Iterator<Item = (&Append, &ReplyTo)> {
        self.appends.iter().zip(self.senders.iter().map(|(reply_to, _)| reply_to))
    }
}

impl FromIterator<Job> for Batch {
    fn from_iter<I: IntoIterator<Item = Job>>(jobs: I) -> Self {
        let mut batch = Self::default();
        for job in jobs {
            batch.push(job);
        }
        batch
    }
}

/// What the lane's thread has to do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Effect {
    /// Answer the sender.
    Answer {
        /// The sender's connection.
        conn: ConnId,
        /// The conversation.
        conv: ConvId,
        /// The message's place there, and which one it is, if it is stored.
        stored: Option<(Seq, Which)>,
        /// The reply.
        line: Bytes,
    },
    /// Tell everyone addressed, here and on the other nodes.
    Announce(Announcement),
}

/// A message that is stored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Announcement {
    /// The conversation.
    pub conv: ConvId,
    /// The message's place there.
    pub seq: Seq,
    /// Which message that is.
    pub which: Which,
    /// To whom it is addressed.
    pub to: Peer,
    /// Who sent it.
    pub sender: UserId,
    /// On what connection.
    pub from: ConnId,
    /// From what device.
    pub device: DeviceId,
    /// The push; `None` for a message that was announced before.
    pub line: Option<Bytes>,
}

/// Whether the sender still waits for an answer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum AnswerSender {
    Yes,
    No,
}

/// Why a message is refused that nobody doubts to be not stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Refusal {
    /// The database is away.
    Away,
    /// The conversation is locked by another, or waits for a commit in doubt.
    Locked,
    /// The database makes no sense, or none of this message.
    Broken,
}

impl From<&StoreError> for Refusal {
    fn from(error: &StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) | StoreError::OutcomeUnknown(_) => Self::Away,
            StoreError::Busy(_) => Self::Locked,
            StoreError::Broken(_) => Self::Broken,
        }
    }
}

impl Refusal {
    fn told(self) -> (Errno, &'static str) {
        match self {
            Self::Away => (Errno::Unavailable, "storage is unavailable; try again"),
            Self::Locked => (Errno::Unavailable, "this conversation is locked in the database; try again"),
            Self::Broken => (Errno::Internal, "internal error"),
        }
    }
}

/// Refuses a batch that was not stored: an answer, never a hang.
pub(super) fn refuse(batch: &Batch, why: Refusal) -> Vec<Effect> {
    let (errno, text) = why.told();
    batch.messages().map(|(append, reply_to)| refusal(append, reply_to, errno, text)).collect()
}

/// The same for one message.
pub(super) fn refuse_one(job: &Job, why: Refusal) -> Effect {
    let (errno, text) = why.told();
    refusal(&job.append, &job.reply_to, errno, text)
}

fn refusal(append: &Append, reply_to: &ReplyTo, errno: Errno, text: &str) -> Effect {
    let line = reply::not_stored(what(append), append.to, errno, text, &reply_to.echo);
    Effect::Answer { conn: reply_to.conn, conv: append.conv(), stored: None, line }
}

/// Tells what became of the messages. Those whose conversation is locked are left out: nothing is known of them yet.
pub(super) fn announce(batch: &Batch, outcomes: &[Appended], answer: AnswerSender) -> Vec<Effect> {
    let mut effects = Vec::with_capacity(2 * outcomes.len());
    let mut time = TimeText::new(UnixMs(0));
    for ((append, reply_to), outcome) in batch.messages().zip(outcomes) {
        let (seq, sent_at, is_new) = match *outcome {
            Appended::Stored(seq) => (seq, append.sent_at, true),
            Appended::Duplicate { seq, sent_at } => (seq, sent_at, false),
            Appended::Locked => continue,
            not_stored => {
                if answer == AnswerSender::Yes {
                    effects.push(answer_to(append, reply_to, not_stored));
                }
                continue;
            }
        };
        time.set(sent_at);
        let (conv, which) = (append.conv(), Which::of(append.sender, sent_at));
        if answer == AnswerSender::Yes {
            let line = reply::ack(what(append), append.to, Some((seq, &time)), &reply_to.echo);
            effects.push(Effect::Answer { conn: reply_to.conn, conv, stored: Some((seq, which)), line });
        }
        let line = is_new.then(|| {
            let (sender, name, to) = (append.sender, &*reply_to.name, append.to);
            Push { sender, name, to, what: what(append), body: &body(append), time: &time, seq, marks: "" }.line()
        });
        effects.push(Effect::Announce(Announcement {
            conv,
            seq,
            which,
            to: append.to,
            sender: append.sender,
            from: reply_to.conn,
            device: reply_to.device,
            line,
        }));
    }
    effects
}

/// The answer to what was not stored.
fn answer_to(append: &Append, reply_to: &ReplyTo, outcome: Appended) -> Effect {
    let ReplyTo { conn, echo, .. } = reply_to;
    let (conn, conv, what) = (*conn, append.conv(), what(append));
    let line = match outcome {
        // Nobody else is told: it is so already.
        Appended::Unchanged(by) => {
            let by = by.map(|(seq, at)| (seq, TimeText::new(at)));
            reply::ack(what, append.to, by.as_ref().map(|(seq, at)| (*seq, at)), echo)
        }
        Appended::Muted(until) => reply::muted(what, append.to, "you are muted in this group", until, echo),
        refused => {
            let (errno, text) = reason(refused);
            return refusal(append, reply_to, errno, text);
        }
    };
    Effect::Answer { conn, conv, stored: None, line }
}

/// What it is on the wire.
fn what(append: &Append) -> What {
    match append.body.event() {
        None => What::Message,
        Some(&Event { of, ref change, .. }) => match change {
            Change::Edit(_) => What::Edit { of },
            Change::Recall => What::Recall { of },
            Change::React { .. } => What::Reaction { of },
        },
    }
}

/// What the push says.
fn body(append: &Append) -> Cow<'_, str> {
    match &append.body {
        Content::Message(body) => Cow::Borrowed(body),
        Content::Event(event) => match &event.change {
            Change::Edit(body) => Cow::Borrowed(body),
            Change::Recall => Cow::Borrowed(""),
            Change::React { reaction, on } => Cow::Owned(reply::reaction_body(reaction, *on)),
        },
    }
}

fn reason(outcome: Appended) -> (Errno, &'static str) {
    match outcome {
        Appended::NoSuchUser => (Errno::NotFound, "no such user"),
        Appended::NoSuchGroup => (Errno::NotFound, "no such group"),
        Appended::NotMember => (Errno::NotAllowed, "not a member of this group"),
        Appended::NotFriends => (Errno::NotAllowed, "not a friend"),
        Appended::Blocked => (Errno::NotAllowed, "this user does not want messages from you"),
        Appended::HasBlocked => (Errno::NotAllowed, "you have blocked this user; unblock first"),
        Appended::AdminsOnly => (Errno::NotAllowed, "only admins may do that in this group"),
        Appended::NoSuchMessage => (Errno::NotFound, "no such message"),
        Appended::NotAMessage => (Errno::Conflict, "`of` is no message, but an edit, a recall or a reaction"),
        Appended::IsRecalled => (Errno::Conflict, "the message was recalled"),
        Appended::NotAuthor => (Errno::NotAllowed, "not your message"),
        Appended::TooLate => (Errno::NotAllowed, "the message is too old to be changed"),
        Appended::TooManyReactions => (Errno::Conflict, "the message has as many different reactions as it may have"),
        Appended::WentBack(_) => (Errno::Unavailable, "the data went back to an earlier state; try again"),
        Appended::Stored(_)
        | Appended::Duplicate { .. }
        | Appended::Locked
        | Appended::Muted(_)
        | Appended::Unchanged(_) => (Errno::Internal, "internal error"),
    }
}
