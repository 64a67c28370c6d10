//! Who is on a connection, and what it may do next: a state machine without I/O.
//!
//! ```text
//!   Visitor --LOGIN--> (waits for a worker) --accepted--> Entering --backlog read--> Live --LOGOUT--> Visitor
//!      ^                                        |refused      |failed
//!      +----------------------------------------+-------------+
//! ```

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::live::Live;
use super::tcp_acks::TICK;
use crate::config::Limits;
use crate::net::{Link, Wants};
use crate::service::limits::address::AddressKey;
use crate::service::limits::budgets::{Budgets, Payer, Weight};
use crate::service::limits::rates::Wait;
use crate::workers::job::Job;

/// Malformed lines in a row that close the connection.
pub(crate) const MALFORMED_MAX: u8 = 10;
/// U+FEFF in UTF-8.
const UTF8_MARK: &[u8] = b"\xef\xbb\xbf";
/// Notices kept during a login, which takes some milliseconds.
const EARLY_NOTICES_MAX: usize = 64;
/// How long a line waits before it is offered again to a lane that was full.
pub(crate) const LANE_FULL_PAUSE: Duration = Duration::from_millis(2);

/// One connection's state. Owned by its reactor.
pub struct Session {
    /// The client's address, as limits count it.
    pub from: AddressKey,
    /// Who is on it.
    pub state: State,
    /// Chat messages that are not answered yet.
    pub inflight: usize,
    /// A worker has a request of this connection: no other is taken up.
    pub at_worker: bool,
    /// Why reading is paused, besides `at_worker`.
    pub hold: PauseReason,
    malformed_in_a_row: u8,
    /// A line has been taken.
    has_begun: bool,
    /// The rest of a request that waits: it goes on at a worker when it is told to, or at this time.
    parked: Option<Box<(Instant, Job)>>,
    /// Since when a login is waited for; `None` while somebody is logged in.
    waits_since: Option<Instant>,
    patience: Patience,
    /// The next line is paid for, and may be taken up from then on.
    paid: Option<Instant>,
    /// The first login by token costs nothing, and again the first one after a login.
    token_login: TokenLogin,
}

/// How long one waits for somebody to log in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Patience {
    /// For `limits.silent_seconds`: nothing has come yet.
    Silent,
    /// For as long, after each request: a client of an earlier system, whose user stands at its menu.
    Menu,
    /// For `limits.login_seconds`.
    Login,
}

/// What the next login by token costs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum TokenLogin {
    /// Nothing.
    Free,
    /// A line of the address's budget.
    Costs,
}

/// Who is on a connection.
pub enum State {
    /// Nobody.
    Guest,
    /// A login was accepted, its backlog is being read.
    Entering(Box<Live>),
    /// A user.
    Live(Box<Live>),
}

/// Why a line was not taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PauseReason {
    /// It was.
    No,
    /// Too many chat messages are in flight.
    UntilRoom,
    /// A request that is not a chat message waits until all of them are answered.
    UntilIdle,
    /// Its budget is spent, or its lane was full.
    Until(Instant),
}

impl Session {
    /// A connection nobody is logged in on. `may_be_silent`: it has a place among those who may.
    #[must_use]
    pub fn new(from: AddressKey, may_be_silent: bool, now: Instant) -> Self {
        Self {
            from,
            state: State::Guest,
            inflight: 0,
            at_worker: false,
            hold: PauseReason::No,
            malformed_in_a_row: 0,
            has_begun: false,
            parked: None,
            waits_since: Some(now),
            patience: if may_be_silent { Patience::Silent } else { Patience::Login },
            paid: None,
            token_login: TokenLogin::Free,
        }
    }

    /// The session that is live; `None` while nobody is logged in, or the login is not complete.
    pub fn live(&mut self) -> Option<&mut Live> {
        match &mut self.state {
            State::Live(live) => Some(live),
            State::Guest | State::Entering(_) => None,
        }
    }

    /// Whether somebody is logged in, and the login is complete.
    #[must_use]
    pub(crate) fn is_live(&self) -> bool {
        matches!(self.state, State::Live(_))
    }

