//! What environments need to know of a `pyproject.toml`.

use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::declared::read;
use crate::project::{Error, Excerpt};

/// A `pyproject.toml`.
pub(super) struct Pyproject {
    pub(super) path: PathBuf,
    pub(super) text: String,
    table: Table,
}

impl Pyproject {
    pub(super) fn read(folder: &Path) -> Result<Option<Self>, Error> {
        let path = folder.join("pyproject.toml");
        if !path.is_file() {
            return Ok(None);
        }
        let text = read(&path)?;
        let table = text.parse::<Table>().map_err(|error| {
            let offset = error.span().map_or(0, |span| span.start);
            let excerpt = Excerpt::at_offset(&path, &text, offset);
            let problem = format!(
                "`{}` is not valid TOML: {}",
                path.display(),
                error.message()
            );
            Error::invalid(excerpt, problem)
        })?;
        Ok(Some(Self { path, text, table }))
    }

    /// The value at a path of keys.
    pub(super) fn at(&self, keys: &[&str]) -> Option<&Value> {
        let (first, rest) = keys.split_first()?;
        rest.iter()
            .try_fold(self.table.get(*first)?, |value, key| value.get(key))
    }

    /// `requires-python`, or Poetry's way to say it.
    pub(super) fn requires_python(&self) -> Option<String> {
        let own = self.at(&["project", "requires-python"]);
        let poetry = || self.at(&["tool", "poetry", "dependencies", "python"]);
        own.or_else(poetry)
            .and_then(Value::as_str)
            .map(str::to_owned)
    }

    pub(super) fn may_be_uv_member(&self) -> bool {
        self.at(&["project"]).is_some()
    }

    pub(super) fn is_uv_workspace(&self) -> bool {
        self.at(&["tool", "uv", "workspace"]).is_some()
    }

    /// A dependency group with the groups it includes.
    pub(super) fn group(&self, name: &str, depth: usize) -> Vec<String> {
        let Some(entries) = self
            .at(&["dependency-groups", name])
            .and_then(Value::as_array)
        else {
            return Vec::new();
        };
        let mut found = Vec::new();
        for entry in entries {
            if let Some(requirement) = entry.as_str() {
                found.push(requirement.to_owned());
            } else if let Some(other) = entry.get("include-group").and_then(Value::as_str)
                && depth > 0
            {
                found.extend(self.group(other, depth - 1));
            }
        }
        found
    }

    /// What decides which packages are installed, and nothing else: a change of the linter's
    /// settings must not make the environment anew.
    pub(super) fn dependency_tables(&self) -> String {
        let paths: &[&[&str]] = &[
            &["project", "dependencies"],
            &["project", "optional-dependencies"],
            &["project", "requires-python"],
            &["dependency-groups"],
            &["tool", "uv"],
        ];
        let mut text = String::new();
        for path in paths {
            if let Some(value) = self.at(path) {
                text.push_str(&format!("{} = {value}\n", path.join(".")));
            }
        }
        text
    }
}

pub(super) fn strings(value: Option<&Value>) -> Vec<String> {
    let list = value
        .and_then(Value::as_array)
        .map_or(&[][..], Vec::as_slice);
    list.iter()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect()
}
