//! Redis' sentinels: where they are by their URL, and asking them for the master.
//!
//! ```text
//!   redis+sentinel://[user:password@]a:26379,b,c/name[?sentinel_pass=password]
//!
//!   each sentinel <--get-master-addr-by-name, master--   place and epoch: sentinel_state.rs compares
//!   that place    <--ROLE--                              a master, or not (yet, or any more)
//! ```
//!
//! The credentials ahead of the hosts are those for Redis itself; sentinels have their own, if any.

use std::time::{Duration, Instant};

use redis::{RedisError, RedisResult};

use super::sentinel_state::{Place, Role, Said, latest};
use crate::backend::{Backend, tls_error};
use crate::bus::redis::address::{Address, Place as AddressPlace, RedisUrlError};
use crate::bus::redis::admission::{self, Denial};
use crate::bus::redis::command_connection::CommandConnection;
use crate::bus::redis::times::now;
use crate::bus::redis::transport::Transport;

/// The port of a sentinel whose port is not told.
const PORT: u16 = 26379;

/// A sentinel that did not answer is left alone for so long, if others do.
const REST: Duration = Duration::from_secs(5);

/// What the URL says about sentinels.
pub(in crate::bus::redis) struct Sentinels {
    /// In the URL's order. Invariant: not empty.
    addresses: Vec<Address>,
    /// What they call the master.
    name: String,
    /// The credentials and the TLS of Redis, wherever it is.
    redis: Address,
}

impl Sentinels {
    /// Parses the URL; `None`: it is none of sentinels.
    pub(in crate::bus::redis) fn parse(redis: Backend<'_>) -> Option<Result<Self, RedisUrlError>> {
        let (scheme, rest) = redis.url.split_once("://")?;
        let scheme = scheme.strip_suffix("+sentinel")?;
        Some(Self::parse_rest(scheme, rest, redis))
    }

    fn parse_rest(scheme: &str, rest: &str, redis: Backend<'_>) -> Result<Self, RedisUrlError> {
        let malformed = |why: &str| RedisUrlError::Malformed(why.to_owned());
        let (rest, fragment) =
            rest.split_once('#').map_or((rest, String::new()), |(rest, end)| (rest, format!("#{end}")));
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (rest, name) = rest.split_once('/').unwrap_or((rest, ""));
        if name.is_empty() || name.contains('/') {
            return Err(malformed("behind the hosts stands /, and the name by which the sentinels know the master"));
        }
        let (credentials, hosts) =
            rest.rsplit_once('@').map_or(("", rest), |(credentials, hosts)| (credentials, hosts));
        let own =
            own_credentials(query).ok_or_else(|| malformed("behind ? may stand sentinel_user and sentinel_pass"))?;
        let hosts: Vec<&str> = hosts.split(',').collect();
        let parse = |credentials: &str, host: &str| {
            let at = if credentials.is_empty() { "" } else { "@" };
            Address::parse(Backend { url: &format!("{scheme}://{credentials}{at}{host}/{fragment}"), ..redis })
        };
        // The certificates are read for the first one, and hold for all.
        let first = parse(&own, hosts[0])?;
        let sentinels = hosts.iter().map(|host| {
            let (host, port) = host_and_port(host, PORT).ok_or_else(|| malformed("one of the hosts is none"))?;
            first.at(host, port)
        });
        Ok(Self {
            addresses: sentinels.collect::<Result<_, _>>()?,
            name: name.to_owned(),
            redis: parse(credentials, hosts[0])?,
        })
    }

    /// The credentials and the TLS of Redis, wherever it is.
    pub(in crate::bus::redis) fn redis(&self) -> &Address {
        &self.redis
    }

    /// The master at this moment, for whoever does not follow it. Each attempt, and each answer, may take `timeout`.
    ///
    /// # Errors
    /// Refused, or away.
    pub(in crate::bus::redis) fn find(&self, timeout: Duration) -> Result<Address, Denial> {
        let mut asker = Asker::new(self, "stonechat-check", timeout);
        let said = asker.ask()?;
        let place = latest(&said).ok_or_else(|| Denial::Refused(self.unknown_name()))?.place.clone();
        let address = self.master_at(&place).map_err(|error| Denial::Refused(error.to_string()))?;
        match asker.try_role_of(&place) {
            Ok(Role::Replica) => Err(Denial::Away(format!(
                "sentinels name {}:{} as the master, which says that it is none",
                place.0, place.1
            ))),
            Err(error) if error.code() == Some("NOPERM") => Err(admission::judge("ROLE", &error.to_string(), "")),
            // Whatever else is wrong there, whoever connects next says it better.
            Ok(Role::Master | Role::Unknown) | Err(_) => Ok(address),
        }
    }

