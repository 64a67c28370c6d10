//! The servers behind this one, MySQL and Redis: where each of them is, as the settings say it.
//!
//! ```text
//!   url, tls_ca --> Trust (trust.rs): the certificates that count --> TLS as a client of it (client.rs)
//!   a handshake that failed --> a sentence for a person (refusal.rs)
//! ```

pub(crate) mod client;
mod refusal;
mod trust;

use std::path::Path;

pub(crate) use refusal::{Reached, explain, tls_error};
pub(crate) use trust::{RootsFile, Trust};

/// A server behind this one. It may hold a password, so it cannot be printed.
#[derive(Clone, Copy)]
pub struct Backend<'a> {
    /// The URL, as the setting has it.
    pub url: &'a str,
    /// The file of the CA whose certificates count when the URL asks for TLS; without it those count that this system
    /// trusts.
    pub tls_ca: Option<&'a Path>,
}

/// Has TLS use the cryptography that is compiled in, whoever asks first.
pub(crate) fn choose_cryptography() {
    // An error says that it was chosen before.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

impl<'a> From<&'a str> for Backend<'a> {
    fn from(url: &'a str) -> Self {
        Self { url, tls_ca: None }
    }
}

impl<'a> From<&'a String> for Backend<'a> {
    fn from(url: &'a String) -> Self {
        Self::from(url.as_str())
    }
}
