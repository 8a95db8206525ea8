//! The statements of a topic, in their order.

use super::look::Reads;
use super::reading::Wanted;
use super::value::{Made, helpers, is_helper};
use bus::read::spellings_of_placeholder;
use bus::registry::{Login, RegistryOptions};
use bus::security::Security;
use model::{Mode, OnUpdate, PgType, Result, Rule};
use store::ddl::{self, ident, literal};
use store::topics::{Topic, errors_table};
use store::{Layout, Step, TargetColumn, Type};

/// Blocks are written this often: the engine's default is 7.5 s.
const FLUSH_MS: u32 = 500;
/// The first epoch of every partition, where our own reader has its versions.
const EPOCH: u64 = (bus::consume::FIRST_EPOCH as u64) << 48;
/// What stands for a secret.
const PASSWORD: &str = "<password>";

/// How the engine reaches the topics.
pub struct Connection<'a> {
    pub brokers: &'a str,
    pub group: &'a str,
    /// `None`: the engine's own configuration says it.
    pub security: Option<&'a Security>,
    pub registry: Option<&'a RegistryOptions>,
    pub placeholder: &'a str,
    pub shows_secrets: bool,
}

/// The database of a group's tables.
pub(super) fn database(group: &str) -> String {
    format!("kafka_{group}")
}

/// Each topic has a group of its own: consumers of the engine's that share one wait a minute for each other whenever
/// one more comes, as they join one after the other and ask seldom.
pub(super) fn group_of(group: &str, topic: &str) -> String {
    format!("{group}.{topic}")
}

/// What all topics share.
pub fn shared(group: &str, layout: &Layout) -> Vec<String> {
    let database = database(group);
    vec![layout.database_of_topics(&database), layout.errors_of_topics(&database)]
}

/// Where the rows of a topic go, as our own reader makes it. Run again it adds columns that are new.
pub fn table(reads: &Reads, layout: &Layout) -> Vec<String> {
    let target = &reads.target;
    let mut statements = layout.create(target);
    let of_key = |column: &&TargetColumn| {
        target.table.key.contains(&column.source) || target.order_by.contains(&ident(&column.name))
    };
    let add = |column: &TargetColumn| {
        let definition = format!("{}{}", column.clickhouse, ddl::default(column));
        Step::Add(column.name.clone(), definition)
    };
    let steps: Vec<Step> = target.columns.iter().filter(|c| !of_key(c)).map(add).collect();
    if !steps.is_empty() {
        statements.push(layout.alter(&target.rows, &steps));
    }
    statements.extend(layout.spread(target));
    if target.mode == Mode::Mirror {
        statements.push(layout.view(&target.name, &target.visible(), &target.rows));
    }
    statements
}

/// What reads a topic. What did so before goes first: where it was is the group's to know.
pub fn topic(reads: &Reads, connection: &Connection<'_>, layout: &Layout) -> Result<Vec<String>> {
    let database = database(connection.group);
    let names = Topic::new(&database, &reads.topic);
    let wanted = reads.wanted();
    let reading = reads.form.reading(&reads.target.table, &wanted)?;
    let columns = reads.columns(&wanted)?;
    let mut statements = layout.drop_topic(&names);
    let settings = connection.settings(&reads.topic, reading.format);
    statements.push(layout.topic(&names.source, &reading.columns, &settings));
    let decoded = columns.iter().map(|column| format!("{} {}", ident(&column.name), column.ty));
    let mut decoded: Vec<String> = decoded.collect();
    decoded.extend(OWN.iter().map(|own| (*own).to_owned()));
    statements.push(layout.passage(&names.decoded, &decoded));
    let errors = errors_table(&database);
    statements.push(layout.passes(&names.rows, &reads.target.rows, &reads.rows(&columns, &names)));
    statements.push(layout.passes(&names.errors, &errors, &kept_aside(&names)));
    let pump = pump(reads, &reading, &columns, connection.placeholder, &names);
    statements.push(layout.passes(&names.pump, &names.decoded, &pump));
    Ok(statements)
}

