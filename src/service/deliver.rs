//! What lanes, workers and other nodes have for this reactor's sessions: acks, pushes, replies and the backlog. Runs in the
//! reactor.

use std::time::Instant;

use bytes::Bytes;

use super::conn_ctx::{ConnCtx, LiveCtx};
use super::doubts::Doubts;
use super::local::{self, Local, Tools};
use super::mail::{Followed, Then};
use super::members::Members;
use super::session::{Live, Session};
use super::{Shared, account, catch_up};
use crate::bus::Channel;
use crate::clock::UnixMs;
use crate::delivery::ahead::Ahead;
use crate::delivery::tracks::Offer;
use crate::delivery::{Addressee, Event, Which};
use crate::ids::{ConvId, GroupId, Seq, UserId};
use crate::net::{CloseReason, ConnId, Outbound};
use crate::store::Page;
use crate::wire::reply::{Notice, TimeText};

/// The reactor's connections.
pub type Net<'a> = &'a mut dyn Outbound<Session>;

/// The backlog goes on when no more than this part of the outbox is full: net's low-water mark.
const LOW_WATER_PART: usize = 4;

/// A message that was stored, as the reactor is told of it.
pub(super) type Stored = (ConvId, Seq, Which);

/// What has come out of its turn, on its way to the sessions of one reactor.
#[derive(Debug, Default)]
pub struct OutOfTurn {
    /// Messages that came ahead of others, kept for a moment.
    pub ahead: Ahead,
    /// Messages that came behind others.
    pub doubts: Doubts,
}

impl Local {
    /// Carries out one event.
    pub(super) fn event(&mut self, net: Net<'_>, event: Event, now: Instant) {
        let Self { tools, members, out_of_turn, resync, .. } = self;
        match event {
            Event::Answered { conn, stored, line } => {
                if let Some(found) = net.connection(conn) {
                    answered(tools, &out_of_turn.ahead, ConnCtx::new(conn, found, now), stored, line);
                }
            }
            Event::Message { to, from, conv, seq, which, line, generation } => {
                let news = News { conv, seq, which, line, generation };
                each_of(members, net, to, now, |on| {
                    if Some(on.conn) != from {
                        message(tools, out_of_turn, on, &news);
                    }
                });
            }
            Event::Notice { to, line } => each_of(members, net, to, now, |mut on| on.tell(line.clone())),
            Event::Joined { conn, group, line } => {
                let Some(found) = net.connection(conn) else { return };
                let mut on = ConnCtx::new(conn, found, now);
                // Who hears the group knows already: the user has only asked to join once more.
                if on.session.hearing().is_some_and(|live| !live.groups.contains(&group)) {
                    on.tell(line);
                    if let Some(on) = on.hearing() {
                        on.live.follow(group);
                        catch_up::follow_join(tools, &on, group);
                    }
                }
            }
            Event::Left { conn, group, line } => {
                if let Some(found) = net.connection(conn) {
                    told_to_leave(tools, members, ConnCtx::new(conn, found, now), group, line);
                }
            }
            Event::GroupDeleted { group, line } => {
                for conn in members.remove(group) {
                    if let Some(found) = net.connection(conn) {
                        told_to_leave(tools, members, ConnCtx::new(conn, found, now), group, line.clone());
                    }
                }
            }
            Event::Replaced { conn } => {
                if let Some(found) = net.connection(conn) {
                    let mut on = ConnCtx::new(conn, found, now);
                    // At once, not when its socket is done: who takes its place waits for what it has confirmed.
                    leave_session(tools, members, &mut on);
                    drop(on.session.take_parked());
                    on.link.send(Notice::Replaced.line());
                    on.link.close(CloseReason::Replaced);
                }
            }
            Event::Resync => resync.start(net),
            Event::Restored => self.restored(net, now),
        }
    }

    /// The data went back: whoever is logged in begins anew. A login under way ends by itself, see [`Local::go_live`].
    fn restored(&mut self, net: Net<'_>, now: Instant) {
        let Self { tools, members, out_of_turn, .. } = self;
        out_of_turn.ahead.clear();
        let present = tools.shared.epoch.generation();
        net.each(&mut |conn, session, link| {
            let mut on = ConnCtx::new(conn, (session, link), now);
            if on.session.live().is_some_and(|live| live.epoch != present) {
                // At once, not when its socket is done: the client may come again before it has closed this one.
                leave_session(tools, members, &mut on);
                drop(on.session.take_parked());
                send_away(&mut on);
            }
        });
        tools.shared.desk.sessions_ended();
    }

