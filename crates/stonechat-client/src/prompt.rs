//! Questions before the screen is there, and in the line mode: on stderr, with answers from stdin.

use std::io::{self, BufRead, IsTerminal, Write};
use std::process::Command;

use ratatui::crossterm::event::{Event, KeyCode, KeyModifiers, read};
use ratatui::crossterm::terminal::{disable_raw_mode, enable_raw_mode};

use crate::exit::{Failure, Kind};

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
    // Ahead of the question: whoever types at once is not shown either.
    enable_raw_mode()?;
    let password = prompt(&format!("Password of {name} (not shown): ")).and_then(|()| read_hidden());
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
pub(crate) fn prompt(text: &str) -> io::Result<()> {
    let mut err = io::stderr().lock();
    err.write_all(text.as_bytes())?;
    err.flush()
}

/// While it lives, a terminal does not show what is typed. Another thread may be reading lines from it, so that the terminal
/// has to stay in its ordinary mode: the system's own command is asked to change it.
pub(crate) struct Silence {
    is_terminal: bool,
}

impl Silence {
    /// `None` if the terminal cannot be silenced.
    pub(crate) fn begin() -> Option<Self> {
        let is_terminal = io::stdin().is_terminal();
        (!is_terminal || set_echo("-echo")).then_some(Self { is_terminal })
    }

    /// The end of a line that was typed is not on the screen: here it is.
    pub(crate) fn line_ended(&self) -> io::Result<()> {
        if self.is_terminal { prompt("\n") } else { Ok(()) }
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        if self.is_terminal {
            set_echo("echo");
        }
    }
}

fn set_echo(how: &str) -> bool {
    Command::new("stty").arg(how).status().is_ok_and(|status| status.success())
}