/// What is known of a message beside its row.
const OWN: [&str; 10] = [
    "_op String",
    "_version UInt128",
    "_deleted UInt8",
    "_reason String",
    "_topic LowCardinality(String)",
    "_partition UInt64",
    "_offset UInt64",
    "_timestamp Nullable(DateTime64(3))",
    "_key String",
    "_message String",
];

/// Whether a column of that name would be taken for something else.
pub(super) fn is_own_name(name: &str) -> bool {
    let rest = name.strip_prefix('_').unwrap_or_default();
    let is_alias = |rest: &str| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit());
    OWN.iter().any(|own| own.split_once(' ').is_some_and(|(own, _)| own == name))
        || matches!(rest, "q" | "d" | "m" | "k" | "f" | "e" | "v" | "unavailable")
        || rest.strip_prefix('x').is_some_and(is_alias)
        || is_helper(name)
}

/// A column on its way.
struct Column {
    name: String,
    /// Of the passage.
    ty: String,
    expression: String,
    /// Where it is written to.
    written: String,
    /// Conditions and reasons.
    odd: Vec<(String, String)>,
    x: String,
    is_fixed: bool,
}

impl Made {
    /// Whether the column's type is one that it can be given.
    pub(super) fn fits(&self, column: &TargetColumn, pg: &PgType) -> bool {
        let is_natural = column.ty().base == Type::parse(&pg.kind().clickhouse(false)).base;
        !self.is_array || is_natural
    }
}

