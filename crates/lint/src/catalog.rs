//! What is known of the database without one: what the statements so far have made.
//!
//! `--schema` (a `pg_dump --schema-only`, or earlier migrations) fills it before anything is judged;
//! each statement that was judged goes on filling it. What nobody told is taken for the worse case.

pub(crate) mod publication;
mod types;

use crate::names;
use crate::types::Type;
use model::TableName;
use pg_query::NodeEnum;
use pg_query::protobuf::{
    AlterPublicationStmt, AlterTableStmt, AlterTableType as Alter, ColumnDef, ConstrType,
    Constraint, CreateStmt, Node, ObjectType, RenameStmt,
};
use publication::Publication;
use std::collections::{BTreeMap, BTreeSet};
use types::Types;

pub(crate) use types::Made;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kept {
    /// In the log.
    Permanent,
    Unlogged,
    Temporary,
}

#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub(crate) kept: Kept,
    /// Made by the file that is being judged: nobody uses it yet.
    pub(crate) is_new: bool,
    pub(crate) columns: BTreeMap<String, Column>,
}

#[derive(Clone, Debug)]
pub(crate) struct Column {
    pub(crate) ty: Type,
    pub(crate) not_null: bool,
}

#[derive(Debug)]
pub(crate) struct Catalog {
    tables: BTreeMap<TableName, Known>,
    indexes: BTreeMap<String, TableName>,
    indexed: BTreeSet<(TableName, String)>,
    types: Types,
    /// Functions that are not volatile.
    steady: BTreeSet<String>,
    publications: BTreeMap<String, Publication>,
    /// CHECKs by their name: NOT VALID ones that say that a column is never NULL.
    checks: BTreeMap<(TableName, String), String>,
    /// Foreign keys: table and name, and the table that they refer to.
    references: BTreeMap<(TableName, String), TableName>,
    /// Columns of which a validated CHECK says that they are never NULL.
    proven: BTreeSet<(TableName, String)>,
    /// Where names without a schema are.
    pub(crate) schema: String,
}

pub(crate) const DEFAULT_SCHEMA: &str = "public";

impl Catalog {
    pub(crate) fn new() -> Catalog {
        Catalog {
            tables: BTreeMap::new(),
            indexes: BTreeMap::new(),
            indexed: BTreeSet::new(),
            types: Types::default(),
            steady: BTreeSet::new(),
            publications: BTreeMap::new(),
            checks: BTreeMap::new(),
            references: BTreeMap::new(),
            proven: BTreeSet::new(),
            schema: DEFAULT_SCHEMA.to_owned(),
        }
    }

    /// The next file begins: what the last one made is in use.
    pub(crate) fn next_file(&mut self) {
        self.tables.values_mut().for_each(|table| table.is_new = false);
        self.schema = DEFAULT_SCHEMA.to_owned();
    }

    pub(crate) fn table(&self, name: &TableName) -> Option<&Known> {
        self.tables.get(name)
    }

    pub(crate) fn is_new(&self, name: &TableName) -> bool {
        self.tables.get(name).is_some_and(|table| table.is_new)
    }

    pub(crate) fn column(&self, table: &TableName, column: &str) -> Option<&Column> {
        self.tables.get(table)?.columns.get(column)
    }

    /// Those of the type, of arrays of it, and of what it is in. Types are known by their last name.
    pub(crate) fn columns_of(&self, ty: &str) -> impl Iterator<Item = (&TableName, &str)> {
        let holding = self.types.holding(ty);
        let columns = self.tables.iter().flat_map(|(table, known)| {
            known.columns.iter().map(move |(name, column)| (table, name.as_str(), column))
        });
        let its = columns.filter(move |(_, _, column)| holding.contains(&column.ty.name));
        its.map(|(table, name, _)| (table, name))
    }

    pub(crate) fn made(&self, ty: &str) -> Option<Made> {
        self.types.get(ty)
    }

    pub(crate) fn index(&self, name: &str) -> Option<&TableName> {
        self.indexes.get(name)
    }

    pub(crate) fn is_indexed(&self, table: &TableName, column: &str) -> bool {
        self.indexed.contains(&(table.clone(), column.to_owned()))
    }

