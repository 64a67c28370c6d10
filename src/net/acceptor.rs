//! The listening sockets, on the main thread: accepts, counts, refuses what is too much, deals sockets to the reactors.
//!
//! Socket options are set once, on a listener: Linux hands them on to every socket it accepts.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token, Waker};
use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};

use super::Accepts;
use super::mailbox::{ReactorGone, ReactorHandle};
use crate::config::{AcceptPolicy, Networks};
use crate::metrics::Metrics;

/// Connections the kernel completes ahead of us.
const BACKLOG: i32 = 4096;
/// A peer that vanished without a word is found within about a minute: silence for `KEEPALIVE_IDLE`, then this many
/// probes; with bytes on their way, after `USER_TIMEOUT`.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(30);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
const KEEPALIVE_PROBES: u32 = 3;
const USER_TIMEOUT: Duration = Duration::from_secs(60);
/// How long to leave accepting alone after an error; it lasts as long as all descriptors are in use.
const ERROR_PAUSE: Duration = Duration::from_millis(100);
/// Such errors come in floods: one line of log in this time.
const LOG_INTERVAL: Duration = Duration::from_secs(1);

/// The listeners' tokens are their places in the list.
const STOP: Token = Token(usize::MAX);

/// What the acceptor is told at start.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// Open connections over all reactors; whoever comes beyond is closed at once.
    pub connections_max: ConnectionsMax,
    /// How connections are dealt.
    pub policy: AcceptPolicy,
    /// Whether clients must come by TLS, unless they come from this machine or to a place that does not demand it.
    pub accepts: Accepts,
    /// Who may connect; `None`: everybody. With PROXY headers: those who are believed.
    pub from: Option<Networks>,
    /// Where to count.
    pub metrics: Arc<Metrics>,
}

/// A bound on connections, which may be moved while the server runs.
#[derive(Clone, Debug)]
pub(crate) struct ConnectionsMax(Arc<AtomicUsize>);

impl ConnectionsMax {
    /// So many.
    pub(crate) fn new(most: usize) -> Self {
        Self(Arc::new(AtomicUsize::new(most)))
    }

    /// So many from now on; those that are there stay.
    pub(crate) fn set(&self, most: usize) {
        self.0.store(most, Ordering::Relaxed);
    }

    fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// Where to listen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Place {
    /// Port 0 takes any free one.
    pub address: SocketAddr,
    /// Whether TLS may be demanded of those who come here.
    pub accepts: Accepts,
    /// The key of the settings that named it.
    pub setting: &'static str,
}

/// A place that cannot be had, and the kernel's word.
#[derive(Debug)]
pub(crate) struct Unavailable {
    pub(crate) place: Place,
    pub(crate) source: io::Error,
}

/// Addresses that are ours, on which nobody listens yet: who connects is refused, and goes elsewhere.
#[derive(Debug)]
pub(crate) struct Reserved {
    sockets: Vec<(Socket, Place)>,
    stopper: Stopper,
    poll: Poll,
}

/// Listening sockets; nobody is accepted before [`Acceptor::run`].
#[derive(Debug)]
pub(crate) struct Acceptor {
    poll: Poll,
    listeners: Vec<Listener>,
    stopper: Stopper,
}

#[derive(Debug)]
struct Listener {
    socket: TcpListener,
    accepts: Accepts,
    /// While set, it is left alone until then.
    resume_at: Option<Instant>,
}

/// Ends [`Acceptor::run`], from any thread.
#[derive(Clone, Debug)]
pub(crate) struct Stopper {
    stopped: Arc<AtomicBool>,
    waker: Arc<Waker>,
}

impl Stopper {
    /// Lets `run` return soon, or at once if it is called later.
    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
        if let Err(error) = self.waker.wake() {
            log::error!("cannot wake the acceptor: {error}");
        }
    }
}

