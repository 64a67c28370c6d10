//! The network layer alone, as examples/echo.rs uses it: what it takes, what it refuses, and what its neighbours notice.
//! Peers that nobody here wrote do what their libraries let them; raw frames do the rest.

#![allow(clippy::unwrap_used, reason = "helpers of tests; allow-unwrap-in-tests misses them")]

mod common;

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::process::Command;
use std::thread;
use std::time::Duration;

use common::peers::{NODE, PYTHON, Peer};
use common::process::{PATIENCE, Process, example, wait_for};
use common::websocket::{CLOSE, PING, PONG, Socket, TEXT, ask_for, frame};
use socket2::SockRef;

/// The longest message that the example takes.
const LIMIT: usize = 1024 * 1024;
/// The first byte of a text frame that is not the last one, of a continuation, and of the last.
const TEXT_BEGINS: u8 = 0x01;
const GOES_ON: u8 = 0x00;
const ENDS: u8 = 0x80;

/// The example, as a process.
struct Echo {
    process: Process,
    addr: SocketAddr,
}

impl Echo {
    fn start() -> Self {
        let mut process = Process::start("echo", &mut Command::new(example("stonechat", "echo")));
        let addr = process.wait_for_line("its address", |line| line.strip_prefix("listening on ")?.parse().ok());
        Self { process, addr }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.addr).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// How many descriptors it has open.
    fn descriptors(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.process.pid())).unwrap().count()
    }

    /// What it has in memory.
    fn resident_kib(&self) -> usize {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }
}

/// Has a message back.
fn is_served(socket: &mut Socket) {
    socket.send(TEXT, b"still here");
    assert_eq!(socket.frame(), (TEXT, b"still here".to_vec()));
}

/// All that comes until the end; how it ended, if it did not in order.
fn rest(stream: &mut TcpStream) -> (Vec<u8>, Option<ErrorKind>) {
    let mut rest = Vec::new();
    let ended = stream.read_to_end(&mut rest);
    (rest, ended.err().map(|error| error.kind()))
}

/// Lets a library try something against a server of its own.
fn peer(peer: &Peer, what: &str) {
    let echo = Echo::start();
    let mut bystander = Socket::open(echo.addr);
    peer.run("echo", echo.addr, &[what]);
    is_served(&mut bystander);
}

#[test]
fn python_has_messages_of_every_size_back_and_no_larger_ones() {
    peer(&PYTHON, "sizes");
}

#[test]
fn node_has_messages_of_every_size_back_and_no_larger_ones() {
    peer(&NODE, "sizes");
}

#[test]
fn python_has_fragments_back_as_one_message() {
    peer(&PYTHON, "fragments");
}

#[test]
fn node_has_fragments_back_as_one_message() {
    peer(&NODE, "fragments");
}

#[test]
fn python_has_each_ping_answered() {
    peer(&PYTHON, "pings");
}

#[test]
fn node_has_each_ping_answered() {
    peer(&NODE, "pings");
}

#[test]
fn python_has_a_hundred_thousand_messages_back_in_order() {
    peer(&PYTHON, "many");
}

#[test]
fn node_has_a_hundred_thousand_messages_back_in_order() {
    peer(&NODE, "many");
}

#[test]
fn python_may_close_with_every_code() {
    peer(&PYTHON, "closes");
}

#[test]
fn node_may_close_with_every_code() {
    peer(&NODE, "closes");
}

#[test]
fn python_does_without_a_subprotocol() {
    peer(&PYTHON, "subprotocols");
}

#[test]
fn lines_come_back_as_they_came() {
    let echo = Echo::start();
    let mut stream = echo.connect();
    // A `\r` belongs to the line end; what has no end yet is no line.
    stream.write_all(b"one\n\ntwo \xff\x00\r\nthree\rthree\nno end").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(rest(&mut stream), (b"one\n\ntwo \xff\x00\nthree\rthree\n".to_vec(), None));
}

