//! Exceptions as Dagster reports them, and the part of them that a person wants to see.
//!
//! Dagster wraps what the user's code raised in an exception of its own, and its stacks are mostly
//! frames of Dagster. What is shown is the exception that the user's code raised, with the frames
//! of the user's files, and below it what that was raised `from`.

use std::fmt;
use std::path::Path;

use serde::Deserialize;

use crate::report::model::RunError;

/// An exception and those that led to it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PythonError {
    /// The class's name and the message, as the last lines of a traceback have them.
    pub message: String,
    /// The class's name.
    pub class_name: Option<String>,
    /// The frames, outermost first, as Python prints them.
    pub stack: Vec<String>,
    /// What it was raised from, or while handling what; nearest first.
    pub error_chain: Vec<ChainLink>,
}

/// One of the exceptions that led to another.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ChainLink {
    /// Raised `from` it, rather than while it was being handled.
    pub is_explicit_link: bool,
    /// The exception.
    pub error: Exception,
}

/// An exception by itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Exception {
    /// The class's name and the message.
    pub message: String,
    /// The class's name.
    pub class_name: Option<String>,
    /// The frames, outermost first.
    pub stack: Vec<String>,
}

/// A line of a Python file.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place<'a> {
    file: &'a str,
    line: u32,
}

impl PythonError {
    /// The error for a report: the exception that the user's code raised, located in `project`.
    pub fn to_run_error(&self, project: &Path) -> RunError {
        let links = self.links();
        // Wrappers come first. Where all are Dagster's own, the innermost says most.
        let first = links
            .iter()
            .position(|(_, error)| !is_wrapper(error))
            .unwrap_or(links.len() - 1);
        let (_, raised) = links[first];
        let class = raised.class_name.clone();
        let message = strip_class(raised.message, class.as_deref());
        let place = links[first..]
            .iter()
            .find_map(|(_, error)| place_in(error, project));
        RunError {
            message,
            stack: stack_of(&links[first..]),
            path: place.as_ref().map(|(path, _)| path.clone()),
            line: place.map(|(_, line)| line),
            class,
        }
    }

    /// The error and its chain, outermost first.
    fn links(&self) -> Vec<(bool, ExceptionRef<'_>)> {
        let own = ExceptionRef {
            message: &self.message,
            class_name: &self.class_name,
            stack: &self.stack,
        };
        std::iter::once((true, own))
            .chain(self.error_chain.iter().map(|link| {
                let error = ExceptionRef {
                    message: &link.error.message,
                    class_name: &link.error.class_name,
                    stack: &link.error.stack,
                };
                (link.is_explicit_link, error)
            }))
            .collect()
    }

    /// The class and message of the exception that the user's code raised, on one line.
    pub fn headline(&self) -> String {
        let error = self.to_run_error(Path::new(""));
        let message = error.message.lines().next().unwrap_or_default();
        match error.class {
            Some(class) if message.is_empty() => class,
            Some(class) => format!("{class}: {message}"),
            None => message.to_owned(),
        }
    }
}

impl fmt::Display for PythonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.headline())
    }
}

#[derive(Debug, Clone, Copy)]
struct ExceptionRef<'a> {
    message: &'a str,
    class_name: &'a Option<String>,
    stack: &'a [String],
}

/// Whether an exception is one that Dagster puts around another: it is Dagster's, and none of its
/// frames is the user's.
fn is_wrapper(error: &ExceptionRef<'_>) -> bool {
    error
        .class_name
        .as_deref()
        .is_some_and(|class| class.starts_with("Dagster") || class == "CheckError")
        && !error.stack.iter().any(|frame| is_users(frame))
}

