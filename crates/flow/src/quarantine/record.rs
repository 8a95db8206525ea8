//! Refused rows on their way into the quarantine.

use crate::retry::patiently;
use crate::rules;
use crate::status::Status;
use model::{Mode, Reject, Result, Version};
use std::collections::HashSet;
use store::{Rows, Store, Target, ddl};

/// Keys in one question.
const KEYS_AT_ONCE: usize = 1000;

/// How the rows came.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Origin {
    Stream,
    Copy {
        /// Of the block: the same when it is read again under its snapshot.
        block: String,
        /// The stream may have brought its rows before.
        looks_up: bool,
    },
}

/// Who refused them. One row is refused once, and numbers are counted for each.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stage {
    Decoder,
    Store,
    Lookup,
}

const COLUMNS: &str =
    "millrace.quarantine (source_table, id, version, op, column, reason, row, key)";

/// Keeps rows that ClickHouse cannot carry, with their reason. An error afterwards: one of them stops
/// its table.
pub(crate) async fn record(
    store: &dyn Store,
    status: &Status,
    target: &Target,
    rejects: Vec<Reject>,
    origin: &Origin,
    stage: Stage,
) -> Result<()> {
    if rejects.is_empty() {
        return Ok(());
    }
    let stopping = rules::stopping(&target.table, &rejects);
    let known = match origin {
        Origin::Copy { looks_up: true, .. } => streamed(store, status, target, &rejects).await?,
        _ => HashSet::new(),
    };
    let name = target.table.name.to_string();
    let mut numbers = Numbers::default();
    let mut rows: Rows = Vec::with_capacity(rejects.len());
    for reject in rejects {
        let number = numbers.next(origin, reject.version);
        if known.contains(&reject.key) {
            continue;
        }
        let id = id(target, origin, stage, number, &reject);
        let op = format!("{:?}", reject.op).to_lowercase();
        let Reject { version, column, reason, row, key, .. } = reject;
        let fields = [name.clone(), id, version.0.to_string(), op, column, reason, row, key];
        rows.push(fields.map(Some).to_vec());
    }
    if !rows.is_empty() {
        patiently(status, || store.record(COLUMNS, rows.clone())).await?;
    }
    stopping
}

/// In the stream among those of one version: a batch may be cut elsewhere when it comes again, and
/// never between two of them.
#[derive(Default)]
struct Numbers {
    version: Option<Version>,
    next: u64,
}

impl Numbers {
    fn next(&mut self, origin: &Origin, version: Version) -> u64 {
        if *origin == Origin::Stream && self.version != Some(version) {
            (self.version, self.next) = (Some(version), 0);
        }
        self.next += 1;
        self.next - 1
    }
}

fn id(target: &Target, origin: &Origin, stage: Stage, number: u64, reject: &Reject) -> String {
    let key = &reject.key;
    let stage = match stage {
        Stage::Decoder => "decoder",
        Stage::Store => "store",
        Stage::Lookup => "lookup",
    };
    match (target.mode, origin) {
        (Mode::Mirror, _) if !key.is_empty() => format!("key {key}"),
        (_, Origin::Stream) => format!("stream {:032x} {stage} {number}", reject.version.0),
        (_, Origin::Copy { .. }) if !key.is_empty() && target.has_exact_key() => {
            format!("copy {key}")
        }
        (_, Origin::Copy { block, .. }) => format!("{block} {stage} {number}"),
    }
}

/// The keys that the stream has left in the quarantine.
async fn streamed(
    store: &dyn Store,
    status: &Status,
    target: &Target,
    rejects: &[Reject],
) -> Result<HashSet<String>> {
    let mut known = HashSet::new();
    let keys = || rejects.iter().map(|reject| &reject.key).filter(|key| !key.is_empty());
    let keys: Vec<String> = keys().map(|key| ddl::literal(key)).collect();
    for keys in keys.chunks(KEYS_AT_ONCE) {
        let sql = format!(
            "SELECT key FROM millrace.quarantine FINAL WHERE source_table = {} \
             AND state = 'waiting' AND startsWith(id, 'stream ') AND key IN ({})",
            ddl::literal(&target.table.name.to_string()),
            keys.join(", ")
        );
        let rows = patiently(status, || store.query(&sql)).await?;
        known.extend(rows.into_iter().filter_map(|row| row.into_iter().next()?));
    }
    Ok(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_numbered_by_their_version_in_the_stream_and_by_their_block_in_a_copy() {
        let numbers = |origin: Origin| {
            let mut numbers = Numbers::default();
            [7, 7, 8, 9, 9].map(|version| numbers.next(&origin, Version(version)))
        };
        assert_eq!(numbers(Origin::Stream), [0, 1, 0, 0, 1]);
        let copy = Origin::Copy { block: "b".into(), looks_up: false };
        assert_eq!(numbers(copy), [0, 1, 2, 3, 4]);
    }
}
