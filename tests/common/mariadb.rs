//! A private MariaDB: its own folder, its own loopback port, no password; gone with the test process, whatever ends it.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use mysql::prelude::Queryable;
use mysql::{Conn, OptsBuilder};
use tempfile::TempDir;

use super::certificates::ServerCertificate;
use super::process::{Process, free_port, wait_for};

/// One server. Tests that only need a database of their own take [`MariaDb::shared`]; those that stop, kill or
/// configure the server start one.
pub struct MariaDb {
    port: u16,
    reach: Reach,
    /// Options beyond those that every server gets.
    options: Vec<String>,
    dir: TempDir,
    running: Option<Running>,
}

/// Nothing waits for the disk: for who makes tables by the thousand, and would not miss them after a crash of the machine.
const HASTY: &[&str] = &[
    "--innodb-flush-method=nosync",
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-doublewrite=0",
    "--innodb-file-per-table=0",
];

/// How clients reach it.
pub enum Reach {
    /// By its port.
    Tcp,
    /// By its port, and only with TLS.
    Tls(ServerCertificate),
    /// By its unix socket alone.
    Socket,
}

/// A server, and who ends it with this process.
pub(super) struct Running {
    server: Process,
    watchdog: Child,
}

impl MariaDb {
    /// The server that all tests of this process share.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<MariaDb> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// A further one, in which tables are made and changed in a moment.
    pub fn hasty() -> &'static Self {
        static HASTILY: OnceLock<MariaDb> = OnceLock::new();
        HASTILY.get_or_init(|| Self::start_with(HASTY))
    }

    /// A server of one's own, ready for connections.
    pub fn start() -> Self {
        Self::start_by(Reach::Tcp)
    }

    /// The same, reached in this way.
    pub fn start_by(reach: Reach) -> Self {
        Self::start_as(reach, &[])
    }

    /// The same, with these options.
    pub fn start_with(options: &[&str]) -> Self {
        Self::start_as(Reach::Tcp, options)
    }

    fn start_as(reach: Reach, options: &[&str]) -> Self {
        let dir = Self::install();
        let options = options.iter().map(ToString::to_string).collect();
        let mut mariadb = Self { port: free_port(), reach, options, dir, running: None };
        // Another program may take the port between our look and the server's.
        for _ in 0..5 {
            if mariadb.try_run() {
                return mariadb;
            }
            mariadb.port = free_port();
        }
        panic!("no port for MariaDB");
    }

    /// A folder with an empty database.
    fn install() -> TempDir {
        let dir = TempDir::with_prefix("stonechat-mariadb-").unwrap();
        let installed = Command::new("mariadb-install-db")
            .args(["--no-defaults", "--user=root", "--auth-root-authentication-method=normal", "--skip-test-db"])
            .args(["--skip-name-resolve", "--innodb-log-file-size=16M"])
            .arg(format!("--datadir={}", dir.path().join("data").display()))
            // Servers that start at the same time would take each other's temporary tables away.
            .arg(format!("--tmpdir={}", dir.path().display()))
            .output()
            .expect("mariadb-install-db: see the README for what to install");
        assert!(installed.status.success(), "{}", String::from_utf8_lossy(&installed.stderr));
        dir
    }

    /// The address of a database on it, which is created if it does not exist.
    pub fn url(&self, db: &str) -> String {
        self.execute(&format!("CREATE DATABASE IF NOT EXISTS `{db}`"));
        match self.reach {
            Reach::Socket => format!("mysql://root@localhost/{db}?socket={}", self.socket().display()),
            Reach::Tcp | Reach::Tls(_) => Self::url_on_port(db, self.port),
        }
    }

    /// A database's address by way of another port (a proxy's).
    pub fn url_on_port(db: &str, port: u16) -> String {
        format!("mysql://root@127.0.0.1:{port}/{db}")
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn socket(&self) -> PathBuf {
        self.dir.path().join("socket")
    }

    /// What it shows its clients; for one that is reached by TLS.
    pub fn certificate(&self) -> &ServerCertificate {
        let Reach::Tls(certificate) = &self.reach else { panic!("it has no certificate") };
        certificate
    }

    /// Runs a statement as the administrator.
    pub fn execute(&self, statement: &str) {
        self.connect().expect("MariaDB runs").query_drop(statement).unwrap();
    }

    /// Stops it in order.
    pub fn stop(&mut self) {
        if let Some(mut running) = self.running.take() {
            running.server.signal("TERM");
            running.server.wait();
            running.end_watchdog();
        }
    }

    /// Kills it, as a crash would.
    pub fn kill(&mut self) {
        if let Some(running) = self.running.take() {
            running.kill();
        }
    }

    /// Freezes it ("STOP") or lets it go on ("CONT").
    pub fn signal(&self, signal: &str) {
        self.running.as_ref().expect("MariaDB runs").signal(signal);
    }

    /// Starts it again on the same port, after `stop` or `kill`; ends it in order first if it runs.
    pub fn restart(&mut self) {
        self.stop();
        assert!(self.try_run(), "MariaDB's port was taken");
    }

    /// Starts it again on the same port without anything that it had, with these options.
    pub fn restart_empty(&mut self, options: &[&str]) {
        self.kill();
        self.options = options.iter().map(ToString::to_string).collect();
        self.dir = Self::install();
        assert!(self.try_run(), "MariaDB's port was taken");
    }

    /// Starts the server; `false` if the port is not free.
    fn try_run(&mut self) -> bool {
        let mut server = Process::start(
            "mariadbd",
            Command::new("/usr/sbin/mariadbd")
                .args(["--no-defaults", "--user=root", "--bind-address=127.0.0.1", "--skip-name-resolve"])
                .args(["--innodb-log-file-size=16M", "--innodb-buffer-pool-size=64M", "--max-connections=400"])
                .arg(format!("--port={}", self.port))
                .arg(format!("--datadir={}", self.dir.path().join("data").display()))
                .arg(format!("--tmpdir={}", self.dir.path().display()))
                .arg(format!("--socket={}", self.socket().display()))
                .args(self.reach.args())
                .args(&self.options),
        );
        let watchdog = watch(server.pid(), self.dir.path());
        let is_ready = wait_for("MariaDB to be ready", || {
            let is_ours = server.output().contains("ready for connections") && self.connect().is_ok();
            if is_ours { Some(true) } else { (!server.is_running()).then_some(false) }
        });
        if !is_ready {
            assert!(server.output().contains("Address already in use"), "{}", server.output());
            Running { server, watchdog }.end_watchdog();
            return false;
        }
        self.running = Some(Running { server, watchdog });
        true
    }

    /// A connection as the administrator.
    pub fn connect(&self) -> mysql::Result<Conn> {
        let opts = OptsBuilder::new().ip_or_hostname(Some("127.0.0.1")).tcp_port(self.port).user(Some("root"));
        let socket = match self.reach {
            Reach::Tcp => None,
            Reach::Tls(_) | Reach::Socket => Some(self.socket().display().to_string()),
        };
        Conn::new(opts.prefer_socket(false).socket(socket))
    }
}

