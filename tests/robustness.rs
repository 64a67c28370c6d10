//! Bad input, stalled peers and churn harm nobody else, and cost the server bounded memory.

mod common;

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use common::client::{Client, PASSWORD};
use common::node::{Node, assert_memory_below};
use common::noise::Noise;
use common::process::{PATIENCE, wait_for};
use serde_json::json;

/// What a server under attack may need beyond what it needed before.
const GROWTH_KIB: u64 = 64 * 1024;

/// Two who chat while something else goes on, and fail when it disturbs them.
struct HealthyPair {
    stop: Arc<AtomicBool>,
    chat: JoinHandle<u64>,
}

impl HealthyPair {
    fn start(addr: SocketAddr) -> Self {
        let mut alice = Client::newcomer(addr, "healthy");
        let mut bob = Client::newcomer(addr, "healthy");
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let chat = std::thread::spawn(move || {
            let mut said = 0;
            while !stopped.load(Ordering::SeqCst) || said == 0 {
                said += 1;
                let text = format!("message {said}");
                assert_eq!(alice.say(bob.id, &text)["seq"], said);
                let push = bob.expect_push(6);
                assert_eq!((&push["msg"], &push["seq"]), (&json!(text), &json!(said)));
                bob.confirm(alice.id, said);
            }
            said
        });
        Self { stop, chat }
    }

    fn assert_undisturbed(self) {
        self.stop.store(true, Ordering::SeqCst);
        self.chat.join().expect("the healthy pair was disturbed; its message is above");
    }
}

/// A line that is no request: cut, mistyped, wrongly nested, or noise.
fn malformed(noise: &mut Noise) -> Vec<u8> {
    let length = 1 + noise.below(200);
    let mut line = match noise.below(6) {
        0 => noise.bytes(length),
        1 => b"{\"msgid\":\"6\",\"toid\":1}".to_vec(),
        2 => br#"{"msgid":6,"toid":1,"msg":"cut"#.to_vec(),
        3 => b"[".repeat(length),
        4 => br#"{"toid":1,"msg":"no msgid"}"#.to_vec(),
        _ => b"\xff\xfe\xf0\x28\x8c\xbc".to_vec(),
    };
    // No line end inside, no blank line, nothing that happens to be JSON.
    line.retain(|byte| *byte != b'\n' && *byte != b'\r');
    line.insert(0, b'?');
    line.push(b'\n');
    line
}

/// Sends malformed lines, nine in a row, then a PING so as not to be closed. Each must be answered.
fn send_malformed(addr: SocketAddr, seed: u64, count: usize) {
    let mut noise = Noise::from_seed(seed);
    let mut client = Client::newcomer(addr, "mallory");
    let mut sent = 0;
    while sent < count {
        for _ in 0..9 {
            let line = malformed(&mut noise);
            client.send_raw(&line);
        }
        client.send(&json!({"msgid": 17}));
        for _ in 0..9 {
            let error = client.recv();
            assert_eq!((&error["msgid"], &error["errno"]), (&json!(19), &json!(400)), "seed {seed}: {error}");
        }
        assert_eq!(client.recv()["msgid"], 18, "seed {seed}");
        sent += 9;
    }
}

#[test]
fn twenty_thousand_malformed_lines_disturb_nobody() {
    let node = Node::start(&[]);
    let pair = HealthyPair::start(node.addr());
    let before = node.memory_kib();
    let addr = node.addr();
    let attackers: Vec<_> = (1..=4).map(|seed| std::thread::spawn(move || send_malformed(addr, seed, 5_000))).collect();
    for attacker in attackers {
        attacker.join().expect("a malformed line was not answered; the message is above");
    }
    pair.assert_undisturbed();
    assert_memory_below(&node, before + GROWTH_KIB);
}

#[test]
fn stalled_connections_disturb_nobody() {
    let node = Node::start(&[]);
    let before = node.memory_kib();
    let stalled: Vec<TcpStream> = (0..200)
        .map(|_| {
            let mut stream = TcpStream::connect(node.addr()).unwrap();
            stream.write_all(b"{").unwrap();
            stream
        })
        .collect();
    let pair = HealthyPair::start(node.addr());
    for _ in 0..20 {
        Client::newcomer(node.addr(), "beside").expect_silence();
    }
    pair.assert_undisturbed();
    assert_memory_below(&node, before + GROWTH_KIB);
    drop(stalled);
}

