//! A client that sends numbered messages and does not rest until each is acknowledged, whatever dies meanwhile.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::client::{Account, Client, PASSWORD, seqs};

/// How long a sender may take in all, outages included.
const DEADLINE: Duration = Duration::from_secs(120);

/// Messages a sender has on the way at once.
const WINDOW: usize = 16;

/// The `seq` of each acknowledged message by its cid.
pub type Acks = BTreeMap<String, u64>;

/// To whom a sender sends.
#[derive(Clone, Copy, Debug)]
pub enum To {
    User(u64),
    Group(u64),
}

/// What has to be sent, by whom, to whom.
pub struct Sender {
    pub addr: SocketAddr,
    pub account: Account,
    pub to: To,
    pub count: usize,
    /// Counts the acks of all senders of a test, so that it can strike in the middle.
    pub acked: Arc<AtomicUsize>,
}

impl Sender {
    /// Sends everything, coming back after every loss of the connection and sending again what was not acknowledged.
    pub fn run(self) -> Acks {
        let deadline = Instant::now() + DEADLINE;
        let mut seq_of = BTreeMap::new();
        let cids: Vec<String> = (0..self.count).map(|number| format!("{}/{number}", self.account.name)).collect();
        while seq_of.len() < self.count {
            assert!(
                Instant::now() < deadline,
                "{}: {} of {} acknowledged after {DEADLINE:?}",
                self.account.name,
                seq_of.len(),
                self.count
            );
            match self.log_in() {
                Some(mut client) => self.send_what_is_missing(&mut client, &cids, &mut seq_of),
                None => std::thread::sleep(Duration::from_millis(50)),
            }
        }
        seq_of
    }

    /// A session; `None` while there is none to be had (nobody listens, storage away, the old session is still seen).
    fn log_in(&self) -> Option<Client> {
        let mut client = Client::try_connect(self.addr)?;
        let login = json!({"msgid": 1, "id": self.account.id, "pwd": PASSWORD, "ack": true});
        if !client.try_send_raw(format!("{login}\n").as_bytes()) {
            return None;
        }
        loop {
            let reply = client.recv_or_closed()?;
            if reply["msgid"] == 2 {
                assert!(
                    [json!(0), json!(2), json!(503)].contains(&reply["errno"]),
                    "a login of {} during an outage: {reply}",
                    self.account.name
                );
                return (reply["errno"] == 0).then_some(client);
            }
        }
    }

    fn send_what_is_missing(&self, client: &mut Client, cids: &[String], seq_of: &mut Acks) {
        let mut waiting: VecDeque<&String> = cids.iter().filter(|cid| !seq_of.contains_key(*cid)).collect();
        let mut on_the_way = 0;
        loop {
            while on_the_way < WINDOW
                && let Some(cid) = waiting.pop_front()
            {
                if !client.try_send_raw(format!("{}\n", self.message(cid)).as_bytes()) {
                    return;
                }
                on_the_way += 1;
            }
            if on_the_way == 0 {
                return;
            }
            let Some(line) = client.recv_or_closed() else { return };
            if line["msgid"] != self.ack() {
                continue;
            }
            on_the_way -= 1;
            // A 503 is an answer: this one is sent again with the next session.
            if line["errno"] == 0 {
                self.note(&line, seq_of);
            } else {
                assert_eq!(line["errno"], 503, "an ack during an outage: {line}");
            }
        }
    }

    fn message(&self, cid: &str) -> Value {
        match self.to {
            To::User(id) => json!({"msgid": 6, "toid": id, "msg": cid, "cid": cid}),
            To::Group(id) => json!({"msgid": 10, "groupid": id, "msg": cid, "cid": cid}),
        }
    }

    fn ack(&self) -> i64 {
        match self.to {
            To::User(_) => 11,
            To::Group(_) => 12,
        }
    }

    fn note(&self, ack: &Value, seq_of: &mut Acks) {
        let cid = ack["cid"].as_str().unwrap_or_else(|| panic!("an ack without cid: {ack}")).to_owned();
        let seq = ack["seq"].as_u64().unwrap_or_else(|| panic!("an ack without seq: {ack}"));
        match seq_of.insert(cid, seq) {
            None => _ = self.acked.fetch_add(1, Ordering::SeqCst),
            Some(before) => assert_eq!(before, seq, "the ack of a repeated cid repeats the first seq: {ack}"),
        }
    }
}

/// Checks a whole conversation against the acks of all its senders: every acknowledged message is there exactly once,
/// under the acknowledged `seq`, and the numbers have no hole.
pub fn assert_each_exists_once(history: &[Value], acked: &Acks) {
    let expected: Vec<u64> = (1..=history.len() as u64).collect();
    assert_eq!(seqs(history), expected, "seq runs 1, 2, 3, ... without a hole");
    let mut stored = BTreeMap::new();
    for message in history {
        let cid = message["msg"].as_str().unwrap_or_else(|| panic!("no msg: {message}")).to_owned();
        let seq = message["seq"].as_u64().expect("checked just above");
        let before = stored.insert(cid, seq);
        assert_eq!(before, None, "stored twice, before under seq {before:?}: {message}");
    }
    for (cid, seq) in acked {
        assert_eq!(stored.get(cid), Some(seq), "{cid} was acknowledged with seq {seq}");
    }
    assert_eq!(stored.len(), acked.len(), "nothing is stored that was not sent");
}
