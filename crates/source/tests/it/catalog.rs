//! What the catalog says of columns, where versions of Postgres differ.

use cluster::Cluster;
use model::Table;
use source::catalog::published_tables;

fn published(cluster: &Cluster) -> Vec<Table> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let client = source::client::connect(&cluster.url().parse().unwrap()).await.unwrap();
        published_tables(&client, "p").await.unwrap()
    })
}

fn columns(table: &Table) -> Vec<(&str, bool)> {
    table.columns.iter().map(|column| (column.name.as_str(), column.not_null)).collect()
}

/// Postgres 18 keeps NOT NULL as a constraint, which may be NOT VALID: `attnotnull` is set, and old
/// rows hold NULLs all the same.
#[test]
fn a_not_null_that_old_rows_may_break_is_none_until_it_is_validated() {
    let cluster = Cluster::start();
    cluster.sql(
        "create table t (id int primary key, a int not null, b int); create publication p for table t;
         insert into t values (1, 1, null)",
    );
    assert_eq!(columns(&published(&cluster)[0]), [("id", true), ("a", true), ("b", false)]);
    if cluster::major() < 18 {
        cluster::skip("NOT NULL is no constraint there");
        return;
    }
    cluster.sql("alter table t add constraint b_is_there not null b not valid");
    assert_eq!(columns(&published(&cluster)[0])[2], ("b", false));
    cluster.sql("update t set b = 1; alter table t validate constraint b_is_there");
    assert_eq!(columns(&published(&cluster)[0])[2], ("b", true));
}

/// What `attnames` holds: never a virtual column, a stored one where the publication sends it.
#[test]
fn generated_columns_are_those_that_the_publication_sends() {
    let cluster = Cluster::start();
    cluster.sql(
        "create table t (id int primary key, n int, s int generated always as (n + 1) stored);
         create publication p for table t",
    );
    let names = |cluster: &Cluster| -> Vec<String> {
        published(cluster)[0].columns.iter().map(|column| column.name.clone()).collect()
    };
    assert_eq!(names(&cluster), ["id", "n"]);
    if cluster::major() < 18 {
        cluster::skip("its publications never send generated columns");
        return;
    }
    cluster.sql("alter table t add v int generated always as (n + 2) virtual");
    assert_eq!(names(&cluster), ["id", "n"]);
    cluster.sql("alter publication p set (publish_generated_columns = stored)");
    assert_eq!(names(&cluster), ["id", "n", "s"]);
    // A column list says it by itself.
    cluster.sql(
        "alter publication p set (publish_generated_columns = none);
         alter publication p set table t (id, s)",
    );
    assert_eq!(names(&cluster), ["id", "s"]);
}
