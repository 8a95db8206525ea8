//! Topics' tables beside the database that their connector reads: piece by piece, while everything goes on.
//!
//! Nobody can hold a connector at a position of the log. So a row counts as different once it was the same
//! at two looks, on both sides, with more time between them than a message takes.

use super::KafkaHandle;
use crate::task::in_time;
use crate::verify::beside::{Beside, Connection};
use crate::verify::{Piece, PieceOptions, Place, Subject, TableVerdict};
use model::words::counted;
use model::{Error, Fate, Lsn, Mode, Result, Table, TableName};
use source::Address;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use store::{Store, Target, ddl};
use tokio::sync::{Mutex, watch};

/// For a message on its way.
const LOOK_AGAIN_AFTER: Duration = Duration::from_secs(5);
/// Of a table, while one piece of it is compared.
const SHAPES_MOST: usize = 5;

/// Of a table while it was compared. What differs of one that changed says nothing: it is compared again.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Same,
    Changed,
}

/// What is asked, by whom, and what was seen of its tables.
pub(super) struct Origin {
    address: Option<Address>,
    store: Arc<dyn Store>,
    /// `[source.kafka] schema`.
    schema: String,
    connection: Connection,
    /// By the table's name.
    seen: Mutex<HashMap<String, Seen>>,
}

struct Seen {
    kept: Arc<Target>,
    /// The same, with the columns of the database.
    compared: Arc<Target>,
}

impl Origin {
    pub(super) fn new(options: &super::KafkaOptions, store: Arc<dyn Store>) -> Origin {
        Origin {
            address: options.postgres.clone(),
            store,
            schema: options.consumer.reader.schema.clone(),
            connection: Connection::default(),
            seen: Mutex::default(),
        }
    }

    async fn beside(&self, address: &Address, subject: Subject) -> Result<Beside> {
        let target = self.at_source(address, &subject.target).await?;
        Ok(Beside {
            subject: Subject { target, ..subject },
            address: address.clone(),
            publication: String::new(),
            store: self.store.clone(),
            settled: watch::channel(Lsn::MAX).1,
            look_again_after: LOOK_AGAIN_AFTER,
        })
    }

    /// The table with the database's types in the places of those that messages told.
    async fn at_source(&self, address: &Address, target: &Arc<Target>) -> Result<Arc<Target>> {
        let name = target.table.name.to_string();
        let mut seen = self.seen.lock().await;
        if let Some(Seen { kept, compared }) = seen.get(&name)
            && Arc::ptr_eq(kept, target)
        {
            return Ok(compared.clone());
        }
        let called = self.called_there(&target.table.name)?;
        let look = async {
            let client = source::client::connect(address).await?;
            source::catalog::table_by_name(&client, &called).await
        };
        let found = in_time(look).await?.ok_or_else(|| {
            Error::definite(format!(
                "cannot find {called} in the database of source.kafka.postgres"
            ))
        })?;
        let compared = Arc::new(with_columns_of(target, &found)?);
        seen.insert(name, Seen { kept: target.clone(), compared: compared.clone() });
        Ok(compared)
    }

    /// `kafka_{schema}`, backwards.
    fn called_there(&self, name: &TableName) -> Result<TableName> {
        let (before, behind) = self.schema.split_once("{schema}").unwrap_or_default();
        let schema = name.schema.strip_prefix(before).and_then(|name| name.strip_suffix(behind));
        let schema = schema.ok_or_else(|| Error::bug(format!("{name} is called by no topic")))?;
        Ok(TableName::new(schema, &name.table))
    }
}

/// A column that the database does not have is not compared.
fn with_columns_of(target: &Target, found: &Table) -> Result<Target> {
    let mut table = Table { id: found.id, ..Table::clone(&target.table) };
    let mut is_there = vec![false; table.columns.len()];
    for (column, is_there) in table.columns.iter_mut().zip(&mut is_there) {
        if let Some(theirs) = found.columns.iter().find(|theirs| theirs.name == column.name) {
            *column = theirs.clone();
            *is_there = true;
        }
    }
    if let Some(missing) = table.key.iter().find(|&&at| !is_there[at]) {
        let column = &table.columns[*missing].name;
        return Err(Error::definite(format!("cannot find {column} at the source"))
            .detail("It is a part of the table's key."));
    }
    let mut target = Target { table: Arc::new(table), ..target.clone() };
    target.columns.retain(|column| is_there[column.source]);
    Ok(target)
}

impl KafkaHandle {
    pub(crate) fn can_verify(&self) -> bool {
        self.origin.address.is_some()
    }

