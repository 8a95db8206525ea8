//! `lint-migration` as it is typed.

use crate::{err, millrace, out};
use std::path::Path;
use std::process::Output;

const CONFIG: &str = "[source]\nurl = \"${DATABASE_URL}\"\npublication = \"shop\"\n\n\
    [tables.\"public.events\"]\nmode = \"append\"\norder_by = [\"kind\"]\n";

fn files(of: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in of {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn lint(folder: &Path, args: &[&str]) -> Output {
    millrace(folder, &[&["lint-migration"], args].concat())
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

#[test]
fn a_statement_is_told_as_a_compiler_would() {
    let folder = files(&[(
        "7.sql",
        "-- migrate:up transaction:false\nSET lock_timeout = '2s';\n\
         ALTER TABLE orders ADD COLUMN note text;\nCREATE INDEX ON orders (note);\n\
         -- migrate:down\nDROP TABLE orders;\n",
    )]);
    let output = lint(folder.path(), &["7.sql"]);
    assert_eq!(
        out(&output),
        "7.sql:2: safe: no table's rows or columns change\n\
         7.sql:3: followed: column note is added to public.orders\n  \
           mirror: old rows show NULL, as in Postgres\n  \
           lock: ACCESS EXCLUSIVE on public.orders for a moment: readers and writers wait\n\
         7.sql:4: plan: an index of public.orders is built\n  \
           lock: SHARE on public.orders while its rows are read: writers wait\n  \
           better: CREATE INDEX CONCURRENTLY, outside of a transaction; writers go on meanwhile\n\
         fails: 3 statements in 1 file; 1 plan, 1 followed, 1 safe\n"
    );
    assert_eq!((code(&output), err(&output).as_str()), (1, ""));
}

#[test]
fn the_exit_code_is_the_answer() {
    let folder = files(&[
        ("safe.sql", "insert into t values (1);"),
        ("followed.sql", "set lock_timeout = '1s'; alter table t add a int;"),
        ("plan.sql", "drop table t;"),
        ("wrong.sql", "select 1;\ndrop tabel t;\n"),
        ("back.down.sql", "drop table t;"),
        ("millrace.toml", CONFIG),
    ]);
    for (args, expected) in [
        (&["safe.sql"][..], 0),
        (&["followed.sql"], 0),
        (&["plan.sql"], 1),
        (&["safe.sql", "plan.sql"], 1),
        (&["--fail-on", "followed", "followed.sql"], 1),
        (&["--fail-on", "followed", "safe.sql"], 0),
        (&["--fail-on", "safe", "safe.sql"], 1),
        (&["back.down.sql"], 0),
        (&["plan.sql", "wrong.sql"], 2),
        (&["missing.sql"], 2),
        (&["--against", "missing.toml", "safe.sql"], 2),
        (&["--against", "millrace.toml", "safe.sql"], 0),
        (&["--schema", "wrong.sql", "safe.sql"], 2),
        (&[], 2),
    ] {
        let output = lint(folder.path(), args);
        assert_eq!(code(&output), expected, "{args:?}: {}{}", out(&output), err(&output));
    }
    let output = lint(folder.path(), &["wrong.sql"]);
    assert!(err(&output).starts_with("wrong.sql:2: error: syntax error at or near \"tabel\"\n"));
    let output = lint(folder.path(), &["back.down.sql"]);
    assert_eq!(err(&output), "back.down.sql: the way down, which is not read\n");
}

#[test]
fn programs_read_json() {
    let folder = files(&[
        ("1.sql", "alter table t alter a type bigint;\nselect );"),
        ("schema.sql", "create table t (id int primary key, a int);"),
    ]);
    let output = lint(folder.path(), &["--json", "--schema", "schema.sql", "1.sql"]);
    assert_eq!(code(&output), 2);
    let answer: serde_json::Value = serde_json::from_str(&out(&output)).unwrap();
    assert_eq!((&answer["passes"], &answer["fail_on"]), (&false.into(), &"plan".into()));
    let file = &answer["files"][0];
    assert_eq!((&file["file"], &file["statements"]), (&"1.sql".into(), &2.into()));
    assert_eq!(file["errors"][0]["line"], 2);
    let finding = &file["findings"][0];
    for (key, value) in [("level", "plan"), ("code", "type_change"), ("table", "public.t")] {
        assert_eq!(finding[key], value, "{finding}");
    }
    assert_eq!(finding["what"], "public.t.a changes from integer to bigint");
    assert_eq!(
        finding["locks"][0],
        serde_json::json!({ "table": "public.t", "lock": "ACCESS EXCLUSIVE", "work": "rewrite",
                            "blocks_readers": true, "blocks_writers": true })
    );
}

#[test]
fn the_configuration_says_whose_publication_it_is() {
    let folder = files(&[
        (
            "1.sql",
            "drop publication other;\nset lock_timeout = '1s';\nalter table events drop column kind;",
        ),
        ("millrace.toml", CONFIG),
    ]);
    let output = lint(folder.path(), &["1.sql"]);
    assert!(out(&output).starts_with("1.sql:1: plan: publication other is dropped\n"));
    let output = lint(folder.path(), &["--against", "millrace.toml", "1.sql"]);
    assert!(out(&output).starts_with("1.sql:1: safe: publication other is dropped\n"));
    assert!(out(&output).contains("order_by under [tables.\"public.events\"] names it"));
    assert_eq!(code(&output), 1);
}

/// As dbt writes it: models, and the table that each has as its source.
fn manifest(models: &[(&str, &str)]) -> String {
    let node = |(name, _): &(&str, &str)| {
        let node = serde_json::json!({
            "resource_type": "model", "package_name": "p", "schema": "marts", "alias": name,
            "original_file_path": format!("models/{name}.sql"),
            "depends_on": { "nodes": [format!("source.{name}")] },
        });
        (format!("model.{name}"), node)
    };
    let source = |(name, table): &(&str, &str)| {
        let (schema, identifier) = table.split_once('.').unwrap();
        let source = serde_json::json!({ "schema": schema, "identifier": identifier });
        (format!("source.{name}"), source)
    };
    let nodes: serde_json::Map<_, _> = models.iter().map(node).collect();
    let sources: serde_json::Map<_, _> = models.iter().map(source).collect();
    serde_json::json!({ "nodes": nodes, "sources": sources }).to_string()
}

/// With dbt's file alone by the configuration; where the lineage was kept, by what the store had written down.
#[test]
fn models_are_found_by_files_alone() {
    let folder = files(&[
        (
            "1.sql",
            "set lock_timeout = '1s'; drop table orders; drop table events; drop table facts;
             alter table facts drop column seen; drop schema log cascade;
             alter publication shop set table orders, happened",
        ),
        ("millrace.toml", CONFIG),
    ]);
    let told = || -> Vec<String> {
        let output = lint(folder.path(), &["--against", "millrace.toml", "1.sql"]);
        let text = out(&output);
        let lines = text.lines().filter_map(|line| line.trim().strip_prefix("models: "));
        lines.map(str::to_owned).collect()
    };
    assert_eq!(told(), [""; 0]);
    let target = folder.path().join("dbt/target");
    std::fs::create_dir_all(&target).unwrap();
    let models = [
        ("shown", "public.orders"),
        ("below", "public_raw.orders"),
        ("no_mirror", "public_raw.events"),
        ("stays", "public.events"),
        ("moved", "analytics.log"),
        ("other", "analytics.other"),
    ];
    std::fs::write(target.join("manifest.json"), manifest(&models)).unwrap();
    let by_configuration =
        ["marts.shown, marts.below read it", "marts.stays reads it", "marts.stays reads it"];
    assert_eq!(told(), by_configuration);
    // Facts that were called something else when their section was written; of the orders it is out of date.
    let held = |mode: &str, table: &str, columns: serde_json::Value| {
        let postgres = serde_json::json!({ "table": table, "columns": columns });
        serde_json::json!({ "kind": mode, "postgres": postgres })
    };
    let kept = serde_json::json!({ "version": 2, "relations": {
        "analytics.log": held("append", "public.facts", serde_json::json!({ "at": "seen" })),
        "public.events": held("append", "public.happened", serde_json::json!({})),
        "analytics.other": held("append", "log.other", serde_json::json!({})),
        "shop.orders": held("mirror", "public.orders", serde_json::json!({})),
    }});
    std::fs::write(target.join("millrace-lineage.json"), kept.to_string()).unwrap();
    let expected = [
        "marts.shown, marts.below read it",
        "marts.stays reads it",
        "marts.moved reads it",
        "marts.moved reads the table (whether this column of it, millrace lineage finds out)",
        "marts.other reads it",
        "marts.other, marts.moved read it",
    ];
    assert_eq!(told(), expected);
}
