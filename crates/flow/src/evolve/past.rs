//! What the columns of a table are and were called: the stream may still send what was true before a
//! change, and a column that has another name today is the same one.
//!
//! A column is its `attnum`, which survives a rename and a change of type, and which a column that is
//! dropped and added again does not get back. A relation of the stream names columns without it, so it
//! is matched: each of its columns, in order, with a version of one that we know.

mod json;

use model::{Column, Error, Mode, PgType, Result, Table, TableId, TableName, Written};
use source::stream::{Relation, RelationColumn};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use store::{Target, TargetColumn};
use tokio_postgres::Client;

/// A column as it was described at some time.
#[derive(Clone, PartialEq, Debug)]
struct Version {
    column: Column,
    /// Its column in the store, whatever it was called then, and the type there. `None`: it is left out.
    stored: Option<(String, String)>,
}

/// Survives a restart with the state of its table.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Past {
    versions: Vec<Version>,
    /// Of the source's columns, as they were last seen.
    live: Vec<i16>,
    key: Vec<i16>,
    written: Written,
    /// Of the table, the last one that was seen at the end.
    names: Vec<TableName>,
    /// Columns of the store with what it had of ones that were left out since.
    hidden: BTreeSet<String>,
    /// Of columns with row types, by `attnum`: a type may get other fields under its name.
    fields: BTreeMap<i16, String>,
}

impl Past {
    pub(crate) fn of(target: &Target) -> Past {
        let mut past = Past::default();
        past.note(target);
        past
    }

    /// The same, when the table is that now.
    pub(crate) fn with(&self, target: &Target) -> Past {
        let mut past = self.clone();
        past.note(target);
        past
    }

    /// Once its rows are copied into another table: nothing but what it was called.
    pub(crate) fn only_names(&self) -> Past {
        Past { names: self.names.clone(), ..Past::default() }
    }

    /// Of a table that was made anew, where these columns of the store have what the one of before had.
    pub(crate) fn hiding(columns: impl IntoIterator<Item = String>) -> Past {
        Past { hidden: columns.into_iter().collect(), ..Past::default() }
    }

    /// This is what the table is now. What it was stays known.
    pub(crate) fn note(&mut self, target: &Target) {
        let table = &target.table;
        for (at, column) in table.columns.iter().enumerate() {
            let stored = target.column_of(at).map(|c| (c.name.clone(), c.clickhouse.clone()));
            match (&stored, self.stored_as(column.attnum).map(str::to_owned)) {
                (Some((name, _)), _) => drop(self.hidden.remove(name)),
                (None, before) => self.hidden.extend(before),
            }
            let same = self.versions.iter().position(|version| version.column == *column);
            // Today's is the last one.
            same.map(|at| self.versions.remove(at));
            self.versions.push(Version { column: column.clone(), stored: stored.clone() });
            let others = self.versions.iter_mut().filter(|v| v.column.attnum == column.attnum);
            others.for_each(|version| version.stored.clone_from(&stored));
        }
        let fields = |column: &Column| (column.attnum, column.pg.fields());
        self.fields = table.columns.iter().map(fields).filter(|(_, of)| !of.is_empty()).collect();
        (self.live, self.key) = (attnums(table), key(table));
        self.written = table.written.clone();
        self.names.retain(|name| *name != table.name);
        self.names.push(table.name.clone());
    }

    /// The table as it was last seen, where its types are told by their names.
    #[cfg(feature = "kafka")]
    pub(crate) fn table(&self, id: TableId, named: impl Fn(&str) -> PgType) -> Option<Table> {
        let column = |column: &Column| Column { pg: named(&column.type_name), ..column.clone() };
        let mut columns: Vec<Column> = self.live().map(column).collect();
        columns.sort_by_key(|column| column.attnum);
        let place = |attnum: &i16| columns.iter().position(|column| column.attnum == *attnum);
        let key = self.key.iter().map(place).collect::<Option<_>>()?;
        Some(Table { key, ..Table::new(id, self.names.last()?.clone(), columns) })
    }

    pub(crate) fn names(&self) -> &[TableName] {
        &self.names
    }

