//! The main job: plan, execute, publish, attach, report.

pub mod attach;
pub mod attempt;
mod checks;
pub mod deployment;
pub mod error;
pub mod formats;
pub mod job;
mod notebooks;
mod notes;
pub mod outcome;
pub mod pairing;
pub mod pipeline;
pub mod plan;
pub mod planner;
mod session;
mod start;
mod upload;
mod verdict;

pub use error::Error;
