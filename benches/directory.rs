//! Finding a user's connections, alone and while other threads look up, enter and leave.

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use criterion::Criterion;
use stonechat::config::SessionPolicy;
use stonechat::delivery::directory::{Directory, Entry};
use stonechat::ids::{DeviceId, UserId};
use stonechat::net::ConnId;
use stonechat::wants::Wants;

const USERS: u32 = 100_000;
/// Threads besides the one that is measured.
const OTHERS: u32 = 3;

/// What another thread does until it is told to stop.
type Work = fn(&Directory, u32, &AtomicBool);

fn user(number: u32) -> UserId {
    UserId::new(i64::from(number % USERS) + 1).expect("a positive number")
}

fn entry(number: u32) -> Entry {
    let conn = ConnId { reactor: 0, slot: number, generation: 0 };
    Entry::new(conn, DeviceId::UNNAMED, u64::from(number), Wants::default())
}

/// The next user of a walk that jumps over shards.
fn step(number: u32) -> u32 {
    number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223)
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let directory = Directory::new();
    for number in 0..USERS {
        drop(directory.enter(user(number), entry(number), SessionPolicy::Multi));
    }
    let mut group = criterion.benchmark_group("directory of 100,000 users");
    group.bench_function("look up, alone", |bencher| look_up(&directory, bencher));
    let works: [(&str, Work); 2] = [("look up, too", read), ("log in and out", write)];
    for (what, work) in works {
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            for nth in 1..=OTHERS {
                let (directory, stop) = (&directory, &stop);
                scope.spawn(move || work(directory, nth * 7919, stop));
            }
            group.bench_function(format!("look up, while {OTHERS} others {what}"), |bencher| {
                look_up(&directory, bencher);
            });
            stop.store(true, Ordering::Relaxed);
        });
    }
    group.bench_function("log in and out", |bencher| {
        let mut number = 0;
        bencher.iter(|| {
            number = step(number);
            leave_and_enter(&directory, number);
        });
    });
    group.finish();
    criterion.final_summary();
}

fn look_up(directory: &Directory, bencher: &mut criterion::Bencher<'_>) {
    let (mut number, mut found) = (0, Vec::new());
    bencher.iter(|| {
        number = step(number);
        found.clear();
        directory.connections(user(number), &mut found);
        black_box(&found);
    });
}

fn read(directory: &Directory, mut number: u32, stop: &AtomicBool) {
    let mut found = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        number = step(number);
        found.clear();
        directory.connections(user(number), &mut found);
    }
}

fn write(directory: &Directory, mut number: u32, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        number = step(number);
        leave_and_enter(directory, number);
    }
}

fn leave_and_enter(directory: &Directory, number: u32) {
    directory.leave(user(number), entry(number % USERS).conn());
    drop(directory.enter(user(number), entry(number % USERS), SessionPolicy::Multi));
}