    pub(crate) fn is_today(&self, table: &Table) -> bool {
        self.names.last() == Some(&table.name)
            && self.live == attnums(table)
            && self.key == key(table)
            && is_written_as(&self.written, &table.written)
            && !table.columns.iter().any(|now| self.has_other_fields(now))
            && table
                .columns
                .iter()
                .all(|now| self.last(now.attnum).is_some_and(|last| last.is_same(now)))
    }

    /// The same, and the store has its columns where they were: the configuration may have moved one, or
    /// left it out.
    pub(crate) fn is_now(&self, target: &Target) -> bool {
        let is_stored = |(at, column): (usize, &Column)| {
            let now = target.column_of(at).map(|now| (now.name.as_str(), now.clickhouse.as_str()));
            let before = self.stored_in(column.attnum);
            now == before.map(|(name, clickhouse)| (name.as_str(), clickhouse.as_str()))
        };
        self.is_today(&target.table) && target.table.columns.iter().enumerate().all(is_stored)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.versions.is_empty()
    }

    pub(crate) fn knows(&self, attnum: i16) -> bool {
        self.live.contains(&attnum)
    }

    /// The latest description of a column that was there when we last looked.
    pub(crate) fn last(&self, attnum: i16) -> Option<&Column> {
        let version = self.versions.iter().rev().find(|version| version.column.attnum == attnum);
        version.map(|version| &version.column).filter(|_| self.knows(attnum))
    }

    pub(crate) fn live(&self) -> impl Iterator<Item = &Column> {
        self.live.iter().filter_map(|&attnum| self.last(attnum))
    }

    pub(crate) fn key(&self) -> &[i16] {
        &self.key
    }

    /// Whether a column was there before, published or not.
    pub(crate) fn was_there(&self, attnum: i16) -> bool {
        attnum <= self.written.attributes
    }

    /// Whether rows may have got other values since without a word in the log.
    pub(crate) fn is_rewritten(&self, table: &Table) -> bool {
        !self.is_empty() && table.written.may_differ_from(&self.written)
    }

    /// Whether the column's row type got other fields: its values show them, and come with them.
    pub(crate) fn has_other_fields(&self, now: &Column) -> bool {
        self.fields.get(&now.attnum).is_some_and(|before| *before != now.pg.fields())
    }

    /// Whether another entry of the publication sends it: it may have been away, or have another filter.
    pub(crate) fn is_published_anew(&self, table: &Table) -> bool {
        !self.is_empty() && table.written.published != self.written.published
    }

    /// Columns that are no more.
    fn gone<'a>(&'a self, table: &'a Table) -> impl Iterator<Item = &'a Column> {
        self.live().filter(|column| now(table, column.attnum).is_none())
    }

    fn added<'a>(&'a self, table: &'a Table) -> impl Iterator<Item = &'a Column> {
        table.columns.iter().filter(|column| !self.was_there(column.attnum))
    }

    /// Whether columns came since and went again before anybody looked.
    fn has_missed(&self, table: &Table) -> bool {
        let mut since = self.written.attributes + 1..=table.written.attributes;
        since.any(|attnum| now(table, attnum).is_none())
    }

    /// Whether a column went while others came or changed: meanwhile it may have had the name of one of
    /// them, and rows of that time read like rows of today.
    pub(crate) fn may_be_mistaken(&self, table: &Table) -> bool {
        let is_other = |before: &Column| {
            now(table, before.attnum).is_some_and(|now| !is_read_alike(before, now))
        };
        !self.is_empty()
            && (self.has_missed(table) || self.gone(table).next().is_some())
            && (self.added(table).next().is_some() || self.live().any(is_other))
    }

    /// The same of facts, which a copy would set aside: only where types let it be.
    pub(crate) fn are_facts_mistaken(&self, table: &Table) -> bool {
        let is_like = |new: &Column, gone: &Column| {
            (gone.type_oid, gone.typmod) == (new.type_oid, new.typmod)
        };
        let may_be = |new: &Column| {
            self.has_missed(table) || self.gone(table).any(|gone| is_like(new, gone))
        };
        !self.is_empty() && self.added(table).any(may_be)
    }

