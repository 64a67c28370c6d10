//! What was said in one conversation and who has heard it: exactly once, and in order, or a problem.
//!
//! ```text
//!   seq        1        2        3        4           said: the same for everybody
//!            anna #0  ben #0   anna #1  ben #1
//!   ben      hears             hears                  each member hears all but its own,
//!   carl     hears    hears    hears    hears         seq rising, and each sender's numbers 0, 1, 2, ...
//! ```

use std::collections::BTreeSet;

/// Problems kept word for word; the others are only counted.
const PROBLEMS_KEPT: usize = 20;
/// A `seq` so far beyond the last one is no hole but nonsense.
const SEQ_JUMP_MAX: usize = 1_000_000;
/// Missing messages remembered for each member, to tell "late" from "twice".
const MISSING_KEPT: usize = 10_000;

/// What went wrong in a run.
#[derive(Default, Debug)]
pub(crate) struct Problems {
    kept: Vec<String>,
    count: u64,
}

impl Problems {
    /// Notes a problem.
    pub(crate) fn add(&mut self, problem: impl FnOnce() -> String) {
        self.count += 1;
        if self.kept.len() < PROBLEMS_KEPT {
            self.kept.push(problem());
        }
    }

    /// The first ones, and how many there are beyond them.
    pub(crate) fn into_lines(self) -> Vec<String> {
        let mut lines = self.kept;
        let more = self.count - lines.len() as u64;
        if more > 0 {
            lines.push(format!("and {more} more"));
        }
        lines
    }
}

/// How a conversation is numbered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Numbering {
    /// By the server: one `seq` for all senders, which acks repeat.
    Server,
    /// By the senders, each its own: there is no server, and there are no acks.
    Sender,
}

/// Whether a message is news to a member.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Heard {
    /// For the first time.
    News,
    /// It had come before, or cannot be.
    Nothing,
}

/// One conversation. Members and senders are numbered from 0; the senders are the first members. 8 bytes for each message.
#[derive(Debug)]
pub(crate) struct Ledger {
    name: String,
    numbering: Numbering,
    /// By `seq` - 1: the sender and its number; `None` as long as nobody has told.
    said: Vec<Option<(u32, u32)>>,
    members: Vec<Member>,
    /// By sender: how many of its messages were acknowledged.
    acked: Vec<u32>,
}

#[derive(Clone, Debug)]
struct Member {
    last_seq: u64,
    /// By sender: the number that comes next.
    expected: Vec<u32>,
    /// What was passed over.
    missing: BTreeSet<(u32, u32)>,
}

impl Ledger {
    /// A new conversation, in which nothing has been said. `name` is for problems.
    pub(crate) fn new(name: String, numbering: Numbering, members: usize, senders: usize) -> Self {
        let member = Member { last_seq: 0, expected: vec![0; senders], missing: BTreeSet::new() };
        Self { name, numbering, said: Vec::new(), members: vec![member; members], acked: vec![0; senders] }
    }

    /// The next ack of `sender` came, with this `seq`. Returns the number of the message; acks come in order.
    pub(crate) fn acked(&mut self, sender: u32, seq: u64, problems: &mut Problems) -> u32 {
        let number = self.acked[sender as usize];
        self.acked[sender as usize] += 1;
        self.note(seq, sender, number, problems);
        number
    }

    /// How many acks `sender` has got.
    pub(crate) fn acked_count(&self, sender: u32) -> u32 {
        self.acked.get(sender as usize).copied().unwrap_or(u32::MAX)
    }

    /// Message `number` of `sender` came to `member` with this `seq`.
    pub(crate) fn heard(
        &mut self,
        member: usize,
        (sender, number): (u32, u32),
        seq: u64,
        problems: &mut Problems,
    ) -> Heard {
        let name = &self.name;
        if sender as usize >= self.acked.len() || sender as usize == member {
            problems.add(|| format!("{name}: member {member} hears from {sender}, who does not talk to him"));
            return Heard::Nothing;
        }
        let listener = &mut self.members[member];
        let expected = listener.expected[sender as usize];
        if number < expected && !listener.missing.remove(&(sender, number)) {
            problems.add(|| format!("{name}: member {member} gets message {number} of {sender} twice (seq {seq})"));
            return Heard::Nothing;
        }
        if number < expected {
            problems.add(|| format!("{name}: member {member} gets message {number} of {sender} late (seq {seq})"));
        }
        for passed in expected..number {
            problems.add(|| format!("{name}: member {member} misses message {passed} of {sender}"));
            if listener.missing.len() < MISSING_KEPT {
                listener.missing.insert((sender, passed));
            }
        }
        listener.expected[sender as usize] = expected.max(number.saturating_add(1));
        if self.numbering == Numbering::Server {
            self.seq_heard(member, seq, problems);
        }
        self.note(seq, sender, number, problems);
        Heard::News
    }

    fn seq_heard(&mut self, member: usize, seq: u64, problems: &mut Problems) {
        let (name, last_seq) = (&self.name, self.members[member].last_seq);
        if seq <= last_seq {
            problems.add(|| format!("{name}: member {member} gets seq {seq} after {last_seq}"));
        }
        self.members[member].last_seq = last_seq.max(seq);
    }

