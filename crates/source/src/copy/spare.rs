//! Blocks whose rows are in the store, for the next rows: memory that is fresh from the kernel costs
//! a sixth of the reader's time.

use model::{Block, Table};
use std::sync::{Arc, Mutex, MutexGuard};

/// One is filled and one waits while a third is written.
const KEPT_MOST: usize = 2;
const KEPT_BYTES_MOST: usize = 128 << 20;

/// Shared by a reader and whoever writes its blocks.
#[derive(Clone, Default)]
pub struct Spare(Arc<Mutex<Vec<Block>>>);

impl Spare {
    pub fn give(&self, block: Block) {
        // One that grew for a huge row goes back to the system.
        if block.size_bytes() > KEPT_BYTES_MOST {
            return;
        }
        let mut blocks = self.lock();
        if blocks.len() < KEPT_MOST {
            blocks.push(block.emptied());
        }
    }

    pub(super) fn take(&self, table: &Arc<Table>) -> Block {
        let mut blocks = self.lock();
        blocks.retain(|block| Arc::ptr_eq(&block.table, table));
        blocks.pop().unwrap_or_else(|| Block::new(table.clone()))
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Block>> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}
