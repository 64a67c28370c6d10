//! The entrance of a session whose credentials are right: registered here and on the bus, perhaps in another's place, then
//! heard, then told what it has missed.
//!
//! ```text
//!   enter the directory, subscribe ~~> ask who else is there ~~> ring, and wait until they have left ~~> Enter
//!      | AlreadyOnline                    | AlreadyOnline          ~~>  parked, holding no worker         |
//!      +--------- again, for a moment ----+                                                               v
//!                                  what is pending ~~> who is online ~~> the reply: live
//! ```
//!
//! What arrives between `Enter` and the reply is noted and read again, so nothing falls between and nothing comes twice.
//! (The reactor's mailbox keeps the order: `Enter` is posted before the backlog is read, so a message that was committed
//! after the reading is delivered to a session that hears.)
//!
//! **Nobody takes a place that is still being cleared.** The one who leaves writes its cursors before it gives its channels
//! up, and only then the next one reads them: what was confirmed before a resume is not listed again, on whatever node. A
//! node that is frozen is not waited for longer than [`TAKEOVER_TIMEOUT`].

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::account::Missed;
use super::{account, conversations, group_entry, presence};
use crate::bus::promise::Promise;
use crate::bus::{BusError, Channel, Question};
use crate::config::SessionPolicy;
use crate::delivery::bell::Ring;
use crate::delivery::directory::{Elsewhere, Entered, Entry};
use crate::delivery::epoch::Present;
use crate::ids::{GroupId, UserId};
use crate::net::ConnId;
use crate::service::ahead;
use crate::service::auth::token::{SessionToken, TokenKind, keep_token};
use crate::service::caller::Caller;
use crate::service::ctx::{Backlog, Ctx, HandlerResult, Prepared, Response, ServiceError, SessionChange, Shared};
use crate::service::waiting::{Awaited, Held, for_bus, pause};
use crate::session::live::{ClientOptions, Live, own_channels, resume_key, want_channels};
use crate::wire::errno::Errno;
use crate::wire::reply::{self, Body};
use crate::wire::request::CatchUp;

/// How long a login waits for an account that is online to go offline.
const ONLINE_GRACE: Duration = Duration::from_millis(500);
/// How soon it looks again.
const ONLINE_PAUSE: Duration = Duration::from_millis(20);
/// How long a session waits for the one whose place it takes. A node that is frozen must not lock its users out.
const TAKEOVER_TIMEOUT: Duration = Duration::from_secs(2);
/// How soon it looks again whether that has left: a commit, and a few hops.
const TAKEOVER_PAUSE: Duration = Duration::from_millis(5);
/// Friend requests that are told at login.
const FRIEND_REQUESTS_MAX: u32 = 100;
/// Invitations to groups, likewise.
const INVITATIONS_MAX: u32 = 100;

/// A login whose credentials are right.
struct AcceptedLogin {
    caller: Caller,
    /// The groups that it will hear. They are read again when it does.
    groups: Vec<GroupId>,
    token: SessionToken,
    options: ClientOptions,
    /// The epoch of the data when it began.
    epoch: Present,
    /// When the account counts as online, should it still seem to be.
    give_up_at: Instant,
}

/// Lets a session in. `groups` are all that its user was in a moment ago.
///
/// # Errors
/// Its device is online already, or the store is away.
pub(crate) fn let_in(
    ctx: &mut Ctx,
    caller: Caller,
    groups: Vec<GroupId>,
    token: SessionToken,
    options: ClientOptions,
) -> HandlerResult {
    let give_up_at = ctx.shared.clock.now() + ONLINE_GRACE;
    // Before anything is read that is told: what is of an earlier epoch is noticed when the session goes live, and until then it is told
    // under that epoch's name.
    let epoch = ctx.shared.epoch.present();
    begin(ctx, AcceptedLogin { caller, groups, token, options, epoch, give_up_at })
}

/// A place in the directory that no session has taken yet: given up when dropped.
struct Place {
    shared: Arc<Shared>,
    user: UserId,
    conn: ConnId,
    taken: bool,
}

impl Drop for Place {
    fn drop(&mut self) {
        if !self.taken {
            self.shared.directory.leave(self.user, self.conn);
            self.shared.cursor_queue.changed(self.user);
        }
    }
}

/// A session that is registered and not in yet. Dropped, it takes all of it back.
struct Candidate {
    entrance: AcceptedLogin,
    place: Place,
    /// Sessions here that had to give way.
    replaced: Vec<ConnId>,
}

impl Candidate {
    fn resumes(&self) -> bool {
        matches!(self.entrance.token.kind, TokenKind::Resumed { .. })
    }

    fn key(&self) -> u64 {
        resume_key(&self.entrance.token.hash, self.entrance.caller.device)
    }
}

/// How many other nodes have sessions like this one; `None`: that is not known at present, and nobody is locked out for it.
#[derive(Clone, Copy, Debug)]
struct Others {
    /// Of the user.
    user: u64,
    /// Of the same device.
    device: u64,
    /// Of the same device, with the same token.
    key: u64,
}

