//! The disk of the embedded database is full.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::common::client::Client;
use crate::common::crowd::Crowd;
use crate::common::node::Node;
use crate::common::process::wait_for;
use crate::suite::{CLIENTS, Suite, rounds};
use serde_json::json;

/// A small file system of its own. `None` without the right to mount one.
struct SmallDisk(TempDir);

impl SmallDisk {
    fn mount(mib: usize) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={mib}m"), "tmpfs"]).arg(folder.path());
        mount.output().is_ok_and(|done| done.status.success()).then_some(Self(folder))
    }

    /// Takes all the room there is.
    fn fill(&self) {
        let mut ballast = OpenOptions::new().create(true).append(true).open(self.ballast()).unwrap();
        for size in [64 * 1024, 4096, 1] {
            while ballast.write_all(&vec![0; size]).is_ok() {}
        }
    }

    fn make_room(&self) {
        fs::remove_file(self.ballast()).unwrap();
    }

    fn ballast(&self) -> std::path::PathBuf {
        self.path().join("ballast")
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.path()).status();
    }
}

#[test]
fn a_full_disk_is_an_answer_and_room_is_service() {
    let mut suite = Suite::start("disk");
    let Some(disk) = SmallDisk::mount(256) else {
        println!("faults/disk: NOT TESTED: no right to mount a small file system");
        return;
    };
    let node = Node::start_in(TempDir::new_in(disk.path()).unwrap(), &[]);
    let mut probe = Client::newcomer(node.addr(), "probe");
    let other = Client::newcomer(node.addr(), "other");
    let crowd = Crowd::start(&[node.addr()], CLIENTS);
    let sessions = crowd.logins();
    for _ in 0..rounds() {
        suite.struck("ENOSPC");
        disk.fill();
        wait_for("a message to be refused", || {
            let reply = probe.request(json!({"msgid": 6, "toid": other.id, "msg": "x".repeat(4000)}));
            assert!([json!(0), json!(503)].contains(&reply["errno"]), "a full disk is errno 503, not {reply}");
            (reply["errno"] == 503).then_some(())
        });
        // What needs no room is done.
        probe.ok(json!({"msgid": 43, "id": other.id, "limit": 1}));
        disk.make_room();
        suite.healed(&crowd);
    }
    assert_eq!(crowd.logins(), sessions, "sessions survive a full disk");
    suite.finish(crowd);
    drop(node);
}
