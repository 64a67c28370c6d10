//! Who was shut out of a conversation, by a kick, a ban, a mute or a block, is not heard there from the acknowledgement on, and
//! who is no member any more hears nothing: nothing that was sent later, and no answer to what was asked later.
//!
//! Other nodes hear of a kick by the bus: what is said there in that moment may still come to sessions that are there. So with
//! several nodes what is pushed counts when everything has come to rest, and in sessions that have begun since.
//!
//! ```text
//!   shut out:  sent ..... acked|------------- window -------------|the first request was sent that may end it
//! ```

use std::collections::BTreeMap;

use super::{
    Bar, Class, Conv, Found, Histories, Moment, Name, Outcome, Record, Ruling, Sent, Sighting, Times, User, name,
};

/// From when to when somebody was shut out, at least.
struct Window {
    user: User,
    conv: Conv,
    bar: Bar,
    from: Moment,
    until: Moment,
}

impl Window {
    /// Whether it is this user that is not to be heard.
    fn silences(&self, user: User, conv: Conv) -> bool {
        self.conv == conv && (self.user == user || matches!(self.bar, Bar::BlockedBy(_)))
    }
}

pub(super) fn check(record: &Record<'_>, histories: &Histories, found: &mut Found) {
    let windows = windows(histories);
    if windows.is_empty() {
        return;
    }
    let mut first_sent: BTreeMap<(Conv, Name<'_>), Moment> = BTreeMap::new();
    for sent in &histories.sends {
        let first = first_sent.entry((sent.conv, (sent.sender, &sent.cid))).or_insert(Moment::MAX);
        *first = sent.times.sent.min(*first);
    }
    for window in &windows {
        check_said(record, histories, window, &first_sent, found);
        if window.bar == Bar::Out {
            check_heard(histories, window, &first_sent, found);
        }
    }
}

fn windows(histories: &Histories) -> Vec<Window> {
    let shutting = histories.rulings.iter().filter(|ruling| ruling.shuts && ruling.done == Some(true));
    let window = |shut: &Ruling| {
        let &Ruling { user, conv, bar, times: Times { sent, answered }, .. } = shut;
        // What ends it may have been under way before, and may be carried out behind it.
        let ends_it = |other: &&Ruling| {
            (other.user, other.conv, other.bar) == (user, conv, bar)
                && !other.shuts
                && other.done != Some(false)
                && other.times.answered > sent
        };
        let opened = histories.rulings.iter().filter(ends_it).map(|other| other.times.sent);
        let went_back = histories.went_back.iter().copied().filter(|moment| *moment > sent);
        let until = opened.chain(went_back).min().unwrap_or(Moment::MAX);
        Window { user, conv, bar, from: answered, until }
    };
    shutting.map(window).filter(|window| window.from < window.until).collect()
}

/// What was sent for the first time in the window was not stored.
fn check_said(
    record: &Record<'_>,
    histories: &Histories,
    window: &Window,
    first_sent: &BTreeMap<(Conv, Name<'_>), Moment>,
    found: &mut Found,
) {
    let &Window { conv, bar, from, until, .. } = window;
    for sent in histories.sends.iter().filter(|sent| window.silences(sent.sender, sent.conv)) {
        let Sent { sender, cid, what, times, outcome, .. } = sent;
        let name = (*sender, cid.as_str());
        let first = first_sent[&(conv, name)];
        let was_done = matches!(outcome, Outcome::Acked(_) | Outcome::Unchanged) && times.answered < until;
        // Where nothing ends the window, it is not there at the end, either.
        let is_stored = || until == Moment::MAX && record.is_stored_elsewhere(conv, name);
        if first > from && (was_done || is_stored()) {
            let text =
                format!("{what:?} {cid} of {sender} in {conv:?} was taken at {times:?}, who was {bar:?} since {from}");
            found.add(Class::X, text);
        }
    }
}

/// Nothing came that was said in the window, and no answer to what was asked in it.
fn check_heard(
    histories: &Histories,
    window: &Window,
    first_sent: &BTreeMap<(Conv, Name<'_>), Moment>,
    found: &mut Found,
) {
    let &Window { user, conv, from, until, .. } = window;
    let rest = || histories.rests.iter().copied().filter(|rest| *rest > from).min();
    let known = if histories.has_one_node { from } else { rest().unwrap_or(Moment::MAX) };
    let of_window =
        |seen: &&Sighting| (seen.user, seen.message.conv) == (user, conv) && (from..until).contains(&seen.at);
    for seen in histories.sightings.iter().filter(of_window) {
        let Sighting { session, message, at, asked, is_push, .. } = seen;
        let said = first_sent.get(&(conv, name(message))).copied().unwrap_or(0);
        let is_late = if *is_push { said > from && (*asked > from || said > known) } else { *asked > from };
        if is_late {
            let text = format!(
                "session {session} of {user}, who was out of {conv:?} since {from}, got {message:?} at {at}, said at {said}"
            );
            found.add(Class::X, text);
        }
    }
}
