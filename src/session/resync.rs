//! The comparison of sessions with the store, after bells may have been lost: of those whose groups have changed meanwhile, or of
//! all where it is not known what has changed (`delivery/missed.rs`). Runs in the reactor.
//!
//! ```text
//!   trigger --> every session that is not in line joins its end --> a batch is asked about --> the answer --> the next
//! ```
//!
//! A batch at a time, so that an outage of the bus never becomes a storm on the database. A session that is in line keeps its
//! place when bells are lost again, and one that has been asked about joins the end: triggers that repeat hold up nobody.
//!
//! Compared are what is pending and the groups that the user is in: news of a membership that came or went on another node
//! may have been lost like any other. A session hears a group no more that its user has left, and hears one it did not know.

use std::collections::{HashMap, VecDeque};
use std::time::Instant;

use bytes::Bytes;

use super::conn_ctx::{ConnCtx, Net};
use super::group_index::GroupIndex;
use super::live::{ClientKnows, Live, hears};
use super::membership::{follow_join, told_to_leave};
use super::message::{Compared, Standing};
use super::reactor_ctx::ReactorCtx;
use super::state::Session;
use crate::bus::{Channel, Part};
use crate::ids::{GroupId, UserId};
use crate::net::{ConnId, Outbound};
use crate::workers::job::{Job, SessionQuestions};

/// Sessions that are compared with the store in one question.
pub(crate) const BATCH: usize = 256;

/// The sessions of one reactor that are to be compared. Owned by the reactor's thread.
#[derive(Debug, Default)]
pub(crate) struct Resync {
    /// In the order of their turns, each once: [`Live::in_line`] tells. Of those that have ended meanwhile some may still
    /// stand here, until the next trigger or their turn.
    line: VecDeque<ConnId>,
    /// A batch is being asked about.
    under_way: bool,
}

impl Resync {
    /// Bells may have been lost: every session is compared, or those that hear a channel of this part.
    pub(crate) fn start(&mut self, net: Net<'_>, part: Option<&Part>) {
        self.line.retain(|conn| hearing(net, *conn).is_some());
        // Many sessions share groups, and to find a channel's place costs more than to remember it.
        let mut groups: HashMap<GroupId, bool> = HashMap::new();
        net.each(&mut |conn, session, _| {
            let Some(live) = session.hearing() else { return };
            let may_have_missed = part.is_none_or(|part| {
                let mut hears =
                    |group: &GroupId| *groups.entry(*group).or_insert_with(|| part.contains(Channel::Group(*group)));
                part.contains(Channel::User(live.user))
                    || live.groups.iter().any(&mut hears)
                    || live.following.iter().any(|following| hears(&following.group))
            });
            if may_have_missed {
                self.start_one(conn, live);
            }
        });
    }

    /// This session may have missed something.
    pub(crate) fn start_one(&mut self, conn: ConnId, live: &mut Live) {
        if !std::mem::replace(&mut live.in_line, true) {
            self.line.push_back(conn);
        }
    }

    /// The user is in this group: a session that does not hear it may have missed that.
    pub(crate) fn is_member(&mut self, net: Net<'_>, conn: ConnId, group: GroupId) {
        if let Some(live) = hearing(net, conn)
            && !live.groups.contains(&group)
        {
            self.start_one(conn, live);
        }
    }

    /// Those are in a group, and no others: of the sessions that hear it some may have missed that.
    pub(crate) fn are_members(&mut self, net: Net<'_>, hearers: &[ConnId], members: &[UserId]) {
        for conn in hearers {
            if let Some(live) = hearing(net, *conn)
                && members.binary_search(&live.user).is_err()
            {
                self.start_one(*conn, live);
            }
        }
    }

    /// A tick of a session: if its comparison had no answer, it is asked about again.
    pub(crate) fn retry(&mut self, conn: ConnId, live: &mut Live) {
        if std::mem::take(&mut live.retry.compare) {
            self.start_one(conn, live);
        }
    }