    pub(crate) fn is_steady(&self, function: &str) -> bool {
        self.steady.contains(function)
    }

    /// Whether the publication sends the table. `None`: nobody told what it sends.
    pub(crate) fn publishes(&self, publication: &str, table: &TableName) -> Option<bool> {
        Some(self.publications.get(publication)?.sends(table))
    }

    /// What the publication does not send after that statement. `None`: nobody told what it sends.
    pub(crate) fn lost(&self, alter: &AlterPublicationStmt) -> Option<BTreeSet<&TableName>> {
        let before = self.publications.get(&alter.pubname)?;
        let mut after = before.clone();
        after.alter(alter, &self.schema);
        let known = self.tables.keys().chain(before.named());
        Some(known.filter(|table| before.sends(table) && !after.sends(table)).collect())
    }

    /// Takes in what the statement made.
    pub(crate) fn learn(&mut self, node: &NodeEnum, is_new: bool) {
        match node {
            NodeEnum::CreateStmt(create) => self.create(create, is_new),
            NodeEnum::CreateTableAsStmt(create) => {
                let relation = create.into.as_ref().and_then(|into| into.rel.as_ref());
                let is_table = create.objtype == ObjectType::ObjectTable as i32;
                if let (Some(relation), true) = (relation, is_table) {
                    let known = Known {
                        kept: kept(&relation.relpersistence),
                        is_new,
                        columns: BTreeMap::new(),
                    };
                    self.tables.insert(names::table(relation, &self.schema), known);
                }
            }
            NodeEnum::AlterTableStmt(alter) => self.alter(alter),
            NodeEnum::RenameStmt(rename) => self.rename(rename),
            NodeEnum::DropStmt(drop) if drop.remove_type == ObjectType::ObjectTable as i32 => {
                for object in &drop.objects {
                    if let Some(name) = names::listed(object, &self.schema) {
                        self.tables.remove(&name);
                    }
                }
            }
            NodeEnum::IndexStmt(index) => {
                if let Some(relation) = &index.relation {
                    let table = names::table(relation, &self.schema);
                    for param in &index.index_params {
                        if let Some(NodeEnum::IndexElem(element)) = &param.node {
                            self.indexed.insert((table.clone(), element.name.clone()));
                        }
                    }
                    self.indexes.insert(index.idxname.clone(), table);
                }
            }
            NodeEnum::CreateFunctionStmt(made) => {
                let volatility = names::option(&made.options, "volatility");
                if matches!(volatility.as_deref(), Some("immutable" | "stable")) {
                    self.steady.insert(names::parts(&made.funcname).1);
                }
            }
            NodeEnum::CreatePublicationStmt(made) => {
                let publication = Publication::new(made, &self.schema);
                self.publications.insert(made.pubname.clone(), publication);
            }
            NodeEnum::AlterPublicationStmt(alter) => {
                let schema = self.schema.clone();
                if let Some(publication) = self.publications.get_mut(&alter.pubname) {
                    publication.alter(alter, &schema);
                }
            }
            NodeEnum::VariableSetStmt(set) if set.name == "search_path" => {
                if let Some(first) = set.args.first().map(names::value).filter(|s| !s.is_empty()) {
                    self.schema = first;
                }
            }
            _ => self.types.learn(node),
        }
    }

    fn create(&mut self, create: &CreateStmt, is_new: bool) {
        let Some(relation) = &create.relation else { return };
        let name = names::table(relation, &self.schema);
        if create.if_not_exists && self.tables.contains_key(&name) {
            return;
        }
        let mut known =
            Known { kept: kept(&relation.relpersistence), is_new, columns: BTreeMap::new() };
        for element in &create.table_elts {
            if let Some(NodeEnum::ColumnDef(column)) = &element.node {
                known.add(column);
            }
        }
        self.tables.insert(name.clone(), known);
        for made in table_constraints(create) {
            self.constraint(&name, made);
        }
        for element in &create.table_elts {
            if let Some(NodeEnum::ColumnDef(column)) = &element.node {
                self.refers(&name, column);
            }
        }
    }

