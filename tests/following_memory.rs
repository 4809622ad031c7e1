//! A run that logs a million lines is followed in the same memory as any other.

#[allow(dead_code, reason = "other tests use the rest")]
#[path = "following/stand_in.rs"]
mod stand_in;

use std::time::Duration;

use daglab::dagster::events::RunEventKind;
use daglab::dagster::follow::{Feed, FollowOptions, Observed};
use futures_util::StreamExt;
use stand_in::{Answer, Manners, agree, data, event, is, page, say, stand_in, version};
use tokio::task::LocalSet;

const LINES: usize = 1_000_000;
const PAGE: usize = 1000;
/// What two pages, as text and as events, may need at the same time. All lines need fifty times as
/// much.
const ALLOWED_KIB: u64 = 16 * 1024;

/// The most memory this process has had so far.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("the status");
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1));
    kib.expect("a number").parse().expect("a number")
}

/// A page of lines that is quick to make: only the number of the page differs.
struct Lines(String);

impl Lines {
    fn new() -> Self {
        let lines: Vec<String> = (0..PAGE)
            .map(|line| {
                event(
                    "LogMessageEvent",
                    &format!("PPPPPP{line:03} {}", "x".repeat(100)),
                )
            })
            .collect();
        Self(lines.join(","))
    }

    fn page(&self, number: usize) -> String {
        self.0.replace("PPPPPP", &format!("{number:06}"))
    }
}

/// Follows a run, and says how many lines came in order, how they came, and how much more memory
/// that took.
async fn follow(manners: Manners, live: bool) -> (usize, Vec<Feed>, u64) {
    let client = stand_in(Duration::from_secs(60), manners).await;
    let options = FollowOptions {
        live,
        ..FollowOptions::default()
    };
    let mut next = 0;
    let mut feeds = Vec::new();
    let before = peak_kib();
    let outcome = client.observe("r", &options, |observed| match observed {
        Observed::Event(event) if event.kind == RunEventKind::Log => {
            assert_eq!(event.message[..9], format!("{next:09}"));
            next += 1;
        }
        Observed::Feed(feed) => feeds.push(feed),
        _ => {}
    });
    let outcome = outcome.await.expect("a run that was followed");
    assert_eq!(outcome.status, "SUCCESS");
    (next, feeds, peak_kib() - before)
}

#[tokio::test]
async fn a_run_that_logs_a_million_lines() {
    LocalSet::new().run_until(by_looking()).await;
    LocalSet::new().run_until(live()).await;
}

async fn by_looking() {
    let lines = Lines::new();
    let query: Answer = Box::new(move |query| {
        if !is(query, "FollowRun") {
            return Some(version());
        }
        let number = query["variables"]["cursor"].as_str().unwrap_or("0");
        let number: usize = number.parse().expect("a number");
        Some(if number < LINES / PAGE {
            page(
                &(number + 1).to_string(),
                true,
                &lines.page(number),
                "SUCCESS",
            )
        } else {
            page("end", false, &event("RunSuccessEvent", ""), "SUCCESS")
        })
    });
    let websocket = Box::new(|_| Box::pin(std::future::pending()) as _);
    let (count, feeds, more) = follow(Manners { query, websocket }, false).await;
    assert_eq!((count, feeds), (LINES, vec![]));
    assert!(more < ALLOWED_KIB, "{more} KiB");
}

async fn live() {
    let query: Answer = Box::new(move |query| {
        if !is(query, "FollowRun") {
            return Some(version());
        }
        let cursor = query["variables"]["cursor"].as_str();
        let status = if cursor == Some("end") {
            "SUCCESS"
        } else {
            "STARTED"
        };
        Some(page(cursor.unwrap_or("0"), false, "", status))
    });
    let websocket = Box::new(|mut socket| {
        Box::pin(async move {
            agree(&mut socket).await;
            let lines = Lines::new();
            for number in 0..LINES / PAGE {
                say(
                    &mut socket,
                    data(&(number + 1).to_string(), &lines.page(number)),
                )
                .await;
            }
            say(&mut socket, data("end", &event("RunSuccessEvent", ""))).await;
            while socket.next().await.is_some_and(|message| message.is_ok()) {}
        }) as _
    });
    let (count, feeds, more) = follow(Manners { query, websocket }, true).await;
    assert_eq!((count, feeds), (LINES, vec![Feed::Live]));
    assert!(more < ALLOWED_KIB, "{more} KiB");
}
