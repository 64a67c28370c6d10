//! TLS over a socket that may wait or not: reads and writes of plain bytes above, records of TLS below.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Instant;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};

use super::times::now;

/// A connection whose handshake is over.
pub(super) struct Encrypted {
    tls: ClientConnection,
    socket: TcpStream,
}

impl Encrypted {
    /// Shakes hands over a socket that waits, until `deadline` at most.
    ///
    /// # Errors
    /// `InvalidData` with the words of TLS inside; `TimedOut`.
    pub(super) fn over(
        socket: TcpStream,
        config: &Arc<ClientConfig>,
        name: &ServerName<'static>,
        deadline: Instant,
    ) -> io::Result<Self> {
        let tls = ClientConnection::new(Arc::clone(config), name.clone()).map_err(io::Error::other)?;
        let mut encrypted = Self { tls, socket };
        while encrypted.tls.is_handshaking() {
            let left = deadline.saturating_duration_since(now());
            if left.is_zero() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            encrypted.socket.set_read_timeout(Some(left))?;
            encrypted.socket.set_write_timeout(Some(left))?;
            match encrypted.turn() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Err(io::ErrorKind::TimedOut.into()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                outcome => outcome?,
            }
        }
        Ok(encrypted)
    }

    pub(super) fn socket(&self) -> &TcpStream {
        &self.socket
    }

    /// One step of the handshake: says what is to be said, and listens if it is not over.
    fn turn(&mut self) -> io::Result<()> {
        self.push()?;
        if self.tls.is_handshaking() && self.pull()? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.push()
    }

    /// Writes what TLS has ready, as far as the socket takes it.
    fn push(&mut self) -> io::Result<()> {
        while self.tls.wants_write() {
            match self.tls.write_tls(&mut self.socket) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Reads once from the socket; 0 is its end. All plain bytes of before have been taken: TLS refuses more when it
    /// holds too many.
    fn pull(&mut self) -> io::Result<usize> {
        let count = self.tls.read_tls(&mut self.socket)?;
        let outcome = self.tls.process_new_packets();
        // It may have an answer ready, or a complaint. If the socket fails, the next write or read tells.
        let _ = self.push();
        outcome.map(|_| count).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    }

    /// Says that nothing more follows, as far as the socket takes it.
    pub(super) fn say_goodbye(&mut self) {
        self.tls.send_close_notify();
        let _ = self.push();
    }
}

impl Read for Encrypted {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.tls.reader().read(into) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.pull()?;
                }
                // Without the goodbye that TLS wants; whoever reads knows by the frames whether something is missing.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(0),
                outcome => return outcome,
            }
        }
    }
}

impl Write for Encrypted {
    /// Takes as much as TLS holds at one time (64 KiB), and writes of it what the socket takes.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.push()?;
        let count = self.tls.writer().write(bytes)?;
        if count == 0 && !bytes.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        match self.push() {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
            _ => Ok(count),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.push()
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Shutdown, TcpListener};
    use std::time::Duration;

    use super::*;
    use crate::backend::{choose_cryptography, client, tls_error};

    /// What comes of a handshake with a peer that says this, and then goes, or says nothing more.
    fn outcome(says: &[u8], goes: bool) -> io::Error {
        choose_cryptography();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let socket = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut peer, _) = listener.accept().unwrap();
        peer.write_all(says).unwrap();
        if goes {
            peer.shutdown(Shutdown::Write).unwrap();
        }
        let name = ServerName::try_from("127.0.0.1").unwrap();
        let deadline = now() + Duration::from_millis(if goes || !says.is_empty() { 10_000 } else { 50 });
        let outcome = Encrypted::over(socket, &client::unchecked(), &name, deadline);
        drop(peer);
        outcome.err().expect("nobody shakes hands")
    }

    #[test]
    fn a_peer_that_does_not_shake_hands_is_given_up() {
        assert_eq!(outcome(b"", false).kind(), io::ErrorKind::TimedOut);
        assert_eq!(outcome(b"", true).kind(), io::ErrorKind::UnexpectedEof);
        assert_eq!(outcome(b"\x16\x03", true).kind(), io::ErrorKind::UnexpectedEof);
        let plain = outcome(b"-ERR unknown command\r\n", false);
        assert!(matches!(tls_error(&plain), Some(rustls::Error::InvalidMessage(_))), "{plain:?}");
    }
}
