//! TLS at the clients' port, spoken by rustls' client: lines and WebSocket within it, both versions, resumption, a
//! certificate that is replaced while the server runs, and what a bad handshake costs others.

#![allow(clippy::unwrap_used, reason = "helpers of tests; allow-unwrap-in-tests misses them")]

mod common;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use common::certificates::{Ca, ServerCertificate, arg};
use common::client::{Client, PASSWORD};
use common::cluster::Cluster;
use common::mariadb::MariaDb;
use common::nginx::Nginx;
use common::node::Node;
use common::process::{PATIENCE, server_command, wait_for};
use rcgen::KeyPair;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, HandshakeKind, RootCertStore, StreamOwned};
use serde_json::{Value, json};

/// A CA of the test's own, and what it has signed for `chat.test` and 127.0.0.1.
struct Authority {
    ca: Ca,
    certificate: ServerCertificate,
}

impl Authority {
    fn new() -> Self {
        let ca = Ca::new("the test's own");
        let certificate = ca.sign_all(&["chat.test", "127.0.0.1"]);
        Self { ca, certificate }
    }

    fn cert(&self) -> String {
        arg(&self.certificate.certificate())
    }

    fn key(&self) -> String {
        arg(&self.certificate.key())
    }

    fn start(&self, settings: &[&str]) -> Node {
        let own = self.certificate.settings();
        let all: Vec<&str> = own.each_ref().map(String::as_str).into_iter().chain(settings.iter().copied()).collect();
        Node::with_settings(&all)
    }

    fn client_config(&self, versions: &[&'static rustls::SupportedProtocolVersion]) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.ca.der()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(versions).unwrap();
        Arc::new(builder.with_root_certificates(roots).with_no_client_auth())
    }
}

/// A client that comes by TLS.
struct Encrypted {
    stream: BufReader<StreamOwned<ClientConnection, TcpStream>>,
    framing: Framing,
}

#[derive(Clone, Copy)]
enum Framing {
    Lines,
    WebSocket,
}

impl Encrypted {
    fn connect(addr: SocketAddr, config: &Arc<ClientConfig>, name: &str) -> std::io::Result<Self> {
        let socket = TcpStream::connect(addr)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let session = ClientConnection::new(Arc::clone(config), name).unwrap();
        let mut stream = StreamOwned::new(session, socket);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock)?;
        }
        Ok(Self { stream: BufReader::new(stream), framing: Framing::Lines })
    }

    /// Opens a WebSocket as a page of this host does; what the head of the answer is.
    fn ask_for_websocket(&mut self, host: &str) -> String {
        let request = format!(
            "GET /ws HTTP/1.1\r\nHost: {host}\r\nOrigin: https://{host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        );
        self.send(request.as_bytes());
        self.framing = Framing::WebSocket;
        read_head(&mut self.stream)
    }

    fn session(&self) -> &ClientConnection {
        &self.stream.get_ref().conn
    }

    fn send(&mut self, bytes: &[u8]) {
        let stream = self.stream.get_mut();
        stream.write_all(bytes).unwrap();
        stream.flush().unwrap();
    }

    fn line(&mut self) -> Value {
        let mut line = Vec::new();
        match self.framing {
            Framing::Lines => {
                self.stream.read_until(b'\n', &mut line).unwrap();
            }
            Framing::WebSocket => {
                let mut head = [0; 2];
                self.stream.read_exact(&mut head).unwrap();
                let mut len = usize::from(head[1]);
                if len == 126 {
                    self.stream.read_exact(&mut head).unwrap();
                    len = usize::from(u16::from_be_bytes(head));
                }
                line.resize(len, 0);
                self.stream.read_exact(&mut line).unwrap();
            }
        }
        serde_json::from_slice(&line).unwrap_or_else(|error| panic!("{error}: {:?}", String::from_utf8_lossy(&line)))
    }

    fn ask(&mut self, request: &Value) -> Value {
        let mut text = request.to_string().into_bytes();
        match self.framing {
            Framing::Lines => text.push(b'\n'),
            Framing::WebSocket => {
                // Masked with zeros.
                let len = u16::try_from(text.len()).unwrap().to_be_bytes();
                let short = [0x81, 0x80 | len[1], 0, 0, 0, 0];
                let long = [0x81, 0xfe, len[0], len[1], 0, 0, 0, 0];
                let head: &[u8] = if text.len() < 126 { &short } else { &long };
                text.splice(0..0, head.iter().copied());
            }
        }
        self.send(&text);
        self.line()
    }

    fn newcomer(&mut self, name: &str) -> u64 {
        assert_eq!(self.ask(&json!({"msgid": 4, "name": name, "pwd": PASSWORD}))["errno"], 0);
        let login = self.ask(&json!({"msgid": 1, "name": name, "pwd": PASSWORD, "ack": true}));
        assert_eq!(login["errno"], 0, "{login}");
        login["id"].as_u64().unwrap()
    }
}

