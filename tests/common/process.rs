//! Servers that a test starts: killed with the test, on free loopback ports; and waiting with a deadline.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a test waits for something that a busy machine may be slow to do.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// The server of this build, or that which `STONECHAT_TEST_SERVER` names (of a release build, when it is timed).
pub fn server() -> PathBuf {
    std::env::var_os("STONECHAT_TEST_SERVER").map_or_else(|| env!("CARGO_BIN_EXE_stonechat").into(), PathBuf::from)
}

/// A command of the server, whose settings are what the test says.
pub fn server_command() -> Command {
    let mut command = Command::new(server());
    without_settings(&mut command);
    command
}

/// Hides from the command what the tests themselves are told by the environment, and what is set there for a server.
pub fn without_settings(command: &mut Command) {
    let is_setting = |name: &str| name.starts_with("STONECHAT_") || name == "RUST_LOG";
    for (name, _) in std::env::vars_os().filter(|(name, _)| is_setting(&name.to_string_lossy())) {
        command.env_remove(name);
    }
}

/// The program of another package of the workspace (`stonechat-client`, `stonechat-load`), built beside the server: cargo
/// builds for the tests of a package its own programs only.
pub fn program(package: &'static str) -> PathBuf {
    static BUILT: Mutex<BTreeSet<&str>> = Mutex::new(BTreeSet::new());
    let server = Path::new(env!("CARGO_BIN_EXE_stonechat"));
    // The others wait: they need it, too.
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    if built.insert(package) {
        build(package, server.parent().expect("it is in a folder"));
    }
    server.with_file_name(package)
}

/// An example of another package, built beside the server.
pub fn example(package: &'static str, name: &'static str) -> PathBuf {
    let beside = program(package);
    beside.parent().expect("it is in a folder").join("examples").join(name)
}

fn build(package: &str, profile: &Path) {
    let mut command = Command::new(std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned()));
    command
        .args(["build", "--locked", "--quiet", "--bins", "--examples", "--package", package])
        .current_dir(env!("CARGO_MANIFEST_DIR"));
    // What cargo says of the test's own package would be another environment for build scripts, which would run again, here and
    // at the next build outside.
    let is_of_this_package = |name: &String| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
    for (name, _) in std::env::vars().filter(|(name, _)| is_of_this_package(name)) {
        command.env_remove(name);
    }
    command.arg("--target-dir").arg(profile.parent().expect("in one of the target folder's"));
    if profile.ends_with("release") {
        command.arg("--release");
    }
    let ended = command.status().unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
    assert!(ended.success(), "{command:?}: {ended}");
}

/// A child process that is killed when dropped. Its output is gathered, and shown by [`Process::output`].
pub struct Process {
    name: String,
    child: Child,
    output: Arc<Mutex<String>>,
}

impl Process {
    /// Starts `command`, whose output is read in the background so that it never blocks.
    pub fn start(name: &str, command: &mut Command) -> Self {
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap_or_else(
                |error| panic!("cannot start {name} ({command:?}): {error}; see the README for what to install"),
            );
        let output = Arc::new(Mutex::new(String::new()));
        gather(child.stdout.take().expect("piped above"), Arc::clone(&output));
        gather(child.stderr.take().expect("piped above"), Arc::clone(&output));
        Self { name: name.to_owned(), child, output }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// All it has printed so far.
    pub fn output(&self) -> String {
        self.output.lock().unwrap().clone()
    }

    /// Waits until it has printed a line that `pick` makes something of.
    pub fn wait_for_line<T>(&mut self, what: &str, pick: impl Fn(&str) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = self.output().lines().find_map(&pick) {
                return found;
            }
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none(), "{} ended ({ended:?}) before {what}:\n{}", self.name, self.output());
            assert!(Instant::now() < deadline, "{}: waited for {what} in vain:\n{}", self.name, self.output());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Sends a signal by name: "TERM", "STOP", "CONT", "KILL".
    pub fn signal(&self, signal: &str) {
        let sent = Command::new("kill").arg(format!("-{signal}")).arg(self.pid().to_string()).status().unwrap();
        assert!(sent.success(), "cannot send {signal} to {}", self.name);
    }

    /// Kills it (SIGKILL) and waits for the end.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Waits for it to end by itself.
    pub fn wait(&mut self) -> std::process::ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "{} does not end:\n{}", self.name, self.output());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

fn gather(from: impl Read + Send + 'static, into: Arc<Mutex<String>>) {
    std::thread::spawn(move || {
        let mut reader = BufReader::new(from);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
            into.lock().unwrap().push_str(&String::from_utf8_lossy(&line));
            line.clear();
        }
    });
}

/// A loopback port that nobody listens on at present. It is none of those that the kernel gives to whoever connects (from 32768 on,
/// see ip_local_port_range in ip(7)): one of these could be gone before the server takes it.
pub fn free_port() -> u16 {
    const FIRST: u32 = 10_000;
    const COUNT: u32 = 22_000;
    static TAKEN: AtomicU32 = AtomicU32::new(0);
    // Other programs' tests begin elsewhere.
    let begin = std::process::id().wrapping_mul(97);
    for _ in 0..COUNT {
        let place = begin.wrapping_add(TAKEN.fetch_add(1, Ordering::Relaxed)) % COUNT;
        let port = u16::try_from(FIRST + place).expect("it is below 32768");
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no loopback port is free");
}

/// Polls until `condition` yields something; panics with `what` after [`PATIENCE`].
pub fn wait_for<T>(what: &str, condition: impl FnMut() -> Option<T>) -> T {
    wait_until(Instant::now() + PATIENCE, what, condition)
}

/// The same for what takes long: a server that takes over another one's data.
pub fn wait_long_for<T>(what: &str, condition: impl FnMut() -> Option<T>) -> T {
    wait_until(Instant::now() + PATIENCE * 4, what, condition)
}

fn wait_until<T>(deadline: Instant, what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    loop {
        if let Some(found) = condition() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited for {what} in vain");
        std::thread::sleep(Duration::from_millis(5));
    }
}
