//! The store that is a bucket: Amazon S3 and what speaks like it, Google Cloud Storage, Azure Blob
//! Storage, or a directory.
//!
//! `address`: where, as people write it. `connect` and `credentials`: a client of the cloud. `store`:
//! objects put, read, replaced, listed, deleted, with `body` for what is on its way. `layout`: keys.
//! [`Publication`]: one run's files, with `links` to them. `runs` and `index`: what leads to the
//! newest. `retention`: what goes again. `single`: a file that belongs to no run.

pub mod address;
mod body;
mod connect;
mod credentials;
mod error;
mod files;
mod index;
mod kind;
mod layout;
mod links;
mod meter;
mod publication;
mod retention;
mod runs;
mod single;
mod store;

pub use address::Address;
pub use error::Error;
pub use layout::Subject;
pub use links::Link;
pub use publication::Publication;
pub use retention::{Item, Removed, plan_of, remove};
pub use runs::{Entry, NotebookEntry};
pub use store::{Content, RemoteStore};
