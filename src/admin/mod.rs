//! The operator's door: /metrics, /healthz and /readyz over HTTP/1.1, and /v1 for administrators.
//!
//! ```text
//!   one thread for the address, one for the socket:  poll -> accept -> request (2 s) -> pages -> answer -> close
//!                                                                                      | ^
//!                                                                  /v1: request -> desk  reply
//! ```
//!
//! One request per connection: it is for a Prometheus, a balancer's health check and who runs the server, not for the world.
//! These threads never wait: not for a client, and not for the database, which a probe of its own asks, and a thread of its
//! own for administrators. They share nothing with the reactors but counters.

mod actions;
mod client;
pub mod command;
pub(crate) mod desk;
pub(crate) mod dial;
mod export;
mod http;
mod pages;
mod refusal;
mod reply;
mod request;
mod socket;
mod token;

use std::fs;
use std::io::{self, ErrorKind, Read};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::time::Timespec;
use rustls::ServerConfig;

use self::client::{Client, Step};
pub(crate) use self::pages::Pages;
use self::pages::Served;
use self::reply::Waker;
use self::socket::Listener;
pub(crate) use self::token::AdminToken;

/// Connections at once. Whoever comes beyond takes the place of the one that has been silent for longest.
pub(crate) const CONNECTIONS_MAX: usize = 32;

/// How long a client may take to send its request, and again to take its answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long to wait after an accept that failed: most likely no file descriptor is free.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The listener and its thread. Dropping it without [`Admin::stop`] leaves them running until the process ends.
#[derive(Debug)]
pub(crate) struct Admin {
    place: Place,
    stopping: Arc<AtomicBool>,
    waker: Waker,
    thread: JoinHandle<()>,
}

/// Where it listens.
#[derive(Debug)]
enum Place {
    Address(SocketAddr),
    Path(PathBuf),
}

impl Admin {
    /// Listens on `addr` (port 0: any free one) and serves from a thread of its own; with `tls` it serves who begins with that,
    /// too.
    ///
    /// # Errors
    /// When the address cannot be bound or no thread can be had.
    pub(crate) fn start(addr: SocketAddr, tls: Option<Arc<ServerConfig>>, pages: Arc<Pages>) -> io::Result<Self> {
        Self::start_with_patience(PATIENCE, addr, tls, pages)
    }

    /// The same on a unix socket, which only this user and root may use.
    ///
    /// # Errors
    /// When the socket cannot be made, another server listens there, or no thread can be had.
    pub(crate) fn start_at(path: &Path, pages: Arc<Pages>) -> io::Result<Self> {
        Self::serve(PATIENCE, Place::Path(path.to_owned()), Listener::at(path)?, pages)
    }

    fn start_with_patience(
        patience: Duration,
        addr: SocketAddr,
        tls: Option<Arc<ServerConfig>>,
        pages: Arc<Pages>,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind(addr)?;
        listener.set_nonblocking(true)?;
        let addr = listener.local_addr()?;
        Self::serve(patience, Place::Address(addr), Listener::Tcp(listener, tls), pages)
    }

    fn serve(patience: Duration, place: Place, listener: Listener, pages: Arc<Pages>) -> io::Result<Self> {
        let (waker, woken) = UnixStream::pair()?;
        waker.set_nonblocking(true)?;
        woken.set_nonblocking(true)?;
        let waker = Waker::new(waker);
        let stopping = Arc::new(AtomicBool::new(false));
        let server = Server {
            listener,
            woken,
            stopping: Arc::clone(&stopping),
            pages: Served { pages, waker: waker.clone() },
            patience,
            clients: Vec::new(),
            accept_again_at: None,
        };
        let thread = std::thread::Builder::new().name("admin".to_owned()).spawn(move || server.run())?;
        Ok(Self { place, stopping, waker, thread })
    }

    /// Where it listens, if it is an address.
    #[must_use]
    pub(crate) fn local_addr(&self) -> Option<SocketAddr> {
        match &self.place {
            Place::Address(addr) => Some(*addr),
            Place::Path(_) => None,
        }
    }

    /// Ends the thread and closes the listener and all connections.
    pub(crate) fn stop(self) {
        self.stopping.store(true, Ordering::Release);
        self.waker.wake();
        if self.thread.join().is_err() {
            log::error!("admin: the thread panicked");
        }
        if let Place::Path(path) = &self.place
            && let Err(error) = fs::remove_file(path)
        {
            log::debug!("admin: cannot remove {}: {error}", path.display());
        }
    }
}

