//! What lies behind an oid: domains, arrays, enums, ranges, row types, and the types of extensions.

use super::{dimensions, reading};
use crate::decode::array_delimiter;
use model::{Composite, CompositeField, PgType, Printed, Result};
use std::collections::HashMap;
use std::sync::Arc;
use tokio_postgres::{Client, Row};

/// Types inside one another; Postgres's cannot contain themselves, so this only keeps a
/// surprise from being endless.
const DEPTH_MAX: u32 = 64;
const MONEY: u32 = 790;

/// The types that are not built in.
pub(super) struct Types {
    entries: HashMap<u32, Entry>,
    /// Digits behind the point of `money`.
    money: u8,
}

enum Entry {
    Domain {
        base: u32,
        typmod: i32,
        dimensions: u8,
    },
    Array {
        element: u32,
        delimiter: u8,
    },
    Range {
        bound: u32,
    },
    Multirange {
        bound: u32,
    },
    Composite(Vec<Field>),
    /// Nothing is behind it.
    Known(PgType),
}

struct Field {
    name: String,
    oid: u32,
    typmod: i32,
    dimensions: u8,
}

/// A row a type that is used, by whatever it is used for. Before 14 there were no multiranges, and
/// `typsubscript` is null for what cannot be subscripted.
const USED: &str = "
    with recursive used(oid) as (
        select unnest($1::oid[])
        union
        select inner_type.oid
          from used join pg_type t using (oid)
          cross join lateral (
              select t.typbasetype where t.typtype = 'd'
              union all
              select t.typelem where t.typsubscript = 'array_subscript_handler'::regproc
              union all
              select r.rngsubtype from pg_range r where t.oid in (r.rngtypid, r.rngmultitypid)
              union all
              select a.atttypid from pg_attribute a
               where t.typtype = 'c' and a.attrelid = t.typrelid
                 and a.attnum > 0 and not a.attisdropped
          ) inner_type(oid))
    select t.oid, t.typname::text, t.typtype::text, t.typbasetype, t.typtypmod,
           t.typndims::int4, t.typelem,
           coalesce(t.typsubscript = 'array_subscript_handler'::regproc, false),
           t.typdelim::text, send.proname::text, send.prosrc,
           (select r.rngsubtype from pg_range r where t.oid in (r.rngtypid, r.rngmultitypid)),
           f.names, f.oids, f.typmods, f.dimensions
      from used join pg_type t using (oid)
      left join pg_proc send on send.oid = t.typsend
      left join lateral (
          select array_agg(a.attname::text order by a.attnum) as names,
                 array_agg(a.atttypid order by a.attnum) as oids,
                 array_agg(a.atttypmod order by a.attnum) as typmods,
                 array_agg(a.attndims::int4 order by a.attnum) as dimensions
            from pg_attribute a
           where t.typtype = 'c' and a.attrelid = t.typrelid
             and a.attnum > 0 and not a.attisdropped) f on true";

impl Types {
    pub(super) async fn load(client: &Client, mut oids: Vec<u32>) -> Result<Types> {
        oids.retain(|&oid| PgType::of_builtin(oid, -1, 0).is_none());
        oids.sort_unstable();
        oids.dedup();
        let mut types = Types { entries: HashMap::new(), money: 2 };
        if oids.is_empty() {
            return Ok(types);
        }
        let rows = client.query(USED, &[&oids]).await.map_err(reading)?;
        types.entries = rows.iter().map(|row| (row.get(0), entry(row))).collect();
        if types.entries.contains_key(&MONEY) {
            types.money = money_scale(client).await?;
        }
        Ok(types)
    }

    pub(super) fn resolve(&self, oid: u32, typmod: i32, dimensions: u8) -> PgType {
        self.resolve_within(oid, typmod, dimensions, DEPTH_MAX)
    }

