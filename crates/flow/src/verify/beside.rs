//! A few rows of a table compared while the stream goes on: nobody waits for it.
//!
//! ```text
//! pick   keys: of some pages of the source; as many of the store, unless it may have more (append)
//! look   source, by key ─▶ end of the log ─▶ the stream has passed it ─▶ store, by key
//! again  what differs, until a row of the source was the same at two looks and so was the store's
//! ```
//!
//! A row that had the same life at two looks, on both sides, did not change in between, and the store had all
//! that came before: what differs then is different. A row that never holds still is counted apart.
//!
//! The source is asked by its key's index and for whole pages alone; how often is the caller's to decide,
//! who hears how long both sides took.

use super::keys::{ALL, Keys, Texts};
use super::narrow::{Found, Kind};
use super::read::{parsed, reading, unreadable};
use super::sides::Sides;
use super::{Difference, Subject};
use model::{Error, Fate, Lsn, Mode, Result};
use serde::{Deserialize, Serialize};
use source::Address;
use source::client::pg_error;
use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::time::{Duration, Instant};
use store::Store;
use tokio::sync::{Mutex, watch};
use tokio_postgres::Client;
use tokio_postgres::types::ToSql;

/// What one piece looks at, about: some ten milliseconds of the source's time.
const ROWS: u64 = 1000;
/// Where the source does not know how many rows a page has.
const ROWS_A_PAGE: f64 = 50.0;
const PAGES_MOST: u64 = 1000;
/// Keys of the store that one piece picks among.
const PICKED_AMONG_MOST: u64 = 1_000_000;
/// The keys in a statement: the longest that the engine takes is 256 KiB.
const KEYS_BYTES_MOST: usize = 100_000;
/// A source that answers later than this has other things to do.
const SESSION: &str = "SET statement_timeout = '20s'; SET lock_timeout = '100ms'; \
                       SET jit = off; SET max_parallel_workers_per_gather = 0";
/// For the stream to pass what was read.
const PASSED_MOST: Duration = Duration::from_secs(30);
pub(crate) const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(200);
/// Then a row never holds still.
const LOOKS_MOST: u32 = 8;
/// Of a key that is shown.
const SHOWN_CHARS_MOST: usize = 200;

/// Which rows to compare next.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PieceOptions {
    pub table: String,
    /// Of the table's rows, this many are looked at.
    pub percent: f64,
    /// Where the piece before said; none: the table's begin.
    #[serde(default)]
    pub from: Option<Place>,
}

/// How far a round through a table is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// Of the source's heap.
    Page(u64),
    /// Of the store, behind the key with these texts; none: its first.
    Key(Vec<String>),
}

/// What became of it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Piece {
    pub mode: String,
    pub rows: u64,
    pub differences: Vec<Difference>,
    /// Rows that changed too fast to be compared.
    pub moving: u64,
    /// None: the round through the table is over.
    pub next: Option<Place>,
    /// How long the source and the store were asked.
    pub busy_ms: u64,
    pub columns_not_compared: Vec<String>,
    /// Why the table cannot be compared.
    pub skipped: Option<String>,
}

impl Piece {
    pub(crate) fn skipped(mode: &str, why: String) -> Piece {
        Piece { mode: mode.to_owned(), skipped: Some(why), ..Piece::default() }
    }
}

/// A table that streams, and what is needed to look at it.
#[derive(Clone)]
pub(crate) struct Beside {
    pub(crate) subject: Subject,
    pub(crate) address: Address,
    pub(crate) publication: String,
    pub(crate) store: Arc<dyn Store>,
    /// Everything that committed before this position is in the store.
    pub(crate) settled: watch::Receiver<Lsn>,
    /// So long a row has to hold still.
    pub(crate) look_again_after: Duration,
}

/// One connection for all pieces, which come one after the other.
#[derive(Default)]
pub(crate) struct Connection(Mutex<Option<Client>>);

