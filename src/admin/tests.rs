//! Tests of [`super`]: the pages, and clients that say nothing, too much or nothing more.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, TcpStream};

use super::client::{Admitted, Answers};
use super::http::{HEAD_BYTES_MAX, Head};
use super::socket::Peer;
use super::*;
use crate::metrics::Metrics;
use crate::net::tls::Certificate;

/// A deadline that no test lives to see.
const FOR_EVER: Duration = Duration::from_secs(3_600);

fn started(ready: impl Fn() -> Result<(), Vec<String>> + Send + Sync + 'static) -> Admin {
    started_with_patience(FOR_EVER, ready)
}

fn started_with_patience(
    patience: Duration,
    ready: impl Fn() -> Result<(), Vec<String>> + Send + Sync + 'static,
) -> Admin {
    let pages = Arc::new(Pages::new(Arc::new(Metrics::new()), None, ready));
    Admin::start_with_patience(patience, (Ipv4Addr::LOCALHOST, 0).into(), None, pages).unwrap()
}

fn connected(admin: &Admin) -> TcpStream {
    let client = TcpStream::connect(admin.local_addr().unwrap()).unwrap();
    client.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    client
}

/// Everything that comes back, head and body apart.
fn answer(mut client: TcpStream) -> (String, String) {
    let mut all = String::new();
    client.read_to_string(&mut all).unwrap();
    let (head, body) = all.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}

fn asked(admin: &Admin, request: &str) -> (String, String) {
    let mut client = connected(admin);
    client.write_all(request.as_bytes()).unwrap();
    answer(client)
}

