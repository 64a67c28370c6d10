//! The line mode: lines in, lines out, for pipes, screen readers and terminals that cannot do more.
//!
//! ```text
//!   09:26 ben: hello            a message            * text    something to know
//!   09:27 #chess anna: hi       one in a group       ! text    something went wrong (to stderr; the exit code tells, too)
//! ```

use std::io::{self, BufRead, IsTerminal, Read, Write};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, select};
use ratatui::crossterm::event::{Event, KeyCode, KeyModifiers, read};
use ratatui::crossterm::terminal::{disable_raw_mode, enable_raw_mode};
use stonechat_protocol::ids::Peer;
use stonechat_protocol::time::UnixMs;

use crate::client::{Client, Identity};
use crate::clock::now;
use crate::command::{self, COMMANDS, Command, Spec, Typed};
use crate::exit::{Failure, Kind};
use crate::locale;
use crate::model::{Message, News, State};
use crate::net::channel;
use crate::printable::{printable, printable_line};
use crate::state_dir::StateDir;
use crate::tail::take;
use crate::zone::Zone;

const TICK: Duration = Duration::from_millis(100);

/// After the end of the input: how long it waits until all is stored.
const LINGER: Duration = Duration::from_secs(30);

/// The longest line of input: some more than the longest message.
const LINE_BYTES_MAX: usize = 1 << 20;

/// Messages that `/history` shows.
const HISTORY_ROWS: usize = 50;

/// Runs until `/quit`, the end of the input, or `stop`.
pub(crate) fn run(state_dir: &StateDir, identity: Identity, stop: &Receiver<()>) -> Result<(), Failure> {
    let (events, incoming) = channel();
    let mut lines = Lines {
        client: Client::open(state_dir, identity, events)?,
        zone: Zone::system(),
        was_online: false,
        wants_history: false,
        is_over: false,
        refused: 0,
    };
    if io::stdout().is_terminal()
        && let Some(complaint) = locale::complaint()
    {
        alarm(&complaint)?;
    }
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
                Ok(Ok(line)) => lines.typed(&line)?,
                Ok(Err(why)) => lines.refuse(&why)?,
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
    /// Lines and messages that came to nothing.
    refused: usize,
}

