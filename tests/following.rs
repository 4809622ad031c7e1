//! Following runs live and by looking, on real servers and on such that misbehave.
//!
//! `DAGLAB_TEST_PYTHON` names a Python that has `dagster-webserver`.

#[path = "following/launching.rs"]
mod launching;
#[path = "following/lost.rs"]
mod lost;
#[path = "following/proxy.rs"]
mod proxy;
#[path = "following/queue.rs"]
mod queue;
#[path = "following/server.rs"]
mod server;
#[path = "following/silence.rs"]
mod silence;
#[path = "following/stand_in.rs"]
mod stand_in;

use std::cell::RefCell;
use std::time::Duration;

use daglab::dagster::discover::Workspace;
use daglab::dagster::events::{RunEvent, RunEventKind};
use daglab::dagster::follow::{Feed, FollowOptions, Observed, RunOutcome};
use daglab::dagster::launch::TerminatePolicy;
use daglab::dagster::{Client, Error};
use daglab::report::model::RunStatus;
use pretty_assertions::assert_eq;
use proxy::Proxy;
use server::{AT_ONCE, Server, client_at, talk};
use tokio::sync::Notify;

/// Longer than anything here takes.
const LIMIT: Duration = Duration::from_secs(180);

fn options(live: bool) -> FollowOptions<'static> {
    FollowOptions {
        live,
        polling_interval: Duration::from_millis(200),
        ..FollowOptions::default()
    }
}

/// All that is seen of a run, and somebody who waits for parts of it.
#[derive(Default)]
struct Seen {
    all: RefCell<Vec<Observed>>,
    more: Notify,
}

impl Seen {
    fn take(&self, observed: Observed) {
        self.all.borrow_mut().push(observed);
        self.more.notify_one();
    }

    /// Waits until enough of what was seen is of a kind.
    async fn until(&self, count: usize, is: impl Fn(&Observed) -> bool) {
        while self.all.borrow().iter().filter(|seen| is(seen)).count() < count {
            self.more.notified().await;
        }
    }

    /// The events up to the one that ends the run, behind which more may or may not be seen.
    fn events(&self) -> Vec<RunEvent> {
        let all = self.all.borrow();
        let events = all.iter().filter_map(|seen| match seen {
            Observed::Event(event) => Some(event.clone()),
            _ => None,
        });
        let events: Vec<RunEvent> = events.collect();
        let end = events.iter().position(RunEvent::is_final);
        events[..end.map_or(events.len(), |end| end + 1)].to_vec()
    }

    fn statuses(&self) -> Vec<String> {
        let all = self.all.borrow();
        let statuses = all.iter().filter_map(|seen| match seen {
            Observed::Status(status) => Some(status.clone()),
            _ => None,
        });
        statuses.collect()
    }

    fn feeds(&self) -> Vec<Feed> {
        let all = self.all.borrow();
        let feeds = all.iter().filter_map(|seen| match seen {
            Observed::Feed(feed) => Some(feed.clone()),
            _ => None,
        });
        feeds.collect()
    }
}

fn is_live(seen: &Observed) -> bool {
    *seen == Observed::Feed(Feed::Live)
}

fn is_polling(seen: &Observed) -> bool {
    matches!(seen, Observed::Feed(Feed::Polling { .. }))
}

fn is_step(seen: &Observed) -> bool {
    matches!(seen, Observed::Event(event) if event.kind == RunEventKind::StepStarted)
}

fn is_line(seen: &Observed) -> bool {
    matches!(seen, Observed::Event(event) if event.kind == RunEventKind::Log)
}

/// Follows a run while something else is done, and says what was seen.
async fn follow_while(
    client: &Client,
    run_id: &str,
    options: &FollowOptions<'_>,
    meanwhile: impl AsyncFnOnce(&Seen),
) -> (Result<RunOutcome, Error>, Seen) {
    let seen = Seen::default();
    let both = async {
        let observe = client.observe(run_id, options, |observed| seen.take(observed));
        tokio::join!(observe, meanwhile(&seen)).0
    };
    let outcome = tokio::time::timeout(LIMIT, both).await;
    let outcome = outcome.unwrap_or_else(|_| unreachable!("seen: {:#?}", seen.all.borrow()));
    (outcome, seen)
}

