//! Several replicas: when a row counts as written, and that what is read is all that was.
//!
//! A read waits for what was written before it, or fails and is tried again (`select_sequential_consistency`).
//! Replicas that share their parts (the Cloud's) can always tell. Others can where each write has its quorum and
//! comes by itself: so writes of one table have turns then, and the server need not refuse the second one.

use super::server::locked;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use tokio::sync::OwnedMutexGuard;

/// Less than a block is waited for (`INSERT_MOST`): the server says itself what is missing.
const TIMEOUT_MS: &str = "240000";

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Quorum {
    /// More than half of all replicas.
    Majority,
    Of(u32),
}

impl Quorum {
    pub(super) fn settings(self) -> Vec<(&'static str, String)> {
        let count = match self {
            Quorum::Majority => "auto".to_owned(),
            Quorum::Of(count) => count.to_string(),
        };
        vec![
            ("insert_quorum", count),
            ("insert_quorum_parallel", "0".to_owned()),
            ("insert_quorum_timeout", TIMEOUT_MS.to_owned()),
        ]
    }
}

/// Of every read of ours. Tables without replicas know nothing of it.
pub(super) fn as_written() -> (&'static str, String) {
    ("select_sequential_consistency", "1".to_owned())
}

/// One write of a table at a time.
#[derive(Default)]
pub(super) struct Turns(Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>);

impl Turns {
    pub(super) async fn wait(&self, table: &str) -> OwnedMutexGuard<()> {
        let turn = locked(&self.0).entry(table.to_owned()).or_default().clone();
        turn.lock_owned().await
    }
}
