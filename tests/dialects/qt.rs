//! The Qt client of sponge and RayBox: it parses all that has arrived as one text, and loses what it cannot.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread::sleep;
use std::time::Duration;

use serde_json::{Value, json};

use crate::common::client::Stopwatch;
use crate::common::process::PATIENCE;

/// So long the client waits for the answer to a login, a registration or a logout; on a machine with more to do than the
/// tests it may take longer, which is not what is tested.
const SHOWN_AT_LEAST: Duration = Duration::from_millis(2);

/// The program, running.
pub(crate) struct Qt {
    socket: TcpStream,
    pub(crate) id: u64,
}

impl Qt {
    pub(crate) fn start(addr: SocketAddr) -> Self {
        let socket = TcpStream::connect(addr).unwrap();
        socket.set_nodelay(true).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        Self { socket, id: 0 }
    }

    pub(crate) fn join(addr: SocketAddr, name: &str) -> Self {
        let mut qt = Self::start(addr);
        let ack = qt.ask(json!({"msgType": 2, "name": name, "password": "secret"}));
        assert_eq!((&ack["errno"], &ack["msgType"]), (&json!(200), &json!(200)));
        qt.id = ack["USERID"].as_u64().unwrap();
        qt.log_in();
        qt
    }

    pub(crate) fn log_in(&mut self) {
        self.log_in_by("secret");
    }

    /// The same with another password.
    pub(crate) fn log_in_by(&mut self, password: &str) {
        let ack = self.ask(json!({"msgType": 1, "USERID": self.id, "password": password}));
        assert_eq!(ack, json!({"errno": 200, "msgType": 200}));
    }

    pub(crate) fn send(&mut self, object: Value) {
        self.send_bytes(object.to_string().as_bytes());
    }

    pub(crate) fn send_bytes(&mut self, bytes: &[u8]) {
        self.socket.write_all(bytes).unwrap();
    }

    pub(crate) fn ask(&mut self, object: Value) -> Value {
        self.send(object);
        self.next()
    }

    /// All that has arrived, as one text. Two at once would be lost, and so fail.
    pub(crate) fn next(&mut self) -> Value {
        let watch = Stopwatch::start();
        let mut buffer = vec![0; 65_536];
        loop {
            match self.socket.read(&mut buffer) {
                Ok(0) => panic!("the server has closed the connection"),
                Ok(read) => {
                    sleep(SHOWN_AT_LEAST);
                    let text = String::from_utf8_lossy(&buffer[..read]);
                    return serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: lost: {text}"));
                }
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(error) => panic!("{error}"),
            }
            assert!(watch.elapsed() < PATIENCE, "nothing has come");
        }
    }
}
