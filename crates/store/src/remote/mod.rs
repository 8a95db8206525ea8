//! A ClickHouse that is not ours: a server, a cluster's, the Cloud's, over HTTP(S).
//!
//! ```text
//! Remote ─▶ Server ─▶ Line ─▶ Upload      the same SQL, DDL and encoded bytes as the embedded home
//!           pinned    one     the data    sends to its engine
//! ```
//!
//! # What differs from an engine in the process
//! - **An answer may be lost** when all was done. Sent again, a block of facts or changes is there once
//!   (`repeat`), one of a mirror replaces itself, and a statement of ours changes nothing the second time. So
//!   a lost answer is a transient error, and that is all.
//! - **Identical blocks without a token are dropped** by replicated tables, by their content: rows that were
//!   deleted meanwhile would stay away. So only blocks with a token are compared (`insert_deduplicate`).
//! - **A user's profile** may say how statements behave. What would bend rows is set with every request.
//! - **The server may be away** at any time, at the start too: our own tables are set up by whatever is
//!   asked first.
//!
//! Why no client library: `docs/decisions/0007`.

mod address;
mod astray;
mod clustered;
mod doubts;
mod fence;
mod form;
mod line;
mod mutation;
mod preflight;
mod profile;
mod quorum;
mod repeat;
mod server;
mod tls;
mod upload;

pub use address::{Address, Hidden};
pub use line::Login;
pub use preflight::Remark;
pub use quorum::Quorum;
pub use tls::Certificates;

use crate::{
    Beside, BoxFuture, Claimed, Insert, Layout, Reader, Receipt, Rows, Store, ddl, insert, native,
    tsv,
};
use doubts::{Doubts, Work};
use fence::{Begun, Claim};
use line::{Ask, Failed};
use model::{Cells, Error, Fate, Kind, Result, TableName};
use mutation::Left;
use quorum::Turns;
use repeat::Unanswered;
use server::Server;
use std::fmt;
use std::hash::Hash;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{OnceCell, watch};
use upload::Upload;

/// What a server tells of others, too, that it waits for.
const TIMEOUT_EXCEEDED: u32 = 159;
/// A block or a record is written by then; the server's own limit for a silent client is the same.
const INSERT_MOST: Duration = Duration::from_secs(300);
/// A comparison of a large table takes its time.
const QUERY_MOST: Duration = Duration::from_secs(3600);
/// So does rewriting one.
const STATEMENT_MOST: Duration = Duration::from_secs(6 * 3600);
/// Once it was answered.
const FILLED_AFTER_MOST: Duration = Duration::from_secs(10);
/// Large values of a batch are the largest that is ever read back, and no value is larger at the source.
const ANSWER_BYTES_MAX: usize = if cfg!(test) { 128 << 10 } else { 1 << 30 };

/// How to get in. Asked for each connection, so that a token that was replaced in its file is used.
pub type Logins = Arc<dyn Fn() -> Result<Login> + Send + Sync>;

#[derive(Clone)]
pub struct RemoteOptions {
    pub address: Address,
    pub login: Logins,
    pub certificates: Certificates,
    /// What counts as written; `None`: what one replica has.
    pub quorum: Option<Quorum>,
    /// All servers of it keep the rows, by the statements that one of them is sent.
    pub cluster: Option<String>,
    /// The slot of the pipeline that writes there; `None`: somebody who looks, and makes nothing.
    pub slot: Option<String>,
    /// The folder that is locked for it (`DataDir::place_of_life`): no other process that runs is at the same.
    pub place: Option<String>,
}

impl RemoteOptions {
    /// Of nobody in particular, who only looks.
    pub fn new(address: Address) -> RemoteOptions {
        RemoteOptions {
            address,
            login: Arc::new(|| Ok(Login::Nobody)),
            certificates: Certificates::default(),
            quorum: None,
            cluster: None,
            slot: None,
            place: None,
        }
    }
}

impl fmt::Debug for RemoteOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteOptions").field("address", &self.address).finish_non_exhaustive()
    }
}

