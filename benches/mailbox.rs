//! The door into a reactor: how fast other threads can hand messages to one, wake-ups included.
//!
//! ```text
//!   1 or 2 threads --post--> mailbox --> a real reactor thread, whose protocol counts --all are there--> the bench
//! ```

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput};
use stonechat::metrics::Metrics;
use stonechat::net::mailbox::{self, ReactorHandle};
use stonechat::net::reactor::{self, Preamble, Settings};
use stonechat::net::{CloseReason, ConnId, Flow, Link, Outbound, Protocol};

const MESSAGES: u32 = 10_000;

/// A protocol without connections: it counts the messages and tells each time that so many have come.
struct Counting {
    come: u32,
    tell: Sender<()>,
}

impl Protocol for Counting {
    type Session = ();
    type Message = u32;

    fn opened(&mut self, _: ConnId, _: IpAddr, _: &mut dyn Link, _: Instant) {}

    fn line(&mut self, _: ConnId, (): &mut (), _: &mut dyn Link, _: &[u8], _: Instant) -> Flow {
        Flow::Continue
    }

    fn line_too_long(&mut self, (): &mut (), _: &mut dyn Link) {}

    fn message(&mut self, every: u32, _: &mut dyn Outbound<()>, _: Instant) {
        self.come += 1;
        if self.come.is_multiple_of(every) {
            self.tell.send(()).expect("the bench waits for it");
        }
    }

    fn turn_ended(&mut self, _: &mut dyn Outbound<()>, _: Instant) {}

    fn due(&mut self, _: ConnId, (): &mut (), _: &mut dyn Link, _: Instant) {}

    fn closed(&mut self, _: ConnId, (): (), _: CloseReason, _: u64, _: Instant) {}

    fn stopping(&mut self, _: Instant) {}
}

fn start() -> (ReactorHandle<u32>, Receiver<()>, thread::JoinHandle<()>) {
    let (handle, inbox) = mailbox::channel(0).expect("an epoll");
    let (tell, told) = channel();
    let settings = Settings {
        line_bytes: 65_536,
        outbox_bytes: 1 << 20,
        stall: None,
        preamble: Preamble::None,
        site: None,
        tls: None,
        metrics: Arc::new(Metrics::new()),
    };
    let run = move || reactor::run(inbox, settings, Counting { come: 0, tell }).expect("the poll does not fail");
    (handle, told, thread::spawn(run))
}

#[expect(clippy::disallowed_methods, reason = "a bench reads the clock to stop the reactor")]
fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("mailbox");
    group.throughput(Throughput::Elements(1));
    let (handle, told, reactor) = start();
    group.bench_function("one message, there and noticed", |bencher| {
        bencher.iter(|| {
            handle.post(1).expect("the reactor runs");
            told.recv().expect("the reactor runs");
        });
    });
    group.throughput(Throughput::Elements(u64::from(MESSAGES)));
    for posters in [1, 2] {
        let (handle, told, reactor) = start();
        group.bench_function(format!("{MESSAGES} messages from {posters} threads"), |bencher| {
            bencher.iter(|| {
                thread::scope(|scope| {
                    let post = || {
                        (0..MESSAGES / posters).for_each(|_| handle.post(MESSAGES).expect("the reactor runs"));
                    };
                    (0..posters).for_each(|_| drop(scope.spawn(post)));
                    told.recv().expect("the reactor runs");
                });
            });
        });
        stop(&handle, reactor, Instant::now());
    }
    stop(&handle, reactor, Instant::now());
    group.finish();
    criterion.final_summary();
}

fn stop(handle: &ReactorHandle<u32>, reactor: thread::JoinHandle<()>, now: Instant) {
    handle.stop(now + Duration::from_secs(1)).expect("the reactor runs");
    reactor.join().expect("the reactor does not panic");
}
