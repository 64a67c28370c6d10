//! The comparison of sessions with the store, after bells may have been lost. Runs in the reactor.
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

use std::collections::VecDeque;
use std::time::Instant;

use super::conn_ctx::{ConnCtx, LiveCtx, Net};
use super::group_index::GroupIndex;
use super::live::Live;
use super::membership::{follow_join, leave_group};
use super::message::{Compared, Standing};
use super::reactor_ctx::ReactorCtx;
use super::state::Session;
use crate::ids::{ConvId, GroupId, Members};
use crate::net::{ConnId, Outbound};
use crate::wire::reply::Notice;
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
    /// Bells may have been lost: every session is compared.
    pub(crate) fn start(&mut self, net: Net<'_>) {
        self.line.retain(|conn| hearing(net, *conn).is_some());
        net.each(&mut |conn, session, _| {
            if let Some(live) = session.hearing() {
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
            let is_live = on.session.is_live();
            let Some(mut on) = on.hearing() else { continue };
            match answer {
                Some(Standing { mut pending, groups }) => {
                    // What has changed while the store was asked may be newer than its answer: it is asked again.
                    on.live.retry.compare |= on.live.group_changes != changes;
                    if on.live.group_changes == changes {
                        take_groups(reactor, groups_here, (&mut on, is_live), &groups);
                    }
                    // What is pending in a group comes when the session hears it, or follows: it was told to have left, perhaps.
                    pending.retain(|position| hears(on.live, position.conv));
                    on.live.seqs.compare(&pending);
                }
                None => on.live.retry.compare = true,
            }
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

fn hears(live: &Live, conv: ConvId) -> bool {
    match conv.members() {
        Some(Members::Group(group)) => live.groups.contains(&group) || live.following.contains(&group),
        Some(Members::Pair(..)) | None => true,
    }
}

/// The session hears the groups that its user is in, and no others. Those that are new to it are followed, as if their
/// news had come.
fn take_groups(
    reactor: &ReactorCtx,
    groups_here: &mut GroupIndex,
    (on, is_live): (&mut LiveCtx<'_>, bool),
    groups: &[GroupId],
) {
    let gone = |group: &GroupId| groups.binary_search(group).is_err();
    for group in on.live.groups.iter().copied().filter(gone).collect::<Vec<_>>() {
        log::debug!("{}: user {} has left group {group} elsewhere", on.conn, on.live.user);
        leave_group(reactor, groups_here, on.conn, on.live, group);
    }
    if on.live.groups.len() + on.live.following.len() >= groups.len() {
        return;
    }
    let mut known: Vec<GroupId> = on.live.groups.iter().chain(&on.live.following).copied().collect();
    known.sort_unstable();
    for group in groups.iter().copied().filter(|group| known.binary_search(group).is_err()) {
        // It was not told, or it was told later that its user had left the group before.
        if is_live {
            let name = (&*on.live.name).into();
            on.link.send(Notice::GroupJoined { groupid: group, id: on.live.user, name }.line());
        }
        on.live.follow(group);
        follow_join(reactor, on, group);
    }
}
