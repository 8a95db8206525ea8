//! The pipeline between a real Postgres and the real engine.

mod changes;
mod copy;
mod faults;
mod gaps;
mod histories;
mod modes;
mod oracle;
mod pause;
mod quarantine;
mod reload;
mod renamed;
mod schema;
mod stream;
mod support;
mod types;
