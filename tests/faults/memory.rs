//! Memory stays bounded by the number of connections, and others are served as before: readers that never read, clients
//! that stall, a long backlog.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::json;
use socket2::{Domain, Socket, Type};

use crate::common::client::{Account, Client, PASSWORD};
use crate::common::node::Node;
use crate::suite::{Suite, is_long};

/// `limits.outbox_bytes` of these tests, in KiB.
const OUTBOX_KIB: u64 = 64;
/// What a connection may cost: a full outbox, a page on top of it, an unfinished line, and its place in the tables.
const CONNECTION_KIB: u64 = OUTBOX_KIB + OUTBOX_KIB / 4 + 64 + 16;
/// What the server may grow by for everything else: database cache, allocator, pages in flight.
const SHARED_KIB: u64 = 64 * 1024;
/// Members of one group.
const GROUP: usize = 50;

/// Clients of each kind: few with the other tests, as many as are promised in the long part.
struct Scale {
    readers: usize,
    stalled: usize,
    backlog: u64,
    /// Clients that fetch it, one after the other: a single one is done before there is a p99 worth its name.
    fetchers: usize,
}

fn scale() -> Scale {
    if is_long() {
        Scale { readers: 1_000, stalled: 2_000, backlog: 100_000, fetchers: 10 }
    } else {
        Scale { readers: 100, stalled: 300, backlog: 5_000, fetchers: 2 }
    }
}

/// Two who chat, and how long each message took from one to the other.
struct Pair {
    stop: Arc<AtomicBool>,
    chat: JoinHandle<Vec<Duration>>,
}

impl Pair {
    fn start(addr: SocketAddr) -> Self {
        let (mut alice, mut bob) = (Client::newcomer(addr, "pair"), Client::newcomer(addr, "pair"));
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let chat = std::thread::spawn(move || {
            let mut took = Vec::new();
            while !stopped.load(Ordering::SeqCst) || took.len() < 100 {
                let begun = Instant::now();
                alice.say(bob.id, "tick");
                bob.expect_push(6);
                took.push(begun.elapsed());
                std::thread::sleep(Duration::from_millis(5));
            }
            took
        });
        Self { stop, chat }
    }

    /// The time that 99 of 100 messages kept within.
    fn p99(self) -> Duration {
        self.stop.store(true, Ordering::SeqCst);
        let mut took = self.chat.join().expect("the pair was disturbed; its message is above");
        took.sort_unstable();
        took[took.len() * 99 / 100]
    }
}

/// Looks at the server's memory until it is dropped.
struct Gauge {
    stop: Arc<AtomicBool>,
    peak_kib: Arc<AtomicU64>,
}

impl Gauge {
    fn start(node: &Node) -> Self {
        let (stop, peak_kib) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (stopped, peak, path) = (Arc::clone(&stop), Arc::clone(&peak_kib), format!("/proc/{}/status", node.pid()));
        std::thread::spawn(move || {
            while !stopped.load(Ordering::SeqCst) {
                peak.fetch_max(resident_kib(&path), Ordering::SeqCst);
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        Self { stop, peak_kib }
    }

    fn peak_kib(&self) -> u64 {
        self.peak_kib.load(Ordering::SeqCst)
    }
}

impl Drop for Gauge {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
    }
}

fn resident_kib(status: &str) -> u64 {
    let text = std::fs::read_to_string(status).unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with("VmRSS:"));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok()).unwrap_or(0)
}

fn node() -> Node {
    // So many sockets are more than an ordinary limit.
    let own = std::process::id().to_string();
    let _ = Command::new("prlimit").args(["--pid", &own, "--nofile=8192:"]).status();
    let outbox = format!("limits.outbox_bytes={}", OUTBOX_KIB * 1024);
    Node::with_settings(&[&outbox, "limits.login_seconds=0", "limits.stall_seconds=2"])
}

