//! To people and tools: what the store holds, and how the pipeline is.
//!
//! ```text
//! clients, dbt, Grafana ─▶ clickhouse::serve ─▶ store::Engine      ClickHouse's HTTP protocol
//! people, probes, verbs ───▶ people::serve ────▶ flow::Handle       the page; health, metrics, verify
//! ```

pub mod access;
pub mod alerts;
pub mod clickhouse;
mod early;
mod net;
pub mod ops;
mod origin;
mod patient;
pub mod people;
mod refusal;
mod tls;

pub use net::Port;
pub use tls::{Files, Tls};

/// One a process, for all tests beside the code.
#[cfg(test)]
fn engine() -> &'static store::Engine {
    static ENGINE: std::sync::LazyLock<(store::Engine, tempfile::TempDir)> =
        std::sync::LazyLock::new(|| {
            let folder = tempfile::tempdir().unwrap();
            let data_dir = folder.path().to_owned();
            let options = store::EngineOptions { data_dir, memory_bytes: 1 << 30 };
            (store::Engine::open(&options).unwrap(), folder)
        });
    &ENGINE.0
}
