//! Large values as the store can give them back: an UPDATE that leaves one alone does not send it, and
//! only the store has it as it was then.
//!
//! A type that keeps every value as it was sent gives it back. Where another one was chosen, what is read
//! may be written otherwise (the fields of JSON have an order of their own), and the source is asked.

use crate::ddl;
use crate::target::Target;
use crate::types::Type;
use model::{Kind, ReplicaIdentity};

/// How types begin whose values may be large. Numbers and times are not.
const LARGE: [&str; 7] =
    ["JSON", "Array(", "Map(", "Tuple(", "Variant(", "Dynamic", "FixedString("];

impl Target {
    /// What reads `value`, one of the column's, as its kind has it, NULL where that cannot be. `None`: it
    /// does not read back.
    pub fn read_back(&self, source: usize, value: &str) -> Option<String> {
        let kept = bare(&self.column_of(source)?.clickhouse);
        let kind = self.table.columns[source].pg.kind();
        let natural = ddl::literal(&kind.clickhouse(true));
        match kind {
            // Widened since, or as text.
            Kind::Decimal { .. } if kept.starts_with("Decimal(") || kept == "String" => {
                let plain = ddl::literal(&kind.clickhouse(false));
                Some(format!("accurateCastOrNull({value}, {plain})"))
            }
            _ if kept == bare(&kind.clickhouse(false)) => Some(format!("CAST({value}, {natural})")),
            _ => None,
        }
    }

    /// Columns whose large values nobody but the source has once an UPDATE leaves them alone, by their
    /// names there.
    pub fn not_read_back(&self) -> Vec<&str> {
        let is_sent =
            matches!(self.table.identity, ReplicaIdentity::Full | ReplicaIdentity::WholeRow);
        if is_sent || !self.table.has_key() {
            return Vec::new();
        }
        let has_key = self.table.key.iter().all(|&at| self.column_of(at).is_some());
        let is_lost = |source: usize, clickhouse: &str| match has_key {
            true => {
                let bare = bare(clickhouse);
                self.read_back(source, "").is_none() && LARGE.iter().any(|ty| bare.starts_with(ty))
            }
            false => self.table.columns[source].pg.kind().width().is_none(),
        };
        let lost = self.columns.iter().filter(|column| is_lost(column.source, &column.clickhouse));
        lost.map(|column| self.table.columns[column.source].name.as_str()).collect()
    }
}

/// A type without what alters no value: NULL, dictionaries, blanks, another name.
fn bare(clickhouse: &str) -> String {
    let clickhouse = Type::parse(clickhouse).base;
    let mut bare = String::new();
    let mut is_kept = Vec::new();
    for letter in clickhouse.chars().filter(|letter| !letter.is_whitespace()) {
        let around = ["Nullable", "LowCardinality"].iter().find(|outer| bare.ends_with(**outer));
        match (letter, around) {
            ('(', Some(outer)) => {
                bare.truncate(bare.len() - outer.len());
                is_kept.push(false);
            }
            ('(', None) => {
                bare.push(letter);
                is_kept.push(true);
            }
            (')', _) if is_kept.pop() == Some(false) => {}
            _ => bare.push(letter),
        }
    }
    bare
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Column, ColumnOptions, Mode, PgType, Table, TableId, TableName, TableOptions};
    use std::sync::Arc;

    fn target(columns: &[(PgType, &str)], identity: ReplicaIdentity) -> Target {
        let mut options = TableOptions { mode: Mode::History, ..TableOptions::default() };
        let mut described = Vec::new();
        let all = [(PgType::Int8, "")].iter().chain(columns).cloned().collect::<Vec<_>>();
        for (at, (pg, chosen)) in all.into_iter().enumerate() {
            let name = format!("c{at}");
            if !chosen.is_empty() {
                let clickhouse_type = Some(chosen.to_owned());
                let column = ColumnOptions { clickhouse_type, ..ColumnOptions::default() };
                options.columns.insert(name.clone(), column);
            }
            let (attnum, type_name) = (at as i16 + 1, String::new());
            let not_null = at == 0;
            described.push(Column {
                name,
                attnum,
                type_oid: 0,
                typmod: -1,
                pg,
                type_name,
                not_null,
            });
        }
        let table = Table {
            key: vec![0],
            identity,
            ..Table::new(TableId(1), TableName::new("public", "t"), described)
        };
        Target::resolve(Arc::new(table), &options, None).unwrap()
    }

    #[test]
    fn what_alters_no_value_is_left_out_of_a_type() {
        for (clickhouse, plain) in [
            ("LowCardinality(Nullable(String))", "String"),
            ("Array( Array(Nullable(DateTime64(6, 'UTC'))))", "Array(Array(DateTime64(6,'UTC')))"),
            ("Map(LowCardinality(String), Nullable(String))", "Map(String,String)"),
            ("Tuple(lower Nullable(Int32), bounds String)", "Tuple(lowerInt32,boundsString)"),
        ] {
            assert_eq!(bare(clickhouse), plain);
        }
    }

    #[test]
    fn types_that_keep_what_was_sent_give_it_back() {
        let texts = || PgType::Array(Box::new(PgType::Text), 1);
        let columns = [
            (PgType::Text, "", true),
            (PgType::Jsonb, "LowCardinality(String)", true),
            (texts(), "", true),
            (texts(), "Array(LowCardinality(String))", true),
            (PgType::Numeric(None), "", true),
            (PgType::Numeric(Some((60, 2))), "Decimal(70, 4)", true),
            (PgType::Numeric(None), "Nullable(String)", true),
            (PgType::Hstore, "", true),
            (PgType::Multirange(Box::new(PgType::Date)), "", true),
            (PgType::Polygon, "", true),
            (PgType::Vector, "Array(Float32)", true),
            (PgType::Jsonb, "JSON", false),
            (PgType::Text, "FixedString(9)", false),
            (texts(), "Array(Nullable(UUID))", false),
            (PgType::Numeric(None), "Float64", false),
        ];
        let kept: Vec<_> = columns.iter().map(|(pg, ty, _)| (pg.clone(), *ty)).collect();
        let target = target(&kept, ReplicaIdentity::Default);
        for (at, (pg, ty, reads_back)) in columns.iter().enumerate() {
            assert_eq!(target.read_back(at + 1, "v").is_some(), *reads_back, "{pg:?} {ty}");
        }
        assert_eq!(target.read_back(3, "v").unwrap(), "CAST(v, 'Array(Nullable(String))')");
        // Numbers are never that large, as good as.
        assert_eq!(target.not_read_back(), ["c12", "c13", "c14"]);
    }

    #[test]
    fn what_the_log_brings_anyway_is_not_asked_for() {
        let json = [(PgType::Jsonb, "JSON"), (PgType::Text, "")];
        assert_eq!(target(&json, ReplicaIdentity::Index).not_read_back(), ["c1"]);
        assert!(target(&json, ReplicaIdentity::Full).not_read_back().is_empty());
    }
}
