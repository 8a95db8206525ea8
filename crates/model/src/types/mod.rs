//! The type map: what a Postgres type is, and the neutral [`Kind`] of column that carries it.
//!
//! ```text
//! catalog ─▶ PgType ─▶ Kind ─▶ the ClickHouse type
//!            │          └ how its values lie in memory
//!            └ how its values are read, in Postgres's binary form and in its text form
//! ```
//!
//! [`map::ROWS`] says the same to users; `docs/types.md` is made from it. A type that is not named
//! here travels as Postgres's text form of it ([`PgType::Other`], [`PgType::Unread`]): never a
//! refusal because a type is unknown.

mod builtin;
mod decimal;
mod kind;
pub mod map;

pub use decimal::{DECIMAL_PRECISION_MAX, DECIMAL_UNBOUNDED};
pub use kind::{Kind, decimal_width};

use std::sync::Arc;

/// A Postgres type with domains resolved to their base.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PgType {
    Bool,
    Int2,
    Int4,
    Int8,
    /// oid, xid, cid.
    Oid,
    Xid8,
    Float4,
    Float8,
    /// `numeric(p,s)`; without a modifier both are absent.
    Numeric(Option<(u16, i16)>),
    /// Digits behind the point: `lc_monetary` of the database decides, and most have 2.
    Money(u8),
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
    Point,
    Polygon,
    /// pgvector's `vector` and `halfvec`.
    Vector,
    Halfvec,
    Hstore,
    /// Of bounds of a type that may be NULL in ClickHouse.
    Range(Box<PgType>),
    Multirange(Box<PgType>),
    /// As JSON, spelt as Postgres's `to_json` does.
    Composite(Arc<Composite>),
    /// Read from its binary form, kept as Postgres prints it.
    Printed(Printed),
    /// What ClickHouse has no NULL of, and the user wants as text: as Postgres prints it.
    AsText(Box<PgType>),
    /// Elements and the declared number of dimensions (1 or more).
    Array(Box<PgType>, u8),
    /// It has no binary form: Postgres sends text whatever was asked for.
    Other,
    /// Its binary form is not read, or says less than its text: the stream has to ask for text.
    Unread,
}

/// What a value's binary form is made of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Printed {
    /// inet and cidr.
    Inet,
    /// macaddr and macaddr8.
    Macaddr,
    /// bit and varbit.
    Bits,
    Lseg,
    Path,
    Box,
    Line,
    Circle,
    /// `"char"`, one byte.
    Char,
    Tid,
    Lsn,
    /// pg_snapshot and txid_snapshot.
    Snapshot,
    Int2Vector,
    OidVector,
    Tsvector,
    Tsquery,
    /// The text behind a byte that says its version: jsonpath, ltree, lquery, ltxtquery.
    Versioned,
    Cube,
    Sparsevec,
    /// PostGIS's geometry and geography: EWKB, printed as hex.
    Ewkb,
}

/// A row type.
#[derive(PartialEq, Eq, Debug)]
pub struct Composite {
    pub fields: Vec<CompositeField>,
    is_binary: bool,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CompositeField {
    pub name: String,
    /// The binary form names it.
    pub type_oid: u32,
    pub pg: PgType,
}

impl Composite {
    pub fn new(fields: Vec<CompositeField>) -> Composite {
        let is_binary = fields.iter().all(|field| field.pg.has_binary());
        Composite { fields, is_binary }
    }
}

impl PgType {
    /// The fields of the row types inside, which may change while the type's name stays. Empty: none.
    pub fn fields(&self) -> String {
        match self {
            PgType::Composite(composite) => {
                let field = |field: &CompositeField| {
                    format!("{} {}{}", field.name, field.type_oid, field.pg.fields())
                };
                format!("({})", composite.fields.iter().map(field).collect::<Vec<_>>().join(", "))
            }
            PgType::Array(inner, _)
            | PgType::AsText(inner)
            | PgType::Range(inner)
            | PgType::Multirange(inner) => inner.fields(),
            _ => String::new(),
        }
    }