/// The server. Clones share its connections.
#[derive(Clone, Debug)]
pub struct Remote {
    inner: Arc<Inner>,
}

struct Inner {
    server: Server,
    layout: Layout,
    set_up: OnceCell<()>,
    doubts: Doubts,
    turns: Turns,
    unanswered: Unanswered,
    left: Left,
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.server.options.fmt(f)
    }
}

#[cfg(test)]
impl Remote {
    /// One that is asked nothing.
    fn nowhere() -> Remote {
        Remote::of_test(80)
    }

    fn of_test(port: u16) -> Remote {
        let options = RemoteOptions::new(format!("http://127.0.0.1:{port}").parse().unwrap());
        Remote::new(options).unwrap()
    }
}

impl Remote {
    /// Reads the certificates, and connects to nobody yet.
    pub fn new(options: RemoteOptions) -> Result<Remote> {
        let layout = Layout::of(options.cluster.as_deref());
        let (server, doubts) = (Server::new(options)?, Doubts::default());
        let (set_up, turns) = (OnceCell::new(), Turns::default());
        let (unanswered, left) = (Unanswered::default(), Left::default());
        let inner = Inner { server, layout, set_up, doubts, turns, unanswered, left };
        Ok(Remote { inner: Arc::new(inner) })
    }

    /// `host:port`
    pub fn place(&self) -> String {
        self.inner.server.options.address.place()
    }

    /// Once, for a pipeline: nobody else writes to our own tables, and they are there.
    async fn set_up(&self) -> Result<()> {
        let Some(slot) = &self.inner.server.options.slot else { return Ok(()) };
        let making = async {
            self.is_alone(slot).await?;
            let layout = &self.inner.layout;
            for statement in layout.system().into_iter().chain([layout.claims()]) {
                self.run(&statement, "set up our own tables").await?;
            }
            self.catch_up().await
        };
        self.inner.set_up.get_or_try_init(|| making).await.map(drop)
    }

    /// The pipeline of another slot is refused before anything is done.
    async fn is_alone(&self, slot: &str) -> Result<()> {
        let place = self.place();
        let asked = self.is_laid_out_otherwise().await;
        if asked.map_err(|failed| failed.error("read our own tables", &place))? {
            return Err(self.laid_out_otherwise());
        }
        let other = self.other_slot(slot).await;
        if let Some(other) = other.map_err(|failed| failed.error("read our own tables", &place))? {
            return Err(Error::definite(format!("cannot use {place} for slot {slot}"))
                .detail(format!(
                    "The pipeline of slot {other} keeps its books there, in the database millrace, and two \
                     would overwrite each other's."
                ))
                .hint(forget(&other)));
        }
        Ok(())
    }

    /// An earlier process of ours may have left statements running: they would write after us.
    async fn end_others(&self, slot: &str) -> Result<()> {
        let ours = ddl::literal(&server::names(Some(slot)));
        let now = ddl::literal(self.inner.server.name());
        let which = format!("startsWith(query_id, {ours}) AND NOT startsWith(query_id, {now})");
        self.inner.server.end(&which).await
    }

    async fn claims(&self, slot: &str) -> Result<Vec<Claim>> {
        fence::read(tsv::read(&self.read(&fence::question(slot), "TabSeparated").await?))
    }

    async fn newest_claim(&self, slot: &str) -> Result<Claim> {
        Ok(self.claims(slot).await?.into_iter().next().unwrap_or_default())
    }

