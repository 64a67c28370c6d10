//! TLS as a client: whom to trust, and which sessions to resume.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result, anyhow, ensure};
use rustls::client::{ClientSessionStore, Resumption, Tls12ClientSessionValue, Tls13ClientSessionValue};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, NamedGroup, RootCertStore};

/// Tickets kept at most: two for each of as many connections as a run can have.
const TICKETS_MAX: usize = 200_000;

/// How the connections of a run speak TLS.
#[derive(Clone, Debug)]
pub(crate) struct Tls {
    config: Arc<ClientConfig>,
    /// Whom the certificate must name; `None`: the address that is connected to.
    name: Option<ServerName<'static>>,
}

/// What a connection brings of earlier ones.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Resume {
    /// A ticket, if there is one.
    Tickets,
    /// Nothing: its handshake is a full one.
    Nothing,
}

impl Tls {
    /// Reads the authorities: those of the PEM file `ca` and no others, or those of the system. The certificate must have
    /// this `name`; without one, the address that is connected to.
    ///
    /// # Errors
    /// There are no authorities that can be used, or the name is none.
    pub(crate) fn new(ca: Option<&Path>, name: Option<String>, resume: Resume) -> Result<Self> {
        let roots = ca.map_or_else(system_roots, roots_of)?;
        let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .context("no version of TLS")?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.resumption = match resume {
            Resume::Tickets => Resumption::store(Arc::new(Tickets::default())),
            Resume::Nothing => Resumption::disabled(),
        };
        let name = name.map(|name| {
            ServerName::try_from(name).map_err(|error| anyhow!("--server-name is no name of a certificate: {error}"))
        });
        Ok(Self { config: Arc::new(config), name: name.transpose()? })
    }

    /// A session with a server, not begun.
    pub(crate) fn session(&self, target: SocketAddr) -> io::Result<ClientConnection> {
        let name = self.name.clone().unwrap_or_else(|| ServerName::IpAddress(target.ip().into()));
        let mut session = ClientConnection::new(Arc::clone(&self.config), name).map_err(|error| failed(&error))?;
        // What is written is taken out at once.
        session.set_buffer_limit(None);
        Ok(session)
    }
}

/// What went wrong, and what may help.
pub(crate) fn failed(error: &rustls::Error) -> io::Error {
    let text = match error {
        rustls::Error::InvalidCertificate(error) => format!(
            "the server's certificate is not accepted ({error}): give its authority with --ca FILE, its name with \
             --server-name NAME"
        ),
        rustls::Error::AlertReceived(alert) => {
            format!("the server refuses TLS ({alert:?}): start it with --tls-cert and --tls-key, or leave out --tls")
        }
        rustls::Error::InvalidMessage(_) => "the server does not speak TLS: leave out --tls".to_owned(),
        error => format!("TLS failed: {error}"),
    };
    io::Error::new(ErrorKind::InvalidData, text)
}

fn roots_of(file: &Path) -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    let read = |error| anyhow!("--ca {} cannot be read: {error}", file.display());
    for certificate in CertificateDer::pem_file_iter(file).map_err(read)? {
        roots.add(certificate.map_err(read)?).with_context(|| format!("--ca {} cannot be used", file.display()))?;
    }
    ensure!(!roots.is_empty(), "--ca {} has no certificate", file.display());
    Ok(roots)
}

fn system_roots() -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    ensure!(!roots.is_empty(), "this machine has no certificates of authorities: give a file with --ca FILE");
    Ok(roots)
}

/// Tickets of all connections. Each client would keep its own; for the server it is the same who brings which, and every
/// connection that comes back brings one. Sessions of TLS 1.2, which our server is not asked for, are not resumed.
#[derive(Default, Debug)]
struct Tickets {
    kept: Mutex<Kept>,
}

#[derive(Default, Debug)]
struct Kept {
    tickets: VecDeque<Tls13ClientSessionValue>,
    group: Option<NamedGroup>,
}

impl Tickets {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientSessionStore for Tickets {
    fn set_kx_hint(&self, _server: ServerName<'static>, group: NamedGroup) {
        self.kept().group = Some(group);
    }

    fn kx_hint(&self, _server: &ServerName<'_>) -> Option<NamedGroup> {
        self.kept().group
    }

    fn set_tls12_session(&self, _server: ServerName<'static>, _value: Tls12ClientSessionValue) {}

    fn tls12_session(&self, _server: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        None
    }

    fn remove_tls12_session(&self, _server: &ServerName<'static>) {}

    fn insert_tls13_ticket(&self, _server: ServerName<'static>, value: Tls13ClientSessionValue) {
        let mut kept = self.kept();
        if kept.tickets.len() == TICKETS_MAX {
            // The oldest expires first.
            kept.tickets.pop_front();
        }
        kept.tickets.push_back(value);
    }

    fn take_tls13_ticket(&self, _server: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        self.kept().tickets.pop_back()
    }
}
