//! The subscriber thread: one poll, and one socket for each server. What it means is [`SubscriberState`]'s business; this file
//! moves the bytes.
//!
//! ```text
//!   socket --64 KiB at a time--> inbox --frames--> SubscriberState --bells--> Listener
//!   SubscriberWaker --> SubscriberState::order --> outbox --> socket
//! ```
//!
//! One server is dialled by this thread: without a connection it has nothing else to do. Those of a cluster are dialled by
//! threads that live for one attempt, for bells of the others go on.

use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, unbounded};
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};

use super::channels::{RedisChannel, Words};
use super::cluster::shards::{Shard, Shards};
use super::cluster::slots::{SlotSet, slot_of};
use super::complaints::Complaints;
use super::current_server::Current;
use super::resp;
use super::shared::Shared;
use super::subscriber_state::{Caller, Effect, SubscriberState};
use super::subscriber_waker::{Calls, WakeReason};
use super::times::now;
use super::transport::Transport;
use crate::bus::{Channel, Listener, Part};

/// The waker's token.
pub(super) const SUMMONS: Token = Token(0);

/// Bytes read at one time. Between two reads subscriptions have their turn, however many bells come.
const READ_BYTES: usize = 64 * 1024;

/// Why sessions are compared after their link was down.
const AWAY: &str = "the bus was away";

/// The subscriber's state; owned by its thread.
pub(super) struct Subscriber {
    shared: Arc<Shared>,
    listener: Arc<dyn Listener>,
    poll: Poll,
    /// To the one server; or to each of a cluster.
    links: Vec<Link>,
    /// Connections that were dialled for links of these numbers.
    dialled: (Sender<Dialled>, Receiver<Dialled>),
    /// How often all links have come up.
    ups: u64,
    /// Since all were up last.
    complaints: Complaints,
}

type Dialled = (u32, io::Result<Transport>);

/// The way to one server.
struct Link {
    /// The shard's number; 0 without a cluster.
    number: u32,
    state: SubscriberState,
    connection: Option<Connection>,
    /// The server of the connection, or of the last attempt; not of a cluster.
    server: Current,
    shard: Option<Arc<Shard>>,
    is_up: bool,
}

struct Connection {
    stream: Transport,
    /// What has been read and is no whole frame yet, in `inbox[..filled]`. It grows to one longest frame and one read.
    inbox: Vec<u8>,
    filled: usize,
    /// What waits to be sent. Orders are taken only while it is empty.
    outbox: Vec<u8>,
    readiness: Readiness,
}

/// Whether the socket may have more to read. Polling is edge-triggered: no second event comes for what was left.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Readiness {
    Drained,
    MayHaveMore,
}

impl Subscriber {
    pub(super) fn new(shared: Arc<Shared>, listener: Arc<dyn Listener>, poll: Poll) -> Self {
        let complaints = Complaints::new("this node does not hear others");
        let links = if shared.shards.is_some() { Vec::new() } else { vec![Link::to(&shared, None)] };
        Self { shared, listener, poll, links, dialled: unbounded(), ups: 0, complaints }
    }

    /// Runs until [`WakeReason::Stop`].
    pub(super) fn run(mut self) {
        let mut events = Events::with_capacity(64);
        loop {
            let calls = self.shared.subscriber_waker.take();
            if calls.include(WakeReason::Stop) {
                break;
            }
            self.answer(calls);
            for at in 0..self.links.len() {
                self.tick(at);
                self.act(at);
                self.order(at);
            }
            if let Err(error) = self.poll.poll(&mut events, Some(self.timeout()))
                && error.kind() != io::ErrorKind::Interrupted
            {
                (0..self.links.len()).for_each(|at| self.fail(at, &error));
            }
            for event in events.iter().filter(|event| event.is_readable()) {
                if let Some(Link { connection: Some(connection), .. }) =
                    self.links.iter_mut().find(|link| link.token() == event.token())
                {
                    connection.readiness = Readiness::MayHaveMore;
                }
            }
            for at in 0..self.links.len() {
                self.flush(at);
                self.read(at);
            }
        }
        self.shared.down();
    }

    /// Does what other threads have called for.
    fn answer(&mut self, calls: Calls) {
        if calls.include(WakeReason::NodeGone) {
            self.listener.resync("another node has gone", self.shared.nodes.take_gone_since());
        }
        if calls.include(WakeReason::Introduced) && self.shared.introduction.is_made() {
            self.links.iter_mut().for_each(|link| link.state.introduced());
            self.listener.introduced(self.shared.nodes.known().len());
        }
        if calls.include(WakeReason::ServerChanged) {
            self.follow();
        }
        if calls.include(WakeReason::Dialled) {
            self.take_dialled();
        }
    }

