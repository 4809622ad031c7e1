//! The main job: plan, execute, publish, attach, report.

pub mod attempt;
pub mod error;
pub mod gate;
pub mod plan;
pub mod planner;
pub mod schedule;

pub use error::Error;
