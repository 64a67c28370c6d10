//! A connection's bytes, plain or within TLS, for one thread that reads and one that writes.
//!
//! ```text
//!   reader: socket.read, then lock: decrypt             writer: lock: encrypt, then socket.write
//! ```
//!
//! Both share the TLS session. It is locked only while bytes move in memory, never while a socket is waited for: a server
//! that does not read cannot keep this side from reading. Only the writer takes encrypted bytes out of the session, so
//! they go out in their order; what TLS itself wants to say (a new key) goes out ahead of the next line, as its
//! standard allows.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustls::ClientConnection;

/// What is read from the socket at once.
const READ_BYTES: usize = 16 * 1024;

/// One half of a connection.
pub(crate) enum Stream {
    Plain(TcpStream),
    Tls(TlsStream),
}

/// One half of a connection over TLS.
pub(crate) struct TlsStream {
    socket: TcpStream,
    session: Arc<Mutex<ClientConnection>>,
    /// Read from the socket.
    raw: Box<[u8]>,
    /// What of it the session has not taken.
    untaken: Range<usize>,
}

impl Stream {
    /// Both halves: to read, and to write.
    ///
    /// # Errors
    /// No descriptor is left.
    pub(crate) fn halves(socket: TcpStream, session: Option<ClientConnection>) -> io::Result<[Self; 2]> {
        let other = socket.try_clone()?;
        let Some(session) = session else { return Ok([Self::Plain(socket), Self::Plain(other)]) };
        let session = Arc::new(Mutex::new(session));
        let tls = |socket, session, bytes| {
            Self::Tls(TlsStream { socket, session, raw: vec![0; bytes].into_boxed_slice(), untaken: 0..0 })
        };
        Ok([tls(socket, Arc::clone(&session), READ_BYTES), tls(other, session, 0)])
    }

    /// Says that nothing more will be written. Whoever has gone need not be told.
    pub(crate) fn finish(&mut self) {
        if let Self::Tls(tls) = self {
            let _ = tls.say_goodbye();
        }
    }

    /// Ends both directions, for both halves.
    pub(crate) fn shut_down(&self) {
        let (Self::Plain(socket) | Self::Tls(TlsStream { socket, .. })) = self;
        let _ = socket.shutdown(Shutdown::Both);
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.read(buffer),
            Self::Tls(tls) => tls.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.write(bytes),
            Self::Tls(tls) => tls.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl TlsStream {
    fn session(&self) -> MutexGuard<'_, ClientConnection> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.decrypted(buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                read => return read,
            }
            if self.untaken.is_empty() {
                let count = self.socket.read(&mut self.raw)?;
                self.untaken = 0..count;
            }
            self.decrypt()?;
        }
    }

    /// What is decrypted already; `WouldBlock` when nothing is.
    fn decrypted(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.session().reader().read(buffer)
    }

    /// Hands the session some of what was read; nothing tells it that the socket has ended.
    fn decrypt(&mut self) -> io::Result<()> {
        let mut rest = &self.raw[self.untaken.clone()];
        let mut session = self.session();
        session.read_tls(&mut rest)?;
        let processed = session.process_new_packets();
        drop(session);
        self.untaken.start = self.untaken.end - rest.len();
        processed.map(|_| ()).map_err(|error| io::Error::new(ErrorKind::InvalidData, error))
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut session = self.session();
        let count = session.writer().write(bytes)?;
        let sealed = take_sealed(&mut session)?;
        drop(session);
        self.socket.write_all(&sealed)?;
        Ok(count)
    }

    fn say_goodbye(&mut self) -> io::Result<()> {
        let mut session = self.session();
        session.send_close_notify();
        let sealed = take_sealed(&mut session)?;
        drop(session);
        self.socket.write_all(&sealed)
    }
}

