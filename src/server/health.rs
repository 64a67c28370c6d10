//! What `health` asks: whether the node behind the admin address serves clients.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

use crate::config::Config;

/// The admin port answers at once, whatever the database does.
const PATIENCE: Duration = Duration::from_secs(5);
/// More than the answer ever is.
const ANSWER_BYTES_MAX: u64 = 64 * 1024;

/// Asks for /readyz at the `admin` address.
///
/// # Errors
/// A sentence for a person: there is no such address, nothing answers there, or what is not ready.
pub fn ask_readiness(config: &Config) -> Result<(), String> {
    let Some(address) = config.admin else {
        return Err("admin is not set: without it a node does not say how it is".to_owned());
    };
    let answer = get_readyz(reachable(address)).map_err(|error| match error.kind() {
        // A process that hangs has its connections taken up by the kernel.
        ErrorKind::WouldBlock | ErrorKind::TimedOut => {
            format!("{address} does not answer: nothing came within {} s", PATIENCE.as_secs())
        }
        _ => format!("{address} does not answer: {error}"),
    })?;
    if answer.split(' ').nth(1) == Some("200") {
        return Ok(());
    }
    Err(answer.split_once("\r\n\r\n").map_or(answer.as_str(), |(_, body)| body.trim_end()).to_owned())
}

/// Who listens at all addresses listens at loopback, too.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(if address.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() });
    }
    address
}

fn get_readyz(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(stream, "GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.take(ANSWER_BYTES_MAX).read_to_string(&mut answer)?;
    Ok(answer)
}