impl Reserved {
    /// Takes sockets that listen already, and these places beside them.
    ///
    /// # Errors
    /// An address is in use, not ours or not allowed; or there are no descriptors left.
    pub(crate) fn bind(listening: Vec<(std::net::TcpListener, Place)>, places: &[Place]) -> Result<Self, Unavailable> {
        let mut sockets = Vec::new();
        for (socket, place) in listening {
            let socket = Socket::from(socket);
            let prepared = socket.set_nonblocking(true).and_then(|()| set_options(&socket));
            prepared.map_err(|source| Unavailable { place, source })?;
            sockets.push((socket, place));
        }
        for place in places {
            let socket = bind(place.address, is_for_v6_only(place.address, places))
                .map_err(|source| Unavailable { place: *place, source })?;
            sockets.push((socket, *place));
        }
        let stopper = || -> io::Result<(Poll, Stopper)> {
            let poll = Poll::new()?;
            let waker = Arc::new(Waker::new(poll.registry(), STOP)?);
            Ok((poll, Stopper { stopped: Arc::default(), waker }))
        };
        let (poll, stopper) = stopper().map_err(|source| Unavailable { place: sockets[0].1, source })?;
        Ok(Self { sockets, stopper, poll })
    }

    /// The places, with the ports that were found.
    ///
    /// # Errors
    /// The kernel's; none is known.
    pub(crate) fn places(&self) -> io::Result<Vec<Place>> {
        let place = |(socket, place): &(Socket, Place)| {
            let address = socket.local_addr()?.as_socket().ok_or(ErrorKind::Unsupported)?;
            Ok(Place { address, ..*place })
        };
        self.sockets.iter().map(place).collect()
    }

    /// What ends [`Acceptor::run`].
    #[must_use]
    pub(crate) fn stopper(&self) -> Stopper {
        self.stopper.clone()
    }

    /// Listens: connections are completed from now on.
    ///
    /// # Errors
    /// Another socket has come to listen on an address meanwhile.
    pub(crate) fn listen(self) -> Result<Acceptor, Unavailable> {
        let registry = self.poll.registry();
        let begin = |(index, (socket, place)): (usize, (Socket, Place))| {
            let listen = || -> io::Result<Listener> {
                socket.listen(BACKLOG)?;
                let mut socket = TcpListener::from_std(socket.into());
                registry.register(&mut socket, Token(index), Interest::READABLE)?;
                Ok(Listener { socket, accepts: place.accepts, resume_at: None })
            };
            listen().map_err(|source| Unavailable { place, source })
        };
        let listeners = self.sockets.into_iter().enumerate().map(begin).collect::<Result<_, _>>()?;
        Ok(Acceptor { poll: self.poll, listeners, stopper: self.stopper })
    }
}

impl Acceptor {
    /// Accepts until stopped, on the calling thread; then the listening sockets are closed.
    ///
    /// # Errors
    /// The poll failed, `reactors` is empty or one of them has ended: the server cannot go on.
    #[expect(clippy::disallowed_methods, reason = "the thread's shell reads the clock")]
    pub(crate) fn run<M>(mut self, reactors: &[ReactorHandle<M>], settings: &Settings) -> io::Result<()> {
        let mut dealer =
            Dealer { reactors, settings, next: 0, strangers: SparseLog::default(), crowded: SparseLog::default() };
        let mut errors = SparseLog::default();
        let mut events = Events::with_capacity(8);
        while !self.is_stopped() {
            let resume_at = self.listeners.iter().filter_map(|listener| listener.resume_at).min();
            let timeout = resume_at.map(|at| at.saturating_duration_since(Instant::now()));
            match self.poll.poll(&mut events, timeout) {
                Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
                _ => {}
            }
            let now = Instant::now();
            for index in 0..self.listeners.len() {
                if !self.may_accept(index, now)? {
                    continue;
                }
                if let Err(error) = self.accept_all(index, &mut dealer, now)? {
                    settings.metrics.accept_errors.inc();
                    errors.note(now, |silent| {
                        log::error!(
                            "cannot accept connections: {error} ({silent} more such errors since the last line)"
                        );
                    });
                    self.listeners[index].resume_at = Some(now + ERROR_PAUSE);
                }
            }
        }
        Ok(())
    }

