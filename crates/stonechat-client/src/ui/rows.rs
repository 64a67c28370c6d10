//! A conversation as rows of the screen, built from the bottom up: only what is visible costs anything.
//!
//! ```text
//!   ──── Saturday, 14 March 2026 ────
//!   09:26 ben: hello, anna
//!         👍 2  [🎉 1]                     reactions; in brackets: one's own is among them
//!   ──── new ────                          below what was read
//!         ┌ ben: hello, anna               what the message answers
//!   09:27 anna: hello, ben (edited) ✓✓     ✓ stored   ✓✓ received, then read   … on its way   ✗ failed
//!     #12 anna: hello, ben                 with numbers in place of the time
//! ```

use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use stonechat_protocol::ids::{Peer, Seq, UserId};
use stonechat_protocol::time::UnixMs;

use crate::model::{Chat, Message, Model, Progress, Reaction, State};
use crate::printable::{printable, printable_line};
use crate::text_width::{cut, width, wrap};
use crate::zone::Zone;

/// Under the clock: where the second row of a message begins.
const INDENT: usize = 6;

/// Names are told apart by these; all can be read on dark and on light.
const COLORS: [Color; 5] = [Color::Cyan, Color::Magenta, Color::Green, Color::Blue, Color::Red];

/// What is faint.
pub(super) const FAINT: Style = Style::new().add_modifier(Modifier::DIM);

/// What must be seen.
pub(super) const ALARM: Style = Style::new().fg(Color::Red).add_modifier(Modifier::BOLD);

/// The tick of a message that was read: not by its colour alone.
const READ: Style = Style::new().fg(Color::Cyan).add_modifier(Modifier::BOLD);

/// What stands for the text of a message that was recalled.
const RECALLED: &str = "(taken back)";

/// The widest reaction that is shown whole, in cells.
const REACTION_CELLS: usize = 16;

/// What is shown, and how.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) model: &'a Model,
    pub(super) peer: Peer,
    pub(super) zone: &'a Zone,
    pub(super) cells: usize,
    /// Numbers stand in place of times.
    pub(super) is_numbered: bool,
}

/// Rows of a conversation, the last first.
pub(super) struct Rows {
    /// From the bottom up.
    pub(super) rows: Vec<Line<'static>>,
    /// Nothing more is here above them.
    pub(super) is_all: bool,
}

/// At least so many rows from the bottom, when there are so many.
pub(super) fn conversation(view: View<'_>, count: usize) -> Rows {
    let View { model, peer, zone, cells, .. } = view;
    let mut rows = Vec::new();
    push_outgoing(&mut rows, view);
    let Some(chat) = model.chats.get(&peer) else { return Rows { rows, is_all: true } };
    let last_read = last_read(chat, model.account.id);
    let mut messages = chat.messages().rev().peekable();
    let newest_day = messages.peek().map(|newest| zone.local(newest.at).day());
    let waits_later = model.outbox.iter().find(|out| out.peer == peer).map(|out| zone.local(out.at));
    if let Some(day) = waits_later.filter(|day| newest_day != Some(day.day())) {
        rows.push(rule(&day.date(), cells, FAINT));
    }
    while let Some(message) = messages.next() {
        if rows.len() >= count {
            return Rows { rows, is_all: false };
        }
        let said = Said { marks: marks(view, chat, message, last_read), ..Said::of(message, view) };
        push_message(&mut rows, &said, cells);
        if chat.line.is_some_and(|line| message.seq > line && messages.peek().is_none_or(|older| older.seq <= line)) {
            rows.push(rule("new", cells, ALARM));
        }
        let day = zone.local(message.at);
        if messages.peek().is_none_or(|older| zone.local(older.at).day() != day.day()) {
            rows.push(rule(&day.date(), cells, FAINT));
        }
    }
    if chat.fetching {
        rows.push(Line::styled("  fetching older messages …", FAINT));
    } else if chat.fetched && chat.rows.is_empty() && rows.is_empty() {
        rows.push(Line::styled("  nothing was said here yet", FAINT));
    }
    Rows { rows, is_all: true }
}

