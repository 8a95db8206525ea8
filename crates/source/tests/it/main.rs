//! The source against a real Postgres.

mod catalog;
mod lookup;
mod preflight;
mod stream;
