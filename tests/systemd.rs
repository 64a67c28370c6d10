//! What the server and its supervisor say to each other: a test plays systemd's part, by NOTIFY_SOCKET, WATCHDOG_USEC and LISTEN_FDS.

#![allow(clippy::unwrap_used, reason = "helpers of tests; allow-unwrap-in-tests misses them")]

mod common;

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Command;

use common::client::Client;
use common::mariadb::MariaDb;
use common::process::{PATIENCE, Process, server_command, wait_for, without_settings};
use common::relay::{Flow, Relay};
use serde_json::json;
use tempfile::TempDir;

/// What the supervisor of a process hears.
struct Supervisor {
    socket: UnixDatagram,
    folder: TempDir,
}

impl Supervisor {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = UnixDatagram::bind(folder.path().join("notify")).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { socket, folder }
    }

    /// A server that this one supervises.
    fn start(&self, settings: &[&str], variables: &[(&str, &str)]) -> Process {
        let mut command = server_command();
        command.args(["--listen", "127.0.0.1:0"]).arg("--data").arg(self.folder.path().join("data"));
        command.args(["--set", "password.memory_kib=8", "--set", "password.passes=1"]).args(settings);
        command
            .env_remove("RUST_LOG")
            .env("NOTIFY_SOCKET", self.folder.path().join("notify"))
            .envs(variables.iter().copied());
        Process::start("the supervised server", &mut command)
    }

    /// The next datagram, as lines.
    fn heard(&self) -> Vec<String> {
        let mut buffer = [0; 4096];
        let read = self.socket.recv(&mut buffer).expect("the supervisor is told something");
        String::from_utf8(buffer[..read].to_vec()).unwrap().lines().map(str::to_owned).collect()
    }

    /// Hears on until it is told this word; what came before it.
    fn wait_for(&self, word: &str) -> Vec<String> {
        let mut before = Vec::new();
        loop {
            let heard = self.heard();
            if heard.iter().any(|line| line == word) {
                before.extend(heard);
                return before;
            }
            before.extend(heard);
        }
    }
}

/// Where the server listens, by its log.
fn addresses(server: &mut Process, count: usize) -> Vec<SocketAddr> {
    let address = |line: &str| line.split("listening on ").nth(1)?.split(' ').next()?.parse().ok();
    server.wait_for_line("it listens", |line| address(line));
    wait_for("all addresses", || {
        let all: Vec<SocketAddr> = server.output().lines().filter_map(address).collect();
        (all.len() >= count).then_some(all)
    })
}

