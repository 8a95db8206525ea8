//! The pipeline between a real Postgres and the real engine.

mod copy;
mod faults;
mod oracle;
mod schema;
mod stream;
mod support;
mod types;
