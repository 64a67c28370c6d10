//! By what doors a peer comes in: as it is or by TLS, with lines or by HTTP.

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::*;
use crate::net::http::Files;
use crate::net::tls::Certificate;

type Encrypted = StreamOwned<ClientConnection, TcpStream>;

/// A certificate, as the server speaks TLS with it and as a client trusts it.
fn certified() -> (Arc<ServerConfig>, Arc<ClientConfig>) {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["here.test".to_owned()]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (cert_file, key_file) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    std::fs::write(&cert_file, cert.pem()).unwrap();
    std::fs::write(&key_file, signing_key.serialize_pem()).unwrap();
    let server = Arc::new(Certificate::load(&cert_file, &key_file).unwrap()).server_config().unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(cert.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let client = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    (server, Arc::new(client.with_root_certificates(roots).with_no_client_auth()))
}

fn encrypted(socket: TcpStream, config: &Arc<ClientConfig>) -> Encrypted {
    let name = ServerName::try_from("here.test").unwrap();
    StreamOwned::new(ClientConnection::new(Arc::clone(config), name).unwrap(), socket)
}

fn start_with_doors(tls: Option<Arc<ServerConfig>>) -> Running {
    let files = Files::embedded(&[("index.html", b"a page\n")]);
    let site = Some(Arc::new(Site { files, ..Site::default() }));
    start_with(Settings { site, tls, ..settings() }, false)
}

fn to_the_end(mut stream: impl Read) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
const LAST_GET: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

#[test]
fn lines_by_tls_are_acknowledged_as_such_and_end_in_order() {
    let (server, client) = certified();
    let running = start_with_doors(Some(server));
    let mut stream = encrypted(running.connect_as(Accepts::OnlyTls), &client);
    let Told::Opened(conn, _) = running.hear() else { panic!("not opened") };
    stream.write_all(b"one\ntwo\n").unwrap();
    let mut answers = [0; 8];
    stream.read_exact(&mut answers).unwrap();
    assert_eq!(&answers, b"one\ntwo\n");
    // More than a record, and more than the kernel takes at once.
    running.post(Ask::Flood(conn, 100, 1000));
    let mut flood = vec![0; 100 * 1000];
    stream.read_exact(&mut flood).unwrap();
    assert!(flood.chunks(1000).all(|line| line.ends_with(b"\n")));
    stream.conn.send_close_notify();
    stream.flush().unwrap();
    // It ends with a close_notify of its own, or reading would fail.
    assert_eq!(to_the_end(&mut stream), "drained\n");
    drop(stream);
    assert_eq!(running.hear(), Told::Drained);
    let acknowledged = running.hear_closed(CloseReason::PeerClosed);
    assert_eq!(acknowledged, 8 + 100 * 1000 + 8, "bytes of lines, not of records");
    running.stop();
}

#[test]
fn where_tls_is_demanded_lines_are_told_so_and_browsers_sent_there() {
    let (server, _) = certified();
    let running = start_with_doors(Some(server));
    let mut plain = running.connect_as(Accepts::OnlyTls);
    plain.write_all(b"one\n").unwrap();
    let told = to_the_end(&plain);
    assert!(told.starts_with("{\"msgid\":19,\"errno\":403,") && told.ends_with("}\n"), "{told}");
    drop(plain);
    assert!(matches!(running.hear(), Told::Opened(..)));
    running.hear_closed(CloseReason::TlsRequired);

    let mut browser = running.connect_as(Accepts::OnlyTls);
    browser.write_all(GET).unwrap();
    let told = to_the_end(&browser);
    assert!(told.contains("\r\nLocation: https://localhost/\r\n"), "{told}");
    drop(browser);
    assert!(matches!(running.hear(), Told::Opened(..)));
    running.hear_closed(CloseReason::HttpDone);
    running.stop();
}

#[test]
fn without_a_certificate_a_handshake_is_refused_at_once() {
    let (_, client) = certified();
    let running = start_with_doors(None);
    let mut stream = encrypted(running.connect_raw(), &client);
    assert!(matches!(running.hear(), Told::Opened(..)));
    let error = stream.read(&mut [0]).unwrap_err().to_string();
    assert!(error.contains("HandshakeFailure"), "{error}");
    drop(stream);
    running.hear_closed(CloseReason::TlsFailed);
    running.stop();
}

#[test]
fn requests_that_come_at_once_are_answered_in_order_and_none_is_lost() {
    let running = start_with_doors(None);
    let mut browser = running.connect_raw();
    // Many more than an outbox takes, so that reading pauses on the way.
    let count = 400;
    let mut writer = browser.try_clone().unwrap();
    let write = thread::spawn(move || {
        for _ in 1..count {
            writer.write_all(GET).unwrap();
        }
        writer.write_all(LAST_GET).unwrap();
    });
    let answers = to_the_end(&mut browser);
    write.join().unwrap();
    assert_eq!(answers.matches("HTTP/1.1 200 OK\r\n").count(), count);
    assert_eq!(answers.matches("\r\n\r\na page\n").count(), count);
    assert!(answers.ends_with("\r\nConnection: close\r\n\r\na page\n"), "the last one ends it");
    running.stop();
}

#[test]
fn a_request_in_pieces_is_one() {
    let running = start_with_doors(None);
    let mut browser = running.connect_raw();
    for byte in LAST_GET {
        browser.write_all(&[*byte]).unwrap();
        thread::yield_now();
    }
    assert!(to_the_end(browser).ends_with("\r\n\r\na page\n"));
    running.stop();
}

#[test]
fn a_head_that_does_not_end_is_answered_after_its_time() {
    let running = start_with_doors(None);
    let mut browser = running.connect_raw();
    browser.write_all(GET).unwrap();
    browser.write_all(b"GET / HTTP/1.1\r\nHo").unwrap();
    let answers = to_the_end(&browser);
    let (_, second) = answers.split_once("a page\n").unwrap();
    assert!(second.starts_with("HTTP/1.1 408 ") && second.contains("Connection: close"), "{answers}");
    running.stop();
}

#[test]
fn a_handshake_that_does_not_end_is_given_up() {
    let (server, _) = certified();
    let running = start_with_doors(Some(server));
    let mut socket = running.connect_as(Accepts::OnlyTls);
    socket.write_all(b"\x16\x03\x01\x02\x00\x01").unwrap();
    assert!(matches!(running.hear(), Told::Opened(..)));
    let mut rest = Vec::new();
    socket.read_to_end(&mut rest).unwrap();
    drop(socket);
    running.hear_closed(CloseReason::TlsFailed);
    running.stop();
}

#[test]
fn a_peer_that_breaks_tls_is_told_why() {
    let (server, client) = certified();
    let running = start_with_doors(Some(server));
    let mut stream = encrypted(running.connect_as(Accepts::OnlyTls), &client);
    assert!(matches!(running.hear(), Told::Opened(..)));
    stream.write_all(b"one\n").unwrap();
    let mut answer = [0; 4];
    stream.read_exact(&mut answer).unwrap();
    // A record that cannot be opened.
    stream.sock.write_all(b"\x17\x03\x03\x00\x14abcdefghijklmnopqrst").unwrap();
    let error = stream.read(&mut answer).unwrap_err().to_string();
    assert!(error.contains("BadRecordMac") || error.contains("DecryptError"), "{error}");
    drop(stream);
    running.hear_closed(CloseReason::TlsFailed);
    running.stop();
}

/// A client that has come by TLS.
fn come_by_tls(running: &Running, client: &Arc<ClientConfig>) -> (ConnId, Encrypted) {
    let mut stream = encrypted(running.connect_as(Accepts::OnlyTls), client);
    let Told::Opened(conn, _) = running.hear() else { panic!("not opened") };
    stream.write_all(b"one\n").unwrap();
    let mut answer = [0; 4];
    stream.read_exact(&mut answer).unwrap();
    (conn, stream)
}

#[test]
fn an_end_in_the_packet_of_the_last_line_is_seen() {
    let (server, client) = certified();
    let running = start_with_doors(Some(server));
    let (_, mut stream) = come_by_tls(&running, &client);
    stream.conn.writer().write_all(b"two\n").unwrap();
    stream.conn.send_close_notify();
    let mut packet = Vec::new();
    while stream.conn.wants_write() {
        stream.conn.write_tls(&mut packet).unwrap();
    }
    // No FIN follows: the client waits for the server's own close_notify.
    stream.sock.write_all(&packet).unwrap();
    assert_eq!(to_the_end(&mut stream), "two\n");
    drop(stream);
    running.hear_closed(CloseReason::PeerClosed);
    running.stop();
}

#[test]
fn what_comes_while_a_record_is_taken_out_in_parts_is_read_behind_it() {
    let (server, client) = certified();
    let running = start_with_doors(Some(server));
    let (conn, mut stream) = come_by_tls(&running, &client);
    // A guest's visit takes no more than a part of this record, and pauses.
    stream.write_all(b"guest\n").unwrap();
    let long = format!("{}\n", "x".repeat(989)).repeat(6);
    stream.write_all(format!("pause\n{long}").as_bytes()).unwrap();
    assert_eq!(running.hear(), Told::Offered("pause".to_owned()));
    stream.write_all(b"late\n").unwrap();
    running.post(Ask::Resume(conn));
    let mut answers = vec![0; long.len() + 5];
    stream.read_exact(&mut answers).unwrap();
    assert!(answers.ends_with(b"\nlate\n"));
    running.stop();
}

#[test]
fn the_time_of_a_head_begins_with_its_first_bytes() {
    let running = start_with_doors(None);
    let mut browser = running.connect_raw();
    browser.write_all(GET).unwrap();
    thread::sleep(Duration::from_millis(5500));
    let (begin, rest) = LAST_GET.split_at(20);
    browser.write_all(begin).unwrap();
    thread::sleep(Duration::from_millis(200));
    browser.write_all(rest).unwrap();
    assert_eq!(to_the_end(&browser).matches("HTTP/1.1 200 OK\r\n").count(), 2);
    running.stop();
}

/// A client with a WebSocket; its frames are masked with zeros.
fn come_by_websocket(running: &Running) -> (ConnId, TcpStream) {
    let mut socket = running.connect_raw();
    let Told::Opened(conn, _) = running.hear() else { panic!("not opened") };
    let request = b"GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
    socket.write_all(request).unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        socket.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    (conn, socket)
}

#[test]
fn frames_and_records_that_hold_no_line_are_counted() {
    let (server, client) = certified();
    let running = start_with_doors(Some(server));
    let (_, mut socket) = come_by_websocket(&running);
    // A Pong, and a fragment without text; each on its own.
    for frame in [&b"\x8a\x80\0\0\0\0"[..], b"\x01\x80\0\0\0\0", b"\x80\x89\0\0\0\0fragments"] {
        socket.write_all(frame).unwrap();
        thread::sleep(Duration::from_millis(100));
    }
    let mut answer = [0; 3];
    socket.read_exact(&mut answer).unwrap();
    let before = answer[2] - b'0';
    assert!(before >= 2, "{answer:?}");

    let (_, mut stream) = come_by_tls(&running, &client);
    // The head of a record, byte by byte.
    for byte in b"\x17\x03\x03\x01\x00" {
        stream.sock.write_all(&[*byte]).unwrap();
        thread::sleep(Duration::from_millis(50));
    }
    socket.write_all(b"\x81\x89\0\0\0\0fragments").unwrap();
    let mut answer = [0; 2];
    socket.read_exact(&mut answer).unwrap();
    let mut text = vec![0; usize::from(answer[1])];
    socket.read_exact(&mut text).unwrap();
    let after: u8 = str::from_utf8(&text).unwrap().parse().unwrap();
    assert!(after >= before + 5, "{before} before, {after} after");
    running.stop();
}

#[test]
fn a_websocket_whose_peer_takes_nothing_is_given_up() {
    let site = Some(Arc::new(Site::default()));
    let stall = Some(Duration::from_millis(300));
    let running = start_with(Settings { site, stall, outbox_bytes: 64 << 20, ..settings() }, false);
    let (conn, _socket) = come_by_websocket(&running);
    running.post(Ask::Flood(conn, 30_000, 1000));
    running.hear_closed(CloseReason::SlowConsumer);
    running.stop();
}

#[test]
fn what_follows_a_goodbye_destroys_no_answers() {
    let (server, client) = certified();
    let site = Some(Arc::default());
    let running = start_with(Settings { tls: Some(server), site, outbox_bytes: 4 << 20, ..settings() }, false);
    let mut stream = encrypted(running.connect_raw(), &client);
    let Told::Opened(conn, _) = running.hear() else { panic!("not opened") };
    stream.write_all(b"hold\n").unwrap();
    running.post(Ask::Flood(conn, 1000, 1000));
    stream.conn.send_close_notify();
    stream.flush().unwrap();
    assert_eq!(running.hear(), Told::Drained);
    running.post(Ask::Answer(conn));
    thread::sleep(Duration::from_millis(200));
    // Nobody has asked for it; a close_notify behind the Close of a WebSocket is such a thing.
    stream.sock.write_all(b"more").unwrap();
    thread::sleep(Duration::from_millis(200));
    let answers = to_the_end(&mut stream);
    assert_eq!(answers.len(), 1000 * 1000 + "drained\nanswer\n".len());
    running.stop();
}

#[test]
fn a_line_that_waits_for_a_handshake_does_not_hold_it_up() {
    let (server, client) = certified();
    let running = start_with_doors(Some(server));
    let mut other = running.connect();
    let mut stream = encrypted(running.connect_raw(), &client);
    let Told::Opened(conn, _) = running.hear() else { panic!("not opened") };
    let mut hello = Vec::new();
    stream.conn.write_tls(&mut hello).unwrap();
    stream.sock.write_all(&hello[..1]).unwrap();
    // The first byte has been taken in as a piece of a handshake.
    let deadline = Instant::now() + PATIENCE;
    let mut taken_in = || {
        other.send(b"fragments\n");
        other.line() != "0"
    };
    while !taken_in() {
        assert!(Instant::now() < deadline, "waited for the first byte in vain");
    }
    running.post(Ask::Say(conn, "early"));
    stream.sock.write_all(&hello[1..]).unwrap();
    let mut answer = [0; 6];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"early\n");
    running.stop();
}
