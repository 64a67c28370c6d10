//! What has changed while a node was deaf: found by the database's own marks.

use stonechat::clock::UnixMs;
use stonechat::ids::{ConvId, DeviceId, GroupId, Peer, Seq, UserId};
use stonechat::store::{Append, Change, Changed, Content, Event, LeaveOutcome, Moment, Store};

use crate::common::client::Stopwatch;
use crate::fresh::{Fresh, NOW, PHC, append, group, message, user};

/// Conversations, and groups with their members.
type Found = (Vec<(ConvId, Seq)>, Vec<(GroupId, Vec<UserId>)>);

/// A database whose rows have not changed for long; the moment from which on they do.
struct Quiet<'a> {
    fresh: &'a Fresh,
    since: Moment,
}

impl<'a> Quiet<'a> {
    fn new(fresh: &'a Fresh) -> Self {
        Self { fresh, since: fresh.store().cluster().unwrap().moment.unwrap() }
    }

    /// What is found behind something that has happened since everything was quiet.
    fn behind(&self, happens: impl FnOnce(&mut dyn Store)) -> Found {
        for quiet in [
            "UPDATE Conversation SET changed_at = '2001-01-01'",
            "UPDATE AllGroup SET changed_at = '2001-01-01'",
            "DELETE FROM GoneGroup",
        ] {
            self.fresh.execute(quiet);
        }
        let mut store = self.fresh.store();
        happens(&mut *store);
        let Changed { now, conversations, groups } = store.changed(self.since, 1_000).unwrap().unwrap();
        assert!(now >= self.since);
        (conversations, groups)
    }
}

pub(crate) fn what_was_said_since_is_found_and_nothing_else(fresh: &Fresh) {
    let mut store = fresh.store();
    if fresh.is_sqlite() {
        assert_eq!(store.cluster().unwrap().moment, None);
        assert_eq!(store.changed(Moment(0), 1_000).unwrap(), None, "with one node nothing is missed");
        return;
    }
    let (ann, ben, eve) = (user(&mut *store, "ann"), user(&mut *store, "ben"), user(&mut *store, "eve"));
    let chess = group(&mut *store, ann, "chess");
    append(&mut *store, &[message(ann, Peer::User(ben), "1"), message(ann, Peer::Group(chess), "1")]);
    let quiet = Quiet::new(fresh);
    let pair = ConvId::pair(ann, ben);
    let nothing: Found = (Vec::new(), Vec::new());

    assert_eq!(quiet.behind(|_| ()), nothing);
    let said = |batch: Vec<Append>| quiet.behind(|store| drop(append(store, &batch)));
    let many = vec![message(ben, Peer::User(ann), "2"); 3];
    assert_eq!(said(many), (vec![(pair, 4)], vec![]));
    assert_eq!(said(vec![message(ann, Peer::Group(chess), "2")]), (vec![(ConvId::group(chess), 2)], vec![]));
    let first = (vec![(ConvId::pair(ann, eve), 1)], vec![]);
    assert_eq!(said(vec![message(ann, Peer::User(eve), "the first one")]), first);
    let event = Event { of: 1, change: Change::Recall, changeable_since: UnixMs(0), reactions_max: None };
    let recall = Append { body: Content::Event(Box::new(event)), ..message(ann, Peer::User(ben), "") };
    assert_eq!(said(vec![recall]), (vec![(pair, 5)], vec![]), "events are messages");

    let mut store = fresh.store();
    assert_eq!(store.changed(quiet.since, 0).unwrap(), None, "more than was asked for");
    let later = Moment(quiet.since.0 + 3_600);
    let Changed { conversations, groups, .. } = store.changed(later, 0).unwrap().unwrap();
    assert_eq!((conversations, groups), nothing);
}

pub(crate) fn groups_that_somebody_joins_or_leaves_are_found_with_their_members(fresh: &Fresh) {
    if fresh.is_sqlite() {
        return;
    }
    let mut store = fresh.store();
    let [ann, ben, cid, dan] = ["ann", "ben", "cid", "dan"].map(|name| user(&mut *store, name));
    let (chess, go) = (group(&mut *store, ann, "chess"), group(&mut *store, ann, "go"));
    let quiet = Quiet::new(fresh);
    let groups = |happens: &dyn Fn(&mut dyn Store)| quiet.behind(happens).1;
    let join = |user: UserId, group| groups(&move |store| drop(store.join_group(user, group, NOW).unwrap()));

    assert_eq!(join(ben, chess), [(chess, vec![ann, ben])]);
    assert_eq!(join(ben, chess), [], "a member already");
    assert_eq!(join(cid, chess), [(chess, vec![ann, ben, cid])]);
    assert_eq!(join(dan, chess), [(chess, vec![ann, ben, cid, dan])]);
    let quits = |store: &mut dyn Store| assert_eq!(store.quit_group(ben, chess).unwrap(), LeaveOutcome::Done);
    assert_eq!(groups(&quits), [(chess, vec![ann, cid, dan])]);
    let kick = |store: &mut dyn Store| drop(store.kick(ann, chess, cid).unwrap().unwrap());
    assert_eq!(groups(&kick), [(chess, vec![ann, dan])]);
    let erase = |store: &mut dyn Store| {
        store.erase(dan, PHC, None, NOW).unwrap().unwrap();
        while store.erase_step(dan, NOW).unwrap() != stonechat::store::EraseStep::Gone {}
    };
    assert_eq!(groups(&erase), [(chess, vec![ann])]);
    let both = |store: &mut dyn Store| {
        store.delete_group(ann, go, NOW).unwrap();
        store.ban(ann, chess, ben, NOW).unwrap().unwrap();
        group(store, ben, "new");
    };
    let found = groups(&both);
    assert_eq!(found.len(), 2, "nobody has left chess: {found:?}");
    assert_eq!((&found[0], &found[1].1), (&(go, vec![]), &vec![ben]), "gone, and new");
}

