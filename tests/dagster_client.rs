//! The Dagster client against a real web server, and against servers that misbehave.
//!
//! `DAGLAB_TEST_PYTHON` and `DAGLAB_TEST_PYTHONS` name interpreters that have `dagster-webserver`.
#![allow(clippy::panic, reason = "a test that can't be set up has failed")]

#[path = "dagster_client/faults.rs"]
mod faults;
#[path = "dagster_client/server.rs"]
mod server;
#[path = "support/versions.rs"]
mod versions;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use daglab::dagster::discover::{PartitionKind, Workspace};
use daglab::dagster::events::RunEventKind;
use daglab::dagster::follow::{FollowOptions, RunOutcome, StepStatus};
use daglab::dagster::launch::{JobSelector, LaunchRequest, TerminatePolicy};
use daglab::dagster::summary::{location_reports, run_parts};
use daglab::dagster::validate::{ExecutorPolicy, RunConfig, env_vars_in_config};
use daglab::dagster::{AssetKey, Client, Error};
use daglab::error::{Diagnose, ExitStatus};
use daglab::report::model::RunStatus;
use serde_json::{Value, json};
use server::DagsterServer;

fn config(value: &Value) -> RunConfig {
    value.as_object().expect("an object").clone()
}

fn key(text: &str) -> AssetKey {
    AssetKey::parse(text).expect("a key")
}

async fn run(
    client: &Client,
    selector: JobSelector,
    run_config: Value,
    tags: BTreeMap<String, String>,
) -> RunOutcome {
    let validated = client
        .validate(&selector, &config(&run_config), ExecutorPolicy::InProcess)
        .await
        .expect("validation");
    assert_eq!(validated.problems, [], "the run config is valid");
    let request = LaunchRequest {
        selector,
        run_config: validated.run_config,
        tags,
    };
    let run_id = client.launch(&request).await.expect("a launched run");
    let options = FollowOptions {
        limit: Some(Duration::from_secs(120)),
        ..FollowOptions::default()
    };
    client
        .follow(&run_id, &options, |_| {})
        .await
        .expect("a run that was followed")
}

/// The whole suite on each release.
mod spread {
    use super::versions::{NEWEST, python_with_dagster};
    use super::works_with;

    #[tokio::test]
    async fn dagster_1_5() {
        works_with(&python_with_dagster("1.5")).await;
    }

    #[tokio::test]
    async fn dagster_1_8() {
        works_with(&python_with_dagster("1.8")).await;
    }

    #[tokio::test]
    async fn dagster_1_11() {
        works_with(&python_with_dagster("1.11")).await;
    }

    #[tokio::test]
    async fn dagster_newest() {
        works_with(&python_with_dagster(NEWEST)).await;
    }
}

/// A real server is discovered, validated and run: one for all, since it takes seconds to start.
async fn works_with(python: &Path) {
    let server = DagsterServer::start(python);
    let client = server.client();
    let workspace = client
        .wait_ready(Duration::from_secs(90), 2)
        .await
        .expect("a server that becomes ready");

    discovers(&server, &workspace).await;
    checks_run_configs(&client, &workspace).await;
    finds_required_variables(&client, &workspace).await;
    runs_a_good_job(&client, &workspace).await;
    explains_a_failing_job(&server, &workspace).await;
    materializes_a_partition(&client, &workspace).await;
    runs_a_partition_of_a_job(&client, &workspace).await;
    terminates_a_hanging_job(&client, &workspace).await;
    follows_no_run_that_is_not_there(&client).await;

    // The name needs no resolver.
    let by_name = server.client_at("localhost");
    by_name.server_info().await.expect("an answer by name");
}

