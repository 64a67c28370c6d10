//! What to tell a person about a server with which TLS does not come about.

use std::io;
use std::path::Path;

use rustls::{AlertDescription, CertificateError, Error};

/// The server that was reached, and what it was measured by.
#[derive(Clone, Copy)]
pub(crate) struct Reached<'a> {
    /// Its host and port.
    pub(crate) place: &'a str,
    /// The CA that counts, if it is not the system's.
    pub(crate) tls_ca: Option<&'a Path>,
    /// The key that names such a CA.
    pub(crate) setting: &'static str,
}

/// What TLS says inside an error of the network.
pub(crate) fn tls_error(error: &io::Error) -> Option<&Error> {
    error.get_ref()?.downcast_ref()
}

/// What happened, and what to do next.
pub(crate) fn explain(error: &Error, reached: &Reached<'_>) -> String {
    let Reached { place, tls_ca, setting } = reached;
    match error {
        Error::InvalidCertificate(CertificateError::UnknownIssuer) => match tls_ca {
            Some(path) => format!(
                "the certificate of {place} is not signed by the CA in {}: put the certificate of the CA that has signed \
                 it there ({setting})",
                path.display()
            ),
            None => format!(
                "the certificate of {place} is not signed by a CA that this system trusts: name the file of the \
                 certificate of the CA that has signed it in {setting}"
            ),
        },
        Error::InvalidCertificate(
            why @ (CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }),
        ) => format!(
            "the certificate of {place} is another server's ({why}): write the name that it is for into the URL, or give \
             the server a certificate for the name in the URL"
        ),
        Error::InvalidCertificate(why @ (CertificateError::Expired | CertificateError::ExpiredContext { .. })) => {
            format!("the certificate of {place} has expired ({why}): renew it on that server")
        }
        Error::InvalidCertificate(
            why @ (CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. }),
        ) => {
            format!("the certificate of {place} is not valid yet ({why}): compare the clocks of both machines")
        }
        // The library behind TLS has no name of its own for it.
        Error::InvalidCertificate(why) if format!("{why:?}").contains("CaUsedAsEndEntity") => format!(
            "the certificate of {place} is that of a CA itself (`openssl req -x509` makes such), which may sign others and \
             be no server's: have it sign one for that server"
        ),
        Error::InvalidCertificate(why) => {
            format!("the certificate of {place} is of no use ({why}): give that server another one")
        }
        Error::InvalidMessage(_) => {
            format!("{place} does not speak TLS ({error}): turn TLS on there, or leave it out of the URL")
        }
        Error::AlertReceived(AlertDescription::CertificateRequired) => format!(
            "{place} wants a certificate from its clients, and this server has none: turn that off there (Redis: \
             tls-auth-clients no)"
        ),
        Error::PeerIncompatible(_) | Error::AlertReceived(AlertDescription::ProtocolVersion) => {
            format!("{place} and this server have no version of TLS in common ({error}): it must speak TLS 1.2 or 1.3")
        }
        other => format!("TLS with {place} does not come about: {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_tls_says_is_found_inside_an_error_of_the_network() {
        let inside = io::Error::new(io::ErrorKind::InvalidData, Error::DecryptError);
        assert!(matches!(tls_error(&inside), Some(Error::DecryptError)));
        assert!(tls_error(&io::ErrorKind::UnexpectedEof.into()).is_none());
    }

    #[test]
    fn every_refusal_names_the_server_and_says_what_to_do() {
        let reached = Reached { place: "db:3306", tls_ca: None, setting: "mysql_tls_ca" };
        for (error, advice) in [
            (Error::InvalidCertificate(CertificateError::UnknownIssuer), "in mysql_tls_ca"),
            (Error::InvalidCertificate(CertificateError::NotValidForName), "into the URL"),
            (Error::InvalidCertificate(CertificateError::Expired), "renew it"),
            (Error::InvalidCertificate(CertificateError::NotValidYet), "clocks"),
            (Error::InvalidCertificate(CertificateError::BadEncoding), "another one"),
            (Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType), "turn TLS on there"),
            (Error::AlertReceived(AlertDescription::CertificateRequired), "tls-auth-clients no"),
            (Error::AlertReceived(AlertDescription::ProtocolVersion), "TLS 1.2 or 1.3"),
            (Error::DecryptError, "does not come about"),
        ] {
            let told = explain(&error, &reached);
            assert!(told.contains("db:3306") && told.contains(advice), "{told}");
        }
        let with_ca = Reached { tls_ca: Some(Path::new("/etc/ca.pem")), ..reached };
        let told = explain(&Error::InvalidCertificate(CertificateError::UnknownIssuer), &with_ca);
        assert!(told.contains("the CA in /etc/ca.pem") && told.contains("(mysql_tls_ca)"), "{told}");
    }
}
