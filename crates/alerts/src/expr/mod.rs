//! What a rule computes: queries become frames, expressions make frames of frames, and the condition says who alerts.
//!
//! ```text
//! data[] ─▶ Plan (order, checked once) ─▶ queries asked ─▶ frames ─▶ math, reduce, resample, threshold ─▶ one verdict a label set
//! ```
//!
//! All of it is pure; whoever evaluates a plan asks its queries first.

mod classic;
mod frame;
mod math;
mod plan;
mod reduce;
mod resample;
mod threshold;

pub use frame::{Answer, Cell, Column, Item, Kind, Value};
pub use plan::{Evaluated, Instant, Plan, Sample, Source, Verdict};
