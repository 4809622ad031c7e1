//! From a job or a selection of assets to a run.

use globset::GlobBuilder;
use serde::Deserialize;
use serde_json::{Value, json};

use super::client::Client;
use super::error::Error;
use super::operations;
use super::python_error::PythonError;
use super::workspace::{Asset, Job, Repository, Workspace};

/// What is to be run, found in a workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pick {
    /// The code location.
    pub location: String,
    /// The repository.
    pub repository: String,
    /// The job, Dagster's implicit one for assets outside a job.
    pub job: String,
    /// Asset keys by their parts; empty for all of the job.
    pub assets: Vec<Vec<String>>,
    /// The checks to execute with the assets, each with its asset's key; `None` for all of them.
    pub checks: Option<Vec<(Vec<String>, String)>>,
}

/// Why nothing, or too much, was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotFound {
    /// What was not found, as a sentence.
    pub message: String,
    /// What may have been meant.
    pub hint: Option<String>,
}

/// Finds a job, and some of its assets.
pub fn pick_job(
    workspace: &Workspace,
    name: &str,
    location: Option<&str>,
    assets: &[String],
) -> Result<Pick, NotFound> {
    let found: Vec<(&str, &Repository)> = workspace
        .repositories()
        .filter(|(at, _)| location.is_none_or(|wanted| wanted == *at))
        .filter(|(_, repository)| repository.jobs.iter().any(|job: &Job| job.name == name))
        .collect();
    match found.as_slice() {
        [(at, repository)] => Ok(Pick {
            location: (*at).to_owned(),
            repository: repository.name.clone(),
            job: name.to_owned(),
            assets: assets
                .iter()
                .map(|key| key.split('/').map(str::to_owned).collect())
                .collect(),
            checks: None,
        }),
        [] => Err(NotFound {
            message: format!("there is no job `{name}`"),
            hint: did_you_mean(name, &workspace.job_names()),
        }),
        several => Err(NotFound {
            message: format!("{} code locations have a job `{name}`", several.len()),
            hint: Some(format!(
                "name one with `location`: {}",
                several
                    .iter()
                    .map(|(at, _)| format!("`{at}`"))
                    .collect::<Vec<_>>()
                    .join(", ")
            )),
        }),
    }
}

/// Finds assets by keys, globs and `group:NAME`. All must be of one repository. `not_executed` says
/// which checks are left out.
pub fn pick_assets(
    workspace: &Workspace,
    selectors: &[String],
    location: Option<&str>,
    not_executed: impl Fn(&str) -> bool,
) -> Result<Pick, NotFound> {
    let mut found: Vec<(&str, &Repository, &Asset)> = Vec::new();
    for selector in selectors {
        let before = found.len();
        for (at, repository) in workspace.repositories() {
            if location.is_some_and(|wanted| wanted != at) {
                continue;
            }
            for asset in &repository.asset_nodes {
                let known = found.iter().any(|(.., other)| other.path() == asset.path());
                if !known && asset.is_executable && matches(selector, asset)? {
                    found.push((at, repository, asset));
                }
            }
        }
        let named = found
            .iter()
            .any(|(.., asset)| matches(selector, asset) == Ok(true));
        if found.len() == before && !named {
            return Err(NotFound {
                message: format!("no asset that can be materialized matches `{selector}`"),
                hint: did_you_mean(selector, &workspace.asset_keys()),
            });
        }
    }
    let Some((at, repository, first)) = found.first().copied() else {
        return Err(NotFound {
            message: "no assets are selected".to_owned(),
            hint: None,
        });
    };
    if let Some((other, ..)) = found
        .iter()
        .find(|(l, r, _)| *l != at || r.name != repository.name)
    {
        return Err(NotFound {
            message: format!("the selection spans the code locations `{at}` and `{other}`"),
            hint: Some("select the assets of each code location in an entry of its own".into()),
        });
    }
    // Dagster has one implicit job for each kind of partitions; all assets must share one.
    let job = first
        .job_names
        .iter()
        .filter(|job| job.starts_with("__ASSET_JOB"))
        .find(|job| {
            found
                .iter()
                .all(|(.., asset)| asset.job_names.contains(job))
        })
        .cloned()
        .unwrap_or_else(|| "__ASSET_JOB".to_owned());
    // Left to Dagster unless something is left out: older servers know no selection of checks.
    let checks = found
        .iter()
        .any(|(.., asset)| asset.check_names().any(&not_executed))
        .then(|| {
            let of_asset = |asset: &Asset| -> Vec<(Vec<String>, String)> {
                let names = asset.check_names().filter(|name| !not_executed(name));
                names
                    .map(|name| (asset.path().to_vec(), name.to_owned()))
                    .collect()
            };
            found
                .iter()
                .flat_map(|(.., asset)| of_asset(asset))
                .collect()
        });
    Ok(Pick {
        location: at.to_owned(),
        repository: repository.name.clone(),
        job,
        assets: found
            .iter()
            .map(|(.., asset)| asset.path().to_vec())
            .collect(),
        checks,
    })
}