    /// The type behind a built-in oid and its modifier. `None`: ask the catalog (enum, domain,
    /// array of those, extension, and money), or treat as [`PgType::Unread`].
    pub fn of_builtin(oid: u32, typmod: i32, dimensions: u8) -> Option<PgType> {
        builtin::scalar(oid, typmod).or_else(|| {
            let element = builtin::scalar(builtin::array_element(oid)?, typmod)?;
            Some(PgType::Array(Box::new(element), dimensions.max(1)))
        })
    }

    /// Whether a value may lie outside the years that ClickHouse's times have.
    pub fn is_clamped(&self) -> bool {
        match self {
            PgType::Timestamp | PgType::Timestamptz | PgType::Date => true,
            PgType::Array(inner, _) | PgType::Range(inner) | PgType::Multirange(inner) => {
                inner.is_clamped()
            }
            _ => false,
        }
    }

    /// Whether values can be read from Postgres's binary form.
    pub fn has_binary(&self) -> bool {
        match self {
            PgType::Other | PgType::Unread => false,
            PgType::Array(inner, _)
            | PgType::Range(inner)
            | PgType::Multirange(inner)
            | PgType::AsText(inner) => inner.has_binary(),
            PgType::Composite(composite) => composite.is_binary,
            _ => true,
        }
    }

    /// Whether a stream that asked for binary brings a form that is not read. Of a type without a
    /// binary form it brings text; of an array of those it brings nothing but an error.
    pub fn needs_text(&self) -> bool {
        !self.has_binary() && *self != PgType::Other
    }

    pub fn kind(&self) -> Kind {
        match self {
            PgType::Bool => Kind::Bool,
            PgType::Int2 => Kind::Int16,
            PgType::Int4 => Kind::Int32,
            PgType::Int8 => Kind::Int64,
            PgType::Oid => Kind::UInt32,
            PgType::Xid8 => Kind::UInt64,
            PgType::Float4 => Kind::Float32,
            PgType::Float8 => Kind::Float64,
            PgType::Numeric(modifier) => decimal::kind(*modifier),
            PgType::Money(scale) => Kind::Decimal { precision: 19, scale: *scale },
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
            | PgType::Composite(_)
            | PgType::Printed(_)
            | PgType::AsText(_)
            | PgType::Other
            | PgType::Unread => Kind::Text,
            PgType::Point => Kind::Point,
            PgType::Polygon => Kind::Ring,
            PgType::Vector | PgType::Halfvec => Kind::Vector,
            PgType::Hstore => Kind::Map,
            PgType::Range(bound) => Kind::Range(Box::new(bound.kind())),
            PgType::Multirange(bound) => Kind::Array(Box::new(Kind::Range(Box::new(bound.kind())))),
            PgType::Array(element, dimensions) => {
                let inner = element.kind();
                (0..*dimensions).fold(inner, |kind, _| Kind::Array(Box::new(kind)))
            }
        }
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

    #[test]
    fn fields_tell_row_types_apart_at_any_depth() {
        let field = |name: &str, pg| CompositeField { name: name.into(), type_oid: 1, pg };
        let row = |fields| PgType::Composite(Arc::new(Composite::new(fields)));
        let inner = row(vec![field("b", PgType::Int4)]);
        let outer = row(vec![field("a", PgType::Text), field("r", inner)]);
        assert_eq!(PgType::Array(Box::new(outer), 1).fields(), "(a 1, r 1(b 1))");
        assert_eq!(PgType::Array(Box::new(PgType::Int4), 1).fields(), "");
    }

    #[test]
    fn one_unread_type_inside_is_enough_to_need_text() {
        let field = |pg| CompositeField { name: "f".into(), type_oid: 1, pg };
        let row = |pg| PgType::Composite(Arc::new(Composite::new(vec![field(pg)])));
        let array = |pg| PgType::Array(Box::new(pg), 1);
        assert!(!array(row(PgType::Int4)).needs_text());
        assert!(array(row(array(PgType::Unread))).needs_text());
        assert!(!PgType::Other.needs_text() && PgType::Unread.needs_text());
        assert!(array(PgType::Other).needs_text(), "array_send has nothing to call");
    }
}
