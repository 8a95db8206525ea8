//! The tables as messages describe them. Columns are only ever added, in the order in which they were
//! seen; one that is no more stays. A shape that changed is another `Arc`.

use super::json::Text;
use super::means::Means;
use super::message::is_about;
use super::named::{Declared, spelled};
use super::options::DeclaredColumns;
use super::row::{Row, RowSchema};
use super::value::Value;
use super::widen::widened;
use model::{Column, Error, PgType, ReplicaIdentity, Result, Table, TableId, TableName};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// As Postgres has it. It keeps objects with keys that are values from becoming columns without end.
const COLUMNS_MAX: usize = 1600;
/// Schemas of a table that are known at a time: more than a topic has versions on the way.
const PLANS_MAX: usize = 64;

#[derive(Default)]
pub(super) struct Tables {
    pub(super) list: Vec<Shape>,
    /// What a schema is called here: `kafka_{schema}`.
    schema: String,
    by_name: HashMap<TableName, usize>,
    declared: BTreeMap<TableName, BTreeMap<String, Declared>>,
}

pub(super) struct Shape {
    pub(super) table: Arc<Table>,
    /// As messages call it.
    pub(super) source: TableName,
    /// Of each column, where it was declared.
    modifiers: Vec<Option<Option<u32>>>,
    declared: BTreeMap<String, Declared>,
    plans: Vec<Arc<Plan>>,
    /// No row has been seen with all of its columns.
    is_new: bool,
}

/// Of a field that is about the change, not of the row.
pub(super) const NO_COLUMN: usize = usize::MAX;

/// How the fields of a schema are columns of a table.
pub(super) struct Plan {
    schema: u64,
    pub(super) fields: Vec<usize>,
    /// Of each column that there was; later ones are none of the schema's.
    pub(super) means: Vec<Means>,
}

impl Plan {
    pub(super) fn means(&self, column: usize) -> &Means {
        self.means.get(column).unwrap_or(&Means::Untold)
    }
}

impl Tables {
    pub(super) fn new(
        schema: &str,
        declared: &BTreeMap<TableName, DeclaredColumns>,
    ) -> Result<Tables> {
        let mut tables = Tables { schema: schema.to_owned(), ..Tables::default() };
        for (name, columns) in declared {
            for (column, type_name) in columns {
                let Some(parsed) = Declared::parse(type_name) else {
                    return Err(no_type(column, name, type_name));
                };
                tables.declare(name, column, parsed);
            }
        }
        Ok(tables)
    }

    /// The tables of before, once everything is declared.
    pub(super) fn know(&mut self, known: Vec<Table>) {
        for table in known {
            let declared = self.declared.get(&table.name).cloned().unwrap_or_default();
            self.by_name.insert(table.name.clone(), self.list.len());
            self.list.push(Shape::known(table, declared));
        }
    }

    pub(super) fn declare(&mut self, table: &TableName, column: &str, declared: Declared) {
        self.declared.entry(table.clone()).or_default().insert(column.to_owned(), declared);
    }

    /// What messages call it, as it is called here.
    pub(super) fn here(&self, source: &TableName) -> TableName {
        TableName::new(self.schema.replace("{schema}", &source.schema), &source.table)
    }

    pub(super) fn find(&mut self, source: &TableName) -> Option<usize> {
        let at = self.by_name.get(&self.here(source)).copied()?;
        self.list[at].source.clone_from(source);
        Some(at)
    }

    pub(super) fn find_or_add(&mut self, source: &TableName) -> usize {
        if let Some(at) = self.find(source) {
            return at;
        }
        self.add(&self.here(source), source)
    }

    /// The table of that name here, whose messages do not name it.
    pub(super) fn find_or_add_here(&mut self, name: &TableName) -> usize {
        self.by_name.get(name).copied().unwrap_or_else(|| self.add(name, name))
    }

