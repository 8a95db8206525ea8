//! Every type, both forms, with a real Postgres as the oracle.
