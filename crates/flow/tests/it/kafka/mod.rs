//! Topics of a real broker into the real engine.

mod debezium;
mod facts;
mod groups;
mod mirrors;
mod once;
mod out;
mod out_identity;
mod out_optional;
mod out_snapshot;
mod pause;
mod poison;
mod replay;
mod restarts;
mod support;
