//! Rows that go: a mutation, which a server carries out in the background, however long it takes.
//!
//! The statement is not waited for. It sends nothing while it waits, and whoever stands between us gives it up
//! after some minutes; sent again it would be one more mutation. So it is answered at once, and then it is asked
//! whether any mutation of the table is left: they come to an end in their order.
//!
//! A table that goes meanwhile has taken its rows along: the server that had it says so. Another one, that took
//! its place, may not have heard of it yet.
//!
//! A question that fails is an error like any other, so that whoever waits hears that the server is away. Who comes
//! again with the same statement soon afterwards goes on waiting: sent once more it would be one more mutation. That
//! is left for a statement whose own answer was lost in the moment that it takes. What goes is named by versions, so
//! the second one finds nothing to rewrite; and in `system.mutations` the first cannot be told from others' for
//! certain: its text there is not the one that was sent.

use super::server::locked;
use super::{Remote, STATEMENT_MOST};
use crate::cluster::Cluster;
use crate::ddl;
use crate::remote::line::{Ask, Failed};
use model::{Error, Fate, Result, TableName};
use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
const AT_ONCE: [(&str, &str); 3] = [
    ("mutations_sync", "0"),
    ("lightweight_deletes_sync", "0"),
    // Of a condition that looks at the table itself: see `flow::latest::settle`.
    ("allow_nondeterministic_mutations", "1"),
];
/// A profile may want patches instead, which are no mutations: none would ever be heard of. Older servers have
/// nothing else, and do not know the name.
const BY_MUTATION: (&str, &str) = ("lightweight_delete_mode", "alter_update");
const UNKNOWN_SETTING: u32 = 115;
/// For the question how far it is.
const PATIENCE: Duration = Duration::from_secs(30);
const BYTES_MAX: usize = 1 << 10;
/// A replica hears of a mutation from Keeper, a moment after it was answered.
const HEARD_AFTER_MOST: Duration = Duration::from_secs(10);

/// Longer than anybody waits between two tries (`flow::retry`).
const LEFT_MOST: Duration = Duration::from_secs(60);

/// Those that were sent and whose end was not seen, by their statements, with when they were left.
#[derive(Default)]
pub(super) struct Left(Mutex<HashMap<String, (Sent, Instant)>>);

impl Left {
    fn take(&self, sql: &str) -> Option<Sent> {
        let mut left = locked(&self.0);
        left.retain(|_, (_, since)| since.elapsed() < LEFT_MOST);
        left.remove(sql).map(|(sent, _)| sent)
    }

    /// Somebody else may have written since.
    pub(super) fn forget(&self) {
        locked(&self.0).clear();
    }

    fn keep(&self, sql: &str, sent: Sent) {
        locked(&self.0).insert(sql.to_owned(), (sent, Instant::now()));
    }
}

/// One that the server has.
struct Sent {
    at: Instant,
    /// As it was before.
    before: Mutations,
    /// To which server.
    to: Option<String>,
    /// That it fails there.
    told: bool,
}

/// Of one table.
struct Mutations {
    /// The number of the last one, on each shard that there is.
    last: Vec<u64>,
    left: u64,
    failing: u64,
    /// The table is.
    is_there: bool,
}

impl Mutations {
    /// Whether ours is, too, which came after `before`.
    fn are_over(&self, before: &[u64], waited: Duration, may_lag: bool) -> bool {
        let is_later = self.last.iter().zip(before).all(|(last, before)| last > before);
        let is_heard = is_later || (waited > HEARD_AFTER_MOST && !may_lag);
        is_heard && self.left == 0
    }
}

impl Remote {
    pub(super) async fn mutate_and_wait(&self, table: &TableName, sql: &str) -> Result<()> {
        let layout = &self.inner.layout;
        let (table, of) = (&layout.holder(table), of(&layout.holder(table), layout.cluster()));
        let mut sent = match self.inner.left.take(sql) {
            None => self.send_mutation(&of, sql).await?,
            Some(sent) => match self.has_it(&sent, &of).await {
                Ok(true) => sent,
                Ok(false) => self.send_mutation(&of, sql).await?,
                Err(error) => {
                    self.inner.left.keep(sql, sent);
                    return Err(error);
                }
            },
        };
        let waited = self.wait_for_mutation(table, &of, &mut sent).await;
        if waited.as_ref().is_err_and(|error| error.fate() == Fate::Transient) {
            self.inner.left.keep(sql, sent);
        }
        waited
    }

    /// A power cut may have taken it. (A replica may not have heard of it yet.)
    async fn has_it(&self, sent: &Sent, of: &str) -> Result<bool> {
        let looked = self.mutations(of).await;
        let found = self.judged(self.work(of), "read from the store", looked)?;
        let is_later = found.last.iter().zip(&sent.before.last).all(|(last, before)| last > before);
        Ok(is_later || self.inner.layout.cluster().is_some())
    }

