//! What the server's and the driver's errors mean to the store.

use mysql::{Error, MySqlError};

use crate::store::sql::Fault;

/// Everything but an answer of the server makes the connection useless: one whose read timed out would give the late
/// answer to the next question.
pub(super) fn fault(error: Error) -> Fault {
    match error {
        Error::MySqlError(answer) => answered(answer),
        Error::IoError(_) | Error::CodecError(_) | Error::DriverError(_) => Fault::Lost(error.into()),
        Error::UrlError(_) | Error::FromValueError(_) | Error::FromRowError(_) => Fault::Broken(error.into()),
    }
}

/// A connection could not be opened.
pub(super) fn not_connected(error: Error) -> Fault {
    Fault::Away(error.into())
}

/// COMMIT failed. A deadlock was rolled back; after any other answer it may stand or not.
pub(super) fn not_committed(error: Error) -> Fault {
    match error {
        Error::MySqlError(answer) if is_rolled_back(answer.code) => Fault::Again(answer.into()),
        other => Fault::Unsure(other.into()),
    }
}

fn answered(answer: MySqlError) -> Fault {
    match answer.code {
        // Duplicate entry.
        1062 | 1586 => Fault::Taken(answer.into()),
        // A lock wait that took too long; one that NOWAIT forbids (MySQL).
        1205 | 3572 => Fault::Locked(answer.into()),
        code if is_rolled_back(code) => Fault::Again(answer.into()),
        // Out of the time allowed to a statement (MariaDB, MySQL).
        1969 | 3024 => Fault::Slow(answer.into()),
        // No more prepared statements.
        1461 => Fault::Crowded(answer.into()),
        // Shutdown in progress, killed, disconnected for inactivity.
        1053 | 1080 | 1927 | 4031 => Fault::Lost(answer.into()),
        code if is_away(code) => Fault::Away(answer.into()),
        _ => Fault::Broken(answer.into()),
    }
}

/// Deadlock, lock wait, changed since read (MariaDB), write conflicts (TiDB).
fn is_rolled_back(code: u16) -> bool {
    matches!(code, 1213 | 1205 | 1020 | 8002 | 8022 | 9007)
}

fn is_away(code: u16) -> bool {
    matches!(
        code,
        // Disk full, table full, out of memory.
        1021 | 1114 | 1037 | 1038 | 1041 | 1135
        // Too many connections, of all or of this user; host blocked.
        | 1040 | 1203 | 1226 | 1129
        // Access denied, no such database: while an operator changes them.
        | 1044 | 1045 | 1049 | 1130
        // Read-only: a replica, or a failover under way.
        | 1290 | 1792 | 1836
        // Interrupted, or out of the time allowed to a statement.
        | 1317 | 1969 | 3024
        // TiDB: storage or placement not reachable.
        | 9001..=9006
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(code: u16) -> Error {
        Error::MySqlError(MySqlError { state: "HY000".into(), message: "told".into(), code })
    }

    #[test]
    fn answers_are_told_apart_by_what_the_store_does_next() {
        assert!(matches!(fault(answer(1213)), Fault::Again(_)));
        assert!(matches!(fault(answer(1062)), Fault::Taken(_)));
        assert!(matches!(fault(answer(1053)), Fault::Lost(_)));
        assert!(matches!(fault(answer(1040)), Fault::Away(_)));
        assert!(matches!(fault(answer(1290)), Fault::Away(_)));
        assert!(matches!(fault(answer(1146)), Fault::Broken(_)));
        assert!(matches!(fault(Error::server_disconnected()), Fault::Lost(_)));
    }

    #[test]
    fn a_commit_is_in_doubt_unless_the_server_says_rolled_back() {
        assert!(matches!(not_committed(answer(1213)), Fault::Again(_)));
        assert!(matches!(not_committed(answer(1053)), Fault::Unsure(_)));
        assert!(matches!(not_committed(Error::server_disconnected()), Fault::Unsure(_)));
    }
}
