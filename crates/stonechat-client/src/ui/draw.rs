//! Draws the screen. Only the terminal's own sixteen colours, on its own background: dark and light both work.
//!
//! ```text
//!   ┌ list ──────┬ title ──────────────────────┐
//!   │ ● ben    2 │ conversation                │
//!   │ # chess    │ notes                       │
//!   ├────────────┴─────────────────────────────┤
//!   │ status: account, server, connection      │
//!   │ > input                                  │
//!   └──────────────────────────────────────────┘
//! ```

use std::time::Instant;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Position, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders, Paragraph};
use stonechat_protocol::body::Presence;
use stonechat_protocol::ids::{Peer, Seq};

use super::rows::{ALARM, FAINT, View, conversation};
use super::{Mode, Note, Page, Purpose, Tone, Ui};
use crate::help;
use crate::model::{Link, Model, Reach, State};
use crate::printable::printable_line;
use crate::text_width::{cut, width, wrap};

/// A narrower screen shows no list.
const WIDTH_FOR_LIST: u16 = 50;

/// The status bar.
const BAR: Style = Style::new().add_modifier(Modifier::REVERSED);

/// Draws everything.
pub(crate) fn draw(frame: &mut Frame<'_>, ui: &mut Ui, model: &Model, server: &str, now: Instant) {
    let [upper, status, input] =
        Layout::vertical([Constraint::Min(0), Constraint::Length(1), Constraint::Length(1)]).areas(frame.area());
    if let Mode::Page(page, row) = ui.mode {
        draw_page(frame, ui, (page, row), upper);
        draw_bar(frame, &page_bar(ui, page), status);
        return;
    }
    let list_width = if upper.width >= WIDTH_FOR_LIST { (upper.width / 4).clamp(16, 28) } else { 0 };
    let [list, talk] = Layout::horizontal([Constraint::Length(list_width), Constraint::Min(0)]).areas(upper);
    if list_width > 0 {
        draw_list(frame, ui, model, list);
    }
    draw_talk(frame, ui, model, talk);
    draw_bar(frame, &status_line(ui, model, server, now), status);
    draw_input(frame, ui, model, input);
}

fn draw_bar(frame: &mut Frame<'_>, text: &str, area: Rect) {
    frame.render_widget(Paragraph::new(cut(text, usize::from(area.width))).style(BAR), area);
}

fn draw_page(frame: &mut Frame<'_>, ui: &mut Ui, (page, row): (Page, usize), area: Rect) {
    ui.areas.talk = area;
    let cells = usize::from(area.width);
    let text = match page {
        Page::Help => format!("{}\n\n{}", help::commands(), help::KEYS),
        Page::Found => ui.found.join("\n"),
    };
    let rows: Vec<Line<'_>> = wrap(&text, cells, cells).into_iter().map(Line::raw).collect();
    let row = row.min(rows.len().saturating_sub(usize::from(area.height)));
    ui.mode = Mode::Page(page, row);
    frame.render_widget(Paragraph::new(rows.into_iter().skip(row).collect::<Vec<_>>()), area);
}

fn page_bar(ui: &Ui, page: Page) -> String {
    let what = match (page, ui.reach) {
        (Page::Help, _) => "/help".to_owned(),
        (Page::Found, Reach::GoesOn) => format!("{} found, searching on …", ui.found.len()),
        (Page::Found, Reach::Paused) => format!("{} found; /more goes on", ui.found.len()),
        (Page::Found, Reach::End) => format!("{} found, that is all", ui.found.len()),
    };
    format!(" {what} │ Page-Up and Page-Down, any other key goes back")
}

fn draw_list(frame: &mut Frame<'_>, ui: &mut Ui, model: &Model, area: Rect) {
    let block = Block::new().borders(Borders::RIGHT).border_style(FAINT);
    let inner = block.inner(area);
    frame.render_widget(block, area);
    let peers = model.conversations();
    let height = usize::from(inner.height);
    let open = model.open.and_then(|open| peers.iter().position(|peer| *peer == open)).unwrap_or(0);
    let first = (open + 1).saturating_sub(height);
    ui.areas.list = inner;
    ui.areas.list_first = first;
    let rows: Vec<Line<'_>> =
        peers.iter().skip(first).take(height).map(|peer| entry(model, *peer, inner.width)).collect();
    frame.render_widget(Paragraph::new(rows), inner);
}

