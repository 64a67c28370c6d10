//! What a line that somebody typed means: a message, or a command after `/`. The names that older clients use, with
//! their `:` between the parts (`chat:2:hello`), work too.

use stonechat_protocol::ids::{GroupId, Peer, UserId};

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
        "chat" => Command::Chat(target(kind, words.next()?), words.text()),
        "who" => Command::Who(words.next().map(|name| target(Kind::Group, name))),
        "find" => Command::Find(words.rest()?),
        "history" => Command::History(words.next().map(|name| target(Kind::Any, name))),
        "add" => Command::Add(words.target(Kind::User)?),
        "ask" => Command::Ask(target(Kind::User, words.next()?), words.text().unwrap_or_default()),
        "requests" => Command::Requests,
        "accept" => Command::Accept(words.target(Kind::User)?),
        "decline" => Command::Decline(words.target(Kind::User)?),
        "remove" => Command::Delete(words.target(Kind::User)?),
        "create" => Command::Create { name: words.next_name()?, description: words.rest().unwrap_or_default() },
        "join" => Command::Join(words.target(Kind::Group)?),
        "leave" => Command::Leave(words.target(Kind::Group)),
        "delgroup" => Command::DeleteGroup(words.target(Kind::Group)),
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

/// Reads `7`, `ben`, `#chess`, or a name in quotes, which is always a name: `"7"`, `"#lea"`, `#"two words"`.
pub(crate) fn target(kind: Kind, typed: &str) -> Target {
    // A quote ahead of everything: not even `#` and `@` mean anything in it.
    let (kind, name) = match typed.strip_prefix('#') {
        Some(name) => (Kind::Group, name),
        None => (kind, typed.strip_prefix('@').unwrap_or(typed)),
    };
    if let Some(name) = unquoted(name) {
        return Target::Name(kind, name);
    }
    let number = name.parse::<i64>().ok();
    let id = match kind {
        Kind::Group => number.and_then(GroupId::new).map(Peer::Group),
        Kind::User | Kind::Any => number.and_then(UserId::new).map(Peer::User),
    };
    id.map_or_else(|| Target::Name(kind, name.to_owned()), Target::Id)
}

/// A name as it has to be typed, so that [`target`] reads it as this name and nothing else.
pub(crate) fn spelled(name: &str) -> String {
    let is_plain = !name.is_empty()
        && !name.starts_with(['#', '@', '"'])
        && !name.contains(char::is_whitespace)
        && name.parse::<i64>().is_err();
    if is_plain { name.to_owned() } else { format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\"")) }
}

/// Where the last word of an order begins: behind a blank that does not stand in quotes.
pub(crate) fn last_word(order: &str) -> usize {
    let mut start = 0;
    loop {
        let word = &order[start..];
        let end = quoted_end(word).or_else(|| if opens_quotes(word) { None } else { word.find(' ') });
        match end {
            Some(end) if end < word.len() => start += end + usize::from(word[end..].starts_with(' ')),
            _ => return start,
        }
    }
}

/// Whether a name in quotes begins here, with or without a `#` ahead of it.
fn opens_quotes(text: &str) -> bool {
    text.strip_prefix(['#', '@']).unwrap_or(text).starts_with('"')
}

/// Behind the closing quote of a name in quotes.
fn quoted_end(text: &str) -> Option<usize> {
    let (_, behind) = quoted(text.strip_prefix(['#', '@']).unwrap_or(text))?;
    Some(text.len() - behind.len())
}

/// The name, if the text is one in quotes from end to end.
fn unquoted(text: &str) -> Option<String> {
    quoted(text).filter(|(_, behind)| behind.is_empty()).map(|(name, _)| name)
}

/// What stands in the quotes at the beginning, and what behind them. `\"` is a quote in it, `\\` a backslash.
fn quoted(text: &str) -> Option<(String, &str)> {
    let inner = text.strip_prefix('"')?;
    let mut name = String::new();
    let mut is_escaped = false;
    for (at, c) in inner.char_indices() {
        match c {
            '"' if !is_escaped => return Some((name, &inner[at + 1..])),
            '\\' if !is_escaped => {
                is_escaped = true;
                continue;
            }
            '"' | '\\' => {}
            // Ahead of anything else a backslash is itself.
            _ if is_escaped => name.push('\\'),
            _ => {}
        }
        is_escaped = false;
        name.push(c);
    }
    None
}

/// The arguments of a command, from the left.
struct Words<'a> {
    rest: &'a str,
    /// The older form, with `:` between the parts.
    colon: bool,
}

