//! The operator's door: /metrics, /healthz and /readyz over HTTP/1.1.
//!
//! ```text
//!   one thread:  accept -> head (at most 8 KiB, 2 s) -> answer -> close -> accept ...
//! ```
//!
//! One request per connection and one connection at a time: it is for a Prometheus and a balancer's health check, not
//! for the world. A slow client holds it up for some seconds at most. It shares nothing with the reactors but counters.

mod http;

use std::io::{self, ErrorKind, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use self::http::{Answer, Body, Deadline, Head, drain, read_head};
use crate::metrics::Metrics;

/// How long a client may take to send its head, and again to take its answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long to wait after an accept that failed: most likely no file descriptor is free.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What the metrics library writes.
const METRICS_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Answers whether the node can serve, or why not: one reason per entry.
type Ready = Box<dyn Fn() -> Result<(), Vec<String>> + Send + Sync>;

/// The listener and its thread. Dropping it without [`Admin::stop`] leaves them running until the process ends.
#[derive(Debug)]
pub struct Admin {
    addr: SocketAddr,
    stopping: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Admin {
    /// Listens on `addr` (port 0: any free one) and serves from a thread of its own. `ready` is called on that thread
    /// for each /readyz and must not block for long.
    ///
    /// # Errors
    /// When the address cannot be bound or no thread can be had.
    pub fn start(
        addr: SocketAddr,
        metrics: Arc<Metrics>,
        ready: impl Fn() -> Result<(), Vec<String>> + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind(addr)?;
        let addr = listener.local_addr()?;
        let stopping = Arc::new(AtomicBool::new(false));
        let server = Server { listener, metrics, ready: Box::new(ready), stopping: Arc::clone(&stopping) };
        let thread = std::thread::Builder::new().name("admin".to_owned()).spawn(move || server.run())?;
        Ok(Self { addr, stopping, thread })
    }

    /// Where it listens.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.addr
    }

    /// Ends the thread and closes the listener; waits for the answer under way, some seconds at most.
    pub fn stop(self) {
        self.stopping.store(true, Ordering::Release);
        // The accept blocks until somebody connects. Without a file descriptor nobody can: then the thread is left
        // behind rather than waited for, perhaps for ever.
        if let Err(error) = TcpStream::connect_timeout(&reachable(self.addr), PATIENCE) {
            return log::warn!("admin: cannot wake the listener, leaving it: {error}");
        }
        if self.thread.join().is_err() {
            log::error!("admin: the thread panicked");
        }
    }
}

/// Where this machine reaches a listener on `addr`: 0.0.0.0 listens on all addresses and is none itself.
fn reachable(addr: SocketAddr) -> SocketAddr {
    let ip = match addr.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, addr.port())
}

/// What the thread owns.
struct Server {
    listener: TcpListener,
    metrics: Arc<Metrics>,
    ready: Ready,
    stopping: Arc<AtomicBool>,
}

impl Server {
    fn run(&self) {
        while !self.stopping.load(Ordering::Acquire) {
            match self.listener.accept() {
                Ok((client, from)) => {
                    if let Err(error) = self.serve(&client) {
                        log::debug!("admin: {from}: {error}");
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    log::warn!("admin: accept: {error}");
                    std::thread::park_timeout(ACCEPT_PAUSE);
                }
            }
        }
    }

    fn serve(&self, client: &TcpStream) -> io::Result<()> {
        let head = read_head(client, Deadline::after(PATIENCE))?;
        let answer = match &head {
            Head::Nothing => return Ok(()),
            Head::TooLong => Answer::text("431 Request Header Fields Too Large", "the request head is too long\n"),
            Head::Late => Answer::text("408 Request Timeout", "the request took too long\n"),
            Head::Whole { line, .. } => self.answer(line),
        };
        client.set_write_timeout(Some(PATIENCE))?;
        (&*client).write_all(&answer.bytes())?;
        client.shutdown(Shutdown::Write)?;
        if matches!(head, Head::TooLong | Head::Whole { more: true, .. }) {
            drain(client, Deadline::after(PATIENCE));
        }
        Ok(())
    }

    /// The answer to a request line: "GET /metrics HTTP/1.1".
    fn answer(&self, line: &str) -> Answer {
        let mut words = line.split(' ');
        let (Some(method), Some(target), Some(version), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Answer::text("400 Bad Request", "this is no HTTP request\n");
        };
        if !version.starts_with("HTTP/1.") {
            return Answer::text("400 Bad Request", "this is no HTTP/1.1 request\n");
        }
        let answer = match target.split('?').next().unwrap_or(target) {
            "/metrics" => Answer { kind: METRICS_TYPE, ..Answer::text("200 OK", self.metrics.text()) },
            "/healthz" => Answer::text("200 OK", "ok\n"),
            "/readyz" => self.readiness(),
            _ => Answer::text("404 Not Found", "here are /metrics, /healthz and /readyz\n"),
        };
        match method {
            "GET" => answer,
            "HEAD" => Answer { body: Body::LengthOnly(answer.body.len()), ..answer },
            _ if answer.status.starts_with("404") => answer,
            _ => Answer {
                allow: "Allow: GET, HEAD\r\n",
                ..Answer::text("405 Method Not Allowed", "only GET and HEAD\n")
            },
        }
    }

    fn readiness(&self) -> Answer {
        match (self.ready)() {
            Ok(()) => Answer::text("200 OK", "ready\n"),
            Err(reasons) => {
                let lines: Vec<String> = reasons.iter().map(|reason| reason.replace('\n', " ")).collect();
                Answer::text("503 Service Unavailable", lines.join("\n") + "\n")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::http::HEAD_BYTES_MAX;
    use super::*;

    fn started(ready: impl Fn() -> Result<(), Vec<String>> + Send + Sync + 'static) -> Admin {
        Admin::start((Ipv4Addr::LOCALHOST, 0).into(), Arc::new(Metrics::new()), ready).unwrap()
    }

    fn connected(admin: &Admin) -> TcpStream {
        let client = TcpStream::connect(admin.local_addr()).unwrap();
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
        assert!(
            head.starts_with("HTTP/1.1 200 OK\r\nContent-Type: application/openmetrics-text; version=1.0.0"),
            "{head}"
        );
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

    #[test]
    fn a_silent_client_holds_nobody_up_for_ever() {
        let admin = started(|| Ok(()));
        let mut silent = connected(&admin);
        silent.write_all(b"GET /hea").unwrap();
        let hasty = connected(&admin);
        drop(hasty);
        assert_eq!(asked(&admin, "GET /healthz HTTP/1.1\r\n\r\n").1, "ok\n");
        assert!(answer(silent).0.starts_with("HTTP/1.1 408 "));
        admin.stop();
    }

    #[test]
    fn after_stop_nobody_listens() {
        for ip in [IpAddr::from(Ipv4Addr::LOCALHOST), Ipv4Addr::UNSPECIFIED.into()] {
            let admin = Admin::start((ip, 0).into(), Arc::new(Metrics::new()), || Ok(())).unwrap();
            let addr = reachable(admin.local_addr());
            admin.stop();
            assert!(TcpStream::connect(addr).is_err(), "{addr}");
        }
    }
}