    /// What partitions did to their rows without a word in the log: came with them, took them away.
    pub(crate) fn has_gained(&self, table: &Table) -> bool {
        table.written.has_gained(&self.written)
    }

    pub(crate) fn has_lost(&self, table: &Table) -> bool {
        table.written.has_lost(&self.written)
    }

    fn stored_in(&self, attnum: i16) -> Option<&(String, String)> {
        let mut versions = self.versions.iter().rev();
        versions.find(|version| version.column.attnum == attnum)?.stored.as_ref()
    }

    pub(crate) fn stored_as(&self, attnum: i16) -> Option<&str> {
        self.stored_in(attnum).map(|(name, _)| name.as_str())
    }

    /// Whether that column of the store holds the values of one that the table does not have any more.
    pub(crate) fn is_left_over(&self, stored_as: &str, table: &Table) -> bool {
        self.versions.iter().any(|version| {
            table.columns.iter().all(|column| column.attnum != version.column.attnum)
                && version.stored.as_ref().is_some_and(|(name, _)| name == stored_as)
        })
    }

    /// The same, or of a column that nobody remembers.
    pub(crate) fn is_anothers(&self, attnum: i16, stored_as: &str, table: &Table) -> bool {
        let is_new = self.versions.iter().all(|version| version.column.attnum != attnum);
        self.is_left_over(stored_as, table) || is_new && self.hidden.contains(stored_as)
    }

    /// The same, or of one that is left out since.
    pub(crate) fn is_hidden(&self, stored_as: &str, table: &Table) -> bool {
        let mut excluded = table.excluded.iter().map(|&at| table.columns[at].attnum);
        self.is_left_over(stored_as, table)
            || self.hidden.contains(stored_as)
            || excluded.any(|attnum| self.stored_as(attnum) == Some(stored_as))
    }

    /// The shape in which a relation sends its rows, and where the store has them today. `None`: it
    /// is not known, or could be more than one.
    pub(crate) fn shape_of(&self, relation: &Relation, today: &Target) -> Option<Target> {
        let columns = self.matched(&relation.columns)?;
        // Columns stand in the order of their attnums: with one of today's come all of today's before it.
        let last = columns.last()?.attnum;
        let is_sent = |attnum: &i16| columns.iter().any(|column| column.attnum == *attnum);
        if self.live.iter().any(|attnum| *attnum < last && !is_sent(attnum)) {
            return None;
        }
        let place = |attnum: &i16| columns.iter().position(|column| column.attnum == *attnum);
        let today_key = today.table.key.iter().map(|&at| today.table.columns[at].attnum);
        let key: Vec<usize> = today_key.map(|attnum| place(&attnum)).collect::<Option<_>>()?;
        if !sends_key(relation, &key) {
            return None;
        }
        let table = Table { columns, key, ..Table::clone(&today.table) };
        Some(self.stored(Arc::new(table), today))
    }

    /// The same shape once the store's columns are those of `today`.
    pub(crate) fn stored(&self, table: Arc<Table>, today: &Target) -> Target {
        let table = with_texts(table, &today.table);
        let mut columns = Vec::with_capacity(table.columns.len());
        let is_gone = |attnum| today.table.columns.iter().all(|column| column.attnum != attnum);
        for (source, column) in table.columns.iter().enumerate() {
            // The view hides it, and what it was before it went may not be known: it may hold NULL.
            if today.mode == Mode::Mirror && is_gone(column.attnum) {
                continue;
            }
            let Some((name, clickhouse)) = self.stored_in(column.attnum).cloned() else { continue };
            let is_it =
                |kept: &&TargetColumn| today.table.columns[kept.source].attnum == column.attnum;
            let today = today.columns.iter().find(is_it);
            let rule = today.and_then(|today| today.rule);
            let default = today.and_then(|today| today.default.clone());
            // NULLs of before are taken as they come: see `nulls`.
            let is_nullable = match today {
                Some(today) => today.nullable,
                None => !self.was_not_null(column.attnum),
            };
            let nullable = is_nullable && column.pg.kind().may_be_nullable();
            columns.push(TargetColumn { source, name, clickhouse, nullable, default, rule });
        }
        Target { table: table.clone(), columns, ..today.clone() }.settled()
    }

