//! Single-row changes in transactions of 1000, waiting in a slot: how fast do they become rows?

use crate::Plan;
use crate::backlog::{Backlog, Goal, quiet_source};
use crate::peers::Mpg;
use crate::record::{BarOn, Record};
use cluster::Cluster;

const ROWS: u64 = 2_000_000;
const ROWS_A_TRANSACTION: u64 = 1000;
/// The mirror that `stream_mixed` changes.
const MIXED_ROWS: u64 = 1_000_000;
/// Its last change, and so the sign that all arrived.
const LAST_KEY: u64 = 1_000_000_000_000;

pub(crate) const TABLE: &str = "create table events (id uuid primary key, user_id bigint not null, \
    name text not null, occurred_at timestamptz not null, amount numeric(10,2), note text)";

pub(crate) const APPEND: &str = "[tables.\"public.events\"]\nmode = \"append\"\n\
    order_by = [\"name\", \"occurred_at\", \"user_id\"]\npartition_by = \"toYYYYMM(occurred_at)\"\n\
    [tables.\"public.events\".columns]\nname = { type = \"LowCardinality(String)\" }\n";

pub(crate) const RECV_TCP: &str = "pg_recvlogical to /dev/null over TCP";

/// Inserts, one row a statement, as an app makes them.
pub(crate) fn inserts(cluster: &Cluster, rows: u64) {
    let transactions = rows / ROWS_A_TRANSACTION;
    cluster.sql(&format!(
        "do $$ begin
           for t in 1..{transactions} loop
             for i in 1..{ROWS_A_TRANSACTION} loop
               insert into events values (gen_random_uuid(), (random() * 100000)::bigint,
                 case i % 4 when 0 then 'view' when 1 then 'click' when 2 then 'order' else 'login' end,
                 clock_timestamp(), i * 1.25, 'note ' || i);
             end loop;
             commit;
           end loop;
         end $$"
    ));
}

/// `counted` answers at once; `shown` is what a reader asks.
fn goal(cluster: &Cluster, counted: &str, shown: &str) -> Goal {
    let theirs = cluster.sql("select count(*), sum(user_id) from events").replace('|', "\t");
    let rows = theirs.split('\t').next().unwrap_or_default().to_owned();
    Goal {
        sign: (format!("SELECT count() FROM {counted}"), rows),
        whole: (format!("SELECT count(), sum(user_id) FROM {shown}"), theirs),
    }
}

struct Inserts<'a> {
    measure: &'static str,
    what: &'static str,
    tables: &'a str,
    counted: &'a str,
    over_socket: bool,
    bar: f64,
}

fn measure_inserts(plan: &Plan, m: &Inserts) -> Record {
    let rows = plan.rows(ROWS);
    let cluster = quiet_source();
    cluster.sql(TABLE);
    let url = if m.over_socket { cluster.socket_url() } else { cluster.url() };
    let folder = cluster.socket_folder().display().to_string();
    let host = if m.over_socket { folder.as_str() } else { "127.0.0.1" };
    let backlog =
        Backlog::prepare(&plan.binary, cluster, &url, m.tables, |cluster| inserts(cluster, rows));
    let goal = goal(&backlog.cluster, m.counted, "public.events");
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..plan.rounds {
        ours.push(rows as f64 / backlog.ours(&goal));
        theirs.push(rows as f64 / backlog.drained(host));
    }
    let peer =
        if m.over_socket { "pg_recvlogical to /dev/null over the Unix socket" } else { RECV_TCP };
    record(m.measure, m.what, ours, peer, theirs, m.bar, rows)
}

pub(crate) fn record(
    measure: &'static str,
    what: &'static str,
    ours: Vec<f64>,
    peer: &'static str,
    theirs: Vec<f64>,
    bar: f64,
    rows: u64,
) -> Record {
    Record {
        measure,
        what,
        unit: "rows/s",
        higher_is_better: true,
        ours,
        peer: Some(peer),
        theirs,
        bar,
        bar_on: BarOn::Ratio,
        notes: Vec::new(),
        rows,
        also: Vec::new(),
    }
}

pub(crate) fn tcp(plan: &Plan) -> Record {
    measure_inserts(
        plan,
        &Inserts {
            measure: "stream_tcp",
            what: "waiting single-row inserts into an append table, over TCP",
            tables: APPEND,
            counted: "public.events",
            over_socket: false,
            bar: 1.8,
        },
    )
}

