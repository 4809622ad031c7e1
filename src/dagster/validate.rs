//! Whether a run config fits its job, and what the environment lacks, before anything is launched.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Map, Value, json};

use super::client::Client;
use super::discover::{Workspace, most_similar};
use super::error::Error;
use super::launch::JobSelector;
use super::operations::wire::{
    ConfigErrorWire, EnvVarsOrError, RepositoryVariables, ValidateVariables, Verdict,
};
use super::operations::{EnvVars, Operation, ValidateRunConfig};

/// A run config: a JSON object.
pub type RunConfig = Map<String, Value>;

/// One thing that is wrong with a run config.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigProblem {
    /// Where: field names and list indices from the root. A misspelt or missing field is its last.
    pub path: Vec<String>,
    /// What Dagster says about it.
    pub message: String,
    /// What kind of problem it is.
    pub kind: ProblemKind,
    /// The field that was probably meant.
    pub suggestion: Option<String>,
}

/// What kind of problem a run config has at some place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProblemKind {
    /// A field that the schema does not have there.
    Unknown {
        /// Those that it has.
        known: Vec<String>,
    },
    /// A field that must be there.
    Missing,
    /// A value that does not fit, or anything else.
    Value,
}

impl ConfigProblem {
    /// What is wrong, with its path.
    pub fn said(&self) -> String {
        let path = self.path.join(".");
        match (&self.kind, &self.suggestion) {
            (ProblemKind::Missing, _) => format!("`{path}` is missing"),
            (ProblemKind::Unknown { .. }, Some(meant)) => {
                format!("there is no `{path}`; did you mean `{meant}`?")
            }
            (ProblemKind::Unknown { .. }, None) => format!("there is no `{path}`"),
            (ProblemKind::Value, _) => self.to_string(),
        }
    }

    /// What is wrong, to stand beside the place itself.
    pub fn beside(&self) -> String {
        let name = self.path.last().map(String::as_str).unwrap_or_default();
        match (&self.kind, &self.suggestion) {
            (ProblemKind::Unknown { .. }, Some(meant)) => format!("did you mean `{meant}`?"),
            (ProblemKind::Unknown { known }, None) if !known.is_empty() => {
                format!("there is no `{name}` here, but `{}`", known.join("`, `"))
            }
            (ProblemKind::Unknown { .. }, None) => format!("there is no `{name}` here"),
            (ProblemKind::Missing, _) => format!("`{name}` is missing here"),
            (ProblemKind::Value, _) => self.message_without_path(),
        }
    }

    /// The message without Dagster's spelling of the path, ` at path root:ops:a:config`.
    fn message_without_path(&self) -> String {
        let message = self.message.trim_end_matches('.');
        let Some((before, path)) = message.split_once(" at path root") else {
            return message.to_owned();
        };
        let end = path.find(char::is_whitespace).unwrap_or(path.len());
        let (path, after) = path.split_at(end);
        let stop = if path.ends_with('.') { "." } else { "" };
        format!("{before}{stop}{after}")
    }
}

impl fmt::Display for ConfigProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() {
            return f.write_str(self.message.trim_end_matches('.'));
        }
        let path = self.path.join(".");
        write!(f, "`{path}`: {}", self.message_without_path())
    }
}

/// Which executor runs the steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ExecutorPolicy {
    /// The in-process executor for jobs that left Dagster's default executor as it is: starting a
    /// process for each step costs seconds, and in CI gains nothing.
    #[default]
    InProcess,
    /// Always the job's own.
    Own,
}

/// A run config that was looked at.
#[derive(Debug, Clone, PartialEq)]
pub struct Validated {
    /// The run config to launch with: what was given, and the choice of the executor.
    pub run_config: RunConfig,
    /// The policy that is in force for this job.
    pub executor: ExecutorPolicy,
    /// What is wrong with it; nothing if it is valid.
    pub problems: Vec<ConfigProblem>,
}

