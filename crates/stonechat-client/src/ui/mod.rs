//! What is on the screen beyond the model: the input line, notes, scrolling, questions. Keys and news in, wishes out; no
//! terminal.

mod draw;
mod input;
mod keys;
mod rows;
#[cfg(test)]
mod tests;

use ratatui::layout::Rect;
use stonechat_protocol::ids::Peer;
use stonechat_protocol::time::UnixMs;

use crate::command::{self, COMMANDS, Command, Typed};
use crate::model::{Model, News};
use crate::printable::printable;
use crate::zone::Zone;
pub(crate) use draw::draw;
use input::Input;

/// Notes kept; older ones go.
const NOTES_MAX: usize = 100;

/// What the user wants that neither the model nor the screen can do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Wish {
    Quit,
    /// Draw everything anew: another program has written on the terminal.
    Redraw,
    /// Another account, by its saved token if there is one.
    Switch(String),
    Login {
        name: String,
        password: String,
        purpose: Purpose,
    },
}

/// What a password is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Purpose {
    LogIn,
    Register,
}

/// What the input line is for at present.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Mode {
    Chat,
    Password {
        name: String,
        purpose: Purpose,
    },
    /// Many lines were pasted; they are sent only after a yes.
    Paste(String),
    /// `/help` covers the screen from this row on.
    Help(usize),
}

/// Something to know.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Note {
    text: String,
    tone: Tone,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Tone {
    Calm,
    Alarm,
}

/// Where things were drawn last; the mouse asks.
#[derive(Clone, Copy, Debug, Default)]
struct Areas {
    list: Rect,
    /// The entry in the list's first row.
    list_first: usize,
    talk: Rect,
}

/// The state of the screen.
pub(crate) struct Ui {
    input: Input,
    mode: Mode,
    notes: Vec<Note>,
    /// Rows between the bottom of the conversation and the bottom of the screen.
    scroll: usize,
    /// All that is here of the conversation is on the screen or below it.
    is_at_top: bool,
    areas: Areas,
    zone: Zone,
    /// Ctrl-C was pressed on an empty line; once more ends the client.
    is_leaving: bool,
    was_online: bool,
}

impl Ui {
    /// An empty screen.
    pub(crate) fn new(zone: Zone) -> Self {
        Self {
            input: Input::default(),
            mode: Mode::Chat,
            notes: Vec::new(),
            scroll: 0,
            is_at_top: false,
            areas: Areas::default(),
            zone,
            is_leaving: false,
            was_online: false,
        }
    }

    /// Asks for a password in the input line.
    pub(crate) fn ask_password(&mut self, name: &str, purpose: Purpose) {
        self.input.take_secret();
        self.mode = Mode::Password { name: name.to_owned(), purpose };
    }

    /// The screen is another account's now.
    pub(crate) fn start_over(&mut self) {
        self.notes.clear();
        self.scroll = 0;
        self.was_online = false;
    }

    /// Shows a line that something went wrong.
    pub(crate) fn alarm(&mut self, text: &str) {
        self.note(text, Tone::Alarm);
    }

    /// Takes in what the model tells.
    pub(crate) fn news(&mut self, model: &mut Model, news: News) {
        match news {
            News::Message(peer, message) if model.open == Some(peer) && self.scroll > 0 => {
                // A user who reads older messages stays there.
                self.scroll += rows::height_of(&message, usize::from(self.areas.talk.width));
            }
            News::Message(..) | News::Stored { .. } => {}
            News::Failed { peer, why, .. } => {
                let title = model.title(peer);
                self.alarm(&format!("not sent to {title}: {why} (Ctrl-R sends it again, /discard drops it)"));
            }
            News::Says(text) => self.note(&text, Tone::Calm),
            News::Refused(why) | News::Unfit(why) => self.alarm(&why),
            News::Opened(peer) => self.open(model, peer),
            News::Welcome { missed } => self.welcome(model, missed),
            News::LoginRefused(why) => {
                self.alarm(&why);
                if model.account.token.is_none() {
                    let purpose = if model.account.is_new { Purpose::Register } else { Purpose::LogIn };
                    self.ask_password(&model.account.name.clone(), purpose);
                }
            }
            News::LoggedOut => {
                self.was_online = false;
                self.note("logged out; /login NAME or /quit", Tone::Calm);
            }
        }
    }

    fn welcome(&mut self, model: &Model, missed: usize) {
        let again = if self.was_online { "online again" } else { "online" };
        self.was_online = true;
        let text = match missed {
            0 => format!("{again} as {}", model.account.name),
            1 => format!("{again} as {}; one message was missed", model.account.name),
            _ => format!("{again} as {}; {missed} messages were missed", model.account.name),
        };
        self.note(&text, Tone::Calm);
    }

    fn open(&mut self, model: &mut Model, peer: Peer) {
        if model.open != Some(peer) {
            model.show(Some(peer));
            self.scroll = 0;
        }
    }

    fn note(&mut self, text: &str, tone: Tone) {
        let note = Note { text: printable(text), tone };
        if self.notes.last() != Some(&note) {
            self.notes.push(note);
        }
        if self.notes.len() > NOTES_MAX {
            self.notes.remove(0);
        }
    }

