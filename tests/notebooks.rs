//! The notebooks that daglab makes: as files, headless, and in a browser with a real Dagster.
//!
//! One Dagster, one marimo and one Chromium serve all templates.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that can't be set up has failed"
)]

mod support;

#[path = "notebooks/browser.rs"]
mod browser;
#[path = "notebooks/headless.rs"]
mod headless;
#[path = "notebooks/saved.rs"]
mod saved;
#[path = "notebooks/steps.rs"]
mod steps;

/// What daglab carries.
const TEMPLATES: [&str; 4] = ["default", "feature-store", "minimal", "ml"];
