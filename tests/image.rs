//! The real image on a real Docker engine, started as GitHub's runner starts a container action: the
//! same mounts, the same variables, the same signals.
//!
//! `scripts/test image` builds the image and says by `DAGLAB_TEST_IMAGE` and `DOCKER_HOST` where
//! both are. Without these variables there is nothing to look at, and the tests say so.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that can't be set up has failed"
)]

#[path = "image/in_docker.rs"]
mod in_docker;
#[path = "image/runner.rs"]
mod runner;
mod support;
