//! What lanes, workers and other nodes have for this reactor's sessions: acks, pushes, replies and the backlog. Runs in the
//! reactor.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::conn_ctx::{ConnCtx, LiveCtx, Net};
use super::doubts::Doubts;
use super::group_index::GroupIndex;
use super::live::{ClientKnows, Following, Live, hears};
use super::membership::{follow_join, join_group, joined, leave_session, left, told_to_leave};
use super::message;
use super::message::Followed;
use super::reactor_ctx::ReactorCtx;
use super::reorder_buffer::ReorderBuffer;
use super::resync::Resync;
use super::seq_tracker::Offer;
use super::slices::Slices;
use super::together;
use super::together::Together;
use crate::clock::UnixMs;
use crate::delivery::{Addressee, Event, Told, Which};
use crate::ids::{ConvId, GroupId, Seq};
use crate::net::{CloseReason, ConnId};
use crate::service::ctx::{Backlog, SessionChange, Shared};
use crate::service::handlers::shown::Shown;
use crate::store::{Page, Place};
use crate::wants::{Want, Wants};
use crate::wire::reply::{self, Notice, TimeText};
use crate::workers::job::{Job, PageQuestion};

/// The backlog goes on when no more than this part of the outbox is full: net's low-water mark.
const LOW_WATER_PART: usize = 4;

/// What has come out of its turn, on its way to the sessions of one reactor.
#[derive(Debug, Default)]
pub(crate) struct OutOfTurn {
    /// Messages that came ahead of others, kept for a moment.
    pub ahead: ReorderBuffer,
    /// Messages that came behind others.
    pub doubts: Doubts,
}

/// What one reactor keeps of its sessions, beside each session itself.
#[derive(Debug)]
pub(crate) struct SessionsHere {
    /// Which of them hear which group.
    pub(crate) groups_here: GroupIndex,
    /// What large groups are being told.
    slices: Slices<Event>,
    /// Messages that are out of their turn.
    pub(crate) out_of_turn: OutOfTurn,
    /// Which of them are compared with the store.
    pub(crate) resync: Resync,
    /// What many of them ask at once.
    pub(crate) together: Together,
    /// Memory for the list of those that one event is told to.
    told: Vec<ConnId>,
}

impl SessionsHere {
    /// No session yet. What concerns a group of more sessions than `slice` is told to so many in a turn.
    pub(crate) fn new(slice: usize) -> Self {
        Self {
            groups_here: GroupIndex::default(),
            slices: Slices::new(slice),
            out_of_turn: OutOfTurn::default(),
            resync: Resync::default(),
            together: Together::default(),
            told: Vec::new(),
        }
    }

    /// Carries out one event.
    pub(crate) fn event(&mut self, reactor: &ReactorCtx, net: Net<'_>, event: Event, now: Instant) {
        if let Event::Left { conn, group, .. } = event {
            self.tell_ahead(reactor, net, (group, conn), now);
        }
        let Self { groups_here, out_of_turn, resync, .. } = self;
        match event {
            Event::Message { to, .. } | Event::Notice { to, .. } | Event::Hint { to, .. } => {
                self.tell_those(reactor, net, to, event, now);
            }
            Event::GroupDeleted { group, .. } => self.tell_those(reactor, net, Addressee::Group(group), event, now),
            Event::Answered { conn, conv, stored, line } => {
                if let Some(found) = net.connection(conn) {
                    let on = ConnCtx::new(conn, found, now);
                    on.link.send(line);
                    answered(reactor, &out_of_turn.ahead, on, conv, stored);
                }
            }
            Event::Joined { conn, group } => {
                if let Some(found) = net.connection(conn) {
                    told_of_joining(reactor, ConnCtx::new(conn, found, now), group);
                }
            }
            Event::Left { conn, group, line } => {
                if let Some(found) = net.connection(conn) {
                    told_to_leave(reactor, groups_here, &mut ConnCtx::new(conn, found, now), group, line);
                }
                // The news may be late: who has come back meanwhile hears the group again. Not at once: that the user has come
                // back may be told in a moment.
                if let Some(live) = net.connection(conn).and_then(|(session, _)| session.hearing()) {
                    live.retry.compare = true;
                }
            }
            Event::Member { conn, group } => resync.is_member(net, conn, group),
            Event::Members { group, members } => resync.are_members(net, groups_here.of(group), &members),
            Event::Replaced { conn } => {
                send_out(reactor, groups_here, net, (conn, now), &Notice::Replaced, CloseReason::Replaced);
            }
            Event::Ended { conn } => {
                send_out(reactor, groups_here, net, (conn, now), &Notice::Ended, CloseReason::Ended);
            }
            Event::Renamed { conn, name } => rename(net, conn, name),
            Event::Broadcast(line) => broadcast(net, &line, now),
            Event::Resync(part) => resync.start(net, part.as_ref()),
            Event::Restored => self.restored(reactor, net, now),
        }
    }