    /// Whoever says something about `seq` must say the same.
    fn note(&mut self, seq: u64, sender: u32, number: u32, problems: &mut Problems) {
        let name = &self.name;
        if self.numbering == Numbering::Sender {
            if seq != u64::from(number) + 1 {
                problems.add(|| format!("{name}: message {number} of {sender} has seq {seq}"));
            }
            return;
        }
        let place = usize::try_from(seq).ok().and_then(|seq| seq.checked_sub(1));
        let Some(place) = place.filter(|place| *place < self.said.len() + SEQ_JUMP_MAX) else {
            problems.add(|| format!("{name}: message {number} of {sender} has seq {seq}, which cannot be"));
            return;
        };
        if self.said.len() <= place {
            self.said.resize(place + 1, None);
        }
        match self.said[place] {
            None => self.said[place] = Some((sender, number)),
            Some(known) if known == (sender, number) => {}
            Some((other, its)) => problems
                .add(|| format!("{name}: seq {seq} is message {number} of {sender} and also message {its} of {other}")),
        }
    }

    /// All is over: `sent` says how many messages each sender has sent. What is missing now is lost.
    pub(crate) fn finish(&self, sent: &[u32], problems: &mut Problems) {
        let name = &self.name;
        for (sender, (&sent, &acked)) in sent.iter().zip(&self.acked).enumerate() {
            if self.numbering == Numbering::Server && acked != sent {
                problems.add(|| format!("{name}: {sender} sent {sent} messages and got {acked} acks"));
            }
            for (member, listener) in self.members.iter().enumerate().filter(|(member, _)| *member != sender) {
                let expected = listener.expected[sender];
                if expected != sent {
                    problems.add(|| {
                        format!("{name}: member {member} never got messages {expected} to {} of {sender}", sent - 1)
                    });
                }
            }
        }
        if self.numbering == Numbering::Server {
            self.finish_numbers(sent, problems);
        }
    }

    fn finish_numbers(&self, sent: &[u32], problems: &mut Problems) {
        let total: usize = sent.iter().map(|&sent| sent as usize).sum();
        let known = self.said.iter().flatten().count();
        if known != self.said.len() || known != total {
            let (name, last) = (&self.name, self.said.len());
            problems.add(|| format!("{name}: {total} messages were sent, {known} have a seq, the last seq is {last}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> (Ledger, Problems) {
        (Ledger::new("pair 0".to_owned(), Numbering::Server, 2, 2), Problems::default())
    }

    /// Member, sender, number, seq.
    type Hearing = (usize, u32, u32, u64);

    fn hears(ledger: &mut Ledger, problems: &mut Problems, heard: &[Hearing]) {
        for &(member, sender, number, seq) in heard {
            ledger.heard(member, (sender, number), seq, problems);
        }
    }

    #[test]
    fn what_is_in_order_is_no_problem() {
        let (mut ledger, mut problems) = pair();
        assert_eq!(ledger.acked(0, 1, &mut problems), 0);
        hears(&mut ledger, &mut problems, &[(1, 0, 0, 1), (0, 1, 0, 2), (1, 0, 1, 3)]);
        ledger.acked(1, 2, &mut problems);
        assert_eq!(ledger.acked(0, 3, &mut problems), 1);
        ledger.finish(&[2, 1], &mut problems);
        assert_eq!(problems.into_lines(), Vec::<String>::new());
    }

    #[test]
    fn every_fault_is_told() {
        let cases: [(&str, &[Hearing]); 7] = [
            ("misses message 0 of 0", &[(1, 0, 1, 2)]),
            ("gets message 0 of 0 twice", &[(1, 0, 0, 1), (1, 0, 0, 1)]),
            ("gets message 0 of 0 late", &[(1, 0, 1, 2), (1, 0, 0, 3)]),
            ("gets seq 1 after 2", &[(1, 0, 0, 2), (1, 0, 1, 1)]),
            ("and also message 0 of 0", &[(1, 0, 0, 1), (0, 1, 0, 1)]),
            ("which cannot be", &[(1, 0, 0, 0)]),
            ("who does not talk to him", &[(1, 1, 0, 1)]),
        ];
        for (expected, heard) in cases {
            let (mut ledger, mut problems) = pair();
            hears(&mut ledger, &mut problems, heard);
            let lines = problems.into_lines();
            assert!(lines.iter().any(|line| line.contains(expected)), "{expected}: {lines:?}");
        }
    }

    #[test]
    fn what_never_came_is_told_at_the_end() {
        let (mut ledger, mut problems) = pair();
        ledger.acked(0, 1, &mut problems);
        ledger.finish(&[1, 0], &mut problems);
        assert_eq!(problems.into_lines(), ["pair 0: member 1 never got messages 0 to 0 of 0"]);

        let (mut ledger, mut problems) = pair();
        ledger.acked(0, 2, &mut problems);
        hears(&mut ledger, &mut problems, &[(1, 0, 0, 2)]);
        ledger.finish(&[1, 0], &mut problems);
        assert!(problems.into_lines()[0].contains("the last seq is 2"), "a hole in the numbers");
    }

    #[test]
    fn without_a_server_each_sender_counts() {
        let mut problems = Problems::default();
        let mut ledger = Ledger::new("pair".to_owned(), Numbering::Sender, 2, 2);
        hears(&mut ledger, &mut problems, &[(1, 0, 0, 1), (0, 1, 0, 1), (1, 0, 1, 2)]);
        ledger.finish(&[2, 1], &mut problems);
        assert_eq!(problems.into_lines(), Vec::<String>::new());
    }

    #[test]
    fn many_problems_are_counted() {
        let mut problems = Problems::default();
        (0..30).for_each(|n| problems.add(|| n.to_string()));
        let lines = problems.into_lines();
        assert_eq!((lines.len(), lines[20].as_str()), (21, "and 10 more"));
    }
}
