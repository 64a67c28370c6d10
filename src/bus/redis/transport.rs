//! A connection to Redis as a stream of bytes, whatever lies below it. The subscriber polls it, the question at start
//! waits for it.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::fd::{AsRawFd, RawFd};
use std::time::Duration;

use super::address::Address;

/// An open connection.
pub(super) enum Transport {
    Tcp(TcpStream),
}

impl Transport {
    /// Opens one; each address of the host may take `timeout`. It blocks.
    pub(super) fn open(address: &Address, timeout: Duration) -> io::Result<Self> {
        let socket = dial(&address.resolve()?, timeout)?;
        Ok(Self::Tcp(socket))
    }

    /// Where it comes from.
    pub(super) fn local_addr(&self) -> io::Result<SocketAddr> {
        match self {
            Self::Tcp(socket) => socket.local_addr(),
        }
    }

    /// From now on each read and each write waits this long at most.
    pub(super) fn set_timeout(&self, timeout: Duration) -> io::Result<()> {
        match self {
            Self::Tcp(socket) => {
                socket.set_read_timeout(Some(timeout))?;
                socket.set_write_timeout(Some(timeout))
            }
        }
    }

    /// From now on no read and no write waits.
    pub(super) fn wait_no_more(&self) -> io::Result<()> {
        match self {
            Self::Tcp(socket) => socket.set_nonblocking(true),
        }
    }

    /// Ends it in both directions. That may fail on a dead socket; dropping it does the rest.
    pub(super) fn end(self) {
        let _ = match self {
            Self::Tcp(socket) => socket.shutdown(Shutdown::Both),
        };
    }
}

impl AsRawFd for Transport {
    fn as_raw_fd(&self) -> RawFd {
        match self {
            Self::Tcp(socket) => socket.as_raw_fd(),
        }
    }
}

impl Read for Transport {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(socket) => socket.read(into),
        }
    }
}

impl Write for Transport {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(socket) => socket.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Tcp(socket) => socket.flush(),
        }
    }
}

/// Connects to the first of the addresses that answers.
fn dial(addresses: &[SocketAddr], timeout: Duration) -> io::Result<TcpStream> {
    let mut outcome = Err(io::Error::new(io::ErrorKind::NotFound, "the host has no address"));
    for address in addresses {
        outcome = TcpStream::connect_timeout(address, timeout);
        if outcome.is_ok() {
            break;
        }
    }
    let socket = outcome?;
    socket.set_nodelay(true)?;
    Ok(socket)
}
