//! Replicas that are read from in place of the main database: which of them are well, as all threads of the node know it, and a
//! thread's connection to one of them.
//!
//! ```text
//!   a question --turn--> the thread's own replica, or the next one that is well --> its rows
//!        |                                                                           |
//!        |                          the main database confirms them (sql/confirm.rs): judged
//!        '--none is well--> the main database
//! ```
//!
//! A thread connects when it has a question, and to one replica at a time. There is no thread that looks after replicas.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::endpoint::each_host;
use super::reconnecting::Reconnecting;
use super::server::{Server, now};
use super::standing::{BEHIND_MAX, News, Standing, Turn};
use crate::backend::Backend;
use crate::store::sql::{Fault, Sql, SqlResult, Verdict, ground};
use crate::store::{Result, StoreError};

/// How long a replica may take to be connected to, and for an answer. It is short: the main database can be asked instead.
const PATIENCE: Duration = Duration::from_secs(2);

/// Who has answered a question that a replica could have answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum AnsweredBy {
    /// A replica.
    Replica,
    /// The main database: no replica is well, or it was behind.
    Main,
}

/// Told of each such question, by the thread that has asked.
pub(crate) type OnAnswer = Box<dyn Fn(AnsweredBy) + Send + Sync>;

/// All replicas.
pub(super) struct Replicas {
    each: Vec<Replica>,
    /// Threads that were given a replica of their own.
    dealt: AtomicUsize,
    on_answer: OnAnswer,
}

struct Replica {
    server: Arc<Server>,
    standing: Mutex<Standing>,
}

impl Replicas {
    /// Connects to nothing yet. `timeout` is that of the main database.
    pub(super) fn new(replicas: Backend<'_>, timeout: Duration, on_answer: OnAnswer) -> Result<Self> {
        let patience = PATIENCE.min(timeout);
        let replica = |url: &String| {
            let server = Server::new(Backend { url, ..replicas }, patience)?;
            Ok(Replica { server: Arc::new(server), standing: Mutex::new(Standing::new(now())) })
        };
        let each = each_host(replicas.url).iter().map(replica).collect::<Result<_>>()?;
        Ok(Self { each, dealt: AtomicUsize::new(0), on_answer })
    }

    /// Asks each for what it has of the data: its place, and that or why it does not answer.
    pub(super) fn survey(&self) -> Vec<(String, SqlResult<ground::Data>)> {
        let ask = |replica: &Replica| {
            let mut link = Reconnecting::new(Arc::clone(&replica.server));
            let answer = link.attempt(|call| ground::read(call, ground::Asked::default()));
            (replica.place().to_owned(), answer.map(|ground| ground.data))
        };
        self.each.iter().map(ask).collect()
    }
}

impl Replica {
    fn place(&self) -> &str {
        self.server.hosts().endpoint(0).place()
    }

    fn standing(&self) -> MutexGuard<'_, Standing> {
        // Nothing panics while it holds this lock.
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_well(&self) {
        let news = self.standing().is_well(now());
        let place = self.place();
        match news {
            Some(News::UsedAgain) => log::info!("replica {place} is read from again"),
            Some(News::Used | News::NotUsed) => log::info!("replica {place} is read from"),
            None => {}
        }
    }

    fn is_unfit(&self, why: &str) {
        let news = self.standing().is_unfit(now());
        if news.is_some() {
            log::warn!("replica {} is not read from, and the main database answers in its place: {why}", self.place());
        }
    }
}

/// One thread's way to the replicas.
pub(super) struct Reader {
    replicas: Arc<Replicas>,
    /// Where this thread begins to look for one that is well.
    own: usize,
    /// To which replica there is a connection, or was one.
    link: Option<(usize, Reconnecting)>,
    /// Which has answered last, and was not judged yet.
    answered: Option<usize>,
}

impl Reader {
    pub(super) fn new(replicas: Arc<Replicas>) -> Self {
        let own = replicas.dealt.fetch_add(1, Ordering::Relaxed) % replicas.each.len();
        Self { replicas, own, link: None, answered: None }
    }

    /// The answer of one that is well. `None`: the main database is to be asked.
    pub(super) fn ask<T>(&mut self, mut work: impl FnMut(&mut dyn Sql) -> SqlResult<T>) -> Option<T> {
        let answer = self.turn().and_then(|(place, turn)| self.ask_one(place, turn, &mut work));
        if answer.is_none() {
            (self.replicas.on_answer)(AnsweredBy::Main);
        }
        answer
    }

    /// What the main database has said of the last answer.
    pub(super) fn judge(&mut self, verdict: Verdict) {
        let Some(place) = self.answered.take() else { return };
        let replica = &self.replicas.each[place];
        let mut by = AnsweredBy::Main;
        match verdict {
            Verdict::Confirmed => {
                by = AnsweredBy::Replica;
                replica.is_well();
            }
            Verdict::Differs => replica.is_well(),
            Verdict::Behind(lack) => {
                replica.standing().lacks(lack, now());
                replica.is_well();
            }
            Verdict::Stranger(why) => replica.is_unfit(&why),
        }
        (self.replicas.on_answer)(by);
    }

    /// The first replica that is to be asked, from this thread's own on.
    fn turn(&self) -> Option<(usize, Turn)> {
        let count = self.replicas.each.len();
        (0..count).map(|step| (self.own + step) % count).find_map(|place| {
            let turn = self.replicas.each[place].standing().turn(now(), PATIENCE);
            (turn != Turn::Leave).then_some((place, turn))
        })
    }

    fn ask_one<T>(
        &mut self,
        place: usize,
        turn: Turn,
        work: &mut impl FnMut(&mut dyn Sql) -> SqlResult<T>,
    ) -> Option<T> {
        let replica = &self.replicas.each[place];
        self.link.take_if(|(to, _)| *to != place);
        let (_, link) = self.link.get_or_insert_with(|| (place, Reconnecting::new(Arc::clone(&replica.server))));
        let asked = link.attempt(|call| {
            let lacking = still_lacking(call, turn)?;
            let is_overdue = lacking && matches!(turn, Turn::AskWhether { is_overdue: true, .. });
            let answer = if is_overdue { None } else { Some(work(call)?) };
            Ok((lacking, answer))
        });
        let (lacking, answer) = match asked {
            Ok(asked) => asked,
            Err(fault) => {
                // Its connection may be in disorder, and another thread's soon will be.
                self.link = None;
                replica.is_unfit(&told(fault));
                return None;
            }
        };
        if let (Turn::AskWhether { lacks, .. }, false) = (turn, lacking) {
            replica.standing().has(lacks);
        }
        if answer.is_none() {
            replica.is_unfit(&format!("it is more than {} s behind", BEHIND_MAX.as_secs()));
        }
        self.answered = answer.is_some().then_some(place);
        answer
    }
}

fn still_lacking(sql: &mut dyn Sql, turn: Turn) -> SqlResult<bool> {
    match turn {
        Turn::AskWhether { lacks, .. } => ground::is_lacking(sql, lacks),
        Turn::Ask | Turn::Leave => Ok(false),
    }
}

/// A fault in words.
pub(super) fn told(fault: Fault) -> String {
    match StoreError::from(fault) {
        StoreError::Unavailable(cause)
        | StoreError::Busy(cause)
        | StoreError::OutcomeUnknown(cause)
        | StoreError::Broken(cause) => cause.to_string(),
    }
}
