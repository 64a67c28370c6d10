//! A reactor on its own thread, real loopback sockets, and a protocol that does what the lines say.
#![expect(clippy::disallowed_methods, reason = "a test's patience needs a clock")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, Shutdown, TcpListener, TcpStream};
use std::thread;

use bytes::Bytes;
use crossbeam_channel::{Receiver, Sender, unbounded};
use socket2::SockRef;

use super::*;
use crate::net::mailbox::{self, ReactorGone, ReactorHandle};
use crate::net::{Accepts, Allowance, ConnId, Flow, Link, Outbound, Wants};

mod doors;

const PATIENCE: Duration = Duration::from_secs(30);

/// Echoes lines, except these: `pause`, `retry` (answered when offered again), `hold` (answered by [`Ask::Answer`]),
/// `bye` (closes), `wake` and `wake later` (ask for a deadline now, or in an hour), `guest` (is one from now on), and those
/// that are answered with a count.
struct Script {
    told: Sender<Told>,
    /// Whether the connections are not closed when it is stopping.
    stubborn: bool,
    is_stopping: bool,
    /// Connections in slots below this are guests.
    guests: u32,
    /// Lines so far; `count` is answered with it.
    lines: u32,
    /// Turns and fragments so far; `turns` and `fragments` are answered with them.
    turns: u32,
    fragments: u32,
}

#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "what the script has done so far")]
struct Session {
    retried: bool,
    held: u32,
    is_guest: bool,
    paused: bool,
    wake_at: Option<Instant>,
    /// Tells when its outbox is empty.
    wants_room: bool,
    told_shutdown: bool,
}

/// What the test posts.
enum Ask {
    /// Send this line.
    Say(ConnId, &'static str),
    /// Send so many lines of so many bytes.
    Flood(ConnId, usize, usize),
    Resume(ConnId),
    /// Give the connection another name.
    Renew(ConnId),
    /// Answer one `hold`.
    Answer(ConnId),
}

/// What the test hears.
#[derive(PartialEq, Eq, Debug)]
enum Told {
    Opened(ConnId, IpAddr),
    Offered(String),
    Drained,
    Missing(ConnId),
    Closed { conn: ConnId, reason: CloseReason, acknowledged: u64 },
}

impl Script {
    fn tell(&self, told: Told) {
        // The test may have ended before its reactor.
        let _ = self.told.send(told);
    }
}

fn line_of(text: &str) -> Bytes {
    Bytes::from(format!("{text}\n"))
}

impl Protocol for Script {
    type Session = Session;
    type Message = Ask;

    fn opened(&mut self, conn: ConnId, from: IpAddr, _: &mut dyn Link, _: Instant) -> Session {
        self.tell(Told::Opened(conn, from));
        Session { is_guest: conn.slot < self.guests, ..Session::default() }
    }

    fn allowance(&self, session: &Session) -> Allowance {
        if session.is_guest { Allowance::Guest } else { Allowance::Member }
    }

    fn line(&mut self, _: ConnId, session: &mut Session, link: &mut dyn Link, bytes: &[u8], now: Instant) -> Flow {
        let text = str::from_utf8(bytes).unwrap();
        self.lines += 1;
        match text {
            "count" => link.send(line_of(&self.lines.to_string())),
            "turns" => link.send(line_of(&self.turns.to_string())),
            "fragments" => link.send(line_of(&self.fragments.to_string())),
            "guest" => session.is_guest = true,
            "pause" => {
                self.tell(Told::Offered(text.to_owned()));
                session.paused = true;
                return Flow::Pause;
            }
            "retry" => {
                self.tell(Told::Offered(text.to_owned()));
                if !std::mem::replace(&mut session.retried, true) {
                    session.paused = true;
                    return Flow::Retry;
                }
                link.send(line_of("retried"));
            }
            "hold" => session.held += 1,
            "wake" => session.wake_at = Some(now),
            "wake later" => session.wake_at = Some(now + Duration::from_secs(3600)),
            "bye" => link.close(CloseReason::Misbehaved),
            _ => link.send(line_of(text)),
        }
        Flow::Continue
    }

