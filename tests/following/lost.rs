//! Launches whose answers are lost: nothing is launched twice, and nothing forgotten.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use daglab::dagster::backfill::{BackfillRequest, BackfillTarget};
use daglab::dagster::{AssetKey, Client, Error};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};
use tokio::task::LocalSet;

use super::stand_in::{Manners, is, stand_in};

/// A server that never answers a mutation, and knows what it was asked to launch.
async fn forgetful(version: &'static str, sent: &Rc<Cell<u32>>) -> Client {
    let asked = RefCell::new(Value::Null);
    let sent = Rc::clone(sent);
    let query = move |query: &Value| {
        let variables = &query["variables"];
        if is(query, "ServerVersion") {
            Some(json!({"data": {"version": version}}).to_string())
        } else if is(query, "FindRun") {
            let tag = variables["filter"]["tags"][0].clone();
            let tags = asked.borrow()["extraTags"].clone();
            let found = tags.as_array().is_some_and(|tags| tags.contains(&tag));
            let runs: &[Value] = if found {
                &[json!({"runId": "again"})]
            } else {
                &[]
            };
            let data = json!({"runsOrError": {"__typename": "Runs", "results": runs}});
            Some(json!({"data": data}).to_string())
        } else if is(query, "FindBackfill") {
            let results = json!([
                {"id": "another", "tags": []},
                {"id": "ours", "tags": asked.borrow()["tags"]}
            ]);
            let found = json!({"__typename": "PartitionBackfills", "results": results});
            Some(json!({"data": {"partitionBackfillsOrError": found}}).to_string())
        } else {
            sent.set(sent.get() + 1);
            asked.replace(variables["params"].clone());
            None
        }
    };
    let manners = Manners {
        query: Box::new(query),
        websocket: Box::new(|_| Box::pin(std::future::pending())),
    };
    stand_in(Duration::from_millis(300), manners).await
}

fn tags() -> BTreeMap<String, String> {
    BTreeMap::from([("team".to_owned(), "sales".to_owned())])
}

#[tokio::test]
async fn runs_that_are_launched_again() {
    LocalSet::new()
        .run_until(async {
            let sent = Rc::new(Cell::new(0));
            let client = forgetful("1.13.27", &sent).await;
            let run_id = client.reexecute("parent", true, &tags()).await;
            assert_eq!(run_id.expect("the run"), "again");
            assert_eq!(sent.get(), 1);

            // A server that takes no tags can't be asked.
            let sent = Rc::new(Cell::new(0));
            let client = forgetful("1.8.13", &sent).await;
            let refused = client.reexecute("parent", true, &tags()).await;
            assert!(
                matches!(refused, Err(Error::Unsupported { .. })),
                "{refused:?}"
            );
            assert_eq!(sent.get(), 0);
            let unknown = client.reexecute("parent", true, &BTreeMap::new()).await;
            assert!(
                matches!(unknown, Err(Error::LaunchUnknown { .. })),
                "{unknown:?}"
            );
            assert_eq!(sent.get(), 1);
        })
        .await;
}

#[tokio::test]
async fn backfills() {
    LocalSet::new()
        .run_until(async {
            let sent = Rc::new(Cell::new(0));
            let client = forgetful("1.13.27", &sent).await;
            let request = BackfillRequest {
                target: BackfillTarget::Assets(vec![AssetKey::parse("a").expect("a key")]),
                partitions: vec!["x".to_owned()],
                tags: tags(),
            };
            let id = client.launch_backfill(&request).await;
            assert_eq!(id.expect("the backfill"), "ours");
            assert_eq!(sent.get(), 1);
        })
        .await;
}
