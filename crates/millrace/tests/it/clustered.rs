//! A cluster as the store, by the binary: two ClickHouse servers, a shard each.

use crate::project;
use clickhouse::Servers;
use cluster::Cluster;
use harness::{Dice, Traffic, shop_config, shop_schema};

#[test]
fn rows_reach_both_shards_whoever_is_killed_meanwhile() {
    let cluster = Cluster::start();
    cluster.sql(&shop_schema(2_000));
    let servers = Servers::start(2, "remote::is_a_server");
    let (port, name) = (servers.port(), clickhouse::NAME);
    let section = format!("[store]\nurl = \"http://127.0.0.1:{port}\"\ncluster = \"{name}\"\n");
    let project = project(&cluster, &(section + shop_config()));
    // The servers have no Keeper: see `herald`.
    let checked = project.run(&["check"]).talk();
    assert!(checked.contains("takes no statement ON CLUSTER"), "{checked}");
    let seed = Dice::fresh_seed();
    eprintln!("seed {seed}");
    let (traffic, mut dice) = (Traffic::start(&cluster.url(), seed), Dice::new(seed));
    let mut up = project.up();
    for _ in 0..3 {
        std::thread::sleep(dice.millis(300, 2_500));
        up.kill();
        up = project.up();
    }
    up.wait_ready();
    assert!(traffic.committed() > 20, "{:?}", traffic.last_refusal());
    traffic.paused(|| {
        assert!(project.verify() > 4_000);
        let facts = "SELECT count() - uniqExact(event_id) FROM public.events";
        assert_eq!(servers.ask_each(facts), ["0", "0"]);
    });
    let ran = project.run(&["resync", "public.orders"]);
    assert_eq!(ran.code, Some(0), "{}", ran.talk());
    up.wait_ready();
    traffic.paused(|| {
        project.verify();
        for rows in servers.ask_each("SELECT count() FROM public_raw_shard.orders FINAL") {
            assert!(rows.parse::<u64>().unwrap() > 100, "{rows}");
        }
    });
    drop(traffic);
    assert_eq!(up.stop(), Some(0));
}
