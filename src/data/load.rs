//! `stonechat load`: a dump becomes the data of an empty database.

use std::io::Read;

use super::error::DataError;
use super::incoming::Incoming;
use crate::config::Config;
use crate::store::ClusterRow;
use crate::store::whole::Ending;

/// Whose life the data go on with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Identity {
    /// Their own: a client goes on as if nothing had happened.
    Kept,
    /// A new one: both may be used from now on.
    New,
}

/// Loads the dump into the database of the settings, which must be empty. Nothing is written before all of it is there and right.
///
/// # Errors
/// See [`DataError`]. The database is empty then, or marked so that nobody serves it and the next load goes on from there.
pub fn load(config: &Config, from: impl Read, identity: Identity) -> Result<(), DataError> {
    let database = super::database(config)?;
    let mut incoming = Incoming::take(from)?;
    log::info!("the dump of stonechat {} is whole: {} lines", incoming.head.version, incoming.lines);
    let cluster = match identity {
        Identity::Kept => {
            Some(ClusterRow { id: incoming.head.cluster.clone(), epoch: incoming.head.epoch.clone(), moment: None })
        }
        Identity::New => None,
    };
    let ending = Ending { cluster, last_ids: incoming.last_ids.clone() };
    database.fill(&ending, &mut || incoming.batch())?;
    log::info!("loaded");
    Ok(())
}
