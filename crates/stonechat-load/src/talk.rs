//! People who talk: the core of `pairs` and `groups`. Sends at a pace, listens, verifies and measures.
//!
//! ```text
//!   Warming --(--warmup)--> Measuring --(--seconds)--> Draining --(all has landed, or nothing moves)--> done
//!      meters are read here ^          and here ^       nothing is sent any more; what is missing now is lost
//! ```
//!
//! Closed loop: each sender has `window` messages under way. A message has landed when its ack has come and all
//! addressees have it; then the next one goes out. Open loop: messages go out by the clock, whatever has landed, and
//! their latency counts from the time at which they were to go out, also when the server kept them from going.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use hdrhistogram::Histogram;

use crate::clock::{nanos, now};
use crate::engine::{Client, Net, Next};
use crate::ledger::{Heard, Ledger, Numbering, Problems};
use crate::meter::{Measured, Meter, Reading};
use crate::progress::Progress;
use crate::report::{Latency, Report, histogram};
use crate::setup::Confirm;
use crate::stamp::{self, Stamp};
use crate::unsolicited;
use crate::wire::{errno_of, msgid, msgid_of, not_understood, refusal, seq_of, stamped};

/// How long nothing may land, after the last message was sent, before what is missing counts as lost.
const SILENCE: Duration = Duration::from_secs(5);
/// What may wait in one connection in the open loop; beyond it the sender falls behind its clock.
const UNSENT_BYTES_MAX: usize = 64 * 1024;
/// How often the progress bar moves.
const TICK: Duration = Duration::from_millis(200);

/// When messages are sent.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Pace {
    /// So many of each sender are under way.
    Window(u32),
    /// So many a second, of all senders together.
    Rate(f64),
}

/// How long a run takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Times {
    pub(crate) warmup: Duration,
    pub(crate) measure: Duration,
}

/// A conversation and its members' connections: `first`, `first + 1`, ... The senders are the first of them.
#[derive(Debug)]
pub(crate) struct Room {
    pub(crate) name: String,
    pub(crate) first: usize,
    pub(crate) members: usize,
    /// By sender: the line without its message: what stands before the text and what behind it.
    pub(crate) lines: Vec<(String, String)>,
    /// By member: DELIVERED without its `seq`, likewise.
    pub(crate) delivered: Vec<(String, String)>,
}

/// All that a talk needs to know.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) workload: String,
    pub(crate) rooms: Vec<Room>,
    pub(crate) numbering: Numbering,
    pub(crate) pace: Pace,
    pub(crate) confirm: Confirm,
    pub(crate) message_bytes: usize,
    pub(crate) times: Times,
}

/// The running talk.
pub(crate) struct Talk<'a> {
    progress: &'a Progress,
    meter: Meter,
    plan: Plan,
    ledgers: Vec<Ledger>,
    /// By connection.
    seats: Vec<Seat>,
    /// Connections that send, in turn.
    senders: Vec<usize>,
    blank: Vec<u8>,
    start: Instant,
    phase: Phase,
    clock: OpenLoop,
    /// Messages that have not landed.
    under_way: usize,
    landed_at: Instant,
    counts: Counts,
    problems: Problems,
}

#[derive(Debug)]
struct Seat {
    room: usize,
    member: usize,
    sender: Option<Sender>,
    unconfirmed: u32,
}

#[derive(Debug)]
struct Sender {
    /// The whole line, whose text is stamped anew for each message.
    line: Vec<u8>,
    text_at: usize,
    sent: u32,
    /// For each message under way: who has yet to get it, and its ack. The last one is number `sent - 1`.
    flights: VecDeque<Flight>,
}

#[derive(Clone, Copy, Debug)]
struct Flight {
    waiting_for: usize,
    at: Instant,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    Ready,
    Warming(Instant),
    Measuring(Instant),
    Draining,
}

/// When the open loop sends.
#[derive(Debug)]
struct OpenLoop {
    due: Instant,
    interval: Duration,
    next_sender: usize,
}

struct Counts {
    delivered: u64,
    deliveries: Histogram<u64>,
    /// Of each message, when the last one who was to get it had it.
    lasts: Histogram<u64>,
    acks: Histogram<u64>,
    begin: Option<Reading>,
    end: Option<Reading>,
}

