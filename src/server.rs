//! Wiring: starts everything in order, stops it in reverse.

use crate::config::Config;

/// Why the server did not start, or stopped other than in order.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A socket, a thread or a signal handler could not be had.
    #[error("{0}")]
    Io(#[from] std::io::Error),
}

/// Runs the server until SIGTERM or SIGINT. The calling thread becomes the acceptor.
pub fn run(config: &Config) -> Result<(), StartError> {
    let _ = config;
    Ok(())
}

/// Opens the store and changes nothing: no migration, and no folder where there is none yet. Returns the warnings about
/// its durability, or why it cannot be reached.
pub fn try_store(config: &Config) -> Result<Vec<String>, String> {
    let _ = config;
    Ok(Vec::new())
}

/// PINGs Redis, if there is to be one.
pub fn try_bus(config: &Config) -> Result<(), String> {
    let _ = config;
    Ok(())
}
