//! Threads for what blocks: business functions that need the store, and password hashing, which needs none.
//!
//! A connection has at most one request at a worker and one fetch under way, so one connection's requests keep their
//! order, and the queues are bounded by the number of connections without a bound of their own.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::hashing::Hashing;
use super::job::{Asked, GroupQuestion, HashJob, Job, SessionQuestions, TypingNews, TypingPlace};
use super::questions;
use super::queue::{JobQueue, Taken, Together};
use crate::clock::Clock;
use crate::config::PasswordCost;
use crate::ids::{Peer, UserId};
use crate::metrics::{Metrics, Refusal};
use crate::net::ConnId;
use crate::service::ahead::TOGETHER_MAX;
use crate::service::auth::password::Hasher;
use crate::service::ctx::{Ctx, HandlerResult, NotYet, Purpose, ServiceError, SessionChange};
use crate::service::handlers::logins;
use crate::session::message::{Compared, Followed, ReactorMailboxes, ReactorMessage};
use crate::slow;
use crate::store::OpenStore;
use crate::wire::errno::Errno;
use crate::wire::msg_id::MsgId;
use crate::wire::reply::{self, RawEcho};

/// How far the workers step back for reactors and lanes while there is more to do than processors: a nice value, as in
/// setpriority(2). What somebody has missed, and who logs in, must not hold up those who talk.
const WORKER_NICE: i32 = 5;
/// The same for the threads that hash passwords, each of which takes a processor for some 20 ms.
const AUTH_NICE: i32 = 10;
/// Users who have an account already come first.
const REGISTER_NICE: i32 = 15;
/// One thread for registrations to so many for logins.
const REGISTRATION_PART: usize = 4;

/// A job and when it was queued.
type Queued = (Instant, Job);

/// The entrances to the workers. Reactors hold clones; the threads end when the last one is dropped.
#[derive(Clone)]
pub struct Workers {
    entrance: Arc<CloseOnDrop>,
    /// Of those that may be left out so many wait.
    typing: Arc<AtomicUsize>,
}

/// Closes the queues when the last one who could submit is gone: nobody is left whom an answer could reach.
struct CloseOnDrop(Queues);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.worker.close();
        self.0.hashing.close();
    }
}

/// The workers' queues before their threads run: jobs may be submitted already.
#[derive(Clone)]
pub struct Queues {
    worker: Arc<JobQueue<Queued>>,
    hashing: Arc<Hashing>,
    mailboxes: Arc<ReactorMailboxes>,
    metrics: Arc<Metrics>,
}

/// The workers' entrances and queues. What comes of the jobs goes to `mailboxes`.
#[must_use]
pub fn queues(metrics: Arc<Metrics>, mailboxes: Arc<ReactorMailboxes>) -> (Workers, Queues) {
    let together = Together { most: TOGETHER_MAX, may: |(_, job): &Queued| job.question().is_some() };
    let (worker, hashing) = (Arc::new(JobQueue::new(together)), Arc::default());
    let queues = Queues { worker, hashing, mailboxes, metrics };
    (Workers { entrance: Arc::new(CloseOnDrop(queues.clone())), typing: Arc::default() }, queues)
}

impl Workers {
    /// Queues a job at the time `now`. Never blocks.
    pub(crate) fn submit(&self, job: Job, now: Instant) {
        self.entrance.0.push(job, now);
    }

    /// Has it told that somebody is typing, unless there is too much to do for that.
    pub(crate) fn tell_typing(&self, user: UserId, name: &Arc<str>, to: Peer, now: Instant) {
        if let Some(place) = TypingPlace::take(&self.typing) {
            self.submit(Job::Typing(TypingNews { user, name: Arc::clone(name), to, _place: place }), now);
        }
    }
}

/// Starts a worker for each context.
///
/// # Errors
/// The system gives no more threads.
pub fn start(crew: Vec<Ctx>, queues: &Queues, stores: &Arc<dyn OpenStore>) -> std::io::Result<Vec<JoinHandle<()>>> {
    let mut threads = Vec::new();
    for (index, ctx) in crew.into_iter().enumerate() {
        let (queues, stores) = (queues.clone(), Arc::clone(stores));
        threads.push(thread::Builder::new().name(format!("worker-{index}")).spawn(move || {
            step_back(WORKER_NICE);
            run(ctx, &queues, stores.as_ref());
        })?);
    }
    Ok(threads)
}

