//! A private redis-server, and raw connections to it.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::Command;

use stonechat::backend::Backend;
use tempfile::TempDir;

use super::certificates::ServerCertificate;
use super::process::{PATIENCE, Process, free_port, wait_for};

/// A redis-server on a loopback port of its own that keeps nothing on disk. Killed when dropped.
pub struct Redis {
    process: Process,
    port: u16,
    reach: Reach,
    password: Option<&'static str>,
    /// Holds its socket.
    dir: TempDir,
}

/// How nodes reach it.
pub enum Reach {
    /// By its port.
    Tcp,
    /// By a port that speaks TLS only.
    Tls(ServerCertificate),
    /// By its unix socket alone.
    Socket,
}

/// What a node has to know to come to it.
pub struct Way {
    pub url: String,
    pub tls_ca: Option<PathBuf>,
}

impl Way {
    pub fn backend(&self) -> Backend<'_> {
        Backend { url: &self.url, tls_ca: self.tls_ca.as_deref() }
    }
}

/// One Redis, or several that stand for one: what a contract test does with it.
pub trait AnyRedis {
    fn way(&self) -> Way;
    /// Sends one command to where nodes are connected; the answer with its RESP markers, lines joined by blanks.
    fn command(&self, words: &[&str]) -> String;
    /// From now on nobody is there.
    fn kill(&mut self);
    /// Somebody is there again, after `kill`.
    fn restart(&mut self);
    /// "STOP" freezes the server that nodes are connected to, "CONT" lets it go on.
    fn signal(&mut self, signal: &str);
}

impl AnyRedis for Redis {
    fn way(&self) -> Way {
        Redis::way(self)
    }

    fn command(&self, words: &[&str]) -> String {
        Redis::command(self, words)
    }

    fn kill(&mut self) {
        Redis::kill(self);
    }

    fn restart(&mut self) {
        Redis::restart(self);
    }

    fn signal(&mut self, signal: &str) {
        Redis::signal(self, signal);
    }
}

impl Redis {
    /// Starts one and waits until it answers.
    pub fn start() -> Self {
        Self::start_by(Reach::Tcp, None)
    }

    /// One that wants this password, if any.
    pub fn with_password(password: Option<&'static str>) -> Self {
        Self::start_by(Reach::Tcp, password)
    }

    /// One that is reached in this way.
    pub fn start_by(reach: Reach, password: Option<&'static str>) -> Self {
        let (port, dir) = (free_port(), TempDir::with_prefix("stonechat-redis-").unwrap());
        let process = launch(port, &reach, password, &dir);
        let redis = Self { process, port, reach, password, dir };
        redis.wait_until_ready();
        redis
    }

    pub fn url(&self) -> String {
        let password = self.password.map(|password| format!(":{password}@")).unwrap_or_default();
        match self.reach {
            Reach::Tcp => format!("redis://{password}127.0.0.1:{}/", self.port),
            Reach::Tls(_) => format!("rediss://{password}127.0.0.1:{}/", self.port),
            Reach::Socket => {
                let password = self.password.map(|password| format!("?pass={password}")).unwrap_or_default();
                format!("redis+unix://{}{password}", self.socket().display())
            }
        }
    }

    pub fn way(&self) -> Way {
        let tls_ca = match &self.reach {
            Reach::Tls(certificate) => Some(certificate.ca()),
            Reach::Tcp | Reach::Socket => None,
        };
        Way { url: self.url(), tls_ca }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn socket(&self) -> PathBuf {
        socket(&self.dir)
    }

    /// What it shows its clients; for one that is reached by TLS.
    pub fn certificate(&self) -> &ServerCertificate {
        let Reach::Tls(certificate) = &self.reach else { panic!("it has no certificate") };
        certificate
    }

    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts it anew on the same port, after `kill`.
    pub fn restart(&mut self) {
        self.process.kill();
        self.process = launch(self.port, &self.reach, self.password, &self.dir);
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

    /// The same; `None` when nobody is there.
    pub fn try_command(&self, words: &[&str]) -> Option<String> {
        let mut raw = Raw { stream: BufReader::new(self.dial().ok()?) };
        if let Some(password) = self.password {
            raw.command(&["AUTH", password]);
        }
        Some(raw.command(words))
    }

    /// A connection that stays, to play a node with.
    pub fn connect(&self) -> Raw {
        let mut raw = Raw { stream: BufReader::new(self.dial().unwrap()) };
        if let Some(password) = self.password {
            assert_eq!(raw.command(&["AUTH", password]), "+OK");
        }
        raw
    }

    fn dial(&self) -> io::Result<Box<dyn Stream>> {
        Ok(match self.reach {
            Reach::Tcp => {
                let stream = TcpStream::connect(("127.0.0.1", self.port))?;
                stream.set_read_timeout(Some(PATIENCE))?;
                Box::new(stream)
            }
            // The test itself comes by the socket.
            Reach::Socket | Reach::Tls(_) => {
                let stream = UnixStream::connect(self.socket())?;
                stream.set_read_timeout(Some(PATIENCE))?;
                Box::new(stream)
            }
        })
    }

    fn wait_until_ready(&self) {
        wait_for("redis-server to answer", || {
            // It may accept and close while it starts, so nothing here may panic.
            let mut stream = self.dial().ok()?;
            stream.write_all(b"PING\r\n").ok()?;
            let mut first = [0];
            stream.read_exact(&mut first).ok()
        });
    }
}

fn launch(port: u16, reach: &Reach, password: Option<&str>, dir: &TempDir) -> Process {
    let mut command = Command::new("redis-server");
    command.args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
    match reach {
        Reach::Tcp => command.args(["--port", &port.to_string()]),
        Reach::Socket => command.args(["--port", "0", "--unixsocket"]).arg(socket(dir)),
        Reach::Tls(files) => command
            .args(["--port", "0", "--tls-port", &port.to_string(), "--tls-auth-clients", "no"])
            .arg("--tls-cert-file")
            .arg(files.certificate())
            .arg("--tls-key-file")
            .arg(files.key())
            .arg("--unixsocket")
            .arg(socket(dir)),
    };
    if let Some(password) = password {
        command.args(["--requirepass", password]);
    }
    Process::start("redis-server", command.current_dir(std::env::temp_dir()))
}

fn socket(dir: &TempDir) -> PathBuf {
    dir.path().join("redis.sock")
}

/// A bare connection to Redis.
pub struct Raw {
    stream: BufReader<Box<dyn Stream>>,
}

/// What bytes go over.
trait Stream: Read + Write + Send {}

impl<T: Read + Write + Send> Stream for T {}

impl Raw {
    /// To whatever speaks like Redis on this loopback port; `None`: nobody is there.
    pub fn to(port: u16, password: Option<&str>) -> Option<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).ok()?;
        let mut raw = Self { stream: BufReader::new(Box::new(stream)) };
        if let Some(password) = password {
            assert_eq!(raw.command(&["AUTH", password]), "+OK");
        }
        Some(raw)
    }

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
