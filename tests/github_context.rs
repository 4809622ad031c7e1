//! What a run is about: GitHub's own examples of events, and events written for what they leave out.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that can't be set up has failed"
)]

mod support;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use daglab::error::{Diagnose as _, ExitStatus};
use daglab::github::api::{Api, Config, Error, Limits, Token};
use daglab::github::context::{Context, project_path, read};
use serde_json::Value;
use support::github_server::contract::node;
use support::github_server::{Fault, GithubServer, Pull, What};

const HEAD: &str = "abababababababababababababababababababab";
const BASE: &str = "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd";
/// What the runner has checked out.
const CHECKED_OUT: &str = "efefefefefefefefefefefefefefefefefefefef";

type Variables = BTreeMap<&'static str, String>;

fn variables(event: &str, git_ref: &str) -> Variables {
    [
        ("GITHUB_REPOSITORY", "octo-org/data"),
        ("GITHUB_SERVER_URL", "https://github.com"),
        ("GITHUB_API_URL", "https://api.github.com"),
        ("GITHUB_RUN_ID", "99"),
        ("GITHUB_RUN_ATTEMPT", "1"),
        ("GITHUB_SHA", CHECKED_OUT),
        ("GITHUB_EVENT_NAME", event),
        ("GITHUB_REF", git_ref),
        ("GITHUB_ACTOR", "mona"),
    ]
    .into_iter()
    .map(|(name, value)| (name, value.to_owned()))
    .collect()
}

fn context(variables: &Variables, payload: Option<&[u8]>) -> Context {
    read(&|name| variables.get(name).cloned(), payload).unwrap()
}

/// The context of an event written for these tests.
fn of(event: &str, file: &str, git_ref: &str) -> Context {
    let path = format!(
        "{}/tests/fixtures/events/{file}.json",
        env!("CARGO_MANIFEST_DIR")
    );
    let payload = std::fs::read(path).unwrap();
    context(&variables(event, git_ref), Some(&payload))
}

/// GitHub's examples of an event.
fn examples(event: &str) -> Vec<Value> {
    let file = node().join("node_modules/@octokit/webhooks-examples/api.github.com/index.json");
    let all: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let all = all.as_array().unwrap();
    let found = all.iter().find(|it| it["name"] == event).unwrap();
    found["examples"].as_array().unwrap().clone()
}

/// The same as if it had happened in its own repository.
fn of_example(event: &str, example: &Value) -> Context {
    let mut variables = variables(event, "refs/heads/main");
    let repository = example["repository"]["full_name"].as_str().unwrap();
    variables.insert("GITHUB_REPOSITORY", repository.to_owned());
    context(&variables, Some(&serde_json::to_vec(example).unwrap()))
}

fn ask(server: &GithubServer, context: &mut Context) -> Result<(), Error> {
    let config = Config {
        api_url: server.url(),
        graphql_url: None,
        token: Token::new(&server.token()).unwrap(),
        ca_file: None,
        limits: Limits {
            attempts: 1,
            ..Limits::default()
        },
    };
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(async { context.resolve(&Api::new(&config).unwrap()).await })
}

fn pull(number: u64, owner: &str) -> Pull {
    Pull {
        number,
        state: "open",
        head_owner: owner.to_owned(),
        head_ref: "feature".to_owned(),
        head_sha: HEAD.to_owned(),
        base_sha: BASE.to_owned(),
        base_repository: None,
        merged_as: None,
    }
}

#[test]
fn githubs_own_examples_are_understood() {
    let mut lines = String::new();
    for event in [
        "pull_request",
        "push",
        "merge_group",
        "workflow_run",
        "issue_comment",
        "workflow_dispatch",
    ] {
        let examples = examples(event);
        assert!(!examples.is_empty(), "{event}");
        for example in &examples {
            let context = of_example(event, example);
            let line = format!(
                "{event} {}: {} #{} {} on {:?} fork={} open={} {}",
                context.action.as_deref().unwrap_or("-"),
                context.repository,
                context.pull_request.unwrap_or(0),
                &context.head_sha[..7],
                context.head_ref.as_deref().unwrap_or("-"),
                context.from_fork,
                context.is_open(),
                context.notes.join("; ")
            );
            let _ = writeln!(lines, "{}", line.trim_end());
        }
    }
    insta::assert_snapshot!(lines);
}

