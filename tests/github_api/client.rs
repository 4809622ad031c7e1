//! Addresses, headers, redirections, pages, and what each failure means.

use std::time::Duration;

use daglab::error::{Diagnose as _, ExitStatus};
use daglab::github::api::{Api, Config, Error, Limits, Token, Viewer};
use serde_json::{Value, json};

use super::support::github_server::{Fault, What};
use super::support::listener::{Listener, respond};
use super::{api, config, limits, server, wait};

const PULL: &str = "/repos/octo-org/data/pulls/7";
const COMMENTS: &str = "/repos/octo-org/data/issues/7/comments";

#[test]
fn an_enterprise_server_is_asked_below_its_path() {
    let server = server();
    let config = Config {
        api_url: server.enterprise_url(),
        ..config(&server)
    };
    wait(async {
        let api = Api::new(&config).unwrap();
        let pull: Value = api.get(PULL).await.unwrap();
        assert_eq!(pull["number"], 7);
        assert_eq!(
            api.viewer().await.unwrap(),
            &Viewer::Login("github-actions[bot]".to_owned())
        );
        // It is known by now.
        api.viewer().await.unwrap();
    });
    let paths: Vec<String> = server.requests().into_iter().map(|it| it.path).collect();
    assert_eq!(paths, [format!("/api/v3{PULL}"), "/api/graphql".to_owned()]);
}

#[test]
fn the_environment_names_the_server() {
    let token = || Token::new("t").unwrap();
    let none = Config::from_environment(&|_| None, token());
    assert_eq!(none.api_url, "https://api.github.com");
    let empty = Config::from_environment(&|_| Some(String::new()), token());
    assert_eq!(empty.api_url, "https://api.github.com");
    let set = Config::from_environment(&|name| Some(format!("https://h/{name}")), token());
    assert_eq!(set.api_url, "https://h/GITHUB_API_URL");
    assert_eq!(
        set.graphql_url.as_deref(),
        Some("https://h/GITHUB_GRAPHQL_URL")
    );
}

#[test]
fn what_is_not_an_address_is_refused_without_its_password() {
    let server = server();
    wait(async {
        for url in ["", "api", "ftp://h", "https://me:s3cret@h", "https://h?x=1"] {
            let config = Config {
                api_url: url.to_owned(),
                ..config(&server)
            };
            let error = Api::new(&config).unwrap_err();
            assert!(matches!(error, Error::Url { .. }), "{error}");
            assert!(!format!("{error} {error:?}").contains("s3cret"), "{error}");
            assert_eq!(error.exit_status(), ExitStatus::Validation);
        }
    });
}

#[test]
fn lists_are_read_to_their_end_and_no_further_than_allowed() {
    let server = server();
    for number in 0..250 {
        server
            .state()
            .add_comment(7, "someone", "User", &format!("{number}"));
    }
    wait(async {
        let all: Vec<Value> = api(&server).list(COMMENTS, &[]).await.unwrap();
        assert_eq!(all.len(), 250);
        assert_eq!(all[249]["body"], "249");
        assert_eq!(server.count("GET", COMMENTS), 3);
        let short = Config {
            limits: Limits {
                pages: 2,
                ..limits()
            },
            ..config(&server)
        };
        let error = Api::new(&short).unwrap().list::<Value>(COMMENTS, &[]).await;
        assert!(error.unwrap_err().to_string().contains("more than 2 pages"));
        assert_eq!(server.count("GET", COMMENTS), 5);
    });
}

#[test]
fn a_page_on_another_host_is_not_asked_for() {
    let other = Listener::saying("200 OK", "application/json", "[]");
    let server = server();
    server.fault(Fault::once(
        "GET",
        COMMENTS,
        What::Answer {
            status: 200,
            headers: vec![("link", format!("<{}/x>; rel=\"next\"", other.url()))],
            body: json!([]),
        },
    ));
    let error = wait(async { api(&server).list::<Value>(COMMENTS, &[]).await.unwrap_err() });
    assert!(matches!(error, Error::Redirected { .. }), "{error}");
    assert_eq!(other.heads(), [""; 0]);
}

