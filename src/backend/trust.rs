//! Whose certificates a server behind this one may have: those of the system's CAs, or of one CA that the settings name.
//!
//! Read once, at start: a file that is changed or removed later changes nothing before the next start.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

/// The longest file of certificates; that of all public CAs is a quarter of it.
const CA_BYTES_MAX: u64 = 1024 * 1024;

/// Base64 on one line of a PEM file.
const PEM_COLUMNS: usize = 64;

/// The certificates of the CAs that count.
pub(crate) struct Trust {
    /// Each of them can be used. There is at least one.
    certificates: Vec<CertificateDer<'static>>,
}

impl Trust {
    /// The CA's of the file, which `setting` names; without a file those of the system.
    ///
    /// # Errors
    /// A sentence for a person: the file is of no use, or the system trusts nobody.
    pub(crate) fn load(ca: Option<&Path>, setting: &str) -> Result<Self, String> {
        let certificates = match ca {
            Some(path) => of_file(path).map_err(|why| format!("{setting} names {}, which {why}", path.display()))?,
            None => of_system(),
        };
        if certificates.is_empty() {
            return Err(format!(
                "the link is to be encrypted and checked, but this system has no certificates of CAs: install them (the \
                 package ca-certificates), or name the file of the CA's certificate in {setting}"
            ));
        }
        Ok(Self { certificates })
    }

    /// For TLS.
    pub(crate) fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        // All of them were tried.
        roots.add_parsable_certificates(self.certificates.iter().cloned());
        roots
    }

    /// As the text of a PEM file.
    pub(crate) fn pem(&self) -> String {
        let mut out = String::new();
        for certificate in &self.certificates {
            out.push_str("-----BEGIN CERTIFICATE-----\n");
            let base64 = STANDARD.encode(certificate);
            let mut rest = base64.as_str();
            while !rest.is_empty() {
                let (line, further) = rest.split_at(rest.len().min(PEM_COLUMNS));
                out.push_str(line);
                out.push('\n');
                rest = further;
            }
            out.push_str("-----END CERTIFICATE-----\n");
        }
        out
    }
}

/// The error is the end of a sentence about the file.
fn of_file(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let mut text = Vec::new();
    let read = File::open(path).and_then(|file| file.take(CA_BYTES_MAX + 1).read_to_end(&mut text));
    let length = read.map_err(|error| format!("cannot be read: {error}"))?;
    if u64::try_from(length).is_ok_and(|length| length > CA_BYTES_MAX) {
        return Err(format!("is longer than {CA_BYTES_MAX} bytes: it must hold certificates of CAs only"));
    }
    let damaged = |why: &dyn std::fmt::Display| format!("holds a certificate that is damaged: {why}");
    let certificates: Vec<_> =
        CertificateDer::pem_slice_iter(&text).collect::<Result<_, _>>().map_err(|error| damaged(&error))?;
    for certificate in &certificates {
        RootCertStore::empty().add(certificate.clone()).map_err(|error| damaged(&error))?;
    }
    if certificates.is_empty() {
        let told = "holds no certificate: it must be a PEM file, with -----BEGIN CERTIFICATE----- in it";
        return Err(told.to_owned());
    }
    Ok(certificates)
}

/// Those that can be used: a system's collection may hold others.
fn of_system() -> Vec<CertificateDer<'static>> {
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        log::debug!("a certificate that this system trusts cannot be read: {error}");
    }
    let can_be_used = |certificate: &CertificateDer<'static>| RootCertStore::empty().add(certificate.clone()).is_ok();
    found.certs.into_iter().filter(can_be_used).collect()
}

/// The certificates as a file in memory, for a driver that takes a path. It is gone when this is dropped.
pub(crate) struct RootsFile(File);

impl RootsFile {
    /// Writes them.
    ///
    /// # Errors
    /// The system has no memory or no descriptor.
    pub(crate) fn new(trust: &Trust) -> io::Result<Self> {
        let memory = rustix::fs::memfd_create("stonechat-roots", rustix::fs::MemfdFlags::CLOEXEC)?;
        let mut file = File::from(memory);
        file.write_all(trust.pem().as_bytes())?;
        Ok(Self(file))
    }

    /// Each open of it starts at the beginning.
    pub(crate) fn path(&self) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}", self.0.as_raw_fd()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate() -> String {
        rcgen::generate_simple_self_signed(["ca.test".to_owned()]).unwrap().cert.pem()
    }

    fn told(text: &[u8]) -> String {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        Trust::load(Some(file.path()), "mysql_tls_ca").err().unwrap_or_default()
    }

    #[test]
    fn a_file_of_certificates_comes_out_as_it_went_in() {
        let text = certificate() + &certificate();
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), &text).unwrap();
        let trust = Trust::load(Some(file.path()), "mysql_tls_ca").unwrap();
        assert_eq!(trust.pem(), text.replace('\r', ""));
        let in_memory = RootsFile::new(&trust).unwrap();
        for _ in 0..2 {
            assert_eq!(std::fs::read_to_string(in_memory.path()).unwrap(), trust.pem());
        }
    }

    #[test]
    fn a_file_that_is_of_no_use_is_named_with_its_setting() {
        let missing = Trust::load(Some(Path::new("/no/such/ca.pem")), "mysql_tls_ca").err().unwrap();
        assert!(missing.starts_with("mysql_tls_ca names /no/such/ca.pem, which cannot be read: "), "{missing}");
        for empty in
            [b"".as_slice(), b"no certificate", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"]
        {
            assert!(told(empty).contains("holds no certificate: it must be a PEM file"), "{}", told(empty));
        }
        let damaged = certificate().replacen("MII", "AAA", 1);
        assert!(told(damaged.as_bytes()).contains("damaged"), "{}", told(damaged.as_bytes()));
        assert!(told(&vec![b'\n'; 2 * 1024 * 1024]).contains("is longer than"));
    }
}
