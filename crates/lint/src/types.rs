//! Types as migrations write them, and what it costs to change one into another.
//!
//! Postgres writes every row anew unless the old bytes are right as they are: the types share their
//! form and the modifier only widens. The mirror changes only if the kind of its column does.

use crate::names;
use model::{Kind, PgType};
use pg_query::protobuf::TypeName;
use std::fmt;

#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Type {
    /// The catalog's name: `int4`, `varchar`; for others as it is written, in lower case.
    pub(crate) name: String,
    pub(crate) modifiers: Vec<i32>,
    pub(crate) dimensions: u8,
}

impl Type {
    pub(crate) fn new(written: &TypeName) -> Type {
        let (_, name) = names::parts(&written.names);
        let modifiers = written.typmods.iter().map(names::value);
        Type {
            modifiers: modifiers.map(|text| text.parse().unwrap_or(-1)).collect(),
            dimensions: written.array_bounds.len().min(6) as u8,
            name,
        }
    }

    /// Six digits of a second are all that there are.
    fn modifiers(&self) -> &[i32] {
        match (self.name.as_str(), &self.modifiers[..]) {
            ("timestamp" | "timestamptz" | "time" | "timetz", [digits]) if *digits >= 6 => &[],
            (_, modifiers) => modifiers,
        }
    }

    pub(crate) fn is_serial(&self) -> bool {
        matches!(
            self.name.as_str(),
            "serial" | "bigserial" | "smallserial" | "serial2" | "serial4" | "serial8"
        )
    }

    /// What the mirror's column is like. `None`: a type that only the database knows.
    fn kind(&self) -> Option<Kind> {
        let typmod = match (self.name.as_str(), &self.modifiers[..]) {
            ("numeric", [precision]) => numeric(*precision, 0),
            ("numeric", [precision, scale]) => numeric(*precision, *scale),
            _ => -1,
        };
        let element = match oid(&self.name) {
            Some(oid) => PgType::of_builtin(oid, typmod, 0)?.kind(),
            None if OTHERS.contains(&self.name.as_str()) => Kind::Text,
            None => return None,
        };
        Some((0..self.dimensions).fold(element, |kind, _| Kind::Array(Box::new(kind))))
    }
}

fn numeric(precision: i32, scale: i32) -> i32 {
    (precision.clamp(1, 1000) << 16 | scale.clamp(-1000, 1000) & 0x7ff) + 4
}

/// What Postgres has to do for a change of a column's type.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Cost {
    Nothing,
    /// The rows stay as they are, but an index of the column sorts them in another way.
    Indexes,
    Rewrite,
    /// Nothing if the session's time zone is UTC.
    ByTimeZone,
}

/// What the mirror has to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Follows {
    /// The column is of the same ClickHouse type.
    Same,
    /// Each old value is the same in the wider type.
    Widened,
    Copied,
}

pub(crate) fn cost(old: &Type, new: &Type) -> Cost {
    if old == new {
        return Cost::Nothing;
    }
    // Each element of an array is converted, whether it needs it or not.
    if old.dimensions > 0 || new.dimensions > 0 {
        return Cost::Rewrite;
    }
    let widens = match (old.modifiers(), new.modifiers()) {
        (_, []) => true,
        ([], _) => false,
        ([before], [after]) => before <= after,
        // numeric(10) has no digits behind the point.
        ([before], [after, 0]) | ([before, 0], [after]) => before <= after,
        ([precision, scale], [after, same]) => precision <= after && scale == same,
        _ => false,
    };
    match (old.name.as_str(), new.name.as_str()) {
        ("timestamp", "timestamptz") | ("timestamptz", "timestamp") if widens => Cost::ByTimeZone,
        ("int4", "oid") | ("oid", "int4") => Cost::Indexes,
        _ if !widens => Cost::Rewrite,
        ("varchar" | "text", "varchar" | "text") | ("cidr", "inet") => Cost::Nothing,
        ("varbit", "varbit") | ("time", "time") | ("timetz", "timetz") => Cost::Nothing,
        ("timestamp", "timestamp") | ("timestamptz", "timestamptz") => Cost::Nothing,
        ("numeric", "numeric") => Cost::Nothing,
        // Casts WITHOUT FUNCTION to a type with an order of its own.
        ("citext", "text" | "varchar") | ("text" | "varchar", "citext") => Cost::Indexes,
        ("xml", "text" | "varchar") | ("bit", "varbit") => Cost::Indexes,
        _ => Cost::Rewrite,
    }
}

pub(crate) fn follows(old: &Type, new: &Type) -> Follows {
    let (Some(before), Some(after)) = (old.kind(), new.kind()) else { return Follows::Copied };
    if before == after {
        // The same column may hold another text: an xml's, or that of json as jsonb.
        let text = |ty: &Type| matches!(ty.name.as_str(), "varchar" | "text" | "citext" | "bpchar");
        let same = before != Kind::Text || old.name == new.name || (text(old) && text(new));
        return if same { Follows::Same } else { Follows::Copied };
    }
    match (before, after) {
        (Kind::Int16, Kind::Int32 | Kind::Int64) | (Kind::Int32, Kind::Int64) => Follows::Widened,
        (Kind::Decimal { precision, scale }, Kind::Decimal { precision: wider, scale: longer })
            if longer >= scale && wider - longer >= precision - scale =>
        {
            Follows::Widened
        }
        _ => Follows::Copied,
    }
}

fn oid(name: &str) -> Option<u32> {
    Some(match name {
        "bool" => 16,
        "bytea" => 17,
        "name" => 19,
        "int8" | "bigserial" | "serial8" => 20,
        "int2" | "smallserial" | "serial2" => 21,
        "int4" | "serial" | "serial4" => 23,
        "text" => 25,
        "oid" => 26,
        "json" => 114,
        "xml" => 142,
        "float4" => 700,
        "float8" => 701,
        "bpchar" => 1042,
        "varchar" | "citext" => 1043,
        "date" => 1082,
        "time" => 1083,
        "timestamp" => 1114,
        "timestamptz" => 1184,
        "interval" => 1186,
        "timetz" => 1266,
        "numeric" => 1700,
        "uuid" => 2950,
        "jsonb" => 3802,
        _ => return None,
    })
}

/// Built in, and kept as Postgres's text.
const OTHERS: [&str; 21] = [
    "bit",
    "varbit",
    "inet",
    "cidr",
    "macaddr",
    "macaddr8",
    "money",
    "point",
    "line",
    "lseg",
    "box",
    "path",
    "polygon",
    "circle",
    "tsvector",
    "tsquery",
    "int4range",
    "int8range",
    "numrange",
    "tstzrange",
    "daterange",
];

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.name.as_str() {
            "int2" => "smallint",
            "int4" => "integer",
            "int8" => "bigint",
            "bool" => "boolean",
            "bpchar" => "char",
            "float4" => "real",
            "float8" => "double precision",
            other => other,
        })?;
        if !self.modifiers.is_empty() {
            let numbers: Vec<String> = self.modifiers.iter().map(i32::to_string).collect();
            write!(f, "({})", numbers.join(","))?;
        }
        (0..self.dimensions).try_for_each(|_| f.write_str("[]"))
    }
}
