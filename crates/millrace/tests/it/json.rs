//! Columns that are kept as ClickHouse's JSON: objects arrive, a NULL is an object without fields,
//! anything else is quarantined, and a DELETE is a DELETE; in the copy and in the stream alike.

use crate::project;
use cluster::Cluster;

const TABLES: &str = r#"
[tables."public.orders".columns]
extra = { type = "JSON" }
[tables."public.facts"]
mode = "append"
order_by = ["id"]
[tables."public.facts".columns]
extra = { type = "JSON" }
"#;

fn rows(from: u32) -> String {
    let mut sql = String::new();
    for table in ["orders", "facts"] {
        let extras = [r#"'{"a": {"b": 1}}'"#, "null", "'[1]'", "'null'", "' {}'"];
        for (id, extra) in (from..).zip(extras) {
            sql += &format!("insert into {table} values ({id}, {extra});");
        }
    }
    sql
}

#[test]
fn json_columns_take_objects_and_nothing_stops_their_table() {
    let cluster = Cluster::start();
    cluster.sql(
        "create table orders (id int primary key, extra jsonb);
         create table facts (id int primary key, extra json)",
    );
    cluster.sql(&rows(1));
    let project = project(&cluster, TABLES);
    let mut up = project.up();
    up.wait_ready();
    cluster.sql(&rows(11));
    cluster.sql(
        r#"delete from orders where id = 1;
           update orders set extra = '7' where id = 11;
           update orders set extra = '{"a": {"b": 2}}' where id = 13;
           insert into orders values (20, '{"last": true}'); insert into facts values (20, '{}')"#,
    );
    for table in ["orders", "facts"] {
        up.wait_for(&format!("SELECT count() FROM public.{table} WHERE id = 20"), "1");
    }
    let shown = |table: &str| {
        up.query(&format!("SELECT id, extra FROM public.{table} ORDER BY id FORMAT TSVRaw"))
    };
    let lines = |rows: &[&str]| rows.join("\n");
    assert_eq!(
        shown("orders"),
        lines(&[
            "2\t{}",
            "5\t{}",
            "12\t{}",
            "13\t{\"a\":{\"b\":2}}",
            "15\t{}",
            "20\t{\"last\":true}"
        ])
    );
    let copied = ["1\t{\"a\":{\"b\":1}}", "2\t{}", "5\t{}"];
    let streamed = ["11\t{\"a\":{\"b\":1}}", "12\t{}", "15\t{}", "20\t{}"];
    assert_eq!(shown("facts"), lines(&[&copied[..], &streamed[..]].concat()));
    let tables = project.status()["tables"].clone();
    let counted: Vec<_> = tables
        .as_array()
        .unwrap()
        .iter()
        .map(|t| (t["rejected_rows"].as_u64().unwrap(), t["clamped_columns"].to_string()))
        .collect();
    // facts, orders: two of each five rows, and one update more.
    assert_eq!(counted, [(4, r#"{"extra":2}"#.to_owned()), (5, r#"{"extra":2}"#.to_owned())]);
    assert_eq!(up.stop(), Some(0));
}
