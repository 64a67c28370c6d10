//! One stonechat server under test, on a free port and in a folder of its own.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, ExitStatus};
use std::sync::{Arc, Mutex, Once, PoisonError, Weak};

use tempfile::TempDir;

use super::client::Client;
use super::process::{Process, server, wait_for, without_settings};
use super::scenarios::Site;

/// What every node gets; the test's own settings come later and win. Tests hash passwords by the hundred, send as fast
/// as they can and fail logins on purpose, all from one address.
const DEFAULTS: [&str; 7] = [
    "password.memory_kib=8",
    "password.passes=1",
    "limits.messages_per_second=0",
    "limits.logins_per_minute=0",
    "limits.registrations_per_minute=0",
    "quota.accounts_per_day=0",
    "limits.anonymous_per_address=0",
];

/// Lines of each node's log that a failing test shows.
const LOG_TAIL_LINES: usize = 40;

/// A running server, or a killed one that can be started again on the same data and address.
pub struct Node {
    // Dropped first: the folder is removed only when nobody writes into it any more.
    process: Arc<Mutex<Process>>,
    /// What runs the server: nothing, or a program that becomes it.
    wrapper: Vec<String>,
    args: Vec<String>,
    /// Holds the embedded database; stays over restarts.
    data: TempDir,
    addr: SocketAddr,
}

impl Node {
    /// Starts a node with these flags and waits until it listens.
    pub fn start(args: &[&str]) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), args)
    }

    /// Starts a node that keeps its data in this folder.
    pub fn start_in(data: TempDir, args: &[&str]) -> Self {
        Self::start_under(&[], data, args)
    }

    /// Starts a node by way of another program, which is given the command and must become it (exec).
    pub fn start_under(wrapper: &[&str], data: TempDir, args: &[&str]) -> Self {
        show_logs_on_panic();
        let owned = |words: &[&str]| -> Vec<String> { words.iter().map(|&word| word.to_owned()).collect() };
        let (wrapper, args) = (owned(wrapper), owned(args));
        let mut process = launch(&wrapper, &args, &data, "127.0.0.1:0");
        let addr = wait_until_listening(&mut process);
        let process = Arc::new(Mutex::new(process));
        let proxied = args.iter().any(|arg| arg == "proxy_protocol=true");
        let known = Known { addr, proxied, process: Arc::downgrade(&process) };
        nodes(|nodes| nodes.push(known));
        Self { process, wrapper, args, data, addr }
    }

    /// Starts a node with these settings, each `key=value`.
    pub fn with_settings(settings: &[&str]) -> Self {
        let args: Vec<&str> = settings.iter().flat_map(|setting| ["--set", setting]).collect();
        Self::start(&args)
    }

    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Where /metrics, /healthz and /readyz are; for a node that was started with `--admin`.
    pub fn admin(&self) -> SocketAddr {
        wait_for("the address of the admin port", || admin_address(&self.log()))
    }

    pub fn connect(&self) -> Client {
        Client::connect(self.addr)
    }

    /// This node as the place where scenarios happen.
    pub fn site(&self) -> Site {
        Site { here: self.addr, there: self.addr }
    }

    /// SIGTERM, then waits for the end.
    pub fn term(&self) -> ExitStatus {
        self.signal("TERM");
        self.wait()
    }

    /// Waits for it to end by itself.
    pub fn wait(&self) -> ExitStatus {
        self.process().wait()
    }

    /// SIGKILL.
    pub fn kill(&self) {
        self.process().kill();
    }

    /// Freezes it; [`Node::cont`] lets it go on.
    pub fn stop(&self) {
        self.signal("STOP");
    }

    pub fn cont(&self) {
        self.signal("CONT");
    }

    /// Sends a signal by name.
    pub fn signal(&self, signal: &str) {
        self.process().signal(signal);
    }

    /// Starts it again, after `kill` or `term`, on the same data and the same address.
    pub fn restart(&self) {
        let mut process = launch(&self.wrapper, &self.args, &self.data, &self.addr.to_string());
        let addr = wait_until_listening(&mut process);
        assert_eq!(addr, self.addr, "the restarted node listens where it was told to");
        *self.process() = process;
    }

    /// Ends it in order (SIGTERM), and starts this build of the server on the same data and the same address.
    pub fn upgrade(&mut self) {
        self.term();
        self.wrapper.clear();
        self.restart();
    }

    pub fn is_running(&self) -> bool {
        self.process().is_running()
    }

    /// Fails when the server has ended.
    pub fn assert_running(&self) {
        assert!(self.is_running(), "the server has ended");
    }

    pub fn pid(&self) -> u32 {
        self.process().pid()
    }

    /// All it has logged since its last start.
    pub fn log(&self) -> String {
        self.process().output()
    }

    /// Resident memory in KiB.
    pub fn memory_kib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("a live process has VmRSS");
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// The data folder.
    pub fn folder(&self) -> &std::path::Path {
        self.data.path()
    }

    /// Every file of the data folder.
    pub fn data_files(&self) -> Vec<PathBuf> {
        let mut folders = vec![self.data.path().to_owned()];
        let mut files = Vec::new();
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.is_file() {
                    files.push(path);
                }
            }
        }
        files
    }

    /// Kills it; its folder outlives it.
    pub fn into_data(self) -> TempDir {
        self.kill();
        self.data
    }

    /// The embedded database's file, whatever its name.
    pub fn database(&self) -> PathBuf {
        let is_database = |path: &PathBuf| fs::read(path).is_ok_and(|bytes| bytes.starts_with(b"SQLite format 3\0"));
        self.data_files().into_iter().find(is_database).expect("the data folder holds a SQLite database")
    }

    fn process(&self) -> std::sync::MutexGuard<'_, Process> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the node at this address expects a PROXY header.