#[test]
fn clients_of_every_kind_chat_at_one_port() {
    let authority = Authority::new();
    let node = authority.start(&[]);
    for (version, name) in [(&rustls::version::TLS12, "anna"), (&rustls::version::TLS13, "ben")] {
        let config = authority.client_config(&[version]);
        let mut encrypted = Encrypted::connect(node.addr(), &config, "chat.test").unwrap();
        assert_eq!(encrypted.session().protocol_version(), Some(version.version));
        let id = encrypted.newcomer(name);
        let mut plain = Client::newcomer(node.addr(), "plain");
        plain.ok(json!({"msgid": 6, "toid": id, "msg": "hello"}));
        let push = encrypted.line();
        assert_eq!((&push["msg"], &push["seq"]), (&json!("hello"), &json!(1)));
    }
}

#[test]
fn a_megabyte_goes_both_ways_in_order() {
    let authority = Authority::new();
    let node = authority.start(&["limits.inflight=64"]);
    let config = authority.client_config(&[&rustls::version::TLS13]);
    let mut anna = Encrypted::connect(node.addr(), &config, "127.0.0.1").unwrap();
    let mut ben = Encrypted::connect(node.addr(), &config, "127.0.0.1").unwrap();
    let (_, ben_id) = (anna.newcomer("anna"), ben.newcomer("ben"));
    let text = "x".repeat(7000);
    for begin in (0..192).step_by(64) {
        let mut batch = Vec::new();
        for number in begin..begin + 64 {
            writeln!(batch, "{}", json!({"msgid": 6, "toid": ben_id, "msg": format!("{number} {text}")})).unwrap();
        }
        anna.send(&batch);
        for _ in 0..64 {
            assert_eq!(anna.line()["errno"], 0);
        }
    }
    for number in 0..192 {
        let push = ben.line();
        assert_eq!(push["seq"], number + 1);
        assert!(push["msg"].as_str().unwrap().starts_with(&format!("{number} xx")));
    }
}

#[test]
fn a_session_is_resumed() {
    let authority = Authority::new();
    let node = authority.start(&[]);
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let config = authority.client_config(&[version]);
        let kinds: Vec<_> = (0..3)
            .map(|_| {
                let mut client = Encrypted::connect(node.addr(), &config, "chat.test").unwrap();
                // The ticket of TLS 1.3 comes behind the handshake.
                assert_eq!(client.ask(&json!({"msgid": 17}))["msgid"], 18);
                client.session().handshake_kind().unwrap()
            })
            .collect();
        assert_eq!(kinds, [HandshakeKind::Full, HandshakeKind::Resumed, HandshakeKind::Resumed], "{version:?}");
    }
}