impl<'a> Talk<'a> {
    /// All connections are open and logged in.
    pub(crate) fn new(progress: &'a Progress, meter: Meter, plan: Plan) -> Self {
        let blank = stamp::blank(plan.message_bytes);
        let seats = seats(&plan, &blank);
        let senders = (0..seats.len()).filter(|&k| seats[k].sender.is_some()).collect();
        let ledger = |room: &Room| Ledger::new(room.name.clone(), plan.numbering, room.members, room.lines.len());
        let ledgers = plan.rooms.iter().map(ledger).collect();
        let start = now();
        let interval = match plan.pace {
            Pace::Window(_) => Duration::MAX,
            Pace::Rate(per_second) => Duration::from_secs_f64(1.0 / per_second),
        };
        let counts = Counts {
            delivered: 0,
            deliveries: histogram(),
            lasts: histogram(),
            acks: histogram(),
            begin: None,
            end: None,
        };
        Self {
            progress,
            meter,
            ledgers,
            seats,
            senders,
            blank,
            start,
            phase: Phase::Ready,
            clock: OpenLoop { due: start, interval, next_sender: 0 },
            under_way: 0,
            landed_at: start,
            counts,
            problems: Problems::default(),
            plan,
        }
    }

    /// What was found. To be called when the run is over.
    pub(crate) fn report(mut self) -> Result<Report> {
        for (room, ledger) in self.plan.rooms.iter().zip(&self.ledgers) {
            let sent: Vec<u32> = self.seats[room.first..room.first + room.lines.len()]
                .iter()
                .map(|seat| seat.sender.as_ref().map_or(0, |sender| sender.sent))
                .collect();
            ledger.finish(&sent, &mut self.problems);
        }
        let (Some(begin), Some(end)) = (self.counts.begin, self.counts.end) else { bail!("nothing was measured") };
        let measured = Measured {
            workload: self.plan.workload.clone(),
            unit: "message",
            count: self.counts.delivered,
            connections: self.seats.len(),
        };
        let mut report = self.meter.report(&begin, &end, measured);
        report.latencies.push(Latency::of("delivery", &self.counts.deliveries));
        if self.plan.rooms.iter().any(|room| room.members > 2) {
            report.latencies.push(Latency::of("at the last one", &self.counts.lasts));
        }
        if self.plan.numbering == Numbering::Server {
            report.latencies.push(Latency::of("ack", &self.counts.acks));
        }
        report.notes = notes(&report, self.senders.len(), &self.plan);
        report.problems = self.problems.into_lines();
        Ok(report)
    }

    fn send(&mut self, net: &mut Net, k: usize, at: Instant) {
        let Seat { room, sender: Some(sender), .. } = &mut self.seats[k] else { return };
        let sender_id = u32::try_from(k).unwrap_or(u32::MAX);
        let stamp = Stamp { sender: sender_id, number: sender.sent, at_ns: nanos(at, self.start) };
        stamp.write(&mut sender.line[sender.text_at..]);
        match self.plan.numbering {
            Numbering::Server => net.send(k, &sender.line),
            Numbering::Sender => {
                // The line ends with "seq": and nobody else will put the number there.
                net.send(k, &sender.line);
                net.send(k, format!("{}}}\n", u64::from(sender.sent) + 1).as_bytes());
            }
        }
        let acks = usize::from(self.plan.numbering == Numbering::Server);
        sender.sent += 1;
        sender.flights.push_back(Flight { waiting_for: self.plan.rooms[*room].members - 1 + acks, at });
        self.under_way += 1;
    }

    /// Sends what the clock says is due.
    fn send_due(&mut self, net: &mut Net, now: Instant) {
        while self.clock.due <= now {
            let k = self.senders[self.clock.next_sender];
            if net.queued_bytes(k) > UNSENT_BYTES_MAX {
                // It stays due, and its latency runs.
                return;
            }
            self.send(net, k, self.clock.due);
            self.clock.due += self.clock.interval;
            self.clock.next_sender = (self.clock.next_sender + 1) % self.senders.len();
        }
    }

