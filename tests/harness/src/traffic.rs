//! What an app does to its database all day: a small shop, with everything in it that is hard to
//! replicate (composite keys, changed keys, large values that an update does not touch,
//! transactions that take themselves back, TRUNCATE).

use crate::{Dice, Session};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// Its tables, with `rows` of history in each of the large ones.
pub fn shop_schema(rows: u32) -> String {
    format!(
        "create table customers (id bigint generated always as identity primary key,
             name text not null, email text, tags text[], born date, created timestamptz not null);
         create table orders (id uuid primary key default gen_random_uuid(),
             customer bigint not null, status text not null, total numeric(10,2) not null,
             note text, placed timestamptz not null default now());
         create index on orders (customer);
         create table order_items (customer bigint, line int, sku text not null, quantity int,
             price numeric(10,2), primary key (customer, line));
         create table documents (id bigint primary key, revision int not null, title text,
             body text, payload bytea);
         alter table documents alter body set storage external;
         create table scratch (id bigint primary key, word text, flag bool, weight float8);
         create table events (event_id uuid not null default gen_random_uuid() primary key,
             user_id bigint not null, event_name text not null,
             occurred_at timestamptz not null default clock_timestamp(), value numeric(12,4));
         insert into customers (name, email, tags, born, created)
             select 'name ' || i, nullif('c' || i || '@example.org', 'c7@example.org'),
                    array['a', null, 't' || i], date '1970-01-01' + (i % 9999), now()
               from generate_series(1, {rows}) i;
         insert into orders (customer, status, total, note)
             select i, 'paid', i % 1000 / 8.0, repeat('n', i % 50) from generate_series(1, {rows}) i;
         insert into order_items select i, 1, 'sku' || i % 100, i % 9, 1.25
               from generate_series(1, {rows}) i;
         insert into documents select i, 0, 'doc ' || i, repeat(md5(i::text), 200), sha256(i::text::bytea)
               from generate_series(1, 500) i;
         insert into scratch select i, 'w' || i, i % 3 = 0, i / 7.0 from generate_series(1, 500) i;
         insert into events (user_id, event_name, value)
             select i % 997, 'view', i / 16.0 from generate_series(1, {rows}) i;"
    )
}

/// `events` is the shop's append table.
pub fn shop_config() -> &'static str {
    "[tables.\"public.events\"]\nmode = \"append\"\norder_by = [\"event_name\", \"occurred_at\"]\n"
}

/// Two writers that survive restarts of their server, until dropped.
pub struct Traffic {
    shared: Arc<Shared>,
    writers: Vec<JoinHandle<()>>,
}

struct Shared {
    url: String,
    stop: AtomicBool,
    committed: AtomicU64,
    /// Each writer holds one side while it is inside a transaction.
    gates: [Mutex<()>; 2],
    last_refusal: Mutex<Option<String>>,
}

impl Traffic {
    pub fn start(url: &str, seed: u64) -> Traffic {
        let shared = Arc::new(Shared {
            url: url.to_owned(),
            stop: AtomicBool::new(false),
            committed: AtomicU64::new(0),
            gates: [Mutex::new(()), Mutex::new(())],
            last_refusal: Mutex::new(None),
        });
        let writers = (0..2)
            .map(|number| {
                let (shared, dice) = (shared.clone(), Dice::new(seed + number as u64));
                std::thread::spawn(move || write(&shared, number, dice))
            })
            .collect();
        Traffic { shared, writers }
    }

    /// Transactions that were answered, and the last error that was not a lost connection.
    pub fn committed(&self) -> u64 {
        self.shared.committed.load(Ordering::Relaxed)
    }

    pub fn last_refusal(&self) -> Option<String> {
        self.shared.last_refusal.lock().unwrap().clone()
    }

    /// Nothing is written, and no transaction is open, while this runs.
    pub fn paused<T>(&self, quiet: impl FnOnce() -> T) -> T {
        let _gates: Vec<_> = self.shared.gates.iter().map(|gate| gate.lock().unwrap()).collect();
        quiet()
    }
}

impl Drop for Traffic {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        for writer in self.writers.drain(..) {
            let _ = writer.join();
        }
    }
}