    /// A worker answered a request.
    pub(super) fn reply(&mut self, mut on: ConnCtx<'_>, line: Bytes, then: Then) {
        on.session.at_worker = false;
        match then {
            Then::GoLive(backlog) => {
                on.link.send(line);
                self.go_live(on, *backlog);
            }
            Then::LogOut => {
                leave_session(&self.tools, &mut self.members, &mut on);
                on.link.send(line);
            }
            then => {
                // A login that failed after its session was let in: the session goes out again.
                if on.session.live().is_none() && on.session.hearing().is_some() {
                    leave_session(&self.tools, &mut self.members, &mut on);
                }
                if on.session.hearing().is_none() {
                    // A LOGIN that was refused may have stood in the directory for a moment.
                    on.link.renew();
                }
                on.link.send(line);
                self.apply(on, then);
            }
        }
    }

    /// The login's reply is sent: the session is shown what has come since.
    fn go_live(&mut self, mut on: ConnCtx<'_>, backlog: super::mail::Backlog) {
        let Shared { budgets, metrics, desk, epoch, .. } = &*self.tools.shared;
        let (offset, from) = (on.link.offset(), on.session.from);
        let Some(live) = on.session.go_live() else { return };
        budgets.visitors().left(from);
        metrics.sessions.inc();
        desk.changed(live.user);
        for notice in std::mem::take(&mut live.early) {
            on.link.send(notice);
        }
        live.tracks.go_live(&backlog.pending, &backlog.shown);
        for message in &backlog.shown {
            live.pushed(message.conv, message.seq, offset);
        }
        for request in backlog.friend_requests {
            on.link.send(request);
        }
        if live.epoch != epoch.generation() {
            // What it was told may be of before the data went back.
            send_away(&mut on);
        }
    }

    fn apply(&mut self, mut on: ConnCtx<'_>, then: Then) {
        let Self { tools, members, .. } = self;
        let Some(on) = on.live() else {
            return super::mail::undo(&tools.shared, &then);
        };
        match then {
            Then::Join { group, last_seq } => join_group(tools, members, on, group, last_seq),
            Then::Leave(group) => leave_group(tools, members, on.conn, on.live, group),
            Then::Shown { pending, shown } => {
                on.live.tracks.listed(&pending, &shown);
                for message in &shown {
                    on.live.pushed(message.conv, message.seq, on.link.offset());
                }
            }
            Then::Nothing | Then::GoLive(_) | Then::LogOut => {}
        }
    }

    /// The user has joined a group on another session; the node is subscribed. Whether this session hears it now.
    pub(super) fn joined_elsewhere(&mut self, mut on: ConnCtx<'_>, group: GroupId, followed: Followed) -> bool {
        let Some(on) = on.hearing() else { return false };
        // Whoever has left meanwhile has left: the position may have been read before that.
        let Some(index) = on.live.following.iter().position(|followed| *followed == group) else { return false };
        if followed == Followed::Failed {
            on.live.retry.follow = true;
            return false;
        }
        on.live.following.swap_remove(index);
        let Followed::Member(last_seq) = followed else { return false };
        join_group(&self.tools, &mut self.members, on, group, last_seq);
        true
    }
}

fn send_away(on: &mut ConnCtx<'_>) {
    on.link.send(Notice::Restored.line());
    on.link.close(CloseReason::Restored);
}

fn each_of(members: &Members, net: Net<'_>, to: Addressee, now: Instant, mut visit: impl FnMut(ConnCtx<'_>)) {
    let (conns, but): (&[ConnId], Option<UserId>) = match &to {
        Addressee::Session(conn) => (std::slice::from_ref(conn), None),
        Addressee::Group(group) => (members.of(*group), None),
        Addressee::GroupBut(group, user) => (members.of(*group), Some(*user)),
    };
    for conn in conns {
        let Some(found) = net.connection(*conn) else { continue };
        let on = ConnCtx::new(*conn, found, now);
        let excepted = but.is_some() && on.session.hearing().map(|live| live.user) == but;
        if !excepted {
            visit(on);
        }
    }
}

fn answered(tools: &Tools, ahead: &Ahead, mut on: ConnCtx<'_>, stored: Option<Stored>, line: Bytes) {
    on.link.send(line);
    if let Some((conv, seq, which)) = stored
        && let Some(mut on) = on.live()
    {
        if let Some(moved) = on.live.tracks.sent(conv, seq, Some(which)) {
            tools.shared.desk.confirm([on.live.cursor(conv, moved)]);
        }
        // The answer to one's own message may be overtaken by another node's news of the next one.
        push_ahead(tools, ahead, &mut on, conv);
    }
    on.session.answered(tools.shared.config.limits.inflight);
}

/// A message, as told by a lane or a bell.
struct News {
    conv: ConvId,
    seq: Seq,
    which: Option<Which>,
    line: Option<Bytes>,
    generation: u32,
}

