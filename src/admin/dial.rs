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
/// A sentence: there is nobody, or not who it should be.
pub(crate) fn dial(address: &str, ca: Option<&Path>, patience: Duration) -> Result<Box<dyn Stream>, String> {
    let host = address.strip_prefix("https://").map(|rest| rest.trim_end_matches('/'));
    let plain = host.unwrap_or(address.trim_start_matches("http://")).trim_end_matches('/');
    let cannot = |error: io::Error| format!("no server answers at {address}: {error}");
    let found = plain.to_socket_addrs().map_err(cannot)?.next();
    let found = found.ok_or_else(|| format!("{address} is no address"))?;
    let socket = TcpStream::connect_timeout(&found, CONNECT_PATIENCE.min(patience)).map_err(cannot)?;
    socket.set_read_timeout(Some(patience)).map_err(cannot)?;
    socket.set_write_timeout(Some(patience)).map_err(cannot)?;
    let Some(host) = host else { return Ok(Box::new(socket)) };
    // [::1]:9000 is ::1 in a certificate.
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name).trim_matches(['[', ']']);
    encrypted(socket, name, ca)
        .map(|stream| Box::new(stream) as Box<dyn Stream>)
        .map_err(|why| format!("{address}: {why}"))
}

/// Agrees on TLS with who must be called `name`.
fn encrypted(
    mut socket: TcpStream,
    name: &str,
    ca: Option<&Path>,
) -> Result<StreamOwned<ClientConnection, TcpStream>, String> {
    let roots = Trust::load(ca, "--ca")?.roots();
    let name = ServerName::try_from(name.to_owned()).map_err(|_| format!("no certificate can name \"{name}\""))?;
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut session = ClientConnection::new(Arc::new(config), name).map_err(|error| error.to_string())?;
    while session.is_handshaking() {
        session.complete_io(&mut socket).map_err(|error| refusal(&error))?;
    }
    Ok(StreamOwned::new(session, socket))
}

fn refusal(error: &io::Error) -> String {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match inner {
        Some(rustls::Error::InvalidCertificate(error)) => {
            format!("its certificate is not accepted: {error}. --ca names the file of the CA that has signed it")
        }
        Some(rustls::Error::InvalidMessage(_)) => "it does not speak TLS: ask without https://".to_owned(),
        Some(error) => format!("TLS fails: {error}"),
        None => format!("TLS fails: {error}"),
    }
}
