//! Kernel calls that no crate wraps. The one file that may say unsafe.
#![expect(unsafe_code, reason = "an ioctl has no safe wrapper in the crates we use")]

use std::io;
use std::os::fd::{AsFd, AsRawFd};

/// Bytes written to a TCP socket that the peer's TCP has not acknowledged yet, those not even sent among them. After
/// our own FIN it counts as one more.
///
/// # Errors
/// The kernel's, when the descriptor is no connected socket.
pub(super) fn unacknowledged_bytes(socket: &impl AsFd) -> io::Result<u64> {
    let mut bytes: libc::c_int = 0;
    // SAFETY: the descriptor is open for as long as `socket` is borrowed, and SIOCOUTQ (which has TIOCOUTQ's number)
    // writes one int to the address given, that of a live local.
    let status = unsafe { libc::ioctl(socket.as_fd().as_raw_fd(), libc::TIOCOUTQ, &raw mut bytes) };
    if status < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(u64::try_from(bytes).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn counts_what_the_peer_has_no_room_for() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut sender = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut receiver, _) = listener.accept().unwrap();
        assert_eq!(unacknowledged_bytes(&sender).unwrap(), 0);

        sender.set_nonblocking(true).unwrap();
        let (piece, mut written) = (vec![0; 65536], 0);
        while let Ok(bytes) = sender.write(&piece) {
            written += bytes as u64;
        }
        let waiting = unacknowledged_bytes(&sender).unwrap();
        assert!(waiting > 0 && waiting <= written, "{waiting} of {written}");

        let mut rest = vec![0; usize::try_from(written).unwrap()];
        receiver.read_exact(&mut rest).unwrap();
        while unacknowledged_bytes(&sender).unwrap() > 0 {
            std::thread::yield_now();
        }
    }

    #[test]
    fn another_descriptor_is_an_error() {
        assert!(unacknowledged_bytes(&File::open("/dev/null").unwrap()).is_err());
    }
}