#[test]
fn reviews_and_targets_carry_the_pull_request_too() {
    for example in examples("pull_request") {
        let mut target = of_example("pull_request_target", &example);
        target.event = "pull_request".to_owned();
        assert_eq!(target, of_example("pull_request", &example));
    }
    for event in ["pull_request_review", "pull_request_review_comment"] {
        for example in examples(event) {
            let context = of_example(event, &example);
            let number = example["pull_request"]["number"].as_u64();
            assert_eq!(context.pull_request, number, "{event}");
            assert_eq!(
                context.head_sha, example["pull_request"]["head"]["sha"],
                "{event}"
            );
        }
    }
}

#[test]
fn no_example_of_any_event_is_too_much() {
    let file = node().join("node_modules/@octokit/webhooks-examples/api.github.com/index.json");
    let all: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let mut count = 0;
    for event in all.as_array().unwrap() {
        let name = event["name"].as_str().unwrap();
        for example in event["examples"].as_array().unwrap() {
            let payload = serde_json::to_vec(example).unwrap();
            let context = context(&variables(name, "refs/heads/main"), Some(&payload));
            assert!(context.head_sha.len() == 40, "{name}");
            // And each as any other's payload.
            for other in [
                "pull_request",
                "push",
                "merge_group",
                "workflow_run",
                "issue_comment",
            ] {
                self::context(&variables(other, "refs/heads/main"), Some(&payload));
            }
            count += 1;
        }
    }
    assert!(count > 200, "{count}");
}

#[test]
fn a_pull_request_from_a_fork() {
    let context = of("pull_request", "pull_request.fork", "refs/pull/7/merge");
    assert_eq!(context.pull_request, Some(7));
    assert_eq!(context.head_sha, HEAD);
    assert_eq!(context.base_sha.as_deref(), Some(BASE));
    assert_eq!(context.head_owner.as_deref(), Some("mona"));
    assert_eq!(context.head_ref.as_deref(), Some("feature/ä#1"));
    assert!(context.from_fork && context.token_only_reads() && !context.is_open());
    let origin = context.origin("./etl/", "default");
    insta::assert_snapshot!(serde_json::to_string_pretty(&origin).unwrap());

    let target = of(
        "pull_request_target",
        "pull_request.fork",
        "refs/heads/main",
    );
    assert!(target.from_fork && !target.token_only_reads());
    let deleted = of(
        "pull_request",
        "pull_request.deleted_fork",
        "refs/pull/7/merge",
    );
    assert!(deleted.from_fork && deleted.head_owner.is_none());
}

