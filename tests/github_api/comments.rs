//! The sticky comment, undisturbed and with everything that can go wrong.

use std::cell::RefCell;
use std::sync::Arc;

use daglab::github::api::Error;
use daglab::github::comment::{Posted, Stamp, publish};
use serde_json::json;

use super::support::github_server::{Fault, GithubServer, What};
use super::{api, pull, repository, server, stamp, wait};

const BOT: &str = "github-actions[bot]";
const LIST: &str = "/issues/7/comments";
const ONE: &str = "/issues/comments/";

fn try_post(server: &GithubServer, key: &str, stamp: &Stamp, text: &str) -> Result<Posted, Error> {
    wait(async {
        let text = |_| text.to_owned();
        publish(&api(server), &repository(), 7, key, stamp, &text).await
    })
}

fn post(server: &GithubServer, run: u64, text: &str) -> Posted {
    try_post(server, "default", &stamp(run), text).unwrap()
}

/// The texts of all comments, without their markers.
fn texts(server: &GithubServer) -> Vec<String> {
    let without = |body: String| match body.strip_prefix("<!-- daglab-comment ") {
        Some(rest) => rest.split_once('\n').unwrap().1.to_owned(),
        None => body,
    };
    server
        .comments(7)
        .into_iter()
        .map(|it| without(it.body))
        .collect()
}

#[test]
fn a_comment_is_created_updated_and_left_alone() {
    let server = server();
    server.state().add_comment(7, "mona", "User", "Nice");
    let created = post(&server, 1, "one");
    assert!(matches!(&created, Posted::Created { .. }), "{created:?}");
    assert!(created.url().contains("#issuecomment-"));
    let updated = post(&server, 2, "two");
    assert!(matches!(&updated, Posted::Updated { .. }), "{updated:?}");
    assert_eq!(updated.url(), created.url());
    let writes = || server.count("POST", LIST) + server.count("PATCH", ONE);
    assert_eq!(writes(), 2);
    let same = post(&server, 2, "two");
    assert!(matches!(&same, Posted::Unchanged { .. }), "{same:?}");
    assert_eq!(writes(), 2);
    // What it says stays the same, whose it is does not.
    assert!(matches!(post(&server, 3, "two"), Posted::Updated { .. }));
    assert_eq!(texts(&server), ["Nice", "two"]);
    insta::assert_snapshot!(server.comments(7)[1].body, @r"
    <!-- daglab-comment key=default run=3 attempt=1 sha=abababababababababababababababababababab -->
    two
    ");
}

#[test]
fn each_key_has_its_comment() {
    let server = server();
    for key in ["a", "b", "a--><img src=x>", "ä"] {
        for run in [1, 2] {
            try_post(&server, key, &stamp(run), key).unwrap();
        }
    }
    assert_eq!(texts(&server), ["a", "b", "a--><img src=x>", "ä"]);
}

#[test]
fn an_old_comment_is_found_on_the_last_page() {
    let server = server();
    for _ in 0..230 {
        server.state().add_comment(7, "mona", "User", "Nice");
    }
    post(&server, 1, "one");
    assert!(matches!(post(&server, 2, "two"), Posted::Updated { .. }));
    assert_eq!(server.comments(7).len(), 231);
}

#[test]
fn an_older_run_or_attempt_overwrites_nothing() {
    let server = server();
    let newer = Stamp {
        run_attempt: 2,
        ..stamp(5)
    };
    try_post(&server, "default", &newer, "newer").unwrap();
    for older in [stamp(4), stamp(5)] {
        let posted = try_post(&server, "default", &older, "older").unwrap();
        let Posted::Superseded { by, .. } = posted else {
            panic!("{posted:?}");
        };
        assert_eq!(by, newer);
    }
    assert_eq!(texts(&server), ["newer"]);
    assert_eq!(server.count("PATCH", ONE), 0);
    assert!(matches!(post(&server, 6, "newest"), Posted::Updated { .. }));
}

#[test]
fn a_newer_run_between_look_and_change_is_not_overwritten() {
    let newer = |text: &'static str| {
        What::Meanwhile(Arc::new(
            move |state: &mut super::support::github_server::State| {
                for comment in state.comments.values_mut() {
                    comment.body = comment.body.replace("run=1 ", "run=9 ");
                    comment.body = comment.body.replace("first", text);
                }
            },
        ))
    };
    let server = server();
    let created = post(&server, 1, "first");
    server.fault(Fault::once("GET", ONE, newer("newest")));
    let posted = post(&server, 2, "older");
    let Posted::Superseded { url, by } = &posted else {
        panic!("{posted:?}");
    };
    assert_eq!((url.as_str(), by.run_id), (created.url(), 9));
    assert_eq!(server.count("PATCH", ONE), 0);
    assert_eq!(texts(&server), ["newest"]);
    // One that nobody changed is read once before it is changed.
    let before = server.count("GET", ONE);
    assert!(matches!(post(&server, 10, "x"), Posted::Updated { .. }));
    assert_eq!(server.count("GET", ONE), before + 1);
}

