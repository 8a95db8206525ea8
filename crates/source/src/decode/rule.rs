//! What becomes of a value that ClickHouse cannot carry: by its column's rule.
//!
//! | pushed | excluded | `quarantine`, `stop` | `null` | `clamp` |
//! | --- | --- | --- | --- | --- |
//! | refused | the type's zero | the row is refused | NULL, counted | the row is refused |
//! | clamped | nothing is counted | the row is refused | NULL, counted | counted |
//!
//! A column whose rule is `stop` stops its table even when another column refused the row first.

use super::{Pushed, Refusal};
use model::{Block, Cells, Rule, Table};

/// What was not carried as it is, in one row. Most rows have none.
#[derive(Default)]
pub(super) struct Altered {
    clamped: Vec<(usize, u64)>,
    nulled: Vec<(usize, u64)>,
}

impl Altered {
    pub(super) fn count(self, block: &mut Block) {
        if !self.clamped.is_empty() {
            block.count_clamped(self.clamped);
        }
        if !self.nulled.is_empty() {
            block.count_nulled(self.nulled);
        }
    }

    /// `pushed` is not `Ok(0)`. The column had `rows` before.
    #[cold]
    pub(super) fn settle(
        &mut self,
        table: &Table,
        at: usize,
        cells: &mut Cells,
        rows: usize,
        is_null: bool,
        pushed: Pushed,
    ) -> Result<(), Refusal> {
        let is_excluded = table.excluded.contains(&at);
        let refusal = match (pushed, table.rule(at)) {
            (Ok(_), _) if is_excluded => return Ok(()),
            // A NULL that is empty there has nothing to do with what cannot be carried.
            (Ok(more), rule)
                if is_null
                    || !table.columns[at].pg.is_clamped()
                    || matches!(rule, None | Some(Rule::Clamp)) =>
            {
                self.clamped.push((at, more));
                return Ok(());
            }
            (Ok(_), _) => Refusal::new("it lies outside the years 1900 to 2299"),
            (Err(refusal), _) => refusal,
        };
        if is_excluded {
            cells.truncate(rows);
            cells.push_default();
            return Ok(());
        }
        match table.rule(at) {
            Some(Rule::Null) => {
                cells.truncate(rows);
                cells.push_null();
                self.nulled.push((at, 1));
                Ok(())
            }
            _ => Err(refusal),
        }
    }
}

/// The column whose rule is to stop and that refuses its value too: it comes before the one that was
/// seen first. `push` pushes a column's value.
pub(super) fn stopping(
    table: &Table,
    seen: usize,
    push: impl Fn(usize, &mut Cells) -> Pushed,
) -> Option<(usize, Refusal)> {
    let stops = |&(&at, &rule): &(&usize, &Rule)| rule == Rule::Stop && at > seen;
    if table.rule(seen) == Some(Rule::Stop) {
        return None;
    }
    table.rules.iter().filter(stops).find_map(|(&at, _)| {
        let mut cells = Cells::new(table.columns.get(at)?.pg.kind());
        let pushed = push(at, &mut cells);
        let mut altered = Altered::default();
        let refused = match pushed {
            Ok(0) => Ok(()),
            pushed => altered.settle(table, at, &mut cells, 0, false, pushed),
        };
        refused.err().map(|refusal| (at, refusal))
    })
}
