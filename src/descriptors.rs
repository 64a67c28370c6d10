//! How many file descriptors the node needs for itself, and how many clients fit into what is left.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::admin;
use crate::config::Config;

/// With fewer clients than these a node is of no use: the limit on open files was forgotten.
const CLIENTS_MIN: u64 = 32;

/// Kept for what is opened for a moment: names that are looked up, connections that are made anew, a file of the log.
const SPARE: u64 = 24;

/// Standard input and output, the acceptor's poll and waker, the signals' pipe.
const BASE: u64 = 12;

/// A reactor's poll and waker, with one to spare.
const PER_REACTOR: u64 = 3;

/// Of an embedded database each connection opens the database, its log and the log's index.
const PER_SQLITE_CONNECTION: u64 = 3;

/// The bus's sockets, poll and waker, some of them twice while it reconnects.
const BUS: u64 = 12;

/// The admin port's listener and waker.
const ADMIN: u64 = 4;

/// Too few descriptors for a node that is of use.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "the limit on open files is {limit}, but this node needs at least {needed}: {own} for itself and {clients} for \
     clients. Raise it: `ulimit -n 65536` in the shell that starts the server, LimitNOFILE=65536 in its systemd unit, \
     --ulimit nofile=65536 for its container"
)]
pub struct TooFewDescriptors {
    limit: u64,
    needed: u64,
    own: u64,
    clients: u64,
}

/// Raises the limit on open files as far as allowed; how many clients fit into it beside the node itself, which has
/// so many connections to the database.
///
/// # Errors
/// Too few for a node to be of use.
pub(crate) fn connections_allowed(config: &Config, database_connections: usize) -> Result<usize, TooFewDescriptors> {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    let limit = if setrlimit(Resource::Nofile, raised).is_ok() { raised } else { limit };
    let limit = limit.current.unwrap_or(u64::MAX);
    let wanted = config.limits.connections;
    let room = room(limit, own(config, database_connections), wanted)?;
    if room < wanted {
        log::info!("at most {room} connections: the limit on open files is {limit}");
    }
    Ok(room)
}

/// The settings, with the number of connections that there can be, and half of these at most for those of one address on which
/// nobody is logged in.
#[must_use]
pub(crate) fn leaving_room_for_others(config: &Config, connections_max: usize) -> Config {
    let mut config = config.clone();
    config.limits.connections = connections_max;
    let half = u32::try_from(connections_max / 2).unwrap_or(u32::MAX).max(1);
    config.limits.anonymous_per_address = config.limits.anonymous_per_address.map(|most| most.min(half));
    config
}

/// What the node opens besides its clients' sockets, at most.
fn own(config: &Config, database_connections: usize) -> u64 {
    let wide = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    let per_database_connection = if config.mysql.is_some() { 1 } else { PER_SQLITE_CONNECTION };
    // Each worker may have one more.
    let replicas = if config.mysql_read.is_some() { wide(database_connections) } else { 0 };
    let bus = if config.redis.is_some() { BUS } else { 0 };
    let admin = if config.admin.is_some() { ADMIN + wide(admin::CONNECTIONS_MAX) } else { 0 };
    let listeners = wide(config.listen.len() + config.listen_plain.len());
    let reactors = PER_REACTOR * wide(config.reactors);
    BASE + SPARE + listeners + reactors + per_database_connection * wide(database_connections) + replicas + bus + admin
}

fn room(limit: u64, own: u64, wanted: usize) -> Result<usize, TooFewDescriptors> {
    let clients = CLIENTS_MIN.min(u64::try_from(wanted).unwrap_or(u64::MAX));
    let needed = own + clients;
    if limit < needed {
        return Err(TooFewDescriptors { limit, needed, own, clients });
    }
    Ok(usize::try_from(limit - own).unwrap_or(usize::MAX).min(wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_that_leaves_no_room_for_clients_is_an_error_that_says_how_many_are_needed() {
        for limit in [0, 32, 64, 99, 131] {
            let refused = room(limit, 100, 1_000).unwrap_err().to_string();
            assert!(
                refused.starts_with(&format!("the limit on open files is {limit}, but this node needs at least 132"))
            );
            assert!(refused.contains("ulimit -n 65536"), "{refused}");
        }
        assert_eq!(room(132, 100, 1_000), Ok(32));
        assert_eq!(room(5_000, 100, 1_000), Ok(1_000));
        assert_eq!(room(105, 100, 5), Ok(5), "who wants few clients needs few descriptors");
        assert_eq!(room(u64::MAX, 100, 1_000), Ok(1_000));
    }

    #[test]
    fn what_a_node_needs_grows_with_what_it_has() {
        let single = Config::default();
        let cluster = Config {
            mysql: Some(String::new()),
            redis: Some(String::new()),
            admin: Some(single.listen[0]),
            ..single.clone()
        };
        assert!(own(&single, 9) < own(&Config { reactors: 200, ..single.clone() }, 9));
        assert!(own(&single, 9) < own(&single, 100));
        assert!(own(&cluster, 12) > 12 + 32);
        let reading = Config { mysql_read: Some(String::new()), ..cluster.clone() };
        assert!(own(&reading, 12) > own(&cluster, 12));
    }
}
