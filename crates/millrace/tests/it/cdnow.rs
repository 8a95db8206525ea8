//! Real input: 69,659 purchases of 23,570 customers of an online shop, 1997 and 1998. Half of them
//! are there before the pipeline starts, half arrive while it runs; the answers must be Postgres's.

use crate::project;
use cluster::Cluster;
use std::fmt::Write;

const FIXTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/CDNOW_master.txt");

/// Customer, day, CDs and dollars of each line, as SQL literals.
fn purchases() -> Vec<String> {
    let text = std::fs::read_to_string(FIXTURE).unwrap();
    let rows: Vec<String> = text
        .lines()
        .skip(1)
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .filter(|fields| !fields.is_empty())
        .map(|f| format!("('{}', '{}', {}, {})", f[0], f[1], f[2], f[3]))
        .collect();
    assert_eq!(rows.len(), 69_659);
    rows
}

fn insert(cluster: &Cluster, rows: &[String], rows_per_transaction: usize) {
    let mut sql = String::new();
    for chunk in rows.chunks(rows_per_transaction) {
        writeln!(
            sql,
            "insert into purchases (customer, day, cds, dollars) values {};",
            chunk.join(",")
        )
        .unwrap();
    }
    cluster.sql(&sql);
}

#[test]
fn the_cohorts_of_cdnow_are_those_of_postgres() {
    let cluster = Cluster::start();
    cluster.sql(
        "create table purchases (id bigint generated always as identity primary key,
             customer text not null, day date not null, cds int not null,
             dollars numeric(10,2) not null)",
    );
    let rows = purchases();
    let (copied, streamed) = rows.split_at(rows.len() / 2);
    insert(&cluster, copied, 1000);
    let project = project(&cluster, "");
    let mut up = project.up();
    // Before it is ready, so that copy and stream meet.
    insert(&cluster, streamed, 100);
    up.wait_ready();
    up.wait_for("SELECT count() FROM public.purchases", "69659");

    let total = "toString(sum(dollars)), uniqExact(customer)";
    assert_eq!(up.query(&format!("SELECT {total} FROM public.purchases")), "2500315.63\t23570");
    let sql = "select sum(dollars), count(distinct customer) from purchases";
    assert_eq!(cluster.sql(sql), "2500315.63|23570");

    // Of those who first bought in a month: how many buy again so many months later, and for how
    // many cents.
    let theirs = cluster.sql(
        "with firsts as (select customer, min(day) as first from purchases group by customer)
         select to_char(first, 'YYYY-MM'),
                (extract(year from day) - extract(year from first)) * 12
                    + extract(month from day) - extract(month from first) as later,
                count(distinct customer), (sum(dollars) * 100)::bigint, sum(cds)
           from purchases join firsts using (customer) group by 1, 2 order by 1, 2",
    );
    let ours = up.query(
        "WITH firsts AS (SELECT customer, min(day) AS first FROM public.purchases GROUP BY customer)
         SELECT formatDateTime(first, '%Y-%m') AS cohort, dateDiff('month', first, day) AS later,
                uniqExact(customer), toInt64(sum(dollars) * 100), sum(cds)
           FROM public.purchases JOIN firsts USING (customer)
          GROUP BY cohort, later ORDER BY cohort, later",
    );
    assert_eq!(ours.replace('\t', "|"), theirs);
    assert!(theirs.lines().count() > 30 && theirs.starts_with("1997-01|0|"), "{theirs}");
    assert_eq!(project.verify(), 69_659);
    assert_eq!(up.stop(), Some(0));
}