    /// Another server, or other slots, count from now on.
    fn follow(&mut self) {
        let shared = Arc::clone(&self.shared);
        match &shared.shards {
            Some(shards) => self.follow_shards(shards),
            None => {
                for link in &mut self.links {
                    if link.server.number != shared.server.number() {
                        link.state.moved(now());
                    }
                }
            }
        }
    }

    fn follow_shards(&mut self, shards: &Shards) {
        let present = shards.all();
        let is_first = self.links.is_empty();
        for at in (0..self.links.len()).rev() {
            if !present.iter().any(|shard| shard.number == self.links[at].number) {
                self.close(at, "it has no slots any more");
                self.links.remove(at);
            }
        }
        for shard in &present {
            if !self.links.iter().any(|link| link.number == shard.number) {
                let mut link = Link::to(&self.shared, Some(Arc::clone(shard)));
                if !is_first {
                    link.state.succeeds();
                }
                self.links.push(link);
            }
        }
        for link in &mut self.links {
            let standing = standing(&self.shared, &shards.slots_of(link.number));
            if link.state.stands_for(standing) {
                link.state.moved(now());
            }
        }
        for (number, slots) in shards.take_arrivals() {
            if let Some(link) = self.links.iter_mut().find(|link| link.number == number) {
                link.state.arrived(slots);
            }
        }
        self.look_whether_up();
    }

    fn tick(&mut self, at: usize) {
        let now = now();
        if self.links[at].state.seems_silent(now) {
            // This thread, or the machine, may have been held up: what has come meanwhile waits in the socket.
            if let Some(connection) = &mut self.links[at].connection {
                connection.readiness = Readiness::MayHaveMore;
            }
            self.read(at);
        }
        self.links[at].state.tick(now);
    }

    fn timeout(&self) -> Duration {
        let now = now();
        let timeouts = self.links.iter().map(|link| match &link.connection {
            Some(connection) if connection.readiness == Readiness::MayHaveMore => Duration::ZERO,
            // A link without a deadline has an event under way; the bound is for the reader's peace of mind.
            _ => link.state.due().map_or(self.shared.times.ping, |due| due.saturating_duration_since(now)),
        });
        timeouts.min().unwrap_or(self.shared.times.ping)
    }

    /// Does what the link asks for, until it asks for nothing more.
    fn act(&mut self, at: usize) {
        loop {
            let effects = self.links[at].state.effects();
            if effects.is_empty() {
                return;
            }
            for effect in effects {
                self.perform(at, effect);
            }
        }
    }

    fn perform(&mut self, at: usize, effect: Effect) {
        match effect {
            Effect::Connect => self.connect(at),
            Effect::Send(bytes) => self.send(at, &bytes),
            Effect::Close(why) => self.close(at, &why),
            Effect::Up => {
                self.links[at].is_up = true;
                self.look_whether_up();
            }
            Effect::Down => {
                self.links[at].is_up = false;
                self.shared.down();
            }
            Effect::Resync(why, since) => self.listener.resync(why, since),
            // Where nodes speak of themselves, their word that bells were lost elsewhere may have been missed as well.
            Effect::Missed(since) => match &self.shared.shards {
                Some(shards) if !self.links[at].state.hears_nodes() => {
                    self.resync_part(AWAY, shards.slots_of(self.links[at].number), since);
                }
                _ => self.listener.resync(AWAY, since),
            },
            Effect::MissedIn(slots, why, since) => self.resync_part(why, slots, since),
            Effect::SlotMoved => self.look_again(),
            Effect::Met(node) => self.listener.met(node),
            Effect::Asked => {
                self.shared.introduction.ask();
                self.shared.outgoing.rouse();
            }
        }
    }

    fn resync_part(&self, why: &'static str, slots: SlotSet, since: Option<Instant>) {
        let names = self.shared.names.clone();
        let concerns =
            move |channel| slots.contains(slot_of(names.write(RedisChannel::Of(channel), &mut String::new())));
        self.listener.resync_part(why, &Part::new(concerns), since);
    }

    /// Somebody is to look where slots are.
    fn look_again(&self) {
        if let Some(shards) = &self.shared.shards {
            shards.call();
        }
    }