/// What the thread owns.
struct Server {
    listener: Listener,
    /// Readable once [`Admin::stop`] was called, or an answer has come.
    woken: UnixStream,
    stopping: Arc<AtomicBool>,
    pages: Served,
    patience: Duration,
    /// The oldest first; at most [`CONNECTIONS_MAX`].
    clients: Vec<Client>,
    /// While set, the listener is left alone until then.
    accept_again_at: Option<Instant>,
}

/// What poll has found of a client.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ready {
    Not,
    Some,
    /// It has gone.
    Gone,
}

/// What poll has found.
struct Found {
    /// Somebody wants to connect.
    listener: bool,
    /// Some answer has come.
    woken: bool,
    /// For each client, whether there is something to do.
    clients: Vec<Ready>,
}

impl Server {
    fn run(mut self) {
        while !self.stopping.load(Ordering::Acquire) {
            match self.wait() {
                Ok(found) => {
                    if found.woken {
                        self.drain_wakes();
                    }
                    self.serve(&found);
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

    fn drain_wakes(&mut self) {
        let mut bytes = [0; 64];
        while matches!(self.woken.read(&mut bytes), Ok(count) if count > 0) {}
    }

    /// Waits until a socket is ready or a deadline has passed.
    fn wait(&self) -> io::Result<Found> {
        let interest = |client: &Client| match client {
            client if client.wants_to_write() => PollFlags::OUT,
            client if client.waits_for_answer() => PollFlags::empty(),
            _ => PollFlags::IN,
        };
        let mut sockets = vec![PollFd::new(&self.woken, PollFlags::IN)];
        sockets.extend(self.clients.iter().map(|client| PollFd::new(client, interest(client))));
        if self.accept_again_at.is_none_or(|at| at <= now()) {
            sockets.push(PollFd::new(&self.listener, PollFlags::IN));
        }
        poll(&mut sockets, self.timeout().as_ref())?;
        let ready = |socket: &PollFd<'_>| match socket.revents() {
            events if events.is_empty() => Ready::Not,
            events if events.intersects(PollFlags::IN | PollFlags::OUT) => Ready::Some,
            _ => Ready::Gone,
        };
        let ready: Vec<Ready> = sockets.iter().map(ready).collect();
        let (clients, listener) = ready[1..].split_at(self.clients.len());
        let is_some = |ready: &Ready| *ready != Ready::Not;
        Ok(Found { listener: listener.iter().any(is_some), woken: is_some(&ready[0]), clients: clients.to_vec() })
    }

    /// Until the next deadline; `None`: there is none.
    fn timeout(&self) -> Option<Timespec> {
        let next = self.clients.iter().map(Client::deadline).chain(self.accept_again_at).min()?;
        // A millisecond more, so that the deadline has passed when we look.
        let left = next.saturating_duration_since(now()) + Duration::from_millis(1);
        let left = if self.clients.iter().any(Client::has_more) { Duration::ZERO } else { left };
        Timespec::try_from(left).ok()
    }

    /// Lets every client go on that can, and ends those that are over.
    fn serve(&mut self, found: &Found) {
        let (pages, now) = (&self.pages, now());
        let mut ready = found.clients.iter();
        self.clients.retain_mut(|client| {
            let ready = ready.next().copied().unwrap_or(Ready::Not);
            if ready == Ready::Gone && client.waits_for_answer() {
                return false;
            }
            let goes_on = ready != Ready::Not || client.has_more() || (found.woken && client.waits_for_answer());
            let step = if goes_on { client.advance(pages, now) } else { Step::Waits };
            step == Step::Waits && client.expire(pages, now) == Step::Waits
        });
    }

    /// Takes everybody who waits, a fixed number at most: then those who are in have their turn.
    fn accept_all(&mut self) {
        self.accept_again_at = None;
        for _ in 0..CONNECTIONS_MAX {
            match self.listener.accept() {
                Ok(socket) => self.admit(Client::new(socket, self.patience, now())),
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
        if client.advance(&self.pages, now()) == Step::Over {
            return;
        }
        if self.clients.len() >= CONNECTIONS_MAX {
            let oldest = self.clients.iter().position(Client::is_silent).unwrap_or(0);
            self.clients.remove(oldest);
        }
        self.clients.push(client);
    }
}

#[expect(clippy::disallowed_methods, reason = "a thread shell: it waits on sockets until deadlines")]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests;
