//! Two MariaDB servers, of which one is the other's replica; the test is the operator who promotes it.
//!
//! ```text
//!   nodes --> primary --row by row, by GTID--> replica (read-only)
//!   fail over: kill the primary; the replica applies what it has, and takes writes
//!   rebuild:   the old primary begins empty, as a replica of the new one
//! ```

use mysql::Conn;
use mysql::prelude::Queryable;

use super::mariadb::MariaDb;
use super::process::{PATIENCE, wait_for};

/// Who may write in `stonechat`, and nothing else: an administrator would also write to a read-only server.
const USER: &str = "chat:pw";

/// How long a commit waits for the replica, in milliseconds: for ever.
const WAITS_FOR_REPLICA: &str = "1000000000";

/// How the primary commits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Replication {
    /// When the replica has the transaction, too: then it is not lost with the primary.
    SemiSynchronous,
    /// At once: what the replica has not is lost with the primary.
    Asynchronous,
}

/// The pair.
pub struct Replicas {
    pub servers: [MariaDb; 2],
    replication: Replication,
    primary: usize,
    /// Servers that were started so far.
    started: u32,
}

impl Replicas {
    /// Both run, and an empty database is on both.
    pub fn start(replication: Replication) -> Self {
        let servers = [1, 2].map(|number| MariaDb::start_with(&options(number).each_ref().map(String::as_str)));
        let pair = Self { servers, replication, primary: 0, started: 2 };
        pair.let_write(0);
        for statement in [
            "CREATE DATABASE stonechat CHARACTER SET utf8mb4",
            "CREATE USER chat@'127.0.0.1' IDENTIFIED BY 'pw'",
            "GRANT ALL ON stonechat.* TO chat@'127.0.0.1'",
            "CREATE USER replica@'127.0.0.1' IDENTIFIED BY 'pw'",
            "GRANT REPLICATION SLAVE ON *.* TO replica@'127.0.0.1'",
        ] {
            pair.primary().execute(statement);
        }
        pair.follow(1);
        pair
    }

    /// What nodes are given: both servers, in this order.
    pub fn url(&self) -> String {
        let [first, second] = self.ports();
        Self::url_on_ports(first, second)
    }

    /// The same by way of other ports (proxies').
    pub fn url_on_ports(first: u16, second: u16) -> String {
        format!("mysql://{USER}@127.0.0.1:{first},127.0.0.1:{second}/stonechat")
    }

    pub fn ports(&self) -> [u16; 2] {
        [self.servers[0].port(), self.servers[1].port()]
    }

    pub fn primary(&self) -> &MariaDb {
        &self.servers[self.primary]
    }

    pub fn replica(&self) -> &MariaDb {
        &self.servers[1 - self.primary]
    }

    /// The replica gets nothing more from now on.
    pub fn stop_replicating(&self) {
        self.replica().execute("STOP SLAVE IO_THREAD");
    }

    /// Waits until the replica has all that the primary has now.
    pub fn wait_for_replica(&self) {
        let position = position(self.primary(), "@@gtid_binlog_pos");
        let waiting = format!("SELECT MASTER_GTID_WAIT('{position}', {})", PATIENCE.as_secs());
        let waited: Option<i64> = self.replica().connect().unwrap().query_first(waiting).unwrap();
        assert_eq!(waited, Some(0), "the replica has not got {position}");
    }

    /// The place of the primary among the servers.
    pub fn primary_place(&self) -> usize {
        self.primary
    }

    /// The primary dies, for good.
    pub fn kill_primary(&mut self) {
        self.servers[self.primary].kill();
    }

    /// In order: the primary takes no writes any more, the replica gets all, and takes writes. The old one follows it.
    pub fn switch_over(&mut self) {
        self.primary().execute("SET GLOBAL read_only = ON");
        self.wait_for_replica();
        self.promote();
        self.follow(1 - self.primary);
    }

