//! A row that the engine's memory cannot take: status says so and what helps, nothing passes it by,
//! and with more memory everything arrives. One that only the stream's memory cannot take passes.

use crate::project;
use cluster::Cluster;
use harness::{config, wait_until};

const LARGE: &str = "insert into notes values (2, repeat('x', 300000000))";

fn limits(stream_mib: u32, engine_mib: u32) -> String {
    format!("[limits]\nstream_memory_mib = {stream_mib}\nengine_memory_mib = {engine_mib}")
}

#[test]
fn a_row_too_large_is_told_and_waits_for_memory() {
    let cluster = Cluster::start();
    cluster.sql(
        "create table notes (id int primary key, body text);
         insert into notes values (1, 'first')",
    );
    let project = project(&cluster, &limits(64, 512));
    let mut up = project.up();
    up.wait_ready();
    cluster.sql(&format!("{LARGE}; insert into notes values (3, 'last')"));
    wait_until("status tells what helps", || {
        let error = project.status()["source"]["last_error"].to_string();
        error.contains("MEMORY_LIMIT_EXCEEDED") && error.contains("limits.engine_memory_mib")
    });
    assert!(up.is_running(), "{}", up.log());
    assert_eq!(up.query("SELECT id FROM public.notes ORDER BY id"), "1");
    up.stop();

    project.configure(&config(&cluster.url(), &limits(64, 4096)));
    let mut up = project.up();
    up.wait_ready();
    up.wait_for(
        "SELECT id, length(body) FROM public.notes ORDER BY id",
        "1\t5\n2\t300000000\n3\t4",
    );
    assert_eq!(up.stop(), Some(0));
}
