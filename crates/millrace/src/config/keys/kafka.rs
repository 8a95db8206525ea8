//! Of `[source.kafka]` and `[[sink.kafka]]`.

use super::{Key, Kind, key};
use crate::config::kafka::{DEFAULT_GROUP, DEFAULT_SCHEMA};

pub(super) const KEYS: &[Key] = &[
    key(
        "source.kafka",
        Kind::Section,
        "",
        "Topics of Kafka, beside the Postgres of `source.url` or instead of it. See [docs/kafka.md](kafka.md).",
    ),
    key(
        "source.kafka.engine",
        Kind::Text,
        "millrace",
        "Who reads. `clickhouse`: the embedded engine by its own Kafka engine and materialized views, at least once and \
         without schema changes; see [docs/kafka-engine.md](kafka-engine.md). For a server: `millrace kafka ddl`.",
    ),
    key(
        "source.kafka.brokers",
        Kind::Text,
        "required",
        "Where to begin: `kafka-1:9092,kafka-2:9092`.",
    ),
    key(
        "source.kafka.topics",
        Kind::Texts,
        "required",
        "Names of topics; one that begins with `^` is a pattern: `[\"^shop\\\\.public\\\\..*\"]`.",
    ),
    key(
        "source.kafka.group",
        Kind::Text,
        DEFAULT_GROUP,
        "The consumer group. Several processes with one store share its partitions. Another group reads the topics anew.",
    ),
    key(
        "source.kafka.format",
        Kind::Text,
        "debezium-json",
        "`debezium-json`: Debezium's envelopes, or rows that `ExtractNewRecordState` made of them, with schemas or \
         without. `debezium-avro`: the same behind a registry. `json`: objects of anybody's, a row each.",
    ),
    key(
        "source.kafka.registry",
        Kind::Text,
        "",
        "The schema registry of `debezium-avro`, as Confluent's is spoken to: `http://user:${PASSWORD}@registry:8081`.",
    ),
    key(
        "source.kafka.postgres",
        Kind::Text,
        "",
        "The database that the connector reads, as `source.url` says it: `verify` compares the topics' tables with it.",
    ),
    key(
        "source.kafka.schema",
        Kind::Text,
        DEFAULT_SCHEMA,
        "What the schema of a topic's table is called here. With `kafka_{schema}` the tables stand beside those of \
         `source.url`, and `[tables.\"kafka_public.orders\"]` is about the topic's.",
    ),
    key(
        "source.kafka.expired",
        Kind::Text,
        "stop",
        "What is done where the broker has removed messages that were not read. `stop`: nothing more is read. `skip`: \
         they are passed over, and counted.",
    ),
    key(
        "source.kafka.placeholder",
        Kind::Text,
        "__debezium_unavailable_value",
        "Debezium's `unavailable.value.placeholder`: a large value that an UPDATE did not touch.",
    ),
    key(
        "source.kafka.protocol",
        Kind::Text,
        "`ssl` with `ca_file` or `cert_file`, `sasl_…` with `user`, else `plaintext`",
        "`plaintext`, `ssl`, `sasl_plaintext` or `sasl_ssl`.",
    ),
    key(
        "source.kafka.sasl_mechanism",
        Kind::Text,
        "SCRAM-SHA-512",
        "`PLAIN`, `SCRAM-SHA-256` or `SCRAM-SHA-512`.",
    ),
    key("source.kafka.user", Kind::Text, "", "Who we are to the brokers."),
    key("source.kafka.password", Kind::Text, "", "`${KAFKA_PASSWORD}`."),
    key(
        "source.kafka.ca_file",
        Kind::Text,
        "what the system trusts",
        "Certificates in PEM form of who signed the brokers'.",
    ),
    key(
        "source.kafka.cert_file",
        Kind::Text,
        "",
        "Our certificate in PEM form, where they want one.",
    ),
    key("source.kafka.key_file", Kind::Text, "", "Its key, in PEM form."),
    key(
        "source.kafka.types",
        Kind::Section,
        "",
        "Types of columns whose messages come without a schema; otherwise they are told by how values look.",
    ),
    key(
        "source.kafka.types.*",
        Kind::Section,
        "",
        "A table, as it is called here: `[source.kafka.types.\"public.orders\"]`.",
    ),
    key(
        "source.kafka.types.*.*",
        Kind::Text,
        "",
        "A column's type, as Postgres calls it: `total = \"numeric(10,2)\"`.",
    ),
    key(
        "source.kafka.plain",
        Kind::Section,
        "",
        "Topics of plain JSON objects. Their tables are append tables unless `[tables]` says otherwise.",
    ),
    key("source.kafka.plain.*", Kind::Section, "", "A topic: `[source.kafka.plain.clicks]`."),
    key(
        "source.kafka.plain.*.table",
        Kind::Text,
        "`public.` and the topic's name",
        "The table that its objects are rows of: `events.clicks`.",
    ),
    key(
        "source.kafka.plain.*.id",
        Kind::Text,
        "",
        "The path of what tells objects apart, which each of them has: the key of a mirror. An append table leaves an object out whose id came within 7 days, and counts it.",
    ),
    key(
        "source.kafka.plain.*.time",
        Kind::Text,
        "when the message was produced",
        "The path of when it happened: a text of RFC 3339, or a number since 1970 of s, ms, µs or ns.",
    ),
    key(
        "source.kafka.plain.*.rest",
        Kind::Text,
        "",
        "The column of type `jsonb` that takes what none of `columns` took.",
    ),
    key(
        "source.kafka.plain.*.columns",
        Kind::Section,
        "every field of the object, by how its values look",
        "Which fields become columns.",
    ),
    key(
        "source.kafka.plain.*.columns.*",
        Kind::Section,
        "",
        "`user_id = { path = \"user.id\", type = \"bigint\" }`.",
    ),
    key(
        "source.kafka.plain.*.columns.*.path",
        Kind::Text,
        "the column's name",
        "Where the value stands: `user.id`.",
    ),
    key(
        "source.kafka.plain.*.columns.*.type",
        Kind::Text,
        "text",
        "Its type, as Postgres calls it.",
    ),
    key("sink", Kind::Section, "", "Where the stream of `source.url` goes as well."),
    key(
        "sink.kafka",
        Kind::Sections,
        "",
        "Topics of Kafka, as Debezium would fill them. See [docs/kafka-out.md](kafka-out.md).",
    ),
    key(
        "sink.kafka.name",
        Kind::Text,
        "`topic_prefix`",
        "What it is called in `status` and messages.",
    ),
    key(
        "sink.kafka.brokers",
        Kind::Text,
        "required",
        "Where to begin: `kafka-1:9092,kafka-2:9092`.",
    ),
    key(
        "sink.kafka.topic_prefix",
        Kind::Text,
        "required",
        "The first part of topics' names, `shop` of `shop.public.orders`, and `source.name` of messages.",
    ),
    key(
        "sink.kafka.format",
        Kind::Text,
        "debezium-json",
        "`debezium-json`: without schemas. `debezium-json-schema`: each message with its own. `debezium-avro`: schemas in a \
         registry.",
    ),
    key(
        "sink.kafka.registry",
        Kind::Text,
        "",
        "Of `debezium-avro`: `http://user:${PASSWORD}@registry:8081`.",
    ),
    key(
        "sink.kafka.delivery",
        Kind::Text,
        "exactly-once",
        "`exactly-once`: in transactions of Kafka's, for who reads `read_committed`. `at-least-once`: after a crash some \
         changes come again, in order.",
    ),
    key(
        "sink.kafka.snapshot",
        Kind::Text,
        "initial",
        "As Debezium's `snapshot.mode`. `initial`: a sink that begins sends the rows that are there, as `op` `r`. `never`: \
         changes alone.",
    ),
    key(
        "sink.kafka.required",
        Kind::Flag,
        "true",
        "The log is confirmed to Postgres only when it is there as well. `false`: a broker that is slow or away holds \
         nothing up: what waits for it waits in memory and on disk; what has no room there is dropped, and counted.",
    ),
    key("sink.kafka.compression", Kind::Text, "lz4", "`lz4`, `zstd`, `gzip` or `none`."),
    key(
        "sink.kafka.tables",
        Kind::Texts,
        "all of the publication",
        "Which go there: `[\"public.*\"]`.",
    ),
    key("sink.kafka.tables_exclude", Kind::Texts, "", "Which do not."),
    key(
        "sink.kafka.columns_exclude",
        Kind::Texts,
        "",
        "Columns that are never sent: `[\"public.users.password\"]`.",
    ),
    key(
        "sink.kafka.routes",
        Kind::Sections,
        "",
        "Other names for topics; the first that fits counts.",
    ),
    key(
        "sink.kafka.routes.from",
        Kind::Text,
        "",
        "A regular expression of the whole name: `shop\\\\.public\\\\.orders_(.*)`.",
    ),
    key(
        "sink.kafka.routes.to",
        Kind::Text,
        "",
        "What the topic is called then; `$1` is the first group.",
    ),
    key(
        "sink.kafka.tombstones",
        Kind::Flag,
        "true",
        "A message without a value behind each delete, for compacted topics.",
    ),
    key("sink.kafka.truncates", Kind::Flag, "true", "A TRUNCATE is told, as `op` `t`."),
    key(
        "sink.kafka.messages",
        Kind::Flag,
        "false",
        "`pg_logical_emit_message` goes to `PREFIX.message`, as `op` `m`.",
    ),
    key(
        "sink.kafka.transaction_metadata",
        Kind::Flag,
        "false",
        "Begin and end of transactions go to `PREFIX.transaction`, and rows say which is theirs.",
    ),
    key(
        "sink.kafka.heartbeat_ms",
        Kind::Number,
        "0",
        "A heartbeat that often where nothing else is sent; 0: none.",
    ),
    key(
        "sink.kafka.message_bytes_max",
        Kind::Number,
        "1000000",
        "The largest message; the topic's `max.message.bytes` has to be as large.",
    ),
    key("sink.kafka.queue_mib", Kind::Number, "64", "What may wait for the brokers in memory."),
    key(
        "sink.kafka.spool_mib",
        Kind::Number,
        "1024",
        "With `required = false`: what may wait on disk, packed, under `store.data_dir` in `sinks/NAME`; 0: nothing.",
    ),
    key(
        "sink.kafka.protocol",
        Kind::Text,
        "as for `source.kafka`",
        "`plaintext`, `ssl`, `sasl_plaintext` or `sasl_ssl`.",
    ),
    key(
        "sink.kafka.sasl_mechanism",
        Kind::Text,
        "SCRAM-SHA-512",
        "`PLAIN`, `SCRAM-SHA-256` or `SCRAM-SHA-512`.",
    ),
    key("sink.kafka.user", Kind::Text, "", "Who we are to the brokers."),
    key("sink.kafka.password", Kind::Text, "", "`${KAFKA_PASSWORD}`."),
    key(
        "sink.kafka.ca_file",
        Kind::Text,
        "what the system trusts",
        "Of who signed the brokers' certificates, in PEM form.",
    ),
    key(
        "sink.kafka.cert_file",
        Kind::Text,
        "",
        "Our certificate in PEM form, where they want one.",
    ),
    key("sink.kafka.key_file", Kind::Text, "", "Its key, in PEM form."),
];