#[test]
fn a_supervisor_hears_of_the_start_a_reload_and_the_end() {
    let supervisor = Supervisor::new();
    let mut server = supervisor.start(&[], &[]);
    let before = supervisor.wait_for("READY=1");
    assert!(before.iter().any(|line| line.starts_with("STATUS=starting: the database is opened")), "{before:?}");
    let addr = addresses(&mut server, 1)[0];
    // Ready means ready.
    Client::newcomer(addr, "anna");
    server.signal("HUP");
    let reloading = supervisor.wait_for("RELOADING=1");
    assert!(reloading.iter().any(|line| line.starts_with("MONOTONIC_USEC=")), "{reloading:?}");
    supervisor.wait_for("READY=1");
    server.signal("TERM");
    supervisor.wait_for("STOPPING=1");
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn the_watchdog_is_fed_while_nobody_is_there_and_while_the_database_hangs() {
    let database = MariaDb::shared();
    database.url("watched");
    let relay = Relay::start(database.port());
    let url = MariaDb::url_on_port("watched", relay.port());
    let supervisor = Supervisor::new();
    let mut server = supervisor.start(
        &["--mysql", &url, "--set", "store.timeout_ms=600000", "--set", "shutdown_seconds=0"],
        &[("WATCHDOG_USEC", "400000")],
    );
    supervisor.wait_for("READY=1");
    for _ in 0..5 {
        supervisor.wait_for("WATCHDOG=1");
    }
    let addr = addresses(&mut server, 1)[0];
    let (mut anna, ben) = (Client::newcomer(addr, "anna"), Client::newcomer(addr, "ben"));
    relay.set(Flow::Hold);
    // A lane has it now, and asks the database in vain.
    anna.send(&json!({"msgid": 6, "toid": ben.id, "msg": "nobody commits this"}));
    // Three intervals: whatever was fed before cannot cover them.
    for _ in 0..12 {
        supervisor.wait_for("WATCHDOG=1");
    }
    relay.set(Flow::Pass);
    server.signal("TERM");
    supervisor.wait_for("STOPPING=1");
}

/// SQLite's outage: another process keeps the file, and what is written waits.
#[test]
fn the_watchdog_is_fed_while_another_process_keeps_the_embedded_database() {
    let supervisor = Supervisor::new();
    let mut server = supervisor.start(&["--set", "store.timeout_ms=600000"], &[("WATCHDOG_USEC", "400000")]);
    supervisor.wait_for("READY=1");
    let addr = addresses(&mut server, 1)[0];
    let (mut anna, ben) = (Client::newcomer(addr, "anna"), Client::newcomer(addr, "ben"));
    let file = rusqlite::Connection::open(supervisor.folder.path().join("data/stonechat.db")).unwrap();
    file.execute_batch("BEGIN EXCLUSIVE").unwrap();
    // A lane has it now, and waits for the file.
    anna.send(&json!({"msgid": 6, "toid": ben.id, "msg": "committed when the file is free"}));
    // Three intervals: whatever was fed before cannot cover them.
    for _ in 0..12 {
        supervisor.wait_for("WATCHDOG=1");
    }
    let stored: i64 = file.query_row("SELECT COUNT(*) FROM Message", [], |row| row.get(0)).unwrap();
    assert_eq!(stored, 0, "it was stored in spite of the lock");
    file.execute_batch("ROLLBACK").unwrap();
    assert_eq!(anna.expect_push(11)["errno"], 0);
    server.signal("TERM");
    supervisor.wait_for("STOPPING=1");
}

#[test]
fn a_supervisor_that_wants_no_watchdog_hears_none() {
    let supervisor = Supervisor::new();
    // Another process's: a server that inherits the variables of its parent must not speak for it.
    let server = supervisor.start(&[], &[("WATCHDOG_USEC", "100000"), ("WATCHDOG_PID", "1")]);
    supervisor.wait_for("READY=1");
    server.signal("TERM");
    let heard = supervisor.wait_for("STOPPING=1");
    assert!(!heard.iter().any(|line| line == "WATCHDOG=1"), "{heard:?}");
}

/// Opens two sockets, says where, and becomes a server to which they are passed, as systemd does it.
const PASSING: &str = "
import fcntl, os, socket, sys
high = []
for _ in range(2):
    listener = socket.socket()
    listener.bind(('127.0.0.1', 0))
    listener.listen()
    print('bound', '127.0.0.1:%d' % listener.getsockname()[1], flush=True)
    high.append(fcntl.fcntl(listener, fcntl.F_DUPFD, 20))
for number, fd in enumerate(high):
    os.dup2(fd, 3 + number)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS='2')
os.execv(sys.argv[1], sys.argv[1:])
";

/// The server, and where its two sockets listen.
fn start_with_sockets(data: &TempDir, names: &str, flags: &[&str]) -> (Process, Vec<SocketAddr>) {
    let mut command = Command::new("python3");
    without_settings(&mut command);
    command.args(["-c", PASSING, env!("CARGO_BIN_EXE_stonechat"), "--data"]).arg(data.path());
    command.args(["--set", "password.memory_kib=8", "--set", "password.passes=1"]).args(flags);
    command.env("LISTEN_FDNAMES", names);
    let server = Process::start("the server with sockets", &mut command);
    let bound = |line: &str| line.strip_prefix("bound ")?.parse().ok();
    let sockets = wait_for("the sockets", || {
        let all: Vec<SocketAddr> = server.output().lines().filter_map(bound).collect();
        (all.len() == 2).then_some(all)
    });
    (server, sockets)
}

#[test]
fn sockets_that_systemd_has_opened_take_the_place_of_the_addresses() {
    let data = tempfile::tempdir().unwrap();
    // An address that is not this machine's: it does not count.
    let flags = ["--listen", "192.0.2.1:8000"];
    let (mut server, sockets) = start_with_sockets(&data, "stonechat.socket:stonechat.socket", &flags);
    // Clients that come before the server is there wait.
    let mut early = TcpStream::connect(sockets[0]).unwrap();
    early.write_all(b"{\"msgid\":17}\n").unwrap();
    assert_eq!(addresses(&mut server, 2), sockets);
    for addr in sockets {
        Client::newcomer(addr, "anna");
    }
    let mut answer = String::new();
    BufReader::new(early).read_line(&mut answer).unwrap();
    assert!(answer.contains("\"msgid\":18"), "{answer}");
    // As its log says: clients are not refused meanwhile, they wait.
    assert!(!server.output().contains("refuse"), "{}", server.output());
    server.signal("TERM");
    assert_eq!(server.wait().code(), Some(0), "{}", server.output());
}

