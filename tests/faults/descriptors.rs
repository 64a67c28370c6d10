//! The server runs out of file descriptors: who is connected goes on, who is not waits.

use std::net::{SocketAddr, TcpStream};
use std::process::Command;

use crate::common::crowd::Crowd;
use crate::common::node::Node;
use crate::common::process::wait_for;
use crate::suite::{CLIENTS, Suite, rounds};

/// Connections that nobody answers while descriptors are short.
const WAITING: usize = 50;

#[test]
fn without_descriptors_sessions_go_on_and_later_everybody_comes_in() {
    let mut suite = Suite::start("descriptors");
    let node = Node::start(&["--admin", "127.0.0.1:0"]);
    let admin = node.admin();
    let crowd = Crowd::start(&[node.addr()], CLIENTS);
    for _ in 0..rounds() {
        suite.struck("EMFILE");
        let sessions = crowd.logins();
        let before = accept_errors(admin);
        limit_files(node.pid(), open_files(node.pid()) + 2);
        let waiting: Vec<TcpStream> = (0..WAITING).map(|_| TcpStream::connect(node.addr()).unwrap()).collect();
        crowd.wait_for_acks(200);
        assert_eq!(crowd.logins(), sessions, "who is connected goes on");
        // Those that hang up now do not all find a way back in before there is room again.
        crowd.hang_up(CLIENTS / 2);
        crowd.wait_for_acks(100);
        limit_files(node.pid(), 4096);
        drop(waiting);
        suite.healed(&crowd);
        let refused = accept_errors(admin) - before;
        assert!(refused > 0, "descriptors were short");
    }
    wait_for("the descriptors of those that left", || (open_files(node.pid()) < 200).then_some(()));
    suite.finish(crowd);
}

fn limit_files(pid: u32, limit: usize) {
    let mut prlimit = Command::new("prlimit");
    let limited = prlimit.args(["--pid", &pid.to_string(), &format!("--nofile={limit}:")]).status().unwrap();
    assert!(limited.success());
}

fn open_files(pid: u32) -> usize {
    std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count()
}

/// `stonechat_accept_errors_total`. The admin port needs a descriptor, too: asked for until there is one.
fn accept_errors(admin: SocketAddr) -> u64 {
    use std::io::{Read, Write};
    wait_for("/metrics", || {
        let mut stream = TcpStream::connect(admin).ok()?;
        stream.set_read_timeout(Some(std::time::Duration::from_secs(2))).ok()?;
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").ok()?;
        let mut text = String::new();
        stream.read_to_string(&mut text).ok()?;
        text.lines().find_map(|line| line.strip_prefix("stonechat_accept_errors_total "))?.trim().parse().ok()
    })
}
