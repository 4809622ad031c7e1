//! Runs and backfills that wait for a daemon that nobody has started.

use std::collections::BTreeMap;

use daglab::dagster::backfill::{BackfillRequest, BackfillRun, BackfillTarget};
use daglab::dagster::discover::Workspace;
use daglab::dagster::launch::{LaunchRequest, TerminatePolicy};
use daglab::dagster::partition::Partitioned;
use daglab::dagster::queue::{BACKFILLS, QueuePosition, RUN_COORDINATOR};
use daglab::dagster::version::Version;
use daglab::dagster::{AssetKey, Client, Error};
use pretty_assertions::assert_eq;
use serde_json::json;

use super::server::{QUEUED, Server, request};

#[tokio::test]
async fn what_waits_for_a_daemon() {
    let server = Server::start(QUEUED);
    let workspace = server.ready().await;
    let client = server.client();
    runs_wait(&client, &workspace).await;
    jobs_are_backfilled(&client, &workspace).await;
    assets_are_backfilled(&client, &workspace).await;
}

fn request_of_letters(workspace: &Workspace) -> LaunchRequest {
    request(workspace, "letters", &json!({}))
}

async fn runs_wait(client: &Client, workspace: &Workspace) {
    let mut ids = Vec::new();
    for priority in [None, Some("-3"), Some("7"), None] {
        let mut request = request_of_letters(workspace);
        let tag = priority.map(|value| ("dagster/priority".to_owned(), value.to_owned()));
        request.tags = tag.into_iter().collect();
        ids.push(client.launch(&request).await.expect("a run"));
    }
    for (id, ahead) in ids.iter().zip([1, 3, 0, 2]) {
        let position = client.queue_position(id).await.expect("an answer");
        let expected = QueuePosition {
            ahead,
            total: 4,
            is_exact: true,
        };
        assert_eq!(position, Some(expected));
    }
    let ended = client
        .terminate(&ids[2], TerminatePolicy::MarkCanceled)
        .await;
    ended.expect("a cancelled run");
    let position = client.queue_position(&ids[2]).await;
    assert_eq!(position.expect("an answer"), None);

    let daemons = client.daemons().await.expect("daemons");
    for kind in [RUN_COORDINATOR, BACKFILLS] {
        let daemon = daemons.iter().find(|daemon| daemon.kind == kind);
        let daemon = daemon.expect("one that is needed");
        assert!(daemon.is_missing(), "{daemon:?}");
        assert_eq!(daemon.last_heartbeat, None);
    }
}

async fn jobs_are_backfilled(client: &Client, workspace: &Workspace) {
    let job = workspace.job("letters", None).expect("a job");
    let partitions = client
        .partition_range(Partitioned::Job(job), "b", "d")
        .await
        .expect("a range");
    assert_eq!(partitions, ["b", "c", "d"]);
    let reversed = client
        .partition_range(Partitioned::Job(job), "d", "b")
        .await;
    assert!(matches!(reversed, Err(Error::PartitionsReversed { .. })));

    let mut request = BackfillRequest {
        target: BackfillTarget::Job {
            repository: job.repository(),
            job: job.item.name.clone(),
            partition_set: job.item.partition_set.clone().expect("partitions"),
        },
        partitions,
        tags: BTreeMap::from([("team".to_owned(), "sales".to_owned())]),
    };
    let id = client.launch_backfill(&request).await.expect("a backfill");
    let backfill = client.backfill(&id).await.expect("its status");
    assert_eq!(backfill.status, "REQUESTED");
    assert!(!backfill.has_ended());
    assert_eq!(backfill.partitions, Some(3));
    let by_status = BTreeMap::from([("NOT_STARTED".to_owned(), 3)]);
    let counts: BTreeMap<String, u64> = backfill
        .by_status
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .collect();
    assert_eq!(counts, by_status);
    assert_eq!((backfill.runs, backfill.error), (vec![], None));

    // As the daemon would.
    let mut run = request_of_letters(workspace);
    run.tags = BTreeMap::from([("dagster/backfill".to_owned(), id.clone())]);
    let run_id = client.launch(&run).await.expect("a run");
    let runs = client.backfill(&id).await.expect("its status").runs;
    let status = "QUEUED".to_owned();
    assert_eq!(runs, [BackfillRun { run_id, status }]);

    client.cancel_backfill(&id).await.expect("it is cancelled");
    let status = client.backfill(&id).await.expect("its status").status;
    assert!(status.starts_with("CANCEL"), "{status}");

    let missing = client.backfill("nothing").await;
    assert!(
        matches!(missing, Err(Error::BackfillNotFound { .. })),
        "{missing:?}"
    );
    let missing = client.cancel_backfill("nothing").await;
    assert!(
        matches!(missing, Err(Error::BackfillNotFound { .. })),
        "{missing:?}"
    );
    // Older servers take any key, and find out later.
    if client.version().await.expect("a version") >= Version::new(1, 8, 13) {
        request.partitions = vec!["a".to_owned(), "e".to_owned()];
        let unknown = client.launch_backfill(&request).await;
        assert!(
            matches!(&unknown, Err(Error::PartitionNotFound { partition, .. }) if partition == "e"),
            "{unknown:?}"
        );
    }
    request.partitions.clear();
    let empty = client.launch_backfill(&request).await;
    assert!(
        matches!(empty, Err(Error::LaunchRefused { .. })),
        "{empty:?}"
    );
}

async fn assets_are_backfilled(client: &Client, workspace: &Workspace) {
    let key = AssetKey::parse("daily").expect("a key");
    let asset = workspace.asset(&key, None).expect("an asset").item;
    let partitions = client
        .partition_range(Partitioned::Asset(asset), "2024-01-03", "2024-01-05")
        .await
        .expect("a range");
    assert_eq!(partitions, ["2024-01-03", "2024-01-04", "2024-01-05"]);
    let request = BackfillRequest {
        target: BackfillTarget::Assets(vec![key]),
        partitions,
        tags: BTreeMap::new(),
    };
    let id = client.launch_backfill(&request).await.expect("a backfill");
    let backfill = client.backfill(&id).await.expect("its status");
    assert_eq!(backfill.status, "REQUESTED");
    client.cancel_backfill(&id).await.expect("it is cancelled");
}
