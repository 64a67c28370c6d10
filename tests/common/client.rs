//! One client connection: lines out, lines in, each wait with a deadline.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::node::expects_proxy_header;
use super::process::{PATIENCE, wait_for};

/// Everybody's password.
pub const PASSWORD: &str = "correct horse battery";

/// A name nobody else in this test process has.
pub fn unique(prefix: &str) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    format!("{prefix}-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Measures how long something took, where that is what is promised.
pub struct Stopwatch(Instant);

impl Stopwatch {
    pub fn start() -> Self {
        Self(Instant::now())
    }

    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

/// The msgid of the reply to a request.
pub fn reply_of(msgid: i64) -> i64 {
    match msgid {
        3 => 16,
        6 => 11,
        10 => 12,
        7 => 13,
        8 => 14,
        9 => 15,
        other => other + 1,
    }
}

/// Whether some field of the object has this value. NOTICE names its fields by kind.
pub fn mentions(object: &Value, number: u64) -> bool {
    object.as_object().expect("an object").values().any(|value| *value == json!(number))
}

/// A registered user.
#[derive(Clone, Debug)]
pub struct Account {
    pub id: u64,
    pub name: String,
}

impl Account {
    /// Registers a new user whose name begins with `prefix`.
    pub fn register(addr: SocketAddr, prefix: &str) -> Self {
        Self::register_as(addr, &unique(prefix))
    }

    /// Registers a user of this name.
    pub fn register_as(addr: SocketAddr, name: &str) -> Self {
        let name = name.to_owned();
        let reply = Client::connect(addr).ok(json!({"msgid": 4, "name": name, "pwd": PASSWORD}));
        let id = reply["id"].as_u64().unwrap_or_else(|| panic!("REGISTER_ACK without an id: {reply}"));
        Self { id, name }
    }

    /// Logs in as a client that confirms (`ack: true`).
    pub fn login(&self, addr: SocketAddr) -> Client {
        self.login_with(addr, json!({"pwd": PASSWORD, "ack": true}))
    }

    /// Logs in as a client that never confirms.
    pub fn login_unconfirming(&self, addr: SocketAddr) -> Client {
        self.login_with(addr, json!({"pwd": PASSWORD}))
    }

    /// Logs in as a confirming client from a named device.
    pub fn login_from(&self, addr: SocketAddr, device: &str) -> Client {
        self.login_with(addr, json!({"pwd": PASSWORD, "ack": true, "device": device}))
    }

    /// Logs in with these further fields. Waits while an earlier session, closed but not yet noticed, is in the way.
    pub fn login_with(&self, addr: SocketAddr, fields: Value) -> Client {
        let mut client = Client::connect(addr);
        let mut request = json!({"msgid": 1, "id": self.id});
        merge(&mut request, fields);
        let reply = wait_for("a login that no earlier session is in the way of", || {
            let reply = client.request(request.clone());
            (reply["errno"] != 2).then_some(reply)
        });
        assert_eq!(reply["errno"], 0, "login of {} with {request}: {reply}", self.name);
        client.welcomed(reply);
        client
    }

    /// The messages a new confirming session finds pending; it confirms none. With its deadline it is a way to wait
    /// for cursors, which are written a moment late.
    pub fn pending(&self, addr: SocketAddr) -> Vec<Value> {
        let mut client = self.login(addr);
        let pending = client.offline_messages();
        client.log_out();
        pending
    }
}

fn merge(into: &mut Value, fields: Value) {
    let Value::Object(fields) = fields else { panic!("fields of an object, not {fields}") };
    into.as_object_mut().expect("an object").extend(fields);
}

/// What came, if anything.
enum Incoming {
    Line(String),
    Closed,
    Late,
}

/// A connection, and after login whose it is.
pub struct Client {
    reader: BufReader<TcpStream>,
    /// The beginning of a line whose end has not come yet.
    partial: Vec<u8>,
    /// What came while another line was waited for, oldest first.
    stash: VecDeque<Value>,
    pub id: u64,
    pub name: String,
    pub token: String,
    /// The login reply.
    pub welcome: Value,
}

impl Client {
    /// Connects; says the PROXY header of a local connection where the node asks for one.
    pub fn connect(addr: SocketAddr) -> Self {
        let mut client = Self::connect_bare(addr);
        if expects_proxy_header(addr) {
            client.send_raw(b"PROXY UNKNOWN\r\n");
        }
        client
    }

    /// Connects and says nothing.
    pub fn connect_bare(addr: SocketAddr) -> Self {
        let connected = TcpStream::connect_timeout(&addr, PATIENCE);
        Self::over(connected.unwrap_or_else(|error| panic!("cannot connect to {addr}: {error}")))
    }

    /// Connects; `None` where nobody listens.
    pub fn try_connect(addr: SocketAddr) -> Option<Self> {
        TcpStream::connect_timeout(&addr, PATIENCE).ok().map(Self::over)
    }

    /// Connects as if through a proxy, from this address.
    pub fn connect_from(addr: SocketAddr, client_address: &str) -> Self {
        let mut client = Self::connect_bare(addr);
        let (family, proxy) = if client_address.contains(':') { ("TCP6", "::1") } else { ("TCP4", "127.0.0.1") };
        client.send_raw(format!("PROXY {family} {client_address} {proxy} 40000 8000\r\n").as_bytes());
        client
    }

    /// A client on a socket that the test made.
    pub fn over(stream: TcpStream) -> Self {
        stream.set_nodelay(true).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Self {
            reader: BufReader::with_capacity(64 * 1024, stream),
            partial: Vec::new(),
            stash: VecDeque::new(),
            id: 0,
            name: String::new(),
            token: String::new(),
            welcome: Value::Null,
        }
    }

    /// Registers a user whose name begins with `prefix`, and logs in as a confirming client.
    pub fn newcomer(addr: SocketAddr, prefix: &str) -> Self {
        Account::register(addr, prefix).login(addr)
    }

    /// Logs in by name as a confirming client.
    pub fn login_as(addr: SocketAddr, name: &str) -> Self {
        let mut client = Self::connect(addr);
        let reply = client.ok(json!({"msgid": 1, "name": name, "pwd": PASSWORD, "ack": true}));
        client.welcomed(reply);
        client
    }

    /// Takes over by token, as a client does whose network changed.
    pub fn resume(addr: SocketAddr, id: u64, token: &str) -> Self {
        let mut client = Self::connect(addr);
        let reply = client.ok(json!({"msgid": 1, "id": id, "token": token, "ack": true}));
        client.welcomed(reply);
        client
    }

    pub fn account(&self) -> Account {
        Account { id: self.id, name: self.name.clone() }
    }

    /// Notes who the client is from a login reply.
    pub fn welcomed(&mut self, reply: Value) {
        self.id = reply["id"].as_u64().unwrap_or_else(|| panic!("LOGIN_ACK without an id: {reply}"));
        let text = |field: &str| -> String {
            reply[field].as_str().unwrap_or_else(|| panic!("LOGIN_ACK without a {field}: {reply}")).to_owned()
        };
        self.name = text("name");
        self.token = text("token");
        self.welcome = reply;
    }

    /// The pending messages that came with the login reply.
    pub fn offline_messages(&self) -> Vec<Value> {
        self.welcome["offlinemsg"].as_array().unwrap_or_else(|| panic!("no offlinemsg[]: {}", self.welcome)).clone()
    }

    // --- sending ----------------------------------------------------------------------------------------------

    pub fn send(&mut self, value: &Value) {
        self.send_raw(format!("{value}\n").as_bytes());
    }

    pub fn send_raw(&mut self, bytes: &[u8]) {
        if let Err(error) = self.reader.get_ref().write_all(bytes) {
            panic!("cannot send {} bytes to the server: {error}", bytes.len());
        }
    }

    /// Sends to a server that may have closed the connection; whether the bytes went out.
    pub fn try_send_raw(&mut self, bytes: &[u8]) -> bool {
        self.reader.get_ref().write_all(bytes).is_ok()
    }

    pub fn stream(&self) -> &TcpStream {
        self.reader.get_ref()
    }

    // --- receiving --------------------------------------------------------------------------------------------

    /// The next line as it came, without its end. Stashed lines are not among them.
    pub fn recv_line(&mut self) -> String {
        match self.read_line(Instant::now() + PATIENCE) {
            Incoming::Line(line) => line,
            Incoming::Closed => {
                panic!("waited for a line, but the server closed the connection; {}", self.whole_stash())
            }
            Incoming::Late => panic!("waited {PATIENCE:?} for a line in vain; {}", self.whole_stash()),
        }
    }

    /// The next message, stashed or new.
    pub fn recv(&mut self) -> Value {
        self.stash.pop_front().unwrap_or_else(|| self.read())
    }

    /// The next message, stashed or new; `None` when the server closed the connection.
    pub fn recv_or_closed(&mut self) -> Option<Value> {
        if let Some(stashed) = self.stash.pop_front() {
            return Some(stashed);
        }
        match self.read_line(Instant::now() + PATIENCE) {
            Incoming::Line(line) => Some(parse(&line)),
            Incoming::Closed => None,
            Incoming::Late => panic!("waited {PATIENCE:?} for a line or the end of the connection in vain"),
        }
    }

    /// Sends the request and waits for its reply, stashing pushes that come first.
    pub fn request(&mut self, request: Value) -> Value {
        let msgid = request["msgid"].as_i64().expect("a request with a msgid");
        self.send(&request);
        self.reply(reply_of(msgid), &request)
    }

    /// A request that must succeed.
    pub fn ok(&mut self, request: Value) -> Value {
        let reply = self.request(request.clone());
        assert_eq!(reply["errno"], 0, "expected errno 0 for {request}, got {reply}");
        reply
    }

    /// A request that must fail with this errno and say why.
    pub fn refused(&mut self, request: Value, errno: i64) -> Value {
        let reply = self.request(request.clone());
        assert_eq!(reply["errno"], errno, "expected errno {errno} for {request}, got {reply}");
        let errmsg = reply["errmsg"].as_str().unwrap_or_default();
        assert!(!errmsg.is_empty(), "a failure says why, but errmsg is missing: {reply}");
        reply
    }

    /// Waits for a message of this msgid, stashing others that come first.
    pub fn reply(&mut self, msgid: i64, request: &Value) -> Value {
        loop {
            let message = match self.read_line(Instant::now() + PATIENCE) {
                Incoming::Line(line) => parse(&line),
                Incoming::Closed => panic!("the server closed the connection instead of answering {request} ({msgid})"),
                Incoming::Late => {
                    panic!("no reply {msgid} to {request} within {PATIENCE:?}; {}", self.whole_stash())
                }
            };
            assert!(message["msgid"] != 19, "expected reply {msgid} to {request}, got {message}");
            if message["msgid"] == msgid {
                return message;
            }
            self.stash.push_back(message);
        }
    }

    /// The next push of this kind, stashed or new. Others stay in the stash.
    pub fn expect_push(&mut self, msgid: i64) -> Value {
        if let Some(at) = self.stash.iter().position(|message| message["msgid"] == msgid) {
            return self.stash.remove(at).expect("found just above");
        }
        self.reply(msgid, &json!("a push"))
    }

    /// The next NOTICE of this kind. Other kinds stay in the stash.
    pub fn expect_notice(&mut self, kind: &str) -> Value {
        let is_it = |message: &Value| message["msgid"] == 49 && message["kind"] == kind;
        if let Some(at) = self.stash.iter().position(is_it) {
            return self.stash.remove(at).expect("found just above");
        }
        loop {
            let message = self.reply(49, &json!(format!("NOTICE {kind}")));
            if is_it(&message) {
                return message;
            }
            self.stash.push_back(message);
        }
    }

    /// The next `count` messages of this kind, in the order they came.
    pub fn expect_pushes(&mut self, msgid: i64, count: usize) -> Vec<Value> {
        (0..count).map(|_| self.expect_push(msgid)).collect()
    }

    /// A PING went round, and nothing but its PONG came before.
    pub fn expect_silence(&mut self) {
        self.ok(json!({"msgid": 17, "tag": "silence"}));
        assert!(self.stash.is_empty(), "expected nothing, got {}", self.whole_stash());
    }

    /// Forgets what came unasked so far, a PING's round trip included.
    pub fn forget_pushes(&mut self) {
        self.ok(json!({"msgid": 17}));
        self.stash.clear();
    }

    /// Reads until the server has closed the connection; what came before.
    pub fn expect_closed(&mut self) -> Vec<Value> {
        let mut last = Vec::new();
        while let Some(message) = self.recv_or_closed() {
            last.push(message);
        }
        last
    }

    fn read(&mut self) -> Value {
        parse(&self.recv_line())
    }

    fn whole_stash(&self) -> String {
        let came: Vec<String> = self.stash.iter().map(Value::to_string).collect();
        format!("what came: [{}]", came.join(", "))
    }

    fn read_line(&mut self, deadline: Instant) -> Incoming {
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Incoming::Late;
            }
            self.reader.get_ref().set_read_timeout(Some(left)).unwrap();
            match self.reader.read_until(b'\n', &mut self.partial) {
                Ok(_) if self.partial.ends_with(b"\n") => {
                    let line = String::from_utf8(std::mem::take(&mut self.partial)).expect("the server writes UTF-8");
                    if self.answer_ping(&line) {
                        continue;
                    }
                    return Incoming::Line(line.trim_end_matches(['\r', '\n']).to_owned());
                }
                Err(error) if is_no_end(error.kind()) => {}
                Ok(_) | Err(_) => return Incoming::Closed,
            }
        }
    }

    /// The server may ask as well; whether it did.
    fn answer_ping(&mut self, line: &str) -> bool {
        let asked = line.contains("17") && serde_json::from_str::<Value>(line).is_ok_and(|ping| ping["msgid"] == 17);
        if asked {
            self.send(&json!({"msgid": 18}));
        }
        asked
    }

    // --- what clients do most ---------------------------------------------------------------------------------

    /// A message to a user; its ack.
    pub fn say(&mut self, to: u64, text: &str) -> Value {
        self.ok(json!({"msgid": 6, "toid": to, "msg": text}))
    }

    /// A message to a user with the sender's own id for it; its ack.
    pub fn say_once(&mut self, to: u64, text: &str, cid: &str) -> Value {
        self.ok(json!({"msgid": 6, "toid": to, "msg": text, "cid": cid}))
    }

    /// A message to a group; its ack.
    pub fn say_to_group(&mut self, group: u64, text: &str) -> Value {
        self.ok(json!({"msgid": 10, "groupid": group, "msg": text}))
    }

    /// DELIVERED: everything of this user up to `seq` has arrived. There is no reply.
    pub fn confirm(&mut self, peer: u64, seq: u64) {
        self.send(&json!({"msgid": 20, "id": peer, "seq": seq}));
    }

    /// DELIVERED for a group.
    pub fn confirm_group(&mut self, group: u64, seq: u64) {
        self.send(&json!({"msgid": 20, "groupid": group, "seq": seq}));
    }

    pub fn create_group(&mut self, prefix: &str) -> u64 {
        let reply = self.ok(json!({"msgid": 8, "groupname": unique(prefix), "groupdesc": "a group"}));
        reply["groupid"].as_u64().unwrap_or_else(|| panic!("CREATE_GROUP_ACK without a groupid: {reply}"))
    }

    pub fn join(&mut self, group: u64) -> Value {
        self.ok(json!({"msgid": 9, "groupid": group}))
    }

    /// All messages with a user, from HISTORY page by page.
    pub fn history_with(&mut self, peer: u64) -> Vec<Value> {
        self.whole_history(json!({"msgid": 43, "id": peer}))
    }

    /// All messages of a group, from HISTORY page by page.
    pub fn history_of_group(&mut self, group: u64) -> Vec<Value> {
        self.whole_history(json!({"msgid": 43, "groupid": group}))
    }

    fn whole_history(&mut self, mut request: Value) -> Vec<Value> {
        let mut all: Vec<Value> = Vec::new();
        loop {
            request["after"] = all.last().map_or(json!(0), |message| message["seq"].clone());
            request["limit"] = json!(200);
            let reply = self.ok(request.clone());
            let page = reply["messages"].as_array().unwrap_or_else(|| panic!("no messages[]: {reply}"));
            all.extend(page.iter().cloned());
            if reply["more"] != true {
                return all;
            }
            assert!(!page.is_empty(), "`more` with an empty page would never end: {reply}");
        }
    }

    /// Ends the session; the connection goes when the client is dropped.
    pub fn log_out(&mut self) {
        self.ok(json!({"msgid": 3}));
    }
}

/// Whether a read that failed so may be tried again.
fn is_no_end(error: ErrorKind) -> bool {
    matches!(error, ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

fn parse(line: &str) -> Value {
    serde_json::from_str(line)
        .unwrap_or_else(|error| panic!("the server sent a line that is no JSON ({error}): {line}"))
}

/// The `seq` of each message.
pub fn seqs(messages: &[Value]) -> Vec<u64> {
    messages.iter().map(|message| message["seq"].as_u64().unwrap_or_else(|| panic!("no seq: {message}"))).collect()
}

/// The `msg` of each message.
pub fn texts(messages: &[Value]) -> Vec<String> {
    let text = |message: &Value| message["msg"].as_str().unwrap_or_else(|| panic!("no msg: {message}")).to_owned();
    messages.iter().map(text).collect()
}