#[test]
fn what_is_not_spoken_is_not_agreed_on() {
    let echo = Echo::start();
    let (_stream, head) = ask_for(
        echo.addr,
        "Sec-WebSocket-Protocol: chat, superchat\r\n\
         Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits, x-webkit-deflate-frame\r\n",
    );
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    let head = head.to_ascii_lowercase();
    assert!(!head.contains("sec-websocket-protocol") && !head.contains("sec-websocket-extensions"), "{head}");
}

/// Sends `unit` over and over until the server has not taken anything for a while; how many whole ones, and how many bytes of
/// the last, were taken.
fn fill(stream: &mut TcpStream, unit: &[u8]) -> (usize, usize) {
    /// More than all buffers of the kernel hold.
    const BYTES_MAX: usize = 256 * 1024 * 1024;
    stream.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
    for whole in 0..BYTES_MAX / unit.len() {
        let mut at = 0;
        while at < unit.len() {
            match stream.write(&unit[at..]) {
                Ok(written) => at += written,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return (whole, at),
                Err(error) => panic!("{error} after {whole} whole ones: the server does not wait"),
            }
        }
    }
    panic!("the server reads on, though nobody takes its answers");
}

/// Sends until the server stops reading, and then reads: everything comes back.
fn is_slowed_down(mut stream: TcpStream, sent: &[u8], echoed: &[u8], echo: &Echo) {
    let before = echo.resident_kib();
    let (whole, at) = fill(&mut stream, sent);
    let more = echo.resident_kib().saturating_sub(before);
    assert!(more < 16 * 1024, "{more} KiB for one connection whose outbox holds 1 MiB");
    let mut bystander = Socket::open(echo.addr);
    is_served(&mut bystander);
    let last = sent[at..].to_vec();
    let mut writing = stream.try_clone().unwrap();
    writing.set_write_timeout(None).unwrap();
    let writer = thread::spawn(move || {
        writing.write_all(&last).unwrap();
        writing.shutdown(Shutdown::Write).unwrap();
    });
    let mut unit = vec![0; echoed.len()];
    for number in 0..=whole {
        stream.read_exact(&mut unit).unwrap_or_else(|error| panic!("{error} at {number} of {whole}"));
        assert!(unit == echoed, "{number} of {whole} is another one");
    }
    writer.join().unwrap();
    let (rest, ended) = rest(&mut stream);
    assert!(ended.is_none(), "{ended:?}");
    assert!(rest.is_empty() || rest == [CLOSE, 2, 3, 232], "{rest:?}");
}

#[test]
fn a_sender_of_lines_who_does_not_read_is_slowed_down_and_loses_nothing() {
    let echo = Echo::start();
    let line = [&[b'x'; 999][..], b"\n"].concat();
    is_slowed_down(echo.connect(), &line, &line, &echo);
}

#[test]
fn a_line_whose_answer_has_no_room_waits_for_it() {
    let echo = Echo::start();
    let large = [&vec![b'x'; LIMIT - 1000][..], b"\n"].concat();
    // What is left of an answer when the kernel takes no more depends on where the answers began. If it is less than half
    // an outbox, the next line is read, and its answer does not fit.
    for quarter in 0..4 {
        let mut stream = echo.connect();
        let mut first = [&vec![b'y'; quarter * LIMIT / 4][..], b"\n"].concat();
        stream.write_all(&first).unwrap();
        stream.read_exact(&mut first).unwrap();
        is_slowed_down(stream, &large, &large, &echo);
    }
}

