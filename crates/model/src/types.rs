//! The type map: what a Postgres type is, and the neutral [`Kind`] of column that carries it.
//!
//! `docs/types.md` describes the same map to users. A type that is not named here travels as
//! Postgres's text form of it ([`PgType::Other`]): never a refusal because a type is unknown.

/// A Postgres type with domains resolved to their base.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PgType {
    Bool,
    Int2,
    Int4,
    Int8,
    Oid,
    Float4,
    Float8,
    /// `numeric(p,s)`; without a modifier both are absent.
    Numeric(Option<(u16, i16)>),
    /// text, varchar, bpchar, citext, name, xml: text in both of Postgres's forms.
    Text,
    /// An enum: its label in both forms.
    Enum,
    Bytea,
    Uuid,
    Timestamp,
    Timestamptz,
    Date,
    Time,
    Timetz,
    Interval,
    Json,
    Jsonb,
    /// Elements and the declared number of dimensions (1 or more).
    Array(Box<PgType>, u8),
    /// Carried as text; its binary form is not read.
    Other,
}

/// The largest precision that ClickHouse's Decimal has.
pub const DECIMAL_PRECISION_MAX: u16 = 76;
/// What an unbounded `numeric` becomes.
pub const DECIMAL_UNBOUNDED: (u8, u8) = (76, 38);

impl PgType {
    /// The type behind a built-in oid and its modifier. `None`: ask the catalog (enum, domain,
    /// array of those, extension), or treat as [`PgType::Other`].
    pub fn of_builtin(oid: u32, typmod: i32, dimensions: u8) -> Option<PgType> {
        Some(match oid {
            16 => PgType::Bool,
            21 => PgType::Int2,
            23 => PgType::Int4,
            20 => PgType::Int8,
            26 => PgType::Oid,
            700 => PgType::Float4,
            701 => PgType::Float8,
            1700 => PgType::Numeric(numeric_modifier(typmod)),
            25 | 1043 | 1042 | 19 | 142 => PgType::Text,
            17 => PgType::Bytea,
            2950 => PgType::Uuid,
            1114 => PgType::Timestamp,
            1184 => PgType::Timestamptz,
            1082 => PgType::Date,
            1083 => PgType::Time,
            1266 => PgType::Timetz,
            1186 => PgType::Interval,
            114 => PgType::Json,
            3802 => PgType::Jsonb,
            // int2vector, oidvector, box[]: arrays whose text form is not an array's.
            22 | 30 | 1020 => PgType::Other,
            _ => {
                let element = PgType::of_builtin(array_element(oid)?, typmod, 0)?;
                PgType::Array(Box::new(element), dimensions.max(1))
            }
        })
    }

    /// Whether values can be read from Postgres's binary form.
    pub fn has_binary(&self) -> bool {
        match self {
            PgType::Other => false,
            PgType::Array(element, _) => element.has_binary(),
            _ => true,
        }
    }

    /// Whether a value may lie outside the years that ClickHouse's times have.
    pub fn is_clamped(&self) -> bool {
        match self {
            PgType::Timestamp | PgType::Timestamptz | PgType::Date => true,
            PgType::Array(element, _) => element.is_clamped(),
            _ => false,
        }
    }

    pub fn kind(&self) -> Kind {
        match self {
            PgType::Bool => Kind::Bool,
            PgType::Int2 => Kind::Int16,
            PgType::Int4 => Kind::Int32,
            PgType::Int8 => Kind::Int64,
            PgType::Oid => Kind::UInt32,
            PgType::Float4 => Kind::Float32,
            PgType::Float8 => Kind::Float64,
            PgType::Numeric(None) => {
                Kind::Decimal { precision: DECIMAL_UNBOUNDED.0, scale: DECIMAL_UNBOUNDED.1 }
            }
            PgType::Numeric(Some((precision, scale))) => decimal(*precision, *scale),
            PgType::Uuid => Kind::Uuid,
            PgType::Timestamp | PgType::Timestamptz => Kind::Timestamp,
            PgType::Date => Kind::Date,
            PgType::Time => Kind::Time,
            PgType::Text
            | PgType::Enum
            | PgType::Bytea
            | PgType::Timetz
            | PgType::Interval
            | PgType::Json
            | PgType::Jsonb
            | PgType::Other => Kind::Text,
            PgType::Array(element, dimensions) => {
                let inner = element.kind();
                (0..*dimensions).fold(inner, |kind, _| Kind::Array(Box::new(kind)))
            }
        }
    }
}

/// `numeric(3,5)` and `numeric(5,-2)` exist: digits before the point and after it are counted apart.
fn decimal(precision: u16, scale: i16) -> Kind {
    let after = scale.max(0) as u16;
    let before = (i32::from(precision) - i32::from(scale)).max(0) as u16;
    let digits = (before + after).max(1);
    if digits > DECIMAL_PRECISION_MAX {
        return Kind::Text;
    }
    Kind::Decimal { precision: digits as u8, scale: after as u8 }
}

