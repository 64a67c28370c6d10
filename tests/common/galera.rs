//! A MariaDB Galera cluster of three servers on loopback, in a temporary folder. Needs Debian's galera-4 and rsync.
//!
//! Its servers run as user mysql where the test is root: the transfer by rsync would not, as root.

use std::fs;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use mysql::prelude::Queryable;
use mysql::{Conn, OptsBuilder};
use tempfile::TempDir;

use super::mariadb::Running;
use super::process::{Process, free_port, wait_long_for};

/// Members.
const COUNT: usize = 3;

const PROVIDER: &str = "/usr/lib/galera/libgalera_smm.so";

/// The cluster.
pub struct Galera {
    members: Vec<Member>,
    /// Goes last.
    dir: TempDir,
}

struct Member {
    /// For clients.
    port: u16,
    /// For the other members: everything, incremental transfers, whole transfers.
    ports: [u16; 3],
    running: Option<Running>,
}

impl Galera {
    /// All members run and are in step.
    pub fn start() -> Self {
        assert!(Path::new(PROVIDER).exists(), "{PROVIDER} is missing: apt-get install galera-4 rsync");
        let dir = TempDir::with_prefix("stonechat-galera-").unwrap();
        let member = || Member { port: free_port(), ports: [(); 3].map(|()| free_port()), running: None };
        let mut cluster = Self { members: (0..COUNT).map(|_| member()).collect(), dir };
        own(cluster.dir.path());
        for number in 0..COUNT {
            for folder in [cluster.folder(number), cluster.folder(number).join("data")] {
                fs::create_dir(&folder).unwrap();
                own(&folder);
            }
        }
        let installed = Command::new("mariadb-install-db")
            .args([
                "--no-defaults",
                "--auth-root-authentication-method=normal",
                "--skip-test-db",
                "--skip-name-resolve",
            ])
            .args(["--innodb-log-file-size=16M", &format!("--user={}", owner().0)])
            .arg(format!("--datadir={}", cluster.folder(0).join("data").display()))
            .arg(format!("--tmpdir={}", cluster.folder(0).display()))
            .output()
            .expect("mariadb-install-db: see the README for what to install");
        assert!(installed.status.success(), "{}", String::from_utf8_lossy(&installed.stderr));
        // The others get all of it from the first.
        cluster.run(0, &["--wsrep-new-cluster"]);
        (1..COUNT).for_each(|number| cluster.run(number, &[]));
        cluster.execute(0, "CREATE DATABASE stonechat CHARACTER SET utf8mb4");
        cluster
    }

    /// What nodes are given: the members in this order.
    pub fn url(&self, order: [usize; COUNT]) -> String {
        let hosts = order.map(|number| format!("127.0.0.1:{}", self.members[number].port));
        format!("mysql://root@{}/stonechat", hosts.join(","))
    }

    pub fn port(&self, number: usize) -> u16 {
        self.members[number].port
    }

    /// A crash.
    pub fn kill(&mut self, number: usize) {
        if let Some(running) = self.members[number].running.take() {
            running.kill();
        }
    }

    /// Freezes it ("STOP") or lets it go on ("CONT").
    pub fn signal(&self, number: usize, signal: &str) {
        self.members[number].running.as_ref().expect("it runs").signal(signal);
    }

    /// It hears none of the other members any more, nor they it; clients reach it as before.
    pub fn isolate(&self, number: usize) {
        self.execute(number, "SET GLOBAL wsrep_provider_options = 'gmcast.isolate=1'");
    }

    /// And again.
    pub fn rejoin(&self, number: usize) {
        self.execute(number, "SET GLOBAL wsrep_provider_options = 'gmcast.isolate=0'");
    }

    /// Starts a member that was killed; it is in step then.
    pub fn restart(&mut self, number: usize) {
        self.run(number, &[]);
    }

