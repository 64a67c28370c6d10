//! What the longest lists cost on the embedded database: SEARCH through as many messages as one request may look at, and a page
//! of CONVERSATIONS of somebody who has many.

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput};
use stonechat::clock::UnixMs;
use stonechat::config::Synchronous;
use stonechat::ids::{ConvId, Peer, UserId};
use stonechat::store::sqlite::SqliteStores;
use stonechat::store::{Append, ConversationsWanted, Created, Keyword, OpenStore, ReadRow, SearchQuery, Store};

/// As many as `search.rows` allows.
const MESSAGES: u32 = 20_000;

/// Conversations that they are spread over.
const CONVERSATIONS: u32 = 20;

/// The length of a message in bytes.
const TEXT_BYTES: usize = 60;

fn main() {
    let mut criterion = Criterion::default().configure_from_args().measurement_time(Duration::from_secs(5));
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("target/ can be written");
    let stores = SqliteStores::new(folder.path(), Synchronous::Full, Duration::from_secs(60)).expect("a new folder");
    stores.migrate().expect("an empty database");
    let mut store = stores.open().expect("the store works");
    let reader = fill(&mut *store);
    let mut group = criterion.benchmark_group("search");
    group.throughput(Throughput::Elements(u64::from(MESSAGES)));
    for (name, keyword, found) in
        [("nothing is found", "needle", 0), ("a page is found", "12", 50), ("another script", "иголка", 0)]
    {
        let query = SearchQuery {
            keyword: Keyword::new(keyword),
            within: None,
            from: None,
            after: None,
            rows_max: MESSAGES,
            bytes_max: 4 << 20,
            found_bytes_max: 1 << 20,
        };
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let page = store.search(reader, black_box(&query), 50).expect("the store works");
                assert_eq!(page.messages.len(), found);
            });
        });
    }
    group.finish();
    conversations(&mut criterion);
    criterion.final_summary();
}

/// A page of 200 of 1,000 conversations, 20 of them unread.
fn conversations(criterion: &mut Criterion) {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("target/ can be written");
    let stores = SqliteStores::new(folder.path(), Synchronous::Full, Duration::from_secs(60)).expect("a new folder");
    stores.migrate().expect("an empty database");
    let mut store = stores.open().expect("the store works");
    let epoch = store.cluster().expect("the store works").epoch;
    let (user, others) = people(&mut *store, 1_000);
    let mut reads = Vec::new();
    for (n, other) in (0..).zip(others) {
        let batch: Vec<Append> = (0..20).map(|number| message(other, user, number, n)).collect();
        store.append(&batch).expect("the store works");
        if n % 10 != 0 {
            reads.push(ReadRow { user, conv: ConvId::pair(user, other), read: 20 });
        }
    }
    store.save_reads(&epoch, &reads).expect("the store works");
    let wanted = ConversationsWanted { after: None, limit: 200, bytes_max: 1 << 20 };
    let mut group = criterion.benchmark_group("conversations");
    group.bench_function("200 of 1,000, 20 unread", |bencher| {
        bencher.iter(|| {
            let page = store.conversations(user, black_box(wanted)).expect("the store works");
            assert_eq!(page.rows.iter().filter(|row| row.unread > 0).count(), 20);
        });
    });
    group.finish();
}

/// A user with [`CONVERSATIONS`] full of messages.
fn fill(store: &mut dyn Store) -> UserId {
    let (reader, others) = people(store, CONVERSATIONS);
    for other in others {
        let batch: Vec<Append> =
            (0..MESSAGES / CONVERSATIONS).map(|number| message(other, reader, number, i64::from(number))).collect();
        store.append(&batch).expect("the store works");
    }
    reader
}

fn people(store: &mut dyn Store, others: u32) -> (UserId, Vec<UserId>) {
    let mut user = |number: u32| match store.create_user(&format!("user {number}"), "$argon2id$", UnixMs(0)) {
        Ok(Created::New(id)) => id,
        other => panic!("no user was made: {other:?}"),
    };
    (user(0), (1..=others).map(&mut user).collect())
}

fn message(sender: UserId, to: UserId, number: u32, sent_at: i64) -> Append {
    Append {
        sender,
        to: Peer::User(to),
        cid: None,
        body: format!("{{\"msg\":\"{number:0TEXT_BYTES$}\"}}").into(),
        sent_at: UnixMs(sent_at),
        friends_only: false,
        known_end: 0,
    }
}
