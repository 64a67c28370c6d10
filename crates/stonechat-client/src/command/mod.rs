//! What a line that somebody typed means: a message, or a command after `/`. The names that older clients use, with
//! their `:` between the parts (`chat:2:hello`), work too.
//!
//! ```text
//!   line --parse--> Typed: a text, or a Command         specs   every command, as /help shows it
//!                                                       words   names, quotes, numbers of messages
//! ```

mod specs;
#[cfg(test)]
mod tests;
mod words;

use stonechat_protocol::body::{Join, ReadFrom, Role, Speak};
use stonechat_protocol::ids::{Peer, Seq};
use stonechat_protocol::request::End;

pub(crate) use specs::{SECTIONS, Spec, specs};
use words::Words;
pub(crate) use words::{last_word, spelled, target};

/// For so long a member is silenced when nobody says for how long.
const MUTED_SECONDS: u32 = 3600;

/// A typed line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Typed {
    /// To be said in the open conversation.
    Text(String),
    /// An order to the client.
    Command(Command),
}

/// What kind of name is meant where several are possible.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    User,
    Group,
    Any,
}

/// Somebody or something as it was typed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Target {
    /// By number.
    Id(Peer),
    /// By name; it may have to be looked up on the server.
    Name(Kind, String),
}

/// An order to the client.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Command {
    Register(Option<String>),
    Login(Option<String>),
    Logout,
    Connect,
    /// Opens a conversation, and says something in it.
    Chat(Target, Option<String>),
    /// Says something that `send` has handed over under this `cid`. Nobody types this.
    Send {
        cid: String,
        target: Target,
        text: String,
    },
    /// Something about a message of the open conversation.
    Message(MessageOrder),
    Add(Target),
    Delete(Target),
    Ask(Target, String),
    /// Says yes: to a friend request, to an invitation, to a user who wants to join the open group.
    Accept(Target),
    Decline(Target),
    Requests,
    Asked,
    /// Takes back what one has asked for.
    Withdraw(Target),
    Block(Target),
    Unblock(Target),
    Blocked,
    Create {
        name: String,
        description: String,
    },
    Join(Target),
    /// `None` means the open conversation, here and below.
    Leave(Option<Target>),
    DeleteGroup(Option<Target>),
    /// Something about a user in the open group.
    Member(Target, MemberOrder),
    Bans,
    Set(Setting),
    Find(String),
    /// Looks for messages in all conversations.
    Search(String),
    /// Looks for messages in the open conversation.
    SearchHere(String),
    /// Goes on with the search.
    More,
    History(Option<Target>),
    /// Shows the numbers of messages, or no longer.
    Numbers,
    Who(Option<Target>),
    Flag(Flag, Option<Target>),
    Name(String),
    Profile(String),
    Sessions,
    EndSessions(End),
    /// Asks for both passwords; then comes the next one.
    Password,
    /// What was answered. Nobody types this.
    ChangePassword {
        old: String,
        new: String,
    },
    /// Asks whether it is meant; then comes the next one.
    Erase,
    /// It is meant. Nobody types this.
    EraseAccount {
        password: String,
    },
    Retry,
    Discard,
    Help,
    Quit,
}

/// What to do about a message of the open conversation. Without a number it is the last one that makes sense.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum MessageOrder {
    Edit(Option<Seq>, String),
    Recall(Option<Seq>),
    React(Option<Seq>, String),
    /// Without a reaction: all of one's own.
    Unreact(Option<Seq>, Option<String>),
    Reply(Option<Seq>, String),
    /// Who has received and read it.
    Seen(Option<Seq>),
}

/// What to do about a user in the open group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum MemberOrder {
    Invite,
    Kick,
    Ban,
    Unban,
    /// For so many seconds; 0: may speak again.
    Mute(u32),
    Role(Role),
}

/// What a group is to be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Setting {
    Name(String),
    About(String),
    Join(Join),
    Speak(Speak),
    History(ReadFrom),
}

/// How one looks at a conversation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Flag {
    Mute,
    Unmute,
    Pin,
    Unpin,
}

/// Understands a line; the error says what to type instead.
pub(crate) fn parse(line: &str) -> Result<Typed, String> {
    let Some(order) = line.strip_prefix('/') else { return Ok(Typed::Text(line.to_owned())) };
    if order.starts_with('/') {
        return Ok(Typed::Text(order.to_owned()));
    }
    command(order).map(Typed::Command)
}

/// Understands an older client's line without a slash, like `addfriend:2`; `None` when it is none.
pub(crate) fn parse_bare(line: &str) -> Option<Result<Command, String>> {
    let name = line.split(':').next().unwrap_or_default();
    let older = ["chat", "addfriend", "creategroup", "addgroup", "groupchat", "loginout", "help"];
    let is_older = older.contains(&name) && (line.contains(':') || ["loginout", "help"].contains(&name));
    is_older.then(|| command(line))
}

fn command(order: &str) -> Result<Command, String> {
    let end = order.find([' ', ':']).unwrap_or(order.len());
    let (word, rest) = order.split_at(end);
    let mut words = Words::new(rest);
    let word = word.to_lowercase();
    let spec = specs().find(|spec| spec.name == word || spec.aliases.contains(&word.as_str()));
    let Some(spec) = spec else { return Err(format!("there is no /{word}; /help lists all commands")) };
    let kind = if word == "groupchat" { Kind::Group } else { Kind::Any };
    let understood = talking(spec.name, kind, &mut words)
        .or_else(|| about_people(spec.name, &mut words))
        .or_else(|| about_groups(spec.name, &mut words))
        .or_else(|| about_oneself(spec.name, &mut words));
    understood.ok_or_else(|| format!("usage: /{} {}", spec.name, spec.arguments))
}

