//! Fakes of the programs of before, that read as the real ones do: one `recv` of 1,024 bytes into a zeroed buffer, the whole of it parsed
//! as one JSON text, and what is missing or of another type than the program asks for is the end of it. A fake that dies fails its test.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::common::client::Stopwatch;
use crate::common::process::PATIENCE;

/// On a machine with much to do a fake may not run for a while, and lose what the real programs would lose, then, too. So in these
/// tests the gap is longer than by default; that it is kept is tested with a clock of the test (dialects::speech).
pub(crate) const GAP: &str = "dialects.gap_ms=200";

/// What such a program takes with one call.
const RECV_BYTES: usize = 1024;
/// The real programs show what came before they read again: some milliseconds on a terminal.
const SHOWING: Duration = Duration::from_millis(2);

/// Which program it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Program {
    Course,
    Qq,
    Polaris,
}

/// How many kinds of objects a program tells apart, by number.
struct Numbers {
    key: &'static str,
    login: i64,
    login_ack: i64,
    register: i64,
    register_ack: i64,
    logout: i64,
    chat: i64,
    group_chat: i64,
}

impl Program {
    pub(crate) const ALL: [Self; 3] = [Self::Course, Self::Qq, Self::Polaris];

    fn numbers(self) -> Numbers {
        let (key, [login, login_ack, register, register_ack, logout, chat, group_chat]) = match self {
            Self::Course => ("msgid", [1, 2, 4, 5, 3, 6, 10]),
            Self::Qq => ("msgid", [1, 2, 3, 4, 10, 5, 9]),
            Self::Polaris => ("msgId", [1, 2, 5, 6, 3, 9, 13]),
        };
        Numbers { key, login, login_ack, register, register_ack, logout, chat, group_chat }
    }

    /// The key of somebody's own id in a group's requests, of a sender in a chat, of a name, and of the lists at a login.
    fn words(self) -> [&'static str; 3] {
        match self {
            Self::Course | Self::Qq => ["id", "name", "offlinemsg"],
            Self::Polaris => ["uid", "username", "offlinemsgs"],
        }
    }
}

/// A program that runs.
pub(crate) struct Old {
    program: Program,
    socket: TcpStream,
    pub(crate) id: u64,
    pub(crate) name: String,
    /// What it has shown besides acks, oldest first.
    pub(crate) shown: Vec<Value>,
    acks: Vec<Value>,
}

impl Old {
    /// Connects at once, as the programs do, and says nothing.
    pub(crate) fn start(program: Program, addr: SocketAddr) -> Self {
        let socket = TcpStream::connect(addr).unwrap();
        socket.set_nodelay(true).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        Self { program, socket, id: 0, name: String::new(), shown: Vec::new(), acks: Vec::new() }
    }

    /// A new account, logged in.
    pub(crate) fn join(program: Program, addr: SocketAddr, name: &str) -> Self {
        let mut old = Self::start(program, addr);
        let id = old.register(name);
        old.login(id);
        old
    }

    /// Sends an object as the program does: with one call, and a NUL behind it but for Polaris.
    pub(crate) fn send(&mut self, object: &Value) {
        let mut bytes = object.to_string().into_bytes();
        if self.program != Program::Polaris {
            bytes.push(0);
        }
        self.socket.write_all(&bytes).unwrap();
    }

    pub(crate) fn send_bytes(&mut self, bytes: &[u8]) {
        self.socket.write_all(bytes).unwrap();
    }

    /// Registers with the password `secret`; the new id.
    pub(crate) fn register(&mut self, name: &str) -> u64 {
        let ack = self.try_register(name);
        assert_eq!(ack["errno"], 0, "{ack}");
        ack[self.program.words()[0]].as_u64().unwrap()
    }

    pub(crate) fn try_register(&mut self, name: &str) -> Value {
        let numbers = self.program.numbers();
        let mut request = json!({"password": "secret"});
        request[numbers.key] = numbers.register.into();
        request[self.program.words()[1]] = name.into();
        self.send(&request);
        self.ack(numbers.register_ack)
    }

    /// Logs in, and shows what the reply has.
    pub(crate) fn login(&mut self, id: u64) -> Value {
        self.login_by(id, "secret")
    }

