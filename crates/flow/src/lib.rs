//! From source to store: one loop, batches, checkpoints, the copy beside the stream, verify.

mod flush;
mod intervals;
mod pace;
mod pipeline;
mod retry;
pub mod status;
mod tables;
pub mod verify;

pub use pipeline::{Handle, Options, Pipeline};
