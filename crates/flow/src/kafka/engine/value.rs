//! A value of a message as an expression of ClickHouse's: what our own reader makes of it, or NULL where it does
//! not fit its column. An expression never fails, as the engine would try the same message for ever.

use bus::read::{Means, Unit};
use model::{Kind, PgType, Printed};
use store::ddl::literal;

/// How a message carries its values.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Carrier {
    /// A `Nullable(String)`: a text as it is, anything else as JSON writes it.
    Json,
    /// As [`avro_type`] says.
    Avro,
}

/// What is known of a value before it is looked at.
#[derive(Clone, Copy)]
pub(super) struct Value<'a> {
    pub(super) pg: &'a PgType,
    pub(super) means: &'a Means,
    /// Digits of a second.
    pub(super) modifier: Option<u32>,
    /// Numbers are what Debezium writes in a column of times; otherwise their size tells.
    pub(super) is_debezium: bool,
    /// Each message has its own schema, by which the column has this name.
    pub(super) told_as: Option<&'a str>,
    pub(super) carrier: Carrier,
}

/// An expression for a value.
pub(super) struct Made {
    pub(super) expression: String,
    /// Whether the value did not fit, where `expression` has been given that name.
    pub(super) odd: fn(&str, &str) -> String,
    pub(super) is_array: bool,
}

fn scalar_is_odd(x: &str, made: &str) -> String {
    format!("isNotNull({x}) AND isNull({made})")
}

fn json_array_is_odd(x: &str, made: &str) -> String {
    let elements = elements(x);
    let any = "arrayExists((_e, _v) -> isNotNull(_e) AND isNull(_v)";
    format!("isNotNull({x}) AND (JSONType({x}) != 'Array' OR {any}, {elements}, {made}))")
}

fn array_is_odd(x: &str, made: &str) -> String {
    format!("arrayExists((_e, _v) -> isNotNull(_e) AND isNull(_v), {x}, {made})")
}

/// Of an array in JSON.
fn elements(x: &str) -> String {
    format!("JSONExtract(ifNull({x}, '[]'), 'Array(Nullable(String))')")
}

/// The type by which the engine reads it out of Avro. `None`: it does not.
pub(super) fn avro_type(means: &Means) -> Option<String> {
    let plain = match means {
        Means::Array(inner) => return Some(format!("Array({})", avro_type(inner)?)),
        Means::Bool => "Bool".to_owned(),
        Means::Int(_) | Means::Date | Means::Timestamp(_) | Means::Time(_) | Means::Duration(_) => {
            "Int64".to_owned()
        }
        Means::Float4 => "Float32".to_owned(),
        Means::Float8 => "Float64".to_owned(),
        // Another scale than this one is refused, and not taken for this one.
        Means::Decimal { precision: Some(precision @ 1..=76), scale: scale @ 0.. } => {
            format!("Decimal({precision}, {scale})")
        }
        Means::AnyDecimal
        | Means::Decimal { .. }
        | Means::Text
        | Means::Bytes
        | Means::ZonedTimestamp
        | Means::ZonedTime
        | Means::IsoTimestamp
        | Means::IsoDate
        | Means::IsoTime
        | Means::Json
        | Means::Uuid
        | Means::Enum
        | Means::Ltree
        | Means::Tsvector => "String".to_owned(),
        Means::Untold
        | Means::Interval
        | Means::Bits(_)
        | Means::Point
        | Means::Shape
        | Means::Map
        | Means::Parts => return None,
    };
    Some(format!("Nullable({plain})"))
}

