//! A connection to Redis as a stream of bytes, whatever lies below it. The subscriber polls it, the question at start
//! waits for it.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream, ToSocketAddrs};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use socket2::{Domain, SockAddr, Socket, Type};

use super::address::{Address, Place};
use super::encrypted::Encrypted;
use super::times::now;

/// An open connection.
pub(super) enum Transport {
    Tcp(TcpStream),
    Unix(UnixStream),
    Tls(Box<Encrypted>),
}

impl Transport {
    /// Opens one; each address of the host may take `timeout`, the handshake of TLS included. It blocks.
    pub(super) fn open(address: &Address, timeout: Duration) -> io::Result<Self> {
        match address.place() {
            Place::Tcp { host, port } => dial(host, *port, timeout).map(|(socket, _)| Self::Tcp(socket)),
            Place::Tls { host, port, config, name } => {
                let (socket, begun) = dial(host, *port, timeout)?;
                Ok(Self::Tls(Box::new(Encrypted::over(socket, config, name, begun + timeout)?)))
            }
            Place::Unix(path) => dial_unix(path).map(Self::Unix),
        }
    }

    /// Where it comes from. A unix socket has no address, nor has what is dead.
    pub(super) fn local_addr(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(socket) => socket.local_addr().ok(),
            Self::Tls(encrypted) => encrypted.socket().local_addr().ok(),
            Self::Unix(_) => None,
        }
    }

    /// From now on each read and each write waits this long at most.
    pub(super) fn set_timeout(&self, timeout: Duration) -> io::Result<()> {
        let timeout = Some(timeout);
        match self {
            Self::Tcp(socket) => socket.set_read_timeout(timeout).and_then(|()| socket.set_write_timeout(timeout)),
            Self::Unix(socket) => socket.set_read_timeout(timeout).and_then(|()| socket.set_write_timeout(timeout)),
            Self::Tls(encrypted) => {
                let socket = encrypted.socket();
                socket.set_read_timeout(timeout).and_then(|()| socket.set_write_timeout(timeout))
            }
        }
    }

    /// From now on no read and no write waits.
    pub(super) fn wait_no_more(&self) -> io::Result<()> {
        match self {
            Self::Tcp(socket) => socket.set_nonblocking(true),
            Self::Unix(socket) => socket.set_nonblocking(true),
            Self::Tls(encrypted) => encrypted.socket().set_nonblocking(true),
        }
    }

    /// Ends it in both directions. That may fail on a dead socket; dropping it does the rest.
    pub(super) fn end(self) {
        let _ = match self {
            Self::Tcp(socket) => socket.shutdown(Shutdown::Both),
            Self::Unix(socket) => socket.shutdown(Shutdown::Both),
            Self::Tls(mut encrypted) => {
                encrypted.say_goodbye();
                encrypted.socket().shutdown(Shutdown::Both)
            }
        };
    }
}

impl AsRawFd for Transport {
    fn as_raw_fd(&self) -> RawFd {
        match self {
            Self::Tcp(socket) => socket.as_raw_fd(),
            Self::Unix(socket) => socket.as_raw_fd(),
            Self::Tls(encrypted) => encrypted.socket().as_raw_fd(),
        }
    }
}

impl Read for Transport {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(socket) => socket.read(into),
            Self::Unix(socket) => socket.read(into),
            Self::Tls(encrypted) => encrypted.read(into),
        }
    }
}

impl Write for Transport {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(socket) => socket.write(bytes),
            Self::Unix(socket) => socket.write(bytes),
            Self::Tls(encrypted) => encrypted.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Tcp(socket) => socket.flush(),
            Self::Unix(socket) => socket.flush(),
            Self::Tls(encrypted) => encrypted.flush(),
        }
    }
}

/// Connects to the first of the host's addresses that answers; also when it was begun with that one. It may ask the name
/// service.
fn dial(host: &str, port: u16, timeout: Duration) -> io::Result<(TcpStream, Instant)> {
    let mut outcome = Err(io::Error::new(io::ErrorKind::NotFound, "the host has no address"));
    for address in (host, port).to_socket_addrs()? {
        let begun = now();
        outcome = TcpStream::connect_timeout(&address, timeout).map(|socket| (socket, begun));
        if outcome.is_ok() {
            break;
        }
    }
    let (socket, begun) = outcome?;
    socket.set_nodelay(true)?;
    Ok((socket, begun))
}

fn dial_unix(path: &Path) -> io::Result<UnixStream> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    // Of a server that takes nobody at present it would wait for ever: connecting has no timeout of its own here.
    socket.set_nonblocking(true)?;
    socket.connect(&SockAddr::unix(path)?)?;
    socket.set_nonblocking(false)?;
    Ok(OwnedFd::from(socket).into())
}
