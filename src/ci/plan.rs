//! What runs, in which order, and why.
//!
//! A plan is made from configuration, flags and the notebooks that are there, before anything is
//! started: `--plan` prints it. What only Dagster can say (which assets a pattern selects, whether
//! a job exists) is settled when the instance is up.

use std::path::PathBuf;

use serde::Serialize;

use crate::marimo::format::Format;
use crate::report::model::{Finding, Target};
use crate::run::plan::{Executor, PlannedRun, Policy, Selection};

/// The whole plan.
#[derive(Debug, Clone, Serialize)]
pub struct Plan {
    /// Whether every code location must load.
    pub validate: bool,
    /// Whether `marimo check` looks at the notebooks.
    pub check: bool,
    /// Whether its warnings fail the run.
    pub strict: bool,
    /// How many runs and notebooks go at once.
    pub concurrency: usize,
    /// The runs, in the order of the configuration.
    pub runs: Vec<PlannedRun>,
    /// The notebooks, in the order of their paths.
    pub notebooks: Vec<PlannedNotebook>,
    /// What the user should know that keeps nothing from running.
    pub findings: Vec<Finding>,
}

/// One notebook of the plan.
#[derive(Debug, Clone, Serialize)]
pub struct PlannedNotebook {
    /// Its file, relative to the project, with `/`.
    pub path: String,
    /// Its file.
    #[serde(skip)]
    pub file: PathBuf,
    /// A name for its files that no other notebook of the plan has.
    pub slug: String,
    /// Its title.
    pub title: String,
    /// Where its page goes in the store.
    #[serde(skip)]
    pub page_key: String,
    /// Whether that page is wanted.
    #[serde(skip)]
    pub page: bool,
    /// What else it is exported to.
    #[serde(skip)]
    pub files: Vec<PlannedFile>,
    /// Its arguments.
    pub args: Vec<String>,
    /// Variables of daglab's own environment that it may see.
    pub env: Vec<String>,
    /// The runs it waits for, as indices into [`Plan::runs`].
    pub needs: Vec<usize>,
    /// Whether it waits until Dagster answers.
    pub needs_dagster: bool,
    /// What it is paired with, where a configuration or its header says so.
    pub target: Option<Target>,
    /// Its bounds.
    #[serde(flatten)]
    pub policy: Policy,
    /// Why it is not to be run.
    pub skip: Option<String>,
    /// Third-party modules it imports.
    #[serde(skip)]
    pub imports: Vec<String>,
    /// Why it is in the plan.
    pub why: String,
}

/// A file that a notebook is exported to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedFile {
    /// What it is.
    pub format: Format,
    /// Where it goes in the store.
    pub key: String,
}

impl PlannedNotebook {
    /// Where marimo's own page goes: beside the other. Slugs have no dots, so no notebook's page is
    /// called so.
    pub fn interactive_key(&self) -> String {
        let name = self.page_key.strip_suffix(".html");
        format!("{}.interactive.html", name.unwrap_or(&self.page_key))
    }
}

impl Plan {
    /// The plan for a person: what runs, in which order, and why.
    pub fn describe(&self, project: &str) -> String {
        let mut text = format!("{project}: up to {} at once\n", self.concurrency);
        if self.validate {
            text.push_str("\nEvery code location is loaded and must load\n");
        }
        if !self.runs.is_empty() {
            text.push_str("\nRuns\n");
        }
        for run in &self.runs {
            text.push_str(&format!("  {}{}\n", run.name, self.run_notes(run)));
        }
        if !self.notebooks.is_empty() {
            text.push_str("\nNotebooks\n");
        }
        for notebook in &self.notebooks {
            text.push_str(&format!(
                "  {}{}\n",
                notebook.path,
                self.notebook_notes(notebook)
            ));
        }
        if self.runs.is_empty() && self.notebooks.is_empty() {
            text.push_str(
                "\nNothing is run: no notebooks are found or named, and no jobs are configured\n",
            );
        }
        if !self.findings.is_empty() {
            text.push_str("\nWarnings\n");
        }
        for finding in &self.findings {
            let place = match (&finding.path, finding.line) {
                (Some(path), Some(line)) => format!("{path}:{line}: "),
                _ => String::new(),
            };
            let hint = finding.hint.iter().map(|hint| format!("; {hint}"));
            let hint: String = hint.collect();
            text.push_str(&format!("  {place}{}{hint}\n", finding.message));
        }
        text
    }

    fn run_notes(&self, run: &PlannedRun) -> String {
        let mut notes = vec![run.why.clone()];
        if let Selection::Assets(selectors) = &run.selection {
            notes.push(format!("materializes {}", selectors.join(", ")));
        }
        notes.extend(
            run.partition
                .as_ref()
                .map(|partition| format!("partition {partition}")),
        );
        notes.push(match run.executor {
            Executor::InProcess => "in one process unless it chose an executor".to_owned(),
            Executor::Job => "with its own executor".to_owned(),
        });
        notes.extend(policy_notes(&run.policy));
        lines(&notes)
    }

    fn notebook_notes(&self, notebook: &PlannedNotebook) -> String {
        let mut notes = vec![notebook.why.clone()];
        notes.extend(notebook.skip.as_ref().map(|why| format!("skipped: {why}")));
        let mut needs: Vec<&str> = Vec::new();
        for index in &notebook.needs {
            let name = self.runs[*index].name.as_str();
            if !needs.contains(&name) {
                needs.push(name);
            }
        }
        if !needs.is_empty() {
            notes.push(format!("after {}", needs.join(", ")));
        } else if notebook.needs_dagster {
            notes.push("after Dagster has come up, which it speaks to".to_owned());
        }
        if !notebook.args.is_empty() {
            notes.push(format!("with {}", notebook.args.join(" ")));
        }
        notes.push(match &notebook.target {
            Some(Target::Asset {
                key,
                partition: Some(partition),
            }) => {
                format!("attached to the asset {key}, partition {partition}")
            }
            Some(Target::Asset { key, .. }) => format!("attached to the asset {key}"),
            Some(Target::Job { name }) => format!("attached to the runs of {name}"),
            None => "attached to the asset or job of its name, if there is one".to_owned(),
        });
        notes.extend(policy_notes(&notebook.policy));
        lines(&notes)
    }
}

fn policy_notes(policy: &Policy) -> Vec<String> {
    let mut notes = vec![format!("at most {} s", policy.timeout.as_secs_f64())];
    if policy.retries > 0 {
        notes.push(format!("tried up to {} times", policy.retries + 1));
    }
    if policy.allow_failure {
        notes.push("may fail".to_owned());
    }
    notes
}

fn lines(notes: &[String]) -> String {
    notes.iter().map(|note| format!("\n      {note}")).collect()
}
