//! Everything that a person may ask for of what is stored about it, as one JSON object, piece by piece: no secret, and nothing
//! that others have said.

use serde_json::{Value, json};

use super::refusal::Refusal;
use super::reply::{Gone, Piece, Reply};
use crate::clock::UnixMs;
use crate::ids::{ConvId, Peer, UserId};
use crate::store::admin::WordsPlace;
use crate::store::{AdminStore, Person, Store, StoreError};

/// Rows that one call asks for.
const PAGE: u32 = 500;

/// Bytes that are gathered before they are sent.
const PIECE_BYTES: usize = 32 * 1024;

/// Why an export ended early.
enum Stop {
    Store(StoreError),
    Gone,
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Gone> for Stop {
    fn from(Gone: Gone) -> Self {
        Self::Gone
    }
}

type Step<T> = Result<T, Stop>;

/// Exports a user; the calling thread does nothing else meanwhile.
pub(super) fn run(store: &mut dyn Store, user: UserId, now: UnixMs, reply: Reply) {
    let mut out = Out { reply, text: String::new(), has_sent: false };
    match whole(store, user, now, &mut out) {
        Ok(()) | Err(Stop::Gone) => {}
        // What was begun has no end: who reads it knows that something is missing.
        Err(Stop::Store(error)) if out.has_sent => log::warn!("admin: the export of user {user} was cut off: {error}"),
        Err(Stop::Store(error)) => out.reply.whole(Refusal::from(error).answer()),
    }
}

struct Out {
    reply: Reply,
    text: String,
    has_sent: bool,
}

impl Out {
    fn push(&mut self, text: &str) -> Step<()> {
        self.text.push_str(text);
        if self.text.len() >= PIECE_BYTES { self.send() } else { Ok(()) }
    }

    fn send(&mut self) -> Step<()> {
        if !self.text.is_empty() {
            let text = std::mem::take(&mut self.text);
            self.has_sent = true;
            self.reply.send(Piece::Part(text.into_bytes()))?;
        }
        Ok(())
    }

    /// A field whose value is a list; `next` gives the elements, page by page, until there are none.
    fn list(&mut self, name: &str, mut next: impl FnMut() -> Step<Vec<Value>>) -> Step<()> {
        self.push(&format!(",\n\"{name}\":["))?;
        let mut between = "\n";
        loop {
            let page = next()?;
            if page.is_empty() {
                return self.push("]");
            }
            for element in page {
                self.push(&format!("{between}{element}"))?;
                between = ",\n";
            }
        }
    }

    fn once(&mut self, name: &str, elements: Vec<Value>) -> Step<()> {
        let mut elements = Some(elements);
        self.list(name, || Ok(elements.take().unwrap_or_default()))
    }
}

fn whole(store: &mut dyn Store, user: UserId, now: UnixMs, out: &mut Out) -> Step<()> {
    profile(store, user, now, out)?;
    people(store, user, out)?;
    asked(store, user, out)?;
    places(store, user, now, out)?;
    words(store, user, out)?;
    out.push("}\n")?;
    out.send()?;
    Ok(out.reply.send(Piece::End)?)
}

fn admin(store: &mut dyn Store) -> Step<&mut dyn AdminStore> {
    store.admin().ok_or_else(|| Stop::Store(StoreError::Broken("no such store".into())))
}

/// JSON text that somebody has given, as it is.
fn as_given(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| json!(text))
}

fn profile(store: &mut dyn Store, user: UserId, now: UnixMs, out: &mut Out) -> Step<()> {
    let profile = store.profile(user)?.map(|text| as_given(&text));
    let account = admin(store)?.account(user)?;
    let quotas = admin(store)?.user_quotas(user)?;
    let name = account.as_ref().map(|row| row.person.name.clone());
    let shown = json!({
        "id": user,
        "name": name,
        "profile": profile,
        "created": account.as_ref().map(|row| row.created_at),
        "disabled": account.as_ref().and_then(|row| row.disabled_at),
        "quotas": quotas.into_iter().map(|(name, value)| json!({"name": name, "value": value})).collect::<Vec<_>>(),
    });
    out.push(&format!("{{\"exported\":{},\n\"user\":{shown}", json!(now)))
}

fn person(person: &Person) -> Value {
    json!({"id": person.id, "name": person.name})
}