impl Value<'_> {
    /// `x`: where the value is; `is_text`: whether it is a text in JSON, asked only where that matters. `None`: the
    /// engine cannot make it.
    pub(super) fn made(&self, x: &str, is_text: &str) -> Option<Made> {
        if let PgType::Array(element, 1) = self.pg {
            return self.array(element, x);
        }
        let expression = self.scalar(x, is_text)?;
        Some(Made { expression, odd: scalar_is_odd, is_array: false })
    }

    fn array(&self, element: &PgType, x: &str) -> Option<Made> {
        let means = match self.means {
            Means::Array(means) => means,
            _ if self.carrier == Carrier::Avro => return None,
            _ => &Means::Untold,
        };
        // Decimals in an array of Avro's that have no scale of their own are parts of a record.
        if self.carrier == Carrier::Avro && *means == Means::AnyDecimal {
            return None;
        }
        let inner = Value { pg: element, means, ..*self };
        let made = inner.scalar("_e", "1")?;
        let all = if self.carrier == Carrier::Json { elements(x) } else { x.to_owned() };
        let expression = if made == "_e" { all } else { format!("arrayMap(_e -> {made}, {all})") };
        let odd = match self.carrier {
            Carrier::Json => json_array_is_odd,
            Carrier::Avro => array_is_odd,
        };
        Some(Made { expression, odd, is_array: true })
    }

    fn scalar(&self, x: &str, is_text: &str) -> Option<String> {
        let plain = || self.pg.kind().clickhouse(false);
        Some(match self.pg {
            PgType::Bool
            | PgType::Int2
            | PgType::Int4
            | PgType::Int8
            | PgType::Oid
            | PgType::Xid8
            | PgType::Float4
            | PgType::Float8 => match self.carrier {
                Carrier::Avro if avro_type(self.means)? == format!("Nullable({})", plain()) => {
                    x.to_owned()
                }
                _ => format!("accurateCastOrNull({x}, '{}')", plain()),
            },
            PgType::Numeric(_) | PgType::Money(_) => self.decimal(x, is_text)?,
            PgType::Text
            | PgType::Enum
            | PgType::Json
            | PgType::Jsonb
            | PgType::Printed(
                Printed::Inet
                | Printed::Macaddr
                | Printed::Lsn
                | Printed::Tid
                | Printed::Tsvector
                | Printed::Tsquery
                | Printed::Versioned,
            ) => match (self.carrier, avro_type(self.means).as_deref()) {
                (Carrier::Avro, Some("Nullable(String)")) | (Carrier::Json, _) => x.to_owned(),
                _ => format!("toString({x})"),
            },
            PgType::AsText(inner) if **inner == PgType::Text => x.to_owned(),
            PgType::Bytea => match self.carrier {
                Carrier::Json => format!("_bytes({x})"),
                Carrier::Avro => x.to_owned(),
            },
            PgType::Uuid => format!("toUUIDOrNull({x})"),
            PgType::Timestamp | PgType::Timestamptz => self.moment(x),
            PgType::Date => self.date(x),
            PgType::Time => self.time(x),
            _ => return None,
        })
    }

    /// Whether the schema of a message says another unit of time than the one that was seen.
    pub(super) fn other_unit(&self) -> Option<String> {
        let means = match self.means {
            Means::Array(means) => means,
            means => means,
        };
        let names = match means {
            Means::Timestamp(Unit::Ms) => {
                "(io.debezium.time|org.apache.kafka.connect.data).Timestamp"
            }
            Means::Timestamp(Unit::Us) => "io.debezium.time.MicroTimestamp",
            Means::Timestamp(Unit::Ns) => "io.debezium.time.NanoTimestamp",
            Means::Time(Unit::Ms) => "(io.debezium.time|org.apache.kafka.connect.data).Time",
            Means::Time(Unit::Us) => "io.debezium.time.MicroTime",
            Means::Time(Unit::Ns) => "io.debezium.time.NanoTime",
            _ => return None,
        };
        let name = field_of_schema(self.told_as?);
        let told = format!("\"name\":\"{}\"{name}", names.replace('.', "[.]"));
        Some(format!("NOT match(_q.message, {})", literal(&told)))
    }

    fn int(&self, x: &str) -> String {
        match self.carrier {
            Carrier::Json => format!("toInt64OrNull({x})"),
            Carrier::Avro => x.to_owned(),
        }
    }

    /// What a number counts, as `time.precision.mode = adaptive` has it where nothing else is said.
    fn unit(&self) -> Unit {
        match (self.means, self.modifier) {
            (Means::Timestamp(unit) | Means::Time(unit), _) => *unit,
            (_, Some(0..=3)) => Unit::Ms,
            _ => Unit::Us,
        }
    }

    /// A count of time in µs.
    fn us(&self, x: &str) -> String {
        let int = self.int(x);
        match self.unit() {
            Unit::Us => int,
            Unit::Ms => format!("_ms({int})"),
            Unit::Ns => format!("_ns({int})"),
        }
    }

    fn date(&self, x: &str) -> String {
        match self.means {
            Means::Date => format!("_day({})", self.int(x)),
            Means::IsoDate => format!("toDate32OrNull({x})"),
            _ => format!("ifNull(_day(toInt64OrNull({x})), toDate32OrNull({x}))"),
        }
    }

    fn time(&self, x: &str) -> String {
        match self.means {
            Means::Time(_) => format!("_time({})", self.us(x)),
            Means::IsoTime => format!("toTime64OrNull({x}, 6)"),
            _ => format!("ifNull(_time({}), toTime64OrNull({x}, 6))", self.us(x)),
        }
    }

    fn moment(&self, x: &str) -> String {
        match self.means {
            Means::Timestamp(_) => format!("_moment({})", self.us(x)),
            Means::ZonedTimestamp | Means::IsoTimestamp => format!("_instant({x})"),
            _ if self.is_debezium => format!("ifNull(_moment({}), _instant({x}))", self.us(x)),
            _ => format!("ifNull(_moment(_by_size(toInt64OrNull({x}))), _instant({x}))"),
        }
    }

    fn decimal(&self, x: &str, is_text: &str) -> Option<String> {
        let kind = self.pg.kind();
        let plain = kind.clickhouse(false);
        if let (Carrier::Avro, Means::Decimal { precision: Some(1..=76), scale: 0.. }) =
            (self.carrier, self.means)
        {
            return Some(match avro_type(self.means)? == format!("Nullable({plain})") {
                true => x.to_owned(),
                false => format!("accurateCastOrNull({x}, '{plain}')"),
            });
        }
        let text = self.digits(x, is_text)?;
        let Kind::Decimal { precision, scale } = kind else { return Some(text) };
        // The cast alone would cut digits off, or take more of them than the type says.
        let fits = format!("^-?0*[0-9]{{0,{}}}([.][0-9]{{0,{scale}}}0*)?$", precision - scale);
        Some(format!("if(match({text}, '{fits}'), accurateCastOrNull({text}, '{plain}'), NULL)"))
    }

    /// A decimal as a text of digits.
    fn digits(&self, x: &str, is_text: &str) -> Option<String> {
        let declared = match self.pg {
            PgType::Numeric(Some((_, scale))) => Some(i32::from(*scale)),
            PgType::Money(scale) => Some(i32::from(*scale)),
            _ => None,
        };
        Some(match (self.means, self.carrier) {
            (Means::Decimal { scale: ..0, .. }, _) => return None,
            (Means::Decimal { scale, .. }, Carrier::Avro) => format!("_digits({x}, {scale})"),
            (Means::Decimal { scale, .. }, Carrier::Json) => match self.told_as {
                // Which an ALTER changes, and messages of before are read as well.
                Some(name) => {
                    let scale =
                        literal(&format!("\"scale\":\"([0-9]+)\"{}", field_of_schema(name)));
                    format!("_digits(_bytes({x}), toInt32OrNull(extract(_q.message, {scale})))")
                }
                None => format!("_digits(_bytes({x}), {scale})"),
            },
            // Two columns of Avro's, which are put together where they are taken out.
            (Means::AnyDecimal, Carrier::Avro) => x.to_owned(),
            (_, Carrier::Avro) => format!("toString({x})"),
            (Means::AnyDecimal, Carrier::Json) => format!("_parts_of_decimal({x})"),
            (Means::Untold, Carrier::Json) if self.is_debezium => match declared {
                Some(..0) => return None,
                Some(scale) => format!("_by_look({x}, {is_text}, {scale})"),
                None => format!("if(startsWith({x}, '{{'), _parts_of_decimal({x}), {x})"),
            },
            (_, Carrier::Json) => x.to_owned(),
        })
    }
}