pub fn expects_proxy_header(addr: SocketAddr) -> bool {
    nodes(|nodes| nodes.iter().any(|node| node.addr == addr && node.proxied))
}

fn launch(wrapper: &[String], args: &[String], data: &TempDir, listen: &str) -> Process {
    let server = server().display().to_string();
    let mut words = wrapper.iter().chain([&server]);
    let mut command = Command::new(words.next().expect("the server's own path is one"));
    command.args(words);
    without_settings(&mut command);
    command.arg("--listen").arg(listen).arg("--data").arg(data.path());
    command.args(DEFAULTS.iter().flat_map(|setting| ["--set", setting])).args(args);
    Process::start("stonechat", &mut command)
}

fn wait_until_listening(process: &mut Process) -> SocketAddr {
    process.wait_for_line("`listening on ADDR`", |line| {
        let (_, addr) = line.split_once("listening on ")?;
        addr.split_whitespace().next()?.parse().ok()
    })
}

/// The admin port's address, out of a server's log.
pub fn admin_address(log: &str) -> Option<SocketAddr> {
    let line = log.lines().find(|line| line.contains("/healthz and /metrics answer at "))?;
    line.split_once(" answer at ")?.1.split(';').next()?.parse().ok()
}

/// A node as the rest of the test process knows it.
struct Known {
    addr: SocketAddr,
    proxied: bool,
    process: Weak<Mutex<Process>>,
}

fn nodes<T>(with: impl FnOnce(&mut Vec<Known>) -> T) -> T {
    static NODES: Mutex<Vec<Known>> = Mutex::new(Vec::new());
    let mut nodes = NODES.lock().unwrap_or_else(PoisonError::into_inner);
    nodes.retain(|node| node.process.strong_count() > 0);
    with(&mut nodes)
}

/// Whatever assertion fails: the logs of the nodes that run at that moment follow its message.
fn show_logs_on_panic() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            before(panic);
            print_logs();
        }));
    });
}

#[expect(clippy::print_stderr, reason = "stderr is where a failing test tells why")]
fn print_logs() {
    let known: Vec<_> = nodes(|nodes| nodes.iter().map(|node| (node.addr, node.process.clone())).collect());
    for (addr, process) in known {
        let Some(process) = process.upgrade() else { continue };
        // The failing thread may hold the lock itself; then its own message has the log.
        let Ok(process) = process.try_lock() else { continue };
        let log = process.output();
        let lines: Vec<&str> = log.lines().collect();
        eprintln!("--- the last lines of the node at {addr}:");
        for line in &lines[lines.len().saturating_sub(LOG_TAIL_LINES)..] {
            eprintln!("    {line}");
        }
    }
}

/// Polls until the node's memory is at most `limit_kib`; an allocator gives back late.
pub fn assert_memory_below(node: &Node, limit_kib: u64) {
    wait_for(&format!("resident memory of at most {limit_kib} KiB (it is {} KiB)", node.memory_kib()), || {
        (node.memory_kib() <= limit_kib).then_some(())
    });
}
