//! What a confirmation (DELIVERED) costs on its way to the database: noted at once, written behind in batches.

use criterion::{BatchSize, Criterion, Throughput};
use std::time::Duration;
use stonechat::clock::UnixMs;
use stonechat::config::Synchronous;
use stonechat::delivery::cursors::table::Cursors;
use stonechat::ids::{ConvId, DeviceId, Peer, UserId};
use stonechat::store::sqlite::SqliteStores;
use stonechat::store::{Append, CursorRow, OpenStore, Store};

/// The cursor writer's batch.
const ROWS: u32 = 500;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("cursors");
    group.throughput(Throughput::Elements(u64::from(ROWS)));
    group.bench_function("confirm, each another cursor", |bencher| {
        let note = |mut cursors: Cursors| {
            rows(1).for_each(|row| assert!(cursors.confirm(row)));
            cursors
        };
        bencher.iter_batched(|| Cursors::new(200_000), note, BatchSize::SmallInput);
    });
    group.bench_function("confirm, always the same cursor", |bencher| {
        let row = rows(1).next().expect("there are rows");
        let mut cursors = Cursors::new(200_000);
        bencher.iter(|| {
            (0..u64::from(ROWS)).for_each(|seq| assert!(cursors.confirm(CursorRow { delivered: seq, ..row })));
        });
    });
    group.bench_function("take a batch", |bencher| {
        let noted = || {
            let mut cursors = Cursors::new(200_000);
            rows(1).for_each(|row| assert!(cursors.confirm(row)));
            cursors
        };
        bencher.iter_batched(noted, |mut cursors| cursors.take(ROWS as usize), BatchSize::SmallInput);
    });
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("target/ can be written");
    let mut store = store_with_conversations(folder.path());
    let epoch = store.cluster().expect("the store works").epoch;
    let mut seq = 0;
    group.bench_function("write a batch to SQLite, synchronous=FULL", |bencher| {
        bencher.iter(|| {
            seq += 1;
            let batch: Vec<CursorRow> = rows(seq).collect();
            store.save_cursors(&epoch, &batch).expect("the store works");
        });
    });
    group.finish();
    criterion.final_summary();
}

fn user(number: u32) -> UserId {
    UserId::new(i64::from(number)).expect("a positive number")
}

/// Of so many users, each in the conversation with user 1.
fn rows(delivered: u64) -> impl Iterator<Item = CursorRow> {
    (2..ROWS + 2).map(move |number| CursorRow {
        user: user(number),
        device: DeviceId(0),
        conv: ConvId::pair(user(1), user(number)),
        delivered,
    })
}

/// Only members have cursors, so everybody must have been told something.
fn store_with_conversations(folder: &std::path::Path) -> Box<dyn Store> {
    let stores = SqliteStores::new(folder, Synchronous::Full, Duration::from_secs(30)).expect("an empty folder");
    stores.migrate().expect("an empty database");
    let mut store = stores.open().expect("a database");
    for nth in 0..=ROWS {
        store.create_user(&format!("user {nth}"), "$argon2id$", UnixMs(0)).expect("the store works");
    }
    let hello = |row: CursorRow| Append {
        sender: user(1),
        to: Peer::User(row.user),
        cid: None,
        body: r#"{"msg":"hello"}"#.into(),
        sent_at: UnixMs(0),
        friends_only: false,
        known_end: 0,
    };
    let hellos: Vec<Append> = rows(0).map(hello).collect();
    store.append(&hellos).expect("the store works");
    store
}
