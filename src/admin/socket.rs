//! Where administrators come from: a TCP address, with or without TLS, or a unix socket, whose clients the kernel names.

use std::fs::{self, Permissions};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;

use rustix::net::sockopt::socket_peercred;
use rustix::process::geteuid;
use rustls::{ServerConfig, ServerConnection};

use crate::net::tls::TLS_FIRST_BYTE;

/// Who may connect: the server's own user (and root, whom nothing stops).
const SOCKET_MODE: u32 = 0o600;

/// Who is on the other side.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Peer {
    /// Whoever reaches the address, by TLS or from this machine.
    Network,
    /// The same, where others could read on the way what is said.
    Exposed,
    /// A user of this machine who may administrate: by number.
    Own(u32),
    /// One who may not.
    Other(u32),
}

/// A listening socket.
#[derive(Debug)]
pub(super) enum Listener {
    /// At an address; how TLS is spoken there, if it is.
    Tcp(TcpListener, Option<Arc<ServerConfig>>),
    /// At a path.
    Unix(UnixListener),
}

impl Listener {
    /// Listens at a path. What a server that was killed has left there is removed; one that lives is not.
    ///
    /// # Errors
    /// The kernel's; `AddrInUse` where another server listens.
    pub(super) fn at(path: &Path) -> io::Result<Self> {
        match UnixStream::connect(path) {
            Ok(_) => return Err(ErrorKind::AddrInUse.into()),
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => fs::remove_file(path)?,
            Err(_) => {}
        }
        let listener = UnixListener::bind(path)?;
        fs::set_permissions(path, Permissions::from_mode(SOCKET_MODE))?;
        listener.set_nonblocking(true)?;
        Ok(Self::Unix(listener))
    }

    /// The next one who wants to connect.
    ///
    /// # Errors
    /// The kernel's.
    pub(super) fn accept(&self) -> io::Result<Socket> {
        match self {
            Self::Tcp(listener, tls) => {
                let (socket, from) = listener.accept()?;
                socket.set_nonblocking(true)?;
                let peer = if from.ip().to_canonical().is_loopback() { Peer::Network } else { Peer::Exposed };
                let layer = tls.clone().map_or(Layer::Plain, Layer::Unknown);
                Ok(Socket { stream: Stream::Tcp(socket, layer), peer })
            }
            Self::Unix(listener) => {
                let socket = listener.accept()?.0;
                socket.set_nonblocking(true)?;
                let uid = socket_peercred(&socket)?.uid;
                let peer = if uid.is_root() || uid == geteuid() { Peer::Own } else { Peer::Other };
                Ok(Socket { stream: Stream::Unix(socket), peer: peer(uid.as_raw()) })
            }
        }
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(listener, _) => listener.as_fd(),
            Self::Unix(listener) => listener.as_fd(),
        }
    }
}

/// A connection. No call waits.
#[derive(Debug)]
pub(super) struct Socket {
    stream: Stream,
    peer: Peer,
}

#[derive(Debug)]
enum Stream {
    Tcp(TcpStream, Layer),
    Unix(UnixStream),
}

/// What lies on a connection from an address.
#[derive(Debug)]
enum Layer {
    /// The first byte will show whether it is TLS.
    Unknown(Arc<ServerConfig>),
    Plain,
    Tls(Box<ServerConnection>),
}

impl Socket {
    /// Who is on the other side. Known once something was read.
    pub(super) fn peer(&self) -> Peer {
        self.peer
    }

    /// Whether TLS has something to send that the kernel has not taken.
    pub(super) fn holds_back(&self) -> bool {
        matches!(&self.stream, Stream::Tcp(_, Layer::Tls(session)) if session.wants_write())
    }

    /// Nothing more is written.
    ///
    /// # Errors
    /// The kernel's; to be called again when it would have had to wait.
    pub(super) fn end_writing(&mut self) -> io::Result<()> {
        if let Stream::Tcp(_, Layer::Tls(session)) = &mut self.stream {
            session.send_close_notify();
            self.flush()?;
        }
        match &self.stream {
            Stream::Tcp(socket, _) => socket.shutdown(Shutdown::Write),
            Stream::Unix(socket) => socket.shutdown(Shutdown::Write),
        }
    }

    /// Begins TLS if that is what comes.
    fn recognize(&mut self) -> io::Result<()> {
        let Stream::Tcp(socket, layer) = &mut self.stream else { return Ok(()) };
        let Layer::Unknown(config) = layer else { return Ok(()) };
        let mut first = [0];
        if socket.peek(&mut first)? == 1 && first[0] == TLS_FIRST_BYTE {
            let session = ServerConnection::new(Arc::clone(config)).map_err(io::Error::other)?;
            *layer = Layer::Tls(Box::new(session));
            self.peer = Peer::Network;
        } else {
            *layer = Layer::Plain;
        }
        Ok(())
    }
}

impl Read for Socket {
    fn read(&mut self, piece: &mut [u8]) -> io::Result<usize> {
        self.recognize()?;
        match &mut self.stream {
            Stream::Tcp(socket, Layer::Tls(session)) => rustls::Stream::new(&mut **session, socket).read(piece),
            Stream::Tcp(socket, _) => socket.read(piece),
            Stream::Unix(socket) => socket.read(piece),
        }
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.stream {
            Stream::Tcp(socket, Layer::Tls(session)) => rustls::Stream::new(&mut **session, socket).write(bytes),
            Stream::Tcp(socket, _) => socket.write(bytes),
            Stream::Unix(socket) => socket.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.stream {
            Stream::Tcp(socket, Layer::Tls(session)) => rustls::Stream::new(&mut **session, socket).flush(),
            Stream::Tcp(..) | Stream::Unix(_) => Ok(()),
        }
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.stream {
            Stream::Tcp(socket, _) => socket.as_fd(),
            Stream::Unix(socket) => socket.as_fd(),
        }
    }
}
