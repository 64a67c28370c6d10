//! The terminal client: flags in, exit code out.
//!
//! ```text
//!   screen: tui, ui                 line mode: plain    scripts: send, tail        what shows and asks
//!                     \                  |               /
//!                      client: carries out what the model wants
//!                     /                  |               \
//!   model (no I/O)         net: the socket's threads      state_dir, spool: the state folder
//!                          server, address, tls, stream: whom to reach, and how
//! ```

mod address;
mod cli;
mod client;
mod clock;
mod command;
mod exit;
mod found;
mod help;
mod interview;
mod locale;
mod model;
mod net;
mod plain;
mod printable;
mod prompt;
mod reactions;
mod send;
mod server;
mod spool;
mod state_dir;
mod stream;
mod tail;
mod text_width;
mod tls;
mod tui;
mod ui;
mod zone;

use std::env::VarError;
use std::io::{self, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{CommandFactory, Parser};
use crossbeam_channel::{Receiver, bounded};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use address::Address;
use cli::{Action, Cli};
use client::Identity;
use exit::{Failure, Kind};
use send::Limits;
use server::Server;
use spool::Letter;
use state_dir::{Current, StateDir};

/// Where a server on this machine listens by default.
const DEFAULT_SERVER: &str = "127.0.0.1:8000";

fn main() -> ExitCode {
    if let Some(code) = stonechat_generate::if_asked(Cli::command()) {
        return code;
    }
    match run(&Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(trouble) => {
            let _ = writeln!(io::stderr(), "stonechat-client: {trouble}");
            trouble.exit_code()
        }
    }
}

fn run(cli: &Cli) -> Result<(), Failure> {
    let Some(state_dir) = StateDir::find(cli.state.clone()) else {
        return Err(Failure::new(Kind::Usage, "HOME is not set: say with --state where files may be kept"));
    };
    match &cli.action {
        Some(Action::Send { to, text, timeout }) => {
            let text = message_text(text)?;
            let letter = Letter { to: to.clone(), msg: text };
            let limits = Limits { until: clock::now() + Duration::from_secs(*timeout), stop: &stop_signals()? };
            send::send(&state_dir, known_identity(cli, &state_dir)?, letter, &limits)
        }
        Some(Action::Tail) => tail::tail(&state_dir, known_identity(cli, &state_dir)?, &stop_signals()?),
        None if cli.plain || !is_screen() => {
            let identity = asked_identity(cli, &state_dir)?;
            plain::run(&state_dir, identity, &stop_signals()?)
        }
        None => {
            let identity = asked_identity(cli, &state_dir)?;
            tui::run(&state_dir, identity, &stop_signals()?)
        }
    }
}

/// The account of the flags or of the last time; questions are not asked.
fn known_identity(cli: &Cli, state_dir: &StateDir) -> Result<Identity, Failure> {
    let current = state_dir.current();
    let name = given(cli.user.as_ref()).or_else(|| current.as_ref().map(|current| current.name.clone()));
    let Some(name) = name else {
        return Err(Failure::new(Kind::NotLoggedIn, "no account yet: give --user NAME, and CHAT_PASSWORD once"));
    };
    identity(cli, server(cli, current.as_ref())?, name)
}

/// The account of the flags or of the last time; what is missing is asked for.
fn asked_identity(cli: &Cli, state_dir: &StateDir) -> Result<Identity, Failure> {
    if state_dir.current().is_some() || given(cli.user.as_ref()).is_some() {
        return known_identity(cli, state_dir);
    }
    let written = match given(cli.server.as_ref()) {
        Some(server) => server,
        None => prompt::ask("Server", DEFAULT_SERVER)?,
    };
    let server = the_server(&written, ca(cli)?.as_deref())?;
    let name = prompt::ask("Your name there", "")?;
    let has_account =
        cli.register || prompt::ask("Do you have that account already? (yes or no)", "yes")?.starts_with(['y', 'Y']);
    let identity = identity(cli, server, name)?;
    Ok(Identity { is_new: identity.is_new || !has_account, ..identity })
}

/// The server of the flags or of the last time. With the server of the last time its authorities come back, too.
fn server(cli: &Cli, last: Option<&Current>) -> Result<Server, Failure> {
    let written = given(cli.server.as_ref());
    let address = written.as_deref().map(Address::parse).transpose().map_err(usage)?;
    let last = last.filter(|last| address.as_ref().is_none_or(|address| address.to_string() == last.server));
    let written = written.as_deref().or(last.map(|last| last.server.as_str())).unwrap_or(DEFAULT_SERVER);
    let ca = ca(cli)?.or_else(|| last.and_then(|last| last.ca.clone()));
    the_server(written, ca.as_deref())
}

/// The flag's file of authorities; a variable that is set to nothing is not set. It is kept for starts elsewhere.
fn ca(cli: &Cli) -> io::Result<Option<PathBuf>> {
    let given = cli.ca.as_ref().filter(|path| !path.as_os_str().is_empty());
    given.map(std::path::absolute).transpose()
}

fn the_server(written: &str, ca: Option<&Path>) -> Result<Server, Failure> {
    Server::new(written, ca).map_err(usage)
}

fn usage(text: String) -> Failure {
    Failure::new(Kind::Usage, text)
}

/// A variable that is set to nothing is not set.
fn given(value: Option<&String>) -> Option<String> {
    value.filter(|value| !value.trim().is_empty()).cloned()
}

fn identity(cli: &Cli, server: Server, name: String) -> Result<Identity, Failure> {
    let password = match std::env::var("CHAT_PASSWORD") {
        Ok(password) => Some(password).filter(|password| !password.is_empty()),
        Err(VarError::NotPresent) => None,
        Err(VarError::NotUnicode(_)) => return Err(Failure::new(Kind::Usage, "CHAT_PASSWORD is not UTF-8")),
    };
    Ok(Identity { server, name, password, is_new: cli.register })
}

/// Whether there is a terminal to draw on.
fn is_screen() -> bool {
    let is_dumb = std::env::var("TERM").is_ok_and(|term| term == "dumb");
    io::stdin().is_terminal() && io::stdout().is_terminal() && !is_dumb
}

/// The words of the command line, or all of stdin for `-`.
fn message_text(words: &[String]) -> Result<String, Failure> {
    let mut text = words.join(" ");
    if text == "-" {
        let mut bytes = Vec::new();
        io::stdin().lock().read_to_end(&mut bytes)?;
        let not_utf8 = || Failure::new(Kind::Refused, "the text on stdin is not UTF-8; nothing was sent");
        text = String::from_utf8(bytes).map_err(|_| not_utf8())?;
        text.truncate(text.trim_end_matches('\n').len());
    }
    if text.is_empty() {
        return Err(Failure::new(Kind::Usage, "there is nothing to send"));
    }
    Ok(text)
}

/// Says when the process was asked to end. Called after the questions: there Ctrl-C simply ends it.
fn stop_signals() -> io::Result<Receiver<()>> {
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP])?;
    let (stop, stopped) = bounded(1);
    std::thread::spawn(move || {
        for _ in signals.forever() {
            let _ = stop.try_send(());
        }
    });
    Ok(stopped)
}
