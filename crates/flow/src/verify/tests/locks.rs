//! What others do to the tables while they are compared.

use super::*;

const TABLES: &str = "
    create table a (id int8 primary key, v text); create table b (id int8 primary key, v text);
    insert into a select i, 'a' || i from generate_series(1, 300000) i;
    insert into b select i, 'b' || i from generate_series(1, 300000) i;";

fn all() -> VerifyOptions {
    VerifyOptions { tables: vec![], keys_max: 100 }
}

/// Large tables take both connections; neither may stand in line behind the TRUNCATE.
#[tokio::test(flavor = "multi_thread")]
async fn a_truncate_waits_for_the_end_of_the_comparison() {
    let pair = Pair::start("v_waits", TABLES).copied().await;
    let locked = pair.locked().await;
    let address = pair.address.clone();
    let truncate = tokio::spawn(async move {
        let client = source::client::connect(&address).await.unwrap();
        client.batch_execute("set lock_timeout = 0; truncate a, b").await.unwrap();
    });
    let waits = "select exists (select from pg_locks where not granted \
                 and mode = 'AccessExclusiveLock')";
    while pair.cluster.sql(waits) != "t" {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let verdicts = pair.verify_in(locked, all()).await;
    assert_eq!(verdicts.len(), 2);
    verdicts.iter().for_each(assert_equal);
    assert!(verdicts.iter().all(|verdict| verdict.source_rows == 300_000), "{verdicts:#?}");
    truncate.await.unwrap();
    assert_eq!(pair.cluster.sql("select count(*) from a"), "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_rewritten_after_the_snapshot_asks_for_a_new_one() {
    let tables = "create table t (id int8 primary key); insert into t values (1), (2)";
    let pair = Pair::start("v_rewritten", tables).copied().await;
    let snapshot = Snapshot::open(&pair.address).await.unwrap();
    pair.cluster.sql("truncate t; insert into t values (1), (2)");
    let error = Locked::of(snapshot, &pair.ids()).await.err().unwrap();
    assert_eq!(error.fate(), Fate::Transient);
    assert!(error.report().contains("rewritten, truncated or renamed"), "{}", error.report());
    assert_equal(&pair.one().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_cannot_be_compared_leaves_the_others_alone() {
    let tables = "
        create table a (id int8 primary key); create table gone (id int8 primary key);
        create table z (id int8 primary key);
        insert into a values (1); insert into gone values (1); insert into z values (1);";
    let pair = Pair::start("v_gone", tables).copied().await;
    pair.cluster.sql("drop table gone; alter table a rename id to other");
    let verdicts = pair.verify().await;
    let of = |name: &str| verdicts.iter().find(|verdict| verdict.name == name).unwrap();
    let skipped = |name: &str| of(name).skipped.clone().unwrap_or_default();
    assert!(skipped("public.gone").contains("cannot find the table"), "{verdicts:#?}");
    // Its columns are not those of the snapshot: the statement fails, and the next ones work.
    assert!(skipped("public.a").contains("id"), "{verdicts:#?}");
    assert_equal(of("public.z"));
}
