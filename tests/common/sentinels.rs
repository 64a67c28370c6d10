//! A Redis with replicas, and three sentinels that watch over them.

use std::fmt::Write as _;
use std::fs;
use std::process::Command;

use tempfile::TempDir;

use super::certificates::Ca;
use super::process::{Process, free_port, wait_for};
use super::redis::{AnyRedis, Raw, Reach, Redis, Way};

/// What the sentinels call the master.
pub const NAME: &str = "chat";

/// Who is let in, and how.
#[derive(Default)]
pub struct Access {
    /// Of the servers.
    pub password: Option<&'static str>,
    /// Of the sentinels.
    pub sentinel_password: Option<&'static str>,
    /// Whose certificates all of them have, if they are reached by TLS.
    pub ca: Option<Ca>,
}

/// One master, its replicas, and three sentinels that agree by two.
pub struct Sentinels {
    // Dropped first: nobody starts a fail-over while the test is being taken down.
    watchers: Vec<Sentinel>,
    servers: Vec<Redis>,
    access: Access,
    /// The server that was stopped by `signal`.
    frozen: Option<usize>,
}

struct Sentinel {
    process: Process,
    /// For the test itself.
    port: u16,
    /// For everybody else.
    announced: u16,
    dir: TempDir,
}

impl Sentinels {
    /// Starts all of them, and waits until a fail-over is possible.
    pub fn start(replicas: usize) -> Self {
        Self::start_by(replicas, Access::default())
    }

    pub fn start_by(replicas: usize, access: Access) -> Self {
        let reach = || access.ca.as_ref().map_or(Reach::Tcp, |ca| Reach::Tls(ca.sign("127.0.0.1")));
        let servers: Vec<Redis> = (0..=replicas).map(|_| Redis::start_by(reach(), access.password)).collect();
        for server in &servers {
            prepare(server, &access);
        }
        for replica in &servers[1..] {
            follow(replica, servers[0].port());
        }
        let mut all = Self { watchers: launch(&servers, &access), servers, access, frozen: None };
        all.wait_until_ready();
        all
    }

    /// The server that the sentinels call the master, once all agree and it agrees as well.
    pub fn master(&self) -> &Redis {
        &self.servers[self.master_index()]
    }

    fn master_index(&self) -> usize {
        wait_for("the sentinels to agree about a master", || {
            let named: Vec<Option<usize>> = self.watchers.iter().map(|sentinel| self.named_by(sentinel)).collect();
            let first = named[0]?;
            let agreed = named.iter().all(|index| *index == Some(first)) && Some(first) != self.frozen;
            (agreed && self.servers[first].try_command(&["ROLE"])?.starts_with("master")).then_some(first)
        })
    }

    fn named_by(&self, sentinel: &Sentinel) -> Option<usize> {
        let mut raw = Raw::to(sentinel.port, self.access.sentinel_password)?;
        let told = raw.command(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME]);
        let port: u16 = told.split(' ').nth(1)?.parse().ok()?;
        self.servers.iter().position(|server| server.port() == port)
    }

    /// The replicas, as far as they answer and know that they are some.
    pub fn replicas(&self) -> Vec<&Redis> {
        let master = self.master_index();
        let others =
            self.servers.iter().enumerate().filter(|(index, _)| *index != master && Some(*index) != self.frozen);
        others.map(|(_, server)| server).collect()
    }

    /// Has the sentinels make another server the master, and waits until it is.
    pub fn fail_over(&self) {
        let before = self.master_index();
        let told = Raw::to(self.watchers[0].port, self.access.sentinel_password)
            .unwrap()
            .command(&["SENTINEL", "FAILOVER", NAME]);
        assert_eq!(told, "+OK");
        self.wait_for_another_than(before);
    }

    /// Kills the master alone and waits until another one has taken its place; the killed one comes back as a replica.
    pub fn lose_the_master(&mut self) {
        let master = self.master_index();
        self.servers[master].kill();
        self.wait_for_another_than(master);
        self.servers[master].restart();
        prepare(&self.servers[master], &self.access);
        self.wait_until_ready();
    }

    /// Freezes the master until another one has taken its place; then it goes on, and takes itself for the master still.
    pub fn freeze_the_master(&mut self) {
        self.signal("STOP");
        self.wait_for_another_than(self.frozen.unwrap());
        self.signal("CONT");
        self.wait_until_ready();
    }

    fn wait_for_another_than(&self, before: usize) {
        wait_for("another master", || (self.master_index() != before).then_some(()));
    }

    /// Waits until the replicas are in step and the sentinels know it. A server that still takes itself for the master is
    /// told that it is none, as the sentinels would some seconds later.
    pub fn wait_until_ready(&mut self) {
        let master = self.master_index();
        let port = self.servers[master].port();
        for (_, server) in self.servers.iter().enumerate().filter(|(index, _)| *index != master) {
            wait_for("a replica in step", || {
                let role = server.try_command(&["ROLE"])?;
                if role.starts_with("master") {
                    follow(server, port);
                }
                role.contains("connected").then_some(())
            });
        }
        for sentinel in &self.watchers {
            wait_for("a sentinel that knows all", || {
                let told =
                    Raw::to(sentinel.port, self.access.sentinel_password)?.command(&["SENTINEL", "REPLICAS", NAME]);
                let fit = told.matches("flags slave ").count() == self.servers.len() - 1;
                (fit && told.matches("master-link-status ok").count() == self.servers.len() - 1).then_some(())
            });
        }
    }

    /// The URL with only these hosts ahead of the sentinels, if any.
    pub fn url_behind(&self, ahead: &[&str]) -> String {
        let scheme = if self.access.ca.is_some() { "rediss+sentinel" } else { "redis+sentinel" };
        let password = self.access.password.map(|password| format!(":{password}@")).unwrap_or_default();
        let own = self.access.sentinel_password.map(|own| format!("?sentinel_pass={own}")).unwrap_or_default();
        let sentinels = self.watchers.iter().map(|sentinel| format!("127.0.0.1:{}", sentinel.announced));
        let hosts: Vec<String> = ahead.iter().map(|&host| host.to_owned()).chain(sentinels).collect();
        format!("{scheme}://{password}{}/{NAME}{own}", hosts.join(","))
    }

    pub fn url(&self) -> String {
        self.url_behind(&[])
    }

    /// Ends all sentinels: nobody looks after the servers any more.
    pub fn kill_sentinels(&mut self) {
        for sentinel in &mut self.watchers {
            sentinel.process.kill();
        }
    }

    /// Starts them again, with what they knew.
    pub fn restart_sentinels(&mut self) {
        for sentinel in &mut self.watchers {
            sentinel.process = run(&sentinel.dir);
        }
    }
}

