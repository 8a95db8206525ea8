//! The source against a real Postgres.

mod preflight;
mod stream;
