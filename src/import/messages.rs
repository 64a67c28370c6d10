//! Offline messages: rows of several recipients become one message of their group, all are put in order, and written.
//!
//! ```text
//!   rows, as they come --take--> messages, each with for whom it is --write--> by conversation, by time, numbered
//! ```
//!
//! All of them are in memory, about half a kilobyte each: the tables have no order in which they could be read again.

use std::collections::HashMap;

use super::error::ImportError;
use super::groups::Groups;
use super::identity::Fingerprint;
use super::moment::Zone;
use super::names::Letters;
use super::offline::{self, Said};
use super::people::People;
use super::progress::Progress;
use super::report::{Report, Table, Why};
use super::source::Fields;
use super::target::Target;
use crate::clock::UnixMs;
use crate::ids::{ConvId, UserId};
use crate::store::bulk::{MeantFor, NewMessage};

/// Messages of one transaction: the more, the more of them go into each page of the database; the fewer, the less is done again
/// behind a crash. About so many transactions are made, within bounds.
const TRANSACTIONS: usize = 16;
const AT_ONCE_MIN: usize = 1_024;
const AT_ONCE_MAX: usize = 65_536;

/// Until some row has said a time.
const NO_TIME: UnixMs = UnixMs(0);

/// What is known of the source by the time messages are read.
pub(super) struct Known<'a> {
    pub(super) people: &'a People,
    pub(super) groups: &'a Groups,
    pub(super) letters: Letters,
    pub(super) zone: Zone,
}

/// See the module's text.
pub(super) struct Messages<'a> {
    known: Known<'a>,
    all: Vec<NewMessage>,
    /// Where those are that are the same but for their recipients.
    alike: HashMap<Fingerprint, Vec<usize>>,
    /// The time of the last row that has said any.
    last_time: Option<UnixMs>,
    row: u64,
}

/// Whom a row is for.
enum Recipient {
    /// This user.
    One(UserId),
    /// All members but the sender.
    Everybody,
    /// Nobody: it is the sender's own copy.
    Nobody,
}

impl<'a> Messages<'a> {
    pub(super) fn new(known: Known<'a>) -> Self {
        Self { known, all: Vec::new(), alike: HashMap::new(), last_time: None, row: 0 }
    }

    /// Takes a row: recipient, message.
    pub(super) fn take(&mut self, row: Fields, report: &mut Report) -> Result<(), ImportError> {
        report.tally(Table::Offline).read += 1;
        self.row += 1;
        let [recipient, raw] = <[Option<String>; 2]>::try_from(row).unwrap_or_default().map(Option::unwrap_or_default);
        let told = format!("row {} for user {recipient}", self.row);
        match self.message(&recipient, &raw) {
            Err(why) => Ok(report.left_out(Table::Offline, &told, why)?),
            Ok(whys) => whys.into_iter().try_for_each(|why| Ok(report.changed(Table::Offline, &told, why, None)?)),
        }
    }

    /// Takes the message of a row; what was changed in it, or why it is left out.
    fn message(&mut self, recipient: &str, raw: &str) -> Result<Vec<Why>, Why> {
        let said = offline::read(raw, self.known.letters)?;
        let time = self.note_time(&said.time);
        let people = self.known.people;
        let gone_or = |other: Why| move |why: Why| if why == Why::Gone { why } else { other };
        let sender = people.find(said.sender).map_err(gone_or(Why::UnknownSender))?;
        let recipient = recipient.parse().map_err(|_| Why::NoSuchUser).and_then(|id| people.find(id));
        let recipient = recipient.map_err(gone_or(Why::UnknownRecipient))?;
        let (conv, recipient) = self.conversation(&said, sender, recipient)?;
        let mut whys = said.whys.clone();
        match recipient {
            Recipient::One(_) => {}
            Recipient::Everybody => whys.push(Why::FiledUnderSender),
            Recipient::Nobody => whys.push(Why::OwnCopy),
        }
        if time.is_none() {
            whys.push(Why::NoTime);
        }
        let fingerprint = Fingerprint::of(conv, sender, &said.text, &said.time);
        let same = self.alike.get(&fingerprint).map_or(&[][..], Vec::as_slice);
        if said.group.is_some()
            && let Some(place) = one_of(&self.all, same, &recipient, time.is_some())
        {
            let is_own = matches!(recipient, Recipient::Nobody);
            let is_new = add_recipient(&mut self.all[place].meant, recipient);
            return if is_new { Ok(whys) } else { Err(if is_own { Why::OwnCopy } else { Why::Double }) };
        }
        let cid = fingerprint.cid(same.len());
        self.alike.entry(fingerprint).or_default().push(self.all.len());
        let sent_at = time.or(self.last_time).unwrap_or(NO_TIME);
        let body = format!("{{\"msg\":{}}}", serde_json::Value::from(said.text));
        let meant = match recipient {
            Recipient::One(user) => MeantFor::These(vec![user]),
            Recipient::Everybody => MeantFor::Everybody,
            Recipient::Nobody => MeantFor::These(Vec::new()),
        };
        self.all.push(NewMessage { conv, sender, sent_at, cid, body, meant });
        Ok(whys)
    }