    /// The session that hears what comes: live, or about to be.
    pub(crate) fn hearing(&mut self) -> Option<&mut Live> {
        match &mut self.state {
            State::Live(live) | State::Entering(live) => Some(live),
            State::Guest => None,
        }
    }

    /// Sends a notice to a logged-in session; during its login it waits for the reply. Nobody else is told, nor a reader that
    /// has no room: the lists are the truth. (A line is empty that was too long for a bell.) Whether it was told.
    pub fn tell(&mut self, link: &mut dyn Link, line: Bytes) -> bool {
        if line.is_empty() {
            return false;
        }
        match &mut self.state {
            State::Live(_) if link.has_room(line.len()) => link.send(line),
            State::Entering(live) if live.early.len() < EARLY_NOTICES_MAX => live.early.push(line),
            State::Live(_) | State::Entering(_) | State::Guest => return false,
        }
        true
    }

    /// A login was accepted.
    pub fn enter(&mut self, live: Box<Live>) {
        self.state = State::Entering(live);
    }

    /// The login is complete: no deadline any more.
    pub(crate) fn go_live(&mut self) -> Option<&mut Live> {
        let State::Entering(live) = std::mem::replace(&mut self.state, State::Guest) else { return None };
        self.state = State::Live(live);
        self.waits_since = None;
        self.token_login = TokenLogin::Free;
        self.live()
    }

    /// Nobody is logged in any more. Returns the session that was.
    pub fn leave(&mut self, now: Instant) -> Option<Box<Live>> {
        self.waits_since = Some(now);
        match std::mem::replace(&mut self.state, State::Guest) {
            State::Live(live) | State::Entering(live) => Some(live),
            State::Guest => None,
        }
    }

