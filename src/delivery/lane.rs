//! One lane: what happens to a batch of messages once the store has spoken.
//!
//! A state machine without I/O. The thread around it ([`super::lanes`]) gathers, calls the store and carries out the
//! effects.
//!
//! ```text
//!   batch --append--> outcomes            -> ack, push, bell for each
//!                     unavailable         -> 503 for each: nothing was stored
//!                     outcome unknown     -> settle, again and again
//!                                              committed     -> as above
//!                                              not committed -> append once more
//!                                              still unknown after a while -> 503 for each; what turns out to have
//!                                              been committed is pushed all the same
//! ```

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::clock::UnixMs;
use crate::ids::{ConvId, DeviceId, Peer, Seq, UserId};
use crate::net::ConnId;
use crate::store::{Append, Appended, StoreError};
use crate::wire::errno::Errno;
use crate::wire::reply::{self, Echo, Push, TimeText};

/// Messages in a batch, and bytes of their bodies: bounds the time a commit takes.
pub const BATCH_MESSAGES_MAX: usize = 1024;
/// See [`BATCH_MESSAGES_MAX`].
pub const BATCH_BYTES_MAX: usize = 1 << 20;

/// Who waits for the outcome of a message.
#[derive(Clone, Debug)]
pub struct Asker {
    /// The connection it came on.
    pub conn: ConnId,
    /// The device of its session.
    pub device: DeviceId,
    /// The sender's name, for the push.
    pub name: Arc<str>,
    /// What the reply repeats.
    pub echo: Echo,
}

/// Messages that are committed together. Invariant: both lists have the same length and order.
#[derive(Debug, Default)]
pub struct Batch {
    appends: Vec<Append>,
    askers: Vec<Asker>,
    bytes: usize,
}

impl Batch {
    /// Adds a message.
    pub fn push(&mut self, append: Append, asker: Asker) {
        self.bytes += append.body.len();
        self.appends.push(append);
        self.askers.push(asker);
    }

    /// Whether nothing more should be added.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.appends.len() >= BATCH_MESSAGES_MAX || self.bytes >= BATCH_BYTES_MAX
    }

    /// What to hand to the store.
    #[must_use]
    pub fn appends(&self) -> &[Append] {
        &self.appends
    }

    fn messages(&self) -> impl Iterator<Item = (&Append, &Asker)> {
        self.appends.iter().zip(&self.askers)
    }
}

/// What the lane's thread has to do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Effect {
    /// Answer the sender.
    Answer {
        /// The sender's connection.
        conn: ConnId,
        /// Where the message is, if it is stored.
        stored: Option<(ConvId, Seq)>,
        /// The reply.
        line: Bytes,
    },
    /// Tell everyone addressed, here and on the other nodes.
    Announce(News),
}

/// A message that is stored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct News {
    /// The conversation.
    pub conv: ConvId,
    /// The message's place there.
    pub seq: Seq,
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

/// What to do with a batch next.
#[derive(Debug)]
pub enum Next {
    /// Carry these out; the batch is done with.
    Done(Vec<Effect>),
    /// The same; the store is away. Whoever waits has waited as long as this batch, and is to be refused as well: an
    /// answer, not one more wait.
    Refuse(Vec<Effect>),
    /// Append this batch (again).
    Append(Batch),
    /// Carry these out, wait a moment, then ask the store to settle.
    Settle(Vec<Effect>),
}

/// A lane's memory: the batch whose outcome is not known, if there is one.
#[derive(Debug)]
pub struct Lane {
    patience: Duration,
    unsettled: Option<Unsettled>,
}

#[derive(Debug)]
struct Unsettled {
    batch: Batch,
    since: Instant,
    /// The senders have been told 503.
    given_up: bool,
}

impl Lane {
    /// A lane that lets senders wait at most about `patience` for the outcome of a commit.
    #[must_use]
    pub fn new(patience: Duration) -> Self {
        Self { patience, unsettled: None }
    }

    /// The batch to settle, if there is one.
    #[must_use]
    pub fn unsettled(&self) -> Option<&Batch> {
        self.unsettled.as_ref().map(|unsettled| &unsettled.batch)
    }

    /// Whether new messages should be refused instead of waiting for the unsettled batch.
    #[must_use]
    pub fn refuses(&self) -> bool {
        self.unsettled.as_ref().is_some_and(|unsettled| unsettled.given_up)
    }