pub(crate) fn unix(plan: &Plan) -> Record {
    measure_inserts(
        plan,
        &Inserts {
            measure: "stream_unix",
            what: "the same over the Unix socket",
            tables: APPEND,
            counted: "public.events",
            over_socket: true,
            bar: 0.95,
        },
    )
}

pub(crate) fn mirror(plan: &Plan) -> Record {
    measure_inserts(
        plan,
        &Inserts {
            measure: "stream_mirror",
            what: "the same into a mirror with a random uuid key",
            tables: "",
            counted: "public_raw.events",
            over_socket: false,
            bar: 1.6,
        },
    )
}

pub(crate) fn mpg(plan: &Plan) -> Record {
    let rows = plan.rows(ROWS);
    let cluster = quiet_source();
    cluster.sql(TABLE);
    let url = cluster.url();
    let mut peer = None;
    let backlog = Backlog::prepare(&plan.binary, cluster, &url, "", |cluster| {
        peer = Some(Mpg::prepare(cluster, "events"));
        inserts(cluster, rows);
    });
    let peer = peer.expect("prepared above");
    let ours_goal = goal(&backlog.cluster, "public_raw.events", "public.events");
    let theirs_goal = goal(&backlog.cluster, "m.events", "m.events");
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..plan.rounds {
        ours.push(rows as f64 / backlog.ours(&ours_goal));
        theirs.push(rows as f64 / peer.run(&backlog.cluster, &theirs_goal));
    }
    let name = "MaterializedPostgreSQL inside libchdb";
    let what = "the same into a mirror, against ClickHouse's own engine for it";
    record("stream_mpg", what, ours, name, theirs, 3.0, rows)
}

/// 50 % updates, 40 % inserts, 10 % deletes.
fn changes(cluster: &Cluster, rows: u64, kept: u64) {
    let transactions = rows / ROWS_A_TRANSACTION;
    let deletes = transactions * ROWS_A_TRANSACTION / 10;
    assert!(deletes < kept / 2, "more deletes than rows");
    cluster.sql(&format!(
        "do $$ declare gone bigint := 0; fresh bigint := {kept}; victim bigint; begin
           for t in 1..{transactions} loop
             for i in 1..{ROWS_A_TRANSACTION} loop
               if i % 10 < 5 then
                 victim := {kept} / 2 + 1 + (random() * ({kept} / 2 - 2))::bigint;
                 update items set quantity = quantity + 1, word = 'u' || i where id = victim;
               elsif i % 10 < 9 then
                 fresh := fresh + 1;
                 insert into items values (fresh, i, 'new ' || i, clock_timestamp(), i * 0.5);
               else
                 gone := gone + 1;
                 delete from items where id = gone;
               end if;
             end loop;
             commit;
           end loop;
         end $$;
         insert into items values ({LAST_KEY}, 0, 'last', now(), 0)"
    ));
}

pub(crate) fn mixed(plan: &Plan) -> Record {
    let rows = plan.rows(ROWS);
    let kept = MIXED_ROWS.max(rows / 2);
    let cluster = quiet_source();
    cluster.sql(&format!(
        "create table items (id bigint primary key, quantity int not null, word text,
             changed timestamptz not null, price numeric(10,2));
         insert into items select i, 0, 'old ' || i, now(), 1 from generate_series(1, {kept}) i;
         vacuum analyze items"
    ));
    let url = cluster.url();
    let backlog =
        Backlog::prepare(&plan.binary, cluster, &url, "", |cluster| changes(cluster, rows, kept));
    let theirs = backlog.cluster.sql("select count(*), sum(quantity) from items");
    let last = format!("SELECT count() > 0 FROM public_raw.items WHERE id = {LAST_KEY}");
    let goal = Goal {
        sign: (last, "1".to_owned()),
        whole: (
            "SELECT count(), sum(quantity) FROM public.items".to_owned(),
            theirs.replace('|', "\t"),
        ),
    };
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..plan.rounds {
        ours.push(rows as f64 / backlog.ours(&goal));
        theirs.push(rows as f64 / backlog.drained("127.0.0.1"));
    }
    let what = "50 % updates, 40 % inserts, 10 % deletes on a mirror of 1 M rows";
    record("stream_mixed", what, ours, RECV_TCP, theirs, 1.8, rows)
}
