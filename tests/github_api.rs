//! The client of GitHub's API, the sticky comment and the check run, against a stand-in that holds
//! every request against GitHub's own description.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that can't be set up has failed"
)]

mod support;

#[path = "github_api/checks.rs"]
mod checks;
#[path = "github_api/client.rs"]
mod client;
#[path = "github_api/comments.rs"]
mod comments;
#[path = "github_api/comments_at_once.rs"]
mod comments_at_once;
#[path = "github_api/limits.rs"]
mod limits;
#[path = "github_api/network.rs"]
mod network;

use std::time::Duration;

use daglab::github::api::{Api, Config, Limits, Token};
use daglab::github::comment::Stamp;
use daglab::github::context::Repository;
use support::github_server::{GithubServer, Pull};

/// Patience for a test: all pauses are short, and none is longer than a tenth of a second.
fn limits() -> Limits {
    Limits {
        timeout: Duration::from_secs(10),
        attempts: 3,
        first_pause: Duration::from_millis(5),
        secondary_pause: Duration::from_millis(10),
        longest_pause: Duration::from_millis(100),
        all_pauses: Duration::from_secs(1),
        ..Limits::default()
    }
}

fn config(server: &GithubServer) -> Config {
    Config {
        api_url: server.url(),
        graphql_url: None,
        token: Token::new(&server.token()).unwrap(),
        ca_file: None,
        limits: limits(),
    }
}

fn api(server: &GithubServer) -> Api {
    Api::new(&config(server)).unwrap()
}

fn repository() -> Repository {
    "octo-org/data".parse().unwrap()
}

/// A server with an open pull request 7.
fn server() -> GithubServer {
    let server = GithubServer::start();
    server.state().pulls.push(pull(7));
    server
}

fn pull(number: u64) -> Pull {
    Pull {
        number,
        state: "open",
        head_owner: "octo-org".to_owned(),
        head_ref: "feature".to_owned(),
        head_sha: "ab".repeat(20),
        base_sha: "cd".repeat(20),
        base_repository: None,
        merged_as: None,
    }
}

fn stamp(run_id: u64) -> Stamp {
    Stamp {
        run_id,
        run_attempt: 1,
        sha: "ab".repeat(20),
    }
}

/// Runs a test's future on one thread, as the program does.
fn wait<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}