#[test]
fn a_comment_deleted_between_look_and_change_is_created_again() {
    let server = server();
    post(&server, 1, "one");
    server.fault(Fault::once(
        "GET",
        ONE,
        What::Meanwhile(Arc::new(|state| state.comments.clear())),
    ));
    let posted = post(&server, 2, "two");
    assert!(matches!(posted, Posted::Created { .. }), "{posted:?}");
    assert_eq!(server.count("PATCH", ONE), 0);
    assert_eq!(texts(&server), ["two"]);
}

#[test]
fn a_bot_that_is_not_told_its_name_changes_no_other_bots_comment() {
    let server = server();
    server.state().viewer = ("own-app[bot]".to_owned(), "Bot");
    server.state().graphql = false;
    // Written by another app, with the marker that everybody can read.
    let marker = "<!-- daglab-comment key=default run=1 attempt=1 sha=- -->\ntheirs";
    server
        .state()
        .add_comment(7, "other-app[bot]", "Bot", marker);
    let posted = post(&server, 2, "ours");
    assert!(matches!(posted, Posted::Created { .. }), "{posted:?}");
    assert_eq!(texts(&server), ["theirs", "ours"]);
    assert_eq!(server.count("POST", LIST), 1);
    assert_eq!(server.count("PATCH", ONE) + server.count("DELETE", ONE), 0);
}

#[test]
fn the_marker_in_somebody_elses_comment_is_not_ours() {
    let server = server();
    post(&server, 9, "mine");
    let ours = server.comments(7)[0].body.clone();
    server.state().comments.clear();
    // Copied by a user, quoted by a bot, hidden by somebody, and by another bot.
    server.state().add_comment(7, "mallory", "User", &ours);
    server
        .state()
        .add_comment(7, BOT, "Bot", &format!("> {ours}"));
    server
        .state()
        .add_comment(7, BOT, "Bot", &format!("Look:\n{ours}"));
    server
        .state()
        .add_comment(7, "other-app[bot]", "Bot", &ours);
    let hidden = server.state().add_comment(7, BOT, "Bot", &ours);
    server.state().comments.get_mut(&hidden).unwrap().minimized = true;
    let posted = post(&server, 1, "new");
    assert!(matches!(posted, Posted::Created { .. }), "{posted:?}");
    assert_eq!(server.comments(7).len(), 6);
    assert!(server.comments(7)[..5].iter().all(|it| it.edits == 0));
    assert_eq!(server.count("DELETE", ONE), 0);
}

#[test]
fn the_comment_of_a_users_token_is_the_users() {
    let server = server();
    server.state().viewer = ("mona".to_owned(), "User");
    post(&server, 1, "one");
    assert!(matches!(post(&server, 2, "two"), Posted::Updated { .. }));
    assert_eq!(server.comments(7)[0].login, "mona");
}

#[test]
fn doubles_from_before_are_removed() {
    let server = server();
    post(&server, 1, "one");
    let body = server.comments(7)[0].body.clone();
    server.state().add_comment(7, BOT, "Bot", &body);
    server.state().add_comment(7, BOT, "Bot", &body);
    post(&server, 2, "two");
    assert_eq!(texts(&server), ["two"]);
    // One that may not be removed is no reason to fail.
    server.state().add_comment(7, BOT, "Bot", &body);
    server.fault(Fault::always("DELETE", ONE, What::status(403, "No")));
    post(&server, 3, "three");
    assert_eq!(texts(&server), ["three", "one"]);
}

#[test]
fn a_read_only_token_is_told_apart() {
    let server = server();
    server.state().writable = false;
    let error = try_post(&server, "default", &stamp(1), "x").unwrap_err();
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
    assert_eq!(server.count("POST", LIST), 1);
}

#[test]
fn a_comment_deleted_meanwhile_is_created_again() {
    let server = server();
    post(&server, 1, "one");
    server.fault(Fault::once(
        "PATCH",
        ONE,
        What::Meanwhile(Arc::new(|state| state.comments.clear())),
    ));
    let posted = post(&server, 2, "two");
    assert!(matches!(posted, Posted::Created { .. }), "{posted:?}");
    assert_eq!(texts(&server), ["two"]);
    assert_eq!(server.count("POST", LIST), 2);
}

#[test]
fn one_that_is_deleted_each_time_is_given_up() {
    let server = server();
    let delete = |state: &mut super::support::github_server::State| state.comments.clear();
    server.fault(Fault::always(
        "GET",
        LIST,
        What::Meanwhile(Arc::new(delete)),
    ));
    let error = try_post(&server, "default", &stamp(1), "x").unwrap_err();
    assert!(matches!(error, Error::Answer { .. }), "{error}");
    assert!(
        server.count("POST", LIST) <= 3,
        "{}",
        server.count("POST", LIST)
    );
}

