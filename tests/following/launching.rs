//! Runs that are launched again, and what they have printed.

use std::collections::BTreeMap;

use daglab::dagster::Error;
use daglab::dagster::discover::Workspace;
use daglab::dagster::events::RunEventKind;
use daglab::dagster::follow::StepStatus;
use pretty_assertions::assert_eq;
use serde_json::json;

use super::server::{Server, request};
use super::{follow_while, options};

pub async fn again_from_its_failure(server: &Server, workspace: &Workspace) {
    let client = server.client();
    let marker = server.gate("marker");
    let config = json!({"ops": {"second": {"config": {"path": marker.path()}}}});
    let request = request(workspace, "steps", &config);
    let run_id = client.launch(&request).await.expect("a run");
    let (outcome, _) = follow_while(&client, &run_id, &options(true), async |_| {}).await;
    let outcome = outcome.expect("a run that was followed");
    assert_eq!(outcome.status, "FAILURE");

    // What the failed step has printed last.
    let log = outcome.log_key("second").expect("where its output is");
    let tail = client.captured_tail(&run_id, log, 2).await.expect("output");
    assert_eq!(tail.stdout, "line 498 äöü\nline 499 äöü\n");
    assert!(tail.is_cut && tail.is_end);
    let tail = client.captured_tail(&run_id, log, 1000).await;
    assert_eq!(tail.expect("output").stdout.lines().count(), 500);

    marker.open();
    let again = |from_failure| client.reexecute(&run_id, from_failure, &NO_TAGS);
    let second_id = again(true).await.expect("a run");
    assert_ne!(second_id, run_id);
    let (outcome, seen) = follow_while(&client, &second_id, &options(true), async |_| {}).await;
    let outcome = outcome.expect("a run that was followed");
    assert_eq!(outcome.status, "SUCCESS");
    let ran: Vec<&str> = outcome.steps.iter().map(|step| step.key.as_str()).collect();
    assert_eq!(ran, ["second", "third"]);
    assert!(
        outcome
            .steps
            .iter()
            .all(|step| step.status == StepStatus::Success)
    );
    let started = seen.events();
    let started = started
        .iter()
        .filter(|event| event.kind == RunEventKind::StepStarted);
    assert_eq!(started.count(), 2);

    let third_id = again(false).await.expect("a run");
    let (outcome, _) = follow_while(&client, &third_id, &options(true), async |_| {}).await;
    assert_eq!(outcome.expect("a run that was followed").steps.len(), 3);

    let nobody = "00000000-0000-4000-8000-000000000000";
    let missing = client.reexecute(nobody, true, &NO_TAGS).await;
    assert!(
        matches!(missing, Err(Error::RunNotFound { .. })),
        "{missing:?}"
    );
}

static NO_TAGS: BTreeMap<String, String> = BTreeMap::new();
