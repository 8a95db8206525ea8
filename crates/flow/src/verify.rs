//! Whether the store holds what the source holds, at one position of the log.
//!
//! ```text
//! Postgres ── SQL ─▶ text of a row ─▶ md5 ─▶ count and sum a range of keys ─┐
//!                                                                           ├─▶ equal, or the
//! ClickHouse ─ SQL ─▶ text of a row ─▶ md5 ─▶ count and sum a range of keys ─┘   ranges that differ
//!                                                                               ─▶ their rows' hashes
//!                                                                               ─▶ the keys
//! ```
//!
//! The proof shares nothing with what it proves: no value passes through our decoder or encoder, and
//! rows never leave their database. What travels is a count and a sum for each of some four thousand
//! ranges of keys; only where these differ, 16 bytes a row; only for keys that are listed, their text.
//!
//! - `locked`: the snapshot, and its tables as they are until the end
//! - `rules`: of columns, as Postgres says them
//! - `canon`, `array`, `decimal`, `parts`: the one text that a value has on both sides, and the rules of NULL,
//!   clamping, floats
//! - `sides`: the statements
//! - `read`: asks both sides at once
//! - `narrow`: from ranges to keys
//! - `beside`: the other way, without a position: a few rows at a time, while the stream goes on; `keys`: its statements
//!
//! What the sums cannot see: two errors whose hashes cancel each other out, one in 2^64.

mod array;
pub(crate) mod beside;
mod canon;
mod decimal;
mod keys;
mod locked;
mod narrow;
mod parts;
mod read;
mod rules;
mod sides;
mod spelt;

pub use beside::{Piece, PieceOptions, Place};
pub(crate) use locked::Locked;

use model::words::counted;
use model::{Error, Fate, Mode, Result};
use narrow::{Found, Keeps, Kind};
use read::{Both, Reader};
use serde::{Deserialize, Serialize};
use sides::Sides;
use source::copy;
use std::sync::Arc;
use store::{Store, Target};
use tokio_postgres::Client;

/// What to compare; no table: all.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct VerifyOptions {
    pub tables: Vec<String>,
    /// The most differing keys that are listed of each table.
    pub keys_max: usize,
}

/// The answer, as `millrace verify --json` prints it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Verdict {
    pub position: String,
    pub tables: Vec<TableVerdict>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TableVerdict {
    pub name: String,
    pub mode: String,
    pub source_rows: u64,
    pub store_rows: u64,
    pub differing_keys: u64,
    /// `missing`, `extra`, `changed` or `duplicate`, with the key as text.
    pub differences: Vec<Difference>,
    /// `properties_json (JSON)`: its text is the engine's own.
    #[serde(default)]
    pub columns_not_compared: Vec<String>,
    pub notes: Vec<String>,
    /// Why the table could not be compared.
    pub skipped: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Difference {
    pub kind: String,
    pub key: String,
}

impl Verdict {
    /// Everything that was to be compared was compared, and is equal.
    pub fn is_equal(&self) -> bool {
        self.tables.iter().all(|table| table.skipped.is_none() && table.differing_keys == 0)
    }
}

/// A table that can be compared.
#[derive(Clone)]
pub(crate) struct Subject {
    pub(crate) target: Arc<Target>,
    /// Facts were updated at the source; they are kept as they were first.
    pub(crate) is_updated: bool,
}

impl Subject {
    fn keeps(&self) -> Keeps {
        let keeps = Keeps::of(&self.target);
        let is_append = self.target.mode == Mode::Append;
        Keeps { first: keeps.first && (self.is_updated || !is_append), ..keeps }
    }
}

/// Smaller heaps are not worth a second connection (16 MiB).
const PAGES_SHARED_MIN: u32 = 2048;
/// Rows of differing ranges that are fetched at once from each side, 16 bytes a row: 32 MiB. Beyond,
/// the tables are read once more for each as many.
const ROWS_AT_ONCE: u64 = 2_000_000;
/// Keys that one statement looks up.
const KEYS_AT_ONCE: usize = 2000;

/// Compares them with what the source holds in the snapshot. The store must hold exactly the
/// snapshot's position, and nobody may write to it meanwhile.
///
/// A table that cannot be compared is skipped with its reason; an error is what may be over next time.
pub(crate) async fn compare(
    locked: &Locked,
    publication: &str,
    subjects: Vec<Subject>,
    store: Arc<dyn Store>,
    options: &VerifyOptions,
) -> Result<Vec<TableVerdict>> {
    let mut verdicts = Vec::new();
    for subject in &subjects {
        let name = subject.target.table.name.to_string();
        let mut verdict = TableVerdict {
            mode: subject.target.mode.name().to_owned(),
            ..TableVerdict::empty(name.clone())
        };
        let done = table(locked, publication, subject, store.as_ref(), options, &mut verdict);
        match done.await {
            Ok(()) => {}
            Err(error) if error.fate() == Fate::Definite => {
                verdict.skipped = Some(error.report());
                locked.reset().await?;
            }
            Err(error) => return Err(error.context(format!("verify {name}"))),
        }
        verdicts.push(verdict);
    }
    Ok(verdicts)
}

async fn table(
    locked: &Locked,
    publication: &str,
    subject: &Subject,
    store: &dyn Store,
    options: &VerifyOptions,
    verdict: &mut TableVerdict,
) -> Result<()> {
    let target = &subject.target;
    let from = locked.name(target.table.id)?;
    let [first, second] = &locked.clients;
    let filter = source::catalog::row_filter(first, publication, target.table.id).await?;
    let utf8 = keeps_utf8(first).await?;
    let readers = readers(first, second, target).await?;
    let mut sides = Sides::new(target, from, filter, utf8)?;
    sides.look_up_defaults(store).await?;
    let both = Both { sides: &sides, readers: &readers, store };
    let (here, there) = both.sums().await?;
    verdict.source_rows = here.values().map(|sum| sum.rows).sum();
    verdict.store_rows = there.values().map(|sum| sum.rows).sum();
    let mut found = Found::new(options.keys_max, sides.has_key(), subject.keeps());
    for ranges in narrow::differing(&here, &there, ROWS_AT_ONCE) {
        let (here, there) = both.rows(&ranges).await?;
        found.walk(here, there);
    }
    verdict.differing_keys = found.keys;
    verdict.differences = named(&both, &found).await?;
    verdict.columns_not_compared = sides.left_out.clone();
    verdict.notes = notes(target, &sides, &found);
    if found.listed.iter().any(|(kind, _)| *kind == Kind::Missing) {
        verdict.notes.extend(quarantined(store, &verdict.name).await?);
    }
    Ok(())
}

pub(crate) async fn keeps_utf8(client: &Client) -> Result<bool> {
    let row = client.query_one("select current_setting('server_encoding') = 'UTF8'", &[]).await;
    Ok(row.map_err(|error| source::client::pg_error("read the source's encoding", error))?.get(0))
}

/// Both connections for a large table: hashing keeps a core of the source busy.
async fn readers<'a>(
    first: &'a Client,
    second: &'a Client,
    target: &Target,
) -> Result<Vec<Reader<'a>>> {
    let pages = copy::pages(first, target.table.id).await?.map_or(0, |heap| heap.pages);
    if pages < PAGES_SHARED_MIN {
        return Ok(vec![Reader { client: first, pages: None }]);
    }
    let half = pages / 2;
    Ok(vec![
        Reader { client: first, pages: Some(format!("ctid < '({half},0)'")) },
        Reader { client: second, pages: Some(format!("ctid >= '({half},0)'")) },
    ])
}

