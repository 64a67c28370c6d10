//! TLS for one test: an authority, the certificates that it signs, and a server of TLS in front of a plain one.
//!
//! ```text
//!   client --TLS--> up thread: decrypts ---> server
//!          <------- down thread: encrypts <--         both share the session, locked only while bytes are in memory
//! ```
#![allow(clippy::unwrap_used, reason = "allow-unwrap-in-tests misses what tests share")]
#![allow(dead_code, reason = "every test file compiles this and uses a part")]

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, date_time_ymd,
};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection};
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
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("cert.pem"), params.signed_by(&key, &self.issuer).unwrap().pem()).unwrap();
        std::fs::write(folder.path().join("key.pem"), key.serialize_pem()).unwrap();
        Certificate { folder }
    }

    /// A certificate for this machine, as tests connect to it.
    pub(crate) fn sign_loopback(&self) -> Certificate {
        self.sign(&["127.0.0.1", "localhost"], Valid::Now)
    }
}

impl Certificate {
    pub(crate) fn cert(&self) -> PathBuf {
        self.folder.path().join("cert.pem")
    }

    pub(crate) fn key(&self) -> PathBuf {
        self.folder.path().join("key.pem")
    }

    fn config(&self) -> Arc<ServerConfig> {
        let chain = CertificateDer::pem_file_iter(self.cert()).unwrap().map(Result::unwrap).collect();
        let key = PrivateKeyDer::from_pem_file(self.key()).unwrap();
        let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let config = builder.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
        Arc::new(config.with_single_cert(chain, key).unwrap())
    }
}

/// A path as an argument of a command.
pub(crate) fn arg(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

/// A TLS server that passes everything on to a plain one. Its threads end with their connections.
pub(crate) struct Front {
    addr: SocketAddr,
    config: Arc<Mutex<Arc<ServerConfig>>>,
}

impl Front {
    /// In front of the server at this address, which need not run all the time.
    pub(crate) fn start(server: SocketAddr, certificate: &Certificate) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let config = Arc::new(Mutex::new(certificate.config()));
        let shared = Arc::clone(&config);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                // Dropping the client's socket is how an absent server looks.
                let Ok(server) = TcpStream::connect(server) else { continue };
                let config = Arc::clone(&shared.lock().unwrap());
                thread::spawn(move || join(client, server, config));
            }
        });
        Self { addr, config }
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// As `--server` takes it.
    pub(crate) fn server(&self) -> String {
        format!("tls://{}", self.addr)
    }

    /// New connections get this certificate.
    pub(crate) fn renew(&self, certificate: &Certificate) {
        *self.config.lock().unwrap() = certificate.config();
    }
}

fn join(mut client: TcpStream, server: TcpStream, config: Arc<ServerConfig>) {
    for socket in [&client, &server] {
        let _ = socket.set_nodelay(true);
    }
    let mut session = ServerConnection::new(config).unwrap();
    while session.is_handshaking() {
        // Its alert has been sent when it fails.
        if session.complete_io(&mut client).is_err() {
            // What the client still sends must not make the kernel throw away the alert.
            let _ = client.shutdown(Shutdown::Write);
            let _ = std::io::copy(&mut client, &mut std::io::sink());
            return;
        }
    }
    let session = Arc::new(Mutex::new(session));
    let (Ok(client_too), Ok(server_too)) = (client.try_clone(), server.try_clone()) else { return };
    let shared = Arc::clone(&session);
    thread::spawn(move || down(server_too, client_too, &shared));
    up(client, server, &session);
}

fn up(mut client: TcpStream, mut server: TcpStream, session: &Mutex<ServerConnection>) {
    let (mut raw, mut plain) = (vec![0; 16 * 1024], Vec::new());
    // What came with the handshake is in the session already.
    let mut count = 0;
    loop {
        let mut rest = &raw[..count];
        let is_over = loop {
            let mut session = session.lock().unwrap();
            if !rest.is_empty() && session.read_tls(&mut rest).is_err() {
                break true;
            }
            let Ok(state) = session.process_new_packets() else { break true };
            let begin = plain.len();
            plain.resize(begin + state.plaintext_bytes_to_read(), 0);
            session.reader().read_exact(&mut plain[begin..]).unwrap();
            if rest.is_empty() {
                break state.peer_has_closed();
            }
        };
        if server.write_all(&plain).is_err() || is_over {
            break;
        }
        plain.clear();
        match client.read(&mut raw) {
            Ok(read @ 1..) => count = read,
            _ => break,
        }
    }
    let _ = server.shutdown(Shutdown::Write);
}

fn down(mut server: TcpStream, mut client: TcpStream, session: &Mutex<ServerConnection>) {
    let mut plain = vec![0; 16 * 1024];
    loop {
        let read = server.read(&mut plain).unwrap_or(0);
        let mut sealed = Vec::new();
        {
            let mut session = session.lock().unwrap();
            if read == 0 {
                session.send_close_notify();
            }
            session.writer().write_all(&plain[..read]).unwrap();
            while session.wants_write() {
                session.write_tls(&mut sealed).unwrap();
            }
        }
        if client.write_all(&sealed).is_err() || read == 0 {
            break;
        }
    }
    let _ = client.shutdown(Shutdown::Both);
    let _ = server.shutdown(Shutdown::Both);
}
