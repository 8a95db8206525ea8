//! The source against a real Postgres.

mod catalog;
mod holding;
mod lookup;
mod preflight;
mod stream;
