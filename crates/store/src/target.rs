//! Where a table lives in ClickHouse: its names, columns and types there.

use crate::ddl;
use model::{Column, Error, Kind, Mode, PgType, Result, Table, TableName, TableOptions};
use std::sync::Arc;

/// A table of the source as ClickHouse keeps it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Target {
    pub table: Arc<Table>,
    pub mode: Mode,
    /// What readers query: the table of an append target, the view of a mirror.
    pub name: TableName,
    /// Where rows are written: the same as `name` for append, `<database>_raw.<table>` for a mirror.
    pub rows: TableName,
    pub columns: Vec<TargetColumn>,
    /// Expressions, quoted where they are names.
    pub order_by: Vec<String>,
    pub partition_by: Option<String>,
    pub ttl: Option<String>,
    /// Columns that the engine fills itself: name and `TYPE DEFAULT expression`.
    pub extra_columns: Vec<(String, String)>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TargetColumn {
    /// Index into `Table::columns` and `Block::columns`.
    pub source: usize,
    pub name: String,
    /// The column's type in ClickHouse.
    pub clickhouse: String,
    /// Whether the encoder sends a null map.
    pub nullable: bool,
}

impl TargetColumn {
    /// Whether it is ClickHouse's JSON, which is neither empty nor NULL.
    pub(crate) fn is_json(&self) -> bool {
        self.clickhouse == "JSON" || self.clickhouse.starts_with("JSON(")
    }
}

/// Databases that are the engine's or ours.
const RESERVED: [&str; 4] = ["system", "information_schema", "default", "millrace"];
/// Columns that we add.
const OWN_COLUMNS: [&str; 3] = ["_version", "_deleted", "_lsn"];

impl Target {
    /// Where `options` and `[store] database` (`shop_{schema}`) put the table.
    pub fn resolve(
        table: Arc<Table>,
        options: &TableOptions,
        database_pattern: Option<&str>,
    ) -> Result<Target> {
        let section = format!("[tables.\"{}\"]", table.name);
        let name = match &options.target {
            Some(name) => name.clone(),
            None => {
                let pattern = database_pattern.unwrap_or("{schema}");
                TableName::new(pattern.replace("{schema}", &table.name.schema), &table.name.table)
            }
        };
        if RESERVED.iter().any(|reserved| name.schema.eq_ignore_ascii_case(reserved)) {
            return Err(Error::definite(format!("cannot keep {} in {name}", table.name))
                .detail(format!("The database {} is the engine's or Millrace's own.", name.schema))
                .hint(format!("give it another place: target = \"…\" under {section}")));
        }
        if let Some(unknown) = options.columns.keys().find(|name| table.column(name).is_none()) {
            return Err(Error::definite(format!("cannot find column {unknown} of {}", table.name))
                .hint(format!("correct its name under {section}, or publish the column")));
        }
        let rows = match options.mode {
            Mode::Append => name.clone(),
            Mode::Mirror => TableName::new(format!("{}_raw", name.schema), &name.table),
        };
        let table = with_texts(table, options);
        let columns = columns(&table, options)?;
        let order_by = order_by(&table, options, &columns, &section)?;
        Ok(Target {
            mode: options.mode,
            name,
            rows,
            columns,
            order_by,
            partition_by: options.partition_by.clone(),
            ttl: options.ttl.clone(),
            extra_columns: options.extra_columns.clone().into_iter().collect(),
            table,
        }
        .settled())
    }

    /// With the marks that its columns leave on the table's.
    pub fn settled(mut self) -> Target {
        self.columns.iter_mut().for_each(|column| column.nullable &= !column.is_json());
        let objects = self.columns.iter().filter(|column| column.is_json());
        let objects: Vec<usize> = objects.map(|column| column.source).collect();
        let is_left_out = |at: &usize| self.column_of(*at).is_none();
        let excluded: Vec<usize> = (0..self.table.columns.len()).filter(is_left_out).collect();
        if self.table.objects != objects || self.table.excluded != excluded {
            self.table = Arc::new(Table { objects, excluded, ..Table::clone(&self.table) });
        }
        self
    }

    /// What readers see.
    pub fn visible(&self) -> Vec<&str> {
        let own = self.columns.iter().map(|column| column.name.as_str());
        own.chain(self.extra_columns.iter().map(|(name, _)| name.as_str())).collect()
    }

