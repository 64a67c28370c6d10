//! What a server says of itself: whether it takes writes, and whether it has what its cluster has committed.

use std::collections::HashMap;
use std::time::Duration;

use mysql::prelude::Queryable;
use mysql::{Conn, OptsBuilder};

use super::choice::Seen;
use super::endpoint::Endpoint;
use super::faults::cause;
use crate::store::Cause;

/// How long each step of a look may take. A server that needs longer does not answer.
pub(super) const LOOK_TIMEOUT: Duration = Duration::from_secs(1);

/// Larger than every answer to a look: the driver would ask the server for it, which not every server would answer.
const PACKET_MAX: usize = 1024 * 1024;

/// Which servers know which of them differs.
const VARIABLES: &str = "SHOW GLOBAL VARIABLES WHERE Variable_name IN \
                         ('read_only', 'super_read_only', 'innodb_read_only', 'wsrep_on')";

const STATUS: &str = "SHOW GLOBAL STATUS WHERE Variable_name IN ('wsrep_ready', 'wsrep_cluster_status', \
                      'wsrep_local_state', 'wsrep_local_state_comment', 'wsrep_cluster_state_uuid')";

/// What is asked ahead of a question, and then the question: it is answered when all has been applied that the cluster has
/// certified before.
const BARRIER: [&str; 2] = ["SET SESSION wsrep_sync_wait = 1", "SELECT 1"];

/// Wsrep's number of the state in which a member has all, and gives its data to nobody.
const SYNCED: &str = "4";

/// A way to a server of which only this is asked. It keeps one connection.
pub(super) struct Eye {
    conn: Option<Conn>,
}

impl Eye {
    pub(super) fn new() -> Self {
        Self { conn: None }
    }

    /// Looks at the server.
    pub(super) fn look(&mut self, endpoint: &Endpoint) -> Seen {
        let looked = self.ask(endpoint);
        if looked.is_err() {
            self.conn = None;
        }
        looked.unwrap_or_else(|why| Seen::Silent(why.to_string()))
    }

    fn ask(&mut self, endpoint: &Endpoint) -> Result<Seen, Cause> {
        let conn = match &mut self.conn {
            Some(conn) => conn,
            none => none.insert(connect(endpoint, LOOK_TIMEOUT)?),
        };
        let mut said: HashMap<String, String> = HashMap::new();
        said.extend(conn.query::<(String, String), _>(VARIABLES).map_err(cause)?);
        if said.get("wsrep_on").is_some_and(|value| is_on(value)) {
            said.extend(conn.query::<(String, String), _>(STATUS).map_err(cause)?);
        }
        Ok(judge(&said))
    }
}

/// Waits until the server has applied what its cluster has committed so far, `patience` at most.
///
/// # Errors
/// It could not be asked, or took longer.
pub(super) fn wait_until_applied(endpoint: &Endpoint, patience: Duration) -> Result<(), Cause> {
    let mut conn = connect(endpoint, patience)?;
    BARRIER.iter().try_for_each(|statement| conn.query_drop(statement)).map_err(cause)
}

fn connect(endpoint: &Endpoint, patience: Duration) -> Result<Conn, Cause> {
    let opts: OptsBuilder = endpoint.opts().max_allowed_packet(Some(PACKET_MAX));
    let opts = opts
        .tcp_connect_timeout(Some(LOOK_TIMEOUT.min(patience)))
        .read_timeout(Some(patience))
        .write_timeout(Some(patience));
    Conn::new(opts).map_err(|error| endpoint.explained(error))
}

/// From the server's variables and status. Which of them exist depends on the kind of server.
fn judge(said: &HashMap<String, String>) -> Seen {
    let value = |name: &str| said.get(name).map(String::as_str);
    for variable in ["read_only", "super_read_only", "innodb_read_only"] {
        if value(variable).is_some_and(|value| !is_off(value)) {
            return Seen::Unfit(format!("it is read-only ({variable})"));
        }
    }
    if !value("wsrep_on").is_some_and(is_on) {
        return Seen::Writable { cluster: None };
    }
    match value("wsrep_cluster_status") {
        Some("Primary") => {}
        other => return Seen::Unfit(format!("its part of the Galera cluster is {}", other.unwrap_or("unknown"))),
    }
    if !value("wsrep_ready").is_some_and(is_on) || value("wsrep_local_state") != Some(SYNCED) {
        let state = value("wsrep_local_state_comment").unwrap_or("unknown");
        return Seen::Unfit(format!("it is not in step with its Galera cluster ({state})"));
    }
    Seen::Writable { cluster: value("wsrep_cluster_state_uuid").map(str::to_owned) }
}

fn is_on(value: &str) -> bool {
    value == "1" || value.eq_ignore_ascii_case("on")
}

fn is_off(value: &str) -> bool {
    value == "0" || value.eq_ignore_ascii_case("off")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(said: &[(&str, &str)]) -> Seen {
        judge(&said.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    fn unfit(said: &[(&str, &str)]) -> String {
        match judged(said) {
            Seen::Unfit(why) => why,
            other => panic!("{other:?}, from {said:?}"),
        }
    }

    #[test]
    fn a_server_of_its_own_takes_writes_unless_it_is_read_only() {
        let writable = Seen::Writable { cluster: None };
        assert_eq!(judged(&[("read_only", "OFF"), ("innodb_read_only", "OFF"), ("wsrep_on", "OFF")]), writable);
        assert_eq!(judged(&[("read_only", "0"), ("super_read_only", "0"), ("innodb_read_only", "0")]), writable);
        assert!(unfit(&[("read_only", "ON"), ("wsrep_on", "OFF")]).contains("(read_only)"));
        // MariaDB 12 has further words for it.
        assert!(unfit(&[("read_only", "NO_LOCK")]).contains("(read_only)"));
        assert!(unfit(&[("read_only", "OFF"), ("super_read_only", "ON")]).contains("(super_read_only)"));
        assert!(unfit(&[("read_only", "OFF"), ("innodb_read_only", "ON")]).contains("(innodb_read_only)"));
    }

    #[test]
    fn a_member_of_a_cluster_takes_writes_when_it_is_in_the_primary_part_and_in_step() {
        let member = |status, ready, state| {
            let states = [("wsrep_local_state", state), ("wsrep_local_state_comment", "a word")];
            let said = [("read_only", "OFF"), ("wsrep_on", "ON"), ("wsrep_cluster_state_uuid", "u")];
            [&said[..], &states, &[("wsrep_cluster_status", status), ("wsrep_ready", ready)]].concat()
        };
        assert_eq!(judged(&member("Primary", "ON", "4")), Seen::Writable { cluster: Some("u".to_owned()) });
        assert!(unfit(&member("non-Primary", "OFF", "0")).contains("is non-Primary"));
        assert!(unfit(&member("Primary", "ON", "2")).contains("not in step with its Galera cluster (a word)"));
        assert!(unfit(&member("Primary", "OFF", "4")).contains("not in step"));
        assert!(unfit(&[("wsrep_on", "ON")]).contains("is unknown"));
    }
}
