//! `millrace verify --sample`, `--continuous`: a piece at a time, with long pauses, beside production.
//!
//! ```text
//! round ─▶ table ─▶ piece ─▶ what differs is printed ─▶ rest, 19 times as long as the piece took
//! ```
//!
//! A source that is busy answers later, and is asked the less.

use super::json;
use crate::cli::Answer;
use crate::running::Running;
use crate::talk::{self, Paint};
use flow::verify::{Difference, Piece, PieceOptions};
use model::words::{counted, grouped};
use model::{Error, Fate, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// One part in so many of the time somebody is asked.
const LOAD: u32 = 20;
/// What could not be asked is asked again.
const AGAIN_AFTER: Duration = Duration::from_secs(5);
/// Of one round. A continuous one goes on whatever happens.
const TRIES_MOST: u32 = 5;
/// Between the rounds of a small database.
const ROUND_LEAST: Duration = Duration::from_secs(10);
/// What was printed is not printed again, as far as we remember.
const REMEMBERED_MOST: usize = 10_000;

pub(super) struct Rounds {
    pub(super) tables: Vec<String>,
    pub(super) percent: f64,
    pub(super) continuous: bool,
    pub(super) keys_max: usize,
    pub(super) json: bool,
}

/// Who compares.
pub(super) enum Mill {
    /// The `up` that runs here.
    Other(Running),
    Own(flow::Handle),
}

impl Mill {
    async fn tables(&self) -> Result<Vec<String>> {
        let named = |name: Option<&str>, state: Option<&str>| {
            let is_there = state != Some("removed");
            name.filter(|_| is_there).map(str::to_owned)
        };
        match self {
            Mill::Other(running) => {
                let running = running.clone();
                let text = in_background(move || running.get("/api/status")).await?;
                let report: serde_json::Value = serde_json::from_str(&text).map_err(json)?;
                let tables = report["tables"].as_array().into_iter().flatten();
                Ok(tables.filter_map(|t| named(t["name"].as_str(), t["state"].as_str())).collect())
            }
            Mill::Own(handle) => {
                let tables = handle.report().tables;
                let named =
                    |t: &flow::status::TableReport| named(Some(&t.name), Some(t.state.name()));
                Ok(tables.iter().filter_map(named).collect())
            }
        }
    }

    async fn piece(&self, options: &PieceOptions) -> Result<Piece> {
        match self {
            Mill::Other(running) => {
                let running = running.clone();
                let body = serde_json::to_string(options).map_err(json)?;
                let answer =
                    in_background(move || running.post("/api/verify/piece", &body)).await?;
                serde_json::from_str(&answer).map_err(json)
            }
            Mill::Own(handle) => handle.verify_piece(options).await,
        }
    }
}

async fn in_background<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Error::bug("the question broke").source(error))?
}

/// What a round, or all of them, came to.
#[derive(Default)]
struct Sum {
    rows: u64,
    /// Tables and keys, each once however many rounds find it; not more than are remembered.
    differences: BTreeSet<(String, String)>,
    moving: u64,
    tables: BTreeSet<String>,
    /// Why tables were not compared, in no round.
    skipped: BTreeMap<String, String>,
}

impl Sum {
    fn is_equal(&self) -> bool {
        self.differences.is_empty() && self.skipped.is_empty()
    }

    fn add(&mut self, other: &Sum) {
        self.rows += other.rows;
        self.moving += other.moving;
        self.tables.extend(other.tables.iter().cloned());
        other.differences.iter().for_each(|(table, key)| self.differ(table, key));
        self.skipped.extend(other.skipped.iter().map(|(name, why)| (name.clone(), why.clone())));
        // One that was being copied in some round was compared in another.
        self.skipped.retain(|name, _| !self.tables.contains(name));
    }

    fn differ(&mut self, table: &str, key: &str) {
        if self.differences.len() < REMEMBERED_MOST {
            self.differences.insert((table.to_owned(), key.to_owned()));
        }
    }

