//! The shop fifty times as large, in minutes.
//!
//! ```text
//! users, orders, lines, refunds, subscriptions   copied in Postgres, before `up` copies them from there
//! events                                         copied in the engine, from those that `up` copied
//! staging.stg_events                             the same copies, as its model makes them one for one
//! rollups                                        follow each insert by themselves
//! marts                                          by dbt, all anew
//! ```
//!
//! Copy `k` is the whole shop once more: its users have ids of their own, `k` times the highest one further on, its
//! orders too, and all that happens does so some seconds earlier. So days, sessions, funnels, weeks of signup, endpoints
//! and versions keep their shape, and there are fifty times as many of them in each minute. Products and their stock
//! stay as they are. A copied event is as if it had arrived when it occurred.

use cluster::Cluster;
use harness::Up;
use std::time::Duration;

/// Of one statement.
const COPIES_AT_ONCE: u64 = 2;
/// That is left to the others on the machine.
const FREE_BYTES_MIN: u64 = 5 << 30;
const MERGES_MAX: Duration = Duration::from_secs(900);
/// By which each copy is earlier than the one before it.
const STEP_MS: u64 = 1171;

/// Before `up` starts.
pub(crate) fn entities(cluster: &Cluster, copies: u64) {
    let last = copies - 1;
    cluster.sql(&format!(
        "
set synchronous_commit = off;
-- Each row's parent is copied too.
set session_replication_role = replica;
create temp table step as select k, interval '{STEP_MS} ms' * k as back, (select max(id) from users) * k as users,
    (select max(id) from orders) * k as orders from generate_series(1, {last}) k;
insert into users (id, email, name, country, channel, tags, created_at, updated_at)
    select id + users, 'user' || id + users || '@example.com', name, country, channel, tags, created_at - back,
        updated_at - back from users u, step;
insert into order_items select order_id + orders, line_no, product_id, quantity, unit_price from order_items i, step;
insert into refunds (order_id, amount, reason, created_at)
    select order_id + orders, amount, reason, created_at - back from refunds r, step;
insert into subscriptions (user_id, plan, status, mrr, started_on, cancelled_at)
    select user_id + users, plan, status, mrr, started_on, cancelled_at - back from subscriptions s, step;
insert into orders (id, user_id, status, currency, total, placed_at, updated_at)
    select id + orders, user_id + users, status, currency, total, placed_at - back, updated_at - back
    from orders o, step;
select setval(pg_get_serial_sequence('users', 'id'), (select max(id) from users)),
    setval(pg_get_serial_sequence('orders', 'id'), (select max(id) from orders));
analyze;"
    ));
}

/// While `up` runs, nothing changes, and dbt has made staging and rollups. How many times the events are there:
/// fewer where the disk is too small.
pub(crate) fn events(up: &Up, cluster: &Cluster, copies: u64) -> u64 {
    let users: u64 = cluster.sql("select max(id) from users").parse().expect("a number");
    let users = users / copies;
    up.query("CREATE DATABASE bench");
    let tables = [
        ("analytics.events", "bench.events", "properties_json"),
        ("staging.stg_events", "bench.stg_events", "path, ms, status, version, device"),
    ];
    for (table, origin, columns) in tables {
        up.query(&format!(
            "CREATE TABLE {origin} ENGINE = MergeTree ORDER BY (event_name, occurred_at, user_id) AS \
             SELECT event_id, user_id, event_name, occurred_at, {columns} FROM {table}"
        ));
    }
    let mut there = 1;
    while there < copies {
        let free: u64 =
            up.query("SELECT min(free_space) FROM system.disks").parse().expect("bytes");
        if free < FREE_BYTES_MIN {
            eprintln!("  {there} copies: the disk has only {free} bytes left");
            break;
        }
        let to = (there + COPIES_AT_ONCE).min(copies);
        for (table, origin, columns) in tables {
            // The time in an id stays, and what is random in it differs.
            up.query(&format!(
                "INSERT INTO {table} (event_id, user_id, event_name, occurred_at, {columns}, ingest_ts) \
                 SELECT reinterpretAsUUID(bitXor(reinterpretAsUInt128(event_id), bitShiftLeft(toUInt128(k), 64))), \
                   toString(toUInt64(user_id) + {users} * k), event_name, \
                   occurred_at - toIntervalMillisecond({STEP_MS} * k) AS earlier, {columns}, toDateTime(earlier) \
                 FROM {origin} ARRAY JOIN range({there}, {to}) AS k \
                 SETTINGS min_insert_block_size_rows = 4000000, min_insert_block_size_bytes = 0"
            ));
        }
        there = to;
        eprintln!("  {there} of {copies} copies");
    }
    up.query("DROP DATABASE bench");
    settle(up);
    there
}

/// In life a minute arrives once, and is not spread over as many parts as there were inserts here.
fn settle(up: &Up) {
    for table in ["marts.events_per_minute", "marts.requests_per_minute"] {
        let months = format!(
            "SELECT DISTINCT partition FROM system.parts WHERE active AND concat(database, '.', table) = '{table}'"
        );
        for month in up.query(&months).lines() {
            up.query(&format!("OPTIMIZE TABLE {table} PARTITION {month} FINAL"));
        }
    }
    let quiet = || (up.query("SELECT count() FROM system.merges") == "0").then_some(());
    assert!(harness::poll(MERGES_MAX, quiet).is_some(), "merges do not end");
}
