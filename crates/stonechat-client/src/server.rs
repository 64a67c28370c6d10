//! The server that a client talks to: its address, and by what its certificate is judged.

use std::fmt;
use std::path::Path;

use crate::address::{Address, Transport};
use crate::tls::Tls;

/// A server as the command line or the state folder names it.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    /// `host:port`. It names the account's folder, too: over TLS or plain, it is the same account.
    pub(crate) place: String,
    /// `None`: plain lines.
    pub(crate) tls: Option<Tls>,
}

impl Server {
    /// The server at `written`, whose certificate must come from an authority of the file `ca`, or of the system without
    /// one. Reads the certificates of the authorities.
    ///
    /// # Errors
    /// The address or the file is of no use, or does not go with the other; the text says what to write.
    pub(crate) fn new(written: &str, ca: Option<&Path>) -> Result<Self, String> {
        let address = Address::parse(written)?;
        let tls = match (address.transport, ca) {
            (Transport::Plain, None) => None,
            (Transport::Plain, Some(ca)) => {
                return Err(format!(
                    "--ca {} is for TLS, and {address} is plain: write --server tls://{address}, or leave out --ca",
                    ca.display()
                ));
            }
            (Transport::Tls, ca) => Some(Tls::new(&address, ca)?),
        };
        Ok(Self { place: address.place, tls })
    }

    /// The file of authorities, if one was given.
    pub(crate) fn ca(&self) -> Option<&Path> {
        self.tls.as_ref().and_then(Tls::ca)
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let transport = if self.tls.is_some() { Transport::Tls } else { Transport::Plain };
        Address { transport, place: self.place.clone() }.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn authorities_without_tls_are_a_mistake() {
        let error = Server::new("chat.example.org", Some(Path::new("/etc/ca.pem"))).unwrap_err();
        assert!(error.contains("--ca /etc/ca.pem"), "{error}");
        assert!(error.contains("--server tls://chat.example.org:8000"), "{error}");
    }
}