    async fn begin_behind(&self, slot: &str) -> Result<Option<Claimed>> {
        self.inner.left.forget();
        let (fence, then) = (&self.inner.server.fence, Instant::now());
        match fence.begin(self.newest_claim(slot).await?, then) {
            Begun::Anothers(Claim { holder, source, .. }) => {
                return Ok(Some(Claimed { holder, source }));
            }
            Begun::Settles(at) => {
                tokio::time::sleep_until(at.into()).await;
                // Another one may have come meanwhile.
                let (then, newest) = (Instant::now(), self.newest_claim(slot).await?);
                fence.looked(newest.clone(), then)?;
                self.end_others(slot).await?;
                fence.has_ended_others();
                if let Some(settled) = fence.settled(&newest) {
                    self.write_claim(&settled, slot).await?;
                    let then = Instant::now();
                    fence.claimed(self.claims(slot).await?, then, watch::channel(false).1)?;
                }
            }
            Begun::Ours { ends_others: true } => {
                self.end_others(slot).await?;
                fence.has_ended_others();
            }
            Begun::Ours { ends_others: false } => {}
        }
        Ok(None)
    }

    async fn write_claim(&self, claim: &Claim, slot: &str) -> Result<()> {
        self.record_rows(fence::CLAIMS, claim.row(slot)).await
    }

    /// For a person: the answer in that format, or all that the server says. `USE` and `SET` last for those
    /// who name the same session.
    pub async fn answer(&self, sql: &str, format: &str, session: &str) -> Result<Vec<u8>> {
        let mut ask = Ask::text(sql.to_owned(), QUERY_MOST, ANSWER_BYTES_MAX);
        ask.format = format.to_owned();
        ask.settings.push(("session_id", session.to_owned()));
        self.inner.server.ask(ask).await.map_err(|failed| match failed {
            Failed::Exception(exception) => Error::definite(exception.text),
            failed => failed.error("ask the store", &self.place()),
        })
    }

    fn work(&self, what: impl Hash) -> Work {
        self.inner.doubts.work(what)
    }

    fn quorum(&self) -> Vec<(&'static str, String)> {
        self.inner.server.options.quorum.map(Quorum::settings).unwrap_or_default()
    }

    fn judged<T>(&self, work: Work, doing: &str, answered: Result<T, Failed>) -> Result<T> {
        let doubts = &self.inner.doubts;
        let failed = match answered {
            Ok(answer) => {
                doubts.went_well(work);
                return Ok(answer);
            }
            Err(failed) => failed,
        };
        // One of a cluster's servers is away.
        let is_awaited = self.inner.layout.cluster().is_some()
            && failed.exception().is_some_and(|said| said.code == TIMEOUT_EXCEEDED);
        let is_over =
            !is_awaited && failed.is_doubtful() && !doubts.once_more(work, Instant::now());
        let is_late = failed.is_of_names() && self.inner.server.may_lack_names();
        let error = failed.error(doing, &self.place());
        Err(match (is_over, is_late) {
            (true, _) => error.lasting(),
            (_, true) => error.passing(),
            _ => error,
        })
    }

    async fn run(&self, sql: &str, doing: &str) -> Result<()> {
        let mut ask = Ask::text(sql.to_owned(), STATEMENT_MOST, ANSWER_BYTES_MAX);
        ask.settings.push(("insert_deduplicate", "0".into()));
        ask.settings.extend(self.quorum());
        ask.settings.push(quorum::as_written());
        ask.writes = true;
        self.judged(self.work(sql), doing, self.inner.server.ask(ask).await.map(drop))
    }

    async fn read(&self, sql: &str, format: &str) -> Result<Vec<u8>> {
        let mut ask = Ask::text(sql.to_owned(), QUERY_MOST, ANSWER_BYTES_MAX);
        ask.format = format.to_owned();
        ask.settings.push(quorum::as_written());
        self.judged(self.work(sql), "read from the store", self.inner.server.ask(ask).await)
    }

    async fn read_beside(
        &self,
        sql: &str,
        format: &str,
        beside: &Beside,
    ) -> Result<Option<Vec<u8>>> {
        let (body, mut settings) = form::of(sql, beside)?;
        settings.push(quorum::as_written());
        let (patience, bytes_max) = (QUERY_MOST, ANSWER_BYTES_MAX);
        let ask =
            Ask { body, format: format.to_owned(), settings, patience, bytes_max, writes: false };
        let answered = match self.inner.server.ask(ask).await {
            Err(Failed::TooLarge(_)) => Ok(None),
            answered => answered.map(Some),
        };
        self.judged(self.work(sql), "read from the store", answered)
    }