#[test]
fn a_pull_request_that_is_not_there_is_an_error() {
    let server = GithubServer::start();
    server.state().pulls.push(pull(8));
    let error = try_post(&server, "default", &stamp(1), "x").unwrap_err();
    assert!(matches!(error, Error::NotFound { .. }), "{error}");
}

#[test]
fn a_text_that_is_too_long_is_written_shorter() {
    let server = server();
    // The limit of this server is lower than GitHub's.
    let long = json!({
        "message": "Validation Failed",
        "errors": [{ "code": "unprocessable", "message": "Body is too long (maximum is 65536 characters)" }],
        "documentation_url": "https://docs.github.com/rest",
    });
    server.fault(Fault {
        times: 2,
        ..Fault::once(
            "POST",
            LIST,
            What::Answer {
                status: 422,
                headers: Vec::new(),
                body: long,
            },
        )
    });
    let budgets = RefCell::new(Vec::new());
    let render = |budget: usize| {
        budgets.borrow_mut().push(budget);
        "ä".repeat(budget)
    };
    let posted =
        wait(async { publish(&api(&server), &repository(), 7, "k", &stamp(1), &render).await });
    assert!(matches!(posted, Ok(Posted::Created { .. })), "{posted:?}");
    let budgets = budgets.into_inner();
    assert_eq!(budgets.len(), 3);
    assert!(
        budgets.is_sorted_by(|a, b| a > b) && budgets[0] <= 65_000,
        "{budgets:?}"
    );
    assert_eq!(server.comments(7)[0].body.chars().count(), 32_000);
    // What keeps no budget is refused by GitHub itself.
    let endless = |_| "x".repeat(70_000);
    let error = wait(async {
        publish(&api(&server), &repository(), 7, "l", &stamp(1), &endless)
            .await
            .unwrap_err()
    });
    let Error::Validation { message, .. } = &error else {
        panic!("{error:?}");
    };
    assert!(message.contains("Body is too long"), "{message}");
}

#[test]
fn a_lost_answer_doubles_nothing() {
    let late = || What::AnswerAfter {
        status: 502,
        body: json!({ "message": "late" }),
    };
    let early = || What::status(500, "Server Error");
    for what in [
        What::DropBefore,
        What::DropAfter,
        What::CutAfter,
        late(),
        early(),
    ] {
        let server = server();
        server.fault(Fault::once("POST", LIST, what.clone()));
        let posted = post(&server, 1, "one");
        assert!(matches!(posted, Posted::Created { .. }), "{posted:?}");
        assert_eq!(texts(&server), ["one"]);
        let done = !matches!(what, What::DropBefore | What::Answer { .. });
        assert_eq!(server.count("POST", LIST), if done { 1 } else { 2 });

        server.fault(Fault::once("PATCH", ONE, what.clone()));
        let posted = post(&server, 2, "two");
        assert!(matches!(posted, Posted::Updated { .. }), "{posted:?}");
        assert_eq!(texts(&server), ["two"]);

        let body = server.comments(7)[0].body.clone();
        server.state().add_comment(7, BOT, "Bot", &body);
        server.fault(Fault::once("DELETE", ONE, what));
        post(&server, 2, "two");
        assert_eq!(texts(&server), ["two"]);
    }
}

#[test]
fn a_server_that_always_fails_is_given_up() {
    let server = server();
    server.fault(Fault::always(
        "POST",
        LIST,
        What::status(500, "Server Error"),
    ));
    let error = try_post(&server, "default", &stamp(1), "x").unwrap_err();
    assert!(matches!(error, Error::Server { .. }), "{error}");
    assert_eq!(server.count("POST", LIST), 3);
}

#[test]
fn limits_are_waited_for() {
    let server = server();
    server.fault(Fault::once(
        "POST",
        LIST,
        What::with_headers(429, "Slow", &[("retry-after", "0")]),
    ));
    server.fault(Fault::once(
        "GET",
        LIST,
        What::status(403, "You have exceeded a secondary rate limit"),
    ));
    post(&server, 1, "one");
    assert_eq!(texts(&server), ["one"]);
    assert_eq!(server.count("POST", LIST), 2);
}

#[test]
fn a_list_that_lags_behind_doubles_nothing() {
    let server = server();
    // The look after the creation does not show it yet.
    server.fault(Fault {
        after: 1,
        ..Fault::once(
            "GET",
            LIST,
            What::Answer {
                status: 200,
                headers: Vec::new(),
                body: json!([]),
            },
        )
    });
    post(&server, 1, "one");
    assert_eq!(texts(&server), ["one"]);
    assert_eq!(server.count("POST", LIST), 1);
}