    /// The bus is up when all links are.
    fn look_whether_up(&mut self) {
        if self.links.is_empty() || !self.links.iter().all(|link| link.is_up) {
            return self.shared.down();
        }
        let server = self.links[0].server.number;
        if self.shared.is_up_to(server) {
            return;
        }
        log::info!("connected to Redis: this node hears the others");
        if self.ups > 0 {
            self.shared.metrics.bus_reconnects.inc();
        }
        self.ups += 1;
        self.complaints.over();
        self.shared.up(server);
        self.shared.introduction.up();
        self.shared.outgoing.rouse();
    }

    fn connect(&mut self, at: usize) {
        if let Some(shard) = self.links[at].shard.clone() {
            return self.dial(at, shard);
        }
        let current = self.shared.server.now();
        let server = current.at.clone();
        if self.links[at].server.number != current.number {
            self.links[at].state.goes_elsewhere();
        }
        self.links[at].server = current;
        let Some(server) = server else {
            return self.links[at].state.failed(now(), "the sentinels name no master that can be reached");
        };
        let dialled = Transport::open(&server, self.shared.times.connect);
        self.take(at, dialled);
    }

    /// Dials a server of a cluster, beside this thread.
    fn dial(&mut self, at: usize, shard: Arc<Shard>) {
        let (shared, dialled) = (Arc::clone(&self.shared), self.dialled.0.clone());
        let dial = move || {
            let Some(address) = &shard.address else { return };
            // Without a receiver the bus has ended.
            let _ = dialled.send((shard.number, Transport::open(address, shared.times.connect)));
            shared.subscriber_waker.call(WakeReason::Dialled);
        };
        if let Err(error) = thread::Builder::new().name("bus-dialler".to_owned()).spawn(dial) {
            self.take(at, Err(error));
        }
    }

    fn take_dialled(&mut self) {
        while let Ok((number, dialled)) = self.dialled.1.try_recv() {
            // A link that has gone meanwhile needs none.
            if let Some(at) = self.links.iter().position(|link| link.number == number) {
                self.take(at, dialled);
            }
        }
    }

    /// The outcome of an attempt to connect.
    fn take(&mut self, at: usize, dialled: io::Result<Transport>) {
        let link = &mut self.links[at];
        let opened = dialled.and_then(|stream| {
            stream.wait_no_more()?;
            let events = Interest::READABLE | Interest::WRITABLE;
            self.poll.registry().register(&mut SourceFd(&stream.as_raw_fd()), link.token(), events)?;
            Ok(stream)
        });
        match opened {
            Ok(stream) if link.state.is_connecting() => {
                let local = stream.local_addr();
                link.connection = Some(Connection::new(stream));
                link.state.connected(local, now());
            }
            // Slots have moved meanwhile: another attempt is due.
            Ok(stream) => {
                let _ = self.poll.registry().deregister(&mut SourceFd(&stream.as_raw_fd()));
            }
            Err(error) => {
                let why = link.explain(&error);
                link.state.failed(now(), &why);
            }
        }
    }

    fn send(&mut self, at: usize, bytes: &[u8]) {
        if let Some(connection) = &mut self.links[at].connection {
            connection.outbox.extend_from_slice(bytes);
        }
        self.flush(at);
    }

    /// Takes orders as long as the socket takes them.
    fn order(&mut self, at: usize) {
        while self.links[at].connection.as_ref().is_some_and(|connection| connection.outbox.is_empty()) {
            self.links[at].state.order();
            let effects = self.links[at].state.effects();
            if effects.is_empty() {
                return;
            }
            for effect in effects {
                self.perform(at, effect);
            }
        }
    }

    fn flush(&mut self, at: usize) {
        let Some(connection) = &mut self.links[at].connection else { return };
        if let Err(error) = connection.flush() {
            self.fail(at, &error);
        }
    }

    fn read(&mut self, at: usize) {
        let Some(connection) = &mut self.links[at].connection else { return };
        if connection.readiness == Readiness::Drained {
            return;
        }
        match connection.read() {
            Ok(0) => {}
            Ok(_) => self.hear(at, now()),
            Err(error) => self.fail(at, &error),
        }
        self.act(at);
    }

    /// Hands all whole frames to the link, and the bells among them to the listener as one slice.
    fn hear(&mut self, at: usize, now: Instant) {
        let Link { connection: Some(connection), state, .. } = &mut self.links[at] else { return };
        state.alive();
        let mut bells = Vec::new();
        let mut used = 0;
        loop {
            match resp::next(&connection.inbox[used..connection.filled]) {
                Ok(Some((frame, length))) => {
                    bells.extend(state.frame(frame, now));
                    used += length;
                }
                Ok(None) => break,
                Err(garbage) => {
                    state.failed(now, &garbage.to_string());
                    break;
                }
            }
        }
        if !bells.is_empty() {
            self.shared.metrics.bus_heard.inc_by(bells.len() as u64);
            self.listener.bells(&bells);
        }
        connection.forget(used);
    }

