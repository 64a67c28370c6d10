//! A WebSocket, byte by byte: what no library lets a client do can be done here.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use super::process::PATIENCE;

pub const TEXT: u8 = 0x81;
pub const CLOSE: u8 = 0x88;
pub const PING: u8 = 0x89;
pub const PONG: u8 = 0x8a;

/// A WebSocket, byte by byte.
pub struct Socket {
    pub stream: TcpStream,
}

/// Sends a request for a WebSocket with these further fields; the socket, and the response's head.
pub fn ask_for(addr: SocketAddr, fields: &str) -> (TcpStream, String) {
    let request = format!(
        "GET /ws HTTP/1.1\r\nHost: {addr}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{fields}\r\n"
    );
    http(addr, &request)
}

/// Sends bytes, and reads a response's head.
pub fn http(addr: SocketAddr, request: &str) -> (TcpStream, String) {
    let mut stream = TcpStream::connect(addr).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream
            .read_exact(&mut byte)
            .unwrap_or_else(|error| panic!("{error} after {:?}", String::from_utf8_lossy(&head)));
        head.push(byte[0]);
    }
    (stream, String::from_utf8(head).unwrap())
}

/// A frame as a client sends it.
pub fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mask = [0x37, 0xfa, 0x21, 0x3d];
    let mut frame = vec![first];
    match payload.len() {
        len @ 0..=125 => frame.push(0x80 | u8::try_from(len).unwrap()),
        len @ 126..=65_535 => {
            frame.push(0xfe);
            frame.extend(u16::try_from(len).unwrap().to_be_bytes());
        }
        len => {
            frame.push(0xff);
            frame.extend((len as u64).to_be_bytes());
        }
    }
    frame.extend(mask);
    frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}

impl Socket {
    pub fn open(addr: SocketAddr) -> Self {
        let (stream, head) = ask_for(addr, "");
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        assert!(head.contains("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"), "{head}");
        Self { stream }
    }

    pub fn send(&mut self, first: u8, payload: &[u8]) {
        self.stream.write_all(&frame(first, payload)).unwrap();
    }

    /// The next frame: its first byte, and what it carries.
    pub fn frame(&mut self) -> (u8, Vec<u8>) {
        let mut head = [0; 2];
        self.stream.read_exact(&mut head).unwrap();
        assert_eq!(head[1] & 0x80, 0, "a server does not mask");
        let mut wide = [0; 8];
        let len = match head[1] {
            126 => {
                self.stream.read_exact(&mut wide[6..]).unwrap();
                u64::from_be_bytes(wide)
            }
            127 => {
                self.stream.read_exact(&mut wide).unwrap();
                u64::from_be_bytes(wide)
            }
            short => short.into(),
        };
        let mut payload = vec![0; usize::try_from(len).unwrap()];
        self.stream.read_exact(&mut payload).unwrap();
        (head[0], payload)
    }

    /// Waits for the Close frame, and for the end behind it; the code.
    pub fn expect_closed(&mut self) -> u16 {
        loop {
            let (first, payload) = self.frame();
            assert_ne!(first, PING, "nothing has come for long, and the server asks whether anybody is there");
            if first == CLOSE {
                let mut rest = Vec::new();
                self.stream.read_to_end(&mut rest).unwrap();
                assert!(rest.is_empty(), "nothing follows a Close: {rest:?}");
                return u16::from_be_bytes([payload[0], payload[1]]);
            }
        }
    }
}
