//! `send` and `tail`: what scripts use. Nothing is asked; what is missing ends the run with a line that says so.

use std::io::{self, ErrorKind, Write};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, never, select, unbounded};
use serde_json::{Map, Value, json};
use stonechat::clock::UnixMs;
use stonechat::ids::Peer;

use crate::client::{Client, Identity, dice};
use crate::clock::now;
use crate::command::{Command, Kind, Target, target};
use crate::home::{Home, OpenError};
use crate::model::{Message, News};
use crate::net::Incoming;
use crate::spool::{Handover, Letter, Outcome};
use crate::trouble::{Kind as Why, Trouble};

/// How often the model hears that time has passed.
const TICK: Duration = Duration::from_millis(100);

/// Sends one message; returns when the server has stored it.
pub(crate) fn send(home: &Home, identity: Identity, to: &str, text: &str, patience: Duration) -> Result<(), Trouble> {
    let until = now() + patience;
    let (events, incoming) = unbounded();
    let account = home.account_folder(&identity.server, &identity.name);
    let mut client = match Client::open(home, identity, events) {
        Err(OpenError::InUse) => return hand_over(&account, to, text, until),
        other => other?,
    };
    require_login(&client)?;
    client.model.only_send();
    let whom = target(Kind::Any, to);
    let mut sent = None;
    if client.model.knows(&whom) {
        client.model.order(Command::Chat(whom.clone(), None));
    }
    client.connect();
    let mut last = String::new();
    loop {
        for news in client.take_news() {
            if let Some(result) = sending(&mut client, news, &whom, text, &mut sent, &mut last) {
                return result;
            }
        }
        match incoming.recv_deadline((now() + TICK).min(until)) {
            Ok(event) => client.incoming(event, now()),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Err(Trouble::new(Why::Refused, "the client has stopped")),
        }
        client.tick(now());
        if now() >= until {
            return Err(too_late(sent.is_some(), &last));
        }
    }
}

/// One piece of news while sending; the result once it is certain.
fn sending(
    client: &mut Client,
    news: News,
    whom: &Target,
    text: &str,
    sent: &mut Option<String>,
    last: &mut String,
) -> Option<Result<(), Trouble>> {
    let is_mine = |cid: &String| sent.as_ref() == Some(cid);
    match news {
        News::Opened(peer) if sent.is_none() => *sent = Some(client.model.say(peer, text, UnixMs::now())),
        News::Welcome { .. } if sent.is_none() => client.model.order(Command::Chat(whom.clone(), None)),
        News::Stored { cid, .. } if is_mine(&cid) => return Some(Ok(())),
        News::Failed { cid, why, .. } if is_mine(&cid) => return Some(Err(drop_failed(client, why))),
        News::Refused(why) if sent.is_none() => return Some(Err(Trouble::new(Why::Refused, why))),
        News::LoginRefused(why) => return Some(Err(Trouble::new(Why::NotLoggedIn, why))),
        News::Says(text) => *last = text,
        _ => {}
    }
    client.tick(now());
    None
}

/// A script hears of the refusal; nobody would ever retry it by hand.
fn drop_failed(client: &mut Client, why: String) -> Trouble {
    client.model.order(Command::Discard);
    client.settle();
    Trouble::new(Why::Refused, why)
}

fn too_late(is_kept: bool, last: &str) -> Trouble {
    let kept = if is_kept {
        "the message is kept in the outbox and goes out with the next start"
    } else {
        "the message was not sent"
    };
    let reason = if last.is_empty() { "the server did not answer in time" } else { last };
    Trouble::new(Why::Unreachable, format!("{reason}; {kept}"))
}

/// Another client of this account is running: it sends the message.
fn hand_over(account: &std::path::Path, to: &str, text: &str, until: Instant) -> Result<(), Trouble> {
    let letter = Letter { to: to.to_owned(), msg: text.to_owned() };
    let handover = Handover::post(account, &format!("{:016x}-0", dice()), &letter)?;
    let wait = never::<()>();
    loop {
        match handover.outcome() {
            Some(Outcome::Seq(_)) => return Ok(()),
            Some(Outcome::Why(why)) => return Err(Trouble::new(Why::Refused, why)),
            None if now() >= until => {
                return Err(too_late(!handover.take_back(), "the running client did not get to it"));
            }
            None => {
                let _ = wait.recv_timeout(TICK / 2);
            }
        }
    }
}

/// Prints every message that comes until `stop`, or until nobody reads.
pub(crate) fn tail(home: &Home, identity: Identity, stop: &Receiver<()>) -> Result<(), Trouble> {
    let (events, incoming) = unbounded();
    let mut client = Client::open(home, identity, events)?;
    require_login(&client)?;
    client.connect();
    loop {
        for news in client.take_news() {
            match show_tail(&client, news) {
                Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(()),
                Err(error) => return Err(error.into()),
                Ok(Some(trouble)) => return Err(trouble),
                Ok(None) => {}
            }
        }
        // Only after printing: what is confirmed does not come again.
        client.tick(now());
        select! {
            recv(incoming) -> event => take(&mut client, event.ok(), &incoming),
            recv(stop) -> _ => {
                client.confirm();
                return Ok(());
            }
            default(TICK) => {}
        }
    }
}

/// Takes this event and all that wait behind it.
pub(crate) fn take(client: &mut Client, first: Option<Incoming>, incoming: &Receiver<Incoming>) {
    for event in first.into_iter().chain(incoming.try_iter()) {
        client.incoming(event, now());
    }
}

/// Prints one piece of news; a trouble when it ends the run.
fn show_tail(client: &Client, news: News) -> io::Result<Option<Trouble>> {
    match news {
        News::Message(peer, message) => {
            let mut out = io::stdout().lock();
            writeln!(out, "{}", message_json(&client.model.title(peer), peer, message))?;
            out.flush()?;
        }
        News::LoginRefused(why) => return Ok(Some(Trouble::new(Why::NotLoggedIn, why))),
        News::Says(text) | News::Refused(text) => {
            let _ = writeln!(io::stderr(), "stonechat-client: {text}");
        }
        _ => {}
    }
    Ok(None)
}

fn message_json(title: &str, peer: Peer, message: Message) -> Value {
    let mut object = Map::new();
    object.insert("time".to_owned(), json!(message.at.to_string()));
    object.insert("seq".to_owned(), json!(message.seq));
    object.insert("id".to_owned(), json!(message.sender));
    object.insert("name".to_owned(), json!(message.name));
    if let Peer::Group(group) = peer {
        object.insert("groupid".to_owned(), json!(group));
        object.insert("groupname".to_owned(), json!(title));
    }
    object.insert("msg".to_owned(), json!(message.text));
    if let Some(ext) = message.ext {
        object.insert("ext".to_owned(), ext);
    }
    Value::Object(object)
}

fn require_login(client: &Client) -> Result<(), Trouble> {
    if client.can_log_in() {
        return Ok(());
    }
    let name = &client.model.account.name;
    let text = format!("{name} is not logged in: start stonechat-client --user {name} once, or set CHAT_PASSWORD");
    Err(Trouble::new(Why::NotLoggedIn, text))
}