impl Lines {
    fn typed(&mut self, line: &str) -> Result<(), Failure> {
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
            (Ok(Typed::Text(_)), None) => {
                self.refuse("to whom? /chat NAME opens a conversation; /help lists commands")?;
            }
            (Ok(Typed::Command(order)), _) => self.order(order)?,
            (Err(why), _) => self.refuse(&why)?,
        }
        self.client.tick(now());
        Ok(())
    }

    fn order(&mut self, order: Command) -> Result<(), Failure> {
        match order {
            Command::Help => print(&help())?,
            Command::Quit => self.is_over = true,
            Command::History(whose) => {
                self.wants_history = true;
                self.client.model.order(Command::History(whose), UnixMs::now());
            }
            Command::Login(None) => self.client.connect(),
            Command::Login(_) | Command::Register(_) => {
                self.refuse("start another one: stonechat-client --plain --user NAME (and --register)")?;
            }
            Command::Chat(..) => {
                // If nobody is found, what follows must not go to whom the lines before went.
                self.client.model.show(None);
                self.client.model.order(order, UnixMs::now());
            }
            order => self.client.model.order(order, UnixMs::now()),
        }
        Ok(())
    }

    fn show(&mut self, news: News) -> Result<(), Failure> {
        match news {
            News::Message(peer, message) => print(&self.message(peer, &message))?,
            News::Failed { peer, why, .. } => {
                let title = self.client.model.title(peer);
                self.refuse(&format!("not sent to {title}: {why} (/retry or /discard)"))?;
            }
            News::Stored { .. } => {}
            News::Says(text) => print(&prefixed("*", &text))?,
            News::Refused(why) => self.refuse(&why)?,
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
            // Nothing was taken from the input: whoever started it can mend it and start it again.
            News::Unfit(why) if !self.was_online => return Err(Failure::new(Kind::Unreachable, why)),
            News::Unfit(why) => alarm(&why)?,
            News::LoginRefused(why) => return Err(Failure::new(Kind::NotLoggedIn, why)),
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

    /// Something came to nothing: told at once, and by the exit code.
    fn refuse(&mut self, why: &str) -> io::Result<()> {
        self.refused += 1;
        alarm(why)
    }

    fn end(&self, is_sent: bool) -> Result<(), Failure> {
        if is_sent {
            return match self.refused {
                0 => Ok(()),
                count => {
                    Err(Failure::new(Kind::Refused, format!("{count} line(s) could not be carried out, see above")))
                }
            };
        }
        let count = self.client.model.outbox.iter().count();
        Err(Failure::new(Kind::Unreachable, format!("{count} message(s) wait in the outbox for the next start")))
    }
}

/// What `/help` shows.
pub(crate) fn help() -> String {
    let heading = "Text goes to the open conversation; // at its beginning is a slash. Commands:".to_owned();
    let command = |spec: &Spec| format!("  {:<28} {}", format!("/{} {}", spec.name, spec.arguments), spec.what);
    let names = "Names: 7 is a number, #chess a group; in quotes it is always a name: \"7\", \"#lea\", \"two words\", and \\\" is a \
                 quote in it."
        .to_owned();
    let lines: Vec<String> = std::iter::once(heading).chain(COMMANDS.iter().map(command)).chain([names]).collect();
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

/// To stderr, and so that a terminal takes no harm.
fn alarm(text: &str) -> io::Result<()> {
    let mut err = io::stderr().lock();
    writeln!(err, "{}", prefixed("!", text))
}

/// Lines of stdin, or why one cannot be taken; read on a thread. The channel ends with them.
fn read_stdin() -> Receiver<Result<String, String>> {
    // A bound, so that a huge file is read no faster than it is taken.
    let (lines, typed) = crossbeam_channel::bounded(64);
    std::thread::spawn(move || {
        let mut input = io::stdin().lock();
        for number in 1_u64.. {
            let line = match read_line(&mut input) {
                Ok(Some(line)) => line.map_err(|what| format!("line {number} of the input {what}: left out")),
                Ok(None) => return,
                Err(error) => {
                    let _ = lines.send(Err(format!("the input cannot be read beyond line {}: {error}", number - 1)));
                    return;
                }
            };
            if lines.send(line).is_err() {
                return;
            }
        }
    });
    typed
}

/// One line without its end, or what is wrong with it; `None` at the end of the input. A line that is too long is read to
/// its end, so that the next one is whole.
fn read_line(input: &mut impl BufRead) -> io::Result<Option<Result<String, &'static str>>> {
    let (mut line, mut is_long) = (Vec::new(), false);
    loop {
        let read = input.by_ref().take(LINE_BYTES_MAX as u64).read_until(b'\n', &mut line)?;
        if read == 0 && line.is_empty() && !is_long {
            return Ok(None);
        }
        if read == 0 || line.ends_with(b"\n") {
            break;
        }
        if line.len() >= LINE_BYTES_MAX {
            is_long = true;
            line.clear();
        }
    }
    if is_long {
        return Ok(Some(Err("is longer than 1 MiB")));
    }
    let text = String::from_utf8(line).map_err(|_| "is not UTF-8");
    Ok(Some(text.map(|text| text.trim_end_matches(['\r', '\n']).trim_start_matches('\u{feff}').to_owned())))
}

/// Asks for something, with a value that an empty answer means.
pub(crate) fn ask(question: &str, default: &str) -> Result<String, Failure> {
    let hint = if default.is_empty() { String::new() } else { format!(" [{default}]") };
    prompt(&format!("{question}{hint}: "))?;
    let mut answer = String::new();
    if io::stdin().lock().read_line(&mut answer)? == 0 {
        return Err(Failure::new(Kind::Usage, format!("{question}? The input has ended; see --help for the flags")));
    }
    let answer = answer.trim();
    Ok(if answer.is_empty() { default.to_owned() } else { answer.to_owned() })
}

/// Asks for a password; a terminal does not show it.
pub(crate) fn ask_password(name: &str) -> Result<String, Failure> {
    if !io::stdin().is_terminal() {
        return ask(&format!("Password of {name}"), "");
    }
    prompt(&format!("Password of {name} (not shown): "))?;
    enable_raw_mode()?;
    let password = read_hidden();
    disable_raw_mode()?;
    prompt("\n")?;
    password?.ok_or_else(|| Failure::new(Kind::NotLoggedIn, "no password was typed"))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(mut input: &[u8]) -> Vec<Result<String, &'static str>> {
        std::iter::from_fn(|| read_line(&mut input).unwrap()).collect()
    }

    #[test]
    fn a_line_that_is_no_text_leaves_the_others_whole() {
        let good = |text: &str| Ok(text.to_owned());
        assert_eq!(lines(b"one\r\n\xff\xfe\ntwo"), [good("one"), Err("is not UTF-8"), good("two")]);
        assert_eq!(lines(b"\n\xe4"), [good(""), Err("is not UTF-8")]);
        assert_eq!(lines("\u{feff}one\n".as_bytes()), [good("one")]);
        assert_eq!(lines(b""), []);
    }

    #[test]
    fn a_line_without_end_costs_bounded_memory_and_is_left_out() {
        let long = vec![b'x'; 3 * LINE_BYTES_MAX + 1];
        let input = [long.as_slice(), b"\nnext\n", &long].concat();
        let too_long = Err("is longer than 1 MiB");
        assert_eq!(lines(&input), [too_long.clone(), Ok("next".to_owned()), too_long]);
        let longest = vec![b'x'; LINE_BYTES_MAX - 1];
        assert!(lines(&longest)[0].is_ok());
    }
}