#[test]
fn who_never_reads_costs_a_bounded_memory_and_disturbs_nobody() {
    let _alone = Suite::start("readers");
    let readers_count = scale().readers;
    let node = node();
    let mut writers: Vec<(Client, u64)> = Vec::new();
    let mut readers = Vec::new();
    for _ in 0..readers_count / GROUP {
        let mut writer = Client::newcomer(node.addr(), "writer");
        let group = writer.create_group("readers");
        for _ in 0..GROUP {
            let account = Account::register(node.addr(), "reader");
            account.login(node.addr()).join(group);
            readers.push(deaf(node.addr(), &account));
        }
        writers.push((writer, group));
    }
    // The same traffic, first with readers that read.
    let reading = drain(&readers);
    let pair = Pair::start(node.addr());
    let before = node.memory_kib();
    traffic(&mut writers, 40);
    let p99_before = pair.p99();
    drop(reading);
    let gauge = Gauge::start(&node);
    let pair = Pair::start(node.addr());
    traffic(&mut writers, 500);
    let p99 = pair.p99();
    let (peak, bound) = (gauge.peak_kib(), before + readers_count as u64 * CONNECTION_KIB + SHARED_KIB);
    let cut_off = readers.iter().filter(|reader| is_cut_off(reader)).count();
    println!(
        "faults/memory: {readers_count} readers that never read, {} messages: memory {before} KiB before, {peak} KiB at \
         most, bound {bound} KiB; {cut_off} cut off; p99 of others {:.1} ms with reading readers, {:.1} ms without",
        writers.len() * 500,
        millis(p99_before),
        millis(p99)
    );
    assert!(peak <= bound, "{peak} KiB, more than {bound}");
    // Whoever was cut off finds everything when it comes back: the first group's last message is there for each.
    let (writer, group) = &mut writers[0];
    assert_eq!(writer.history_of_group(*group).len(), 540);
}

#[test]
fn who_stalls_costs_a_bounded_memory_and_disturbs_nobody() {
    let _alone = Suite::start("stalled");
    let count = scale().stalled;
    let node = node();
    let pair = Pair::start(node.addr());
    let before = node.memory_kib();
    std::thread::sleep(Duration::from_secs(2));
    let p99_before = pair.p99();
    let gauge = Gauge::start(&node);
    let stalled: Vec<TcpStream> = (0..count)
        .map(|_| {
            let mut stream = TcpStream::connect(node.addr()).unwrap();
            stream.write_all(b"{").unwrap();
            stream
        })
        .collect();
    let pair = Pair::start(node.addr());
    std::thread::sleep(Duration::from_secs(2));
    let p99 = pair.p99();
    let (peak, bound) = (gauge.peak_kib(), before + count as u64 * CONNECTION_KIB + SHARED_KIB);
    println!(
        "faults/memory: {count} connections that sent a byte and stalled: memory {before} KiB before, {peak} KiB at \
         most ({} KiB each), bound {bound} KiB; p99 of others {:.1} ms before, {:.1} ms beside",
        peak.saturating_sub(before) / count as u64,
        millis(p99_before),
        millis(p99)
    );
    assert!(peak <= bound, "{peak} KiB, more than {bound}");
    drop(stalled);
}

#[test]
fn a_long_backlog_is_fetched_in_order_and_in_bounded_memory() {
    let _alone = Suite::start("backlog");
    let (count, readers) = (scale().backlog, scale().fetchers);
    let node = node();
    let mut writer = Client::newcomer(node.addr(), "writer");
    let group = writer.create_group("backlog");
    let readers: Vec<Account> = (0..readers).map(|_| member(node.addr(), group)).collect();
    fill(&mut writer, group, count);
    let pair = Pair::start(node.addr());
    std::thread::sleep(Duration::from_millis(500) * u32::try_from(readers.len()).unwrap());
    let p99_before = pair.p99();
    let before = node.memory_kib();
    let gauge = Gauge::start(&node);
    let pair = Pair::start(node.addr());
    let begun = Instant::now();
    let addr = node.addr();
    let fetching = std::thread::spawn(move || {
        step_back();
        for reader in &readers {
            fetch(&mut reader.login(addr), group, count);
        }
        readers.len()
    });
    let fetchers = fetching.join().expect("the backlog did not come as it should; the message is above");
    let took = begun.elapsed() / u32::try_from(fetchers).unwrap();
    let p99 = pair.p99();
    let (peak, bound) = (gauge.peak_kib(), before + 3 * CONNECTION_KIB + SHARED_KIB);
    println!(
        "faults/memory: a backlog of {count} messages, fetched by {fetchers} clients one after the other in {:.1} s each: memory \
         {before} KiB before, {peak} KiB at most, bound {bound} KiB; p99 of others {:.1} ms before, {:.1} ms beside",
        took.as_secs_f64(),
        millis(p99_before),
        millis(p99)
    );
    assert!(peak <= bound, "{peak} KiB, more than {bound}");
}

