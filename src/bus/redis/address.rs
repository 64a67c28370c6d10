//! Where Redis is and how to be let in, from its URL.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use redis::io::tcp::TcpSettings;
use redis::{Client, ConnectionAddr, IntoConnectionInfo};

/// Why a Redis URL is of no use. The text never repeats the URL: it may hold a password.
#[derive(Debug, thiserror::Error)]
pub enum RedisUrlError {
    /// It could not be parsed.
    #[error("not a Redis URL, expected redis://[user:password@]host:port/, or redis+unix:///path of a socket: {0}")]
    Malformed(String),
    /// Another scheme.
    #[error("only redis:// and redis+unix:// are supported")]
    Unsupported,
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
}

/// Where a Redis server is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Place {
    /// By TCP.
    Tcp { host: String, port: u16 },
    /// A unix socket.
    Unix(PathBuf),
}

impl Address {
    /// Parses `redis://[user:password@]host:port/`, or `redis+unix:///path?user=..&pass=..`.
    pub(super) fn parse(url: &str) -> Result<Self, RedisUrlError> {
        let malformed = |error: redis::RedisError| RedisUrlError::Malformed(error.to_string());
        let info = url.into_connection_info().map_err(malformed)?;
        let place = match info.addr().clone() {
            ConnectionAddr::Tcp(host, port) => Place::Tcp { host, port },
            ConnectionAddr::Unix(path) => Place::Unix(path),
            _ => return Err(RedisUrlError::Unsupported),
        };
        match info.redis_settings().db() {
            0 => {}
            number => return Err(RedisUrlError::Numbered(number)),
        }
        let info = info.set_tcp_settings(TcpSettings::default().set_nodelay(true));
        Ok(Self { client: Client::open(info).map_err(malformed)?, place })
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
        use io::ErrorKind::{ConnectionRefused, NotFound, PermissionDenied};
        match &self.place {
            Place::Unix(path) if matches!(error.kind(), ConnectionRefused | NotFound | PermissionDenied) => format!(
                "cannot connect to the socket {}: {error}. It must be that of Redis (`unixsocket` in its settings), and the \
                 user that this server runs as must be allowed to write to it (`unixsocketperm`)",
                path.display()
            ),
            Place::Unix(_) | Place::Tcp { .. } => error.to_string(),
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
    use super::*;

    #[test]
    fn the_greeting_says_what_the_url_asks_for() {
        let plain = Address::parse("redis://127.0.0.1:6390/").unwrap().greeting("n");
        assert_eq!(plain.words, ["CLIENT"]);
        let full = Address::parse("redis://bob:p%40ss@127.0.0.1:6390/").unwrap();
        assert_eq!(*full.place(), Place::Tcp { host: "127.0.0.1".to_owned(), port: 6390 });
        let greeting = full.greeting("stonechat-1");
        assert_eq!(greeting.words, ["AUTH", "CLIENT"]);
        let text = String::from_utf8(greeting.bytes).unwrap();
        let auth = "*3\r\n$4\r\nAUTH\r\n$3\r\nbob\r\n$4\r\np@ss\r\n";
        assert!(text.starts_with(auth), "{text:?}");
    }

    #[test]
    fn a_unix_socket_has_its_credentials_behind_the_path() {
        for scheme in ["redis+unix", "unix"] {
            let address = Address::parse(&format!("{scheme}:///run/re%20dis.sock?user=bob&pass=p%40ss")).unwrap();
            assert_eq!(*address.place(), Place::Unix("/run/re dis.sock".into()));
            let auth = "*3\r\n$4\r\nAUTH\r\n$3\r\nbob\r\n$4\r\np@ss\r\n";
            assert!(address.greeting("n").bytes.starts_with(auth.as_bytes()));
        }
        let missing = Address::parse("unix:///run/redis.sock").unwrap().explain(&io::ErrorKind::NotFound.into());
        assert!(missing.contains("/run/redis.sock") && missing.contains("unixsocketperm"), "{missing}");
    }

    #[test]
    fn a_database_number_is_refused_for_channels_have_none() {
        assert!(Address::parse("redis://h/0").is_ok());
        for url in ["redis://:secret@h/1", "redis://h:6390/15", "unix:///secret?db=2"] {
            let Err(error) = Address::parse(url) else { panic!("{url} was taken") };
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
            let Err(error) = Address::parse(url) else { panic!("{url} was taken") };
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }
}
