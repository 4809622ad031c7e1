//! The main job: plan, execute, publish, attach, report.

pub mod attach;
pub mod attempt;
mod checks;
pub mod error;
pub mod gate;
mod notebooks;
mod pairing;
pub mod pipeline;
pub mod plan;
pub mod planner;
mod runs;
pub mod schedule;
mod selection;
mod session;
mod verdict;

pub use error::Error;
pub use session::Emit;