impl Beside {
    /// The store keeps the table as it did.
    pub(crate) fn is_same(&self, other: &Beside) -> bool {
        Arc::ptr_eq(&self.subject.target, &other.subject.target)
            && self.subject.is_updated == other.subject.is_updated
    }

    pub(crate) async fn compare(
        &self,
        options: &PieceOptions,
        connection: &Connection,
    ) -> Result<Piece> {
        let mut kept = connection.0.lock().await;
        let client = match kept.take().filter(|client| !client.is_closed()) {
            Some(client) => client,
            None => {
                let client = source::client::connect(&self.address).await?;
                let set = client.batch_execute(SESSION).await;
                set.map_err(|error| pg_error("set up a session", error))?;
                client
            }
        };
        let compared = self.compare_with(options, &client).await;
        *kept = Some(client);
        let mode = self.subject.target.mode.name();
        match compared {
            Err(error) if error.fate() == Fate::Definite => {
                Ok(Piece::skipped(mode, error.report()))
            }
            compared => compared,
        }
    }

    async fn compare_with(&self, options: &PieceOptions, client: &Client) -> Result<Piece> {
        let (target, store) = (&self.subject.target, self.store.as_ref());
        let begun = Instant::now();
        let described = source::lookup::describe(client, &target.table).await?;
        let (from, types) =
            described.ok_or_else(|| Error::definite("cannot find the table at the source"))?;
        let id = target.table.id;
        let filter = source::catalog::row_filter(client, &self.publication, id).await?;
        let utf8 = super::keeps_utf8(client).await?;
        let keys = Keys::new(target, types)?;
        let mut sides = Sides::new(target, from, filter, utf8)?;
        sides.look_up_defaults(store).await?;
        let settled = self.settled.clone();
        let (look_again_after, busy) = (self.look_again_after, Duration::ZERO);
        let (sides, keys) = (&sides, &keys);
        let mut eye = Eye { sides, keys, client, store, settled, look_again_after, busy };
        eye.busy += begun.elapsed();
        let share = (options.percent * ALL as f64 / 100.0).ceil().clamp(1.0, ALL as f64) as u64;
        let is_exact = target.mode != Mode::Append;
        let (picked, next) = match &options.from {
            None => eye.pick_source(target, 0, share, is_exact).await?,
            Some(Place::Page(page)) => eye.pick_source(target, *page, share, is_exact).await?,
            Some(Place::Key(after)) => eye.pick_store(after, share).await?,
        };
        let (suspects, moving) = eye.suspects(&picked, &self.subject).await?;
        Ok(Piece {
            mode: target.mode.name().to_owned(),
            rows: picked.len() as u64,
            differences: differences(&suspects, &picked, &self.subject),
            moving,
            next,
            busy_ms: eye.busy.as_millis() as u64,
            columns_not_compared: sides.left_out.clone(),
            skipped: None,
        })
    }
}

/// Keys by their hash.
type Picked = BTreeMap<i64, Texts>;

/// The rows of a key, on both sides.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
struct Seen {
    /// The row's hash, and which of its lives it is: where it lies, and who wrote it.
    source: Vec<(i64, String)>,
    /// By the position that brought it.
    store: Vec<(i64, String)>,
}

impl Seen {
    fn note_in(&self, key: i64, found: &mut Found) {
        let source = self.source.iter().map(|&(hash, _)| (key, hash)).collect();
        found.walk(source, self.store.iter().map(|&(hash, _)| (key, hash)).collect());
    }

    fn differs(&self, subject: &Subject) -> bool {
        let mut found = Found::new(0, true, subject.keeps());
        self.note_in(0, &mut found);
        found.keys > 0
    }
}

struct Eye<'a> {
    sides: &'a Sides,
    keys: &'a Keys,
    client: &'a Client,
    store: &'a dyn Store,
    settled: watch::Receiver<Lsn>,
    look_again_after: Duration,
    busy: Duration,
}

