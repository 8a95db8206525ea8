//! The log as Debezium's messages, on the thread that reads it. It keeps nothing but what it has not
//! handed over, and never waits: schemas get their ids where messages are sent.
//!
//! ```text
//! Tap ─▶ Encoder ┬ Sheet      a table: topic, columns, what never changes
//!                ├ envelope   a transaction: `source`
//!                └ value      a value ─▶ one arena ─▶ Encoded
//! ```
//!
//! # Contract
//! - Messages come in the order of the log; those of one change stay together.
//! - What [`Encoder::resume`] was told of is not written again.

use super::encoded::{Encoded, Entry, KeyHeader, Names, Position, Span};
use super::envelope::{Envelope, Event, Head, Said};
use super::known::Known;
use super::options::{Format, Origin, SinkOptions};
use super::snapshot::Snapshot;
use super::table::{Row, Sheet};
use super::transaction::Totals;
use super::value::out::{Avro, Json};
use model::{Error, Lsn, Result, Table, TableId};
use source::decode::{Field, tuple};
use source::stream::tap::{Begin, Change, LogicalMessage, OldRow};
use std::sync::{Arc, RwLock};
use std::time::{SystemTime, UNIX_EPOCH};

pub struct Encoder {
    pub(super) options: SinkOptions,
    pub(super) origin: Origin,
    known: Arc<RwLock<Known>>,
    pub(super) names: Arc<Names>,
    context: Arc<Vec<(String, String)>>,
    pub(super) sheets: Vec<Sheet>,
    /// The table of the last change: the next one is mostly of the same.
    at: usize,
    pub(super) arena: Vec<u8>,
    pub(super) entries: Vec<Entry>,
    lost: u64,
    pub(super) head: Head,
    /// `None`: between two transactions.
    pub(super) transaction: Option<Begin>,
    pub(super) totals: Totals,
    /// The end of the last transaction.
    pub(super) last_commit: Option<Lsn>,
    /// Of the last transaction, µs since 1970.
    pub(super) commit_us: i64,
    last_change: Lsn,
    resumed: Position,
    /// The transaction was sent before, or its changes up to here.
    pub(super) skips: Option<Lsn>,
    /// Memory of a batch is likely to be that of the last one.
    last_bytes: usize,
    pub(super) clock: fn() -> i64,
}

/// ns since 1970.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}

impl Encoder {
    pub fn new(options: SinkOptions, origin: Origin) -> Encoder {
        let context = context(&options.topic_prefix);
        let mut encoder = Encoder {
            options,
            origin,
            known: Arc::default(),
            names: Arc::default(),
            context: Arc::new(context),
            sheets: Vec::new(),
            at: 0,
            arena: Vec::new(),
            entries: Vec::new(),
            lost: 0,
            head: Head::default(),
            transaction: None,
            totals: Totals::default(),
            last_commit: None,
            commit_us: 0,
            last_change: Lsn::ZERO,
            resumed: Position::default(),
            skips: None,
            last_bytes: 0,
            clock: now,
        };
        let said = Said {
            name: &encoder.options.topic_prefix,
            database: &encoder.origin.database,
            snapshot: "false",
            commit_us: 0,
            last_commit: None,
            xid: None,
        };
        encoder.head = encoder.rendered(&said);
        encoder
    }

    /// What was sent before, as [`super::Producer::last_position`] says.
    pub fn resume(&mut self, position: Position) {
        self.resumed = position;
    }

    pub(super) fn resumed(&self) -> Position {
        self.resumed
    }

    /// Labels and defaults for relations that come; who has the catalog fills it.
    pub fn known(&self) -> Arc<RwLock<Known>> {
        self.known.clone()
    }

    /// A table as flow settled it. Changes of tables that were not told of are left out.
    pub fn relation(&mut self, table: &Table) -> Result<()> {
        self.forget(table.id);
        if !self.options.sends(&table.name) {
            return Ok(());
        }
        let known = match self.known.read() {
            Ok(known) => known,
            Err(poisoned) => poisoned.into_inner(),
        };
        let sheet = Sheet::new(&self.options, table, &known, Arc::make_mut(&mut self.names))?;
        self.sheets.push(sheet);
        Ok(())
    }

    /// Changes of the table are left out from here on.
    pub fn forget(&mut self, id: TableId) {
        self.sheets.retain(|sheet| sheet.id != id);
        self.at = 0;
    }

