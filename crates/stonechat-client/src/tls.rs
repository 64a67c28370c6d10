//! TLS as a client: whom to trust, the handshake, and what is said when it fails.

use std::io::{self, ErrorKind};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, ClientConnection, RootCertStore};

use crate::address::Address;

/// How long the server may be silent in the handshake.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// How to speak TLS with one server. Connections share it, so that a later handshake resumes an earlier session.
#[derive(Clone, Debug)]
pub(crate) struct Tls {
    config: Arc<ClientConfig>,
    /// Whom the certificate must name.
    name: ServerName<'static>,
    /// Where the authorities are from; `None`: the system's.
    ca: Option<PathBuf>,
}

/// Why there is no TLS.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Trouble {
    /// The network or the server failed; trying again may help.
    Passing(String),
    /// Somebody has to change something, here or there.
    Lasting(String),
}

impl Tls {
    /// Reads the authorities: those of the PEM file `ca` and no others, or those of the system.
    ///
    /// # Errors
    /// There are none, or no certificate can name the host; the text says what to do.
    pub(crate) fn new(address: &Address, ca: Option<&Path>) -> Result<Self, String> {
        let name = ServerName::try_from(address.host().to_owned()).map_err(|_| {
            format!("{address}: a certificate cannot name {:?}; write a host name or an address", address.host())
        })?;
        let roots = ca.map_or_else(system_roots, roots_of)?;
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring has suites for both versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { config: Arc::new(config), name, ca: ca.map(Path::to_owned) })
    }

    /// The file that the authorities are from.
    pub(crate) fn ca(&self) -> Option<&Path> {
        self.ca.as_deref()
    }

    /// Agrees on TLS with the server at `place` (`host:port`). Blocks; shutting the socket down ends it.
    ///
    /// # Errors
    /// The texts say what happened and what may help.
    pub(crate) fn handshake(&self, mut socket: &TcpStream, place: &str) -> Result<ClientConnection, Trouble> {
        let mut session = ClientConnection::new(Arc::clone(&self.config), self.name.clone())
            .map_err(|error| Trouble::Lasting(format!("TLS with {place} cannot begin: {error}")))?;
        let done = socket.set_read_timeout(Some(HANDSHAKE_TIMEOUT)).and_then(|()| {
            while session.is_handshaking() {
                session.complete_io(&mut socket)?;
            }
            socket.set_read_timeout(None)
        });
        done.map(|()| session).map_err(|error| self.trouble(&error, place))
    }

    fn trouble(&self, error: &io::Error, place: &str) -> Trouble {
        if let Some(error) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            return self.refusal(error, place);
        }
        Trouble::Passing(match error.kind() {
            ErrorKind::WouldBlock | ErrorKind::TimedOut => format!(
                "{place} has not answered the TLS handshake for {} s: does it speak TLS? Without tls:// the client speaks \
                 plain",
                HANDSHAKE_TIMEOUT.as_secs()
            ),
            ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => format!(
                "{place} closed the connection in the TLS handshake: does it speak TLS? Without tls:// the client speaks \
                 plain"
            ),
            _ => format!("TLS with {place} failed: {error}"),
        })
    }

    fn refusal(&self, error: &rustls::Error, place: &str) -> Trouble {
        Trouble::Lasting(match error {
            rustls::Error::InvalidCertificate(error) => self.distrust(error, place),
            rustls::Error::InvalidMessage(_) => format!(
                "{place} does not speak TLS: what it answers is something else. Is the port right? Without tls:// the \
                 client speaks plain"
            ),
            rustls::Error::AlertReceived(alert) => format!(
                "{place} refuses TLS ({alert:?}): has it got a certificate? Its log may say more. Without tls:// the client \
                 speaks plain"
            ),
            rustls::Error::PeerIncompatible(_) => {
                format!("{place} speaks neither TLS 1.3 nor TLS 1.2 as this client does: {error}")
            }
            _ => return Trouble::Passing(format!("TLS with {place} failed: {error}")),
        })
    }

    /// What is wrong with the certificate.
    fn distrust(&self, error: &CertificateError, place: &str) -> String {
        let certificate = format!("the certificate of {place}");
        match error {
            CertificateError::UnknownIssuer | CertificateError::BadSignature => match &self.ca {
                Some(ca) => format!(
                    "{certificate} comes from no authority in {}: give the right file with --ca, or none for the system's \
                     authorities",
                    ca.display()
                ),
                None => format!(
                    "{certificate} comes from no authority that this machine trusts: if the server has one of its own, \
                     give that one's certificate with --ca FILE"
                ),
            },
            CertificateError::NotValidForNameContext { presented, .. } => {
                let wanted = self.name.to_str();
                let names: Vec<&str> = presented.iter().map(|name| bare(name)).collect();
                let for_whom = if names.is_empty() { "nobody".to_owned() } else { names.join(", ") };
                format!(
                    "{certificate} is for {for_whom} and not for {wanted}: connect by a name that it has, or have the \
                     server get one for {wanted}"
                )
            }
            CertificateError::ExpiredContext { not_after, .. } => format!(
                "{certificate} has expired on {}: the server needs a new one (if this machine's clock is right)",
                date(*not_after)
            ),
            CertificateError::NotValidYetContext { not_before, .. } => {
                format!("{certificate} is not valid before {}: is this machine's clock right?", date(*not_before))
            }
            CertificateError::Other(other) if other.to_string().contains("CaUsedAsEndEntity") => format!(
                "{certificate} is that of an authority (CA:TRUE): the server needs one of its own (where openssl makes one \
                 that signs itself, with -addext basicConstraints=critical,CA:FALSE)"
            ),
            _ => format!("{certificate} is not accepted: {error}; the server needs another one"),
        }
    }
}