    fn is_stopped(&self) -> bool {
        self.stopper.stopped.load(Ordering::Acquire)
    }

    /// Whether a listener is not left alone.
    fn may_accept(&mut self, index: usize, now: Instant) -> io::Result<bool> {
        let Listener { socket, resume_at, .. } = &mut self.listeners[index];
        match *resume_at {
            Some(at) if now < at => return Ok(false),
            Some(_) => {
                *resume_at = None;
                // No event comes for those who wait since the error, even when descriptors are free: this re-arms it.
                self.poll.registry().reregister(socket, Token(index), Interest::READABLE)?;
            }
            None => {}
        }
        Ok(true)
    }

    /// Accepts until nobody waits. The inner error is accept's, the outer one a reactor's end.
    fn accept_all<M>(&self, index: usize, dealer: &mut Dealer<'_, M>, now: Instant) -> io::Result<io::Result<()>> {
        let Listener { socket, accepts, .. } = &self.listeners[index];
        while !self.is_stopped() {
            match socket.accept() {
                Ok((socket, from)) => dealer.deal(socket, from, *accepts, now).map_err(io::Error::other)?,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                // That peer has left the queue again; the next one is no worse for it.
                Err(error) if matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::ConnectionAborted) => {}
                Err(error) => return Ok(Err(error)),
            }
        }
        Ok(Ok(()))
    }
}

/// Whether IPv4 clients of `[::]` would take the port from another place.
fn is_for_v6_only(address: SocketAddr, places: &[Place]) -> bool {
    let is_rival = |place: &Place| place.address.is_ipv4() && place.address.port() == address.port();
    address.is_ipv6() && address.port() != 0 && places.iter().any(is_rival)
}

fn bind(address: SocketAddr, is_for_v6_only: bool) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM.nonblocking(), Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if is_for_v6_only {
        socket.set_only_v6(true)?;
    }
    set_options(&socket)?;
    // A socket that is bound and does not listen yet shares the address with another like it: the second to listen is
    // refused. One that listens already is seen here.
    socket.bind(&address.into())?;
    Ok(socket)
}

/// What the sockets inherit that it accepts.
fn set_options(socket: &Socket) -> io::Result<()> {
    socket.set_tcp_nodelay(true)?;
    let keepalive =
        TcpKeepalive::new().with_time(KEEPALIVE_IDLE).with_interval(KEEPALIVE_INTERVAL).with_retries(KEEPALIVE_PROBES);
    socket.set_tcp_keepalive(&keepalive)?;
    socket.set_tcp_user_timeout(Some(USER_TIMEOUT))
}

/// Decides which reactor gets a socket.
struct Dealer<'a, M> {
    reactors: &'a [ReactorHandle<M>],
    settings: &'a Settings,
    /// Whose turn it is.
    next: usize,
    /// Tells of addresses that are not let in.
    strangers: SparseLog,
    /// Tells of clients for whom there is no room.
    crowded: SparseLog,
}

impl<M> Dealer<'_, M> {
    fn deal(&mut self, socket: TcpStream, from: SocketAddr, place: Accepts, now: Instant) -> Result<(), ReactorGone> {
        if let Some(believed) = self.settings.from.as_ref().filter(|believed| !believed.contains(from.ip())) {
            self.settings.metrics.connections_refused.inc();
            self.strangers.note(now, |silent| {
                log::warn!(
                    "a connection from {} was closed: with proxy_protocol only a proxy may connect, and proxy.from names \
                     {believed}. If this is your proxy, add its address there ({silent} more since the last line)",
                    from.ip().to_canonical()
                );
            });
            return Ok(());
        }
        let open: usize = self.reactors.iter().map(ReactorHandle::connections).sum();
        let most = self.settings.connections_max.get();
        if open >= most {
            self.settings.metrics.connections_refused.inc();
            self.crowded.note(now, |silent| {
                log::warn!(
                    "a client was sent away: {most} connections are open, as many as limits.connections and the limit on open \
                     files allow ({silent} more since the last line)"
                );
            });
            return Ok(());
        }
        self.settings.metrics.accepted.inc();
        let is_free = place == Accepts::PlainAndTls || from.ip().to_canonical().is_loopback();
        let accepts = if is_free { Accepts::PlainAndTls } else { self.settings.accepts };
        self.pick().ok_or(ReactorGone)?.adopt(socket, from, accepts)
    }

    fn pick(&mut self) -> Option<&ReactorHandle<M>> {
        match self.settings.policy {
            AcceptPolicy::LeastLoaded => self.reactors.iter().min_by_key(|reactor| reactor.connections()),
            AcceptPolicy::RoundRobin => {
                let turn = self.next;
                self.next = (turn + 1) % self.reactors.len().max(1);
                self.reactors.get(turn)
            }
        }
    }
}