pub(crate) fn a_group_that_was_deleted_is_remembered_for_a_day(fresh: &Fresh) {
    if fresh.is_sqlite() {
        return;
    }
    let mut store = fresh.store();
    let ann = user(&mut *store, "ann");
    let delete = |name: &str| {
        let mut store = fresh.store();
        let deleted = group(&mut *store, ann, name);
        store.delete_group(ann, deleted, NOW).unwrap();
        while store.sweep().unwrap() {}
    };
    delete("first");
    assert_eq!(fresh.number("SELECT COUNT(*) FROM GoneGroup"), 1, "though nothing else is left of it");
    fresh.execute("UPDATE GoneGroup SET gone_at = gone_at - INTERVAL 25 HOUR");
    delete("second");
    assert_eq!(fresh.number("SELECT COUNT(*) FROM GoneGroup"), 1);
}

/// How long the question takes, and how long to compare all sessions instead. Run by hand; docs/performance.md has the figures:
///
/// ```text
/// cargo test --release --test store -- --ignored --nocapture how_long_what_has_changed
/// ```
#[test]
#[ignore = "a measurement; takes minutes"]
fn how_long_what_has_changed_takes() {
    let thousands = std::env::var("STONECHAT_THOUSAND_SESSIONS").map_or(1, |text| text.parse::<u32>().unwrap());
    let (users, conversations) = (thousands * 1_000, thousands * 100_000);
    let fresh = Fresh::mariadb("how_long");
    let watch = Stopwatch::start();
    // Each user has a hundred conversations, of which everything has arrived.
    let conv = "((1 + (seq - 1) DIV 100) << 32) + 1000000 + (seq - 1) % 100";
    for statement in [
        format!(
            "INSERT INTO Conversation (id, last_seq, changed_at) SELECT {conv}, 7, '2001-01-01' FROM seq_1_to_{conversations}"
        ),
        format!(
            "INSERT INTO `Cursor` (userid, device, conv, delivered, read_seq) \
             SELECT 1 + (seq - 1) DIV 100, 0, {conv}, 7, 7 FROM seq_1_to_{conversations}"
        ),
    ] {
        fresh.execute(&statement);
    }
    println!("{conversations} conversations made in {:.0} s", watch.elapsed().as_secs_f64());
    let mut store = fresh.store();
    let since = store.cluster().unwrap().moment.unwrap();
    // A thousand of them, all over the table.
    let changed = conv.replace("seq", &format!("(s.seq * {})", conversations / 1_000));
    fresh.execute(&format!("UPDATE Conversation v JOIN seq_1_to_1000 s ON v.id = {changed} SET v.last_seq = 8"));
    let mut took = Vec::new();
    for _ in 0..5 {
        let watch = Stopwatch::start();
        let changed = store.changed(since, 100_000).unwrap().unwrap();
        took.push(format!("{:.1}", watch.elapsed().as_secs_f64() * 1e3));
        assert_eq!(changed.conversations.len(), 1_000);
    }
    println!("what has changed, 1000 of {conversations}: {} ms", took.join(", "));
    let watch = Stopwatch::start();
    let mut pending = 0;
    let everybody: Vec<UserId> = (1..=i64::from(users)).map(|number| UserId::new(number).unwrap()).collect();
    for some in everybody.chunks(256) {
        let sessions: Vec<(UserId, DeviceId)> = some.iter().map(|user| (*user, DeviceId::UNNAMED)).collect();
        pending += store.pending_of_all(&sessions).unwrap().iter().map(Vec::len).sum::<usize>();
        assert_eq!(store.group_ids_of_all(some).unwrap().len(), some.len());
    }
    println!("all {users} sessions, {pending} conversations pending: {:.1} s", watch.elapsed().as_secs_f64());
}