    pub fn begin(&mut self, begin: Begin) {
        self.transaction = Some(begin);
        self.commit_us = begin.commit_us;
        self.skips = match self.resumed.within {
            _ if begin.commit < self.resumed.through => Some(Lsn::MAX),
            Some((commit, change)) if commit == begin.commit => Some(change),
            _ => None,
        };
        self.last_change = self.skips.filter(|&change| change < Lsn::MAX).unwrap_or_default();
        self.totals.begin();
        let said = Said {
            name: &self.options.topic_prefix,
            database: &self.origin.database,
            snapshot: "false",
            commit_us: begin.commit_us,
            last_commit: self.last_commit,
            xid: Some(begin.xid),
        };
        self.head = self.rendered(&said);
    }

    pub(super) fn rendered(&self, said: &Said<'_>) -> Head {
        match self.options.format {
            Format::Json { .. } => Json::head(said),
            Format::Avro { .. } => Avro::head(said),
        }
    }

    /// `end`: the first position after the transaction.
    pub fn commit(&mut self, end: Lsn) {
        self.end_transaction(end);
        self.transaction = None;
        self.last_commit = Some(end);
    }

    pub fn insert(&mut self, id: TableId, new: &[u8], lsn: Lsn) -> Result<()> {
        let Some(at) = self.sheet(id) else { return Ok(()) };
        let new = tuple::fields(new)?;
        self.checked(at, new.len())?;
        self.change(at, b'c', Row::None, Row::Whole(&new), &new, lsn);
        Ok(())
    }

    pub fn update(
        &mut self,
        id: TableId,
        old: Option<OldRow<'_>>,
        new: &[u8],
        lsn: Lsn,
    ) -> Result<()> {
        let Some(at) = self.sheet(id) else { return Ok(()) };
        let mut new = tuple::fields(new)?;
        self.checked(at, new.len())?;
        let Some(old) = old else {
            self.change(at, b'u', Row::None, Row::Whole(&new), &new, lsn);
            return Ok(());
        };
        self.checked(at, old.fields.len())?;
        // What is unchanged has the value of before, where that was told.
        for (new, old_field) in new.iter_mut().zip(old.fields) {
            if *new == Field::Unchanged && (old.is_whole || *old_field != Field::Null) {
                *new = *old_field;
            }
        }
        let before = if old.is_whole { Row::Whole(old.fields) } else { Row::None };
        let is_moved = self.sheets[at].has_key() && !self.has_same_key(at, old.fields, &new);
        if !is_moved {
            self.change(at, b'u', before, Row::Whole(&new), &new, lsn);
            return Ok(());
        }
        let gone = if old.is_whole { before } else { Row::Key(old.fields) };
        if self.counts(at, lsn) {
            let key = self.key_header(at, &new);
            let first = self.entries.len();
            self.event(at, b'd', gone, Row::None, Some(old.fields), lsn);
            self.tombstone();
            for entry in &mut self.entries[first..] {
                entry.other_key = Some((KeyHeader::New, key));
            }
        }
        if self.counts(at, lsn) {
            let key = self.key_header(at, old.fields);
            self.event(at, b'c', Row::None, Row::Whole(&new), Some(&new), lsn);
            if let Some(entry) = self.entries.last_mut() {
                entry.other_key = Some((KeyHeader::Old, key));
            }
        }
        Ok(())
    }

    pub fn delete(&mut self, id: TableId, old: OldRow<'_>, lsn: Lsn) -> Result<()> {
        let Some(at) = self.sheet(id) else { return Ok(()) };
        self.checked(at, old.fields.len())?;
        let before = if old.is_whole { Row::Whole(old.fields) } else { Row::Key(old.fields) };
        if self.change(at, b'd', before, Row::None, old.fields, lsn) {
            self.tombstone();
        }
        Ok(())
    }

    /// A message a table, without a key.
    pub fn truncate(&mut self, tables: &[TableId], lsn: Lsn) {
        for &id in tables {
            let Some(at) = self.sheet(id) else { continue };
            if self.options.truncates && self.counts(at, lsn) {
                self.event(at, b't', Row::None, Row::None, None, lsn);
            }
        }
    }

    pub fn message(&mut self, message: LogicalMessage<'_>) {
        if self.options.messages {
            self.logical(message);
        }
    }

