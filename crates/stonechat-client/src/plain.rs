//! The line mode: lines in, lines out, for pipes, screen readers and terminals that cannot do more.
//!
//! ```text
//!   09:26 ben: hello            a message            * text    something to know
//!   09:27 #chess anna: hi       one in a group       ! text    something went wrong (to stderr; the exit code tells, too)
//! ```

use std::io::{self, BufRead, IsTerminal, Read, Write};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, select};
use stonechat_protocol::ids::Peer;
use stonechat_protocol::time::UnixMs;

use crate::client::{Client, Identity};
use crate::clock::now;
use crate::command::{self, Command, MessageOrder, Typed};
use crate::exit::{Failure, Kind};
use crate::interview::{Answered, Interview};
use crate::model::{Change, Message, News, Reach, State, What};
use crate::net::channel;
use crate::printable::{printable, printable_line};
use crate::prompt::{Silence, ask_password, prompt};
use crate::state_dir::StateDir;
use crate::tail::take;
use crate::zone::Zone;
use crate::{found, help, locale};

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
        wanted: None,
        held: None,
        interview: None,
        found: 0,
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
        if is_idle && let Some(lead) = lines.wanted.take() {
            lines.show_history(lead)?;
        }
        if is_empty && let Some(order) = lines.held.take() {
            lines.client.model.order(Command::Message(order), UnixMs::now());
            lines.client.settle();
            continue;
        }
        // One order at a time, so that a script's lines mean what they would when typed.
        let is_ready = linger.is_none() && is_idle && lines.held.is_none();
        let typing = if is_ready { &typed } else { &never };
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

/// What stands ahead of messages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Lead {
    Time,
    Number,
}

struct Lines {
    client: Client,
    zone: Zone,
    /// Lines are taken from the first login on.
    was_online: bool,
    /// Messages to be shown when the server has answered, and what stands ahead of them.
    wanted: Option<Lead>,
    /// An order about the last message waits until all messages are stored.
    held: Option<MessageOrder>,
    /// The next line is an answer; a terminal does not show it.
    interview: Option<(Interview, Option<Silence>)>,
    /// What the search has found so far.
    found: usize,
    is_over: bool,
    /// Lines and messages that came to nothing.
    refused: usize,
}

impl Lines {
    fn typed(&mut self, line: &str) -> Result<(), Failure> {
        let line = line.trim_end_matches('\r');
        if let Some((interview, silence)) = self.interview.take() {
            silence.as_ref().map_or(Ok(()), Silence::line_ended)?;
            return self.answered(interview.answer(line), silence);
        }
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
            Command::Help => print(&help::commands())?,
            Command::Numbers => self.wanted = Some(Lead::Number),
            Command::Password | Command::Erase => {
                let interview = Interview::before(&order, &self.client.model.account.name);
                interview.map_or(Ok(()), |interview| self.ask(interview, None))?;
            }
            Command::Message(order) if self.client.model.open.is_some() => self.held = Some(order),
            Command::Search(_) | Command::SearchHere(_) => {
                self.found = 0;
                self.client.model.order(order, UnixMs::now());
            }
            Command::Quit => self.is_over = true,
            Command::History(whose) => {
                self.wanted = Some(Lead::Time);
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

    /// Asks about the account: the next line is the answer. From one secret to the next the terminal stays silent.
    fn ask(&mut self, interview: Interview, silence: Option<Silence>) -> Result<(), Failure> {
        let silence = if interview.is_secret() { silence.or_else(Silence::begin) } else { None };
        if interview.is_secret() && silence.is_none() {
            return Ok(self.refuse("this terminal would show the password: nothing is changed")?);
        }
        prompt(&printable_line(&interview.prompt()))?;
        self.interview = Some((interview, silence));
        Ok(())
    }

    fn answered(&mut self, answered: Answered, silence: Option<Silence>) -> Result<(), Failure> {
        match answered {
            Answered::Asks(interview) => self.ask(interview, silence)?,
            Answered::Orders(order) => {
                self.client.model.order(order, UnixMs::now());
                self.client.tick(now());
            }
            Answered::Ends(why) => self.refuse(&why)?,
        }
        Ok(())
    }

    fn show(&mut self, news: News) -> Result<(), Failure> {
        match news {
            News::Message(peer, message) => print(&self.message(peer, &message))?,
            News::Changed(peer, change) => self.changed(peer, &change)?,
            News::Found(messages, reach) => self.found(&messages, reach)?,
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
    fn show_history(&mut self, lead: Lead) -> io::Result<()> {
        let Some(peer) = self.client.model.open else { return Ok(()) };
        let Some(chat) = self.client.model.chats.get(&peer) else { return Ok(()) };
        let first = chat.messages().count().saturating_sub(HISTORY_ROWS);
        for message in chat.messages().skip(first) {
            let number = if lead == Lead::Number { format!("#{} ", message.seq) } else { String::new() };
            print(&format!("{number}{}", self.message(peer, message)))?;
        }
        Ok(())
    }

    /// What has happened to a message, and what it says.
    fn changed(&self, peer: Peer, change: &Change) -> io::Result<()> {
        let model = &self.client.model;
        let name = model.name_of(change.sender, &change.name);
        let of = model.chats.get(&peer).and_then(|chat| chat.message(change.of));
        let text = of.map_or_else(|| format!("message {}", change.of), |message| printable_line(&message.text));
        let what = match &change.what {
            What::Edited(Some((text, _))) => format!("has edited message {}: {}", change.of, printable_line(text)),
            What::Recalled => format!("has taken back message {}", change.of),
            What::Reacted { reaction, on: true } => format!("reacts with {}: {text}", printable_line(reaction)),
            What::Reacted { reaction, on: false } => {
                format!("takes back the reaction {}: {text}", printable_line(reaction))
            }
            What::Edited(None) | What::Unknown => return Ok(()),
        };
        let place = match peer {
            Peer::Group(_) => format!("#{} ", printable_line(&model.title(peer))),
            Peer::User(_) => String::new(),
        };
        print(&format!("* {place}{} {what}", printable_line(&name)))
    }

    fn found(&mut self, messages: &[(Peer, Message)], reach: Reach) -> io::Result<()> {
        self.found += messages.len();
        for (peer, message) in messages {
            print(&found::line(&self.client.model, &self.zone, *peer, message))?;
        }
        match reach {
            Reach::GoesOn => Ok(()),
            Reach::Paused => print("* there may be more: /more"),
            Reach::End if self.found == 0 => print("* nothing was found"),
            Reach::End => print("* that is all"),
        }
    }

    fn message(&self, peer: Peer, message: &Message) -> String {
        let clock = self.zone.local(message.at).clock();
        let place = match peer {
            Peer::Group(_) => format!("#{} ", printable_line(&self.client.model.title(peer))),
            Peer::User(_) => String::new(),
        };
        let text = printable(&message.text).replace('\n', "\n      ");
        let text = if message.is_recalled { "(taken back)".to_owned() } else { text };
        let re = message.answers().map_or_else(String::new, |re| format!("(re {re}) "));
        let edited = if message.edited.is_some() { " (edited)" } else { "" };
        let reactions = message.reactions.iter().map(|of| format!(" [{} {}]", printable_line(&of.reaction), of.count));
        let reactions: String = reactions.collect();
        let name = printable_line(&self.client.model.name_of(message.sender, &message.name));
        format!("{clock} {place}{name}: {re}{text}{edited}{reactions}")
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
