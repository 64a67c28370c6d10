//! Compares what clients saw with what HISTORY says, once everything is healed. Pure: histories in, violations out.
//!
//! ```text
//!   sends     (sender, conversation, cid) -> acked with this seq | refused | nobody knows
//!   sessions  what came to each, in order: pushes, and acks of own messages     --check--> [Violation]
//!   readings  HISTORY of each conversation, as each member reads it
//!   waits     how long each request waited
//!   devices   what the named devices of a user may expect    excused   what need not come to one device
//!   gone      what the data lost when they went back         former    memberships that they lost
//!   sightings texts that came, and when   --texts-->  R      rulings   kicks, mutes, blocks, and their ends   --bars-->  X
//! ```
//!
//! | class | |
//! |---|---|
//! | L | acked and not stored, or stored and never came to somebody it is for |
//! | D | one cid with two seqs, or a seq twice in one session |
//! | O | members disagree on what a seq is, or a session got one early |
//! | H | a hole: in HISTORY, or in what a session got |
//! | X | somebody outside the conversation got it, or somebody who was shut out of it was heard |
//! | R | a text came after it was taken back: recalled, or replaced by an edit |
//! | B | a request was not answered within its bound |
//! | E | what was gone with the data came in a later epoch, or an epoch was made without a reason |
//!
//! **When the data went back** (a restored backup), those messages are gone that were stored after the copy was made, and
//! no others. Nothing is promised of them but that sessions of a later epoch do not get them. Everything that is in the
//! record at the end is promised as ever, be it from before the copy, or acked after the data went back and before anybody
//! noticed. A number alone does not say any more which message it is: what came is compared by number and name.
//!
//! A push does not carry the cid, so the message's text has to: clients send the cid as the text. Each symptom is
//! reported once, under its cause: a seq that is missing in HISTORY is L if it was acked, and H if nobody knows it.
//!
//! Edits, recalls and reactions have cids and numbers like messages, and the same is promised of them; but they need not come
//! where they are not wanted. Which one came, its line does not say: who notes it has to know.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

#[path = "checker_bars.rs"]
mod bars;
#[path = "checker_sessions.rs"]
mod sessions;
#[path = "checker_texts.rs"]
mod texts;

/// A user's id.
pub type User = u32;
/// The place of a message in its conversation.
pub type Seq = u64;
/// One of a user's devices; 0: sessions that name none.
pub type Device = u16;

/// When something happened: moments are numbered. 0 where nobody counts them.
pub type Moment = u64;

/// The lives of the data, numbered in the order in which they began.
pub type Epoch = u32;

/// A conversation, as the checker names it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Conv {
    /// Of two users, the smaller id first: see [`Conv::pair`].
    Pair(User, User),
    /// Of a group.
    Group(u32),
}

impl Conv {
    /// The conversation of two users, whoever asks.
    pub fn pair(a: User, b: User) -> Self {
        Self::Pair(a.min(b), a.max(b))
    }
}

/// One attempt to send a message. Sending it again is another one, with the same cid.
#[derive(Clone, Debug)]
pub struct Sent {
    /// Who.
    pub sender: User,
    /// Where.
    pub conv: Conv,
    /// The message's cid, and its text. The text of an edit is [`edited`].
    pub cid: String,
    /// A message, or something about one.
    pub what: What,
    /// When it was sent, and when it was answered.
    pub times: Times,
    /// What the server said.
    pub outcome: Outcome,
}

/// The text of an edit with this cid.
pub fn edited(cid: &str) -> String {
    format!("~{cid}")
}

/// The cid of the edit whose text this is; `None`: of a message.
pub fn edit_of(text: &str) -> Option<&str> {
    text.strip_prefix('~')
}

/// What is sent: a message, or something about the one with that number.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum What {
    #[default]
    Message,
    Edit(Seq),
    Recall(Seq),
    /// Given, or taken back.
    Reaction(Seq, String, bool),
}

/// When a request was sent, and when its answer came; or [`Times::NEVER`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Times {
    pub sent: Moment,
    pub answered: Moment,
}

impl Times {
    /// No answer came: the request may be carried out at any time.
    pub const NEVER: Moment = Moment::MAX;
}

/// What became of an attempt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// Errno 0.
    Acked(Seq),
    /// Errno 0, and nothing was stored, because all was as it was to be: an event that somebody else's has overtaken.
    Unchanged,
    /// Another errno: nothing is promised.
    Refused(u16),
    /// The connection ended before the answer: nothing is promised.
    Unknown,
}