    fn fragment(&mut self, _: ConnId, _: &mut Session, _: &mut dyn Link, _: Instant) -> Flow {
        self.fragments += 1;
        Flow::Continue
    }

    fn line_too_long(&mut self, _: &mut Session, link: &mut dyn Link) {
        link.send(line_of("too long"));
    }

    fn message(&mut self, message: Ask, net: &mut dyn Outbound<Session>, _: Instant) {
        let (Ask::Say(conn, _) | Ask::Flood(conn, ..) | Ask::Resume(conn) | Ask::Renew(conn) | Ask::Answer(conn)) =
            message;
        let Some((session, link)) = net.connection(conn) else {
            self.tell(Told::Missing(conn));
            return;
        };
        match message {
            Ask::Say(_, text) => link.send(line_of(text)),
            Ask::Flood(_, lines, bytes) => {
                let long = Bytes::from([vec![b'x'; bytes - 1], vec![b'\n']].concat());
                (0..lines).for_each(|_| link.send(long.clone()));
                session.wants_room = true;
            }
            Ask::Resume(_) => session.paused = false,
            Ask::Renew(_) => link.renew(),
            Ask::Answer(_) => {
                session.held -= 1;
                link.send(line_of("answer"));
            }
        }
    }

    fn turn_ended(&mut self, _: &mut dyn Outbound<Session>, _: Instant) {
        self.turns += 1;
    }

    fn due(&mut self, _: ConnId, session: &mut Session, link: &mut dyn Link, _: Instant) {
        session.wake_at = None;
        link.send(line_of("due"));
    }

    fn after_turn(&mut self, _: ConnId, session: &mut Session, link: &mut dyn Link, _: Instant) -> Wants {
        if self.is_stopping && !std::mem::replace(&mut session.told_shutdown, true) {
            link.send(line_of("shutdown"));
            if !self.stubborn {
                link.close(CloseReason::Shutdown);
            }
        }
        if session.wants_room && link.queued_bytes() == 0 {
            session.wants_room = false;
            link.send(line_of("drained"));
            self.tell(Told::Drained);
        }
        Wants { wake_at: session.wake_at, reading: !session.paused, idle: session.held == 0 }
    }

    fn closed(&mut self, conn: ConnId, _: Session, reason: CloseReason, acknowledged: u64, _: Instant) {
        self.tell(Told::Closed { conn, reason, acknowledged });
    }