/// Starts the threads that hash: `threads` for logins, and a quarter of it for registrations.
///
/// # Errors
/// The system gives no more threads.
pub(crate) fn start_hashing(
    threads: usize,
    cost: PasswordCost,
    queues: &Queues,
    clock: Clock,
) -> std::io::Result<Vec<JoinHandle<()>>> {
    let registering = (threads / REGISTRATION_PART).max(1);
    let logins = (0..threads).map(|index| (Purpose::Login, format!("auth-{index}"), AUTH_NICE));
    let registrations =
        (0..registering).map(|index| (Purpose::Register, format!("auth-register-{index}"), REGISTER_NICE));
    let start = |(purpose, name, nice)| {
        let queues = queues.clone();
        thread::Builder::new().name(name).spawn(move || {
            step_back(nice);
            let mut hasher = Hasher::new(cost);
            while let Some(job) = queues.hashing.take(purpose) {
                queues.hash(job, &mut hasher, clock.now());
            }
        })
    };
    logins.chain(registrations).map(start).collect()
}

/// Lowers the calling thread's priority, and only this thread's: on Linux a nice value belongs to a thread, whatever POSIX
/// says (setpriority(2), "BUGS").
fn step_back(nice: i32) {
    if let Err(error) = rustix::process::setpriority_process(None, nice) {
        log::warn!("a worker runs at the reactors' priority: {error}");
    }
}

fn run(mut ctx: Ctx, queues: &Queues, stores: &dyn OpenStore) {
    // The panic hook has logged it. The store may be amid a transaction: a fresh one takes its place.
    let renew = |ctx: &mut Ctx, _| match stores.open() {
        Ok(store) => ctx.replace_store(store),
        Err(error) => log::error!("a worker keeps its connection after a panic: {error}"),
    };
    while let Some(taken) = queues.worker.take() {
        queues.perform_all(taken, &mut ctx, &renew);
    }
}

/// Told of a panic in a job: the worker needs another connection to the database.
type Renew<'a> = &'a dyn Fn(&mut Ctx, Box<dyn Any + Send>);

impl Queues {
    /// Runs a job that waits for a worker, and what is done together with it, on the calling thread; whether there was one.
    pub fn run_next(&self, ctx: &mut Ctx, renew: Renew<'_>) -> bool {
        let waiting = self.worker.try_take();
        waiting.map(|taken| self.perform_all(taken, ctx, renew)).is_some()
    }

