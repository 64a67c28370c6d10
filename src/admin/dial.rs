//! A connection to a node's address `admin`, for programs of the same binary: `HOST:PORT`, or `https://HOST:PORT`.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::ring;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};

use crate::backend::Trust;

/// How long a node may take until it takes a connection.
const CONNECT_PATIENCE: Duration = Duration::from_secs(10);

/// What is read from and written to. Calls wait.
pub(crate) trait Stream: Read + Write {}

impl<S: Read + Write> Stream for S {}

/// Connects. The other side may be silent for `patience`. By https its certificate must be signed by the CA of the file `ca`, or by one
/// that the system trusts, and must name the host.
///
/// # Errors
/// There is nobody; or, as [`io::ErrorKind::Other`] and a sentence, not who it should be.
pub(crate) fn dial(address: &str, ca: Option<&Path>, patience: Duration) -> io::Result<Box<dyn Stream>> {
    let host = address.strip_prefix("https://").map(|rest| rest.trim_end_matches('/'));
    let plain = host.unwrap_or(address.trim_start_matches("http://")).trim_end_matches('/');
    let found = plain.to_socket_addrs()?.next().ok_or_else(|| io::Error::other("the name has no address"))?;
    let socket = TcpStream::connect_timeout(&found, CONNECT_PATIENCE.min(patience))?;
    socket.set_read_timeout(Some(patience))?;
    socket.set_write_timeout(Some(patience))?;
    let Some(host) = host else { return Ok(Box::new(socket)) };
    // [::1]:9000 is ::1 in a certificate.
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name).trim_matches(['[', ']']);
    Ok(Box::new(encrypted(socket, name, ca)?))
}

/// Agrees on TLS with who must be called `name`.
fn encrypted(
    mut socket: TcpStream,
    name: &str,
    ca: Option<&Path>,
) -> io::Result<StreamOwned<ClientConnection, TcpStream>> {
    let roots = Trust::load(ca, "--ca").map_err(io::Error::other)?.roots();
    let no_name = |_| io::Error::other(format!("no certificate can name \"{name}\""));
    let name = ServerName::try_from(name.to_owned()).map_err(no_name)?;
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut session = ClientConnection::new(Arc::new(config), name).map_err(io::Error::other)?;
    while session.is_handshaking() {
        session.complete_io(&mut socket).map_err(explained)?;
    }
    Ok(StreamOwned::new(session, socket))
}

/// What TLS says, for a person; other errors as they are.
fn explained(error: io::Error) -> io::Error {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    io::Error::other(match inner {
        Some(rustls::Error::InvalidCertificate(error)) => {
            format!("its certificate is not accepted: {error}. --ca names the file of the CA that has signed it")
        }
        Some(rustls::Error::InvalidMessage(_)) => "it does not speak TLS: ask without https://".to_owned(),
        Some(error) => format!("TLS fails: {error}"),
        None => return error,
    })
}
