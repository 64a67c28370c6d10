//! The database of a cluster: MySQL, MariaDB, or an engine that speaks like them.
//!
//! ```text
//!   MySqlStores --open--> SqlStore<MySql> per thread --owns--> Reconnecting --> at most one connection
//!        \___ Server: timeout, when it last refused; shared by all threads
//!               \___ Hosts: the servers of the URL, and which of them is used
//!   Replicas: servers that only answer questions, and whether each is well; a thread's way to them is its Reader
//! ```
//!
//! Nodes meet at the rows of `Conversation`: a batch locks its conversations in the order of their ids, numbers, writes
//! and commits. It waits for a lock no longer than ordinary commits take (the database serves who waits in turn, so no
//! node starves); then it goes on without the conversations that stay locked. A commit whose answer was lost is looked
//! up by `settle`, never guessed.

mod append;
mod call;
mod choice;
mod cursors;
mod endpoint;
mod faults;
mod hosts;
mod look;
mod migration;
mod reads;
mod reconnecting;
mod replicas;
mod rights;
mod server;
mod settle;
mod standing;
mod whole;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use self::call::Locks;
pub(crate) use self::endpoint::Endpoint;
use self::reconnecting::Reconnecting;
pub(crate) use self::replicas::{AnsweredBy, OnAnswer};
use self::replicas::{Reader, Replicas};
use self::server::{Server, now};
use self::settle::Unsettled;
use super::bulk::{Bulk, OpenBulk};
use super::sql::{Engine, Fault, Sql, SqlResult, SqlStore, Verdict, cluster, confirm, ground, version};
use super::{
    Append, Appended, CursorRow, Findings, KeptName, OpenStore, ReadRow, Result, SavedReads, Store, StoreError,
    foreign, migrate,
};
use crate::backend::Backend;
use crate::ids::ConvId;

/// The smallest `max_allowed_packet`: what the longest statements take, whatever is in them.
const PACKET_MIN: usize = 128 * 1024;

/// What a message takes in a statement besides its line.
const PACKET_ROOM: usize = 8 * 1024;

/// For how long after a cursor was found locked nobody waits for cursors.
const CURSORS_LOCKED_FOR: Duration = Duration::from_secs(10);

/// Opens stores on one database of a server.
pub struct MySqlStores {
    server: Arc<Server>,
    replicas: Option<Arc<Replicas>>,
}

impl MySqlStores {
    /// The URL is `mysql://user:pw@host:port/db`, perhaps with several hosts, separated by commas, and with `?tls=verify`,
    /// `?tls=required` or `?socket=/path` behind it. Connects to nothing yet. `timeout` bounds every call.
    ///
    /// # Errors
    /// `Broken` when the URL is none or names no database, or the CA's file is of no use.
    pub fn new<'a>(database: impl Into<Backend<'a>>, timeout: Duration) -> Result<Self> {
        Ok(Self { server: Arc::new(Server::new(database.into(), timeout)?), replicas: None })
    }

    /// The same with replicas, from which messages and names are read where that is safe. Their URL is like that of the database.
    ///
    /// # Errors
    /// As of [`MySqlStores::new`].
    pub(crate) fn reading_from(self, replicas: Backend<'_>, on_answer: OnAnswer) -> Result<Self> {
        let replicas = Replicas::new(replicas, self.server.timeout(), on_answer)?;
        Ok(Self { replicas: Some(Arc::new(replicas)), ..self })
    }

    fn open_engine(&self) -> SqlStore<MySql> {
        let link = Reconnecting::new(Arc::clone(&self.server));
        let reader = self.replicas.as_ref().map(|replicas| Reader::new(Arc::clone(replicas)));
        SqlStore::new(MySql { link, reader, unsettled: Vec::new(), cursors_locked_until: None })
    }
}

impl OpenBulk for MySqlStores {
    fn open_bulk(&self) -> Result<Box<dyn Bulk>> {
        Ok(Box::new(self.open_engine()))
    }
}

impl OpenStore for MySqlStores {
    fn open(&self) -> Result<Box<dyn Store>> {
        Ok(Box::new(self.open_engine()))
    }

    fn migrate(&self) -> Result<()> {
        migration::migrate(&self.server)
    }

    fn durability_warnings(&self) -> Result<Vec<String>> {
        let mut link = Reconnecting::new(Arc::clone(&self.server));
        Ok(link.attempt(|call| durability(call))?)
    }

    fn inspect(&self, line_bytes: usize) -> Result<Findings> {
        migration::inspect(&self.server, line_bytes)
    }

    fn kept_names(&self, limit: u32) -> Result<Vec<KeptName>> {
        migration::kept_names(&self.server, limit)
    }

    fn timeout(&self) -> Duration {
        self.server.timeout()
    }

    fn servers(&self) -> Vec<String> {
        self.server.hosts().told()
    }

