//! The line mode: lines in, lines out, for pipes, screen readers and terminals that cannot do more.
//!
//! ```text
//!   09:26 ben: hello            a message            * text    something to know
//!   09:27 #chess anna: hi       one in a group       ! text    something went wrong
//! ```

use std::io::{self, BufRead, IsTerminal, Write};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, select};
use ratatui::crossterm::event::{Event, KeyCode, KeyModifiers, read};
use ratatui::crossterm::terminal::{disable_raw_mode, enable_raw_mode};
use stonechat::clock::UnixMs;
use stonechat::ids::Peer;

use crate::client::{Client, Identity};
use crate::clock::now;
use crate::command::{self, COMMANDS, Command, Spec, Typed};
use crate::home::Home;
use crate::model::{Message, News, State};
use crate::net::channel;
use crate::printable::{printable, printable_line};
use crate::tail::take;
use crate::trouble::{Kind, Trouble};
use crate::zone::Zone;

const TICK: Duration = Duration::from_millis(100);

/// After the end of the input: how long it waits until all is stored.
const LINGER: Duration = Duration::from_secs(30);

/// Messages that `/history` shows.
const HISTORY_ROWS: usize = 50;

/// Runs until `/quit`, the end of the input, or `stop`.
pub(crate) fn run(home: &Home, identity: Identity, stop: &Receiver<()>) -> Result<(), Trouble> {
    let (events, incoming) = channel();
    let mut lines = Lines {
        client: Client::open(home, identity, events)?,
        zone: Zone::system(),
        was_online: false,
        wants_history: false,
        is_over: false,
    };
    if !lines.client.can_log_in() {
        lines.client.model.account.password = Some(ask_password(&lines.client.model.account.name)?);
    }
    lines.client.connect();
    let typed = read_stdin();
    let mut linger: Option<Instant> = None;
    loop {
        for news in lines.client.take_news() {
            lines.show(news)?;
        }
        lines.client.tick(now());
        let is_empty = !lines.client.model.outbox.iter().any(|outgoing| !matches!(outgoing.state, State::Failed(_)));
        let is_idle = lines.was_online && !lines.client.model.is_busy();
        if lines.is_over || linger.is_some_and(|until| is_idle && is_empty || now() > until) {
            lines.client.finish();
            return lines.end(is_empty || lines.is_over);
        }
        let never = crossbeam_channel::never();
        if is_idle && lines.wants_history {
            lines.show_history()?;
        }
        // One order at a time, so that a script's lines mean what they would when typed.
        let typing = if linger.is_none() && is_idle { &typed } else { &never };
        select! {
            recv(incoming) -> event => take(&mut lines.client, event.ok(), &incoming),
            recv(typing) -> line => match line {
                Ok(line) => lines.typed(&line)?,
                Err(_) => linger = Some(now() + LINGER),
            },
            recv(stop) -> _ => lines.is_over = true,
            default(TICK) => {}
        }
    }
}

struct Lines {
    client: Client,
    zone: Zone,
    /// Lines are taken from the first login on.
    was_online: bool,
    /// `/history` was typed; it is shown when the server has answered.
    wants_history: bool,
    is_over: bool,
}

impl Lines {
    fn typed(&mut self, line: &str) -> Result<(), Trouble> {
        let line = line.trim_end_matches('\r');
        if line.trim().is_empty() {
            return Ok(());
        }
        let open = self.client.model.open;
        // Without an open conversation a line in the older form can mean nothing else.
        let bare = if open.is_none() { command::parse_bare(line) } else { None };
        match (bare.map_or_else(|| command::parse(line), |bare| bare.map(Typed::Command)), open) {
            (Ok(Typed::Text(text)), Some(peer)) => {
                self.client.model.say(peer, &text, UnixMs::now());
            }
            (Ok(Typed::Text(_)), None) => print("! to whom? /chat NAME opens a conversation; /help lists commands")?,
            (Ok(Typed::Command(order)), _) => self.order(order)?,
            (Err(why), _) => print(&format!("! {why}"))?,
        }
        self.client.tick(now());
        Ok(())
    }

    fn order(&mut self, order: Command) -> Result<(), Trouble> {
        match order {
            Command::Help => print(&help())?,
            Command::Quit => self.is_over = true,
            Command::History(whose) => {
                self.wants_history = true;
                self.client.model.order(Command::History(whose), UnixMs::now());
            }
            Command::Login(None) => self.client.connect(),
            Command::Login(_) | Command::Register(_) => {
                print("! start another one: stonechat-client --plain --user NAME (and --register)")?;
            }
            order => self.client.model.order(order, UnixMs::now()),
        }
        Ok(())
    }

