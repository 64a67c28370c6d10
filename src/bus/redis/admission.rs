//! Whether Redis lets this node do what it has to. Asked once, at start: what is refused then will never pass.
//!
//! ```text
//!   AUTH, PING, PUBSUB NUMSUB, PUBLISH to one channel of each kind, SUBSCRIBE to them, UNSUBSCRIBE --> granted, or why not
//! ```
//!
//! Nobody hears what is published: a word that no node knows, to channels of users and groups that do not exist.

use std::io::{self, Read, Write};
use std::time::Duration;

use super::address::Address;
use super::channels::{Names, RedisChannel, Words, with_sender};
use super::cluster::slots::{SlotSet, slot_of};
use super::resp::{self, Frame};
use super::transport::Transport;
use crate::backend::tls_error;
use crate::bus::Channel;
use crate::ids::NodeId;

/// Why this node is not let in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Denial {
    /// Something is refused, and will be whenever it is tried: a sentence for a person.
    Refused(String),
    /// It cannot be told at present.
    Away(String),
}

/// Words with which Redis refuses what it may grant later.
const FOR_NOW: [&str; 9] = [
    "LOADING",
    "BUSY",
    "MASTERDOWN",
    "CLUSTERDOWN",
    "TRYAGAIN",
    "MOVED",
    "OOM",
    "MISCONF",
    "ERR max number of clients",
];

/// Bytes of all answers together: they are short.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// The channels that are tried: one of each kind.
pub(super) struct Tried {
    prefix: String,
    names: Vec<String>,
    words: Words,
}

impl Tried {
    pub(super) fn of(names: &Names, node: NodeId, words: Words) -> Self {
        let names_of_all: Vec<String> = [RedisChannel::Nodes, RedisChannel::Node(node), RedisChannel::Of(Channel::All)]
            .into_iter()
            .map(|topic| names.write(topic, &mut String::new()).to_owned())
            .chain(["u:0", "g:0", "d:0:0", "t:0"].map(|name| format!("{}{name}", names.prefix())))
            .collect();
        Self { prefix: names.prefix().to_owned(), names: names_of_all, words }
    }

    /// Those of them that are in these slots.
    pub(super) fn in_slots(&self, slots: &SlotSet) -> Self {
        let names = self.names.iter().filter(|name| slots.contains(slot_of(name))).cloned().collect();
        Self { prefix: self.prefix.clone(), names, words: self.words }
    }
}

/// Asks. Each connection attempt, read and write may take `timeout`. Without channels these are left out.
pub(super) fn ask(address: &Address, tried: Option<&Tried>, node: NodeId, timeout: Duration) -> Result<(), Denial> {
    let mut out = address.greeting("stonechat-check").bytes;
    let mut asked: Vec<Asked> = address.greeting("stonechat-check").words.iter().map(|word| Asked::of(word)).collect();
    let mut say = |words: &[&[u8]], asked_for: Asked| {
        let mut command = redis::Cmd::new();
        for word in words {
            command.arg(*word);
        }
        command.write_packed_command(&mut out);
        asked.push(asked_for);
    };
    say(&[b"PING"], Asked::of("PING"));
    if let Some(Tried { names, words, .. }) = tried
        && let Some(first) = names.first()
    {
        let (numsub, asked) = match words {
            Words::Plain => ("NUMSUB", "PUBSUB NUMSUB"),
            Words::Sharded => ("SHARDNUMSUB", "PUBSUB SHARDNUMSUB"),
        };
        say(&[b"PUBSUB", numsub.as_bytes(), first.as_bytes()], Asked::of(asked));
        let (publish, subscribe, unsubscribe) = (words.publish(), words.subscribe(), words.unsubscribe());
        for name in names {
            say(&[publish.as_bytes(), name.as_bytes(), &with_sender(node, b"check")], Asked::of(publish));
        }
        for name in names {
            say(&[subscribe.as_bytes(), name.as_bytes()], Asked::of(subscribe));
        }
        say(&[unsubscribe.as_bytes(), first.as_bytes()], Asked::of(unsubscribe));
    }
    let prefix = tried.map(|tried| tried.prefix.as_str()).unwrap_or_default();
    match converse(address, &out, &asked, timeout) {
        Ok(None) => Ok(()),
        Ok(Some((command, why))) => Err(judge(command, &why, prefix)),
        // What TLS refuses it will refuse tomorrow: the certificate, or its setting, has to change first.
        Err(error) if tls_error(&error).is_some() => Err(Denial::Refused(address.explain(&error))),
        Err(error) => Err(Denial::Away(address.explain_first(&error))),
    }
}

/// A command whose answer is waited for.
struct Asked {
    command: &'static str,
    may_be_refused: bool,
}

impl Asked {
    fn of(command: &'static str) -> Self {
        Self { command, may_be_refused: command == "CLIENT" }
    }
}

