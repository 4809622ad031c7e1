//! Dagster, spoken to over GraphQL alone.
//!
//! The same client talks to the ephemeral instance and to a deployment. What Dagster says is read
//! into types here; what it means for a run of daglab is decided elsewhere.

pub mod client;
pub mod error;
pub mod follow;
pub mod launch;
pub mod operations;
pub mod preflight;
pub mod python_error;
pub mod workspace;

pub use client::Client;
pub use error::Error;
