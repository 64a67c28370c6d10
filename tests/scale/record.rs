//! The record as a model: what nodes ask of it in such a run, computed from the population where it can be. It counts each call,
//! so that the run can tell what a node asks.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use stonechat::clock::UnixMs;
use stonechat::ids::{ConvId, GroupId, NodeId, Seq, UserId};
use stonechat::service::auth::password::token_hash;
use stonechat::store::{
    Append, Appended, CursorRow, Member, Message, Moment, Page, Pending, Person, Place, Role, TokenHash,
};

use crate::clock;
use crate::population::{Population, user};

/// Rows are marked so long before they are told, at most.
const MARKED_AHEAD_SECS: i64 = 1;

/// How a user's token reads.
pub fn token(number: u32) -> String {
    format!("token-of-{number}")
}

struct Row {
    sender: u32,
    sent_at: UnixMs,
    body: String,
}

/// See the module's text.
pub struct Record {
    pub population: Population,
    tokens: HashMap<TokenHash, u32>,
    /// Of the conversations in which something was said.
    messages: HashMap<ConvId, Vec<Row>>,
    cursors: HashMap<(u32, ConvId), Seq>,
    /// Who is reported online, and by which node.
    states: HashMap<u32, NodeId>,
    /// Where something was said, and when.
    said: Vec<(Moment, ConvId)>,
    /// How often what was asked.
    pub calls: BTreeMap<&'static str, u64>,
    /// Messages that were stored.
    pub stored: u64,
}

/// What the stores of all nodes share.
pub type SharedRecord = Arc<Mutex<Record>>;

pub fn lock(record: &SharedRecord) -> MutexGuard<'_, Record> {
    record.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The record's own clock.
pub fn moment() -> Moment {
    Moment(i64::try_from(clock::passed().as_secs()).expect("a run is short"))
}

pub fn person(number: u32) -> Person {
    Person { id: user(number), name: format!("user{number}") }
}

impl Record {
    pub fn of(population: Population) -> SharedRecord {
        let tokens = (1..=population.users).map(|number| (token_hash(&token(number)), number)).collect();
        let record = Self {
            population,
            tokens,
            messages: HashMap::new(),
            cursors: HashMap::new(),
            states: HashMap::new(),
            said: Vec::new(),
            calls: BTreeMap::new(),
            stored: 0,
        };
        Arc::new(Mutex::new(record))
    }

    /// Whose token it is.
    pub fn owner(&self, hash: &TokenHash) -> Option<u32> {
        self.tokens.get(hash).copied()
    }

    pub fn report_states(&mut self, node: NodeId, online: &[UserId], offline: &[UserId]) {
        self.states.extend(online.iter().map(|user| (user.number(), node)));
        for user in offline {
            if self.states.get(&user.number()) == Some(&node) {
                self.states.remove(&user.number());
            }
        }
    }

    pub fn end(&self, conv: ConvId) -> Seq {
        self.messages.get(&conv).map_or(0, |rows| rows.len() as Seq)
    }

    /// The conversations in which something was said since then, or a little before, with their ends.
    pub fn changed(&self, since: Moment) -> Vec<(ConvId, Seq)> {
        let recent = self.said.iter().rev().take_while(|(at, _)| at.0 + MARKED_AHEAD_SECS >= since.0);
        let convs: BTreeSet<ConvId> = recent.map(|(_, conv)| *conv).collect();
        convs.into_iter().map(|conv| (conv, self.end(conv))).collect()
    }

    pub fn append(&mut self, append: &Append) -> Appended {
        let conv = append.conv();
        let row =
            Row { sender: append.sender.number(), sent_at: append.sent_at, body: append.body.row_body().to_owned() };
        let rows = self.messages.entry(conv).or_default();
        rows.push(row);
        self.said.push((moment(), conv));
        self.stored += 1;
        Appended::Stored(rows.len() as Seq)
    }

    pub fn members(&self, group: GroupId, limit: u32) -> (Vec<Member>, u64) {
        let member = |number: &u32| Member { person: person(*number), role: Role::Normal, profile: None };
        let first = self.population.members(group, limit);
        (first.iter().map(member).collect(), self.population.size(group).into())
    }

    pub fn position(&self, reader: UserId, conv: ConvId) -> Option<Pending> {
        let last_seq = self.end(conv);
        let is_own = self.population.is_in(reader.number(), conv);
        let delivered = self.cursors.get(&(reader.number(), conv)).copied().unwrap_or(0);
        (is_own && last_seq > 0).then_some(Pending { conv, delivered, last_seq })
    }

    pub fn pending(&self, reader: UserId) -> Vec<Pending> {
        let positions = self.population.conversations(reader.number()).into_iter();
        let positions = positions.filter_map(|conv| self.position(reader, conv));
        positions.filter(|position| position.last_seq > position.delivered).collect()
    }

    /// The messages behind this one, at most so many.
    pub fn messages(&self, conv: ConvId, after: Seq, limit: u32) -> Vec<Message> {
        let rows = self.messages.get(&conv).map(Vec::as_slice).unwrap_or_default();
        let listed = (1..).zip(rows).skip(usize::try_from(after).expect("small")).take(limit as usize);
        let message =
            |(seq, row): (Seq, &Row)| Message::said((conv, seq), person(row.sender), row.sent_at, row.body.clone());
        listed.map(message).collect()
    }

    pub fn page(&self, reader: UserId, place: Place, limit: u32) -> Page {
        let Place { conv, after } = place;
        let position = self.position(reader, conv);
        let after = after.or(position.map(|position| position.delivered)).unwrap_or(0);
        let messages = position.map(|_| self.messages(conv, after, limit)).unwrap_or_default();
        Page { conv, position, messages }
    }

    pub fn save_cursors(&mut self, rows: &[CursorRow]) {
        for CursorRow { user, conv, delivered, .. } in rows {
            let cursor = self.cursors.entry((user.number(), *conv)).or_insert(0);
            *cursor = (*delivered).max(*cursor);
        }
    }
}
