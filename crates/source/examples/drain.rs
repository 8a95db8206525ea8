//! How fast a backlog is read and decoded, beside `pg_recvlogical`: `drain [tcp|unix] [rows] [rounds]`.

use cluster::{Cluster, program};
use source::stream::{Control, Delivery, StreamOptions, start};
use std::sync::Arc;
use std::time::Instant;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let is_unix = args.first().is_some_and(|kind| kind == "unix");
    let number = |at: usize, other: u64| args.get(at).map_or(other, |text| text.parse().unwrap());
    let (rows, rounds) = (number(1, 1_000_000), number(2, 3));
    let cluster = Cluster::start();
    cluster.sql(
        "create table t (id uuid primary key, n int8, name text, at timestamptz, price numeric(10,2), note text);
         create publication p for table t;
         select pg_create_logical_replication_slot('s', 'pgoutput')",
    );
    let per = 1000;
    cluster.sql(&format!(
        "do $$ begin for i in 1..{} loop
           for j in 1..{per} loop
             insert into t values (gen_random_uuid(), i * j, 'name ' || j, now(), j / 100.0, 'some note of ' || i);
           end loop; commit; end loop; end $$",
        rows / per
    ));
    let end = cluster.sql("select pg_current_wal_lsn()");
    cluster.sql("select pg_logical_emit_message(true, 'x', 'y')");
    for round in 0..rounds {
        let (mine, theirs) = (format!("m{round}"), format!("t{round}"));
        for slot in [&mine, &theirs] {
            cluster.sql(&format!("select pg_copy_logical_replication_slot('s', '{slot}')"));
        }
        let began = Instant::now();
        let url = if is_unix { cluster.socket_url() } else { cluster.url() };
        let status = std::process::Command::new(program("pg_recvlogical"))
            .args(["-d", &url, "-S", &theirs, "--start", "-f", "/dev/null", "--no-loop"])
            .args(["--endpos", &end, "-o", "proto_version=1", "-o", "publication_names=p"])
            .args(["-o", "binary=true"])
            .status()
            .unwrap();
        assert!(status.success());
        let peer = began.elapsed();
        let options = StreamOptions {
            address: url.parse().unwrap(),
            slot: mine,
            publication: "p".into(),
            from: model::Lsn::ZERO,
            binary: true,
            memory_bytes: 1 << 30,
            spool: None,
        };
        let began = Instant::now();
        let control = Arc::new(Control::new(model::Lsn::ZERO));
        let mut deliveries = start(options, control.clone());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let tables = runtime.block_on(async {
            let client = source::client::connect(&url.parse().unwrap()).await.unwrap();
            source::catalog::published_tables(&client, "p").await.unwrap()
        });
        let table = Arc::new(tables.into_iter().next().unwrap());
        let mut count = 0;
        while count < rows {
            match deliveries.blocking_recv().unwrap() {
                Delivery::Batch(batch) => {
                    count += batch.blocks.iter().map(|block| block.rows() as u64).sum::<u64>();
                }
                Delivery::Relation { reply, .. } => reply.send(Some(table.clone())).unwrap(),
                Delivery::Ended(error) => panic!("{}", error.report()),
                _ => {}
            }
        }
        let ours = began.elapsed();
        control.stop();
        println!(
            "ours {:.0} krows/s, pg_recvlogical {:.0} krows/s, ratio {:.2}",
            rows as f64 / ours.as_secs_f64() / 1e3,
            rows as f64 / peer.as_secs_f64() / 1e3,
            peer.as_secs_f64() / ours.as_secs_f64()
        );
    }
}