    /// The same with another password.
    pub(crate) fn login_by(&mut self, id: u64, password: &str) -> Value {
        let ack = self.try_login(id, password);
        assert_eq!(ack["errno"], 0, "{ack}");
        let [own_id, name, offline] = self.program.words();
        assert_eq!(ack[own_id], json!(id));
        self.id = id;
        ack[name].as_str().unwrap().clone_into(&mut self.name);
        for text in ack[offline].as_array().into_iter().flatten() {
            let message = serde_json::from_str(text.as_str().expect("the texts of objects")).unwrap();
            self.show_pending(message);
        }
        ack
    }

    pub(crate) fn try_login(&mut self, id: u64, password: &str) -> Value {
        let numbers = self.program.numbers();
        let mut request = json!({"password": password});
        request[numbers.key] = numbers.login.into();
        request[self.program.words()[0]] = id.into();
        self.send(&request);
        self.ack(numbers.login_ack)
    }

    pub(crate) fn log_out(&mut self) {
        let numbers = self.program.numbers();
        let mut request = json!({});
        request[numbers.key] = numbers.logout.into();
        request[self.program.words()[0]] = self.id.into();
        self.send(&request);
    }

    pub(crate) fn chat(&mut self, to: u64, msg: &str) {
        let object = match self.program {
            Program::Polaris => {
                json!({"msgId": 9, "from": self.id, "to": to, "username": self.name, "msg": msg, "time": "2026-03-14 09:26:53"})
            }
            program => json!({
                "msgid": program.numbers().chat, "id": self.id, "name": self.name, "toid": to, "msg": msg,
                "time": "2026-03-14 09:26:53",
            }),
        };
        self.send(&object);
    }

    pub(crate) fn group_chat(&mut self, group: u64, msg: &str) {
        let object = match self.program {
            Program::Course => json!({"msgid": 10, "id": self.id, "name": self.name, "groupid": group, "msg": msg}),
            Program::Qq => json!({"msgid": 9, "userid": self.id, "name": self.name, "groupid": group, "msg": msg}),
            Program::Polaris => json!({"msgId": 13, "uid": self.id, "username": self.name, "gid": group, "msg": msg}),
        };
        self.send(&object);
    }

    pub(crate) fn add_friend(&mut self, friend: u64) {
        let object = match self.program {
            Program::Course => json!({"msgid": 7, "id": self.id, "friendid": friend}),
            Program::Qq => json!({"msgid": 6, "id": self.id, "friendid": friend}),
            Program::Polaris => json!({"msgId": 10, "uid": self.id, "fid": friend}),
        };
        self.send(&object);
    }

    pub(crate) fn create_group(&mut self, name: &str) {
        let object = match self.program {
            Program::Course => json!({"msgid": 8, "id": self.id, "groupname": name, "groupdesc": "d"}),
            Program::Qq => json!({"msgid": 7, "userid": self.id, "groupname": name, "groupdesc": "d"}),
            Program::Polaris => json!({"msgId": 11, "uid": self.id, "groupname": name, "groupdesc": "d"}),
        };
        self.send(&object);
    }

    pub(crate) fn join_group(&mut self, group: u64) {
        let object = match self.program {
            Program::Course => json!({"msgid": 9, "id": self.id, "groupid": group}),
            Program::Qq => json!({"msgid": 8, "userid": self.id, "groupid": group}),
            Program::Polaris => json!({"msgId": 12, "uid": self.id, "gid": group}),
        };
        self.send(&object);
    }

    /// Waits until so many messages were shown.
    pub(crate) fn wait_for_shown(&mut self, count: usize) {
        let watch = Stopwatch::start();
        while self.shown.len() < count {
            self.receive();
            assert!(watch.elapsed() < PATIENCE, "{count} messages were awaited: {:?}", self.shown);
        }
    }

    /// The texts that were shown, oldest first.
    pub(crate) fn texts(&self) -> Vec<&str> {
        self.shown.iter().map(|message| message["msg"].as_str().unwrap()).collect()
    }

    /// Reads for a while, for what should not come.
    pub(crate) fn linger(&mut self, time: Duration) {
        let until = Instant::now() + time;
        while Instant::now() < until {
            self.receive();
        }
    }

    /// The ack of this number, of a request that was sent by hand.
    pub(crate) fn awaited(&mut self, number: i64) -> Value {
        self.ack(number)
    }

    /// The main thread waits for exactly one ack.
    fn ack(&mut self, number: i64) -> Value {
        let watch = Stopwatch::start();
        loop {
            if let Some(ack) = self.acks.pop() {
                assert_eq!(ack[self.program.numbers().key], json!(number), "another ack than the one awaited: {ack}");
                assert!(self.acks.is_empty(), "more than one ack: {ack} and {:?}", self.acks);
                return ack;
            }
            self.receive();
            assert!(watch.elapsed() < PATIENCE, "no ack {number} has come: the program hangs");
        }
    }

