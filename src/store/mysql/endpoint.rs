//! How the database is reached, from its URL: over TCP, with TLS or without, or through a unix socket.

use std::path::PathBuf;

use mysql::{DriverError, Error, Opts, OptsBuilder, SslOpts};

use super::faults::{cause, io_error};
use crate::backend::{Backend, Reached, RootsFile, Trust, choose_cryptography, explain, tls_error};
use crate::store::{Cause, Result, StoreError};

/// The key that names the CA's file.
const CA_SETTING: &str = "mysql_tls_ca";

/// MySQL's answer to a client without TLS, where TLS is wanted.
const TLS_WANTED: u16 = 3159;

/// User or password are wrong. MariaDB, and both for a user who is to use TLS, say it to a client without TLS, too.
const ACCESS_DENIED: u16 = 1045;

/// Where the database is.
pub(crate) struct Endpoint {
    opts: OptsBuilder,
    /// Host and port, or the socket's path.
    place: String,
    name: String,
    tls: Tls,
    tls_ca: Option<PathBuf>,
    /// Read by the driver with each connection, so it stays as long as this.
    _roots: Option<RootsFile>,
}

/// The parameter `tls` of the URL.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Tls {
    /// Without it.
    Off,
    /// Encrypted; whoever answers is taken for the database.
    Required,
    /// Encrypted, and the certificate is checked.
    Verify,
}

impl Endpoint {
    /// Every server that the URL names, in its order.
    ///
    /// # Errors
    /// `Broken` when the URL is none or names no database, or the CA's file is of no use.
    pub(crate) fn each(database: Backend<'_>) -> Result<Vec<Self>> {
        each_host(database.url).iter().map(|url| Self::new(Backend { url, ..database })).collect()
    }

    /// The only server that the URL names.
    ///
    /// # Errors
    /// As of [`Endpoint::each`], and when it names several.
    pub(crate) fn new(database: Backend<'_>) -> Result<Self> {
        // The driver's own words might repeat the password.
        let bad = || StoreError::Broken("the MySQL address is not of the form mysql://user:pw@host:port/db".into());
        if each_host(database.url).len() > 1 {
            return Err(StoreError::Broken("the MySQL address names several servers: name one".into()));
        }
        let (url, tls) = without_tls(database.url).ok_or_else(bad)?;
        let opts = Opts::from_url(&url).map_err(|_| bad())?;
        let name = opts.get_db_name().filter(|name| !name.is_empty()).ok_or_else(bad)?.to_owned();
        choose_cryptography();
        let place = match opts.get_socket() {
            Some(socket) => socket.to_owned(),
            None => format!("{}:{}", opts.get_ip_or_hostname(), opts.get_tcp_port()),
        };
        let roots = match tls {
            Tls::Verify => Some(roots(database)?),
            Tls::Off | Tls::Required => None,
        };
        let ssl = match &roots {
            Some(roots) => Some(SslOpts::default().with_root_cert_path(Some(roots.path()))),
            None => (tls == Tls::Required).then(|| {
                SslOpts::default().with_danger_accept_invalid_certs(true).with_danger_skip_domain_validation(true)
            }),
        };
        // A socket that was not asked for would be the server's own idea.
        let opts = OptsBuilder::from_opts(opts).prefer_socket(false).tcp_nodelay(true).ssl_opts(ssl);
        Ok(Self { opts, place, name, tls, tls_ca: database.tls_ca.map(ToOwned::to_owned), _roots: roots })
    }

    /// Whether both are the same database, as far as their addresses tell.
    pub(crate) fn is_that_of(&self, other: &Self) -> bool {
        self.place == other.place && self.name == other.name
    }

    /// Host and port, or the socket's path.
    pub(super) fn place(&self) -> &str {
        &self.place
    }

    /// For the driver.
    pub(crate) fn opts(&self) -> OptsBuilder {
        self.opts.clone()
    }

    /// Why a connection could not be opened: a sentence where it is about the way to the server, else the driver's words.
    pub(crate) fn explained(&self, error: Error) -> Cause {
        self.explain(&error).map_or_else(|| cause(error), Cause::from)
    }

    fn explain(&self, error: &Error) -> Option<String> {
        let place = &self.place;
        match error {
            Error::DriverError(DriverError::TlsNotSupported) => Some(format!(
                "{place} does not offer TLS: turn it on there (ssl_cert and ssl_key), or leave `tls` out of the URL"
            )),
            Error::MySqlError(answer) if answer.code == TLS_WANTED => Some(format!(
                "{place} wants its clients to use TLS: write ?tls=verify behind the URL, or ?tls=required ({})",
                answer.message
            )),
            Error::MySqlError(answer)
                if answer.code == ACCESS_DENIED && self.tls == Tls::Off && !place.starts_with('/') =>
            {
                Some(format!(
                    "{}. Name another user or password in the URL; or, if that server or this user must use TLS, write \
                 ?tls=verify behind it",
                    answer.message
                ))
            }
            Error::DriverError(DriverError::CouldNotConnect(Some((at, why, _)))) if place.starts_with('/') => {
                Some(format!(
                    "cannot connect to the socket {at}: {why}. It must be that of the server (SHOW VARIABLES LIKE 'socket'), \
                 and the user that this server runs as must be allowed to write to it"
                ))
            }
            other => {
                let reached = Reached { place, tls_ca: self.tls_ca.as_deref(), setting: CA_SETTING };
                Some(explain(tls_error(io_error(other)?)?, &reached))
            }
        }
    }
}