async fn discovers(server: &DagsterServer, workspace: &Workspace) {
    let reports = location_reports(workspace, server.project());
    let broken = &reports[1];
    assert_eq!((broken.name.as_str(), broken.loaded), ("broken", false));
    let error = broken.error.as_ref().expect("a reason");
    assert_eq!(error.class.as_deref(), Some("ModuleNotFoundError"));
    assert_eq!(error.path.as_deref(), Some("broken.py"));
    assert_eq!(error.line, Some(2));
    assert_eq!(workspace.failed().count(), 1);
    assert!(reports[0].loaded);
    assert_eq!((reports[0].assets, reports[0].jobs), (4, 6));

    let orders = workspace
        .asset(&key("orders"), None)
        .expect("an asset")
        .item;
    assert_eq!(orders.group.as_deref(), Some("sales"));
    assert!(orders.is_materializable);
    let partitions = orders.partitions.as_ref().expect("partitions");
    assert_eq!(partitions.kind, PartitionKind::TimeWindow);
    let outside = workspace
        .asset(&key("outside"), None)
        .expect("an asset")
        .item;
    assert!(!outside.is_executable && !outside.is_materializable);
    let summary = workspace
        .asset(&key("summary"), None)
        .expect("an asset")
        .item;
    assert_eq!(summary.dependencies, [key("orders")]);
    assert!(summary.has_checks);
    let checks = server.client().asset_checks(vec![key("summary")]).await;
    let checks = checks.expect("checks");
    assert_eq!(checks.len(), 1);
    assert_eq!(checks[0].name, "summary_is_fine");

    let missing = workspace.job("god_job", None).expect_err("no such job");
    assert_eq!(missing.exit_status(), ExitStatus::Validation);
    assert_eq!(missing.hint().as_deref(), Some("did you mean `good_job`?"));
    let job = workspace
        .job("partitioned_job", Some("main"))
        .expect("a job");
    assert!(job.item.partition_set.is_some());
}

async fn checks_run_configs(client: &Client, workspace: &Workspace) {
    let selector = |name| workspace.job(name, None).expect("a job").selector();
    let good = json!({"ops": {"greet": {"config": {"name": "you"}}}});
    let validate = |job, value: Value, policy| {
        let selector = selector(job);
        async move {
            let config = config(&value);
            client
                .validate(&selector, &config, policy)
                .await
                .expect("validation")
        }
    };

    let validated = validate("good_job", good.clone(), ExecutorPolicy::InProcess).await;
    assert_eq!(validated.problems, []);
    assert_eq!(validated.executor, ExecutorPolicy::InProcess);
    assert_eq!(
        validated.run_config.get("execution"),
        Some(&json!({"config": {"in_process": {}}}))
    );
    // Not where the job or the user has chosen, or the policy is the job's own.
    for (job, value, policy) in [
        ("own_executor_job", good.clone(), ExecutorPolicy::InProcess),
        ("any_executor_job", good.clone(), ExecutorPolicy::InProcess),
        ("good_job", good.clone(), ExecutorPolicy::Own),
        (
            "good_job",
            json!({"ops": good["ops"], "execution": {"config": {"multiprocess": {}}}}),
            ExecutorPolicy::InProcess,
        ),
    ] {
        let validated = validate(job, value.clone(), policy).await;
        assert_eq!(validated.executor, ExecutorPolicy::Own, "{job}");
        assert_eq!(Value::Object(validated.run_config), value, "{job}");
        assert_eq!(validated.problems, [], "{job}");
    }

    let wrong = json!({"ops": {"greet": {"config": {"nmae": "you", "times": "often"}}}});
    let validated = validate("good_job", wrong.clone(), ExecutorPolicy::InProcess).await;
    assert_eq!(validated.executor, ExecutorPolicy::InProcess);
    let problem = |path: &str| {
        let mut problems = validated.problems.iter();
        problems
            .find(|problem| problem.path.join(".") == path)
            .unwrap_or_else(|| unreachable!("{path} in {:?}", validated.problems))
    };
    let misspelt = problem("ops.greet.config.nmae");
    assert_eq!(misspelt.suggestion.as_deref(), Some("name"));
    problem("ops.greet.config.name");
    problem("ops.greet.config.times");

    let refused = client
        .launch(&LaunchRequest {
            selector: selector("good_job"),
            run_config: config(&wrong),
            tags: BTreeMap::new(),
        })
        .await
        .expect_err("a run config that is not valid");
    assert!(matches!(&refused, Error::RunConfigInvalid { problems, .. } if problems.len() == 3));
    assert_eq!(refused.exit_status(), ExitStatus::Validation);

    let mut nowhere = selector("good_job");
    nowhere.job = "nowhere".into();
    let missing = client
        .validate(&nowhere, &RunConfig::new(), ExecutorPolicy::Own)
        .await;
    assert!(matches!(missing, Err(Error::JobNotFound { .. })));
}

