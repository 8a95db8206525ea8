//! NULLs of columns that have none any more: they come in the log, are kept, are compared, and come back.

use crate::support::{World, assert_equal};
use flow::quarantine::ReplayOptions;
use flow::verify::PieceOptions;
use model::{ColumnOptions, Mode, OnUpdate, Rule, TableOptions};

/// "Add, fill, set not null", all of it while nobody looked: the rows of before have NULL in the log alone.
#[tokio::test(flavor = "multi_thread")]
async fn a_column_may_be_filled_and_set_not_null_while_it_is_down() {
    let wide =
        TableOptions { mode: Mode::Append, on_update: OnUpdate::Append, ..TableOptions::default() };
    let world = World::new(
        "n_filled",
        "create table m (id int primary key, c int, d text);
         create table e (like m including all); create table w (like m including all); create table h (like m including all);
         insert into m select i, i, 'd' from generate_series(1, 5) i;
         insert into e select * from m; insert into w select * from m; insert into h select * from m;
         create publication p for all tables",
    )
    .append("e")
    .kept_as("w", wide)
    .history("h");
    let pipeline = world.start();
    world.settle(&pipeline).await;
    pipeline.shutdown().await.unwrap();
    for table in ["m", "e", "w", "h"] {
        // More of them than a batch may have refused.
        world.sql(&format!(
            "insert into {table} select i, null, null from generate_series(101, 1300) i;
             update {table} set c = 0, d = '' where c is null;
             alter table {table} alter c set not null, alter d set not null, add f int;
             insert into {table} select i, i, 'd', i from generate_series(1301, 1310) i"
        ));
    }
    let pipeline = world.start();
    assert_equal(&world, &pipeline, "set not null").await;
    world.assert_mirror("m", "id, c, d, f", "id").await;
    let counted = "count(), countIf(c is null and d is null), countIf(c = 0 and d = '')";
    for (table, wanted) in [("e", "1215|1200|0"), ("w", "2415|1200|1200")] {
        let rows = format!("select {counted} from {{s}}.{table}");
        assert_eq!(world.stored(&rows).await, wanted, "{table}");
    }
    let changes =
        "select _op, count(), countIf(c is null), countIf(d = '') from {s}.h group by 1 order by 1";
    assert_eq!(
        world.stored(changes).await,
        "insert|1210|1200|0\nsnapshot|5|0|0\nupdate|1200|0|1200"
    );
    let refused =
        "select count() from millrace.quarantine final where startsWith(source_table, 'n_filled.')";
    assert_eq!(world.stored(refused).await, "0");
    // A few rows at a time, as well.
    for table in ["m", "e", "w", "h"] {
        let mut options =
            PieceOptions { table: format!("n_filled.{table}"), percent: 100.0, from: None };
        loop {
            let piece = pipeline.handle().verify_piece(&options).await.unwrap();
            assert!(piece.differences.is_empty() && piece.skipped.is_none(), "{table}: {piece:?}");
            options.from = piece.next.clone();
            if options.from.is_none() {
                break;
            }
        }
    }
    pipeline.shutdown().await.unwrap();
}

/// What was set aside is of a time when the column might be NULL.
#[tokio::test(flavor = "multi_thread")]
async fn a_replay_brings_nulls_of_before_and_what_is_behind_them() {
    let mut world = World::new(
        "n_replay",
        "create table e (id int primary key, v numeric, c int); create table h (like e including all);
         create publication p for all tables",
    )
    .append("e")
    .history("h");
    let pipeline = world.start();
    world.settle(&pipeline).await;
    for table in ["e", "h"] {
        world.sql(&format!(
            "insert into {table} values (1, 'NaN', null), (2, 'NaN', 2); update {table} set c = 0 where c is null;
             alter table {table} alter c set not null; insert into {table} values (3, 'NaN', 3)"
        ));
    }
    world.settle(&pipeline).await;
    pipeline.shutdown().await.unwrap();
    let null = ColumnOptions { on_unrepresentable: Some(Rule::Null), ..ColumnOptions::default() };
    for options in world.tables.values_mut() {
        options.columns.insert("v".into(), null.clone());
    }
    let pipeline = world.start();
    world.settle(&pipeline).await;
    let replayed = pipeline.handle().replay(ReplayOptions::default()).await.unwrap();
    let counts = replayed.iter().map(|table| (table.replayed, table.refused, &table.skipped));
    assert_eq!(Vec::from_iter(counts), [(3, 0, &None), (4, 0, &None)]);
    assert_equal(&world, &pipeline, "replayed").await;
    let rows = "select id, v, c from {s}.e order by id";
    assert_eq!(world.stored(rows).await, "1||\n2||2\n3||3");
    let changes = "select _op, id, c from {s}.h where _op != 'quarantined' order by _version";
    assert_eq!(world.stored(changes).await, "insert|1|\ninsert|2|2\nupdate|1|0\ninsert|3|3");
    pipeline.shutdown().await.unwrap();
}

/// What rows are ordered by cannot be altered: such a row is set aside, and its table goes on.
#[tokio::test(flavor = "multi_thread")]
async fn nulls_of_a_moment_in_what_rows_are_ordered_by_are_set_aside() {
    let ordered = |mode| TableOptions {
        mode,
        order_by: vec!["c".into(), "id".into()],
        ..TableOptions::default()
    };
    let world = World::new(
        "n_ordered",
        "create table e (id int primary key, c int not null); create table h (like e including all);
         insert into e values (1, 1); insert into h values (1, 1); create publication p for all tables",
    )
    .kept_as("e", ordered(Mode::Append))
    .kept_as("h", ordered(Mode::History));
    let pipeline = world.start();
    world.settle(&pipeline).await;
    pipeline.shutdown().await.unwrap();
    for table in ["e", "h"] {
        world.sql(&format!(
            "alter table {table} alter c drop not null; insert into {table} values (2, null), (3, 3);
             update {table} set c = 2 where id = 2; alter table {table} alter c set not null; insert into {table} values (4, 4)"
        ));
    }
    let pipeline = world.start();
    world.settle(&pipeline).await;
    assert_eq!(world.stored("select id, c from {s}.e order by id").await, "1|1\n3|3\n4|4");
    let changes = "select id, _op, if(_op = 'quarantined', -1, c) from {s}.h order by id, _version";
    assert_eq!(
        world.stored(changes).await,
        "1|snapshot|1\n2|quarantined|-1\n2|update|2\n3|insert|3\n4|insert|4"
    );
    let refused = "select source_table, column from millrace.quarantine final where startsWith(source_table, '{s}.') order by 1";
    assert_eq!(world.stored(refused).await, "n_ordered.e|c\nn_ordered.h|c");
    pipeline.shutdown().await.unwrap();
}