/// Half-sent lines just under the limit, on many connections: what is kept of them is bounded by the limit.
#[test]
fn unfinished_lines_cost_no_more_than_the_limit() {
    const CONNECTIONS: u64 = 200;
    let node = Node::start(&[]);
    let before = node.memory_kib();
    let half = vec![b'x'; 60 * 1024];
    let stalled: Vec<TcpStream> = (0..CONNECTIONS)
        .map(|_| {
            let mut stream = TcpStream::connect(node.addr()).unwrap();
            stream.set_write_timeout(Some(PATIENCE)).unwrap();
            stream.write_all(&half).unwrap();
            stream
        })
        .collect();
    Client::newcomer(node.addr(), "beside").expect_silence();
    assert_memory_below(&node, before + CONNECTIONS * 128 + GROWTH_KIB);
    drop(stalled);
}

#[test]
fn churn_leaks_nothing() {
    let node = Node::start(&[]);
    let files = || std::fs::read_dir(format!("/proc/{}/fd", node.pid())).unwrap().count();
    let pair = HealthyPair::start(node.addr());
    let (files_before, before) = (files(), node.memory_kib());
    for number in 0..2_000 {
        let mut stream = TcpStream::connect(node.addr()).unwrap();
        match number % 4 {
            0 => {}
            1 => stream.write_all(b"{\"msgid\":17}\n").unwrap(),
            2 => stream.write_all(b"half a li").unwrap(),
            // Closing with an unread reply resets the connection.
            _ => {
                stream.write_all(b"{\"msgid\":17}\n{\"msgid\":17}\n").unwrap();
                let _ = stream.read(&mut [0; 1]);
            }
        }
    }
    pair.assert_undisturbed();
    // A thread may have opened its database connection meanwhile; 2,000 sockets would show.
    wait_for("the descriptors to be given back", || (files() <= files_before + 16).then_some(()));
    assert_memory_below(&node, before + GROWTH_KIB);
}

#[test]
fn logins_and_deaths_leak_no_session() {
    let node = Node::start(&[]);
    let mut friend = Client::newcomer(node.addr(), "friend");
    let account = common::client::Account::register(node.addr(), "restless");
    friend.ok(json!({"msgid": 7, "friendid": account.id}));
    for _ in 0..100 {
        // `login` waits until the session before is gone.
        drop(account.login(node.addr()));
    }
    wait_for("the last session to be gone", || {
        let reply = friend.ok(json!({"msgid": 27}));
        (reply["friends"][0]["state"] == "offline").then_some(())
    });
}

#[test]
fn random_bytes_disturb_nobody() {
    let node = Node::start(&[]);
    let pair = HealthyPair::start(node.addr());
    let before = node.memory_kib();
    for seed in 1..=100 {
        let bytes = Noise::from_seed(seed).bytes(8 * 1024);
        let mut client = node.connect();
        // The server may have closed already: ten lines of noise are enough.
        let _ = client.try_send_raw(&bytes);
        let _ = client.stream().shutdown(std::net::Shutdown::Write);
        for message in client.expect_closed() {
            assert_eq!(message["msgid"], 19, "seed {seed}: noise is an error, not {message}");
        }
    }
    pair.assert_undisturbed();
    node.assert_running();
    assert_memory_below(&node, before + GROWTH_KIB);
}

/// Requests without end and nobody who reads the replies: the outbox is bounded, so the server stops or closes.
#[test]
fn who_asks_and_never_reads_is_bounded() {
    let node = Node::start(&[]);
    let pair = HealthyPair::start(node.addr());
    let before = node.memory_kib();
    let mut greedy = TcpStream::connect(node.addr()).unwrap();
    greedy.set_nonblocking(true).unwrap();
    let pings = "{\"msgid\":17,\"tag\":\"0123456789012345678901234567890123456789\"}\n".repeat(1000);
    let mut sent = 0;
    // Until the server closes, or takes no more for as long as it takes to serve another client a hundred times.
    let mut beside = Client::newcomer(node.addr(), "beside");
    let mut refused = 0;
    while sent < 256 * 1024 * 1024 && refused < 100 {
        match greedy.write(pings.as_bytes()) {
            Ok(written) => (sent, refused) = (sent + written, 0),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                beside.ok(json!({"msgid": 17}));
                refused += 1;
            }
            Err(_) => break,
        }
    }
    assert!(sent < 256 * 1024 * 1024, "the server took {sent} bytes of requests whose replies nobody reads");
    pair.assert_undisturbed();
    assert_memory_below(&node, before + GROWTH_KIB);
}

