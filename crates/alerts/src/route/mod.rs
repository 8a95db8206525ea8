//! Who is told, and when: the tree of policies, mute timings, silences, groups.
//!
//! ```text
//! alerts ─▶ policy (matchers) ─▶ group (labels) ─▶ due? (wait, interval, repeat) ─▶ muted? silenced? ─▶ what to send
//! ```
//!
//! All of it is pure: the time of day is an argument, and sending is somebody else's.

mod dispatch;
mod matcher;
mod policy;
mod silence;
mod times;

pub use dispatch::{Alert, Dispatcher, Due, Entry, Target, Trying};
pub use matcher::Matcher;
pub use policy::{Policy, Route};
pub use silence::{KEPT_MS as SILENCE_KEPT_MS, Silence};
pub use times::{Interval, Span};