/// `DnsName("localhost")` and `IpAddress(127.0.0.1)`, as rustls tells names, without what is around them.
fn bare(name: &str) -> &str {
    let inner = name.split_once('(').map_or(name, |(_, inner)| inner);
    inner.trim_end_matches(')').trim_matches('"')
}

fn date(time: UnixTime) -> String {
    let second = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    Timestamp::from_second(second)
        .map_or_else(|_| "an unknown day".to_owned(), |at| at.strftime("%Y-%m-%d").to_string())
}

fn roots_of(file: &Path) -> Result<RootCertStore, String> {
    let shown = file.display();
    let unreadable = |error| match error {
        rustls::pki_types::pem::Error::Io(error) => format!("--ca {shown} cannot be read: {error}"),
        error => format!("--ca {shown} is no PEM file: {error}"),
    };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(file).map_err(unreadable)? {
        let added = roots.add(certificate.map_err(unreadable)?);
        added.map_err(|error| format!("--ca {shown} has a certificate that cannot be used: {error}"))?;
    }
    if roots.is_empty() {
        return Err(format!("--ca {shown} has no certificate: it must have a block -----BEGIN CERTIFICATE-----"));
    }
    Ok(roots)
}

fn system_roots() -> Result<RootCertStore, String> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let why = found.errors.first().map_or_else(String::new, |error| format!(" ({error})"));
        return Err(format!(
            "this machine has no certificates of authorities{why}: install the package ca-certificates, or give a file \
             with --ca FILE"
        ));
    }
    Ok(roots)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_without_what_is_around_them() {
        assert_eq!(bare("DnsName(\"localhost\")"), "localhost");
        assert_eq!(bare("IpAddress(127.0.0.1)"), "127.0.0.1");
        assert_eq!(bare("odd"), "odd");
    }

    #[test]
    fn a_date_is_a_day() {
        assert_eq!(date(UnixTime::since_unix_epoch(Duration::from_secs(86_400))), "1970-01-02");
    }

    #[test]
    fn a_file_without_authorities_is_told() {
        let address = Address::parse("tls://h").unwrap();
        let new = |file: &Path| Tls::new(&address, Some(file)).unwrap_err();
        let missing = new(Path::new("/no/such/file"));
        assert!(missing.contains("--ca /no/such/file cannot be read"), "{missing}");
        let file = tempfile::NamedTempFile::new().unwrap();
        let empty = new(file.path());
        assert!(empty.contains("has no certificate"), "{empty}");
        std::fs::write(file.path(), "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap();
        let nonsense = new(file.path());
        assert!(nonsense.contains("cannot be used"), "{nonsense}");
    }

    #[test]
    fn a_host_that_no_certificate_can_name_is_told() {
        let error = Tls::new(&Address::parse("tls://a host").unwrap(), None).unwrap_err();
        assert!(error.contains("cannot name \"a host\""), "{error}");
    }
}