fn others(question: &Question) -> Option<Others> {
    match question.look() {
        Some(Ok(counts)) => match *counts {
            [user, device, key] => Some(Others { user, device, key }),
            _ => None,
        },
        Some(Err(error)) => {
            log::debug!("presence is unknown: {error}");
            None
        }
        None => None,
    }
}

fn begin(ctx: &mut Ctx, entrance: AcceptedLogin) -> HandlerResult {
    let Caller { conn, user, device, .. } = entrance.caller;
    let policy = ctx.config.session_policy;
    let key = resume_key(&entrance.token.hash, device);
    let entry = Entry::new(conn, device, key, entrance.caller.wants);
    let replaced = match ctx.shared.directory.enter(user, entry, policy) {
        Entered::In(replaced) => replaced,
        Entered::AlreadyOnline => return come_again(ctx, entrance),
    };
    let place = Place { shared: Arc::clone(&ctx.shared), user, conn, taken: false };
    for conn in &replaced {
        ctx.replaced(*conn);
    }
    ctx.flush();
    let mut channels = own_channels(user, device, &entrance.token.hash, policy);
    channels.extend(want_channels(entrance.caller.wants));
    channels.extend(entrance.groups.iter().map(|group| Channel::Group(*group)));
    let candidate = Candidate { entrance, place, replaced };
    ctx.subscribe(conn, channels, move |ctx, held| look_around(ctx, candidate, held))
}

/// An account that is online is asked for again for a moment: a client that has just closed its connection comes back faster
/// than the news of the close travels.
fn come_again(ctx: &Ctx, entrance: AcceptedLogin) -> HandlerResult {
    if ctx.shared.clock.now() >= entrance.give_up_at {
        return Err(ServiceError::refused(Errno::AlreadyOnline, "this account is already online"));
    }
    Err(pause(ctx, ONLINE_PAUSE, move |ctx| begin(ctx, entrance)))
}

/// Who else is there? Asked after the subscription is in effect: of two who log in at once, one at least sees the other.
fn look_around(ctx: &mut Ctx, candidate: Candidate, held: Held) -> HandlerResult {
    let Caller { user, device, .. } = candidate.entrance.caller;
    let question = if held.is_in_effect() {
        // Also where nobody gives way: sessions beside it are told what this one reads.
        ctx.shared.bus.ask(&[Channel::User(user), Channel::Device(user, device), Channel::Token(candidate.key())])
    } else {
        // Whether this node is counted itself is not known either.
        Promise::kept(Err(BusError::Away("no subscription in time".into())))
    };
    for_bus(ctx, Awaited::Answered(question.clone()), move |ctx| decide(ctx, candidate, held, others(&question)))
}

fn decide(ctx: &mut Ctx, candidate: Candidate, held: Held, others: Option<Others>) -> HandlerResult {
    let Caller { user, device, .. } = candidate.entrance.caller;
    let policy = ctx.config.session_policy;
    let resumed = candidate.resumes() && others.is_none_or(|others| others.key > 0);
    if policy == SessionPolicy::Reject && !resumed && others.is_some_and(|others| others.device > 0) {
        let Candidate { entrance, .. } = candidate;
        drop(held);
        return come_again(ctx, entrance);
    }
    if others.is_some_and(|others| others.user > 0) {
        // Whoever wants to know believes the user to be online.
        ctx.shared.directory.shows(user);
    }
    let mut rival = None;
    if policy == SessionPolicy::Replace && others.is_none_or(|others| others.device > 0) {
        ctx.ring(Channel::User(user), Ring::Replaced(device));
        rival = Some(Channel::Device(user, device));
    } else if resumed {
        ctx.ring(Channel::User(user), Ring::Resumed(candidate.key()));
        rival = Some(Channel::Token(candidate.key()));
    }
    ctx.flush();
    let until = ctx.shared.clock.now() + TAKEOVER_TIMEOUT;
    let elsewhere = elsewhere(others.map(|others| others.user));
    let rival = rival.filter(|_| others.is_some());
    make_room(ctx, Vacancy { candidate, held, rival, until, elsewhere })
}

fn elsewhere(sessions: Option<u64>) -> Elsewhere {
    if sessions == Some(0) { Elsewhere::No } else { Elsewhere::Perhaps }
}

/// A candidate whose place may not be free yet.
struct Vacancy {
    candidate: Candidate,
    held: Held,
    /// What sessions on other nodes give up when they have left.
    rival: Option<Channel>,
    /// It goes in at this time, whoever has not left.
    until: Instant,
    elsewhere: Elsewhere,
}

