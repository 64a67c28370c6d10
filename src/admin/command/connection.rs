//! One request to a server's administration, and its answer.

use std::fmt;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use crate::admin::dial::{Stream, dial};
use crate::config::secret_file;

/// How long the server may take for its next word.
const PATIENCE: Duration = Duration::from_secs(90);

/// The longest answer that is not passed through.
const ANSWER_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Where the server is asked.
pub(super) enum Server {
    /// At its socket.
    Socket(PathBuf),
    /// At an address, with a token.
    Address { address: String, ca: Option<PathBuf>, token: String },
}

/// Why there is no answer, or a refusal: a sentence.
#[derive(Debug)]
pub(super) struct Failed(pub(super) String);

impl From<io::Error> for Failed {
    fn from(error: io::Error) -> Self {
        Self(error.to_string())
    }
}

impl Server {
    /// An address, with the token of a file, and by https with that of the CA.
    ///
    /// # Errors
    /// The file is of no use.
    pub(super) fn at(address: &str, ca: Option<PathBuf>, token_file: Option<&Path>) -> Result<Self, String> {
        let Some(path) = token_file else { return Err("--admin needs --token-file".to_owned()) };
        let secret = secret_file::read(path, "token");
        let secret = secret.map_err(|why| format!("--token-file: {} {why}", path.display()))?;
        let token = secret.text.trim().to_owned();
        if !token.chars().all(|c| c.is_ascii_graphic()) {
            return Err(format!("--token-file: {} must hold one token of ASCII characters", path.display()));
        }
        Ok(Self::Address { address: address.to_owned(), ca, token })
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(path) => write!(f, "{}", path.display()),
            Self::Address { address, .. } => f.write_str(address),
        }
    }
}

/// A connection, for one request.
pub(super) struct Connection {
    stream: Box<dyn Stream>,
    token: Option<String>,
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// There is no server, or it lets this user not in.
    pub(super) fn open(server: &Server) -> Result<Self, Failed> {
        let cannot = |error: io::Error| match error.kind() {
            ErrorKind::Other => Failed(format!("{server}: {error}")),
            _ => Failed(format!("no server answers at {server}: {error}")),
        };
        match server {
            Server::Socket(path) => {
                let stream = UnixStream::connect(path).map_err(cannot)?;
                stream.set_read_timeout(Some(PATIENCE))?;
                stream.set_write_timeout(Some(PATIENCE))?;
                Ok(Self { stream: Box::new(stream), token: None })
            }
            Server::Address { address, ca, token } => {
                let stream = dial(address, ca.as_deref(), PATIENCE).map_err(cannot)?;
                Ok(Self { stream, token: Some(token.clone()) })
            }
        }
    }

    /// Asks; a refusal is an error.
    ///
    /// # Errors
    /// The server refuses it, or is gone.
    pub(super) fn ask(mut self, method: &str, path: &str, body: &Value) -> Result<Answer, Failed> {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let token = self.token.as_ref().map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
        let length = body.len();
        write!(
            self.stream,
            "{method} {path} HTTP/1.1\r\nHost: stonechat\r\n{token}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        )?;
        self.stream.flush()?;
        let answer = Answer::read(BufReader::new(self.stream))?;
        if answer.status == 200 { Ok(answer) } else { Err(answer.refusal()) }
    }
}

/// An answer whose body has not been read.
pub(super) struct Answer {
    status: u16,
    is_in_pieces: bool,
    rest: BufReader<Box<dyn Stream>>,
}

impl Answer {
    fn read(mut rest: BufReader<Box<dyn Stream>>) -> Result<Self, Failed> {
        let mut line = String::new();
        rest.read_line(&mut line)?;
        let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.ok_or_else(|| Failed("the server does not answer in HTTP".to_owned()))?;
        let mut is_in_pieces = false;
        loop {
            line.clear();
            rest.read_line(&mut line)?;
            let field = line.trim_end().to_ascii_lowercase();
            if field.is_empty() {
                return Ok(Self { status, is_in_pieces, rest });
            }
            is_in_pieces |= field.starts_with("transfer-encoding:") && field.contains("chunked");
        }
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// It is none.
    pub(super) fn json(self) -> Result<Value, Failed> {
        let mut body = String::new();
        self.rest.take(ANSWER_BYTES_MAX).read_to_string(&mut body)?;
        serde_json::from_str(&body).map_err(|_| Failed(format!("the server's answer is no JSON: {body}")))
    }

    fn refusal(self) -> Failed {
        let status = self.status;
        match self.json() {
            Ok(value) => Failed(value["error"].as_str().map_or_else(|| value.to_string(), str::to_owned)),
            Err(_) => Failed(format!("the server answers with status {status}")),
        }
    }

    /// Passes the body on.
    ///
    /// # Errors
    /// It has no end: something is missing.
    pub(super) fn copy(mut self, out: &mut dyn Write) -> Result<(), Failed> {
        if !self.is_in_pieces {
            io::copy(&mut self.rest, out)?;
            return Ok(());
        }
        let cut_off = || Failed("the server's answer was cut off: what was printed is not all".to_owned());
        loop {
            let mut line = String::new();
            self.rest.read_line(&mut line)?;
            let length = u64::from_str_radix(line.trim(), 16).map_err(|_| cut_off())?;
            if io::copy(&mut (&mut self.rest).take(length), out)? < length {
                return Err(cut_off());
            }
            self.rest.read_line(&mut line)?;
            if length == 0 {
                return Ok(out.flush()?);
            }
        }
    }
}