/// The rows that a message takes.
pub(super) fn height_of(view: View<'_>, message: &Message) -> usize {
    let mut rows = Vec::new();
    push_message(&mut rows, &Said::of(message, view), view.cells);
    rows.len()
}

/// The last message of one's own that the other one of two has read.
fn last_read(chat: &Chat, me: Option<UserId>) -> Option<Seq> {
    let mut own = chat.messages().rev().filter(|message| Some(message.sender) == me && !message.is_recalled);
    own.find(|message| message.seq <= chat.peer_read).map(|message| message.seq)
}

/// What stands behind a text.
fn marks(view: View<'_>, chat: &Chat, message: &Message, last_read: Option<Seq>) -> Vec<Mark> {
    let mut marks = Vec::new();
    if message.edited.is_some() {
        marks.push((" (edited)".to_owned(), FAINT));
    }
    if Some(message.sender) == view.model.account.id && !message.is_recalled {
        let progress = match view.peer {
            Peer::User(_) => chat.progress(message.seq),
            Peer::Group(_) => Progress::Stored,
        };
        marks.push(match progress {
            Progress::Stored => (" ✓".to_owned(), FAINT),
            Progress::Delivered => (" ✓✓".to_owned(), FAINT),
            // The word once is enough, where it is news.
            Progress::Read if last_read == Some(message.seq) => (" ✓✓ read".to_owned(), READ),
            Progress::Read => (" ✓✓".to_owned(), READ),
        });
    }
    marks
}

/// A word behind a text, and its look.
type Mark = (String, Style);

/// A message as it is shown.
struct Said {
    /// The time, or the number.
    lead: String,
    name: String,
    sender: Option<UserId>,
    text: String,
    style: Style,
    /// What it answers.
    quote: Option<String>,
    reactions: Vec<Span<'static>>,
    marks: Vec<Mark>,
}

impl Said {
    fn of(message: &Message, view: View<'_>) -> Self {
        let lead = if view.is_numbered {
            format!("{:>5}", format!("#{}", message.seq))
        } else {
            view.zone.local(message.at).clock()
        };
        let (text, style) = if message.is_recalled {
            (RECALLED.to_owned(), FAINT.add_modifier(Modifier::ITALIC))
        } else {
            let is_named = view.model.account.id.is_some_and(|me| message.mentions(me));
            let style = if is_named { Style::new().add_modifier(Modifier::BOLD) } else { Style::new() };
            (printable(&message.text), style)
        };
        Self {
            lead,
            name: name(view, message),
            sender: Some(message.sender),
            text,
            style,
            quote: message.answers().map(|re| quote(view, re)),
            reactions: reactions(&message.reactions, view.cells.saturating_sub(INDENT)),
            marks: Vec::new(),
        }
    }
}

fn name(view: View<'_>, message: &Message) -> String {
    printable_line(&view.model.name_of(message.sender, &message.name))
}

/// What a message answers, in one line.
fn quote(view: View<'_>, re: Seq) -> String {
    match view.model.chats.get(&view.peer).and_then(|chat| chat.message(re)) {
        Some(message) if message.is_recalled => format!("{}: {RECALLED}", name(view, message)),
        Some(message) => format!("{}: {}", name(view, message), printable_line(&message.text)),
        None => format!("#{re}, further up"),
    }
}

/// `👍 2  [🎉 1]`, as far as it fits.
fn reactions(reactions: &[Reaction], cells: usize) -> Vec<Span<'static>> {
    let mut spans = Vec::new();
    let mut used = 0;
    for reaction in reactions {
        let shown = cut(&printable_line(&reaction.reaction), REACTION_CELLS);
        let (text, style) = if reaction.mine {
            (format!("[{shown} {}]", reaction.count), Style::new().add_modifier(Modifier::BOLD))
        } else {
            (format!("{shown} {}", reaction.count), Style::new())
        };
        let gap = if spans.is_empty() { "" } else { "  " };
        used += width(gap) + width(&text);
        if used + 1 > cells && !spans.is_empty() {
            spans.push(Span::raw("…"));
            break;
        }
        spans.push(Span::raw(gap));
        spans.push(Span::styled(text, style));
    }
    spans
}

