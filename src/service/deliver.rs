//! What lanes, workers and other nodes have for this reactor's sessions: acks, pushes, replies, the backlog, and the
//! comparison with the store after a loss. Runs in the reactor.

use std::time::Instant;

use bytes::Bytes;

use super::doubts::Doubts;
use super::local::{self, Tools, rearm, say_goodbye};
use super::mail::{Followed, Then};
use super::members::Members;
use super::resync::Resync;
use super::session::{Live, Session};
use super::{account, catch_up};
use crate::bus::Channel;
use crate::clock::UnixMs;
use crate::delivery::ahead::Ahead;
use crate::delivery::tracks::Offer;
use crate::delivery::{Addressee, Event, Which};
use crate::ids::{ConvId, GroupId, Seq, UserId};
use crate::net::{CloseReason, ConnId, Link, Outbound};
use crate::store::Page;
use crate::wire::reply::{Notice, TimeText};

/// The reactor's connections.
pub type Net<'a> = &'a mut dyn Outbound<Session>;

/// The backlog goes on when no more than this part of the outbox is full: net's low-water mark.
const LOW_WATER_PART: usize = 4;

/// Carries out one event.
#[expect(clippy::too_many_arguments, reason = "the reactor's parts, borrowed apart")]
pub fn event(
    tools: &Tools,
    members: &mut Members,
    ahead: &mut Ahead,
    resync: &mut Resync,
    doubts: &mut Doubts,
    net: Net<'_>,
    event: Event,
    now: Instant,
) {
    match event {
        Event::Answered { conn, stored, line } => {
            if let Some((session, link)) = net.connection(conn) {
                answered(tools, ahead, conn, session, link, stored, line, now);
            }
        }
        Event::Message { to, from, conv, seq, which, line, generation } => {
            let news = News { conv, seq, which, line, generation };
            each_of(members, net, to, |conn, session, link| {
                if Some(conn) != from {
                    message(tools, ahead, doubts, conn, session, link, &news, now);
                }
            });
        }
        Event::Notice { to, line } => each_of(members, net, to, |_, session, link| {
            session.tell(link, line.clone());
        }),
        Event::Joined { conn, group, line } => {
            if let Some((session, link)) = net.connection(conn)
                // Who hears the group knows already: the user has only asked to join once more.
                && session.hearing().is_some_and(|live| !live.groups.contains(&group))
            {
                session.tell(link, line);
                if let Some(live) = session.hearing() {
                    live.follow(group);
                    catch_up::follow_join(tools, conn, live, group, now);
                }
            }
        }
        Event::Left { conn, group, line } => {
            if let Some((session, link)) = net.connection(conn) {
                session.tell(link, line);
                if let Some(live) = session.hearing() {
                    leave_group(tools, members, conn, live, group);
                }
            }
        }
        Event::GroupDeleted { group, line } => {
            for conn in members.remove(group) {
                if let Some((session, link)) = net.connection(conn) {
                    session.tell(link, line.clone());
                    if let Some(live) = session.hearing() {
                        leave_group(tools, members, conn, live, group);
                    }
                }
            }
        }
        Event::Replaced { conn } => {
            if let Some((session, link)) = net.connection(conn) {
                // At once, not when its socket is done: who takes its place waits for what it has confirmed.
                leave_session(tools, members, conn, session, link, now);
                drop(session.take_parked());
                link.send(Notice::Replaced.line());
                link.close(CloseReason::Replaced);
            }
        }
        Event::Resync => resync.start(net),
        Event::Restored => {
            ahead.clear();
            restored(tools, members, net, now);
        }
    }
}

/// The data went back: whoever is logged in begins anew. A login under way ends by itself, see [`reply`].
fn restored(tools: &Tools, members: &mut Members, net: Net<'_>, now: Instant) {
    let present = tools.shared.epoch.generation();
    net.each(&mut |conn, session, link| {
        if session.live().is_some_and(|live| live.epoch != present) {
            // At once, not when its socket is done: the client may come again before it has closed this one.
            leave_session(tools, members, conn, session, link, now);
            drop(session.take_parked());
            send_away(link);
        }
    });
    tools.shared.desk.sessions_ended();
}