    fn json(&self, rounds: u64, took: Duration) -> serde_json::Value {
        serde_json::json!({
            "equal": self.is_equal(),
            "rounds": rounds,
            "rows": self.rows,
            "tables": self.tables,
            "differences": self.differences.len(),
            "moving": self.moving,
            "not_compared": self.skipped,
            "seconds": took.as_secs_f64(),
        })
    }

    fn render(&self) -> String {
        let (rows, tables) =
            (counted(self.rows, "row"), counted(self.tables.len() as u64, "table"));
        let mut text = match self.is_equal() {
            true => talk::data("equal", Paint::Green),
            false => talk::data("not equal", Paint::Red),
        };
        text += &format!(": {rows} of {tables} compared");
        if !self.differences.is_empty() {
            text += &format!(", {}", counted(self.differences.len() as u64, "differing key"));
        }
        if self.moving > 0 {
            text += &format!(", {} changed too fast to be compared", grouped(self.moving));
        }
        if !self.skipped.is_empty() {
            text += &format!(", {} not compared", counted(self.skipped.len() as u64, "table"));
        }
        text
    }
}

/// Until all is compared, or until `stop`.
pub(super) async fn run(
    rounds: Rounds,
    mill: Mill,
    stop: impl Future<Output = ()>,
) -> Result<Answer> {
    let mut walk = Walk {
        rounds,
        mill,
        number: 0,
        all: Sum::default(),
        now: Sum::default(),
        said: Said::default(),
    };
    let begun = Instant::now();
    tokio::select! {
        ended = walk.go() => ended?,
        () = stop => {}
    }
    // The round that was interrupted counts as far as it came.
    let now = std::mem::take(&mut walk.now);
    walk.all.add(&now);
    walk.print_end(begun.elapsed())?;
    Ok(if walk.all.is_equal() { Answer::Yes } else { Answer::No })
}

/// What was said before.
#[derive(Default)]
struct Said {
    differences: BTreeSet<(String, String, String)>,
    skipped: BTreeMap<String, String>,
    columns: BTreeSet<String>,
}

struct Walk {
    rounds: Rounds,
    mill: Mill,
    /// Rounds that are over.
    number: u64,
    all: Sum,
    now: Sum,
    said: Said,
}

impl Walk {
    async fn go(&mut self) -> Result<()> {
        loop {
            let begun = Instant::now();
            self.round().await?;
            self.number += 1;
            let round = std::mem::take(&mut self.now);
            self.all.add(&round);
            if !self.rounds.continuous {
                return Ok(());
            }
            self.print_round(&round, begun.elapsed())?;
            tokio::time::sleep(ROUND_LEAST.saturating_sub(begun.elapsed())).await;
        }
    }

    async fn round(&mut self) -> Result<()> {
        let tables = match self.rounds.tables.is_empty() {
            false => self.rounds.tables.clone(),
            true => loop {
                match self.mill.tables().await {
                    Ok(tables) => break tables,
                    Err(error) => self.wait_after(error, 1).await?,
                }
            },
        };
        for name in tables {
            self.table(name).await?;
        }
        Ok(())
    }

    async fn table(&mut self, table: String) -> Result<()> {
        let percent = self.rounds.percent;
        let mut options = PieceOptions { table, percent, from: None };
        let (mut tries, mut shown) = (0, 0);
        loop {
            let piece = match self.mill.piece(&options).await {
                Ok(piece) => piece,
                Err(error) => {
                    tries += 1;
                    self.wait_after(error, tries).await?;
                    continue;
                }
            };
            tries = 0;
            self.take(&options.table, &piece, &mut shown)?;
            tokio::time::sleep(Duration::from_millis(piece.busy_ms.max(1)) * (LOAD - 1)).await;
            match piece.next {
                Some(next) => options.from = Some(next),
                None => return Ok(()),
            }
        }
    }