#[test]
fn browsers_find_files_and_a_websocket_behind_tls() {
    let authority = Authority::new();
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("index.html"), "<!doctype html><title>chat</title>").unwrap();
    let node = authority.start(&[&format!("web.folder={}", folder.path().display())]);
    let mut config = ClientConfig::clone(&authority.client_config(&[&rustls::version::TLS13]));
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let mut browser = Encrypted::connect(node.addr(), &Arc::new(config), "127.0.0.1").unwrap();
    assert_eq!(browser.session().alpn_protocol(), Some(&b"http/1.1"[..]));
    for _ in 0..3 {
        browser.send(format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", node.addr()).as_bytes());
        let head = read_head(&mut browser.stream);
        assert!(head.starts_with("HTTP/1.1 200 OK") && head.contains("Strict-Transport-Security: max-age="), "{head}");
        let mut body = vec![0; 34];
        browser.stream.read_exact(&mut body).unwrap();
        assert_eq!(body, b"<!doctype html><title>chat</title>");
    }
    assert!(browser.ask_for_websocket(&node.addr().to_string()).starts_with("HTTP/1.1 101 "));
    assert_eq!(browser.ask(&json!({"msgid": 17})), json!({"msgid": 18, "errno": 0}));
}

fn read_head(stream: &mut impl BufRead) -> String {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert_ne!(stream.read_line(&mut head).unwrap(), 0, "it ends behind {head:?}");
    }
    head
}

/// One by TLS and lines, one by TLS and WebSocket, through a balancer that passes TLS on, to two nodes on one database.
#[test]
fn tls_passes_through_nginx_to_the_nodes_of_a_cluster() {
    let authority = Authority::new();
    let database = MariaDb::start();
    let settings = authority.certificate.settings();
    let cluster = Cluster::start(&database.url("tls"), 2, &[&settings[0], &settings[1], "web.hosts=chat.test"]);
    let config = authority.client_config(&[&rustls::version::TLS13]);
    let mut anna = Encrypted::connect(cluster.entry(), &config, "chat.test").unwrap();
    let mut ben = Encrypted::connect(cluster.entry(), &config, "chat.test").unwrap();
    assert!(ben.ask_for_websocket("chat.test").starts_with("HTTP/1.1 101 "));
    chat(&mut anna, &mut ben);
}

/// nginx takes TLS off, and hands requests and WebSockets on.
#[test]
fn browsers_come_through_nginx_that_takes_tls_off() {
    let authority = Authority::new();
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("index.html"), "<!doctype html><title>chat</title>").unwrap();
    let node = Node::with_settings(&["web.hosts=chat.test", &format!("web.folder={}", folder.path().display())]);
    let nginx = Nginx::start_web(&[node.addr()], &authority.cert(), &authority.key());
    let config = authority.client_config(&[&rustls::version::TLS13]);
    let mut page = Encrypted::connect(nginx.addr(), &config, "chat.test").unwrap();
    page.send(b"GET / HTTP/1.1\r\nHost: chat.test\r\n\r\n");
    let head = read_head(&mut page.stream);
    assert!(head.starts_with("HTTP/1.1 200 OK") && head.contains("Content-Security-Policy: "), "{head}");
    let mut sockets = [0, 1].map(|_| {
        let mut socket = Encrypted::connect(nginx.addr(), &config, "chat.test").unwrap();
        let head = socket.ask_for_websocket("chat.test");
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        socket
    });
    let [anna, ben] = &mut sockets;
    chat(anna, ben);
    let mut stranger = Encrypted::connect(nginx.addr(), &config, "chat.test").unwrap();
    assert!(stranger.ask_for_websocket("evil.example").starts_with("HTTP/1.1 403 "));
}

/// The two make an account each, and write to each other.
fn chat(anna: &mut Encrypted, ben: &mut Encrypted) {
    let (anna_id, ben_id) = (anna.newcomer("anna"), ben.newcomer("ben"));
    let long = "🐦".repeat(1000);
    for (number, text) in ["hello", &long].into_iter().enumerate() {
        assert_eq!(anna.ask(&json!({"msgid": 6, "toid": ben_id, "msg": text}))["errno"], 0);
        let push = ben.line();
        assert_eq!((&push["id"], &push["msg"], &push["seq"]), (&json!(anna_id), &json!(text), &json!(number + 1)));
    }
    assert_eq!(ben.ask(&json!({"msgid": 6, "toid": anna_id, "msg": "hi"}))["errno"], 0);
    assert_eq!(anna.line()["msg"], "hi");
}