    /// Tells one session, or all that hear a group: a large one a part of them in each of several turns.
    fn tell_those(&mut self, reactor: &ReactorCtx, net: Net<'_>, to: Addressee, event: Event, now: Instant) {
        let group = match to {
            Addressee::Session(conn) => return self.tell(reactor, net, conn, &event, now),
            Addressee::Group(group) | Addressee::GroupBut(group, _) => group,
        };
        let hearers = self.groups_here.of(group);
        if self.slices.takes(group, hearers.len()) {
            self.slices.push(&mut self.groups_here, group, event);
            reactor.shared.metrics.group_events_waiting.inc();
            while self.slices.is_over_full() {
                self.tell_slice(reactor, net, usize::MAX, now);
            }
            return;
        }
        let mut conns = std::mem::take(&mut self.told);
        conns.extend_from_slice(hearers);
        for conn in conns.drain(..) {
            self.tell(reactor, net, conn, &event, now);
        }
        self.told = conns;
    }

    /// Goes on with what large groups are being told, as far as one turn goes that comes so late. When to go on, if something is left.
    pub(crate) fn tell_next(
        &mut self,
        reactor: &ReactorCtx,
        net: Net<'_>,
        late: Duration,
        now: Instant,
    ) -> Option<Instant> {
        let mut left = self.slices.due(late);
        while left > 0 && self.slices.waiting() > 0 {
            left -= self.tell_slice(reactor, net, left, now).min(left);
        }
        self.slices.pause(&self.groups_here).map(|pause| now + pause)
    }

    /// Tells large groups all that waits.
    pub(crate) fn tell_rest(&mut self, reactor: &ReactorCtx, net: Net<'_>, now: Instant) {
        while self.slices.waiting() > 0 {
            self.tell_slice(reactor, net, usize::MAX, now);
        }
    }

    /// Tells a session that is about to leave the group what waits for it.
    pub(crate) fn tell_ahead(
        &mut self,
        reactor: &ReactorCtx,
        net: Net<'_>,
        (group, conn): (GroupId, ConnId),
        now: Instant,
    ) {
        for (number, event) in self.slices.of(group, conn) {
            if self.groups_here.heard(group, conn, number) {
                self.tell(reactor, net, conn, &event, now);
            }
        }
    }

    /// How many connections had their turn.
    fn tell_slice(&mut self, reactor: &ReactorCtx, net: Net<'_>, most: usize, now: Instant) -> usize {
        let Some(slice) = self.slices.next(&self.groups_here, most) else { return 0 };
        for conn in &slice.conns {
            for (number, event) in slice.events.iter() {
                if self.groups_here.heard(slice.group, *conn, *number) {
                    self.tell(reactor, net, *conn, event, now);
                }
            }
        }
        let waiting = self.slices.waiting();
        self.slices.told(&mut self.groups_here, &slice);
        let told = i64::try_from(waiting - self.slices.waiting()).unwrap_or(0);
        reactor.shared.metrics.group_events_waiting.dec_by(told);
        slice.conns.len()
    }

    /// Tells one connection what concerns it, perhaps among others.
    fn tell(&mut self, reactor: &ReactorCtx, net: Net<'_>, conn: ConnId, event: &Event, now: Instant) {
        let Some(found) = net.connection(conn) else { return };
        let mut on = ConnCtx::new(conn, found, now);
        let (user, wants) = on.session.hearing().map(|live| (live.user, live.wants)).unzip();
        match event {
            Event::Message { to, from, told } if *from != Some(conn) && !to.excepts(user) => {
                tell(reactor, &mut self.out_of_turn, on, told);
            }
            Event::Notice { to, line } if !to.excepts(user) => {
                on.tell(line.clone());
            }
            Event::Hint { to, want, line }
                if !to.excepts(user) && wants.is_some_and(|wants: Wants| wants.has(*want)) =>
            {
                on.tell(line.clone());
            }
            Event::GroupDeleted { group, line } => {
                told_to_leave(reactor, &mut self.groups_here, &mut on, *group, line.clone());
            }
            _ => {}
        }
    }

