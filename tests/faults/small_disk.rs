//! A disk that can be filled to the last byte, for a server that keeps its data there. There is always a way:
//!
//! ```text
//!   mount      a tmpfs, mounted by the test                          needs root                      ENOSPC
//!   namespace  a tmpfs, mounted where only the server sees it        needs user namespaces           ENOSPC
//!   limit      the size of the server's files (RLIMIT_FSIZE)         needs nothing, another error    EFBIG
//! ```
//!
//! The first that works is used, or the one that `STONECHAT_TEST_DISK` names.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::common::node::Node;

/// Room on the disk.
const SIZE: &str = "size=256m";

/// How a full disk comes about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Way {
    Mount,
    Namespace,
    Limit,
}

const WAYS: [Way; 3] = [Way::Mount, Way::Namespace, Way::Limit];

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mount => "mount",
            Self::Namespace => "namespace",
            Self::Limit => "limit",
        })
    }
}

impl Way {
    /// The error of a server that finds no room.
    fn fault(self) -> &'static str {
        match self {
            Self::Mount | Self::Namespace => "ENOSPC",
            Self::Limit => "EFBIG",
        }
    }

    /// Makes it ready at `folder`.
    ///
    /// # Errors
    /// Why it does not work here.
    fn prepare(self, folder: &Path) -> Result<(), String> {
        let mut command = match self {
            Self::Mount => Command::new("mount"),
            // Only a trial: what is mounted ends with the process.
            Self::Namespace => unshare("mount"),
            Self::Limit => Command::new("prlimit"),
        };
        match self {
            Self::Mount | Self::Namespace => command.args(["-t", "tmpfs", "-o", SIZE, "tmpfs"]).arg(folder),
            Self::Limit => command.arg("--fsize"),
        };
        succeeded(&command.output().map_err(|error| error.to_string())?)
    }
}

fn unshare(program: &str) -> Command {
    let mut command = Command::new(UNSHARE[0]);
    command.args(&UNSHARE[1..]).arg(program);
    command
}

/// Becomes root of a namespace in which it may mount.
const UNSHARE: [&str; 4] = ["unshare", "--user", "--map-root-user", "--mount"];

fn succeeded(done: &Output) -> Result<(), String> {
    if done.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&done.stderr).trim().to_owned()) }
}

/// A small disk with a server on it.
pub struct SmallDisk {
    way: Way,
    // Dropped in this order: the server, then what is mounted (see `Drop`), then the folder.
    node: Option<Node>,
    folder: TempDir,
}

impl SmallDisk {
    /// Starts a server with these flags whose data is on a disk of its own. Fails where there is no way to have one.
    pub fn with_a_node(args: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let way = find_a_way(folder.path());
        // Past the capture of a test's output: which error it was belongs to every report.
        let _ = writeln!(std::io::stderr(), "faults/disk: a full disk by way of {way}: {}", way.fault());
        let node = start_on(way, &folder, args);
        Self { way, node: Some(node), folder }
    }

    pub fn node(&self) -> &Node {
        self.node.as_ref().expect("until it is dropped")
    }

    /// The error of a server that finds no room.
    pub fn fault(&self) -> &'static str {
        self.way.fault()
    }

    /// Takes all the room there is.
    pub fn fill(&self) {
        if self.way == Way::Limit {
            return self.limit("0");
        }
        let mut ballast = OpenOptions::new().create(true).append(true).open(self.ballast()).unwrap();
        for size in [64 * 1024, 4096, 1] {
            while ballast.write_all(&vec![0; size]).is_ok() {}
        }
    }

    pub fn make_room(&self) {
        match self.way {
            Way::Limit => self.limit("unlimited"),
            Way::Mount | Way::Namespace => fs::remove_file(self.ballast()).unwrap(),
        }
    }

    /// The server's files may be so long from now on.
    fn limit(&self, bytes: &str) {
        let pid = self.node().pid().to_string();
        let done = Command::new("prlimit").args(["--pid", &pid, &format!("--fsize={bytes}:")]).output().unwrap();
        succeeded(&done).unwrap();
    }

    fn ballast(&self) -> PathBuf {
        let folder = self.folder.path();
        match self.way {
            // What the server sees, from outside.
            Way::Namespace => {
                let root = PathBuf::from(format!("/proc/{}/root", self.node().pid()));
                root.join(folder.strip_prefix("/").unwrap()).join("ballast")
            }
            Way::Mount | Way::Limit => folder.join("ballast"),
        }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(self.node.take());
        if self.way == Way::Mount {
            let _ = Command::new("umount").arg("--lazy").arg(self.folder.path()).status();
        }
    }
}

fn find_a_way(folder: &Path) -> Way {
    let wanted = std::env::var("STONECHAT_TEST_DISK").ok();
    let mut refusals = Vec::new();
    for way in WAYS.into_iter().filter(|way| wanted.as_ref().is_none_or(|wanted| *wanted == way.to_string())) {
        match way.prepare(folder) {
            Ok(()) => return way,
            Err(why) => refusals.push(format!("{way}: {why}")),
        }
    }
    panic!("a full disk cannot be tested here (STONECHAT_TEST_DISK: {wanted:?}): {}", refusals.join("; "));
}

fn start_on(way: Way, folder: &TempDir, args: &[&str]) -> Node {
    let data = TempDir::new_in(folder.path()).unwrap();
    match way {
        Way::Mount => Node::start_in(data, args),
        Way::Namespace => {
            let mount = format!("mount -t tmpfs -o {SIZE} tmpfs '{}' && exec \"$@\"", folder.path().display());
            Node::start_under(&[&UNSHARE[..], &["sh", "-c", &mount, "sh"]].concat(), data, args)
        }
        // A write beyond the limit shall be an error, not a signal that kills.
        Way::Limit => Node::start_under(&["sh", "-c", "trap '' XFSZ && exec \"$@\"", "sh"], data, args),
    }
}