fn matches(selector: &str, asset: &Asset) -> Result<bool, NotFound> {
    if let Some(group) = selector.strip_prefix("group:") {
        return Ok(asset.group_name.as_deref().unwrap_or("default") == group);
    }
    let glob = GlobBuilder::new(selector)
        .literal_separator(true)
        .build()
        .map_err(|error| NotFound {
            message: format!("`{selector}` is no pattern: {error}"),
            hint: None,
        })?;
    Ok(glob.compile_matcher().is_match(asset.key()))
}

/// The nearest of some names, as a question.
pub fn did_you_mean(wanted: &str, names: &[String]) -> Option<String> {
    names
        .iter()
        .map(|name| (strsim::jaro_winkler(name, wanted), name))
        .filter(|(score, _)| *score > 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| format!("did you mean `{name}`?"))
}

/// What is wrong with a run config.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigProblem {
    /// The field's path: `ops.a.config.limit`.
    pub path: Vec<String>,
    /// In Dagster's words.
    pub message: String,
}

/// Adds the in-process executor to a run config that does not choose one.
pub fn with_in_process(run_config: &Value) -> Option<Value> {
    let mut config = run_config.clone();
    let root = config.as_object_mut()?;
    if root.contains_key("execution") {
        return None;
    }
    root.insert(
        "execution".to_owned(),
        json!({ "config": { "in_process": {} } }),
    );
    Some(config)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ValidateData {
    is_pipeline_config_valid: Validity,
}

#[derive(Deserialize)]
struct Validity {
    #[serde(rename = "__typename")]
    kind: String,
    #[serde(default)]
    errors: Vec<ConfigErrorData>,
    #[serde(flatten)]
    error: PythonErrorFields,
}

#[derive(Deserialize, Default)]
struct PythonErrorFields {
    #[serde(default)]
    message: Option<String>,
}

#[derive(Deserialize)]
struct ConfigErrorData {
    message: String,
    #[serde(default)]
    stack: Option<Stack>,
}

#[derive(Deserialize)]
struct Stack {
    entries: Vec<StackEntry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StackEntry {
    field_name: Option<String>,
    list_index: Option<i64>,
    map_key: Option<Value>,
}

impl StackEntry {
    fn part(self) -> Option<String> {
        self.field_name
            .or_else(|| self.list_index.map(|index| index.to_string()))
            .or_else(|| {
                self.map_key
                    .map(|key| key.as_str().map_or(key.to_string(), str::to_owned))
            })
    }
}

fn selector(pick: &Pick) -> Value {
    let mut selector = json!({
        "pipelineName": pick.job,
        "repositoryName": pick.repository,
        "repositoryLocationName": pick.location,
    });
    if !pick.assets.is_empty() {
        selector["assetSelection"] = pick
            .assets
            .iter()
            .map(|path| json!({ "path": path }))
            .collect();
    }
    if let Some(checks) = &pick.checks {
        selector["assetCheckSelection"] = checks
            .iter()
            .map(|(path, name)| json!({ "assetKey": { "path": path }, "name": name }))
            .collect();
    }
    selector
}

/// Holds a run config against the job's schema; empty when all is well.
pub async fn validate(
    client: &Client,
    pick: &Pick,
    run_config: &Value,
) -> Result<Vec<ConfigProblem>, Error> {
    let variables = json!({ "pipeline": selector(pick), "runConfigData": run_config });
    let data: ValidateData = client.execute(&operations::VALIDATE, variables).await?;
    let validity = data.is_pipeline_config_valid;
    match validity.kind.as_str() {
        "PipelineConfigValidationValid" => Ok(Vec::new()),
        "RunConfigValidationInvalid" => Ok(validity
            .errors
            .into_iter()
            .map(|error| ConfigProblem {
                path: error
                    .stack
                    .map(|stack| {
                        stack
                            .entries
                            .into_iter()
                            .filter_map(StackEntry::part)
                            .collect()
                    })
                    .unwrap_or_default(),
                message: error.message,
            })
            .collect()),
        _ => Ok(vec![ConfigProblem {
            path: Vec::new(),
            message: validity.error.message.unwrap_or(validity.kind),
        }]),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LaunchData {
    launch_run: Launched,
}

#[derive(Deserialize)]
#[serde(tag = "__typename", rename_all_fields = "camelCase")]
enum Launched {
    LaunchRunSuccess {
        run: LaunchedRun,
    },
    PythonError(PythonError),
    UnauthorizedError {
        message: String,
    },
    RunConfigValidationInvalid {
        errors: Vec<ConfigErrorData>,
    },
    #[serde(untagged)]
    Other(Value),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LaunchedRun {
    run_id: String,
}

/// Launches a run and returns its id.
pub async fn launch(
    client: &Client,
    pick: &Pick,
    run_config: &Value,
    tags: &[(String, String)],
) -> Result<String, Error> {
    let tags: Vec<Value> = tags
        .iter()
        .map(|(key, value)| json!({ "key": key, "value": value }))
        .collect();
    let variables = json!({ "executionParams": {
        "selector": selector(pick),
        "runConfigData": run_config,
        "mode": "default",
        "executionMetadata": { "tags": tags },
    }});
    let refused = |message| Error::Refused {
        operation: operations::LAUNCH.name,
        message,
    };
    let data: LaunchData = client.execute(&operations::LAUNCH, variables).await?;
    match data.launch_run {
        Launched::LaunchRunSuccess { run } => Ok(run.run_id),
        Launched::PythonError(error) => Err(Error::Python { error }),
        Launched::UnauthorizedError { message } => Err(Error::Unauthorized { message }),
        Launched::RunConfigValidationInvalid { errors } => {
            let messages: Vec<String> = errors.into_iter().map(|error| error.message).collect();
            Err(refused(messages.join("; ")))
        }
        Launched::Other(value) => {
            let message = value["message"].as_str().or(value["__typename"].as_str());
            Err(refused(message.unwrap_or("an unknown answer").to_owned()))
        }
    }
}

/// The id of a job's latest run.
pub async fn latest_run(client: &Client, job: &str) -> Result<Option<String>, Error> {
    let data: Value = client
        .execute(
            &operations::LATEST_RUN,
            json!({ "filter": { "pipelineName": job } }),
        )
        .await?;
    let first = &data["runsOrError"]["results"][0]["runId"];
    Ok(first.as_str().map(str::to_owned))
}

/// Asks for the end of a run; `force` marks it ended even if its process can't be told.
pub async fn terminate(client: &Client, run_id: &str, force: bool) -> Result<(), Error> {
    let policy = if force {
        "MARK_AS_CANCELED_IMMEDIATELY"
    } else {
        "SAFE_TERMINATE"
    };
    let variables = json!({ "runId": run_id, "terminatePolicy": policy });
    let data: Value = client.execute(&operations::TERMINATE, variables).await?;
    let answer = &data["terminateRun"];
    match answer["__typename"].as_str() {
        Some("TerminateRunSuccess") => Ok(()),
        _ => Err(Error::Refused {
            operation: operations::TERMINATE.name,
            message: answer["message"]
                .as_str()
                .unwrap_or("no reason given")
                .to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::super::workspace::{Location, State};
    use super::*;

    fn workspace() -> Workspace {
        let repository = |jobs: &[&str], assets: &[(&str, &str)]| -> Repository {
            serde_json::from_value(json!({
                "name": "__repository__",
                "jobs": jobs.iter().map(|n| json!({"name": n, "isAssetJob": false})).collect::<Vec<_>>(),
                "assetNodes": assets.iter().map(|(key, group)| json!({
                    "assetKey": {"path": key.split('/').collect::<Vec<_>>()}, "groupName": group,
                    "isPartitioned": false, "isExecutable": true, "jobNames": ["__ASSET_JOB"],
                })).collect::<Vec<_>>(),
            }))
            .unwrap()
        };
        Workspace {
            version: "1".into(),
            locations: vec![
                Location {
                    name: "a".into(),
                    state: State::Loaded(vec![repository(
                        &["build", "shared"],
                        &[
                            ("core/orders", "core"),
                            ("core/customers", "core"),
                            ("raw", "ingest"),
                        ],
                    )]),
                },
                Location {
                    name: "b".into(),
                    state: State::Loaded(vec![repository(&["shared"], &[("other", "core")])]),
                },
            ],
        }
    }

    #[test]
    fn jobs_are_found_or_a_hint_is_given() {
        let workspace = workspace();
        assert_eq!(
            pick_job(&workspace, "build", None, &[]).unwrap().location,
            "a"
        );
        let error = pick_job(&workspace, "biuld", None, &[]).unwrap_err();
        assert_eq!(error.hint.as_deref(), Some("did you mean `build`?"));
        assert!(
            pick_job(&workspace, "shared", None, &[])
                .unwrap_err()
                .message
                .contains("2 code")
        );
        assert_eq!(
            pick_job(&workspace, "shared", Some("b"), &[])
                .unwrap()
                .location,
            "b"
        );
    }

    #[test]
    fn assets_are_found_by_key_glob_and_group() {
        let workspace = workspace();
        let keys = |selectors: &[&str], location| -> Result<Vec<String>, NotFound> {
            let selectors: Vec<String> = selectors.iter().map(|s| (*s).to_owned()).collect();
            let pick = pick_assets(&workspace, &selectors, location, |_| false)?;
            Ok(pick.assets.iter().map(|path| path.join("/")).collect())
        };
        assert_eq!(keys(&["core/orders"], None).unwrap(), ["core/orders"]);
        assert_eq!(keys(&["core/*", "raw"], None).unwrap().len(), 3);
        assert_eq!(keys(&["group:core"], Some("a")).unwrap().len(), 2);
        assert!(
            keys(&["group:core"], None)
                .unwrap_err()
                .message
                .contains("spans")
        );
        assert!(
            keys(&["*"], Some("a")).unwrap() == ["raw"],
            "a star stays within a part"
        );
        assert!(
            keys(&["core/order"], None)
                .unwrap_err()
                .hint
                .unwrap()
                .contains("core/orders")
        );
    }

    #[test]
    fn a_chosen_executor_is_left_alone() {
        assert_eq!(with_in_process(&json!({"execution": {}})), None);
        let merged = with_in_process(&json!({"ops": {}})).unwrap();
        assert_eq!(merged["execution"]["config"], json!({"in_process": {}}));
    }
}