impl Drop for MariaDb {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Reach {
    fn args(&self) -> Vec<String> {
        match self {
            Self::Tcp => Vec::new(),
            Self::Tls(files) => vec![
                format!("--ssl-cert={}", files.certificate().display()),
                format!("--ssl-key={}", files.key().display()),
                "--require-secure-transport=ON".to_owned(),
            ],
            Self::Socket => vec!["--skip-networking".to_owned()],
        }
    }
}

impl Running {
    /// A server that was just started, and its folder.
    pub(super) fn of(server: Process, folder: &Path) -> Self {
        let watchdog = watch(server.pid(), folder);
        Self { server, watchdog }
    }

    /// Kills it, as a crash would.
    pub(super) fn kill(mut self) {
        self.server.kill();
        self.end_watchdog();
    }

    pub(super) fn signal(&self, signal: &str) {
        self.server.signal(signal);
    }

    /// Before the server's process number can be another's.
    fn end_watchdog(&mut self) {
        let stdin = self.watchdog.stdin.as_mut().expect("piped in `watch`");
        let _ = stdin.write_all(b"done\n");
        let _ = self.watchdog.wait();
    }
}

/// A process that waits for this one's end, however it comes, and then kills the server and removes its folder: what a
/// static variable holds is never dropped.
fn watch(server: u32, dir: &Path) -> Child {
    Command::new("sh")
        .args(["-c", r#"read -r word || { kill -9 "$1"; rm -rf "$2"; }"#, "watchdog"])
        .arg(server.to_string())
        .arg(dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}
