//! The two lines that a server writes most: the push to an addressee and the ack to the sender.

use std::hint::black_box;

use criterion::Criterion;
use stonechat::clock::UnixMs;
use stonechat::ids::{Peer, UserId};
use stonechat::wire::reply::{Echo, Push, RawEcho, TimeText, What, ack};

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let (sender, to) = (user(1), Peer::User(user(4711)));
    let body = format!(r#"{{"msg":"{}"}}"#, "0123456789abcdef".repeat(8));
    let time = &TimeText::new(UnixMs(1_773_480_413_589));
    let push = Push { sender, name: "anna", to, what: What::Message, body: &body, time, seq: 123_456, marks: "" };
    let echo = Echo::new(RawEcho { tag: Some("7"), cid: Some("\"6ba7b810-9dad\"") });

    let mut encoding = criterion.benchmark_group("encoding");
    encoding.bench_function("push", |bencher| bencher.iter(|| black_box(&push).line()));
    encoding.bench_function("push as an element of a list", |bencher| bencher.iter(|| black_box(&push).element()));
    encoding.bench_function("ack", |bencher| {
        bencher.iter(|| ack(What::Message, to, Some((123_456, time)), black_box(&Echo::default())));
    });
    encoding.bench_function("ack with cid and tag", |bencher| {
        bencher.iter(|| ack(What::Message, to, Some((123_456, time)), black_box(&echo)));
    });
    encoding.finish();
    criterion.final_summary();
}

fn user(number: i64) -> UserId {
    UserId::new(number).expect("a positive number")
}
