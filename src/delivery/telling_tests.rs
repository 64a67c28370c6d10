//! What receipts and presences make for whom: with a real store, and a bus whose answers the tests give.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::cursors::queue::CursorQueue;
use super::cursors::table::Confirmation;
use super::demand::{Demand, Wanted};
use super::directory::{Directory, Entry};
use super::fanout::Fanout;
use super::presences::{Presences, Ways};
use super::publisher::Publisher;
use super::receipts::{self, Moved};
use super::states::Absent;
use super::{Event, Reactors};
use crate::bus::promise::Promise;
use crate::bus::{Bell, Bus, Channel, LinkState, PendingSubscribe, Question};
use crate::clock::UnixMs;
use crate::config::{SessionPolicy, Synchronous};
use crate::ids::{ConvId, DeviceId, NodeId, UserId};
use crate::metrics::Metrics;
use crate::net::ConnId;
use crate::store::sqlite::SqliteStores;
use crate::store::{Created, CursorRow, OpenStore, Store};
use crate::wants::{Want, Wants};

/// A bus that answers at once what it is told to, and keeps the bells.
#[derive(Default)]
struct Told {
    counts: Mutex<HashMap<Channel, u64>>,
    bells: Mutex<Vec<Bell>>,
}

impl Bus for Told {
    fn node(&self) -> NodeId {
        NodeId(1)
    }

    fn nodes(&self) -> Option<Vec<NodeId>> {
        Some(Vec::new())
    }

    fn subscribe(&self, _: &[Channel]) -> PendingSubscribe {
        PendingSubscribe::in_effect()
    }

    fn unsubscribe(&self, _: &[Channel]) {}

    fn publish(&self, bells: Vec<Bell>) {
        self.bells.lock().unwrap().extend(bells);
    }

    fn ask(&self, channels: &[Channel]) -> Question {
        let counts = self.counts.lock().unwrap();
        Promise::kept(Ok(channels.iter().map(|channel| counts.get(channel).copied().unwrap_or(0)).collect()))
    }

    fn link(&self) -> LinkState {
        LinkState::Up
    }

    fn stop(&self) {}
}

/// One reactor that keeps the lines of hints.
#[derive(Default)]
struct Lines(Mutex<Vec<String>>);

impl Reactors for Lines {
    fn count(&self) -> u16 {
        1
    }

    fn deliver(&self, _: u16, events: Vec<Event>) {
        let line = |event| match event {
            Event::Hint { line, .. } => Some(String::from_utf8(line.to_vec()).unwrap()),
            _ => None,
        };
        self.0.lock().unwrap().extend(events.into_iter().filter_map(line));
    }
}

/// Ann, who may be online here, and ben, her friend.
struct Bench {
    store: Box<dyn Store>,
    bus: Arc<Told>,
    lines: Arc<Lines>,
    directory: Arc<Directory>,
    demand: Demand,
    cursor_queue: CursorQueue,
    publisher: Publisher,
    presences: Presences,
    ann: UserId,
    ben: UserId,
    start: Instant,
    _folder: TempDir,
}

const OF_ANN: ConnId = ConnId { reactor: 0, slot: 1, generation: 0 };
const OF_BEN: ConnId = ConnId { reactor: 0, slot: 2, generation: 0 };

fn user(store: &mut dyn Store, name: &str) -> UserId {
    match store.create_user(name, "", UnixMs(0)).unwrap() {
        Created::New(id) => id,
        other => panic!("{other:?}"),
    }
}

#[expect(clippy::disallowed_methods, reason = "a start for the clock that the tests move")]
fn bench() -> Bench {
    let folder = tempfile::tempdir().unwrap();
    let stores = SqliteStores::new(folder.path(), Synchronous::Normal, Duration::from_secs(10)).unwrap();
    stores.migrate().unwrap();
    let mut store = stores.open().unwrap();
    let (ann, ben) = (user(&mut *store, "ann"), user(&mut *store, "ben"));
    store.add_friend(ann, ben).unwrap();
    let (bus, lines, directory) = (Arc::<Told>::default(), Arc::<Lines>::default(), Arc::new(Directory::new()));
    let demand = Demand::new(Arc::clone(&directory), Arc::clone(&bus) as Arc<dyn Bus>, || {});
    let (cursor_queue, _) = CursorQueue::new(Arc::new(Metrics::new()));
    let publisher = Publisher::new(Fanout::new(Arc::clone(&lines) as Arc<dyn Reactors>, Arc::clone(&directory)));
    let presences = Presences::default();
    let start = Instant::now();
    Bench { store, bus, lines, directory, demand, cursor_queue, publisher, presences, ann, ben, start, _folder: folder }
}