// --- the PROXY protocol ---------------------------------------------------------------------------------------

/// The beginning of every version 2 header.
const V2_SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";

/// A version 2 header of a TCP connection over IPv4, with this many bytes of extensions behind the addresses.
fn v2_header(from: Ipv4Addr, extensions: u16) -> Vec<u8> {
    let mut header = V2_SIGNATURE.to_vec();
    header.extend([0x21, 0x11]);
    header.extend((12 + extensions).to_be_bytes());
    header.extend(from.octets());
    header.extend(Ipv4Addr::LOCALHOST.octets());
    header.extend(40_000_u16.to_be_bytes());
    header.extend(8_000_u16.to_be_bytes());
    // One extension of type NOOP fills the room.
    if let Some(value) = extensions.checked_sub(3) {
        header.push(0x04);
        header.extend(value.to_be_bytes());
        header.extend(vec![0; usize::from(value)]);
    }
    header
}

#[test]
fn proxy_headers_of_both_versions_are_understood() {
    let node = Node::with_settings(&["proxy_protocol=true"]);
    let v2_local = [V2_SIGNATURE.as_slice(), &[0x20, 0x00, 0, 0]].concat();
    let v2_ipv6 = [V2_SIGNATURE.as_slice(), &[0x21, 0x21, 0, 36], &[0x20; 32], &[1, 2, 3, 4]].concat();
    let headers: [&[u8]; 8] = [
        b"PROXY TCP4 192.0.2.1 127.0.0.1 40000 8000\r\n",
        b"PROXY TCP6 2001:db8::1 ::1 40000 8000\r\n",
        b"PROXY UNKNOWN\r\n",
        b"PROXY UNKNOWN ffff:ffff::1 ffff::2 65535 65535\r\n",
        &v2_header(Ipv4Addr::new(192, 0, 2, 1), 0),
        &v2_header(Ipv4Addr::new(192, 0, 2, 1), 64),
        &v2_local,
        &v2_ipv6,
    ];
    for header in headers {
        // With the first line in one piece, and byte for byte.
        let mut client = Client::connect_bare(node.addr());
        client.send_raw(&[header, b"{\"msgid\":17,\"tag\":\"a\"}\n"].concat());
        assert_eq!(client.recv()["tag"], "a", "after {:?}", String::from_utf8_lossy(header));
        let mut client = Client::connect_bare(node.addr());
        for byte in header {
            client.send_raw(&[*byte]);
        }
        client.ok(json!({"msgid": 17}));
    }
}

#[test]
fn a_bad_proxy_header_closes() {
    let node = Node::with_settings(&["proxy_protocol=true"]);
    let mut wrong_version = v2_header(Ipv4Addr::LOCALHOST, 0);
    wrong_version[12] = 0x11;
    let mut too_short = v2_header(Ipv4Addr::LOCALHOST, 0);
    too_short[14..16].copy_from_slice(&[0, 4]);
    let endless = [b"PROXY TCP4 ".as_slice(), &[b'1'; 500]].concat();
    let headers: [&[u8]; 7] = [
        b"{\"msgid\":17}\n",
        b"PROXY TCP4 not.an.address 127.0.0.1 1 2\r\n",
        b"PROXY TCP5 192.0.2.1 127.0.0.1 1 2\r\n",
        b"PROXY TCP4 192.0.2.1 127.0.0.1 99999 2\r\n",
        &wrong_version,
        &too_short,
        &endless,
    ];
    for header in headers {
        let mut client = Client::connect_bare(node.addr());
        client.send_raw(header);
        let _ = client.try_send_raw(b"{\"msgid\":17}\n");
        let answered = client.expect_closed();
        let ponged = answered.iter().any(|message| message["msgid"] == 18);
        assert!(!ponged, "{:?} was taken for a header", String::from_utf8_lossy(header));
    }
    Client::newcomer(node.addr(), "fine").expect_silence();
}

#[test]
fn without_the_setting_a_proxy_header_is_a_malformed_line() {
    let node = Node::start(&[]);
    let mut client = Client::connect_bare(node.addr());
    client.send_raw(b"PROXY TCP4 192.0.2.1 127.0.0.1 40000 8000\r\n");
    assert_eq!(client.recv()["errno"], 400);
    client.ok(json!({"msgid": 4, "name": common::client::unique("plain"), "pwd": PASSWORD}));
}
