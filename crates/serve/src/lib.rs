//! To people and tools: what the store holds, and how the pipeline is.
//!
//! ```text
//! clients, dbt, Grafana ─▶ clickhouse::serve ─▶ store::Engine      ClickHouse's HTTP protocol
//! probes, status, people ─▶ ops::serve ───────▶ flow::Handle       health, metrics, verify
//! ```

pub mod access;
pub mod clickhouse;
mod early;
mod net;
pub mod ops;
mod origin;
mod patient;
mod tls;

pub use net::Port;
pub use tls::{Files, Tls};
