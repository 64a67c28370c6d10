//! Where administrators come from: a TCP address, or a unix socket, whose clients the kernel names.

use std::fs::{self, Permissions};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

use rustix::net::sockopt::socket_peercred;
use rustix::process::geteuid;

/// Who may connect: the server's own user (and root, whom nothing stops).
const SOCKET_MODE: u32 = 0o600;

/// Who is on the other side.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Peer {
    /// Whoever reaches the address.
    Network,
    /// A user of this machine who may administrate: by number.
    Own(u32),
    /// One who may not.
    Other(u32),
}

/// A listening socket.
#[derive(Debug)]
pub(super) enum Listener {
    /// At an address.
    Tcp(TcpListener),
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
    pub(super) fn accept(&self) -> io::Result<(Socket, Peer)> {
        match self {
            Self::Tcp(listener) => Ok((Socket::Tcp(listener.accept()?.0), Peer::Network)),
            Self::Unix(listener) => {
                let socket = listener.accept()?.0;
                let uid = socket_peercred(&socket)?.uid;
                let peer = if uid.is_root() || uid == geteuid() { Peer::Own } else { Peer::Other };
                Ok((Socket::Unix(socket), peer(uid.as_raw())))
            }
        }
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(listener) => listener.as_fd(),
            Self::Unix(listener) => listener.as_fd(),
        }
    }
}

/// A connection.
#[derive(Debug)]
pub(super) enum Socket {
    /// From an address.
    Tcp(TcpStream),
    /// Of this machine.
    Unix(UnixStream),
}

impl Socket {
    /// No call waits from now on.
    ///
    /// # Errors
    /// The kernel's.
    pub(super) fn never_waits(&self) -> io::Result<()> {
        match self {
            Self::Tcp(socket) => socket.set_nonblocking(true),
            Self::Unix(socket) => socket.set_nonblocking(true),
        }
    }

    /// Nothing more is written.
    ///
    /// # Errors
    /// The kernel's.
    pub(super) fn end_writing(&self) -> io::Result<()> {
        match self {
            Self::Tcp(socket) => socket.shutdown(Shutdown::Write),
            Self::Unix(socket) => socket.shutdown(Shutdown::Write),
        }
    }
}

impl Read for Socket {
    fn read(&mut self, piece: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(socket) => socket.read(piece),
            Self::Unix(socket) => socket.read(piece),
        }
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(socket) => socket.write(bytes),
            Self::Unix(socket) => socket.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(socket) => socket.as_fd(),
            Self::Unix(socket) => socket.as_fd(),
        }
    }
}
