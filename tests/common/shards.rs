//! A Redis Cluster: three masters, each with a replica.

use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use tempfile::TempDir;

use super::process::{Process, free_port, wait_for};
use super::redis::{AnyRedis, Raw, Way};

/// Slots of a cluster.
const SLOTS: usize = 16384;

/// Servers that have slots.
const MASTERS: usize = 3;

/// Three masters with the slots, and three replicas.
pub struct Shards {
    servers: Vec<Server>,
    password: Option<&'static str>,
    /// The server that was stopped by `signal`.
    frozen: Option<usize>,
    /// The server that was killed by `kill`.
    killed: Vec<usize>,
    /// Which master is struck next.
    turn: AtomicUsize,
}

struct Server {
    process: Process,
    port: u16,
    bus_port: u16,
    /// What the cluster calls it.
    id: String,
    /// Holds its view of the cluster over a restart.
    dir: TempDir,
}

impl Shards {
    /// Starts all, and waits until they are a cluster.
    pub fn start() -> Self {
        Self::with_password(None)
    }

    pub fn with_password(password: Option<&'static str>) -> Self {
        let servers = (0..2 * MASTERS).map(|_| Server::start(password)).collect();
        let mut all = Self { servers, password, frozen: None, killed: Vec::new(), turn: AtomicUsize::new(0) };
        all.join();
        all
    }

    fn join(&mut self) {
        for at in 0..self.servers.len() {
            self.servers[at].id = self.ask(at, &["CLUSTER", "MYID"]).unwrap();
        }
        for at in 0..MASTERS {
            let (first, last) = (SLOTS * at / MASTERS, SLOTS * (at + 1) / MASTERS - 1);
            self.tell(at, &["CLUSTER", "ADDSLOTSRANGE", &first.to_string(), &last.to_string()]);
            // Without epochs of their own, the first slots that move would start a dispute.
            self.tell(at, &["CLUSTER", "SET-CONFIG-EPOCH", &(at + 1).to_string()]);
        }
        let first = self.servers[0].port.to_string();
        let bus_port = self.servers[0].bus_port.to_string();
        for at in 1..self.servers.len() {
            self.tell(at, &["CLUSTER", "MEET", "127.0.0.1", &first, &bus_port]);
        }
        for at in MASTERS..self.servers.len() {
            let master = self.servers[at - MASTERS].id.clone();
            wait_for("a replica to know its master", || {
                (self.ask(at, &["CLUSTER", "REPLICATE", &master])? == "+OK").then_some(())
            });
        }
        self.wait_until_ready();
    }

    /// Waits until every server that runs knows all slots, and every master has a replica in step.
    pub fn wait_until_ready(&self) {
        for at in self.running() {
            wait_for("a server that sees the whole cluster", || {
                let info = self.ask(at, &["CLUSTER", "INFO"])?;
                let nodes = self.ask(at, &["CLUSTER", "NODES"])?;
                let fine = info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:6");
                (fine && !nodes.contains("fail") && !nodes.contains("handshake")).then_some(())
            });
        }
        wait_for("masters with replicas in step", || {
            let is_fine = |at: &usize| {
                let role = self.ask(*at, &["ROLE"]).unwrap_or_default();
                // A master says `master`, its offset, and its replicas; a replica the state of its link.
                if role.starts_with("master") { role.contains("127.0.0.1") } else { role.contains(" connected ") }
            };
            self.running().iter().all(is_fine).then_some(())
        });
    }

    fn running(&self) -> Vec<usize> {
        let is_running = |at: &usize| !self.killed.contains(at) && self.frozen != Some(*at);
        (0..self.servers.len()).filter(is_running).collect()
    }

    /// One answer of a server; `None` when nobody is there.
    fn ask(&self, at: usize, words: &[&str]) -> Option<String> {
        Some(Raw::to(self.servers[at].port, self.password)?.command(words))
    }

    fn tell(&self, at: usize, words: &[&str]) {
        assert_eq!(self.ask(at, words).as_deref(), Some("+OK"), "{words:?}");
    }

