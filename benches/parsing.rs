//! From a line's bytes to a checked request, for the requests that come by the million.

use std::hint::black_box;

use criterion::Criterion;
use stonechat::wire::request::{Bounds, Chat, Delivered, Envelope, Login, Request};

const BOUNDS: Bounds = Bounds { message_bytes: 8192 };

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let text = "0123456789abcdef".repeat(8);
    let plain = format!(r#"{{"msgid":6,"toid":4711,"msg":"{text}"}}"#);
    let rich =
        format!(r#"{{"msgid":6,"toid":4711,"msg":"{text}","cid":"6ba7b810-9dad","ext":{{"type":"a/b"}},"tag":7}}"#);
    let escaped = format!(r#"{{"msgid":6,"toid":4711,"msg":"\u00e9{text}\n"}}"#);
    let group = format!(r#"{{"msgid":10,"groupid":42,"msg":"{text}"}}"#);
    let mut parsing = criterion.benchmark_group("parsing");
    for (what, line) in
        [("ONE_CHAT", &plain), ("ONE_CHAT with cid, ext, tag", &rich), ("ONE_CHAT with escapes", &escaped)]
    {
        parsing.bench_function(what, |bencher| {
            bencher.iter(|| Chat::to_user(&envelope(black_box(line)), BOUNDS).expect("a good request"));
        });
    }
    parsing.bench_function("GROUP_CHAT", |bencher| {
        bencher.iter(|| Chat::to_group(&envelope(black_box(&group)), BOUNDS).expect("a good request"));
    });
    parsing.bench_function("DELIVERED", |bencher| {
        let line = r#"{"msgid":20,"id":4711,"seq":123456}"#;
        bencher.iter(|| Delivered::parse(&envelope(black_box(line)), BOUNDS).expect("a good request"));
    });
    parsing.bench_function("LOGIN by token", |bencher| {
        let line = r#"{"msgid":1,"id":4711,"token":"gNq2x1YH0m5sU3v8Zr6TjQeKfWbAoCdL","ack":true}"#;
        bencher.iter(|| Login::parse(&envelope(black_box(line)), BOUNDS).expect("a good request"));
    });
    parsing.finish();
    criterion.final_summary();
}

fn envelope(line: &str) -> Envelope<'_> {
    Envelope::parse(line.as_bytes()).expect("a good line")
}
