//! Why the server does not start, in sentences that say what to do next.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use crate::bus::redis::RedisBusError;
use crate::descriptors::TooFewDescriptors;
use crate::store::StoreError;

/// Why the server did not start, or stopped other than in order.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A socket, a thread or a signal handler could not be had.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// The system's word.
        source: io::Error,
    },
    /// The address cannot be had.
    #[error("cannot listen on {address}: {source}{}", advice(source.kind(), setting))]
    Listen {
        /// As it was given.
        address: SocketAddr,
        /// The key that gave it.
        setting: &'static str,
        /// The system's word.
        source: io::Error,
    },
    /// A socket that systemd has opened is of no use.
    #[error("{0}")]
    Passed(String),
    /// The certificate for clients cannot be used.
    #[error("{0}")]
    Certificate(String),
    /// The file with the administrators' token cannot be used.
    #[error("{0}")]
    AdminToken(String),
    /// TLS cannot be spoken.
    #[error("TLS cannot be spoken: {0}")]
    Tls(String),
    /// The limit on open files is too low.
    #[error(transparent)]
    Descriptors(#[from] TooFewDescriptors),
    /// The database cannot be used.
    #[error("the database: {0}")]
    Store(#[from] StoreError),
    /// The database is not one that the server can use.
    #[error("the database: {0}")]
    Unfit(String),
    /// The bus cannot be used.
    #[error("Redis: {0}")]
    Bus(#[from] RedisBusError),
    /// The data are a copy, or there is one.
    #[error(
        "another database with the same identity, {0}, uses this Redis: this one is a copy of it, or it of this one, and \
         their users and messages would be mixed. Give this one a Redis of its own. If it is to stay a separate \
         installation, give it an identity of its own: while none of its nodes runs, set the column id of its table \
         Cluster to 32 other hexadecimal digits"
    )]
    Copy(String),
    /// Nodes of version 0.1 are there.
    #[error(
        "Redis: {0} nodes of version 0.1 use it, and they and this one would not hear each other. Stop them before this \
         node upgrades the database. If they belong to another installation, give this one a Redis of its own, or upgrade \
         that one first"
    )]
    NodesOfBefore(u64),
    /// The system has no randomness.
    #[error("no random numbers for the node's id: {0}")]
    NoRandomness(String),
}

pub(crate) fn io_error(what: impl Into<String>) -> impl FnOnce(io::Error) -> StartError {
    let what = what.into();
    move |source| StartError::Io { what, source }
}

pub(crate) fn listen_error(address: SocketAddr, setting: &'static str) -> impl FnOnce(io::Error) -> StartError {
    move |source| StartError::Listen { address, setting, source }
}

/// What to do about an address that cannot be had.
fn advice(error: ErrorKind, setting: &str) -> String {
    match error {
        ErrorKind::AddrInUse => {
            format!(
                ". Another program listens there, maybe another Stonechat: stop it, or choose another address with --{setting}"
            )
        }
        ErrorKind::AddrNotAvailable => {
            format!(
                ". This machine does not have that address: choose one of its own with --{setting}, or 0.0.0.0 for all"
            )
        }
        ErrorKind::PermissionDenied => {
            format!(
                ". Ports below 1024 are for root: choose another with --{setting}, or give the server CAP_NET_BIND_SERVICE"
            )
        }
        _ => String::new(),
    }
}
