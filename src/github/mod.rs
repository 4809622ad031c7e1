//! GitHub, as a run of CI meets it: the event that caused the run, the files and commands by which a
//! step speaks to its runner, artifacts, and the pull request's comment.
//!
//! What is said stands in [`crate::report`]; here it is only carried to where it is read.

pub mod api;
pub mod artifact;
pub mod check;
pub mod comment;
pub mod context;
pub mod delivery;
pub mod foreign;
pub mod runner;