impl Bench {
    fn enter(&self, user: UserId, conn: ConnId, wants: Wants) {
        let entry = Entry::new(conn, DeviceId::UNNAMED, 1, wants);
        drop(self.directory.enter(user, entry, SessionPolicy::Multi));
    }

    /// So many other nodes hold the channel from now on.
    fn count(&self, channel: Channel, count: u64) {
        self.bus.counts.lock().unwrap().insert(channel, count);
    }

    fn at(&self, after_ms: u64) -> Instant {
        self.start + Duration::from_millis(after_ms)
    }

    /// What ann's session is told by a round.
    fn round(&mut self, after_ms: u64) -> Vec<&'static str> {
        let now = self.at(after_ms);
        let Self { store, bus, demand, cursor_queue, publisher, presences, .. } = self;
        let ways = Ways { bus: bus.as_ref(), demand, cursor_queue };
        presences.round(store.as_mut(), publisher, &ways, now).unwrap();
        publisher.flush(bus.as_ref());
        let lines = std::mem::take(&mut *self.lines.0.lock().unwrap());
        let state = |line: &String| if line.contains("online") { "online" } else { "offline" };
        lines.iter().map(state).collect()
    }

    fn bells(&self) -> usize {
        std::mem::take(&mut *self.bus.bells.lock().unwrap()).len()
    }

    fn ann_wants(&self, want: Want) {
        self.enter(self.ann, OF_ANN, Wants::default().and(want));
    }

    /// From now on every statement fails.
    fn lose_the_tables(&mut self) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        let stores = SqliteStores::new(folder.path(), Synchronous::Normal, Duration::from_secs(10)).unwrap();
        self.store = stores.open().unwrap();
        assert!(self.store.friend_ids_of_all(&[self.ann], 1).is_err());
        folder
    }
}

const NOTHING: [&str; 0] = [];

#[test]
fn who_has_gone_for_good_is_told() {
    let mut bench = bench();
    bench.ann_wants(Want::Presence);
    bench.enter(bench.ben, OF_BEN, Wants::default());
    bench.presences.came(&bench.directory, &[bench.ben]);
    assert_eq!(bench.round(0), ["online"]);
    bench.directory.leave(bench.ben, OF_BEN);
    bench.presences.left(vec![bench.ben], bench.at(1000));
    assert_eq!(bench.round(5900), NOTHING);
    bench.enter(bench.ben, OF_BEN, Wants::default());
    bench.presences.came(&bench.directory, &[bench.ben]);
    assert_eq!(bench.round(6100), NOTHING, "who is back in a moment was not away");
    bench.directory.leave(bench.ben, OF_BEN);
    bench.presences.left(vec![bench.ben], bench.at(7000));
    assert_eq!(bench.round(12_000), NOTHING, "it is being asked who is elsewhere");
    assert_eq!(bench.round(12_100), ["offline"]);
    assert_eq!(bench.round(13_200), NOTHING, "once more it is asked");
    assert_eq!(bench.round(13_300), NOTHING);
    assert_eq!(bench.round(20_000), NOTHING);
    assert_eq!(bench.bells(), 0, "nobody elsewhere wants it");
}

#[test]
fn who_is_elsewhere_has_not_gone() {
    let mut bench = bench();
    bench.ann_wants(Want::Presence);
    bench.count(Channel::User(bench.ben), 1);
    bench.presences.left(vec![bench.ben], bench.at(0));
    bench.round(5000);
    assert_eq!(bench.round(5100), NOTHING);
    bench.count(Channel::User(bench.ben), 0);
    assert_eq!(bench.round(20_000), NOTHING, "what is to be told of the session elsewhere is told there");
}

#[test]
fn whoever_came_elsewhere_in_the_moment_of_telling_is_told_to_be_online() {
    let mut bench = bench();
    bench.ann_wants(Want::Presence);
    bench.presences.lost(vec![bench.ben], bench.at(0));
    bench.round(0);
    assert_eq!(bench.round(100), ["offline"]);
    bench.count(Channel::User(bench.ben), 1);
    assert_eq!(bench.round(1200), NOTHING);
    assert_eq!(bench.round(1300), ["online"]);
    assert_eq!(bench.round(9000), NOTHING);
}

