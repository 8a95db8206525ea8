//! What is read out of trees that the engine printed (ClickHouse 26.7, `recorded/`): the demo's models, and what is
//! hard about SQL.

use super::query::{Field, Made, Query};
use std::collections::{BTreeMap, BTreeSet};

/// `=`: as it is, `~`: computed.
fn told(query: &Query) -> BTreeMap<String, String> {
    let names = |fields: &BTreeSet<Field>| {
        let names = fields.iter().map(|field| format!("{}.{}", field.table, field.column));
        names.collect::<Vec<String>>()
    };
    let mut told: BTreeMap<String, String> = BTreeMap::new();
    for column in &query.columns {
        let from = column.from.iter().map(|(field, made)| {
            let mark = if *made == Made::Same { '=' } else { '~' };
            format!("{mark}{}.{}", field.table, field.column)
        });
        let gaps = column.not_known.iter().map(|gap| format!("?{gap}"));
        told.insert(column.name.clone(), from.chain(gaps).collect::<Vec<_>>().join(" "));
    }
    let gaps = query.not_known.iter().map(|gap| format!("?{gap}"));
    told.insert(
        "(rows)".into(),
        names(&query.rows).into_iter().chain(gaps).collect::<Vec<_>>().join(" "),
    );
    told.insert("(read)".into(), names(&query.read).join(" "));
    told
}

#[track_caller]
fn check(explained: &str, expected: &[(&str, &str)]) {
    let query = Query::read(explained).unwrap();
    let told = told(&query);
    for (name, from) in expected {
        assert_eq!(told.get(*name).map(String::as_str), Some(*from), "{name}: {told:#?}");
    }
    assert_eq!(query.columns.len() + 2, told.len());
}

#[test]
fn windows_scalar_subqueries_and_joins_of_ctes() {
    let made = "~staging.stg_subscriptions.ended_on ~staging.stg_subscriptions.mrr ~staging.stg_subscriptions.started_on";
    // The window is by customer.
    let moved = &format!("{made} ~staging.stg_subscriptions.user_id");
    check(
        include_str!("recorded/mrr_movements.txt"),
        &[
            ("month", "~staging.stg_subscriptions.started_on"),
            ("mrr", made),
            ("new_mrr", moved),
            ("refunds", "~staging.stg_refunds.amount"),
            (
                "(rows)",
                "staging.stg_refunds.created_at staging.stg_subscriptions.started_on staging.stg_subscriptions.user_id",
            ),
            ("(read)", ""),
        ],
    );
}

#[test]
fn arrays_that_are_taken_apart() {
    check(
        include_str!("recorded/dau_wau_mau.txt"),
        &[
            ("day", "~staging.stg_events.occurred_at"),
            ("dau", "~staging.stg_events.user_id"),
            ("(rows)", "staging.stg_events.occurred_at staging.stg_events.user_id"),
        ],
    );
    check(
        include_str!("recorded/arrays.txt"),
        &[
            ("id", "=t.n.id"),
            ("tag", "~t.n.tags"),
            ("item", "~t.n.items.a"),
            ("b", "~t.n.items.a ~t.n.items.b"),
            ("al", "=t.n.al"),
            ("(rows)", "t.n.items.a t.n.items.b t.n.tags"),
        ],
    );
}

#[test]
fn columns_as_they_are_and_computed_ones() {
    check(
        include_str!("recorded/sessions_daily.txt"),
        &[
            ("session_day_user", "~staging.stg_events.occurred_at ~staging.stg_events.user_id"),
            ("user_id", "=staging.stg_events.user_id"),
            ("starts", "~staging.stg_events.event_name"),
            ("(rows)", "staging.stg_events.occurred_at staging.stg_events.user_id"),
        ],
    );
    check(
        include_str!("recorded/star.txt"),
        &[
            ("status", "=public.orders.status"),
            ("net of id", "~public.orders.id ~public.orders.total"),
            ("one", ""),
            ("(rows)", ""),
            ("(read)", ""),
        ],
    );
    let star = Query::read(include_str!("recorded/star.txt")).unwrap();
    assert_eq!(star.columns.iter().find(|column| column.name == "currency"), None);
    assert_eq!(star.tables, BTreeSet::from(["public.orders".to_owned()]));
}

/// `properties_json.path.:String` is read from a column of the table; a column with a dot in its name is one.
#[test]
fn parts_of_columns_are_read_from_the_column() {
    let mut query = Query::read(include_str!("recorded/stg_events.txt")).unwrap();
    assert_eq!(told(&query)["ms"], "~analytics.events.properties_json.ms");
    let columns = ["event_id", "properties_json", "properties_json.ms"].map(str::to_owned);
    let columns = BTreeSet::from(columns);
    query.settle(|table| (table == "analytics.events").then_some(&columns));
    let told = told(&query);
    assert_eq!(told["ms"], "~analytics.events.properties_json.ms");
    assert_eq!(told["path"], "~analytics.events.properties_json");
    assert_eq!(told["event_id"], "=analytics.events.event_id");
}

#[test]
fn unions_go_by_position_and_those_that_compare_choose_rows() {
    check(
        include_str!("recorded/union.txt"),
        &[
            ("a", "=public.orders.id =public.subscriptions.user_id"),
            ("b", "=public.orders.total =public.subscriptions.mrr"),
            (
                "(rows)",
                "public.orders.id public.orders.total public.subscriptions.mrr public.subscriptions.user_id",
            ),
        ],
    );
}

/// A column that a CTE takes along for nobody is read all the same: without it the query fails.
#[test]
fn subqueries_within_a_row() {
    check(
        include_str!("recorded/subqueries.txt"),
        &[
            ("id", "=public.orders.id"),
            ("refunds", ""),
            ("most", "~public.subscriptions.mrr"),
            ("(rows)", "public.orders.id public.refunds.order_id"),
            ("(read)", "public.orders.placed_at public.orders.user_id"),
        ],
    );
}

#[test]
fn what_is_not_in_the_tree_is_not_guessed() {
    let reads = |name: &str| format!("?{name} reads what is no table of the query");
    check(
        include_str!("recorded/readers.txt"),
        &[
            ("name", &format!("~public.orders.id {}", reads("dictGet"))),
            ("v", &format!("~public.orders.id {}", reads("joinGet"))),
            ("total", "=public.orders.total"),
            ("(rows)", "public.orders.user_id ?the whole of public.users"),
        ],
    );
    check(
        include_str!("recorded/joins.txt"),
        &[
            ("amount", "=public.refunds.amount"),
            ("kind", "=public.refunds.reason"),
            ("name", "?what the table function remote reads"),
            (
                "(rows)",
                "public.orders.id public.refunds.order_id ?what the table function remote reads",
            ),
        ],
    );
    check(
        include_str!("recorded/recursive.txt"),
        &[
            ("n", "=public.orders.id ?a recursive CTE"),
            ("s", "=public.orders.status ?a recursive CTE"),
            ("(rows)", "?a recursive CTE"),
        ],
    );
}

/// Whatever becomes of the format, it is told as known or not at all.
#[test]
fn a_tree_that_is_cut_anywhere_breaks_nothing() {
    let whole = include_str!("recorded/readers.txt");
    for end in (0..whole.len()).filter(|end| whole.is_char_boundary(*end)) {
        let _ = Query::read(&whole[..end]);
    }
    let without_sources = whole.replace("source_id", "source");
    let query = Query::read(&without_sources).unwrap();
    assert!(query.columns.iter().all(|column| !column.not_known.is_empty()), "{query:?}");
}