    /// The data went back: whoever is logged in begins anew. A login under way ends by itself, see [`go_live`].
    fn restored(&mut self, reactor: &ReactorCtx, net: Net<'_>, now: Instant) {
        let Self { groups_here, out_of_turn, .. } = self;
        out_of_turn.ahead.clear();
        let present = reactor.shared.epoch.generation();
        net.each(&mut |conn, session, link| {
            let mut on = ConnCtx::new(conn, (session, link), now);
            if on.session.live().is_some_and(|live| live.epoch != present) {
                // At once, not when its socket is done: the client may come again before it has closed this one.
                leave_session(reactor, groups_here, &mut on);
                drop(on.session.take_parked());
                send_away(&mut on);
            }
        });
        reactor.shared.cursor_queue.sessions_ended();
    }

    /// A worker answered a request.
    pub(crate) fn reply(&mut self, reactor: &ReactorCtx, mut on: ConnCtx<'_>, line: Bytes, then: SessionChange) {
        on.session.at_worker = false;
        match then {
            SessionChange::GoLive(backlog) => {
                on.link.send(line);
                go_live(reactor, on, *backlog);
            }
            SessionChange::LogOut => {
                leave_session(reactor, &mut self.groups_here, &mut on);
                on.link.send(line);
            }
            then => {
                // A login that failed after its session was let in: the session goes out again.
                if on.session.live().is_none() && on.session.hearing().is_some() {
                    leave_session(reactor, &mut self.groups_here, &mut on);
                }
                if on.session.hearing().is_none() {
                    // A LOGIN that was refused may have stood in the directory for a moment.
                    on.link.renew();
                }
                on.link.send(line);
                self.apply(reactor, on, then);
            }
        }
    }

    fn apply(&mut self, reactor: &ReactorCtx, mut on: ConnCtx<'_>, then: SessionChange) {
        let groups_here = &mut self.groups_here;
        let Some(on) = on.live() else {
            return message::undo(&reactor.shared, &then);
        };
        match then {
            SessionChange::Join { group, last_seq } => joined(reactor, groups_here, on, group, last_seq),
            SessionChange::Leave(group) => left(reactor, groups_here, on.conn, on.live, group),
            SessionChange::Shown { pending, shown } => {
                on.live.seqs.listed(&pending, &shown);
                for message in &shown {
                    on.live.pushed(message.conv, message.seq, on.link.offset());
                }
            }
            SessionChange::Nothing | SessionChange::GoLive(_) | SessionChange::LogOut => {}
        }
    }

    /// The user has joined a group on another session; the node is subscribed. Whether this session hears it now: its client
    /// is told first, and where there is no room for that it is tried again.
    pub(crate) fn joined_elsewhere(
        &mut self,
        reactor: &ReactorCtx,
        mut on: ConnCtx<'_>,
        following: Following,
        followed: Followed,
    ) -> bool {
        let Following { group, client, .. } = following;
        let Some(live) = on.session.hearing() else { return false };
        // Whoever has left meanwhile has left: the position may have been read before that.
        let Some(index) = live.following.iter().position(|other| *other == following) else { return false };
        let (groupid, id) = (group, live.user);
        let last_seq = match followed {
            Followed::Member(last_seq) => last_seq,
            Followed::NoMember => {
                live.following.swap_remove(index);
                if live.groups.contains(&group) {
                    // The answer to a later request says that its user is in it. Which of the two is newer, the store knows.
                    live.retry.compare = true;
                } else if client == ClientKnows::Yes {
                    let notice = Notice::GroupLeft { groupid, id, name: (&*live.name).into(), by: None }.line();
                    on.tell(notice);
                }
                return false;
            }
            Followed::Failed => {
                live.retry.follow = true;
                return false;
            }
        };
        let knows = client == ClientKnows::Yes || live.groups.contains(&group);
        let notice = Notice::GroupJoined { groupid, id, name: (&*live.name).into() }.line();
        let hears = knows || on.tell(notice);
        let Some(on) = on.hearing() else { return false };
        if hears {
            on.live.following.swap_remove(index);
            join_group(reactor, &mut self.groups_here, on, group, last_seq);
        } else {
            on.live.retry.follow = true;
        }
        hears
    }
}

/// The user has joined a group on another session.
fn told_of_joining(reactor: &ReactorCtx, mut on: ConnCtx<'_>, group: GroupId) {
    // A session that hears the group knows already: the user has only asked to join once more.
    if let Some(on) = on.hearing()
        && !on.live.groups.contains(&group)
    {
        let following = on.live.follow(group, ClientKnows::No);
        follow_join(reactor, &on, following);
    }
}