impl Eye<'_> {
    /// The keys of some pages behind `from`, and what comes next.
    async fn pick_source(
        &mut self,
        target: &store::Target,
        from: u64,
        share: u64,
        is_exact: bool,
    ) -> Result<(Picked, Option<Place>)> {
        let begun = Instant::now();
        let sql = "
            select coalesce(max(pg_relation_size(c.oid) / current_setting('block_size')::int8), 0),
                   coalesce(sum(nullif(c.reltuples, -1)) / nullif(sum(c.relpages), 0), 0)::float8,
                   greatest(count(*) filter (where c.relkind = 'r'), 1)
              from pg_class c
             where c.oid = $1 or c.oid in (select relid from pg_partition_tree($1::oid::regclass))";
        let row = self.client.query_one(sql, &[&target.table.id.0]).await;
        let row = row.map_err(|error| pg_error("measure a table", error))?;
        let (pages, rows_a_page) = (row.get::<_, i64>(0) as u64, row.get::<_, f64>(1));
        let rows_a_page = if rows_a_page > 0.0 { rows_a_page } else { ROWS_A_PAGE };
        // Pages of that number are read in each partition.
        let leaves = row.get::<_, i64>(2) as f64;
        let read = ((ROWS as f64 / rows_a_page / leaves).ceil() as u64).clamp(1, PAGES_MOST);
        // Of a stretch of the table, these pages stand for all.
        let stretch = (read * ALL / share).max(read);
        let at =
            from + random() % (stretch.min(pages.saturating_sub(from)).saturating_sub(read) + 1);
        let pages_read = format!("ctid >= '({at},0)' AND ctid < '({},0)'", at + read);
        let rows = self.client.query(&self.keys.pick_source(self.sides, &pages_read), &[]).await;
        let text = |row: &tokio_postgres::Row, n| row.get::<_, String>(n + 1);
        let texts =
            |row: &tokio_postgres::Row| (0..self.keys.columns()).map(|n| text(row, n)).collect();
        let picked = rows.map_err(reading)?.iter().map(|row| (row.get(0), texts(row))).collect();
        self.busy += begun.elapsed();
        let next = match from + stretch < pages {
            true => Some(Place::Page(from + stretch)),
            false => is_exact.then(|| Place::Key(Vec::new())),
        };
        Ok((picked, next))
    }

    /// Some keys of the store behind `after`, and what comes next.
    async fn pick_store(
        &mut self,
        after: &[String],
        share: u64,
    ) -> Result<(Picked, Option<Place>)> {
        let begun = Instant::now();
        let among = (ROWS * ALL / share).min(PICKED_AMONG_MOST);
        let end = self.store.query(&self.keys.store_end(after, among)?).await?;
        let end = end.into_iter().next().map(|row| row.into_iter().collect::<Option<Texts>>());
        let end = end.map(|end| end.ok_or_else(unreadable)).transpose()?;
        let sql = self.keys.pick_store(self.sides, after, end.as_deref(), share)?;
        let mut picked = Picked::new();
        for row in self.store.query(&sql).await? {
            let mut fields = row.into_iter().collect::<Option<Texts>>().ok_or_else(unreadable)?;
            picked.insert(parsed(&fields.remove(0))?, fields);
        }
        self.busy += begun.elapsed();
        Ok((picked, end.map(Place::Key)))
    }

    /// What differs and stays so; and how many never held still.
    async fn suspects(
        &mut self,
        picked: &Picked,
        subject: &Subject,
    ) -> Result<(BTreeMap<i64, Seen>, u64)> {
        let mut asked: Vec<i64> = picked.keys().copied().collect();
        let (mut before, mut stayed) = (BTreeMap::new(), BTreeMap::new());
        for look in 0..LOOKS_MOST {
            if look > 0 {
                tokio::time::sleep(self.look_again_after).await;
            }
            let mut now = self.look(&asked, picked).await?;
            now.retain(|_, row| row.differs(subject));
            for (key, row) in now.extract_if(.., |key, row| before.get(key) == Some(row)) {
                stayed.insert(key, row);
            }
            asked = now.keys().copied().collect();
            before = now;
            if asked.is_empty() {
                break;
            }
        }
        Ok((stayed, asked.len() as u64))
    }

    /// The source first; the store once it has all that was read there.
    async fn look(&mut self, asked: &[i64], picked: &Picked) -> Result<BTreeMap<i64, Seen>> {
        let mut seen = BTreeMap::<i64, Seen>::new();
        let begun = Instant::now();
        let sql = self.keys.look_source(self.sides);
        for some in chunks(asked, picked) {
            let column = |n: usize| some.iter().map(|(_, key)| key[n].as_str()).collect::<Vec<_>>();
            let lists: Vec<Vec<&str>> = (0..self.keys.columns()).map(column).collect();
            let lists: Vec<&(dyn ToSql + Sync)> = lists.iter().map(|list| list as _).collect();
            for row in self.client.query(&sql, &lists).await.map_err(reading)? {
                seen.entry(row.get(0)).or_default().source.push((row.get(1), row.get(2)));
            }
        }
        let position = source::catalog::end_of_log(self.client).await?;
        self.busy += begun.elapsed();
        let passed = self.settled.wait_for(|settled| *settled >= position);
        let passed = tokio::time::timeout(PASSED_MOST, passed).await.map_err(|_| {
            Error::transient(format!("could not compare: the store is behind {position}"))
        })?;
        passed.map_err(|_| Error::transient("could not compare: the pipeline ends"))?;
        let begun = Instant::now();
        for some in chunks(asked, picked) {
            let keys: Vec<&Texts> = some.iter().map(|&(_, key)| key).collect();
            for row in self.store.query(&self.keys.look_store(self.sides, &keys)?).await? {
                let [Some(key), Some(hash), Some(life)] = row.as_slice() else {
                    return Err(unreadable());
                };
                seen.entry(parsed(key)?).or_default().store.push((parsed(hash)?, life.clone()));
            }
        }
        self.busy += begun.elapsed();
        for row in seen.values_mut() {
            row.source.sort_unstable();
            row.store.sort_unstable();
        }
        Ok(seen)
    }
}

