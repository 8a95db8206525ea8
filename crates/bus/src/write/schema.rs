//! Schemas of Kafka Connect, which say what the values of a message are: beside the value in JSON, in
//! a registry as Avro.

use serde_json::{Map, Value, json};

#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Schema {
    pub kind: Kind,
    pub optional: bool,
    /// The semantic name: `io.debezium.time.Date`.
    pub name: Option<String>,
    pub version: Option<u32>,
    pub doc: Option<&'static str>,
    pub parameters: Vec<(&'static str, String)>,
    pub default: Option<Value>,
}

#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Kind {
    Boolean,
    Int16,
    Int32,
    Int64,
    Float,
    Double,
    String,
    Bytes,
    Array(Box<Schema>),
    Struct(Vec<(String, Schema)>),
}

impl Schema {
    pub(crate) fn new(kind: Kind) -> Schema {
        Schema {
            kind,
            optional: false,
            name: None,
            version: None,
            doc: None,
            parameters: Vec::new(),
            default: None,
        }
    }

    pub(crate) fn named(kind: Kind, name: impl Into<String>) -> Schema {
        Schema { name: Some(name.into()), version: Some(1), ..Schema::new(kind) }
    }

    pub(crate) fn record(name: impl Into<String>, fields: Vec<(&str, Schema)>) -> Schema {
        let fields = fields.into_iter().map(|(name, schema)| (name.to_owned(), schema)).collect();
        Schema { name: Some(name.into()), ..Schema::new(Kind::Struct(fields)) }
    }

    pub(crate) fn version(self, version: u32) -> Schema {
        Schema { version: Some(version), ..self }
    }

    pub(crate) fn doc(self, doc: &'static str) -> Schema {
        Schema { doc: Some(doc), ..self }
    }

    pub(crate) fn optional(self) -> Schema {
        Schema { optional: true, ..self }
    }

    pub(crate) fn parameter(mut self, name: &'static str, value: impl ToString) -> Schema {
        self.parameters.push((name, value.to_string()));
        self
    }

    /// As JsonConverter writes it.
    pub(crate) fn json(&self, field: Option<&str>) -> Value {
        let mut out = Map::new();
        let kind = match &self.kind {
            Kind::Boolean => "boolean",
            Kind::Int16 => "int16",
            Kind::Int32 => "int32",
            Kind::Int64 => "int64",
            Kind::Float => "float",
            Kind::Double => "double",
            Kind::String => "string",
            Kind::Bytes => "bytes",
            Kind::Array(_) => "array",
            Kind::Struct(_) => "struct",
        };
        out.insert("type".into(), kind.into());
        match &self.kind {
            Kind::Array(items) => {
                out.insert("items".into(), items.json(None));
            }
            Kind::Struct(fields) => {
                let fields = fields.iter().map(|(name, schema)| schema.json(Some(name))).collect();
                out.insert("fields".into(), Value::Array(fields));
            }
            _ => {}
        }
        out.insert("optional".into(), self.optional.into());
        let mut put = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                out.insert(name.into(), value);
            }
        };
        put("name", self.name.clone().map(Value::from));
        put("version", self.version.map(Value::from));
        put("doc", self.doc.map(Value::from));
        put("parameters", (!self.parameters.is_empty()).then(|| self.parameters_json()));
        put("default", self.default.clone());
        put("field", field.map(Value::from));
        Value::Object(out)
    }

    pub(super) fn parameters_json(&self) -> Value {
        self.parameters.iter().map(|(name, value)| (name.to_string(), json!(value))).collect()
    }
}