    /// Where it was said, and for whom.
    fn conversation(&self, said: &Said, sender: UserId, recipient: UserId) -> Result<(ConvId, Recipient), Why> {
        let Some(group) = said.group else {
            // They would have no conversation.
            return if sender == recipient {
                Err(Why::Oneself)
            } else {
                Ok((ConvId::pair(sender, recipient), Recipient::One(recipient)))
            };
        };
        let group = self.known.groups.find(group)?;
        let recipient = match sender == recipient {
            true if said.is_polaris => Recipient::Everybody,
            true => Recipient::Nobody,
            false if self.known.groups.has_member(group, recipient) => Recipient::One(recipient),
            false => return Err(Why::NotAMember),
        };
        Ok((ConvId::group(group), recipient))
    }

    /// The time of a row, if it says any. Those ahead of the first one that does have it, too.
    fn note_time(&mut self, text: &str) -> Option<UnixMs> {
        let time = self.known.zone.moment(text)?;
        if self.last_time.is_none() {
            for message in &mut self.all {
                message.sent_at = time;
            }
        }
        self.last_time = Some(time);
        self.last_time
    }

    /// Puts them in order and writes those that are not there yet.
    pub(super) fn write(self, mut target: Option<&mut Target>, report: &mut Report) -> Result<(), ImportError> {
        let mut messages = self.all;
        if self.last_time.is_none() {
            let now = UnixMs::now();
            for message in &mut messages {
                message.sent_at = now;
            }
        }
        // Those of one moment as they came.
        messages.sort_by_key(|message| (message.conv, message.sent_at));
        let mut progress = Progress::new("offline messages", messages.len() as u64);
        let at_once = (messages.len() / TRANSACTIONS).clamp(AT_ONCE_MIN, AT_ONCE_MAX);
        for piece in messages.chunks(at_once) {
            let count = piece.len() as u64;
            let stored = match &mut target {
                Some(target) => target.bulk().put_messages(piece)?,
                None => count,
            };
            let tally = report.tally(Table::Offline);
            tally.brought += stored;
            tally.present += count - stored;
            progress.add(count);
            log::debug!("{count} messages are committed");
        }
        progress.finish();
        Ok(())
    }
}

/// Which of these messages a row of a group belongs to. Without a time nobody can tell a message from the next one that says the
/// same, but by its recipient, who gets each once.
fn one_of(messages: &[NewMessage], same: &[usize], recipient: &Recipient, has_time: bool) -> Option<usize> {
    let is_had = |place: &usize| match (&messages[*place].meant, recipient) {
        (MeantFor::These(users), Recipient::One(user)) => users.contains(user),
        (MeantFor::Everybody, _) => true,
        (MeantFor::These(_), Recipient::Everybody | Recipient::Nobody) => false,
    };
    same.iter().copied().find(|place| has_time || !is_had(place))
}

/// Adds a recipient; `false`: it was meant for that one already.
fn add_recipient(meant: &mut MeantFor, recipient: Recipient) -> bool {
    match (meant, recipient) {
        (MeantFor::Everybody, _) | (_, Recipient::Nobody) => false,
        (MeantFor::These(users), Recipient::One(user)) => {
            let is_new = !users.contains(&user);
            users.extend(is_new.then_some(user));
            is_new
        }
        (meant, Recipient::Everybody) => {
            *meant = MeantFor::Everybody;
            true
        }
    }
}
