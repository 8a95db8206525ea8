//! The source against a real Postgres.

mod catalog;
mod preflight;
mod stream;