/// Waits until those have left that had to give way: here, and on other nodes.
fn make_room(ctx: &mut Ctx, mut vacancy: Vacancy) -> HandlerResult {
    let Caller { user, .. } = vacancy.candidate.entrance.caller;
    if ctx.shared.clock.now() >= vacancy.until {
        log::debug!("user {user} goes in before an earlier session has left");
        return enter(ctx, vacancy);
    }
    if ctx.shared.directory.is_leaving(user, &vacancy.candidate.replaced) {
        return Err(pause(ctx, TAKEOVER_PAUSE, move |ctx| make_room(ctx, vacancy)));
    }
    let Some(rival) = vacancy.rival else { return enter(ctx, vacancy) };
    let question = ctx.shared.bus.ask(&[rival, Channel::User(user)]);
    for_bus(ctx, Awaited::Answered(question.clone()), move |ctx| {
        let counts = question.look().and_then(Result::ok);
        match counts.as_deref() {
            Some([left, _]) if *left > 0 => return Err(pause(ctx, TAKEOVER_PAUSE, move |ctx| make_room(ctx, vacancy))),
            Some([_, sessions]) => vacancy.elsewhere = elsewhere(Some(*sessions)),
            _ => {}
        }
        enter(ctx, vacancy)
    })
}

fn enter(ctx: &mut Ctx, vacancy: Vacancy) -> HandlerResult {
    let Vacancy { candidate, held, elsewhere, .. } = vacancy;
    let Candidate { entrance, mut place, .. } = candidate;
    let AcceptedLogin { caller, groups, token, options, epoch, .. } = entrance;
    let Caller { conn, user, .. } = caller;
    if !ctx.shared.directory.holds(user, conn) {
        return Err(ServiceError::refused(Errno::AlreadyOnline, "a newer login of this account took over"));
    }
    // That there is nobody is not noted: a session that has come meanwhile may have said so already.
    if elsewhere == Elsewhere::Perhaps {
        ctx.shared.directory.note_elsewhere(user);
        ctx.ring(Channel::User(user), Ring::Beside);
    }
    let catch_up = options.catch_up;
    let live = Live::new(caller.clone(), options, groups.clone(), epoch.generation);
    ctx.shared.sessions.enter(conn, Box::new(live));
    // From here on the reactor takes back what was registered, if anything fails.
    place.taken = true;
    held.hand_over();
    keep_token(ctx, &caller, &token)?;
    let entrant = Entrant { caller, token, catch_up, epoch: epoch.text };
    if !ctx.is_crowded {
        return tell(ctx, entrant, &groups);
    }
    // Others are likely to ask the same in a moment.
    let listed = (catch_up == CatchUp::Messages).then(|| account::listed(&entrant.caller));
    let question = ahead::Question::Account { user, device: entrant.caller.device, listed };
    let rest = Prepared::new(move |ctx| tell(ctx, entrant, &groups));
    Err(ServiceError::Together(rest.asking(Some(question))))
}

/// A session that hears, and waits for the reply to its login.
struct Entrant {
    caller: Caller,
    token: SessionToken,
    catch_up: CatchUp,
    epoch: Arc<str>,
}

/// Reads what the session has missed, and who of its friends and fellow members is online.
///
/// `heard` are the groups whose channels the session subscribed to. They were read before that was in effect: a membership
/// that has come or gone meanwhile shows now, and has the session compared. All of it is one statement, and one or two for what is
/// pending, where something is; and where many log in at once, that is for several of them (`logins`).
fn tell(ctx: &mut Ctx, entered: Entrant, heard: &[GroupId]) -> HandlerResult {
    let Entrant { caller, token, catch_up, epoch } = entered;
    let mut found = account::read(ctx, &caller)?;
    let page = match catch_up {
        CatchUp::Messages => {
            found.show_oldest(ctx, &caller)?;
            None
        }
        CatchUp::List => Some(conversations::first_page(ctx, &caller, &mut found.missed.pending)?),
    };
    if found.group_ids() != heard {
        ctx.shared.sessions.compare(caller.conn);
    }
    // It was read with the session hearing: what is asked from then on is told to it.
    let requests = if found.is_asked() { requests(ctx, caller.user)? } else { Vec::new() };
    let mut people = found.people();
    people.open.extend(page.iter().flat_map(|page| conversations::people(page, caller.user)));
    presence::seen_by(ctx, caller.user, people, move |ctx, online| {
        ctx.shared.metrics.logins.inc();
        let (lists, Missed { pending, shown, own }) = found.told(&caller, online);
        let backlog = Backlog { pending, shown, own, requests };
        // `epoch` is that in which the lists were read, or an earlier one.
        let reply = lists.with_login(&token.text, &epoch);
        let body = match page {
            Some(page) => Body::of(&reply.with_list(conversations::listed(page, caller.user, online))),
            None => Body::of(&reply),
        };
        Ok(Response { body, then: SessionChange::GoLive(Box::new(backlog)) })
    })
}

/// What waits for the user's answer, as pushes.
fn requests(ctx: &mut Ctx, user: UserId) -> Result<Vec<Bytes>, ServiceError> {
    let asked = ctx.store.friend_requests(user, FRIEND_REQUESTS_MAX)?;
    let mut requests: Vec<Bytes> =
        asked.iter().map(|ask| reply::friend_request(ask.from.id, &ask.from.name, &ask.msg)).collect();
    requests.extend(group_entry::invitations(ctx, user, INVITATIONS_MAX)?);
    if requests.is_empty()
        && let Err(error) = ctx.store.settle_asked(user)
    {
        // The next login looks again.
        log::debug!("it is not noted that nobody waits for an answer of user {user}: {error}");
    }
    Ok(requests)
}
