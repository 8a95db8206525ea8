//! What a column of Postgres is in Debezium's messages: how its values are written, and the schema
//! that says so.

use super::known::Known;
use super::options::{DecimalMode, Forms, IntervalMode, TimeMode};
use super::schema::{Kind, Schema};
use model::{Column, PgType, Printed, TableId};

pub(crate) const DECIMAL: &str = "org.apache.kafka.connect.data.Decimal";
pub(crate) const DECIMAL_PRECISION: &str = "connect.decimal.precision";
/// What Debezium says of a `varbit` without a length.
const BITS_UNBOUNDED: i32 = i32::MAX;

/// Of a column, an element or a bound.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Type {
    pub form: Form,
    pub schema: Schema,
}

/// How a value is written.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Form {
    Bool,
    Int16,
    Int32,
    Int64,
    /// 32 bits without a sign, as 64.
    Oid,
    /// 64 bits without a sign: what is beyond an int64 is none.
    Xid8,
    Float,
    Double,
    /// The same bytes in both of Postgres's forms.
    Text,
    Jsonb,
    Uuid,
    /// As Postgres prints it.
    Printed(PgType),
    Bytes,
    /// The digits as a whole number of `10^-scale`.
    Decimal {
        scale: i32,
    },
    /// With as many digits behind the point as it needs.
    FreeDecimal,
    DecimalText,
    DecimalDouble,
    Money(DecimalMode, u8),
    Date,
    IsoDate,
    /// Since 1970, without a zone.
    Millis,
    Micros,
    IsoTimestamp,
    /// In UTC; digits of the second, or as many as it needs.
    Zoned {
        digits: Option<u8>,
    },
    TimeMillis,
    TimeMicros,
    IsoTime,
    /// In UTC.
    ZonedTime,
    /// Months of 30.4375 days.
    IntervalMicros,
    IsoInterval,
    Bit,
    Bits,
    Point,
    Hstore,
    Geometry,
    /// Of halves or of singles.
    Vector {
        is_half: bool,
    },
    Array {
        element: Box<Type>,
        dimensions: u8,
        delimiter: u8,
    },
}

/// Of the built-in types that are one [`PgType`] with others.
const XML: [u32; 2] = [142, 143];
const BIT: [u32; 2] = [1560, 1561];

impl Type {
    pub(crate) fn of(table: TableId, column: &Column, forms: Forms, known: &Known) -> Type {
        // What ClickHouse keeps as text is not text to others.
        let pg = match &column.pg {
            PgType::AsText(inner) => inner,
            pg => pg,
        };
        let mut ty = Build { column, forms, known }.of(pg);
        ty.schema.optional = !column.not_null;
        ty.schema.default = match column.not_null {
            true => known.default_of(table, column, &ty),
            false => None,
        };
        ty
    }
}

struct Build<'a> {
    column: &'a Column,
    forms: Forms,
    known: &'a Known,
}