/// The events of a run that has ended, as they are seen by looking.
async fn by_looking(client: &Client, run_id: &str) -> Vec<RunEvent> {
    let (outcome, seen) = follow_while(client, run_id, &options(false), async |_| {}).await;
    assert!(outcome.expect("a run that has ended").has_ended());
    assert_eq!(seen.feeds(), [], "nobody asked for live events");
    seen.events()
}

/// One server for all: it takes seconds to start.
#[tokio::test]
async fn real_runs_are_followed_live() {
    let server = Server::start(AT_ONCE);
    let workspace = server.ready().await;
    live_and_by_looking(&server, &workspace).await;
    a_proxy_without_websockets(&server, &workspace).await;
    a_websocket_that_drops(&server, &workspace).await;
    tokio::join!(
        cancelled_from_outside(&server, &workspace),
        deleted_while_followed(&server, &workspace),
        never_started(&server, &workspace),
        launching::again_from_its_failure(&server, &workspace),
    );
}

async fn live_and_by_looking(server: &Server, workspace: &Workspace) {
    let client = server.client();
    let gate = server.gate("live");
    let run_id = client
        .launch(&talk(workspace, &[&gate], 1500))
        .await
        .expect("a run");
    // Looks that are an hour apart show nothing in time.
    let options = FollowOptions {
        polling_interval: Duration::from_secs(3600),
        ..options(true)
    };
    let (outcome, seen) = follow_while(&client, &run_id, &options, async |seen| {
        seen.until(1, is_step).await;
        seen.until(1, is_live).await;
        gate.open();
    })
    .await;
    let outcome = outcome.expect("a run that was followed");
    assert_eq!(outcome.status, "SUCCESS");
    assert!(outcome.started_at.is_some() && outcome.ended_at >= outcome.started_at);
    assert_eq!(seen.feeds(), [Feed::Live]);
    let statuses = seen.statuses();
    assert!(
        statuses.ends_with(&["STARTED".to_owned(), "SUCCESS".to_owned()]),
        "{statuses:?}"
    );
    let events = seen.events();
    let lines = events
        .iter()
        .filter(|event| event.kind == RunEventKind::Log);
    assert_eq!(lines.count(), 1500);
    assert_eq!(events, by_looking(&client, &run_id).await);
}

async fn a_proxy_without_websockets(server: &Server, workspace: &Workspace) {
    let proxy = Proxy::start(server.port());
    let client = client_at(proxy.port());
    let gate = server.gate("refused");
    let run_id = client
        .launch(&talk(workspace, &[&gate], 3))
        .await
        .expect("a run");
    let statuses = [
        "400 Bad Request",
        "404 Not Found",
        "426 Upgrade Required",
        "200 OK",
    ];
    for status in statuses {
        proxy.refuse(status);
        let seen = Seen::default();
        let options = options(true);
        tokio::select! {
            outcome = client.observe(&run_id, &options, |observed| seen.take(observed)) => {
                unreachable!("it has ended: {outcome:?}");
            }
            () = seen.until(1, is_polling) => {}
            () = tokio::time::sleep(LIMIT) => unreachable!("seen: {:?}", seen.all.borrow()),
        }
        let feeds = seen.feeds();
        assert!(
            matches!(&feeds[..], [Feed::Polling { reason }] if reason.contains(&status[..3])),
            "{feeds:?}"
        );
    }
    proxy.refuse("502 Bad Gateway");
    let (outcome, seen) = follow_while(&client, &run_id, &options(true), async |seen| {
        seen.until(1, is_polling).await;
        gate.open();
    })
    .await;
    assert_eq!(outcome.expect("a run that was followed").status, "SUCCESS");
    assert_eq!(seen.feeds().len(), 1, "it is not tried again");
    assert_eq!(seen.events(), by_looking(&client, &run_id).await);
    assert_eq!(proxy.opened(), 0);
}

async fn a_websocket_that_drops(server: &Server, workspace: &Workspace) {
    let proxy = Proxy::start(server.port());
    let client = client_at(proxy.port());
    let gates = ["dropped", "looked", "live-again"].map(|name| server.gate(name));
    let request = talk(workspace, &[&gates[0], &gates[1], &gates[2]], 200);
    let run_id = client.launch(&request).await.expect("a run");
    let (outcome, seen) = follow_while(&client, &run_id, &options(true), async |seen| {
        seen.until(1, is_live).await;
        gates[0].open();
        // In the middle of the lines.
        seen.until(50, is_line).await;
        assert!(proxy.cut() > 0);
        seen.until(1, is_polling).await;
        gates[1].open();
        seen.until(400, is_line).await;
        seen.until(2, is_live).await;
        gates[2].open();
    })
    .await;
    assert_eq!(outcome.expect("a run that was followed").status, "SUCCESS");
    let events = seen.events();
    let lines = events
        .iter()
        .filter(|event| event.kind == RunEventKind::Log);
    assert_eq!(lines.count(), 600);
    assert_eq!(events, by_looking(&client, &run_id).await);
    let feeds = seen.feeds();
    assert!(
        matches!(&feeds[..], [Feed::Live, Feed::Polling { .. }, Feed::Live]),
        "{feeds:?}"
    );
    assert!(proxy.opened() >= 2);
}