/// Conversations and their messages. `None`, here and below: it is none of these, or an argument is missing.
fn talking(name: &str, kind: Kind, words: &mut Words<'_>) -> Option<Command> {
    let message = match name {
        "chat" => return Some(Command::Chat(target(kind, words.next()?), words.text())),
        "history" => return Some(Command::History(words.next().map(|name| target(Kind::Any, name)))),
        "search" => return words.rest().map(Command::Search),
        "grep" => return words.rest().map(Command::SearchHere),
        "more" => return Some(Command::More),
        "numbers" => return Some(Command::Numbers),
        "retry" => return Some(Command::Retry),
        "discard" => return Some(Command::Discard),
        "mutechat" => return Some(Command::Flag(Flag::Mute, words.target(Kind::Any))),
        "unmutechat" => return Some(Command::Flag(Flag::Unmute, words.target(Kind::Any))),
        "pin" => return Some(Command::Flag(Flag::Pin, words.target(Kind::Any))),
        "unpin" => return Some(Command::Flag(Flag::Unpin, words.target(Kind::Any))),
        "edit" => MessageOrder::Edit(words.number(), words.text()?),
        "recall" => MessageOrder::Recall(words.last_number()?),
        "react" => MessageOrder::React(words.number(), words.rest()?),
        "unreact" => MessageOrder::Unreact(words.number(), words.rest()),
        "reply" => MessageOrder::Reply(words.number(), words.text()?),
        "seen" => MessageOrder::Seen(words.last_number()?),
        _ => return None,
    };
    Some(Command::Message(message))
}

fn about_people(name: &str, words: &mut Words<'_>) -> Option<Command> {
    Some(match name {
        "find" => Command::Find(words.rest()?),
        "who" => Command::Who(words.next().map(|name| target(Kind::Group, name))),
        "add" => Command::Add(words.target(Kind::User)?),
        "ask" => Command::Ask(target(Kind::User, words.next()?), words.text().unwrap_or_default()),
        "requests" => Command::Requests,
        "accept" => Command::Accept(words.target(Kind::User)?),
        "decline" => Command::Decline(words.target(Kind::User)?),
        "asked" => Command::Asked,
        "withdraw" => Command::Withdraw(words.target(Kind::User)?),
        "remove" => Command::Delete(words.target(Kind::User)?),
        "block" => Command::Block(words.target(Kind::User)?),
        "unblock" => Command::Unblock(words.target(Kind::User)?),
        "blocked" => Command::Blocked,
        _ => return None,
    })
}

fn about_groups(name: &str, words: &mut Words<'_>) -> Option<Command> {
    let order = match name {
        "create" => {
            return Some(Command::Create { name: words.next_name()?, description: words.rest().unwrap_or_default() });
        }
        "join" => return words.target(Kind::Group).map(Command::Join),
        "leave" => return Some(Command::Leave(words.target(Kind::Group))),
        "delgroup" => return Some(Command::DeleteGroup(words.target(Kind::Group))),
        "set" => return setting(words.next()?, words).map(Command::Set),
        "bans" => return Some(Command::Bans),
        "mute" => return muted(words),
        "role" => {
            let user = target(Kind::User, words.next()?);
            return Some(Command::Member(user, MemberOrder::Role(word_of(&Role::WORDS, &words.rest()?)?)));
        }
        "invite" => MemberOrder::Invite,
        "kick" => MemberOrder::Kick,
        "ban" => MemberOrder::Ban,
        "unban" => MemberOrder::Unban,
        "unmute" => MemberOrder::Mute(0),
        "handover" => MemberOrder::Role(Role::Creator),
        _ => return None,
    };
    Some(Command::Member(words.target(Kind::User)?, order))
}

fn about_oneself(name: &str, words: &mut Words<'_>) -> Option<Command> {
    Some(match name {
        "register" => Command::Register(words.rest()),
        "login" => Command::Login(words.rest()),
        "logout" => Command::Logout,
        "name" => Command::Name(words.rest()?),
        "profile" => Command::Profile(words.text().unwrap_or_default()),
        "password" => Command::Password,
        "sessions" => Command::Sessions,
        "end" => match words.rest()?.as_str() {
            "others" => Command::EndSessions(End::Others),
            number => Command::EndSessions(End::One(number.parse().ok()?)),
        },
        "erase" => Command::Erase,
        "connect" => Command::Connect,
        "help" => Command::Help,
        "quit" => Command::Quit,
        _ => return None,
    })
}

/// `ben`, `ben 10m`.
fn muted(words: &mut Words<'_>) -> Option<Command> {
    let user = target(Kind::User, words.next()?);
    let seconds = match words.rest() {
        Some(time) => u32::try_from(humantime::parse_duration(&time).ok()?.as_secs()).ok()?,
        None => MUTED_SECONDS,
    };
    Some(Command::Member(user, MemberOrder::Mute(seconds)))
}

fn setting(what: &str, words: &mut Words<'_>) -> Option<Setting> {
    Some(match what {
        "name" => Setting::Name(words.rest()?),
        "about" => Setting::About(words.text().unwrap_or_default()),
        "join" => Setting::Join(word_of(&Join::WORDS, &words.rest()?)?),
        "speak" => Setting::Speak(word_of(&Speak::WORDS, &words.rest()?)?),
        "history" => Setting::History(word_of(&ReadFrom::WORDS, &words.rest()?)?),
        _ => return None,
    })
}

/// What a word of the protocol stands for.
fn word_of<T: Copy>(all: &[(&str, T)], typed: &str) -> Option<T> {
    all.iter().find(|(word, _)| *word == typed.to_lowercase()).map(|(_, meaning)| *meaning)
}
