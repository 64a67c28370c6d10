//! What the kernel allows: a thread that copies bytes from one socket to another, and knows nothing of what they mean.
//!
//! ```text
//!   generator: a <--TCP--> a' \
//!                              thread: what comes from one goes to the other
//!   generator: b <--TCP--> b' /
//! ```

use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;

use anyhow::{Context, Result};
use mio::{Events, Interest, Poll, Token};

use crate::proc_stat::Watched;

const READ_BYTES: usize = 64 * 1024;

/// What a forwarder is to the run.
pub(crate) struct Ends {
    /// The generator's ends; 2n and 2n + 1 are connected with each other.
    pub(crate) sockets: Vec<mio::net::TcpStream>,
    /// The thread, to be watched.
    pub(crate) thread: Watched,
}

/// Starts a thread that forwards between so many pairs. It ends when all sockets are closed.
pub(crate) fn start(pairs: usize) -> Result<Ends> {
    let (mut ours, mut its) = (Vec::new(), Vec::new());
    for _ in 0..2 * pairs {
        let (one, other) = connected().context("cannot connect on loopback")?;
        ours.push(one);
        its.push(other);
    }
    let (tell, told) = mpsc::channel();
    let run = move || {
        // Nobody waits for the end of this thread; if it fails, the sockets close and the run says so.
        let _ = tell.send(Watched::this_thread("forwarder"));
        let _ = forward(its);
    };
    thread::Builder::new().name("forwarder".to_owned()).spawn(run).context("cannot have a thread")?;
    Ok(Ends { sockets: ours, thread: told.recv().context("the forwarder has ended")?? })
}

/// The two ends of a TCP connection.
fn connected() -> io::Result<(mio::net::TcpStream, mio::net::TcpStream)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let one = TcpStream::connect(listener.local_addr()?)?;
    let (other, _) = listener.accept()?;
    let prepare = |socket: TcpStream| {
        socket.set_nodelay(true)?;
        socket.set_nonblocking(true)?;
        Ok::<_, io::Error>(mio::net::TcpStream::from_std(socket))
    };
    Ok((prepare(one)?, prepare(other)?))
}

/// One direction: what came from a socket and is not yet written to its partner is kept with the partner.
struct End {
    socket: mio::net::TcpStream,
    out: Vec<u8>,
}

fn forward(sockets: Vec<mio::net::TcpStream>) -> io::Result<()> {
    let mut poll = Poll::new()?;
    let mut ends: Vec<Option<End>> = Vec::new();
    for (k, mut socket) in sockets.into_iter().enumerate() {
        poll.registry().register(&mut socket, Token(k), Interest::READABLE | Interest::WRITABLE)?;
        ends.push(Some(End { socket, out: Vec::new() }));
    }
    let (mut events, mut buffer) = (Events::with_capacity(1024), vec![0; READ_BYTES]);
    while ends.iter().any(Option::is_some) {
        match poll.poll(&mut events, None) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            polled => polled?,
        }
        for event in &events {
            let k = event.token().0;
            let moved = ends[k].as_mut().map_or(Ok(()), End::write).and_then(|()| carry(&mut ends, k, &mut buffer));
            if moved.is_err() {
                ends[k] = None;
                ends[k ^ 1] = None;
            }
        }
    }
    Ok(())
}

/// Reads from `k` until nothing is left and writes it to the partner.
fn carry(ends: &mut [Option<End>], k: usize, buffer: &mut [u8]) -> io::Result<()> {
    loop {
        let Some(from) = &mut ends[k] else { return Ok(()) };
        let bytes = match from.socket.read(buffer) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            read => read?,
        };
        let Some(to) = &mut ends[k ^ 1] else { return Ok(()) };
        to.out.extend_from_slice(&buffer[..bytes]);
        to.write()?;
        if bytes < buffer.len() {
            return Ok(());
        }
    }
}

impl End {
    fn write(&mut self) -> io::Result<()> {
        let mut written = 0;
        while written < self.out.len() {
            match self.socket.write(&self.out[written..]) {
                Ok(bytes) => written += bytes,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        self.out.drain(..written);
        Ok(())
    }
}
