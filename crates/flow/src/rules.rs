//! What the rules of columns did to a block, and what they make of refused rows.

use model::{Block, Error, Reject, Result, Rule, Table};
use std::collections::BTreeMap;
use store::Target;

/// Values that did not arrive as they were, by the column's place.
#[derive(Default)]
pub(crate) struct Altered {
    pub(crate) clamped: BTreeMap<usize, u64>,
    pub(crate) nulled: BTreeMap<usize, u64>,
    /// NULLs that became the column's default.
    pub(crate) defaulted: BTreeMap<usize, u64>,
}

impl Altered {
    /// Takes the counts out of the block.
    pub(crate) fn take(block: &mut Block, target: &Target) -> Altered {
        let (clamped, nulled) =
            (std::mem::take(&mut block.clamped), std::mem::take(&mut block.nulled));
        let mut defaulted = BTreeMap::new();
        for column in target.columns.iter().filter(|column| column.default.is_some()) {
            let nulls = block.columns[column.source].nulls();
            let nulls = nulls.iter().map(|&null| u64::from(null)).sum::<u64>();
            let by_rule = nulled.get(&column.source).copied().unwrap_or_default();
            if nulls > by_rule {
                defaulted.insert(column.source, nulls - by_rule);
            }
        }
        Altered { clamped, nulled, defaulted }
    }
}

/// The error that stops the table, where one of its refused rows has to.
pub(crate) fn stopping(table: &Table, rejects: &[Reject]) -> Result<()> {
    let stops = |reject: &&Reject| {
        let column = table.column(&reject.column);
        column.and_then(|at| table.rule(at)) == Some(Rule::Stop)
    };
    match rejects.iter().find(stops) {
        None => Ok(()),
        Some(reject) => Err(stopped(table, &reject.column, &reject.reason)),
    }
}

fn stopped(table: &Table, column: &str, reason: &str) -> Error {
    let name = &table.name;
    Error::definite(format!("cannot carry a value of {name}.{column}"))
        .detail(format!(
            "{reason}. Its rule is on_unrepresentable = \"stop\"; millrace quarantine show {name} \
             shows the row."
        ))
        .hint(format!(
            "correct the value at the source, or give {column} another type or another \
             on_unrepresentable in millrace.toml and restart millrace up"
        ))
}