#[test]
fn redirections_keep_method_and_body() {
    for status in [301, 302, 307, 308] {
        let server = server();
        let old = "/repos/octo-org/old/issues/7/comments";
        server.fault(Fault::once("POST", old, What::redirect(status, COMMENTS)));
        let made: Value = wait(async {
            api(&server)
                .post(old, &json!({ "body": "Hello" }))
                .await
                .unwrap()
        });
        assert_eq!(made["body"], "Hello");
        assert_eq!(server.comments(7).len(), 1);
        assert_eq!(server.count("POST", ""), 2);
    }
}

#[test]
fn the_token_stays_with_its_server() {
    let other = Listener::start(|_, stream| respond(&stream, "200 OK", "application/json", "{}"));
    let server = server();
    let away = format!("{}/repos/octo-org/data/pulls/7", other.url());
    server.fault(Fault::once("GET", PULL, What::redirect(302, &away)));
    let round = Fault::always("GET", "/issues/7", What::redirect(301, COMMENTS));
    server.fault(round);
    wait(async {
        let api = api(&server);
        let error = api.get::<Value>(PULL).await.unwrap_err();
        assert!(
            matches!(&error, Error::Redirected { to, .. } if to == "127.0.0.1"),
            "{error}"
        );
        assert_eq!(error.exit_status(), ExitStatus::Network);
        let error = api.get::<Value>(COMMENTS).await.unwrap_err();
        assert!(error.to_string().contains("over and over"), "{error}");
    });
    assert_eq!(other.heads(), [""; 0]);
    assert_eq!(server.count("GET", COMMENTS), 6);
}

#[test]
fn each_refusal_has_its_meaning() {
    let cases = [
        (401, "Bad credentials", ExitStatus::Authentication),
        (
            403,
            "Resource not accessible by integration",
            ExitStatus::Authentication,
        ),
        (403, "Must have admin rights", ExitStatus::Authentication),
        (404, "Not Found", ExitStatus::Validation),
        (410, "This issue was deleted", ExitStatus::Validation),
        (422, "Validation Failed", ExitStatus::Validation),
        (409, "Conflict", ExitStatus::Network),
        (500, "Server Error", ExitStatus::Network),
    ];
    let mut shown = Vec::new();
    for (status, message, exit) in cases {
        let server = server();
        server.fault(Fault::always(
            "POST",
            COMMENTS,
            What::status(status, message),
        ));
        let body = json!({ "body": "x" });
        let error = wait(async {
            api(&server)
                .post::<_, Value>(COMMENTS, &body)
                .await
                .unwrap_err()
        });
        assert_eq!(error.exit_status(), exit, "{error}");
        // None of them is sent twice.
        assert_eq!(server.count("POST", COMMENTS), 1, "{error}");
        assert_eq!(error.may_have_acted(), status == 500, "{error}");
        let hint = error
            .hint()
            .map_or(String::new(), |hint| format!("\n  hint: {hint}"));
        shown.push(format!("{status}: {error}{hint}"));
    }
    insta::assert_snapshot!(shown.join("\n"));
}

#[test]
fn neither_errors_nor_debug_show_the_token() {
    let server = server();
    let token = server.token();
    let echo = format!("you sent {token}\x1b[31m and that is bad");
    server.fault(Fault::once("GET", PULL, What::status(403, &echo)));
    server.fault(Fault::once("GET", COMMENTS, What::status(401, &echo)));
    let config = config(&server);
    assert!(!format!("{config:?}").contains(&token));
    wait(async {
        let api = api(&server);
        assert!(!format!("{api:?}").contains(&token));
        for path in [PULL, COMMENTS] {
            let error = api.get::<Value>(path).await.unwrap_err();
            let shown = format!("{error} {error:?}");
            assert!(shown.contains("you sent *** and"), "{shown}");
            assert!(
                !shown.contains(&token) && !shown.contains('\x1b'),
                "{shown}"
            );
        }
    });
}

#[test]
fn an_answer_that_is_too_long_or_not_json_is_an_error() {
    let server = server();
    server.fault(Fault::once(
        "GET",
        PULL,
        What::Answer {
            status: 200,
            headers: Vec::new(),
            body: json!("x".repeat(5000)),
        },
    ));
    let config = Config {
        limits: Limits {
            answer: 1000,
            ..limits()
        },
        ..config(&server)
    };
    wait(async {
        let error = Api::new(&config)
            .unwrap()
            .get::<Value>(PULL)
            .await
            .unwrap_err();
        assert!(
            error.to_string().contains("longer than 1000 bytes"),
            "{error}"
        );
        let error = api(&server).get::<Vec<u8>>(PULL).await.unwrap_err();
        assert!(matches!(error, Error::Answer { .. }), "{error}");
        assert!(error.to_string().contains("can't be read"), "{error}");
    });
}