/// An environment variable that something reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequiredEnvVar {
    /// Its name.
    pub name: String,
    /// Who reads it: `resource `warehouse` in `location`` or `run config at `ops.a.config``.
    pub readers: Vec<String>,
}

impl Client {
    /// Asks Dagster whether a run config fits a job, and chooses the executor on the way.
    pub async fn validate(
        &self,
        selector: &JobSelector,
        run_config: &RunConfig,
        policy: ExecutorPolicy,
    ) -> Result<Validated, Error> {
        // Whoever configures the execution has chosen.
        let with_probe =
            policy == ExecutorPolicy::InProcess && !run_config.contains_key("execution");
        let variables = ValidateVariables {
            pipeline: selector.to_pipeline(),
            run_config_data: Value::Object(run_config.clone()),
            probe: Value::Object(with_execution(run_config, &["in_process", "multiprocess"])),
            with_probe,
        };
        let data = self.execute::<ValidateRunConfig>(&variables).await?;
        let problems = read_verdict(selector, data.verdict)?;
        let is_default = matches!(data.executor, Some(Verdict::RunConfigValidationInvalid { errors })
            if errors.iter().any(is_choice_of_executor));
        Ok(if is_default {
            Validated {
                run_config: with_execution(run_config, &["in_process"]),
                executor: ExecutorPolicy::InProcess,
                problems,
            }
        } else {
            Validated {
                run_config: run_config.clone(),
                executor: ExecutorPolicy::Own,
                problems,
            }
        })
    }

    /// The environment variables that the resources of all loaded locations read.
    pub async fn required_env_vars(
        &self,
        workspace: &Workspace,
    ) -> Result<Vec<RequiredEnvVar>, Error> {
        let mut readers: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (location, repository) in workspace.repositories() {
            let repository = super::launch::RepositorySelector {
                location: location.to_owned(),
                repository: repository.name.clone(),
            };
            let variables = RepositoryVariables {
                repository: repository.to_wire(),
            };
            let data = self.execute::<EnvVars>(&variables).await?;
            let results = match data.utilized_env_vars_or_error {
                EnvVarsOrError::EnvVarWithConsumersList { results } => results,
                EnvVarsOrError::PythonError(error) => {
                    return Err(Error::python(EnvVars::DESCRIBED.name, error));
                }
            };
            for variable in results {
                let names = variable.env_var_consumers.into_iter();
                readers.entry(variable.env_var_name).or_default().extend(
                    names.map(|reader| format!("resource `{}` in `{location}`", reader.name)),
                );
            }
        }
        Ok(collect(readers))
    }
}

/// The environment variables that a run config reads, by `{"env": "NAME"}` in place of a value.
pub fn env_vars_in_config(run_config: &RunConfig) -> Vec<RequiredEnvVar> {
    let mut readers = BTreeMap::new();
    let mut path = Vec::new();
    for (key, value) in run_config {
        path.push(key.clone());
        find_env_vars(value, &mut path, &mut readers);
        path.pop();
    }
    collect(readers)
}

fn find_env_vars(
    value: &Value,
    path: &mut Vec<String>,
    readers: &mut BTreeMap<String, Vec<String>>,
) {
    let children: Vec<(String, &Value)> = match value {
        Value::Object(fields) => {
            if let (1, Some(Value::String(name))) = (fields.len(), fields.get("env")) {
                let reader = format!("run config at `{}`", path.join("."));
                readers.entry(name.clone()).or_default().push(reader);
                return;
            }
            fields
                .iter()
                .map(|(key, child)| (key.clone(), child))
                .collect()
        }
        Value::Array(items) => items
            .iter()
            .enumerate()
            .map(|(index, child)| (index.to_string(), child))
            .collect(),
        _ => return,
    };
    for (key, child) in children {
        path.push(key);
        find_env_vars(child, path, readers);
        path.pop();
    }
}

fn collect(readers: BTreeMap<String, Vec<String>>) -> Vec<RequiredEnvVar> {
    readers
        .into_iter()
        .map(|(name, readers)| RequiredEnvVar { name, readers })
        .collect()
}

