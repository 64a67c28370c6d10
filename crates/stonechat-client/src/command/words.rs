//! The words of a line: names with and without quotes, numbers of messages, times.

use stonechat_protocol::ids::{GroupId, Peer, Seq, UserId};

use super::{Kind, Target};

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
pub(super) struct Words<'a> {
    rest: &'a str,
    /// The older form, with `:` between the parts.
    colon: bool,
}

impl<'a> Words<'a> {
    /// What follows the command, with the blank or the colon ahead of it.
    pub(super) fn new(rest: &'a str) -> Self {
        Self { rest: rest.get(1..).unwrap_or_default(), colon: rest.starts_with(':') }
    }

    /// The next word, or what stands in quotes, with them.
    pub(super) fn next(&mut self) -> Option<&'a str> {
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
    pub(super) fn next_name(&mut self) -> Option<String> {
        self.next().map(|word| unquoted(word).unwrap_or_else(|| word.to_owned()))
    }

    /// All that is left, as it stands.
    pub(super) fn text(&mut self) -> Option<String> {
        Some(std::mem::take(&mut self.rest).trim().to_owned()).filter(|rest| !rest.is_empty())
    }

    /// All that is left, without quotes around all of it.
    pub(super) fn rest(&mut self) -> Option<String> {
        self.text().map(|rest| unquoted(&rest).unwrap_or(rest)).filter(|rest| !rest.is_empty())
    }

    /// Whom all that is left names.
    pub(super) fn target(&mut self, kind: Kind) -> Option<Target> {
        self.text().map(|rest| target(kind, &rest))
    }

    /// The number of a message, if the next word is one: `#12`.
    pub(super) fn number(&mut self) -> Option<Seq> {
        let rest = self.rest.trim_start();
        let (word, behind) = rest.split_once(' ').unwrap_or((rest, ""));
        let number = word.strip_prefix('#')?.parse().ok()?;
        self.rest = behind;
        Some(number)
    }

    /// The same where nothing else may stand: `None` if something else does.
    #[expect(clippy::option_option, reason = "the outer one is whether the line can be understood")]
    pub(super) fn last_number(&mut self) -> Option<Option<Seq>> {
        let number = self.number();
        self.text().is_none().then_some(number)
    }
}