fn write(shared: &Shared, number: usize, mut dice: Dice) {
    let mut session: Option<Session> = None;
    while !shared.stop.load(Ordering::Relaxed) {
        std::thread::sleep(dice.millis(0, 12));
        let _inside = shared.gates[number].lock().unwrap();
        if session.is_none() {
            session = Session::open(&shared.url).ok();
        }
        let Some(open) = &mut session else {
            std::thread::sleep(Duration::from_millis(50));
            continue;
        };
        match open.run(&transaction(&mut dice)) {
            Ok(()) => {
                shared.committed.fetch_add(1, Ordering::Relaxed);
            }
            Err(error) => {
                if !error.contains("connection") && !error.contains("terminating") {
                    *shared.last_refusal.lock().unwrap() = Some(error);
                }
                session = None;
            }
        }
    }
}

/// One transaction; as one simple query, so that it is whole or not at all.
fn transaction(dice: &mut Dice) -> String {
    let n = dice.within(1, 20);
    let any = dice.draw() >> 16;
    let some = "select id from orders order by id limit 3";
    let one = format!("(select id from orders where id >= md5('{any}')::uuid order by id limit 1)");
    match dice.below(100) {
        0..20 => format!(
            "begin;
             insert into orders (customer, status, total, note)
                 select {any} % 100000, 'new', i * 1.25, 'n' || i from generate_series(1, {n}) i;
             insert into events (user_id, event_name, value)
                 select {any} % 997, 'order', i from generate_series(1, {n}) i;
             commit"
        ),
        20..40 => format!("update orders set status = 'shipped', total = total + 1 where id = {one}"),
        40..48 => format!("delete from orders where id = {one}"),
        48..60 => format!(
            "insert into events (user_id, event_name, value)
                 select {any} % 997, 'click', i / 8.0 from generate_series(1, {n}) i"
        ),
        60..66 => format!(
            "begin; update orders set status = 'lost' where id in ({some});
             insert into events (user_id, event_name) values (1, 'never'); rollback"
        ),
        66..72 => format!(
            "begin; insert into customers (name, created) values ('first {any}', now());
             savepoint s; update customers set email = 'gone' where id <= {n}; rollback to s;
             update customers set tags = array['x{n}'] where id = {n}; commit"
        ),
        72..80 => format!(
            "insert into documents values ({any} % 2000, 1, 'new', repeat(md5('{any}'), 300), '\\x00ff')
                 on conflict (id) do update set body = excluded.body, revision = documents.revision + 1"
        ),
        // The body is not touched: its value does not travel.
        80..88 => format!(
            "update documents set revision = revision + 1, title = 't{n}' where id % 40 = {n}"
        ),
        88..92 => format!(
            "begin; update scratch set id = id + 1000000 where id = {any} % 500;
             insert into scratch values ({any} % 500, 'w{n}', {n} > 9, {n} / 3.0)
                 on conflict (id) do update set word = excluded.word; commit"
        ),
        92..95 => format!("delete from scratch where id % 17 = {n} % 17"),
        95..98 => format!(
            "update order_items set quantity = quantity + 1, line = line + 1
               where customer between {any} % 1000 and {any} % 1000 + {n}"
        ),
        98 => format!(
            "begin; delete from order_items where customer > 1000000;
             insert into order_items
                 select 1000001 + {any} % 1000, i, 'bulk', i, 0.5 from generate_series(1, 3000) i;
             delete from order_items where customer > 1000000 and line % 2 = 0; commit"
        ),
        // Seldom: one that overtakes the snapshot of a verify makes it begin again.
        _ if dice.below(20) == 0 => "truncate scratch".to_owned(),
        _ => format!("insert into scratch select i, 'filled', true, 0.5
                 from generate_series(1, {n} * 20) i on conflict do nothing"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_transaction_is_accepted() {
        let cluster = cluster::Cluster::start();
        cluster.sql(&shop_schema(200));
        let mut session = Session::open(&cluster.url()).unwrap();
        let mut dice = Dice::new(1);
        for _ in 0..600 {
            let sql = transaction(&mut dice);
            session.run(&sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
        }
    }

    #[test]
    fn writers_come_back_after_their_server() {
        let cluster = cluster::Cluster::start();
        cluster.sql(&shop_schema(50));
        let traffic = Traffic::start(&cluster.url(), 1);
        crate::wait_until("the first commits", || traffic.committed() > 20);
        cluster.stop("fast");
        cluster.resume();
        let before = traffic.committed();
        crate::wait_until("commits after the restart", || traffic.committed() > before + 20);
        let quiet = traffic.paused(|| {
            let count = "select count(*) from pg_stat_activity where state like '%in transaction%'";
            cluster.sql(count)
        });
        assert_eq!(quiet, "0");
    }
}