    /// A job that panics costs the others nothing but what was asked ahead.
    fn perform_all(&self, taken: Taken<Queued>, ctx: &mut Ctx, renew: Renew<'_>) {
        let Taken { job, others, left } = taken;
        ctx.is_crowded = left > 0 || !others.is_empty();
        ctx.take_up_settings();
        let caught = |ctx: &mut Ctx, work: &mut dyn FnMut(&mut Ctx)| {
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| work(ctx))) {
                renew(ctx, panic);
            }
        };
        if !others.is_empty() || ctx.is_too_long_since(job.0) {
            let all = std::iter::once(&job).chain(&others);
            let asked: Vec<_> = all.filter_map(|(_, job)| job.question()).collect();
            if !asked.is_empty() {
                caught(ctx, &mut |ctx| logins::ask(ctx, &asked));
            }
        }
        for queued in std::iter::once(job).chain(others) {
            let mut queued = Some(queued);
            caught(ctx, &mut |ctx| queued.take().into_iter().for_each(|queued| self.perform(queued, ctx)));
        }
        ctx.ahead.clear();
    }

    /// Hashes one password that waits, on the calling thread; whether there was one.
    pub fn hash_one(&self, purpose: Purpose, hasher: &mut Hasher, now: Instant) -> bool {
        let waiting = self.hashing.try_take(purpose);
        waiting.map(|job| self.hash(job, hasher, now)).is_some()
    }

    /// The rest is a worker's.
    fn hash(&self, job: HashJob, hasher: &mut Hasher, now: Instant) {
        let HashJob { asked, step } = job;
        // The panic hook has logged it; the memory that hashes are made in holds nothing that is needed again.
        let rest = match catch_unwind(AssertUnwindSafe(|| step.run(hasher))) {
            Ok(rest) => Job::Request(asked, rest),
            Err(_) => Job::HashFailed(asked),
        };
        self.push(rest, now);
    }

    fn push(&self, job: Job, now: Instant) {
        self.metrics.worker_queued.inc();
        self.worker.push((now, job));
    }

    fn perform(&self, (queued, job): Queued, ctx: &mut Ctx) {
        ctx.shared.metrics.worker_queued.dec();
        // While the database hangs, each worker is held up for the store's timeout by one job. Whoever has waited that
        // long behind it is refused without another wait: an answer within a bounded time.
        ctx.is_late = ctx.is_too_long_since(queued) && !ctx.ahead.is_answered;
        let waited = ctx.shared.clock.now().saturating_duration_since(queued);
        let own = job.own_work();
        match job {
            Job::Request(asked, prepared) => answering(
                ctx,
                |ctx| ctx.check_late().and_then(|()| prepared.handle(ctx)),
                |ctx, handled| self.answer(ctx, asked, handled),
            ),
            Job::HashFailed(asked) => self.answer(ctx, asked, None),
            Job::FetchPages(question) => {
                let conn = question.conn;
                let ask = |ctx: &mut Ctx| questions::pages(ctx, &question);
                self.tell(ctx, conn, ask, |pages| ReactorMessage::Fetched { conn, pages });
            }
            Job::FetchTogether(question) => self.fetch_together(ctx, &question),
            Job::FollowJoin(question) => {
                let (conn, following) = (question.conn, question.following);
                let ask = |ctx: &mut Ctx| questions::position_after_join(ctx, question);
                self.tell(ctx, conn, ask, |asked| {
                    let followed = match asked {
                        Some((held, position)) => {
                            held.hand_over();
                            position.map_or(Followed::NoMember, |position| Followed::Member(position.delivered))
                        }
                        // What was subscribed to has been given back already.
                        None => Followed::Failed,
                    };
                    ReactorMessage::JoinedElsewhere { conn, following, followed }
                });
            }
            Job::CompareSessions(SessionQuestions { conns, changes, devices }) => {
                let Some(first) = conns.first().copied() else { return };
                let ask = |ctx: &mut Ctx| questions::standings(ctx, &devices);
                let answer = |standings| ReactorMessage::Compared(Compared { conns, changes, standings });
                self.tell(ctx, first, ask, answer);
            }
            Job::CompareEnds(questions) => questions::ends(ctx, &questions),
            Job::Typing(news) => questions::typing(ctx, &news),
            Job::RememberDialect(user, dialect) => questions::remember_dialect(ctx, user, dialect),
        }
        if let Some(work) = own {
            let now = ctx.shared.clock.now();
            let took = now.saturating_duration_since(queued);
            slow::note(&ctx.shared.metrics, took, now, || {
                let (took, waited) = (slow::milliseconds(took), slow::milliseconds(waited));
                format!("{work} took {took} ms, {waited} ms of them for a worker to be free")
            });
        }
    }

    /// Each session gets its answer, also if the store gives none.
    fn fetch_together(&self, ctx: &mut Ctx, question: &GroupQuestion) {
        answering(
            ctx,
            |ctx| questions::pages_together(ctx, question),
            |_, asked| {
                let found = asked.and_then(|asked| {
                    let group = question.group;
                    asked.inspect_err(|error| log::debug!("group {group}: the store does not answer: {error}")).ok()
                });
                let mut pages = found.map(Vec::into_iter);
                for &(conn, _) in &question.sessions {
                    let pages = pages.as_mut().and_then(Iterator::next).map(|page| vec![page]);
                    self.mailboxes.post(conn, ReactorMessage::Fetched { conn, pages });
                }
            },
        );
    }

    /// Asks the store something on a reactor's behalf, and posts what came of it. `answer` makes it, of `None` if there is
    /// no answer.
    fn tell<T>(
        &self,
        ctx: &mut Ctx,
        conn: ConnId,
        ask: impl FnOnce(&mut Ctx) -> Result<T, ServiceError>,
        answer: impl FnOnce(Option<T>) -> ReactorMessage,
    ) {
        answering(ctx, ask, |_, asked| {
            let found = asked.and_then(|asked| {
                asked.inspect_err(|error| log::debug!("{conn}: the store does not answer: {error}")).ok()
            });
            self.mailboxes.post(conn, answer(found));
        });
    }

    /// Posts what came of a request: exactly one message, whatever happens. `None`: its handler has panicked.
    fn answer(&self, ctx: &mut Ctx, asked: Asked, handled: Option<HandlerResult>) {
        let Asked { conn, request, since, .. } = asked;
        let tag = asked.tag.as_deref();
        let (line, then) = match handled {
            Some(Ok(response)) => (reply::success(request, tag, &response.body), response.then),
            Some(Err(ServiceError::NotYet(not_yet))) => {
                self.park(asked, *not_yet);
                return ctx.flush();
            }
            Some(Err(ServiceError::Hash(step))) => {
                self.hashing.submit(HashJob { asked, step });
                return ctx.flush();
            }
            Some(Err(ServiceError::Together(rest))) => {
                self.push(Job::Request(asked, rest), ctx.shared.clock.now());
                return ctx.flush();
            }
            Some(Err(error)) => {
                if matches!(error, ServiceError::Store(_)) {
                    // Those that are done with it, and have waited as long, are not to wait for the store one after the other.
                    ctx.ahead.is_answered = false;
                }
                refused(ctx, &asked, &error)
            }
            None => {
                (reply::failure(request, &RawEcho::tag(tag), Errno::Internal, "internal error"), SessionChange::Nothing)
            }
        };
        self.mailboxes.post(conn, ReactorMessage::Reply { conn, line, then });
        let now = ctx.shared.clock.now();
        let took = now.saturating_duration_since(since);
        slow::note(&ctx.shared.metrics, took, now, || {
            format!("{request:?} of connection {conn} took {} ms from its line to its reply", slow::milliseconds(took))
        });
        ctx.flush();
    }

    /// The session keeps the rest of the request until it goes on.
    fn park(&self, asked: Asked, not_yet: NotYet) {
        let conn = asked.conn;
        let NotYet { rest, until, tell } = not_yet;
        self.mailboxes.post(conn, ReactorMessage::NotYet { conn, job: Job::Request(asked, rest), until });
        if let Some(tell) = tell {
            // Behind the job: a session that is told to go on must have it.
            let mailboxes = Arc::clone(&self.mailboxes);
            tell(Box::new(move || mailboxes.post(conn, ReactorMessage::Resume { conn })));
        }
    }
}