#[test]
fn metrics_health_and_readiness_are_served() {
    let admin = started(|| Ok(()));
    let (head, body) = asked(&admin, "GET /metrics?x=1 HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(head.starts_with("HTTP/1.1 200 OK\r\nContent-Type: application/openmetrics-text; version=1.0.0"), "{head}");
    assert!(head.contains("\r\nConnection: close"), "{head}");
    assert!(head.contains(&format!("\r\nContent-Length: {}\r\n", body.len())), "{head}");
    assert!(body.contains("stonechat_accepted_total 0\n"), "{body}");
    assert_eq!(asked(&admin, "GET /healthz HTTP/1.0\n\n").1, "ok\n");
    assert_eq!(asked(&admin, "GET /readyz HTTP/1.1\r\n\r\n").1, "ready\n");
    admin.stop();
}

#[test]
fn who_is_not_ready_says_why_line_by_line() {
    let admin = started(|| Err(vec!["the store is away".to_owned(), "the bus\nis down".to_owned()]));
    let (head, body) = asked(&admin, "GET /readyz HTTP/1.1\r\n\r\n");
    assert!(head.starts_with("HTTP/1.1 503 "), "{head}");
    assert_eq!(body, "the store is away\nthe bus is down\n");
    assert!(asked(&admin, "GET /healthz HTTP/1.1\r\n\r\n").0.starts_with("HTTP/1.1 200 "));
    admin.stop();
}

#[test]
fn head_has_the_length_and_no_body() {
    let admin = started(|| Ok(()));
    let (head, body) = asked(&admin, "HEAD /healthz HTTP/1.1\r\n\r\n");
    assert!(head.contains("\r\nContent-Length: 3\r\n"), "{head}");
    assert_eq!(body, "");
    admin.stop();
}

#[test]
fn what_is_not_served_is_refused_by_name() {
    let admin = started(|| Ok(()));
    let status = |request: &str| asked(&admin, request).0.split("\r\n").next().unwrap_or_default().to_owned();
    assert_eq!(status("GET / HTTP/1.1\r\n\r\n"), "HTTP/1.1 404 Not Found");
    assert_eq!(status("POST /nothing HTTP/1.1\r\n\r\n"), "HTTP/1.1 404 Not Found");
    assert_eq!(status("POST /metrics HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc"), "HTTP/1.1 405 Method Not Allowed");
    assert_eq!(status("\u{0}\u{1}\r\n\r\n"), "HTTP/1.1 400 Bad Request");
    assert_eq!(status("{\"msgid\": 17}\n\n"), "HTTP/1.1 400 Bad Request");
    assert!(asked(&admin, "PUT /readyz HTTP/1.1\r\n\r\n").0.contains("\r\nAllow: GET, HEAD\r\n"));
    let long = format!("GET /healthz HTTP/1.1\r\nX: {}", "x".repeat(HEAD_BYTES_MAX));
    assert_eq!(status(&long), "HTTP/1.1 431 Request Header Fields Too Large");
    admin.stop();
}

/// Clients that have connected and say nothing, or not all.
fn silent_ones(admin: &Admin, count: usize, said: &[u8]) -> Vec<TcpStream> {
    let silent = |_| {
        let mut client = connected(admin);
        client.write_all(said).unwrap();
        client
    };
    (0..count).map(silent).collect()
}

#[test]
fn silent_clients_hold_nobody_up() {
    let admin = started(|| Ok(()));
    let silent = [silent_ones(&admin, 8, b""), silent_ones(&admin, 8, b"GET /hea")];
    assert_eq!(asked(&admin, "GET /healthz HTTP/1.1\r\n\r\n").1, "ok\n");
    assert_eq!(asked(&admin, "GET /readyz HTTP/1.1\r\n\r\n").1, "ready\n");
    assert!(asked(&admin, "GET /metrics HTTP/1.1\r\n\r\n").1.contains("stonechat_accepted_total"));
    // They were served beside those that are silent still, and are served as soon as they speak.
    for mut client in silent.into_iter().flatten() {
        client.write_all(b"x HTTP/1.1\r\n\r\n").unwrap();
        assert!(answer(client).0.starts_with("HTTP/1.1 40"));
    }
    admin.stop();
}

#[test]
fn of_too_many_silent_clients_the_oldest_go_first() {
    let admin = started(|| Ok(()));
    let mut silent = silent_ones(&admin, CONNECTIONS_MAX + 32, b"").into_iter();
    assert_eq!(asked(&admin, "GET /healthz HTTP/1.1\r\n\r\n").1, "ok\n");
    for mut gone in silent.by_ref().take(32) {
        assert_eq!(gone.read(&mut [0]).unwrap_or(0), 0, "an end without an answer");
    }
    // The one who asked may have been silent for a moment, too, and have taken one more place.
    for mut kept in silent.skip(1) {
        kept.write_all(b"GET /healthz HTTP/1.1\r\n\r\n").unwrap();
        assert_eq!(answer(kept).1, "ok\n");
    }
    admin.stop();
}

#[test]
fn a_client_that_is_silent_for_too_long_is_told_so() {
    let admin = started_with_patience(Duration::from_millis(50), || Ok(()));
    for said in [b"".as_slice(), b"GET /hea"] {
        for late in silent_ones(&admin, 2, said) {
            assert!(answer(late).0.starts_with("HTTP/1.1 408 "));
        }
    }
    admin.stop();
}

/// An answer that nobody reads fills the socket; the thread must not wait for that.
#[test]
fn a_client_that_never_reads_holds_nobody_up() {
    let admin = started(|| Err(vec!["no".repeat(16 << 20)]));
    let mut deaf = connected(&admin);
    deaf.write_all(b"GET /readyz HTTP/1.1\r\n\r\n").unwrap();
    assert_eq!(asked(&admin, "GET /healthz HTTP/1.1\r\n\r\n").1, "ok\n");
    admin.stop();
}

#[test]
fn a_client_that_never_stops_sending_holds_nobody_up() {
    let admin = started_with_patience(Duration::from_millis(500), || Ok(()));
    let mut endless = connected(&admin);
    let sender = std::thread::spawn(move || {
        let piece = b"GET /healthz HTTP/1.1\r\n\r\n".repeat(1000);
        while endless.write_all(&piece).is_ok() {}
    });
    assert_eq!(asked(&admin, "GET /healthz HTTP/1.1\r\n\r\n").1, "ok\n");
    // It is cut off a moment later.
    sender.join().unwrap();
    admin.stop();
}

#[test]
fn after_stop_nobody_listens() {
    for ip in [IpAddr::from(Ipv4Addr::LOCALHOST), Ipv4Addr::UNSPECIFIED.into()] {
        let pages = Arc::new(Pages::new(Arc::new(Metrics::new()), None, || Ok(())));
        let admin = Admin::start((ip, 0).into(), None, pages).unwrap();
        let addr = (Ipv4Addr::LOCALHOST, admin.local_addr().unwrap().port());
        admin.stop();
        assert!(TcpStream::connect(addr).is_err(), "{addr:?}");
    }
}

/// The same pages where TLS is spoken, too, and the file of the certificate that signs itself.
fn started_with_tls(patience: Duration, body: String) -> (Admin, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let signed = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let [cert, key] = ["cert.pem", "key.pem"].map(|name| folder.path().join(name));
    fs::write(&cert, signed.cert.pem()).unwrap();
    fs::write(&key, signed.signing_key.serialize_pem()).unwrap();
    let tls = Arc::new(Certificate::load(&cert, &key).unwrap()).server_config().unwrap();
    let pages = Arc::new(Pages::new(Arc::new(Metrics::new()), None, move || Err(vec![body.clone()])));
    let admin = Admin::start_with_patience(patience, (Ipv4Addr::LOCALHOST, 0).into(), Some(tls), pages).unwrap();
    (admin, folder)
}

#[test]
fn who_begins_with_tls_is_served_by_tls_and_others_as_before() {
    // More than the kernel takes at once.
    let long = "no".repeat(4 << 20);
    let (admin, folder) = started_with_tls(FOR_EVER, long.clone());
    let address = format!("https://{}", admin.local_addr().unwrap());
    let ca = folder.path().join("cert.pem");
    let mut client = dial::dial(&address, Some(&ca), Duration::from_secs(30)).unwrap();
    client.write_all(b"GET /readyz HTTP/1.1\r\n\r\n").unwrap();
    let mut all = String::new();
    // An end without TLS's own goodbye would be an error.
    client.read_to_string(&mut all).unwrap();
    assert!(all.starts_with("HTTP/1.1 503 ") && all.ends_with(&format!("{long}\n")));
    assert_eq!(asked(&admin, "GET /healthz HTTP/1.1\r\n\r\n").1, "ok\n");
    // Byte by byte, in records of their own.
    let mut client = dial::dial(&address, Some(&ca), Duration::from_secs(30)).unwrap();
    for byte in b"GET /healthz HTTP/1.1\r\n\r\n" {
        client.write_all(&[*byte]).unwrap();
    }
    all.clear();
    client.read_to_string(&mut all).unwrap();
    assert!(all.ends_with("\r\n\r\nok\n"), "{all}");
    let refused = dial::dial(&address.replace("127.0.0.1", "localhost"), Some(&ca), Duration::from_secs(30));
    assert!(refused.err().unwrap().to_string().contains("its certificate is not accepted"));
    admin.stop();
}

#[test]
fn a_handshake_that_stops_or_is_none_holds_nobody_up() {
    let (admin, _folder) = started_with_tls(Duration::from_millis(500), "no".to_owned());
    let beginning = [0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3];
    let halves = silent_ones(&admin, 8, &beginning);
    let garbage = silent_ones(&admin, 8, &[0x16; 64]);
    assert_eq!(asked(&admin, "GET /healthz HTTP/1.1\r\n\r\n").1, "ok\n");
    for mut gone in halves.into_iter().chain(garbage) {
        // At most an alert, and then the end.
        let mut rest = Vec::new();
        let _reset = gone.read_to_end(&mut rest);
        assert!(rest.len() < 16, "{rest:?}");
    }
    admin.stop();
}

#[test]
fn what_others_could_read_on_the_way_is_no_token() {
    let secret = "a-token-of-the-tests-0123456789";
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    fs::write(&file, secret).unwrap();
    let token = AdminToken::read(&file).unwrap();
    let pages = Arc::new(Pages::new(Arc::new(Metrics::new()), Some(token), || Ok(())));
    let (waker, _woken) = UnixStream::pair().unwrap();
    let served = Served { pages, waker: Waker::new(waker) };
    let request = format!("GET /v1/users HTTP/1.1\r\nAuthorization: Bearer {secret}\r\n\r\n");
    let Head::Whole(head) = Head::of(request.as_bytes()) else { panic!("it is whole") };
    assert!(matches!(served.admit(&head, Peer::Network), Admitted::Body(0)));
    match served.admit(&head, Peer::Exposed) {
        Admitted::Answered(answer) => assert!(answer.status.starts_with("403 ")),
        Admitted::Body(_) => panic!("the token was taken"),
    }
    let Head::Whole(head) = Head::of(b"GET /metrics HTTP/1.1\r\n\r\n") else { panic!("it is whole") };
    assert!(
        matches!(served.admit(&head, Peer::Exposed), Admitted::Answered(answer) if answer.status.starts_with("200 "))
    );
}
