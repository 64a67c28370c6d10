//! Net's [`Protocol`] around another one: clients that speak it natively pass through, and what clients of a dialect say and are
//! told is translated on its way.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use super::first::{First, look};
use super::speech::{Speech, Step};
use super::{Host, Rules};
use crate::net::{Allowance, CloseReason, ConnId, Cut, Flow, Link, Outbound, Protocol, Wants};

/// A session, and how it is spoken with.
pub(crate) struct Spoken<S> {
    session: S,
    /// `None`: natively.
    speech: Option<Box<Speech>>,
}

impl<S> Spoken<S> {
    /// The session, and the link that it is to see.
    fn parts<'a>(&'a mut self, link: &'a mut dyn Link) -> (&'a mut S, &'a mut dyn Link) {
        match &mut self.speech {
            None => (&mut self.session, link),
            Some(speech) => {
                speech.look_at(link);
                (&mut self.session, &mut **speech)
            }
        }
    }
}

/// A protocol that is spoken in dialects, too. One for each reactor.
pub(crate) struct Translated<P> {
    inner: P,
    rules: Arc<Rules>,
}

impl<P> Translated<P> {
    /// Around this one.
    pub(crate) fn new(inner: P, rules: Arc<Rules>) -> Self {
        Self { inner, rules }
    }
}

impl<P: Host> Translated<P> {
    /// An object of a client that speaks a dialect.
    fn object(&mut self, at: At<'_, P::Session>, object: &[u8]) -> Flow {
        let At { conn, session, speech, link, now } = at;
        if speech.is_closing() {
            return Flow::Pause;
        }
        if speech.is_full() {
            return Flow::Retry;
        }
        speech.look_at(link);
        let step = speech.hear(object, now);
        // Also if it is the logout that tells.
        self.remember(session, speech, now);
        let (line, asked, logs_out) = match step {
            Step::Nothing => return self.inner.fragment(conn, session, speech, now),
            Step::Line(line, asked) => (line, asked, false),
            Step::LogOutFirst(line, asked) => (line, asked, true),
        };
        let flow = self.inner.line(conn, session, speech, line.trim_end().as_bytes(), now);
        if flow != Flow::Retry {
            speech.was_taken(asked);
        }
        speech.pass_on(link);
        if logs_out { Flow::Retry } else { flow }
    }

    /// Has the account remember what its client has shown.
    fn remember(&mut self, session: &mut P::Session, speech: &mut Speech, now: Instant) {
        let remembered = self.inner.remembered_dialect(session);
        if let Some(spoken) = speech.spoken().filter(|spoken| remembered != Some(*spoken)) {
            self.inner.remember_dialect(session, spoken, now);
        }
        if let Some((user, dialect)) = speech.take_made() {
            self.inner.remember_dialect_of(user, dialect, now);
        }
    }
}

/// A session that is spoken with in a dialect.
struct At<'a, S> {
    conn: ConnId,
    session: &'a mut S,
    speech: &'a mut Speech,
    link: &'a mut dyn Link,
    now: Instant,
}

impl<P: Host> Protocol for Translated<P> {
    type Session = Spoken<P::Session>;
    type Message = P::Message;

    fn opened(&mut self, conn: ConnId, from: IpAddr, link: &mut dyn Link, now: Instant) -> Self::Session {
        Spoken { session: self.inner.opened(conn, from, link, now), speech: None }
    }

    fn cut(&mut self, session: &mut Self::Session, begun: &[u8]) -> Cut {
        match look(begun, &self.rules) {
            First::Native => Cut::Lines,
            First::Unclear => Cut::Unclear,
            First::Nothing(len) => Cut::Dropped(len),
            First::Dialect(tongue) => {
                self.inner.speaks_dialect(&mut session.session);
                session.speech = Some(Box::new(Speech::new(tongue, Arc::clone(&self.rules))));
                Cut::Objects
            }
        }
    }

    fn line(
        &mut self,
        conn: ConnId,
        session: &mut Self::Session,
        link: &mut dyn Link,
        line: &[u8],
        now: Instant,
    ) -> Flow {
        let Spoken { session, speech } = session;
        match speech {
            None => self.inner.line(conn, session, link, line, now),
            Some(speech) => self.object(At { conn, session, speech, link, now }, line),
        }
    }

