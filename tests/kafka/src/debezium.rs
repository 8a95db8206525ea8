//! Configurations of Debezium's connectors, as its users write them.

use crate::Registry;
use cluster::Cluster;
use serde_json::{Map, Value};

/// A Postgres as a connector sees it; a test may put a proxy's port here.
#[derive(Clone, Debug)]
pub struct Database {
    pub host: String,
    pub port: u16,
    pub name: String,
    pub user: String,
    pub password: String,
}

impl From<&Cluster> for Database {
    fn from(cluster: &Cluster) -> Database {
        let [host, postgres] = ["127.0.0.1", "postgres"].map(str::to_owned);
        let (name, user, password) = (postgres.clone(), postgres.clone(), postgres);
        Database { host, port: cluster.port(), name, user, password }
    }
}

/// What keys and values are written as.
#[derive(Clone, Copy)]
pub enum Format<'a> {
    Json,
    JsonWithSchemas,
    /// As Confluent frames it: a zero, the schema's id in four bytes, the datum.
    Avro(&'a Registry),
}

impl Format<'_> {
    fn settings(self) -> Vec<(String, String)> {
        let mut settings = Vec::new();
        let mut both = |name: &str, value: &str| {
            settings.extend(
                ["key.", "value."].map(|side| (format!("{side}converter{name}"), value.to_owned())),
            );
        };
        match self {
            Format::Json | Format::JsonWithSchemas => {
                let with_schemas = matches!(self, Format::JsonWithSchemas).to_string();
                both("", "org.apache.kafka.connect.json.JsonConverter");
                both(".schemas.enable", &with_schemas);
            }
            Format::Avro(registry) => {
                both("", "io.apicurio.registry.utils.converter.AvroConverter");
                both(".apicurio.registry.url", &registry.v2_url());
                both(".apicurio.registry.auto-register", "true");
                both(".apicurio.registry.as-confluent", "true");
                both(".apicurio.registry.use-id", "contentId");
                both(".apicurio.registry.headers.enabled", "false");
                let adjust = ("schema.name.adjustment.mode".to_owned(), "avro".to_owned());
                settings.push(adjust);
            }
        }
        settings
    }
}

/// The Postgres source: topics `PREFIX.SCHEMA.TABLE`, slot and publication `PREFIX`. `tables` is a list of
/// regular expressions, with commas between: `public.orders,shop.*`.
pub fn source(
    database: &Database,
    prefix: &str,
    tables: &str,
    format: Format<'_>,
    overrides: &[(&str, &str)],
) -> Value {
    let settings = [
        ("connector.class", "io.debezium.connector.postgresql.PostgresConnector"),
        ("plugin.name", "pgoutput"),
        ("database.hostname", &database.host),
        ("database.port", &database.port.to_string()),
        ("database.dbname", &database.name),
        ("database.user", &database.user),
        ("database.password", &database.password),
        ("topic.prefix", prefix),
        ("slot.name", prefix),
        ("publication.name", prefix),
        ("publication.autocreate.mode", "filtered"),
        ("table.include.list", tables),
        // The default, 500, is how late an event may be.
        ("poll.interval.ms", "10"),
    ];
    merged(&settings, format, overrides)
}

/// The JDBC sink, which upserts and deletes by the record's key and makes its tables: `a.b.c` becomes
/// `a_b_c`. It needs schemas. `topics` has commas between.
pub fn sink(
    database: &Database,
    topics: &str,
    format: Format<'_>,
    overrides: &[(&str, &str)],
) -> Value {
    let url = format!("jdbc:postgresql://{}:{}/{}", database.host, database.port, database.name);
    let settings = [
        ("connector.class", "io.debezium.connector.jdbc.JdbcSinkConnector"),
        ("connection.url", &*url),
        ("connection.username", &database.user),
        ("connection.password", &database.password),
        ("topics", topics),
        ("insert.mode", "upsert"),
        ("delete.enabled", "true"),
        ("primary.key.mode", "record_key"),
        ("schema.evolution", "basic"),
        // The group comes back at once after a crash.
        ("consumer.override.session.timeout.ms", "6000"),
    ];
    merged(&settings, format, overrides)
}

fn merged(settings: &[(&str, &str)], format: Format<'_>, overrides: &[(&str, &str)]) -> Value {
    let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), Value::from(*value));
    let mut all: Map<String, Value> = settings.iter().map(owned).collect();
    all.extend(format.settings().into_iter().map(|(key, value)| (key, value.into())));
    all.extend(overrides.iter().map(owned));
    Value::Object(all)
}
