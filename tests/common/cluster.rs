//! Several nodes on one MySQL, with a Redis and an nginx of their own.

use std::net::SocketAddr;

use super::nginx::{self, Nginx};
use super::node::Node;
use super::redis::Redis;
use super::scenarios::Site;

/// A cluster. Its database belongs to the test: many clusters may share one server, each with a database of its own.
pub struct Cluster {
    // Dropped in this order: nobody complains about lost servers while the test is being taken down.
    pub nginx: Nginx,
    pub nodes: Vec<Node>,
    /// Not shared between clusters: channels are named by user ids, which are the same in every database.
    pub redis: Redis,
}

impl Cluster {
    /// Starts `count` nodes with these settings, each `key=value`.
    pub fn start(mysql: &str, count: usize, settings: &[&str]) -> Self {
        let redis = Redis::start();
        let nodes = (0..count).map(|_| Self::member_under(&[], mysql, &redis, settings)).collect();
        Self::of(redis, nodes)
    }

    /// Of these nodes, with an nginx ahead of them.
    pub fn of(redis: Redis, nodes: Vec<Node>) -> Self {
        let addrs: Vec<SocketAddr> = nodes.iter().map(Node::addr).collect();
        Self { nginx: Nginx::start(&addrs), nodes, redis }
    }

    /// Starts a node for it, by way of another program as [`Node::start_under`] says.
    pub fn member_under(wrapper: &[&str], mysql: &str, redis: &Redis, settings: &[&str]) -> Node {
        let redis = redis.url();
        let mut args = vec!["--mysql", mysql, "--redis", &redis];
        args.extend(settings.iter().flat_map(|setting| ["--set", setting]));
        if nginx::speaks_proxy_protocol() {
            args.extend(["--set", "proxy_protocol=true"]);
        }
        Node::start_under(wrapper, tempfile::tempdir().unwrap(), &args)
    }

    /// The address of a node.
    pub fn node(&self, index: usize) -> SocketAddr {
        self.nodes[index].addr()
    }

    /// Where clients connect that do not care which node they get.
    pub fn entry(&self) -> SocketAddr {
        self.nginx.addr()
    }

    /// Two nodes of it as the places where scenarios happen.
    pub fn site(&self) -> Site {
        Site { here: self.node(0), there: self.node(1) }
    }
}