    fn resolve_within(&self, oid: u32, typmod: i32, dimensions: u8, depth: u32) -> PgType {
        if let Some(known) = PgType::of_builtin(oid, typmod, dimensions) {
            return known;
        }
        let Some(depth) = depth.checked_sub(1) else { return PgType::Unread };
        let inner = |oid: u32| self.resolve_within(oid, -1, 0, depth);
        match self.entries.get(&oid) {
            _ if oid == MONEY => PgType::Money(self.money),
            Some(Entry::Domain { base, typmod, dimensions }) => {
                self.resolve_within(*base, *typmod, *dimensions, depth)
            }
            Some(Entry::Array { element, delimiter }) => {
                let element = self.resolve_within(*element, typmod, 0, depth);
                // Text forms with a delimiter of their own are not read, but for those we know.
                match array_delimiter(&element) == *delimiter {
                    true => PgType::Array(Box::new(element), dimensions.max(1)),
                    false => PgType::Unread,
                }
            }
            Some(Entry::Range { bound }) => range(inner(*bound), PgType::Range),
            Some(Entry::Multirange { bound }) => range(inner(*bound), PgType::Multirange),
            Some(Entry::Composite(fields)) => {
                let field = |field: &Field| CompositeField {
                    name: field.name.clone(),
                    type_oid: field.oid,
                    pg: self.resolve_within(field.oid, field.typmod, field.dimensions, depth),
                };
                PgType::Composite(Arc::new(Composite::new(fields.iter().map(field).collect())))
            }
            Some(Entry::Known(pg)) => pg.clone(),
            None => PgType::Unread,
        }
    }
}

/// A bound that is not there is NULL, which not every type can be.
fn range(bound: PgType, of: impl FnOnce(Box<PgType>) -> PgType) -> PgType {
    match bound.kind().may_be_nullable() {
        true => of(Box::new(bound)),
        false => PgType::Unread,
    }
}

fn entry(row: &Row) -> Entry {
    let (name, class): (&str, &str) = (row.get(1), row.get(2));
    let bound = || row.get::<_, Option<u32>>(11).unwrap_or(0);
    match class {
        "d" => Entry::Domain {
            base: row.get(3),
            typmod: row.get(4),
            dimensions: dimensions(row.get(5)),
        },
        "e" => Entry::Known(PgType::Enum),
        "r" => Entry::Range { bound: bound() },
        "m" => Entry::Multirange { bound: bound() },
        "c" => Entry::Composite(fields(row)),
        _ if row.get::<_, bool>(7) => {
            let delimiter = row.get::<_, &str>(8).as_bytes().first().copied().unwrap_or(b',');
            Entry::Array { element: row.get(6), delimiter }
        }
        _ => Entry::Known(of_extension(name, row.get(9), row.get(10))),
    }
}

/// By what it is called and by the function that writes its binary form: a type of that name may be
/// anybody's.
fn of_extension(name: &str, send: Option<&str>, source: Option<&str>) -> PgType {
    let Some(send) = send else { return PgType::Other };
    match (name, send) {
        ("hstore", "hstore_send") => PgType::Hstore,
        ("vector", "vector_send") => PgType::Vector,
        ("halfvec", "halfvec_send") => PgType::Halfvec,
        ("sparsevec", "sparsevec_send") => PgType::Printed(Printed::Sparsevec),
        ("geometry", "geometry_send") | ("geography", "geography_send") => {
            PgType::Printed(Printed::Ewkb)
        }
        ("ltree", "ltree_send") | ("lquery", "lquery_send") | ("ltxtquery", "ltxtq_send") => {
            PgType::Printed(Printed::Versioned)
        }
        ("cube", "cube_send") => PgType::Printed(Printed::Cube),
        // citext and others that are texts by another name.
        _ if source == Some("textsend") => PgType::Text,
        _ => PgType::Unread,
    }
}

fn fields(row: &Row) -> Vec<Field> {
    let names: Vec<String> = row.get::<_, Option<_>>(12).unwrap_or_default();
    let oids: Vec<u32> = row.get::<_, Option<_>>(13).unwrap_or_default();
    let typmods: Vec<i32> = row.get::<_, Option<_>>(14).unwrap_or_default();
    let declared: Vec<i32> = row.get::<_, Option<_>>(15).unwrap_or_default();
    let types = oids.into_iter().zip(typmods).zip(declared);
    let fields = names.into_iter().zip(types).map(|(name, ((oid, typmod), declared))| Field {
        name,
        oid,
        typmod,
        dimensions: dimensions(declared),
    });
    fields.collect()
}

/// How many of the smallest unit make one, by the database's own `lc_monetary`: our sessions
/// have another, whose text does not depend on the database.
async fn money_scale(client: &Client) -> Result<u8> {
    let sql = "
        select set_config('lc_monetary', reset_val, false) from pg_settings
         where name = 'lc_monetary';
        select encode(cash_send(1::numeric::money), 'hex');
        set lc_monetary = 'C'";
    let answer = client.simple_query(sql).await.map_err(reading)?;
    let units = answer.iter().rev().find_map(|message| match message {
        tokio_postgres::SimpleQueryMessage::Row(row) => {
            i64::from_str_radix(row.get(0).unwrap_or_default(), 16).ok()
        }
        _ => None,
    });
    Ok(units.unwrap_or(100).ilog10() as u8)
}
