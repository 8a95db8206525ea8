//! Where these tests keep rows: two servers for the process, a shard each.

use clickhouse::Servers;
use std::sync::{Arc, LazyLock};
use store::remote::{Remote, RemoteOptions};
use store::{Layout, Store};

pub(crate) type Home = Arc<dyn Store>;

pub(crate) fn servers() -> &'static Servers {
    static SERVERS: LazyLock<Servers> = LazyLock::new(|| {
        let servers = Servers::start(2, "is_a_server");
        let port = servers.port();
        // Our own tables are made for a slot, and tests have one each.
        let made = std::thread::spawn(move || {
            let remote = remote(port, Some("none".into()));
            let runtime = tokio::runtime::Runtime::new().unwrap();
            runtime.block_on(remote.query("SELECT 1")).unwrap();
        });
        made.join().unwrap();
        servers
    });
    &SERVERS
}

fn remote(port: u16, slot: Option<String>) -> Remote {
    let options = RemoteOptions {
        cluster: Some(clickhouse::NAME.into()),
        slot,
        ..RemoteOptions::new(format!("http://127.0.0.1:{port}").parse().unwrap())
    };
    Remote::new(options).unwrap()
}

/// Connections belong to the runtime that made them, and each test has its own.
pub(crate) fn home() -> Home {
    Arc::new(remote(servers().port(), None))
}

pub(crate) fn layout() -> &'static Layout {
    static LAYOUT: LazyLock<Layout> = LazyLock::new(|| Layout::of(Some(clickhouse::NAME)));
    &LAYOUT
}