/// Gives this thread only what the others leave of the processor: the client it plays has a machine of its own.
fn step_back() {
    let thread = std::fs::read_link("/proc/thread-self").unwrap();
    let thread = thread.file_name().unwrap().to_str().unwrap();
    let done = Command::new("renice").args(["-n", "19", "-p", thread]).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

/// An account that has joined this group, and is away.
fn member(addr: SocketAddr, group: u64) -> Account {
    let account = Account::register(addr, "reader");
    account.login(addr).join(group);
    account
}

/// Takes so many messages, which are all there are, and confirms them.
fn fetch(client: &mut Client, group: u64, count: u64) {
    let mut last = 0;
    for message in client.offline_messages() {
        last += 1;
        assert_eq!(message["seq"], last);
    }
    while last < count {
        last += 1;
        assert_eq!(client.expect_push(10)["seq"], last, "in order, none twice, no hole");
        if last % 100 == 0 {
            client.confirm_group(group, last);
        }
    }
    client.expect_silence();
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Logs in on a socket with a small receive buffer; what comes is not read here.
fn deaf(addr: SocketAddr, account: &Account) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    socket.connect(&addr.into()).unwrap();
    let mut stream = TcpStream::from(socket);
    let mut reply = [0; 1];
    // The session before may not have ended yet.
    loop {
        let login = json!({"msgid": 1, "id": account.id, "pwd": PASSWORD, "ack": true});
        stream.write_all(format!("{login}\n").as_bytes()).unwrap();
        let mut line = Vec::new();
        while reply[0] != b'\n' {
            stream.read_exact(&mut reply).unwrap();
            line.push(reply[0]);
        }
        reply[0] = 0;
        let answer: serde_json::Value = serde_json::from_slice(&line).unwrap();
        match answer["errno"].as_i64() {
            Some(0) => break,
            Some(2) => std::thread::sleep(Duration::from_millis(5)),
            _ => panic!("{answer}"),
        }
    }
    stream.set_nonblocking(true).unwrap();
    stream
}

/// Reads from all of them until it is dropped.
struct Reading {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn drain(readers: &[TcpStream]) -> Reading {
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let mut readers: Vec<TcpStream> = readers.iter().map(|reader| reader.try_clone().unwrap()).collect();
    let thread = std::thread::spawn(move || {
        let mut buffer = vec![0; 64 * 1024];
        while !stopped.load(Ordering::SeqCst) {
            for reader in &mut readers {
                while reader.read(&mut buffer).is_ok_and(|count| count > 0) {}
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    });
    Reading { stop, thread: Some(thread) }
}

/// So many large messages to each group, one after the other.
fn traffic(writers: &mut [(Client, u64)], count: usize) {
    let text = "x".repeat(8_000);
    for _ in 0..count {
        for (writer, group) in &mut *writers {
            writer.say_to_group(*group, &text);
        }
    }
}

/// Whether the server has closed the connection: it will not take a byte any more.
fn is_cut_off(reader: &TcpStream) -> bool {
    let mut reader = reader;
    (0..2).any(|_| {
        let refused = reader.write_all(b"\n").is_err();
        std::thread::sleep(Duration::from_millis(1));
        refused
    })
}

/// Sends so many messages to a group, many on the way at once.
fn fill(writer: &mut Client, group: u64, count: u64) {
    const AT_ONCE: u64 = 500;
    let mut left = count;
    while left > 0 {
        let batch = left.min(AT_ONCE);
        let line = format!(
            "{}\n",
            json!({"msgid": 10, "groupid": group, "msg": "a message of ordinary length, more or less"})
        );
        writer.send_raw(line.repeat(usize::try_from(batch).unwrap()).as_bytes());
        for _ in 0..batch {
            assert_eq!(writer.expect_push(12)["errno"], 0);
        }
        left -= batch;
    }
}
