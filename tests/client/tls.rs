//! TLS for one test: an authority, and the certificates that it signs.
#![allow(clippy::unwrap_used, reason = "allow-unwrap-in-tests misses what tests share")]
#![allow(dead_code, reason = "every test file compiles this and uses a part")]

use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, date_time_ymd,
};
use tempfile::TempDir;

/// Who signs certificates; its own one is a file.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: TempDir,
}

/// A server's certificate and key, as PEM files.
pub(crate) struct Certificate {
    folder: TempDir,
}

/// Until when a certificate is valid.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Valid {
    Now,
    /// It was, up to the end of 2019.
    Until2020,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), issuer.pem()).unwrap();
        Self { issuer, folder }
    }

    /// Its own certificate.
    pub(crate) fn file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// A certificate for these host names and addresses.
    pub(crate) fn sign(&self, names: &[&str], valid: Valid) -> Certificate {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.extended_key_usages.push(ExtendedKeyUsagePurpose::ServerAuth);
        if valid == Valid::Until2020 {
            (params.not_before, params.not_after) = (date_time_ymd(2019, 1, 1), date_time_ymd(2019, 12, 31));
        }
        let key = KeyPair::generate().unwrap();
        Certificate::write(&params.signed_by(&key, &self.issuer).unwrap(), &key)
    }

    /// A certificate for this machine, as tests connect to it.
    pub(crate) fn sign_loopback(&self) -> Certificate {
        self.sign(&["127.0.0.1", "localhost"], Valid::Now)
    }
}

impl Certificate {
    /// A certificate for this machine that signs itself; its own file is its authority's.
    pub(crate) fn self_signed(is_ca: IsCa) -> Self {
        let mut params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
        params.is_ca = is_ca;
        let key = KeyPair::generate().unwrap();
        Self::write(&params.self_signed(&key).unwrap(), &key)
    }

    fn write(certificate: &rcgen::Certificate, key: &KeyPair) -> Self {
        let written = Self { folder: tempfile::tempdir().unwrap() };
        std::fs::write(written.cert(), certificate.pem()).unwrap();
        std::fs::write(written.key(), key.serialize_pem()).unwrap();
        written
    }

    pub(crate) fn cert(&self) -> PathBuf {
        self.folder.path().join("cert.pem")
    }

    pub(crate) fn key(&self) -> PathBuf {
        self.folder.path().join("key.pem")
    }

    /// The server's settings with it.
    pub(crate) fn settings(&self) -> [String; 2] {
        [format!("tls.cert={}", arg(&self.cert())), format!("tls.key={}", arg(&self.key()))]
    }

    /// The files are those of another certificate from now on.
    pub(crate) fn become_that(&self, other: &Self) {
        std::fs::copy(other.key(), self.key()).unwrap();
        std::fs::copy(other.cert(), self.cert()).unwrap();
    }
}

/// A path as an argument of a command.
pub(crate) fn arg(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}