/// One conversation of the list: presence, name, unread.
fn entry(model: &Model, peer: Peer, cells: u16) -> Line<'static> {
    let chat = model.chats.get(&peer);
    let unread = chat.map_or(0, |chat| chat.mark.unread);
    let is_muted = chat.is_some_and(|chat| chat.flags.is_muted);
    let count = match unread {
        0 => String::new(),
        1..100 => format!(" {unread}"),
        _ => " 99+".to_owned(),
    };
    let pin = if chat.is_some_and(|chat| chat.flags.is_pinned) { " ▴" } else { "" };
    let count = format!("{pin}{count}");
    let room = usize::from(cells).saturating_sub(2 + width(&count));
    let name = cut(&printable_line(&model.title(peer)), room);
    let gap = " ".repeat(room.saturating_sub(width(&name)));
    let (sign, sign_style) = sign(model, peer);
    let mut style = Style::new();
    if unread > 0 && !is_muted {
        style = style.add_modifier(Modifier::BOLD);
    }
    let count_style = if is_muted { FAINT } else { style.fg(Color::Red) };
    let line = Line::from(vec![
        Span::styled(format!("{sign} "), sign_style),
        Span::styled(name, style),
        Span::raw(gap),
        Span::styled(count, count_style),
    ]);
    if model.open == Some(peer) { line.style(BAR) } else { line }
}

fn sign(model: &Model, peer: Peer) -> (&'static str, Style) {
    match peer {
        Peer::Group(_) => ("#", FAINT),
        Peer::User(user) => match model.roster.friends.get(&user).map(|friend| friend.presence) {
            Some(Presence::Online) => ("●", Style::new().fg(Color::Green)),
            Some(Presence::Offline) => ("○", FAINT),
            None => (" ", FAINT),
        },
    }
}

fn draw_talk(frame: &mut Frame<'_>, ui: &mut Ui, model: &Model, area: Rect) {
    let notes = note_rows(&ui.notes, usize::from(area.width));
    let limit = if model.open.is_some() { usize::from(area.height) * 2 / 3 } else { usize::from(area.height) };
    let shown = notes.len().min(limit);
    let height = u16::try_from(shown).unwrap_or(u16::MAX);
    let [title, talk, below] =
        Layout::vertical([Constraint::Length(1), Constraint::Min(0), Constraint::Length(height)]).areas(area);
    let heading = cut(&heading(model), usize::from(title.width));
    frame.render_widget(Paragraph::new(heading).style(Style::new().add_modifier(Modifier::BOLD)), title);
    ui.areas.talk = talk;
    match model.open {
        Some(peer) => draw_conversation(frame, ui, model, peer, talk),
        None => frame.render_widget(Paragraph::new(WELCOME).style(FAINT), talk),
    }
    // The beginning is what matters in a long list of commands, the end in a stream of notices.
    let skipped = if ui.notes.len() > 2 { notes.len() - shown } else { 0 };
    let rows: Vec<Line<'_>> = notes.into_iter().skip(skipped).take(shown).collect();
    frame.render_widget(Paragraph::new(rows), below);
}

const WELCOME: &str = "
  /chat NAME   open a conversation (or Ctrl-N)
  /find WORD   look for people and groups
  /add NAME    make a friend
  /help        all commands and keys";

fn draw_conversation(frame: &mut Frame<'_>, ui: &mut Ui, model: &Model, peer: Peer, area: Rect) {
    let (cells, height) = (usize::from(area.width), usize::from(area.height));
    let view = View { model, peer, zone: &ui.zone, cells, is_numbered: ui.is_numbered() };
    let built = conversation(view, height + ui.scroll + 1);
    ui.scroll = ui.scroll.min(built.rows.len().saturating_sub(height));
    ui.is_at_top = built.is_all && built.rows.len() <= height + ui.scroll;
    let visible: Vec<Line<'_>> = built.rows.into_iter().skip(ui.scroll).take(height).collect();
    // A short conversation stands at the bottom, next to the input.
    let empty = height - visible.len();
    let lines = std::iter::repeat_n(Line::raw(""), empty).chain(visible.into_iter().rev());
    frame.render_widget(Paragraph::new(lines.collect::<Vec<_>>()), area);
}

fn note_rows(notes: &[Note], cells: usize) -> Vec<Line<'static>> {
    let mut rows = Vec::new();
    for note in notes {
        let (sign, style) = match note.tone {
            Tone::Calm => ("* ", Style::new().fg(Color::Cyan)),
            Tone::Alarm => ("! ", ALARM),
        };
        let room = cells.saturating_sub(2);
        for (number, line) in wrap(&note.text, room, room).into_iter().enumerate() {
            let lead = if number == 0 { sign } else { "  " };
            rows.push(Line::styled(format!("{lead}{line}"), style));
        }
    }
    rows
}

