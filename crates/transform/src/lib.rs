//! The team's dbt project, run by the stock dbt.
//!
//! ```text
//! environment   where dbt is: the user's own, or a private one of a pinned version
//! profile       how it reaches the store: a profiles.yml without a secret in it, and variables
//! run           a dbt process, from its start to its exit code
//! events        its structured log, read line by line
//! results       what became of each node
//! schedule      when a part of the project is built by itself
//! export        the schedules as files of others
//! backfill      a model made anew, interval by interval
//! lineage/      where a column comes from, and where it goes
//! ```
//!
//! Nothing of dbt is written anew here. It comes to the ClickHouse door, or to the server, as any other client.

mod backfill;
mod environment;
mod events;
pub mod export;
pub mod lineage;
mod profile;
mod results;
mod run;
mod schedule;

pub use backfill::{Backfill, seconds, took_intervals};
pub use environment::Environment;
pub use events::{Event, Outcome};
pub use profile::{Place, Profile};
pub use results::{Node, Results};
pub use run::{Claim, Group, Project, Run, TARGET, builds, needs_no_claim, needs_no_store};
pub use schedule::{Pace, Schedule, Window};
