//! Artifacts of a workflow run: the service that came with version 4, spoken natively.
//!
//! An artifact is created by a call to the results service, its bytes go to a blob store by a signed
//! URL, and a second call finalizes it. A page can be stored as it is, so that its address shows it;
//! everything else is one zip. What is stored and how it is named is the business of who calls.

mod archive;
mod blob;
mod call;
mod error;
mod extract;
mod find;
mod names;
mod patience;
mod service;
mod upload;
mod wire;

pub use archive::{Content, Entry};
pub use error::Error;
pub use extract::{ExtractLimits, extract};
pub use find::{Artifact, Downloaded, Kind};
pub use names::{Names, check_name};
pub use patience::Limits;
pub use service::Service;
pub use upload::{MOST_OF_A_JOB, UploadOptions, Uploaded};
