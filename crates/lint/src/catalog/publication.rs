//! What a publication sends, as far as statements said it.

use crate::names;
use model::TableName;
use pg_query::NodeEnum;
use pg_query::protobuf::{
    AlterPublicationAction as Action, AlterPublicationStmt, CreatePublicationStmt, Node,
    PublicationObjSpecType as Kind,
};
use std::collections::BTreeSet;

#[derive(Clone, Default, Debug)]
pub(super) struct Publication {
    all: bool,
    schemas: BTreeSet<String>,
    tables: BTreeSet<TableName>,
}

impl Publication {
    pub(super) fn new(made: &CreatePublicationStmt, schema: &str) -> Publication {
        let mut publication = Publication { all: made.for_all_tables, ..Publication::default() };
        publication.each(&made.pubobjects, schema, true);
        publication
    }

    pub(super) fn alter(&mut self, alter: &AlterPublicationStmt, schema: &str) {
        match Action::try_from(alter.action) {
            Ok(Action::ApDropObjects) => self.each(&alter.pubobjects, schema, false),
            Ok(Action::ApSetObjects) => {
                *self = Publication::default();
                self.each(&alter.pubobjects, schema, true);
            }
            _ => self.each(&alter.pubobjects, schema, true),
        }
    }

    pub(super) fn sends(&self, table: &TableName) -> bool {
        self.all || self.schemas.contains(&table.schema) || self.tables.contains(table)
    }

    pub(super) fn named(&self) -> impl Iterator<Item = &TableName> {
        self.tables.iter()
    }

    fn each(&mut self, objects: &[Node], schema: &str, adds: bool) {
        for table in tables(objects, schema) {
            let _ = match adds {
                true => self.tables.insert(table),
                false => self.tables.remove(&table),
            };
        }
        for named in schemas(objects, schema) {
            let _ = match adds {
                true => self.schemas.insert(named),
                false => self.schemas.remove(&named),
            };
        }
    }
}

/// The tables that CREATE or ALTER PUBLICATION names.
pub(crate) fn tables(objects: &[Node], schema: &str) -> Vec<TableName> {
    let named = objects.iter().filter_map(|node| match &node.node {
        Some(NodeEnum::PublicationObjSpec(object)) => object.pubtable.as_ref()?.relation.as_ref(),
        _ => None,
    });
    named.map(|relation| names::table(relation, schema)).collect()
}

/// The schemas of which it names all tables.
pub(crate) fn schemas(objects: &[Node], schema: &str) -> Vec<String> {
    let named = objects.iter().filter_map(|node| match &node.node {
        Some(NodeEnum::PublicationObjSpec(object)) => match Kind::try_from(object.pubobjtype) {
            Ok(Kind::PublicationobjTablesInSchema) => Some(object.name.clone()),
            Ok(Kind::PublicationobjTablesInCurSchema) => Some(schema.to_owned()),
            _ => None,
        },
        _ => None,
    });
    named.collect()
}
