//! A TCP proxy in front of a server, that can fall silent, cut, or cut right behind a COMMIT.
//!
//! ```text
//!   client --- up thread ---> server        bytes of the client: watched for COMMIT
//!          <-- down thread --               both wait at the gate while the relay is silent
//! ```

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// What becomes of bytes that a relay has read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Flow {
    /// They pass.
    Pass,
    /// They wait: both sides stay connected and hear nothing of each other.
    Hold,
    /// They are thrown away. The end of a connection passes.
    Swallow,
    /// What the server says is thrown away; what the client says passes.
    SwallowAnswers,
    /// What the client says passes so much later, and answers at once.
    Late(Duration),
}

/// A running proxy. Its threads end with their connections.
pub struct Relay {
    port: u16,
    gate: Arc<Gate>,
}

struct Gate {
    flow: Mutex<Flow>,
    changed: Condvar,
    sockets: Mutex<Vec<TcpStream>>,
    /// COMMITs whose connection is still to be cut.
    commits_to_cut: AtomicUsize,
    /// Connections made so far; each is known by its number.
    opened: AtomicUsize,
    /// Connections with a lower number are silent for good.
    stranded_below: AtomicUsize,
}

impl Relay {
    /// In front of this loopback port.
    pub fn start(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let gate = Arc::new(Gate {
            flow: Mutex::new(Flow::Pass),
            changed: Condvar::new(),
            sockets: Mutex::default(),
            commits_to_cut: AtomicUsize::new(0),
            opened: AtomicUsize::new(0),
            stranded_below: AtomicUsize::new(0),
        });
        let shared = Arc::clone(&gate);
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                // Dropping the client's socket is how an absent server looks.
                if let Ok(server) = TcpStream::connect(("127.0.0.1", server)) {
                    shared.join(client, server);
                }
            }
        });
        Self { port, gate }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// From now on bytes take this way, on old and new connections.
    pub fn set(&self, flow: Flow) {
        *self.gate.flow() = flow;
        self.gate.changed.notify_all();
    }

    /// Cuts every connection; those behind the gate, too.
    pub fn cut(&self) {
        for socket in self.gate.sockets().drain(..) {
            let _ = socket.shutdown(Shutdown::Both);
        }
    }

    /// The present connections fall silent for good, without an end; new ones pass.
    pub fn strand(&self) {
        self.gate.stranded_below.store(self.gate.opened.load(Ordering::SeqCst), Ordering::SeqCst);
    }

    /// The next so many COMMITs reach the server, but their connections are cut before the answer comes back.
    pub fn cut_behind_commits(&self, count: usize) {
        self.gate.commits_to_cut.store(count, Ordering::SeqCst);
    }

    /// COMMITs that are still to be cut.
    pub fn commits_to_cut(&self) -> usize {
        self.gate.commits_to_cut.load(Ordering::SeqCst)
    }
}

impl Gate {
    fn flow(&self) -> std::sync::MutexGuard<'_, Flow> {
        self.flow.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sockets(&self) -> std::sync::MutexGuard<'_, Vec<TcpStream>> {
        self.sockets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts both directions.
    fn join(self: &Arc<Self>, client: TcpStream, server: TcpStream) {
        for socket in [&client, &server] {
            let _ = socket.set_nodelay(true);
        }
        let (Ok(client_too), Ok(server_too)) = (client.try_clone(), server.try_clone()) else { return };
        self.sockets().extend([client.try_clone().unwrap(), server.try_clone().unwrap()]);
        let number = self.opened.fetch_add(1, Ordering::SeqCst);
        let (up, down) = (Arc::clone(self), Arc::clone(self));
        std::thread::spawn(move || up.carry(number, client, server, Direction::Up));
        std::thread::spawn(move || down.carry(number, server_too, client_too, Direction::Down));
    }

    fn carry(&self, number: usize, mut from: TcpStream, mut to: TcpStream, direction: Direction) {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            let bytes = &buffer[..count];
            let is_stranded = number < self.stranded_below.load(Ordering::SeqCst);
            let flow = self.wait_while_held();
            let is_swallowed = flow == Flow::Swallow || (flow == Flow::SwallowAnswers && direction == Direction::Down);
            if is_swallowed || is_stranded {
                continue;
            }
            if let Flow::Late(delay) = flow
                && direction == Direction::Up
            {
                std::thread::sleep(delay);
            }
            if direction == Direction::Up && bytes.ends_with(b"COMMIT") && self.takes_a_cut() {
                // The client's side first: the answer must not slip through.
                let _ = from.shutdown(Shutdown::Both);
                let _ = to.write_all(bytes);
                break;
            }
            if to.write_all(bytes).is_err() {
                break;
            }
        }
        let _ = from.shutdown(Shutdown::Both);
        // What was written before is still sent.
        let _ = to.shutdown(Shutdown::Write);
    }

    fn wait_while_held(&self) -> Flow {
        let held = self.changed.wait_while(self.flow(), |flow| *flow == Flow::Hold);
        *held.unwrap_or_else(PoisonError::into_inner)
    }

    fn takes_a_cut(&self) -> bool {
        self.commits_to_cut.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Up,
    Down,
}
