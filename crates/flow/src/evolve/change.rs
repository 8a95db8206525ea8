//! What changed at the source, in words: recorded in `millrace.schema_changes`, the last one shown.

use super::{Need, Past};
use crate::retry::patiently;
use crate::status::{SchemaChange, Status, Touched, now_us};
use model::{Column, Error, Lsn, Mode, Result, Table};
use store::{Rows, Store, Target};

/// One change of a table at the source.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Change<'a> {
    pub(crate) kind: &'a str,
    /// Empty: of the table.
    pub(crate) column: String,
    /// Of the source.
    pub(crate) before: String,
    pub(crate) now: String,
}

impl Change<'_> {
    fn of_table(kind: &'static str) -> Change<'static> {
        let (column, before, now) = Default::default();
        Change { kind, column, before, now }
    }

    fn touched(&self) -> Option<Touched> {
        match self.kind {
            "rename table" => Some(Touched::Table(self.before.clone())),
            "rename column" => Some(Touched::Column(self.before.clone())),
            "drop column" | "change type" | "change fields" | "drop not null" => {
                Some(Touched::Column(self.column.clone()))
            }
            _ => None,
        }
    }

    /// `column total: numeric(10,2), was numeric(8,2)`
    fn shown(&self) -> String {
        let of = match self.column.as_str() {
            "" => self.kind.to_owned(),
            column => format!("{} {column}", self.kind),
        };
        match (self.before.as_str(), self.now.as_str()) {
            ("", "") => of,
            ("", now) => format!("{of}: {now}"),
            (before, "") => format!("{of}: was {before}"),
            (before, now) => format!("{of}: {before} to {now}"),
        }
    }
}

impl Past {
    /// Whether rows of a history were told apart by other columns, or by the same in another order.
    pub(crate) fn has_other_key(&self, target: &Target) -> bool {
        let table = &target.table;
        let key = table.declared_key().iter().map(|&at| &table.columns[at].attnum);
        target.mode == Mode::History && !self.is_empty() && !self.key().iter().eq(key)
    }

    /// The same, where a table of that name was made anew: its columns are other ones.
    pub(crate) fn has_other_key_names(&self, target: &Target) -> bool {
        let before = self.key().iter().map(|&attnum| self.stored_as(attnum));
        let now = target.table.declared_key().iter();
        let now = now.map(|&at| target.column_of(at).map(|column| column.name.as_str()));
        target.mode == Mode::History && !self.is_empty() && !before.eq(now)
    }

    /// What makes the table of today of that of before.
    pub(crate) fn changes(&self, today: &Table) -> Vec<Change<'static>> {
        let mut changes = Vec::new();
        if self.is_empty() {
            return changes;
        }
        let mut push = |kind, column: &str, before: &str, now: &str| {
            let (column, before, now) = (column.to_owned(), before.to_owned(), now.to_owned());
            changes.push(Change { kind, column, before, now });
        };
        if let Some(before) = self.names().last().filter(|before| **before != today.name) {
            push("rename table", "", &before.to_string(), &today.name.to_string());
        }
        for column in self.live() {
            let Some(now) = today.columns.iter().find(|now| now.attnum == column.attnum) else {
                push("drop column", &column.name, &column.type_name, "");
                continue;
            };
            if now.name != column.name {
                push("rename column", &now.name, &column.name, &now.name);
            }
            if now.type_name != column.type_name {
                push("change type", &now.name, &column.type_name, &now.type_name);
            }
            if self.has_other_fields(now) {
                push("change fields", &now.name, "", "");
            }
            match (column.not_null, now.not_null) {
                (true, false) => push("drop not null", &now.name, "", ""),
                (false, true) => push("set not null", &now.name, "", ""),
                _ => {}
            }
        }
        for column in today.columns.iter().filter(|column| !self.knows(column.attnum)) {
            push("add column", &column.name, "", &column.type_name);
        }
        let names = |columns: Vec<&Column>| {
            let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
            names.join(", ")
        };
        let key: Vec<i16> =
            today.declared_key().iter().map(|&at| today.columns[at].attnum).collect();
        if key != self.key() {
            let before = names(self.key().iter().filter_map(|&attnum| self.last(attnum)).collect());
            let now = names(today.key.iter().map(|&at| &today.columns[at]).collect());
            push("change key", "", &before, &now);
        }
        if self.is_rewritten(today) && changes.is_empty() {
            changes.push(Change::of_table("rewrite rows"));
        }
        if self.is_published_anew(today) {
            changes.push(Change::of_table("publish anew"));
        }
        if self.has_gained(today) {
            changes.push(Change::of_table("attach partition"));
        }
        if self.has_lost(today) {
            changes.push(Change::of_table("detach or rewrite partition"));
        }
        changes
    }
}

const CHANGES: &str = "millrace.schema_changes \
                       (source_table, lsn, change, column, before, now, followed_by)";

/// Writes down what happened to the table and how it is followed. What is to be shown once it is.
pub(crate) async fn record(
    name: &str,
    lsn: Lsn,
    changes: &[Change<'_>],
    followed_by: &str,
    store: &dyn Store,
    status: &Status,
) -> Result<Option<SchemaChange>> {
    if changes.is_empty() {
        return Ok(None);
    }
    let row = |change: &Change<'_>| {
        let Change { kind, column, before, now } = change;
        let row = [name, &lsn.0.to_string(), kind, column, before, now, followed_by];
        row.iter().map(|field| Some((*field).to_owned())).collect()
    };
    let rows: Rows = changes.iter().map(row).collect();
    patiently(status, || store.record(CHANGES, rows.clone())).await?;
    let shown: Vec<String> = changes.iter().map(Change::shown).collect();
    let (change, followed_by) = (shown.join("; "), followed_by.to_owned());
    let touched = changes.iter().filter_map(Change::touched).collect();
    tracing::info!(table = %name, %change, %followed_by, "the table changed at the source");
    Ok(Some(SchemaChange { at: now_us() / 1_000_000, change, followed_by, touched }))
}

/// The last change of each table, from before this process.
pub(crate) async fn last(store: &dyn Store, status: &Status) -> Result<()> {
    let sql = "SELECT source_table, toInt64(toUnixTimestamp(at)), change, column, before, now, followed_by \
               FROM millrace.schema_changes FINAL ORDER BY at DESC LIMIT 1 BY source_table";
    for row in store.query(sql).await? {
        let fields: Option<Vec<String>> = row.into_iter().collect();
        let fields: Option<[String; 7]> = fields.and_then(|fields| fields.try_into().ok());
        let unreadable = || Error::bug("a row of millrace.schema_changes does not read back");
        let [table, at, kind, column, before, now, followed_by] = fields.ok_or_else(unreadable)?;
        let change = Change { kind: kind.as_str(), column, before, now };
        let touched = change.touched().into_iter().collect();
        let change = change.shown();
        let at = at.parse().map_err(|_| unreadable())?;
        status.with_table(&table, |table| {
            table.schema_change = Some(SchemaChange { at, change, followed_by, touched });
        });
    }
    Ok(())
}

impl Need {
    pub(crate) fn followed_by(&self) -> &'static str {
        match self {
            Need::Nothing | Need::Repair => "in place",
            Need::Copy(_) => "copy in place",
            Need::Anew(_) => "copy in another shape",
        }
    }
}
