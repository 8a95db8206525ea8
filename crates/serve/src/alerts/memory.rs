//! What rules have to remember, in the store's own tables: over restarts, and over machines where the store is a server.

use alerts::{BoxFuture, Memory};
use jiff::Timestamp;
use model::Result;
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use store::{Store, ddl};

const STATE: &str = "millrace.alert_state (kind, key, body, version, gone)";
const HISTORY: &str = "millrace.alert_history (at, id, body)";

pub(super) struct InStore {
    store: Arc<dyn Store>,
    /// The last one written.
    version: AtomicU64,
}

impl InStore {
    pub(super) fn new(store: Arc<dyn Store>) -> InStore {
        InStore { store, version: AtomicU64::new(0) }
    }

    /// Larger than any before, in this process and in those before it.
    fn next_version(&self) -> u64 {
        let now = u64::try_from(Timestamp::now().as_microsecond()).unwrap_or(0);
        let next = |last: u64| Some(now.max(last + 1));
        let last = self.version.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
        now.max(last.unwrap_or(0) + 1)
    }
}

type Rows = Vec<(String, Option<String>)>;

impl Memory for InStore {
    fn load<'a>(&'a self, kind: &'static str) -> BoxFuture<'a, Result<Vec<(String, String)>>> {
        Box::pin(async move {
            // Also of what is gone: a clock that was set back writes nothing under what is there.
            let newest = self.store.query("SELECT max(version) FROM millrace.alert_state").await?;
            let newest = newest.into_iter().flatten().next().flatten();
            let newest = newest.and_then(|text| text.parse().ok()).unwrap_or(0);
            self.version.fetch_max(newest, Ordering::Relaxed);
            let kind = ddl::literal(kind);
            let sql =
                format!("SELECT key, body FROM millrace.alert_state FINAL WHERE kind = {kind}");
            let rows = self.store.query(&sql).await?;
            let pair = |row: Vec<Option<String>>| {
                let mut fields = row.into_iter();
                Some((fields.next()??, fields.next()??))
            };
            Ok(rows.into_iter().filter_map(pair).collect())
        })
    }

    fn save<'a>(&'a self, kind: &'static str, rows: Rows) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let version = self.next_version().to_string();
            let row = |(key, body): (String, Option<String>)| {
                let gone = if body.is_none() { "1" } else { "0" };
                let body = body.unwrap_or_default();
                [kind.to_owned(), key, body, version.clone(), gone.to_owned()].map(Some).to_vec()
            };
            self.store.record(STATE, rows.into_iter().map(row).collect()).await
        })
    }

    fn append<'a>(&'a self, lines: Vec<(i64, String)>) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let row = |(at_ms, body): (i64, String)| {
                let at = Timestamp::from_millisecond(at_ms).unwrap_or_default();
                let at = at.strftime("%Y-%m-%d %H:%M:%S%.3f").to_string();
                let id: String = Sha256::digest(&body)
                    .iter()
                    .take(8)
                    .map(|byte| format!("{byte:02x}"))
                    .collect();
                [at, id, body].map(Some).to_vec()
            };
            self.store.record(HISTORY, lines.into_iter().map(row).collect()).await
        })
    }

    fn history<'a>(&'a self, limit: usize) -> BoxFuture<'a, Result<Vec<String>>> {
        Box::pin(async move {
            let sql = format!(
                "SELECT body FROM millrace.alert_history FINAL ORDER BY at DESC, id LIMIT {limit}"
            );
            let rows = self.store.query(&sql).await?;
            Ok(rows.into_iter().filter_map(|row| row.into_iter().next().flatten()).collect())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_saved_is_there_again_and_what_is_gone_is_not() {
        let store: Arc<dyn Store> = Arc::new(crate::engine().clone());
        let memory = InStore::new(store.clone());
        let row = |key: &str, body: Option<&str>| (key.to_owned(), body.map(str::to_owned));
        memory
            .save("told", vec![row("a\tb", Some("{\"x\": \"1\\n\"}")), row("c", Some("{}"))])
            .await
            .unwrap();
        memory.save("told", vec![row("c", None)]).await.unwrap();
        let again = InStore::new(store);
        let expected = vec![("a\tb".to_owned(), "{\"x\": \"1\\n\"}".to_owned())];
        assert_eq!(again.load("told").await.unwrap(), expected);
        again.save("told", vec![row("c", Some("[]"))]).await.unwrap();
        assert_eq!(again.load("told").await.unwrap().len(), 2);
        assert!(again.load("rules").await.unwrap().is_empty());
        // Written by a clock that was ahead, and by a process before this one.
        again.version.store(u64::MAX / 2, Ordering::Relaxed);
        again.save("told", vec![row("c", Some("[1]"))]).await.unwrap();
        let later = InStore::new(again.store.clone());
        later.load("rules").await.unwrap();
        later.save("told", vec![row("c", None)]).await.unwrap();
        assert_eq!(later.load("told").await.unwrap().len(), 1);
        // Of today: what is older than the history is kept goes with any merge.
        let now = Timestamp::now().as_millisecond();
        again.append(vec![(now, "one".into()), (now + 1, "two".into())]).await.unwrap();
        assert_eq!(again.history(1).await.unwrap(), ["two"]);
    }
}