    fn alter(&mut self, alter: &AlterTableStmt) {
        let Some(relation) = &alter.relation else { return };
        let name = names::table(relation, &self.schema);
        for command in &alter.cmds {
            let Some(NodeEnum::AlterTableCmd(command)) = &command.node else { continue };
            let Ok(subtype) = Alter::try_from(command.subtype) else { continue };
            let def = command.def.as_ref().and_then(|def| def.node.as_ref());
            if let (Alter::AtAddConstraint, Some(NodeEnum::Constraint(made))) = (subtype, def) {
                self.constraint(&name, made);
                continue;
            }
            if subtype == Alter::AtValidateConstraint {
                self.validate(&name, &command.name);
                continue;
            }
            if let (Alter::AtAddColumn, Some(NodeEnum::ColumnDef(added))) = (subtype, def) {
                self.refers(&name, added);
            }
            if subtype == Alter::AtDropConstraint {
                self.references.remove(&(name.clone(), command.name.clone()));
            }
            let Some(table) = self.tables.get_mut(&name) else { continue };
            let column = table.columns.get_mut(&command.name);
            match (subtype, def, column) {
                (Alter::AtAddColumn, Some(NodeEnum::ColumnDef(added)), _) => table.add(added),
                (Alter::AtDropColumn, ..) => drop(table.columns.remove(&command.name)),
                (Alter::AtAlterColumnType, Some(NodeEnum::ColumnDef(to)), Some(column)) => {
                    if let Some(ty) = &to.type_name {
                        column.ty = Type::new(ty);
                    }
                }
                (Alter::AtSetNotNull, _, Some(column)) => column.not_null = true,
                (Alter::AtDropNotNull, _, Some(column)) => column.not_null = false,
                (Alter::AtSetUnLogged, ..) => table.kept = Kept::Unlogged,
                (Alter::AtSetLogged, ..) => table.kept = Kept::Permanent,
                _ => {}
            }
        }
    }

    fn constraint(&mut self, name: &TableName, made: &Constraint) {
        let kind = ConstrType::try_from(made.contype).unwrap_or(ConstrType::Undefined);
        let never_null = match kind {
            ConstrType::ConstrCheck => checked_for_null(made),
            ConstrType::ConstrNotnull => made.keys.first().and_then(names::text),
            _ => None,
        };
        if let Some(column) = never_null {
            self.checks.insert((name.clone(), made.conname.clone()), column);
            if made.initially_valid {
                self.validate(name, &made.conname);
            }
        }
        if let (ConstrType::ConstrForeign, Some(other)) = (kind, &made.pktable) {
            let columns = names::strings(&made.fk_attrs);
            let other = names::table(other, &self.schema);
            self.references.insert((name.clone(), named(made, name, &columns)), other);
        }
        if matches!(kind, ConstrType::ConstrPrimary | ConstrType::ConstrUnique) {
            for column in names::strings(&made.keys) {
                self.indexed.insert((name.clone(), column));
            }
        }
    }

    /// A column's own REFERENCES.
    fn refers(&mut self, table: &TableName, column: &ColumnDef) {
        for made in constraints(&column.constraints) {
            if let Some(other) = &made.pktable {
                let name = named(made, table, std::slice::from_ref(&column.colname));
                let other = names::table(other, &self.schema);
                self.references.insert((table.clone(), name), other);
            }
        }
    }

    /// The table that a foreign key refers to.
    pub(crate) fn referred(&self, table: &TableName, constraint: &str) -> Option<&TableName> {
        self.references.get(&(table.clone(), constraint.to_owned()))
    }

    /// The tables that any of its foreign keys refers to.
    pub(crate) fn all_referred(&self, table: &TableName) -> impl Iterator<Item = &TableName> {
        self.references.iter().filter(move |((of, _), _)| of == table).map(|(_, other)| other)
    }

    fn validate(&mut self, name: &TableName, constraint: &str) {
        if let Some(column) = self.checks.get(&(name.clone(), constraint.to_owned())) {
            self.proven.insert((name.clone(), column.clone()));
        }
    }

    /// So that SET NOT NULL has nothing to look at.
    pub(crate) fn is_never_null(&self, table: &TableName, column: &str) -> bool {
        self.column(table, column).is_some_and(|column| column.not_null)
            || self.proven.contains(&(table.clone(), column.to_owned()))
    }