    async fn wait_after(&mut self, error: Error, tries: u32) -> Result<()> {
        let may_pass = error.fate() == Fate::Transient || matches!(self.mill, Mill::Other(_));
        if !may_pass || (!self.rounds.continuous && tries >= TRIES_MOST) {
            return Err(error);
        }
        talk::say(format!("{}; it is tried again", error.report()));
        tokio::time::sleep(AGAIN_AFTER).await;
        Ok(())
    }

    fn take(&mut self, table: &str, piece: &Piece, shown: &mut usize) -> Result<()> {
        if let Some(why) = &piece.skipped {
            self.now.skipped.insert(table.to_owned(), why.clone());
            if self.said.skipped.insert(table.to_owned(), why.clone()).as_ref() != Some(why) {
                let why = why.replace('\n', "\n  ");
                let what = talk::data("not compared", Paint::Yellow);
                self.print(
                    || format!("{what}  {table}: {why}\n"),
                    || serde_json::json!({ "table": table, "not_compared": why }),
                )?;
            }
            return Ok(());
        }
        self.now.tables.insert(table.to_owned());
        self.now.rows += piece.rows;
        self.now.moving += piece.moving;
        piece.differences.iter().for_each(|found| self.now.differ(table, &found.key));
        for column in &piece.columns_not_compared {
            if self.said.columns.insert(format!("{table}.{column}")) {
                talk::say(format!("note: {table}.{column} is not compared"));
            }
        }
        for Difference { kind, key } in &piece.differences {
            let is_new = self.said.differences.len() >= REMEMBERED_MOST
                || self.said.differences.insert((table.into(), kind.clone(), key.clone()));
            if is_new && *shown < self.rounds.keys_max {
                *shown += 1;
                let (mode, what) = (&piece.mode, talk::data("differs", Paint::Red));
                self.print(
                    || format!("{what}  {table} ({mode}): {kind} {key}\n"),
                    || serde_json::json!({ "table": table, "kind": kind, "key": key }),
                )?;
            }
        }
        Ok(())
    }

    fn print_round(&self, round: &Sum, took: Duration) -> Result<()> {
        let number = self.number;
        self.print(
            || format!("round {number}: {} in {}\n", round.render(), seconds(took)),
            || round.json(number, took),
        )
    }

    fn print_end(&self, took: Duration) -> Result<()> {
        let rounds = match self.rounds.continuous {
            true => format!(", in {} and {}", counted(self.number, "whole round"), seconds(took)),
            false => format!(" in {}", seconds(took)),
        };
        self.print(
            || format!("{}{rounds}\n", self.all.render()),
            || self.all.json(self.number, took),
        )
    }

    fn print(
        &self,
        text: impl FnOnce() -> String,
        json: impl FnOnce() -> serde_json::Value,
    ) -> Result<()> {
        match self.rounds.json {
            true => talk::print(&format!("{}\n", json())),
            false => talk::print(&text()),
        }
    }
}

fn seconds(took: Duration) -> String {
    format!("{:.0} s", took.as_secs_f64().ceil())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_says_what_was_compared_and_what_was_not() {
        let mut sum = Sum { rows: 1200, moving: 3, ..Sum::default() };
        sum.tables.insert("public.a".into());
        assert_eq!(
            sum.render(),
            "equal: 1,200 rows of 1 table compared, 3 changed too fast to be compared"
        );
        assert!(sum.is_equal());
        sum.skipped.insert("public.b".into(), "copying".into());
        for key in ["1", "2", "2"] {
            sum.differ("public.a", key);
        }
        assert_eq!(
            sum.render(),
            "not equal: 1,200 rows of 1 table compared, 2 differing keys, 3 changed too fast to be \
             compared, 1 table not compared"
        );
        let mut later = Sum { rows: 10, ..Sum::default() };
        later.tables.insert("public.b".into());
        later.differ("public.a", "1");
        sum.add(&later);
        assert_eq!((sum.skipped.len(), sum.differences.len(), sum.rows), (0, 2, 1210));
    }
}
