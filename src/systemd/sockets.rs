//! Sockets that systemd has opened ahead of the start (sd_listen_fds(3)): clients may connect while the server starts, or starts anew,
//! and wait.

use std::net::TcpListener;

use listenfd::ListenFd;

use super::notify::number;

/// The name (`FileDescriptorName=`) of sockets on which TLS is never demanded; all others are what `listen` would say.
const PLAIN: &str = "listen_plain";

/// A listening socket that was passed to this process.
#[derive(Debug)]
pub(crate) struct Passed {
    /// The socket.
    pub(crate) socket: TcpListener,
    /// Whether it stands for one of `listen_plain`.
    pub(crate) is_plain: bool,
}

/// Takes the sockets that were passed to this process; none without a supervisor. To be called once, before there are other
/// threads: it changes the environment.
///
/// # Errors
/// A sentence for a person: one of them is no TCP socket.
pub(crate) fn passed() -> Result<Vec<Passed>, String> {
    if number("LISTEN_PID") != Some(u64::from(std::process::id())) {
        return Ok(Vec::new());
    }
    let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
    let mut names = names.split(':');
    let mut all = ListenFd::from_env();
    let mut passed = Vec::new();
    for index in 0..all.len() {
        let name = names.next().unwrap_or_default();
        let socket = all
            .take_tcp_listener(index)
            .map_err(|error| format!("a socket that was passed to the server ({name}) is of no use: {error}"))?;
        passed.extend(socket.map(|socket| Passed { socket, is_plain: name == PLAIN }));
    }
    Ok(passed)
}
