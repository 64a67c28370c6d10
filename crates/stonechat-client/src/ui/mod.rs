//! What is on the screen beyond the model: the input line, notes, scrolling, questions. Keys and news in, wishes out; no
//! terminal.

mod completion;
mod draw;
mod input;
mod keys;
mod rows;
#[cfg(test)]
mod tests;

use ratatui::layout::Rect;
use stonechat_protocol::ids::{Peer, Seq};
use stonechat_protocol::time::UnixMs;

use crate::command::{self, Command, Typed};
use crate::found;
use crate::interview::{Answered, Interview};
use crate::model::{Link, Model, News, Reach};
use crate::printable::printable;
use crate::zone::Zone;
pub(crate) use draw::draw;
use input::Input;
use rows::View;

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
    /// Something about the account.
    Interview(Interview),
    /// Another text for this message.
    Edit(Peer, Seq),
    /// An answer to this message.
    Reply(Peer, Seq),
    /// Many lines were pasted; they are sent only after a yes.
    Paste(String),
    /// A page covers the screen from this row on.
    Page(Page, usize),
}

/// What stands ahead of a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Lead {
    Time,
    Number,
}

/// What may cover the screen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Page {
    Help,
    /// What a search has found.
    Found,
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
    /// What stands ahead of messages, unless a command is typed that takes a number.
    lead: Lead,
    /// What the last search has found, and how far it has come.
    found: Vec<String>,
    reach: Reach,
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
            lead: Lead::Time,
            found: Vec::new(),
            reach: Reach::End,
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
        self.found.clear();
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
                let cells = usize::from(self.areas.talk.width);
                let view = View { model, peer, zone: &self.zone, cells, is_numbered: false };
                self.scroll += rows::height_of(view, &message);
            }
            News::Message(..) | News::Changed(..) | News::Stored { .. } => {}
            News::Found(messages, reach) => {
                let zone = &self.zone;
                self.found.extend(messages.iter().map(|(peer, message)| found::line(model, zone, *peer, message)));
                self.reach = reach;
                if self.found.is_empty() && reach == Reach::End {
                    self.mode = Mode::Chat;
                    self.note("nothing was found", Tone::Calm);
                }
            }
            News::Failed { peer, why, .. } => {
                let title = model.title(peer);
                self.alarm(&format!("not sent to {title}: {why} (Ctrl-R sends it again, /discard drops it)"));
            }
            News::Says(text) => self.note(&text, Tone::Calm),
            News::Refused(why) | News::Unfit(why) => {
                self.stop_search();
                self.alarm(&why);
            }
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

    /// A search that was refused has found nothing.
    fn stop_search(&mut self) {
        if self.reach == Reach::GoesOn {
            self.reach = Reach::End;
            if matches!(self.mode, Mode::Page(Page::Found, _)) && self.found.is_empty() {
                self.mode = Mode::Chat;
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
            if matches!(self.mode, Mode::Edit(..) | Mode::Reply(..)) {
                self.mode = Mode::Chat;
                self.input.take_secret();
            }
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
            Mode::Interview(interview) => {
                let answer = self.input.take_secret();
                self.answered(model, interview.answer(&answer), at);
                None
            }
            Mode::Edit(peer, seq) => {
                let text = self.input.take();
                self.edited(model, (peer, seq), &text);
                None
            }
            Mode::Reply(peer, re) => {
                let text = self.input.take();
                if !text.trim().is_empty() {
                    model.reply_to(peer, re, &text, at);
                    self.scroll = 0;
                }
                None
            }
            Mode::Page(..) => None,
            Mode::Chat => {
                let line = self.input.take();
                self.typed(model, &line, at)
            }
        }
    }

    fn answered(&mut self, model: &mut Model, answered: Answered, at: UnixMs) {
        match answered {
            Answered::Asks(interview) => self.mode = Mode::Interview(interview),
            Answered::Orders(order) => model.order(order, at),
            Answered::Ends(why) => self.note(&why, Tone::Calm),
        }
    }

    fn edited(&mut self, model: &mut Model, (peer, seq): (Peer, Seq), text: &str) {
        let message = model.chats.get(&peer).and_then(|chat| chat.message(seq)).cloned();
        match message.filter(|message| message.text != text) {
            Some(_) if text.trim().is_empty() => self.alarm("an empty text: /recall takes the message back"),
            Some(message) => model.edit(peer, &message, text),
            None => {}
        }
    }

    /// Up on an empty line: one's last message is there to be edited. `false` if there is none.
    fn begin_edit(&mut self, model: &Model) -> bool {
        let Some(peer) = model.open.filter(|_| self.input.text().is_empty()) else { return false };
        let Some(message) = model.last_own(peer) else { return false };
        self.mode = Mode::Edit(peer, message.seq);
        self.input.insert(&message.text);
        true
    }

    /// Up again: no edit, but what was typed before.
    fn leave_edit(&mut self, model: &Model) {
        let Mode::Edit(peer, seq) = self.mode else { return };
        let text = model.chats.get(&peer).and_then(|chat| chat.message(seq)).map(|message| message.text.as_str());
        if text == Some(self.input.text()) {
            self.mode = Mode::Chat;
            self.input.take_secret();
            self.input.older();
        }
    }

    /// Answers the last message that is not one's own; once more: the one before.
    fn begin_reply(&mut self, model: &Model) {
        let (Some(peer), Some(me)) = (model.open, model.account.id) else { return };
        let before = match self.mode {
            Mode::Reply(place, seq) if place == peer => seq,
            Mode::Chat => Seq::MAX,
            _ => return,
        };
        let theirs = model.chats.get(&peer).into_iter().flat_map(|chat| chat.messages().rev());
        let mut theirs = theirs.filter(|message| message.sender != me && !message.is_recalled);
        if let Some(message) = theirs.find(|message| message.seq < before) {
            self.mode = Mode::Reply(peer, message.seq);
        }
    }

    /// Messages show their numbers: when it was asked for, and while a command that takes one is typed.
    fn is_numbered(&self) -> bool {
        let order = self.input.text().split(' ').next().unwrap_or_default();
        let takes_one =
            ["/edit", "/recall", "/unsend", "/reply", "/re", "/react", "/unreact", "/seen"].contains(&order);
        self.lead == Lead::Number || self.mode == Mode::Chat && takes_one
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
                self.mode = Mode::Page(Page::Help, 0);
            }
            Command::Numbers => {
                self.lead = if self.lead == Lead::Time { Lead::Number } else { Lead::Time };
            }
            Command::Password | Command::Erase => {
                self.mode = Interview::before(&order, &model.account.name).map_or(Mode::Chat, Mode::Interview);
            }
            Command::Search(_) | Command::SearchHere(_) | Command::More => self.search(model, order, at),
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

    fn search(&mut self, model: &mut Model, order: Command, at: UnixMs) {
        if order != Command::More {
            self.found.clear();
        }
        let is_possible =
            model.link == Link::Online && (model.open.is_some() || !matches!(order, Command::SearchHere(_)));
        if is_possible {
            self.reach = Reach::GoesOn;
            self.mode = Mode::Page(Page::Found, self.found.len());
        }
        model.order(order, at);
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
        let is_unread =
            |peer: &Peer| model.chats.get(peer).is_some_and(|chat| chat.mark.unread > 0 && !chat.flags.is_muted);
        if let Some(peer) = model.conversations().into_iter().find(is_unread) {
            self.open(model, peer);
        }
    }
}
