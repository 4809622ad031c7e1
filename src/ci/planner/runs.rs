//! The runs of a plan.

use serde_json::{Map, Value};

use super::{Filters, Planner};
use crate::ci::error::Error;
use crate::config::{Placed, ci};
use crate::error::Diagnose;
use crate::run::plan::{PlannedRun, Selection};
use crate::run::request::texts;

impl Planner<'_> {
    /// All configured runs, since any may be needed, and the jobs that only a flag names.
    pub(super) fn runs(&self, filters: &Filters) -> Result<Vec<PlannedRun>, Error> {
        let settings = &self.loaded.settings.ci;
        let mut runs = Vec::new();
        for (index, job) in settings.jobs.iter().flatten().enumerate() {
            let path = format!("ci.jobs.{index}");
            if job.name.is_empty() {
                return Err(self.error("a job has no `name`".to_owned(), None, &path));
            }
            runs.push(self.job(job, &path)?);
        }
        for name in &filters.jobs {
            if !runs.iter().any(|run| run.name == *name) {
                let job = ci::Job {
                    name: name.clone(),
                    ..ci::Job::default()
                };
                let mut run = self.job(&job, "")?;
                run.why = "`--jobs`".to_owned();
                runs.push(run);
            }
        }
        for (index, assets) in settings.assets.iter().flatten().enumerate() {
            runs.push(self.assets(assets, &format!("ci.assets.{index}"))?);
        }
        Ok(runs)
    }

    fn job(&self, job: &ci::Job, path: &str) -> Result<PlannedRun, Error> {
        Ok(PlannedRun {
            name: job.name.clone(),
            selection: Selection::Job {
                name: job.name.clone(),
                assets: job.assets.clone(),
            },
            location: job.location.clone(),
            run_config: self.run_config(&job.run_config, job.run_config_file.as_deref(), path)?,
            validate: true,
            tags: texts(&job.tags),
            partition: job.partition.clone(),
            executor: self.executor(job.executor),
            policy: self.policy(job.timeout, job.retries, job.allow_failure),
            why: self.why(path),
        })
    }

    fn assets(&self, assets: &ci::Assets, path: &str) -> Result<PlannedRun, Error> {
        if assets.select.is_empty() {
            return Err(self.error("a selection of assets has no `select`".into(), None, path));
        }
        Ok(PlannedRun {
            name: assets
                .name
                .clone()
                .unwrap_or_else(|| assets.select.join(",")),
            selection: Selection::Assets(assets.select.clone()),
            location: assets.location.clone(),
            run_config: self.run_config(
                &assets.run_config,
                assets.run_config_file.as_deref(),
                path,
            )?,
            validate: true,
            tags: texts(&assets.tags),
            partition: assets.partition.clone(),
            executor: self.executor(assets.executor),
            policy: self.policy(assets.timeout, assets.retries, assets.allow_failure),
            why: self.why(path),
        })
    }

    /// The run config of the entry over that of its file.
    fn run_config(
        &self,
        own: &Map<String, Value>,
        file: Option<&str>,
        path: &str,
    ) -> Result<Placed, Error> {
        let own = Placed::of_settings(own, self.loaded, &format!("{path}.run_config"));
        let Some(file) = file else {
            return Ok(own);
        };
        let full = self.root.join(file);
        let text = std::fs::read_to_string(&full).map_err(|error| {
            let place = format!("{path}.run_config_file");
            self.error(
                format!("could not read the run config `{file}`: {error}"),
                None,
                &place,
            )
        })?;
        let below = Placed::parse(&text, &full).map_err(|error| Error::Plan {
            message: format!("the run config `{file}` can't be used: {error}"),
            hint: None,
            snippet: error.detail(),
        })?;
        Ok(below.overlaid_by(own))
    }
}