    fn show(&mut self, news: News) -> Result<(), Trouble> {
        match news {
            News::Message(peer, message) => print(&self.message(peer, &message))?,
            News::Failed { peer, why, .. } => {
                print(&format!("! not sent to {}: {why} (/retry or /discard)", self.client.model.title(peer)))?;
            }
            News::Stored { .. } => {}
            News::Says(text) => print(&prefixed("*", &text))?,
            News::Refused(why) => print(&prefixed("!", &why))?,
            News::Opened(peer) => {
                self.client.model.show(Some(peer));
                print(&format!("* you talk to {} now", printable_line(&self.client.model.title(peer))))?;
            }
            News::Welcome { missed } => {
                self.was_online = true;
                self.client.be_current();
                let (name, server) = (&self.client.model.account.name, self.client.server());
                print(&format!("* {name} is online at {server}; messages missed: {missed}"))?;
            }
            News::LoginRefused(why) => return Err(Trouble::new(Kind::NotLoggedIn, why)),
            News::LoggedOut => {
                print("* logged out")?;
                self.is_over = true;
            }
        }
        Ok(())
    }

    /// The latest messages of the open conversation, one's own among them.
    fn show_history(&mut self) -> io::Result<()> {
        self.wants_history = false;
        let Some(peer) = self.client.model.open else { return Ok(()) };
        let Some(chat) = self.client.model.chats.get(&peer) else { return Ok(()) };
        let first = chat.messages.len().saturating_sub(HISTORY_ROWS);
        for message in chat.messages.values().skip(first) {
            print(&self.message(peer, message))?;
        }
        Ok(())
    }

    fn message(&self, peer: Peer, message: &Message) -> String {
        let clock = self.zone.local(message.at).clock();
        let place = match peer {
            Peer::Group(_) => format!("#{} ", printable_line(&self.client.model.title(peer))),
            Peer::User(_) => String::new(),
        };
        let text = printable(&message.text).replace('\n', "\n      ");
        format!("{clock} {place}{}: {text}", printable_line(&message.name))
    }

    fn end(&self, is_sent: bool) -> Result<(), Trouble> {
        if is_sent {
            return Ok(());
        }
        let count = self.client.model.outbox.iter().count();
        Err(Trouble::new(Kind::Unreachable, format!("{count} message(s) wait in the outbox for the next start")))
    }
}

/// What `/help` shows.
pub(crate) fn help() -> String {
    let heading = "Text goes to the open conversation; // at its beginning is a slash. Commands:".to_owned();
    let command = |spec: &Spec| format!("  {:<28} {}", format!("/{} {}", spec.name, spec.arguments), spec.what);
    let lines: Vec<String> = std::iter::once(heading).chain(COMMANDS.iter().map(command)).collect();
    lines.join("\n")
}

fn prefixed(sign: &str, text: &str) -> String {
    format!("{sign} {}", printable(text))
}

fn print(line: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

/// Lines of stdin, read on a thread; the channel ends with them.
fn read_stdin() -> Receiver<String> {
    // A bound, so that a huge file is read no faster than it is taken.
    let (lines, typed) = crossbeam_channel::bounded(64);
    std::thread::spawn(move || {
        for line in io::stdin().lock().lines().map_while(Result::ok) {
            if lines.send(line).is_err() {
                return;
            }
        }
    });
    typed
}

/// Asks for something, with a value that an empty answer means.
pub(crate) fn ask(question: &str, default: &str) -> Result<String, Trouble> {
    let hint = if default.is_empty() { String::new() } else { format!(" [{default}]") };
    prompt(&format!("{question}{hint}: "))?;
    let mut answer = String::new();
    if io::stdin().lock().read_line(&mut answer)? == 0 {
        return Err(Trouble::new(Kind::Usage, format!("{question}? The input has ended; see --help for the flags")));
    }
    let answer = answer.trim();
    Ok(if answer.is_empty() { default.to_owned() } else { answer.to_owned() })
}

/// Asks for a password; a terminal does not show it.
pub(crate) fn ask_password(name: &str) -> Result<String, Trouble> {
    if !io::stdin().is_terminal() {
        return ask(&format!("Password of {name}"), "");
    }
    prompt(&format!("Password of {name} (not shown): "))?;
    enable_raw_mode()?;
    let password = read_hidden();
    disable_raw_mode()?;
    prompt("\n")?;
    password?.ok_or_else(|| Trouble::new(Kind::NotLoggedIn, "no password was typed"))
}

/// Keys up to Enter, without showing them; `None` when it was given up.
fn read_hidden() -> io::Result<Option<String>> {
    let mut password = String::new();
    loop {
        match read()? {
            Event::Paste(text) => password.push_str(text.trim_end_matches(['\r', '\n'])),
            Event::Key(key) if key.is_press() => match key.code {
                KeyCode::Enter => return Ok(Some(password)),
                KeyCode::Esc => return Ok(None),
                KeyCode::Char('c' | 'd') if key.modifiers.contains(KeyModifiers::CONTROL) => return Ok(None),
                KeyCode::Char('u') if key.modifiers.contains(KeyModifiers::CONTROL) => password.clear(),
                KeyCode::Char(c) => password.push(c),
                KeyCode::Backspace => {
                    password.pop();
                }
                _ => {}
            },
            _ => {}
        }
    }
}

/// Questions go to stderr: stdout is for what was said.
fn prompt(text: &str) -> io::Result<()> {
    let mut err = io::stderr().lock();
    err.write_all(text.as_bytes())?;
    err.flush()
}