    fn pushed(&mut self, net: &mut Net, k: usize, line: &[u8], at: Instant) {
        let Some((stamp, seq)) = stamped(line, &self.blank) else {
            self.problems.add(|| format!("a message that nobody sent: {}", String::from_utf8_lossy(line)));
            return;
        };
        let (room, member) = (self.seats[k].room, self.seats[k].member);
        let first = u32::try_from(self.plan.rooms[room].first).unwrap_or(u32::MAX);
        let sender = stamp.sender.wrapping_sub(first);
        if self.ledgers[room].heard(member, (sender, stamp.number), seq, &mut self.problems) == Heard::News {
            self.count(stamp, at);
            self.landed(net, stamp.sender as usize, stamp.number, at);
        }
        self.confirm(net, k, seq);
    }

    fn count(&mut self, stamp: Stamp, at: Instant) {
        if let Phase::Measuring(_) = self.phase {
            self.counts.delivered += 1;
            self.counts.deliveries.saturating_record(nanos(at, self.start).saturating_sub(stamp.at_ns));
        }
    }

    fn confirm(&mut self, net: &mut Net, k: usize, seq: u64) {
        let (Confirm::Every(many), seat) = (self.plan.confirm, &mut self.seats[k]) else { return };
        seat.unconfirmed += 1;
        if seat.unconfirmed >= many {
            seat.unconfirmed = 0;
            let (before, behind) = &self.plan.rooms[seat.room].delivered[seat.member];
            net.send(k, format!("{before}{seq}{behind}").as_bytes());
        }
    }

    fn acked(&mut self, net: &mut Net, k: usize, line: &[u8], at: Instant) -> Result<()> {
        ensure!(errno_of(line) == Some(0), "{}", refusal(line));
        let seq = seq_of(line).with_context(|| not_understood(line))?;
        let (room, member) = (self.seats[k].room, self.seats[k].member);
        let sent = self.seats[k].sender.as_ref().map_or(0, |sender| sender.sent);
        let sender = u32::try_from(member).unwrap_or(u32::MAX);
        if self.ledgers[room].acked_count(sender) >= sent {
            self.problems.add(|| format!("an ack that nobody waits for: {}", String::from_utf8_lossy(line)));
            return Ok(());
        }
        let number = self.ledgers[room].acked(sender, seq, &mut self.problems);
        let flight = self.seats[k].sender.as_mut().and_then(|sender| sender.flight(number));
        if let (Phase::Measuring(_), Some(flight)) = (self.phase, flight) {
            self.counts.acks.saturating_record(nanos(at, flight.at));
        }
        self.landed(net, k, number, at);
        Ok(())
    }

    /// One of those who wait for the message has it. When all have it, the window has room for the next.
    fn landed(&mut self, net: &mut Net, k: usize, number: u32, at: Instant) {
        let Some(sender) = self.seats.get_mut(k).and_then(|seat| seat.sender.as_mut()) else { return };
        let Some(flight) = sender.flight(number) else { return };
        flight.waiting_for = flight.waiting_for.saturating_sub(1);
        if flight.waiting_for == 0 && matches!(self.phase, Phase::Measuring(_)) {
            self.counts.lasts.saturating_record(nanos(at, flight.at));
        }
        let mut room = 0;
        while sender.flights.front().is_some_and(|flight| flight.waiting_for == 0) {
            sender.flights.pop_front();
            room += 1;
        }
        self.under_way -= room;
        self.landed_at = at;
        if matches!(self.plan.pace, Pace::Window(_)) && self.phase != Phase::Draining {
            (0..room).for_each(|_| self.send(net, k, at));
        }
    }

    fn begin(&mut self, net: &mut Net, now: Instant) {
        if let Pace::Window(window) = self.plan.pace {
            for k in self.senders.clone() {
                (0..window).for_each(|_| self.send(net, k, now));
            }
        }
        self.clock.due = now;
    }

