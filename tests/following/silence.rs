//! Servers that say nothing.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use daglab::dagster::Error;
use daglab::dagster::follow::{Feed, FollowOptions};
use futures_util::StreamExt;
use tokio::task::LocalSet;

use super::stand_in::{Answer, Manners, agree, data, event, is, page, say, stand_in, version};
use super::{Seen, follow_while, is_live, is_polling, options};

const TIMEOUT: Duration = Duration::from_secs(20);

/// A run whose events are there to be looked at, one more with each look.
fn growing(last: usize) -> Answer {
    let count = Cell::new(0);
    Box::new(move |query| {
        if !is(query, "FollowRun") {
            return Some(version());
        }
        let from = query["variables"]["cursor"].as_str().unwrap_or("0");
        let from: usize = from.parse().expect("a number");
        count.set((count.get() + 1).min(last));
        let kind = |n| {
            if n == last {
                "RunSuccessEvent"
            } else {
                "LogMessageEvent"
            }
        };
        let events: Vec<String> = (from + 1..=count.get())
            .map(|n| event(kind(n), &format!("{n}")))
            .collect();
        let status = if count.get() == last {
            "SUCCESS"
        } else {
            "STARTED"
        };
        Some(page(
            &count.get().to_string(),
            false,
            &events.join(","),
            status,
        ))
    })
}

fn messages(seen: &Seen) -> Vec<String> {
    seen.events()
        .into_iter()
        .map(|event| event.message)
        .collect()
}

fn numbers(last: usize) -> Vec<String> {
    (1..=last).map(|n| n.to_string()).collect()
}

#[tokio::test]
async fn a_server_that_accepts_and_never_answers() {
    LocalSet::new()
        .run_until(async {
            let manners = Manners {
                query: Box::new(|_| None),
                websocket: Box::new(|_| Box::pin(std::future::pending())),
            };
            let client = stand_in(Duration::from_millis(300), manners).await;
            let options = FollowOptions {
                limit: Some(Duration::from_secs(1)),
                ..options(true)
            };
            let started = Instant::now();
            let (outcome, seen) = follow_while(&client, "r", &options, async |_| {}).await;
            assert!(matches!(outcome, Err(Error::Timeout { .. })), "{outcome:?}");
            assert!(started.elapsed() < Duration::from_secs(5));
            assert_eq!(seen.feeds(), []);
        })
        .await;
}

#[tokio::test]
async fn a_websocket_that_opens_and_stays_silent() {
    LocalSet::new()
        .run_until(async {
            // One that never agrees to the protocol, and one that agrees and says no more.
            let agreeing = [false, true].map(|agrees| async move {
                let manners = Manners {
                    query: growing(5),
                    websocket: Box::new(move |mut socket| {
                        Box::pin(async move {
                            if agrees {
                                agree(&mut socket).await;
                            }
                            while socket.next().await.is_some_and(|message| message.is_ok()) {}
                        })
                    }),
                };
                let client = stand_in(TIMEOUT, manners).await;
                let (outcome, seen) =
                    follow_while(&client, "r", &options(true), async |_| {}).await;
                assert_eq!(outcome.expect("an end").status, "SUCCESS");
                assert_eq!(messages(&seen), numbers(5));
                let feeds = seen.feeds();
                assert!(matches!(&feeds[..], [Feed::Polling { .. }]), "{feeds:?}");
            });
            let [refusing, agreeing] = agreeing;
            tokio::join!(refusing, agreeing);
        })
        .await;
}

#[tokio::test]
async fn a_websocket_that_falls_silent() {
    LocalSet::new()
        .run_until(async {
            let opened = Rc::new(Cell::new(0));
            let count = Rc::clone(&opened);
            let manners = Manners {
                query: growing(12),
                websocket: Box::new(move |mut socket| {
                    count.set(count.get() + 1);
                    Box::pin(async move {
                        let cursor = agree(&mut socket).await.expect("a cursor");
                        say(&mut socket, data(&cursor, "")).await;
                        while socket.next().await.is_some_and(|message| message.is_ok()) {}
                    })
                }),
            };
            let client = stand_in(TIMEOUT, manners).await;
            let (outcome, seen) = follow_while(&client, "r", &options(true), async |seen| {
                seen.until(1, is_live).await;
                seen.until(1, is_polling).await;
            })
            .await;
            assert_eq!(outcome.expect("an end").status, "SUCCESS");
            assert_eq!(opened.get(), 2, "it is not asked for ever");
            assert_eq!(messages(&seen), numbers(12));
        })
        .await;
}

#[tokio::test]
async fn a_websocket_that_fails_behind_its_first_answer() {
    LocalSet::new()
        .run_until(async {
            let opened = Rc::new(Cell::new(0));
            let count = Rc::clone(&opened);
            let manners = Manners {
                query: growing(5),
                websocket: Box::new(move |mut socket| {
                    count.set(count.get() + 1);
                    Box::pin(async move {
                        let cursor = agree(&mut socket).await.expect("a cursor");
                        say(&mut socket, data(&cursor, "")).await;
                        let failed = r#"{"data": null, "errors": [{"message": "no watcher"}]}"#;
                        let failed = format!(r#"{{"type": "data", "id": "1", "payload": {failed}}}"#);
                        say(&mut socket, failed).await;
                    })
                }),
            };
            let client = stand_in(TIMEOUT, manners).await;
            let (outcome, seen) = follow_while(&client, "r", &options(true), async |_| {}).await;
            assert_eq!(outcome.expect("an end").status, "SUCCESS");
            assert_eq!(messages(&seen), numbers(5));
            assert_eq!(opened.get(), 1, "it never worked");
            let feeds = seen.feeds();
            assert!(
                matches!(&feeds[..], [Feed::Live, Feed::Polling { reason }] if reason.contains("no watcher")),
                "{feeds:?}"
            );
        })
        .await;
}
