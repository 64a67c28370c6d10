//! Where Redis is and how to be let in, from its URL.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use redis::io::tcp::TcpSettings;
use redis::{Client, ConnectionAddr, IntoConnectionInfo, TlsCertificates};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;

use crate::backend::{self, Backend, Reached, Trust, client};

/// The key that names the CA's file.
const CA_SETTING: &str = "redis_tls_ca";

/// Why a Redis URL is of no use. The text never repeats the URL: it may hold a password.
#[derive(Debug, thiserror::Error)]
pub enum RedisUrlError {
    /// It could not be parsed.
    #[error(
        "not a Redis URL, expected redis://[user:password@]host:port/, the same with rediss:// for TLS, \
         redis+sentinel://[user:password@]host:port,host:port/name, redis+cluster://[user:password@]host:port,host:port, \
         or redis+unix:///path of a socket: {0}"
    )]
    Malformed(String),
    /// Another scheme.
    #[error(
        "only redis://, rediss://, redis+unix://, and redis+sentinel://, redis+cluster:// and the same with rediss are supported"
    )]
    Unsupported,
    /// The certificates that count cannot be had.
    #[error("{0}")]
    Trust(String),
    /// A number other than 0 behind the slash.
    #[error(
        "the URL names Redis' database {0}, but channels have no databases: leave the number out \
         (installations that share a Redis are told apart by the identity of their data)"
    )]
    Numbered(i64),
}

/// A Redis server and the credentials for it.
#[derive(Clone)]
pub(super) struct Address {
    client: Client,
    place: Place,
    /// The CA that counts, if it is not the system's.
    tls_ca: Option<PathBuf>,
}

/// Where a Redis server is.
#[derive(Clone)]
pub(super) enum Place {
    /// By TCP.
    Tcp { host: String, port: u16 },
    /// By TCP, encrypted; the certificate must be for the name.
    Tls { host: String, port: u16, config: Arc<ClientConfig>, name: ServerName<'static> },
    /// A unix socket.
    Unix(PathBuf),
}

impl Address {
    /// Parses `redis://[user:password@]host:port/`, the same with `rediss://`, or `redis+unix:///path?user=..&pass=..`.
    pub(super) fn parse(redis: Backend<'_>) -> Result<Self, RedisUrlError> {
        let malformed = |error: redis::RedisError| RedisUrlError::Malformed(error.to_string());
        let info = redis.url.into_connection_info().map_err(malformed)?;
        match info.redis_settings().db() {
            0 => {}
            number => return Err(RedisUrlError::Numbered(number)),
        }
        let info = info.set_tcp_settings(TcpSettings::default().set_nodelay(true));
        let tls_ca = redis.tls_ca.map(ToOwned::to_owned);
        let (place, client) = match info.addr().clone() {
            ConnectionAddr::Tcp(host, port) => (Place::Tcp { host, port }, Client::open(info)),
            ConnectionAddr::Unix(path) => (Place::Unix(path), Client::open(info)),
            ConnectionAddr::TcpTls { host, port, insecure, .. } => {
                let name = server_name(&host)?;
                let (config, certificates) = tls(redis, insecure)?;
                (Place::Tls { host, port, config, name }, Client::build_with_tls(info, certificates))
            }
            _ => return Err(RedisUrlError::Unsupported),
        };
        Ok(Self { client: client.map_err(malformed)?, place, tls_ca })
    }

    /// The same credentials and the same TLS for another server.
    pub(super) fn at(&self, host: &str, port: u16) -> Result<Self, RedisUrlError> {
        let (info, host) = (self.client.get_connection_info().clone(), host.to_owned());
        let (place, addr) = match (&self.place, info.addr().clone()) {
            (Place::Tls { config, .. }, ConnectionAddr::TcpTls { insecure, tls_params, .. }) => (
                Place::Tls { host: host.clone(), port, config: Arc::clone(config), name: server_name(&host)? },
                ConnectionAddr::TcpTls { host, port, insecure, tls_params },
            ),
            _ => (Place::Tcp { host: host.clone(), port }, ConnectionAddr::Tcp(host, port)),
        };
        let client = Client::open(info.set_addr(addr));
        let client = client.map_err(|error| RedisUrlError::Malformed(error.to_string()))?;
        Ok(Self { client, place, tls_ca: self.tls_ca.clone() })
    }