/// The login's reply is sent: the session is shown what has come since.
fn go_live(reactor: &ReactorCtx, mut on: ConnCtx<'_>, backlog: Backlog) {
    let Shared { budgets, metrics, cursor_queue, epoch, .. } = &*reactor.shared;
    let (offset, from) = (on.link.offset(), on.session.from);
    let Some(live) = on.session.go_live() else { return };
    budgets.guests().left(from);
    metrics.sessions.inc();
    cursor_queue.changed(live.user);
    for notice in std::mem::take(&mut live.early) {
        on.link.send(notice);
    }
    live.seqs.go_live(&backlog.pending, &backlog.shown);
    for message in &backlog.shown {
        live.pushed(message.conv, message.seq, offset);
    }
    for request in backlog.requests {
        on.link.send(request);
    }
    if live.epoch != epoch.generation() {
        // What it was told may be of before the data went back.
        return send_away(&mut on);
    }
    for (conv, moved) in live.seqs.own_before_login(&backlog.own) {
        cursor_queue.pass(live.cursor(conv, moved));
    }
}

/// A session ends that somebody else has ended: it is told why, and its connection is closed.
fn send_out(
    reactor: &ReactorCtx,
    groups_here: &mut GroupIndex,
    net: Net<'_>,
    (conn, now): (ConnId, Instant),
    why: &Notice<'_>,
    reason: CloseReason,
) {
    if let Some(found) = net.connection(conn) {
        let mut on = ConnCtx::new(conn, found, now);
        // At once, not when its socket is done: a session that takes its place waits for what it has confirmed.
        leave_session(reactor, groups_here, &mut on);
        drop(on.session.take_parked());
        on.link.send(why.line());
        on.link.close(reason);
    }
}

/// The user of this session is called so from now on.
fn rename(net: Net<'_>, conn: ConnId, name: Arc<str>) {
    if let Some(live) = net.connection(conn).and_then(|(session, _)| session.hearing()) {
        live.name = name;
    }
}

/// Everybody who is logged in is told something.
fn broadcast(net: Net<'_>, line: &Bytes, now: Instant) {
    net.each(&mut |conn, session, link| {
        ConnCtx::new(conn, (session, link), now).tell(line.clone());
    });
}

fn send_away(on: &mut ConnCtx<'_>) {
    on.link.send(Notice::Restored.line());
    on.link.close(CloseReason::Restored);
}

/// The lane has answered a message of this session; the answer is sent.
fn answered(
    reactor: &ReactorCtx,
    ahead: &ReorderBuffer,
    mut on: ConnCtx<'_>,
    conv: ConvId,
    stored: Option<(Seq, Which)>,
) {
    if let Some(mut on) = on.live() {
        on.live.seqs.answered(conv);
        if let Some((seq, which)) = stored {
            if let Some(moved) = on.live.seqs.sent(conv, seq, Some(which)) {
                reactor.shared.cursor_queue.pass(on.live.cursor(conv, moved));
            }
            // The answer to one's own message may be overtaken by another node's news of the next one.
            push_ahead(reactor, ahead, &mut on, conv);
        }
    }
    on.session.answered(reactor.config.limits.inflight);
}

/// A message, as told by a lane or a bell.
fn tell(reactor: &ReactorCtx, out_of_turn: &mut OutOfTurn, mut on: ConnCtx<'_>, told: &Told) {
    let Some(mut on) = on.hearing() else { return };
    let Told { conv, seq, which, line, generation } = told;
    // A reader that is too slow for it gets it from the store, at its own pace. So does whoever hears it from another life of
    // the data, in which the number may have been another message's.
    let line = line.as_ref().filter(|_| *generation == on.live.epoch);
    let Some(line) = line.filter(|line| on.link.has_room(line.len())) else {
        return on.live.seqs.heard_of(*conv, *seq);
    };
    match on.live.seqs.offer(*conv, *seq, *which) {
        Offer::Push => {
            push(reactor, &mut on, (*conv, *seq, *which), line.clone());
            push_ahead(reactor, &out_of_turn.ahead, &mut on, *conv);
        }
        Offer::OutOfOrder => out_of_turn.ahead.keep(*conv, *seq, *which, line, on.now),
        Offer::Another => reactor.shared.epoch.another(on.live.epoch, *conv, *seq),
        Offer::Duplicate => out_of_turn.doubts.note(on.live, *conv),
        Offer::NeedsFetch => {}
    }
}

fn push(reactor: &ReactorCtx, on: &mut LiveCtx<'_>, (conv, seq, which): (ConvId, Seq, Option<Which>), line: Bytes) {
    let passes = !on.live.wants.has(Want::Events) && reply::is_event(&line);
    on.link.send(line);
    on.live.pushed(conv, seq, on.link.offset());
    if passes && let Some(moved) = on.live.seqs.passed(conv, seq, which) {
        reactor.shared.cursor_queue.pass(on.live.cursor(conv, moved));
    }
    reactor.shared.metrics.messages_pushed.inc();
}