fn message(tools: &Tools, out_of_turn: &mut OutOfTurn, mut on: ConnCtx<'_>, news: &News) {
    let Some(mut on) = on.hearing() else { return };
    let News { conv, seq, which, line, generation } = news;
    // A reader that is too slow for it gets it from the store, at its own pace. So does whoever hears it from another life of
    // the data, in which the number may have been another message's.
    let line = line.as_ref().filter(|_| *generation == on.live.epoch);
    let Some(line) = line.filter(|line| on.link.has_room(line.len())) else {
        return on.live.tracks.heard_of(*conv, *seq);
    };
    match on.live.tracks.offer(*conv, *seq, *which) {
        Offer::Push => {
            push(tools, &mut on, *conv, *seq, line.clone());
            push_ahead(tools, &out_of_turn.ahead, &mut on, *conv);
        }
        Offer::Ahead => out_of_turn.ahead.keep(*conv, *seq, *which, line, on.now),
        Offer::Another => tools.shared.epoch.another(on.live.epoch, *conv, *seq),
        Offer::Known => out_of_turn.doubts.note(on.live.epoch, *conv, on.live.tracks.had(*conv)),
        Offer::Behind => {}
    }
}

fn push(tools: &Tools, on: &mut LiveCtx<'_>, conv: ConvId, seq: Seq, line: Bytes) {
    on.link.send(line);
    on.live.pushed(conv, seq, on.link.offset());
    tools.shared.metrics.messages_pushed.inc();
}

/// A hole may just have closed: what was kept behind it follows.
fn push_ahead(tools: &Tools, ahead: &Ahead, on: &mut LiveCtx<'_>, conv: ConvId) {
    while let Some(seq) = on.live.tracks.next_ahead(conv)
        && let Some((line, which)) = ahead.line(conv, seq)
        && on.link.has_room(line.len())
        && on.live.tracks.offer(conv, seq, which) == Offer::Push
    {
        push(tools, on, conv, seq, line);
    }
}

/// Asks a worker for the next pages of what the session has missed, if the client has room for it.
pub(super) fn fetch_more(tools: &Tools, on: &mut LiveCtx<'_>) {
    // What the store did not answer is asked again at the next tick.
    if on.live.retry.fetch || on.link.queued_bytes() > tools.shared.config.limits.outbox_bytes / LOW_WATER_PART {
        return;
    }
    let places = on.live.tracks.next_fetch();
    if !places.is_empty() {
        catch_up::fetch(tools, on, places);
    }
}

/// The store answered [`fetch_more`].
pub(super) fn fetched(tools: &Tools, mut on: ConnCtx<'_>, pages: Option<Vec<Page>>) {
    let Some(on) = on.live() else { return };
    let LiveCtx { live, link, .. } = on;
    live.retry.fetch |= pages.is_none();
    let mut time = TimeText::new(UnixMs(0));
    for page in pages.into_iter().flatten() {
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
}

/// A tick of a session in which something waits: what TCP has delivered, holes that stayed, questions that failed.
pub(super) fn tick(tools: &Tools, on: &mut LiveCtx<'_>) {
    if let Some(receipts) = on.live.receipts.as_mut().filter(|receipts| receipts.is_waiting()) {
        let delivered = receipts.tick(on.link.acknowledged());
        let rows = on.live.confirm_delivered(delivered);
        tools.shared.desk.confirm(rows);
    }
    on.live.tracks.close_gaps();
    on.live.retry.fetch = false;
    if std::mem::take(&mut on.live.retry.follow) {
        for group in on.live.following.clone() {
            catch_up::follow_join(tools, on, group);
        }
    }
}

/// The client has shown that it is alive: what its TCP has acknowledged counts as delivered.
pub(super) fn settle_receipts(tools: &Tools, live: &mut Live, acknowledged: u64) {
    let Some(receipts) = &mut live.receipts else { return };
    let delivered = receipts.settle(acknowledged);
    let rows = live.confirm_delivered(delivered);
    tools.shared.desk.confirm(rows);
}

fn join_group(tools: &Tools, members: &mut Members, on: LiveCtx<'_>, group: GroupId, last_seq: Seq) {
    let LiveCtx { conn, live, .. } = on;
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

fn told_to_leave(tools: &Tools, members: &mut Members, mut on: ConnCtx<'_>, group: GroupId, line: Bytes) {
    on.tell(line);
    if let Some(on) = on.hearing() {
        leave_group(tools, members, on.conn, on.live, group);
    }
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

/// Nobody is logged in on the connection any more.
fn leave_session(tools: &Tools, members: &mut Members, on: &mut ConnCtx<'_>) {
    // What is still on its way to this session must not reach the next one on the connection.
    on.link.renew();
    let was_live = on.session.is_live();
    if let Some(live) = on.session.leave(tools.shared.config.limits.login, on.now) {
        if was_live {
            tools.shared.metrics.sessions.dec();
            tools.shared.budgets.visitors().came(on.session.from);
        }
        members.leave(on.conn, &live.groups);
        local::leave(tools, on.conn, &live);
    }
}
