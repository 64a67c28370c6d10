//! `tail`: every message that comes, one JSON object per line. Nothing is asked; what is missing ends the run with a line
//! that says so.

use std::io::{self, ErrorKind, Write};
use std::time::Duration;

use crossbeam_channel::{Receiver, select};
use serde_json::{Map, Value, json};
use stonechat_protocol::ids::Peer;

use crate::client::{Client, Identity};
use crate::clock::now;
use crate::exit::{Failure, Kind as Why};
use crate::model::{Message, News};
use crate::net::{Incoming, channel};
use crate::state_dir::StateDir;

/// How often the model hears that time has passed.
const TICK: Duration = Duration::from_millis(100);

/// Prints every message that comes until `stop`, or until nobody reads.
pub(crate) fn tail(state_dir: &StateDir, identity: Identity, stop: &Receiver<()>) -> Result<(), Failure> {
    let (events, incoming) = channel();
    let mut client = Client::open(state_dir, identity, events)?;
    require_login(&client)?;
    client.model.hand_on();
    client.connect();
    loop {
        for news in client.take_news() {
            if matches!(news, News::Welcome { .. }) {
                client.be_current_if_first();
            }
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
                client.finish();
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
fn show_tail(client: &Client, news: News) -> io::Result<Option<Failure>> {
    match news {
        News::Message(peer, message) => {
            let mut out = io::stdout().lock();
            writeln!(out, "{}", message_json(&client.model.title(peer), peer, message))?;
            out.flush()?;
        }
        News::LoginRefused(why) => return Ok(Some(Failure::new(Why::NotLoggedIn, why))),
        News::Says(text) | News::Refused(text) | News::Unfit(text) => {
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

/// A script cannot be asked for a password.
pub(crate) fn require_login(client: &Client) -> Result<(), Failure> {
    if client.can_log_in() {
        return Ok(());
    }
    let name = &client.model.account.name;
    let text = format!("{name} is not logged in: start stonechat-client --user {name} once, or set CHAT_PASSWORD");
    Err(Failure::new(Why::NotLoggedIn, text))
}
