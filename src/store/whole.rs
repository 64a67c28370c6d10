//! A database as a whole, for the tools that dump, load and check it. Each table's rows go through these calls one after another, so
//! that memory does not grow with the data.

use std::ops::ControlFlow;

use super::tables::{Table, Value};
use super::{ClusterRow, Result};

/// A row of a table: a value for each of its columns.
pub(crate) type Record = Vec<Value>;

/// Takes one row, and says whether it wants more.
pub(crate) type TakeRecord<'a> = &'a mut dyn FnMut(Record) -> ControlFlow<()>;

/// Rows of one table, in order.
pub(crate) struct Batch {
    pub(crate) table: &'static Table,
    pub(crate) rows: Vec<Record>,
}

/// What is written behind all rows.
pub(crate) struct Ending {
    /// The identity and the epoch that the data are to have; `None`: new ones.
    pub(crate) cluster: Option<ClusterRow>,
    /// The highest number that was ever given, of each table that is numbered.
    pub(crate) last_ids: Vec<(&'static Table, i64)>,
}

/// Where rows come from; `None` behind the last ones.
pub(crate) type Batches<'a> = &'a mut dyn FnMut() -> Result<Option<Batch>>;

/// Something that should not be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Finding {
    /// A sentence without an end.
    pub(crate) told: String,
    pub(crate) fate: Fate,
}

/// What has become of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fate {
    /// It was only looked for.
    Found,
    /// It is no more.
    Mended,
    /// It stays: nothing here says what would be right.
    Left,
}

/// A database as of one moment, or under change.
pub(crate) trait Whole {
    /// The identity and the epoch of the data.
    fn cluster(&mut self) -> Result<ClusterRow>;

    /// Hands over every row of a table, by ascending key.
    fn records(&mut self, table: &'static Table, take: TakeRecord<'_>) -> Result<()>;

    /// The highest number that a table has ever given.
    fn last_id(&mut self, table: &Table) -> Result<i64>;

    /// Looks for whatever should not be; tells each finding. Where it `mends`, what can be mended is.
    fn check(&mut self, mends: bool, told: &mut dyn FnMut(Finding)) -> Result<()>;
}

/// Work on a database.
pub(crate) type Work<'a> = &'a mut dyn FnMut(&mut dyn Whole) -> Result<()>;

/// Opens a database as a whole. Calls take as long as they take; one thread makes them.
pub(crate) trait OpenWhole {
    /// Reads all of it as of one moment, while nodes go on.
    ///
    /// # Errors
    /// `Broken` when its tables are not those of this version.
    fn read(&self, work: Work<'_>) -> Result<()>;

    /// The same with the right to change it. No node should run.
    fn change(&self, work: Work<'_>) -> Result<()>;

    /// Fills an empty database; makes its tables first.
    ///
    /// # Errors
    /// `Broken` when it is not empty; nothing is written then. After any other error it is empty again, or marked as half loaded:
    /// no node serves it, and the next call empties it first.
    fn fill(&self, ending: &Ending, batches: Batches<'_>) -> Result<()>;
}
