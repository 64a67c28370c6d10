//! WebSocket clients that nobody here wrote: programs of tests/peers, on libraries that scripts/test installs.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

/// A library, and what runs a program that uses it.
pub struct Peer {
    pub program: &'static str,
    /// Of the programs' names.
    pub extension: &'static str,
    /// The variable that says where the library is, and its folder in target/peers.
    pub library: (&'static str, &'static str),
}

/// PyPI's `websockets`.
pub const PYTHON: Peer = Peer { program: "python3", extension: "py", library: ("PYTHONPATH", "python") };
/// npm's `ws`.
pub const NODE: Peer = Peer { program: "node", extension: "mjs", library: ("STONECHAT_PEERS", "node_modules") };

impl Peer {
    /// Runs the program `name` of tests/peers against the server at `addr`; ready to start.
    pub fn command(&self, name: &str, addr: SocketAddr, what: &[&str]) -> Command {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut command = Command::new(self.program);
        command
            .arg(root.join("tests/peers").join(name).with_extension(self.extension))
            .arg(addr.to_string())
            .args(what);
        command.env(self.library.0, root.join("target/peers").join(self.library.1));
        command
    }

    /// Runs it to its end, which is 0 if all it saw was right.
    pub fn run(&self, name: &str, addr: SocketAddr, what: &[&str]) {
        let output = self
            .command(name, addr, what)
            .output()
            .unwrap_or_else(|error| panic!("cannot start {}: {error}; scripts/test installs it", self.program));
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{name}.{} {what:?}: {errors}", self.extension);
        assert!(output.stdout.ends_with(b"ok\n"), "{output:?}");
    }
}