/// The reply to a request that is not done, and what that changes in the session.
fn refused(ctx: &Ctx, asked: &Asked, error: &ServiceError) -> (Bytes, SessionChange) {
    let Asked { conn, request, ref tag, .. } = *asked;
    let tag = tag.as_deref();
    let (errno, text) = error.reply();
    note_failure(ctx, conn, request, error, errno);
    ctx.shared.metrics.requests_refused.get_or_create(&refusal(errno)).inc();
    let then = match error {
        ServiceError::NoMember(group) => SessionChange::Leave(*group),
        _ => SessionChange::Nothing,
    };
    let line = match error {
        ServiceError::TooSoon { wait, .. } => reply::too_fast(request, tag, text, whole_seconds(*wait)),
        _ => reply::failure(request, &RawEcho::tag(tag), errno, text),
    };
    (line, then)
}

/// Does the work, and posts what came of it. Somebody waits for that (a client for its reply, a session for its page, a
/// reactor for a comparison), so it is posted also if the work panics: of `None` then.
fn answering<T>(ctx: &mut Ctx, work: impl FnOnce(&mut Ctx) -> T, post: impl FnOnce(&mut Ctx, Option<T>)) {
    match catch_unwind(AssertUnwindSafe(|| work(ctx))) {
        Ok(result) => post(ctx, Some(result)),
        Err(panic) => {
            post(ctx, None);
            resume_unwind(panic);
        }
    }
}

/// An outage of the database is the lanes' and the cursor writer's to tell, once; only what should never happen is told here.
fn note_failure(ctx: &Ctx, conn: ConnId, request: MsgId, error: &ServiceError, errno: Errno) {
    match errno {
        Errno::Internal => log::error!("{conn}: {request:?} failed: {error}"),
        Errno::Unavailable => log::debug!("{conn}: {request:?} failed: {error}"),
        _ => return,
    }
    ctx.shared.metrics.store_errors.inc();
}

/// Rounded up: who waits so long has waited long enough.
fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

/// The label of a refused request.
#[must_use]
pub fn refusal(errno: Errno) -> Refusal {
    Refusal { errno: u32::from(errno.number()) }
}
