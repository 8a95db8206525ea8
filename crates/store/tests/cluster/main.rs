//! The DDL of one server and of a cluster, as it was looked over, word for word.

use model::{
    Column, ColumnOptions, Mode, OnUpdate, PgType, ReplicaIdentity, Table, TableId, TableName,
    TableOptions,
};
use std::path::Path;
use std::sync::Arc;
use store::{Layout, Step, Target};

/// One target of each kind, in the order of the golden files.
fn targets() -> Vec<Target> {
    let column =
        |name: &str, pg: PgType, not_null: bool| Column { not_null, ..Column::new(name, pg) };
    let table = |name: &str, key: &[usize], identity| {
        Arc::new(Table {
            key: key.to_vec(),
            identity,
            ..Table::new(
                TableId(1),
                TableName::new("public", name),
                vec![
                    column("id", PgType::Int8, true),
                    column("line", PgType::Int4, true),
                    column("name", PgType::Text, false),
                    column("at", PgType::Timestamptz, true),
                    column("note", PgType::Jsonb, false),
                ],
            )
        })
    };
    let json = ColumnOptions { clickhouse_type: Some("JSON".into()), ..ColumnOptions::default() };
    let columns = [("note".to_owned(), json)];
    let facts = TableOptions {
        mode: Mode::Append,
        target: Some(TableName::new("analytics", "events")),
        order_by: vec!["name".into(), "at".into()],
        partition_by: Some("toYYYYMM(at)".into()),
        ttl: Some("toDateTime(at) + INTERVAL 2 YEAR".into()),
        columns: columns.into_iter().collect(),
        ..TableOptions::default()
    };
    let heap = TableOptions {
        order_by: Vec::new(),
        partition_by: None,
        ttl: None,
        target: None,
        ..facts.clone()
    };
    let applied = TableOptions { on_update: OnUpdate::Apply, target: None, ..facts.clone() };
    let history = TableOptions { mode: Mode::History, ..TableOptions::default() };
    let by_key = ReplicaIdentity::Default;
    [
        (table("orders", &[0], by_key), TableOptions::default()),
        (table("lines", &[0, 1], by_key), TableOptions::default()),
        (table("whole", &[], ReplicaIdentity::Full), TableOptions::default()),
        (table("events", &[], by_key), facts),
        (table("heap", &[], by_key), heap),
        (table("applied", &[0], by_key), applied),
        (table("changes", &[0], by_key), history),
    ]
    .into_iter()
    .map(|(table, options)| Target::resolve(table, &options, None).unwrap())
    .collect()
}

/// What is done once, and what may be done then.
fn statements(layout: &Layout) -> Vec<String> {
    let mut statements = layout.system();
    statements.push(layout.claims());
    for target in targets() {
        statements.extend(layout.create(&target));
        statements.extend(layout.spread(&target));
        let view = || layout.view(&target.name, &target.visible(), &target.rows);
        statements.extend((target.mode == Mode::Mirror).then(view));
    }
    let (orders, events) = (&targets()[0], &targets()[3]);
    let aside = TableName::new("millrace", "before_public.orders");
    let view = TableName::new("millrace", "moved_view slot 1");
    let added = Step::Add("added".into(), "Nullable(String)".into());
    let wider = Step::Modify("line".into(), "Int64".into());
    statements.extend(layout.alter_spread(&orders.rows, &[added, wider]));
    let renamed = Step::Rename { before: "title".into(), now: "name".into() };
    statements.push(layout.alter(&events.rows, &[renamed]));
    statements.push(layout.delete(&events.rows, |rows| format!("id IN (SELECT id FROM {rows})")));
    statements.push(layout.delete_some(&events.rows, "id = 7"));
    statements.push(layout.truncate(&orders.rows));
    statements.extend(layout.rename(&orders.rows, &aside));
    statements.extend(layout.drop_table(&aside));
    statements.extend(layout.drop_table_now(&aside));
    statements.extend(layout.database("elsewhere"));
    statements.push(layout.rename_view(&orders.name, &view));
    statements.push(layout.drop_view(&view));
    statements
}

/// `MILLRACE_WRITE_DOCS=1` writes the files anew.
#[test]
fn statements_are_those_that_were_looked_over() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cluster");
    for (file, layout) in
        [("server.sql", Layout::of(None)), ("cluster.sql", Layout::of(Some("prod")))]
    {
        let statements = statements(&layout);
        let text: String = statements.iter().map(|statement| format!("{statement};\n\n")).collect();
        let path = folder.join(file);
        if std::env::var_os("MILLRACE_WRITE_DOCS").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        assert!(std::fs::read_to_string(&path).unwrap() == text, "{file} is not what is made now");
    }
}