    /// An INSERT whose data `fill` makes on a thread of its own while it is sent.
    async fn write(
        &self,
        table: &str,
        sql: &str,
        format: &str,
        has_token: bool,
        fill: impl FnOnce(&mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> + Send + 'static,
    ) -> Result<(), Failed> {
        let _turn = match self.inner.server.options.quorum {
            Some(_) => Some(self.inner.turns.wait(table).await),
            None => None,
        };
        let (mut packer, body) = Upload::filled();
        let head = format!("{sql} FORMAT {format}\n");
        let filling = tokio::task::spawn_blocking(move || {
            let nobody = |error: std::io::Error| {
                Error::transient("could not send the data: nobody takes it").source(error)
            };
            packer.write(head.as_bytes()).map_err(nobody)?;
            fill(&mut |bytes| packer.write(bytes).map_err(nobody))?;
            packer.finish().map_err(nobody)
        });
        let mut settings = vec![("insert_deduplicate", u8::from(has_token).to_string())];
        // A block whose first try reached the table and not all of its views is one for those.
        let views = "deduplicate_blocks_in_dependent_materialized_views";
        settings.push((views, u8::from(has_token).to_string()));
        settings.extend(self.quorum());
        let format = "Null".to_owned();
        let ask = Ask { body, format, settings, patience: INSERT_MOST, bytes_max: 0, writes: true };
        let answered = self.inner.server.ask(ask).await;
        if matches!(answered, Err(Failed::Exception(_) | Failed::Status(_))) {
            // Nobody reads the rest of the data.
            return answered.map(drop);
        }
        // What ends the data ends the connection, and the other way round.
        let filled = match tokio::time::timeout(FILLED_AFTER_MOST, filling).await {
            Ok(filled) => filled
                .unwrap_or_else(|error| Err(Error::bug("an encoder ended early").source(error))),
            Err(_) => {
                Err(Error::transient("could not send the data: it was answered before its end"))
            }
        };
        match (answered, filled) {
            (_, Err(error)) if error.fate() != Fate::Transient => Err(Failed::Ours(error)),
            (Err(failed), _) => Err(failed),
            // An answer before the end of the data is none.
            (Ok(_), filled) => filled.map_err(Failed::Ours),
        }
    }

    async fn record_rows(&self, into: &str, rows: Rows) -> Result<()> {
        let (sql, doing, work) =
            (insert::of_record(into), insert::doing(into), self.work((into, &rows)));
        let fill = move |sink: &mut dyn FnMut(&[u8]) -> Result<()>| sink(&tsv::write(&rows));
        let written = self.write(&doing, &sql, "TabSeparated", false, fill).await;
        self.judged(work, &doing, written)
    }

    async fn write_block(&self, insert: Insert) -> Result<Receipt> {
        let rows = insert.block.rows() as u64;
        if rows == 0 {
            return Ok(Receipt { rows });
        }
        crate::fit::check(&insert.target, &insert.block)?;
        let doing = format!("write {}", insert.target.table.name);
        let table = insert.target.rows.to_string();
        let (sql, has_token) = (insert::of_block(&insert), insert.token.is_some());
        // A block that is tried again is the one of before, and not its like. Of one with a token a part may be.
        let work = match &insert.token {
            Some(token) => self.work((&table, &token.name)),
            None => self.work((&sql, Arc::as_ptr(&insert.block))),
        };
        let fill = move |sink: &mut dyn FnMut(&[u8]) -> Result<()>| {
            native::encode(&insert.target, &insert.block, sink)
        };
        let written = self.write(&table, &sql, "Native", has_token, fill).await;
        let said = written.as_ref().err().and_then(Failed::exception);
        match said.and_then(|said| said.refusal_of_rows(&doing)) {
            Some(refusal) => Err(refusal),
            None => self.judged(work, &doing, written).map(|()| Receipt { rows }),
        }
    }
}

/// What makes room for another pipeline.
fn forget(slot: &str) -> String {
    format!(
        "one pipeline a server; where that one is no more: ALTER TABLE millrace.checkpoints DELETE WHERE slot = {}",
        ddl::literal(slot)
    )
}

impl Reader for Remote {
    fn document<'a>(
        &'a self,
        sql: &'a str,
        format: &'static str,
        settings: Vec<(&'static str, String)>,
    ) -> BoxFuture<'a, Result<Vec<u8>>> {
        Box::pin(async move {
            self.set_up().await?;
            let mut ask = Ask::text(sql.to_owned(), QUERY_MOST, ANSWER_BYTES_MAX);
            ask.format = format.to_owned();
            ask.settings.push(quorum::as_written());
            ask.settings.extend(settings);
            ask.settings.push(("readonly", "2".into()));
            self.judged(self.work(sql), "answer the query", self.inner.server.ask(ask).await)
        })
    }
}

