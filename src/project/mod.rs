//! What there is to work with: the Dagster project with its code locations, and a Python
//! environment that can run it.
//!
//! [`detect`] reads the files that `dagster dev` and `dg dev` read and starts nothing; [`environment`]
//! finds or makes the Python; [`imports`] says what is worth importing before anything is forked;
//! [`changes`] hears of files that were written, and [`reach`] says whom they concern.
//! What runs, and how, is decided elsewhere.

pub mod changes;
pub mod detect;
pub mod environment;
mod error;
pub mod imports;
pub mod notebooks;
pub mod reach;

pub use detect::{CodeLocation, DetectRequest, Project, Target, TargetFlags, detect};
pub use environment::{EnvironmentRequest, Progress, PythonEnv, prepare};
pub use error::{Error, Excerpt};