    /// A row of a snapshot, whose reader says where it stands in it.
    pub fn read(&mut self, id: TableId, fields: &[Field<'_>], snapshot: &Snapshot) -> Result<()> {
        let Some(at) = self.sheet(id) else { return Ok(()) };
        self.checked(at, fields.len())?;
        self.head = self.rendered(&snapshot.said(&self.options, &self.origin));
        self.write_event(at, b'r', Row::None, Row::Whole(fields), Some(fields), |event| {
            event.lsn = snapshot.lsn;
        });
        Ok(())
    }

    /// All that was written since the last time; `through`: where whole transactions end.
    pub fn take(&mut self, through: Lsn) -> Encoded {
        let within = self.transaction.filter(|_| self.last_change > Lsn::ZERO);
        let position =
            Position { through, within: within.map(|begin| (begin.commit, self.last_change)) };
        self.last_bytes = self.arena.len();
        Encoded {
            arena: Arc::new(std::mem::take(&mut self.arena)),
            entries: Arc::new(std::mem::take(&mut self.entries)),
            names: self.names.clone(),
            context: self.context.clone(),
            position,
            lost: std::mem::take(&mut self.lost),
        }
    }

    pub fn size_bytes(&self) -> usize {
        self.arena.len() + self.entries.len() * size_of::<Entry>()
    }

    #[inline]
    fn sheet(&mut self, id: TableId) -> Option<usize> {
        if self.sheets.get(self.at).is_none_or(|sheet| sheet.id != id) {
            self.at = self.sheets.iter().position(|sheet| sheet.id == id)?;
        }
        Some(self.at)
    }

    fn checked(&self, at: usize, width: usize) -> Result<()> {
        match self.sheets[at].width == width {
            true => Ok(()),
            false => Err(Error::bug("a tuple has not the columns of its table")),
        }
    }

    /// Whether the event is to be written. It counts in its transaction in any case.
    pub(super) fn counts(&mut self, at: usize, lsn: Lsn) -> bool {
        let sheet = &mut self.sheets[at];
        self.totals.count(sheet);
        self.passes(lsn)
    }

    pub(super) fn passes(&mut self, lsn: Lsn) -> bool {
        let is_new = self.skips.is_none_or(|through| lsn > through);
        if is_new {
            self.last_change = self.last_change.max(lsn);
            self.begin_transaction();
        }
        is_new
    }

    /// Writes an event unless it was sent before.
    #[inline]
    fn change(
        &mut self,
        at: usize,
        op: u8,
        before: Row<'_>,
        after: Row<'_>,
        key: &[Field<'_>],
        lsn: Lsn,
    ) -> bool {
        let is_new = self.counts(at, lsn);
        if is_new {
            self.event(at, op, before, after, Some(key), lsn);
        }
        is_new
    }

    #[inline]
    fn event(
        &mut self,
        at: usize,
        op: u8,
        before: Row<'_>,
        after: Row<'_>,
        key: Option<&[Field<'_>]>,
        lsn: Lsn,
    ) {
        let sheet = &self.sheets[at];
        let block = self.totals.block(&self.options, self.transaction, sheet.rows);
        self.write_event(at, op, before, after, key, |event| {
            event.lsn = lsn;
            event.block = block;
        });
    }

    #[inline]
    fn write_event(
        &mut self,
        at: usize,
        op: u8,
        before: Row<'_>,
        after: Row<'_>,
        key: Option<&[Field<'_>]>,
        set: impl FnOnce(&mut Event<'_>),
    ) {
        let now_ns = (self.clock)();
        let sheet = &self.sheets[at];
        if self.arena.capacity() == 0 {
            self.arena.reserve(self.last_bytes + self.last_bytes / 8);
        }
        let arena = std::mem::take(&mut self.arena);
        let key = key.filter(|_| sheet.has_key());
        let mut event = Event { op, lsn: Lsn::ZERO, names: &sheet.names, block: None, now_ns };
        set(&mut event);
        let sides = [before, after];
        let (arena, written) = match &self.options.format {
            Format::Json { with_schemas } => {
                let mut out = Json::new(arena, *with_schemas);
                let written = write_event(&self.head, sheet, sides, key, &event, &mut out);
                (out.into_bytes(), written)
            }
            Format::Avro { .. } => {
                let mut out = Avro::new(arena);
                let written = write_event(&self.head, sheet, sides, key, &event, &mut out);
                (out.into_bytes(), written)
            }
        };
        self.arena = arena;
        self.lost += written.lost;
        self.entries.push(Entry {
            topic: sheet.topic,
            key: written.key,
            value: Some(written.value),
            other_key: None,
            has_context: true,
            dress: sheet.dress,
            // A row of a snapshot is of no transaction, and always new.
            at: (self.transaction.map_or(Lsn::MAX, |begin| begin.commit), event.lsn),
        });
    }

    /// The same key with nothing, for topics that are compacted.
    fn tombstone(&mut self) {
        if let Some(&last) = self.entries.last().filter(|_| self.options.tombstones) {
            self.entries.push(Entry { value: None, ..last });
        }
    }

    fn has_same_key(&self, at: usize, old: &[Field<'_>], new: &[Field<'_>]) -> bool {
        let key = |fields| {
            let mut out = Json::default();
            self.sheets[at].write_key(fields, &mut out);
            out.into_bytes()
        };
        key(old) == key(new)
    }

    /// Headers have keys as JSON without a schema, whatever the messages have.
    fn key_header(&mut self, at: usize, fields: &[Field<'_>]) -> Span {
        let from = self.arena.len();
        let mut out = Json::new(std::mem::take(&mut self.arena), false);
        self.sheets[at].write_key(fields, &mut out);
        self.arena = out.into_bytes();
        Span { from, to: self.arena.len() }
    }
}

/// Where the parts of an event lie.
struct Written {
    key: Option<Span>,
    value: Span,
    lost: u64,
}

#[inline]
fn write_event<O: Envelope>(
    head: &Head,
    sheet: &Sheet,
    [before, after]: [Row<'_>; 2],
    key: Option<&[Field<'_>]>,
    event: &Event<'_>,
    out: &mut O,
) -> Written {
    let mut lost = 0;
    let key = key.map(|fields| {
        let from = out.mark();
        out.raw(sheet.dress.head);
        sheet.write_key(fields, out);
        Span { from, to: out.mark() }
    });
    let from = out.mark();
    out.raw(sheet.dress.head);
    out.before();
    lost += sheet.write_row(before, out);
    out.after();
    lost += sheet.write_row(after, out);
    out.to_source();
    out.source(head, event);
    out.to_transaction();
    out.transaction(event.block, event.lsn);
    out.tail(event.op, event.now_ns);
    Written { key, value: Span { from, to: out.mark() }, lost }
}

/// Debezium's headers of every event of data.
fn context(prefix: &str) -> Vec<(String, String)> {
    let values = [
        ("connectorLogicalName", prefix.to_owned()),
        ("taskId", "0".into()),
        ("connectorName", super::envelope::CONNECTOR.into()),
        ("runId", run_id()),
    ];
    let header = |(name, value)| (format!("__debezium.context.{name}"), value);
    values.into_iter().map(header).collect()
}

/// A UUID of version 7: of the time, and of this process.
fn run_id() -> String {
    let ns = now() as u64;
    let (ms, rest) = (ns / 1_000_000, ns % 1_000_000);
    let process = u64::from(std::process::id());
    let [high, low] = [ms >> 16, ms & 0xffff];
    format!("{high:08x}-{low:04x}-7{:03x}-{:04x}-{process:012x}", rest & 0xfff, 0x8000 | rest >> 12)
}

impl source::stream::tap::Tap for Encoder {
    fn relation(&mut self, _: &source::stream::Relation, table: &Table) -> Result<()> {
        Encoder::relation(self, table)
    }

    fn skip(&mut self, id: TableId) {
        self.forget(id);
    }

    fn begin(&mut self, begin: Begin) -> Result<()> {
        Encoder::begin(self, begin);
        Ok(())
    }

    fn change(&mut self, id: TableId, change: Change<'_>, lsn: Lsn) -> Result<()> {
        match change {
            Change::Insert { new } => self.insert(id, new, lsn),
            Change::Update { old, new } => self.update(id, old, new, lsn),
            Change::Delete { old } => self.delete(id, old, lsn),
        }
    }

    fn truncate(&mut self, tables: &[TableId], lsn: Lsn) -> Result<()> {
        Encoder::truncate(self, tables, lsn);
        Ok(())
    }

    fn message(&mut self, message: LogicalMessage<'_>) -> Result<()> {
        Encoder::message(self, message);
        Ok(())
    }

    fn commit(&mut self, end: Lsn) -> Result<()> {
        Encoder::commit(self, end);
        Ok(())
    }

    fn size_bytes(&self) -> usize {
        Encoder::size_bytes(self)
    }

    fn cut(&mut self, through: Lsn) -> Option<source::stream::tap::Tapped> {
        match self.entries.is_empty() {
            true => None,
            false => Some(source::stream::tap::Tapped(Box::new(self.take(through)))),
        }
    }
}

#[cfg(test)]
mod tests;
