//! What a schema says a value is, whichever way the schema itself was written down: Connect's JSON
//! and Avro name the same things (`io.debezium.time.MicroTimestamp`) around the same few carriers.

use model::{PgType, Printed};

/// Of a number that counts time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unit {
    Ms,
    Us,
    Ns,
}

#[derive(Clone, PartialEq, Debug)]
pub enum Means {
    /// No schema: the value and its column's type tell.
    Untold,
    Bool,
    Int(u8),
    Float4,
    Float8,
    Text,
    Bytes,
    /// Two's complement, the high byte first.
    Decimal {
        precision: Option<u16>,
        scale: i32,
    },
    /// `{scale, value}`
    AnyDecimal,
    /// Days since 1970.
    Date,
    /// Since 1970, of no zone.
    Timestamp(Unit),
    /// Since midnight.
    Time(Unit),
    ZonedTimestamp,
    ZonedTime,
    IsoTimestamp,
    IsoDate,
    IsoTime,
    /// `P1Y2M3DT4H5M6.789S`
    Interval,
    /// Lengths of time as a number, in which months have 30.4375 days.
    Duration(Unit),
    Json,
    Uuid,
    Enum,
    /// The low byte first. How many there are, where that was declared.
    Bits(Option<u32>),
    /// `{x, y, wkb, srid}`
    Point,
    /// `{wkb, srid}`
    Shape,
    Ltree,
    Tsvector,
    Array(Box<Means>),
    /// Texts to texts.
    Map,
    /// Anything else of many parts: as JSON.
    Parts,
}

/// What carries a value, before its name says what it means.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Carrier {
    Bool,
    Int(u8),
    Float4,
    Float8,
    Text,
    Bytes,
    Array(Box<Means>),
    /// Whether keys and values are texts.
    Map(bool),
    Struct,
}

/// The parameters of a schema that are looked at.
#[derive(Default)]
pub(super) struct Parameters {
    pub(super) scale: Option<i32>,
    pub(super) precision: Option<u16>,
    pub(super) length: Option<u32>,
}

/// A field of a row.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) means: Means,
    pub(super) is_optional: bool,
}

impl Means {
    /// Names that are not known mean nothing: the carrier tells.
    pub(super) fn of(carrier: Carrier, name: &str, with: &Parameters) -> Means {
        use Carrier::{Bytes, Int, Struct, Text};
        match (name, &carrier) {
            ("org.apache.kafka.connect.data.Decimal", Bytes) => {
                Means::Decimal { precision: with.precision, scale: with.scale.unwrap_or(0) }
            }
            ("io.debezium.data.VariableScaleDecimal", Struct) => Means::AnyDecimal,
            ("io.debezium.time.Date" | "org.apache.kafka.connect.data.Date", Int(_)) => Means::Date,
            ("io.debezium.time.Timestamp" | "org.apache.kafka.connect.data.Timestamp", Int(_)) => {
                Means::Timestamp(Unit::Ms)
            }
            ("io.debezium.time.MicroTimestamp", Int(_)) => Means::Timestamp(Unit::Us),
            ("io.debezium.time.NanoTimestamp", Int(_)) => Means::Timestamp(Unit::Ns),
            ("io.debezium.time.Time" | "org.apache.kafka.connect.data.Time", Int(_)) => {
                Means::Time(Unit::Ms)
            }
            ("io.debezium.time.MicroTime", Int(_)) => Means::Time(Unit::Us),
            ("io.debezium.time.NanoTime", Int(_)) => Means::Time(Unit::Ns),
            ("io.debezium.time.MicroDuration", Int(_)) => Means::Duration(Unit::Us),
            ("io.debezium.time.NanoDuration", Int(_)) => Means::Duration(Unit::Ns),
            ("io.debezium.time.ZonedTimestamp", Text) => Means::ZonedTimestamp,
            ("io.debezium.time.ZonedTime", Text) => Means::ZonedTime,
            ("io.debezium.time.IsoTimestamp", Text) => Means::IsoTimestamp,
            ("io.debezium.time.IsoDate", Text) => Means::IsoDate,
            ("io.debezium.time.IsoTime", Text) => Means::IsoTime,
            ("io.debezium.time.Interval", Text) => Means::Interval,
            ("io.debezium.data.Json", Text) => Means::Json,
            ("io.debezium.data.Uuid", Text) => Means::Uuid,
            ("io.debezium.data.Enum", Text) => Means::Enum,
            ("io.debezium.data.Ltree", Text) => Means::Ltree,
            ("io.debezium.data.Tsvector", Text) => Means::Tsvector,
            ("io.debezium.data.Bits", Bytes) => Means::Bits(with.length),
            ("io.debezium.data.geometry.Point", Struct) => Means::Point,
            (
                "io.debezium.data.geometry.Geometry" | "io.debezium.data.geometry.Geography",
                Struct,
            ) => Means::Shape,
            _ => carrier.into(),
        }
    }

