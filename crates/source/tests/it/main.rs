//! The source against a real Postgres.

mod stream;
