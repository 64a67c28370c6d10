//! Clients that do not confirm: what the server may rightly have counted as delivered to them, and so need not send again.
//!
//! That is what a client has read, and what its kernel had acknowledged and held unread when it died, if the server saw the
//! connection alive a moment ([`TICK`](stonechat::delivery::receipts::TICK)) after the acknowledgement. The first has
//! come; the second is excused; everything else must come again.

use std::collections::{BTreeMap, BTreeSet};

use crate::checker::{Device, Event, Histories, Message, User};
use crate::client::messages;
use crate::net::SharedPipe;
use crate::plan::{Habit, Seat};
use crate::world::World;

/// A connection that its client has left.
pub struct Departed {
    pub user: User,
    pub device: Device,
    /// Sessions that anybody had begun by then.
    pub sessions_before: usize,
    pub pipe: SharedPipe,
}

/// Notes what is excused, and where each session of these clients may begin. Call it when all is over.
pub fn settle(world: &World, histories: &mut Histories, departed: &[Departed]) {
    let silent = |seat: &&Seat| seat.habit == Habit::Silent;
    let seats: BTreeMap<(User, Device), &Seat> =
        world.plan.seats.iter().filter(silent).map(|seat| ((seat.user, seat.device), seat)).collect();
    for (place, seat) in seats {
        let left = departed.iter().filter(|left| (left.user, left.device) == place);
        let mut done = read(histories, place);
        for Departed { sessions_before, pipe, .. } in left {
            let pipe = pipe.borrow();
            for message in pipe.delivered_unread().flat_map(|line| messages(world, line)) {
                histories.excused.insert((place.0, place.1, message.clone()));
                done.push((*sessions_before, message));
            }
            for _ in pipe.on_its_way.iter().flat_map(|line| messages(world, line)) {
                world.count("push never acknowledged by a client's TCP");
            }
        }
        begin_behind(world, histories, place, seat, &done);
    }
    count_what_never_came(world, histories);
}

/// What each session of the place has read, with the number of the first session that may rely on it.
fn read(histories: &Histories, place: (User, Device)) -> Vec<(usize, Message)> {
    let own = histories.sessions.iter().enumerate().filter(|(_, session)| (session.user, session.device) == place);
    let events = own.flat_map(|(index, session)| session.events.iter().map(move |event| (index, event)));
    let got = events.filter_map(|(index, event)| match event {
        Event::Got(message) | Event::Held(message) => Some((index + 1, message.clone())),
        Event::Shown(_) | Event::Own(..) | Event::Entered(_) => None,
    });
    got.collect()
}

fn begin_behind(
    world: &World,
    histories: &mut Histories,
    place: (User, Device),
    seat: &Seat,
    done: &[(usize, Message)],
) {
    for (index, session) in histories.sessions.iter_mut().enumerate() {
        if (session.user, session.device) != place {
            continue;
        }
        // Sessions that share a place begin where any of them is.
        for (_, message) in done.iter().filter(|(first, ..)| seat.shares_its_place || *first <= index) {
            if world.plan.restores {
                session.done.insert(message.clone());
                continue;
            }
            let known = session.confirmed.entry(message.conv).or_default();
            *known = message.seq.max(*known);
        }
    }
}

/// Otherwise it would not show whether what is excused ever happens.
fn count_what_never_came(world: &World, histories: &Histories) {
    let mut arrived = BTreeSet::new();
    for session in &histories.sessions {
        for event in &session.events {
            if let Event::Got(message) | Event::Held(message) = event {
                arrived.insert((session.user, session.device, message.clone()));
            }
        }
    }
    for _ in histories.excused.difference(&arrived) {
        world.count("message taken by a dead client's kernel, not sent again");
    }
}
