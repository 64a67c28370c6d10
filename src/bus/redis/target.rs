//! What the URL leads to: one server, or sentinels that name it.

use std::time::Duration;

use super::address::{Address, RedisUrlError};
use super::admission::Denial;
use super::current_server::CurrentServer;
use super::sentinels::Sentinels;
use crate::backend::Backend;

/// What the URL leads to.
pub(super) enum Target {
    /// This server.
    One(Box<Address>),
    /// Whichever server they name.
    Sentinels(Box<Sentinels>),
}

impl Target {
    /// Parses a URL of Redis.
    pub(super) fn parse(redis: Backend<'_>) -> Result<Self, RedisUrlError> {
        match Sentinels::parse(redis) {
            Some(sentinels) => Ok(Self::Sentinels(Box::new(sentinels?))),
            None => Ok(Self::One(Box::new(Address::parse(redis)?))),
        }
    }

    /// How to be let in by the server, wherever it is.
    pub(super) fn credentials(&self) -> &Address {
        match self {
            Self::One(address) => address,
            Self::Sentinels(sentinels) => sentinels.redis(),
        }
    }

    /// The server at this moment. With sentinels it asks, and each attempt and each answer may take `timeout`.
    ///
    /// # Errors
    /// Refused, or away.
    pub(super) fn find(&self, timeout: Duration) -> Result<Address, Denial> {
        match self {
            Self::One(address) => Ok(Address::clone(address)),
            Self::Sentinels(sentinels) => sentinels.find(timeout),
        }
    }

    /// The server for those who stay connected; with sentinels none before a lookout has found it.
    pub(super) fn server(&self) -> CurrentServer {
        match self {
            Self::One(address) => CurrentServer::fixed(Address::clone(address)),
            Self::Sentinels(_) => CurrentServer::unknown(),
        }
    }
}