/// The run config with a choice of executors for Dagster's default one, which is a choice of two.
///
/// With both, it is a question: only a job with the default executor answers that one of the two
/// must be chosen. A job with another executor does not know these fields, or takes anything.
fn with_execution(run_config: &RunConfig, executors: &[&str]) -> RunConfig {
    let mut config = run_config.clone();
    let choice: RunConfig = executors
        .iter()
        .map(|name| ((*name).to_owned(), json!({})))
        .collect();
    config.insert("execution".to_owned(), json!({ "config": choice }));
    config
}

fn is_choice_of_executor(error: &ConfigErrorWire) -> bool {
    error.reason == "SELECTOR_FIELD_ERROR" && stack_path(error) == ["execution", "config"]
}

fn read_verdict(selector: &JobSelector, verdict: Verdict) -> Result<Vec<ConfigProblem>, Error> {
    match verdict {
        Verdict::PipelineConfigValidationValid => Ok(Vec::new()),
        Verdict::RunConfigValidationInvalid { errors } => Ok(problems(errors)),
        Verdict::PipelineNotFoundError { .. } => Err(Error::JobNotFound {
            name: selector.job.clone(),
            location: Some(selector.repository.location.clone()),
            suggestion: None,
            known: Vec::new(),
        }),
        Verdict::InvalidSubsetError { message } => Err(Error::LaunchRefused {
            job: selector.job.clone(),
            message,
        }),
        Verdict::PythonError(error) => Err(Error::python(ValidateRunConfig::DESCRIBED.name, error)),
    }
}

pub(super) fn problems(errors: Vec<ConfigErrorWire>) -> Vec<ConfigProblem> {
    errors.into_iter().flat_map(problem).collect()
}

/// One problem for each field that an error names, or one for the place as a whole.
fn problem(error: ConfigErrorWire) -> Vec<ConfigProblem> {
    let place = stack_path(&error);
    let at = |field: &str| {
        let mut path = place.clone();
        path.push(field.to_owned());
        path
    };
    let known = known_fields(&error.message);
    let misspelt = error
        .field_name
        .into_iter()
        .chain(error.field_names.into_iter().flatten());
    let mut problems: Vec<ConfigProblem> = misspelt
        .map(|field| ConfigProblem {
            path: at(&field),
            message: error.message.clone(),
            kind: ProblemKind::Unknown {
                known: known.clone(),
            },
            suggestion: most_similar(&field, known.iter().map(String::as_str)),
        })
        .collect();
    let missing = error
        .field
        .into_iter()
        .chain(error.fields.into_iter().flatten());
    problems.extend(missing.map(|field| ConfigProblem {
        path: at(&field.name),
        message: error.message.clone(),
        kind: ProblemKind::Missing,
        suggestion: None,
    }));
    if problems.is_empty() {
        problems.push(ConfigProblem {
            path: place,
            message: error.message,
            kind: ProblemKind::Value,
            suggestion: None,
        });
    }
    problems
}

/// The place of an error. Its `path` field is empty in the releases at hand; the stack is not.
fn stack_path(error: &ConfigErrorWire) -> Vec<String> {
    error
        .stack
        .entries
        .iter()
        .filter_map(
            |entry| match (&entry.field_name, entry.list_index, &entry.map_key) {
                (Some(name), _, _) => Some(name.clone()),
                (_, Some(index), _) => Some(index.to_string()),
                (_, _, Some(Value::String(key))) => Some(key.clone()),
                (_, _, Some(key)) => Some(key.to_string()),
                _ => None,
            },
        )
        .collect()
}

