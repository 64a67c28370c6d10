//! What the URL leads to: one server, sentinels that name it, or a cluster of servers.

use super::address::{Address, RedisUrlError};
use super::cluster::seeds::Seeds;
use super::current_server::CurrentServer;
use super::sentinel::sentinels::Sentinels;
use crate::backend::Backend;

/// What the URL leads to.
pub(super) enum Target {
    /// This server.
    One(Box<Address>),
    /// Whichever server they name.
    Sentinels(Box<Sentinels>),
    /// All servers that these know of.
    Cluster(Box<Seeds>),
}

impl Target {
    /// Parses a URL of Redis.
    pub(super) fn parse(redis: Backend<'_>) -> Result<Self, RedisUrlError> {
        if let Some(sentinels) = Sentinels::parse(redis) {
            return Ok(Self::Sentinels(Box::new(sentinels?)));
        }
        if let Some(seeds) = Seeds::parse(redis) {
            return Ok(Self::Cluster(Box::new(seeds?)));
        }
        Ok(Self::One(Box::new(Address::parse(redis)?)))
    }

    /// How to be let in by the server, wherever it is.
    pub(super) fn credentials(&self) -> &Address {
        match self {
            Self::One(address) => address,
            Self::Sentinels(sentinels) => sentinels.redis(),
            Self::Cluster(seeds) => seeds.credentials(),
        }
    }

    /// The server for those who stay connected; with sentinels none before a lookout has found it, and none of a cluster.
    pub(super) fn server(&self) -> CurrentServer {
        match self {
            Self::One(address) => CurrentServer::fixed(Address::clone(address)),
            Self::Sentinels(_) | Self::Cluster(_) => CurrentServer::unknown(),
        }
    }
}