fn numeric_modifier(typmod: i32) -> Option<(u16, i16)> {
    if typmod < 4 {
        return None;
    }
    let packed = typmod - 4;
    let precision = (packed >> 16) as u16;
    // 11 bits, signed, since Postgres 15; before that 16 bits of which only 0..1000 occur.
    let scale = ((packed & 0x7ff) ^ 1024) - 1024;
    Some((precision, scale as i16))
}

fn array_element(oid: u32) -> Option<u32> {
    Some(match oid {
        1000 => 16,
        1005 => 21,
        1007 => 23,
        1016 => 20,
        1028 => 26,
        1021 => 700,
        1022 => 701,
        1231 => 1700,
        1009 => 25,
        1015 => 1043,
        1014 => 1042,
        1003 => 19,
        143 => 142,
        1001 => 17,
        2951 => 2950,
        1115 => 1114,
        1185 => 1184,
        1182 => 1082,
        1183 => 1083,
        1270 => 1266,
        1187 => 1186,
        199 => 114,
        3807 => 3802,
        _ => return None,
    })
}

/// How values of a column lie in memory: the neutral form between Postgres's tuples and
/// ClickHouse's Native columns. Fixed kinds are little-endian and as wide as ClickHouse has them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Kind {
    Bool,
    Int16,
    Int32,
    Int64,
    UInt32,
    Float32,
    Float64,
    Decimal {
        precision: u8,
        scale: u8,
    },
    /// Any bytes.
    Text,
    /// Two little-endian halves, the high one first, as ClickHouse keeps it.
    Uuid,
    /// Microseconds since 1970-01-01 00:00 UTC.
    Timestamp,
    /// Days since 1970-01-01.
    Date,
    /// Microseconds since midnight.
    Time,
    /// Elements may be NULL; the array itself may not (ClickHouse has no Nullable(Array)).
    Array(Box<Kind>),
}

impl Kind {
    /// Bytes a value takes; `None` for those that vary.
    pub fn width(&self) -> Option<usize> {
        Some(match self {
            Kind::Bool => 1,
            Kind::Int16 => 2,
            Kind::Int32 | Kind::UInt32 | Kind::Float32 | Kind::Date => 4,
            Kind::Int64 | Kind::Float64 | Kind::Timestamp | Kind::Time => 8,
            Kind::Decimal { precision, .. } => decimal_width(*precision),
            Kind::Uuid => 16,
            Kind::Text | Kind::Array(_) => return None,
        })
    }

    /// Whether ClickHouse has a Nullable of it.
    pub fn may_be_nullable(&self) -> bool {
        !matches!(self, Kind::Array(_))
    }

    /// The ClickHouse type of the bytes we send, and the column's type unless configured otherwise.
    pub fn clickhouse(&self, nullable: bool) -> String {
        if let Kind::Array(element) = self {
            return format!("Array({})", element.clickhouse(element.may_be_nullable()));
        }
        let plain = match self {
            Kind::Bool => "Bool".into(),
            Kind::Int16 => "Int16".into(),
            Kind::Int32 => "Int32".into(),
            Kind::Int64 => "Int64".into(),
            Kind::UInt32 => "UInt32".into(),
            Kind::Float32 => "Float32".into(),
            Kind::Float64 => "Float64".into(),
            Kind::Decimal { precision, scale } => format!("Decimal({precision}, {scale})"),
            Kind::Text => "String".into(),
            Kind::Uuid => "UUID".into(),
            Kind::Timestamp => "DateTime64(6, 'UTC')".into(),
            Kind::Date => "Date32".into(),
            Kind::Time => "Time64(6)".into(),
            Kind::Array(_) => unreachable!("answered above"),
        };
        if nullable { format!("Nullable({plain})") } else { plain }
    }
}

pub fn decimal_width(precision: u8) -> usize {
    match precision {
        0..=9 => 4,
        10..=18 => 8,
        19..=38 => 16,
        _ => 32,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numeric(precision: i32, scale: i32) -> Kind {
        let typmod = ((precision << 16) | (scale & 0x7ff)) + 4;
        PgType::of_builtin(1700, typmod, 0).unwrap().kind()
    }

    #[test]
    fn numeric_modifiers_become_decimals_that_hold_every_digit() {
        assert_eq!(numeric(10, 2), Kind::Decimal { precision: 10, scale: 2 });
        assert_eq!(numeric(3, 5), Kind::Decimal { precision: 5, scale: 5 });
        assert_eq!(numeric(5, -2), Kind::Decimal { precision: 7, scale: 0 });
        assert_eq!(numeric(76, 0), Kind::Decimal { precision: 76, scale: 0 });
        assert_eq!(numeric(77, 0), Kind::Text);
        let unbounded = PgType::of_builtin(1700, -1, 0).unwrap().kind();
        assert_eq!(unbounded, Kind::Decimal { precision: 76, scale: 38 });
    }

    #[test]
    fn arrays_nest_to_their_declared_depth() {
        let twice = PgType::of_builtin(1007, -1, 2).unwrap();
        assert_eq!(twice.kind().clickhouse(true), "Array(Array(Nullable(Int32)))");
        let undeclared = PgType::of_builtin(1009, -1, 0).unwrap();
        assert_eq!(undeclared.kind().clickhouse(false), "Array(Nullable(String))");
    }
}