    fn replicas(&self) -> Result<Vec<(String, Option<String>)>> {
        let Some(replicas) = &self.replicas else { return Ok(Vec::new()) };
        let mut link = Reconnecting::new(Arc::clone(&self.server));
        let ours = link.attempt(|call| {
            // A database that no node has used yet has no tables.
            let has_tables = version::version(call)? > 0;
            if has_tables { ground::read(call, ground::Asked::default()).map(Some) } else { Ok(None) }
        })?;
        let Some(ours) = ours else { return Ok(Vec::new()) };
        let judged = |(place, theirs)| (place, judge(&ours.data, theirs).err());
        Ok(replicas.survey().into_iter().map(judged).collect())
    }
}

/// What is to be said of a replica, from what it has of the data.
fn judge(ours: &ground::Data, theirs: SqlResult<ground::Data>) -> std::result::Result<(), String> {
    match theirs.map(|theirs| confirm::stranger(&theirs, ours)) {
        Ok(None) => Ok(()),
        Ok(Some(Verdict::Stranger(why))) => Err(why),
        Ok(Some(other)) => Err(format!("{other:?}")),
        Err(fault) => Err(replicas::told(fault)),
    }
}

fn inspect(call: &mut call::Call<'_>, line_bytes: usize) -> SqlResult<Findings> {
    let (problems, newer) = (foreign::tables(call, migrate::MYSQL)?, migrate::newer(call, migrate::MYSQL)?);
    let mut found = Findings { problems, newer, warnings: Vec::new() };
    let (packet_max, needed) = (call.packet_max(), PACKET_MIN.max(line_bytes + PACKET_ROOM));
    if packet_max < needed {
        found.problems.push(format!(
            "max_allowed_packet of the database is {packet_max} bytes, and with limits.line_bytes = {line_bytes} the \
             server needs at least {needed}: raise max_allowed_packet, or lower limits.line_bytes if that is why"
        ));
    }
    found.problems.extend(rights::missing(call)?);
    if cluster::is_half_loaded(call)? {
        found.problems.push(cluster::HALF_LOADED_TOLD.to_owned());
    }
    if !call.can_skip_locked() {
        found.warnings.push(
            "the database cannot skip locked rows (MariaDB can since 10.6, MySQL since 8.0): a row that somebody locks \
             may hold up other conversations for a second"
                .to_owned(),
        );
    }
    Ok(found)
}

fn durability(sql: &mut dyn Sql) -> SqlResult<Vec<String>> {
    let mut warnings = Vec::new();
    let mut has_log = false;
    let mut log_is_synced = true;
    let asked = "SHOW GLOBAL VARIABLES WHERE Variable_name IN \
                 ('innodb_flush_log_at_trx_commit', 'sync_binlog', 'log_bin')";
    for mut row in sql.rows(asked, &[])? {
        let (name, value) = (row.text(0)?, row.text(1)?);
        match name.to_lowercase().as_str() {
            "innodb_flush_log_at_trx_commit" if value != "1" => warnings.push(format!(
                "innodb_flush_log_at_trx_commit is {value}, not 1: a crash of the database's machine may lose acknowledged messages"
            )),
            "log_bin" => has_log = value != "OFF" && value != "0",
            "sync_binlog" => log_is_synced = value == "1",
            _ => {}
        }
    }
    if has_log && !log_is_synced {
        warnings.push(
            "sync_binlog is not 1: a crash of the database's machine may lose acknowledged messages on its replicas"
                .to_owned(),
        );
    }
    Ok(warnings)
}

/// One thread's engine.
struct MySql {
    link: Reconnecting,
    reader: Option<Reader>,
    /// The commits whose outcomes `settle` is to look up, of different conversations.
    unsettled: Vec<Unsettled>,
    /// A cursor was locked: until then cursors are written without waiting for locks.
    cursors_locked_until: Option<Instant>,
}

impl MySql {
    /// One transaction. `Locked`: some message of the batch is to blame, and nothing was stored.
    fn append_in(&mut self, batch: &[Append], locks: Locks) -> SqlResult<Vec<Appended>> {
        let mut planned: Option<Unsettled> = None;
        let appended = self.link.attempt_transaction(locks, |call| {
            let (host, connection) = (call.host(), call.connection_id());
            call.transaction(|call| {
                let plan = append::append(call, batch, locks).map_err(lock_was_lost)?;
                planned = Some(Unsettled { plan, host, connection });
                Ok(())
            })
        });
        match (appended, planned) {
            (Ok(()), Some(Unsettled { plan, .. })) => Ok(plan.outcomes),
            (Ok(()), None) => Err(Fault::Broken("a batch was committed without a plan".into())),
            (Err(Fault::CommitUnknown(_)), Some(Unsettled { plan, .. })) if plan.is_empty() => Ok(plan.outcomes),
            (Err(fault @ Fault::CommitUnknown(_)), Some(unsettled)) => {
                self.unsettled.push(unsettled);
                Err(fault)
            }
            (Err(fault), _) => Err(fault),
        }
    }
}