/// The first row of the conversation: who it is with.
fn heading(model: &Model) -> String {
    let Some(peer) = model.open else { return "Stonechat".to_owned() };
    let title = printable_line(&model.title(peer));
    let is_erased = model.chats.get(&peer).is_some_and(|chat| chat.is_erased);
    match peer {
        Peer::User(_) if is_erased => format!("{title} (account erased)"),
        Peer::User(user) => match model.roster.friends.get(&user).map(|friend| friend.presence) {
            Some(Presence::Online) => format!("{title} (online)"),
            Some(Presence::Offline) => format!("{title} (offline)"),
            None => title,
        },
        Peer::Group(group) => {
            let entry = model.roster.groups.get(&group);
            let description = entry.map(|entry| printable_line(&entry.groupdesc)).unwrap_or_default();
            format!("#{title}  {description}")
        }
    }
}

fn status_line(ui: &Ui, model: &Model, server: &str, now: Instant) -> String {
    let link = match &model.link {
        Link::Off => "offline (/connect)".to_owned(),
        Link::Connecting => "connecting …".to_owned(),
        Link::LoggingIn => "logging in …".to_owned(),
        Link::Online => "online".to_owned(),
        Link::Waiting { until, why } => {
            let seconds = until.saturating_duration_since(now).as_secs() + 1;
            format!("no connection, again in {seconds} s ({why})")
        }
    };
    let failed = model.outbox.iter().filter(|outgoing| matches!(outgoing.state, State::Failed(_))).count();
    let waiting = model.outbox.iter().count() - failed;
    let mut parts = vec![format!("{} @ {server}", printable_line(&model.account.name)), link];
    if let Some(typing) = typing(model) {
        parts.push(typing);
    }
    if waiting > 0 {
        parts.push(format!("{waiting} sending"));
    }
    if failed > 0 {
        parts.push(format!("{failed} failed"));
    }
    if ui.scroll > 0 {
        parts.push("more below (Page-Down, Esc)".to_owned());
    }
    if ui.is_leaving {
        parts.push("Ctrl-C once more ends".to_owned());
    }
    format!(" {}", parts.join(" │ "))
}

/// Who is typing in the open conversation.
fn typing(model: &Model) -> Option<String> {
    let names = model.typing_in(model.open?);
    match &names[..] {
        [] => None,
        [one] => Some(format!("{} is typing …", printable_line(one))),
        [one, other] => Some(format!("{} and {} are typing …", printable_line(one), printable_line(other))),
        [one, ..] => Some(format!("{} and others are typing …", printable_line(one))),
    }
}

fn draw_input(frame: &mut Frame<'_>, ui: &Ui, model: &Model, area: Rect) {
    let cells = usize::from(area.width);
    let (prompt, is_secret) = match &ui.mode {
        Mode::Chat | Mode::Page(..) => ("> ".to_owned(), false),
        Mode::Edit(..) => ("edit> ".to_owned(), false),
        Mode::Reply(peer, seq) => (reply_prompt(model, *peer, *seq), false),
        Mode::Interview(interview) => (printable_line(&interview.prompt()), interview.is_secret()),
        Mode::Password { name, purpose: Purpose::LogIn } => (format!("Password of {name}: "), true),
        Mode::Password { name, purpose: Purpose::Register } => {
            (format!("A password for the new account {name}: "), true)
        }
        Mode::Paste(text) => (paste_question(model, text), false),
    };
    let prompt = cut(&prompt, cells);
    let room = cells.saturating_sub(width(&prompt));
    let (text, cursor) = if is_secret { ui.input.hidden(room) } else { ui.input.visible(room) };
    let column =
        area.x + u16::try_from(width(&prompt) + cursor).unwrap_or(area.width).min(area.width.saturating_sub(1));
    frame.render_widget(Paragraph::new(format!("{prompt}{text}")), area);
    frame.set_cursor_position(Position { x: column, y: area.y });
}

fn reply_prompt(model: &Model, peer: Peer, seq: Seq) -> String {
    let message = model.chats.get(&peer).and_then(|chat| chat.message(seq));
    let quoted = message.map_or_else(String::new, |message| {
        let text = cut(&printable_line(&message.text), 20);
        format!("{} \"{text}\"", printable_line(&message.name))
    });
    format!("re {quoted}> ")
}

fn paste_question(model: &Model, text: &str) -> String {
    let to = model.open.map_or_else(|| "nobody yet".to_owned(), |open| printable_line(&model.title(open)));
    let first = cut(&printable_line(text.lines().next().unwrap_or_default()), 20);
    format!("Send these {} lines (\"{first}\") to {to}? Enter: yes, Esc: no ", text.lines().count())
}
