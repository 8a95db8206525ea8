//! ClickHouse servers for tests, and a cluster of them. The engine's library holds all of `clickhouse local`,
//! which listens at ports: a process that does nothing else is a server, with ClickHouse's own HTTP and its
//! own protocol between servers.
//!
//! ```text
//! test ─▶ Herald ─▶ server 1 ◀─native─▶ server 2
//!            └────────────────────────────▶        what is said ON CLUSTER
//! ```
//!
//! Keeper is not among them: see [`herald`].

mod herald;
mod local;
mod server;

pub use local::serve;
pub use server::Server;

use cluster::free_port;
use herald::Herald;
use std::fmt::Write as _;

/// How the cluster is called in `system.clusters`.
pub const NAME: &str = "prod";

/// Servers that are a shard each.
pub struct Servers {
    servers: Vec<Server>,
    herald: Herald,
}

impl Servers {
    /// `serving`: the test of this binary that calls [`serve`], by its whole name.
    pub fn start(count: usize, serving: &str) -> Servers {
        let ports: Vec<[u16; 2]> = (0..count).map(|_| [free_port(), free_port()]).collect();
        let shards = ports.iter().fold(String::new(), |mut all, [native, _]| {
            let _ = write!(
                all,
                "<shard><internal_replication>true</internal_replication>\
                 <replica><host>127.0.0.1</host><port>{native}</port></replica></shard>"
            );
            all
        });
        let servers: Vec<Server> = (0..)
            .zip(ports)
            .map(|(at, [native, http])| {
                let config = format!(
                    "<remote_servers><{NAME}>{shards}</{NAME}></remote_servers>\
                     <macros><shard>{at}</shard><replica>a</replica></macros>"
                );
                let mut server = Server::at(serving, [native, http], &config);
                server.come();
                server
            })
            .collect();
        let herald = Herald::start(servers.iter().map(Server::port).collect());
        Servers { servers, herald }
    }

    /// Where a pipeline finds the cluster.
    pub fn port(&self) -> u16 {
        self.herald.port()
    }

    /// What one of them answers.
    #[track_caller]
    pub fn ask(&self, server: usize, sql: &str) -> String {
        self.servers[server].door().query(sql)
    }

    /// What each of them answers.
    #[track_caller]
    pub fn ask_each(&self, sql: &str) -> Vec<String> {
        (0..self.servers.len()).map(|server| self.ask(server, sql)).collect()
    }

    /// What was said ON CLUSTER, and that replicas were waited for.
    pub fn heard(&self) -> Vec<String> {
        self.herald.heard()
    }
}
