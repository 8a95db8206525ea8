//! What schemas say that only the catalog knows.

use bus::write::{Encoder, Format, Known, Origin, SinkOptions};
use cluster::Cluster;
use serde_json::{Value, json};
use source::decode::tuple::Tuple;

#[test]
fn schemas_have_the_labels_and_defaults_of_the_catalog() {
    let cluster = Cluster::start();
    cluster.sql(
        "create type mood as enum ('sad', 'ok'); alter type mood add value 'so so' before 'ok';
         create table t (id bigserial primary key, mood mood not null default 'ok', moods mood[],
                         size int not null default -5, note text not null default 'it''s',
                         at timestamptz not null default now(), amount numeric(5,2) not null default 1,
                         maybe int default 7);
         create publication p for all tables",
    );
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (table, known) = runtime.block_on(async {
        let client = source::client::connect(&cluster.url().parse().unwrap()).await.unwrap();
        let mut tables = source::catalog::published_tables(&client, "p").await.unwrap();
        let table = tables.pop().unwrap();
        let labels = source::catalog::labels(&client).await.unwrap();
        let defaults = source::catalog::defaults(&client, &[table.id]).await.unwrap();
        (table, Known { labels, defaults })
    });
    let format = Format::Json { with_schemas: true };
    let options = SinkOptions { format, ..SinkOptions::new("localhost:9092", "shop") };
    let mut encoder = Encoder::new(options, Origin { database: "shop".into() });
    *encoder.known().write().unwrap() = known;
    encoder.relation(&table).unwrap();
    let mut row = Tuple::default();
    row.begin(8);
    row.text(b"1");
    (0..7).for_each(|_| row.null());
    encoder.insert(table.id, row.bytes(), model::Lsn(1)).unwrap();
    let encoded = encoder.take(model::Lsn(0));
    let message = encoded.messages().next().unwrap();
    let value = message.value.unwrap().joined(&mut Vec::new()).to_vec();
    let value: Value = serde_json::from_slice(&value).unwrap();
    let fields = value["schema"]["fields"][1]["fields"].as_array().unwrap();
    let of = |name: &str, what: &str| {
        let field = fields.iter().find(|field| field["field"] == name).unwrap();
        field.get(what).cloned().unwrap_or_default()
    };
    let labels = json!({"allowed": "sad,so so,ok"});
    assert_eq!(of("mood", "parameters"), labels);
    assert_eq!(of("moods", "items")["parameters"], labels);
    let defaults = [
        ("id", json!(0)),
        ("mood", json!("ok")),
        ("size", json!(-5)),
        ("note", json!("it's")),
        ("at", json!("1970-01-01T00:00:00.000000Z")),
        ("amount", Value::Null),
        ("maybe", Value::Null),
    ];
    for (name, default) in defaults {
        assert_eq!(of(name, "default"), default, "{name}");
    }
}
