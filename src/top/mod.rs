//! `stonechat top`: what nodes do at the moment, by their /metrics, on a screen that is drawn anew.
//!
//! ```text
//!   each node --GET /metrics--> Reading --two of them--> Row --> the screen
//! ```
//!
//! It is a client like any other: it needs no token, and a node that does not answer is shown as that.

mod reading;
mod screen;

use std::fmt;
use std::io::{self, ErrorKind, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use self::reading::Reading;
use self::screen::Row;
use crate::admin::dial::dial;

/// A node that takes longer is shown as one that does not answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// No node has more to tell.
const ANSWER_BYTES_MAX: u64 = 1024 * 1024;
/// Clears a terminal and goes to its upper left corner.
const CLEAR: &str = "\x1b[H\x1b[2J";

/// What to show.
#[derive(Debug)]
pub struct Options {
    /// The `--admin` addresses of the nodes.
    pub nodes: Vec<String>,
    /// For nodes that are asked by https: the file of the CA that has signed their certificates; `None`: those of the system count.
    pub ca: Option<PathBuf>,
    /// The time between two looks.
    pub every: Duration,
    /// End after so many screens; `None`: never.
    pub screens: Option<u32>,
}

/// Shows it until the process is ended, or for as many screens as are wanted.
///
/// # Errors
/// The screen takes nothing more.
pub fn run(options: &Options) -> io::Result<()> {
    let clears = io::stdout().is_terminal();
    let look = |node: &String| look(node, options.ca.as_deref());
    let mut before: Vec<Look> = options.nodes.iter().map(look).collect();
    for _ in 0..options.screens.unwrap_or(u32::MAX) {
        #[expect(clippy::disallowed_methods, reason = "there is no event: it looks from time to time")]
        thread::sleep(options.every);
        let now: Vec<Look> = options.nodes.iter().map(look).collect();
        let rows: Vec<Row> =
            options.nodes.iter().zip(before.iter().zip(&now)).map(|(node, looks)| row(node, looks)).collect();
        let mut out = io::stdout().lock();
        write!(out, "{}{}", if clears { CLEAR } else { "" }, screen::text(&rows))?;
        out.flush()?;
        before = now;
    }
    Ok(())
}

/// What a node has said, and when.
type Look = Result<(Instant, Reading), NoAnswer>;

/// Why a node has said nothing.
#[derive(Debug)]
struct NoAnswer(String);

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[expect(clippy::disallowed_methods, reason = "a program for people: it may read the clock")]
fn look(node: &str, ca: Option<&Path>) -> Look {
    let text = fetch(node, ca).map_err(|error| NoAnswer(told(&error)))?;
    Ok((Instant::now(), Reading::of(&text)))
}

fn told(error: &io::Error) -> String {
    match error.kind() {
        // A process that hangs has its connections taken up by the kernel.
        ErrorKind::WouldBlock | ErrorKind::TimedOut => format!("nothing came within {} s", PATIENCE.as_secs()),
        _ => error.to_string(),
    }
}

/// Two looks at a node as a row; without the first of them rates are not known yet.
fn row(node: &str, (before, now): (&Look, &Look)) -> Row {
    match (before, now) {
        (_, Err(error)) => Row::silent(node, &error.to_string()),
        (Err(_), Ok((_, now))) => Row::of(node, now, now, Duration::ZERO),
        (Ok((then, before)), Ok((at, now))) => Row::of(node, before, now, at.saturating_duration_since(*then)),
    }
}

/// The body of a node's /metrics.
fn fetch(node: &str, ca: Option<&Path>) -> io::Result<String> {
    let mut stream = dial(node, ca, PATIENCE)?;
    write!(stream, "GET /metrics HTTP/1.1\r\nHost: stonechat\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.take(ANSWER_BYTES_MAX).read_to_string(&mut answer)?;
    match answer.split_once("\r\n\r\n") {
        Some((head, body)) if head.starts_with("HTTP/1.1 200 ") => Ok(body.to_owned()),
        _ => Err(io::Error::other("it answers, but not as a node does: is this an --admin address?")),
    }
}
