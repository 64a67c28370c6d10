//! What Tab completes: commands, names, and the words of some commands.

use stonechat_protocol::ids::Peer;

use super::Ui;
use crate::command::{self, specs};
use crate::model::Model;
use crate::reactions::NAMED;

impl Ui {
    pub(super) fn complete(&mut self, model: &Model) {
        let line = self.input.text().to_owned();
        let is_order = line.starts_with('/') && !line.starts_with("//");
        let begins = |text: &str| {
            if is_order { command::last_word(text) } else { text.rfind(' ').map_or(0, |blank| blank + 1) }
        };
        let order = line.split(' ').next().unwrap_or_default();
        self.input.complete(begins, |start, word| match (is_order, start) {
            (true, 0) => orders(word),
            (true, _) => arguments(model, order, word),
            (false, _) => mentions(model, start, word),
        });
    }
}

/// The commands that a word may become.
fn orders(word: &str) -> Vec<String> {
    let beginning = word.trim_start_matches('/');
    let fitting = specs().filter(|spec| spec.name.starts_with(beginning));
    fitting.map(|spec| format!("/{} ", spec.name)).collect()
}

/// What an argument of this command may become.
fn arguments(model: &Model, order: &str, word: &str) -> Vec<String> {
    let from = |words: &[&str]| {
        words.iter().filter(|known| known.starts_with(word)).map(|known| format!("{known} ")).collect::<Vec<_>>()
    };
    match order {
        "/react" | "/unreact" => from(&NAMED.map(|(name, _)| name)),
        "/set" => {
            from(&["name", "about", "join", "speak", "history", "open", "ask", "invite", "all", "admins", "joined"])
        }
        "/role" => [targets(model, word), from(&["admin", "normal"])].concat(),
        _ => targets(model, word),
    }
}

/// The users and groups that an argument may become, as they have to be typed.
fn targets(model: &Model, word: &str) -> Vec<String> {
    let (sign, named) = word.strip_prefix('#').map_or(("", word), |rest| ("#", rest));
    let beginning = named.strip_prefix('"').unwrap_or(named).replace("\\\"", "\"").to_lowercase();
    let (sign_too, is_sign) = (word.to_lowercase(), !sign.is_empty());
    let target = |(peer, name): (Peer, &str)| {
        let begins = |beginning: &str| name.to_lowercase().starts_with(beginning);
        match peer {
            Peer::Group(_) if begins(&beginning) => Some(format!("{sign}{} ", command::spelled(name))),
            // `#le` may be the beginning of a user's name.
            Peer::User(_) if begins(if is_sign { &sign_too } else { &beginning }) => {
                Some(format!("{} ", command::spelled(name)))
            }
            _ => None,
        }
    };
    sorted(names(model).filter_map(target).collect())
}

/// The names that a word of a text may become, as they are; with `@` those of users.
fn mentions(model: &Model, start: usize, word: &str) -> Vec<String> {
    let (sign, word) = word.strip_prefix('@').map_or(("", word), |word| ("@", word));
    let after = if start == 0 && sign.is_empty() { ": " } else { " " };
    let beginning = word.to_lowercase();
    let is_fitting = |peer: Peer, name: &str| {
        name.to_lowercase().starts_with(&beginning) && (sign.is_empty() || matches!(peer, Peer::User(_)))
    };
    let fitting = names(model).filter(|(peer, name)| is_fitting(*peer, name));
    sorted(fitting.map(|(_, name)| format!("{sign}{name}{after}")).collect())
}

/// Everybody and everything with a name known here; some more than once.
fn names(model: &Model) -> impl Iterator<Item = (Peer, &str)> {
    let titles = model.chats.iter().map(|(peer, chat)| (*peer, chat.title.as_str()));
    model.roster.names().chain(titles).filter(|(_, name)| !name.is_empty())
}

fn sorted(mut words: Vec<String>) -> Vec<String> {
    words.sort();
    words.dedup();
    words
}
