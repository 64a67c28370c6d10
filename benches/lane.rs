//! A lane's batch on SQLite, durable: commit, acks and pushes, for the batch sizes between a quiet and a full server.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{BatchSize, Criterion, Throughput};
use stonechat::clock::UnixMs;
use stonechat::config::Synchronous;
use stonechat::delivery::lane::{Batch, Job, Lane, Next, ReplyTo};
use stonechat::ids::{DeviceId, Peer, UserId};
use stonechat::net::ConnId;
use stonechat::store::sqlite::SqliteStores;
use stonechat::store::{Append, Created, OpenStore, Store};
use stonechat::wire::reply::Echo;

/// People who talk, each two of them with each other.
const PEOPLE: usize = 200;
const PATIENCE: Duration = Duration::from_secs(30);

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    // Below target/: what is committed to a RAM disk is not durable, and proves nothing.
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("target/ can be written");
    let mut store = open(folder.path());
    let people: Vec<UserId> = (0..PEOPLE).map(|nth| register(&mut *store, nth)).collect();
    let mut group = criterion.benchmark_group("lane on SQLite, synchronous=FULL");
    for size in [1, 16, 256, 1024] {
        group.throughput(Throughput::Elements(size as u64));
        group.bench_function(format!("batch of {size}"), |bencher| {
            bencher.iter_batched(|| batch(&people, size), |batch| commit(&mut *store, batch), BatchSize::LargeInput);
        });
    }
    group.finish();
    criterion.final_summary();
}

fn open(folder: &Path) -> Box<dyn Store> {
    let stores = SqliteStores::new(folder, Synchronous::Full, PATIENCE).expect("an empty folder");
    stores.migrate().expect("an empty database");
    stores.open().expect("a database")
}

fn register(store: &mut dyn Store, nth: usize) -> UserId {
    match store.create_user(&format!("user {nth}"), "$argon2id$", UnixMs(0)).expect("the store works") {
        Created::New(user) => user,
        Created::NameTaken | Created::Full(_) => panic!("the names differ"),
    }
}

#[expect(clippy::disallowed_methods, reason = "a message knows since when it waits")]
fn batch(people: &[UserId], size: usize) -> Batch {
    let since = Instant::now();
    let mut batch = Batch::default();
    let body = format!(r#"{{"msg":"{}"}}"#, "0123456789abcdef".repeat(8));
    let name: Arc<str> = "anna".into();
    for nth in 0..size {
        let sender = people[nth % people.len()];
        let to = Peer::User(people[(nth % people.len()) ^ 1]);
        let body = body.clone().into();
        let append = Append { sender, to, cid: None, body, sent_at: UnixMs(0), friends_only: false, known_end: 0 };
        let conn = ConnId { reactor: 0, slot: 0, generation: 0 };
        let reply_to = ReplyTo { conn, device: DeviceId::UNNAMED, name: Arc::clone(&name), echo: Echo::default() };
        batch.push(Job { append, reply_to, since });
    }
    batch
}

#[expect(clippy::disallowed_methods, reason = "the lane wants the time, as its thread would tell it")]
fn commit(store: &mut dyn Store, batch: Batch) -> Next {
    let start = Instant::now();
    let outcomes = store.append(batch.appends());
    let next = Lane::new(PATIENCE, 1).appended(batch, outcomes, start, Instant::now());
    assert!(matches!(next, Next::Done(_)), "the batch is committed: {next:?}");
    next
}