    /// Versions that read as the relation's columns, their `attnum`s rising as they do in a tuple.
    fn matched(&self, sent: &[RelationColumn]) -> Option<Vec<Column>> {
        let lowest = self.matched_from(sent.iter(), |before, attnum| attnum > before, i16::MIN)?;
        let highest =
            self.matched_from(sent.iter().rev(), |before, attnum| attnum < before, i16::MAX)?;
        // Taken from either end, the choice is the same when there is only one.
        (lowest.iter().eq(highest.iter().rev()))
            .then(|| lowest.iter().zip(sent).filter_map(|(a, c)| self.version(*a, c)).collect())
    }

    fn matched_from<'a>(
        &self,
        sent: impl Iterator<Item = &'a RelationColumn>,
        is_beyond: impl Fn(i16, i16) -> bool,
        mut last: i16,
    ) -> Option<Vec<i16>> {
        let mut attnums = Vec::new();
        for column in sent {
            let versions = self.versions.iter().filter(|version| is_sent(&version.column, column));
            let beyond = versions.map(|v| v.column.attnum).filter(|&to| is_beyond(last, to));
            last = beyond.reduce(|a, b| if is_beyond(a, b) { a } else { b })?;
            attnums.push(last);
        }
        Some(attnums)
    }

    /// What reads so of that column.
    fn version(&self, attnum: i16, sent: &RelationColumn) -> Option<Column> {
        let mut versions = self.versions.iter().rev().map(|version| &version.column);
        versions.find(|column| column.attnum == attnum && is_sent(column, sent)).cloned()
    }

    /// At the end.
    fn was_not_null(&self, attnum: i16) -> bool {
        let mut versions = self.versions.iter().rev().map(|version| &version.column);
        versions.find(|column| column.attnum == attnum).is_some_and(|column| column.not_null)
    }

    /// After [`Past::from_json`]: the types that the catalog knows.
    pub(crate) async fn resolve(&mut self, client: &Client) -> Result<()> {
        let described = |version: &Version| {
            let column = &version.column;
            (column.type_oid, column.typmod, column.dimensions())
        };
        let described: Vec<_> = self.versions.iter().map(described).collect();
        let types = source::catalog::types_of(client, &described).await?;
        if types.len() != self.versions.len() {
            return Err(Error::bug("the catalog has another number of types than was asked for"));
        }
        for (version, pg) in self.versions.iter_mut().zip(types) {
            version.column.pg = pg;
        }
        Ok(())
    }
}

/// What is kept as Postgres prints it today comes so in every shape.
fn with_texts(table: Arc<Table>, today: &Table) -> Arc<Table> {
    let is_text = |column: &Column| {
        let same = today.columns.iter().find(|other| other.attnum == column.attnum);
        same.is_some_and(|other| matches!(other.pg, PgType::AsText(_)))
            && !matches!(column.pg, PgType::AsText(_))
    };
    if !table.columns.iter().any(is_text) {
        return table;
    }
    let mut table = Table::clone(&table);
    for column in table.columns.iter_mut().filter(|column| is_text(column)) {
        column.pg = PgType::AsText(Box::new(column.pg.clone()));
    }
    Arc::new(table)
}

fn attnums(table: &Table) -> Vec<i16> {
    table.columns.iter().map(|column| column.attnum).collect()
}

fn key(table: &Table) -> Vec<i16> {
    table.declared_key().iter().map(|&at| table.columns[at].attnum).collect()
}

/// Whether a leaf has rows is of interest while it is new.
fn is_written_as(one: &Written, other: &Written) -> bool {
    let leaves = |written: &Written| -> Vec<(TableId, u32)> {
        written.leaves.iter().map(|leaf| (leaf.id, leaf.file)).collect()
    };
    one.file == other.file
        && (one.columns, one.attributes) == (other.columns, other.attributes)
        && one.published == other.published
        && leaves(one) == leaves(other)
}

fn now(table: &Table, attnum: i16) -> Option<&Column> {
    table.columns.iter().find(|column| column.attnum == attnum)
}

