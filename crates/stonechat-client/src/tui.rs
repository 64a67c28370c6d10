//! The terminal: raw mode and back, keys from a thread of their own, a frame after each batch of events.

use std::io;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded, select};
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{
    self, DisableBracketedPaste, DisableFocusChange, DisableMouseCapture, EnableBracketedPaste, EnableFocusChange,
    EnableMouseCapture, Event,
};
use ratatui::crossterm::execute;
use stonechat_protocol::time::UnixMs;

use crate::client::{Client, Identity};
use crate::clock::now;
use crate::exit::Failure;
use crate::locale;
use crate::model::News;
use crate::net::{Incoming, channel};
use crate::state_dir::StateDir;
use crate::tail::take;
use crate::ui::{Purpose, Ui, Wish, draw};
use crate::zone::Zone;

/// How often the countdown moves on when nothing happens.
const TICK: Duration = Duration::from_millis(200);

/// Runs the screen until the user or `stop` ends it.
pub(crate) fn run(state_dir: &StateDir, identity: Identity, stop: &Receiver<()>) -> Result<(), Failure> {
    let (events, incoming) = channel();
    let client = Client::open(state_dir, identity, events.clone())?;
    let screen = Screen::enter()?;
    let mut session = Session { client, ui: Ui::new(Zone::system()), state_dir: state_dir.clone(), events, screen };
    if let Some(complaint) = locale::complaint() {
        session.ui.alarm(&complaint);
    }
    session.begin();
    let keys = read_keys();
    loop {
        session.frame()?;
        select! {
            recv(incoming) -> event => take(&mut session.client, event.ok(), &incoming),
            // A terminal that has gone ends it, too.
            recv(keys) -> key => if key.is_err() || session.keys(key.into_iter().chain(keys.try_iter()))? == Next::End {
                break;
            },
            recv(stop) -> _ => break,
            default(TICK) => {}
        }
        session.client.tick(now());
    }
    session.client.finish();
    Ok(())
}

/// Keys that wait; beyond it the terminal does.
const KEYS_MAX: usize = 256;

/// Whether the client goes on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    Go,
    End,
}

struct Session {
    client: Client,
    ui: Ui,
    state_dir: StateDir,
    events: Sender<Incoming>,
    // Dropped last: what the others still say does not fall on the user's shell.
    screen: Screen,
}

impl Session {
    /// Connects, or asks for the password first.
    fn begin(&mut self) {
        let account = &self.client.model.account;
        if self.client.can_log_in() {
            self.client.connect();
            return;
        }
        let purpose = if account.is_new { Purpose::Register } else { Purpose::LogIn };
        self.ui.ask_password(&account.name.clone(), purpose);
    }

    fn frame(&mut self) -> io::Result<()> {
        for news in self.client.take_news() {
            if matches!(news, News::Welcome { .. }) {
                self.client.be_current();
            }
            self.ui.news(&mut self.client.model, news);
        }
        self.client.settle();
        let server = self.client.server().to_string();
        let (ui, model) = (&mut self.ui, &self.client.model);
        self.screen.terminal.draw(|frame| draw(frame, ui, model, &server, now()))?;
        Ok(())
    }

    fn keys(&mut self, keys: impl Iterator<Item = Event>) -> io::Result<Next> {
        for key in keys {
            if self.key(key)? == Next::End {
                return Ok(Next::End);
            }
        }
        Ok(Next::Go)
    }

    fn key(&mut self, key: Event) -> io::Result<Next> {
        let wish = self.ui.handle(&mut self.client.model, key, UnixMs::now());
        self.client.settle();
        match wish {
            None => {}
            Some(Wish::Quit) => return Ok(Next::End),
            Some(Wish::Redraw) => self.screen.terminal.clear()?,
            Some(Wish::Switch(name)) => self.replace_client(name, None, Purpose::LogIn),
            Some(Wish::Login { name, password, purpose }) => self.log_in(name, password, purpose),
        }
        Ok(Next::Go)
    }

    /// The same account again, or another one in its own folder.
    fn log_in(&mut self, name: String, password: String, purpose: Purpose) {
        let is_new = purpose == Purpose::Register;
        let account = &mut self.client.model.account;
        if name.to_lowercase() == account.name.to_lowercase() {
            account.password = Some(password);
            account.is_new = is_new;
            self.client.connect();
            return;
        }
        self.replace_client(name, Some(password), purpose);
    }

    /// Goes on as another account, from its own folder.
    fn replace_client(&mut self, name: String, password: Option<String>, purpose: Purpose) {
        let is_new = purpose == Purpose::Register;
        let identity = Identity { server: self.client.server().clone(), name, password, is_new };
        match Client::open(&self.state_dir, identity, self.events.clone()) {
            Ok(client) => {
                self.client.finish();
                self.client = client;
                self.ui.start_over();
                self.begin();
            }
            Err(error) => self.ui.alarm(&error.to_string()),
        }
    }
}

/// The terminal, taken over; given back when dropped, and by a panic.
struct Screen {
    terminal: DefaultTerminal,
}

impl Screen {
    fn enter() -> io::Result<Self> {
        let terminal = ratatui::try_init()?;
        execute!(io::stdout(), EnableBracketedPaste, EnableMouseCapture, EnableFocusChange)?;
        Ok(Self { terminal })
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = execute!(io::stdout(), DisableFocusChange, DisableMouseCapture, DisableBracketedPaste);
        ratatui::restore();
    }
}

/// Keys, read on a thread: the terminal never waits for the network, nor the network for it.
fn read_keys() -> Receiver<Event> {
    let (keys, typed) = bounded(KEYS_MAX);
    std::thread::spawn(move || {
        while let Ok(key) = event::read() {
            if keys.send(key).is_err() {
                return;
            }
        }
    });
    typed
}