#[test]
fn hup_shows_the_new_certificate_and_no_session_ends() {
    let authority = Authority::new();
    let node = authority.start(&[]);
    let config = authority.client_config(&[&rustls::version::TLS13]);
    let mut early = Encrypted::connect(node.addr(), &config, "chat.test").unwrap();
    early.newcomer("early");

    authority.ca.sign_again("renamed.test", &authority.certificate);
    node.signal("HUP");
    wait_for("the new certificate", || {
        let config = authority.client_config(&[&rustls::version::TLS13]);
        Encrypted::connect(node.addr(), &config, "renamed.test").ok()
    });
    fs::write(authority.key(), KeyPair::generate().unwrap().serialize_pem()).unwrap();
    node.signal("HUP");
    wait_for("a line about the bad pair", || {
        node.log().contains("the certificate of before stays in use").then_some(())
    });
    let config = authority.client_config(&[&rustls::version::TLS13]);
    Encrypted::connect(node.addr(), &config, "renamed.test").unwrap();
    assert_eq!(early.ask(&json!({"msgid": 17}))["msgid"], 18);
}

#[test]
fn what_is_no_handshake_is_told_so_and_costs_nobody_else() {
    let authority = Authority::new();
    let node = authority.start(&[]);
    let config = authority.client_config(&[&rustls::version::TLS13]);
    let mut other = Encrypted::connect(node.addr(), &config, "chat.test").unwrap();
    other.newcomer("other");
    for garbage in [&b"\x16\x03\x01\0\x05hello"[..], b"\x16garbage", b"\x16\x03\x01\xff\xff", b"\x16"] {
        let mut socket = TcpStream::connect(node.addr()).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.write_all(garbage).unwrap();
        socket.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        socket.read_to_end(&mut answer).unwrap();
        // An alert, or nothing where no record is whole: never a line.
        assert!(answer.is_empty() || answer[0] == 0x15, "{garbage:?}: {answer:?}");
        assert_eq!(other.ask(&json!({"msgid": 17}))["msgid"], 18);
    }
}

#[test]
fn every_address_is_listened_on_with_tls_and_without() {
    let authority = Authority::new();
    let (cert, key) = (authority.cert(), authority.key());
    let flags = ["--listen", "[::1]:0", "--listen-plain", "127.0.0.1:0", "--tls-cert", &cert, "--tls-key", &key];
    let node = Node::start(&flags);
    let addresses = wait_for("three addresses in the log", || {
        let log = node.log();
        let address = |line: &str| line.split_once("listening on ")?.1.parse::<SocketAddr>().ok();
        let addresses: Vec<_> = log.lines().filter_map(address).collect();
        (addresses.len() == 3 && log.contains(&format!("for browsers: https://{}/", addresses[0]))).then_some(addresses)
    });
    let config = authority.client_config(&[&rustls::version::TLS13]);
    for address in addresses {
        let mut encrypted = Encrypted::connect(address, &config, "chat.test").unwrap();
        assert_eq!(encrypted.ask(&json!({"msgid": 17}))["msgid"], 18);
        Client::connect_bare(address).ok(json!({"msgid": 17}));
    }
}

#[test]
fn a_wrong_pair_is_told_at_start() {
    let authority = Authority::new();
    let other = Authority::new();
    for (cert, key, told) in [
        (authority.cert(), other.key(), "does not belong to the first certificate"),
        (authority.key(), authority.key(), "holds no certificate"),
        (authority.cert().replace("server.pem", "missing.pem"), authority.key(), "cannot be read"),
        (authority.cert(), String::new(), "needs tls.key"),
    ] {
        let parent = tempfile::tempdir().unwrap();
        let data = parent.path().join("data");
        for command in [&[][..], &["check-config"]] {
            let output = server_command()
                .args(["--listen", "127.0.0.1:0", "--data", data.to_str().unwrap()])
                .args(["--tls-cert", &cert, "--tls-key", &key])
                .args(command)
                .output()
                .unwrap();
            let text = String::from_utf8_lossy(&output.stderr);
            assert!(!output.status.success() && text.contains(told), "{text}");
            assert!(!data.exists(), "it ends before the data are touched");
        }
    }
}