    /// The column that carries the source's column `source`.
    pub fn column_of(&self, source: usize) -> Option<&TargetColumn> {
        self.columns.iter().find(|column| column.source == source)
    }
}

/// What comes as Postgres prints it: what has no NULL in ClickHouse and is wanted as text, and such
/// a part of a mirror's key, which has to be looked up and ordered by.
fn with_texts(table: Arc<Table>, options: &TableOptions) -> Arc<Table> {
    let is_text = |at: usize, column: &Column| {
        let chosen = options.columns.get(&column.name);
        let chosen = chosen.and_then(|chosen| chosen.clickhouse_type.as_deref());
        let has_null = column.pg.kind().may_be_nullable();
        match chosen {
            Some(chosen) => !has_null && is_string(chosen),
            None => {
                let is_key = options.mode == Mode::Mirror && table.key.contains(&at);
                is_key && (!has_null || matches!(column.pg, PgType::Composite(_)))
            }
        }
    };
    let columns = table.columns.iter().enumerate();
    let texts: Vec<usize> = columns.filter(|(at, c)| is_text(*at, c)).map(|(at, _)| at).collect();
    if texts.is_empty() {
        return table;
    }
    let mut table = Table::clone(&table);
    for at in texts {
        let column = &mut table.columns[at];
        column.pg = PgType::AsText(Box::new(column.pg.clone()));
    }
    Arc::new(table)
}

/// `String`, whatever is around it.
fn is_string(clickhouse: &str) -> bool {
    let plain: String = clickhouse.chars().filter(|letter| !letter.is_whitespace()).collect();
    let inside =
        |ty: &str, outer: &str| Some(ty.strip_prefix(outer)?.strip_suffix(')')?.to_owned());
    let plain = inside(&plain, "LowCardinality(").unwrap_or(plain);
    inside(&plain, "Nullable(").unwrap_or(plain) == "String"
}

fn columns(table: &Table, options: &TableOptions) -> Result<Vec<TargetColumn>> {
    let mut columns: Vec<TargetColumn> = Vec::with_capacity(table.columns.len());
    for (source, column) in table.columns.iter().enumerate() {
        let chosen = options.columns.get(&column.name).cloned().unwrap_or_default();
        if chosen.exclude {
            if options.mode == Mode::Mirror && table.key.contains(&source) {
                return Err(Error::definite(format!(
                    "cannot leave out {}.{}: it is part of the key",
                    table.name, column.name
                )));
            }
            continue;
        }
        let kind = column.pg.kind();
        let nullable = !column.not_null && kind.may_be_nullable();
        let name = chosen.name.unwrap_or_else(|| column.name.clone());
        let clickhouse = chosen.clickhouse_type.unwrap_or_else(|| natural(column, nullable));
        let taken = columns.iter().any(|other| other.name == name)
            || options.extra_columns.contains_key(&name);
        if taken || OWN_COLUMNS.contains(&name.as_str()) {
            return Err(Error::definite(format!("cannot name a column of {} {name}", table.name))
                .detail("The name is taken.")
                .hint(format!("{} = {{ name = \"…\" }}", column.name)));
        }
        let column = TargetColumn { source, name, clickhouse, nullable };
        if column.is_json() && kind != Kind::Text {
            let source = &table.columns[source];
            return Err(Error::definite(format!(
                "cannot keep {}.{} as JSON",
                table.name, source.name
            ))
            .detail(format!("Its type is {}.", source.type_name)));
        }
        columns.push(column);
    }
    Ok(columns)
}

fn natural(column: &Column, nullable: bool) -> String {
    let plain = column.pg.kind().clickhouse(nullable);
    match column.pg {
        PgType::Enum => format!("LowCardinality({plain})"),
        _ => plain,
    }
}