#[test]
fn nobody_there_is_a_network_error_after_some_attempts() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let config = Config {
        api_url: format!("http://{address}"),
        graphql_url: None,
        token: Token::new("ghs_secret").unwrap(),
        ca_file: None,
        limits: limits(),
    };
    let error = wait(async {
        let api = Api::new(&config).unwrap();
        api.post::<_, Value>(COMMENTS, &json!({}))
            .await
            .unwrap_err()
    });
    assert!(
        matches!(
            &error,
            Error::Network {
                may_have_acted: false,
                ..
            }
        ),
        "{error:?}"
    );
    assert_eq!(error.exit_status(), ExitStatus::Network);
}

#[test]
fn a_server_that_does_not_answer_is_given_up() {
    let server = server();
    server.fault(Fault::always("POST", COMMENTS, What::Hang));
    let config = Config {
        limits: Limits {
            timeout: Duration::from_millis(200),
            ..limits()
        },
        ..config(&server)
    };
    let error = wait(async {
        let api = Api::new(&config).unwrap();
        api.post::<_, Value>(COMMENTS, &json!({ "body": "x" }))
            .await
            .unwrap_err()
    });
    assert!(error.may_have_acted(), "{error}");
    assert_eq!(server.count("POST", COMMENTS), 1);
}

#[test]
fn a_token_is_a_users_or_a_bots() {
    wait(async {
        let user = server();
        user.state().viewer = ("mona".to_owned(), "User");
        user.state().graphql = false;
        let asked = api(&user).viewer().await.unwrap().clone();
        assert_eq!(asked, Viewer::Login("mona".to_owned()));
        // Neither REST nor GraphQL says which.
        let bot = server();
        bot.state().graphql = false;
        assert_eq!(api(&bot).viewer().await.unwrap(), &Viewer::SomeBot);
        let wrong = server();
        let config = Config {
            token: Token::new("expired").unwrap(),
            ..config(&wrong)
        };
        let error = Api::new(&config).unwrap().viewer().await.unwrap_err();
        assert!(matches!(error, Error::Unauthorised { .. }), "{error}");
    });
}

#[test]
fn the_stand_in_sees_what_github_does_not_describe() {
    let server = server();
    wait(async {
        let api = api(&server);
        let commenting = |body: Value| {
            let api = &api;
            async move { api.post::<_, Value>(COMMENTS, &body).await }
        };
        for (body, expected) in [
            (json!({ "body": "x", "title": "y" }), "/title is not known"),
            (json!({ "text": "x" }), "\"body\" is a required property"),
            (json!("x"), "is not of type \"object\""),
        ] {
            server.fault(Fault::once("POST", COMMENTS, What::status(403, "No")));
            commenting(body).await.unwrap_err();
            let found = server.take_violations().join("\n");
            assert!(found.contains(expected), "{found}");
        }
        for (path, expected) in [
            (
                "/repos/octo-org/data/pulls?stat=open",
                "no query parameter stat",
            ),
            (
                "/repos/octo-org/data/pulls?state=ajar",
                "\"ajar\" is not one of",
            ),
            (
                "/repos/octo-org/data/pulls?page=x",
                "is not of type \"integer\"",
            ),
        ] {
            server.fault(Fault::once("GET", "/pulls", What::status(403, "No")));
            api.get::<Value>(path).await.unwrap_err();
            let found = server.take_violations().join("\n");
            assert!(found.contains(expected), "{found}");
        }
        api.get::<Value>("/repos/octo-org/data/pull/7")
            .await
            .unwrap_err();
        assert!(server.take_violations()[0].contains("no such operation"));
        // Its own answers as well.
        server.state().add_comment(7, "mona", "User", "x");
        server.state().repository = "octo-org/data with spaces".to_owned();
        api.get::<Value>("/repos/octo-org/data%20with%20spaces/issues/7/comments")
            .await
            .unwrap();
        let found = server.take_violations().join("\n");
        assert!(found.contains("is not a \"uri\""), "{found}");
    });
}
