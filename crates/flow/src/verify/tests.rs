//! Against a real Postgres and the real engine. The store is filled by the copy, so that both
//! the comparison and what it compares are the real ones; then the store is bent, and exactly that
//! must be found.

mod beside;
mod differences;
mod locks;
mod types;

use super::*;
use cluster::Cluster;
use model::{Block, Mode, TableId, TableOptions, Version};
use source::Address;
use source::copy::Snapshot;
use std::collections::BTreeMap;
use std::sync::LazyLock;
use store::{Engine, EngineOptions, Insert};

/// One data directory a process: tests keep to databases of their own.
fn engine() -> Arc<Engine> {
    static ENGINE: LazyLock<(Arc<Engine>, tempfile::TempDir)> = LazyLock::new(|| {
        let folder = tempfile::tempdir().unwrap();
        let options = EngineOptions { data_dir: folder.path().to_owned(), memory_bytes: 2 << 30 };
        (Arc::new(Engine::open(&options).unwrap()), folder)
    });
    ENGINE.0.clone()
}

/// A source of one database, published whole, and its copy in the store's databases `home` and
/// `home_raw`.
struct Pair {
    cluster: Cluster,
    home: String,
    address: Address,
    options: BTreeMap<String, TableOptions>,
    targets: Vec<Arc<Target>>,
    /// Facts were updated, as the stream has seen.
    is_updated: bool,
}

const PUBLICATION: &str = "everything";

impl Pair {
    fn start(home: &str, tables: &str) -> Pair {
        let cluster = Cluster::start();
        cluster.sql(tables);
        let address = cluster.url().parse().unwrap();
        let (options, targets) = (BTreeMap::new(), Vec::new());
        Pair { cluster, home: home.into(), address, options, targets, is_updated: false }
    }

    fn with(mut self, table: &str, options: TableOptions) -> Pair {
        self.options.insert(table.into(), options);
        self
    }

    /// Copies every published table.
    async fn copied(mut self) -> Pair {
        if self.publications().await == 0 {
            self.cluster.sql(&format!("create publication {PUBLICATION} for all tables"));
        }
        let snapshot = Snapshot::open(&self.address).await.unwrap();
        let client = snapshot.client().await.unwrap();
        let tables = source::catalog::published_tables(&client, PUBLICATION).await.unwrap();
        for table in tables {
            let options = self.options.get(&table.name.to_string()).cloned().unwrap_or_default();
            let target = Target::resolve(Arc::new(table), &options, Some(&self.home)).unwrap();
            let target = Arc::new(target);
            let view = store::Layout::EMBEDDED.view(&target.name, &target.visible(), &target.rows);
            let view = (target.mode == model::Mode::Mirror).then_some(view);
            for statement in store::Layout::EMBEDDED.create(&target).into_iter().chain(view) {
                engine().execute(&statement).await.unwrap();
            }
            fill(&snapshot, &target).await;
            self.targets.push(target);
        }
        self
    }

    async fn publications(&self) -> i64 {
        let client = source::client::connect(&self.address).await.unwrap();
        client.query_one("select count(*) from pg_publication", &[]).await.unwrap().get(0)
    }

    async fn verify(&self) -> Vec<TableVerdict> {
        self.verify_with(VerifyOptions { tables: vec![], keys_max: 100 }).await
    }

    async fn verify_with(&self, options: VerifyOptions) -> Vec<TableVerdict> {
        let locked = self.locked().await;
        self.verify_in(locked, options).await
    }

    fn ids(&self) -> Vec<TableId> {
        self.targets.iter().map(|target| target.table.id).collect()
    }

    async fn locked(&self) -> Locked {
        Locked::open(&self.address, &self.ids()).await.unwrap()
    }

    async fn verify_in(&self, locked: Locked, options: VerifyOptions) -> Vec<TableVerdict> {
        let subject =
            |target: &Arc<Target>| Subject { target: target.clone(), is_updated: self.is_updated };
        let subjects = self.targets.iter().map(subject).collect();
        let work = async move {
            compare(&locked, PUBLICATION, subjects, engine(), &options).await.unwrap()
        };
        // As its caller does, which needs it to be `Send`.
        tokio::spawn(work).await.unwrap()
    }

    async fn one(&self) -> TableVerdict {
        let mut verdicts = self.verify().await;
        assert_eq!(verdicts.len(), 1, "{verdicts:#?}");
        verdicts.remove(0)
    }
}

async fn fill(snapshot: &Snapshot, target: &Arc<Target>) {
    let client = snapshot.client().await.unwrap();
    let filter = source::catalog::row_filter(&client, PUBLICATION, target.table.id);
    let (filter, reader) = (filter.await.unwrap(), snapshot.reader().await.unwrap());
    let version = Version::of_copy(snapshot.consistent_point);
    let (sender, mut blocks) = tokio::sync::mpsc::channel::<Block>(64);
    let table = target.table.clone();
    let piece = copy::Piece { table, range: None, version, predicate: filter, rows_max: 100_000 };
    let copy = async move { reader.read(piece, sender).await.map(drop).unwrap() };
    let write = async {
        let mut batch = 0;
        while let Some(block) = blocks.recv().await {
            assert!(block.rejects.is_empty(), "{}: {:?}", target.name, block.rejects.len());
            batch += 1;
            let token =
                (target.mode == Mode::Append).then(|| store::Token::first(batch.to_string()));
            let insert = Insert { target: target.clone(), block: Arc::new(block), token };
            let _ = engine().insert(insert).await.unwrap();
        }
    };
    tokio::join!(copy, write);
}

async fn bend(sql: &str) {
    engine().execute(sql).await.unwrap_or_else(|error| panic!("{sql}: {}", error.report()));
}

/// `changed 7, missing a'b`
fn listed(verdict: &TableVerdict) -> String {
    let each = verdict.differences.iter().map(|d| format!("{} {}", d.kind, d.key));
    each.collect::<Vec<_>>().join(", ")
}

fn append() -> TableOptions {
    TableOptions { mode: Mode::Append, ..TableOptions::default() }
}

#[track_caller]
fn assert_equal(verdict: &TableVerdict) {
    let equal = verdict.skipped.is_none() && verdict.differing_keys == 0;
    assert!(equal && verdict.source_rows == verdict.store_rows, "{verdict:#?}");
}
