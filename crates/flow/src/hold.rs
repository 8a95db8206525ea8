//! The stream held at a snapshot's position, so that source and store can be compared.
//!
//! ```text
//! hold before the next transaction ─▶ Locked::open = P ─▶ hold at P ─▶ Held(P), all durable
//!    ─▶ compare ─▶ let everything through (whatever happened)
//! ```

use crate::status::State;
use crate::tables::{Entry, Tables};
use crate::verify::{self, Locked, Subject, TableVerdict, Verdict, VerifyOptions};
use model::{Error, Lsn, Result, TableId};
use source::Address;
use source::stream::Control;
use std::sync::Arc;
use std::time::Duration;
use store::Store;
use tokio::sync::oneshot;

/// For the rest of the log before the snapshot.
const HELD_MOST: Duration = Duration::from_secs(120);

/// The tables at the held position: those to compare, and why the others are not.
pub(crate) struct Held {
    pub(crate) subjects: Vec<Subject>,
    pub(crate) skipped: Vec<TableVerdict>,
}

/// Lets the stream go on when it is dropped.
struct Release(Arc<Control>);

impl Drop for Release {
    fn drop(&mut self) {
        self.0.set_hold(Lsn::MAX);
    }
}

pub(crate) async fn verify(
    control: Arc<Control>,
    address: Address,
    publication: String,
    store: Arc<dyn Store>,
    ids: Vec<TableId>,
    options: VerifyOptions,
    held: oneshot::Receiver<Held>,
) -> Result<Verdict> {
    let release = Release(control);
    release.0.set_hold(Lsn::ZERO);
    let locked = Locked::open(&address, &ids).await?;
    let position = locked.snapshot.consistent_point;
    release.0.set_hold(position);
    let not_there =
        || Error::transient(format!("could not verify: the store is behind {position}"));
    let held = tokio::time::timeout(HELD_MOST, held).await.map_err(|_| not_there())?;
    let held = held.map_err(|_| Error::transient("could not verify: the stream ended"))?;
    let mut tables = verify::compare(&locked, &publication, held.subjects, store, &options).await?;
    tables.extend(held.skipped);
    tables.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(Verdict { position: position.to_string(), tables })
}

/// Which tables are asked for, in one order: those that will not be compared do no harm.
pub(crate) fn wanted(tables: &Tables, options: &VerifyOptions) -> Vec<TableId> {
    let wanted = tables.by_id.iter().filter(|(_, entry)| is_wanted(entry, options));
    let mut ids: Vec<TableId> = wanted.map(|(id, _)| *id).collect();
    ids.sort_unstable_by_key(|id| id.0);
    ids
}

/// One that is not published any more has nothing to be equal to.
fn is_wanted(entry: &Entry, options: &VerifyOptions) -> bool {
    match options.tables.is_empty() {
        true => entry.state != State::Removed,
        false => options.tables.contains(&entry.name),
    }
}

/// Which tables can be compared now.
pub(crate) fn choose(tables: &Tables, options: &VerifyOptions) -> Held {
    let mut held = Held { subjects: Vec::new(), skipped: Vec::new() };
    for entry in tables.by_id.values().filter(|entry| is_wanted(entry, options)) {
        match entry.state {
            State::Streaming => held.subjects.push(entry.subject()),
            state => {
                let mode = entry.target.mode.name();
                held.skipped.push(skipped(&entry.name, mode, state.name()));
            }
        }
    }
    for name in &options.tables {
        if !tables.by_id.values().any(|entry| entry.name == *name) {
            held.skipped.push(skipped(name, "", "not streamed"));
        }
    }
    held
}

fn skipped(name: &str, mode: &str, why: &str) -> TableVerdict {
    TableVerdict {
        name: name.to_owned(),
        mode: mode.to_owned(),
        source_rows: 0,
        store_rows: 0,
        differing_keys: 0,
        differences: Vec::new(),
        columns_not_compared: Vec::new(),
        notes: Vec::new(),
        skipped: Some(why.to_owned()),
    }
}
