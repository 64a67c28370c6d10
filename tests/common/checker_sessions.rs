//! What came to one session: nothing that it may not get, each message once and in order, and without a hole.

use std::collections::{BTreeMap, BTreeSet};

use super::{Class, Conv, Epoch, Event, Found, Member, Message, Record, Seq, Session, name};

impl Record<'_> {
    pub(super) fn check_session(&self, index: usize, session: &Session, found: &mut Found) {
        let user = session.user;
        let mut got = Numbers::new();
        let mut own: BTreeSet<(Conv, Seq)> = BTreeSet::new();
        let mut entered: BTreeSet<Conv> = BTreeSet::new();
        for event in &session.events {
            let message = match event {
                Event::Own(conv, seq) => {
                    own.insert((*conv, *seq));
                    continue;
                }
                Event::Entered(conv) => {
                    entered.insert(*conv);
                    continue;
                }
                Event::Got(message) | Event::Held(message) => message,
                Event::Shown(_) => continue,
            };
            let Message { conv, seq, .. } = message;
            // Until it is closed a session may go by what the data said when it began, and hear a group whose member its
            // user is no more.
            let was_in = |(member, last): &(Member, Epoch)| {
                (member.user, member.conv) == (user, *conv) && member.may.contains(seq) && session.epoch <= *last
            };
            // A device that the data have forgotten has no place in the group: until its session is closed, the group begins for
            // it where it began for all. Whoever is a member may read that.
            let place = (user, session.device);
            let has_no_place = || self.forgotten.get(&place).is_some_and(|last| session.epoch <= *last);
            let reads_all = || has_no_place() && self.is_in(user, *conv, |_| true);
            if !self.may_get(user, *conv, *seq) && !self.former.iter().any(was_in) && !reads_all() {
                found.add(Class::X, format!("session {index} of {user} got {seq} of {conv:?}"));
                continue;
            }
            let name = name(message);
            match self.gone.get(&(*conv, *seq, name)).filter(|_| self.at(*conv, *seq) != Some(name)) {
                None => {}
                // It was stored, or its bell was on its way, when the data went back.
                Some(last) if session.epoch <= *last => {
                    let begins = entered.remove(conv);
                    got.entry(*conv).or_default().push(Arrival { seq: *seq, is_there: false, begins });
                    continue;
                }
                Some(last) => {
                    let epoch = session.epoch;
                    found.add(
                        Class::E,
                        format!(
                            "session {index} of {user} got {name:?} as {seq} of {conv:?} in epoch {epoch}: gone since {last}"
                        ),
                    );
                    continue;
                }
            }
            if self.at(*conv, *seq) != Some(name) && !self.is_lost(*conv, *seq, name) {
                let stored = self.at(*conv, *seq);
                found.add(
                    Class::O,
                    format!("session {index} of {user} got {name:?} as {seq} of {conv:?}: stored is {stored:?}"),
                );
            }
            // Stored again under its old number, it may have come when other messages had the numbers before it.
            let came_before = self.gone.get(&(*conv, *seq, name)).is_some_and(|last| session.epoch <= *last);
            let begins = entered.remove(conv);
            got.entry(*conv).or_default().push(Arrival { seq: *seq, is_there: !came_before, begins });
        }
        self.check_numbers(index, session, (&got, &own), found);
    }

    /// Of what a session got, and of what it said itself.
    fn check_numbers(
        &self,
        index: usize,
        session: &Session,
        (got, own): (&Numbers, &BTreeSet<(Conv, Seq)>),
        found: &mut Found,
    ) {
        let user = session.user;
        let place = (user, session.device);
        for (conv, arrivals) in got {
            let confirmed = session.confirmed.get(conv).copied().unwrap_or(0);
            // What is not stored is reported as such, and what came in no session at all, too.
            let needs = |seq: Seq| {
                self.at(*conv, seq).is_some_and(|name| {
                    let is_its_own = own.contains(&(*conv, seq));
                    let is_done = || {
                        let (sender, cid) = (name.0, name.1.to_owned());
                        session.done.contains(&Message { conv: *conv, seq, sender, cid })
                    };
                    let happened = seq > session.since.get(conv).copied().unwrap_or(Seq::MAX);
                    let is_due = self.is_for(place, *conv, seq, name) && self.has_arrived(place, *conv, seq, name)
                        || happened && self.event(*conv, name).is_some() && self.is_news_for(place, *conv, seq, name);
                    !is_its_own && !is_done() && is_due
                })
            };
            check_order(&format!("session {index} of {user} in {conv:?}"), arrivals, confirmed, needs, found);
        }
    }
}

/// A message that came to a session.
struct Arrival {
    seq: Seq,
    /// Whether it is still there.
    is_there: bool,
    /// It is the first one since the session was told that its user is in the group.
    begins: bool,
}

/// What a session got of each conversation.
type Numbers = BTreeMap<Conv, Vec<Arrival>>;

/// What one session got of one conversation: each once, ascending, from what was confirmed before, without a hole.
fn check_order(who: &str, arrivals: &[Arrival], confirmed: Seq, needs: impl Fn(Seq) -> bool, found: &mut Found) {
    let all: BTreeSet<Seq> = arrivals.iter().map(|arrival| arrival.seq).collect();
    let mut seen = BTreeSet::new();
    let mut highest = confirmed.min(arrivals[0].seq.saturating_sub(1));
    for &Arrival { seq, is_there, begins } in arrivals {
        if begins {
            highest = highest.max(confirmed.min(seq.saturating_sub(1)));
        }
        if !seen.insert(seq) {
            found.add(Class::D, format!("{who}: {seq} came twice"));
        } else if seq < highest {
            found.add(Class::O, format!("{who}: {seq} came after {highest}"));
        }
        // Those ahead of what is gone went with it, or were there before the session: the record knows only what has taken
        // their numbers since.
        for hole in (highest + 1..seq).filter(|hole| is_there && needs(*hole) && !all.contains(hole)) {
            found.add(Class::H, format!("{who}: {hole} did not come, but {seq} did"));
        }
        highest = highest.max(seq);
    }
}