async fn finds_required_variables(client: &Client, workspace: &Workspace) {
    let required = client
        .required_env_vars(workspace)
        .await
        .expect("variables");
    let names: Vec<&str> = required
        .iter()
        .map(|variable| variable.name.as_str())
        .collect();
    assert_eq!(names, ["NESTED_PASSWORD", "WAREHOUSE_URL"]);
    assert_eq!(required[1].readers, ["resource `warehouse` in `main`"]);

    // What is found in a run config is what Dagster takes from the environment.
    let value = json!({"ops": {"greet": {"config": {"name": {"env": "DAGLAB_TEST_UNSET"}}}}});
    let run_config = config(&value);
    assert_eq!(env_vars_in_config(&run_config)[0].name, "DAGLAB_TEST_UNSET");
}

async fn runs_a_good_job(client: &Client, workspace: &Workspace) {
    let selector = workspace.job("good_job", None).expect("a job").selector();
    let tags = BTreeMap::from([("team".to_owned(), "sales".to_owned())]);
    let value = json!({"ops": {"greet": {"config": {"name": "you"}}}});
    let outcome = run(client, selector, value, tags).await;
    assert_eq!(outcome.status, "SUCCESS");
    let parts = run_parts(&outcome, Path::new("/"));
    assert_eq!(parts.status, RunStatus::Success);
    assert!(parts.duration_s > 0.0);
    assert_eq!(parts.steps.len(), 1);
    assert!(parts.steps[0].duration_s.is_some());

    let output = client
        .captured_output(&outcome, 64 * 1024)
        .await
        .expect("output");
    assert_eq!(output.len(), 1);
    assert!(output[0].stdout.contains("printed to stdout"));
    assert!(output[0].stderr.contains("printed to stderr"));
    assert!(!output[0].truncated);
    let output = client.captured_output(&outcome, 8).await.expect("output");
    assert_eq!(output[0].stdout, "printed ");
    assert!(output[0].truncated);
}

async fn explains_a_failing_job(server: &DagsterServer, workspace: &Workspace) {
    let client = server.client();
    let selector = workspace
        .job("failing_job", None)
        .expect("a job")
        .selector();
    let outcome = run(&client, selector, json!({}), BTreeMap::new()).await;
    assert_eq!(outcome.status, "FAILURE");
    let parts = run_parts(&outcome, server.project());
    let error = parts.error.expect("an error");
    assert_eq!(error.class.as_deref(), Some("ValueError"));
    assert_eq!(error.message, "the ratio is not defined");
    assert_eq!(error.path.as_deref(), Some("defs.py"));
    let source = std::fs::read_to_string(server.project().join("defs.py")).expect("the file");
    let line = error.line.expect("a line") as usize;
    let code = source.lines().nth(line - 1).expect("that line");
    assert!(code.contains("raise ValueError"), "{code}");
    let stack = error.stack.expect("a stack");
    assert!(!stack.contains("site-packages"), "{stack}");
    assert!(stack.contains("ZeroDivisionError"), "{stack}");
    assert_eq!(outcome.steps[0].status, StepStatus::Failure);
}

async fn materializes_a_partition(client: &Client, workspace: &Workspace) {
    let orders = workspace
        .asset(&key("orders"), None)
        .expect("an asset")
        .item;
    let missing = client.partition_of_asset(orders, "2024-01-32").await;
    assert!(matches!(
        missing,
        Err(Error::PartitionNotFound {
            suggestion: Some(_),
            ..
        })
    ));
    let tags = client
        .partition_of_asset(orders, "2024-01-02")
        .await
        .expect("tags");
    let selector = workspace.asset_job(&[key("orders")], None).expect("a job");
    let outcome = run(client, selector, json!({}), tags).await;
    assert_eq!(outcome.status, "SUCCESS");
    let materialized = &outcome.materializations[0];
    assert_eq!(materialized.asset, Some(key("orders")));
    assert_eq!(materialized.partition.as_deref(), Some("2024-01-02"));
    let text = |label: &str| materialized.metadata.get(label).map(String::as_str);
    assert_eq!(text("rows"), Some("42"));
    assert_eq!(text("big"), Some("1099511627776"));
    assert_eq!(text("ratio"), Some("0.5"));
    assert_eq!(text("nan"), Some("nan"));
    assert_eq!(text("page"), Some("https://example.com/a"));
    assert_eq!(text("flag"), Some("true"));
    let info = client.server_info().await.expect("an answer");
    let has_timestamps = !info.dagster_version.starts_with("1.5.");
    let when = has_timestamps.then_some("2024-01-02T03:04:05Z");
    assert_eq!(text("when"), when);
    assert_eq!(text("table"), Some("x | y\n1 | a\n2 | b"));

    // Of several dimensions, each has its tag; without them this asset fails.
    let shades = workspace
        .asset(&key("shades"), None)
        .expect("an asset")
        .item;
    let tags = client
        .partition_of_asset(shades, "a|red")
        .await
        .expect("tags");
    let selector = workspace.asset_job(&[key("shades")], None).expect("a job");
    assert_eq!(
        run(client, selector, json!({}), tags).await.status,
        "SUCCESS"
    );

    let selector = workspace.asset_job(&[key("summary")], None).expect("a job");
    let outcome = run(client, selector, json!({}), BTreeMap::new()).await;
    assert_eq!(outcome.status, "SUCCESS");
    let check = &outcome.checks[0];
    assert_eq!(
        (check.check.as_str(), check.passed, check.is_error),
        ("summary_is_fine", false, false)
    );

    let apart = workspace.asset_job(&[key("orders"), key("shades")], None);
    assert!(matches!(apart, Err(Error::AssetsApart { .. })));
}