    fn stopping(&mut self, _: Instant) {
        self.is_stopping = true;
    }
}

/// A reactor that runs.
struct Running {
    handle: ReactorHandle<Ask>,
    told: Receiver<Told>,
    listener: TcpListener,
    metrics: Arc<Metrics>,
    thread: thread::JoinHandle<io::Result<()>>,
}

/// The client's end of a connection.
struct Client {
    conn: ConnId,
    reader: BufReader<TcpStream>,
}

fn settings() -> Settings {
    Settings {
        line_bytes: 1000,
        outbox_bytes: 64 * 1024,
        stall: None,
        preamble: Preamble::None,
        site: None,
        tls: None,
        metrics: Arc::new(Metrics::new()),
    }
}

fn start() -> Running {
    start_with(settings(), false)
}

fn start_with(settings: Settings, stubborn: bool) -> Running {
    let (handle, inbox) = mailbox::channel(0).unwrap();
    let (sender, told) = unbounded();
    let metrics = Arc::clone(&settings.metrics);
    let thread = thread::spawn(move || {
        run(
            inbox,
            settings,
            Script { told: sender, stubborn, is_stopping: false, guests: 0, lines: 0, turns: 0, fragments: 0 },
        )
    });
    Running { handle, told, listener: TcpListener::bind("127.0.0.1:0").unwrap(), metrics, thread }
}

/// A reactor that begins with so many guests and then one member, all connected, and all with these lines to be read.
fn start_with_guests(guests: u32, lines: &[u8], of_member: &[u8]) -> (Vec<TcpStream>, impl FnOnce()) {
    let (handle, inbox) = mailbox::channel(0).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut clients = Vec::new();
    for slot in 0..=guests {
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        client.write_all(if slot < guests { lines } else { of_member }).unwrap();
        let (socket, from) = listener.accept().unwrap();
        socket.set_nonblocking(true).unwrap();
        handle.adopt(mio::net::TcpStream::from_std(socket), from, Accepts::PlainAndTls).unwrap();
        clients.push(client);
    }
    let (told, _) = unbounded();
    let script = Script { told, stubborn: false, is_stopping: false, guests, lines: 0, turns: 0, fragments: 0 };
    let thread = thread::spawn(move || run(inbox, settings(), script));
    let stop = move || {
        handle.stop(Instant::now()).unwrap();
        thread.join().unwrap().unwrap();
    };
    (clients, stop)
}

#[test]
fn a_turn_is_short_and_guests_have_a_part_of_it() {
    let lines = b"abcd\n".repeat(1000);
    let (mut clients, stop) = start_with_guests(40, &lines, b"count\n");
    let mut answer = String::new();
    BufReader::new(clients.pop().unwrap()).read_line(&mut answer).unwrap();
    let before: u32 = answer.trim().parse().unwrap();
    // They are adopted and read in the same turns.
    assert!(before <= 2 * GUESTS_WORK, "{before} lines of guests were taken up ahead of a member's");
    stop();
}

#[test]
fn nobody_starves_and_order_is_kept_when_turns_are_full() {
    let lines: Vec<_> = (0..500).map(|number| format!("{number}\n")).collect();
    let lines = lines.concat();
    let (clients, stop) = start_with_guests(200, lines.as_bytes(), lines.as_bytes());
    for mut client in clients {
        let mut answers = vec![0; lines.len()];
        client.read_exact(&mut answers).unwrap();
        assert_eq!(answers, lines.as_bytes());
    }
    stop();
}

impl Running {
    /// Connects a socket and gives the other end to the reactor.
    fn connect_raw(&self) -> TcpStream {
        self.connect_as(Accepts::PlainAndTls)
    }

    fn connect_as(&self, accepts: Accepts) -> TcpStream {
        let client = TcpStream::connect(self.listener.local_addr().unwrap()).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        client.set_write_timeout(Some(PATIENCE)).unwrap();
        let (socket, from) = self.listener.accept().unwrap();
        socket.set_nonblocking(true).unwrap();
        self.handle.adopt(mio::net::TcpStream::from_std(socket), from, accepts).unwrap();
        client
    }

    fn connect(&self) -> Client {
        let socket = self.connect_raw();
        let Told::Opened(conn, _) = self.hear() else { panic!("not opened") };
        Client { conn, reader: BufReader::new(socket) }
    }

    fn hear(&self) -> Told {
        self.told.recv_timeout(PATIENCE).unwrap()
    }

    fn hear_closed(&self, expected: CloseReason) -> u64 {
        match self.hear() {
            Told::Closed { reason, acknowledged, .. } if reason == expected => acknowledged,
            other => panic!("expected {expected:?}, heard {other:?}"),
        }
    }

    fn post(&self, ask: Ask) {
        self.handle.post(ask).unwrap();
    }

    /// Stops it and waits for its end; the counts are final then.
    fn stop(self) -> Arc<Metrics> {
        self.handle.stop(Instant::now()).unwrap();
        self.thread.join().unwrap().unwrap();
        assert_eq!(self.metrics.connections.get(), 0);
        assert_eq!(self.handle.connections(), 0);
        self.metrics
    }
}

impl Client {
    fn socket(&self) -> &TcpStream {
        self.reader.get_ref()
    }

    fn send(&self, bytes: &[u8]) {
        self.socket().write_all(bytes).unwrap();
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.reader.read_line(&mut line).unwrap();
        line.strip_suffix('\n').expect("the connection ended").to_owned()
    }

