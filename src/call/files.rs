//! Exported files: uploaded, and removed when they have been kept long enough.

use std::path::Path;

use serde_json::{Value, json};

use super::request::Retention;
use crate::publish::Error;
use crate::publish::retention::{self, Policy};

/// Removes exports that have been kept long enough: only what daglab wrote and nobody has written
/// to since.
pub fn remove_old(asked: &Retention, dir: &Path) -> Result<Value, Error> {
    let root = dir.join(&asked.directory);
    if !root.is_dir() {
        return Err(Error::NotADirectory { path: root });
    }
    let policy = Policy {
        days: Some(asked.days),
        count: None,
    };
    let removed = match root.join(retention::MANIFEST).is_file() {
        true => retention::apply(&root, policy, &[])?,
        // Nothing was ever written here.
        false => Vec::new(),
    };
    Ok(json!({ "removed": removed }))
}
