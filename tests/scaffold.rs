//! `daglab scaffold` on real projects, with Dagster of its own and with servers.
//!
//! Starting Dagster takes seconds, so what can share a start is asked for in one command, and what
//! can share a server one after the other.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that can't be set up has failed"
)]

mod support;

#[path = "scaffold/commits.rs"]
mod commits;
#[path = "scaffold/faults.rs"]
mod faults;
#[path = "scaffold/made.rs"]
mod made;
#[path = "scaffold/shop.rs"]
mod shop;

use shop::Shop;

#[test]
fn on_a_server() {
    let shop = Shop::with_server();
    made::a_job_with_its_config(&shop);
    made::config_of_the_settings_is_validated(&shop);
    made::config_of_ci(&shop);
    made::names(&shop);
    made::paths_as_they_are_seen(&shop);
    made::assets_with_and_without_partners(&shop);
    made::selections(&shop);
    made::asked_on_a_terminal(&shop);
    made::sample_data(&shop);
    made::modules(&shop);
    made::overwriting(&shop);
    made::every_other_flag(&shop);
    made::templates_of_its_own(&shop);
    faults::names(&shop);
    faults::modules(&shop);
    faults::modules_for_nothing(&shop);
    faults::what_is_not_overwritten(&shop);
    faults::templates(&shop);
    faults::the_sandbox_lets_it_ask(&shop);
    commits::only_the_notebooks(&shop);
    commits::what_is_in_the_way(&shop);
}

#[test]
fn with_dagster_of_its_own() {
    made::notebooks_run_in_ci(&Shop::new());
}

#[test]
fn without_anything() {
    faults::no_project();
    faults::no_folder();
    faults::servers_away();
    faults::usage();
    made::offline();
}
