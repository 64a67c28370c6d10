//! What the supervisor is told: one datagram for each word, to the socket that `NOTIFY_SOCKET` names (sd_notify(3)).

use std::ffi::{OsStr, OsString};
use std::fmt::Display;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::Arc;

use rustix::time::{ClockId, clock_gettime};

/// Where the supervisor listens.
const VARIABLE: &str = "NOTIFY_SOCKET";

/// The way to the supervisor. Any thread may tell it something; a call does not wait.
#[derive(Clone, Default, Debug)]
pub(crate) struct Notifier {
    /// `None`: nobody wants to know.
    to: Option<Arc<(UnixDatagram, SocketAddr)>>,
}

impl Notifier {
    /// The supervisor of this process, if it has one.
    pub(crate) fn of_this_process() -> Self {
        let Some(name) = std::env::var_os(VARIABLE).filter(|name| !name.is_empty()) else { return Self::default() };
        Self::to(&name).unwrap_or_else(|error| {
            log::warn!("{VARIABLE} = {}: nothing can be told there: {error}", name.display());
            Self::default()
        })
    }

    /// One that listens at a path, or, behind `@`, at an abstract name.
    fn to(name: &OsStr) -> io::Result<Self> {
        let address = match name.as_bytes() {
            [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
            [b'/', ..] => SocketAddr::from_pathname(name)?,
            _ => return Err(io::Error::other("it must be a path, or an abstract name behind @")),
        };
        let socket = UnixDatagram::unbound()?;
        // A supervisor that does not read must not hold up the watchdog, nor the end.
        socket.set_nonblocking(true)?;
        Ok(Self { to: Some(Arc::new((socket, address))) })
    }

    /// Clients are served.
    pub(crate) fn ready(&self, status: impl Display) {
        self.tell(format_args!("READY=1\nSTATUS={status}"));
    }

    /// What a person should see in `systemctl status`, in one line.
    pub(crate) fn status(&self, status: impl Display) {
        self.tell(format_args!("STATUS={status}"));
    }

    /// The settings are being read again; [`Notifier::ready`] ends it.
    pub(crate) fn reloading(&self) {
        self.tell(format_args!("RELOADING=1\nMONOTONIC_USEC={}\nSTATUS=reading the settings again", monotonic_usec()));
    }

    /// No more clients are taken.
    pub(crate) fn stopping(&self) {
        self.tell("STOPPING=1\nSTATUS=stopping: what was taken is committed");
    }

    /// No thread hangs.
    pub(crate) fn watchdog(&self) {
        self.tell("WATCHDOG=1");
    }

    fn tell(&self, words: impl Display) {
        let Some((socket, address)) = self.to.as_deref() else { return };
        if let Err(error) = socket.send_to_addr(words.to_string().as_bytes(), address) {
            log::debug!("the supervisor cannot be told: {error}");
        }
    }
}

/// The clock that systemd compares with, in microseconds.
fn monotonic_usec() -> i64 {
    let time = clock_gettime(ClockId::Monotonic);
    time.tv_sec * 1_000_000 + time.tv_nsec / 1_000
}

/// A variable of the environment, if it is a number.
pub(super) fn number(name: &str) -> Option<u64> {
    std::env::var_os(name).as_ref().and_then(|value: &OsString| value.to_str()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_supervisor_hears_whole_words_at_a_path_and_at_an_abstract_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let at_path = UnixDatagram::bind(&path).unwrap();
        let name = format!("stonechat-test-{}", std::process::id());
        let abstractly = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        for (socket, name) in [(at_path, path.into_os_string()), (abstractly, format!("@{name}").into())] {
            let notifier = Notifier::to(&name).unwrap();
            notifier.ready("serving");
            notifier.reloading();
            let mut buffer = [0; 256];
            let mut heard = || {
                let read = socket.recv(&mut buffer).unwrap();
                String::from_utf8(buffer[..read].to_vec()).unwrap()
            };
            assert_eq!(heard(), "READY=1\nSTATUS=serving");
            let reloading = heard();
            let begun = reloading.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").unwrap().lines().next().unwrap();
            assert!(begun.parse::<i64>().unwrap() <= monotonic_usec());
        }
    }

    #[test]
    fn nobody_and_a_name_of_no_kind_are_no_trouble() {
        Notifier::default().stopping();
        assert!(Notifier::to(OsStr::new("vsock:2:1")).is_err());
        Notifier::to(OsStr::new("/nowhere/at/all")).unwrap().watchdog();
    }
}