/// Sends everything and reads an answer for each; the first refusal that matters.
fn converse(
    address: &Address,
    out: &[u8],
    asked: &[Asked],
    timeout: Duration,
) -> io::Result<Option<(&'static str, String)>> {
    let mut stream = Transport::open(address, timeout)?;
    stream.set_timeout(timeout)?;
    stream.write_all(out)?;
    let (mut inbox, mut used) = (Vec::new(), 0);
    for Asked { command, may_be_refused } in asked {
        let why = loop {
            match resp::next(&inbox[used..]).map_err(io::Error::other)? {
                Some((Frame::Refused(why), length)) => {
                    let why = String::from_utf8_lossy(why).into_owned();
                    used += length;
                    break Some(why);
                }
                Some((_, length)) => {
                    used += length;
                    break None;
                }
                None => read_more(&mut stream, &mut inbox)?,
            }
        };
        if let Some(why) = why.filter(|_| !may_be_refused) {
            return Ok(Some((command, why)));
        }
    }
    Ok(None)
}

fn read_more(stream: &mut Transport, inbox: &mut Vec<u8>) -> io::Result<()> {
    let mut bytes = [0; 4096];
    let count = stream.read(&mut bytes)?;
    if count == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    if inbox.len() + count > ANSWER_BYTES_MAX {
        return Err(io::Error::other("the answers are too long for Redis"));
    }
    inbox.extend_from_slice(&bytes[..count]);
    Ok(())
}

/// What a refusal means, and what is to be done about it.
pub(super) fn judge(command: &str, why: &str, prefix: &str) -> Denial {
    if FOR_NOW.iter().any(|word| why.starts_with(word)) {
        return Denial::Away(why.to_owned());
    }
    if command == "ROLE" {
        return Denial::Refused(format!("Redis refuses ROLE ({why}): with sentinels, allow the user +role as well"));
    }
    let permissions;
    let advice = match why.split(' ').next().unwrap_or_default() {
        "NOAUTH" => "it wants a password: write redis://:password@host:port/, or redis://user:password@host:port/",
        "WRONGPASS" => "the user or the password in the URL is wrong",
        "ERR" if command == "AUTH" && why.contains("invalid password") => "the password in the URL is wrong",
        "ERR" if command == "AUTH" => "it has no password: leave it out of the URL, or set one in Redis",
        "NOPERM" => {
            let words = if is_sharded(command) {
                "+spublish +ssubscribe +sunsubscribe +pubsub|shardnumsub +cluster|slots +cluster|info"
            } else {
                "+publish +subscribe +unsubscribe +pubsub|numsub"
            };
            permissions = format!("allow the user what a node needs: ACL SETUSER <user> +ping {words} &{prefix}*");
            &permissions
        }
        "DENIED" => "it is in protected mode: set a password in Redis, or bind it to an address of its own",
        _ if is_sharded(command) => "it must be a Redis Cluster of version 7 or later, which has sharded pub/sub",
        _ => "it must be a Redis that takes PUBLISH, SUBSCRIBE and PUBSUB NUMSUB",
    };
    Denial::Refused(format!("Redis refuses {command} ({why}): {advice}"))
}

/// Whether the command is one to a server of a cluster.
fn is_sharded(command: &str) -> bool {
    ["SPUBLISH", "SSUBSCRIBE", "SUNSUBSCRIBE", "PUBSUB SHARDNUMSUB"].contains(&command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_pass_is_told_from_what_never_will() {
        for why in
            ["LOADING Redis is loading", "ERR max number of clients reached", "MASTERDOWN Link with MASTER is down"]
        {
            assert_eq!(judge("PUBLISH", why, ""), Denial::Away(why.into()));
        }
        for (command, why, advice) in [
            ("PING", "NOAUTH Authentication required.", "wants a password"),
            ("AUTH", "WRONGPASS invalid username-password pair or user is disabled.", "is wrong"),
            ("AUTH", "ERR invalid password", "the password in the URL is wrong"),
            ("AUTH", "ERR Client sent AUTH, but no password is set", "has no password"),
            (
                "AUTH",
                "ERR AUTH <password> called without any password configured for the default user",
                "has no password",
            ),
            ("SUBSCRIBE", "NOPERM No permissions to access a channel", "&a1b2:*"),
            ("PING", "DENIED Redis is running in protected mode", "protected mode"),
            ("PUBSUB NUMSUB", "ERR unknown command", "must be a Redis"),
            ("SPUBLISH", "ERR unknown command", "version 7"),
            ("SSUBSCRIBE", "NOPERM No permissions to access a channel", "+ssubscribe"),
        ] {
            let Denial::Refused(text) = judge(command, why, "a1b2:") else { panic!("{why}") };
            assert!(text.contains(why) && text.contains(advice) && text.contains(command), "{text}");
        }
    }
}