    /// Host and port, for people; `None`: a unix socket.
    pub(super) fn host_and_port(&self) -> Option<(&str, u16)> {
        match &self.place {
            Place::Tcp { host, port } | Place::Tls { host, port, .. } => Some((host, *port)),
            Place::Unix(_) => None,
        }
    }

    /// For the driver's own connections.
    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    /// What an error of a connection means to a person.
    pub(super) fn explain(&self, error: &io::Error) -> String {
        use io::ErrorKind::{ConnectionRefused, NotFound, PermissionDenied, TimedOut};
        match &self.place {
            Place::Unix(path) if matches!(error.kind(), ConnectionRefused | NotFound | PermissionDenied) => format!(
                "cannot connect to the socket {}: {error}. It must be that of Redis (`unixsocket` in its settings), and the \
                 user that this server runs as must be allowed to write to it (`unixsocketperm`)",
                path.display()
            ),
            Place::Tls { host, port, .. } => {
                let place = &format!("{host}:{port}");
                match backend::tls_error(error) {
                    Some(told) => {
                        let reached = Reached { place, tls_ca: self.tls_ca.as_deref(), setting: CA_SETTING };
                        backend::explain(told, &reached)
                    }
                    None if error.kind() == TimedOut => {
                        format!("{place} does not answer by TLS ({error}): is that the `tls-port` of Redis?")
                    }
                    None => error.to_string(),
                }
            }
            Place::Unix(_) | Place::Tcp { .. } => error.to_string(),
        }
    }

    /// The same for the first connection, which may have come to the wrong port.
    pub(super) fn explain_first(&self, error: &io::Error) -> String {
        use io::ErrorKind::{ConnectionReset, UnexpectedEof};
        let told = self.explain(error);
        match &self.place {
            Place::Tcp { host, port } if matches!(error.kind(), ConnectionReset | UnexpectedEof) => {
                format!("{told}: if {host}:{port} is a port for TLS, write rediss:// in the URL")
            }
            _ => told,
        }
    }

    /// What a connection says first: password, its name.
    pub(super) fn greeting(&self, name: &str) -> Greeting {
        let settings = self.client.get_connection_info().redis_settings();
        let mut greeting = Greeting::default();
        if let Some(password) = settings.password() {
            let mut auth = redis::cmd("AUTH");
            if let Some(username) = settings.username() {
                auth.arg(username);
            }
            greeting.add("AUTH", auth.arg(password));
        }
        greeting.wish("CLIENT", redis::cmd("CLIENT").arg("SETNAME").arg(name));
        greeting
    }
}

fn server_name(host: &str) -> Result<ServerName<'static>, RedisUrlError> {
    let name = ServerName::try_from(host.to_owned());
    name.map_err(|_| RedisUrlError::Malformed("no name of a host".to_owned()))
}

/// How TLS is spoken: by this side's own connections, and by the driver's.
fn tls(redis: Backend<'_>, insecure: bool) -> Result<(Arc<ClientConfig>, TlsCertificates), RedisUrlError> {
    backend::choose_cryptography();
    if insecure {
        return Ok((client::unchecked(), TlsCertificates { client_tls: None, root_cert: None }));
    }
    let trust = Trust::load(redis.tls_ca, CA_SETTING).map_err(RedisUrlError::Trust)?;
    let root_cert = Some(trust.pem().into_bytes());
    Ok((client::checked(&trust), TlsCertificates { client_tls: None, root_cert }))
}

/// Commands to be sent ahead of all others: first what is needed, then what is only wished for.
#[derive(Clone, Default)]
pub(super) struct Greeting {
    /// The commands as they go over the wire.
    pub(super) bytes: Vec<u8>,
    /// The commands' first words; as many answers will come.
    pub(super) words: Vec<&'static str>,
    /// How many of the last of them may be refusals: a server may forbid such commands to us.
    pub(super) wishes: usize,
}