    /// The masters that have slots, by index, as a server that runs sees it.
    pub fn masters(&self) -> Vec<usize> {
        let at = self.running()[0];
        let nodes = self.ask(at, &["CLUSTER", "NODES"]).unwrap_or_default();
        let is_master = |server: &&Server| {
            let line = nodes.lines().find(|line| line.starts_with(&server.id)).unwrap_or_default();
            let words: Vec<&str> = line.split(' ').collect();
            words.get(2).is_some_and(|flags| flags.contains("master") && !flags.contains("fail")) && words.len() > 8
        };
        self.servers.iter().enumerate().filter(|(_, server)| is_master(server)).map(|(at, _)| at).collect()
    }

    /// The master that has this channel's slot.
    pub fn master_of(&self, channel: &str) -> usize {
        let at = self.running()[0];
        let slot: usize = self.ask(at, &["CLUSTER", "KEYSLOT", channel]).unwrap()[1..].parse().unwrap();
        self.owner(slot)
    }

    fn owner(&self, slot: usize) -> usize {
        wait_for("a slot's master", || {
            let at = self.running()[0];
            let nodes = self.ask(at, &["CLUSTER", "NODES"])?;
            let owns = |line: &&str| {
                line.split(' ').skip(8).any(|range| {
                    let (first, last) = range.split_once('-').unwrap_or((range, range));
                    let bound = |text: &str| text.parse::<usize>().ok();
                    bound(first).zip(bound(last)).is_some_and(|(first, last)| (first..=last).contains(&slot))
                })
            };
            let line = nodes
                .lines()
                .find(|line| line.split(' ').nth(2).is_some_and(|flags| !flags.contains("fail")) && owns(line))?;
            self.servers.iter().position(|server| line.starts_with(&server.id))
        })
    }

    /// Another master each time.
    pub fn next_master(&self) -> usize {
        let masters = self.masters();
        masters[self.turn.fetch_add(1, Ordering::Relaxed) % masters.len()]
    }

    /// A replica of this master.
    fn replica_of(&self, master: usize) -> usize {
        wait_for("a replica", || {
            let at = self.running()[0];
            let nodes = self.ask(at, &["CLUSTER", "NODES"])?;
            let line = nodes.lines().find(|line| line.contains("slave") && line.contains(&self.servers[master].id))?;
            self.servers.iter().position(|server| line.starts_with(&server.id))
        })
    }

    /// Sends one command to a server.
    pub fn command_to(&self, at: usize, words: &[&str]) -> String {
        self.ask(at, words).unwrap()
    }

    /// Kills a master and waits until its replica has its slots; then it comes back as a replica.
    pub fn lose(&mut self, master: usize) {
        self.killed.push(master);
        self.servers[master].process.kill();
        self.wait_until_replaced(master);
        self.killed.clear();
        self.servers[master].restart(self.password);
        self.wait_until_ready();
    }

    /// Freezes a master until its replica has its slots; then it goes on.
    pub fn freeze(&mut self, master: usize) {
        self.frozen = Some(master);
        self.servers[master].process.signal("STOP");
        self.wait_until_replaced(master);
        self.frozen = None;
        self.servers[master].process.signal("CONT");
        self.wait_until_ready();
    }

    /// Has a replica take over from its master, in order.
    pub fn fail_over(&self, master: usize) {
        self.tell(self.replica_of(master), &["CLUSTER", "FAILOVER"]);
        self.wait_until_replaced(master);
        self.wait_until_ready();
    }

    fn wait_until_replaced(&self, master: usize) {
        wait_for("another master", || {
            let masters = self.masters();
            (masters.len() == MASTERS && !masters.contains(&master)).then_some(())
        });
        wait_for("the whole cluster", || {
            let fine =
                |at: usize| self.ask(at, &["CLUSTER", "INFO"]).is_some_and(|info| info.contains("cluster_state:ok"));
            self.running().into_iter().all(fine).then_some(())
        });
    }

