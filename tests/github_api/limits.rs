//! When a request is sent again, and when not.

use std::time::Duration;

use daglab::github::api::{Api, Config, Error, Limits};
use serde_json::{Value, json};

use super::support::github_server::{Fault, GithubServer, What};
use super::{api, config, limits, server, wait};

const PULL: &str = "/repos/octo-org/data/pulls/7";
const COMMENTS: &str = "/repos/octo-org/data/issues/7/comments";

fn get(server: &GithubServer) -> Result<Value, Error> {
    wait(async { api(server).get(PULL).await })
}

fn post(server: &GithubServer) -> Result<Value, Error> {
    wait(async { api(server).post(COMMENTS, &json!({ "body": "x" })).await })
}

fn twice(method: &'static str, path: &'static str, what: What) -> Fault {
    Fault {
        times: 2,
        ..Fault::once(method, path, what)
    }
}

#[test]
fn reads_are_repeated_when_github_or_the_network_fails() {
    for what in [
        What::status(500, "Server Error"),
        What::status(502, "Bad Gateway"),
        What::with_headers(503, "Unavailable", &[("retry-after", "0")]),
        What::DropBefore,
        What::DropAfter,
        What::CutAfter,
        What::with_headers(429, "Too many requests", &[("retry-after", "0")]),
        What::status(403, "You have exceeded a secondary rate limit"),
    ] {
        let server = server();
        server.fault(twice("GET", PULL, what.clone()));
        assert_eq!(get(&server).unwrap()["number"], 7);
        assert_eq!(server.count("GET", PULL), 3);
        // Three attempts are all there are.
        server.fault(Fault::always("GET", PULL, what));
        assert!(get(&server).is_err());
        assert_eq!(server.count("GET", PULL), 6);
    }
}

#[test]
fn writes_are_repeated_after_a_refusal_that_leaves_no_doubt() {
    for what in [
        What::with_headers(429, "Too many requests", &[("retry-after", "0")]),
        What::status(429, "Too many requests"),
        What::with_headers(403, "Wait", &[("retry-after", "0")]),
        What::status(403, "You have exceeded a secondary rate limit. Please wait"),
        What::with_headers(
            403,
            "API rate limit exceeded",
            &[
                ("x-ratelimit-remaining", "0"),
                ("x-ratelimit-reset", "1767225600"),
                ("date", "Thu, 01 Jan 2026 12:00:00 GMT"),
            ],
        ),
    ] {
        let server = server();
        server.fault(twice("POST", COMMENTS, what));
        post(&server).unwrap();
        assert_eq!(server.count("POST", COMMENTS), 3);
        assert_eq!(server.comments(7).len(), 1);
    }
}

#[test]
fn writes_are_not_repeated_where_there_is_doubt() {
    let answered = |status| What::AnswerAfter {
        status,
        body: json!({ "message": "late" }),
    };
    for (what, done) in [
        (What::status(500, "Server Error"), 0),
        (
            What::with_headers(503, "Unavailable", &[("retry-after", "0")]),
            0,
        ),
        (answered(502), 1),
        (What::DropBefore, 0),
        (What::DropAfter, 1),
        (What::CutAfter, 1),
    ] {
        let server = server();
        server.fault(Fault::once("POST", COMMENTS, what));
        let error = post(&server).unwrap_err();
        assert!(error.may_have_acted(), "{error}");
        assert_eq!(server.count("POST", COMMENTS), 1, "{error}");
        assert_eq!(server.comments(7).len(), done, "{error}");
    }
}

#[test]
fn a_pause_longer_than_the_limit_is_not_made() {
    let day = |reset: &'static str| {
        [
            ("x-ratelimit-remaining", "0"),
            ("x-ratelimit-reset", reset),
            ("date", "Thu, 01 Jan 2026 12:00:00 GMT"),
        ]
    };
    for (headers, secondary) in [
        (vec![("retry-after", "3600")], true),
        (day("1767272400").to_vec(), false),
        (day("99999999999999999").to_vec(), false),
        (vec![("retry-after", "18446744073709551615")], true),
    ] {
        let server = server();
        server.fault(Fault::always(
            "POST",
            COMMENTS,
            What::with_headers(403, "Slow down", &headers),
        ));
        let begin = jiff::Timestamp::now().as_second();
        let error = post(&server).unwrap_err();
        let Error::RateLimited {
            until,
            secondary: found,
            ..
        } = &error
        else {
            panic!("{error:?}");
        };
        assert!(until.as_second() >= begin + 3600, "{error}");
        assert_eq!(*found, secondary, "{error}");
        assert!(error.to_string().contains(&until.to_string()), "{error}");
        assert!(!error.may_have_acted());
        assert_eq!(server.count("POST", COMMENTS), 1);
    }
}

#[test]
fn all_pauses_together_are_limited() {
    let server = server();
    server.fault(Fault::always(
        "GET",
        PULL,
        What::status(500, "Server Error"),
    ));
    let config = Config {
        limits: Limits {
            attempts: 1000,
            first_pause: Duration::from_millis(10),
            longest_pause: Duration::from_millis(10),
            all_pauses: Duration::from_millis(50),
            ..limits()
        },
        ..config(&server)
    };
    wait(async {
        let api = Api::new(&config).unwrap();
        assert!(api.get::<Value>(PULL).await.is_err());
        assert_eq!(server.count("GET", PULL), 6);
        // They are those of all requests.
        assert!(api.get::<Value>(PULL).await.is_err());
        assert_eq!(server.count("GET", PULL), 7);
    });
}
