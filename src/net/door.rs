//! By what a peer comes in, as it is kept beside its socket. What a connection has shown itself to be, it is for good.

use std::time::{Duration, Instant};

use super::objects::Objects;
use super::websocket::Decoder;

/// How long a TLS handshake may take.
pub(super) const HANDSHAKE_TIME: Duration = Duration::from_secs(10);
/// How long a request's head may take.
const HEAD_TIME: Duration = Duration::from_secs(5);
/// How long an object may take, where nothing else ends it: a client sends it with one call, so it comes within milliseconds.
const OBJECT_TIME: Duration = Duration::from_secs(5);
/// An unfinished object so old gives way to what looks like the beginning of another one.
const STALE_TIME: Duration = Duration::from_secs(1);
/// How the objects of those clients begin whose objects have no end of their own.
const BEGINNING: &[u8] = b"{\"";

/// By what a peer has come.
#[derive(Debug)]
pub(super) enum Door {
    /// What has come of the PROXY header; or, behind that, of what shows the door.
    Unknown(Vec<u8>),
    /// Lines or objects: what has come does not tell yet.
    Begun(Box<Begun>),
    Lines,
    Objects(Box<Stream>),
    Http(Box<Http>),
    WebSocket(Box<Decoder>),
}

/// What has come of a first object.
#[derive(Debug)]
pub(super) struct Begun {
    pub(super) bytes: Vec<u8>,
    /// When that began to come.
    pub(super) since: Instant,
}

/// What is kept of a peer whose objects have no end of their own.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) objects: Objects,
    /// When something came last.
    heard_at: Instant,
}

impl Begun {
    /// More has come: what was left unfinished long ago gives way to it if it begins something of its own.
    pub(super) fn hears(&mut self, chunk: &[u8], now: Instant) {
        if chunk.starts_with(BEGINNING) && now >= self.since + STALE_TIME {
            self.bytes.clear();
        }
        if self.bytes.is_empty() {
            self.since = now;
        }
        self.bytes.extend_from_slice(chunk);
    }
}

impl Stream {
    /// Nothing has come yet.
    pub(super) fn new(now: Instant) -> Self {
        Self { objects: Objects::default(), heard_at: now }
    }

    /// Bytes are about to be fed: what was left unfinished long ago gives way to them if they begin something of their own.
    pub(super) fn hears(&mut self, chunk: &[u8], now: Instant) {
        if chunk.starts_with(BEGINNING) && now >= self.heard_at + STALE_TIME {
            self.objects.drop_half();
        }
        self.heard_at = now;
    }
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
            Self::Begun(begun) if !begun.bytes.is_empty() => Some(begun.since + OBJECT_TIME),
            Self::Objects(stream) if stream.objects.has_half() => Some(stream.heard_at + OBJECT_TIME),
            Self::Unknown(_) | Self::Begun(_) | Self::Lines | Self::Objects(_) | Self::Http(_) | Self::WebSocket(_) => {
                None
            }
        }
    }
}
