//! What TLS needs on the server's side: the certificate and its key, read from files, and read again while the server runs.
//!
//! ```text
//!   start:   Certificate::load --> Arc<Certificate> --> server_config --> every reactor
//!   SIGHUP:  Certificate::reload                        the next handshake takes the new one; sessions go on
//! ```

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{InconsistentKeys, ServerConfig};

use super::expiry;
use crate::clock::UnixMs;

/// The first byte of a TLS connection: a record of the handshake (RFC 8446, section 5.1). No line begins with it, and no
/// request.
pub(crate) const TLS_FIRST_BYTE: u8 = 0x16;

/// What a client may ask for ahead of HTTP (RFC 7301); who speaks lines asks for nothing.
const ALPN_HTTP: &[u8] = b"http/1.1";

/// Why a certificate cannot be used. Each is a sentence for a person.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CertificateError {
    /// A file cannot be read.
    #[error("{setting} = {}: it cannot be read: {source}", path.display())]
    Unreadable {
        /// The key of the settings.
        setting: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's word.
        source: io::Error,
    },
    /// A file does not hold what it should.
    #[error("{setting} = {}: {problem}", path.display())]
    Unfit {
        /// The key of the settings.
        setting: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong, and what to do.
        problem: String,
    },
    /// The key is another certificate's.
    #[error(
        "the key in tls.key = {} does not belong to the first certificate in tls.cert = {}: the server's own certificate must \
         stand first there, and its issuers behind it",
        key.display(), cert.display()
    )]
    Mismatch {
        /// The certificate's file.
        cert: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
}

/// The certificate that is shown to clients. Any thread may read it anew.
#[derive(Debug)]
pub(crate) struct Certificate {
    current: RwLock<Arc<CertifiedKey>>,
}

impl Certificate {
    /// Reads the certificate with its issuers from one PEM file, and its key from another; both may be the same.
    ///
    /// # Errors
    /// A file cannot be read, holds something else, or they do not belong together.
    pub(crate) fn load(cert: &Path, key: &Path) -> Result<Self, CertificateError> {
        let current = RwLock::new(Arc::new(read(cert, key)?));
        Ok(Self { current })
    }

    /// Reads the files again, or others; new connections are shown what they hold.
    ///
    /// # Errors
    /// As for [`Certificate::load`]; the certificate of before stays in use then.
    pub(crate) fn reload(&self, cert: &Path, key: &Path) -> Result<(), CertificateError> {
        let read = Arc::new(read(cert, key)?);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = read;
        Ok(())
    }

    /// The last moment at which it is good, if it can be read.
    pub(crate) fn not_after(&self) -> Option<UnixMs> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        expiry::not_after(current.cert.first()?)
    }

    /// How TLS is spoken with it: versions 1.2 and 1.3, with tickets by which a client resumes.
    ///
    /// # Errors
    /// The system has no randomness for the tickets' keys.
    pub(crate) fn server_config(self: &Arc<Self>) -> Result<Arc<ServerConfig>, rustls::Error> {
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        let mut config =
            builder.with_no_client_auth().with_cert_resolver(Arc::clone(self) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![ALPN_HTTP.to_vec()];
        config.ticketer = ring::Ticketer::new()?;
        Ok(Arc::new(config))
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

fn read(cert: &Path, key: &Path) -> Result<CertifiedKey, CertificateError> {
    let chain = read_chain(cert)?;
    let private = read_key(key)?;
    CertifiedKey::from_der(chain, private, &ring::default_provider()).map_err(|error| match error {
        rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
            CertificateError::Mismatch { cert: cert.to_owned(), key: key.to_owned() }
        }
        rustls::Error::InvalidCertificate(_) => unfit("tls.cert", cert, "the certificate cannot be read"),
        _ => unfit("tls.key", key, "keys of this kind are not known: use ECDSA (P-256, P-384), Ed25519 or RSA"),
    })
}

fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
    let text = read_file("tls.cert", path)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let chain = chain.map_err(|error| unfit("tls.cert", path, format!("it is no PEM file: {error}")))?;
    if chain.is_empty() {
        return Err(unfit("tls.cert", path, "it holds no certificate (no line -----BEGIN CERTIFICATE-----)"));
    }
    Ok(chain)
}

fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, CertificateError> {
    let text = read_file("tls.key", path)?;
    PrivateKeyDer::from_pem_slice(&text).map_err(|error| match error {
        pem::Error::NoItemsFound if text.windows(9).any(|part| part == b"ENCRYPTED") => {
            unfit("tls.key", path, "the key is encrypted: decrypt it, as with openssl pkey -in FILE -out NEW_FILE")
        }
        pem::Error::NoItemsFound => {
            unfit("tls.key", path, "it holds no private key (no line -----BEGIN PRIVATE KEY-----)")
        }
        error => unfit("tls.key", path, format!("it is no PEM file: {error}")),
    })
}

fn read_file(setting: &'static str, path: &Path) -> Result<Vec<u8>, CertificateError> {
    fs::read(path).map_err(|source| CertificateError::Unreadable { setting, path: path.to_owned(), source })
}

fn unfit(setting: &'static str, path: &Path, problem: impl Into<String>) -> CertificateError {
    CertificateError::Unfit { setting, path: path.to_owned(), problem: problem.into() }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertifiedKey as Generated, generate_simple_self_signed};
    use tempfile::TempDir;

    use super::*;

    /// A folder with `a.pem` and `a.key`, `b.pem` and `b.key`.
    fn pairs() -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a", "b"] {
            let Generated { cert, signing_key } = generate_simple_self_signed([format!("{name}.test")]).unwrap();
            fs::write(folder.path().join(format!("{name}.pem")), cert.pem()).unwrap();
            fs::write(folder.path().join(format!("{name}.key")), signing_key.serialize_pem()).unwrap();
        }
        folder
    }

    fn shown(certificate: &Certificate) -> Vec<u8> {
        certificate.current.read().unwrap().cert[0].to_vec()
    }

    #[test]
    fn a_bad_pair_changes_nothing_and_says_what_is_wrong() {
        let folder = pairs();
        let at = |name: &str| folder.path().join(name);
        let certificate = Certificate::load(&at("a.pem"), &at("a.key")).unwrap();
        let before = shown(&certificate);
        for (file, content, told) in [
            ("a.pem", fs::read_to_string(at("b.pem")).unwrap(), "does not belong to the first certificate"),
            ("a.pem", "nothing".to_owned(), "holds no certificate"),
            ("a.pem", "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n".to_owned(), "no PEM file"),
            ("a.key", "nothing".to_owned(), "holds no private key"),
            (
                "a.key",
                "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n".to_owned(),
                "openssl pkey",
            ),
        ] {
            let good = fs::read_to_string(at(file)).unwrap();
            fs::write(at(file), content).unwrap();
            let error = certificate.reload(&at("a.pem"), &at("a.key")).unwrap_err().to_string();
            assert!(error.contains(told) && error.contains(file), "{error}");
            assert_eq!(shown(&certificate), before);
            fs::write(at(file), good).unwrap();
        }
        fs::remove_file(at("a.key")).unwrap();
        assert!(certificate.reload(&at("a.pem"), &at("a.key")).unwrap_err().to_string().contains("cannot be read"));
        assert_eq!(shown(&certificate), before);
    }

    #[test]
    fn a_good_pair_is_shown_from_then_on() {
        let folder = pairs();
        let at = |name: &str| folder.path().join(name);
        let certificate = Certificate::load(&at("a.pem"), &at("a.key")).unwrap();
        let before = shown(&certificate);
        for ending in ["pem", "key"] {
            fs::copy(at(&format!("b.{ending}")), at(&format!("a.{ending}"))).unwrap();
        }
        certificate.reload(&at("a.pem"), &at("a.key")).unwrap();
        assert_ne!(shown(&certificate), before);
    }
}