/// A hole may just have closed: what was kept behind it follows.
fn push_ahead(reactor: &ReactorCtx, ahead: &ReorderBuffer, on: &mut LiveCtx<'_>, conv: ConvId) {
    while let Some(seq) = on.live.seqs.next_ahead(conv)
        && let Some((line, which)) = ahead.line(conv, seq)
        && on.link.has_room(line.len())
        && on.live.seqs.offer(conv, seq, which) == Offer::Push
    {
        push(reactor, on, (conv, seq, which), line);
    }
}

/// Asks a worker for the next pages of what the session has missed, if the client has room for it.
pub(crate) fn fetch_more(reactor: &ReactorCtx, together: &mut Together, on: &mut LiveCtx<'_>) {
    // What the store did not answer is asked again at the next tick.
    if on.live.retry.fetch || !has_drained(reactor, on) {
        return;
    }
    let Live { seqs, groups, .. } = &mut *on.live;
    let places = seqs.next_fetch(|conv| hears(groups, conv));
    if !places.is_empty() {
        fetch(reactor, together, on, places);
    }
}

/// Whether the client has room for more.
fn has_drained(reactor: &ReactorCtx, on: &LiveCtx<'_>) -> bool {
    on.link.queued_bytes() <= reactor.config.limits.outbox_bytes / LOW_WATER_PART
}

/// Asks for what the session has missed in these conversations.
fn fetch(reactor: &ReactorCtx, together: &mut Together, on: &LiveCtx<'_>, places: Vec<Place>) {
    let LiveCtx { conn, ref live, now, .. } = *on;
    let last = |place: &Place| live.seqs.last_heard(place.conv).map(|last| (*place, last));
    let lasts = places.iter().filter_map(last).collect();
    let question = PageQuestion { conn, user: live.user, device: live.device, epoch: live.epoch, places, lasts };
    match together::group_alone(&question) {
        Some(group) => together.gather((group, live.seqs.told(ConvId::group(group))), question, now),
        None => reactor.workers.submit(Job::FetchPages(question), now),
    }
}

/// The store answered [`fetch_more`].
pub(crate) fn fetched(reactor: &ReactorCtx, mut on: ConnCtx<'_>, pages: Option<Vec<Page>>) {
    let Some(on) = on.live() else { return };
    let LiveCtx { live, link, .. } = on;
    live.retry.fetch |= pages.is_none();
    let mut time = TimeText::new(UnixMs(0));
    for page in pages.into_iter().flatten() {
        let conv = page.conv;
        let caught_up = live.seqs.fetched(page);
        for message in &caught_up.push {
            let Some(shown) = Shown::to(live.user, message) else { continue };
            link.send(shown.push(&mut time).line());
            live.pushed(conv, message.seq, link.offset());
            reactor.shared.metrics.messages_caught_up.inc();
        }
        if let Some(seq) = caught_up.another {
            reactor.shared.epoch.another(live.epoch, conv, seq);
        }
        if let Some(moved) = caught_up.confirmed {
            reactor.shared.cursor_queue.pass(live.cursor(conv, moved));
        }
    }
    live.seqs.fetch_ended();
}

/// A tick of a session in which something waits: what TCP has delivered, holes that stayed, questions that failed.
pub(crate) fn tick(reactor: &ReactorCtx, on: &mut LiveCtx<'_>) {
    if let Some(tcp_acks) = on.live.tcp_acks.as_mut().filter(|tcp_acks| tcp_acks.is_waiting()) {
        let delivered = tcp_acks.tick(on.link.acknowledged());
        let rows = on.live.confirm_delivered(delivered);
        reactor.shared.cursor_queue.confirm(rows);
    }
    on.live.seqs.close_gaps();
    on.live.retry.fetch = false;
    if has_drained(reactor, on) && std::mem::take(&mut on.live.retry.follow) {
        for following in on.live.following.clone() {
            follow_join(reactor, on, following);
        }
    }
}

/// The client has shown that it is alive: what its TCP has acknowledged counts as delivered.
pub(crate) fn confirm_acknowledged(reactor: &ReactorCtx, live: &mut Live, acknowledged: u64) {
    let Some(tcp_acks) = &mut live.tcp_acks else { return };
    let delivered = tcp_acks.take_acknowledged(acknowledged);
    let rows = live.confirm_delivered(delivered);
    reactor.shared.cursor_queue.confirm(rows);
}