    /// The store answered [`crate::store::Store::append`].
    pub fn appended(&mut self, batch: Batch, result: Result<Vec<Appended>, StoreError>, now: Instant) -> Next {
        match result {
            Ok(outcomes) => Next::Done(announce(&batch, &outcomes, AnswerSender::Yes)),
            Err(StoreError::OutcomeUnknown(_)) => {
                self.unsettled = Some(Unsettled { batch, since: now, given_up: false });
                Next::Settle(Vec::new())
            }
            Err(error @ StoreError::Unavailable(_)) => Next::Refuse(refuse(&batch, &error)),
            Err(error) => Next::Done(refuse(&batch, &error)),
        }
    }

    /// The store answered [`crate::store::Store::settle`] for [`Lane::unsettled`].
    pub fn settled(&mut self, result: Result<Option<Vec<Appended>>, StoreError>, now: Instant) -> Next {
        let Some(mut unsettled) = self.unsettled.take() else { return Next::Done(Vec::new()) };
        match result {
            Ok(Some(outcomes)) => {
                let answer = if unsettled.given_up { AnswerSender::No } else { AnswerSender::Yes };
                Next::Done(announce(&unsettled.batch, &outcomes, answer))
            }
            Ok(None) if unsettled.given_up => Next::Done(Vec::new()),
            Ok(None) => Next::Append(unsettled.batch),
            Err(error) => {
                let mut effects = Vec::new();
                if !unsettled.given_up && now.duration_since(unsettled.since) >= self.patience {
                    unsettled.given_up = true;
                    effects = refuse(&unsettled.batch, &error);
                }
                self.unsettled = Some(unsettled);
                Next::Settle(effects)
            }
        }
    }
}

/// Whether the sender still waits for an answer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum AnswerSender {
    Yes,
    No,
}

/// Refuses a batch that was not stored: an answer, never a hang.
#[must_use]
pub fn refuse(batch: &Batch, error: &StoreError) -> Vec<Effect> {
    let (errno, text) = match error {
        StoreError::Unavailable(_) | StoreError::OutcomeUnknown(_) => {
            (Errno::Unavailable, "storage is unavailable; try again")
        }
        StoreError::Broken(_) => (Errno::Internal, "internal error"),
    };
    batch.messages().map(|(append, asker)| refusal(append, asker, errno, text)).collect()
}

fn refusal(append: &Append, asker: &Asker, errno: Errno, text: &str) -> Effect {
    let line = reply::chat_refused(append.to, errno, text, &asker.echo);
    Effect::Answer { conn: asker.conn, stored: None, line }
}

fn announce(batch: &Batch, outcomes: &[Appended], answer: AnswerSender) -> Vec<Effect> {
    let mut effects = Vec::with_capacity(2 * outcomes.len());
    let mut time = TimeText::new(UnixMs(0));
    for ((append, asker), outcome) in batch.messages().zip(outcomes) {
        let (seq, sent_at, is_new) = match *outcome {
            Appended::Stored(seq) => (seq, append.sent_at, true),
            Appended::Duplicate { seq, sent_at } => (seq, sent_at, false),
            refused => {
                if answer == AnswerSender::Yes {
                    let (errno, text) = reason(refused);
                    effects.push(refusal(append, asker, errno, text));
                }
                continue;
            }
        };
        time.set(sent_at);
        if answer == AnswerSender::Yes {
            let line = reply::ack(append.to, seq, &time, &asker.echo);
            effects.push(Effect::Answer { conn: asker.conn, stored: Some((append.conv, seq)), line });
        }
        let push =
            Push { sender: append.sender, name: &asker.name, to: append.to, body: &append.body, time: &time, seq };
        effects.push(Effect::Announce(News {
            conv: append.conv,
            seq,
            to: append.to,
            sender: append.sender,
            from: asker.conn,
            device: asker.device,
            line: is_new.then(|| push.line()),
        }));
    }
    effects
}

