//! The pipeline between a real Postgres and the real engine.

mod beside;
mod changes;
mod copy;
mod dice;
mod faults;
mod gaps;
mod histories;
mod home;
#[cfg(feature = "kafka")]
mod kafka;
mod large;
mod latest;
mod modes;
mod nulls;
mod oracle;
mod pains;
mod passing;
mod pause;
mod quarantine;
mod refused;
mod reload;
mod renamed;
mod schema;
mod shapes;
mod spool;
mod stream;
mod support;
mod toast;
mod types;
