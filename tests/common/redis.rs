//! A private redis-server, and raw connections to it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::Command;

use super::process::{PATIENCE, Process, free_port, wait_for};

/// A redis-server on a loopback port of its own that keeps nothing on disk. Killed when dropped.
pub struct Redis {
    process: Process,
    port: u16,
    password: Option<&'static str>,
}

impl Redis {
    /// Starts one and waits until it answers.
    pub fn start() -> Self {
        Self::with_password(None)
    }

    /// One that wants this password, if any.
    pub fn with_password(password: Option<&'static str>) -> Self {
        let port = free_port();
        let redis = Self { process: launch(port, password), port, password };
        redis.wait_until_ready();
        redis
    }

    pub fn url(&self) -> String {
        let password = self.password.map(|password| format!(":{password}@")).unwrap_or_default();
        format!("redis://{password}127.0.0.1:{}/", self.port)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts it anew on the same port, after `kill`.
    pub fn restart(&mut self) {
        self.process.kill();
        self.process = launch(self.port, self.password);
        self.wait_until_ready();
    }

    /// "STOP" freezes it, "CONT" lets it go on.
    pub fn signal(&self, signal: &str) {
        self.process.signal(signal);
    }

    /// Sends one command over a connection of its own; the answer with its RESP markers, lines joined by blanks.
    pub fn command(&self, words: &[&str]) -> String {
        self.connect().command(words)
    }

    /// A connection that stays, to play a node with.
    pub fn connect(&self) -> Raw {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut raw = Raw { stream: BufReader::new(stream) };
        if let Some(password) = self.password {
            assert_eq!(raw.command(&["AUTH", password]), "+OK");
        }
        raw
    }

    fn wait_until_ready(&self) {
        wait_for("redis-server to answer", || {
            // It may accept and close while it starts, so nothing here may panic.
            let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
            stream.set_read_timeout(Some(PATIENCE)).ok()?;
            stream.write_all(b"PING\r\n").ok()?;
            let mut first = [0];
            stream.read_exact(&mut first).ok()
        });
    }
}

fn launch(port: u16, password: Option<&str>) -> Process {
    let mut command = Command::new("redis-server");
    command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
    if let Some(password) = password {
        command.args(["--requirepass", password]);
    }
    Process::start("redis-server", command.current_dir(std::env::temp_dir()))
}

/// A bare connection to Redis.
pub struct Raw {
    stream: BufReader<TcpStream>,
}

impl Raw {
    /// Sends one command and reads one answer.
    pub fn command(&mut self, words: &[&str]) -> String {
        let mut out = format!("*{}\r\n", words.len()).into_bytes();
        for word in words {
            write!(out, "${}\r\n{word}\r\n", word.len()).unwrap();
        }
        self.stream.get_mut().write_all(&out).unwrap();
        self.answer()
    }

    /// Waits for the next thing that Redis says: a further answer, or a message of a subscription.
    pub fn hear(&mut self) -> String {
        self.answer()
    }

    fn answer(&mut self) -> String {
        let mut line = String::new();
        self.stream.read_line(&mut line).unwrap();
        let line = line.trim_end().to_owned();
        let length = line.get(1..).and_then(|digits| digits.parse::<i64>().ok()).unwrap_or(-1);
        match line.chars().next() {
            Some('$') if length >= 0 => {
                let mut text = vec![0; usize::try_from(length).unwrap() + 2];
                self.stream.read_exact(&mut text).unwrap();
                String::from_utf8_lossy(&text).trim_end().to_owned()
            }
            Some('*') => (0..length).map(|_| self.answer()).collect::<Vec<_>>().join(" "),
            _ => line,
        }
    }
}