#[test]
fn a_socket_for_plain_clients_leaves_the_other_addresses_alone() {
    let data = tempfile::tempdir().unwrap();
    let flags = ["--listen", "127.0.0.1:0", "--listen-plain", "192.0.2.1:8000"];
    let (mut server, sockets) = start_with_sockets(&data, "listen_plain:listen_plain", &flags);
    let all = addresses(&mut server, 3);
    assert_eq!(all[..2], sockets);
    for addr in all {
        Client::newcomer(addr, "ben");
    }
}

// --- the units ------------------------------------------------------------------------------------------------

/// How exposed a unit may be, as systemd-analyze counts: from 0 to 10.
const EXPOSURE_MAX: f64 = 1.5;

const UNITS: [&str; 3] = ["stonechat.service", "stonechat@.service", "stonechat.socket"];

fn unit(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd").join(name)).unwrap()
}

/// What systemd-analyze prints; it must succeed.
fn analyze(words: &[&str]) -> String {
    let mut command = Command::new("systemd-analyze");
    let ended = command.args(words).output().unwrap_or_else(|error| panic!("systemd-analyze: {error}"));
    let both = [ended.stdout, ended.stderr].concat();
    let told = String::from_utf8_lossy(&both).into_owned();
    assert!(ended.status.success(), "systemd-analyze {words:?}: {told}");
    told
}

#[test]
fn the_services_are_locked_in() {
    for name in UNITS.iter().filter(|name| name.ends_with(".service")) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd").join(name);
        let told = analyze(&["security", "--offline=true", "--no-pager", path.to_str().unwrap()]);
        let overall = told.lines().find_map(|line| line.split_once("Overall exposure level for ")).expect("a figure").1;
        let figure: f64 = overall.split_once(": ").unwrap().1.split(' ').next().unwrap().parse().unwrap();
        assert!(figure <= EXPOSURE_MAX, "{told}");
        // What it connects to may be on another machine.
        assert!(!unit(name).contains("IPAddressDeny") && !unit(name).contains("PrivateNetwork=yes"), "{name}");
    }
}

#[test]
fn systemd_takes_every_line_of_the_units() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str| {
        // It looks whether the program is there.
        let text = unit(name).replace("/usr/bin/stonechat", env!("CARGO_BIN_EXE_stonechat"));
        let path = folder.path().join(name.replace("@.", "@8001."));
        fs::write(&path, text).unwrap();
        path
    };
    for name in UNITS {
        fs::write(folder.path().join(name), unit(name).replace("/usr/bin/stonechat", "/bin/true")).unwrap();
    }
    for name in UNITS {
        let told = analyze(&["verify", "--man=no", write(name).to_str().unwrap()]);
        assert!(!told.contains(folder.path().to_str().unwrap()), "{name}: {told}");
    }
}

#[test]
fn one_of_several_nodes_runs_like_a_single_one() {
    let lines = |name: &str| -> Vec<String> {
        let is_setting = |line: &&str| !line.is_empty() && !line.starts_with(['#', ';']);
        unit(name).lines().filter(is_setting).map(|line| line.replace("-%i", "").replace(", node %i", "")).collect()
    };
    let (single, mut several) = (lines("stonechat.service"), lines("stonechat@.service"));
    let before = several.len();
    several.retain(|line| !line.starts_with("Environment"));
    assert_eq!(before - several.len(), 2, "where it listens, and what is one node's alone");
    assert_eq!(single, several);
}

#[test]
fn the_units_name_settings_that_there_are() {
    let help = server_command().arg("--help").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let part_of_a_name = |c: char| c.is_ascii_uppercase() || c == '_';
    let mut found = 0;
    for name in UNITS {
        for (at, _) in unit(name).match_indices("STONECHAT_") {
            let text = unit(name)[at..].to_owned();
            let variable = text.split(|c| !part_of_a_name(c)).next().unwrap().to_owned();
            assert!(help.contains(&format!(" {variable} ")), "{name}: {variable}");
            found += 1;
        }
    }
    assert!(found > 4, "{found} variables");
}
