//! A Redis Cluster by its URL: some of its servers, which tell of all others.
//!
//! ```text
//!   redis+cluster://[user:password@]a:6379,b,c
//! ```

use std::collections::HashMap;
use std::time::{Duration, Instant};

use redis::{RedisError, RedisResult};

use super::topology::Told;
use crate::backend::Backend;
use crate::bus::redis::address::{Address, RedisUrlError};
use crate::bus::redis::admission::Denial;
use crate::bus::redis::command_connection::CommandConnection;
use crate::bus::redis::sentinel::sentinel_state::Place;
use crate::bus::redis::sentinel::sentinels::{away, host_and_port};
use crate::bus::redis::times::now;

/// The port of a server whose port is not told.
const PORT: u16 = 6379;

/// Servers whose words are compared; with more of them a large cluster would be busy with questions.
const VOICES: usize = 3;

/// A server that did not answer is left alone for so long, if others do.
const REST: Duration = Duration::from_secs(2);

/// What the URL says about a cluster.
pub(in crate::bus::redis) struct Seeds {
    /// In the URL's order. Invariant: not empty. All have the same credentials and the same TLS.
    addresses: Vec<Address>,
}

impl Seeds {
    /// Parses the URL; `None`: it is none of a cluster.
    pub(in crate::bus::redis) fn parse(redis: Backend<'_>) -> Option<Result<Self, RedisUrlError>> {
        let (scheme, rest) = redis.url.split_once("://")?;
        let scheme = scheme.strip_suffix("+cluster")?;
        Some(Self::parse_rest(scheme, rest, redis))
    }

    fn parse_rest(scheme: &str, rest: &str, redis: Backend<'_>) -> Result<Self, RedisUrlError> {
        let malformed = |why: &str| RedisUrlError::Malformed(why.to_owned());
        let (rest, end) = rest.find(['/', '?', '#']).map_or((rest, ""), |at| rest.split_at(at));
        let (credentials, hosts) =
            rest.rsplit_once('@').map_or(("", rest), |(credentials, hosts)| (credentials, hosts));
        let at = if credentials.is_empty() { "" } else { "@" };
        let hosts: Vec<&str> = hosts.split(',').collect();
        // The certificates are read for the first one, and hold for all.
        let url = format!("{scheme}://{credentials}{at}{}{end}", hosts[0]);
        let first = Address::parse(Backend { url: &url, ..redis })?;
        let addresses = hosts.iter().map(|host| {
            let (host, port) = host_and_port(host, PORT).ok_or_else(|| malformed("one of the hosts is none"))?;
            first.at(host, port)
        });
        Ok(Self { addresses: addresses.collect::<Result<_, _>>()? })
    }

    /// The credentials and the TLS of all.
    pub(in crate::bus::redis) fn credentials(&self) -> &Address {
        &self.addresses[0]
    }

    pub(in crate::bus::redis) fn at(&self, (host, port): &Place) -> RedisResult<Address> {
        self.addresses[0]
            .at(host, *port)
            .map_err(|error| RedisError::from((redis::ErrorKind::InvalidClientConfig, "no address", error.to_string())))
    }

    fn places(&self) -> impl Iterator<Item = Place> {
        let place = |address: &Address| address.host_and_port().map(|(host, port)| (host.to_owned(), port));
        self.addresses.iter().filter_map(place)
    }
}

/// A thread's connections to servers of a cluster, by which it asks what they know of it.
pub(in crate::bus::redis) struct Surveyor<'a> {
    seeds: &'a Seeds,
    name: String,
    timeout: Duration,
    links: HashMap<Place, CommandConnection>,
    rests_until: HashMap<Place, Instant>,
}

impl<'a> Surveyor<'a> {
    pub(in crate::bus::redis) fn new(seeds: &'a Seeds, name: &str, timeout: Duration) -> Self {
        Self { seeds, name: name.to_owned(), timeout, links: HashMap::new(), rests_until: HashMap::new() }
    }