    fn add(&mut self, name: &TableName, source: &TableName) -> usize {
        // Never one that a table of before has.
        let last = self.list.iter().map(|shape| shape.table.id.0).max().unwrap_or(0);
        let table = Table::new(TableId(last + 1), name.clone(), Vec::new());
        let at = self.list.len();
        self.list.push(Shape {
            table: Arc::new(table),
            source: source.clone(),
            modifiers: Vec::new(),
            declared: self.declared.get(name).cloned().unwrap_or_default(),
            plans: Vec::new(),
            is_new: true,
        });
        self.by_name.insert(name.clone(), at);
        at
    }
}

pub(super) fn no_type(column: &str, table: &TableName, type_name: &str) -> Error {
    Error::definite(format!("cannot read column {column} of {table}: there is no such type"))
        .detail(format!("`{type_name}` is no type of Postgres's that is known."))
        .hint("write it as Postgres does: `numeric(10,2)`, `timestamptz`, `int4[]`")
}

impl Shape {
    fn known(table: Table, declared: BTreeMap<String, Declared>) -> Shape {
        let modifiers = table
            .columns
            .iter()
            .map(|column| declared.get(&column.name).map(|declared| declared.modifier))
            .collect();
        let source = table.name.clone();
        let table = Arc::new(table);
        let mut shape =
            Shape { table, source, modifiers, declared, plans: Vec::new(), is_new: false };
        // What was declared since.
        for at in 0..shape.table.columns.len() {
            let column = &shape.table.columns[at];
            if let Some(declared) = shape.declared.get(&column.name)
                && let Some(wide) = widened(&column.pg, &declared.pg)
            {
                shape.retype(at, wide);
            }
        }
        shape
    }

    /// Changes the table, which is another one then.
    fn edit(&mut self, edit: impl FnOnce(&mut Table)) {
        let mut table = Table::clone(&self.table);
        edit(&mut table);
        self.table = Arc::new(table);
    }

    fn retype(&mut self, at: usize, pg: PgType) {
        self.edit(|table| {
            table.columns[at].type_name = spelled(&pg);
            table.columns[at].pg = pg;
        });
    }

    pub(super) fn widen(&mut self, at: usize, pg: &PgType) {
        if let Some(wide) = widened(&self.table.columns[at].pg, pg) {
            self.retype(at, wide);
        }
    }

    pub(super) fn make_nullable(&mut self, at: usize) {
        if self.table.columns[at].not_null {
            self.edit(|table| table.columns[at].not_null = false);
        }
    }

    pub(super) fn modifier(&self, at: usize) -> Option<u32> {
        self.modifiers.get(at).copied().flatten().flatten()
    }

    pub(super) fn is_declared(&self, at: usize) -> bool {
        self.modifiers.get(at).is_some_and(Option::is_some)
    }

    /// A column more. One that comes later may be NULL, as rows of before have it not.
    fn add(&mut self, name: &str, pg: PgType, not_null: bool) -> Result<usize> {
        let at = self.table.columns.len();
        if at >= COLUMNS_MAX {
            return Err(Error::refused(format!(
                "cannot read column {name} of {}: it has {COLUMNS_MAX} columns already",
                self.table.name
            ))
            .hint("declare the columns of its topic, and one for the rest"));
        }
        let is_new = self.is_new;
        self.edit(|table| {
            table.columns.push(Column {
                attnum: at as i16 + 1,
                type_name: spelled(&pg),
                not_null: not_null && is_new,
                ..Column::new(name, pg)
            });
            if table.is_its_own_key() {
                table.key.push(at);
            }
        });
        let declared = self.declared.get(name).map(|declared| declared.modifier);
        self.modifiers.push(declared);
        Ok(at)
    }

    /// Whether a field without a value could be a column.
    pub(super) fn may_be(&self, name: &Text<'_>) -> bool {
        name.is_escaped
            || !self.declared.is_empty()
            || self.table.columns.iter().any(|column| column.name.as_bytes() == name.raw)
    }