impl<'a> Words<'a> {
    /// The next word, or what stands in quotes, with them.
    fn next(&mut self) -> Option<&'a str> {
        if self.colon {
            let (word, rest) = self.rest.split_once(':').unwrap_or((self.rest, ""));
            self.rest = rest;
            return Some(word).filter(|word| !word.is_empty());
        }
        let rest = self.rest.trim_start();
        // A quote that nobody closes is a part of a word.
        let end = quoted_end(rest).or_else(|| rest.find(' ')).unwrap_or(rest.len());
        let (word, behind) = rest.split_at(end);
        self.rest = behind.strip_prefix(' ').unwrap_or(behind);
        Some(word).filter(|word| !word.is_empty())
    }

    /// The next word without the quotes around it.
    fn next_name(&mut self) -> Option<String> {
        self.next().map(|word| unquoted(word).unwrap_or_else(|| word.to_owned()))
    }

    /// All that is left, as it stands.
    fn text(&mut self) -> Option<String> {
        Some(std::mem::take(&mut self.rest).trim().to_owned()).filter(|rest| !rest.is_empty())
    }

    /// All that is left, without quotes around all of it.
    fn rest(&mut self) -> Option<String> {
        self.text().map(|rest| unquoted(&rest).unwrap_or(rest)).filter(|rest| !rest.is_empty())
    }

    /// Whom all that is left names.
    fn target(&mut self, kind: Kind) -> Option<Target> {
        self.text().map(|rest| target(kind, &rest))
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
    fn a_name_in_quotes_is_a_name_whatever_it_looks_like() {
        let name = |kind, name: &str| Target::Name(kind, name.to_owned());
        assert_eq!(order("/chat \"7\" hi"), Command::Chat(name(Kind::Any, "7"), Some("hi".into())));
        assert_eq!(order("/chat \"#lea\""), Command::Chat(name(Kind::Any, "#lea"), None));
        assert_eq!(order("/chat #\"7\" hi"), Command::Chat(name(Kind::Group, "7"), Some("hi".into())));
        assert_eq!(order("/add \"7\""), Command::Add(name(Kind::User, "7")));
        assert_eq!(order("/join \"3\""), Command::Join(name(Kind::Group, "3")));
        assert_eq!(order("/chat:\"7\":hi"), Command::Chat(name(Kind::Any, "7"), Some("hi".into())));
        let odd = r#"/chat "a \"b\" \\ \c" hi"#;
        assert_eq!(order(odd), Command::Chat(name(Kind::Any, r#"a "b" \ \c"#), Some("hi".into())));
        assert_eq!(order("/chat an\"na hi"), Command::Chat(name(Kind::Any, "an\"na"), Some("hi".into())));
        assert_eq!(order("/chat \"anna hi"), Command::Chat(name(Kind::Any, "\"anna"), Some("hi".into())));
    }

    #[test]
    fn a_text_keeps_its_quotes() {
        assert_eq!(order("/chat 7 \"yes\" and \"no\""), Command::Chat(user(7), Some("\"yes\" and \"no\"".into())));
        assert_eq!(order("/ask 7 \"hi\""), Command::Ask(user(7), "\"hi\"".into()));
    }

    #[test]
    fn what_is_spelled_is_read_back_as_the_same_name() {
        let names = [
            "anna",
            "7",
            "+7",
            "-7",
            "#lea",
            "@lea",
            "\"",
            "\"a\"",
            "a \"b\"",
            "\\",
            "two words",
            "\\\" x",
            "a\"b",
            "日本 語",
        ];
        for name in names {
            let typed = spelled(name);
            assert_eq!(target(Kind::Any, &typed), Target::Name(Kind::Any, name.to_owned()), "{typed}");
            let expected = Command::Chat(Target::Name(Kind::Any, name.to_owned()), Some("hi you".into()));
            assert_eq!(order(&format!("/chat {typed} hi you")), expected, "{typed}");
            let group = Command::Join(Target::Name(Kind::Group, name.to_owned()));
            assert_eq!(order(&format!("/join #{typed}")), group, "{typed}");
        }
        assert_eq!(spelled("anna"), "anna");
    }

    #[test]
    fn the_last_word_may_be_half_of_a_name_in_quotes() {
        for (order, word) in [
            ("/chat an", "an"),
            ("/chat \"two w", "\"two w"),
            ("/chat #\"two w", "#\"two w"),
            ("/chat \"two words\" h", "h"),
            ("/chat ", ""),
            ("/ch", "/ch"),
        ] {
            assert_eq!(&order[last_word(order)..], word, "{order}");
        }
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