impl Greeting {
    fn add(&mut self, word: &'static str, command: &redis::Cmd) {
        command.write_packed_command(&mut self.bytes);
        self.words.push(word);
    }

    fn wish(&mut self, word: &'static str, command: &redis::Cmd) {
        self.add(word, command);
        self.wishes += 1;
    }

    /// Asks to end the connection that came from `earlier`. Redis may not have noticed that it is dead (the network
    /// swallowed its end), and would count its subscriptions as another node's for minutes. Behind an address
    /// translation it matches nothing, and Redis' own keepalive has to find out.
    pub(super) fn end_ghost(&mut self, earlier: SocketAddr) {
        self.wish("CLIENT", redis::cmd("CLIENT").arg("KILL").arg("ADDR").arg(earlier.to_string()));
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_greeting_says_what_the_url_asks_for() {
        let plain = Address::parse("redis://127.0.0.1:6390/".into()).unwrap().greeting("n");
        assert_eq!(plain.words, ["CLIENT"]);
        let full = Address::parse("redis://bob:p%40ss@127.0.0.1:6390/".into()).unwrap();
        assert!(matches!(full.place(), Place::Tcp { host, port: 6390 } if host == "127.0.0.1"));
        let greeting = full.greeting("stonechat-1");
        assert_eq!(greeting.words, ["AUTH", "CLIENT"]);
        let text = String::from_utf8(greeting.bytes).unwrap();
        let auth = "*3\r\n$4\r\nAUTH\r\n$3\r\nbob\r\n$4\r\np@ss\r\n";
        assert!(text.starts_with(auth), "{text:?}");
    }

    #[test]
    fn a_unix_socket_has_its_credentials_behind_the_path() {
        for scheme in ["redis+unix", "unix"] {
            let address =
                Address::parse((&format!("{scheme}:///run/re%20dis.sock?user=bob&pass=p%40ss")).into()).unwrap();
            assert!(matches!(address.place(), Place::Unix(path) if path == Path::new("/run/re dis.sock")));
            let auth = "*3\r\n$4\r\nAUTH\r\n$3\r\nbob\r\n$4\r\np@ss\r\n";
            assert!(address.greeting("n").bytes.starts_with(auth.as_bytes()));
        }
        let missing = Address::parse("unix:///run/redis.sock".into()).unwrap().explain(&io::ErrorKind::NotFound.into());
        assert!(missing.contains("/run/redis.sock") && missing.contains("unixsocketperm"), "{missing}");
    }

    #[test]
    fn a_certificate_is_for_a_name_or_an_address() {
        for host in ["cache.example.org", "127.0.0.1", "[::1]"] {
            let address = Address::parse((&format!("rediss://:pw@{host}:6390/#insecure")).into()).unwrap();
            assert!(matches!(address.place(), Place::Tls { port: 6390, .. }), "{host}");
        }
        let no_ca = Backend { url: "rediss://cache/", tls_ca: Some(Path::new("/no/such/ca.pem")) };
        let Err(error) = Address::parse(no_ca) else { panic!("it was taken") };
        assert!(error.to_string().starts_with("redis_tls_ca names /no/such/ca.pem, which cannot be read"), "{error}");
    }

    #[test]
    fn a_database_number_is_refused_for_channels_have_none() {
        assert!(Address::parse("redis://h/0".into()).is_ok());
        for url in ["redis://:secret@h/1", "redis://h:6390/15", "unix:///secret?db=2"] {
            let Err(error) = Address::parse(url.into()) else { panic!("{url} was taken") };
            let text = error.to_string();
            assert!(text.contains("leave the number out") && !text.contains("secret"), "{text}");
        }
    }

    #[test]
    fn a_bad_url_is_refused_without_repeating_it() {
        for url in [
            "",
            "127.0.0.1",
            "http://x/",
            "redis://:secret@h:99999/",
            "redis://:secret@h/secret",
            "unix://x?pass=secret",
        ] {
            let Err(error) = Address::parse(url.into()) else { panic!("{url} was taken") };
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }
}