    pub(in crate::bus::redis) fn master_at(&self, (host, port): &Place) -> Result<Address, RedisUrlError> {
        self.redis.at(host, *port)
    }

    pub(in crate::bus::redis) fn unknown_name(&self) -> String {
        format!(
            "no sentinel knows a master by the name {}: it is the word behind `sentinel monitor` in their settings",
            self.name.escape_debug()
        )
    }
}

/// What the sentinels want to be told before they answer, as it stands ahead of a host; `None`: an unknown parameter.
fn own_credentials(query: &str) -> Option<String> {
    let (mut user, mut password) = ("", "");
    for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
        match parameter.split_once('=')? {
            ("sentinel_user", value) => user = value,
            ("sentinel_pass", value) => password = value,
            _ => return None,
        }
    }
    Some(if password.is_empty() { String::new() } else { format!("{user}:{password}") })
}

/// A host of the URL, an address of IPv6 without its brackets, and its port.
pub(in crate::bus::redis) fn host_and_port(text: &str, usual: u16) -> Option<(&str, u16)> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']')?;
            (host, rest.strip_prefix(':'))
        }
        None => text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
    };
    let port = port.map_or(Some(usual), |port| port.parse().ok())?;
    (!host.is_empty()).then_some((host, port))
}

/// A thread's connections to sentinels and masters. They are kept, for it asks every second.
pub(in crate::bus::redis) struct Asker<'a> {
    sentinels: &'a Sentinels,
    name: String,
    timeout: Duration,
    links: Vec<Link>,
    /// To the server that was asked last and answered.
    master: Option<(Place, CommandConnection)>,
}

/// To one sentinel.
struct Link {
    connection: Option<CommandConnection>,
    /// It did not answer, and is left alone until then.
    rests_until: Option<Instant>,
}

impl<'a> Asker<'a> {
    /// `name` is what its connections call themselves.
    pub(in crate::bus::redis) fn new(sentinels: &'a Sentinels, name: &str, timeout: Duration) -> Self {
        let link = || Link { connection: None, rests_until: None };
        let links = sentinels.addresses.iter().map(|_| link()).collect();
        Self { sentinels, name: name.to_owned(), timeout, links, master: None }
    }

    /// What each sentinel says that answers; empty: they answer, and do not know the name.
    ///
    /// # Errors
    /// Refused, or away, when no sentinel answers.
    pub(in crate::bus::redis) fn ask(&mut self) -> Result<Vec<Said>, Denial> {
        let (mut said, mut answered, mut why) = (Vec::new(), 0, None);
        let begun = now();
        let all_rest = self.links.iter().all(|link| link.rests(begun));
        for (at, address) in self.sentinels.addresses.iter().enumerate() {
            if self.links[at].rests(begun) && !all_rest {
                continue;
            }
            let kept = self.links[at].connection.take();
            match self.ask_one(kept, address) {
                Ok((connection, told)) => {
                    self.links[at] = Link { connection: Some(connection), rests_until: None };
                    answered += 1;
                    said.extend(told);
                }
                Err(error) => {
                    self.links[at].rests_until = Some(now() + REST);
                    // The first one's is told, unless another one's will never pass.
                    match (explain(address, &error, self.timeout), &why) {
                        (refused @ Denial::Refused(_), Some(Denial::Away(_)) | None) => why = Some(refused),
                        (other, None) => why = Some(other),
                        _ => {}
                    }
                }
            }
        }
        match why {
            Some(why) if answered == 0 => Err(why),
            _ => Ok(said),
        }
    }

    /// One sentinel, by the connection that was kept or by a new one.
    fn ask_one(
        &self,
        kept: Option<CommandConnection>,
        address: &Address,
    ) -> RedisResult<(CommandConnection, Option<Said>)> {
        if let Some(connection) = kept
            && let Ok(told) = connection.master_by_name(&self.sentinels.name)
        {
            return Ok(told);
        }
        CommandConnection::open(address, &self.name, self.timeout)?.master_by_name(&self.sentinels.name)
    }

    /// What the server there says about its role.
    pub(in crate::bus::redis) fn role_of(&mut self, place: &Place) -> Role {
        self.try_role_of(place).unwrap_or_else(|error| {
            log::debug!("{}:{} does not tell its role: {error}", place.0, place.1);
            Role::Unknown
        })
    }

    fn try_role_of(&mut self, place: &Place) -> RedisResult<Role> {
        if let Some((of, connection)) = self.master.take().filter(|(of, _)| of == place)
            && let Ok((connection, role)) = connection.role()
        {
            self.master = Some((of, connection));
            return Ok(role);
        }
        let address = self.sentinels.master_at(place).map_err(|error| {
            RedisError::from((redis::ErrorKind::InvalidClientConfig, "no address", error.to_string()))
        })?;
        let (connection, role) = CommandConnection::open(&address, &self.name, self.timeout)?.role()?;
        self.master = Some((place.clone(), connection));
        Ok(role)
    }
}