impl AnyRedis for Sentinels {
    fn way(&self) -> Way {
        Way { url: self.url(), tls_ca: self.access.ca.as_ref().map(Ca::file) }
    }

    fn command(&self, words: &[&str]) -> String {
        self.master().command(words)
    }

    /// The sentinels as well: nothing takes the master's place before `restart`.
    fn kill(&mut self) {
        let master = self.master_index();
        self.kill_sentinels();
        self.servers[master].kill();
    }

    /// The sentinels alone: they have to find another master.
    fn restart(&mut self) {
        self.restart_sentinels();
    }

    fn signal(&mut self, signal: &str) {
        if signal == "STOP" {
            let master = self.master_index();
            self.servers[master].signal("STOP");
            self.frozen = Some(master);
        } else {
            self.servers[self.frozen.take().expect("one was stopped")].signal(signal);
        }
    }
}

/// Tells a server what its role may want.
fn prepare(server: &Redis, access: &Access) {
    let mut settings = vec!["CONFIG", "SET", "repl-diskless-sync-delay", "0"];
    settings.extend(access.password.iter().flat_map(|password| ["masterauth", password]));
    let file = access.ca.as_ref().map(|ca| ca.file().display().to_string());
    settings.extend(file.iter().flat_map(|file| ["tls-ca-cert-file", file, "tls-replication", "yes"]));
    assert_eq!(server.command(&settings), "+OK");
}

fn follow(replica: &Redis, port: u16) {
    assert_eq!(replica.command(&["REPLICAOF", "127.0.0.1", &port.to_string()]), "+OK");
}

fn launch(servers: &[Redis], access: &Access) -> Vec<Sentinel> {
    let places: Vec<(u16, u16, TempDir)> = (0..3)
        .map(|_| {
            let port = free_port();
            let announced = if access.ca.is_some() { free_port() } else { port };
            (port, announced, TempDir::with_prefix("stonechat-sentinel-").unwrap())
        })
        .collect();
    let announced: Vec<u16> = places.iter().map(|(_, announced, _)| *announced).collect();
    let begin = |(number, (port, at, dir)): (usize, (u16, u16, TempDir))| {
        let text = settings(number, port, &announced, servers, access);
        fs::write(dir.path().join("sentinel.conf"), text).unwrap();
        Sentinel { process: run(&dir), port, announced: at, dir }
    };
    places.into_iter().enumerate().map(begin).collect()
}

/// Each knows the servers and the other sentinels from the start, instead of finding them in some seconds.
fn settings(number: usize, port: u16, announced: &[u16], servers: &[Redis], access: &Access) -> String {
    let id = |number: usize| format!("{:040x}", number + 1);
    let mut text = format!("bind 127.0.0.1\nport {port}\nsentinel myid {}\n", id(number));
    writeln!(text, "sentinel monitor {NAME} 127.0.0.1 {} 2", servers[0].port()).unwrap();
    writeln!(text, "sentinel down-after-milliseconds {NAME} 500\nsentinel failover-timeout {NAME} 2000").unwrap();
    if let Some(password) = access.password {
        writeln!(text, "sentinel auth-pass {NAME} {password}").unwrap();
    }
    if let Some(password) = access.sentinel_password {
        writeln!(text, "requirepass {password}").unwrap();
    }
    if let Some(ca) = &access.ca {
        // Its certificate is that of the first server: it is for the same address.
        let files = servers[0].certificate();
        writeln!(text, "tls-port {}\ntls-replication yes\ntls-auth-clients no", announced[number]).unwrap();
        writeln!(text, "tls-cert-file {}\ntls-key-file {}", files.certificate().display(), files.key().display())
            .unwrap();
        writeln!(text, "tls-ca-cert-file {}", ca.file().display()).unwrap();
    }
    for replica in &servers[1..] {
        writeln!(text, "sentinel known-replica {NAME} 127.0.0.1 {}", replica.port()).unwrap();
    }
    for (other, port) in announced.iter().enumerate().filter(|(other, _)| *other != number) {
        writeln!(text, "sentinel known-sentinel {NAME} 127.0.0.1 {port} {}", id(other)).unwrap();
    }
    text
}

fn run(dir: &TempDir) -> Process {
    let mut command = Command::new("redis-server");
    command.arg(dir.path().join("sentinel.conf")).arg("--sentinel").current_dir(dir.path());
    Process::start("a sentinel", &mut command)
}
