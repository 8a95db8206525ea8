//! The pipeline between a real Postgres and the real engine.

mod copy;
mod faults;
mod quarantine;
mod schema;
mod stream;
mod support;