    /// Enter was pressed.
    fn submit(&mut self, model: &mut Model, at: UnixMs) -> Option<Wish> {
        match std::mem::replace(&mut self.mode, Mode::Chat) {
            Mode::Password { name, purpose } => {
                let password = self.input.take_secret();
                if password.is_empty() {
                    self.note("no password: /login when you want to", Tone::Calm);
                    return None;
                }
                Some(Wish::Login { name, password, purpose })
            }
            Mode::Paste(text) => {
                self.say(model, &text, at);
                None
            }
            Mode::Help(_) => None,
            Mode::Chat => {
                let line = self.input.take();
                self.typed(model, &line, at)
            }
        }
    }

    fn typed(&mut self, model: &mut Model, line: &str, at: UnixMs) -> Option<Wish> {
        if line.trim().is_empty() {
            return None;
        }
        self.notes.clear();
        let bare = if model.open.is_none() { command::parse_bare(line) } else { None };
        match bare.map_or_else(|| command::parse(line), |bare| bare.map(Typed::Command)) {
            Ok(Typed::Text(text)) => self.say(model, &text, at),
            Ok(Typed::Command(order)) => return self.order(model, order, at),
            Err(why) => self.alarm(&why),
        }
        None
    }

    fn say(&mut self, model: &mut Model, text: &str, at: UnixMs) {
        let Some(peer) = model.open else {
            self.alarm("to whom? /chat NAME opens a conversation, Ctrl-N the next of the list");
            return;
        };
        model.say(peer, text, at);
        self.scroll = 0;
    }

    fn order(&mut self, model: &mut Model, order: Command, at: UnixMs) -> Option<Wish> {
        match order {
            Command::Quit => return Some(Wish::Quit),
            Command::Help => {
                self.mode = Mode::Help(0);
            }
            Command::Login(name) => {
                let name = name.unwrap_or_else(|| model.account.name.clone());
                let is_same = name.to_lowercase() == model.account.name.to_lowercase();
                match model.account.token {
                    _ if !is_same => return Some(Wish::Switch(name)),
                    Some(_) => model.connect(),
                    None => self.ask_password(&name, Purpose::LogIn),
                }
            }
            Command::Register(Some(name)) => self.ask_password(&name, Purpose::Register),
            Command::Register(None) => self.alarm("usage: /register NAME"),
            Command::History(None) if model.open.is_some() => self.scroll_up(model, 1),
            order => model.order(order, at),
        }
        None
    }

    fn scroll_up(&mut self, model: &mut Model, rows: usize) {
        self.scroll += rows;
        if let (true, Some(open)) = (self.is_at_top, model.open) {
            model.fetch_older(open);
        }
    }

    fn scroll_down(&mut self, rows: usize) {
        self.scroll = self.scroll.saturating_sub(rows);
    }

    /// Opens the conversation so many places further down the list.
    fn step(&mut self, model: &mut Model, by: isize) {
        let peers = model.conversations();
        let count = isize::try_from(peers.len()).unwrap_or(isize::MAX);
        if count == 0 {
            return;
        }
        let at = model.open.and_then(|open| peers.iter().position(|peer| *peer == open));
        let at = at.and_then(|at| isize::try_from(at).ok());
        let next = at.map_or(if by > 0 { 0 } else { count - 1 }, |at| (at + by).rem_euclid(count));
        if let Some(peer) = usize::try_from(next).ok().and_then(|next| peers.get(next)) {
            self.open(model, *peer);
        }
    }

    /// Opens the latest conversation with something unread.
    fn next_unread(&mut self, model: &mut Model) {
        let is_unread = |peer: &Peer| model.chats.get(peer).is_some_and(|chat| chat.mark.unread > 0);
        if let Some(peer) = model.conversations().into_iter().find(is_unread) {
            self.open(model, peer);
        }
    }

    fn complete(&mut self, model: &Model) {
        let is_order = self.input.text().starts_with('/') && !self.input.text().starts_with("//");
        let begins = |text: &str| {
            if is_order { command::last_word(text) } else { text.rfind(' ').map_or(0, |blank| blank + 1) }
        };
        self.input.complete(begins, |start, word| match (is_order, start) {
            (true, 0) => orders(word),
            (true, _) => targets(model, word),
            (false, _) => mentions(model, start, word),
        });
    }
}

/// The commands that a word may become.
fn orders(word: &str) -> Vec<String> {
    let beginning = word.trim_start_matches('/');
    let fitting = COMMANDS.iter().filter(|spec| spec.name.starts_with(beginning));
    fitting.map(|spec| format!("/{} ", spec.name)).collect()
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

/// The names that a word of a text may become, as they are.
fn mentions(model: &Model, start: usize, word: &str) -> Vec<String> {
    let after = if start == 0 { ": " } else { " " };
    let beginning = word.to_lowercase();
    let fitting = names(model).filter(|(_, name)| name.to_lowercase().starts_with(&beginning));
    sorted(fitting.map(|(_, name)| format!("{name}{after}")).collect())
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