/// `source` of every message.
pub(crate) fn source() -> Schema {
    use Kind::{Int64, String};
    let some = |kind| Schema::new(kind).optional();
    let snapshot = Schema {
        default: Some("false".into()),
        ..Schema::named(String, "io.debezium.data.Enum").optional().parameter(
            "allowed",
            "true,first,first_in_data_collection,last_in_data_collection,last,false,incremental",
        )
    };
    let fields = vec![
        ("version", Schema::new(String)),
        ("connector", Schema::new(String)),
        ("name", Schema::new(String)),
        ("ts_ms", Schema::new(Int64)),
        ("snapshot", snapshot),
        ("db", Schema::new(String)),
        ("sequence", some(String)),
        ("ts_us", some(Int64)),
        ("ts_ns", some(Int64)),
        ("schema", Schema::new(String)),
        ("table", Schema::new(String)),
        ("txId", some(Int64)),
        ("lsn", some(Int64)),
        ("xmin", some(Int64)),
        ("origin", some(String)),
        ("origin_lsn", some(Int64)),
    ];
    Schema::record("io.debezium.connector.postgresql.Source", fields).version(1)
}

fn transaction_block() -> Schema {
    let fields = vec![
        ("id", Schema::new(Kind::String)),
        ("total_order", Schema::new(Kind::Int64)),
        ("data_collection_order", Schema::new(Kind::Int64)),
    ];
    Schema::record("event.block", fields).version(1).optional()
}

/// Of the rows of a table. `row`: its columns.
pub(crate) fn envelope(topic: &str, row: Vec<(String, Schema)>) -> Schema {
    let value = Schema {
        name: Some(format!("{topic}.Value")),
        optional: true,
        ..Schema::new(Kind::Struct(row))
    };
    let some = || Schema::new(Kind::Int64).optional();
    let fields = vec![
        ("before", value.clone()),
        ("after", value),
        ("source", source()),
        ("transaction", transaction_block()),
        ("op", Schema::new(Kind::String)),
        ("ts_ms", some()),
        ("ts_us", some()),
        ("ts_ns", some()),
    ];
    Schema::record(format!("{topic}.Envelope"), fields).version(2)
}

pub(crate) fn key(topic: &str, columns: Vec<(String, Schema)>) -> Schema {
    Schema { name: Some(format!("{topic}.Key")), ..Schema::new(Kind::Struct(columns)) }
}

/// Key and value of `PREFIX.message`.
pub(crate) fn message() -> [Schema; 2] {
    const NAMES: &str = "io.debezium.connector.postgresql";
    let text = || Schema::new(Kind::String);
    let key = vec![("prefix", text().optional())];
    let message =
        vec![("prefix", text().optional()), ("content", Schema::new(Kind::Bytes).optional())];
    let value = vec![
        ("op", text()),
        ("ts_ms", Schema::new(Kind::Int64).optional()),
        ("source", source()),
        ("transaction", transaction_block()),
        ("message", Schema::record(format!("{NAMES}.Message"), message).version(1)),
    ];
    [
        Schema::record(format!("{NAMES}.MessageKey"), key).version(1),
        Schema::record(format!("{NAMES}.MessageValue"), value).version(1),
    ]
}

/// Key and value of `PREFIX.transaction`.
pub(crate) fn transaction() -> [Schema; 2] {
    const NAMES: &str = "io.debezium.connector.common";
    let (text, long) = (|| Schema::new(Kind::String), || Schema::new(Kind::Int64));
    let collection = vec![("data_collection", text()), ("event_count", long())];
    let collection = Schema::record("event.collection", collection).version(1);
    let value = vec![
        ("status", text()),
        ("id", text()),
        ("event_count", long().optional()),
        ("data_collections", Schema::new(Kind::Array(Box::new(collection))).optional()),
        ("ts_ms", long()),
    ];
    [
        Schema::record(format!("{NAMES}.TransactionMetadataKey"), vec![("id", text())]).version(1),
        Schema::record(format!("{NAMES}.TransactionMetadataValue"), value).version(1),
    ]
}

/// Key and value of `__debezium-heartbeat.PREFIX`.
pub(crate) fn heartbeat() -> [Schema; 2] {
    const NAMES: &str = "io.debezium.connector.common";
    let key = vec![("serverName", Schema::new(Kind::String))];
    let value = vec![("ts_ms", Schema::new(Kind::Int64))];
    [
        Schema::record(format!("{NAMES}.ServerNameKey"), key).version(1),
        Schema::record(format!("{NAMES}.Heartbeat"), value).version(1),
    ]
}
