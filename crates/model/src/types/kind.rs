//! How values of a column lie in memory: the neutral form between Postgres's tuples and
//! ClickHouse's Native columns.

/// Fixed kinds are little-endian and as wide as ClickHouse has them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Kind {
    Bool,
    Int16,
    Int32,
    Int64,
    UInt32,
    UInt64,
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
    /// Text to text or NULL.
    Map,
    /// The two bounds, NULL where there is none, and how they are meant: `[)`, `empty`, or nothing
    /// at all where the range itself is NULL.
    Range(Box<Kind>),
    /// Two Float64.
    Point,
    /// Points, the last one joined to the first.
    Ring,
    /// Float32s, none of them NULL.
    Vector,
}

impl Kind {
    /// Bytes a value takes; `None` for those that vary or have parts.
    #[inline]
    pub fn width(&self) -> Option<usize> {
        Some(match self {
            Kind::Bool => 1,
            Kind::Int16 => 2,
            Kind::Int32 | Kind::UInt32 | Kind::Float32 | Kind::Date => 4,
            Kind::Int64 | Kind::UInt64 | Kind::Float64 | Kind::Timestamp | Kind::Time => 8,
            Kind::Decimal { precision, .. } => decimal_width(*precision),
            Kind::Uuid => 16,
            Kind::Text
            | Kind::Array(_)
            | Kind::Map
            | Kind::Range(_)
            | Kind::Point
            | Kind::Ring
            | Kind::Vector => return None,
        })
    }

    /// The kinds of the columns that a value is spread over.
    pub fn parts(&self) -> Vec<Kind> {
        match self {
            Kind::Array(element) => vec![(**element).clone()],
            Kind::Map => vec![Kind::Text, Kind::Text],
            Kind::Range(bound) => vec![(**bound).clone(), (**bound).clone(), Kind::Text],
            Kind::Point => vec![Kind::Float64, Kind::Float64],
            Kind::Ring => vec![Kind::Point],
            Kind::Vector => vec![Kind::Float32],
            _ => Vec::new(),
        }
    }

    /// Whether the part's values may be NULL, as [`Kind::clickhouse`] says.
    pub fn part_may_be_null(&self, part: usize) -> bool {
        match self {
            Kind::Array(element) => element.may_be_nullable(),
            Kind::Map => part == 1,
            Kind::Range(_) => part < 2,
            _ => false,
        }
    }

    /// Whether its parts have one row for each of its own, not a run of rows.
    pub(crate) fn is_tuple(&self) -> bool {
        matches!(self, Kind::Range(_) | Kind::Point)
    }

    /// Whether ClickHouse has a Nullable of it.
    pub fn may_be_nullable(&self) -> bool {
        self.width().is_some() || *self == Kind::Text
    }

    /// Whether what stands for NULL, where there is no Nullable, could be a value as well. An empty
    /// ring or vector is none, and a range without its brackets is none either.
    pub fn null_is_bent(&self) -> bool {
        matches!(self, Kind::Array(_) | Kind::Map | Kind::Point)
    }

    /// The ClickHouse type of the bytes we send, and the column's type unless configured otherwise.
    pub fn clickhouse(&self, nullable: bool) -> String {
        let plain = match self {
            Kind::Bool => "Bool".into(),
            Kind::Int16 => "Int16".into(),
            Kind::Int32 => "Int32".into(),
            Kind::Int64 => "Int64".into(),
            Kind::UInt32 => "UInt32".into(),
            Kind::UInt64 => "UInt64".into(),
            Kind::Float32 => "Float32".into(),
            Kind::Float64 => "Float64".into(),
            Kind::Decimal { precision, scale } => format!("Decimal({precision}, {scale})"),
            Kind::Text => "String".into(),
            Kind::Uuid => "UUID".into(),
            Kind::Timestamp => "DateTime64(6, 'UTC')".into(),
            Kind::Date => "Date32".into(),
            Kind::Time => "Time64(6)".into(),
            Kind::Array(element) => {
                format!("Array({})", element.clickhouse(element.may_be_nullable()))
            }
            Kind::Map => "Map(String, Nullable(String))".into(),
            Kind::Range(bound) => {
                let bound = bound.clickhouse(true);
                format!("Tuple(lower {bound}, upper {bound}, bounds String)")
            }
            Kind::Point => "Point".into(),
            Kind::Ring => "Ring".into(),
            Kind::Vector => "Array(Float32)".into(),
        };
        match nullable && self.may_be_nullable() {
            true => format!("Nullable({plain})"),
            false => plain,
        }
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
