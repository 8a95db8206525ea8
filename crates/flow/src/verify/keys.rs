//! Keys as texts that both sides write alike and read by their index, so that rows can be picked on one
//! side and looked up on the other.
//!
//! ```text
//! pick    hash of the key, its texts     some pages of the source; some keys of the store, in their order
//! look    hash of the key, of the row    the rows of these keys
//! ```

use super::rules;
use super::sides::{PRINTED, Sides, clickhouse_bits, postgres_bits};
use model::{Error, Kind, Mode, PgType, Result};
use source::client::quoted;
use std::sync::Arc;
use store::Target;
use store::ddl::{ident, literal, name};
use store::history::current_among;

/// The texts of one key, a column each.
pub(super) type Texts = Vec<String>;

pub(super) struct Keys {
    target: Arc<Target>,
    parts: Vec<Part>,
}

/// A column of the key.
struct Part {
    /// NULL: a value that the store cannot carry.
    postgres_text: String,
    postgres_name: String,
    postgres_type: String,
    clickhouse_name: String,
    clickhouse_type: String,
}

impl Keys {
    /// `types` are Postgres's of the key's columns.
    pub(super) fn new(target: &Arc<Target>, types: Vec<String>) -> Result<Keys> {
        if !target.table.has_key() {
            return Err(Error::definite("cannot look its rows up: it has no key")
                .hint("millrace verify without --sample and --continuous compares it whole"));
        }
        let part = |(&at, postgres_type): (&usize, String)| {
            let (column, kept) = (&target.table.columns[at], target.column_of(at)?);
            let from = quoted(&column.name);
            let text = text_of(&column.pg, &from)?;
            let carries = rules::carries(&column.pg, &kept.ty(), &from);
            Some(Part {
                postgres_text: match carries {
                    Some(carries) => format!("CASE WHEN {carries} THEN {text} END"),
                    None => text,
                },
                postgres_name: from,
                postgres_type,
                clickhouse_name: ident(&kept.name),
                clickhouse_type: kept.clickhouse.clone(),
            })
        };
        let parts: Option<Vec<Part>> = target.table.key.iter().zip(types).map(part).collect();
        match parts.filter(|_| target.has_exact_key()) {
            Some(parts) => Ok(Keys { target: target.clone(), parts }),
            None => Err(Error::definite("cannot look its rows up by their key")
                .detail("Its type, or the one that it has in the store, does not tell them apart.")
                .hint("millrace verify without --sample and --continuous compares it whole")),
        }
    }

    pub(super) fn columns(&self) -> usize {
        self.parts.len()
    }

    /// The keys of the rows in these pages; `pages` is a condition on `ctid`.
    pub(super) fn pick_source(&self, sides: &Sides, pages: &str) -> String {
        let canons = sides.key.iter().map(|&at| format!("{} AS c{at}", sides.columns[at].postgres));
        let texts =
            self.parts.iter().enumerate().map(|(n, p)| format!("{} AS t{n}", p.postgres_text));
        let inner: Vec<String> = canons.chain(texts).collect();
        let filter = sides.filter.as_ref().map_or(String::new(), |f| format!("({f}) AND "));
        let names: Vec<String> = (0..self.parts.len()).map(|n| format!("t{n}")).collect();
        let known: Vec<String> = names.iter().map(|name| format!("{name} IS NOT NULL")).collect();
        format!(
            "SELECT {}, {} FROM (SELECT {} FROM {} WHERE {filter}{pages} OFFSET 0) i WHERE {}",
            postgres_bits(&sides.postgres_md5(&sides.key)),
            names.join(", "),
            inner.join(", "),
            sides.from,
            known.join(" AND ")
        )
    }

    /// The rows of keys that come as parameters, a list of texts a column; with what tells one life of
    /// a row from the next.
    pub(super) fn look_source(&self, sides: &Sides) -> String {
        let canons = sides.columns.iter().enumerate();
        let canons: Vec<String> =
            canons.map(|(at, column)| format!("{} AS c{at}", column.postgres)).collect();
        let all: Vec<usize> = (0..sides.columns.len()).collect();
        let numbers = || 0..self.parts.len();
        let lists: Vec<String> = numbers().map(|n| format!("${}::text[]", n + 1)).collect();
        let names: Vec<String> = numbers().map(|n| format!("millrace_{n}")).collect();
        let matches: Vec<String> = self
            .parts
            .iter()
            .zip(&names)
            .map(|(part, name)| format!("{} = {name}::{}", part.postgres_name, part.postgres_type))
            .collect();
        let filter = sides.filter.as_ref().map_or(String::new(), |f| format!(" WHERE {f}"));
        format!(
            "SELECT {}, {}, life FROM (SELECT {}, concat(t.tableoid, ' ', t.ctid, ' ', t.xmin) AS life \
             FROM unnest({}) AS millrace({}) JOIN {} AS t ON {}{filter} OFFSET 0) i",
            postgres_bits(&sides.postgres_md5(&sides.key)),
            postgres_bits(&sides.postgres_md5(&all)),
            canons.join(", "),
            lists.join(", "),
            names.join(", "),
            sides.from,
            matches.join(" AND ")
        )
    }

