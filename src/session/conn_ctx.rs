//! What a call about one connection works with, borrowed from the reactor for as long as the call takes.

use std::time::Instant;

use bytes::Bytes;

use super::live::Live;
use super::state::Session;
use crate::net::{ConnId, Link, Outbound};

/// The reactor's connections.
pub(crate) type Net<'a> = &'a mut dyn Outbound<Session>;

/// One connection and the session on it.
pub(crate) struct ConnCtx<'a> {
    /// Its name.
    pub(crate) conn: ConnId,
    /// Who is on it.
    pub(crate) session: &'a mut Session,
    /// What is sent goes here.
    pub(crate) link: &'a mut dyn Link,
    /// The time of this turn.
    pub(crate) now: Instant,
}

/// One connection that somebody is logged in on.
pub(crate) struct LiveCtx<'a> {
    /// Its name.
    pub(crate) conn: ConnId,
    /// The logged-in session.
    pub(crate) live: &'a mut Live,
    /// What is sent goes here.
    pub(crate) link: &'a mut dyn Link,
    /// The time of this turn.
    pub(crate) now: Instant,
}

impl<'a> ConnCtx<'a> {
    /// What net found of a connection.
    pub(crate) fn new(conn: ConnId, (session, link): (&'a mut Session, &'a mut dyn Link), now: Instant) -> Self {
        Self { conn, session, link, now }
    }

    /// The session that is live; `None` while nobody is logged in, or the login is not complete.
    pub(crate) fn live(&mut self) -> Option<LiveCtx<'_>> {
        let Self { conn, ref mut session, ref mut link, now } = *self;
        Some(LiveCtx { conn, live: session.live()?, link: &mut **link, now })
    }

    /// The session that hears what comes: live, or about to be.
    pub(crate) fn hearing(&mut self) -> Option<LiveCtx<'_>> {
        let Self { conn, ref mut session, ref mut link, now } = *self;
        Some(LiveCtx { conn, live: session.hearing()?, link: &mut **link, now })
    }

    /// Sends a notice to a logged-in session, if there is room; see [`Session::tell`].
    pub(crate) fn tell(&mut self, line: Bytes) -> bool {
        self.session.tell(self.link, line)
    }
}