/// The rest of a field in the schema that Connect writes, up to its name: it stands last.
fn field_of_schema(name: &str) -> String {
    let as_json = serde_json::Value::from(name).to_string();
    let mut quoted = String::new();
    for letter in as_json.chars() {
        if letter.is_ascii_punctuation() && letter != '_' {
            quoted.push('\\');
        }
        quoted.push(letter);
    }
    // Behind its parameters, and those of an array's elements.
    format!("[^{{}}]*[}}]{{0,2}}[^{{}}]*\"field\":{quoted}")
}

/// Functions that expressions call, each before those that call it. The ends of ClickHouse's own time are what
/// lies beyond them, as for the direct stream.
const HELPERS: [(&str, &str); 14] = [
    ("_bytes", "_t -> if(_t = '', '', nullIf(tryBase64Decode(_t), ''))"),
    // Two's complement, the high byte first.
    (
        "_unscaled",
        "_b -> reinterpretAsInt256(concat(reverse(_b), repeat(if(reinterpretAsUInt8(substring(_b, 1, 1)) >= 128, char(255), char(0)), greatest(32 - toInt32(length(_b)), 0))))",
    ),
    ("_padded", "(_t, _n) -> concat(repeat('0', greatest(_n - toInt32(length(_t)), 0)), _t)"),
    (
        "_split",
        "(_t, _n) -> if(_n > 0, concat(substring(_t, 1, length(_t) - _n), '.', right(_t, _n)), _t)",
    ),
    (
        "_digits",
        "(_b, _s) -> if(length(_b) BETWEEN 1 AND 32 AND _s >= 0, concat(if(_unscaled(_b) < 0, '-', ''), _split(_padded(toString(abs(_unscaled(_b))), _s + 1), _s)), NULL)",
    ),
    (
        "_parts_of_decimal",
        "_t -> _digits(_bytes(JSONExtract(_t, 'value', 'Nullable(String)')), JSONExtract(_t, 'scale', 'Nullable(Int32)'))",
    ),
    // Java prints as many digits behind the point as there are: without a point nothing tells digits from base64.
    (
        "_by_look",
        "(_t, _is_text, _s) -> multiIf(NOT _is_text, _t, _t IN ('NaN', 'NAN'), NULL, NOT match(_t, '^-?[0-9]+([.][0-9]*)?$'), _digits(_bytes(_t), _s), length(_t) % 4 = 0 AND match(_t, '^[0-9]+$'), if(_s = 0, NULL, _digits(_bytes(_t), _s)), _t)",
    ),
    (
        "_ms",
        "_n -> multiIf(_n < -2208988800001, -2208988800001, _n > 10413792000001, 10413792000001, _n) * 1000",
    ),
    ("_ns", "_n -> if(_n % 1000 = 0, intDiv(_n, 1000), NULL)"),
    (
        "_by_size",
        "_n -> multiIf(abs(_n) < 100000000000, _n * 1000000, abs(_n) < 100000000000000, _n * 1000, abs(_n) < 100000000000000000, _n, intDiv(_n, 1000))",
    ),
    (
        "_moment",
        "_us -> fromUnixTimestamp64Micro(multiIf(_us < -2208988800000000, toInt64(-2208988800000000), _us > 10413791999999999, toInt64(10413791999999999), toInt64(_us)), 'UTC')",
    ),
    (
        "_instant",
        "_t -> multiIf(_t = 'infinity', toDateTime64('2299-12-31 23:59:59.999999', 6, 'UTC'), _t = '-infinity', toDateTime64('1900-01-01 00:00:00', 6, 'UTC'), parseDateTime64BestEffortOrNull(_t, 6, 'UTC') < toDateTime64('1900-01-01 00:00:00', 6, 'UTC'), toDateTime64('1900-01-01 00:00:00', 6, 'UTC'), parseDateTime64BestEffortOrNull(_t, 6, 'UTC') > toDateTime64('2299-12-31 23:59:59.999999', 6, 'UTC'), toDateTime64('2299-12-31 23:59:59.999999', 6, 'UTC'), parseDateTime64BestEffortOrNull(_t, 6, 'UTC'))",
    ),
    (
        "_time",
        "_us -> if(_us >= 0 AND _us < 86400000000, toTime64(fromUnixTimestamp64Micro(toInt64(_us), 'UTC'), 6), NULL)",
    ),
    // Postgres has no others, and the driver sends some for infinity.
    (
        "_day",
        "_days -> toDate32(toInt32(multiIf(_days < -2440588 OR _days > 2145031948, NULL, _days < -25567, -25567, _days > 120529, 120529, _days)))",
    ),
];

/// Those that the text calls, and what they call.
pub(super) fn helpers(sql: &str) -> Vec<String> {
    let mut called = sql.to_owned();
    let mut found = Vec::new();
    for (name, body) in HELPERS.iter().rev() {
        if called.contains(&format!("{name}(")) {
            called += body;
            found.push(format!("({body}) AS {name}"));
        }
    }
    found.reverse();
    found
}

pub(super) fn is_helper(name: &str) -> bool {
    HELPERS.iter().any(|(helper, _)| *helper == name)
}
