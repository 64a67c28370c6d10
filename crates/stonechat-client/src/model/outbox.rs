//! Messages that the server has not acknowledged: in memory here, on disk by the records that go with every change.
//!
//! ```text
//!   said -> Waiting -> Sent -> acknowledged: gone
//!              ^         |---> refused for good: Failed, until retried or dropped
//!              +---------+     connection lost, or "try again"
//! ```

use serde::{Deserialize, Serialize};
use stonechat_protocol::ids::{Peer, Seq};
use stonechat_protocol::time::UnixMs;

/// Messages under way without an ack; the server takes 64 and stops reading beyond.
const IN_FLIGHT_MAX: usize = 32;

/// A message on its way to the server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Outgoing {
    /// Never used again: the server stores a `cid` once.
    pub(crate) cid: String,
    pub(crate) peer: Peer,
    pub(crate) text: String,
    /// The message that it answers.
    pub(crate) re: Option<Seq>,
    /// When it was said, by the clock of this machine.
    pub(crate) at: UnixMs,
    pub(crate) state: State,
}

/// A message as it is said.
#[derive(Clone, Copy, Debug)]
pub(super) struct Letter<'a> {
    pub(super) peer: Peer,
    pub(super) text: &'a str,
    /// The message that it answers.
    pub(super) re: Option<Seq>,
}

/// How far it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum State {
    /// To be sent when the connection allows.
    Waiting,
    /// On the wire, not acknowledged.
    Sent,
    /// The server refused it, for this reason.
    Failed(String),
}

/// A change of the outbox as its file keeps it: one JSON object per line.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Record {
    /// Said; on disk before it is sent.
    Say {
        cid: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        toid: Option<u32>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        groupid: Option<u32>,
        msg: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        re: Option<Seq>,
        at_ms: i64,
    },
    /// Acknowledged or dropped.
    Done { cid: String },
    /// Refused for good.
    Failed { cid: String, why: String },
    /// To be tried again.
    Retry { cid: String },
}

/// What waits for its ack, in the order it was said.
#[derive(Debug, Default)]
pub(crate) struct Outbox(Vec<Outgoing>);

impl Outbox {
    /// As the records of its file tell.
    pub(crate) fn replay(records: impl IntoIterator<Item = Record>) -> Self {
        let mut outbox = Self::default();
        records.into_iter().for_each(|record| outbox.apply(record));
        outbox
    }

    /// Makes a change.
    pub(crate) fn apply(&mut self, record: Record) {
        match record {
            Record::Say { cid, toid, groupid, msg, re, at_ms } => {
                let Some(peer) = peer(toid, groupid) else { return };
                if self.find(&cid).is_none() {
                    self.0.push(Outgoing { cid, peer, text: msg, re, at: UnixMs(at_ms), state: State::Waiting });
                }
            }
            Record::Done { cid } => self.0.retain(|outgoing| outgoing.cid != cid),
            Record::Failed { cid, why } => self.set(&cid, State::Failed(why)),
            Record::Retry { cid } => self.set(&cid, State::Waiting),
        }
    }

    /// All, in the order they were said.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Outgoing> {
        self.0.iter()
    }

    /// The one with this `cid`.
    pub(crate) fn find(&self, cid: &str) -> Option<&Outgoing> {
        self.0.iter().find(|outgoing| outgoing.cid == cid)
    }

    /// The connection is gone: what was under way has to be sent again.
    pub(crate) fn rewind(&mut self) {
        for outgoing in self.0.iter_mut().filter(|outgoing| outgoing.state == State::Sent) {
            outgoing.state = State::Waiting;
        }
    }

    /// The server asked to try this one again later.
    pub(crate) fn wait_again(&mut self, cid: &str) {
        self.set(cid, State::Waiting);
    }

    /// Takes the next messages to send, as many as may be under way together.
    pub(crate) fn take_sendable(&mut self) -> Vec<Outgoing> {
        let under_way = self.0.iter().filter(|outgoing| outgoing.state == State::Sent).count();
        let room = IN_FLIGHT_MAX.saturating_sub(under_way);
        let waiting = self.0.iter_mut().filter(|outgoing| outgoing.state == State::Waiting);
        let mut sendable = Vec::new();
        for outgoing in waiting.take(room) {
            outgoing.state = State::Sent;
            sendable.push(outgoing.clone());
        }
        sendable
    }

    /// The records that lead to what is there now: the compacted file.
    pub(crate) fn records(&self) -> Vec<Record> {
        let mut records = Vec::new();
        for outgoing in &self.0 {
            let letter = Letter { peer: outgoing.peer, text: &outgoing.text, re: outgoing.re };
            records.push(say(letter, &outgoing.cid, outgoing.at));
            if let State::Failed(why) = &outgoing.state {
                records.push(Record::Failed { cid: outgoing.cid.clone(), why: why.clone() });
            }
        }
        records
    }

    fn set(&mut self, cid: &str, state: State) {
        if let Some(outgoing) = self.0.iter_mut().find(|outgoing| outgoing.cid == cid) {
            outgoing.state = state;
        }
    }
}

/// The record of a new message.
pub(super) fn say(letter: Letter<'_>, cid: &str, at: UnixMs) -> Record {
    let Letter { peer, text, re } = letter;
    let (toid, groupid) = match peer {
        Peer::User(user) => (Some(user.number()), None),
        Peer::Group(group) => (None, Some(group.number())),
    };
    Record::Say { cid: cid.to_owned(), toid, groupid, msg: text.to_owned(), re, at_ms: at.0 }
}

fn peer(toid: Option<u32>, groupid: Option<u32>) -> Option<Peer> {
    super::peer_of(toid.map(i64::from), groupid.map(i64::from))
}

#[cfg(test)]
mod tests {
    use super::*;
    use stonechat_protocol::ids::UserId;

    fn ben() -> Peer {
        Peer::User(UserId::new(2).unwrap())
    }

    fn said(count: usize) -> Outbox {
        let letter = |n: usize| {
            let letter = Letter { peer: ben(), text: &format!("m{n}"), re: (n == 2).then_some(7) };
            say(letter, &format!("c{n}"), UnixMs(5))
        };
        Outbox::replay((0..count).map(letter))
    }

    #[test]
    fn sends_in_order_and_a_window_at_a_time() {
        let mut outbox = said(40);
        let first = outbox.take_sendable();
        assert_eq!(first.len(), IN_FLIGHT_MAX);
        assert_eq!(first[0].text, "m0");
        assert!(outbox.take_sendable().is_empty());
        outbox.apply(Record::Done { cid: "c0".into() });
        assert_eq!(outbox.take_sendable()[0].text, "m32");
    }

    #[test]
    fn what_was_under_way_is_sent_again_with_the_same_cid() {
        let mut outbox = said(2);
        outbox.take_sendable();
        outbox.rewind();
        let again: Vec<String> = outbox.take_sendable().into_iter().map(|outgoing| outgoing.cid).collect();
        assert_eq!(again, ["c0", "c1"]);
    }

    #[test]
    fn the_records_lead_back_to_the_same_outbox() {
        let mut outbox = said(3);
        outbox.apply(Record::Failed { cid: "c1".into(), why: "no".into() });
        outbox.apply(Record::Done { cid: "c0".into() });
        let again = Outbox::replay(outbox.records());
        assert_eq!(again.iter().collect::<Vec<_>>(), outbox.iter().collect::<Vec<_>>());
        assert_eq!(again.find("c1").unwrap().state, State::Failed("no".into()));
        assert!(again.find("c0").is_none());
    }
}