async fn cancelled_from_outside(server: &Server, workspace: &Workspace) {
    let client = server.client();
    let gate = server.gate("cancelled");
    let run_id = client
        .launch(&talk(workspace, &[&gate], 3))
        .await
        .expect("a run");
    let (outcome, seen) = follow_while(&client, &run_id, &options(true), async |seen| {
        seen.until(1, is_step).await;
        let ended = client.terminate(&run_id, TerminatePolicy::Safe).await;
        ended.expect("an end");
    })
    .await;
    let outcome = outcome.expect("a run that was followed");
    assert_eq!(outcome.status, "CANCELED");
    assert!(!outcome.timed_out);
    let statuses = seen.statuses();
    assert!(
        statuses.ends_with(&["CANCELING".to_owned(), "CANCELED".to_owned()]),
        "{statuses:?}"
    );
}

async fn deleted_while_followed(server: &Server, workspace: &Workspace) {
    let client = server.client();
    let gate = server.gate("deleted");
    let run_id = client
        .launch(&talk(workspace, &[&gate], 3))
        .await
        .expect("a run");
    let (outcome, _) = follow_while(&client, &run_id, &options(true), async |seen| {
        seen.until(1, is_step).await;
        seen.until(1, is_live).await;
        let query =
            format!(r#"mutation {{ deletePipelineRun(runId: "{run_id}") {{ __typename }} }}"#);
        let answer = server.graphql(&query).await;
        assert_eq!(
            answer["data"]["deletePipelineRun"]["__typename"],
            "DeletePipelineRunSuccess"
        );
    })
    .await;
    assert!(
        matches!(outcome, Err(Error::RunNotFound { .. })),
        "{outcome:?}"
    );
    gate.open();
}

async fn never_started(server: &Server, workspace: &Workspace) {
    let client = server.client();
    let gate = server.gate("never");
    let mut request = talk(workspace, &[&gate], 3);
    request.tags.insert("forget".to_owned(), "yes".to_owned());
    let run_id = client.launch(&request).await.expect("a run");
    let options = FollowOptions {
        limit: Some(Duration::from_secs(2)),
        ..options(true)
    };
    let (outcome, seen) = follow_while(&client, &run_id, &options, async |_| {}).await;
    let outcome = outcome.expect("a run that was followed");
    assert!(outcome.timed_out);
    assert_eq!(outcome.status, "CANCELED");
    assert_eq!(
        seen.statuses().first().map(String::as_str),
        Some("STARTING")
    );
    let parts = daglab::dagster::summary::run_parts(&outcome, std::path::Path::new("/"));
    assert_eq!(parts.status, RunStatus::TimedOut);
}

#[tokio::test]
async fn a_server_that_is_restarted_while_a_run_is_followed() {
    let mut server = Server::start(AT_ONCE);
    let workspace = server.ready().await;
    let client = server.client();
    let gates = ["before", "after"].map(|name| server.gate(name));
    let request = talk(&workspace, &[&gates[0], &gates[1]], 100);
    let run_id = client.launch(&request).await.expect("a run");
    let (outcome, seen) = follow_while(&client, &run_id, &options(true), async |seen| {
        seen.until(1, is_live).await;
        gates[0].open();
        seen.until(50, is_line).await;
        server.kill();
        seen.until(1, is_polling).await;
        // What is said now, nobody sees until later.
        gates[1].open();
        server.start_again();
    })
    .await;
    assert_eq!(outcome.expect("a run that was followed").status, "SUCCESS");
    let events = seen.events();
    let lines = events
        .iter()
        .filter(|event| event.kind == RunEventKind::Log);
    assert_eq!(lines.count(), 200);
    assert_eq!(events, by_looking(&client, &run_id).await);
}