#[test]
fn what_dependabot_may_is_found_out_by_trying() {
    let example = examples("pull_request").swap_remove(0);
    let mut variables = variables("pull_request", "refs/pull/2/merge");
    variables.insert("GITHUB_REPOSITORY", "Codertocat/Hello-World".to_owned());
    let payload = serde_json::to_vec(&example).unwrap();
    assert!(!context(&variables, Some(&payload)).token_only_reads());
    variables.insert("GITHUB_ACTOR", "dependabot[bot]".to_owned());
    assert!(!context(&variables, Some(&payload)).token_only_reads());
    // But not in a fork.
    let file = "tests/fixtures/events/pull_request.fork.json";
    let fork = std::fs::read(format!("{}/{file}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    variables.insert("GITHUB_REPOSITORY", "octo-org/data".to_owned());
    assert!(context(&variables, Some(&fork)).token_only_reads());
}

#[test]
fn what_outsiders_write_is_checked() {
    let context = of("pull_request", "pull_request.hostile", "refs/pull/7/merge");
    assert_eq!(context.pull_request, Some(7));
    assert_eq!(
        (context.head_ref, context.base_ref, context.base_sha),
        (None, None, None)
    );
    assert_eq!(context.head_owner, None);
    assert!(context.from_fork);
    assert!(context.action.unwrap().chars().count() <= 100);
}

#[test]
fn a_push_belongs_to_the_open_pull_request_of_its_branch() {
    let server = GithubServer::start();
    let elsewhere = Pull {
        base_repository: Some("upstream/data".to_owned()),
        ..pull(2, "octo-org")
    };
    let closed = Pull {
        state: "closed",
        ..pull(3, "octo-org")
    };
    let moved_on = Pull {
        head_sha: BASE.to_owned(),
        ..pull(4, "octo-org")
    };
    // The same commit under another name, and in a fork.
    let other_branch = Pull {
        head_ref: "other".to_owned(),
        ..pull(5, "octo-org")
    };
    let fork = pull(6, "mallory");
    let others = vec![elsewhere, closed, moved_on, other_branch, fork];
    server.state().commits.push((HEAD.to_owned(), 4));
    server.state().pulls = others.clone();
    server.state().pulls.push(pull(9, "octo-org"));
    server.state().pulls.push(pull(8, "octo-org"));
    let mut context = of("push", "push.branch", "refs/heads/feature");
    assert!(context.is_open() && context.pull_request.is_none());
    assert_eq!(context.base_sha.as_deref(), Some(BASE));
    ask(&server, &mut context).unwrap();
    assert_eq!(context.pull_request, Some(8));
    assert!(!context.is_open() && !context.from_fork);
    // A second time there is nothing to ask.
    ask(&server, &mut context).unwrap();
    assert_eq!(server.requests().len(), 1);

    server.state().pulls = others;
    let mut context = of("push", "push.branch", "refs/heads/feature");
    ask(&server, &mut context).unwrap();
    assert_eq!(context.pull_request, None);
    assert_eq!(
        context.notes, [""; 0],
        "that there is none is nothing special"
    );
}

#[test]
fn a_merge_belongs_to_no_pull_request() {
    let server = GithubServer::start();
    server.state().pulls = vec![Pull {
        state: "closed",
        head_sha: BASE.to_owned(),
        merged_as: Some(HEAD.to_owned()),
        ..pull(5, "octo-org")
    }];
    let mut context = of("push", "push.branch", "refs/heads/feature");
    ask(&server, &mut context).unwrap();
    assert_eq!((context.pull_request, context.notes.len()), (None, 0));
}

#[test]
fn a_forks_run_is_found_by_its_branch_and_commit() {
    let server = GithubServer::start();
    let other_commit = Pull {
        head_sha: BASE.to_owned(),
        ..pull(6, "mona")
    };
    let closed = Pull {
        state: "closed",
        ..pull(4, "mona")
    };
    server.state().pulls = vec![closed, other_commit, pull(7, "mona"), pull(5, "mallory")];
    let mut context = of("workflow_run", "workflow_run.fork", "refs/heads/main");
    assert!(context.from_fork && !context.token_only_reads());
    ask(&server, &mut context).unwrap();
    assert_eq!(context.pull_request, Some(7));
    assert_eq!(context.base_sha.as_deref(), Some(BASE));
    let cause = context.caused_by.as_ref().unwrap();
    assert_eq!((cause.id, cause.attempt), (4711, 2));
    assert_eq!(
        cause.url,
        "https://github.com/octo-org/data/actions/runs/4711/attempts/2"
    );
    assert_eq!(context.origin("", "k").run_id, 4711);
    assert_eq!(context.run.id, 99);

    let mut moved_on = of("workflow_run", "workflow_run.fork", "refs/heads/main");
    server.state().pulls.retain(|it| it.number == 6);
    ask(&server, &mut moved_on).unwrap();
    assert_eq!(moved_on.pull_request, None);
    insta::assert_snapshot!(moved_on.notes.join("\n"), @"the pull request has moved on since the run began");
}

#[test]
fn a_run_of_the_same_repository_names_its_pull_request() {
    let context = of(
        "workflow_run",
        "workflow_run.same_repository",
        "refs/heads/main",
    );
    assert_eq!(context.pull_request, Some(7));
    assert!(!context.from_fork && !context.is_open());
    let gone = of(
        "workflow_run",
        "workflow_run.deleted_fork",
        "refs/heads/main",
    );
    assert!(gone.from_fork && !gone.is_open());
    assert_eq!(gone.notes.len(), 1, "{:?}", gone.notes);
    let server = GithubServer::start();
    let of_the_branch = Pull {
        head_ref: "main".to_owned(),
        ..pull(3, "octo-org")
    };
    server.state().pulls = vec![pull(2, "octo-org"), of_the_branch];
    let mut pushed = of("workflow_run", "workflow_run.push", "refs/heads/main");
    ask(&server, &mut pushed).unwrap();
    assert_eq!(pushed.pull_request, Some(3));
}

#[test]
fn who_comments_asks_for_the_head() {
    let server = GithubServer::start();
    server.state().pulls = vec![pull(7, "mona")];
    let mut context = of(
        "issue_comment",
        "issue_comment.pull_request",
        "refs/heads/main",
    );
    assert_eq!(
        (context.pull_request, context.head_sha.as_str()),
        (Some(7), CHECKED_OUT)
    );
    ask(&server, &mut context).unwrap();
    assert_eq!(
        (context.pull_request, context.head_sha.as_str()),
        (Some(7), HEAD)
    );
    assert_eq!(context.head_owner.as_deref(), Some("mona"));
    assert!(context.from_fork && !context.token_only_reads());
}

#[test]
fn a_queue_names_its_pull_request() {
    let context = of(
        "merge_group",
        "merge_group.branch_like_a_queue",
        "refs/heads/x",
    );
    assert_eq!(context.pull_request, Some(7));
    assert_eq!(context.base_ref.as_deref(), Some("release/pr-1-old"));
    assert!(!context.from_fork);
}

#[test]
fn a_schedule_has_no_pull_request() {
    for (event, file) in [
        ("schedule", "schedule"),
        ("repository_dispatch", "pull_request.fork"),
    ] {
        let context = of(event, file, "refs/heads/main");
        assert_eq!(
            (context.pull_request, context.is_open()),
            (None, false),
            "{event}"
        );
        assert_eq!(context.head_sha, CHECKED_OUT);
        assert_eq!(context.notes, [""; 0]);
    }
}

#[test]
fn without_a_payload_the_variables_say_what_they_can() {
    let wrong: [Option<&[u8]>; 6] = [
        None,
        Some(b""),
        Some(b"{\"pull_request\": {\"number\": 7"),
        Some(b"[]"),
        Some(b"{}"),
        Some(b"{\"pull_request\": {\"number\": \"7\", \"head\": []}, \"ref\": 1}"),
    ];
    let queue = format!("refs/heads/gh-readonly-queue/main/pr-7-{HEAD}");
    for payload in wrong {
        let server = GithubServer::start();
        server.state().pulls = vec![pull(7, "mona"), pull(8, "octo-org")];
        let mut pr = context(&variables("pull_request", "refs/pull/7/merge"), payload);
        assert_eq!((pr.pull_request, pr.notes.len()), (Some(7), 1));
        ask(&server, &mut pr).unwrap();
        assert_eq!(pr.head_sha, HEAD);
        assert!(pr.from_fork && pr.token_only_reads());

        let mut pushed = variables("push", "refs/heads/feature");
        pushed.insert("GITHUB_SHA", HEAD.to_owned());
        let mut pushed = context(&pushed, payload);
        ask(&server, &mut pushed).unwrap();
        assert_eq!((pushed.pull_request, pushed.notes.len()), (Some(8), 1));

        let group = context(&variables("merge_group", &queue), payload);
        assert_eq!((group.pull_request, group.notes.len()), (Some(7), 1));

        for event in ["workflow_run", "issue_comment", "pull_request_target"] {
            let none = context(&variables(event, "refs/heads/main"), payload);
            assert_eq!((none.pull_request, none.notes.len()), (None, 1), "{event}");
            assert_eq!(none.head_sha, CHECKED_OUT);
        }
    }
}

#[test]
fn a_failure_leaves_the_question_open() {
    let server = GithubServer::start();
    server.fault(Fault::once(
        "GET",
        "/pulls/7",
        What::status(500, "Server Error"),
    ));
    let mut context = of(
        "issue_comment",
        "issue_comment.pull_request",
        "refs/heads/main",
    );
    let before = context.clone();
    ask(&server, &mut context).unwrap_err();
    assert_eq!(context, before);
    server.state().pulls = vec![pull(7, "mona")];
    ask(&server, &mut context).unwrap();
    assert_eq!(context.head_sha, HEAD);
}

#[test]
fn outside_of_a_workflow_there_is_no_context() {
    let full = variables("push", "refs/heads/main");
    for (name, wrong) in [
        ("GITHUB_REPOSITORY", "../x"),
        ("GITHUB_SHA", "main"),
        ("GITHUB_RUN_ID", "x"),
    ] {
        for value in [Some(wrong.to_owned()), Some(String::new()), None] {
            let error = read(
                &|asked| match asked == name {
                    true => value.clone(),
                    false => full.get(asked).cloned(),
                },
                None,
            )
            .unwrap_err();
            assert!(error.to_string().contains(name), "{error}");
            assert_eq!(error.exit_status(), ExitStatus::Environment);
            assert!(error.hint().is_some());
        }
    }
}

#[test]
fn the_project_is_named_from_the_work_tree() {
    let dir = tempfile::tempdir().unwrap();
    let project = dir.path().join("a/b");
    std::fs::create_dir_all(&project).unwrap();
    assert_eq!(project_path(dir.path(), &project).as_deref(), Some("a/b"));
    assert_eq!(project_path(dir.path(), dir.path()).as_deref(), Some(""));
    assert_eq!(project_path(&project, dir.path()), None);
}
