//! The limit on open files: raised as far as allowed, or told.

use anyhow::{Result, ensure};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors besides the connections.
const SPARE: u64 = 64;

/// Makes room for so many connections.
///
/// # Errors
/// The system does not allow it; the text says what to set.
pub(crate) fn allow(connections: usize) -> Result<()> {
    let wanted = connections as u64 + SPARE;
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= wanted) {
        return Ok(());
    }
    let maximum = limit.maximum.map(|maximum| maximum.max(wanted));
    // Only root may raise the maximum; everybody may go up to it.
    let raised = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum }).is_ok();
    ensure!(
        raised,
        "{connections} connections need {wanted} open files, and {} are allowed: set `ulimit -n {wanted}` (as root, or \
         by nofile in /etc/security/limits.conf), for the server as well",
        limit.maximum.unwrap_or(0)
    );
    Ok(())
}