/// The fields that would have been right. The schema has them only in the message, as
/// `Expected: "{ name: String times?: (Int | { env: String })? }".` or as a Python list.
fn known_fields(message: &str) -> Vec<String> {
    let Some((_, expected)) = message.split_once("Expected: \"") else {
        return Vec::new();
    };
    if expected.starts_with('[') {
        let quoted = expected.split('\'').skip(1).step_by(2);
        return quoted.map(str::to_owned).collect();
    }
    let mut fields = Vec::new();
    let mut depth = 0_u32;
    let mut word = String::new();
    for c in expected.chars() {
        match c {
            '{' | '(' | '[' => depth += 1,
            '}' | ')' | ']' => depth = depth.saturating_sub(1),
            ':' if depth == 1 && !word.is_empty() => fields.push(std::mem::take(&mut word)),
            '"' => break,
            c if c.is_alphanumeric() || c == '_' => {
                word.push(c);
                continue;
            }
            // The mark of an optional field, between its name and the colon.
            '?' => continue,
            _ => {}
        }
        word.clear();
    }
    fields
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;

    fn object(value: Value) -> RunConfig {
        match value {
            Value::Object(fields) => fields,
            other => panic!("{other} is no object"),
        }
    }

    #[test]
    fn expected_fields_are_read_from_both_forms_of_the_message() {
        let message = "Received unexpected config entry \"nmae\" at path root:ops:greet:config. \
            Expected: \"{ name: (String | { env: String }) inner?: { deep: Int } times?: (Int | { env: String })? }\".";
        assert_eq!(known_fields(message), ["name", "inner", "times"]);
        let message = "Received unexpected config entries \"['x']\". Expected: \"['marker_to_close', 'retries'].\"";
        assert_eq!(known_fields(message), ["marker_to_close", "retries"]);
        assert!(known_fields("something else").is_empty());
    }

    #[test]
    fn a_path_is_said_once() {
        let said = |message: &str| {
            let problem = ConfigProblem {
                path: vec!["ops".to_owned(), "a".to_owned()],
                message: message.to_owned(),
                kind: ProblemKind::Value,
                suggestion: None,
            };
            (problem.to_string(), problem.beside())
        };
        let of = |text: &str| (format!("`ops.a`: {text}"), text.to_owned());
        assert_eq!(
            said("Invalid scalar at path root:ops:a. Value \"x\" is no Int."),
            of("Invalid scalar. Value \"x\" is no Int")
        );
        assert_eq!(
            said("Value at path root:ops:a must be a dict."),
            of("Value must be a dict")
        );
        assert_eq!(
            said("You can only specify one."),
            of("You can only specify one")
        );
    }

    #[test]
    fn a_misspelt_field_gets_a_suggestion_and_a_path() {
        let error = serde_json::from_value(json!({
            "message": "Received unexpected config entry \"nmae\". Expected: \"{ name: String }\".",
            "reason": "FIELD_NOT_DEFINED",
            "stack": {"entries": [{"fieldName": "ops"}, {"listIndex": 2}, {"mapKey": "k"}]},
            "fieldName": "nmae"
        }))
        .expect("an error");
        let problems = problems(vec![error]);
        assert_eq!(problems[0].path, ["ops", "2", "k", "nmae"]);
        assert_eq!(problems[0].suggestion.as_deref(), Some("name"));
    }

    #[test]
    fn env_vars_are_found_anywhere_in_a_run_config() {
        let config = object(json!({
            "ops": {"a": {"config": {"token": {"env": "TOKEN"}, "list": [{"env": "TOKEN"}, 1]}}},
            "resources": {"r": {"config": {"env": "prod", "other": 1}}}
        }));
        assert_eq!(
            env_vars_in_config(&config),
            [RequiredEnvVar {
                name: "TOKEN".into(),
                readers: vec![
                    "run config at `ops.a.config.token`".into(),
                    "run config at `ops.a.config.list.0`".into(),
                ],
            }]
        );
    }

    #[test]
    fn the_executor_is_added_without_touching_the_rest() {
        let config = object(json!({"ops": {"a": 1}}));
        assert_eq!(
            Value::Object(with_execution(&config, &["in_process"])),
            json!({"ops": {"a": 1}, "execution": {"config": {"in_process": {}}}})
        );
    }
}
