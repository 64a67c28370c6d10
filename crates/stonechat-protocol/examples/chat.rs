//! chat NAME PASSWORD [HOST PORT]: a chat client for Stonechat. Type lines of the form: TOID text
//!
//! ```text
//!     cargo run --example chat -p stonechat-protocol -- anna 'one secret'
//! ```
//!
//! Two threads: this one reads what the server says, the other one what is typed. An account that does not exist is made.

#![allow(clippy::print_stdout, clippy::print_stderr, clippy::disallowed_methods, reason = "a program, and a short one")]

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Write};
use std::net::TcpStream;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use stonechat_protocol::ask::{Ask, Chat, Login};
use stonechat_protocol::body::{LoggedIn, Registered, Stored};
use stonechat_protocol::errno::Errno;
use stonechat_protocol::ids::{Peer, UserId};
use stonechat_protocol::incoming::{Entry, Incoming, Message, Refusal, Reply, ReplyError};
use stonechat_protocol::tag::Tag;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let ended = match &args[..] {
        [name, password] => run(name, password, "127.0.0.1:8000"),
        [name, password, host, port] => run(name, password, &format!("{host}:{port}")),
        _ => Err("usage: chat NAME PASSWORD [HOST PORT]".into()),
    };
    if let Err(error) = ended {
        eprintln!("{error}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn run(name: &str, password: &str, server: &str) -> Result<()> {
    let socket = TcpStream::connect(server)?;
    let mut lines = BufReader::new(socket.try_clone()?);
    let login = Ask::Login(Login { name: Some(name), pwd: Some(password), ack: true, ..Login::default() });
    let me: LoggedIn<'_> = match ask(&socket, &mut lines, &login) {
        Err(error) if is_refused(&*error) => {
            // Nobody has that name; or the password is wrong, and the name is taken.
            let _: Registered = ask(&socket, &mut lines, &Ask::Register { name, pwd: password })?;
            ask(&socket, &mut lines, &login)?
        }
        answered => answered?,
    };
    println!("you are {}", me.id);
    let client = Arc::new(Client { socket, me: me.id, unacknowledged: Mutex::default() });
    for message in me.offlinemsg.into_iter().flatten().filter_map(Entry::into_message) {
        client.show(&message)?;
    }
    let sender = Arc::clone(&client);
    thread::spawn(move || sender.send_what_is_typed());
    client.read(lines)
}

/// Asks, and reads the answer. Before the login nothing else can come.
fn ask<T: serde::de::DeserializeOwned>(
    mut socket: &TcpStream,
    lines: &mut impl BufRead,
    request: &Ask<'_>,
) -> Result<T> {
    socket.write_all(request.line(None).as_bytes())?;
    let mut line = Vec::new();
    lines.read_until(b'\n', &mut line)?;
    match Incoming::parse(&line)? {
        Incoming::Reply(reply) => Ok(reply.body()?),
        other => Err(format!("the server says {other:?}").into()),
    }
}

fn is_refused(error: &(dyn std::error::Error + Send + Sync + 'static)) -> bool {
    matches!(error.downcast_ref(), Some(ReplyError::Refused(refusal)) if refusal.is(Errno::Refused))
}

/// A message on its way: to whom, and its line, to be sent again if it has to be.
struct OnItsWay {
    to: UserId,
    line: String,
}

/// What the server has not acknowledged.
#[derive(Default)]
struct Unacknowledged {
    /// By `cid`.
    messages: HashMap<String, OnItsWay>,
    /// The input has ended.
    typed_all: bool,
}

/// What both threads share.
struct Client {
    socket: TcpStream,
    me: UserId,
    unacknowledged: Mutex<Unacknowledged>,
}

impl Client {
    fn send(&self, line: &str) -> io::Result<()> {
        // One write each, so that two threads cannot mix their lines.
        (&self.socket).write_all(line.as_bytes())
    }

    fn waiting(&self) -> MutexGuard<'_, Unacknowledged> {
        self.unacknowledged.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self, mut lines: impl BufRead) -> Result<()> {
        let mut line = Vec::new();
        loop {
            line.clear();
            if lines.read_until(b'\n', &mut line)? == 0 {
                return Err("the server closed the connection".into());
            }
            match Incoming::parse(&line)? {
                Incoming::Message(message) => self.show(&message)?,
                Incoming::Reply(reply) => self.answered(&reply)?,
                Incoming::Ping => self.send(&Ask::Pong.line(None))?,
                // Whoever wants to show edits, recalls and reactions looks at `Incoming::Event`, and so on.
                _ => {}
            }
            let waiting = self.waiting();
            if waiting.typed_all && waiting.messages.is_empty() {
                return Ok(());
            }
        }
    }

    /// Shows a message, and confirms it: the server will not bring it again.
    fn show(&self, message: &Message) -> Result<()> {
        println!("{}: {}", message.name, message.msg);
        Ok(self.send(&Ask::Delivered { peer: message.peer(self.me), seq: message.seq }.line(None))?)
    }

    fn answered(&self, reply: &Reply<'_>) -> Result<()> {
        let Some(Tag::Text(cid)) = &reply.tag else { return Ok(()) };
        match reply.body::<Stored>() {
            Err(ReplyError::Refused(refusal)) if refusal.is_passing() => {
                // The database is away, most likely: the same again in a second.
                thread::sleep(Duration::from_secs(1));
                let line = self.waiting().messages.get(cid).map(|message| message.line.clone());
                self.send(&line.unwrap_or_default())?;
            }
            stored => {
                let message = self.waiting().messages.remove(cid);
                if let (Err(ReplyError::Refused(Refusal { errmsg, .. })), Some(OnItsWay { to, .. })) = (stored, message)
                {
                    eprintln!("not sent to {to}: {errmsg}");
                }
            }
        }
        Ok(())
    }

    fn send_what_is_typed(&self) -> Result<()> {
        let start = SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos();
        for (number, typed) in io::stdin().lines().enumerate() {
            let typed = typed?;
            let (to, msg) = typed.trim().split_once(' ').unwrap_or((typed.trim(), ""));
            let Some(to) = to.parse().ok().and_then(UserId::new) else {
                eprintln!("type lines of the form: TOID text");
                continue;
            };
            // This message's own id: with it, sending twice cannot store it twice.
            let cid = format!("{}-{start:x}-{number}", self.me);
            let chat = Chat { to: Peer::User(to), msg, cid: Some(&cid), ext: None };
            let line = Ask::Chat(chat).line(Some(&Tag::Text(cid.clone())));
            self.waiting().messages.insert(cid, OnItsWay { to, line: line.clone() });
            self.send(&line)?;
        }
        self.waiting().typed_all = true;
        // The PONG wakes the other thread.
        Ok(self.send(&Ask::Ping.line(None))?)
    }
}
