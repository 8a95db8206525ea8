//! Alert rules from Grafana's own files: read, evaluated, routed and sent.
//!
//! ```text
//! files ─▶ rules ─▶ expr (queries asked through `Ask`) ─▶ state ─▶ route ─▶ send
//!                                                          └───── kept by `Memory` ─────┘
//! ```
//!
//! What rules mean is Grafana's documentation; where it is silent, the module says what is done here. Everything but
//! `engine` and `send` is pure. The crate knows no database and no clock: both are given.

pub mod engine;
pub mod expr;
pub mod file;
pub mod labels;
pub mod route;
pub mod send;
pub mod state;
pub mod template;

pub use engine::{
    Ask, BoxFuture, Engine, Handle, Memory, Metrics, Options, Query, Rows, Snapshot, Tested,
};
pub use expr::{Answer, Cell, Column, Kind};
pub use file::{Files, Surroundings, is_read};
pub use labels::Labels;
pub use route::{Matcher, Silence};
pub use send::{Secret, Smtp, SmtpTls};