    /// Asks about the next batch, unless an answer is being waited for.
    pub(crate) fn go_on(&mut self, reactor: &ReactorCtx, net: Net<'_>, now: Instant) {
        if self.under_way || self.line.is_empty() {
            return;
        }
        let questions = self.next_batch(net);
        if questions.conns.is_empty() {
            return;
        }
        self.under_way = true;
        reactor.shared.metrics.resync_sessions.inc_by(questions.conns.len() as u64);
        reactor.workers.submit(Job::CompareSessions(questions), now);
    }

    pub(crate) fn next_batch(&mut self, net: Net<'_>) -> SessionQuestions {
        let mut questions = SessionQuestions { conns: Vec::new(), changes: Vec::new(), devices: Vec::new() };
        while questions.conns.len() < BATCH {
            let Some(conn) = self.line.pop_front() else { break };
            if let Some(live) = hearing(net, conn) {
                live.in_line = false;
                questions.conns.push(conn);
                questions.changes.push(live.group_changes);
                questions.devices.push((live.user, live.device));
            }
        }
        questions
    }

    /// The store answered. Sessions it did not answer for ask again at their next tick.
    pub(crate) fn compared(
        &mut self,
        reactor: &ReactorCtx,
        groups_here: &mut GroupIndex,
        net: Net<'_>,
        compared: Compared,
        now: Instant,
    ) {
        self.under_way = false;
        let Compared { conns, changes, standings } = compared;
        let mut answers = standings.map(Vec::into_iter);
        for (conn, changes) in conns.into_iter().zip(changes) {
            let answer = answers.as_mut().and_then(Iterator::next);
            let Some(found) = net.connection(conn) else { continue };
            let mut on = ConnCtx::new(conn, found, now);
            let Some(live) = on.session.hearing() else { continue };
            let Some(Standing { mut pending, groups }) = answer else {
                live.retry.compare = true;
                continue;
            };
            // What has changed while the store was asked may be newer than its answer: it is asked again.
            live.retry.compare |= live.group_changes != changes;
            if live.group_changes == changes {
                take_groups(reactor, groups_here, &mut on, &groups);
            }
            let Some(live) = on.session.hearing() else { continue };
            // What is pending in another group comes when the session hears it.
            pending.retain(|position| hears(&live.groups, position.conv));
            live.seqs.compare(&pending);
        }
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.line.len()
    }
}

fn hearing(net: &mut dyn Outbound<Session>, conn: ConnId) -> Option<&mut Live> {
    net.connection(conn)?.0.hearing()
}

/// The session hears the groups that its user is in, and no others. Those that are new to it are followed, and those that it
/// is not in any more are left, as if their news had come.
fn take_groups(reactor: &ReactorCtx, groups_here: &mut GroupIndex, on: &mut ConnCtx<'_>, groups: &[GroupId]) {
    let gone = |group: &GroupId| groups.binary_search(group).is_err();
    let heard = on.session.hearing().map(|live| live.groups.as_slice()).unwrap_or_default();
    for group in heard.iter().copied().filter(gone).collect::<Vec<_>>() {
        log::debug!("{}: the user has left group {group} elsewhere", on.conn);
        told_to_leave(reactor, groups_here, on, group, Bytes::new());
    }
    let Some(on) = on.hearing() else { return };
    if on.live.groups.len() >= groups.len() {
        return;
    }
    let followed = on.live.following.iter().map(|following| following.group);
    let mut known: Vec<GroupId> = on.live.groups.iter().copied().chain(followed).collect();
    known.sort_unstable();
    for group in groups.iter().copied().filter(|group| known.binary_search(group).is_err()) {
        // It was not told, or it was told later that its user had left the group before.
        let following = on.live.follow(group, ClientKnows::No);
        follow_join(reactor, &on, following);
    }
}
