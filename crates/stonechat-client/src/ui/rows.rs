//! A conversation as rows of the screen, built from the bottom up: only what is visible costs anything.
//!
//! ```text
//!   ──── Saturday, 14 March 2026 ────
//!   09:26 ben: hello, anna
//!   ──── new ────                          below what was read
//!   09:27 anna: hello, ben ✓               ✓ stored   … on its way   ✗ failed
//! ```

use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use stonechat_protocol::ids::{Peer, UserId};
use stonechat_protocol::time::UnixMs;

use crate::model::{Message, Model, State};
use crate::printable::{printable, printable_line};
use crate::text_width::{width, wrap};
use crate::zone::Zone;

/// Under the clock: where the second row of a message begins.
const INDENT: usize = 6;

/// Names are told apart by these; all can be read on dark and on light.
const COLORS: [Color; 5] = [Color::Cyan, Color::Magenta, Color::Green, Color::Blue, Color::Red];

/// What is faint.
pub(super) const FAINT: Style = Style::new().add_modifier(Modifier::DIM);

/// What must be seen.
pub(super) const ALARM: Style = Style::new().fg(Color::Red).add_modifier(Modifier::BOLD);

/// Rows of a conversation, the last first.
pub(super) struct Rows {
    /// From the bottom up.
    pub(super) rows: Vec<Line<'static>>,
    /// Nothing more is here above them.
    pub(super) is_all: bool,
}

/// At least so many rows from the bottom, when there are so many.
pub(super) fn conversation(model: &Model, peer: Peer, zone: &Zone, cells: usize, count: usize) -> Rows {
    let mut rows = Vec::new();
    push_outgoing(&mut rows, model, peer, zone, cells);
    let Some(chat) = model.chats.get(&peer) else { return Rows { rows, is_all: true } };
    let mut messages = chat.messages.values().rev().peekable();
    let newest_day = messages.peek().map(|newest| zone.local(newest.at).day());
    let waits_later = model.outbox.iter().find(|out| out.peer == peer).map(|out| zone.local(out.at));
    if let Some(day) = waits_later.filter(|day| newest_day != Some(day.day())) {
        rows.push(rule(&day.date(), cells, FAINT));
    }
    while let Some(message) = messages.next() {
        if rows.len() >= count {
            return Rows { rows, is_all: false };
        }
        let mine = Some(message.sender) == model.account.id;
        let mark = if mine { (" ✓".to_owned(), FAINT) } else { (String::new(), FAINT) };
        push_message(&mut rows, &Said::of(message, zone), mark, cells);
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
    } else if chat.fetched && chat.messages.is_empty() && rows.is_empty() {
        rows.push(Line::styled("  nothing was said here yet", FAINT));
    }
    Rows { rows, is_all: true }
}

/// The rows that a message takes.
pub(super) fn height_of(message: &Message, cells: usize) -> usize {
    let mut rows = Vec::new();
    push_message(&mut rows, &Said::of(message, &Zone::default()), (String::new(), FAINT), cells);
    rows.len()
}

/// A message as it is shown.
struct Said {
    clock: String,
    name: String,
    sender: Option<UserId>,
    text: String,
}

impl Said {
    fn of(message: &Message, zone: &Zone) -> Self {
        Self {
            clock: zone.local(message.at).clock(),
            name: printable_line(&message.name),
            sender: Some(message.sender),
            text: printable(&message.text),
        }
    }
}

/// One's own messages that are not on the server.
fn push_outgoing(rows: &mut Vec<Line<'static>>, model: &Model, peer: Peer, zone: &Zone, cells: usize) {
    let all: Vec<_> = model.outbox.iter().filter(|outgoing| outgoing.peer == peer).collect();
    for outgoing in all.into_iter().rev() {
        let mark = match &outgoing.state {
            State::Waiting | State::Sent => (" … sending".to_owned(), FAINT),
            State::Failed(why) => (format!(" ✗ failed: {} (Ctrl-R: again)", printable_line(why)), ALARM),
        };
        let clock = zone.local(UnixMs(outgoing.at.0)).clock();
        let (name, text) = (printable_line(&model.account.name), printable(&outgoing.text));
        push_message(rows, &Said { clock, name, sender: model.account.id, text }, mark, cells);
    }
}

fn push_message(rows: &mut Vec<Line<'static>>, said: &Said, mark: (String, Style), cells: usize) {
    let head = INDENT + width(&said.name) + 2;
    let (text, style) = mark;
    // The mark is wrapped with the text, then coloured for itself where it stands in one piece.
    let whole = format!("{}{text}", said.text);
    let parts = wrap(&whole, cells.saturating_sub(head), cells.saturating_sub(INDENT));
    let mut lines = Vec::with_capacity(parts.len());
    for (number, part) in parts.into_iter().enumerate() {
        let mut spans = match number {
            0 => vec![
                Span::styled(format!("{} ", said.clock), FAINT),
                Span::styled(said.name.clone(), name_style(said.sender)),
                Span::raw(": "),
            ],
            _ => vec![Span::raw(" ".repeat(INDENT))],
        };
        match part.strip_suffix(text.as_str()).filter(|_| !text.is_empty()) {
            Some(before) => spans.extend([Span::raw(before.to_owned()), Span::styled(text.clone(), style)]),
            None => spans.push(Span::raw(part)),
        }
        lines.push(Line::from(spans));
    }
    rows.extend(lines.into_iter().rev());
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