    fn fail(&mut self, at: usize, error: &io::Error) {
        let why = self.links[at].explain(error);
        self.links[at].state.failed(now(), &why);
        self.act(at);
    }

    fn close(&mut self, at: usize, why: &str) {
        let link = &mut self.links[at];
        link.is_up = false;
        match link.shard.as_deref() {
            Some(Shard { place: (host, port), .. }) => self.complaints.failed(&format!("{host}:{port}: {why}"), now()),
            None => self.complaints.failed(why, now()),
        }
        self.shared.introduction.away();
        if let Some(connection) = link.connection.take() {
            // It may fail on a dead socket; dropping it does the rest.
            let _ = self.poll.registry().deregister(&mut SourceFd(&connection.stream.as_raw_fd()));
            connection.stream.end();
        }
        self.look_again();
    }
}

/// What every node is subscribed to, as far as it is in these slots.
fn standing(shared: &Shared, slots: &SlotSet) -> Vec<RedisChannel> {
    let mut name = String::new();
    let all = [RedisChannel::Nodes, RedisChannel::Node(shared.node), RedisChannel::Of(Channel::All)];
    all.into_iter().filter(|topic| slots.contains(slot_of(shared.names.write(*topic, &mut name)))).collect()
}

impl Link {
    /// To the one server, or to one of a cluster.
    fn to(shared: &Arc<Shared>, shard: Option<Arc<Shard>>) -> Self {
        let caller = Caller {
            node: shared.node,
            names: shared.names.clone(),
            greeting: shared.target.credentials().greeting(&shared.name("subscriber")),
            words: if shard.is_some() { Words::Sharded } else { Words::Plain },
        };
        let subscriptions = shard.as_ref().map_or(&shared.subscriptions, |shard| &shard.subscriptions);
        let state =
            SubscriberState::new(caller, Arc::clone(subscriptions), Arc::clone(&shared.nodes), shared.times, now());
        // No server has the number 0, so the first connection goes to whichever is there. A cluster has one number for all.
        let server = Current { at: None, number: if shard.is_some() { shared.server.number() } else { 0 } };
        let number = shard.as_ref().map_or(0, |shard| shard.number);
        Self { number, state, connection: None, server, shard, is_up: false }
    }

    fn token(&self) -> Token {
        Token(SUMMONS.0 + 1 + self.number as usize)
    }

    /// What an error of its connection means to a person.
    fn explain(&self, error: &io::Error) -> String {
        let address = self.shard.as_ref().map_or(self.server.at.as_deref(), |shard| shard.address.as_ref());
        address.map_or_else(|| error.to_string(), |address| address.explain(error))
    }
}

impl Connection {
    fn new(stream: Transport) -> Self {
        let inbox = vec![0; READ_BYTES];
        Self { stream, inbox, filled: 0, outbox: Vec::new(), readiness: Readiness::MayHaveMore }
    }

    /// Reads once; returns how many bytes have come.
    fn read(&mut self) -> io::Result<usize> {
        if self.inbox.len() - self.filled < READ_BYTES {
            // `resp` refuses a frame that is longer than its bound, so this ends.
            self.inbox.resize(self.filled + READ_BYTES, 0);
        }
        match self.stream.read(&mut self.inbox[self.filled..]) {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => {
                self.filled += count;
                Ok(count)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.readiness = Readiness::Drained;
                Ok(0)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(0),
            Err(error) => Err(error),
        }
    }

    /// Drops the first `used` bytes of the inbox, and its memory after a long frame.
    fn forget(&mut self, used: usize) {
        self.inbox.copy_within(used..self.filled, 0);
        self.filled -= used;
        if self.filled == 0 && self.inbox.len() > 2 * READ_BYTES {
            self.inbox = vec![0; READ_BYTES];
        }
    }

    /// Writes what the socket takes now.
    fn flush(&mut self) -> io::Result<()> {
        let mut written = 0;
        let outcome = loop {
            let rest = &self.outbox[written..];
            // What TLS has taken before may still wait for the socket, so there may be something to do without a rest.
            let count = if rest.is_empty() { self.stream.flush().map(|()| 0) } else { self.stream.write(rest) };
            match count {
                Ok(0) => break Ok(()),
                Ok(count) => written += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => break Err(error),
            }
        };
        self.outbox.drain(..written);
        outcome
    }
}
