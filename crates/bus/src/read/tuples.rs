//! Rows onto the columns of their table, and out as tuples.

use super::change::Odd;
use super::options::Numbers;
use super::row::Row;
use super::shape::{Plan, Shape, outgrows};
use super::value::{For, Value, Writer, refuses};
use model::{PgType, Result};
use source::decode::tuple::Tuple;
use std::sync::Arc;

const NONE: u32 = u32::MAX;

/// Where each column's value is in a row.
#[derive(Default)]
pub(super) struct Slots {
    of: Vec<u32>,
    plan: Option<Arc<Plan>>,
}

impl Slots {
    /// Finds the columns of a row's fields; those that are new become columns.
    #[inline]
    pub(super) fn place(
        &mut self,
        shape: &mut Shape,
        row: &Row<'_>,
        is_postgres: bool,
    ) -> Result<()> {
        self.of.clear();
        self.of.resize(shape.table.columns.len(), NONE);
        self.plan = match row.schema {
            Some(schema) => Some(shape.plan(schema, is_postgres)?),
            None => None,
        };
        self.of.resize(shape.table.columns.len(), NONE);
        if let (Some(plan), true) = (&self.plan, row.names.is_empty()) {
            for (at, &column) in plan.fields.iter().enumerate() {
                if let Some(slot) = self.of.get_mut(column) {
                    *slot = at as u32;
                }
            }
            return Ok(());
        }
        let mut expected = 0;
        for (at, name) in row.names.iter().enumerate() {
            let is_next = |column: usize| {
                let known = shape.table.columns.get(column);
                !name.is_escaped && known.is_some_and(|known| known.name.as_bytes() == name.raw)
            };
            let column = if is_next(expected) {
                expected
            } else {
                let value = &row.values[at];
                // What is NULL in every row costs nothing in any of them.
                if value.is_null() && !shape.may_be(name) {
                    continue;
                }
                match shape.find_or_infer(name, value)? {
                    Some(column) => column,
                    None => continue,
                }
            };
            if column >= self.of.len() {
                self.of.resize(column + 1, NONE);
            }
            self.of[column] = at as u32;
            expected = column + 1;
        }
        Ok(())
    }

    /// What a whole row shows of its table: what may be NULL, and which types are too narrow.
    #[inline]
    pub(super) fn settle(&mut self, shape: &mut Shape, row: &Row<'_>) {
        let is_untold = self.plan.is_none();
        for at in 0..shape.table.columns.len() {
            let column = &shape.table.columns[at];
            let value = self.value(at, row);
            if column.not_null && value.is_none_or(|value| value.is_null()) {
                let is_of_key = shape.table.key.contains(&at);
                if !is_of_key || value.is_some() {
                    shape.make_nullable(at);
                }
            } else if is_untold
                && let Some(value) = value
                && outgrows(&column.pg, value)
                && !shape.is_declared(at)
            {
                shape.widen(at, &PgType::Numeric(None));
            }
        }
        shape.row_was_seen();
    }

    #[inline]
    fn value<'r, 'a>(&self, column: usize, row: &'r Row<'a>) -> Option<&'r Value<'a>> {
        match self.of.get(column) {
            None | Some(&NONE) => None,
            Some(&at) => row.values.get(at as usize),
        }
    }

    /// The row that was placed. A column of the key that it has not is the key's to tell.
    #[inline]
    pub(super) fn write(
        &self,
        shape: &Shape,
        row: &Row<'_>,
        key: Option<(&Row<'_>, Option<&Plan>)>,
        out: &mut Out<'_>,
    ) {
        let table = &*shape.table;
        out.tuple.begin(table.columns.len());
        for (at, column) in table.columns.iter().enumerate() {
            let value = self.value(at, row);
            let (value, plan) = match (value, key) {
                (None, Some((key, plan))) if table.key.contains(&at) => {
                    let place = table.key.iter().position(|&of_key| of_key == at);
                    (key.get(&column.name, place.unwrap_or(0)), plan)
                }
                (value, _) => (value.copied(), self.plan.as_deref()),
            };
            out.column(shape, at, value, plan);
        }
    }
}

/// The key alone, the rest NULL.
pub(super) fn write_key(shape: &Shape, key: &Row<'_>, plan: Option<&Plan>, out: &mut Out<'_>) {
    let table = &*shape.table;
    out.tuple.begin(table.columns.len());
    for (at, column) in table.columns.iter().enumerate() {
        let place = table.key.iter().position(|&of_key| of_key == at);
        let value = place.and_then(|place| key.get(&column.name, place));
        out.column(shape, at, value, plan);
    }
}

/// Where tuples go.
pub(super) struct Out<'o> {
    pub(super) tuple: &'o mut Tuple,
    pub(super) writer: &'o mut Writer,
    pub(super) odd: &'o mut Option<Odd>,
    pub(super) numbers: Numbers,
}

impl Out<'_> {
    #[inline]
    fn column(&mut self, shape: &Shape, at: usize, value: Option<Value<'_>>, plan: Option<&Plan>) {
        let Some(value) = value else { return self.tuple.null() };
        let means = plan.map_or(&super::means::Means::Untold, |plan| plan.means(at));
        let pg = &shape.table.columns[at].pg;
        let to = For { pg, means, modifier: shape.modifier(at), numbers: self.numbers };
        if let Err(reason) = self.writer.write(&value, to, self.tuple) {
            // One that no reader of tuples refuses has to be refused here.
            if !refuses(pg) {
                *self.odd = None;
            }
            self.odd.get_or_insert(Odd { column: at, reason });
        }
    }
}
