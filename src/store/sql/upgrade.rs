//! What a migration does to the data that SQL alone cannot say. Each step may be run again.

use super::{Done, Fault, Sql};
use crate::ids::hex;

/// Random bytes of an identity or an epoch; each is two hexadecimal digits.
const IDENTITY_BYTES: usize = 16;

/// Gives the data an identity and a first epoch, unless they have them.
pub(in crate::store) fn make_identity(sql: &mut dyn Sql) -> Done<()> {
    let (id, epoch) = (random_hex()?, random_hex()?);
    let statement = format!("{} Cluster (one, id, epoch) VALUES (1, ?, ?)", sql.dialect().insert_new);
    sql.run(&statement, &[id.as_str().into(), epoch.as_str().into()])?;
    Ok(())
}

/// A fresh identity: random, in hexadecimal digits.
pub(in crate::store) fn random_hex() -> Done<String> {
    let mut bytes = [0; IDENTITY_BYTES];
    getrandom::fill(&mut bytes).map_err(|error| Fault::Broken(format!("no random numbers: {error}").into()))?;
    Ok(hex(&bytes))
}
