//! What the server and systemd have to say to each other: a supervisor that speaks sd_notify(3) and sd_listen_fds(3). Without one
//! all of this is silent.
//!
//! ```text
//!   sockets.rs    sockets that systemd has opened ahead of the start
//!   notify.rs     READY, STATUS, RELOADING, STOPPING to the supervisor
//!   watchdog.rs   WATCHDOG, as long as no thread hangs
//! ```

pub(crate) mod notify;
pub(crate) mod sockets;
pub(crate) mod watchdog;