    fn allowance(&self, session: &Self::Session) -> Allowance {
        self.inner.allowance(&session.session)
    }

    fn fragment(&mut self, conn: ConnId, session: &mut Self::Session, link: &mut dyn Link, now: Instant) -> Flow {
        let (session, link) = session.parts(link);
        self.inner.fragment(conn, session, link, now)
    }

    fn handshake(&mut self, conn: ConnId, session: &mut Self::Session, link: &mut dyn Link, now: Instant) -> Flow {
        let (session, link) = session.parts(link);
        self.inner.handshake(conn, session, link, now)
    }

    fn line_too_long(&mut self, session: &mut Self::Session, link: &mut dyn Link) {
        let (session, link) = session.parts(link);
        self.inner.line_too_long(session, link);
    }

    fn message(&mut self, message: P::Message, net: &mut dyn Outbound<Self::Session>, now: Instant) {
        let mut within = Within { net, translated: Vec::new() };
        self.inner.message(message, &mut within, now);
        within.pass_on();
    }

    fn turn_by(&self) -> Option<Instant> {
        self.inner.turn_by()
    }

    fn turn_ended(&mut self, net: &mut dyn Outbound<Self::Session>, now: Instant) {
        let mut within = Within { net, translated: Vec::new() };
        self.inner.turn_ended(&mut within, now);
        within.pass_on();
    }

    fn due(&mut self, conn: ConnId, session: &mut Self::Session, link: &mut dyn Link, now: Instant) {
        let (session, link) = session.parts(link);
        self.inner.due(conn, session, link, now);
    }

    fn after_turn(&mut self, conn: ConnId, session: &mut Self::Session, link: &mut dyn Link, now: Instant) -> Wants {
        let Spoken { session, speech } = session;
        let Some(speech) = speech else { return self.inner.after_turn(conn, session, link, now) };
        speech.look_at(link);
        if let Some((line, asked)) = speech.leave_again(now)
            && self.inner.line(conn, session, &mut **speech, line.trim_end().as_bytes(), now) != Flow::Retry
        {
            speech.was_taken(asked);
        }
        let wants = self.inner.after_turn(conn, session, &mut **speech, now);
        let remembered = self.inner.remembered_dialect(session);
        speech.translate(remembered, now);
        self.remember(session, speech, now);
        let next = speech.flow(link, now);
        Wants {
            wake_at: [wants.wake_at, next].into_iter().flatten().min(),
            reading: wants.reading && !speech.is_closing() && !speech.is_full(),
            idle: wants.idle && speech.is_idle(),
        }
    }

    fn closed(&mut self, conn: ConnId, session: Self::Session, reason: CloseReason, acknowledged: u64, now: Instant) {
        let acknowledged = match session.speech {
            None => acknowledged,
            Some(mut speech) => speech.has_acknowledged(acknowledged),
        };
        self.inner.closed(conn, session.session, reason, acknowledged, now);
    }

    fn stopping(&mut self, now: Instant) {
        self.inner.stopping(now);
    }
}

/// The connections, as the protocol within sees them.
struct Within<'a, S> {
    net: &'a mut dyn Outbound<Spoken<S>>,
    /// Those that speak a dialect, of all that were asked for.
    translated: Vec<ConnId>,
}

impl<S> Within<'_, S> {
    fn pass_on(self) {
        for conn in self.translated {
            if let Some((Spoken { speech: Some(speech), .. }, link)) = self.net.connection(conn) {
                speech.pass_on(link);
            }
        }
    }
}

impl<S> Outbound<S> for Within<'_, S> {
    fn connection(&mut self, id: ConnId) -> Option<(&mut S, &mut dyn Link)> {
        let (spoken, link) = self.net.connection(id)?;
        if let Some(speech) = &spoken.speech {
            if speech.is_closing() {
                return None;
            }
            self.translated.push(id);
        }
        Some(spoken.parts(link))
    }

    fn each(&mut self, visit: &mut dyn FnMut(ConnId, &mut S, &mut dyn Link)) {
        self.net.each(&mut |id, spoken, link| {
            if spoken.speech.as_ref().is_none_or(|speech| !speech.is_closing()) {
                let (session, link) = spoken.parts(link);
                visit(id, session, link);
            }
        });
    }
}