fn send_away(link: &mut dyn Link) {
    link.send(Notice::Restored.line());
    link.close(CloseReason::Restored);
}

fn each_of(members: &Members, net: Net<'_>, to: Addressee, mut visit: impl FnMut(ConnId, &mut Session, &mut dyn Link)) {
    let (conns, but): (&[ConnId], Option<UserId>) = match &to {
        Addressee::Session(conn) => (std::slice::from_ref(conn), None),
        Addressee::Group(group) => (members.of(*group), None),
        Addressee::GroupBut(group, user) => (members.of(*group), Some(*user)),
    };
    for conn in conns {
        let Some((session, link)) = net.connection(*conn) else { continue };
        let excepted = but.is_some() && session.hearing().map(|live| live.user) == but;
        if !excepted {
            visit(*conn, session, link);
        }
    }
}

#[expect(clippy::too_many_arguments, reason = "the reactor's parts, borrowed apart")]
fn answered(
    tools: &Tools,
    ahead: &Ahead,
    conn: ConnId,
    session: &mut Session,
    link: &mut dyn Link,
    stored: Option<(ConvId, Seq, Which)>,
    line: Bytes,
    now: Instant,
) {
    link.send(line);
    if let Some((conv, seq, which)) = stored
        && let Some(live) = session.live()
    {
        if let Some(moved) = live.tracks.sent(conv, seq, Some(which)) {
            tools.shared.desk.confirm([live.cursor(conv, moved)]);
        }
        // The answer to one's own message may be overtaken by another node's news of the next one.
        push_ahead(tools, ahead, live, link, conv);
        fetch_more(tools, conn, live, link, now);
    }
    if session.answered(tools.shared.config.limits.inflight) || session.is_idle() {
        link.resume();
    }
    say_goodbye(session, link);
    rearm(session, link, now);
}

/// A message, as told by a lane or a bell.
struct News {
    conv: ConvId,
    seq: Seq,
    which: Option<Which>,
    line: Option<Bytes>,
    generation: u32,
}

#[expect(clippy::too_many_arguments, reason = "the reactor's parts, borrowed apart")]
fn message(
    tools: &Tools,
    ahead: &mut Ahead,
    doubts: &mut Doubts,
    conn: ConnId,
    session: &mut Session,
    link: &mut dyn Link,
    news: &News,
    now: Instant,
) {
    let Some(live) = session.hearing() else { return };
    let News { conv, seq, which, line, generation } = news;
    // A reader that is too slow for it gets it from the store, at its own pace. So does whoever hears it from another life of
    // the data, in which the number may have been another message's.
    let line = line.as_ref().filter(|_| *generation == live.epoch);
    let Some(line) = line.filter(|line| link.has_room(line.len())) else {
        live.tracks.heard_of(*conv, *seq);
        return fetch_more(tools, conn, live, link, now);
    };
    match live.tracks.offer(*conv, *seq, *which) {
        Offer::Push => {
            push(tools, live, link, *conv, *seq, line.clone());
            push_ahead(tools, ahead, live, link, *conv);
            rearm(session, link, now);
        }
        Offer::Ahead => {
            ahead.keep(*conv, *seq, *which, line, now);
            rearm(session, link, now);
        }
        Offer::Another => tools.shared.epoch.another(live.epoch, *conv, *seq),
        Offer::Known => doubts.note(live.epoch, *conv, live.tracks.had(*conv)),
        Offer::Behind => fetch_more(tools, conn, live, link, now),
    }
}

fn push(tools: &Tools, live: &mut Live, link: &mut dyn Link, conv: ConvId, seq: Seq, line: Bytes) {
    link.send(line);
    live.pushed(conv, seq, link.offset());
    tools.shared.metrics.messages_pushed.inc();
}

/// A hole may just have closed: what was kept behind it follows.
fn push_ahead(tools: &Tools, ahead: &Ahead, live: &mut Live, link: &mut dyn Link, conv: ConvId) {
    while let Some(seq) = live.tracks.next_ahead(conv)
        && let Some((line, which)) = ahead.line(conv, seq)
        && link.has_room(line.len())
        && live.tracks.offer(conv, seq, which) == Offer::Push
    {
        push(tools, live, link, conv, seq, line);
    }
}