    /// The column of a field without a schema. `None`: nothing tells its type yet. An unchanged value
    /// tells what its placeholder is, as there is a value.
    pub(super) fn find_or_infer(
        &mut self,
        name: &Text<'_>,
        value: &Value<'_>,
    ) -> Result<Option<usize>> {
        let owned = name.owned().map_err(|why| Error::refused(why.0))?;
        let name = String::from_utf8_lossy(&owned);
        if let Some(at) = self.table.column(&name) {
            return Ok(Some(at));
        }
        let pg = match self.declared.get(&*name) {
            Some(declared) => declared.pg.clone(),
            None => match inferred(value) {
                Some(pg) => pg,
                None => return Ok(None),
            },
        };
        self.add(&name, pg, false).map(Some)
    }

    /// How a schema's fields are columns; what is new or changed among them is so from here on.
    pub(super) fn plan(&mut self, schema: &RowSchema, is_postgres: bool) -> Result<Arc<Plan>> {
        if let Some(plan) = self.plans.iter().find(|plan| plan.schema == schema.id) {
            return Ok(plan.clone());
        }
        let mut fields = Vec::with_capacity(schema.fields.len());
        for field in &schema.fields {
            if schema.is_flat && is_about(field.name.as_bytes()) {
                fields.push(NO_COLUMN);
                continue;
            }
            let natural = field.means.natural(is_postgres);
            let at = match self.table.column(&field.name) {
                Some(at) => {
                    self.widen(at, &natural);
                    if field.is_optional {
                        self.make_nullable(at);
                    }
                    at
                }
                None => self.add(&field.name, natural, !field.is_optional)?,
            };
            fields.push(at);
        }
        let mut means = vec![Means::Untold; self.table.columns.len()];
        for (field, &at) in schema.fields.iter().zip(&fields) {
            if let Some(means) = means.get_mut(at) {
                *means = field.means.clone();
            }
        }
        for at in 0..self.table.columns.len() {
            if !fields.contains(&at) {
                self.make_nullable(at);
            }
        }
        Ok(self.keep(Plan { schema: schema.id, fields, means }))
    }

    fn keep(&mut self, plan: Plan) -> Arc<Plan> {
        let plan = Arc::new(plan);
        if self.plans.len() >= PLANS_MAX {
            self.plans.remove(0);
        }
        self.plans.push(plan.clone());
        plan
    }

    /// Of the schema of rows that was seen last.
    pub(super) fn newest_plan(&self) -> Option<&Plan> {
        self.plans.iter().rev().find(|plan| !plan.fields.is_empty()).map(Arc::as_ref)
    }

    /// The same of a key's schema, which says nothing of the other columns.
    fn key_plan(&mut self, key: &Row<'_>) -> Option<Arc<Plan>> {
        let schema = key.schema?;
        if let Some(plan) = self.plans.iter().find(|plan| plan.schema == schema.id) {
            return Some(plan.clone());
        }
        let mut means = vec![Means::Untold; self.table.columns.len()];
        for field in &schema.fields {
            if let Some(at) = self.table.column(&field.name) {
                means[at] = field.means.clone();
            }
        }
        Some(self.keep(Plan { schema: schema.id, fields: Vec::new(), means }))
    }

    pub(super) fn row_was_seen(&mut self) {
        self.is_new = false;
    }

    /// The fields of the message's key are the table's.
    pub(super) fn learn_key(
        &mut self,
        key: &Row<'_>,
        is_postgres: bool,
    ) -> Result<Option<Arc<Plan>>> {
        let columns = &self.table.columns;
        let is_known = self.table.key.len() == key.values.len()
            && self.table.identity != ReplicaIdentity::WholeRow
            && self.table.key.iter().enumerate().all(|(n, &at)| {
                match (key.names.get(n), key.schema) {
                    (Some(name), _) => name.is(columns[at].name.as_bytes()),
                    (None, Some(schema)) => schema.fields[n].name == columns[at].name,
                    (None, None) => false,
                }
            });
        if is_known {
            return Ok(self.key_plan(key));
        }
        let mut places = Vec::with_capacity(key.values.len());
        for (n, value) in key.values.iter().enumerate() {
            let name = key.name(n);
            let at = match (self.table.column(&name), key.schema) {
                (Some(at), _) => at,
                (None, Some(schema)) => {
                    let field = schema.fields.iter().find(|field| field.name == name);
                    let pg = field.map(|field| field.means.natural(is_postgres));
                    self.add(&name, pg.unwrap_or(PgType::Text), true)?
                }
                (None, None) => {
                    let declared = self.declared.get(&name).map(|declared| declared.pg.clone());
                    let pg = declared.or_else(|| inferred(value)).unwrap_or(PgType::Text);
                    self.add(&name, pg, true)?
                }
            };
            if !places.contains(&at) {
                places.push(at);
            }
        }
        let is_new = self.is_new;
        self.edit(|table| {
            for &at in &places {
                table.columns[at].not_null |= is_new;
            }
            table.key = places;
            table.identity = ReplicaIdentity::Default;
        });
        Ok(self.key_plan(key))
    }

