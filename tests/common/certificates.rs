//! A CA of a test, and certificates that it signs, as files.

use std::fs;
use std::path::PathBuf;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tempfile::TempDir;

/// A CA with a folder of its own.
pub struct Ca {
    issuer: CertifiedIssuer<'static, KeyPair>,
    dir: TempDir,
}

/// A server's certificate with its key, in a folder of their own.
pub struct ServerCertificate {
    dir: TempDir,
}

impl Ca {
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let dir = TempDir::with_prefix("stonechat-ca-").unwrap();
        fs::write(dir.path().join("ca.pem"), issuer.pem()).unwrap();
        Self { issuer, dir }
    }

    /// The file of its own certificate.
    pub fn file(&self) -> PathBuf {
        self.dir.path().join("ca.pem")
    }

    /// Signs a certificate for this name or address.
    pub fn sign(&self, name: &str) -> ServerCertificate {
        let certificate = ServerCertificate { dir: TempDir::with_prefix("stonechat-certificate-").unwrap() };
        self.sign_again(name, &certificate);
        certificate
    }

    /// Puts another certificate into the same files.
    pub fn sign_again(&self, name: &str, into: &ServerCertificate) {
        self.write(CertificateParams::new([name.to_owned()]).unwrap(), into);
    }

    /// Puts one that has expired into the same files.
    pub fn sign_expired(&self, name: &str, into: &ServerCertificate) {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(2020, 1, 1);
        params.not_before = rcgen::date_time_ymd(2019, 1, 1);
        self.write(params, into);
    }

    /// Puts one into the same files that may sign others, as those who sign their server's certificate themselves do.
    pub fn sign_as_a_ca(&self, name: &str, into: &ServerCertificate) {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        self.write(params, into);
    }

    fn write(&self, params: CertificateParams, into: &ServerCertificate) {
        let key = KeyPair::generate().unwrap();
        let signed = params.signed_by(&key, &self.issuer).unwrap();
        fs::write(into.certificate(), signed.pem()).unwrap();
        fs::write(into.key(), key.serialize_pem()).unwrap();
        fs::write(into.ca(), self.issuer.pem()).unwrap();
    }
}

impl ServerCertificate {
    pub fn certificate(&self) -> PathBuf {
        self.dir.path().join("server.pem")
    }

    /// The certificate of the CA that has signed it.
    pub fn ca(&self) -> PathBuf {
        self.dir.path().join("ca.pem")
    }

    pub fn key(&self) -> PathBuf {
        self.dir.path().join("server.key")
    }
}
