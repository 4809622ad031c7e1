//! Launching runs and following them to their ends, wherever Dagster is: on the ephemeral instance
//! of `daglab ci`, or on a deployment for `daglab run`.
//!
//! A [`plan::PlannedRun`] is [`prepare`]d (found, validated), then [`launch`]ed and followed by a
//! [`Runner`], and becomes a [`RunReport`](crate::report::model::RunReport). How Dagster is started
//! does not belong here.

pub mod backfill;
pub mod batch;
mod last_output;
pub mod latch;
pub mod launch;
mod log;
pub mod ndjson;
pub mod plan;
pub mod prepare;
mod queue;
mod refusal;
pub mod request;
mod runner;
pub mod schedule;
mod select;

pub use refusal::Refusal;
pub use runner::{Dagster, Emit, Local, Runner, Wait};
