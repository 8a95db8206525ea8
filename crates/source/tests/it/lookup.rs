//! Rows by their key, of a table that became another one meanwhile.

use cluster::Cluster;
use model::{Block, Lsn, Op, Table, Version};
use source::lookup::{Found, Today, rows_by_key};
use std::sync::Arc;
use tokio_postgres::Client;

/// Keys 1 and 2 of the table as it was.
fn keys(table: &Table) -> Block {
    let mut block = Block::new(Arc::new(table.clone()));
    for key in 1..=2i32 {
        for (at, cells) in block.columns.iter_mut().enumerate() {
            match at {
                0 => cells.push_fixed(key.to_le_bytes()),
                _ => cells.push_default(),
            }
        }
        block.end_row(Op::Update, Version::of_change(Lsn(1), Lsn(key as u64)));
    }
    block
}

async fn look_up(client: &Client, table: &Table) -> Found {
    rows_by_key(client, &keys(table), &[0, 1], &[1, 2, 3]).await.unwrap()
}

/// `-` where it is no more, `?` where it is another one.
fn shown(found: &Found) -> String {
    let column = |today: &Today| match today {
        Today::Dropped => "-".to_owned(),
        Today::Other => "?".to_owned(),
        Today::Values(cells) => format!("{}/{}", cells.rows(), cells.size_bytes()),
    };
    let columns: Vec<String> = found.columns.iter().map(column).collect();
    format!("{} {:?}", columns.join(" "), found.at)
}

#[tokio::test]
async fn a_table_is_found_by_what_does_not_change() {
    let cluster = Cluster::start();
    cluster.sql(
        "create schema s; create table s.t (id int primary key, a text, b varchar[], c jsonb);
         insert into s.t values (2, 'text', '{x,y}', '{}'); create publication p for table s.t",
    );
    let client = source::client::connect(&cluster.url().parse().unwrap()).await.unwrap();
    let table = source::catalog::published_tables(&client, "p").await.unwrap().remove(0);
    let whole = shown(&look_up(&client, &table).await);
    assert_eq!(whole, "1/12 1/26 1/10 [None, Some(0)]");
    for same in [
        "alter table s.t rename to t2; alter schema s rename to s2",
        "alter table s2.t2 rename id to key; alter table s2.t2 rename a to d; alter table s2.t2 rename b to a",
        "alter table s2.t2 alter d type varchar, alter a type text[], alter key type bigint",
    ] {
        cluster.sql(same);
        assert_eq!(shown(&look_up(&client, &table).await), whole, "{same}");
    }
    for (change, left) in [
        ("alter table s2.t2 alter c type text", "1/12 1/26 ? [None, Some(0)]"),
        ("alter table s2.t2 drop a", "1/12 - ? [None, Some(0)]"),
        ("alter table s2.t2 drop d", "- - ? [None, None]"),
        ("alter table s2.t2 add e jsonb, alter key type text", "- - ? [None, None]"),
        ("alter table s2.t2 drop key", "? ? ? [None, None]"),
        ("drop table s2.t2", "? ? ? [None, None]"),
    ] {
        cluster.sql(change);
        assert_eq!(shown(&look_up(&client, &table).await), left, "{change}");
    }
}

#[tokio::test]
async fn keys_that_cannot_be_compared_any_more_find_nothing() {
    let cluster = Cluster::start();
    cluster.sql(
        "create table t (id int primary key, a text, b text, c text); insert into t values (2, 'x', 'y', 'z');
         create publication p for table t",
    );
    let client = source::client::connect(&cluster.url().parse().unwrap()).await.unwrap();
    let table = source::catalog::published_tables(&client, "p").await.unwrap().remove(0);
    cluster.sql("alter table t alter id type text");
    assert_eq!(shown(&look_up(&client, &table).await), "? ? ? [None, None]");
}