/// Logs what comes in floods, not each of it.
#[derive(Default)]
struct SparseLog {
    last: Option<Instant>,
    silent: u64,
}

impl SparseLog {
    /// Calls `log` with the number of times it was not called since the last one, unless that was a moment ago.
    fn note(&mut self, now: Instant, log: impl FnOnce(u64)) {
        if self.last.is_some_and(|last| now < last + LOG_INTERVAL) {
            self.silent += 1;
            return;
        }
        log(std::mem::take(&mut self.silent));
        self.last = Some(now);
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test's patience needs a clock")]
mod tests {
    use std::fs::File;
    use std::io::Read;
    use std::process::Command as Process;
    use std::thread;

    use socket2::SockRef;

    use super::*;
    use crate::net::mailbox::{self, Command, Inbox};

    const PATIENCE: Duration = Duration::from_secs(30);

    /// An acceptor that runs, and the ends of the mailboxes it deals to.
    struct Running {
        address: SocketAddr,
        stopper: Stopper,
        metrics: Arc<Metrics>,
        inboxes: Vec<Inbox<u8>>,
        handles: Vec<ReactorHandle<u8>>,
        thread: thread::JoinHandle<io::Result<()>>,
    }

    fn start(reactors: u16, connections_max: usize, policy: AcceptPolicy) -> Running {
        start_for(None, reactors, connections_max, policy)
    }

    fn start_for(from: Option<Networks>, reactors: u16, connections_max: usize, policy: AcceptPolicy) -> Running {
        let (handles, inboxes): (Vec<_>, Vec<_>) = (0..reactors).map(|index| mailbox::channel(index).unwrap()).unzip();
        let metrics = Arc::new(Metrics::new());
        let reserved = reserve("127.0.0.1:0");
        let (address, stopper) = (reserved.places().unwrap()[0].address, reserved.stopper());
        let acceptor = reserved.listen().unwrap();
        let accepts = Accepts::PlainAndTls;
        let connections_max = ConnectionsMax::new(connections_max);
        let settings = Settings { connections_max, policy, accepts, from, metrics: Arc::clone(&metrics) };
        let mine = handles.clone();
        let thread = thread::spawn(move || acceptor.run(&mine, &settings));
        Running { address, stopper, metrics, inboxes, handles, thread }
    }

    impl Running {
        fn stop(self) {
            self.stopper.stop();
            self.thread.join().unwrap().unwrap();
        }

        /// The next socket dealt to this reactor.
        fn dealt(&self, reactor: usize) -> TcpStream {
            wait_for("a socket", || match self.inboxes[reactor].take()? {
                Command::Adopt(arrival) => Some(arrival.socket),
                other => panic!("unexpected {other:?}"),
            })
        }
    }

    fn place(address: &str) -> Place {
        Place { address: address.parse().unwrap(), accepts: Accepts::OnlyTls, setting: "listen" }
    }

    fn reserve(address: &str) -> Reserved {
        Reserved::bind(Vec::new(), &[place(address)]).unwrap()
    }

    fn wait_for<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = condition() {
                return found;
            }
            assert!(Instant::now() < deadline, "waited for {what} in vain");
            thread::yield_now();
        }
    }

