//! Publishing in object stores, by the binary, on servers that refuse and fail as the real ones do.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that can't be set up has failed"
)]

mod support;

#[path = "publishing/commands.rs"]
mod commands;
#[path = "publishing/credentials.rs"]
mod credentials;
#[path = "publishing/deleting.rs"]
mod deleting;
#[path = "publishing/export.rs"]
mod export;
#[path = "publishing/faults.rs"]
mod faults;
#[path = "publishing/links.rs"]
mod links;
#[path = "publishing/many.rs"]
mod many;
#[path = "publishing/pages.rs"]
mod pages;
#[path = "publishing/pictures.rs"]
mod pictures;
#[path = "publishing/runs.rs"]
mod runs;
#[path = "publishing/site.rs"]
mod site;