    /// Whether the server has closed the connection.
    pub(crate) fn is_closed(&mut self) -> bool {
        let mut byte = [0];
        match self.socket.peek(&mut byte) {
            // What it says before it closes is for clients of ours.
            Ok(_) => true,
            Err(error) => !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
        }
    }

    /// One `recv`, and what the program does with it.
    fn receive(&mut self) {
        let mut buffer = [0; RECV_BYTES];
        match self.socket.read(&mut buffer) {
            Ok(0) => panic!("the server has closed the connection: the program exits"),
            Ok(_) => {}
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => return,
            Err(error) => panic!("the connection broke: the program exits: {error}"),
        }
        // What follows a NUL is lost; a buffer without one is taken whole.
        let text = buffer.split(|byte| *byte == 0).next().unwrap();
        let object: Value = serde_json::from_slice(text)
            .unwrap_or_else(|error| panic!("{error}: the program aborts of {:?}", String::from_utf8_lossy(text)));
        self.take(object);
        sleep(SHOWING);
    }

    fn take(&mut self, object: Value) {
        let numbers = self.program.numbers();
        let number =
            object[numbers.key].as_i64().unwrap_or_else(|| panic!("no number: the program aborts of {object}"));
        let acks = [numbers.login_ack, numbers.register_ack];
        let refresh_ack = if self.program == Program::Polaris { 8 } else { -1 };
        if acks.contains(&number) || number == refresh_ack {
            self.check_ack(&object);
            self.acks.push(object);
        } else if number == numbers.chat || number == numbers.group_chat {
            self.check_message(&object);
            self.shown.push(object);
        }
        // Others are ignored.
    }

    fn check_ack(&self, ack: &Value) {
        let numbers = self.program.numbers();
        let [id, name, _] = self.program.words();
        let errno = ack["errno"].as_i64().unwrap_or_else(|| panic!("no errno: the program aborts of {ack}"));
        if errno != 0 {
            let needs_text = self.program == Program::Polaris || ack[numbers.key] == json!(numbers.login_ack);
            assert!(!needs_text || ack["errmsg"].is_string(), "no errmsg: {ack}");
            return;
        }
        assert!(ack[id].is_u64(), "{ack}");
        if ack[numbers.key] == json!(numbers.register_ack) {
            return;
        }
        assert!(ack[name].as_str().is_some_and(|name| !name.is_empty()), "{ack}");
        for friend in texts_of(ack, "friends") {
            assert!(friend[id].is_u64() && friend[name].is_string() && friend["state"].is_string(), "{friend}");
        }
        let [group_id, users, member_id, role] = match self.program {
            Program::Course => ["id", "users", "id", "role"],
            Program::Qq => ["groupid", "users", "userid", "role"],
            Program::Polaris => ["gid", "groupusers", "uid", "grouprole"],
        };
        for group in texts_of(ack, "groups") {
            assert!(group[group_id].is_u64() && group["groupname"].is_string(), "{group}");
            assert!(group["groupdesc"].is_string(), "{group}");
            for user in texts_of(&group, users) {
                assert!(user[member_id].is_u64() && user[name].is_string(), "{user}");
                assert!(user[role].is_string() && user["state"].is_string(), "{user}");
            }
        }
    }

    fn check_message(&self, message: &Value) {
        let name = self.program.words()[1];
        assert!([name, "msg", "time"].iter().all(|key| message[*key].is_string()), "the program aborts of {message}");
        if self.program == Program::Polaris {
            assert!(message["from"].is_u64() || message["gid"].is_u64() && message["uid"].is_u64(), "{message}");
        }
    }

    fn show_pending(&mut self, message: Value) {
        let numbers = self.program.numbers();
        let number = message[numbers.key].as_i64().unwrap();
        // The course's shows any other number as a group's message; the others pass over what they do not know.
        if self.program == Program::Course || [numbers.chat, numbers.group_chat].contains(&number) {
            self.shown.push(message);
        }
    }
}

/// The elements of a list, each of which is the text of an object.
pub(crate) fn texts_of(object: &Value, list: &str) -> Vec<Value> {
    let list = object.get(list).and_then(Value::as_array).cloned().unwrap_or_default();
    let texts =
        list.iter().map(|text| text.as_str().unwrap_or_else(|| panic!("{text} is no text: the program aborts")));
    texts.map(|text| serde_json::from_str(text).unwrap()).collect()
}