    /// Of the database that the connector reads.
    fn address(&self) -> Result<&Address> {
        self.origin.address.as_ref().ok_or_else(|| {
            Error::definite("cannot verify: topics alone have nothing to be compared with").hint(
                "postgres = \"${DATABASE_URL}\" under [source.kafka]: the database that their connector reads",
            )
        })
    }

    pub(crate) fn tables(&self) -> Vec<String> {
        self.status.report().tables.into_iter().map(|table| table.name).collect()
    }

    /// Compares a few rows of a table while everything goes on.
    pub(crate) async fn verify_piece(&self, options: &PieceOptions) -> Result<Piece> {
        let (mut piece, shape) = self.compared(options).await?;
        if shape == Shape::Changed {
            piece.differences.clear();
        }
        self.status.with_table(&options.table, |table| table.verified.count(&piece));
        Ok(piece)
    }

    async fn compared(&self, options: &PieceOptions) -> Result<(Piece, Shape)> {
        let address = self.address()?;
        let subject = match self.subject(options.table.clone()).await? {
            Ok(subject) => subject,
            Err(why) => return Ok((Piece::skipped("", why), Shape::Same)),
        };
        let (kept, mode) = (subject.target.clone(), subject.target.mode.name());
        let beside = match self.origin.beside(address, subject).await {
            Err(error) if error.fate() == Fate::Definite => {
                return Ok((Piece::skipped(mode, error.report()), Shape::Same));
            }
            beside => beside?,
        };
        let piece = beside.compare(options, &self.origin.connection).await?;
        if piece.differences.is_empty() {
            return Ok((piece, Shape::Same));
        }
        let now = self.subject(options.table.clone()).await?;
        let is_same = now.is_ok_and(|now| Arc::ptr_eq(&now.target, &kept));
        Ok((piece, if is_same { Shape::Same } else { Shape::Changed }))
    }

    /// Compares all of a table, a piece after the other.
    pub(crate) async fn verify(&self, name: &str, keys_max: usize) -> Result<TableVerdict> {
        let mut verdict = TableVerdict::empty(name.to_owned());
        let (mut from, mut moving, mut shapes) = (None, 0, 1);
        loop {
            let of = PieceOptions { table: name.to_owned(), percent: 100.0, from: from.clone() };
            let (piece, shape) = self.compared(&of).await?;
            if shape == Shape::Changed {
                shapes += 1;
                if shapes > SHAPES_MOST {
                    return Err(Error::transient(format!(
                        "could not verify {name}: it changes its shape all the time"
                    )));
                }
                continue;
            }
            self.status.with_table(name, |table| table.verified.count(&piece));
            verdict.mode = piece.mode;
            verdict.columns_not_compared = piece.columns_not_compared;
            verdict.skipped = piece.skipped;
            let is_of_store = matches!(from, Some(Place::Key(_)));
            moving += piece.moving;
            if !is_of_store {
                verdict.source_rows += piece.rows;
            }
            for difference in piece.differences {
                // What differs and is at the source has been seen from there.
                if is_of_store && difference.kind != "extra" {
                    continue;
                }
                verdict.differing_keys += 1;
                if verdict.differences.len() < keys_max {
                    verdict.differences.push(difference);
                }
            }
            match piece.next {
                Some(next) => from = Some(next),
                None => break,
            }
        }
        if verdict.skipped.is_none() {
            verdict.store_rows = self.count(name).await?;
        }
        if moving > 0 {
            let rows = counted(moving, "row");
            verdict.notes.push(format!("{rows} changed too often to be compared"));
        }
        Ok(verdict)
    }

    /// The rows of a table that a reader sees.
    async fn count(&self, name: &str) -> Result<u64> {
        let target = self.subject(name.to_owned()).await?.map_err(Error::transient)?.target;
        let from = match target.mode {
            Mode::Mirror | Mode::Append => ddl::name(&target.name),
            Mode::History => store::history::current(&target),
        };
        let rows = self.origin.store.query(&format!("SELECT count() FROM {from}")).await?;
        let count = rows.first().and_then(|row| row.first()?.as_ref()?.parse().ok());
        count.ok_or_else(|| Error::bug("the store does not count"))
    }

    /// Where the database's log ends: what was committed before is compared.
    pub(crate) async fn end_of_log(&self) -> Result<Lsn> {
        let address = self.address()?;
        let look = async {
            let client = source::client::connect(address).await?;
            source::catalog::end_of_log(&client).await
        };
        in_time(look).await
    }
}
