//! Where a table lives in ClickHouse: its names, columns and types there.

mod rules;

use crate::ddl;
use crate::types::Type;
use model::{
    Column, Error, Kind, Mode, OnUpdate, PgType, ReplicaIdentity, Result, Rule, Table, TableName,
    TableOptions,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A table of the source as ClickHouse keeps it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Target {
    pub table: Arc<Table>,
    pub mode: Mode,
    /// What readers query: the view of a mirror, the table itself otherwise.
    pub name: TableName,
    /// Where rows are written: `<database>_raw.<table>` for a mirror, the same as `name` otherwise.
    pub rows: TableName,
    pub columns: Vec<TargetColumn>,
    /// Expressions, quoted where they are names.
    pub order_by: Vec<String>,
    pub partition_by: Option<String>,
    pub ttl: Option<String>,
    /// Columns that the engine fills itself: name and `TYPE DEFAULT expression`.
    pub extra_columns: Vec<(String, String)>,
    /// Of a mirror: what is deleted at the source stays visible.
    pub keeps_deletes: bool,
    /// What is truncated at the source stays.
    pub keeps_truncated: bool,
    /// Of an append table.
    pub on_update: OnUpdate,
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
    /// What a NULL becomes.
    pub default: Option<Fallback>,
    /// What becomes of a value that it cannot carry, where that was chosen.
    pub rule: Option<Rule>,
}

/// The value that NULL takes in a column that has none: the column's DEFAULT in ClickHouse.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fallback {
    /// As ClickHouse reads it.
    pub expression: String,
    /// Its text, where the source's values travel as texts: the engine would first convert an empty
    /// one, which many types refuse.
    pub text: Option<String>,
}

impl TargetColumn {
    pub fn ty(&self) -> Type {
        Type::parse(&self.clickhouse)
    }

    /// Whether NULL has a place in it.
    pub fn takes_null(&self) -> bool {
        takes_null(&self.clickhouse)
    }

    /// Whether it is ClickHouse's JSON, which is neither empty nor NULL.
    pub(crate) fn is_json(&self) -> bool {
        self.ty().is_json()
    }
}

/// Whether a type of ClickHouse's holds NULL.
pub fn takes_null(clickhouse: &str) -> bool {
    Type::parse(clickhouse).nullable
}

/// Databases that are the engine's or ours.
const RESERVED: [&str; 4] = ["system", "information_schema", "default", "millrace"];
/// Columns that we add.
const OWN_COLUMNS: [&str; 7] =
    ["_version", "_deleted", "_lsn", "_op", "_commit_time", "_key_before", "_insert_token"];

impl Target {
    /// Where `options` and `[store] database` (`shop_{schema}`) put the table.
    pub fn resolve(
        table: Arc<Table>,
        options: &TableOptions,
        database_pattern: Option<&str>,
    ) -> Result<Target> {
        let section = format!("[tables.\"{}\"]", table.name);
        let (mode, chosen) = (options.mode, options.target.as_ref());
        let (name, rows) = Target::places(&table.name, chosen, mode, database_pattern);
        if RESERVED.iter().any(|reserved| name.schema.eq_ignore_ascii_case(reserved)) {
            return Err(Error::definite(format!("cannot keep {} in {name}", table.name))
                .detail(format!("The database {} is the engine's or Millrace's own.", name.schema))
                .hint(format!("give it another place: target = \"…\" under {section}")));
        }
        if let Some(unknown) = options.columns.keys().find(|name| table.column(name).is_none()) {
            return Err(Error::definite(format!("cannot find column {unknown} of {}", table.name))
                .hint(format!("correct its name under {section}, or publish the column")));
        }
        let table = with_texts(with_whole_rows(table, options), options);
        let columns = columns(&table, options)?;
        let order_by = order_by(&table, options, &columns, &section)?;
        rules::check_rules(&table, options, &columns)?;
        let target = Target {
            mode,
            name,
            rows,
            columns,
            order_by,
            partition_by: options.partition_by.clone(),
            ttl: options.ttl.clone(),
            extra_columns: options.extra_columns.clone().into_iter().collect(),
            keeps_deletes: options.keeps_deletes,
            keeps_truncated: options.survives_truncate(),
            on_update: options.on_update,
            table,
        }
        .settled();
        if target.on_update == OnUpdate::Apply && !target.has_exact_key() {
            let name = &target.table.name;
            return Err(Error::definite(format!("cannot apply updates of {name}"))
                .detail("Nothing tells which row one means: it has no key, or its key is left out or has another type.")
                .hint(format!("on_update = \"append\" or \"ignore\" under {section}, or keep its key as it is")));
        }
        Ok(target)
    }

