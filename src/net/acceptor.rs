//! The listening socket, on the main thread: accepts, counts, refuses what is too much, deals sockets to the reactors.
//!
//! Socket options are set once, on the listener: Linux hands them on to every socket it accepts.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token, Waker};
use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};

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

const LISTENER: Token = Token(0);
const STOP: Token = Token(1);

/// What the acceptor is told at start.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// Open connections over all reactors; whoever comes beyond is closed at once.
    pub connections_max: usize,
    /// How connections are dealt.
    pub policy: AcceptPolicy,
    /// Who may connect; `None`: everybody. With PROXY headers: those who are believed.
    pub from: Option<Networks>,
    /// Where to count.
    pub metrics: Arc<Metrics>,
}

/// An address that is ours, on which nobody listens yet: who connects is refused, and goes elsewhere.
#[derive(Debug)]
pub(crate) struct Reserved {
    socket: Socket,
    stopper: Stopper,
    poll: Poll,
}

/// A listening socket; nobody is accepted before [`Acceptor::run`].
#[derive(Debug)]
pub(crate) struct Acceptor {
    poll: Poll,
    listener: TcpListener,
    stopper: Stopper,
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
    /// Takes `address`; port 0 takes any free one.
    ///
    /// # Errors
    /// The address is in use, not ours or not allowed; or there are no descriptors left.
    pub(crate) fn bind(address: SocketAddr) -> io::Result<Self> {
        let poll = Poll::new()?;
        let socket = bind(address)?;
        let waker = Arc::new(Waker::new(poll.registry(), STOP)?);
        Ok(Self { socket, stopper: Stopper { stopped: Arc::default(), waker }, poll })
    }

    /// The address, with the port that was found.
    ///
    /// # Errors
    /// The kernel's; none is known.
    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()?.as_socket().ok_or_else(|| ErrorKind::Unsupported.into())
    }

    /// What ends [`Acceptor::run`].
    #[must_use]
    pub(crate) fn stopper(&self) -> Stopper {
        self.stopper.clone()
    }

    /// Listens: connections are completed from now on.
    ///
    /// # Errors
    /// Another socket has come to listen on the address meanwhile.
    pub(crate) fn listen(self) -> io::Result<Acceptor> {
        self.socket.listen(BACKLOG)?;
        let mut listener = TcpListener::from_std(self.socket.into());
        self.poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        Ok(Acceptor { poll: self.poll, listener, stopper: self.stopper })
    }
}

impl Acceptor {
    /// Accepts until stopped, on the calling thread; then the listening socket is closed.
    ///
    /// # Errors
    /// The poll failed, `reactors` is empty or one of them has ended: the server cannot go on.
    #[expect(clippy::disallowed_methods, reason = "the thread's shell reads the clock")]
    pub(crate) fn run<M>(mut self, reactors: &[ReactorHandle<M>], settings: &Settings) -> io::Result<()> {
        let mut dealer = Dealer { reactors, settings, next: 0, strangers: SparseLog::default() };
        let mut errors = SparseLog::default();
        let mut events = Events::with_capacity(8);
        // While set, the listener is left alone until then.
        let mut resume_at: Option<Instant> = None;
        while !self.stopper.stopped.load(Ordering::Acquire) {
            let timeout = resume_at.map(|at| at.saturating_duration_since(Instant::now()));
            match self.poll.poll(&mut events, timeout) {
                Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
                _ => {}
            }
            let now = Instant::now();
            if let Some(at) = resume_at {
                if now < at {
                    continue;
                }
                resume_at = None;
                // No event comes for those who wait since the error, even when descriptors are free: this re-arms it.
                self.poll.registry().reregister(&mut self.listener, LISTENER, Interest::READABLE)?;
            }
            if let Err(error) = self.accept_all(&mut dealer, now)? {
                settings.metrics.accept_errors.inc();
                errors.note(now, |silent| {
                    log::error!("cannot accept connections: {error} ({silent} more such errors since the last line)");
                });
                resume_at = Some(now + ERROR_PAUSE);
            }
        }
        Ok(())
    }

    /// Accepts until nobody waits. The inner error is accept's, the outer one a reactor's end.
    fn accept_all<M>(&self, dealer: &mut Dealer<'_, M>, now: Instant) -> io::Result<io::Result<()>> {
        while !self.stopper.stopped.load(Ordering::Acquire) {
            match self.listener.accept() {
                Ok((socket, from)) => dealer.deal(socket, from, now).map_err(io::Error::other)?,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                // That peer has left the queue again; the next one is no worse for it.
                Err(error) if matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::ConnectionAborted) => {}
                Err(error) => return Ok(Err(error)),
            }
        }
        Ok(Ok(()))
    }
}

fn bind(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM.nonblocking(), Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_tcp_nodelay(true)?;
    let keepalive =
        TcpKeepalive::new().with_time(KEEPALIVE_IDLE).with_interval(KEEPALIVE_INTERVAL).with_retries(KEEPALIVE_PROBES);
    socket.set_tcp_keepalive(&keepalive)?;
    socket.set_tcp_user_timeout(Some(USER_TIMEOUT))?;
    // A socket that is bound and does not listen yet shares the address with another like it: the second to listen is
    // refused. One that listens already is seen here.
    socket.bind(&address.into())?;
    Ok(socket)
}

/// Decides which reactor gets a socket.
struct Dealer<'a, M> {
    reactors: &'a [ReactorHandle<M>],
    settings: &'a Settings,
    /// Whose turn it is.
    next: usize,
    /// Tells of addresses that are not let in.
    strangers: SparseLog,
}

impl<M> Dealer<'_, M> {
    fn deal(&mut self, socket: TcpStream, from: SocketAddr, now: Instant) -> Result<(), ReactorGone> {
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
        if open >= self.settings.connections_max {
            self.settings.metrics.connections_refused.inc();
            return Ok(());
        }
        self.settings.metrics.accepted.inc();
        self.pick().ok_or(ReactorGone)?.adopt(socket, from)
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
        let reserved = Reserved::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let (address, stopper) = (reserved.local_addr().unwrap(), reserved.stopper());
        let acceptor = reserved.listen().unwrap();
        let settings = Settings { connections_max, policy, from, metrics: Arc::clone(&metrics) };
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
                Command::Adopt(socket, _) => Some(socket),
                other => panic!("unexpected {other:?}"),
            })
        }
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
        let reserved = Reserved::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = reserved.local_addr().unwrap();
        let refused = std::net::TcpStream::connect(address).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        let _acceptor = reserved.listen().unwrap();
        connect(address);
    }

    #[test]
    fn an_address_that_another_listens_on_is_refused() {
        let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = other.local_addr().unwrap();
        assert_eq!(Reserved::bind(address).unwrap_err().kind(), ErrorKind::AddrInUse);
        let first = Reserved::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let second = Reserved::bind(first.local_addr().unwrap()).unwrap();
        let _listening = first.listen().unwrap();
        assert_eq!(second.listen().unwrap_err().kind(), ErrorKind::AddrInUse);
    }

    #[test]
    fn stopping_before_running_is_heard() {
        let reserved = Reserved::bind("[::1]:0".parse().unwrap()).unwrap();
        reserved.stopper().stop();
        let acceptor = reserved.listen().unwrap();
        let settings = Settings {
            connections_max: 1,
            policy: AcceptPolicy::RoundRobin,
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
