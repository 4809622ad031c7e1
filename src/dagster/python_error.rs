//! Dagster's `PythonError`: an exception with its chain of causes.

use std::path::Path;

use serde::Deserialize;

use crate::report::model::RunError;
use crate::ui::text::sanitize;

/// An exception with its chain of causes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PythonError {
    /// The class's name.
    pub class_name: Option<String>,
    /// The message, which begins with the class.
    pub message: String,
    /// The stack's entries, outermost first.
    pub stack: Vec<String>,
    /// What caused it, nearest first.
    pub error_chain: Vec<ErrorLink>,
}

/// A link of the chain.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct ErrorLink {
    /// The cause.
    pub error: Box<PythonError>,
}

impl PythonError {
    /// The exception at the end of the chain: the user's, under Dagster's.
    pub fn root(&self) -> &Self {
        self.error_chain.last().map_or(self, |link| &link.error)
    }

    /// Class and message of the root cause, on one line.
    pub fn summary(&self) -> String {
        sanitize(
            self.root()
                .message
                .lines()
                .next()
                .unwrap_or("an error without a message"),
        )
        .into_owned()
    }

    /// The stack of the root cause without the frames of libraries, unless that leaves nothing.
    pub fn user_stack(&self) -> String {
        let root = self.root();
        let user: Vec<&str> = root
            .stack
            .iter()
            .filter(|frame| is_user_frame(frame))
            .map(String::as_str)
            .collect();
        let frames = if user.is_empty() {
            root.stack.iter().map(String::as_str).collect()
        } else {
            user
        };
        let message = sanitize(root.message.trim_end()).into_owned();
        format!("{}{message}", sanitize(&frames.concat()))
    }

    /// The error for a report, with the user's last frame as its place.
    pub fn to_report(&self, project: &Path) -> RunError {
        let root = self.root();
        let place = root
            .stack
            .iter()
            .rev()
            .filter(|frame| is_user_frame(frame))
            .find_map(|frame| frame_place(frame));
        let path = place.as_ref().map(|(path, _)| {
            let path = Path::new(path);
            path.strip_prefix(project)
                .unwrap_or(path)
                .display()
                .to_string()
        });
        let class = root.class_name.clone();
        let message = sanitize(root.message.trim()).into_owned();
        let message = class
            .as_deref()
            .and_then(|class| {
                let (first, rest) = message.split_once(':')?;
                (first.rsplit('.').next() == Some(class)).then(|| rest.trim().to_owned())
            })
            .unwrap_or(message);
        RunError {
            class,
            message,
            stack: Some(self.user_stack()).filter(|stack| !stack.is_empty()),
            path,
            line: place.map(|(_, line)| line),
        }
    }
}

/// Whether a frame is the project's: not of an installed package, the standard library or Dagster.
fn is_user_frame(frame: &str) -> bool {
    match frame_place(frame) {
        Some((path, _)) => {
            !["site-packages", "dist-packages", "/lib/python", "<frozen "]
                .iter()
                .any(|part| path.contains(part))
                && !path.starts_with('<')
        }
        None => false,
    }
}

/// File and line of `  File "/x/y.py", line 3, in f`.
fn frame_place(frame: &str) -> Option<(&str, u32)> {
    let rest = frame.trim_start().strip_prefix("File \"")?;
    let (path, rest) = rest.split_once("\", line ")?;
    let line = rest
        .split(|c: char| !c.is_ascii_digit())
        .next()?
        .parse()
        .ok()?;
    Some((path, line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_users_frame_of_the_root_cause_is_the_place() {
        let root = PythonError {
            class_name: Some("ValueError".into()),
            message: "ValueError: no\n".into(),
            stack: vec![
                "  File \"/v/lib/python3.11/site-packages/dagster/x.py\", line 1, in f\n    a\n"
                    .into(),
                "  File \"/p/defs/jobs.py\", line 7, in breaks\n    raise\n".into(),
            ],
            ..PythonError::default()
        };
        let error = PythonError {
            class_name: Some("DagsterExecutionStepExecutionError".into()),
            message: "dagster._core.errors.X: Error occurred".into(),
            error_chain: vec![ErrorLink {
                error: Box::new(root),
            }],
            ..PythonError::default()
        };
        let report = error.to_report(Path::new("/p"));
        assert_eq!(report.class.as_deref(), Some("ValueError"));
        assert_eq!(report.message, "no");
        assert_eq!(
            (report.path.as_deref(), report.line),
            (Some("defs/jobs.py"), Some(7))
        );
        assert!(!report.stack.unwrap().contains("site-packages"));
    }
}
