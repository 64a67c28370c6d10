//! What the server's and the driver's errors mean to the store.

use std::io::{self, ErrorKind};

use mysql::{DriverError, Error, MySqlError};

use crate::store::Cause;
use crate::store::sql::Fault;

/// Everything but an answer of the server makes the connection useless: one whose read timed out would give the late
/// answer to the next question.
pub(super) fn fault(error: Error) -> Fault {
    match error {
        Error::MySqlError(answer) => answered(answer),
        // The driver does not give this error a name.
        Error::CodecError(ref refused) if refused.to_string().contains("larger than max_allowed_packet") => {
            Fault::TooLarge(cause(error))
        }
        Error::DriverError(DriverError::PacketTooLarge) => Fault::TooLarge(cause(error)),
        Error::IoError(_) | Error::TlsError(_) | Error::CodecError(_) | Error::DriverError(_) => {
            Fault::Lost(cause(error))
        }
        Error::UrlError(_) | Error::FromValueError(_) | Error::FromRowError(_) => Fault::Broken(cause(error)),
    }
}

/// The error as a person should read it: without the driver's name for its kind.
pub(super) fn cause(error: Error) -> Cause {
    if let Some(network) = io_error(&error) {
        return match network.kind() {
            ErrorKind::WouldBlock | ErrorKind::TimedOut => "it has not answered in time".into(),
            _ => format!("the connection to it was lost: {network}").into(),
        };
    }
    match error {
        Error::DriverError(error) => error.into(),
        Error::MySqlError(error) => error.into(),
        error => error.into(),
    }
}

/// The error of the network inside the driver's.
pub(super) fn io_error(error: &Error) -> Option<&io::Error> {
    match error {
        Error::IoError(error) => Some(error),
        Error::CodecError(error) => std::error::Error::source(error)?.downcast_ref(),
        _ => None,
    }
}

/// A connection could not be opened.
pub(super) fn not_connected(error: Error) -> Fault {
    Fault::Unavailable(cause(error))
}

/// COMMIT failed. A deadlock was rolled back; after any other answer it may stand or not.
pub(super) fn not_committed(error: Error) -> Fault {
    match error {
        Error::MySqlError(answer) if is_rolled_back(answer.code) => Fault::Retry(answer.into()),
        other => Fault::CommitUnknown(cause(other)),
    }
}

fn answered(answer: MySqlError) -> Fault {
    match answer.code {
        // Duplicate entry.
        1062 | 1586 => Fault::Taken(answer.into()),
        // A lock wait that took too long; one that NOWAIT forbids (MySQL).
        1205 | 3572 => Fault::Locked(answer.into()),
        code if is_rolled_back(code) => Fault::Retry(answer.into()),
        // Out of the time allowed to a statement (MariaDB, MySQL).
        1969 | 3024 => Fault::Slow(answer.into()),
        // A packet that is larger than the server takes.
        1153 => Fault::TooLarge(answer.into()),
        // No more prepared statements.
        1461 => Fault::Crowded(answer.into()),
        // Shutdown in progress, killed, disconnected for inactivity.
        1053 | 1080 | 1927 | 4031 => Fault::Lost(answer.into()),
        code if is_away(code) => Fault::Unavailable(answer.into()),
        _ => Fault::Broken(answer.into()),
    }
}

/// Deadlock, lock wait, changed since read (MariaDB), taken back at COMMIT (group replication), write conflicts (TiDB).
fn is_rolled_back(code: u16) -> bool {
    matches!(code, 1213 | 1205 | 1020 | 3101 | 8002 | 8022 | 9007)
}

/// Everything that will pass, or that an operator can mend without touching the data.
fn is_away(code: u16) -> bool {
    matches!(
        code,
        // Disk full, table full, too large a transaction for the log's cache, out of memory, locks or other resources.
        1021 | 1114 | 1197 | 1598 | 1037 | 1038 | 1041 | 1135 | 1206 | 1296 | 1297 | 1637
        // Files: cannot create, lock, open, find, read, write; an error of the storage engine.
        | 1004 | 1015 | 1016 | 1017 | 1024 | 1026 | 1030
        // Too many connections, of all or of this user; host blocked.
        | 1040 | 1203 | 1226 | 1129
        // Access denied, no such database, account locked, password expired: while an operator changes them.
        | 1044 | 1045 | 1049 | 1130 | 1142 | 1143 | 1227 | 1698 | 1820 | 1862 | 3118 | 4151
        // Read-only: a replica, or a failover under way; offline mode; tables that are held for a backup.
        | 1290 | 1792 | 1836 | 3032 | 1099 | 1100 | 1192 | 1223
        // A table was changed, a statement must be prepared anew.
        | 1412 | 1615
        // Interrupted.
        | 1317
        // Galera: the node is no part of the cluster at present, or has taken the transaction back.
        | 1047 | 1180
        // The network between the server and somebody else.
        | 1158..=1161
        // TiDB, ProxySQL: storage, placement or server not reachable.
        | 9001..=9006
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::StoreError;

    fn answer(code: u16) -> Error {
        Error::MySqlError(MySqlError { state: "HY000".into(), message: "told".into(), code })
    }

    #[test]
    fn answers_are_told_apart_by_what_the_store_does_next() {
        assert!(matches!(fault(answer(1213)), Fault::Retry(_)));
        assert!(matches!(fault(answer(1062)), Fault::Taken(_)));
        assert!(matches!(fault(answer(1053)), Fault::Lost(_)));
        assert!(matches!(fault(answer(1040)), Fault::Unavailable(_)));
        assert!(matches!(fault(answer(1290)), Fault::Unavailable(_)));
        for passes in [1047, 1030, 1615, 1317, 9001] {
            assert!(matches!(fault(answer(passes)), Fault::Unavailable(_)), "{passes}");
        }
        for locked in [1205, 3572] {
            assert!(matches!(fault(answer(locked)), Fault::Locked(_)), "{locked}");
        }
        for slow in [1969, 3024] {
            assert!(matches!(fault(answer(slow)), Fault::Slow(_)), "{slow}");
        }
        assert!(matches!(fault(answer(1461)), Fault::Crowded(_)));
        assert!(matches!(fault(answer(1153)), Fault::TooLarge(_)));
        assert!(matches!(fault(answer(1146)), Fault::Broken(_)));
        assert!(matches!(fault(Error::server_disconnected()), Fault::Lost(_)));
    }

    #[test]
    fn a_person_reads_what_happened_and_not_the_drivers_names() {
        let refused = DriverError::CouldNotConnect(Some((
            "db:3306".to_owned(),
            "Connection refused".to_owned(),
            ErrorKind::ConnectionRefused,
        )));
        let lost = io::Error::from(ErrorKind::BrokenPipe);
        for (error, told) in [
            (Error::DriverError(refused), "Could not connect to address `db:3306': Connection refused"),
            (answer(1021), "ERROR 1021 (HY000): told"),
            (Error::IoError(lost), "the connection to it was lost: broken pipe"),
            (Error::IoError(ErrorKind::WouldBlock.into()), "it has not answered in time"),
        ] {
            assert_eq!(StoreError::from(fault(error)).to_string(), format!("storage unavailable: {told}"));
        }
    }

    #[test]
    fn a_commit_is_in_doubt_unless_the_server_says_rolled_back() {
        assert!(matches!(not_committed(answer(1213)), Fault::Retry(_)));
        assert!(matches!(not_committed(answer(1053)), Fault::CommitUnknown(_)));
        assert!(matches!(not_committed(Error::server_disconnected()), Fault::CommitUnknown(_)));
    }
}
