//! Where a message has what of its row, as expressions over the table of the engine's that it comes in by.

use super::value::{Carrier, Value, avro_type};
use bus::read::{DescribedColumn, Means, PlainTopic};
use model::{Error, PgType, Result, Table};
use store::ddl::{ident, literal};

/// What the messages of a topic are.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Form {
    /// `is_wrapped`: each says its schema. `is_flat`: none has an envelope.
    Json { is_wrapped: bool, is_flat: bool },
    /// Behind a registry.
    Avro { is_flat: bool },
    /// Objects of anybody's. `None`: their fields are the columns.
    Plain(Option<PlainTopic>),
}

/// A column of the table, and what messages have of it.
pub(super) struct Wanted<'a> {
    pub(super) name: &'a str,
    pub(super) pg: &'a PgType,
    pub(super) described: &'a DescribedColumn,
    pub(super) is_key: bool,
    /// Where its value is, once [`Reading::with`] is there.
    pub(super) alias: String,
}

/// How messages are taken apart.
#[derive(Default)]
pub(super) struct Reading {
    /// Of the table that they come in by.
    pub(super) columns: Vec<String>,
    pub(super) format: &'static str,
    /// Names for expressions.
    pub(super) with: Vec<String>,
    /// One of c, r, u, d, t and m, or what stands there in place of it.
    pub(super) op: String,
    pub(super) lsn: String,
    /// The message as it came, where that is known.
    pub(super) message: &'static str,
    /// Conditions and reasons why a message is none of Debezium's.
    pub(super) poison: Vec<(String, String)>,
    /// What is no change at all.
    pub(super) skipped: String,
}

/// Of rows without an envelope: fields that say what Debezium's transform was told to add.
const ABOUT: [&str; 4] = ["__op", "__deleted", "__lsn", "__source_lsn"];

/// A field of a tuple.
fn field(of: &str, name: &str) -> String {
    let is_word = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    match is_word {
        true => format!("{of}.{}", ident(name)),
        false => format!("tupleElement({of}, {})", literal(name)),
    }
}

fn texts<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names = names.into_iter().map(|name| format!("{} Nullable(String)", ident(name)));
    names.collect::<Vec<_>>().join(", ")
}

impl Form {
    pub(super) fn carrier(&self) -> Carrier {
        match self {
            Form::Avro { .. } => Carrier::Avro,
            _ => Carrier::Json,
        }
    }

    pub(super) fn is_avro(&self) -> bool {
        self.carrier() == Carrier::Avro
    }

    pub(super) fn value<'a>(&self, wanted: &'a Wanted<'_>) -> Value<'a> {
        Value {
            pg: wanted.pg,
            means: &wanted.described.means,
            modifier: wanted.described.modifier,
            is_debezium: !matches!(self, Form::Plain(_)),
            told_as: matches!(self, Form::Json { is_wrapped: true, .. }).then_some(wanted.name),
            carrier: self.carrier(),
        }
    }

    /// Whether a value is a text in JSON.
    pub(super) fn is_text(&self, name: &str) -> String {
        let path = match self {
            Form::Json { is_flat: false, .. } => format!("'after', {}", literal(name)),
            _ => literal(name),
        };
        format!("JSONType(_q.message, {path}) = 'String'")
    }

