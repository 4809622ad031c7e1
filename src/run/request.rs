//! From what a user asks `daglab run` for to planned runs.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Map, Value};

use super::plan::{Executor, PlannedRun, Policy, Selection};
use crate::config::error::Error as ConfigError;
use crate::config::{Loaded, Placed, tree};
use crate::error::{Diagnose, ExitStatus};

/// What to call run config that stands on the command line.
const COMMAND_LINE: &str = "--config-yaml";

/// What a user asks for.
#[derive(Debug, Clone)]
pub struct Request {
    /// Jobs by name.
    pub jobs: Vec<String>,
    /// What assets to materialize: of the jobs, if there are any.
    pub assets: Assets,
    /// One run for each of these partitions.
    pub partitions: Vec<String>,
    /// Tags for each run.
    pub tags: Vec<(String, String)>,
    /// Run config, a later one over an earlier.
    pub config: Vec<ConfigText>,
    /// How long each run may take, or is waited for.
    pub timeout: Duration,
    /// The executor of jobs that did not choose one.
    pub executor: Executor,
    /// Whether Dagster looks at the run config before anything is launched.
    pub validate: bool,
}

/// A selection of assets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Assets {
    /// None, or all of a job.
    None,
    /// An expression in Dagster's asset selection syntax.
    Expression(String),
    /// Asset keys, and globs.
    Named {
        /// Keys, their parts joined by `/`.
        keys: Vec<String>,
        /// Globs over them.
        patterns: Vec<String>,
    },
}

/// Run config as the user gives it.
#[derive(Debug, Clone)]
pub enum ConfigText {
    /// A file of YAML.
    File(PathBuf),
    /// The YAML itself.
    Text(String),
}

/// Why nothing can be planned.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The run config is no YAML, or no mapping.
    #[error("the run config can't be read: {0}")]
    Config(#[from] ConfigError),
    /// The file of run config is not there, or too large.
    #[error("could not read the run config `{}`: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// Some of several jobs' assets: which are whose?
    #[error("assets can be selected of one job at a time, not of {0}")]
    AssetsOfSeveralJobs(usize),
}

impl Diagnose for Error {
    fn exit_status(&self) -> ExitStatus {
        match self {
            Self::Config(_) | Self::Read { .. } => ExitStatus::Validation,
            Self::AssetsOfSeveralJobs(_) => ExitStatus::Usage,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Config(error) => error.hint(),
            _ => None,
        }
    }

    fn detail(&self) -> Option<String> {
        match self {
            Self::Config(error) => error.detail(),
            _ => None,
        }
    }
}

impl Request {
    /// The runs, each named after its job or selection and its partition.
    pub fn plan(&self, root: &Path, loaded: &Loaded) -> Result<Vec<PlannedRun>, Error> {
        let given = self.given()?;
        let mut planned = Vec::new();
        for (name, selection) in self.selections()? {
            let (config, mut tags) = match &selection {
                Selection::Job { name, .. } => self.configured(name, root, loaded)?,
                Selection::Assets(_) | Selection::Expression(_) => Default::default(),
            };
            let config = config.overlaid_by(given.clone());
            tags.extend(self.tags.iter().cloned());
            let run = |partition: Option<&String>| PlannedRun {
                name: match partition {
                    Some(key) => format!("{name} [{key}]"),
                    None => name.clone(),
                },
                selection: selection.clone(),
                location: None,
                run_config: config.clone(),
                validate: self.validate,
                tags: tags.clone(),
                partition: partition.cloned(),
                executor: self.executor,
                policy: Policy {
                    timeout: self.timeout,
                    retries: 0,
                    allow_failure: false,
                },
                why: "the command line".to_owned(),
            };
            if self.partitions.is_empty() {
                planned.push(run(None));
            }
            // A key that is given twice is one partition.
            let keys = self.partitions.iter().enumerate();
            let keys = keys.filter(|(index, key)| !self.partitions[..*index].contains(key));
            planned.extend(keys.map(|(_, key)| run(Some(key))));
        }
        Ok(planned)
    }

