//! Sessions that ask the same: what comes next in a group of which they know nothing yet. Runs in the reactor.
//!
//! ```text
//!   a message, and thousands who were quiet since their login --> each wants its place looked up
//!       in one turn:  gather by group --> a job for each few hundred --> two statements instead of two for each
//! ```
//!
//! The first message of a group after a login is looked up ([`super::seq_tracker`]). In a large group that is one message and
//! as many questions as there are sessions, which would hold the workers for seconds.

use std::collections::BTreeMap;
use std::time::Instant;

use crate::ids::{ConvId, GroupId, Members, Seq};
use crate::store::Place;
use crate::workers::job::{GroupQuestion, Job, PageQuestion};

/// Sessions of one question.
const TOGETHER_MAX: usize = 256;

/// The questions of one turn. Owned by the reactor's thread; bounded by its sessions, each of which has one question at most.
#[derive(Debug, Default)]
pub(crate) struct Together {
    /// In an order that does not depend on chance, so that a simulated run can be repeated.
    by_group: BTreeMap<GroupId, Vec<(Seq, PageQuestion)>>,
    asked_at: Option<Instant>,
}

/// The group, if the question is about the beginning of one alone, and about nothing else.
pub(crate) fn group_alone(question: &PageQuestion) -> Option<GroupId> {
    let PageQuestion { places, lasts, .. } = question;
    match places.as_slice() {
        [Place { conv, after: None }] if lasts.is_empty() => group_of(*conv),
        _ => None,
    }
}

fn group_of(conv: ConvId) -> Option<GroupId> {
    match conv.members()? {
        Members::Group(group) => Some(group),
        Members::Pair(..) => None,
    }
}

impl Together {
    /// A question, of a session that was told of the message `told` there. It is asked at the end of the next turn.
    pub(crate) fn gather(&mut self, (group, told): (GroupId, Seq), question: PageQuestion, now: Instant) {
        self.asked_at.get_or_insert(now);
        self.by_group.entry(group).or_default().push((told, question));
    }

    /// Since when something is to be asked: the next turn has to come at once.
    #[must_use]
    pub(crate) fn asked_at(&self) -> Option<Instant> {
        self.asked_at
    }

    /// What is to be asked now.
    #[must_use]
    pub(crate) fn take(&mut self) -> Vec<Job> {
        let mut jobs = Vec::new();
        self.asked_at = None;
        for (group, mut asked) in std::mem::take(&mut self.by_group) {
            while !asked.is_empty() {
                let rest = asked.split_off(asked.len().min(TOGETHER_MAX));
                jobs.push(job(group, asked));
                asked = rest;
            }
        }
        jobs
    }
}

fn job(group: GroupId, mut asked: Vec<(Seq, PageQuestion)>) -> Job {
    if asked.len() == 1
        && let Some((_, question)) = asked.pop()
    {
        return Job::FetchPages(question);
    }
    let told = asked.iter().map(|(told, _)| *told).min().unwrap_or(0);
    let sessions = asked.iter().map(|(_, question)| (question.conn, question.epoch)).collect();
    let devices = asked.iter().map(|(_, question)| (question.user, question.device)).collect();
    Job::FetchTogether(GroupQuestion { group, told, sessions, devices })
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a time to gather at")]
mod tests {
    use super::*;
    use crate::ids::{DeviceId, UserId};
    use crate::net::ConnId;

    fn group(number: i64) -> GroupId {
        GroupId::new(number).unwrap()
    }

    fn question(slot: u32, places: Vec<Place>) -> PageQuestion {
        let conn = ConnId { reactor: 0, slot, generation: 0 };
        let user = UserId::new(i64::from(slot) + 1).unwrap();
        PageQuestion { conn, user, device: DeviceId::UNNAMED, epoch: 0, places, lasts: Vec::new() }
    }

    fn beginning_of(number: i64) -> Vec<Place> {
        vec![Place { conv: ConvId::group(group(number)), after: None }]
    }

    #[test]
    fn only_the_beginning_of_one_group_is_asked_together() {
        assert_eq!(group_alone(&question(1, beginning_of(7))), Some(group(7)));
        let mut after = beginning_of(7);
        after[0].after = Some(3);
        assert_eq!(group_alone(&question(1, after)), None);
        assert_eq!(group_alone(&question(1, [beginning_of(7), beginning_of(8)].concat())), None);
        let pair = ConvId::pair(UserId::new(1).unwrap(), UserId::new(2).unwrap());
        assert_eq!(group_alone(&question(1, vec![Place { conv: pair, after: None }])), None);
    }

    #[test]
    fn each_session_is_asked_about_once_and_few_hundred_at_a_time() {
        let now = Instant::now();
        let mut together = Together::default();
        let sessions = u32::try_from(TOGETHER_MAX).unwrap() + 1;
        for slot in 0..sessions {
            together.gather((group(7), u64::from(1000 - slot)), question(slot, beginning_of(7)), now);
        }
        together.gather((group(8), 5), question(sessions, beginning_of(8)), now);
        assert_eq!(together.asked_at(), Some(now));
        let (mut slots, mut alone) = (Vec::new(), 0);
        for job in together.take() {
            match job {
                Job::FetchTogether(GroupQuestion { group: of, told, sessions, devices }) => {
                    assert_eq!((of, sessions.len()), (group(7), devices.len()));
                    assert!(sessions.len() <= TOGETHER_MAX);
                    assert_eq!(told, 1000 - u64::from(sessions.last().unwrap().0.slot));
                    slots.extend(sessions.iter().map(|(conn, _)| conn.slot));
                }
                Job::FetchPages(question) => {
                    alone += 1;
                    slots.push(question.conn.slot);
                }
                other => panic!("{other:?}"),
            }
        }
        slots.sort_unstable();
        assert_eq!(slots, (0..=sessions).collect::<Vec<_>>());
        assert_eq!(alone, 2, "one that was left over, and one of another group");
        assert_eq!(together.asked_at(), None);
    }
}
