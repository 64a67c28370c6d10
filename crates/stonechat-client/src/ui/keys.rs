//! Keys, the mouse and pasted text.

use ratatui::crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers, MouseEvent, MouseEventKind};
use ratatui::layout::Position;
use stonechat_protocol::time::UnixMs;

use super::{Mode, Page, Ui, Wish};
use crate::model::Model;

/// Rows that one turn of the wheel moves.
const WHEEL_ROWS: usize = 3;

impl Ui {
    /// Something came from the terminal.
    pub(crate) fn handle(&mut self, model: &mut Model, event: Event, at: UnixMs) -> Option<Wish> {
        match event {
            Event::Key(key) if !key.is_release() => return self.key(model, key, at),
            Event::Paste(text) => {
                self.paste(&text);
                self.tell_typing(model);
            }
            Event::Mouse(mouse) => self.mouse(model, mouse),
            Event::FocusGained => model.watch(true),
            Event::FocusLost => model.watch(false),
            Event::Resize(..) | Event::Key(_) => {}
        }
        None
    }

    fn key(&mut self, model: &mut Model, key: KeyEvent, at: UnixMs) -> Option<Wish> {
        let was_leaving = std::mem::take(&mut self.is_leaving);
        if key.modifiers.contains(KeyModifiers::CONTROL) {
            return self.control_key(model, key.code, was_leaving);
        }
        if key.modifiers.contains(KeyModifiers::ALT) {
            self.alt_key(model, key.code);
            return None;
        }
        if let Mode::Page(page, row) = self.mode {
            self.page_key(key.code, page, row);
            return None;
        }
        if let Mode::Paste(_) = self.mode
            && !matches!(key.code, KeyCode::Enter | KeyCode::Esc)
        {
            self.mode = Mode::Chat;
            self.input.take_secret();
        }
        let wish = self.plain_key(model, key.code, at);
        if matches!(key.code, KeyCode::Char(_) | KeyCode::Backspace) {
            self.tell_typing(model);
        }
        wish
    }

    /// A text is being typed, no command and no answer to a question.
    fn tell_typing(&self, model: &mut Model) {
        let text = self.input.text();
        let is_text = !text.trim().is_empty() && (!text.starts_with('/') || text.starts_with("//"));
        if is_text && matches!(self.mode, Mode::Chat | Mode::Reply(..)) {
            model.types();
        }
    }

    /// Pages through what covers the screen; any other key closes it.
    fn page_key(&mut self, code: KeyCode, page: Page, row: usize) {
        let rows = usize::from(self.areas.talk.height).max(1);
        self.mode = match code {
            KeyCode::PageDown => Mode::Page(page, row + rows),
            KeyCode::Down => Mode::Page(page, row + 1),
            KeyCode::PageUp => Mode::Page(page, row.saturating_sub(rows)),
            KeyCode::Up => Mode::Page(page, row.saturating_sub(1)),
            _ => Mode::Chat,
        };
    }

    fn plain_key(&mut self, model: &mut Model, code: KeyCode, at: UnixMs) -> Option<Wish> {
        let page = usize::from(self.areas.talk.height.saturating_sub(2)).max(1);
        match code {
            KeyCode::Enter => return self.submit(model, at),
            KeyCode::Char(c) => self.input.insert(c.encode_utf8(&mut [0; 4])),
            KeyCode::Backspace => self.input.backspace(),
            KeyCode::Delete => self.input.delete_at(),
            KeyCode::Left => self.input.left(),
            KeyCode::Right => self.input.right(),
            KeyCode::Home => self.input.home(),
            KeyCode::End => self.input.end(),
            KeyCode::Up => self.up(model),
            KeyCode::Down if self.mode == Mode::Chat => self.input.newer(),
            KeyCode::Tab if self.is_text() => self.complete(model),
            KeyCode::PageUp => self.scroll_up(model, page),
            KeyCode::PageDown => self.scroll_down(page),
            KeyCode::Esc => self.escape(),
            _ => {}
        }
        None
    }

    fn up(&mut self, model: &Model) {
        if self.mode != Mode::Chat {
            return self.leave_edit(model);
        }
        if !self.begin_edit(model) {
            self.input.older();
        }
    }