    /// The line without the mark of UTF-8 (a BOM) that some tools write ahead of a stream's first line, and only there.
    #[must_use]
    pub(crate) fn without_mark<'l>(&self, line: &'l [u8]) -> &'l [u8] {
        if self.has_begun { line } else { line.strip_prefix(UTF8_MARK).unwrap_or(line) }
    }

    /// Something has come: the time for a login begins anew for who was silent so far, and for who stands at a menu. Whether it had a
    /// place among the silent ones, which it gives up.
    pub(crate) fn breaks_silence(&mut self, now: Instant) -> bool {
        let was_silent = self.patience == Patience::Silent;
        if was_silent {
            self.patience = Patience::Login;
        }
        if matches!(self.state, State::Guest) && (was_silent || self.patience == Patience::Menu) {
            self.waits_since = Some(now);
        }
        was_silent
    }

    /// It is a client of an earlier system, with a place among the silent ones: it has their time.
    pub(crate) fn stands_at_menu(&mut self) {
        self.patience = Patience::Menu;
    }

    /// Whether it has a place among the silent ones.
    #[must_use]
    pub(crate) fn is_silent(&self) -> bool {
        self.patience != Patience::Login
    }

    /// Since when it uses a place among the silent ones; `None`: it has none, somebody is logged in, or a request is under way.
    #[must_use]
    pub(crate) fn silent_since(&self) -> Option<Instant> {
        self.waits_since.filter(|_| self.is_silent() && !self.at_worker)
    }

    /// When it is shown the door. A request under way outlives that: the worker's answer decides.
    fn login_deadline(&self, limits: &Limits) -> Option<Instant> {
        let within = if self.is_silent() { limits.silent } else { limits.login };
        Some(self.waits_since.filter(|_| !self.at_worker)? + within?)
    }

    /// A line was taken.
    pub(crate) fn took_line(&mut self) {
        self.has_begun = true;
    }

    /// A malformed line; whether it was one too many.
    pub fn malformed(&mut self) -> bool {
        self.malformed_in_a_row += 1;
        self.malformed_in_a_row >= MALFORMED_MAX
    }

    /// A line that is a request.
    pub(crate) fn well_formed(&mut self) {
        self.malformed_in_a_row = 0;
    }

    /// Whose budget pays for its lines.
    #[must_use]
    pub(crate) fn payer(&self) -> Payer {
        match &self.state {
            State::Live(live) => Payer::Account(live.user),
            State::Guest | State::Entering(_) => Payer::Address(self.from),
        }
    }

    /// Pays for the next line, unless that was done when it was offered before.
    ///
    /// # Errors
    /// The time at which to offer it again.
    pub(crate) fn pay(&mut self, budgets: &Budgets, payer: Payer, weight: Weight, now: Instant) -> Result<(), Instant> {
        match self.paid {
            Some(at) if at > now => return Err(at),
            Some(_) => return Ok(()),
            None => {}
        }
        match budgets.take(payer, weight, now) {
            Ok(()) => {
                self.paid = Some(now);
                Ok(())
            }
            Err(Wait::Reserved(at)) => {
                self.paid = Some(at);
                Err(at)
            }
            Err(Wait::Full(at)) => Err(at),
        }
    }

    /// The next line is a login that costs nothing, if there is one left.
    pub(crate) fn take_free_login(&mut self, now: Instant) {
        if std::mem::replace(&mut self.token_login, TokenLogin::Costs) == TokenLogin::Free {
            self.paid = Some(now);
        }
    }

    /// The line was taken: the next one has to be paid for.
    pub(crate) fn line_taken(&mut self) {
        self.paid = None;
    }

    /// A chat message was answered: a line that was held back for it is offered again.
    pub fn answered(&mut self, inflight_max: usize) {
        self.inflight = self.inflight.saturating_sub(1);
        let released = match self.hold {
            PauseReason::UntilIdle => self.inflight == 0,
            // Half, so that a full pipeline is not woken for each single answer.
            PauseReason::UntilRoom => self.inflight <= inflight_max / 2,
            PauseReason::No | PauseReason::Until(_) => false,
        };
        if released {
            self.hold = PauseReason::No;
        }
    }

    /// A request is handed to a worker.
    pub(crate) fn asks(&mut self) {
        self.at_worker = true;
        if let Some(live) = self.live() {
            live.changes_when_asked = live.group_changes;
        }
    }

    /// A worker could not answer yet: the job goes on when it is told to, and at `until` in any case.
    pub(crate) fn park(&mut self, job: Job, until: Instant) {
        self.parked = Some(Box::new((until, job)));
    }

    /// The job that waits, whose time has come.
    pub(crate) fn take_parked(&mut self) -> Option<Job> {
        self.parked.take().map(|parked| parked.1)
    }

    /// The job that has waited until its time.
    pub(crate) fn take_due_job(&mut self, now: Instant) -> Option<Job> {
        let due = self.parked.take_if(|parked| parked.0 <= now)?;
        Some(due.1)
    }

    /// Whether nothing of this connection is under way.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.inflight == 0 && !self.at_worker
    }

    /// From now on a tick comes in a moment, if something waits for one; otherwise none does.
    pub(crate) fn arm_tick(&mut self, now: Instant) {
        if let Some(live) = self.live() {
            live.tick_at = if live.wants_tick() { live.tick_at.or(Some(now + TICK)) } else { None };
        }
    }

    /// What it wants of its connection, as it stands.
    #[must_use]
    pub fn wants(&self, limits: &Limits) -> Wants {
        let held = match self.hold {
            PauseReason::Until(at) => Some(at),
            PauseReason::No | PauseReason::UntilRoom | PauseReason::UntilIdle => None,
        };
        let parked = self.parked.as_ref().map(|parked| parked.0);
        let login = self.login_deadline(limits);
        let tick = match &self.state {
            State::Live(live) => live.tick_at,
            State::Guest | State::Entering(_) => None,
        };
        Wants {
            wake_at: [held, parked, login, tick].into_iter().flatten().min(),
            reading: !self.at_worker && self.hold == PauseReason::No,
            idle: self.is_idle(),
        }
    }

    /// The time asked for has come: what is due?
    pub fn due(&mut self, limits: &Limits, now: Instant) -> Due {
        let login_expired = self.login_deadline(limits).is_some_and(|at| at <= now);
        if login_expired && matches!(self.state, State::Guest) {
            return Due::LoginTimeout;
        }
        if matches!(self.hold, PauseReason::Until(at) if at <= now) {
            self.hold = PauseReason::No;
        }
        let tick = self.live().is_some_and(|live| {
            let due = live.tick_at.is_some_and(|at| at <= now);
            if due {
                live.tick_at = None;
            }
            due
        });
        Due::Work { tick }
    }
}