impl Reads {
    fn columns(&self, wanted: &[Wanted<'_>]) -> Result<Vec<Column>> {
        let columns = wanted.iter().zip(&self.target.columns);
        columns.map(|(wanted, column)| self.column(wanted, column)).collect()
    }

    fn column(&self, wanted: &Wanted<'_>, column: &TargetColumn) -> Result<Column> {
        let cannot = || super::reading::cannot_read(&self.target.table, wanted);
        let is_text = self.form.is_text(wanted.name);
        let value = self.form.value(wanted);
        let made = value.made(&wanted.alias, &is_text).ok_or_else(cannot)?;
        let (name, base) = (ident(&column.name), column.ty().base);
        let natural = Type::parse(&wanted.pg.kind().clickhouse(false)).base;
        let (ty, expression) = if made.is_array {
            (base.clone(), made.expression.clone())
        } else if column.ty().is_json() {
            ("Nullable(String)".to_owned(), made.expression.clone())
        } else if base == natural {
            (format!("Nullable({base})"), made.expression.clone())
        } else {
            let cast = format!("accurateCastOrNull({}, {})", made.expression, literal(&base));
            (format!("Nullable({base})"), cast)
        };
        let mut odd = Vec::new();
        // A text that stays one always fits.
        if column.rule != Some(Rule::Null) && expression != wanted.alias {
            let why = format!("column {}: its value does not fit {base}", wanted.name);
            odd.push(((made.odd)(&wanted.alias, &name), why));
        }
        if let Some(other) = value.other_unit() {
            let why = format!(
                "column {}: its schema is not the one that these statements were made for",
                wanted.name
            );
            odd.push((format!("isNotNull({}) AND {other}", wanted.alias), why));
        }
        if column.ty().is_json() {
            let is_none = format!("isNotNull({name}) AND JSONType({name}) != 'Object'");
            odd.push((is_none, format!("column {}: it is no JSON object", wanted.name)));
        }
        let has_null = made.is_array || column.ty().is_json() || column.takes_null();
        if wanted.is_key && !made.is_array {
            odd.push((format!("isNull({name})"), format!("its key lacks {}", wanted.name)));
        } else if !has_null && column.default.is_none() {
            let why = format!("column {} is NULL, and has no NULL here", wanted.name);
            odd.push((format!("_op != 'd' AND isNull({name})"), why));
        }
        let default = match &column.default {
            Some(default) => Some(default.expression.clone()),
            None if column.ty().is_json() => Some("'{}'".to_owned()),
            None if has_null => None,
            None => Some(format!("defaultValueOfTypeName({})", literal(&base))),
        };
        let written = match default {
            Some(default) if !made.is_array => format!("ifNull({name}, {default})"),
            _ => name,
        };
        let is_fixed = !matches!(
            wanted.pg,
            PgType::Text
                | PgType::Bytea
                | PgType::Json
                | PgType::Jsonb
                | PgType::Array(..)
                | PgType::Printed(_)
                | PgType::Numeric(None)
        );
        let (name, x) = (column.name.clone(), wanted.alias.clone());
        Ok(Column { name, ty, expression, written, odd, x, is_fixed })
    }

    /// From the passage into the table.
    fn rows(&self, columns: &[Column], names: &Topic) -> String {
        let mut selected: Vec<String> = columns
            .iter()
            .map(|column| format!("{} AS {}", column.written, ident(&column.name)))
            .collect();
        let target = &self.target;
        let which = match target.mode {
            Mode::Mirror => {
                selected.extend(["`_version`".to_owned(), "`_deleted`".to_owned()]);
                if target.keeps_deletes { " AND _deleted = 0" } else { "" }
            }
            _ if target.on_update == OnUpdate::Append => " AND _op IN ('c', 'r', 'u')",
            _ => " AND _op IN ('c', 'r')",
        };
        let decoded = ddl::name(&names.decoded);
        // The names of the result must not hide those that it is made of.
        format!(
            "SELECT\n  {}\nFROM {decoded} AS _d\nWHERE _d._reason = ''{which}",
            selected.join(",\n  ").replace("ifNull(`", "ifNull(_d.`")
        )
    }
}

fn kept_aside(names: &Topic) -> String {
    format!(
        "SELECT _topic AS topic, _partition AS partition, _offset AS offset, _timestamp AS timestamp, \
         _key AS key, _message AS message, _reason AS reason\nFROM {}\nWHERE _reason != ''",
        ddl::name(&names.decoded)
    )
}

/// Takes messages apart.
fn pump(
    reads: &Reads,
    reading: &super::reading::Reading,
    columns: &[Column],
    placeholder: &str,
    names: &Topic,
) -> String {
    let mut reasons = reading.poison.clone();
    reasons.push(("_op = 't'".to_owned(), "a TRUNCATE, which is not applied".to_owned()));
    reasons.push((
        "_op NOT IN ('c', 'r', 'u', 'd')".to_owned(),
        "it is no change of Debezium's".to_owned(),
    ));
    for column in columns.iter().filter(|column| !column.is_fixed) {
        let x = match column.ty.starts_with("Array(") && reads.form.is_avro() {
            true => format!("toJSONString({})", column.x),
            false => column.x.clone(),
        };
        let why = format!(
            "column {}: an UPDATE did not touch its large value, which Debezium then leaves out; ALTER TABLE … \
             REPLICA IDENTITY FULL",
            column.name
        );
        reasons.push((format!("has(_unavailable, ifNull({x}, ''))"), why));
    }
    reasons.extend(columns.iter().flat_map(|column| column.odd.iter().cloned()));
    let reasons = reasons.iter().map(|(condition, why)| {
        let why = if why.starts_with("_q.") { why.clone() } else { literal(why) };
        format!("{condition}, {why}")
    });
    let reason = format!("multiIf(\n    {},\n    '')", reasons.collect::<Vec<_>>().join(",\n    "));
    let mut selected: Vec<String> = columns
        .iter()
        .map(|column| format!("{} AS {}", column.expression, ident(&column.name)))
        .collect();
    selected.extend([
        format!("{} AS _op", reading.op),
        format!(
            "bitOr(bitShiftLeft(toUInt128({EPOCH} + _q._offset), 64), toUInt128({})) AS _version",
            reading.lsn
        ),
        "_op = 'd' AS _deleted".to_owned(),
        format!("{reason} AS _reason"),
        "_q._topic AS _topic".to_owned(),
        "_q._partition AS _partition".to_owned(),
        "_q._offset AS _offset".to_owned(),
        "_q._timestamp_ms AS _timestamp".to_owned(),
        "_q._key AS _key".to_owned(),
        format!("{} AS _message", reading.message),
    ]);
    let (with, selected) = (reading.with.join(",\n  "), selected.join(",\n  "));
    let mut first = helpers(&format!("{with}{selected}"));
    if selected.contains("_unavailable") {
        first.push(format!("[{}] AS _unavailable", unavailable(placeholder)));
    }
    first.push(with);
    format!(
        "WITH\n  {}\nSELECT\n  {selected}\nFROM {} AS _q\nWHERE NOT ({})",
        first.join(",\n  "),
        ddl::name(&names.source),
        reading.skipped
    )
}

/// What Debezium sends for a large value that an UPDATE did not touch.
fn unavailable(placeholder: &str) -> String {
    let (texts, parts) = spellings_of_placeholder(placeholder);
    let mut spellings: Vec<String> = texts.iter().chain(&parts).map(|text| literal(text)).collect();
    spellings.sort();
    spellings.dedup();
    spellings.join(", ")
}

impl Connection<'_> {
    fn settings(&self, topic: &str, format: &str) -> Vec<(&'static str, String)> {
        let mut settings = vec![
            ("kafka_broker_list", literal(self.brokers)),
            ("kafka_topic_list", literal(topic)),
            ("kafka_group_name", literal(&group_of(self.group, topic))),
            ("kafka_format", literal(format)),
            ("kafka_handle_error_mode", "'stream'".to_owned()),
            ("kafka_flush_interval_ms", FLUSH_MS.to_string()),
        ];
        if let Some(security) = self.security.filter(|of| **of != Security::default()) {
            settings.push(("kafka_security_protocol", literal(security.protocol.name())));
            if let Some(sasl) = &security.sasl {
                let password = self.secret(&sasl.password);
                settings.push(("kafka_sasl_mechanism", literal(sasl.mechanism.name())));
                settings.push(("kafka_sasl_username", literal(&sasl.user)));
                settings.push(("kafka_sasl_password", literal(password)));
            }
        }
        if let (Some(registry), "AvroConfluent") = (self.registry, format) {
            settings
                .push(("format_avro_schema_registry_url", literal(&self.registry_url(registry))));
            // A message of before has no column that came later.
            settings.push(("input_format_avro_allow_missing_fields", "1".to_owned()));
        }
        settings
    }

    fn secret<'s>(&self, secret: &'s str) -> &'s str {
        if self.shows_secrets { secret } else { PASSWORD }
    }

    fn registry_url(&self, registry: &RegistryOptions) -> String {
        match (&registry.login, registry.url.split_once("://")) {
            (Some(Login { user, password }), Some((scheme, rest))) => {
                format!("{scheme}://{user}:{}@{rest}", self.secret(password))
            }
            _ => registry.url.clone(),
        }
    }
}

/// What a server's configuration has to hold more: no statement says which files there are trusted.
pub fn files_of_server(security: &Security) -> Option<String> {
    let files = security.settings();
    let files = files.iter().filter(|(name, _)| name.starts_with("ssl."));
    let lines: Vec<String> = files
        .map(|(name, value)| {
            let name = name.replace('.', "_");
            format!("--     <{name}>{value}</{name}>\n")
        })
        .collect();
    (!lines.is_empty()).then(|| {
        format!(
            "-- The server's own configuration, config.d/kafka.xml, has to say which certificates it trusts and shows;\n\
             -- the paths are the server's:\n-- <clickhouse>\n--   <kafka>\n{}--   </kafka>\n-- </clickhouse>\n\n",
            lines.concat()
        )
    })
}