fn roots(database: Backend<'_>) -> Result<RootsFile> {
    let trust = Trust::load(database.tls_ca, CA_SETTING).map_err(|why| StoreError::Broken(why.into()))?;
    RootsFile::new(&trust).map_err(|error| StoreError::Broken(format!("no file in memory: {error}").into()))
}

/// The URL once for each of its hosts, which commas separate.
pub(super) fn each_host(url: &str) -> Vec<String> {
    let Some((scheme, rest)) = url.split_once("://") else { return vec![url.to_owned()] };
    let (authority, behind) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let hosts_at = authority.rfind('@').map_or(0, |at| at + 1);
    let (user, hosts) = authority.split_at(hosts_at);
    hosts.split(',').map(|host| format!("{scheme}://{user}{host}{behind}")).collect()
}

/// The URL for the driver, which does not know the parameter `tls`, and what that says. `None`: a value that it cannot have.
fn without_tls(url: &str) -> Option<(String, Tls)> {
    let Some((before, query)) = url.split_once('?') else { return Some((url.to_owned(), Tls::Off)) };
    let mut tls = Tls::Off;
    let mut others = Vec::new();
    for parameter in query.split('&') {
        match parameter.strip_prefix("tls=") {
            Some("required") => tls = Tls::Required,
            Some("verify") => tls = Tls::Verify,
            Some(_) => return None,
            None => others.push(parameter),
        }
    }
    let url = if others.is_empty() { before.to_owned() } else { format!("{before}?{}", others.join("&")) };
    Some((url, tls))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_address_is_refused_without_repeating_the_password() {
        for url in [
            "nonsense",
            "mysql://chat:hidden@127.0.0.1:3306",
            "http://chat:hidden@127.0.0.1/x",
            "mysql://chat:hidden@127.0.0.1/x?tls=maybe",
        ] {
            let told = Endpoint::new(url.into()).err().unwrap().to_string();
            assert!(told.contains("mysql://user:pw@host:port/db") && !told.contains("hidden"), "{told}");
        }
    }

    #[test]
    fn several_hosts_are_as_many_urls() {
        let url = "mysql://u:p,w@h1:3306,h2,[::1]:3307/db?tls=required";
        let each = ["u:p,w@h1:3306", "u:p,w@h2", "u:p,w@[::1]:3307"];
        assert_eq!(each_host(url), each.map(|host| format!("mysql://{host}/db?tls=required")));
        for one in ["mysql://u:p@h/db?socket=/a,b", "mysql://h/a,b", "nonsense"] {
            assert_eq!(each_host(one), [one]);
        }
        let places =
            |url: &str| Endpoint::each(url.into()).unwrap().iter().map(|e| e.place.clone()).collect::<Vec<_>>();
        assert_eq!(places("mysql://u@h1:3307,h2/db"), ["h1:3307", "h2:3306"]);
        let told = Endpoint::new("mysql://u:hidden@h1,h2/db".into()).err().unwrap().to_string();
        assert!(told.contains("several servers") && !told.contains("hidden"), "{told}");
    }

    #[test]
    fn the_parameter_tls_is_ours_and_the_others_are_the_drivers() {
        let split = |url| without_tls(url).unwrap();
        assert_eq!(split("mysql://h/db"), ("mysql://h/db".to_owned(), Tls::Off));
        assert_eq!(split("mysql://h/db?tls=verify"), ("mysql://h/db".to_owned(), Tls::Verify));
        let (url, tls) = split("mysql://h/db?compress=fast&tls=required&tcp_user_timeout_ms=9");
        assert_eq!((url.as_str(), tls), ("mysql://h/db?compress=fast&tcp_user_timeout_ms=9", Tls::Required));
    }

    #[test]
    fn only_a_socket_that_was_asked_for_is_used() {
        let opts = |url: &str| Opts::from(Endpoint::new(url.into()).unwrap().opts());
        assert_eq!(opts("mysql://u@localhost/db?socket=/run/my%20sql.sock").get_socket(), Some("/run/my sql.sock"));
        let tcp = opts("mysql://u@localhost/db");
        assert!(tcp.get_socket().is_none() && !tcp.get_prefer_socket() && tcp.get_ssl_opts().is_none());
        let unchecked = opts("mysql://u@localhost/db?tls=required");
        assert!(unchecked.get_ssl_opts().is_some_and(SslOpts::accept_invalid_certs));
    }
}
