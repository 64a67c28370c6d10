//! A CA of a test, and certificates that it signs, as files.

use std::fs;
use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use rustls::pki_types::CertificateDer;
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

    /// Its own certificate.
    pub fn der(&self) -> CertificateDer<'static> {
        self.issuer.der().clone()
    }

    /// Signs a certificate for this name or address.
    pub fn sign(&self, name: &str) -> ServerCertificate {
        self.sign_all(&[name])
    }

    /// Signs a certificate for these names and addresses.
    pub fn sign_all(&self, names: &[&str]) -> ServerCertificate {
        let certificate = ServerCertificate::new();
        self.write(for_server(names), &certificate);
        certificate
    }

    /// Signs a certificate for this machine, as tests connect to it.
    pub fn sign_loopback(&self) -> ServerCertificate {
        self.sign_all(&["127.0.0.1", "localhost"])
    }

    /// Puts another certificate into the same files.
    pub fn sign_again(&self, name: &str, into: &ServerCertificate) {
        self.write(for_server(&[name]), into);
    }

    /// Puts one that has expired into the same files.
    pub fn sign_expired(&self, name: &str, into: &ServerCertificate) {
        let mut params = for_server(&[name]);
        params.not_after = rcgen::date_time_ymd(2019, 12, 31);
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
        into.write(&params.signed_by(&key, &self.issuer).unwrap(), &key);
        fs::write(into.ca(), self.issuer.pem()).unwrap();
    }
}

/// For a server of these names and addresses, and nothing else.
fn for_server(names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.extended_key_usages.push(ExtendedKeyUsagePurpose::ServerAuth);
    params
}

impl ServerCertificate {
    fn new() -> Self {
        Self { dir: TempDir::with_prefix("stonechat-certificate-").unwrap() }
    }

    /// A certificate for 127.0.0.1 that signs itself; its own file is its authority's.
    pub fn self_signed(is_ca: IsCa) -> Self {
        let mut params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
        params.is_ca = is_ca;
        let (key, written) = (KeyPair::generate().unwrap(), Self::new());
        written.write(&params.self_signed(&key).unwrap(), &key);
        written
    }

    fn write(&self, certificate: &rcgen::Certificate, key: &KeyPair) {
        fs::write(self.certificate(), certificate.pem()).unwrap();
        fs::write(self.key(), key.serialize_pem()).unwrap();
    }

    /// The settings of a server that shows it to clients.
    pub fn settings(&self) -> [String; 2] {
        [format!("tls.cert={}", arg(&self.certificate())), format!("tls.key={}", arg(&self.key()))]
    }

    /// The files are those of another certificate from now on.
    pub fn become_that(&self, other: &Self) {
        fs::copy(other.key(), self.key()).unwrap();
        fs::copy(other.certificate(), self.certificate()).unwrap();
    }

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

/// A path as an argument of a command.
pub fn arg(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}