/// A message as a push, `offlinemsg` or HISTORY shows it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Message {
    /// Its conversation.
    pub conv: Conv,
    /// Its place there.
    pub seq: Seq,
    /// Who said it.
    pub sender: User,
    /// Its text, which is its cid.
    pub cid: String,
}

/// Something that came to a session.
#[derive(Clone, Debug)]
pub enum Event {
    /// A push, or an element of the login's `offlinemsg`. Of the lists of OFFLINE and ACCOUNT only what is behind all that
    /// came before: they repeat what is unconfirmed, and what is new in them is not pushed any more.
    Got(Message),
    /// The same, but it is not above what the client has had in an earlier session, and the client does not show it before
    /// it knows whether it is that very message.
    Held(Message),
    /// It was another one, and is shown.
    Shown(Message),
    /// An ack: this message of its own is there.
    Own(Conv, Seq),
    /// It was told that its user is in this group, which it had not known. It begins there as a new session does: what another
    /// one of the same device has confirmed until then need not come to it.
    Entered(Conv),
}

/// From a login to the end of its connection.
#[derive(Clone, Debug, Default)]
pub struct Session {
    /// Whose.
    pub user: User,
    /// On which device.
    pub device: Device,
    /// How far each conversation was done with on this device when the session began: confirmed (DELIVERED), or, if the
    /// client does not confirm, all that the server may rightly have counted as delivered.
    pub confirmed: BTreeMap<Conv, Seq>,
    /// The same, message by message, where numbers may be given out more than once.
    pub done: BTreeSet<Message>,
    /// The epoch of the data, as the login's reply named it.
    pub epoch: Epoch,
    /// Where its device does not want events: those up to here need not come to it. All that follow must, as they happen.
    pub since: BTreeMap<Conv, Seq>,
    /// In the order in which they came.
    pub events: Vec<Event>,
}

/// A user in a group. Somebody who joined twice is listed twice. Pairs need not be listed.
#[derive(Clone, Debug)]
pub struct Member {
    /// Who.
    pub user: User,
    /// Which group's conversation.
    pub conv: Conv,
    /// These must come, unless the user said them.
    pub must: RangeInclusive<Seq>,
    /// These may.
    pub may: RangeInclusive<Seq>,
}

impl Member {
    /// A member from before the first message, for good.
    pub fn always(user: User, conv: Conv) -> Self {
        Self { user, conv, must: 1..=Seq::MAX, may: 1..=Seq::MAX }
    }
}

/// A named device. Its user has named devices only, and each of them gets everything, what the user said on the others
/// included.
#[derive(Clone, Debug, Default)]
pub struct NamedDevice {
    /// Whose.
    pub user: User,
    /// Which.
    pub device: Device,
    /// The ends of the conversations when the device was new: nothing up to there is pending for it.
    pub from: BTreeMap<Conv, Seq>,
    /// The cids of what was said on it.
    pub said: BTreeSet<String>,
}

/// HISTORY of a conversation, all pages, read when everything is healed.
#[derive(Clone, Debug)]
pub struct Reading {
    /// Who read.
    pub reader: User,
    /// What.
    pub conv: Conv,
    /// In the order in which they were listed.
    pub messages: Vec<Message>,
}

/// A text that came, or a line that could have had one.
#[derive(Clone, Debug)]
pub struct Sighting {
    /// In which session: its place in [`Histories::sessions`].
    pub session: usize,
    /// Whose.
    pub user: User,
    /// Which message or event.
    pub message: Message,
    /// What it says.
    pub text: Option<String>,
    /// When it came.
    pub at: Moment,
    /// When that was asked for: by the request that was answered, or, if it was a push, by the session's login.
    pub asked: Moment,
    /// It was a push.
    pub is_push: bool,
}

/// Why somebody is not to be heard in a conversation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Bar {
    /// No member: kicked, or banned. Hears and reads nothing, either.
    Out,
    /// A member who may not speak.
    Muted,
    /// Neither of the two is to be heard.
    BlockedBy(User),
}

/// An attempt to shut somebody out, or one that ends that.
#[derive(Clone, Debug)]
pub struct Ruling {
    /// Whom it is about.
    pub user: User,
    /// Where.
    pub conv: Conv,
    /// How.
    pub bar: Bar,
    /// It shuts somebody out; else it ends that.
    pub shuts: bool,
    /// When it was sent and answered.
    pub times: Times,
    /// What was said; whether it was done is not known of what failed.
    pub done: Option<bool>,
}