/// Asks a worker for the next pages of what the session has missed, if the client has room for it.
pub fn fetch_more(tools: &Tools, conn: ConnId, live: &mut Live, link: &mut dyn Link, now: Instant) {
    if link.queued_bytes() > tools.shared.config.limits.outbox_bytes / LOW_WATER_PART {
        return;
    }
    let places = live.tracks.next_fetch();
    if !places.is_empty() {
        catch_up::fetch(tools, conn, live, places, now);
    }
}

/// The store answered [`fetch_more`].
pub fn fetched(
    tools: &Tools,
    conn: ConnId,
    session: &mut Session,
    link: &mut dyn Link,
    pages: Option<Vec<Page>>,
    now: Instant,
) {
    let Some(live) = session.live() else { return };
    let Some(pages) = pages else {
        live.tracks.fetch_ended();
        live.retry.fetch = true;
        return rearm(session, link, now);
    };
    let mut time = TimeText::new(UnixMs(0));
    for page in pages {
        let conv = page.conv;
        let caught_up = live.tracks.fetched(page);
        for message in &caught_up.push {
            let Some(push) = account::push_of(message, live.user, &mut time) else { continue };
            link.send(push.line());
            live.pushed(conv, message.seq, link.offset());
            tools.shared.metrics.messages_caught_up.inc();
        }
        if let Some(seq) = caught_up.another {
            tools.shared.epoch.another(live.epoch, conv, seq);
        }
        if let Some(moved) = caught_up.confirmed {
            tools.shared.desk.confirm([live.cursor(conv, moved)]);
        }
    }
    live.tracks.fetch_ended();
    fetch_more(tools, conn, live, link, now);
    rearm(session, link, now);
}

/// A tick of a session in which something waits: what TCP has delivered, holes that stayed, questions that failed.
pub fn tick(tools: &Tools, conn: ConnId, live: &mut Live, link: &mut dyn Link, now: Instant) {
    if let Some(receipts) = live.receipts.as_mut().filter(|receipts| receipts.is_waiting()) {
        let delivered = receipts.tick(link.acknowledged());
        let rows = live.confirm_delivered(delivered);
        tools.shared.desk.confirm(rows);
    }
    live.tracks.close_gaps();
    live.retry.fetch = false;
    if std::mem::take(&mut live.retry.follow) {
        for group in &live.following {
            catch_up::follow_join(tools, conn, live, *group, now);
        }
    }
    fetch_more(tools, conn, live, link, now);
}

/// The client has shown that it is alive: what its TCP has acknowledged counts as delivered.
pub fn settle_receipts(tools: &Tools, live: &mut Live, acknowledged: u64) {
    let Some(receipts) = &mut live.receipts else { return };
    let delivered = receipts.settle(acknowledged);
    let rows = live.confirm_delivered(delivered);
    tools.shared.desk.confirm(rows);
}

/// A worker answered a request.
#[expect(clippy::too_many_arguments, reason = "the reactor's parts, borrowed apart")]
pub fn reply(
    tools: &Tools,
    members: &mut Members,
    conn: ConnId,
    session: &mut Session,
    link: &mut dyn Link,
    line: Bytes,
    then: Then,
    now: Instant,
) {
    session.at_worker = false;
    match then {
        Then::GoLive(backlog) => {
            link.send(line);
            let (offset, from) = (link.offset(), session.from);
            let Some(live) = session.go_live() else { return };
            tools.shared.budgets.visitors().left(from);
            tools.shared.metrics.sessions.inc();
            tools.shared.desk.changed(live.user);
            for notice in std::mem::take(&mut live.early) {
                link.send(notice);
            }
            live.tracks.go_live(&backlog.pending, &backlog.shown);
            for message in &backlog.shown {
                live.pushed(message.conv, message.seq, offset);
            }
            for request in backlog.friend_requests {
                link.send(request);
            }
            if live.epoch != tools.shared.epoch.generation() {
                // What it was told may be of before the data went back.
                return send_away(link);
            }
            fetch_more(tools, conn, live, link, now);
        }
        Then::LogOut => {
            leave_session(tools, members, conn, session, link, now);
            link.send(line);
        }
        then => {
            // A login that failed after its session was let in: the session goes out again.
            if session.live().is_none() && session.hearing().is_some() {
                leave_session(tools, members, conn, session, link, now);
            }
            if session.hearing().is_none() {
                // A LOGIN that was refused may have stood in the directory for a moment.
                link.renew();
            }
            link.send(line);
            apply(tools, members, conn, session, link, then);
            if let Some(live) = session.live() {
                fetch_more(tools, conn, live, link, now);
            }
        }
    }
    link.resume();
    say_goodbye(session, link);
    rearm(session, link, now);
}

