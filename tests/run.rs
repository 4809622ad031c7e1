//! `daglab run` against real servers, and with Dagster of its own.
//!
//! A web server takes seconds to start, so what can share one is called one after the other.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that can't be set up has failed"
)]

mod support;

#[path = "run/asked.rs"]
mod asked;
#[path = "run/config.rs"]
mod config;
#[path = "run/end.rs"]
mod end;
#[path = "run/ephemeral.rs"]
mod ephemeral;
#[path = "run/names.rs"]
mod names;
#[path = "run/partitions.rs"]
mod partitions;
#[path = "run/queue.rs"]
mod queue;
#[path = "run/seen.rs"]
mod seen;

use asked::{AT_ONCE, Deployment};

#[test]
fn on_a_server() {
    let mut server = Deployment::start(AT_ONCE);
    seen::a_job_that_works(&server);
    seen::a_job_that_fails(&server);
    seen::many_steps(&server);
    config::texts_are_merged(&server);
    config::mistakes_have_their_places(&server);
    config::answers_for_programs(&server);
    config::settings_have_an_effect(&server);
    names::jobs(&server);
    names::assets(&server);
    partitions::of_jobs_and_assets(&server);
    queue::so_many_at_once(&server);
    end::not_waited_for_and_taken_up(&server);
    end::again_from_the_failure(&server);
    end::time_is_over(&server);
    end::asked_to_end(&server);
    end::ended_by_others(&server);
    end::a_server_that_restarts(&mut server);
}

#[test]
fn in_a_queue() {
    let mut server = Deployment::start(asked::QUEUED);
    queue::nobody_takes_it(&server);
    partitions::a_range_without_a_daemon(&server);
    server.start_daemon();
    queue::somebody_takes_it(&server);
    partitions::a_range(&server);
}