    /// What the command line says about run config.
    pub fn given(&self) -> Result<Placed, Error> {
        let mut given = Placed::default();
        for text in &self.config {
            given = given.overlaid_by(match text {
                ConfigText::File(path) => read(path, path)?,
                ConfigText::Text(text) => Placed::parse(text, Path::new(COMMAND_LINE))?,
            });
        }
        Ok(given)
    }

    fn selections(&self) -> Result<Vec<(String, Selection)>, Error> {
        let (keys, patterns) = match &self.assets {
            Assets::None => (Vec::new(), Vec::new()),
            Assets::Expression(text) => {
                return Ok(vec![(text.clone(), Selection::Expression(text.clone()))]);
            }
            Assets::Named { keys, patterns } => (keys.clone(), patterns.clone()),
        };
        if self.jobs.is_empty() {
            let selectors = [keys, patterns].concat();
            return Ok(vec![(selectors.join(","), Selection::Assets(selectors))]);
        }
        if self.jobs.len() > 1 && self.assets != Assets::None {
            return Err(Error::AssetsOfSeveralJobs(self.jobs.len()));
        }
        let mut jobs: Vec<(String, Selection)> = Vec::new();
        for name in &self.jobs {
            if jobs.iter().all(|(other, _)| other != name) {
                let selection = Selection::Job {
                    name: name.clone(),
                    assets: [keys.clone(), patterns.clone()].concat(),
                };
                jobs.push((name.clone(), selection));
            }
        }
        Ok(jobs)
    }

    /// What `daglab.yaml` adds to a job.
    fn configured(
        &self,
        job: &str,
        root: &Path,
        loaded: &Loaded,
    ) -> Result<(Placed, Vec<(String, String)>), Error> {
        let jobs = loaded.settings.run.jobs.iter().flatten().enumerate();
        let mut config = Placed::default();
        let mut tags = Vec::new();
        for (index, of_job) in jobs.filter(|(_, of_job)| of_job.name == job) {
            let entry = (&of_job.run_config, of_job.run_config_file.as_deref());
            let path = format!("run.jobs.{index}.run_config");
            config = config.overlaid_by(of_entry(entry, &path, root, loaded)?);
            tags.extend(texts(&of_job.tags));
        }
        Ok((config, tags))
    }
}

/// The run config with which `daglab ci` runs a job: that of the first of its entries that has any.
pub fn of_ci(job: &str, root: &Path, loaded: &Loaded) -> Result<Placed, Error> {
    let jobs = loaded.settings.ci.jobs.iter().flatten().enumerate();
    for (index, of_job) in jobs.filter(|(_, of_job)| of_job.name == job) {
        let entry = (&of_job.run_config, of_job.run_config_file.as_deref());
        let path = format!("ci.jobs.{index}.run_config");
        let config = of_entry(entry, &path, root, loaded)?;
        if !config.value().is_empty() {
            return Ok(config);
        }
    }
    Ok(Placed::default())
}

/// The run config of an entry of the settings, over that of its file.
fn of_entry(
    (own, file): (&Map<String, Value>, Option<&str>),
    path: &str,
    root: &Path,
    loaded: &Loaded,
) -> Result<Placed, Error> {
    let below = match file {
        Some(file) => read(&root.join(file), Path::new(file))?,
        None => Placed::default(),
    };
    Ok(below.overlaid_by(Placed::of_settings(own, loaded, path)))
}

/// Reads a file of run config, which errors call by the name the user gave it.
fn read(path: &Path, name: &Path) -> Result<Placed, Error> {
    let failed = |source| Error::Read {
        path: name.to_owned(),
        source,
    };
    let text = tree::read(path).map_err(failed)?;
    Ok(Placed::parse(&text, name)?)
}

/// The values of tags as texts.
pub fn texts(tags: &Map<String, Value>) -> Vec<(String, String)> {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    tags.iter()
        .map(|(key, value)| (key.clone(), text(value)))
        .collect()
}
