//! The ground that end-to-end tests, the fault harness and the benches stand on.
//!
//! ```text
//! Project ─▶ Up: the real `millrace up` ─▶ door, status, verify
//!    ▲                    ▲
//! millrace.toml     cluster::Cluster ◀── Traffic, Pgbench
//! ```
//!
//! Nothing here knows a crate of the product: it sees what a user sees (files, exit codes, two ports).

mod authority;
mod dice;
mod http;
mod pgbench;
mod project;
mod proxy;
mod session;
mod tmpfs;
mod traffic;
mod up;
mod wait;

pub use authority::Authority;
pub use dice::Dice;
pub use http::{Door, Refused, get_status};
pub use pgbench::Pgbench;
pub use project::{Project, Ran, config};
pub use proxy::Proxy;
pub use session::Session;
pub use tmpfs::Tmpfs;
pub use traffic::{Traffic, shop_config, shop_schema};
pub use up::{Up, signal};
pub use wait::{poll, wait_until};

/// What everything that should happen soon gets before a test gives up. It measures nothing: the
/// machine may be slow, and CI shares its cores.
pub const PATIENCE: std::time::Duration = std::time::Duration::from_secs(120);
