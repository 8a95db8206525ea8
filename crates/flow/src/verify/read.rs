//! Asks both sides at once and reads what they answer.

use super::narrow::{Hashes, Sum, Sums};
use super::sides::{Ask, Sides};
use futures_util::TryStreamExt;
use futures_util::future::try_join_all;
use model::{Error, Result};
use source::client::pg_error;
use std::collections::HashMap;
use std::pin::pin;
use std::str::FromStr;
use store::{Rows, Store};
use tokio_postgres::Client;
use tokio_postgres::types::ToSql;

/// A connection of the snapshot and the pages that it reads.
pub(super) struct Reader<'a> {
    pub(super) client: &'a Client,
    pub(super) pages: Option<String>,
}

pub(super) struct Both<'a> {
    pub(super) sides: &'a Sides,
    pub(super) readers: &'a [Reader<'a>],
    pub(super) store: &'a dyn Store,
}

impl Both<'_> {
    /// The statement of each reader, beside the reader.
    fn statements(&self, ask: Ask<'_>) -> impl Iterator<Item = (&Client, String)> {
        let statement =
            move |reader: &Reader<'_>| self.sides.postgres(ask, reader.pages.as_deref());
        self.readers.iter().map(move |reader| (reader.client, statement(reader)))
    }

    pub(super) async fn sums(&self) -> Result<(Sums, Sums)> {
        let store = async {
            let rows = self.store.query(&self.sides.clickhouse(Ask::Sums)).await?;
            rows.iter().map(|row| store_sum(row)).collect::<Result<Sums>>()
        };
        let source = self.statements(Ask::Sums).map(|(client, sql)| source_sums(client, sql));
        let (source, store) = tokio::try_join!(try_join_all(source), store)?;
        let mut merged = Sums::new();
        for (range, sum) in source.into_iter().flatten() {
            let all = merged.entry(range).or_default();
            all.rows += sum.rows;
            all.hashes += sum.hashes;
        }
        Ok((merged, store))
    }

    pub(super) async fn rows(&self, ranges: &[String]) -> Result<(Vec<Hashes>, Vec<Hashes>)> {
        let ask = Ask::Rows(ranges);
        let store = async {
            let rows = self.store.query(&self.sides.clickhouse(ask)).await?;
            store_hashes(&rows)
        };
        let source = self.statements(ask).map(|(client, sql)| source_hashes(client, sql));
        let (source, store) = tokio::try_join!(try_join_all(source), store)?;
        Ok((source.concat(), store))
    }

    /// Keys as text, by their hash.
    pub(super) async fn source_keys(&self, hashes: &[i64]) -> Result<HashMap<i64, String>> {
        let keys = self.statements(Ask::Keys(hashes)).map(|(client, sql)| keys(client, sql));
        Ok(try_join_all(keys).await?.into_iter().flatten().collect())
    }

    pub(super) async fn store_keys(&self, hashes: &[i64]) -> Result<HashMap<i64, String>> {
        let rows = self.store.query(&self.sides.clickhouse(Ask::Keys(hashes))).await?;
        let read = |row: &Vec<Option<String>>| match row.as_slice() {
            [Some(hash), Some(key)] => Ok((parsed(hash)?, key.clone())),
            _ => Err(unreadable()),
        };
        rows.iter().map(read).collect()
    }
}

pub(super) fn reading(error: tokio_postgres::Error) -> Error {
    pg_error("read the source's rows", error)
}

async fn source_sums(client: &Client, sql: String) -> Result<Vec<(String, Sum)>> {
    let rows = client.query(&sql, &[]).await.map_err(reading)?;
    let sum = |row: &tokio_postgres::Row| {
        let rows = row.get::<_, i64>(1) as u64;
        Ok((row.get(0), Sum { rows, hashes: parsed(row.get(2))? }))
    };
    rows.iter().map(sum).collect()
}

async fn source_hashes(client: &Client, sql: String) -> Result<Vec<Hashes>> {
    let none: [&(dyn ToSql + Sync); 0] = [];
    let mut rows = pin!(client.query_raw(&sql, none).await.map_err(reading)?);
    let mut hashes = Vec::new();
    while let Some(row) = rows.try_next().await.map_err(reading)? {
        hashes.push((row.get(0), row.get(1)));
    }
    Ok(hashes)
}

async fn keys(client: &Client, sql: String) -> Result<Vec<(i64, String)>> {
    let rows = client.query(&sql, &[]).await.map_err(reading)?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

fn store_sum(row: &[Option<String>]) -> Result<(String, Sum)> {
    match row {
        [Some(range), Some(rows), Some(hashes)] => {
            Ok((range.clone(), Sum { rows: parsed(rows)?, hashes: parsed(hashes)? }))
        }
        _ => Err(unreadable()),
    }
}

/// 32 hex digits a row, one field a range.
fn store_hashes(rows: &Rows) -> Result<Vec<Hashes>> {
    let mut hashes = Vec::new();
    for row in rows {
        let [Some(digits)] = row.as_slice() else { return Err(unreadable()) };
        let half = |digits: &[u8]| {
            let text = std::str::from_utf8(digits).map_err(|_| unreadable())?;
            u64::from_str_radix(text, 16).map(|bits| bits as i64).map_err(|_| unreadable())
        };
        for row in digits.as_bytes().chunks(32) {
            let (key, all) = row.split_at_checked(16).ok_or_else(unreadable)?;
            hashes.push((half(key)?, half(all)?));
        }
    }
    Ok(hashes)
}

pub(super) fn parsed<T: FromStr>(text: &str) -> Result<T> {
    text.parse().map_err(|_| unreadable())
}

pub(super) fn unreadable() -> Error {
    Error::bug("cannot read what a side of the comparison answered")
}