    /// Waits until a member says that so many, itself among them, are the cluster, and is in step with it.
    pub fn wait_for_size(&self, number: usize, size: usize) {
        wait_long_for("the members to agree who they are", || {
            let mut conn = self.connect(number).ok()?;
            let mut status = |name: &str| -> Option<String> {
                let row: (String, String) =
                    conn.query_first(format!("SHOW GLOBAL STATUS LIKE 'wsrep_{name}'")).ok()??;
                Some(row.1)
            };
            let is_so = status("cluster_size")? == size.to_string()
                && status("cluster_status")? == "Primary"
                && status("local_state_comment")? == "Synced"
                && status("ready")? == "ON";
            is_so.then_some(())
        });
    }

    pub fn execute(&self, number: usize, statement: &str) {
        self.connect(number).expect("it runs").query_drop(statement).unwrap();
    }

    fn connect(&self, number: usize) -> mysql::Result<Conn> {
        let opts = OptsBuilder::new().ip_or_hostname(Some("127.0.0.1")).tcp_port(self.members[number].port);
        Conn::new(opts.user(Some("root")).prefer_socket(false).max_allowed_packet(Some(1 << 20)))
    }

    fn folder(&self, number: usize) -> PathBuf {
        self.dir.path().join(number.to_string())
    }

    fn run(&mut self, number: usize, more: &[&str]) {
        let (folder, member) = (self.folder(number), &self.members[number]);
        let [base, incremental, whole] = member.ports;
        let all: Vec<String> = self.members.iter().map(|member| format!("127.0.0.1:{}", member.ports[0])).collect();
        let mut command = Command::new("/usr/sbin/mariadbd");
        command
            .args(["--no-defaults", "--bind-address=127.0.0.1", "--skip-name-resolve", "--max-connections=400"])
            .args(["--innodb-log-file-size=16M", "--innodb-buffer-pool-size=64M", "--binlog-format=ROW"])
            .args(["--innodb-autoinc-lock-mode=2", "--wsrep-on=ON", "--wsrep-sst-method=rsync"])
            .arg(format!("--port={}", member.port))
            .arg(format!("--datadir={}", folder.join("data").display()))
            .arg(format!("--tmpdir={}", folder.display()))
            .arg(format!("--socket={}", folder.join("socket").display()))
            .arg(format!("--wsrep-provider={PROVIDER}"))
            .arg(format!("--wsrep-cluster-address=gcomm://{}", all.join(",")))
            .arg(format!("--wsrep-node-address=127.0.0.1:{base}"))
            .arg(format!("--wsrep-sst-receive-address=127.0.0.1:{whole}"))
            .arg(format!(
                "--wsrep-provider-options=base_port={base};gmcast.listen_addr=tcp://127.0.0.1:{base};\
                 ist.recv_addr=127.0.0.1:{incremental};gcache.size=32M"
            ))
            .args(more);
        if let (_, Some((user, group))) = owner() {
            command.uid(user).gid(group);
        }
        let running = Running::of(Process::start("mariadbd", &mut command), &folder);
        self.members[number].running = Some(running);
        let size = self.members.iter().filter(|member| member.running.is_some()).count();
        self.wait_for_size(number, size);
    }
}

impl Drop for Galera {
    fn drop(&mut self) {
        (0..COUNT).for_each(|number| self.kill(number));
    }
}

/// Whose the servers and their files are: a name, and its numbers where it is not this process's.
fn owner() -> (String, Option<(u32, u32)>) {
    let passwd = fs::read_to_string("/etc/passwd").unwrap();
    let entry = |is: &dyn Fn(&[&str]) -> bool| {
        let fields = passwd.lines().map(|line| line.split(':').collect::<Vec<_>>());
        fields
            .filter(|fields| fields.len() > 3)
            .find(|fields| is(fields))
            .map(|fields| (fields[0].to_owned(), Some((fields[2].parse().unwrap(), fields[3].parse().unwrap()))))
    };
    let own = Command::new("id").arg("-u").output().unwrap();
    let own = String::from_utf8(own.stdout).unwrap().trim().to_owned();
    if own == "0" {
        entry(&|fields| fields[0] == "mysql").expect("Debian's mariadb-server has made the user mysql")
    } else {
        entry(&|fields| fields[2] == own).map(|(name, _)| (name, None)).expect("whoever runs this has a name")
    }
}

fn own(folder: &Path) {
    if let (_, Some((user, group))) = owner() {
        chown(folder, Some(user), Some(group)).unwrap();
    }
}