    async fn send_mutation(&self, of: &str, sql: &str) -> Result<Sent> {
        let looked = self.mutations(of).await;
        let before = self.judged(self.work(of), "read from the store", looked)?;
        let to = self.inner.server.pinned_server();
        let mut asked = self.inner.server.ask(deleting(sql, &[BY_MUTATION])).await;
        let said = asked.as_ref().err().and_then(Failed::exception);
        if said.is_some_and(|said| said.code == UNKNOWN_SETTING) {
            asked = self.inner.server.ask(deleting(sql, &[])).await;
        }
        self.judged(self.work(sql), "change the store", asked)?;
        Ok(Sent { at: Instant::now(), before, to, told: false })
    }

    async fn wait_for_mutation(&self, table: &TableName, of: &str, sent: &mut Sent) -> Result<()> {
        let mut pause = FIRST_PAUSE;
        loop {
            let found = self.mutations(of).await;
            let found = found
                .map_err(|failed| failed.error("see whether rows are deleted", &self.place()))?;
            let may_lag = self.inner.server.may_lag();
            if found.are_over(&sent.before.last, sent.at.elapsed(), may_lag) {
                return Ok(());
            }
            let is_gone = sent.before.is_there && !found.is_there;
            if is_gone && self.inner.server.pinned_server() == sent.to {
                tracing::warn!(%table, "it was dropped while rows of it were deleted");
                return Ok(());
            }
            if found.failing > 0 && !std::mem::replace(&mut sent.told, true) {
                tracing::warn!(%table, "a mutation fails at the server, which tries it again; its reason is in system.mutations");
            }
            if sent.at.elapsed() > STATEMENT_MOST {
                return Err(Error::transient(format!("could not delete rows of {table}"))
                    .detail("A mutation of it has not been seen to end for hours.")
                    .hint(format!(
                        "SELECT * FROM system.mutations WHERE {}",
                        which(table, "table")
                    )));
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn mutations(&self, of: &str) -> Result<Mutations, Failed> {
        let ask = Ask::text(of.to_owned(), PATIENCE, BYTES_MAX);
        let mut found = Mutations { last: Vec::new(), left: 0, failing: 0, is_there: false };
        for row in crate::tsv::read(&self.inner.server.ask(ask).await?) {
            let mut fields = row.into_iter().flatten().map(|field| field.parse::<u64>().ok());
            let mut next = || fields.next().flatten();
            let read = (next(), next(), next(), next());
            let (Some(last), Some(left), Some(failing), Some(tables)) = read else {
                return Err(Error::bug("a row of system.mutations does not read back").into());
            };
            found.last.push(last);
            (found.left, found.failing) = (found.left + left, found.failing + failing);
            found.is_there = tables > 0;
        }
        Ok(found)
    }
}

fn deleting(sql: &str, more: &[(&'static str, &str)]) -> Ask {
    let mut ask = Ask::text(sql.to_owned(), STATEMENT_MOST, 0);
    ask.writes = true;
    let settings = AT_ONCE.iter().chain(more);
    ask.settings.extend(settings.map(|(name, value)| (*name, (*value).to_owned())));
    ask
}

/// The number of the last one, of those that are left, and of those that fail: a row for each shard. On a cluster
/// the replica says so that reads of ours come to; the others follow it, as with rows that come.
fn of(table: &TableName, cluster: Option<&Cluster>) -> String {
    let counts = "max(toUInt64OrZero(extract(mutation_id, '[0-9]+'))), countIf(NOT is_done), \
                  countIf(NOT is_done AND latest_fail_reason != '')";
    let tables = format!("(SELECT count() FROM system.tables WHERE {})", which(table, "name"));
    let which = which(table, "table");
    let Some(cluster) = cluster else {
        return format!("SELECT {counts}, {tables} FROM system.mutations WHERE {which}");
    };
    let (there, name) = (cluster.of_each_shard("system.mutations"), ddl::literal(cluster.name()));
    format!(
        "SELECT max(found.2.1), sum(found.2.2), sum(found.2.3), {tables} FROM (\
         SELECT (toUInt64(_shard_num), ({counts})) AS found FROM {there} WHERE {which} GROUP BY _shard_num \
         UNION ALL SELECT DISTINCT (toUInt64(shard_num), (toUInt64(0), toUInt64(0), toUInt64(0))) \
         FROM system.clusters WHERE cluster = {name}) GROUP BY found.1 ORDER BY found.1"
    )
}

fn which(table: &TableName, called: &str) -> String {
    let [database, name] = [&table.schema, &table.table].map(|name| ddl::literal(name));
    format!("database = {database} AND {called} = {name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_replica_has_not_heard_of_is_not_over() {
        let (now, late) = (Duration::ZERO, HEARD_AFTER_MOST * 2);
        let over = |last, left, waited, may_lag| {
            let last = vec![8, last];
            let found = Mutations { last, left, failing: 0, is_there: true };
            found.are_over(&[7, 7], waited, may_lag)
        };
        assert!(over(8, 0, now, true) && !over(8, 1, late, false));
        assert!(over(7, 0, late, false));
        assert!(!over(7, 0, now, false) && !over(7, 0, late, true));
    }
}
