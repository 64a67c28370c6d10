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