/// Keys that fit into a statement.
fn chunks<'a>(asked: &[i64], picked: &'a Picked) -> Vec<Vec<(i64, &'a Texts)>> {
    let mut chunks: Vec<Vec<(i64, &Texts)>> = Vec::new();
    let mut bytes = 0;
    for (key, texts) in asked.iter().filter_map(|key| Some((*key, picked.get(key)?))) {
        // Quotes, commas and what a text is cast with.
        let own: usize = texts.iter().map(|text| text.len() * 2 + 40).sum();
        match chunks.last_mut() {
            Some(chunk) if bytes + own <= KEYS_BYTES_MOST => chunk.push((key, texts)),
            _ => {
                bytes = 0;
                chunks.push(vec![(key, texts)]);
            }
        }
        bytes += own;
    }
    chunks
}

fn differences(
    suspects: &BTreeMap<i64, Seen>,
    picked: &Picked,
    subject: &Subject,
) -> Vec<Difference> {
    let mut found = Found::new(usize::MAX, true, subject.keeps());
    for (key, row) in suspects {
        row.note_in(*key, &mut found);
    }
    let shown = |key: &i64| picked.get(key).map(|texts| texts.join(", ")).unwrap_or_default();
    let difference = |(kind, key): &(Kind, i64)| Difference {
        kind: kind.name().to_owned(),
        key: shown(key).chars().take(SHOWN_CHARS_MOST).collect(),
    };
    found.listed.iter().map(difference).collect()
}

fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}