#[test]
fn a_browser_that_does_not_read_is_slowed_down_and_loses_nothing() {
    let echo = Echo::start();
    let socket = Socket::open(echo.addr);
    // Pings, too: their answers wait in the same outbox.
    let sent =
        [frame(TEXT, &[b'x'; 1000]), frame(PING, &[b'p'; 125]), frame(TEXT, b""), frame(TEXT, b"short")].concat();
    let text = [&[TEXT, 126, 3, 232][..], &[b'x'; 1000]].concat();
    let without_pings = [frame(TEXT, &[b'x'; 1000]), frame(TEXT, b""), frame(TEXT, b"short")].concat();
    let echoed = [&text[..], &[TEXT, 0], &[TEXT, 5], b"short"].concat();
    is_slowed_down(socket.stream, &without_pings, &echoed, &echo);
    // An answer to a Ping may be left out (section 5.5.3), so that what comes back is not known byte by byte.
    let mut stream = Socket::open(echo.addr).stream;
    let (whole, at) = fill(&mut stream, &sent);
    let mut socket = Socket { stream: stream.try_clone().unwrap() };
    let writer = thread::spawn(move || {
        stream.set_write_timeout(None).unwrap();
        stream.write_all(&sent[at..]).unwrap();
        stream.write_all(&frame(CLOSE, &1000_u16.to_be_bytes())).unwrap();
    });
    let (mut texts, mut pongs) = (0, 0);
    loop {
        match socket.frame() {
            (TEXT, payload) => {
                assert_eq!(payload.len(), [1000, 0, 5][texts % 3]);
                texts += 1;
            }
            (PONG, payload) => {
                assert_eq!(payload, [b'p'; 125]);
                pongs += 1;
            }
            (first, _) => {
                assert_eq!(first, CLOSE);
                break;
            }
        }
    }
    writer.join().unwrap();
    assert_eq!(texts, 3 * (whole + 1));
    assert!((1..=whole + 1).contains(&pongs), "{pongs} Pongs");
}

#[test]
fn who_says_goodbye_and_reads_on_gets_all_that_is_due() {
    const MESSAGES: usize = 1000;
    let echo = Echo::start();
    let messages = frame(TEXT, &[b'x'; 1000]).repeat(MESSAGES);
    let goodbye = frame(CLOSE, &[&4321_u16.to_be_bytes()[..], "tschüß".as_bytes()].concat());
    for has_fin in [false, true] {
        let mut socket = Socket::open(echo.addr);
        let mut stream = socket.stream.try_clone().unwrap();
        stream.write_all(&messages).unwrap();
        stream.write_all(&goodbye).unwrap();
        if has_fin {
            stream.shutdown(Shutdown::Write).unwrap();
        }
        for _ in 0..MESSAGES {
            assert_eq!(socket.frame(), (TEXT, vec![b'x'; 1000]));
        }
        // The server ends the TCP connection first: without a FIN nothing else does.
        let code = socket.expect_closed();
        assert!([1000, 4321].contains(&code), "{code}");
    }
}

#[test]
fn what_follows_a_close_is_ignored() {
    let echo = Echo::start();
    let mut socket = Socket::open(echo.addr);
    let bytes = [
        frame(TEXT, b"before"),
        frame(CLOSE, &1001_u16.to_be_bytes()),
        frame(TEXT, b"behind"),
        frame(PING, b"behind"),
        vec![0xff; 100],
    ];
    socket.stream.write_all(&bytes.concat()).unwrap();
    assert_eq!(socket.frame(), (TEXT, b"before".to_vec()));
    assert!([1000, 1001].contains(&socket.expect_closed()));
    let mut silent = Socket::open(echo.addr);
    silent.send(CLOSE, b"");
    assert_eq!(silent.expect_closed(), 1000);
}

#[test]
fn a_control_frame_within_a_message_is_answered_at_once() {
    let echo = Echo::start();
    let mut socket = Socket::open(echo.addr);
    // The character of four bytes is cut three times.
    socket.send(TEXT_BEGINS, b"a \xf0");
    socket.send(PING, b"one");
    assert_eq!(socket.frame(), (PONG, b"one".to_vec()), "before the message has ended");
    socket.send(GOES_ON, b"\x9f");
    socket.send(GOES_ON, b"");
    socket.send(PONG, b"nobody asked");
    socket.send(PING, b"");
    assert_eq!(socket.frame(), (PONG, Vec::new()));
    socket.send(GOES_ON, b"\x98");
    socket.send(ENDS, b"\x80 z");
    assert_eq!(socket.frame(), (TEXT, "a 😀 z".as_bytes().to_vec()));
    // Of several that come together the last must be answered, and any may be.
    socket.stream.write_all(&[frame(PING, b"first"), frame(PING, b"last"), frame(TEXT, b"x")].concat()).unwrap();
    let mut pong = socket.frame();
    if pong == (PONG, b"first".to_vec()) {
        pong = socket.frame();
    }
    assert_eq!(pong, (PONG, b"last".to_vec()));
    assert_eq!(socket.frame(), (TEXT, b"x".to_vec()));
    // A Close may come within a message, which then is none.
    socket.send(TEXT_BEGINS, b"begun");
    socket.send(CLOSE, &1000_u16.to_be_bytes());
    assert_eq!(socket.expect_closed(), 1000);
}

