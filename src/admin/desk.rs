//! The thread that does what administrators ask for: it may wait for the database, and the thread that serves /healthz may not.
//!
//! ```text
//!   client's thread --errand (at most 16 wait, else 503)--> desk --> actions --> Reply
//!                                                            \--> a thread for each export, two at most
//! ```

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TrySendError, bounded};

use super::actions;
use super::export;
use super::http::Answer;
use super::refusal::Refusal;
use super::reply::Reply;
use super::request::{Request, UserAction};
use crate::ids::UserId;
use crate::service::ctx::{Ctx, Shared};
use crate::store::OpenStore;
use crate::workers::retention;

/// Errands that may wait.
const ERRANDS_MAX: usize = 16;
/// Exports at once: each reads much.
const EXPORTS_MAX: usize = 2;
/// After so long without an errand the connection to the database is given up.
const IDLE: Duration = Duration::from_secs(60);

/// What is to be done, for whom, and where the answer goes.
pub(super) struct Errand {
    pub(super) request: Request,
    /// `token`, or `uid` and a number.
    pub(super) who: String,
    pub(super) reply: Reply,
}

/// The door to the thread. Any thread.
#[derive(Clone, Debug)]
pub(crate) struct Desk {
    errands: Sender<Errand>,
}

/// What the thread needs.
pub(crate) struct Means {
    /// What all workers share.
    pub(crate) shared: Arc<Shared>,
    /// Its connections to the database come from here: none while nobody asks.
    pub(crate) stores: Arc<dyn OpenStore>,
    /// Wakes what removes old messages.
    pub(crate) retention: retention::Door,
}

impl Desk {
    /// Starts the thread. It ends when every door is dropped.
    ///
    /// # Errors
    /// The system gives no more threads.
    pub(crate) fn start(means: Means) -> std::io::Result<(Self, JoinHandle<()>)> {
        let (errands, waiting) = bounded(ERRANDS_MAX);
        let clerk = Clerk { means, ctx: None, exports: Arc::default() };
        let thread = thread::Builder::new().name("admin-desk".to_owned()).spawn(move || clerk.run(&waiting))?;
        Ok((Self { errands }, thread))
    }

    /// Has it done.
    pub(super) fn take(&self, errand: Errand) -> Result<(), Refusal> {
        self.errands.try_send(errand).map_err(|error| match error {
            TrySendError::Full(_) => Refusal::unavailable("too many requests wait already; try again in a moment"),
            TrySendError::Disconnected(_) => Refusal::unavailable("the node stops"),
        })
    }
}

struct Clerk {
    means: Means,
    ctx: Option<Ctx>,
    exports: Arc<AtomicUsize>,
}

impl Clerk {
    fn run(mut self, waiting: &Receiver<Errand>) {
        loop {
            match waiting.recv_timeout(IDLE) {
                Ok(Errand { request: Request::OfUser(user, UserAction::Export), who, reply }) => {
                    if let Err((refusal, reply)) = self.export(user, &who, reply) {
                        reply.whole(refusal.answer());
                    }
                }
                Ok(Errand { request, who, reply }) => reply.whole(self.answer(&request, &who)),
                Err(RecvTimeoutError::Timeout) => self.ctx = None,
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn ctx(&mut self) -> Result<&mut Ctx, Refusal> {
        if self.ctx.is_none() {
            self.ctx = Some(Ctx::new(Arc::clone(&self.means.shared), self.means.stores.open()?));
        }
        self.ctx.as_mut().ok_or_else(Refusal::internal)
    }

    fn answer(&mut self, request: &Request, who: &str) -> Answer {
        let retention = self.means.retention.clone();
        let done = self.ctx().and_then(|ctx| {
            let act = || {
                let done = actions::run(ctx, request, who, &retention);
                ctx.flush();
                done
            };
            catch_unwind(AssertUnwindSafe(act)).unwrap_or_else(|_| Err(Refusal::internal()))
        });
        match done {
            Ok(value) => Answer::json("200 OK", &value),
            Err(refusal) => {
                // What a panic has left is not used again.
                self.ctx = None;
                refusal.answer()
            }
        }
    }

    /// Starts an export on a thread of its own.
    fn export(&mut self, user: UserId, who: &str, reply: Reply) -> Result<(), (Refusal, Reply)> {
        let Some(place) = Place::take(&self.exports) else {
            return Err((Refusal::unavailable("two exports are under way; try again later"), reply));
        };
        let clock = self.means.shared.clock;
        let store = match self.ctx().and_then(|ctx| actions::note_export(ctx, user, who)) {
            Ok(()) => self.means.stores.open().map_err(Refusal::from),
            Err(refusal) => Err(refusal),
        };
        let mut store = match store {
            Ok(store) => store,
            Err(refusal) => return Err((refusal, reply)),
        };
        let spawned = thread::Builder::new().name("export".to_owned()).spawn(move || {
            export::run(&mut *store, user, clock.wall(), reply);
            drop(place);
        });
        if let Err(error) = spawned {
            // The reply has gone with the thread that was not: its client is told of an error.
            log::warn!("admin: cannot start an export: {error}");
        }
        Ok(())
    }
}

/// One of the places for exports.
struct Place(Arc<AtomicUsize>);

impl Place {
    fn take(count: &Arc<AtomicUsize>) -> Option<Self> {
        let before = count.fetch_add(1, Ordering::AcqRel);
        let place = Self(Arc::clone(count));
        (before < EXPORTS_MAX).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}
