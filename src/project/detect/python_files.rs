//! Definitions files: what is loaded when no file names a code location.

use std::path::{Path, PathBuf};

use super::{Error, read_text};

/// Where definitions are looked for in a folder, in this order.
const NAMES: &[&str] = &["definitions.py", "repository.py", "dagster/definitions.py"];

/// The definitions file of a folder, if it has one that mentions Dagster. A file of that name
/// without it (`repository.py` is a common name) is somebody else's.
pub(super) fn definitions_file(folder: &Path) -> Result<Option<PathBuf>, Error> {
    for name in NAMES {
        let path = folder.join(name);
        if path.is_file() && mentions_dagster(&read_text(&path)?) {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

fn mentions_dagster(source: &str) -> bool {
    source
        .split(|c: char| c != '_' && !c.is_alphanumeric())
        .any(|word| matches!(word, "dagster" | "dg" | "Definitions" | "defs"))
}

/// Definitions files one folder or `src` and a folder below `start`, relative to it, for a hint.
pub(super) fn candidates_below(start: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for base in [start.to_owned(), start.join("src")] {
        let Ok(entries) = std::fs::read_dir(&base) else {
            continue;
        };
        for entry in entries.flatten() {
            let path = entry.path();
            if entry.file_name().to_string_lossy().starts_with('.') || !path.is_dir() {
                continue;
            }
            if let Ok(Some(file)) = definitions_file(&path) {
                found.push(file.strip_prefix(start).unwrap_or(&file).to_owned());
            }
        }
    }
    found.sort();
    found
}
