//! What was bent is found: these keys and no others.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_bent_row_of_each_kind_is_named() {
    let tables = "create table t (id int8 primary key, v text);
                  insert into t select i, 'v' || i from generate_series(-500, 20000) i";
    let pair = Pair::start("v_mirror", tables).copied().await;
    assert_equal(&pair.one().await);
    let newer = "(SELECT max(_version) + 1 FROM v_mirror_raw.t)";
    bend(&format!("INSERT INTO v_mirror_raw.t SELECT -7, 'x', {newer}, 0")).await;
    bend(&format!("INSERT INTO v_mirror_raw.t SELECT 8, '', {newer}, 1")).await;
    bend(&format!("INSERT INTO v_mirror_raw.t SELECT 30000, 'v', {newer}, 0")).await;
    let verdict = pair.one().await;
    assert_eq!(listed(&verdict), "changed -7, extra 30000, missing 8");
    assert_eq!(
        (verdict.differing_keys, verdict.source_rows, verdict.store_rows),
        (3, 20501, 20501)
    );
    // A row at the source that nobody streamed.
    pair.cluster.sql("delete from t where id = 100; insert into t values (200000, null)");
    assert_eq!(
        listed(&pair.one().await),
        "changed -7, extra 100, extra 30000, missing 8, missing 200000"
    );
    let few = pair.verify_with(VerifyOptions { tables: vec![], keys_max: 2 }).await;
    assert_eq!((few[0].differences.len(), few[0].differing_keys), (2, 5));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_row_of_an_empty_store_is_counted() {
    let tables =
        "create table t (id int4 primary key); insert into t select generate_series(1, 9000)";
    let pair = Pair::start("v_empty", tables).copied().await;
    bend("TRUNCATE TABLE v_empty_raw.t").await;
    let verdict = pair.one().await;
    assert_eq!((verdict.differing_keys, verdict.differences.len()), (9000, 100));
    assert!(verdict.differences.iter().all(|d| d.kind == "missing"));
    pair.cluster.sql("truncate t");
    assert_equal(&pair.one().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_of_text_and_of_several_columns_are_told_apart() {
    let tables = r#"
        create table t ("Shop's" text, n int4, v text, primary key ("Shop's", n));
        insert into t values ('', 1, 'a'), ('it''s "x"', 1, 'b'), ('a|b', 1, 'c'), ('a', 11, 'd'), ('a1', 1, 'e'),
            ('übergröße 𝄞', 2, ''), (E'tab\tnew\nline\\', 3, null), (' ', 4, 'f'), ('1:a', 5, 'g')"#;
    let pair = Pair::start("v_keys", tables).copied().await;
    assert_equal(&pair.one().await);
    for key in [
        "('', 1",
        "('it\\'s \"x\"', 1",
        "('a', 11",
        "('übergröße 𝄞', 2",
        "('tab\\tnew\\nline\\\\', 3",
    ] {
        let newer = "(SELECT max(_version) + 1 FROM v_keys_raw.t)";
        let values = key.trim_start_matches('(');
        bend(&format!("INSERT INTO v_keys_raw.t SELECT {values}, 'bent', {newer}, 0")).await;
    }
    let verdict = pair.one().await;
    let mut keys: Vec<&str> = verdict.differences.iter().map(|d| d.key.as_str()).collect();
    keys.sort_unstable();
    assert_eq!(keys, [", 1", "a, 11", "it's \"x\", 1", "tab\tnew\nline\\, 3", "übergröße 𝄞, 2"]);
    assert!(verdict.differences.iter().all(|d| d.kind == "changed"));
}

/// docs/pains.md 16
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_append_table_keeps_what_the_source_deletes() {
    let tables = "create table t (id uuid primary key, v int4);
                  insert into t select md5(i::text)::uuid, i from generate_series(1, 5000) i";
    let mut pair = Pair::start("v_append", tables).with("public.t", append()).copied().await;
    assert_equal(&pair.one().await);
    pair.cluster.sql("delete from t where v <= 30; update t set v = -v where v > 4990");
    // Nobody updated them, as far as the stream knows: they are bent.
    let verdict = pair.one().await;
    assert_eq!((verdict.differing_keys, verdict.store_rows), (10, 5000));
    assert!(verdict.differences.iter().all(|d| d.kind == "changed"), "{verdict:#?}");
    pair.is_updated = true;
    let verdict = pair.one().await;
    assert_eq!((verdict.differing_keys, verdict.store_rows), (0, 5000));
    assert!(verdict.notes[0].starts_with("30 rows only in the store"), "{:?}", verdict.notes);
    assert!(
        verdict.notes[1].starts_with("10 rows other than at the source"),
        "{:?}",
        verdict.notes
    );
    bend("ALTER TABLE v_append.t DELETE WHERE v = 1000 SETTINGS mutations_sync = 1").await;
    bend("INSERT INTO v_append.t (id, v) SELECT id, v FROM v_append.t WHERE v IN (5, 2000) SETTINGS insert_deduplicate = 0").await;
    let verdict = pair.one().await;
    let key = |v: &str| pair.cluster.sql(&format!("select md5('{v}')::uuid"));
    let mut found: Vec<String> = listed(&verdict).split(", ").map(str::to_owned).collect();
    found.sort();
    let mut expected = [
        format!("duplicate {}", key("5")),
        format!("duplicate {}", key("2000")),
        format!("missing {}", key("1000")),
    ];
    expected.sort();
    assert_eq!(found, expected);
}

/// The store goes on with the type that it has.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nulls_of_before_are_compared_where_none_may_come_any_more() {
    let tables = "create table t (id int primary key, c int, d text);
                  insert into t select i, nullif(i, 7), case when i <> 7 then 'd' end from generate_series(1, 5000) i";
    let mut pair = Pair::start("v_nulls", tables).with("public.t", append()).copied().await;
    pair.cluster.sql("update t set c = 0, d = '' where id = 7; alter table t alter c set not null, alter d set not null");
    for column in &mut Arc::make_mut(&mut pair.targets[0]).columns[1..] {
        let inner = column.clickhouse.strip_prefix("Nullable(").unwrap().trim_end_matches(')');
        (column.clickhouse, column.nullable) = (inner.to_owned(), false);
    }
    assert_eq!(listed(&pair.one().await), "changed 7");
    pair.is_updated = true;
    let verdict = pair.one().await;
    assert_eq!((verdict.differing_keys, verdict.store_rows), (0, 5000));
    assert!(verdict.notes[0].starts_with("1 row other than at the source"), "{verdict:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_without_a_key_is_compared_row_by_row() {
    let tables = "create table t (name text, v int4);
                  insert into t select 'n' || i % 10, i % 3 from generate_series(1, 300) i;
                  insert into t values ('twice', 1), ('twice', 1), (null, null), ('', 0)";
    let pair = Pair::start("v_keyless", tables).with("public.t", append()).copied().await;
    let verdict = pair.one().await;
    assert_equal(&verdict);
    assert_eq!(verdict.source_rows, 304);
    bend("ALTER TABLE v_keyless.t DELETE WHERE name IS NULL SETTINGS mutations_sync = 1").await;
    bend("INSERT INTO v_keyless.t (name, v) VALUES ('', 0), ('twice', 1), ('new', 9)").await;
    let verdict = pair.one().await;
    assert_eq!(listed(&verdict), "duplicate , 0, duplicate twice, 1, missing , ");
    assert_eq!(verdict.differing_keys, 3);
    assert!(verdict.notes.iter().any(|n| n.starts_with("1 row only in the store")), "{verdict:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn filters_and_partitions_are_respected() {
    let tables = "create table f (id int4 primary key, ok bool);
                  insert into f select i, i % 2 = 0 from generate_series(1, 1000) i;
                  create table p (id int4 primary key, v text) partition by range (id);
                  create table p1 partition of p for values from (0) to (500);
                  create table p2 partition of p for values from (500) to (5000);
                  insert into p select i, 'v' from generate_series(1, 1000) i;
                  create publication everything for table f where (ok), table p
                    with (publish_via_partition_root = true)";
    let mut pair = Pair::start("v_filter", tables);
    pair.cluster.sql("alter table f replica identity full");
    pair = pair.copied().await;
    let verdicts = pair.verify().await;
    verdicts.iter().for_each(assert_equal);
    let rows: Vec<u64> = verdicts.iter().map(|verdict| verdict.source_rows).collect();
    assert_eq!(rows, [500, 1000]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_table_is_read_in_two_halves() {
    let tables = "create table t (id uuid primary key, v text);
                  insert into t select md5(i::text)::uuid, repeat(i::text, 40)
                    from generate_series(1, 100000) i; analyze t";
    let pair = Pair::start("v_large", tables).copied().await;
    let pages = pair.cluster.sql("select pg_relation_size('t') / 8192");
    assert!(pages.parse::<u32>().unwrap() > PAGES_SHARED_MIN, "{pages}");
    assert_equal(&pair.one().await);
    bend("ALTER TABLE v_large_raw.t DELETE WHERE v = repeat('7', 40) OR v = repeat('99999', 40) SETTINGS mutations_sync = 1").await;
    assert_eq!(pair.one().await.differing_keys, 2);
}