    /// The dead one begins empty, as the replica of the other.
    pub fn rebuild(&mut self) {
        let dead = 1 - self.primary;
        self.started += 1;
        self.servers[dead].restart_empty(&options(self.started).each_ref().map(String::as_str));
        self.follow(dead);
        self.wait_for_replica();
    }

    /// Has the replica take writes, once it has applied all that it has got.
    pub fn promote(&mut self) {
        let replica = 1 - self.primary;
        let server = &self.servers[replica];
        server.execute("STOP SLAVE IO_THREAD");
        wait_for("the replica to apply what it has got", || {
            let mut conn = server.connect().unwrap();
            (received(&mut conn) == position_of_replica(server)).then_some(())
        });
        server.execute("STOP SLAVE");
        server.execute("RESET SLAVE ALL");
        self.let_write(replica);
        self.primary = replica;
    }

    fn let_write(&self, server: usize) {
        let server = &self.servers[server];
        // Nobody follows it yet, and nobody is waited for.
        server.execute("SET GLOBAL rpl_semi_sync_slave_enabled = OFF");
        server.execute("SET GLOBAL rpl_semi_sync_master_enabled = OFF");
        server.execute("SET GLOBAL read_only = OFF");
    }

    /// Makes a server the replica of the other.
    fn follow(&self, follower: usize) {
        let (primary, follower) = (&self.servers[1 - follower], &self.servers[follower]);
        let is_semi_synchronous = self.replication == Replication::SemiSynchronous;
        if is_semi_synchronous {
            follower.execute("SET GLOBAL rpl_semi_sync_master_enabled = OFF");
            follower.execute("SET GLOBAL rpl_semi_sync_slave_enabled = ON");
        }
        // One that was a primary itself goes on from there.
        follower.execute("SET GLOBAL gtid_slave_pos = @@GLOBAL.gtid_binlog_pos");
        follower.execute(&format!(
            "CHANGE MASTER TO MASTER_HOST = '127.0.0.1', MASTER_PORT = {}, MASTER_USER = 'replica', \
             MASTER_PASSWORD = 'pw', MASTER_USE_GTID = slave_pos, MASTER_CONNECT_RETRY = 1",
            primary.port()
        ));
        follower.execute("START SLAVE");
        if is_semi_synchronous {
            // Before the server tells the client, and for ever: nothing is acknowledged that only one of them has.
            primary.execute("SET GLOBAL rpl_semi_sync_master_wait_point = AFTER_SYNC");
            primary.execute(&format!("SET GLOBAL rpl_semi_sync_master_timeout = {WAITS_FOR_REPLICA}"));
            primary.execute("SET GLOBAL rpl_semi_sync_master_enabled = ON");
            wait_for("the primary to wait for its replica", || {
                let status = "SHOW GLOBAL STATUS LIKE 'Rpl_semi_sync_master_clients'";
                let row: (String, String) = primary.connect().unwrap().query_first(status).unwrap().unwrap();
                (row.1 == "1").then_some(())
            });
        }
    }
}

/// Whoever starts takes no writes before the operator says so. Nobody has the number of another: its transactions would be
/// taken for one's own.
fn options(number: u32) -> [String; 5] {
    let id = format!("--server-id={number}");
    [&id, "--log-bin=bin", "--log-slave-updates", "--binlog-format=ROW", "--read-only=ON"].map(str::to_owned)
}

fn position(server: &MariaDb, which: &str) -> String {
    server.connect().unwrap().query_first(format!("SELECT {which}")).unwrap().unwrap()
}

fn position_of_replica(server: &MariaDb) -> String {
    position(server, "@@gtid_slave_pos")
}

/// Up to where it has got the primary's log.
fn received(conn: &mut Conn) -> String {
    let row: mysql::Row = conn.query_first("SHOW SLAVE STATUS").unwrap().expect("it is a replica");
    row.get("Gtid_IO_Pos").unwrap()
}