/// What [`Session::due`] found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Due {
    /// Nobody logged in within the time allowed.
    LoginTimeout,
    /// The parts that are due.
    Work {
        /// Ask what TCP has delivered, and close gaps.
        tick: bool,
    },
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a start for the clock that the tests move")]
mod tests {
    use super::*;
    use crate::config::Quotas;
    use crate::ids::{ConvId, DeviceId, GroupId, UserId};
    use crate::net::ConnId;
    use crate::service::caller::Caller;
    use crate::session::live::ClientOptions;
    use crate::session::seq_tracker::OwnMessages;
    use crate::wants::Wants;
    use crate::wire::request::CatchUp;

    const LOGIN: Duration = Duration::from_secs(30);
    const SILENT: Duration = Duration::from_secs(600);

    fn limits() -> Limits {
        Limits { login: Some(LOGIN), silent: Some(SILENT), ..Limits::default() }
    }

    fn guest(now: Instant) -> Session {
        Session::new(AddressKey::of([127, 0, 0, 1].into()), false, now)
    }

    fn live(now: Instant) -> Session {
        let conn = ConnId { reactor: 0, slot: 0, generation: 0 };
        let user = UserId::new(1).unwrap();
        let caller = Caller {
            conn,
            user,
            name: "a".into(),
            device: DeviceId::UNNAMED,
            from: AddressKey::of([127, 0, 0, 1].into()),
            token: [0; 32],
            wants: Wants::default(),
        };
        let options =
            ClientOptions { confirms: false, own: OwnMessages::None, catch_up: CatchUp::Messages, dialect: None };
        let mut session = guest(now);
        session.enter(Box::new(Live::new(caller, options, vec![], 0)));
        assert!(session.live().is_none(), "not before the backlog is read");
        assert!(session.hearing().is_some());
        session.go_live().unwrap();
        session
    }

    fn wake_at(session: &mut Session, now: Instant) -> Option<Instant> {
        session.arm_tick(now);
        session.wants(&limits()).wake_at
    }

    #[test]
    fn who_does_not_log_in_is_shown_the_door() {
        let now = Instant::now();
        let mut session = guest(now);
        assert_eq!(wake_at(&mut session, now), Some(now + LOGIN));
        assert_eq!(session.due(&limits(), now + LOGIN), Due::LoginTimeout);
        let mut session = guest(now);
        session.at_worker = true;
        assert_eq!(wake_at(&mut session, now), None, "a login under way is waited for");
        let mut session = live(now);
        assert_eq!(wake_at(&mut session, now), None);
        assert_eq!(session.due(&limits(), now + LOGIN), Due::Work { tick: false });
    }

    #[test]
    fn the_silent_have_more_time_until_they_say_something() {
        let (now, second) = (Instant::now(), Duration::from_secs(1));
        let guest = || Session::new(AddressKey::of([127, 0, 0, 1].into()), true, now);
        let mut session = guest();
        assert_eq!(session.silent_since(), Some(now));
        assert_eq!(wake_at(&mut session, now), Some(now + SILENT));
        assert!(session.breaks_silence(now + second) && !session.is_silent());
        assert_eq!(session.silent_since(), None);
        assert_eq!(wake_at(&mut session, now), Some(now + second + LOGIN));
        assert!(!session.breaks_silence(now + 2 * second), "once");
        assert_eq!(wake_at(&mut session, now), Some(now + second + LOGIN));
        let mut session = guest();
        session.stands_at_menu();
        assert!(!session.breaks_silence(now + second) && session.is_silent());
        assert_eq!(session.silent_since(), Some(now + second));
        assert_eq!(wake_at(&mut session, now), Some(now + second + SILENT));
        session.at_worker = true;
        assert_eq!((session.silent_since(), wake_at(&mut session, now)), (None, None), "its request is under way");
    }