async fn runs_a_partition_of_a_job(client: &Client, workspace: &Workspace) {
    let job = workspace.job("partitioned_job", None).expect("a job");
    let missing = client.partition_of_job(&job, "third").await;
    assert!(
        matches!(missing, Err(Error::PartitionNotFound { .. })),
        "{missing:?}"
    );
    let partition = client
        .partition_of_job(&job, "second")
        .await
        .expect("a partition");
    let value = Value::Object(partition.run_config);
    let outcome = run(client, job.selector(), value, partition.tags).await;
    assert_eq!(outcome.status, "SUCCESS");
}

async fn terminates_a_hanging_job(client: &Client, workspace: &Workspace) {
    let selector = workspace
        .job("hanging_job", None)
        .expect("a job")
        .selector();
    let validated = client
        .validate(&selector, &RunConfig::new(), ExecutorPolicy::InProcess)
        .await
        .expect("validation");
    let request = LaunchRequest {
        selector,
        run_config: validated.run_config,
        tags: BTreeMap::new(),
    };

    // Terminated from outside once its step runs: it is cancelled.
    let run_id = client.launch(&request).await.expect("a run");
    let (step_runs, mut seen) = tokio::sync::watch::channel(false);
    let options = FollowOptions::default();
    let follow = client.follow(&run_id, &options, |event| {
        if event.kind == RunEventKind::StepStarted {
            step_runs.send_replace(true);
        }
    });
    let terminate = async {
        seen.wait_for(|seen| *seen).await.expect("the step starts");
        client
            .terminate(&run_id, TerminatePolicy::Safe)
            .await
            .expect("an end");
    };
    let both = async { tokio::join!(follow, terminate) };
    let (outcome, ()) = tokio::time::timeout(Duration::from_secs(90), both)
        .await
        .expect("a terminated run ends");
    let outcome = outcome.expect("a run that was followed");
    assert_eq!(outcome.status, "CANCELED");
    let again = client.terminate(&run_id, TerminatePolicy::Safe).await;
    assert!(
        matches!(again, Err(Error::TerminateRefused { .. })),
        "{again:?}"
    );

    // Its time is over: it is terminated, and the report says why.
    let run_id = client.launch(&request).await.expect("a run");
    let options = FollowOptions {
        limit: Some(Duration::from_secs(6)),
        ..FollowOptions::default()
    };
    let outcome = client
        .follow(&run_id, &options, |_| {})
        .await
        .expect("an end");
    assert!(
        outcome.timed_out && outcome.has_ended(),
        "{}",
        outcome.status
    );
    let parts = run_parts(&outcome, Path::new("/"));
    assert_eq!(parts.status, RunStatus::TimedOut);
}

async fn follows_no_run_that_is_not_there(client: &Client) {
    let run_id = "00000000-0000-4000-8000-000000000000";
    let outcome = client
        .follow(run_id, &FollowOptions::default(), |_| {})
        .await;
    assert!(matches!(outcome, Err(Error::RunNotFound { .. })));
    let ended = client.terminate(run_id, TerminatePolicy::Safe).await;
    assert!(matches!(ended, Err(Error::RunNotFound { .. })));
}
