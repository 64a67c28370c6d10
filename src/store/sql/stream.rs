//! Answers that need not fit into memory.

use std::ops::ControlFlow;

use super::{Arg, Row, Sql, SqlResult};

/// A connection whose answers need not fit into memory.
pub(in crate::store) trait Stream: Sql {
    /// Hands over each row that a statement yields, as long as more are wanted.
    fn each(
        &mut self,
        statement: &str,
        args: &[Arg<'_>],
        take: &mut dyn FnMut(Row) -> SqlResult<ControlFlow<()>>,
    ) -> SqlResult<()>;

    /// What is wrong with the files themselves, as far as the database tells.
    fn damage(&mut self) -> SqlResult<Vec<String>>;
}
