//! The balancer, with the configuration that the project ships.

use std::fmt::Write;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use super::process::{Process, free_port, wait_for};

/// The configuration as shipped.
fn shipped() -> String {
    read("nginx/stonechat.conf")
}

fn read(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()))
}

fn says(config: &str, directive: &str) -> bool {
    config.lines().any(|line| line.trim_start().starts_with(directive))
}

/// Whether the nodes behind it must expect a PROXY header.
pub fn speaks_proxy_protocol() -> bool {
    says(&shipped(), "proxy_protocol on")
}

/// A running nginx.
pub struct Nginx {
    addr: SocketAddr,
    process: Process,
    folder: TempDir,
    globals: String,
}

impl Nginx {
    /// Balances over `nodes`. Only the port to listen on and the list of servers differ from what is shipped.
    pub fn start(nodes: &[SocketAddr]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let addr = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let config = with_addresses(&shipped(), addr, nodes);
        let path = folder.path().join("nginx.conf");
        fs::write(&path, &config).unwrap();

        // Only what the shipped file leaves open: nginx refuses a directive twice.
        let mut globals = String::new();
        if !says(&config, "daemon") {
            globals.push_str("daemon off;");
        }
        if !says(&config, "pid") {
            globals = format!("{globals}pid {};", folder.path().join("nginx.pid").display());
        }
        let process = launch(addr, &folder, &globals);
        Self { addr, process, folder, globals }
    }

    /// Takes TLS off with this certificate and its key, and hands requests and WebSockets to `nodes`: the shipped server block,
    /// within as little as nginx needs around it.
    pub fn start_web(nodes: &[SocketAddr], cert: &str, key: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let addr = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let block = with_addresses(&read("nginx/stonechat-web.conf"), addr, nodes)
            .replace("/etc/letsencrypt/live/chat.example.org/fullchain.pem", cert)
            .replace("/etc/letsencrypt/live/chat.example.org/privkey.pem", key)
            .replace("server_name chat.example.org;", "server_name _;");
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("{kind}_temp_path {};\n", folder.path().join(kind).display()))
            .concat();
        let config = format!("events {{}}\nhttp {{\naccess_log off;\n{temporary}{block}}}\n");
        fs::write(folder.path().join("nginx.conf"), config).unwrap();
        let globals = format!("daemon off;pid {};", folder.path().join("nginx.pid").display());
        let process = launch(addr, &folder, &globals);
        Self { addr, process, folder, globals }
    }

    /// Reads the configuration again: new workers take over, the old ones keep their connections.
    pub fn reload(&self) {
        self.process.signal("HUP");
    }

    /// Kills it with all its workers, as a power failure would.
    pub fn kill(&mut self) {
        let master = self.process.pid();
        let children = fs::read_to_string(format!("/proc/{master}/task/{master}/children")).unwrap_or_default();
        self.process.kill();
        for worker in children.split_whitespace() {
            let _ = Command::new("kill").args(["-KILL", worker]).status();
        }
    }

    /// Starts it again, after `kill`.
    pub fn restart(&mut self) {
        self.process = launch(self.addr, &self.folder, &self.globals);
    }

    pub fn addr(&self) -> SocketAddr {
        self.addr
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // Its workers end with an orderly shutdown of the master only.
        if self.process.is_running() {
            self.process.signal("TERM");
            self.process.wait();
        }
    }
}

fn launch(addr: SocketAddr, folder: &TempDir, globals: &str) -> Process {
    let mut command = Command::new("/usr/sbin/nginx");
    command.arg("-p").arg(folder.path()).arg("-c").arg(folder.path().join("nginx.conf"));
    let mut process = Process::start("nginx", command.args(["-e", "stderr", "-g", globals]));
    wait_for("nginx to listen", || {
        assert!(process.is_running(), "nginx ended:\n{}", process.output());
        std::net::TcpStream::connect(addr).ok()
    });
    process
}

/// The shipped text with `listen 8000` and the `server 127.0.0.1:800x` lines replaced.
fn with_addresses(config: &str, addr: SocketAddr, nodes: &[SocketAddr]) -> String {
    let mut out = String::new();
    let mut servers_written = false;
    for line in config.lines() {
        let text = line.trim_start();
        if let Some(rest) = text.strip_prefix("listen ") {
            let end = rest.find([' ', ';']).expect("a directive ends with a semicolon");
            let _ = write!(out, "listen {addr}{}", &rest[end..]);
        } else if let Some(rest) = text.strip_prefix("server 127.0.0.1:") {
            if !servers_written {
                let end = rest.find([' ', ';']).expect("a directive ends with a semicolon");
                for node in nodes {
                    let _ = writeln!(out, "server {node}{}", &rest[end..]);
                }
            }
            servers_written = true;
        } else {
            out.push_str(line);
        }
        out.push('\n');
    }
    assert!(servers_written, "the configuration has no line `server 127.0.0.1:8001`:\n{config}");
    out
}
