//! How sessions come to hear groups, and how they and their groups are left. Runs in the reactor.

use bytes::Bytes;

use super::conn_ctx::{ConnCtx, LiveCtx};
use super::group_index::GroupIndex;
use super::live::{ClientKnows, Following, Live};
use super::reactor_ctx::ReactorCtx;
use crate::bus::Channel;
use crate::ids::{ConvId, GroupId, Seq};
use crate::net::ConnId;
use crate::wire::reply::Notice;
use crate::workers::job::{Job, JoinQuestion};

/// The user of this session has joined a group: a worker subscribes, and then reads where the cursor stands.
pub(crate) fn follow_join(reactor: &ReactorCtx, on: &LiveCtx<'_>, following: Following) {
    let (user, device) = (on.live.user, on.live.device);
    reactor.workers.submit(Job::FollowJoin(JoinQuestion { conn: on.conn, user, device, following }), on.now);
}

/// The reply to a session's request says that its user is in the group; the node is subscribed.
pub(crate) fn joined(
    reactor: &ReactorCtx,
    groups_here: &mut GroupIndex,
    on: LiveCtx<'_>,
    group: GroupId,
    last_seq: Seq,
) {
    if on.live.group_changes == on.live.changes_when_asked || on.live.groups.contains(&group) {
        return join_group(reactor, groups_here, on, group, last_seq);
    }
    // It was told something meanwhile: perhaps that the user was sent out again, and even that the user has come back since.
    reactor.shared.bus.unsubscribe(&[Channel::Group(group)]);
    let following = on.live.follow(group, ClientKnows::Yes);
    follow_join(reactor, &on, following);
}

/// The reply to a session's request says that its user is not in the group.
pub(crate) fn left(reactor: &ReactorCtx, groups_here: &mut GroupIndex, conn: ConnId, live: &mut Live, group: GroupId) {
    // What it was told meanwhile may be newer than that.
    live.retry.compare |= live.group_changes != live.changes_when_asked;
    leave_group(reactor, groups_here, conn, live, group);
}

/// The session hears the group from now on; the node is subscribed.
pub(crate) fn join_group(
    reactor: &ReactorCtx,
    groups_here: &mut GroupIndex,
    on: LiveCtx<'_>,
    group: GroupId,
    last_seq: Seq,
) {
    let LiveCtx { conn, live, .. } = on;
    if live.groups.contains(&group) {
        // Heard of it already; one subscription is enough.
        reactor.shared.bus.unsubscribe(&[Channel::Group(group)]);
        return;
    }
    live.groups.push(group);
    live.group_changes = live.group_changes.wrapping_add(1);
    groups_here.enter(conn, &[group]);
    live.seqs.joined(ConvId::group(group), last_seq);
}

/// The user has left the group, or it is gone. `line` is empty where nobody knows more of it than that: only those are told
/// then who do not know it yet.
pub(crate) fn told_to_leave(
    reactor: &ReactorCtx,
    groups_here: &mut GroupIndex,
    on: &mut ConnCtx<'_>,
    group: GroupId,
    line: Bytes,
) {
    let believes = |following: &Following| following.group == group && following.client == ClientKnows::Yes;
    let member =
        on.session.hearing().filter(|live| live.groups.contains(&group) || live.following.iter().any(believes));
    let line = match member {
        Some(live) if line.is_empty() => {
            Notice::GroupLeft { groupid: group, id: live.user, name: (&*live.name).into(), by: None }.line()
        }
        _ => line,
    };
    on.tell(line);
    if let Some(on) = on.hearing() {
        leave_group(reactor, groups_here, on.conn, on.live, group);
    }
}

/// The session hears the group no more.
pub(crate) fn leave_group(
    reactor: &ReactorCtx,
    groups_here: &mut GroupIndex,
    conn: ConnId,
    live: &mut Live,
    group: GroupId,
) {
    live.following.retain(|following| following.group != group);
    live.group_changes = live.group_changes.wrapping_add(1);
    // Also where the session does not hear the group: it may have said something there, and be fetching what was before.
    live.seqs.left(ConvId::group(group));
    let Some(index) = live.groups.iter().position(|known| *known == group) else { return };
    live.groups.swap_remove(index);
    groups_here.leave(conn, &[group]);
    reactor.shared.bus.unsubscribe(&[Channel::Group(group)]);
}

/// Nobody is logged in on the connection any more.
pub(crate) fn leave_session(reactor: &ReactorCtx, groups_here: &mut GroupIndex, on: &mut ConnCtx<'_>) {
    // What is still on its way to this session must not reach the next one on the connection.
    on.link.renew();
    let was_live = on.session.is_live();
    if let Some(live) = on.session.leave(on.now) {
        if was_live {
            reactor.shared.metrics.sessions.dec();
            reactor.shared.budgets.guests().came(on.session.from);
        }
        groups_here.leave(on.conn, &live.groups);
        leave(reactor, on.conn, &live);
    }
}

/// Takes back what a session's entrance has registered, once its cursors are on their way.
pub(crate) fn leave(reactor: &ReactorCtx, conn: ConnId, live: &Live) {
    let crate::service::ctx::Shared { directory, bus, cursor_queue, .. } = &*reactor.shared;
    directory.leave(live.user, conn);
    if !live.groups.is_empty() {
        let groups: Vec<Channel> = live.groups.iter().map(|group| Channel::Group(*group)).collect();
        bus.unsubscribe(&groups);
    }
    let channels = live.own_channels(reactor.config.session_policy);
    if directory.is_online(live.user) {
        cursor_queue.release(live.user, &channels);
    } else {
        cursor_queue.departed(live.user, &channels);
    }
}