fn apply(tools: &Tools, members: &mut Members, conn: ConnId, session: &mut Session, link: &mut dyn Link, then: Then) {
    let Some(live) = session.live() else {
        return super::mail::undo(&tools.shared, &then);
    };
    match then {
        Then::Join { group, last_seq } => join_group(tools, members, conn, live, group, last_seq),
        Then::Leave(group) => leave_group(tools, members, conn, live, group),
        Then::Shown { pending, shown } => {
            live.tracks.listed(&pending, &shown);
            for message in &shown {
                live.pushed(message.conv, message.seq, link.offset());
            }
        }
        Then::Nothing | Then::GoLive(_) | Then::LogOut => {}
    }
}

fn join_group(tools: &Tools, members: &mut Members, conn: ConnId, live: &mut Live, group: GroupId, last_seq: Seq) {
    if live.groups.contains(&group) {
        // Heard of it already; one subscription is enough.
        tools.shared.bus.unsubscribe(&[Channel::Group(group)]);
        return;
    }
    live.groups.push(group);
    live.group_changes = live.group_changes.wrapping_add(1);
    members.enter(conn, &[group]);
    live.tracks.joined(ConvId::group(group), last_seq);
}

pub(super) fn leave_group(tools: &Tools, members: &mut Members, conn: ConnId, live: &mut Live, group: GroupId) {
    live.following.retain(|followed| *followed != group);
    live.group_changes = live.group_changes.wrapping_add(1);
    // Also where the session does not hear the group: it may have said something there, and be fetching what was before.
    live.tracks.left(ConvId::group(group));
    let Some(index) = live.groups.iter().position(|known| *known == group) else { return };
    live.groups.swap_remove(index);
    members.leave(conn, &[group]);
    tools.shared.bus.unsubscribe(&[Channel::Group(group)]);
}

/// The user has joined a group on another session; the node is subscribed. Whether this session hears it now.
#[expect(clippy::too_many_arguments, reason = "the reactor's parts, borrowed apart")]
pub fn joined_elsewhere(
    tools: &Tools,
    members: &mut Members,
    conn: ConnId,
    session: &mut Session,
    link: &mut dyn Link,
    group: GroupId,
    followed: Followed,
    now: Instant,
) -> bool {
    let Some(live) = session.hearing() else { return false };
    // Whoever has left meanwhile has left: the position may have been read before that.
    let Some(index) = live.following.iter().position(|followed| *followed == group) else { return false };
    if followed == Followed::Failed {
        live.retry.follow = true;
        rearm(session, link, now);
        return false;
    }
    live.following.swap_remove(index);
    let Followed::Member(last_seq) = followed else { return false };
    join_group(tools, members, conn, live, group, last_seq);
    fetch_more(tools, conn, live, link, now);
    rearm(session, link, now);
    true
}

fn leave_session(
    tools: &Tools,
    members: &mut Members,
    conn: ConnId,
    session: &mut Session,
    link: &mut dyn Link,
    now: Instant,
) {
    // What is still on its way to this session must not reach the next one on the connection.
    link.renew();
    let was_live = session.live().is_some();
    if let Some(live) = session.leave(tools.shared.config.limits.login, now) {
        if was_live {
            tools.shared.metrics.sessions.dec();
            tools.shared.budgets.visitors().came(session.from);
        }
        members.leave(conn, &live.groups);
        local::leave(tools, conn, &live);
    }
}