fn people(store: &mut dyn Store, user: UserId, out: &mut Out) -> Step<()> {
    let mut after = 0;
    out.list("friends", || {
        let page = store.friends(user, after, PAGE)?;
        after = page.last().map_or(after, |friend| friend.id.number());
        Ok(page.iter().map(|friend| json!({"id": friend.id, "name": friend.name})).collect())
    })?;
    let mut after = 0;
    out.list("blocks", || {
        let page = store.blocked(user, after, PAGE)?;
        after = page.last().map_or(after, |blocked| blocked.id.number());
        Ok(page.iter().map(person).collect())
    })?;
    let mut after = 0;
    out.list("groups", || {
        let page = store.groups(user, after, PAGE)?;
        after = page.last().map_or(after, |(own, _)| own.group.id.number());
        let own = |(own, _): &(crate::store::OwnGroup, u64)| {
            json!({"id": own.group.id, "name": own.group.name, "role": format!("{:?}", own.role).to_lowercase()})
        };
        Ok(page.iter().map(own).collect())
    })
}

fn asked(store: &mut dyn Store, user: UserId, out: &mut Out) -> Step<()> {
    let mut after = 0;
    out.list("friend_requests_sent", || {
        let page = store.asked_friends(user, after, PAGE)?;
        after = page.last().map_or(after, |asked| asked.from.id.number());
        Ok(page.iter().map(|asked| json!({"to": person(&asked.from), "msg": as_given(&asked.msg)})).collect())
    })?;
    let received = store.friend_requests(user, PAGE)?;
    let received = received.iter().map(|asked| json!({"from": person(&asked.from), "msg": as_given(&asked.msg)}));
    out.once("friend_requests_received", received.collect())?;
    let invitations = store.invitations(user, PAGE)?;
    let invitations = invitations.iter().map(|invitation| json!({"group": invitation.group, "name": invitation.name}));
    out.once("invitations", invitations.collect())
}

fn places(store: &mut dyn Store, user: UserId, now: UnixMs, out: &mut Out) -> Step<()> {
    let devices = admin(store)?.devices(user)?;
    out.once("devices", devices.into_iter().map(Value::from).collect())?;
    let mut after = 0;
    out.list("sessions", || {
        let page = store.sessions(user, after, PAGE, now)?;
        after = page.last().map_or(after, |session| session.number);
        let session = |row: &crate::store::SessionRow| {
            json!({
                "number": row.number,
                "device": row.device,
                "address": row.address,
                "since": row.since,
                "used": row.used_at,
            })
        };
        Ok(page.iter().map(session).collect())
    })?;
    let mut after = 0;
    out.list("conversations", || {
        let page = admin(store)?.own_conversations(user, after, PAGE)?;
        after = page.last().map_or(after, |own| own.conv.number());
        let own = page.iter().map(|own| with(user, own.conv, json!({"delivered": own.delivered, "read": own.read})));
        Ok(own.collect())
    })
}

/// With whom a conversation is, ahead of what else there is to say of it.
fn with(user: UserId, conv: ConvId, mut rest: Value) -> Value {
    match conv.peer_of(user) {
        Some(Peer::User(peer)) => rest["toid"] = json!(peer),
        Some(Peer::Group(group)) => rest["groupid"] = json!(group),
        None => {}
    }
    rest
}

fn words(store: &mut dyn Store, user: UserId, out: &mut Out) -> Step<()> {
    let mut place = Some(WordsPlace::default());
    out.list("messages", || {
        while let Some(from) = place {
            let (page, next) = admin(store)?.own_messages(user, from)?;
            place = next;
            if !page.is_empty() {
                let said = |said: &crate::store::admin::OwnMessage| {
                    let mut body = as_given(&said.body);
                    if !body.is_object() {
                        body = json!({"msg": body});
                    }
                    body["seq"] = json!(said.seq);
                    body["time"] = json!(said.sent_at);
                    with(user, said.conv, body)
                };
                return Ok(page.iter().map(said).collect());
            }
        }
        Ok(Vec::new())
    })?;
    let mut last = None;
    out.list("reactions", || {
        let page = admin(store)?.own_reactions(user, last.as_ref(), PAGE)?;
        if let Some(newest) = page.last() {
            last = Some(newest.clone());
        }
        let given = page.iter().map(|own| with(user, own.conv, json!({"of": own.of, "reaction": own.reaction})));
        Ok(given.collect())
    })
}
