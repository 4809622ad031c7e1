//! Several jobs that comment at the same moment.

use std::sync::{Arc, Barrier};

use daglab::github::comment::{Posted, Stamp, publish};

use super::support::github_server::{Fault, GithubServer, What};
use super::{config, repository, server, stamp, wait};

/// Publishes from one thread for each stamp, each of which has seen no comment before any of them
/// writes.
fn at_once(server: &GithubServer, stamps: &[Stamp]) -> Vec<Posted> {
    server.fault(Fault {
        times: stamps.len(),
        ..Fault::once(
            "GET",
            "/issues/7/comments",
            What::Meet(Arc::new(Barrier::new(stamps.len()))),
        )
    });
    // And the writes meet as well, so that everybody has listed before anybody writes.
    server.fault(Fault {
        times: stamps.len(),
        ..Fault::once(
            "POST",
            "/issues/7/comments",
            What::Meet(Arc::new(Barrier::new(stamps.len()))),
        )
    });
    let config = config(server);
    std::thread::scope(|scope| {
        let threads: Vec<_> = stamps
            .iter()
            .map(|stamp| {
                let config = &config;
                scope.spawn(move || {
                    wait(async {
                        let api = daglab::github::api::Api::new(config).unwrap();
                        let text = |_| format!("of run {}.{}", stamp.run_id, stamp.run_attempt);
                        publish(&api, &repository(), 7, "k", stamp, &text)
                            .await
                            .unwrap()
                    })
                })
            })
            .collect();
        threads.into_iter().map(|it| it.join().unwrap()).collect()
    })
}

#[test]
fn two_jobs_of_one_run_leave_one_comment() {
    let server = server();
    at_once(&server, &[stamp(5), stamp(5)]);
    assert_eq!(server.count("POST", "/issues/7/comments"), 2);
    let comments = server.comments(7);
    assert_eq!(comments.len(), 1, "{comments:?}");
    assert!(comments[0].body.ends_with("of run 5.1"));
}

#[test]
fn of_several_runs_the_newest_is_left() {
    for _ in 0..5 {
        let server = server();
        let again = Stamp {
            run_attempt: 2,
            ..stamp(6)
        };
        at_once(&server, &[again, stamp(6), stamp(5), stamp(4)]);
        let comments = server.comments(7);
        assert_eq!(comments.len(), 1, "{comments:?}");
        assert!(comments[0].body.ends_with("of run 6.2"), "{comments:?}");
    }
}
