//! What a line that somebody typed means: a message, or a command after `/`. The names that older clients use, with
//! their `:` between the parts (`chat:2:hello`), work too.

use stonechat::ids::{GroupId, Peer, UserId};

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
    Add(Target),
    Delete(Target),
    Ask(Target, String),
    Accept(Target),
    Decline(Target),
    Requests,
    Create {
        name: String,
        description: String,
    },
    Join(Target),
    /// `None` means the open conversation, here and below.
    Leave(Option<Target>),
    DeleteGroup(Option<Target>),
    Find(String),
    History(Option<Target>),
    Who(Option<Target>),
    Retry,
    Discard,
    Help,
    Quit,
}

/// A command as `/help` and completion show it.
pub(crate) struct Spec {
    pub(crate) name: &'static str,
    /// What older clients call it, and short forms.
    pub(crate) aliases: &'static [&'static str],
    pub(crate) arguments: &'static str,
    pub(crate) what: &'static str,
}

const fn spec(
    name: &'static str,
    aliases: &'static [&'static str],
    arguments: &'static str,
    what: &'static str,
) -> Spec {
    Spec { name, aliases, arguments, what }
}

/// Every command, in the order in which `/help` shows them.
pub(crate) const COMMANDS: [Spec; 22] = [
    spec("chat", &["groupchat", "msg"], "NAME [TEXT]", "open a conversation; #NAME is a group"),
    spec("who", &["members"], "[#GROUP]", "who is there, or in a group"),
    spec("find", &[], "WORD", "users and groups, by how the name begins"),
    spec("history", &[], "[NAME]", "older messages (Page-Up does it, too)"),
    spec("add", &["addfriend"], "NAME", "make somebody a friend at once"),
    spec("ask", &[], "NAME [WORDS]", "ask somebody to be a friend"),
    spec("requests", &[], "", "who asks to be your friend"),
    spec("accept", &[], "NAME", "say yes to a friend request"),
    spec("decline", &[], "NAME", "say no to a friend request"),
    spec("remove", &["delfriend", "unfriend"], "NAME", "end a friendship"),
    spec("create", &["creategroup"], "NAME [DESCRIPTION]", "create a group"),
    spec("join", &["addgroup"], "GROUP", "join a group, by number or name"),
    spec("leave", &["quitgroup", "part"], "[GROUP]", "leave a group"),
    spec("delgroup", &["deletegroup"], "[GROUP]", "delete a group of your own and its messages"),
    spec("retry", &[], "", "send failed messages again (Ctrl-R)"),
    spec("discard", &[], "", "drop failed messages"),
    spec("register", &[], "[NAME]", "create an account"),
    spec("login", &[], "[NAME]", "log in"),
    spec("logout", &["loginout"], "", "log out and forget the token"),
    spec("connect", &["reconnect"], "", "try to connect now"),
    spec("help", &[], "", "this list"),
    spec("quit", &["exit"], "", "end the client"),
];

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
    let mut words = Words { rest: rest.get(1..).unwrap_or_default(), colon: rest.starts_with(':') };
    let word = word.to_lowercase();
    let spec = COMMANDS.iter().find(|spec| spec.name == word || spec.aliases.contains(&word.as_str()));
    let Some(spec) = spec else { return Err(format!("there is no /{word}; /help lists all commands")) };
    let kind = if word == "groupchat" { Kind::Group } else { Kind::Any };
    let understood = understand(spec.name, kind, &mut words);
    understood.ok_or_else(|| format!("usage: /{} {}", spec.name, spec.arguments))
}

/// The command with its arguments; `None` when one is missing.
fn understand(name: &str, kind: Kind, words: &mut Words<'_>) -> Option<Command> {
    Some(match name {
        "chat" => Command::Chat(target(kind, words.next()?), words.rest()),
        "who" => Command::Who(words.next().map(|name| target(Kind::Group, name))),
        "find" => Command::Find(words.rest()?),
        "history" => Command::History(words.next().map(|name| target(Kind::Any, name))),
        "add" => Command::Add(target(Kind::User, words.rest()?.as_str())),
        "ask" => Command::Ask(target(Kind::User, words.next()?), words.rest().unwrap_or_default()),
        "requests" => Command::Requests,
        "accept" => Command::Accept(target(Kind::User, words.rest()?.as_str())),
        "decline" => Command::Decline(target(Kind::User, words.rest()?.as_str())),
        "remove" => Command::Delete(target(Kind::User, words.rest()?.as_str())),
        "create" => Command::Create { name: words.next()?.to_owned(), description: words.rest().unwrap_or_default() },
        "join" => Command::Join(target(Kind::Group, words.rest()?.as_str())),
        "leave" => Command::Leave(words.rest().map(|name| target(Kind::Group, &name))),
        "delgroup" => Command::DeleteGroup(words.rest().map(|name| target(Kind::Group, &name))),
        "retry" => Command::Retry,
        "discard" => Command::Discard,
        "register" => Command::Register(words.rest()),
        "login" => Command::Login(words.rest()),
        "logout" => Command::Logout,
        "connect" => Command::Connect,
        "help" => Command::Help,
        "quit" => Command::Quit,
        _ => return None,
    })
}