impl Link {
    fn rests(&self, now: Instant) -> bool {
        self.rests_until.is_some_and(|until| now < until)
    }
}

/// What it means that this sentinel does not answer.
fn explain(address: &Address, error: &RedisError, timeout: Duration) -> Denial {
    let (host, port) = address.host_and_port().unwrap_or_default();
    let told = match error.code() {
        Some("NOAUTH") => "it wants a password of its own: write ?sentinel_pass=password behind the name".to_owned(),
        Some("WRONGPASS") => "sentinel_user or sentinel_pass is wrong".to_owned(),
        Some("NOPERM") => "allow the user +sentinel|get-master-addr-by-name and +sentinel|master".to_owned(),
        _ if error.kind() == redis::ErrorKind::AuthenticationFailed => {
            "sentinel_user or sentinel_pass is wrong".to_owned()
        }
        _ => return away(address, &format!("no sentinel answers, {host}:{port} for one: {error}"), timeout),
    };
    Denial::Refused(format!("the sentinel at {host}:{port} refuses ({error}): {told}"))
}

/// It does not answer: what TLS refuses it will refuse tomorrow, anything else may pass. The driver does not tell, so the
/// handshake is tried once more without it.
pub(in crate::bus::redis) fn away(address: &Address, told: &str, timeout: Duration) -> Denial {
    let by_tls = matches!(address.place(), AddressPlace::Tls { .. });
    match by_tls.then(|| Transport::open(address, timeout)) {
        Some(Err(error)) if tls_error(&error).is_some() => Denial::Refused(address.explain(&error)),
        _ => Denial::Away(told.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Result<Sentinels, String> {
        let parsed = Sentinels::parse(url.into()).expect("a URL of sentinels");
        parsed.map_err(|error| error.to_string())
    }

    fn places(sentinels: &Sentinels) -> Vec<(&str, u16)> {
        sentinels.addresses.iter().filter_map(Address::host_and_port).collect()
    }

    fn auth(address: &Address) -> String {
        String::from_utf8(address.greeting("n").bytes).unwrap()
    }

    #[test]
    fn hosts_name_and_both_kinds_of_credentials_are_read() {
        let url = "redis+sentinel://bob:p%40ss@a:1,b,[::1]:3,[fe80::1]/chat?sentinel_user=eve&sentinel_pass=q%26r";
        let sentinels = parse(url).unwrap();
        assert_eq!(places(&sentinels), [("a", 1), ("b", 26379), ("::1", 3), ("fe80::1", 26379)]);
        assert_eq!(sentinels.name, "chat");
        assert!(auth(&sentinels.redis).contains("bob\r\n$4\r\np@ss"));
        for address in &sentinels.addresses {
            assert!(auth(address).contains("eve\r\n$3\r\nq&r"), "{}", auth(address));
        }
        let master = sentinels.master_at(&("10.0.0.9".to_owned(), 6380)).unwrap();
        assert_eq!(master.host_and_port(), Some(("10.0.0.9", 6380)));
        assert!(auth(&master).contains("bob\r\n$4\r\np@ss"));
        let plain = parse("redis+sentinel://a/chat").unwrap();
        assert!(!auth(&plain.redis).contains("AUTH") && !auth(&plain.addresses[0]).contains("AUTH"));
    }

    #[test]
    fn tls_holds_for_sentinels_and_master() {
        let sentinels = parse("rediss+sentinel://:pw@a,b/chat#insecure").unwrap();
        let master = sentinels.master_at(&("c".to_owned(), 6379)).unwrap();
        for address in sentinels.addresses.iter().chain([&master]) {
            assert!(matches!(address.place(), AddressPlace::Tls { .. }));
        }
    }

    #[test]
    fn what_is_wrong_with_the_url_is_told_without_repeating_it() {
        for url in [
            "redis+sentinel://:secret@a:1,b",
            "redis+sentinel://:secret@a:1,b/",
            "redis+sentinel://:secret@a:1,b/x/y",
            "redis+sentinel://:secret@a,,b/x",
            "redis+sentinel://:secret@a,b:99999/x",
            "redis+sentinel://a/x?pass=secret",
            "redis+sentinel://a/x?sentinel_pass",
            "https+sentinel://a/x",
        ] {
            let Err(told) = parse(url) else { panic!("{url} was taken") };
            assert!(!told.contains("secret"), "{told}");
        }
        assert!(Sentinels::parse("redis://a/".into()).is_none());
    }
}