/// Bytes of a client that break a rule, and with what code the standard has them answered.
fn violations() -> Vec<(&'static str, u16, Vec<u8>)> {
    let unmasked = vec![TEXT, 1, b'x'];
    let close = |code: u16, reason: &[u8]| frame(CLOSE, &[&code.to_be_bytes()[..], reason].concat());
    let mut all = vec![
        ("no mask (5.1)", 1002, unmasked),
        ("a Ping without mask (5.1)", 1002, vec![PING, 0]),
        ("RSV1 (5.2)", 1002, frame(0xc1, b"x")),
        ("RSV2 (5.2)", 1002, frame(0xa1, b"x")),
        ("RSV3 (5.2)", 1002, frame(0x91, b"x")),
        ("RSV1 of a control frame (5.2)", 1002, frame(0xc9, b"x")),
        ("RSV1 of a continuation (5.2)", 1002, [frame(TEXT_BEGINS, b"x"), frame(0xc0, b"x")].concat()),
        ("125 bytes, the length in 16 bits (5.2)", 1002, vec![TEXT, 0xfe, 0, 125, 0, 0, 0, 0]),
        ("65,535 bytes, the length in 64 bits (5.2)", 1002, vec![TEXT, 0xff, 0, 0, 0, 0, 0, 0, 255, 255, 0, 0, 0, 0]),
        ("a length of 2^63 (5.2)", 1002, vec![TEXT, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
        ("a continuation of nothing (5.4)", 1002, frame(ENDS, b"x")),
        ("a continuation that is not the last, of nothing (5.4)", 1002, frame(GOES_ON, b"x")),
        ("a text within a text (5.4)", 1002, [frame(TEXT_BEGINS, b"x"), frame(TEXT, b"y")].concat()),
        ("a binary message within a text (5.4)", 1002, [frame(TEXT_BEGINS, b"x"), frame(0x82, b"y")].concat()),
        ("a fragmented Ping (5.5)", 1002, frame(0x09, b"x")),
        ("a fragmented Pong (5.5)", 1002, frame(0x0a, b"x")),
        ("a fragmented Close (5.5)", 1002, frame(0x08, &1000_u16.to_be_bytes())),
        ("a Ping of 126 bytes (5.5)", 1002, frame(PING, &[b'x'; 126])),
        ("a Pong of 65,536 bytes (5.5)", 1002, frame(PONG, &vec![b'x'; 65_536])),
        ("a Close of 126 bytes (5.5)", 1002, close(1000, &[b'x'; 124])),
        ("a Close of one byte (5.5.1)", 1002, frame(CLOSE, &[3])),
        ("a reason that is not UTF-8 (5.5.1)", 1007, close(1000, b"\xff")),
        ("a reason that ends within a character (5.5.1)", 1007, close(1000, b"\xc3")),
        ("binary, which is not spoken (7.4.1)", 1003, frame(0x82, b"x")),
        ("binary in fragments", 1003, frame(0x02, b"x")),
        ("no UTF-8 (8.1)", 1007, frame(TEXT, b"\xff")),
        ("a surrogate (8.1)", 1007, frame(TEXT, b"\xed\xa0\x80")),
        ("an overlong character (8.1)", 1007, frame(TEXT, b"\xc0\xaf")),
        ("a character beyond the last (8.1)", 1007, frame(TEXT, b"\xf4\x90\x80\x80")),
        ("a text that ends within a character (8.1)", 1007, frame(TEXT, b"\xe4\xb8")),
        ("no UTF-8, by fragments together", 1007, [frame(TEXT_BEGINS, b"\xe4"), frame(ENDS, b"x")].concat()),
        ("no UTF-8 in a first fragment, before the last has come", 1007, frame(TEXT_BEGINS, b"\xff")),
        ("a message over the limit (7.4.1)", 1009, frame(TEXT, &vec![b'x'; LIMIT + 1])),
        ("its head alone", 1009, frame(TEXT, &vec![b'x'; LIMIT + 1])[..14].to_vec()),
        ("a length of 2^63 - 1", 1009, vec![TEXT, 0xff, 0x7f, 255, 255, 255, 255, 255, 255, 255, 0, 0, 0, 0]),
    ];
    for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
        all.push(("a reserved opcode (5.2)", 1002, frame(0x80 | opcode, b"x")));
    }
    for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_535] {
        all.push(("a code that no Close may have (7.4)", 1002, close(code, b"")));
    }
    all
}

