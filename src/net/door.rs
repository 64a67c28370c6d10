//! By what a peer comes in, as it is kept beside its socket. What a connection has shown itself to be, it is for good.

use std::time::{Duration, Instant};

use super::websocket::Decoder;

/// How long a TLS handshake may take.
pub(super) const HANDSHAKE_TIME: Duration = Duration::from_secs(10);
/// How long a request's head may take.
const HEAD_TIME: Duration = Duration::from_secs(5);

/// By what a peer has come.
#[derive(Debug)]
pub(super) enum Door {
    /// What has come of the PROXY header; or, behind that, of what shows the door.
    Unknown(Vec<u8>),
    Lines,
    Http(Box<Http>),
    WebSocket(Box<Decoder>),
}

/// What is kept of a peer that speaks HTTP.
#[derive(Debug)]
pub(super) struct Http {
    /// What has come of the next request.
    pub(super) head: Vec<u8>,
    /// When that began to come.
    pub(super) since: Instant,
}

impl Door {
    /// When it is to be looked at, whatever comes.
    pub(super) fn look_at(&self) -> Option<Instant> {
        match self {
            Self::Http(http) if !http.head.is_empty() => Some(http.since + HEAD_TIME),
            Self::Unknown(_) | Self::Lines | Self::Http(_) | Self::WebSocket(_) => None,
        }
    }
}