fn is_read_alike(one: &Column, other: &Column) -> bool {
    (&one.name, one.type_oid, one.typmod) == (&other.name, other.type_oid, other.typmod)
}

fn is_sent(column: &Column, sent: &RelationColumn) -> bool {
    column.name == sent.name && column.type_oid == sent.type_oid && column.typmod == sent.typmod
}

/// Whether the identity that it sends is the key, as far as it says.
fn sends_key(relation: &Relation, key: &[usize]) -> bool {
    let identity = relation.columns.iter().enumerate().filter(|(_, column)| column.in_identity);
    let identity: Vec<usize> = identity.map(|(at, _)| at).collect();
    let mut key = key.to_vec();
    key.sort_unstable();
    !matches!(relation.replica_identity, b'd' | b'i') || identity.is_empty() || identity == key
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{TableName, TableOptions};
    use serde_json::json;

    const INT: u32 = 20;
    const TEXT: u32 = 25;

    fn target(columns: &[(i16, &str, u32)]) -> Target {
        let column = |&(attnum, name, type_oid): &(i16, &str, u32)| Column {
            name: name.into(),
            attnum,
            type_oid,
            typmod: -1,
            pg: PgType::of_builtin(type_oid, -1, 0).unwrap(),
            type_name: String::new(),
            not_null: attnum == 1,
        };
        let table = Table {
            key: vec![0],
            ..Table::new(
                TableId(1),
                TableName::new("public", "t"),
                columns.iter().map(column).collect(),
            )
        };
        Target::resolve(Arc::new(table), &TableOptions::default(), None).unwrap()
    }

    fn relation(columns: &[(&str, u32)]) -> Relation {
        let sent = |&(name, type_oid): &(&str, u32)| RelationColumn {
            name: name.to_owned(),
            in_identity: name == "id",
            type_oid,
            typmod: -1,
        };
        Relation {
            id: TableId(1),
            schema: "public".into(),
            table: "t".into(),
            replica_identity: b'd',
            columns: columns.iter().map(sent).collect(),
        }
    }

    /// The columns of the store that the relation's go to.
    fn stored(past: &Past, sent: &[(&str, u32)], today: &Target) -> Option<Vec<String>> {
        let shape = past.shape_of(&relation(sent), today)?;
        Some(shape.columns.into_iter().map(|column| column.name).collect())
    }

    #[test]
    fn rows_of_before_a_change_find_their_columns() {
        let mut past = Past::of(&target(&[(1, "id", INT), (2, "a", TEXT), (3, "b", TEXT)]));
        let today = target(&[(1, "id", INT), (3, "c", TEXT), (4, "d", INT)]);
        assert!(!past.is_today(&today.table));
        past.note(&today);
        assert!(past.is_today(&today.table));
        let ways = [
            (vec![("id", INT), ("a", TEXT), ("b", TEXT)], vec!["id", "c"]),
            (vec![("id", INT), ("a", TEXT), ("c", TEXT)], vec!["id", "c"]),
            (vec![("id", INT), ("b", TEXT)], vec!["id", "c"]),
            (vec![("id", INT), ("c", TEXT), ("d", INT)], vec!["id", "c", "d"]),
        ];
        for (sent, wanted) in ways {
            let wanted = wanted.into_iter().map(str::to_owned).collect();
            assert_eq!(stored(&past, &sent, &today), Some(wanted), "{sent:?}");
        }
        assert_eq!(stored(&past, &[("id", INT), ("e", TEXT)], &today), None);
        assert_eq!(stored(&past, &[("id", INT), ("b", INT)], &today), None);
        assert_eq!(stored(&past, &[("b", TEXT), ("d", INT)], &today), None);
    }

    #[test]
    fn what_could_be_either_is_not_guessed() {
        let mut past = Past::of(&target(&[(1, "id", INT), (2, "a", TEXT)]));
        let today = target(&[(1, "id", INT), (3, "a", TEXT)]);
        assert!(past.is_left_over("a", &today.table));
        past.note(&today);
        assert_eq!(stored(&past, &[("id", INT), ("a", TEXT)], &today), None);
        // Two that swapped their names come in another order.
        let mut past = Past::of(&target(&[(1, "id", INT), (2, "a", TEXT), (3, "b", TEXT)]));
        let today = target(&[(1, "id", INT), (2, "b", TEXT), (3, "a", TEXT)]);
        past.note(&today);
        let before = stored(&past, &[("id", INT), ("a", TEXT), ("b", TEXT)], &today).unwrap();
        assert_eq!(before, ["id", "b", "a"]);
        let after = stored(&past, &[("id", INT), ("b", TEXT), ("a", TEXT)], &today).unwrap();
        assert_eq!(after, ["id", "b", "a"]);
    }

    #[test]
    fn what_went_while_others_came_may_have_been_called_like_them() {
        let table = |columns: &[(i16, &str, u32)], attributes| {
            let written = Written { attributes, ..Written::default() };
            let target = target(columns);
            Target { table: Arc::new(Table { written, ..Table::clone(&target.table) }), ..target }
        };
        let past = Past::of(&table(&[(1, "id", INT), (2, "a", TEXT)], 2));
        for (columns, attributes, mirror, facts) in [
            // Added; renamed; dropped.
            (vec![(1, "id", INT), (2, "a", TEXT), (3, "b", TEXT)], 3, false, false),
            (vec![(1, "id", INT), (2, "b", TEXT)], 2, false, false),
            (vec![(1, "id", INT)], 2, false, false),
            // Exchanged for one of its type, and of another; one that nobody saw.
            (vec![(1, "id", INT), (3, "b", TEXT)], 3, true, true),
            (vec![(1, "id", INT), (3, "b", INT)], 3, true, false),
            (vec![(1, "id", INT), (2, "a", TEXT), (4, "b", INT)], 4, true, true),
        ] {
            let today = table(&columns, attributes);
            let found = (past.may_be_mistaken(&today.table), past.are_facts_mistaken(&today.table));
            assert_eq!(found, (mirror, facts), "{columns:?}");
        }
        // One of today's is missing before the last one.
        let today = target(&[(1, "id", INT), (2, "a", TEXT), (3, "b", TEXT)]);
        let past = Past::of(&today);
        assert_eq!(stored(&past, &[("id", INT), ("b", TEXT)], &today), None);
    }

    #[test]
    fn another_key_is_another_shape() {
        let today = target(&[(1, "id", INT), (2, "a", TEXT)]);
        let past = Past::of(&today);
        let mut rekeyed = relation(&[("id", INT), ("a", TEXT)]);
        rekeyed.columns[1].in_identity = true;
        assert!(past.shape_of(&rekeyed, &today).is_none());
        rekeyed.replica_identity = b'f';
        assert!(past.shape_of(&rekeyed, &today).is_some());
    }

    #[test]
    fn what_has_no_past_was_not_rewritten() {
        let today = target(&[(1, "id", INT)]);
        let written = Written { file: 7, columns: 8, attributes: 1, ..Written::default() };
        let table = Table { written: written.clone(), ..Table::clone(&today.table) };
        assert!(
            !Past::default().is_rewritten(&table) && Past::default().changes(&table).is_empty()
        );
        let past = Past::of(&Target { table: Arc::new(table), ..today.clone() });
        let vacuumed = Written { file: 9, ..written.clone() };
        let rewritten = Written { columns: 9, ..vacuumed.clone() };
        let is_rewritten =
            |written| past.is_rewritten(&Table { written, ..Table::clone(&today.table) });
        assert!(!is_rewritten(written) && !is_rewritten(vacuumed) && is_rewritten(rewritten));
    }

    #[test]
    fn the_past_reads_back() {
        let mut past = Past::of(&target(&[(1, "id", INT), (2, "a", TEXT)]));
        past.note(&target(&[(1, "id", INT), (2, "é \"", TEXT)]));
        let mut read = Past::from_json(&past.to_json()).unwrap();
        assert_eq!(read.to_json(), past.to_json());
        for (version, theirs) in read.versions.iter_mut().zip(&past.versions) {
            version.column.pg = theirs.column.pg.clone();
        }
        assert_eq!(read, past);
        assert!(Past::from_json(&json!({})).is_none());
    }
}