    /// Where readers find a table of the source, and where its rows are.
    pub fn places(
        source: &TableName,
        chosen: Option<&TableName>,
        mode: Mode,
        database_pattern: Option<&str>,
    ) -> (TableName, TableName) {
        let by_pattern = || {
            let pattern = database_pattern.unwrap_or("{schema}");
            TableName::new(pattern.replace("{schema}", &source.schema), &source.table)
        };
        let name = chosen.cloned().unwrap_or_else(by_pattern);
        let rows = rows_of(mode, &name);
        (name, rows)
    }

    /// With the marks that its columns leave on the table's.
    pub fn settled(mut self) -> Target {
        self.columns.iter_mut().for_each(|column| column.nullable &= !column.is_json());
        let objects = self.columns.iter().filter(|column| column.is_json());
        let objects: Vec<usize> = objects.map(|column| column.source).collect();
        let is_left_out = |at: &usize| self.column_of(*at).is_none();
        let excluded: Vec<usize> = (0..self.table.columns.len()).filter(is_left_out).collect();
        let rules = self.columns.iter().filter_map(|column| Some((column.source, column.rule?)));
        let rules: BTreeMap<usize, Rule> = rules.collect();
        let table = &self.table;
        if table.objects != objects || table.excluded != excluded || table.rules != rules {
            self.table = Arc::new(Table { objects, excluded, rules, ..Table::clone(table) });
        }
        self
    }

    /// What readers see.
    pub fn visible(&self) -> Vec<&str> {
        let own = self.columns.iter().map(|column| column.name.as_str());
        own.chain(self.extra_columns.iter().map(|(name, _)| name.as_str())).collect()
    }

    /// Whether rows may be there rightly that the source has no more, and that nothing marks.
    pub fn keeps_gone(&self) -> bool {
        self.keeps_deletes || self.keeps_truncated && self.mode != Mode::History
    }

    /// Whether the store can tell rows apart by the key exactly as the source does.
    pub fn has_exact_key(&self) -> bool {
        let is_exact = |&at: &usize| {
            let kind = self.table.columns[at].pg.kind();
            let is_plain = |ty: Type| !ty.nullable && ty.base == kind.clickhouse(false);
            kind.may_be_nullable() && self.column_of(at).is_some_and(|c| is_plain(c.ty()))
        };
        self.table.has_key() && !self.table.is_its_own_key() && self.table.key.iter().all(is_exact)
    }

    /// The column that carries the source's column `source`.
    pub fn column_of(&self, source: usize) -> Option<&TargetColumn> {
        self.columns.iter().find(|column| column.source == source)
    }
}

/// Where the rows of what readers query are.
pub fn rows_of(mode: Mode, name: &TableName) -> TableName {
    match mode {
        Mode::Append | Mode::History => name.clone(),
        Mode::Mirror => TableName::new(format!("{}_raw", name.schema), &name.table),
    }
}

