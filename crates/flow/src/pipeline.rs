//! The pipeline: one slot of one source into one store.

use crate::status::{Report, Status};
use crate::verify::{Verdict, VerifyOptions};
use model::{Error, Result, TableOptions};
use source::Address;
use std::collections::BTreeMap;
use std::sync::Arc;
use store::Store;

/// What to read, and where to keep it.
#[derive(Clone, Debug)]
pub struct Options {
    pub address: Address,
    pub publication: String,
    pub slot: String,
    /// `[store] database`, as `shop_{schema}`.
    pub database_pattern: Option<String>,
    /// `[tables]`, by `schema.table`.
    pub tables: BTreeMap<String, TableOptions>,
    /// The most memory that rows on their way may hold.
    pub memory_bytes: usize,
}

/// A running pipeline. Its owner shuts it down; everybody else has a [`Handle`].
pub struct Pipeline {
    handle: Handle,
}

impl Pipeline {
    /// Starts the loop. What is missing and allowed is created; an unreachable source is tried again.
    pub fn start(_options: Options, _store: Arc<dyn Store>) -> Pipeline {
        Pipeline { handle: Handle { status: Arc::default() } }
    }

    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Waits for the pipeline to end by itself, which it does only when a person has to help.
    pub async fn ended(&mut self) -> Error {
        std::future::pending().await
    }

    /// Makes durable and confirms what has been read, then stops.
    pub async fn shutdown(self) -> Result<()> {
        Ok(())
    }
}

/// Asks and tells a running pipeline.
#[derive(Clone)]
pub struct Handle {
    status: Arc<Status>,
}

impl Handle {
    pub fn report(&self) -> Report {
        self.status.report()
    }

    /// Every table streams.
    pub fn is_ready(&self) -> bool {
        self.status.is_ready()
    }

    /// Compares source and store at one position.
    pub async fn verify(&self, _options: VerifyOptions) -> Result<Verdict> {
        Err(Error::bug("not built yet"))
    }
}
