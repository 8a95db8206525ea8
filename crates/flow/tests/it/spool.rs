//! The log goes to the spool whenever the store is away, also while everything is brought up.

use crate::home::{Home, home};
use crate::passing::passes_on;
use crate::support::{World, wait_until};
use flow::Pipeline;
use model::{Error, Result};
use source::spool::Spool;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use store::{BoxFuture, Rows, Store};

/// It goes when something is to be written that is no row.
pub(crate) struct Leaving {
    inner: Home,
    leaves: AtomicBool,
    pub(crate) is_gone: AtomicBool,
}

impl Leaving {
    pub(crate) fn new() -> Arc<Leaving> {
        let (leaves, is_gone) = (AtomicBool::new(true), AtomicBool::new(false));
        Arc::new(Leaving { inner: home(), leaves, is_gone })
    }

    fn come_back(&self) {
        self.leaves.store(false, Ordering::SeqCst);
        self.is_gone.store(false, Ordering::SeqCst);
    }

    fn reached(&self, writes: bool) -> Result<&Home> {
        if writes && self.leaves.load(Ordering::SeqCst) {
            self.is_gone.store(true, Ordering::SeqCst);
        }
        match self.is_gone.load(Ordering::SeqCst) {
            true => Err(Error::transient("could not reach the store")),
            false => Ok(&self.inner),
        }
    }
}

impl Store for Leaving {
    passes_on!(self => self.reached(false)?; insert, query, cells, answer_beside);

    fn execute<'a>(&'a self, sql: &'a str) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move { self.reached(true)?.execute(sql).await })
    }

    fn record<'a>(&'a self, into: &'a str, rows: Rows) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move { self.reached(true)?.record(into, rows).await })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_goes_away_during_a_start_is_spooled_for() {
    let world = World::new(
        "leaving",
        "create table t (id int primary key, note text); insert into t values (1, 'a');
         create publication p for all tables",
    );
    let folder = tempfile::tempdir().unwrap();
    let spool = Spool::new(folder.path().to_owned(), 1 << 30);
    let mut options = world.options();
    options.spool = Some(spool.clone());
    let pipeline = Pipeline::start(options.clone(), home());
    world.settle(&pipeline).await;
    pipeline.shutdown().await.unwrap();
    // Something to do for the next start.
    world.sql("create table u (id int primary key, note text); insert into u values (1, 'b')");
    let store = Leaving::new();
    let pipeline = Pipeline::start(options, store.clone());
    wait_until("the log goes to the spool", || match spool.held().is_filled {
        true => Ok(()),
        false => Err(format!("{:#?}", pipeline.handle().report())),
    })
    .await;
    assert!(store.is_gone.load(Ordering::SeqCst));
    world.sql("insert into t values (2, 'c'); insert into u values (2, 'd')");
    store.come_back();
    world.settle(&pipeline).await;
    world.assert_mirror("t", "id, note", "id").await;
    world.assert_mirror("u", "id, note", "id").await;
    pipeline.shutdown().await.unwrap();
}
