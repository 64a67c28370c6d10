//! Where the server listens: at the addresses of the settings, or at sockets that systemd has opened in their place.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use crate::config::Config;
use crate::net::Accepts;
use crate::net::acceptor::{Place, Reserved, Unavailable};
use crate::start_error::{StartError, listen_error};
use crate::systemd::sockets::{self, Passed};

/// The key of addresses on which TLS may be demanded.
const LISTEN: &str = "listen";
/// The key of addresses on which it is not.
const LISTEN_PLAIN: &str = "listen-plain";

/// Takes the addresses. Sockets that were passed to the process stand for the key of their kind, whose addresses do not count then.
pub(super) fn reserve(config: &Config) -> Result<Reserved, StartError> {
    let passed = sockets::passed().map_err(StartError::Passed)?;
    let (plain, demanding): (Vec<Passed>, Vec<Passed>) = passed.into_iter().partition(|passed| passed.is_plain);
    let of = |addresses: &[SocketAddr], accepts, setting| -> Vec<Place> {
        addresses.iter().map(|address| Place { address: *address, accepts, setting }).collect()
    };
    let mut places = Vec::new();
    if demanding.is_empty() {
        places.extend(of(&config.listen, Accepts::OnlyTls, LISTEN));
    }
    if plain.is_empty() {
        places.extend(of(&config.listen_plain, Accepts::PlainAndTls, LISTEN_PLAIN));
    }
    let listening = demanding.into_iter().chain(plain).map(listening).collect();
    Reserved::bind(listening, &places).map_err(unavailable)
}

/// A socket that was passed, with its place.
fn listening(Passed { socket, is_plain }: Passed) -> (TcpListener, Place) {
    let (accepts, setting) = if is_plain { (Accepts::PlainAndTls, LISTEN_PLAIN) } else { (Accepts::OnlyTls, LISTEN) };
    // The place is only for the log; the kernel knows the address of every socket that listens.
    let address = socket.local_addr().unwrap_or((Ipv4Addr::UNSPECIFIED, 0).into());
    (socket, Place { address, accepts, setting })
}

pub(super) fn unavailable(Unavailable { place, source }: Unavailable) -> StartError {
    listen_error(place.address, place.setting)(source)
}