    /// Moves slots from their master to another one, as `redis-cli --cluster reshard` does, one after the other.
    pub fn move_slots(&self, slots: impl IntoIterator<Item = usize>, to: usize) {
        for slot in slots {
            let from = self.owner(slot);
            if from == to {
                continue;
            }
            let (slot, source, target) = (slot.to_string(), &self.servers[from].id, &self.servers[to].id);
            self.tell(to, &["CLUSTER", "SETSLOT", &slot, "IMPORTING", source]);
            self.tell(from, &["CLUSTER", "SETSLOT", &slot, "MIGRATING", target]);
            self.tell(to, &["CLUSTER", "SETSLOT", &slot, "NODE", target]);
            self.tell(from, &["CLUSTER", "SETSLOT", &slot, "NODE", target]);
        }
    }

    /// The slot of a channel.
    pub fn slot_of(&self, channel: &str) -> usize {
        self.ask(self.running()[0], &["CLUSTER", "KEYSLOT", channel]).unwrap()[1..].parse().unwrap()
    }

    pub fn url(&self) -> String {
        let password = self.password.map(|password| format!(":{password}@")).unwrap_or_default();
        // Two of them tell of the others.
        format!("redis+cluster://{password}127.0.0.1:{},127.0.0.1:{}", self.servers[1].port, self.servers[5].port)
    }

    pub fn port(&self, at: usize) -> u16 {
        self.servers[at].port
    }
}

impl AnyRedis for Shards {
    fn way(&self) -> Way {
        Way { url: self.url(), tls_ca: None }
    }

    /// To every master; what the last one says.
    fn command(&self, words: &[&str]) -> String {
        let mut answers: Vec<String> = self.masters().into_iter().map(|at| self.command_to(at, words)).collect();
        answers.pop().unwrap()
    }

    fn kill(&mut self) {
        self.killed = (0..self.servers.len()).collect();
        self.servers.iter_mut().for_each(|server| server.process.kill());
    }

    fn restart(&mut self) {
        self.killed.clear();
        self.servers.iter_mut().for_each(|server| server.restart(self.password));
        self.wait_until_ready();
    }

    fn signal(&mut self, signal: &str) {
        if signal == "STOP" {
            let master = self.next_master();
            self.servers[master].process.signal("STOP");
            self.frozen = Some(master);
        } else {
            self.servers[self.frozen.take().expect("one was stopped")].process.signal(signal);
        }
    }
}

impl Server {
    fn start(password: Option<&str>) -> Self {
        let (port, bus_port, dir) = (free_port(), free_port(), TempDir::with_prefix("stonechat-shard-").unwrap());
        let process = run(port, bus_port, &dir, password);
        let server = Self { process, port, bus_port, id: String::new(), dir };
        server.wait_until_it_answers(password);
        server
    }

    fn restart(&mut self, password: Option<&str>) {
        self.process.kill();
        self.process = run(self.port, self.bus_port, &self.dir, password);
        self.wait_until_it_answers(password);
    }

    fn wait_until_it_answers(&self, password: Option<&str>) {
        let port = self.port;
        wait_for("a server of the cluster", || {
            let raw = std::panic::catch_unwind(|| Raw::to(port, password)?.command(&["PING"]).into());
            raw.ok().flatten().filter(|answer: &String| answer == "+PONG")
        });
    }
}

fn run(port: u16, bus_port: u16, dir: &TempDir, password: Option<&str>) -> Process {
    let mut command = Command::new("redis-server");
    command.args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--cluster-enabled", "yes"]);
    command.args(["--cluster-port", &bus_port.to_string(), "--cluster-node-timeout", "1500"]);
    command.args(["--cluster-config-file", "nodes.conf", "--save", "", "--appendonly", "no"]);
    command.args(["--repl-diskless-sync-delay", "0", "--cluster-replica-validity-factor", "0"]);
    if let Some(password) = password {
        command.args(["--requirepass", password, "--masterauth", password]);
    }
    Process::start("redis-server of a cluster", command.current_dir(dir.path()))
}