    /// It has no key, and its source sends whole rows of before: they stand in for one.
    pub(super) fn be_its_own_key(&mut self) {
        if !self.table.has_key() {
            self.edit(|table| {
                table.key = (0..table.columns.len()).collect();
                table.identity = ReplicaIdentity::WholeRow;
            });
        }
    }

    /// A column of a plain row is what tells rows apart.
    pub(super) fn key_is(&mut self, name: &str, row: &Row<'_>) -> Result<()> {
        if let [at] = self.table.key[..]
            && self.table.columns[at].name == name
        {
            return Ok(());
        }
        let text = Text { raw: name.as_bytes(), is_escaped: false };
        let value = row.get(name, 0).unwrap_or(Value::Null);
        if let Some(at) = self.find_or_infer(&text, &value)? {
            let is_new = self.is_new;
            self.edit(|table| {
                // An object without it is none of its rows.
                table.columns[at].not_null |= is_new;
                table.key = vec![at];
            });
        }
        Ok(())
    }

    /// Every column that was declared, whether or not a value has come.
    pub(super) fn be_declared(&mut self) -> Result<()> {
        if self.table.columns.len() >= self.declared.len() && !self.is_new {
            return Ok(());
        }
        let missing = |(name, _): &(&String, &Declared)| self.table.column(name).is_none();
        let missing: Vec<(String, PgType)> = self
            .declared
            .iter()
            .filter(missing)
            .map(|(name, declared)| (name.clone(), declared.pg.clone()))
            .collect();
        for (name, pg) in missing {
            self.add(&name, pg, false)?;
        }
        Ok(())
    }

    /// Its rows are MongoDB's.
    pub(super) fn be_documents(&mut self) {
        if self.declared.contains_key("document") {
            return;
        }
        for (column, type_name) in [("_id", "text"), ("document", "json")] {
            let declared = Declared::parse(type_name).expect("a type");
            self.declared.entry(column.to_owned()).or_insert(declared);
        }
    }

    pub(super) fn is_of_documents(&self) -> bool {
        self.table.columns.iter().map(|column| column.name.as_str()).eq(["_id", "document"])
    }
}

/// The type that a first value tells. `None`: it tells nothing.
pub(super) fn inferred(value: &Value<'_>) -> Option<PgType> {
    Some(match value {
        Value::Null => return None,
        Value::Bool(_) => PgType::Bool,
        Value::Int(_) => PgType::Int8,
        Value::Float(_) | Value::Double(_) => PgType::Float8,
        Value::Number(_) if value.int().is_some() => PgType::Int8,
        Value::Number(number) => match super::value::is_double(number) {
            true => PgType::Float8,
            false => PgType::Numeric(None),
        },
        Value::Text(_) => PgType::Text,
        Value::Bytes(_) => PgType::Bytea,
        Value::Json(_) | Value::Avro(_) => PgType::Jsonb,
    })
}

/// Whether a column whose type was inferred has to become wider for a value.
#[inline]
pub(super) fn outgrows(pg: &PgType, value: &Value<'_>) -> bool {
    // 18 digits always fit.
    const SURE: usize = 18;
    match (pg, value) {
        (PgType::Int8, Value::Number(number)) => {
            (number.len() > SURE
                || !number.iter().all(|&byte| byte == b'-' || byte.is_ascii_digit()))
                && value.int().is_none()
        }
        _ => false,
    }
}
