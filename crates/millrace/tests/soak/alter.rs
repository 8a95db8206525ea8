//! What a team does to its tables while they are used.

use cluster::Cluster;
use harness::Dice;

/// The load names its columns in these, or gives values for the first ones.
const TABLES: [&str; 5] = ["customers", "orders", "documents", "scratch", "events"];
/// Of columns that nobody writes to, with what rows of before have in them.
const ADDED: [&str; 6] = [
    "int",
    "int not null default 7",
    "timestamptz not null default now()",
    "text default md5(random()::text)",
    "text[] not null default '{}'",
    "numeric(8,2) default 1.5",
];

/// One transaction that changes a table.
pub(crate) fn some(cluster: &Cluster, dice: &mut Dice) -> String {
    let table = dice.pick(&TABLES);
    let ours = cluster.sql(&format!(
        "select attname from pg_attribute where attrelid = '{table}'::regclass and attname like 'more%'
            and not attisdropped order by attnum"
    ));
    let ours: Vec<&str> = ours.lines().collect();
    let name = format!("more{}", dice.below(8));
    let alter = format!("alter table {table}");
    if ours.len() < 2 || (ours.len() < 5 && dice.below(3) == 0) {
        // Dropped before it is added, if it is there: another column of that name.
        let ty = dice.pick(&ADDED);
        return format!("begin; {alter} drop if exists {name}; {alter} add {name} {ty}; commit");
    }
    let column = dice.pick(&ours);
    match dice.below(6) {
        0 | 1 => format!("{alter} drop {column}"),
        2 if !ours.contains(&name.as_str()) => format!("{alter} rename {column} to {name}"),
        3 => format!("{alter} alter {column} drop not null"),
        _ => {
            // Facts stay what they were: not touched, and not written anew in the type that they have.
            let (row, mark) = match *table {
                "events" => ("false", ""),
                _ => ("ctid = (select min(ctid) from {table})", " || '!'"),
            };
            format!(
                "begin; {alter} alter {column} drop default, alter {column} drop not null;
                 {alter} alter {column} type text using {column}::text{mark};
                 update {table} set {column} = 'touched' where {}; commit",
                row.replace("{table}", table)
            )
        }
    }
}

/// With rows that come and go before it ends, and some that stay.
pub(crate) fn large_transaction(rows: u64) -> String {
    format!(
        "begin; delete from order_items where customer > 2000000;
         insert into order_items select 2000000 + i, 1, 'large', i % 9, 0.5 from generate_series(1, {rows}) i;
         update order_items set quantity = quantity + 1 where customer > 2000000 and customer % 3 = 0;
         savepoint s; delete from order_items where customer > 2000000; rollback to s;
         delete from order_items where customer > 2000000 and customer % 2 = 0;
         insert into events (user_id, event_name, value) select i, 'large', i from generate_series(1, 1000) i; commit"
    )
}
