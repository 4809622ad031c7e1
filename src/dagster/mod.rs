//! Dagster, seen through its GraphQL: the only way to an ephemeral instance and to a deployment
//! alike.
//!
//! [`client`] sends [`operations`] that the [`gate`] lets through; [`discover`] says what there is
//! and when the server is ready; [`validate`] and [`launch`] start runs, [`backfill`] many of them;
//! [`runs`] and [`queue`] say how they stand and what they wait for, [`follow`] watches them to their end and [`summary`] turns what
//! was seen into the report. [`attach`] adds links and verdicts from outside, [`snippet`] is the code
//! that does so from inside. How processes are started does not belong here.

pub mod address;
mod answer;
mod asset_key;
pub mod attach;
pub mod backfill;
mod captured;
pub mod catalog;
pub mod client;
pub mod credentials;
pub mod discover;
mod error;
pub mod events;
mod excerpt;
pub mod follow;
pub mod gate;
pub mod launch;
pub mod metadata;
pub mod operations;
mod outcome;
pub mod partition;
mod python_error;
pub mod queue;
pub mod ready;
mod reexecute;
pub mod runs;
pub mod selection;
pub mod snippet;
mod subscribe;
pub mod summary;
pub mod validate;
pub mod version;

pub use asset_key::AssetKey;
pub use client::{Client, ClientConfig};
pub use error::Error;
pub use python_error::PythonError;