    /// What some servers say, of those that are `known` and of the URL's.
    ///
    /// # Errors
    /// Refused, or away, when none has an answer that is of use.
    pub(in crate::bus::redis) fn ask(&mut self, known: &[Place]) -> Result<Vec<Told>, Denial> {
        let begun = now();
        self.rests_until.retain(|_, until| begun < *until);
        let seeds = self.seeds.places().filter(|place| !known.contains(place));
        let (rested, resting): (Vec<Place>, Vec<Place>) =
            known.iter().cloned().chain(seeds).partition(|place| !self.rests_until.contains_key(place));
        let (mut told, mut why) = (Vec::new(), None);
        for place in rested.into_iter().chain(resting) {
            if told.len() == VOICES || (!told.is_empty() && self.rests_until.contains_key(&place)) {
                break;
            }
            match self.ask_one(&place) {
                Ok(Some(one)) => told.push(one),
                Ok(None) => {
                    why = why.or_else(|| Some(Denial::Away("the cluster has slots without a master".to_owned())));
                }
                Err(error) => {
                    self.rests_until.insert(place.clone(), now() + REST);
                    why = why.or_else(|| Some(self.explain(&place, &error)));
                }
            }
        }
        match why {
            Some(why) if told.is_empty() => Err(why),
            _ => Ok(told),
        }
    }

    fn ask_one(&mut self, place: &Place) -> RedisResult<Option<Told>> {
        if let Some(kept) = self.links.remove(place)
            && let Ok((kept, told)) = kept.cluster(&place.0)
        {
            self.links.insert(place.clone(), kept);
            return Ok(told);
        }
        let new = CommandConnection::open(&self.seeds.at(place)?, &self.name, self.timeout)?;
        let (new, told) = new.cluster(&place.0)?;
        self.links.insert(place.clone(), new);
        Ok(told)
    }

    fn explain(&self, place: &Place, error: &RedisError) -> Denial {
        let (host, port) = place;
        if error.to_string().contains("cluster support disabled") {
            return Denial::Refused(format!(
                "{host}:{port} is no server of a Redis Cluster: write redis:// for a single one ({error})"
            ));
        }
        if error.code() == Some("NOPERM") {
            return Denial::Refused(format!(
                "{host}:{port} refuses ({error}): allow the user +cluster|slots and +cluster|info as well"
            ));
        }
        let told = format!("no server of the cluster answers, {host}:{port} for one: {error}");
        match self.seeds.at(place) {
            // Whoever connects next says it better.
            Ok(_) if error.kind() == redis::ErrorKind::AuthenticationFailed || error.code() == Some("NOAUTH") => {
                Denial::Refused(format!(
                    "{host}:{port} refuses ({error}): the user or the password in the URL is wrong"
                ))
            }
            Ok(address) => away(&address, &told, self.timeout),
            Err(_) => Denial::Away(told),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_credentials_are_read() {
        let parse = |url: &str| Seeds::parse(url.into()).expect("a URL of a cluster");
        let seeds = parse("redis+cluster://bob:p%40ss@a:1,b,[::1]:3/").unwrap();
        let places: Vec<Place> = seeds.places().collect();
        assert_eq!(places, [("a", 1), ("b", 6379), ("::1", 3)].map(|(host, port)| (host.to_owned(), port)));
        for address in &seeds.addresses {
            assert!(String::from_utf8(address.greeting("n").bytes).unwrap().contains("bob\r\n$4\r\np@ss"));
        }
        assert!(parse("rediss+cluster://a,b#insecure").is_ok());
        for bad in
            ["redis+cluster://:secret@a,,b", "redis+cluster://:secret@a/1", "redis+cluster://:secret@a:1,b:99999"]
        {
            let Err(told) = parse(bad) else { panic!("{bad} was taken") };
            assert!(!told.to_string().contains("secret"), "{told}");
        }
        assert!(Seeds::parse("redis://a".into()).is_none());
    }
}