    fn connect(to: SocketAddr) -> std::net::TcpStream {
        let socket = std::net::TcpStream::connect(to).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket
    }

    #[test]
    fn deals_in_turn_and_sets_the_options() {
        let running = start(2, 100, AcceptPolicy::RoundRobin);
        let _clients: Vec<_> = (0..4).map(|_| connect(running.address)).collect();
        for reactor in [0, 1, 0, 1] {
            let socket = running.dealt(reactor);
            let socket = SockRef::from(&socket);
            assert!(socket.tcp_nodelay().unwrap());
            assert!(socket.keepalive().unwrap());
            assert_eq!(socket.tcp_keepalive_time().unwrap(), KEEPALIVE_IDLE);
            assert_eq!(socket.tcp_keepalive_interval().unwrap(), KEEPALIVE_INTERVAL);
            assert_eq!(socket.tcp_keepalive_retries().unwrap(), KEEPALIVE_PROBES);
            assert_eq!(socket.tcp_user_timeout().unwrap(), Some(USER_TIMEOUT));
            assert!(socket.nonblocking().unwrap());
        }
        assert_eq!(running.metrics.accepted.get(), 4);
        running.stop();
    }

    #[test]
    fn the_least_loaded_comes_first() {
        let running = start(2, 100, AcceptPolicy::LeastLoaded);
        let _clients: Vec<_> = (0..3).map(|_| connect(running.address)).collect();
        let _kept = (running.dealt(0), running.dealt(1), running.dealt(0));
        running.inboxes[0].connection_closed();
        running.inboxes[0].connection_closed();
        let _client = connect(running.address);
        running.dealt(0);
        running.stop();
    }

    #[test]
    fn closes_at_once_whoever_is_too_many() {
        let running = start(1, 1, AcceptPolicy::RoundRobin);
        let _first = connect(running.address);
        let kept = running.dealt(0);
        assert_eq!(connect(running.address).read(&mut [0]).unwrap_or(0), 0);
        assert_eq!(running.metrics.connections_refused.get(), 1);
        drop(kept);
        running.inboxes[0].connection_closed();
        let _again = connect(running.address);
        running.dealt(0);
        running.stop();
    }

    #[test]
    fn only_those_who_are_believed_are_let_in() {
        let elsewhere = crate::config::load_text("proxy.from = \"192.0.2.0/24\"").unwrap().config.proxy_from;
        let running = start_for(Some(elsewhere), 1, 100, AcceptPolicy::RoundRobin);
        for _ in 0..3 {
            assert_eq!(connect(running.address).read(&mut [0]).unwrap_or(0), 0);
        }
        assert_eq!(running.metrics.connections_refused.get(), 3);
        assert_eq!(running.metrics.accepted.get(), 0);
        running.stop();
        let running = start_for(Some(Networks::loopback()), 1, 100, AcceptPolicy::RoundRobin);
        let _client = connect(running.address);
        running.dealt(0);
        running.stop();
    }

    #[test]
    fn ends_when_a_reactor_has_ended() {
        let mut running = start(1, 10, AcceptPolicy::RoundRobin);
        running.inboxes.clear();
        assert_eq!(running.handles[0].post(0), Err(ReactorGone));
        let _client = connect(running.address);
        assert!(running.thread.join().unwrap().is_err());
    }

    #[test]
    fn nobody_gets_in_before_it_listens() {
        let reserved = reserve("127.0.0.1:0");
        let address = reserved.places().unwrap()[0].address;
        let refused = std::net::TcpStream::connect(address).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        let _acceptor = reserved.listen().unwrap();
        connect(address);
    }

    #[test]
    fn an_address_that_another_listens_on_is_refused() {
        let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = other.local_addr().unwrap();
        let refused =
            Reserved::bind(Vec::new(), &[place("127.0.0.1:0"), Place { address, ..place("127.0.0.1:0") }]).unwrap_err();
        assert_eq!((refused.source.kind(), refused.place.address), (ErrorKind::AddrInUse, address));
        let first = reserve("127.0.0.1:0");
        let second = Reserved::bind(Vec::new(), &first.places().unwrap()).unwrap();
        let _listening = first.listen().unwrap();
        assert_eq!(second.listen().unwrap_err().source.kind(), ErrorKind::AddrInUse);
    }

