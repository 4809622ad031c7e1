//! daglab: continuous integration for Dagster repositories and their marimo notebooks.
//!
//! The main job flows one way through these rooms: [`config`] says what the user wants,
//! [`project`] what is there, [`ci`] plans and executes through [`host`] and [`dagster`], [`run`] launches,
//! [`marimo`] reads what the notebooks came to, [`publish`] stores the files, and [`report`] shows
//! the one value that is left, a [`report::model::CiReport`].

pub mod call;
pub mod ci;
pub mod clean;
pub mod cli;
pub mod commands;
pub mod completion;
pub mod config;
pub mod dagster;
pub mod discover;
pub mod error;
pub mod github;
pub mod host;
pub mod init;
pub mod log;
pub mod marimo;
pub mod migrate;
pub mod page;
pub mod percent;
pub mod project;
pub mod publish;
pub mod redact;
pub mod report;
pub mod run;
pub mod scaffold;
pub mod supervise;
pub mod ui;
