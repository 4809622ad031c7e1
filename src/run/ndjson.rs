//! What happens during `daglab run` as lines of JSON, for programs that watch.
//!
//! Each line is an object with `type`: `launched`, `queued`, `event`, `ended` and, last, `report`.
//! New types and new fields may come; what is there keeps its meaning as long as `schema_version`
//! of the report stays.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::dagster::events::{RunEvent, RunEventKind};
use crate::report::model::CiReport;
use crate::ui::progress::Event;
use crate::ui::text::harmless_json;

/// Turns events into lines.
#[derive(Debug, Default)]
pub struct Lines {
    /// The ids of launched runs by title.
    run_ids: HashMap<String, String>,
}

impl Lines {
    /// The line of an event, with its line break; nothing for what only people care about.
    pub fn of(&mut self, event: &Event) -> Option<String> {
        let value = match event {
            Event::Launched {
                title,
                run_id,
                url,
                is_new,
            } => {
                self.run_ids.insert(title.clone(), run_id.clone());
                json!({
                    "type": "launched", "run": title, "run_id": run_id, "url": url, "is_new": is_new,
                })
            }
            Event::Queued {
                title,
                text,
                position,
            } => json!({
                "type": "queued", "run": title, "run_id": self.run_ids.get(title), "message": text,
                "ahead": position.map(|position| position.ahead),
                "total": position.map(|position| position.total),
            }),
            Event::Happened { title, event } => self.happened(title, event),
            Event::RunEnded(report) => json!({ "type": "ended", "report": report }),
            _ => return None,
        };
        Some(harmless_json(value.to_string()) + "\n")
    }

    /// The last line.
    pub fn report(report: &CiReport) -> String {
        let value = json!({ "type": "report", "report": report });
        harmless_json(value.to_string()) + "\n"
    }

    fn happened(&self, title: &str, event: &RunEvent) -> Value {
        let mut line = json!({
            "type": "event",
            "run": title,
            "run_id": self.run_ids.get(title),
            "at": time(event.at),
            "kind": event.kind.name(),
            "level": event.level,
            "step": event.step,
            "message": event.message,
        });
        if let Some(error) = event.kind.error() {
            line["error"] = json!(error.headline());
        }
        match &event.kind {
            RunEventKind::Materialized(made) => {
                line["asset_key"] = json!(made.asset.as_ref().map(ToString::to_string));
                line["partition"] = json!(made.partition);
                line["metadata"] = json!(made.metadata);
            }
            RunEventKind::Checked(checked) => {
                line["asset_key"] = json!(checked.asset.to_string());
                line["check"] = json!(checked.check);
                line["partition"] = json!(checked.partition);
                line["passed"] = json!(checked.passed);
                line["metadata"] = json!(checked.metadata);
            }
            _ => {}
        }
        line
    }
}

/// Seconds since 1970 as RFC 3339 in UTC.
fn time(seconds: f64) -> Option<String> {
    // Milliseconds are all that Dagster sends.
    let time = jiff::Timestamp::from_millisecond((seconds * 1000.0).round() as i64);
    time.ok().map(|time| time.to_string())
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;
    use crate::dagster::queue::QueuePosition;

    #[test]
    fn events_carry_the_id_of_their_run() {
        let mut lines = Lines::default();
        let launched = Event::Launched {
            title: "orders".to_owned(),
            run_id: "r-1".to_owned(),
            url: None,
            is_new: true,
        };
        assert!(lines.of(&launched).expect("a line").ends_with('\n'));
        let event = RunEvent {
            at: 1_700_000_000.25,
            level: "INFO".to_owned(),
            step: Some("a".to_owned()),
            message: "one\ntwo".to_owned(),
            kind: RunEventKind::Log,
        };
        let happened = Event::Happened {
            title: "orders".to_owned(),
            event: Box::new(event),
        };
        let line = lines.of(&happened).expect("a line");
        assert_eq!(line.matches('\n').count(), 1);
        let value: Value = serde_json::from_str(&line).expect("JSON");
        assert_eq!(
            value,
            json!({
                "type": "event", "run": "orders", "run_id": "r-1",
                "at": "2023-11-14T22:13:20.25Z", "kind": "log", "level": "INFO",
                "step": "a", "message": "one\ntwo",
            })
        );
        assert_eq!(lines.of(&Event::Phase("x".to_owned())), None);
        let queued = Event::Queued {
            title: "orders".to_owned(),
            text: "2 before it".to_owned(),
            position: Some(QueuePosition {
                ahead: 2,
                total: 3,
                is_exact: true,
            }),
        };
        let line = lines.of(&queued).expect("a line");
        let value: Value = serde_json::from_str(&line).expect("JSON");
        assert_eq!((&value["ahead"], &value["total"]), (&json!(2), &json!(3)));
        assert_eq!(value["run_id"], "r-1");
    }
}