#[test]
fn what_breaks_a_rule_is_closed_with_its_code() {
    let echo = Echo::start();
    let mut bystander = Socket::open(echo.addr);
    for (what, code, bytes) in violations() {
        for in_one_piece in [true, false] {
            let mut socket = Socket::open(echo.addr);
            is_served(&mut socket);
            socket.stream.set_nodelay(true).unwrap();
            if in_one_piece || bytes.len() > 200 {
                socket.stream.write_all(&bytes).unwrap();
            } else {
                // The server may close before the last byte has left.
                let _ = bytes.iter().try_for_each(|byte| socket.stream.write_all(&[*byte]));
            }
            assert_eq!(socket.expect_closed(), code, "{what}: {:02x?}", &bytes[..bytes.len().min(20)]);
        }
        is_served(&mut bystander);
    }
}

#[test]
fn connections_that_end_anyhow_cost_nobody_else() {
    let echo = Echo::start();
    let mut bystander = Socket::open(echo.addr);
    is_served(&mut bystander);
    let before = echo.descriptors();
    for _ in 0..3 {
        for peer in [&PYTHON, &NODE] {
            let mut flooding = Process::start("a peer", &mut peer.command("echo", echo.addr, &["flood"]));
            flooding.wait_for_line("its first messages", |line| (line == "flooding").then_some(()));
            flooding.kill();
            is_served(&mut bystander);
        }
        // A FIN instead of a Close, on which the server still says goodbye.
        let mut ends = Socket::open(echo.addr);
        ends.send(TEXT, b"the last one");
        ends.send(TEXT_BEGINS, b"a message without end");
        ends.stream.shutdown(Shutdown::Write).unwrap();
        assert_eq!(ends.frame(), (TEXT, b"the last one".to_vec()));
        assert_eq!(ends.expect_closed(), 1000);
        // A FIN within a frame, and within the request.
        let mut within = Socket::open(echo.addr);
        within.stream.write_all(&frame(TEXT, b"cut")[..7]).unwrap();
        within.stream.shutdown(Shutdown::Write).unwrap();
        assert_eq!(within.expect_closed(), 1000);
        let mut request = echo.connect();
        request.write_all(b"GET /ws HTTP/1.1\r\nHost: ").unwrap();
        request.shutdown(Shutdown::Write).unwrap();
        assert_eq!(rest(&mut request), (Vec::new(), None));
        // A reset: in the middle of a message, and while the server has much to say.
        let resets = Socket::open(echo.addr);
        let mut busy = Socket::open(echo.addr);
        let (whole, _) = fill(&mut busy.stream, &frame(TEXT, &vec![b'x'; 60_000]));
        assert!(whole > 0);
        for mut socket in [resets, busy] {
            let _ = socket.stream.write(&frame(TEXT, b"cut")[..7]);
            SockRef::from(&socket.stream).set_linger(Some(Duration::ZERO)).unwrap();
        }
        is_served(&mut bystander);
    }
    wait_for("the example to have closed them all", || (echo.descriptors() == before).then_some(()));
    is_served(&mut bystander);
}