    /// Goes to the next phase when its time has come. Returns when the present one ends.
    fn go_on(&mut self, net: &mut Net, at: Instant) -> Result<Option<Instant>> {
        match self.phase {
            Phase::Ready => {
                self.progress.begin("warming up", 0);
                self.begin(net, at);
                self.phase = Phase::Warming(at + self.plan.times.warmup);
            }
            Phase::Warming(until) if at >= until => {
                self.progress.begin("measuring", usize::try_from(self.plan.times.measure.as_secs()).unwrap_or(0));
                let reading = self.meter.read(now)?;
                self.phase = Phase::Measuring(reading.at() + self.plan.times.measure);
                self.counts.begin = Some(reading);
            }
            Phase::Measuring(until) if at >= until => {
                self.counts.end = Some(self.meter.read(now)?);
                self.progress.begin("waiting for the rest", 0);
                self.phase = Phase::Draining;
                self.landed_at = at;
            }
            _ => {}
        }
        Ok(match self.phase {
            Phase::Ready => Some(at),
            Phase::Warming(until) | Phase::Measuring(until) => Some(until),
            Phase::Draining if self.under_way == 0 || at >= self.landed_at + SILENCE => None,
            Phase::Draining => Some(self.landed_at + SILENCE),
        })
    }
}

impl Sender {
    fn flight(&mut self, number: u32) -> Option<&mut Flight> {
        let under_way = u32::try_from(self.flights.len()).unwrap_or(u32::MAX);
        let nth = number.checked_sub(self.sent - under_way)?;
        self.flights.get_mut(nth as usize)
    }
}

impl Client for Talk<'_> {
    fn connected(&mut self, _net: &mut Net, _k: usize) -> Result<()> {
        Ok(())
    }

    fn line(&mut self, net: &mut Net, k: usize, line: &[u8], at: Instant) -> Result<()> {
        match msgid_of(line) {
            msgid::ONE_CHAT | msgid::GROUP_CHAT => self.pushed(net, k, line, at),
            msgid::ONE_CHAT_ACK | msgid::GROUP_CHAT_ACK => self.acked(net, k, line, at)?,
            _ => unsolicited::line(net, k, line)?,
        }
        Ok(())
    }

    fn turn(&mut self, net: &mut Net, at: Instant) -> Result<Next> {
        let Some(until) = self.go_on(net, at)? else { return Ok(Next::Done) };
        if let Phase::Measuring(end) = self.phase {
            let left = usize::try_from(end.saturating_duration_since(at).as_secs()).unwrap_or(0);
            self.progress.at(usize::try_from(self.plan.times.measure.as_secs()).unwrap_or(0).saturating_sub(left));
        }
        let mut until = until.min(at + TICK);
        if matches!(self.plan.pace, Pace::Rate(_)) && self.phase != Phase::Draining {
            self.send_due(net, at);
            // Whoever has fallen behind waits for room, not for the clock.
            until = until.min(self.clock.due.max(at + Duration::from_micros(50)));
        }
        Ok(Next::Until(until))
    }
}

fn seats(plan: &Plan, blank: &[u8]) -> Vec<Seat> {
    let mut seats = Vec::new();
    for (nth, room) in plan.rooms.iter().enumerate() {
        for member in 0..room.members {
            let sender = room.lines.get(member).map(|(before, behind)| Sender {
                line: [before.as_bytes(), blank, behind.as_bytes()].concat(),
                text_at: before.len(),
                sent: 0,
                flights: VecDeque::new(),
            });
            seats.push(Seat { room: nth, member, sender, unconfirmed: 0 });
        }
    }
    seats
}

/// What a server with its everyday limits does to a load test.
#[expect(clippy::cast_precision_loss, reason = "a rule of thumb")]
fn notes(report: &Report, senders: usize, plan: &Plan) -> Vec<String> {
    let mut notes = Vec::new();
    let receivers = plan.rooms.first().map_or(1, |room| room.members - 1) as f64;
    let per_sender = report.per_second.unwrap_or(0.0) / receivers / senders.max(1) as f64;
    let wanted = if let Pace::Rate(rate) = plan.pace { rate / senders.max(1) as f64 } else { f64::INFINITY };
    if (95.0..=105.0).contains(&per_sender) && wanted > 105.0 {
        notes.push(
            "each sender comes to 100 messages a second, the server's everyday limit; start it with --set \
             limits.messages_per_second=0"
                .to_owned(),
        );
    }
    if wanted < f64::INFINITY && per_sender < wanted * 0.98 {
        notes.push(format!("the server does not keep up: {per_sender:.1} of {wanted:.1} messages/s and sender"));
    }
    notes
}