    pub(super) fn reading(&self, table: &Table, wanted: &[Wanted<'_>]) -> Result<Reading> {
        match self {
            Form::Json { is_wrapped, is_flat } => Ok(json(*is_wrapped, *is_flat, wanted)),
            Form::Avro { is_flat } => avro(*is_flat, table, wanted),
            Form::Plain(topic) => plain(topic.as_ref(), table, wanted),
        }
    }
}

fn json(is_wrapped: bool, is_flat: bool, wanted: &[Wanted<'_>]) -> Reading {
    let keys: Vec<&str> = wanted.iter().filter(|w| w.is_key).map(|w| w.name).collect();
    let (all, keys) = (texts(wanted.iter().map(|w| w.name)), texts(keys));
    let inner = match is_flat {
        true => format!("Tuple({all}, {})", texts(ABOUT)),
        false => format!(
            "Tuple(op Nullable(String), before Tuple({keys}), after Tuple({all}), \
             source Tuple(lsn Nullable(UInt64), sequence Nullable(String)))"
        ),
    };
    let extract = |ty: &str| format!("JSONExtract(_q.message, {})", literal(ty));
    let message = match is_wrapped {
        true => format!("{}.payload", extract(&format!("Tuple(payload {inner})"))),
        false => extract(&inner),
    };
    let mut with = vec![format!("{message} AS _m")];
    if !keys.is_empty() {
        // Its converter need not be the one of the values.
        let first = wanted.iter().find(|w| w.is_key).map_or("", |w| w.name);
        let is_wrapped = format!("JSONHas(_q._key, 'payload', {})", literal(first));
        let key = format!("if({is_wrapped}, JSONExtractRaw(_q._key, 'payload'), _q._key)");
        let ty = literal(&format!("Tuple({keys})"));
        with.push(format!("JSONExtract({key}, {ty}) AS _k"));
    }
    for w in wanted {
        let after = field(if is_flat { "_m" } else { "_m.after" }, w.name);
        let before = field(if is_flat { "_m" } else { "_m.before" }, w.name);
        let gone = match w.is_key {
            // Of a delete the key alone is true; where there is none, the row of before stands in.
            true => format!("coalesce({}, {before})", field("_k", w.name)),
            false => "NULL".to_owned(),
        };
        with.push(format!("if(_op = 'd', {gone}, {after}) AS {}", w.alias));
    }
    let (op, lsn) = match is_flat {
        true => flat_about("_m."),
        false => (
            "ifNull(_m.op, '')".to_owned(),
            "coalesce(_m.source.lsn, toUInt64OrNull(extract(ifNull(_m.source.sequence, ''), '\"([0-9]+)\"\\\\]$')), 0)".to_owned(),
        ),
    };
    let no_object =
        ("JSONType(_q.message) != 'Object'".to_owned(), "it is no JSON object".to_owned());
    Reading {
        columns: vec!["message String".to_owned()],
        format: "RawBLOB",
        with,
        op,
        lsn,
        message: "_q.message",
        poison: vec![no_object],
        // A tombstone says what the delete before it has said.
        skipped: "_q.message = '' OR _op = 'm'".to_owned(),
    }
}

fn flat_about(of: &str) -> (String, String) {
    let [op, deleted, lsn, source_lsn] = ABOUT.map(|name| format!("{of}{}", ident(name)));
    (
        format!(
            "multiIf({deleted} = 'true' OR {op} = 'd', 'd', {op} = 'u', 'u', {op} = 'r', 'r', 'c')"
        ),
        format!("coalesce(toUInt64OrNull({lsn}), toUInt64OrNull({source_lsn}), 0)"),
    )
}

/// Columns are read by their path in the schema: a field more or less is nothing to the others.
fn avro(is_flat: bool, table: &Table, wanted: &[Wanted<'_>]) -> Result<Reading> {
    let mut reading = Reading {
        format: "AvroConfluent",
        message: "_q._raw_message",
        poison: vec![("_q._error != ''".to_owned(), "_q._error".to_owned())],
        skipped: "_op = 'm' AND _q._error = ''".to_owned(),
        ..Reading::default()
    };
    let mut column = |path: &str, ty: &str| {
        reading.columns.push(format!("{} {ty}", ident(path)));
        format!("_q.{}", ident(path))
    };
    if is_flat {
        for name in ABOUT {
            column(name, "Nullable(String)");
        }
    } else {
        for (path, ty) in [
            ("op", "String"),
            ("source.lsn", "Nullable(UInt64)"),
            ("source.sequence", "Nullable(String)"),
        ] {
            column(path, ty);
        }
    }
    let mut with = Vec::new();
    for w in wanted {
        let means = &w.described.means;
        let ty = avro_type(means).ok_or_else(|| cannot_read(table, w))?;
        let mut at = |side: &str| {
            let path = if is_flat { w.name.to_owned() } else { format!("{side}.Value.{}", w.name) };
            match means {
                Means::AnyDecimal => {
                    let of = |part: &str| format!("{path}.VariableScaleDecimal.{part}");
                    let value = column(&of("value"), "Nullable(String)");
                    format!("_digits({value}, {})", column(&of("scale"), "Nullable(Int32)"))
                }
                _ => column(&path, &ty),
            }
        };
        let after = at("after");
        let x = match (w.is_key && !is_flat, is_flat, w.is_key) {
            (true, ..) => format!("if(_op = 'd', {}, {after})", at("before")),
            // A row without an envelope is whole, and Debezium has invented what is not its key.
            (_, true, false) if ty.starts_with("Array(") => {
                format!("if(_op = 'd', [], {after})")
            }
            (_, true, false) => format!("if(_op = 'd', NULL, {after})"),
            _ => after,
        };
        with.push(format!("{x} AS {}", w.alias));
    }
    (reading.op, reading.lsn) = match is_flat {
        true => flat_about("_q."),
        false => (
            "_q.op".to_owned(),
            "coalesce(_q.`source.lsn`, toUInt64OrNull(extract(ifNull(_q.`source.sequence`, ''), '\"([0-9]+)\"\\\\]$')), 0)".to_owned(),
        ),
    };
    reading.with = with;
    Ok(reading)
}

fn plain(topic: Option<&PlainTopic>, table: &Table, wanted: &[Wanted<'_>]) -> Result<Reading> {
    let path = |name: &str| -> Vec<String> {
        let steps = |path: &str| path.split('.').map(str::to_owned).collect::<Vec<_>>();
        let Some(topic) = topic else { return vec![name.to_owned()] };
        if let Some(column) = topic.columns.get(name) {
            return steps(&column.path);
        }
        let id =
            topic.id.as_deref().map(steps).filter(|id| id.last().is_some_and(|last| last == name));
        id.filter(|_| !topic.columns.is_empty()).unwrap_or_else(|| vec![name.to_owned()])
    };
    let mut with = Vec::new();
    for w in wanted {
        let x = match topic.and_then(|topic| topic.rest.as_deref()) {
            Some(rest)
                if rest == w.name && topic.is_some_and(|topic| !topic.columns.is_empty()) =>
            {
                rest_of(topic.expect("it has a rest"), table, w)?
            }
            _ => {
                let path: Vec<String> = path(w.name).iter().map(|step| literal(step)).collect();
                let path = path.join(", ");
                match w.pg {
                    PgType::Json | PgType::Jsonb => format!(
                        "if(JSONType(_q.message, {path}) = 'Null', NULL, JSONExtractRaw(_q.message, {path}))"
                    ),
                    _ => format!("JSONExtract(_q.message, {path}, 'Nullable(String)')"),
                }
            }
        };
        with.push(format!("{x} AS {}", w.alias));
    }
    let no_object =
        ("JSONType(_q.message) != 'Object'".to_owned(), "it is no JSON object".to_owned());
    Ok(Reading {
        columns: vec!["message String".to_owned()],
        format: "RawBLOB",
        with,
        op: "'c'".to_owned(),
        lsn: "0".to_owned(),
        message: "_q.message",
        poison: vec![no_object],
        skipped: "_q.message = ''".to_owned(),
    })
}

/// What no column has taken.
fn rest_of(topic: &PlainTopic, table: &Table, wanted: &Wanted<'_>) -> Result<String> {
    if topic.columns.values().any(|column| column.path.contains('.')) {
        return Err(cannot_read(table, wanted)
            .detail("Its columns take parts of objects, and the rest of those would come whole."));
    }
    let taken: Vec<String> = topic.columns.values().map(|column| literal(&column.path)).collect();
    Ok(format!(
        "concat('{{', arrayStringConcat(arrayMap(_f -> concat(toJSONString(_f.1), ':', _f.2), \
         arrayFilter(_f -> _f.1 NOT IN ({}), JSONExtractKeysAndValuesRaw(_q.message))), ','), '}}')",
        taken.join(", ")
    ))
}

/// The engine's SQL makes no such value.
pub(super) fn cannot_read(table: &Table, wanted: &Wanted<'_>) -> Error {
    let type_name = table.column(wanted.name).map_or("", |at| &table.columns[at].type_name);
    Error::definite(format!(
        "cannot have ClickHouse read {}.{}: {type_name}",
        table.name, wanted.name
    ))
    .hint(format!(
        "leave it out: columns.{} = {{ exclude = true }} under [tables.\"{}\"]; or read the topic with \
         [source.kafka] engine = \"millrace\"",
        wanted.name, table.name
    ))
}