fn reason(outcome: Appended) -> (Errno, &'static str) {
    match outcome {
        Appended::NoSuchUser => (Errno::NotFound, "no such user"),
        Appended::NoSuchGroup => (Errno::NotFound, "no such group"),
        Appended::NotMember => (Errno::NotAllowed, "not a member of this group"),
        Appended::NotFriends => (Errno::NotAllowed, "not a friend"),
        Appended::Stored(_) | Appended::Duplicate { .. } => (Errno::Internal, "internal error"),
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a start for the clock that the tests move")]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(5);

    fn user(number: i64) -> UserId {
        UserId::new(number).unwrap()
    }

    fn batch(count: u32) -> Batch {
        let mut batch = Batch::default();
        for slot in 0..count {
            let append = Append {
                conv: ConvId::pair(user(1), user(2)),
                sender: user(1),
                to: Peer::User(user(2)),
                cid: None,
                body: r#"{"msg":"x"}"#.into(),
                sent_at: UnixMs(0),
                friends_only: false,
            };
            let conn = ConnId { reactor: 0, slot, generation: 0 };
            batch.push(append, Asker { conn, device: DeviceId::UNNAMED, name: "a".into(), echo: Echo::default() });
        }
        batch
    }

    fn unavailable() -> StoreError {
        StoreError::Unavailable("gone".into())
    }

    fn unknown() -> StoreError {
        StoreError::OutcomeUnknown("gone".into())
    }

    /// The answers' errnos (or seqs), and the seqs announced, with whether they carry a push.
    fn told(effects: &[Effect]) -> (Vec<String>, Vec<(Seq, bool)>) {
        let mut answers = Vec::new();
        let mut announced = Vec::new();
        for effect in effects {
            match effect {
                Effect::Answer { stored: Some((_, seq)), .. } => answers.push(format!("seq {seq}")),
                Effect::Answer { line, .. } => {
                    let reply: serde_json::Value = serde_json::from_slice(line).unwrap();
                    answers.push(format!("errno {}", reply["errno"]));
                }
                Effect::Announce(news) => announced.push((news.seq, news.line.is_some())),
            }
        }
        (answers, announced)
    }

    fn done(next: Next) -> Vec<Effect> {
        match next {
            Next::Done(effects) => effects,
            other => panic!("not done: {other:?}"),
        }
    }

    #[test]
    fn a_commit_is_acked_and_announced() {
        let mut lane = Lane::new(PATIENCE);
        let outcomes =
            vec![Appended::Stored(4), Appended::NoSuchUser, Appended::Duplicate { seq: 2, sent_at: UnixMs(0) }];
        let effects = done(lane.appended(batch(3), Ok(outcomes), Instant::now()));
        let (answers, announced) = told(&effects);
        assert_eq!(answers, ["seq 4", "errno 404", "seq 2"]);
        assert_eq!(announced, [(4, true), (2, false)], "who has the duplicate already need not get it again");
    }

    #[test]
    fn what_was_not_stored_is_refused_at_once() {
        let mut lane = Lane::new(PATIENCE);
        let Next::Refuse(effects) = lane.appended(batch(2), Err(unavailable()), Instant::now()) else { panic!() };
        assert_eq!(told(&effects), (vec!["errno 503".to_owned(); 2], vec![]));
        assert!(lane.unsettled().is_none());
    }

    #[test]
    fn an_unknown_outcome_is_looked_up() {
        let now = Instant::now();
        let mut lane = Lane::new(PATIENCE);
        assert!(matches!(lane.appended(batch(1), Err(unknown()), now), Next::Settle(effects) if effects.is_empty()));
        assert!(matches!(lane.settled(Err(unavailable()), now), Next::Settle(effects) if effects.is_empty()));
        assert!(!lane.refuses());
        let effects = done(lane.settled(Ok(Some(vec![Appended::Stored(1)])), now));
        assert_eq!(told(&effects), (vec!["seq 1".to_owned()], vec![(1, true)]));
        assert!(lane.unsettled().is_none());
    }

    #[test]
    fn what_turns_out_not_committed_is_appended_again() {
        let now = Instant::now();
        let mut lane = Lane::new(PATIENCE);
        lane.appended(batch(1), Err(unknown()), now);
        assert!(matches!(lane.settled(Ok(None), now), Next::Append(batch) if batch.appends().len() == 1));
        assert!(lane.unsettled().is_none());
    }

    #[test]
    fn senders_do_not_wait_for_ever_but_what_was_committed_is_announced() {
        let start = Instant::now();
        for (outcome, announced) in [(Some(vec![Appended::Stored(1)]), vec![(1, true)]), (None, vec![])] {
            let mut lane = Lane::new(PATIENCE);
            lane.appended(batch(1), Err(unknown()), start);
            let Next::Settle(effects) = lane.settled(Err(unavailable()), start + PATIENCE) else { panic!() };
            assert_eq!(told(&effects).0, ["errno 503"]);
            assert!(lane.refuses());
            let Next::Settle(effects) = lane.settled(Err(unavailable()), start + 2 * PATIENCE) else { panic!() };
            assert_eq!(effects, [], "answered once");
            assert_eq!(told(&done(lane.settled(Ok(outcome), start + 3 * PATIENCE))), (vec![], announced));
        }
    }
}