    /// A message is typed, or a command.
    fn is_text(&self) -> bool {
        matches!(self.mode, Mode::Chat | Mode::Edit(..) | Mode::Reply(..))
    }

    fn control_key(&mut self, model: &mut Model, code: KeyCode, was_leaving: bool) -> Option<Wish> {
        let KeyCode::Char(c) = code else {
            match code {
                KeyCode::Left => self.input.word_left(),
                KeyCode::Right => self.input.word_right(),
                _ => {}
            }
            return None;
        };
        match c {
            'a' => self.input.home(),
            'b' => self.input.left(),
            'e' => self.input.end(),
            'f' => self.input.right(),
            'k' => self.input.delete_to_end(),
            'u' => self.input.delete_to_start(),
            'w' | 'h' => self.input.delete_word(),
            'n' => self.step(model, 1),
            'p' => self.step(model, -1),
            'r' => model.retry(),
            'l' => return Some(Wish::Redraw),
            'd' if self.input.text().is_empty() => return Some(Wish::Quit),
            'd' => self.input.delete_at(),
            'c' if was_leaving => return Some(Wish::Quit),
            'c' => self.interrupt(),
            _ => {}
        }
        None
    }

    fn alt_key(&mut self, model: &mut Model, code: KeyCode) {
        match code {
            KeyCode::Char('a') => self.next_unread(model),
            KeyCode::Char('b') => self.input.word_left(),
            KeyCode::Char('f') => self.input.word_right(),
            KeyCode::Backspace => self.input.delete_word(),
            KeyCode::Enter if self.is_text() => self.input.insert("\n"),
            KeyCode::Char('r') => self.begin_reply(model),
            KeyCode::Down => self.step(model, 1),
            KeyCode::Up => self.step(model, -1),
            _ => {}
        }
    }

    /// Ctrl-C: drops what is typed; on an empty line it asks to be pressed again.
    fn interrupt(&mut self) {
        if self.mode == Mode::Chat && self.input.text().is_empty() {
            self.is_leaving = true;
            return;
        }
        self.mode = Mode::Chat;
        self.input.take_secret();
    }

    fn escape(&mut self) {
        if self.mode == Mode::Chat {
            self.notes.clear();
            self.scroll = 0;
            return;
        }
        self.mode = Mode::Chat;
        self.input.take_secret();
    }

    /// One line goes into the input; before many are sent, they are shown and asked about.
    fn paste(&mut self, text: &str) {
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        let text = text.trim_end_matches('\n');
        if !text.contains('\n') {
            self.input.insert(text);
            return;
        }
        if !self.is_text() {
            return;
        }
        if self.mode != Mode::Chat {
            self.input.insert(text);
            return;
        }
        let all = format!("{}{text}", self.input.take_secret());
        self.mode = Mode::Paste(all);
    }

    fn mouse(&mut self, model: &mut Model, mouse: MouseEvent) {
        let at = Position { x: mouse.column, y: mouse.row };
        match mouse.kind {
            MouseEventKind::ScrollUp if self.areas.list.contains(at) => self.step(model, -1),
            MouseEventKind::ScrollDown if self.areas.list.contains(at) => self.step(model, 1),
            MouseEventKind::ScrollUp if matches!(self.mode, Mode::Page(..)) => self.wheel_page(KeyCode::Up),
            MouseEventKind::ScrollDown if matches!(self.mode, Mode::Page(..)) => self.wheel_page(KeyCode::Down),
            MouseEventKind::ScrollUp => self.scroll_up(model, WHEEL_ROWS),
            MouseEventKind::ScrollDown => self.scroll_down(WHEEL_ROWS),
            MouseEventKind::Down(_) if self.areas.list.contains(at) => {
                let row = self.areas.list_first + usize::from(at.y - self.areas.list.y);
                if let Some(peer) = model.conversations().get(row) {
                    self.open(model, *peer);
                }
            }
            _ => {}
        }
    }

    fn wheel_page(&mut self, code: KeyCode) {
        for _ in 0..WHEEL_ROWS {
            if let Mode::Page(page, row) = self.mode {
                self.page_key(code, page, row);
            }
        }
    }
}