#[test]
fn an_answer_that_could_not_be_used_soon_is_asked_for_again() {
    let mut bench = bench();
    bench.ann_wants(Want::Presence);
    bench.presences.lost(vec![bench.ben], bench.at(0));
    bench.round(0);
    // The answer is there; the next round comes late, and meanwhile there is a session elsewhere.
    bench.count(Channel::User(bench.ben), 1);
    assert_eq!(bench.round(4000), NOTHING);
    assert_eq!(bench.round(4100), NOTHING);
    assert_eq!(bench.round(9000), NOTHING);
}

#[test]
fn where_nobody_wants_presence_nothing_is_read_and_nobody_is_told() {
    let mut bench = bench();
    let _folder = bench.lose_the_tables();
    bench.enter(bench.ann, OF_ANN, Wants::default().and(Want::Receipts));
    bench.enter(bench.ben, OF_BEN, Wants::default());
    bench.presences.came(&bench.directory, &[bench.ben]);
    assert_eq!(bench.round(0), NOTHING);
    bench.directory.leave(bench.ben, OF_BEN);
    bench.presences.left(vec![bench.ben], bench.at(0));
    assert_eq!(bench.round(6000), NOTHING);
    assert_eq!(bench.round(7000), NOTHING);
    assert_eq!(bench.bells(), 0);
}

#[test]
fn other_nodes_are_told_where_a_session_wants_it() {
    let mut bench = bench();
    bench.count(Channel::Want(Want::Presence), 1);
    bench.enter(bench.ben, OF_BEN, Wants::default());
    bench.presences.came(&bench.directory, &[bench.ben]);
    assert_eq!(bench.round(0), NOTHING);
    assert_eq!(bench.bells(), 1, "for ann, wherever she is");
}

#[test]
fn who_has_gone_untold_is_left_to_another_node() {
    let mut bench = bench();
    bench.ann_wants(Want::Presence);
    let (eve, asked) = (UserId::new(77).unwrap(), bench.ben);
    bench.presences.lost(vec![asked], bench.at(0));
    bench.round(0);
    bench.presences.left(vec![eve], bench.at(0));
    assert_eq!(bench.presences.leave_behind(), [eve, asked]);
    assert_eq!(bench.presences.leave_behind(), []);
    assert_eq!(bench.round(9000), NOTHING);
}

#[test]
fn users_of_a_node_that_died_are_found_by_one_of_the_others() {
    let mut bench = bench();
    let dead = NodeId(9);
    bench.store.report_states(dead, &[bench.ann, bench.ben], &[]).unwrap();
    let (mut first, mut second) = (Absent::new(NodeId(1)), Absent::new(NodeId(2)));
    let mut found = [Vec::new(), Vec::new()];
    for _ in 0..2 {
        first.look(&mut *bench.store, &[NodeId(2)], &mut found[0]).unwrap();
        second.look(&mut *bench.store, &[NodeId(1)], &mut found[1]).unwrap();
    }
    assert_eq!(found, [vec![bench.ann, bench.ben], vec![]], "at the second look, and once");
}

#[test]
fn receipts_cost_nothing_where_nobody_wants_them() {
    let mut bench = bench();
    let _folder = bench.lose_the_tables();
    let (conv, reader) = (ConvId::pair(bench.ann, bench.ben), bench.ben);
    let moved = || {
        let row = CursorRow { user: reader, device: DeviceId::UNNAMED, conv, delivered: 1 };
        let mut moved = Moved::default();
        moved.delivered(&[Confirmation { row, is_news: true }]);
        moved
    };
    let Bench { store, publisher, bus, .. } = &mut bench;
    receipts::tell(moved(), store.as_mut(), publisher, Wanted::Nowhere).unwrap();
    receipts::tell(moved(), store.as_mut(), publisher, Wanted::Here).unwrap();
    // Where it may be wanted, it is read whether one has blocked the other.
    receipts::tell(moved(), store.as_mut(), publisher, Wanted::Elsewhere).unwrap_err();
    publisher.flush(bus.as_ref());
    assert_eq!(bench.bells(), 0);
}