    #[test]
    fn the_mark_of_utf_8_belongs_to_the_first_line() {
        let mut session = guest(Instant::now());
        for _ in 0..2 {
            // The line may be offered again.
            assert_eq!(session.without_mark(b"\xef\xbb\xbf{}"), b"{}");
        }
        session.took_line();
        assert_eq!(session.without_mark(b"\xef\xbb\xbf{}"), b"\xef\xbb\xbf{}");
    }

    #[test]
    fn ten_malformed_lines_in_a_row_are_too_many() {
        let mut session = guest(Instant::now());
        assert!((0..9).all(|_| !session.malformed()));
        session.well_formed();
        assert!((0..9).all(|_| !session.malformed()));
        assert!(session.malformed());
    }

    fn budgets() -> Budgets {
        Budgets::new(&Limits { messages_per_second: Some(10), ..Limits::default() }, &Quotas::default())
    }

    /// Offers lines until one has to wait: how many were taken, and until when the next one waits.
    fn send(session: &mut Session, budgets: &Budgets, now: Instant) -> (usize, Instant) {
        for taken in 0..1000 {
            let payer = session.payer();
            if let Err(at) = session.pay(budgets, payer, Weight::LINE, now) {
                return (taken, at);
            }
            session.line_taken();
        }
        panic!("a thousand lines and no pace");
    }

    #[test]
    fn a_line_is_paid_for_once_however_often_it_is_offered() {
        let (now, budgets) = (Instant::now(), budgets());
        let mut session = live(now);
        let (taken, at) = send(&mut session, &budgets, now);
        assert_eq!((taken, at), (50, now + Duration::from_millis(100)));
        let payer = session.payer();
        for _ in 0..10 {
            assert_eq!(session.pay(&budgets, payer, Weight::LINE, now), Err(at), "not before its time");
        }
        // A full lane: the line is not taken, and offered again and again.
        (0..10).for_each(|_| assert_eq!(session.pay(&budgets, payer, Weight::LINE, at), Ok(())));
        session.line_taken();
        assert_eq!(session.pay(&budgets, payer, Weight::LINE, at), Err(at + Duration::from_millis(100)));
    }

    #[test]
    fn another_session_of_the_account_has_no_budget_of_its_own() {
        let (now, budgets) = (Instant::now(), budgets());
        assert_eq!(send(&mut live(now), &budgets, now).0, 50);
        assert_eq!(send(&mut live(now), &budgets, now).0, 0, "nor does a new connection");
        assert_eq!(send(&mut guest(now), &budgets, now).0, 50, "who is not logged in pays out of the address's");
        assert_eq!(send(&mut guest(now), &budgets, now).0, 0);
    }

    #[test]
    fn one_login_by_token_is_free_until_it_succeeds() {
        let (now, budgets) = (Instant::now(), budgets());
        let mut session = guest(now);
        send(&mut session, &budgets, now);
        session.line_taken();
        session.take_free_login(now);
        let payer = session.payer();
        assert_eq!(session.pay(&budgets, payer, Weight::LINE, now), Ok(()));
        session.line_taken();
        session.take_free_login(now);
        assert!(session.pay(&budgets, payer, Weight::LINE, now).is_err(), "the second one waits");
    }

    #[test]
    fn reading_goes_on_when_there_is_room() {
        let mut session = live(Instant::now());
        let answered = |session: &mut Session| {
            session.answered(4);
            session.wants(&limits()).reading
        };
        session.inflight = 4;
        session.hold = PauseReason::UntilRoom;
        assert!(!answered(&mut session));
        assert!(answered(&mut session), "half is free");
        session.hold = PauseReason::UntilIdle;
        assert!(!answered(&mut session));
        assert!(answered(&mut session));
    }

    #[test]
    fn ticks_come_only_while_something_waits() {
        let now = Instant::now();
        let mut session = live(now);
        assert_eq!(wake_at(&mut session, now), None);
        let conv = ConvId::group(GroupId::new(1).unwrap());
        session.live().unwrap().pushed(conv, 1, 10);
        assert_eq!(wake_at(&mut session, now), Some(now + TICK));
        assert_eq!(session.due(&limits(), now + TICK), Due::Work { tick: true });
        assert_eq!(wake_at(&mut session, now + TICK), Some(now + 2 * TICK));
    }
}
