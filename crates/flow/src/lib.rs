//! From source to store: one loop, batches, checkpoints, the copy beside the stream, verify.
//!
//! ```text
//! pipeline   the handle            run/     the loop: decides, never computes
//! start, agree   bring-up          apply    a batch becomes work     flush   work becomes rows
//! copier/    the copy              toast    values that the stream leaves out
//! sift       rows that the store refuses, set aside so that the others go on
//! quarantine/  what was set aside, and the way back     rules   of columns
//! evolve/    schema changes        shape    a table as the store has it
//! again      a table copied again
//! kafka/     the second way in: topics of Kafka
//! sinks/     topics of Kafka that the stream goes to as well
//! pause      at rest until somebody says otherwise      reload   other options for tables
//! checkpoint, intervals, pace, retry   pure
//! ```

mod again;
mod agree;
mod apply;
mod checkpoint;
mod claim;
mod copier;
mod evolve;
mod flight;
mod flush;
pub mod held;
mod history;
mod hold;
mod intervals;
#[cfg(feature = "kafka")]
pub mod kafka;
mod keys;
mod latest;
mod nulls;
mod pace;
pub mod pause;
mod pipeline;
pub mod quarantine;
pub mod reload;
pub mod resync;
mod retry;
mod rules;
mod run;
mod running;
mod scratch;
mod session;
mod shape;
mod sift;
#[cfg(feature = "kafka")]
pub mod sinks;
#[cfg(not(feature = "kafka"))]
#[path = "sinks/none.rs"]
pub mod sinks;
mod start;
pub mod status;
mod tables;
mod task;
mod toast;
pub mod verify;
mod watch;

pub use pipeline::{Handle, Options, Pipeline};