/// One's own messages that are not on the server.
fn push_outgoing(rows: &mut Vec<Line<'static>>, view: View<'_>) {
    let View { model, peer, zone, cells, .. } = view;
    let all: Vec<_> = model.outbox.iter().filter(|outgoing| outgoing.peer == peer).collect();
    for outgoing in all.into_iter().rev() {
        let mark = match &outgoing.state {
            State::Waiting | State::Sent => (" … sending".to_owned(), FAINT),
            State::Failed(why) => (format!(" ✗ failed: {} (Ctrl-R: again)", printable_line(why)), ALARM),
        };
        let said = Said {
            lead: zone.local(UnixMs(outgoing.at.0)).clock(),
            name: printable_line(&model.account.name),
            sender: model.account.id,
            text: printable(&outgoing.text),
            style: Style::new(),
            quote: outgoing.re.map(|re| quote(view, re)),
            reactions: Vec::new(),
            marks: vec![mark],
        };
        push_message(rows, &said, cells);
    }
}

fn push_message(rows: &mut Vec<Line<'static>>, said: &Said, cells: usize) {
    if !said.reactions.is_empty() {
        let indent = Span::raw(" ".repeat(INDENT));
        rows.push(Line::from([vec![indent], said.reactions.clone()].concat()));
    }
    let head = width(&said.lead) + 1 + width(&said.name) + 2;
    // The marks are wrapped with the text, then coloured for themselves where they stand in one piece.
    let behind: String = said.marks.iter().map(|(text, _)| text.as_str()).collect();
    let whole = format!("{}{behind}", said.text);
    let parts = wrap(&whole, cells.saturating_sub(head), cells.saturating_sub(INDENT));
    let mut lines = Vec::with_capacity(parts.len());
    for (number, part) in parts.into_iter().enumerate() {
        let mut spans = match number {
            0 => vec![
                Span::styled(format!("{} ", said.lead), FAINT),
                Span::styled(said.name.clone(), name_style(said.sender)),
                Span::raw(": "),
            ],
            _ => vec![Span::raw(" ".repeat(INDENT))],
        };
        spans.extend(coloured(&part, said));
        lines.push(Line::from(spans));
    }
    rows.extend(lines.into_iter().rev());
    if let Some(quote) = &said.quote {
        let text = cut(&format!("┌ {quote}"), cells.saturating_sub(INDENT));
        rows.push(Line::styled(format!("{}{text}", " ".repeat(INDENT)), FAINT));
    }
}

/// A row of the text, with the marks at its end.
fn coloured(part: &str, said: &Said) -> Vec<Span<'static>> {
    let mut rest = part;
    let mut marks = Vec::new();
    for (text, style) in said.marks.iter().rev() {
        // A mark at the beginning of a row has lost its blank.
        let Some(before) = rest.strip_suffix(text.as_str()).or_else(|| rest.strip_suffix(text.trim_start())) else {
            break;
        };
        marks.push(Span::styled(rest[before.len()..].to_owned(), *style));
        rest = before;
    }
    let text = Span::styled(rest.to_owned(), said.style);
    std::iter::once(text).chain(marks.into_iter().rev()).collect()
}

fn name_style(sender: Option<UserId>) -> Style {
    let number = sender.map_or(0, |sender| usize::try_from(sender.number()).unwrap_or(0));
    Style::new().fg(COLORS[number % COLORS.len()]).add_modifier(Modifier::BOLD)
}

/// A rule across the conversation with a word in it.
fn rule(word: &str, cells: usize, style: Style) -> Line<'static> {
    let side = "─".repeat(cells.saturating_sub(width(word) + 2) / 2);
    Line::styled(format!("{side} {word} {side}"), style)
}