/// The frames of the user's files of each exception, the way Python prints a chain (but nearest
/// first). All frames of the first where none is the user's.
fn stack_of(links: &[(bool, ExceptionRef<'_>)]) -> Option<String> {
    let mut text = String::new();
    for (index, (explicit, error)) in links.iter().enumerate() {
        let frames: Vec<&str> = error
            .stack
            .iter()
            .filter(|frame| is_users(frame))
            .map(String::as_str)
            .collect();
        if index == 0 {
            if frames.is_empty() && links.len() == 1 {
                error.stack.iter().for_each(|frame| text.push_str(frame));
            }
        } else {
            text.push_str(if *explicit {
                "\nThe direct cause was:\n"
            } else {
                "\nIt happened while handling:\n"
            });
            text.push_str(error.message.trim_end());
            text.push('\n');
        }
        frames.iter().for_each(|frame| text.push_str(frame));
    }
    let text = text.trim_matches('\n');
    (!text.is_empty()).then(|| text.to_owned())
}

/// Whether a frame is in a file of the user: not in an installed package, not in Python itself.
fn is_users(frame: &str) -> bool {
    let Some(Place { file, .. }) = place(frame) else {
        return false;
    };
    let file = file.replace('\\', "/");
    let foreign = ["/site-packages/", "/dist-packages/", "/lib/python3."];
    !file.starts_with('<') && !foreign.iter().any(|part| file.contains(part))
}

/// The place that the first line of a frame (or of a syntax error) names.
fn place(frame: &str) -> Option<Place<'_>> {
    let rest = frame.trim_start().strip_prefix("File \"")?;
    let (file, rest) = rest.split_once("\", line ")?;
    let digits = rest.find(|c: char| !c.is_ascii_digit());
    let line = rest[..digits.unwrap_or(rest.len())].parse().ok()?;
    Some(Place { file, line })
}

/// The innermost place of an exception that lies in the project, relative to it and with `/`.
fn place_in(error: &ExceptionRef<'_>, project: &Path) -> Option<(String, u32)> {
    // A syntax error's own place is the first line of its message, not a frame.
    std::iter::once(error.message)
        .chain(error.stack.iter().rev().map(String::as_str))
        .filter(|frame| is_users(frame))
        .filter_map(place)
        .find_map(|place| {
            let relative = Path::new(place.file).strip_prefix(project).ok()?;
            let parts: Vec<_> = relative
                .components()
                .map(|part| part.as_os_str().to_string_lossy())
                .collect();
            Some((parts.join("/"), place.line))
        })
}

/// A message without the class that Python puts before it, with or without its module.
fn strip_class(message: &str, class: Option<&str>) -> String {
    let message = message.trim_end();
    let Some(class) = class else {
        return message.trim_start().to_owned();
    };
    // The lines before the class are the place of a syntax error; they are worth keeping.
    let lines: Vec<&str> = message.lines().collect();
    for (index, line) in lines.iter().enumerate() {
        let head = line.split(':').next().unwrap_or_default();
        if head == class || head.ends_with(&format!(".{class}")) {
            let own = line[head.len()..].trim_start_matches(':').trim_start();
            let mut kept = vec![own];
            kept.extend(&lines[index + 1..]);
            kept.extend(&lines[..index]);
            return kept.join("\n").trim().to_owned();
        }
    }
    message.trim_start().to_owned()
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;

    fn frame(file: &str, line: u32, code: &str) -> String {
        format!("  File \"{file}\", line {line}, in f\n    {code}\n")
    }

    fn step_failure() -> PythonError {
        PythonError {
            message: "dagster._core.errors.DagsterExecutionStepExecutionError: Error occurred while executing op \"explode\":\n".into(),
            class_name: Some("DagsterExecutionStepExecutionError".into()),
            stack: vec![frame("/v/lib/python3.11/site-packages/dagster/x.py", 9, "yield")],
            error_chain: vec![
                ChainLink {
                    is_explicit_link: true,
                    error: Exception {
                        message: "shop.errors.RatioError: not defined\nsecond line\n".into(),
                        class_name: Some("RatioError".into()),
                        stack: vec![
                            frame("/v/lib/python3.11/site-packages/dagster/y.py", 9, "yield"),
                            frame("/home/me/shop/defs.py", 12, "ratio()"),
                            frame("/home/me/shop/math/ratio.py", 3, "raise"),
                        ],
                    },
                },
                ChainLink {
                    is_explicit_link: true,
                    error: Exception {
                        message: "ZeroDivisionError: division by zero\n".into(),
                        class_name: Some("ZeroDivisionError".into()),
                        stack: vec![frame("/home/me/shop/math/ratio.py", 1, "a / b")],
                    },
                },
            ],
        }
    }

    #[test]
    fn the_users_exception_is_what_is_reported() {
        let error = step_failure().to_run_error(Path::new("/home/me/shop"));
        assert_eq!(error.class.as_deref(), Some("RatioError"));
        assert_eq!(error.message, "not defined\nsecond line");
        assert_eq!(error.path.as_deref(), Some("math/ratio.py"));
        assert_eq!(error.line, Some(3));
        let stack = error.stack.expect("a stack");
        assert!(!stack.contains("site-packages"), "{stack}");
        assert!(stack.contains("The direct cause was:\nZeroDivisionError: division by zero"));
        assert_eq!(step_failure().headline(), "RatioError: not defined");
    }

    #[test]
    fn a_file_outside_the_project_is_not_a_path_of_it() {
        let error = step_failure().to_run_error(Path::new("/elsewhere"));
        assert_eq!((error.path, error.line), (None, None));
    }

    #[test]
    fn a_syntax_error_points_to_its_own_place() {
        let error = PythonError {
            message: "dagster._core.errors.DagsterUserCodeLoadError: Error occurred\n".into(),
            class_name: Some("DagsterUserCodeLoadError".into()),
            stack: vec![],
            error_chain: vec![ChainLink {
                is_explicit_link: true,
                error: Exception {
                    message: "  File \"/p/syntax.py\", line 2\n    def (:\n        ^\nSyntaxError: invalid syntax\n".into(),
                    class_name: Some("SyntaxError".into()),
                    stack: vec![frame("<frozen importlib._bootstrap>", 241, "call")],
                },
            }],
        };
        let error = error.to_run_error(Path::new("/p"));
        assert_eq!(error.class.as_deref(), Some("SyntaxError"));
        assert!(error.message.starts_with("invalid syntax\n"), "{error:?}");
        assert_eq!(error.path.as_deref(), Some("syntax.py"));
        assert_eq!(error.line, Some(2));
    }

    #[test]
    fn without_a_cause_dagsters_own_exception_is_reported_with_its_frames() {
        let error = PythonError {
            message: "dagster._core.errors.DagsterInvariantViolationError: no such thing\n".into(),
            class_name: Some("DagsterInvariantViolationError".into()),
            stack: vec![frame("/v/site-packages/dagster/x.py", 9, "raise")],
            error_chain: vec![],
        };
        let error = error.to_run_error(Path::new("/p"));
        assert_eq!(error.message, "no such thing");
        assert!(error.stack.expect("a stack").contains("x.py"));
    }

    #[test]
    fn an_error_without_anything_is_still_an_error() {
        let error = PythonError::default().to_run_error(Path::new("/p"));
        assert_eq!((error.class, error.message), (None, String::new()));
    }
}