/// How long a request waited: for its answer, or for the end of its connection, or until the test gave up.
#[derive(Clone, Debug)]
pub struct Wait {
    /// Whose request, and which.
    pub what: String,
    /// So long.
    pub took: Duration,
    /// Longer than this is a violation.
    pub bound: Duration,
}

/// All that is known of a run.
#[derive(Clone, Debug, Default)]
pub struct Histories {
    /// Every attempt to send.
    pub sends: Vec<Sent>,
    /// Every session.
    pub sessions: Vec<Session>,
    /// Who is in which group.
    pub members: Vec<Member>,
    /// The record: at least one reading of each conversation.
    pub readings: Vec<Reading>,
    /// Every request whose time was taken.
    pub waits: Vec<Wait>,
    /// Every named device.
    pub devices: Vec<NamedDevice>,
    /// Users, and their devices, that want events as what is pending. To the others they need not come.
    pub wanting: BTreeSet<(User, Device)>,
    /// Every text that came.
    pub sightings: Vec<Sighting>,
    /// Every attempt to shut somebody out, or to end that.
    pub rulings: Vec<Ruling>,
    /// When the data went back.
    pub went_back: Vec<Moment>,
    /// When everything was at rest: what had been acknowledged by then was known everywhere. With one node it always is.
    pub rests: Vec<Moment>,
    pub has_one_node: bool,
    /// What need not come: it counts as delivered, and the client had not read it when it died.
    pub excused: BTreeSet<(User, Device, Message)>,
    /// Messages that were stored, and were gone when the data went back; with the last epoch before that.
    pub gone: BTreeMap<Message, Epoch>,
    /// Memberships that were gone then; with the last epoch before that.
    pub former: Vec<(Member, Epoch)>,
    /// Named devices that were gone then; with the last epoch before that.
    pub forgotten: BTreeMap<(User, Device), Epoch>,
    /// How often the data went back.
    pub restores: u32,
    /// How many epochs were made for that.
    pub epochs: u32,
}

/// What kind of promise was broken.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Class {
    /// Lost.
    L,
    /// Doubled.
    D,
    /// Out of order.
    O,
    /// A hole.
    H,
    /// Told to an outsider, or by one.
    X,
    /// Recalled, or replaced, and shown all the same.
    R,
    /// Not answered within its bound.
    B,
    /// What is of a time that is over counts, or an epoch too many.
    E,
}

/// A broken promise.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Violation {
    /// Its kind.
    pub class: Class,
    /// What exactly.
    pub text: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.class, self.text)
    }
}

/// Everything that is wrong with these histories; empty if nothing is. In no case twice the same.
pub fn check(histories: &Histories) -> Vec<Violation> {
    let record = Record::of(histories);
    let mut found = Found::default();
    record.readings_agree(histories, &mut found);
    record.acks_are_stored(histories, &mut found);
    record.everything_arrived(&mut found);
    record.cids_are_unique(histories, &mut found);
    record.has_no_hole(&mut found);
    texts::check(&record, histories, &mut found);
    bars::check(&record, histories, &mut found);
    if histories.epochs > histories.restores {
        let Histories { epochs, restores, .. } = histories;
        found.add(Class::E, format!("the data went back {restores} times, and {epochs} epochs were made"));
    }
    for (index, session) in histories.sessions.iter().enumerate() {
        record.check_session(index, session, &mut found);
    }
    for wait in histories.waits.iter().filter(|wait| wait.took > wait.bound) {
        found.add(Class::B, format!("{} waited {:?}, more than {:?}", wait.what, wait.took, wait.bound));
    }
    found.0.into_iter().collect()
}

#[derive(Default)]
struct Found(BTreeSet<Violation>);

impl Found {
    fn add(&mut self, class: Class, text: String) {
        self.0.insert(Violation { class, text });
    }
}

/// Who said it, and its cid: what a message is, wherever it stands.
type Name<'a> = (User, &'a str);
/// A user on one device.
type Place = (User, Device);