    fn assert_end(&mut self) {
        assert_eq!(self.reader.read(&mut [0; 100]).unwrap(), 0, "more came");
    }
}

#[test]
fn no_turn_is_spent_on_a_peer_that_has_ended_and_waits_for_its_answer() {
    let running = start();
    let (ended, mut other) = (running.connect(), running.connect());
    ended.send(b"hold\n");
    ended.socket().shutdown(Shutdown::Write).unwrap();
    let mut turns = || {
        other.send(b"turns\n");
        other.line().parse::<u32>().unwrap()
    };
    let before = turns();
    thread::sleep(Duration::from_millis(200));
    let spent = turns() - before;
    assert!(spent < 20, "{spent} turns");
    running.post(Ask::Answer(ended.conn));
    let mut ended = ended;
    assert_eq!(ended.line(), "answer");
    ended.assert_end();
    drop(ended);
    running.hear_closed(CloseReason::PeerClosed);
    running.stop();
}

#[test]
fn a_line_may_come_in_pieces() {
    let running = start();
    let mut client = running.connect();
    for byte in b"hello\r\nwor" {
        client.send(&[*byte]);
    }
    assert_eq!(client.line(), "hello");
    client.send(b"ld\n");
    assert_eq!(client.line(), "world");
    running.stop();
}

#[test]
fn thousands_of_lines_in_flight_come_back_in_order() {
    const LINES: u32 = 50_000;
    let running = start_with(Settings { outbox_bytes: 16 << 20, ..settings() }, false);
    let mut client = running.connect();
    let mut writer = client.socket().try_clone().unwrap();
    let sender = thread::spawn(move || {
        let all: Vec<_> = (0..LINES).map(|number| line_of(&format!("line {number}"))).collect();
        writer.write_all(&all.concat()).unwrap();
    });
    for number in 0..LINES {
        assert_eq!(client.line(), format!("line {number}"));
    }
    sender.join().unwrap();
    let metrics = running.stop();
    assert_eq!(metrics.lines_in.get(), u64::from(LINES));
    assert_eq!(metrics.lines_out.get(), u64::from(LINES), "none about the shutdown: there was no time for it");
}

#[test]
fn a_paused_connection_offers_nothing_until_it_is_resumed() {
    let running = start();
    let mut client = running.connect();
    client.send(b"pause\nafter\npause\nlast\n");
    assert_eq!(running.hear(), Told::Offered("pause".into()));
    running.post(Ask::Say(client.conn, "said while paused"));
    assert_eq!(client.line(), "said while paused");
    // These come while it is paused, with an edge that nobody acts on.
    client.send(b"later\n");
    running.post(Ask::Say(client.conn, "said again"));
    assert_eq!(client.line(), "said again");
    running.post(Ask::Resume(client.conn));
    assert_eq!(client.line(), "after");
    assert_eq!(running.hear(), Told::Offered("pause".into()));
    running.post(Ask::Resume(client.conn));
    assert_eq!(client.line(), "last");
    assert_eq!(client.line(), "later");
    running.stop();
}

#[test]
fn a_line_to_be_retried_is_offered_again() {
    let running = start();
    let mut client = running.connect();
    client.send(b"retry\nafter\n");
    assert_eq!(running.hear(), Told::Offered("retry".into()));
    running.post(Ask::Resume(client.conn));
    assert_eq!(running.hear(), Told::Offered("retry".into()));
    assert_eq!(client.line(), "retried");
    assert_eq!(client.line(), "after");
    assert_eq!(running.stop().lines_in.get(), 2, "a line counts when it is taken");
}

#[test]
fn what_is_on_its_way_to_an_earlier_name_of_the_connection_misses_it() {
    let running = start();
    let mut client = running.connect();
    running.post(Ask::Renew(client.conn));
    client.send(b"hello\n");
    assert_eq!(client.line(), "hello", "the socket is the same");
    running.post(Ask::Say(client.conn, "late"));
    assert_eq!(running.hear(), Told::Missing(client.conn));
    let now = ConnId { generation: client.conn.generation + 1, ..client.conn };
    running.post(Ask::Say(now, "here"));
    assert_eq!(client.line(), "here");
    let other = running.connect();
    assert_eq!(other.conn.generation, now.generation + 1, "no name is given twice");
    drop(client);
    let Told::Closed { conn, .. } = running.hear() else { panic!("not closed") };
    assert_eq!(conn, now);
    running.stop();
}

#[test]
fn a_paused_sender_feels_backpressure() {
    let running = start();
    let client = running.connect();
    client.send(b"pause\n");
    running.hear();
    let mut socket = client.socket();
    socket.set_nonblocking(true).unwrap();
    let line = [vec![b'x'; 999], vec![b'\n']].concat();
    let deadline = Instant::now() + PATIENCE;
    while socket.write(&line).is_ok() {
        assert!(Instant::now() < deadline, "it reads on");
    }
    assert!(running.metrics.bytes_in.get() <= 64 * 1024, "{} bytes were read", running.metrics.bytes_in.get());
    running.stop();
}

#[test]
fn a_slow_reader_is_cut_off() {
    let running = start();
    let client = running.connect();
    running.post(Ask::Flood(client.conn, 2000, 32 * 1024));
    let acknowledged = running.hear_closed(CloseReason::SlowConsumer);
    assert!(acknowledged < 2000 * 32 * 1024);
    running.stop();
}

#[test]
fn a_burst_over_the_mark_goes_out_while_the_kernel_takes_it() {
    let running = start_with(Settings { outbox_bytes: 1000, ..settings() }, false);
    let mut client = running.connect();
    running.post(Ask::Flood(client.conn, 320, 100));
    for _ in 0..320 {
        assert_eq!(client.line().len(), 99);
    }
    running.stop();
}

#[test]
fn falling_below_the_low_water_mark_is_told() {
    let running = start();
    let mut client = running.connect();
    running.post(Ask::Flood(client.conn, 2, 10_000));
    assert_eq!(running.hear(), Told::Drained);
    client.line();
    client.line();
    assert_eq!(client.line(), "drained", "what is sent from there goes out too");
    running.stop();
}

#[test]
fn who_ends_his_side_still_gets_his_replies() {
    let running = start();
    let mut client = running.connect();
    client.send(b"hold\necho\nhold\nunfinished");
    client.socket().shutdown(Shutdown::Write).unwrap();
    assert_eq!(client.line(), "echo");
    running.post(Ask::Answer(client.conn));
    assert_eq!(client.line(), "answer");
    running.post(Ask::Say(client.conn, "one is still held"));
    assert_eq!(client.line(), "one is still held");
    running.post(Ask::Answer(client.conn));
    assert_eq!(client.line(), "answer");
    client.assert_end();
    assert!(running.hear_closed(CloseReason::PeerClosed) <= 37);
    running.stop();
}

#[test]
fn lines_behind_a_pause_are_handled_although_the_peer_has_ended() {
    let running = start();
    let mut client = running.connect();
    client.send(b"pause\n");
    running.hear();
    client.send(b"last\n");
    client.socket().shutdown(Shutdown::Write).unwrap();
    running.post(Ask::Say(client.conn, "still here"));
    assert_eq!(client.line(), "still here");
    running.post(Ask::Resume(client.conn));
    assert_eq!(client.line(), "last");
    client.assert_end();
    running.hear_closed(CloseReason::PeerClosed);
    running.stop();
}

#[test]
fn a_reset_is_noticed_while_paused() {
    let running = start();
    let client = running.connect();
    client.send(b"pause\n");
    running.hear();
    SockRef::from(client.socket()).set_linger(Some(Duration::ZERO)).unwrap();
    drop(client);
    running.hear_closed(CloseReason::SocketError);
    running.stop();
}

#[test]
fn a_late_message_misses_the_next_owner_of_the_slot() {
    let running = start();
    let client = running.connect();
    let gone = client.conn;
    drop(client);
    running.hear_closed(CloseReason::PeerClosed);
    let mut next = running.connect();
    assert_eq!(next.conn.slot, gone.slot);
    running.post(Ask::Say(gone, "not for you"));
    assert_eq!(running.hear(), Told::Missing(gone));
    running.post(Ask::Say(next.conn, "for you"));
    assert_eq!(next.line(), "for you");
    running.stop();
}

#[test]
fn closing_flushes_and_drops_what_comes_after() {
    let running = start();
    let mut client = running.connect();
    client.send(b"echo\nbye\nnot handled any more\n");
    assert_eq!(client.line(), "echo");
    client.assert_end();
    running.post(Ask::Say(client.conn, "too late"));
    assert_eq!(running.hear(), Told::Missing(client.conn), "what cannot arrive must not count as sent");
    let conn = client.conn;
    drop(client);
    let acknowledged = "echo\n".len() as u64;
    assert_eq!(running.hear(), Told::Closed { conn, reason: CloseReason::Misbehaved, acknowledged });
    running.stop();
}

#[test]
fn a_line_too_long_is_answered_although_input_is_left() {
    let running = start();
    let mut client = running.connect();
    client.send(&vec![b'x'; 30_000]);
    assert_eq!(client.line(), "too long");
    client.assert_end();
    drop(client);
    running.hear_closed(CloseReason::LineTooLong);
    running.stop();
}

#[test]
fn a_deadline_comes_once_and_the_last_wish_counts() {
    let running = start();
    let mut client = running.connect();
    client.send(b"wake\n");
    assert_eq!(client.line(), "due");
    // In one write, so in one turn: the later wish replaces the one for now.
    client.send(b"wake\nwake later\n");
    client.send(b"echo\n");
    assert_eq!(client.line(), "echo");
    // That turn is over; a deadline left from it would come ahead of this.
    client.send(b"nothing else\n");
    assert_eq!(client.line(), "nothing else");
    running.stop();
}

#[test]
fn stopping_flushes_and_ends() {
    let running = start();
    let mut clients: Vec<_> = (0..5).map(|_| running.connect()).collect();
    running.handle.stop(Instant::now() + PATIENCE).unwrap();
    for client in &mut clients {
        assert_eq!(client.line(), "shutdown");
        client.assert_end();
    }
    drop(clients);
    let handle = running.handle.clone();
    for _ in 0..5 {
        running.hear_closed(CloseReason::Shutdown);
    }
    running.thread.join().unwrap().unwrap();
    assert_eq!(handle.stop(Instant::now()), Err(ReactorGone));
}

#[test]
fn stopping_cuts_whoever_is_left_at_the_deadline() {
    let running = start_with(settings(), true);
    let mut client = running.connect();
    running.handle.stop(Instant::now() + Duration::from_millis(50)).unwrap();
    assert_eq!(client.line(), "shutdown");
    running.hear_closed(CloseReason::Shutdown);
    running.thread.join().unwrap().unwrap();
}

#[test]
fn the_proxy_header_tells_the_clients_address() {
    let preamble = Preamble::ProxyHeader(PATIENCE);
    let running = start_with(Settings { preamble, ..settings() }, false);
    let mut socket = running.connect_raw();
    socket.write_all(b"PROXY TCP4 192.0.2.7 ").unwrap();
    // A second one that is no header is closed, and never opened.
    let mut bad = running.connect_raw();
    bad.write_all(b"{\"msgid\":17}\n").unwrap();
    assert_eq!(bad.read(&mut [0; 10]).unwrap_or(0), 0);

    socket.write_all(b"192.0.2.8 1 2\r\nfirst\nsec").unwrap();
    let Told::Opened(conn, from) = running.hear() else { panic!("not opened") };
    assert_eq!(from, IpAddr::from([192, 0, 2, 7]));
    let mut client = Client { conn, reader: BufReader::new(socket) };
    assert_eq!(client.line(), "first");
    client.send(b"ond\n");
    assert_eq!(client.line(), "second");
    let reason = Reason { reason: CloseReason::BadProxyHeader };
    assert_eq!(running.metrics.closed.get_or_create(&reason).get(), 1);
    running.stop();
}

#[test]
fn a_missing_proxy_header_is_not_waited_for_for_ever() {
    let preamble = Preamble::ProxyHeader(Duration::from_millis(20));
    let running = start_with(Settings { preamble, ..settings() }, false);
    let mut socket = running.connect_raw();
    socket.write_all(b"PROXY TC").unwrap();
    assert_eq!(socket.read(&mut [0; 10]).unwrap_or(0), 0);
    running.stop();
}