impl Store for Remote {
    fn layout(&self) -> &Layout {
        &self.inner.layout
    }

    fn execute<'a>(&'a self, sql: &'a str) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            self.set_up().await?;
            self.run(sql, "change the store").await
        })
    }

    fn mutate<'a>(&'a self, table: &'a TableName, sql: &'a str) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            self.set_up().await?;
            self.mutate_and_wait(table, sql).await
        })
    }

    fn insert(&self, insert: Insert) -> BoxFuture<'_, Result<Receipt>> {
        Box::pin(async move {
            self.set_up().await?;
            self.write_once(insert).await
        })
    }

    fn record<'a>(&'a self, into: &'a str, rows: Rows) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            self.set_up().await?;
            self.record_rows(into, rows).await
        })
    }

    fn query<'a>(&'a self, sql: &'a str) -> BoxFuture<'a, Result<Rows>> {
        Box::pin(async move {
            self.set_up().await?;
            Ok(tsv::read(&self.read(sql, "TabSeparated").await?))
        })
    }

    fn cells<'a>(&'a self, sql: &'a str, kinds: Vec<Kind>) -> BoxFuture<'a, Result<Vec<Cells>>> {
        Box::pin(async move {
            self.set_up().await?;
            native::cells(&self.read(sql, "Native").await?, &kinds)
        })
    }

    fn answer_beside<'a>(
        &'a self,
        sql: &'a str,
        format: &'static str,
        beside: Beside,
    ) -> BoxFuture<'a, Result<Option<Vec<u8>>>> {
        Box::pin(async move {
            self.set_up().await?;
            self.read_beside(sql, format, &beside).await
        })
    }

    fn begin(&self) -> BoxFuture<'_, Result<Option<Claimed>>> {
        Box::pin(async move {
            self.set_up().await?;
            let Some(slot) = &self.inner.server.options.slot else { return Ok(None) };
            self.begin_behind(slot).await
        })
    }

    fn claim<'a>(
        &'a self,
        source: &'a str,
        held: watch::Receiver<bool>,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            self.set_up().await?;
            let Some(slot) = &self.inner.server.options.slot else { return Ok(()) };
            let (fence, then) = (&self.inner.server.fence, Instant::now());
            let newest = self.newest_claim(slot).await?;
            fence.looked(newest.clone(), then)?;
            if let Some(ours) = fence.next(&newest, source) {
                // A write like any other: there is a look before it.
                self.write_claim(&ours, slot).await?;
            }
            // Also where the answer of an earlier try was lost.
            fence.settles();
            let then = Instant::now();
            fence.claimed(self.claims(slot).await?, then, held)
        })
    }

    fn leave(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            let Some(slot) = &self.inner.server.options.slot else { return Ok(()) };
            match self.inner.server.fence.last() {
                Some(last) => self.write_claim(&last, slot).await,
                None => Ok(()),
            }
        })
    }

    fn is_taken_over(&self) -> bool {
        self.inner.server.fence.is_taken_over()
    }
}