/// What HISTORY says, by the first reader of each conversation, and what was promised.
struct Record<'a> {
    stored: BTreeMap<Conv, BTreeMap<Seq, Name<'a>>>,
    acked: BTreeMap<(Conv, Seq), BTreeSet<Name<'a>>>,
    /// What came to each device, in whatever session.
    arrived: BTreeSet<(Place, Conv, Seq, Name<'a>)>,
    members: BTreeMap<(User, Conv), Vec<&'a Member>>,
    devices: BTreeMap<Place, &'a NamedDevice>,
    excused: BTreeSet<(Place, Conv, Seq, Name<'a>)>,
    gone: BTreeMap<(Conv, Seq, Name<'a>), Epoch>,
    former: &'a [(Member, Epoch)],
    forgotten: &'a BTreeMap<Place, Epoch>,
    /// What those are that are no messages.
    events: BTreeMap<(Conv, Name<'a>), &'a What>,
    wanting: &'a BTreeSet<Place>,
}

impl<'a> Record<'a> {
    fn of(histories: &'a Histories) -> Self {
        let mut stored: BTreeMap<Conv, BTreeMap<Seq, Name<'a>>> = BTreeMap::new();
        for reading in &histories.readings {
            stored.entry(reading.conv).or_insert_with(|| by_seq(reading));
        }
        let mut acked: BTreeMap<(Conv, Seq), BTreeSet<Name<'a>>> = BTreeMap::new();
        let gone = histories.gone.iter().map(|(message, epoch)| ((message.conv, message.seq, name(message)), *epoch));
        let gone: BTreeMap<(Conv, Seq, Name<'a>), Epoch> = gone.collect();
        for sent in &histories.sends {
            if let Outcome::Acked(seq) = sent.outcome
                // It was there when it was acked, and went with the data: nobody promises anything of it any more.
                && !gone.contains_key(&(sent.conv, seq, (sent.sender, &sent.cid)))
            {
                acked.entry((sent.conv, seq)).or_default().insert((sent.sender, &sent.cid));
            }
        }
        let mut members: BTreeMap<(User, Conv), Vec<&'a Member>> = BTreeMap::new();
        for member in &histories.members {
            members.entry((member.user, member.conv)).or_default().push(member);
        }
        let mut arrived = BTreeSet::new();
        for session in &histories.sessions {
            for event in &session.events {
                if let Event::Got(message) | Event::Shown(message) = event {
                    let place = (session.user, session.device);
                    arrived.insert((place, message.conv, message.seq, name(message)));
                }
            }
        }
        let devices = histories.devices.iter().map(|named| ((named.user, named.device), named)).collect();
        let excused = histories.excused.iter();
        let excused =
            excused.map(|(user, device, message)| ((*user, *device), message.conv, message.seq, name(message)));
        let events = histories.sends.iter().filter(|sent| sent.what != What::Message);
        let events = events.map(|sent| ((sent.conv, (sent.sender, sent.cid.as_str())), &sent.what)).collect();
        let excused = excused.collect();
        let Histories { former, forgotten, wanting, .. } = histories;
        Self { stored, acked, arrived, members, devices, excused, gone, former, forgotten, events, wanting }
    }

    /// What it is, if it is no message.
    fn event(&self, conv: Conv, name: Name<'_>) -> Option<&'a What> {
        self.events.get(&(conv, name)).copied()
    }

    fn at(&self, conv: Conv, seq: Seq) -> Option<Name<'a>> {
        self.stored.get(&conv)?.get(&seq).copied()
    }

    fn must_get(&self, user: User, conv: Conv, seq: Seq) -> bool {
        self.is_in(user, conv, |member| member.must.contains(&seq))
    }

    /// Whether it has to come there, in some session or other.
    fn is_for(&self, place: Place, conv: Conv, seq: Seq, name: Name<'_>) -> bool {
        let is_pending = self.wanting.contains(&place) || self.event(conv, name).is_none();
        is_pending && self.is_news_for(place, conv, seq, name)
    }

    /// The same, where nobody asks whether events are wanted.
    fn is_news_for(&self, place: Place, conv: Conv, seq: Seq, name: Name<'_>) -> bool {
        let is_news = match self.devices.get(&place) {
            None => name.0 != place.0,
            Some(named) => seq > named.from.get(&conv).copied().unwrap_or(0) && !named.said.contains(name.1),
        };
        is_news && self.must_get(place.0, conv, seq)
    }

    fn has_arrived(&self, place: Place, conv: Conv, seq: Seq, name: Name<'a>) -> bool {
        self.arrived.contains(&(place, conv, seq, name))
    }

    /// The user's named devices, or the one without a name.
    fn places(&self, user: User) -> Vec<Place> {
        let named: Vec<Place> = self.devices.range((user, 0)..=(user, Device::MAX)).map(|(place, _)| *place).collect();
        if named.is_empty() { vec![(user, 0)] } else { named }
    }

    fn may_get(&self, user: User, conv: Conv, seq: Seq) -> bool {
        self.is_in(user, conv, |member| member.may.contains(&seq))
    }

    fn is_in(&self, user: User, conv: Conv, at_that_time: impl Fn(&Member) -> bool) -> bool {
        match conv {
            Conv::Pair(a, b) => user == a || user == b,
            Conv::Group(_) => {
                self.members.get(&(user, conv)).is_some_and(|listed| listed.iter().any(|member| at_that_time(member)))
            }
        }
    }

    /// A message that was acked here, but something else (or nothing) is stored in its place.
    fn is_lost(&self, conv: Conv, seq: Seq, name: Name<'_>) -> bool {
        let was_acked = self.acked.get(&(conv, seq)).is_some_and(|names| names.contains(&name));
        was_acked && self.at(conv, seq) != Some(name)
    }

    fn readings_agree(&self, histories: &Histories, found: &mut Found) {
        for reading in &histories.readings {
            let Reading { reader, conv, messages } = reading;
            if messages.windows(2).any(|two| two[0].seq >= two[1].seq) {
                found.add(Class::O, format!("HISTORY of {conv:?} as {reader} reads it is not ascending"));
            }
            if self.stored.get(conv) != Some(&by_seq(reading)) {
                found.add(Class::O, format!("HISTORY of {conv:?} differs between {reader} and another member"));
            }
        }
    }

    fn acks_are_stored(&self, histories: &Histories, found: &mut Found) {
        for sent in &histories.sends {
            let Outcome::Acked(seq) = sent.outcome else { continue };
            let Sent { sender, conv, cid, .. } = sent;
            if self.is_lost(*conv, seq, (*sender, cid)) && !self.is_stored_elsewhere(*conv, (*sender, cid)) {
                found.add(Class::L, format!("{cid} of {sender} in {conv:?} was acked as {seq} and is not stored"));
            }
        }
    }

    /// Then it is a contradiction between two seqs, and no loss.
    fn is_stored_elsewhere(&self, conv: Conv, name: Name<'_>) -> bool {
        self.stored.get(&conv).is_some_and(|stored| stored.values().any(|stored| *stored == name))
    }

    fn everything_arrived(&self, found: &mut Found) {
        for (conv, stored) in &self.stored {
            for (seq, name) in stored {
                for place in self.addressees(*conv).into_iter().flat_map(|user| self.places(user)) {
                    let (user, device) = place;
                    let is_due =
                        self.is_for(place, *conv, *seq, *name) && !self.excused.contains(&(place, *conv, *seq, *name));
                    if is_due && !self.has_arrived(place, *conv, *seq, *name) {
                        let whom = if device == 0 { format!("{user}") } else { format!("device {device} of {user}") };
                        found.add(
                            Class::L,
                            format!("{} of {}, {seq} in {conv:?}, never came to {whom}", name.1, name.0),
                        );
                    }
                }
            }
        }
    }

    fn addressees(&self, conv: Conv) -> Vec<User> {
        match conv {
            Conv::Pair(a, b) => vec![a, b],
            Conv::Group(_) => self.members.keys().filter(|(_, of)| *of == conv).map(|(user, _)| *user).collect(),
        }
    }

    fn cids_are_unique(&self, histories: &Histories, found: &mut Found) {
        let mut seqs: BTreeMap<(Conv, Name<'_>), BTreeSet<Seq>> = BTreeMap::new();
        for (conv, stored) in &self.stored {
            for (seq, name) in stored {
                seqs.entry((*conv, *name)).or_default().insert(*seq);
            }
        }
        for sent in &histories.sends {
            let name = (sent.sender, sent.cid.as_str());
            if let Outcome::Acked(seq) = sent.outcome
                // Stored once more after the data went back, it has the number that it got then.
                && !self.gone.contains_key(&(sent.conv, seq, name))
            {
                seqs.entry((sent.conv, name)).or_default().insert(seq);
            }
        }
        for ((conv, (sender, cid)), seqs) in seqs.iter().filter(|(_, seqs)| seqs.len() > 1) {
            found.add(Class::D, format!("{cid} of {sender} in {conv:?} has the seqs {seqs:?}"));
        }
    }

    fn has_no_hole(&self, found: &mut Found) {
        for (conv, stored) in &self.stored {
            let last = stored.last_key_value().map_or(0, |(seq, _)| *seq);
            for seq in (1..=last).filter(|seq| !stored.contains_key(seq) && !self.acked.contains_key(&(*conv, *seq))) {
                found.add(Class::H, format!("HISTORY of {conv:?} has no {seq}"));
            }
        }
    }
}

fn by_seq(reading: &Reading) -> BTreeMap<Seq, Name<'_>> {
    reading.messages.iter().map(|message| (message.seq, name(message))).collect()
}

fn name(message: &Message) -> Name<'_> {
    (message.sender, &message.cid)
}