/// Reads `7`, `ben`, `#chess` or `"two words"` (the quotes are gone already).
pub(crate) fn target(kind: Kind, typed: &str) -> Target {
    let (kind, name) = match typed.strip_prefix('#') {
        Some(name) => (Kind::Group, name),
        None => (kind, typed.strip_prefix('@').unwrap_or(typed)),
    };
    let number = name.parse::<i64>().ok();
    let id = match kind {
        Kind::Group => number.and_then(GroupId::new).map(Peer::Group),
        Kind::User | Kind::Any => number.and_then(UserId::new).map(Peer::User),
    };
    id.map_or_else(|| Target::Name(kind, name.to_owned()), Target::Id)
}

/// The arguments of a command, from the left.
struct Words<'a> {
    rest: &'a str,
    /// The older form, with `:` between the parts.
    colon: bool,
}

impl<'a> Words<'a> {
    /// The next word, or what stands in quotes.
    fn next(&mut self) -> Option<&'a str> {
        if self.colon {
            let (word, rest) = self.rest.split_once(':').unwrap_or((self.rest, ""));
            self.rest = rest;
            return Some(word).filter(|word| !word.is_empty());
        }
        let rest = self.rest.trim_start();
        let sign = usize::from(rest.starts_with("#\""));
        let quoted = rest[sign..].strip_prefix('"').and_then(|inner| inner.split_once('"'));
        let (word, rest) = quoted.unwrap_or_else(|| rest.split_once(' ').unwrap_or((rest, "")));
        self.rest = rest;
        Some(word).filter(|word| !word.is_empty())
    }

    /// All that is left, without quotes around it.
    fn rest(&mut self) -> Option<String> {
        let rest = std::mem::take(&mut self.rest).trim();
        let bare = rest.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(rest);
        Some(bare.to_owned()).filter(|rest| !rest.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(line: &str) -> Command {
        match parse(line) {
            Ok(Typed::Command(command)) => command,
            other => panic!("{line}: {other:?}"),
        }
    }

    fn user(number: i64) -> Target {
        Target::Id(Peer::User(UserId::new(number).unwrap()))
    }

    fn group(number: i64) -> Target {
        Target::Id(Peer::Group(GroupId::new(number).unwrap()))
    }

    #[test]
    fn text_is_text_and_two_slashes_are_one() {
        assert_eq!(parse("hello / there"), Ok(Typed::Text("hello / there".into())));
        assert_eq!(parse("//etc/passwd"), Ok(Typed::Text("/etc/passwd".into())));
        assert!(parse("/nonsense").unwrap_err().contains("/help"));
        assert!(parse("/chat").unwrap_err().contains("usage: /chat"));
    }

    #[test]
    fn names_numbers_groups_and_quotes() {
        assert_eq!(order("/chat 7"), Command::Chat(user(7), None));
        assert_eq!(order("/chat #3 hi  you"), Command::Chat(group(3), Some("hi  you".into())));
        let anna = Target::Name(Kind::Any, "anna lee".into());
        assert_eq!(order("/chat \"anna lee\" hi"), Command::Chat(anna, Some("hi".into())));
        assert_eq!(order("/join 3"), Command::Join(group(3)));
        assert_eq!(order("/add Anna Lee"), Command::Add(Target::Name(Kind::User, "Anna Lee".into())));
    }

    #[test]
    fn older_clients_lines_work_with_a_slash_and_without() {
        assert_eq!(order("/chat:2:hello: you"), Command::Chat(user(2), Some("hello: you".into())));
        let bare = |line: &str| parse_bare(line).unwrap().unwrap();
        assert_eq!(bare("groupchat:3:hi"), Command::Chat(group(3), Some("hi".into())));
        assert_eq!(bare("addfriend:2"), Command::Add(user(2)));
        assert_eq!(bare("addgroup:3"), Command::Join(group(3)));
        let (name, description) = ("chess".to_owned(), "Thursdays: at eight".to_owned());
        assert_eq!(bare("creategroup:chess:Thursdays: at eight"), Command::Create { name, description });
        assert_eq!(bare("loginout"), Command::Logout);
        assert_eq!(parse_bare("chat about it"), None);
        assert_eq!(parse_bare("note: this"), None);
    }

    #[test]
    fn every_listed_command_is_understood() {
        for spec in COMMANDS {
            for name in spec.aliases.iter().chain([&spec.name]) {
                assert!(command(&format!("{name} 3 word")).is_ok(), "{name}");
            }
        }
    }
}