    fn rename(&mut self, rename: &RenameStmt) {
        let kind = ObjectType::try_from(rename.rename_type);
        if matches!(kind, Ok(ObjectType::ObjectType | ObjectType::ObjectDomain))
            && let Some(object) = rename.object.as_deref()
            && let Some(before) = names::listed(object, &self.schema)
        {
            self.rename_type(&before.table, &rename.newname);
        }
        let Some(relation) = &rename.relation else { return };
        let name = names::table(relation, &self.schema);
        let is_table = rename.rename_type == ObjectType::ObjectTable as i32;
        if is_table && let Some(known) = self.tables.remove(&name) {
            let renamed = TableName::new(name.schema, rename.newname.as_str());
            self.tables.insert(renamed, known);
        } else if rename.rename_type == ObjectType::ObjectColumn as i32
            && let Some(table) = self.tables.get_mut(&name)
            && let Some(column) = table.columns.remove(&rename.subname)
        {
            table.columns.insert(rename.newname.clone(), column);
        }
    }

    fn rename_type(&mut self, before: &str, now: &str) {
        self.types.rename(before, now);
        let columns = self.tables.values_mut().flat_map(|table| table.columns.values_mut());
        for column in columns.filter(|column| column.ty.name == before) {
            column.ty.name = now.to_owned();
        }
    }
}

impl Known {
    fn add(&mut self, column: &ColumnDef) {
        let Some(ty) = &column.type_name else { return };
        let is = |kinds: &[ConstrType]| {
            constraints(&column.constraints).any(|made| {
                ConstrType::try_from(made.contype).is_ok_and(|kind| kinds.contains(&kind))
            })
        };
        let not_null =
            is(&[ConstrType::ConstrNotnull, ConstrType::ConstrPrimary, ConstrType::ConstrIdentity]);
        let column_type = Type::new(ty);
        let not_null = not_null || column_type.is_serial();
        self.columns.insert(column.colname.clone(), Column { ty: column_type, not_null });
    }
}

/// A foreign key without a name gets Postgres's own.
fn named(made: &Constraint, table: &TableName, columns: &[String]) -> String {
    match made.conname.as_str() {
        "" => format!("{}_{}_fkey", table.table, columns.join("_")),
        name => name.to_owned(),
    }
}

fn table_constraints(create: &CreateStmt) -> impl Iterator<Item = &Constraint> {
    constraints(&create.table_elts).chain(constraints(&create.constraints))
}

pub(crate) fn constraints(nodes: &[Node]) -> impl Iterator<Item = &Constraint> {
    nodes.iter().filter_map(|node| match &node.node {
        Some(NodeEnum::Constraint(made)) => Some(&**made),
        _ => None,
    })
}

/// Of its own, or of the table that it is LIKE (with its indexes).
pub(crate) fn has_key(create: &CreateStmt) -> bool {
    const LIKE_INDEXES: u32 = 1 << 6;
    let is_key = |made: &Constraint| made.contype == ConstrType::ConstrPrimary as i32;
    constraints(&create.constraints).any(is_key)
        || create.table_elts.iter().any(|element| match &element.node {
            Some(NodeEnum::Constraint(made)) => is_key(made),
            Some(NodeEnum::ColumnDef(column)) => constraints(&column.constraints).any(is_key),
            Some(NodeEnum::TableLikeClause(like)) => like.options & LIKE_INDEXES != 0,
            _ => false,
        })
}

pub(crate) fn kept(persistence: &str) -> Kept {
    match persistence {
        "u" => Kept::Unlogged,
        "t" => Kept::Temporary,
        _ => Kept::Permanent,
    }
}

/// The column of a `CHECK (x IS NOT NULL)`.
fn checked_for_null(made: &Constraint) -> Option<String> {
    let Some(NodeEnum::NullTest(test)) = made.raw_expr.as_ref()?.node.as_ref() else { return None };
    let is_not_null = test.nulltesttype == pg_query::protobuf::NullTestType::IsNotNull as i32;
    match test.arg.as_ref()?.node.as_ref()? {
        NodeEnum::ColumnRef(column) if is_not_null => Some(names::parts(&column.fields).1),
        _ => None,
    }
}
