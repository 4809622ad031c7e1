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
    check_with(server, count, &|budget| "ä".repeat(budget))
}

fn check_with(
    server: &GithubServer,
    count: u32,
    render: &dyn Fn(usize) -> String,
) -> Result<Published, Error> {
    let annotations = annotations(count);
    let run = CheckRun {
        name: "daglab",
        head_sha: SHA,
        details_url: Some("https://github.com/octo-org/data/actions/runs/1"),
        external_id: "1:1:default",
        conclusion: Conclusion::Cancelled,
        title: "2 notebooks failed",
        annotations: &annotations,
    };
    wait(async { publish(&api(server), &repository(), &run, render).await })
}

fn counted(server: &GithubServer) -> Vec<usize> {
    server.state().annotations.values().map(Vec::len).collect()
}

#[test]
fn annotations_come_in_batches() {
    for (count, requests) in [(0, 1), (50, 1), (51, 2), (120, 3)] {
        let server = server();
        let published = try_check(&server, count).unwrap();
        assert!(published.url.ends_with(&format!("/runs/{}", published.id)));
        assert_eq!(
            server.count("POST", RUNS) + server.count("PATCH", RUNS),
            requests
        );
        let state = server.state();
        let check = &state.checks[&published.id];
        assert_eq!(check["conclusion"], "cancelled");
        assert_eq!(check["output"]["title"], "2 notebooks failed");
        let messages: Vec<String> = state.annotations[&published.id]
            .iter()
            .map(|it| it["message"].as_str().unwrap().to_owned())
            .collect();
        let expected: Vec<String> = (0..count).map(|it| format!("message {it}")).collect();
        assert_eq!(messages, expected);
    }
}

#[test]
fn a_summary_is_whole_and_within_the_limit_of_bytes() {
    // One, two, three and four bytes a character, and some of each.
    for letter in ["a", "ä", "❌", "🎉", "aaaaaaa❌"] {
        let server = server();
        let letters = letter.chars().count();
        let table = |budget: usize| {
            let rows = (budget - 12) / letters;
            format!("<table>{}END.", letter.repeat(rows))
        };
        let id = check_with(&server, 51, &table).unwrap().id;
        let summary = server.state().checks[&id]["output"]["summary"].clone();
        let summary = summary.as_str().unwrap();
        assert!(summary.ends_with("END."), "{letter} is cut");
        let length = summary.len();
        assert!((50_000..=65_535).contains(&length), "{letter}: {length}");
    }
    // What keeps no budget is cut all the same, in whole characters.
    let server = server();
    let id = check_with(&server, 0, &|_| "ä".repeat(70_000)).unwrap().id;
    let summary = server.state().checks[&id]["output"]["summary"].clone();
    assert_eq!(summary.as_str().unwrap().len(), 65_534);
}

#[test]
fn a_thousand_annotations_are_enough() {
    let server = server();
    try_check(&server, 1010).unwrap();
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