/// All that is encrypted and not yet on its way.
fn take_sealed(session: &mut ClientConnection) -> io::Result<Vec<u8>> {
    let mut sealed = Vec::new();
    while session.wants_write() {
        session.write_tls(&mut sealed)?;
    }
    Ok(sealed)
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::net::TcpListener;
    use std::thread;

    use rcgen::{CertifiedKey, generate_simple_self_signed};
    use rustls::crypto::ring;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    use rustls::{ServerConfig, ServerConnection, StreamOwned};

    use super::*;
    use crate::address::Address;
    use crate::tls::Tls;

    type Served = StreamOwned<ServerConnection, TcpStream>;

    /// Both halves of a client, and its server in blocking mode, behind the handshake.
    fn connected() -> ([Stream; 2], Served) {
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), cert.pem()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let place = listener.local_addr().unwrap().to_string();
        let server = thread::spawn(move || serve(&listener, cert.der().clone(), signing_key.serialize_der()));
        let tls = Tls::new(&Address::parse(&format!("tls://{place}")).unwrap(), Some(file.path())).unwrap();
        let socket = TcpStream::connect(&place).unwrap();
        let session = tls.handshake(&socket, &place).unwrap();
        (Stream::halves(socket, Some(session)).unwrap(), server.join().unwrap())
    }

    fn serve(listener: &TcpListener, cert: CertificateDer<'static>, key: Vec<u8>) -> Served {
        let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
        let config = builder.with_single_cert(vec![cert], PrivateKeyDer::try_from(key).unwrap()).unwrap();
        let mut served =
            StreamOwned::new(ServerConnection::new(Arc::new(config)).unwrap(), listener.accept().unwrap().0);
        while served.conn.is_handshaking() {
            served.conn.complete_io(&mut served.sock).unwrap();
        }
        served
    }

    /// Both sides write more than all buffers between them hold; the server reads only after it has written.
    #[test]
    fn a_server_that_does_not_read_does_not_keep_the_client_from_reading() {
        const LINES: usize = 200;
        let line = format!("{}\n", "x".repeat(64 * 1024));
        let ([to_read, mut to_write], mut served) = connected();
        let (ours, theirs) = (line.clone(), line.clone());
        let writer = thread::spawn(move || {
            (0..LINES).for_each(|_| to_write.write_all(ours.as_bytes()).unwrap());
            to_write.finish();
        });
        let server = thread::spawn(move || {
            (0..LINES).for_each(|_| served.write_all(theirs.as_bytes()).unwrap());
            BufReader::new(served).lines().map_while(Result::ok).count()
        });
        let mut lines = BufReader::new(to_read).lines();
        for _ in 0..LINES {
            assert_eq!(lines.next().unwrap().unwrap().len() + 1, line.len());
        }
        writer.join().unwrap();
        assert_eq!(server.join().unwrap(), LINES);
    }

    #[test]
    fn lines_go_on_behind_a_new_key() {
        let ([to_read, mut to_write], mut served) = connected();
        let mut lines = BufReader::new(to_read).lines();
        for n in 0..3 {
            served.conn.refresh_traffic_keys().unwrap();
            writeln!(served, "down {n}").unwrap();
            assert_eq!(lines.next().unwrap().unwrap(), format!("down {n}"));
            // The server asked for a new key of ours, which goes ahead of this line.
            writeln!(to_write, "up {n}").unwrap();
            let mut up = [0; 5];
            served.read_exact(&mut up).unwrap();
            assert_eq!(&up, format!("up {n}\n").as_bytes());
        }
    }

    #[test]
    fn an_orderly_end_is_the_end_and_a_cut_is_told() {
        let ([mut to_read, _to_write], mut served) = connected();
        served.conn.send_close_notify();
        served.conn.complete_io(&mut served.sock).unwrap();
        assert_eq!(to_read.read(&mut [0; 10]).unwrap(), 0);
        let ([mut to_read, _to_write], served) = connected();
        drop(served);
        assert_eq!(to_read.read(&mut [0; 10]).unwrap_err().kind(), ErrorKind::UnexpectedEof);
    }
}
