//! How sessions come to hear groups, and how they and their groups are left. Runs in the reactor.

use bytes::Bytes;

use super::conn_ctx::{ConnCtx, LiveCtx};
use super::group_index::GroupIndex;
use super::live::Live;
use super::reactor_ctx::ReactorCtx;
use crate::bus::Channel;
use crate::ids::{ConvId, GroupId, Seq};
use crate::net::ConnId;
use crate::workers::job::{Job, JoinQuestion};

/// The user of this session has joined a group elsewhere: a worker subscribes, and then reads where the cursor stands.
pub(crate) fn follow_join(reactor: &ReactorCtx, on: &LiveCtx<'_>, group: GroupId) {
    let (user, device) = (on.live.user, on.live.device);
    reactor.workers.submit(Job::FollowJoin(JoinQuestion { conn: on.conn, user, device, group }), on.now);
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

/// The user has left the group, or it is gone.
pub(crate) fn told_to_leave(
    reactor: &ReactorCtx,
    groups_here: &mut GroupIndex,
    mut on: ConnCtx<'_>,
    group: GroupId,
    line: Bytes,
) {
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
    live.following.retain(|followed| *followed != group);
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
    if let Some(live) = on.session.leave(reactor.shared.config.limits.login, on.now) {
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
    let crate::service::ctx::Shared { directory, bus, cursor_queue, config, .. } = &*reactor.shared;
    directory.leave(live.user, conn);
    if !live.groups.is_empty() {
        let groups: Vec<Channel> = live.groups.iter().map(|group| Channel::Group(*group)).collect();
        bus.unsubscribe(&groups);
    }
    let channels = live.own_channels(config.session_policy);
    if directory.is_online(live.user) {
        cursor_queue.release(&channels);
    } else {
        cursor_queue.departed(live.user, &channels);
    }
}