    /// The type of a column that has these values. `is_postgres`: its connector is.
    pub(super) fn natural(&self, is_postgres: bool) -> PgType {
        match self {
            Means::Untold | Means::Text => PgType::Text,
            Means::Bool => PgType::Bool,
            Means::Int(0..=16) => PgType::Int2,
            Means::Int(17..=32) => PgType::Int4,
            // A number without months and days of its own is no interval.
            Means::Int(_) | Means::Duration(_) => PgType::Int8,
            Means::Float4 => PgType::Float4,
            Means::Float8 => PgType::Float8,
            Means::Bytes => PgType::Bytea,
            // Postgres's numeric always says its precision, or is of any scale.
            Means::Decimal { precision: None, scale: scale @ 0..=9 } if is_postgres => {
                PgType::Money(*scale as u8)
            }
            Means::Decimal { precision: Some(precision), scale } => {
                PgType::Numeric(Some((*precision, (*scale).clamp(-1000, 1000) as i16)))
            }
            Means::Decimal { precision: None, .. } | Means::AnyDecimal => PgType::Numeric(None),
            Means::Date | Means::IsoDate => PgType::Date,
            Means::Timestamp(_) | Means::IsoTimestamp => PgType::Timestamp,
            Means::ZonedTimestamp => PgType::Timestamptz,
            Means::Time(_) | Means::IsoTime => PgType::Time,
            Means::ZonedTime => PgType::Timetz,
            Means::Interval => PgType::Interval,
            Means::Json => PgType::Json,
            Means::Parts => PgType::Jsonb,
            Means::Uuid => PgType::Uuid,
            Means::Enum => PgType::Enum,
            Means::Bits(_) => PgType::Printed(Printed::Bits),
            Means::Point => PgType::Point,
            Means::Shape => PgType::Printed(Printed::Ewkb),
            Means::Ltree => PgType::Printed(Printed::Versioned),
            Means::Tsvector => PgType::Printed(Printed::Tsvector),
            Means::Map => PgType::Hstore,
            Means::Array(element) => match element.natural(is_postgres) {
                PgType::Array(inner, dimensions) if dimensions < 6 => {
                    PgType::Array(inner, dimensions + 1)
                }
                inner => PgType::Array(Box::new(inner), 1),
            },
        }
    }
}

impl From<Carrier> for Means {
    fn from(carrier: Carrier) -> Means {
        match carrier {
            Carrier::Bool => Means::Bool,
            Carrier::Int(bits) => Means::Int(bits),
            Carrier::Float4 => Means::Float4,
            Carrier::Float8 => Means::Float8,
            Carrier::Text => Means::Text,
            Carrier::Bytes => Means::Bytes,
            Carrier::Array(element) => Means::Array(element),
            Carrier::Map(true) => Means::Map,
            Carrier::Map(false) | Carrier::Struct => Means::Parts,
        }
    }
}
