//! One connection that may die at any moment: lines out and in, nothing panics.

use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

use crate::common::node::expects_proxy_header;

/// How long a connect may take.
const CONNECT: Duration = Duration::from_secs(5);

/// What a look at the connection shows.
pub enum Heard {
    /// A line.
    Line(Value),
    /// Nothing yet.
    Nothing,
    /// The connection is gone.
    Gone,
}

/// A connection.
pub struct Line {
    reader: BufReader<TcpStream>,
    partial: Vec<u8>,
}

impl Line {
    /// `None` where nobody listens.
    pub fn open(door: SocketAddr, patience: Duration) -> Option<Self> {
        let stream = TcpStream::connect_timeout(&door, CONNECT).ok()?;
        stream.set_nodelay(true).ok()?;
        stream.set_read_timeout(Some(patience)).ok()?;
        stream.set_write_timeout(Some(CONNECT)).ok()?;
        let mut line = Self { reader: BufReader::new(stream), partial: Vec::new() };
        if expects_proxy_header(door) {
            line.send_raw(b"PROXY UNKNOWN\r\n").then_some(())?;
        }
        Some(line)
    }

    /// Whether it went out.
    pub fn send(&mut self, value: &Value) -> bool {
        self.send_raw(format!("{value}\n").as_bytes())
    }

    fn send_raw(&mut self, bytes: &[u8]) -> bool {
        self.reader.get_mut().write_all(bytes).is_ok()
    }

    /// The next line, if it comes within the patience given at the start.
    pub fn hear(&mut self) -> Heard {
        match self.reader.read_until(b'\n', &mut self.partial) {
            Ok(_) if self.partial.ends_with(b"\n") => {
                let line = serde_json::from_slice(&self.partial).unwrap_or(Value::Null);
                self.partial.clear();
                Heard::Line(line)
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => Heard::Nothing,
            Ok(_) | Err(_) => Heard::Gone,
        }
    }
}