impl Engine for MySql {
    fn read<T>(&mut self, mut work: impl FnMut(&mut dyn Sql) -> SqlResult<T>) -> Result<T> {
        Ok(self.link.attempt(|call| work(call))?)
    }

    fn ask_replica<T>(&mut self, work: impl FnMut(&mut dyn Sql) -> SqlResult<T>) -> Option<T> {
        self.reader.as_mut()?.ask(work)
    }

    fn judge_replica(&mut self, verdict: Verdict) {
        if let Some(reader) = &mut self.reader {
            reader.judge(verdict);
        }
    }

    fn write_one<T>(&mut self, mut work: impl FnMut(&mut dyn Sql) -> SqlResult<T>) -> Result<T> {
        Ok(self.link.attempt(|call| work(call))?)
    }

    fn write<T>(&mut self, mut work: impl FnMut(&mut dyn Sql) -> SqlResult<T>) -> Result<T> {
        self.link.attempt(|call| call.transaction(|call| work(call))).map_err(not_done)
    }

    fn append(&mut self, batch: &[Append]) -> Result<Vec<Appended>> {
        match self.append_in(batch, Locks::Wait) {
            Err(Fault::Locked(_)) => self.append_unlocked(batch),
            known => Ok(known?),
        }
    }

    fn append_unlocked(&mut self, batch: &[Append]) -> Result<Vec<Appended>> {
        Ok(self.append_in(batch, Locks::Skip)?)
    }

    fn settle(&mut self, batch: &[Append]) -> Result<Option<Vec<Appended>>> {
        let convs: HashSet<ConvId> = batch.iter().map(Append::conv).collect();
        let is_meant = |unsettled: &Unsettled| unsettled.plan.ends.keys().any(|conv| convs.contains(conv));
        let Some(place) = self.unsettled.iter().position(is_meant) else { return Ok(None) };
        let unsettled = &self.unsettled[place];
        let is_committed = self.link.attempt(|call| settle::is_committed(call, unsettled, batch));
        let is_committed = is_committed.map_err(not_done)?;
        let outcomes = self.unsettled.swap_remove(place).plan.outcomes;
        Ok(is_committed.then_some(outcomes))
    }

    fn takes_writes(&self) -> Result<()> {
        self.link.server().hosts().hopeless().map_or(Ok(()), |why| Err(StoreError::Unavailable(why.into())))
    }

    fn mark_to_commit_max(&self) -> Duration {
        // A statement, what the server allows a node that is frozen behind it, and the commit.
        2 * self.link.server().timeout() + server::IDLE_TRANSACTION_MAX
    }

    fn purge(&mut self) -> Result<bool> {
        // What InnoDB has marked as deleted it purges by itself.
        Ok(true)
    }

    fn save_cursors(&mut self, epoch: &str, rows: &[CursorRow]) -> Result<Vec<CursorRow>> {
        let rows = cursors::in_lock_order(rows);
        let skips = self.cursors_locked_until.is_some_and(|until| now() < until);
        if !skips {
            match self.link.attempt(|call| cursors::save(call, epoch, &rows)) {
                Ok(()) => return Ok(Vec::new()),
                Err(Fault::Locked(_)) => self.cursors_locked_until = Some(now() + CURSORS_LOCKED_FOR),
                Err(fault) => return Err(not_done(fault)),
            }
        }
        let skipped = |call: &mut call::Call<'_>| cursors::save_unlocked(call, epoch, &rows);
        self.link.attempt_with(Locks::Skip, skipped).map_err(not_done)
    }

    fn save_reads(&mut self, epoch: &str, rows: &[ReadRow]) -> Result<SavedReads> {
        let rows = reads::in_lock_order(rows);
        let skips = self.cursors_locked_until.is_some_and(|until| now() < until);
        if !skips {
            match self.link.attempt(|call| reads::save(call, epoch, &rows)) {
                Ok(saved) => return Ok(saved),
                Err(Fault::Locked(_)) => self.cursors_locked_until = Some(now() + CURSORS_LOCKED_FOR),
                Err(fault) => return Err(not_done(fault)),
            }
        }
        let skipped = |call: &mut call::Call<'_>| reads::save_unlocked(call, epoch, &rows);
        self.link.attempt_with(Locks::Skip, skipped).map_err(not_done)
    }
}

/// Under the lock of its conversation nobody else takes a message's number. In a Galera cluster another member's transaction
/// takes the lock away, and then this one is about to be taken back.
fn lock_was_lost(fault: Fault) -> Fault {
    match fault {
        Fault::Taken(cause) => Fault::Retry(cause),
        other => other,
    }
}

/// What to tell when anything but a batch of messages failed. Only messages need to be looked up after a commit in
/// doubt: everything else may be asked for again, and then finds itself done.
fn not_done(fault: Fault) -> StoreError {
    match fault.into() {
        StoreError::OutcomeUnknown(cause) => StoreError::Unavailable(cause),
        known => known,
    }
}