impl Build<'_> {
    fn of(&self, pg: &PgType) -> Type {
        let named = |form, kind, name: &str| Type { form, schema: Schema::named(kind, name) };
        let plain = |form, kind| Type { form, schema: Schema::new(kind) };
        let text = |form, name: &str| named(form, Kind::String, name);
        let double = |form| plain(form, Kind::Double);
        match pg {
            PgType::Bool => plain(Form::Bool, Kind::Boolean),
            PgType::Int2 => plain(Form::Int16, Kind::Int16),
            PgType::Int4 => plain(Form::Int32, Kind::Int32),
            PgType::Int8 => plain(Form::Int64, Kind::Int64),
            PgType::Oid => plain(Form::Oid, Kind::Int64),
            PgType::Xid8 => plain(Form::Xid8, Kind::Int64),
            PgType::Float4 => plain(Form::Float, Kind::Float),
            PgType::Float8 => double(Form::Double),
            PgType::Numeric(modifier) => self.numeric(*modifier),
            PgType::Money(digits) => self.money(*digits),
            PgType::Text if XML.contains(&self.column.type_oid) => {
                text(Form::Text, "io.debezium.data.Xml")
            }
            PgType::Text => plain(Form::Text, Kind::String),
            PgType::Enum => {
                let labels = self.known.labels(self.column.type_oid);
                let mut ty = text(Form::Text, "io.debezium.data.Enum");
                ty.schema = ty.schema.parameter("allowed", labels);
                ty
            }
            PgType::Bytea => plain(Form::Bytes, Kind::Bytes),
            PgType::Uuid => text(Form::Uuid, "io.debezium.data.Uuid"),
            PgType::Json => text(Form::Text, "io.debezium.data.Json"),
            PgType::Jsonb => text(Form::Jsonb, "io.debezium.data.Json"),
            PgType::Hstore => text(Form::Hstore, "io.debezium.data.Json"),
            PgType::Timestamp
            | PgType::Timestamptz
            | PgType::Date
            | PgType::Time
            | PgType::Timetz
            | PgType::Interval => self.time(pg),
            PgType::Point => Type { form: Form::Point, schema: point() },
            PgType::Vector => vector(false, Kind::Double, "io.debezium.data.DoubleVector"),
            PgType::Halfvec => vector(true, Kind::Float, "io.debezium.data.FloatVector"),
            PgType::Printed(Printed::Bits) => self.bits(),
            PgType::Printed(Printed::Ewkb) => self.geometry(),
            PgType::Printed(Printed::Tsvector) => {
                text(Form::Printed(pg.clone()), "io.debezium.data.Tsvector")
            }
            PgType::Printed(Printed::Versioned) if self.column.type_name.contains("ltree") => {
                text(Form::Printed(pg.clone()), "io.debezium.data.Ltree")
            }
            PgType::Array(element, dimensions) => self.array(element, *dimensions),
            PgType::AsText(inner) => self.of(inner),
            PgType::Polygon
            | PgType::Range(_)
            | PgType::Multirange(_)
            | PgType::Composite(_)
            | PgType::Printed(_) => plain(Form::Printed(pg.clone()), Kind::String),
            PgType::Other | PgType::Unread => plain(Form::Text, Kind::String),
        }
    }

    fn numeric(&self, modifier: Option<(u16, i16)>) -> Type {
        match (self.forms.decimal, modifier) {
            (DecimalMode::Precise, Some((precision, scale))) => {
                let schema = Schema::named(Kind::Bytes, DECIMAL)
                    .parameter("scale", scale)
                    .parameter(DECIMAL_PRECISION, precision);
                Type { form: Form::Decimal { scale: scale.into() }, schema }
            }
            (DecimalMode::Precise, None) => {
                let fields =
                    vec![("scale", Schema::new(Kind::Int32)), ("value", Schema::new(Kind::Bytes))];
                let schema = Schema::record("io.debezium.data.VariableScaleDecimal", fields)
                    .version(1)
                    .doc("Variable scaled decimal");
                Type { form: Form::FreeDecimal, schema }
            }
            (DecimalMode::Double, _) => {
                Type { form: Form::DecimalDouble, schema: Schema::new(Kind::Double) }
            }
            (DecimalMode::String, _) => {
                Type { form: Form::DecimalText, schema: Schema::new(Kind::String) }
            }
        }
    }

    fn money(&self, digits: u8) -> Type {
        let schema = match self.forms.decimal {
            DecimalMode::Precise => Schema::named(Kind::Bytes, DECIMAL).parameter("scale", digits),
            DecimalMode::Double => Schema::new(Kind::Double),
            DecimalMode::String => Schema::new(Kind::String),
        };
        Type { form: Form::Money(self.forms.decimal, digits), schema }
    }

    fn time(&self, pg: &PgType) -> Type {
        use TimeMode::{Adaptive, Connect, Isostring};
        let named = |form, kind, name: &str| Type { form, schema: Schema::named(kind, name) };
        // Of a second: what was declared, or all six.
        let digits = u8::try_from(self.column.typmod).ok().filter(|&digits| digits <= 6);
        let is_short = digits.is_some_and(|digits| digits <= 3);
        let (int, long, text) = (Kind::Int32, Kind::Int64, Kind::String);
        match (pg, self.forms.time) {
            (PgType::Date, Isostring) => named(Form::IsoDate, text, "io.debezium.time.IsoDate"),
            (PgType::Date, Connect) => named(Form::Date, int, "org.apache.kafka.connect.data.Date"),
            (PgType::Date, _) => named(Form::Date, int, "io.debezium.time.Date"),
            (PgType::Timestamp, Isostring) => {
                named(Form::IsoTimestamp, text, "io.debezium.time.IsoTimestamp")
            }
            (PgType::Timestamp, Connect) => {
                named(Form::Millis, long, "org.apache.kafka.connect.data.Timestamp")
            }
            (PgType::Timestamp, _) if is_short => {
                named(Form::Millis, long, "io.debezium.time.Timestamp")
            }
            (PgType::Timestamp, _) => named(Form::Micros, long, "io.debezium.time.MicroTimestamp"),
            (PgType::Time, Isostring) => named(Form::IsoTime, text, "io.debezium.time.IsoTime"),
            (PgType::Time, Connect) => {
                named(Form::TimeMillis, int, "org.apache.kafka.connect.data.Time")
            }
            (PgType::Time, Adaptive) if is_short => {
                named(Form::TimeMillis, int, "io.debezium.time.Time")
            }
            (PgType::Time, _) => named(Form::TimeMicros, long, "io.debezium.time.MicroTime"),
            (PgType::Timetz, _) => named(Form::ZonedTime, text, "io.debezium.time.ZonedTime"),
            (PgType::Interval, _) => match self.forms.interval {
                IntervalMode::Numeric => {
                    named(Form::IntervalMicros, long, "io.debezium.time.MicroDuration")
                }
                IntervalMode::String => named(Form::IsoInterval, text, "io.debezium.time.Interval"),
            },
            _ => {
                let digits = match digits {
                    Some(0) => None,
                    digits => Some(digits.unwrap_or(6)),
                };
                named(Form::Zoned { digits }, text, "io.debezium.time.ZonedTimestamp")
            }
        }
    }

    fn bits(&self) -> Type {
        let length = match self.column.typmod {
            length if length > 0 => length,
            _ if BIT.contains(&self.column.type_oid) => 1,
            _ => BITS_UNBOUNDED,
        };
        if length == 1 {
            return Type { form: Form::Bit, schema: Schema::new(Kind::Boolean) };
        }
        let schema =
            Schema::named(Kind::Bytes, "io.debezium.data.Bits").parameter("length", length);
        Type { form: Form::Bits, schema }
    }

    fn geometry(&self) -> Type {
        let fields =
            vec![("wkb", Schema::new(Kind::Bytes)), ("srid", Schema::new(Kind::Int32).optional())];
        let (name, doc) = match self.column.type_name.starts_with("geography") {
            true => ("io.debezium.data.geometry.Geography", "Geography"),
            false => ("io.debezium.data.geometry.Geometry", "Geometry"),
        };
        let schema = Schema::record(name, fields).version(1).doc(doc);
        Type { form: Form::Geometry, schema }
    }

    fn array(&self, element: &PgType, dimensions: u8) -> Type {
        let mut element = self.of(element);
        // Debezium has it that an enum's label in an array is never NULL.
        element.schema.optional = element.schema.name.as_deref() != Some("io.debezium.data.Enum");
        let delimiter = if let Form::Printed(PgType::Printed(Printed::Box)) = element.form {
            b';'
        } else {
            b','
        };
        let inner = element.schema.clone();
        let schema = (0..dimensions).fold(inner, |inner, depth| {
            let inner = if depth > 0 { inner.optional() } else { inner };
            Schema::new(Kind::Array(Box::new(inner)))
        });
        Type { form: Form::Array { element: Box::new(element), dimensions, delimiter }, schema }
    }
}

fn point() -> Schema {
    let fields = vec![
        ("x", Schema::new(Kind::Double)),
        ("y", Schema::new(Kind::Double)),
        ("wkb", Schema::new(Kind::Bytes).optional()),
        ("srid", Schema::new(Kind::Int32).optional()),
    ];
    Schema::record("io.debezium.data.geometry.Point", fields).version(1).doc("Geometry (POINT)")
}

fn vector(is_half: bool, number: Kind, name: &str) -> Type {
    let numbers = Kind::Array(Box::new(Schema::new(number)));
    Type { form: Form::Vector { is_half }, schema: Schema::named(numbers, name) }
}
