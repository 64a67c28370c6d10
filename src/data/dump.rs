//! `stonechat dump`: all of the data as lines, as of one moment.

use std::io::{self, BufWriter, Write};
use std::ops::ControlFlow;

use super::error::DataError;
use super::format::{self, FORMAT, Head, LastId, Sum, end_line, head_line, last_id_line, write_row};
use crate::clock::UnixMs;
use crate::config::Config;
use crate::store::migrate::newest;
use crate::store::tables::TABLES;
use crate::store::whole::Whole;

/// Bytes that are gathered for one write.
const BUFFER_BYTES: usize = 256 * 1024;

/// Writes the data of the settings' database; nodes may run on it. Memory does not grow with them.
///
/// # Errors
/// The database cannot be read whole, or `out` cannot be written: then the last line is missing.
pub fn dump(config: &Config, out: impl Write) -> Result<(), DataError> {
    let database = super::database(config)?;
    let mut out = Out { to: BufWriter::with_capacity(BUFFER_BYTES, out), sum: Sum::default() };
    let mut written = Ok(());
    database.read(&mut |whole| {
        written = out.database(whole)?;
        Ok(())
    })?;
    written.map_err(DataError::Output)
}

struct Out<W: Write> {
    to: BufWriter<W>,
    sum: Sum,
}

impl<W: Write> Out<W> {
    /// The database's own errors, and those of writing, apart.
    fn database(&mut self, whole: &mut dyn Whole) -> crate::store::Result<io::Result<()>> {
        let cluster = whole.cluster()?;
        let head = Head {
            stonechat_dump: FORMAT,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            schema: newest(),
            cluster: cluster.id,
            epoch: cluster.epoch,
            time: UnixMs::now().0,
        };
        let mut written = self.to.write_all(&head_line(&head));
        let mut line = Vec::new();
        for table in &TABLES {
            if written.is_err() {
                return Ok(written);
            }
            whole.records(table, &mut |row| {
                line.clear();
                write_row(&mut line, table, &row);
                written = self.line(&line);
                if written.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            })?;
        }
        for table in TABLES.iter().filter(|table| table.is_numbered) {
            let id = whole.last_id(table)?;
            written = written.and_then(|()| self.line(&last_id_line(&LastId { table: table.tag.to_owned(), id })));
        }
        Ok(written.and_then(|()| self.end()))
    }

    fn line(&mut self, line: &[u8]) -> io::Result<()> {
        self.sum.add(line);
        self.to.write_all(line)
    }

    fn end(&mut self) -> io::Result<()> {
        let end: format::End = std::mem::take(&mut self.sum).end();
        self.to.write_all(&end_line(&end))?;
        self.to.flush()
    }
}