fn order_by(
    table: &Table,
    options: &TableOptions,
    columns: &[TargetColumn],
    section: &str,
) -> Result<Vec<String>> {
    let key = || {
        let names = table.key.iter().filter_map(|&at| columns.iter().find(|c| c.source == at));
        names.map(|column| ddl::ident(&column.name)).collect::<Vec<String>>()
    };
    // Names are quoted; anything else is an expression of the user's.
    let chosen = || {
        let quote = |term: &String| match columns.iter().any(|column| column.name == *term) {
            true => ddl::ident(term),
            false => term.clone(),
        };
        options.order_by.iter().map(quote).collect::<Vec<String>>()
    };
    match options.mode {
        Mode::Append if options.order_by.is_empty() => {
            // A key that may be NULL cannot order a table.
            let plain = table.key.iter().all(|&at| table.columns[at].not_null);
            Ok(if plain { key() } else { Vec::new() })
        }
        Mode::Append => Ok(chosen()),
        Mode::Mirror if !table.has_key() => {
            Err(Error::definite(format!("cannot mirror {}: it has no key", table.name))
                .detail("Without a key nothing tells which row an UPDATE or DELETE means.")
                .hint(format!(
                    "ALTER TABLE {} ADD PRIMARY KEY (…); or, if its rows never change, mode = \"append\" under {section}",
                    table.name
                )))
        }
        Mode::Mirror if !options.order_by.is_empty() && chosen() != key() => {
            Err(Error::definite(format!("cannot order the mirror of {} otherwise", table.name))
                .detail("A mirror keeps one row a key, and tells keys apart by its order.")
                .hint(format!("remove order_by under {section}")))
        }
        Mode::Mirror => Ok(key()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{ColumnOptions, ReplicaIdentity, TableId};

    fn table(key: Vec<usize>) -> Arc<Table> {
        let column = |name: &str, pg: PgType, not_null| Column {
            name: name.into(),
            attnum: 1,
            type_oid: 0,
            typmod: -1,
            pg,
            type_name: String::new(),
            not_null,
        };
        Arc::new(Table {
            id: TableId(1),
            name: TableName::new("public", "orders"),
            columns: vec![
                column("id", PgType::Int8, true),
                column("status", PgType::Enum, false),
                column("tags", PgType::Array(Box::new(PgType::Text), 1), false),
            ],
            key,
            identity: ReplicaIdentity::Default,
            objects: Vec::new(),
            excluded: Vec::new(),
            written: model::Written::default(),
        })
    }

    #[test]
    fn a_mirror_is_a_raw_table_and_a_view() {
        let target = Target::resolve(table(vec![0]), &TableOptions::default(), None).unwrap();
        assert_eq!(
            (target.name.to_string(), target.rows.to_string()),
            ("public.orders".into(), "public_raw.orders".into())
        );
        let statements = ddl::create(&target);
        assert_eq!(statements.len(), 3);
        assert!(
            statements[2].contains("ReplacingMergeTree(`_version`, `_deleted`)\nORDER BY (`id`)"),
            "{}",
            statements[2]
        );
        assert!(statements[2].contains("`status` LowCardinality(Nullable(String))"));
        assert!(statements[2].contains("`tags` Array(Nullable(String))"));
        let shared =
            Target::resolve(table(vec![0]), &TableOptions::default(), Some("shop_{schema}"));
        assert_eq!(shared.unwrap().rows.to_string(), "shop_public_raw.orders");
    }

    #[test]
    fn what_has_no_null_is_a_text_in_a_key_and_where_it_is_wanted_so() {
        let by_tags = Target::resolve(table(vec![2]), &TableOptions::default(), None).unwrap();
        assert_eq!(
            (by_tags.columns[2].clickhouse.as_str(), by_tags.columns[2].nullable),
            ("Nullable(String)", true)
        );
        let mut options = TableOptions::default();
        let wanted = Some("LowCardinality( Nullable(String))".to_owned());
        let chosen = ColumnOptions { clickhouse_type: wanted, ..ColumnOptions::default() };
        options.columns.insert("tags".into(), chosen);
        let target = Target::resolve(table(vec![0]), &options, None).unwrap();
        assert!(matches!(target.table.columns[2].pg, PgType::AsText(_)));
        assert!(target.table.has_columns_of(&table(vec![0])), "it is the same at the source");
    }

    #[test]
    fn what_cannot_be_says_what_helps() {
        let error = Target::resolve(table(vec![]), &TableOptions::default(), None).unwrap_err();
        assert!(error.report().contains("mode = \"append\""), "{}", error.report());
        let reserved = Some(TableName::new("system", "orders"));
        let options = TableOptions { target: reserved, ..TableOptions::default() };
        assert!(Target::resolve(table(vec![0]), &options, None).is_err());
        let mut options = TableOptions::default();
        options.columns.insert("statsu".into(), ColumnOptions::default());
        let error = Target::resolve(table(vec![0]), &options, None).unwrap_err();
        assert!(error.what().contains("statsu"), "{error}");
    }
}
