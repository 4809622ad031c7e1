//! The side file of a notebook's process: when each cell began and ended.

use std::collections::HashMap;
use std::path::Path;

use serde::Deserialize;

use crate::supervise::left;

/// What the side file says, in the end.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Events {
    /// The cells' ids in the order of the file.
    pub ids: Vec<String>,
    /// By id: when it began to run, and when it ended, in seconds since 1970.
    pub times: HashMap<String, (f64, Option<f64>)>,
    /// What this version of marimo did not allow.
    pub degraded: Vec<String>,
    /// How the kernel died, if it did: exit code and signal.
    pub kernel_died: Option<(Option<i32>, Option<i32>)>,
}

#[derive(Deserialize)]
struct Line {
    event: String,
    time: f64,
    #[serde(default)]
    id: String,
    #[serde(default)]
    ids: Vec<String>,
    #[serde(default)]
    status: String,
    #[serde(default)]
    what: String,
    #[serde(default)]
    code: Option<i32>,
    #[serde(default)]
    signal: Option<i32>,
}

/// More than this was not written by the notebook's watcher alone.
pub const LARGEST: u64 = 64 * 1024 * 1024;

impl Events {
    /// Reads the file; a missing one, or a last line that is cut off, is no error.
    pub fn read(path: &Path) -> Self {
        let bytes = left::read(path, LARGEST).unwrap_or_default();
        Self::parse(&String::from_utf8_lossy(&bytes))
    }

    /// Reads the file's text.
    pub fn parse(text: &str) -> Self {
        let mut events = Self::default();
        for line in text.lines() {
            let Ok(line) = serde_json::from_str::<Line>(line) else {
                continue;
            };
            match line.event.as_str() {
                "cells" => events.ids = line.ids,
                "degraded" => events.degraded.push(line.what),
                "kernel_died" => events.kernel_died = Some((line.code, line.signal)),
                "cell" if line.status == "running" => {
                    events.times.entry(line.id).or_insert((line.time, None));
                }
                "cell" if line.status == "idle" => {
                    if let Some((_, end)) = events.times.get_mut(&line.id) {
                        *end = Some(line.time);
                    }
                }
                _ => {}
            }
        }
        events
    }

    /// How long a cell took.
    pub fn duration(&self, id: &str) -> Option<f64> {
        let (start, end) = self.times.get(id)?;
        Some((end.as_ref()? - start).max(0.0))
    }

    /// How many cells have ended.
    pub fn finished(&self) -> usize {
        self.times.values().filter(|(_, end)| end.is_some()).count()
    }
}