/// What is listed, with its keys as text, in the order of kind and key.
async fn named(both: &Both<'_>, found: &Found) -> Result<Vec<Difference>> {
    let mut differences = Vec::with_capacity(found.listed.len());
    for listed in found.listed.chunks(KEYS_AT_ONCE) {
        let of = |in_source: bool| -> Vec<i64> {
            let keys = listed.iter().filter(|(kind, _)| (*kind == Kind::Missing) == in_source);
            keys.map(|(_, key)| *key).collect()
        };
        let (missing, others) = (of(true), of(false));
        let mut keys = Default::default();
        if !missing.is_empty() {
            keys = both.source_keys(&missing).await?;
        }
        if !others.is_empty() {
            keys.extend(both.store_keys(&others).await?);
        }
        for (kind, hash) in listed {
            let key = keys.remove(hash).ok_or_else(|| {
                Error::transient("could not find a row again")
                    .detail("The store was written to during the comparison.")
            })?;
            differences.push(Difference { kind: kind.name().to_owned(), key });
        }
    }
    differences.sort_by(|a, b| (&a.kind, a.key.len(), &a.key).cmp(&(&b.kind, b.key.len(), &b.key)));
    Ok(differences)
}

fn notes(target: &Target, sides: &Sides, found: &Found) -> Vec<String> {
    let mut notes = Vec::new();
    let kind = match (target.mode, target.keeps_deletes) {
        (Mode::Mirror, true) => "a mirror with deletes = \"keep\"",
        (Mode::Mirror, false) => "a mirror with truncate = \"keep\"",
        (Mode::Append, _) => "an append table",
        (Mode::History, _) => "a history without a key",
    };
    if found.kept > 0 {
        notes.push(format!(
            "{} only in the store: {kind} keeps what is deleted at the source; \
             a row that was never there would look the same",
            counted(found.kept, "row")
        ));
    }
    if found.updated > 0 {
        let what = match sides.keeps.every {
            true => "every value of a row that is updated at the source",
            false => "the first value of a row that is updated there",
        };
        let row = counted(found.updated, "row");
        notes.push(format!("{row} other than at the source: {kind} keeps {what}"));
    }
    if found.identical > 0 {
        notes.push(format!(
            "{} the same as another one at the source: a mirror without a key shows one of them",
            counted(found.identical, "row")
        ));
    }
    if target.table.declared_key().is_empty() && target.mode == Mode::Mirror {
        notes.push(
            "compared by whole rows: the table has no key. Of rows that are the same none is shown \
             once one of them is deleted or changed: ADD PRIMARY KEY cures that, and then millrace resync"
                .to_owned(),
        );
    } else if !sides.has_key() || target.table.is_its_own_key() {
        notes.push("compared by whole rows: the table has no key".to_owned());
    }
    notes
}

/// Rows that were refused are missing, and this is where they are.
async fn quarantined(store: &dyn Store, name: &str) -> Result<Option<String>> {
    let sql = format!(
        "SELECT count() FROM millrace.quarantine FINAL WHERE source_table = {} \
         AND state IN ('waiting', 'replaying')",
        store::ddl::literal(name)
    );
    let rows = store.query(&sql).await?;
    let count = rows.first().and_then(|row| row.first()?.as_ref()?.parse().ok()).unwrap_or(0);
    let rows = counted(count, "row");
    Ok((count > 0).then(|| format!("{rows} in quarantine: millrace quarantine list {name}")))
}

impl TableVerdict {
    pub(crate) fn empty(name: String) -> TableVerdict {
        TableVerdict {
            name,
            mode: String::new(),
            source_rows: 0,
            store_rows: 0,
            differing_keys: 0,
            differences: Vec::new(),
            columns_not_compared: Vec::new(),
            notes: Vec::new(),
            skipped: None,
        }
    }
}

#[cfg(test)]
mod tests;
