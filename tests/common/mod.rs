//! What the tests share. Each test file uses its part of it.
//!
//! ```text
//!   process     a child process: its output, its end, waiting with a deadline
//!   node        one stonechat server            mariadb, redis, nginx   the servers around it
//!   replicas    two MariaDBs, one the other's replica        galera   three that are a cluster
//!   sentinels   a master, replicas, and three that watch over them     shards   a Redis Cluster
//!   cluster     several nodes on one database, with Redis and nginx
//!   certificates  what those servers show, signed by a CA of the test
//!   crowd       clients in pairs and groups that talk through every fault
//!   relay       a TCP proxy that holds, swallows, strands and cuts
//!   http        a page of the admin port
//!   client      one connection, line by line    sender, storm   clients that send until all is acknowledged
//!   websocket   one connection, byte by byte    peers          clients that nobody here wrote
//!   checker     what clients saw against what is stored
//!   scenarios   what must hold on every kind of site: one node or many, SQLite or MySQL
//! ```
#![allow(dead_code, unreachable_pub, missing_docs, reason = "every test file compiles this and uses a part")]
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "helpers of tests; allow-unwrap-in-tests misses them"
)]
#![allow(clippy::needless_pass_by_value, reason = "requests are written in place with json!")]

pub mod certificates;
pub mod checker;
pub mod client;
pub mod cluster;
pub mod crowd;
pub mod galera;
pub mod http;
pub mod mariadb;
pub mod nginx;
pub mod node;
pub mod noise;
pub mod peers;
pub mod process;
pub mod redis;
pub mod relay;
pub mod replicas;
pub mod scenarios;
pub mod sender;
pub mod sentinels;
pub mod shards;
pub mod shared;
pub mod storm;
pub mod websocket;
