//! The operator's door: /metrics, /healthz and /readyz over HTTP/1.1.
//!
//! ```text
//!   one thread:  poll -> accept -> head (at most 8 KiB, 2 s) -> answer -> close
//! ```
//!
//! One request per connection: it is for a Prometheus and a balancer's health check, not for the world. No answer waits
//! for anything: not for another client, and not for the database, which a probe of its own asks. It shares nothing with
//! the reactors but counters.

mod client;
mod http;

use std::io::{self, ErrorKind, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::time::Timespec;

use self::client::{Client, Step};
use self::http::{Answer, Body};
use crate::metrics::Metrics;

/// Connections at once. Whoever comes beyond takes the place of the one that has been silent for longest.
pub(crate) const CONNECTIONS_MAX: usize = 32;

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
pub(crate) struct Admin {
    addr: SocketAddr,
    stopping: Arc<AtomicBool>,
    waker: UnixStream,
    thread: JoinHandle<()>,
}

impl Admin {
    /// Listens on `addr` (port 0: any free one) and serves from a thread of its own. `ready` is called on that thread
    /// for each /readyz and must not block.
    ///
    /// # Errors
    /// When the address cannot be bound or no thread can be had.
    pub(crate) fn start(
        addr: SocketAddr,
        metrics: Arc<Metrics>,
        ready: impl Fn() -> Result<(), Vec<String>> + Send + Sync + 'static,
    ) -> io::Result<Self> {
        Self::start_with_patience(PATIENCE, addr, Pages { metrics, ready: Box::new(ready) })
    }

    fn start_with_patience(patience: Duration, addr: SocketAddr, pages: Pages) -> io::Result<Self> {
        let listener = TcpListener::bind(addr)?;
        listener.set_nonblocking(true)?;
        let addr = listener.local_addr()?;
        let (waker, woken) = UnixStream::pair()?;
        let stopping = Arc::new(AtomicBool::new(false));
        let server = Server {
            listener,
            woken,
            stopping: Arc::clone(&stopping),
            pages,
            patience,
            clients: Vec::new(),
            accept_again_at: None,
        };
        let thread = std::thread::Builder::new().name("admin".to_owned()).spawn(move || server.run())?;
        Ok(Self { addr, stopping, waker, thread })
    }

    /// Where it listens.
    #[must_use]
    pub(crate) fn local_addr(&self) -> SocketAddr {
        self.addr
    }

    /// Ends the thread and closes the listener and all connections.
    pub(crate) fn stop(mut self) {
        self.stopping.store(true, Ordering::Release);
        if let Err(error) = self.waker.write_all(b".") {
            return log::warn!("admin: cannot wake the thread, leaving it: {error}");
        }
        if self.thread.join().is_err() {
            log::error!("admin: the thread panicked");
        }
    }
}

/// What the thread owns.
struct Server {
    listener: TcpListener,
    /// Readable once [`Admin::stop`] was called.
    woken: UnixStream,
    stopping: Arc<AtomicBool>,
    pages: Pages,
    patience: Duration,
    /// The oldest first; at most [`CONNECTIONS_MAX`].
    clients: Vec<Client>,
    /// While set, the listener is left alone until then.
    accept_again_at: Option<Instant>,
}

/// What poll has found.
#[derive(Default)]
struct Found {
    /// Somebody wants to connect.
    listener: bool,
    /// For each client, whether there is something to do.
    clients: Vec<bool>,
}

impl Server {
    fn run(mut self) {
        while !self.stopping.load(Ordering::Acquire) {
            match self.wait() {
                Ok(found) => {
                    self.serve(&found.clients);
                    if found.listener {
                        self.accept_all();
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    log::warn!("admin: poll: {error}");
                    std::thread::park_timeout(ACCEPT_PAUSE);
                }
            }
        }
    }

    /// Waits until a socket is ready or a deadline has passed.
    fn wait(&self) -> io::Result<Found> {
        let interest = |client: &Client| if client.wants_to_write() { PollFlags::OUT } else { PollFlags::IN };
        let mut sockets = vec![PollFd::new(&self.woken, PollFlags::IN)];
        sockets.extend(self.clients.iter().map(|client| PollFd::new(client, interest(client))));
        if self.accept_again_at.is_none_or(|at| at <= now()) {
            sockets.push(PollFd::new(&self.listener, PollFlags::IN));
        }
        poll(&mut sockets, self.timeout().as_ref())?;
        let ready: Vec<bool> = sockets.iter().skip(1).map(|socket| !socket.revents().is_empty()).collect();
        let (clients, listener) = ready.split_at(self.clients.len());
        Ok(Found { listener: listener.contains(&true), clients: clients.to_vec() })
    }

    /// Until the next deadline; `None`: there is none.
    fn timeout(&self) -> Option<Timespec> {
        let next = self.clients.iter().map(Client::deadline).chain(self.accept_again_at).min()?;
        // A millisecond more, so that the deadline has passed when we look.
        let left = next.saturating_duration_since(now()) + Duration::from_millis(1);
        Timespec::try_from(left).ok()
    }

    /// Lets every client go on that can, and ends those that are over.
    fn serve(&mut self, ready: &[bool]) {
        let (pages, now) = (&self.pages, now());
        let page = |line: &str| pages.answer(line);
        let mut ready = ready.iter();
        self.clients.retain_mut(|client| {
            let is_ready = ready.next().is_some_and(|ready| *ready);
            let step = if is_ready { client.advance(&page, now) } else { Step::Waits };
            step == Step::Waits && client.expire(&page, now) == Step::Waits
        });
    }

    /// Takes everybody who waits, a fixed number at most: then those who are in have their turn.
    fn accept_all(&mut self) {
        self.accept_again_at = None;
        for _ in 0..CONNECTIONS_MAX {
            match self.listener.accept() {
                Ok((socket, _)) => match Client::new(socket, self.patience, now()) {
                    Ok(client) => self.admit(client),
                    Err(error) => log::debug!("admin: {error}"),
                },
                Err(error) if matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::ConnectionAborted) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) => {
                    log::warn!("admin: accept: {error}");
                    self.accept_again_at = Some(now() + ACCEPT_PAUSE);
                    return;
                }
            }
        }
    }

    /// Serves a client at once if it has asked already; else keeps it, for which another may have to go.
    fn admit(&mut self, mut client: Client) {
        let pages = &self.pages;
        if client.advance(&|line: &str| pages.answer(line), now()) == Step::Over {
            return;
        }
        if self.clients.len() >= CONNECTIONS_MAX {
            let oldest = self.clients.iter().position(Client::is_silent).unwrap_or(0);
            self.clients.remove(oldest);
        }
        self.clients.push(client);
    }
}

/// What is served, whoever asks.
struct Pages {
    metrics: Arc<Metrics>,
    ready: Ready,
}

impl Pages {
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

#[expect(clippy::disallowed_methods, reason = "a thread shell: it waits on sockets until deadlines")]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests;
