//! The two ports against the real engine, spoken to by hand and by stock clients.

mod access;
mod clients;
mod coding;
mod door;
mod formats;
mod forms;
mod headers;
mod hostile;
mod http;
mod kill;
mod leaving;
mod lifecycle;
mod log;
mod ops;
mod people;
mod progress;
mod remote;
mod sessions;
mod spares;
mod tls;
mod turns;
mod zones;

use serve::clickhouse::Inside;
use serve::people::Desk;
use std::sync::LazyLock;
use store::{Engine, EngineOptions};

pub(crate) struct Ports {
    pub(crate) door: u16,
    pub(crate) ops: u16,
    pub(crate) engine: Engine,
    _runtime: tokio::runtime::Runtime,
    _folder: tempfile::TempDir,
}

/// What turns are counted for, whatever machine this is.
pub(crate) const CORES: usize = 2;

/// One engine a process; tests keep to tables of their own.
pub(crate) fn ports() -> &'static Ports {
    static PORTS: LazyLock<Ports> = LazyLock::new(start);
    &PORTS
}

fn start() -> Ports {
    let folder = tempfile::tempdir().unwrap();
    let options = EngineOptions { data_dir: folder.path().to_owned(), memory_bytes: 2 << 30 };
    serve::access::prepare(folder.path(), &access::users()).unwrap();
    let engine = Engine::open(&options).unwrap();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let listen = || runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let (door, ops) = (listen(), listen());
    let ports = (door.local_addr().unwrap().port(), ops.local_addr().unwrap().port());
    let opened = Inside::open(engine.clone(), serve::access::File::default(), CORES);
    let inside = runtime.block_on(opened).unwrap();
    runtime.spawn(inside.clone().serve(vec![door.into()], std::future::pending()));
    let page = people::options(engine.clone(), Desk::Door(inside), folder.path());
    runtime.spawn(serve::people::serve(ops, page, std::future::pending()));
    Ports { door: ports.0, ops: ports.1, engine, _runtime: runtime, _folder: folder }
}

/// The answer of a statement that must succeed.
pub(crate) fn sql(text: &str) -> String {
    let reply = http::post(ports().door, "/", text);
    assert_eq!(reply.status, 200, "{text}: {}", reply.text());
    assert!(reply.whole, "{text}");
    reply.text()
}
