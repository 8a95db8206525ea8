//! A look at the catalog every few seconds: tables that came, went or changed without a row of theirs in
//! the log.

use super::Loop;
use super::following::Followed;
use crate::evolve::Need;
use crate::retry;
use crate::status::State;
use crate::task::{Task, in_time};
use model::{Error, Lsn, Result, Table, TableId};
use std::collections::HashMap;
use std::time::{Duration, Instant};
use tokio_postgres::Client;

const SURVEY_EVERY: Duration = Duration::from_secs(5);

/// What the publication has at a position of the log.
pub(super) struct Survey {
    at: Lsn,
    tables: Vec<Table>,
    client: Client,
}

pub(super) struct Surveying {
    running: Option<Task<Result<Survey>>>,
    last: Instant,
    /// Tables that the publication lacks, and where the log was when that was seen: what came before is
    /// theirs.
    gone: HashMap<TableId, Lsn>,
}

impl Surveying {
    pub(super) fn forget(&mut self) {
        self.running = None;
    }

    pub(super) fn new() -> Surveying {
        Surveying { running: None, last: Instant::now(), gone: HashMap::new() }
    }
}

pub(super) async fn surveyed(surveying: &mut Surveying) -> Result<Survey> {
    match &mut surveying.running {
        Some(task) => task.join().await?,
        None => std::future::pending().await,
    }
}

impl Loop {
    pub(super) fn start_survey(&mut self) {
        if self.surveying.running.is_some() || self.surveying.last.elapsed() < SURVEY_EVERY {
            return;
        }
        let survey = self.survey();
        self.surveying.running = Some(Task::spawn(survey));
    }

    /// Before somebody relies on every table's being what it is at the source.
    pub(super) async fn survey_now(&mut self) -> Result<()> {
        self.surveying.running = None;
        let survey = self.survey().await;
        self.on_surveyed(survey).await
    }

    fn survey(&mut self) -> impl Future<Output = Result<Survey>> + Send + 'static {
        let address = self.options.address.clone();
        let publication = self.options.publication.clone();
        let client = self.catalog.take().filter(|client| !client.is_closed());
        in_time(async move {
            let client = match client {
                Some(client) => client,
                None => source::catalog::connect(&address).await?,
            };
            let tables = source::catalog::published_tables(&client, &publication).await?;
            // After the look: rows of a table that is gone are older than this.
            let at = source::catalog::end_of_log(&client).await?;
            Ok(Survey { at, tables, client })
        })
    }

    pub(super) async fn on_surveyed(&mut self, surveyed: Result<Survey>) -> Result<()> {
        (self.surveying.running, self.surveying.last) = (None, Instant::now());
        let Survey { at, tables, client } = match surveyed {
            Ok(survey) => survey,
            // The stream tells of outages; the next look comes.
            Err(error) => {
                tracing::debug!(error = %error.report(), "could not look at the catalog");
                return Ok(());
            }
        };
        let is_published = |id: &TableId| tables.iter().any(|table| table.id == *id);
        self.surveying.gone.retain(|id, _| !is_published(id));
        for (id, entry) in &self.tables.by_id {
            if !entry.is_stopped() && !is_published(id) {
                self.surveying.gone.entry(*id).or_insert(at);
            }
        }
        let mut seen = Ok(());
        for table in tables {
            seen = self.see(table, at, &client).await;
            if seen.is_err() || self.begins_anew {
                break;
            }
        }
        self.catalog = Some(client);
        match seen {
            Ok(()) => Ok(()),
            Err(error) => self.lose_session(error),
        }
    }

    async fn see(&mut self, table: Table, at: Lsn, client: &Client) -> Result<()> {
        let id = table.id;
        match self.tables.by_id.get(&id) {
            None if self.tables.left_out.get(&id) == Some(&table) => Ok(()),
            // First the rows of the one that had its name, then they are over.
            None if self.has_namesake(&table) => Ok(()),
            None => self.admit(table, client).await.map(drop),
            Some(entry) if entry.name != table.name.to_string() => {
                self.begins_anew = true;
                Ok(())
            }
            Some(entry) if entry.state == State::Removed => {
                tracing::info!(table = %entry.name, "it is published again");
                self.republish(table, client).await
            }
            Some(_) => {
                // Of a session that ended meanwhile, the next one begins when all were seen.
                let _: Followed = self.follow(table, at, client).await?;
                if self.entry(id)?.needs_copy() && !self.gates.contains_key(&id) {
                    self.start_copies(&[id]);
                }
                Ok(())
            }
        }
    }

    fn has_namesake(&self, table: &Table) -> bool {
        let name = table.name.to_string();
        self.tables.by_id.values().any(|entry| entry.name == name && !entry.is_stopped())
    }

    /// What happened to it meanwhile is not in the log.
    async fn republish(&mut self, table: Table, client: &Client) -> Result<()> {
        let entry = self.entry(table.id)?;
        let id = entry.target.table.id;
        let (target, need) = match self.bring(table, client).await {
            Err(error) if retry::needs_help(&error) => {
                let (store, status) = (self.store.clone(), self.status.clone());
                let Some(entry) = self.tables.by_id.get_mut(&id) else { return Ok(()) };
                tracing::error!(table = %entry.name, error = %error.report(), "the table stops");
                return entry.enter(State::Failed, Some(&error), store.as_ref(), &status).await;
            }
            brought => brought?,
        };
        let past = self.entry(id)?.past_with(&target, &need);
        let need = match need {
            Need::Nothing => Need::Copy("It was not published for a while.".into()),
            need => need,
        };
        self.copy_again(target, past, need, client).await.map(drop)
    }

    /// Tables whose last rows have arrived.
    pub(super) async fn remove_gone(&mut self) -> Result<()> {
        let applied = self.positions.applied();
        let is_over = |(_, at): &(&TableId, &Lsn)| **at <= applied;
        let over: Vec<TableId> =
            self.surveying.gone.iter().filter(is_over).map(|(id, _)| *id).collect();
        for id in over {
            self.surveying.gone.remove(&id);
            self.remove_table(id).await?;
        }
        Ok(())
    }

    async fn remove_table(&mut self, id: TableId) -> Result<()> {
        self.drain().await?;
        if let Some(gate) = self.gates.remove(&id) {
            gate.close().await;
        }
        self.end_replay(id).await;
        let (store, status) = (self.store.clone(), self.status.clone());
        let Some(entry) = self.tables.by_id.get_mut(&id) else { return Ok(()) };
        tracing::warn!(table = %entry.name, "it is not published any more; what is kept of it stays as it is");
        let error = Error::definite(format!(
            "cannot stream {}: it is not published any more",
            entry.name
        ))
        .detail(
            "It was dropped, or taken out of the publication. What is kept of it stays as it is.",
        );
        entry.skipped = None;
        entry.intervals.iter_mut().for_each(crate::intervals::Intervals::restart);
        entry.enter(State::Removed, Some(&error), store.as_ref(), &status).await
    }
}
