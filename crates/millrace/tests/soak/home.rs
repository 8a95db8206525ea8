//! Where the pipeline keeps its rows: the engine in its process, on a small disk; or a ClickHouse server behind a
//! network that breaks, with a spool.

use clickhouse::Server;
use harness::{Door, Project, Proxy, Tmpfs};

/// What [`clickhouse::Server`] starts this binary with.
pub(crate) const SERVING: &str = "is_a_server";
const DISK_MB: u32 = 1024;
/// Less than what a long absence brings, so that the limit is met, too.
const SPOOL_BYTES: u32 = 2_000_000;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Engine,
    Server,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Engine => "engine",
            Kind::Server => "server",
        }
    }
}

/// For the life of a ring.
pub(crate) enum Home {
    Engine,
    Server { server: Server, network: Proxy },
}

impl Home {
    pub(crate) fn start(kind: Kind) -> Home {
        match kind {
            Kind::Engine => Home::Engine,
            Kind::Server => {
                let server = Server::start(SERVING);
                let network = Proxy::start(server.port());
                Home::Server { server, network }
            }
        }
    }

    /// Of `millrace.toml`.
    pub(crate) fn section(&self) -> String {
        match self {
            Home::Engine => String::new(),
            Home::Server { network, .. } => format!(
                "[store]\nurl = \"http://127.0.0.1:{}\"\n[spool]\nmax_bytes = {SPOOL_BYTES}\n",
                network.port()
            ),
        }
    }

    /// For the engine's data, or the spool.
    pub(crate) fn small_disk(project: &Project) -> Option<Tmpfs> {
        match Tmpfs::mount(&project.state(), DISK_MB) {
            Ok(disk) => Some(disk),
            Err(why) => {
                println!("soak: SKIPPED the rounds with a full disk, cannot mount a tmpfs: {why}");
                None
            }
        }
    }

    fn server(&mut self) -> &mut Server {
        match self {
            Home::Server { server, .. } => server,
            Home::Engine => unreachable!("such rounds are a server's"),
        }
    }

    /// SIGKILL.
    pub(crate) fn go(&mut self) {
        self.server().go();
    }

    pub(crate) fn come(&mut self) {
        self.server().come();
    }

    /// Between the pipeline and its server.
    pub(crate) fn network(&self) -> &Proxy {
        match self {
            Home::Server { network, .. } => network,
            Home::Engine => unreachable!("such rounds are a server's"),
        }
    }

    /// An empty store, as it was before the first start; the engine's is in the state directory.
    pub(crate) fn forget(&mut self) {
        if let Home::Server { server, .. } = self {
            let kept = "'default', 'system', 'information_schema', 'INFORMATION_SCHEMA', '_local'";
            let sql = format!("SELECT name FROM system.databases WHERE name NOT IN ({kept})");
            for name in server.door().query(&sql).lines() {
                server.door().query(&format!("DROP DATABASE `{name}` SYNC"));
            }
        }
    }

    /// Of a server; the engine's is the pipeline's own.
    pub(crate) fn door(&self) -> Option<Door> {
        match self {
            Home::Engine => None,
            Home::Server { server, .. } => Some(server.door()),
        }
    }
}
