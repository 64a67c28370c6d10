//! A TCP proxy in front of MariaDB that cuts a connection at its COMMIT, or at any statement that changes something: before the
//! server gets it, or right after.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

/// What happens at the next COMMIT, or at the packet that was named; later ones pass.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    Never = 0,
    /// The server does not get it.
    Before = 1,
    /// The server gets it, the client gets no answer.
    After = 2,
    /// The server does not get it, nor the news that the connection is gone.
    Silently = 3,
}

pub(crate) struct Proxy {
    pub(crate) port: u16,
    next: Arc<AtomicU8>,
    changes: Arc<Changes>,
}

/// Statements of clients, as text, that change something.
#[derive(Default)]
struct Changes {
    sent: AtomicUsize,
    /// The one at which the connection is cut: 0 is none.
    cut_at: AtomicUsize,
}

/// The bytes of a packet before what is in it: its length in three of them, and its number within the command.
const HEADER_BYTES: usize = 4;

/// The command of MySQL's protocol that has a statement as text.
const COM_QUERY: u8 = 0x03;

/// How statements begin that change something. (What changes something within a transaction does so at its COMMIT.)
const CHANGING: [&[u8]; 7] = [b"ALTER ", b"COMMIT", b"CREATE ", b"DELETE ", b"DROP ", b"INSERT ", b"UPDATE "];

impl Proxy {
    pub(crate) fn start(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let next = Arc::new(AtomicU8::new(Cut::Never as u8));
        let at_commit = Arc::clone(&next);
        let changes = Arc::new(Changes::default());
        let counted = Arc::clone(&changes);
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let (at_commit, counted) = (Arc::clone(&at_commit), Arc::clone(&counted));
                std::thread::spawn(move || relay(client.unwrap(), server, &at_commit, &counted));
            }
        });
        Self { port, next, changes }
    }

    /// Counts from 0 again, and cuts the connection at the change of this number: the server gets it, or it does not. 0 lets all
    /// pass.
    pub(crate) fn cut_at_change(&self, number: usize, cut: Cut) {
        self.changes.sent.store(0, Ordering::SeqCst);
        self.changes.cut_at.store(number, Ordering::SeqCst);
        self.next.store(cut as u8, Ordering::SeqCst);
    }

    /// How many changes clients have sent.
    pub(crate) fn changes(&self) -> usize {
        self.changes.sent.load(Ordering::SeqCst)
    }

    pub(crate) fn cut_next_commit(&self, cut: Cut) {
        self.next.store(cut as u8, Ordering::SeqCst);
    }
}

fn relay(mut client: TcpStream, server: u16, at_commit: &AtomicU8, changes: &Changes) {
    let Ok(mut server) = TcpStream::connect(("127.0.0.1", server)) else { return };
    let (mut answers, mut answered) = (server.try_clone().unwrap(), client.try_clone().unwrap());
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut answers, &mut answered);
        let _ = answered.shutdown(Shutdown::Both);
    });
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = client.read(&mut buffer) {
        let is_change = is_change(&buffer[..count]);
        let number = changes.sent.fetch_add(usize::from(is_change), Ordering::SeqCst) + 1;
        let is_due = match changes.cut_at.load(Ordering::SeqCst) {
            0 => buffer[..count].ends_with(b"COMMIT"),
            due => is_change && number == due,
        };
        let cut = if is_due { at_commit.swap(Cut::Never as u8, Ordering::SeqCst) } else { Cut::Never as u8 };
        if cut == Cut::After as u8 {
            // The client's side first: the answer must not slip through.
            let _ = client.shutdown(Shutdown::Both);
        }
        if cut == Cut::Silently as u8 {
            let _ = client.shutdown(Shutdown::Both);
            // Keeps the server's side open until the test process ends.
            std::mem::forget(server);
            return;
        }
        if cut == Cut::Before as u8 || server.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    let _ = client.shutdown(Shutdown::Both);
    let _ = server.shutdown(Shutdown::Write);
}

/// Whether one of the packets is a statement that changes something.
fn is_change(mut bytes: &[u8]) -> bool {
    while let [first, second, third, number, command, ref statement @ ..] = *bytes {
        if number == 0 && command == COM_QUERY && CHANGING.iter().any(|begin| statement.starts_with(begin)) {
            return true;
        }
        let length = usize::from(first) | (usize::from(second) << 8) | (usize::from(third) << 16);
        bytes = bytes.get(HEADER_BYTES + length..).unwrap_or_default();
    }
    false
}