/// Where nothing else tells rows apart, and their old values are sent, the whole row does: all that is
/// kept of it. Facts have no need of it, and the same fact may come twice.
fn with_whole_rows(table: Arc<Table>, options: &TableOptions) -> Arc<Table> {
    let needs_key = options.mode != Mode::Append && !table.has_key();
    if !needs_key || table.identity != ReplicaIdentity::Full {
        return table;
    }
    let is_kept = |at: &usize| {
        let chosen = options.columns.get(&table.columns[*at].name);
        chosen.is_none_or(|chosen| !chosen.exclude)
    };
    let (key, excluded) = (0..table.columns.len()).partition(is_kept);
    Arc::new(Table { key, excluded, identity: ReplicaIdentity::WholeRow, ..Table::clone(&table) })
}

/// Whether the store tells rows apart by the column.
fn is_key(options: &TableOptions, table: &Table, at: usize) -> bool {
    options.mode != Mode::Append && table.key.contains(&at)
}

/// Whether rows are told apart by the column, here or when an update of a fact looks for its row.
fn tells_apart(options: &TableOptions, table: &Table, at: usize) -> bool {
    is_key(options, table, at) || options.on_update == OnUpdate::Apply && table.key.contains(&at)
}

/// What comes as Postgres prints it: what has no NULL in ClickHouse and is wanted as text, and such
/// a part of a key by which rows are told apart, which has to be looked up and ordered by.
fn with_texts(table: Arc<Table>, options: &TableOptions) -> Arc<Table> {
    let is_text = |at: usize, column: &Column| {
        let chosen = options.columns.get(&column.name);
        let chosen = chosen.and_then(|chosen| chosen.clickhouse_type.as_deref());
        let has_null = column.pg.kind().may_be_nullable();
        match chosen {
            Some(chosen) => !has_null && Type::parse(chosen).is_string(),
            None => {
                is_key(options, table.as_ref(), at)
                    && (!has_null || matches!(column.pg, PgType::Composite(_)))
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

fn columns(table: &Table, options: &TableOptions) -> Result<Vec<TargetColumn>> {
    let mut columns: Vec<TargetColumn> = Vec::with_capacity(table.columns.len());
    for (source, column) in table.columns.iter().enumerate() {
        let chosen = options.columns.get(&column.name).cloned().unwrap_or_default();
        let is_key = is_key(options, table, source);
        if chosen.exclude {
            if is_key {
                return Err(Error::definite(format!(
                    "cannot leave out {}.{}: it is part of the key",
                    table.name, column.name
                )));
            }
            continue;
        }
        let kind = column.pg.kind();
        // The engine alters no column of a key, and NOT NULL may go.
        let is_null_possible = !column.not_null || is_key && table.is_its_own_key();
        let nullable = is_null_possible && kind.may_be_nullable();
        if let Some(ty) = &chosen.clickhouse_type {
            rules::check_type(table, column, ty, is_key)?;
        }
        let name = chosen.name.unwrap_or_else(|| column.name.clone());
        let may_be_null = nullable && chosen.default.is_none();
        let clickhouse = chosen.clickhouse_type.unwrap_or_else(|| natural(column, may_be_null));
        let taken = columns.iter().any(|other| other.name == name)
            || options.extra_columns.contains_key(&name);
        if taken || OWN_COLUMNS.contains(&name.as_str()) {
            return Err(Error::definite(format!("cannot name a column of {} {name}", table.name))
                .detail("The name is taken.")
                .hint(format!("{} = {{ name = \"…\" }}", column.name)));
        }
        let default = chosen.default.map(|expression| fallback(expression, &kind));
        let nullable =
            nullable || (chosen.on_unrepresentable == Some(Rule::Null) && kind.may_be_nullable());
        // Clamped, two keys would become one.
        let is_clamped = tells_apart(options, table, source) && column.pg.is_clamped();
        let of_key = is_clamped.then_some(Rule::Quarantine);
        let rule = chosen.on_unrepresentable.or(of_key);
        let column = TargetColumn { source, name, clickhouse, nullable, default, rule };
        rules::check_default(table, &column, &kind)?;
        columns.push(column);
    }
    Ok(columns)
}

fn fallback(expression: String, kind: &Kind) -> Fallback {
    let text = (*kind == Kind::Text).then(|| ddl::text_of_literal(&expression)).flatten();
    Fallback { expression, text }
}

/// The type alone.
pub fn without_low_cardinality(clickhouse: &str) -> String {
    let ty = Type::parse(clickhouse);
    if ty.nullable { format!("Nullable({})", ty.base) } else { ty.base }
}

/// The type with NULL.
pub fn nullable(clickhouse: &str) -> String {
    Type::parse(clickhouse).with_null()
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
        Mode::History if options.order_by.is_empty() => {
            let key = if table.is_its_own_key() { Vec::new() } else { key() };
            Ok(key.into_iter().chain([ddl::ident("_version")]).collect())
        }
        Mode::Append | Mode::History => Ok(chosen()),
        Mode::Mirror if !table.has_key() => {
            Err(Error::definite(format!("cannot mirror {}: it has no key", table.name))
                .detail("Without a key nothing tells which row an UPDATE or DELETE means.")
                .hint(format!(
                    "ALTER TABLE {0} ADD PRIMARY KEY (…); or, with the whole row as key, ALTER TABLE {0} REPLICA \
                     IDENTITY FULL; or, if its rows never change, mode = \"append\" under {section}",
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
    use crate::ddl::More;
    use model::{ColumnOptions, ReplicaIdentity, TableId};

    fn table(key: Vec<usize>) -> Arc<Table> {
        let column =
            |name: &str, pg: PgType, not_null| Column { not_null, ..Column::new(name, pg) };
        Arc::new(Table {
            key,
            ..Table::new(
                TableId(1),
                TableName::new("public", "orders"),
                vec![
                    column("id", PgType::Int8, true),
                    column("status", PgType::Enum, false),
                    column("tags", PgType::Array(Box::new(PgType::Text), 1), false),
                ],
            )
        })
    }

    #[test]
    fn a_mirror_is_a_raw_table_and_a_view() {
        let target = Target::resolve(table(vec![0]), &TableOptions::default(), None).unwrap();
        assert_eq!(
            (target.name.to_string(), target.rows.to_string()),
            ("public.orders".into(), "public_raw.orders".into())
        );
        let statements = ddl::create(&target, More::default());
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

    fn with_column(name: &str, chosen: ColumnOptions) -> Result<Target> {
        let mut options = TableOptions::default();
        options.columns.insert(name.into(), chosen);
        Target::resolve(table(vec![0]), &options, None)
    }

    #[test]
    fn rules_are_kept_where_they_can_be() {
        let rule = |name: &str, rule, ty: Option<&str>| {
            let clickhouse_type = ty.map(str::to_owned);
            let on_unrepresentable = Some(rule);
            with_column(
                name,
                ColumnOptions { clickhouse_type, on_unrepresentable, ..Default::default() },
            )
        };
        let target = rule("status", Rule::Null, None).unwrap();
        assert_eq!(target.table.rule(1), Some(Rule::Null));
        assert!(rule("tags", Rule::Stop, None).is_ok());
        for (name, asked, ty, hint) in [
            ("status", Rule::Clamp, None, "\"quarantine\", \"null\" or \"stop\""),
            ("id", Rule::Null, None, "\"quarantine\" or \"stop\""),
            (
                "tags",
                Rule::Null,
                None,
                "\"quarantine\" or \"stop\"; or type = \"Nullable(String)\"",
            ),
            ("status", Rule::Null, Some("UUID"), "type = \"Nullable(UUID)\", or a default"),
            ("status", Rule::Null, Some("JSON"), "type = \"Nullable(String)\""),
        ] {
            let error = rule(name, asked, ty).unwrap_err();
            assert_eq!(error.hint_text(), Some(hint), "{}", error.report());
        }
    }

    /// Clamped or NULL, two keys would be one, and an update of one fact would take the other away.
    #[test]
    fn updates_find_their_row_by_a_key_that_is_not_clamped() {
        let mut temporal = Table::clone(&table(vec![0, 1]));
        let until = &mut temporal.columns[1];
        (until.pg, until.not_null) = (PgType::Timestamptz, true);
        let resolve = |on_update, on_unrepresentable| {
            let mut options = TableOptions { mode: Mode::Append, on_update, ..Default::default() };
            let chosen = ColumnOptions { on_unrepresentable, ..ColumnOptions::default() };
            options.columns.insert("status".into(), chosen);
            Target::resolve(Arc::new(temporal.clone()), &options, None)
        };
        for (on_update, rule) in
            [(OnUpdate::Ignore, None), (OnUpdate::Apply, Some(Rule::Quarantine))]
        {
            assert_eq!(resolve(on_update, None).unwrap().table.rule(1), rule);
        }
        assert!(resolve(OnUpdate::Ignore, Some(Rule::Clamp)).is_ok());
        for rule in [Rule::Clamp, Rule::Null] {
            let error = resolve(OnUpdate::Apply, Some(rule)).unwrap_err();
            assert_eq!(error.hint_text(), Some("\"quarantine\" or \"stop\""), "{}", error.report());
        }
        assert!(resolve(OnUpdate::Apply, Some(Rule::Stop)).is_ok());
    }

    #[test]
    fn a_default_takes_null_out_of_the_type() {
        let default = |ty: Option<&str>, default: &str| {
            let clickhouse_type = ty.map(str::to_owned);
            let default = Some(default.to_owned());
            with_column("status", ColumnOptions { clickhouse_type, default, ..Default::default() })
        };
        let target = default(None, "'none'").unwrap();
        assert_eq!(target.columns[1].clickhouse, "LowCardinality(String)");
        assert!(
            ddl::create(&target, More::default())[2]
                .contains("`status` LowCardinality(String) DEFAULT 'none',")
        );
        let number = default(Some("Int32"), "-1").unwrap();
        let fallback = number.columns[1].default.clone().unwrap();
        assert_eq!(fallback.text.as_deref(), Some("-1"));
        assert!(default(Some("String"), "concat('a', 'b')").is_ok());
        for (ty, wrong) in
            [("Int32", "1 + 1"), ("Int32", "9999999999"), ("Decimal(9, 2)", "'1.005'")]
        {
            assert!(default(Some(ty), wrong).is_err(), "{ty} {wrong}");
        }
        assert!(default(Some("Nullable(Int32)"), "1").is_err());
        assert!(default(Some("JSON"), "'{}'").is_err());
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
    fn the_whole_row_is_the_key_only_where_there_is_none() {
        let full = |key| {
            let identity = ReplicaIdentity::Full;
            Arc::new(Table { identity, ..Table::clone(&table(key)) })
        };
        let exclude = ColumnOptions { exclude: true, ..ColumnOptions::default() };
        let without = |names: &[&str]| TableOptions {
            columns: names.iter().map(|name| ((*name).to_owned(), exclude.clone())).collect(),
            ..TableOptions::default()
        };
        let resolve = |key, options| Target::resolve(full(key), &options, None).unwrap();
        // A key of every column, or of all that are kept, is a key like others.
        for target in
            [resolve(vec![0, 1, 2], without(&[])), resolve(vec![0], without(&["status", "tags"]))]
        {
            assert!(!target.table.is_its_own_key());
            assert_eq!(target.table.declared_key(), target.table.key);
        }
        assert!(resolve(vec![0], without(&["status", "tags"])).has_exact_key());
        let keyless = resolve(vec![], without(&["tags"]));
        assert!(keyless.table.is_its_own_key() && !keyless.has_exact_key());
        assert_eq!(
            (keyless.table.key.as_slice(), keyless.table.declared_key()),
            (&[0, 1][..], &[][..])
        );
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