    /// The key that stands so many versions of rows behind.
    pub(super) fn store_end(&self, after: &[String], rows: u64) -> Result<String> {
        let names = self.store_names();
        let texts: Vec<String> = names.iter().map(|name| format!("toString({name})")).collect();
        Ok(format!(
            "SELECT {} FROM {} WHERE {} ORDER BY {} LIMIT 1 OFFSET {rows} {PRINTED}",
            texts.join(", "),
            name(&self.target.rows),
            self.behind(after)?,
            names.join(", ")
        ))
    }

    /// A share of the keys of the store behind `after`, up to `end`: in thousandths of a percent.
    pub(super) fn pick_store(
        &self,
        sides: &Sides,
        after: &[String],
        end: Option<&[String]>,
        share: u64,
    ) -> Result<String> {
        let texts: Vec<String> =
            self.store_names().iter().map(|name| format!("toString({name})")).collect();
        let end = match end {
            Some(end) => format!(" AND NOT ({})", self.behind(end)?),
            None => String::new(),
        };
        let chance = match share < ALL {
            true => format!(" AND rand64() % {ALL} < {share}"),
            false => String::new(),
        };
        let is_alive = match self.target.mode {
            Mode::Mirror => "`_deleted` = 0",
            Mode::Append => "1",
            Mode::History => "`_op` NOT IN ('delete', 'quarantined', 'truncate')",
        };
        Ok(format!(
            "SELECT DISTINCT toString({}), {} FROM {} WHERE {is_alive} AND {}{end}{chance} {PRINTED}",
            clickhouse_bits(&sides.clickhouse_md5(&sides.key)),
            texts.join(", "),
            name(&self.target.rows),
            self.behind(after)?
        ))
    }

    /// The rows of these keys as readers see them, each with the position that brought it.
    pub(super) fn look_store(&self, sides: &Sides, keys: &[&Texts]) -> Result<String> {
        let all: Vec<usize> = (0..sides.columns.len()).collect();
        let tuples: Result<Vec<String>> =
            keys.iter().map(|key| Ok(format!("({})", self.literals(key)?.join(", ")))).collect();
        let tuples = tuples?.join(", ");
        let (rows, names) = (name(&self.target.rows), self.store_names().join(", "));
        let (life, seen) = match self.target.mode {
            Mode::Mirror => ("`_version`", format!("{rows} FINAL WHERE ({names}) IN ({tuples})")),
            Mode::Append => ("`_lsn`", format!("{rows} WHERE ({names}) IN ({tuples})")),
            Mode::History => ("`_version`", current_among(&self.target, Some(&tuples))),
        };
        Ok(format!(
            "SELECT toString({}), toString({}), toString(millrace_l) FROM \
             (SELECT {} AS millrace_k, {} AS millrace_h, {life} AS millrace_l FROM {seen}) {PRINTED}",
            clickhouse_bits("millrace_k"),
            clickhouse_bits("millrace_h"),
            sides.clickhouse_md5(&sides.key),
            sides.clickhouse_md5(&all),
        ))
    }

    fn store_names(&self) -> Vec<&str> {
        self.parts.iter().map(|part| part.clickhouse_name.as_str()).collect()
    }

    /// Behind a key in the order of the store; no key: everything.
    fn behind(&self, key: &[String]) -> Result<String> {
        if key.is_empty() {
            return Ok("1".into());
        }
        let literals = self.literals(key)?;
        let mut behind = String::new();
        for (name, literal) in self.store_names().iter().zip(&literals).rev() {
            behind = match behind.is_empty() {
                true => format!("{name} > {literal}"),
                false => format!("({name} > {literal} OR ({name} = {literal} AND {behind}))"),
            };
        }
        // What the index understands.
        Ok(format!("{} >= {} AND {behind}", self.store_names()[0], literals[0]))
    }

    fn literals(&self, key: &[String]) -> Result<Vec<String>> {
        if key.len() != self.parts.len() {
            return Err(Error::definite("cannot read the key that the piece begins behind"));
        }
        Ok(self.parts.iter().zip(key).map(|(part, text)| part.literal(text)).collect())
    }
}

/// All of the rows, as a share.
pub(super) const ALL: u64 = 100_000;

impl Part {
    fn literal(&self, text: &str) -> String {
        match self.clickhouse_type.as_str() {
            "Int16" | "Int32" | "Int64" | "UInt32" if text.parse::<i64>().is_ok() => text.into(),
            "String" => literal(text),
            other => format!("CAST({} AS {other})", literal(text)),
        }
    }
}

/// Postgres's text of a value that ClickHouse writes the same way, and both read.
fn text_of(pg: &PgType, from: &str) -> Option<String> {
    Some(match pg {
        PgType::Bool | PgType::Int2 | PgType::Int4 | PgType::Int8 => format!("({from})::text"),
        PgType::Oid | PgType::Uuid | PgType::Enum => format!("({from})::text"),
        PgType::Numeric(_) if matches!(pg.kind(), Kind::Decimal { .. }) => {
            format!("trim_scale({from})::text")
        }
        PgType::Numeric(_) => format!("({from})::text"),
        PgType::Text | PgType::AsText(_) => format!("format('%s', {from})"),
        PgType::Date => format!("to_char({from}, 'YYYY-MM-DD')"),
        PgType::Timestamp => format!("to_char({from}, 'YYYY-MM-DD HH24:MI:SS.US')"),
        PgType::Timestamptz => {
            format!("to_char({from} AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')")
        }
        _ => return None,
    })
}
