//! The check run.

use daglab::github::api::Error;
use daglab::github::check::{Annotation, CheckRun, Conclusion, Level, Published, publish};
use serde_json::json;

use super::support::github_server::{Fault, GithubServer, What};
use super::{api, repository, server, wait};

const SHA: &str = "abababababababababababababababababababab";
const RUNS: &str = "/check-runs";

fn annotations(count: u32) -> Vec<Annotation> {
    (0..count)
        .map(|number| Annotation {
            path: "notebooks/report.py".to_owned(),
            start_line: number,
            end_line: 0,
            level: Level::Failure,
            message: format!("message {number}"),
            title: (number % 2 == 0).then(|| "ä".repeat(200)),
        })
        .collect()
}

fn try_check(server: &GithubServer, count: u32) -> Result<Published, Error> {
    let summary = "ä".repeat(65_535);
    let annotations = annotations(count);
    let run = CheckRun {
        name: "daglab",
        head_sha: SHA,
        details_url: Some("https://github.com/octo-org/data/actions/runs/1"),
        external_id: "1:1:default",
        conclusion: Conclusion::TimedOut,
        title: "2 notebooks failed",
        summary: &summary,
        text: Some("Text"),
        annotations: &annotations,
    };
    wait(async { publish(&api(server), &repository(), &run).await })
}

fn counted(server: &GithubServer) -> Vec<usize> {
    server.state().annotations.values().map(Vec::len).collect()
}

#[test]
fn annotations_come_in_batches() {
    for (count, requests) in [(0, 1), (50, 1), (51, 2), (120, 3)] {
        let server = server();
        let published = try_check(&server, count).unwrap();
        assert_eq!(published.left_out, 0);
        assert!(published.url.ends_with(&format!("/runs/{}", published.id)));
        assert_eq!(
            server.count("POST", RUNS) + server.count("PATCH", RUNS),
            requests
        );
        let state = server.state();
        let check = &state.checks[&published.id];
        assert_eq!(check["conclusion"], "timed_out");
        assert_eq!(check["output"]["summary"].as_str().unwrap().len(), 65_534);
        let messages: Vec<String> = state.annotations[&published.id]
            .iter()
            .map(|it| it["message"].as_str().unwrap().to_owned())
            .collect();
        let expected: Vec<String> = (0..count).map(|it| format!("message {it}")).collect();
        assert_eq!(messages, expected);
    }
}

#[test]
fn a_thousand_annotations_are_enough() {
    let server = server();
    assert_eq!(try_check(&server, 1010).unwrap().left_out, 10);
    assert_eq!(counted(&server), [1000]);
}

#[test]
fn a_lost_answer_doubles_neither_check_nor_annotations() {
    let late = || What::AnswerAfter {
        status: 502,
        body: json!({ "message": "late" }),
    };
    for method in ["POST", "PATCH"] {
        for what in [
            What::DropAfter,
            What::DropBefore,
            late(),
            What::status(500, "no"),
        ] {
            let server = server();
            server.fault(Fault::once(method, RUNS, what));
            try_check(&server, 120).unwrap();
            assert_eq!(counted(&server), [120], "{method}");
        }
    }
}

#[test]
fn a_token_without_the_permission_is_refused() {
    let server = server();
    server.state().writable = false;
    let error = try_check(&server, 1).unwrap_err();
    assert!(
        matches!(
            error,
            Error::Forbidden {
                integration: true,
                ..
            }
        ),
        "{error}"
    );
    assert_eq!(server.count("POST", RUNS), 1);
}