    #[test]
    fn one_port_of_both_families_and_several_places_at_once() {
        // A port that is free in both families: the first try may find one that is not.
        let reserved = wait_for("a port that is free in both families", || {
            let port = reserve("127.0.0.1:0").places().unwrap()[0].address.port();
            Reserved::bind(
                Vec::new(),
                &[place(&format!("127.0.0.1:{port}")), place(&format!("[::1]:{port}")), place("127.0.0.1:0")],
            )
            .ok()
        });
        let (handle, inbox) = mailbox::channel::<u8>(0).unwrap();
        let (places, stopper) = (reserved.places().unwrap(), reserved.stopper());
        let acceptor = reserved.listen().unwrap();
        let settings = Settings {
            connections_max: ConnectionsMax::new(10),
            policy: AcceptPolicy::RoundRobin,
            accepts: Accepts::OnlyTls,
            from: None,
            metrics: Arc::new(Metrics::new()),
        };
        let thread = thread::spawn(move || acceptor.run(&[handle], &settings));
        for place in &places {
            let client = connect(place.address);
            let arrival = wait_for("a socket", || match inbox.take()? {
                Command::Adopt(arrival) => Some(arrival),
                other => panic!("unexpected {other:?}"),
            });
            assert_eq!(arrival.from, client.local_addr().unwrap());
            assert_eq!(arrival.accepts, Accepts::PlainAndTls, "it comes from this machine");
        }
        stopper.stop();
        thread.join().unwrap().unwrap();
    }

    #[test]
    fn any_address_of_both_families_can_be_taken_at_one_port() {
        wait_for("a port that is free in both families", || {
            let port = reserve("127.0.0.1:0").places().unwrap()[0].address.port();
            let both = [place(&format!("0.0.0.0:{port}")), place(&format!("[::]:{port}"))];
            Reserved::bind(Vec::new(), &both).ok()?.listen().ok()
        });
    }

    #[test]
    fn stopping_before_running_is_heard() {
        let reserved = reserve("[::1]:0");
        reserved.stopper().stop();
        let acceptor = reserved.listen().unwrap();
        let settings = Settings {
            connections_max: ConnectionsMax::new(1),
            policy: AcceptPolicy::RoundRobin,
            accepts: Accepts::PlainAndTls,
            from: None,
            metrics: Arc::new(Metrics::new()),
        };
        acceptor.run::<u8>(&[], &settings).unwrap();
    }

    /// The limit on descriptors concerns a whole process, so the test below is run in one of its own.
    #[test]
    fn goes_on_after_running_out_of_descriptors() {
        let child = Process::new("sh")
            .args(["-c", "ulimit -n 40; exec \"$@\"", "sh"])
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", "--ignored", "net::acceptor::tests::with_forty_descriptors"])
            .output()
            .unwrap();
        let output = String::from_utf8_lossy(&child.stdout);
        assert!(child.status.success() && output.contains("1 passed"), "{output}");
    }

    #[test]
    #[ignore = "started by goes_on_after_running_out_of_descriptors"]
    fn with_forty_descriptors() {
        let running = start(1, 1000, AcceptPolicy::RoundRobin);
        let mut taken: Vec<_> = std::iter::from_fn(|| File::open("/dev/null").ok()).collect();
        taken.pop();
        // This takes the last descriptor: there is none for the acceptor's end.
        let _client = connect(running.address);
        wait_for("an error of accept", || (running.metrics.accept_errors.get() > 0).then_some(()));
        assert!(running.inboxes[0].take().is_none());
        // Nobody else knocks: who waits must be found without an event.
        drop(taken);
        running.dealt(0);
        let errors = running.metrics.accept_errors.get();
        assert!(errors < 400, "{errors} errors: it spins");
        running.stop();
    }
}
