//! Links and verdicts for Dagster: what is to be attached to what.

use std::collections::{BTreeMap, HashSet};

use super::session::finding;
use crate::dagster::gate::Gate;
use crate::error::Diagnose;
use crate::host::writes::{Operation, Value, Written, write_to_instance};
use crate::host::{Error, Host};
use crate::report::model::{Attachment, Finding, NotebookReport, Severity, Target};

/// One attachment and the write that makes it.
#[derive(Debug, Clone, PartialEq)]
pub struct Planned {
    notebook: String,
    target: Target,
    kind: &'static str,
    operation: Operation,
}

impl Planned {
    /// The notebook it is about.
    pub fn notebook(&self) -> &str {
        &self.notebook
    }

    /// The write that makes it.
    pub fn operation(&self) -> &Operation {
        &self.operation
    }

    /// Whether it is a link to an asset, which has more ways than one.
    pub fn is_link(&self) -> bool {
        matches!(self.operation, Operation::Observe { .. })
    }

    /// What became of it, and by which way.
    pub fn attachment(&self, ok: bool, message: Option<String>, way: &str) -> Attachment {
        Attachment {
            notebook: self.notebook.clone(),
            target: self.target.clone(),
            kind: self.kind.to_owned(),
            ok,
            message,
            way: Some(way.to_owned()),
        }
    }

    /// Lets it through, or says why not. What has no mutation of its own goes with the links.
    pub fn pass(&self, gate: &Gate) -> Result<(), crate::dagster::Error> {
        gate.pass_mutation(match self.operation {
            Operation::Check { .. } => "reportAssetCheckEvaluations",
            _ => "reportRunlessAssetEvents",
        })
    }
}

/// The finding that says that the sandbox keeps links and verdicts back.
pub const KEPT_BACK: &str = "sandbox";

/// What to say when the sandbox keeps links and verdicts back.
pub fn refused(error: &crate::dagster::Error) -> Finding {
    let message = format!("not all links and verdicts are attached: {error}");
    let mut found = finding("daglab", KEPT_BACK, Severity::Warning, message);
    found.hint = error.hint();
    found
}

/// The name of the asset check that carries a notebook's verdict. `daglab.helpers.notebook_check`
/// declares it under the same name.
pub fn check_name(path: &str) -> String {
    name_of(path.rsplit('/').next().unwrap_or(path))
}

/// The names that a notebook's check may have: the usual one, and the one where that collides.
pub fn possible_check_names(path: &str) -> [String; 2] {
    [check_name(path), name_of(path)]
}

fn name_of(path: &str) -> String {
    let plain = path.strip_suffix(".py").unwrap_or(path);
    let plain = plain.replace(|c: char| !c.is_ascii_alphanumeric(), "_");
    format!("notebook_{plain}")
}

/// The name of each notebook's check. Notebooks of one asset whose names collide carry their folders,
/// and a number if that is not enough.
fn check_names(notebooks: &[NotebookReport]) -> Vec<String> {
    let key = |notebook: &NotebookReport| match &notebook.target {
        Some(Target::Asset { key, .. }) => Some(key.clone()),
        _ => None,
    };
    let short: Vec<_> = notebooks
        .iter()
        .map(|notebook| (key(notebook), check_name(&notebook.path)))
        .collect();
    let mut used = HashSet::new();
    notebooks
        .iter()
        .zip(&short)
        .map(|(notebook, (key, name))| {
            let collides = short
                .iter()
                .filter(|other| *other == &(key.clone(), name.clone()));
            let base = if collides.count() > 1 {
                name_of(&notebook.path)
            } else {
                name.clone()
            };
            let numbered = (2..).map(|number| format!("{base}_{number}"));
            std::iter::once(base.clone())
                .chain(numbered)
                .find(|name| used.insert((key.clone(), name.clone())))
                .expect("numbers do not end")
        })
        .collect()
}

/// What to attach for the notebooks that were run. `runs` are jobs with their runs' ids, `label` is
/// the link's name.
pub fn plan(notebooks: &[NotebookReport], runs: &[(String, String)], label: &str) -> Vec<Planned> {
    let mut planned = Vec::new();
    let names = check_names(notebooks);
    let was_run = |(notebook, _): &(&NotebookReport, String)| notebook.attempts > 0;
    for (notebook, check_name) in notebooks.iter().zip(names).filter(was_run) {
        let Some(target) = &notebook.target else {
            continue;
        };
        match target {
            Target::Asset { key, partition } => {
                let asset_key: Vec<String> = key.split('/').map(str::to_owned).collect();
                planned.extend(observation(notebook, key, partition.as_ref(), label));
                planned.push(Planned {
                    notebook: notebook.path.clone(),
                    target: target.clone(),
                    kind: "asset_check",
                    operation: check(notebook, asset_key, check_name, label),
                });
            }
            Target::Job { name } => {
                let Some(url) = &notebook.url else { continue };
                for (_, run_id) in runs.iter().filter(|(job, _)| job == name) {
                    planned.push(Planned {
                        notebook: notebook.path.clone(),
                        target: target.clone(),
                        kind: "run_tags",
                        operation: Operation::RunTags {
                            run_id: run_id.clone(),
                            tags: BTreeMap::from([
                                ("daglab/notebook".to_owned(), notebook.path.clone()),
                                (format!("daglab/{label}"), url.clone()),
                            ]),
                        },
                    });
                }
            }
        }
    }
    planned
}

/// The link to a notebook's page, for an asset.
fn observation(
    notebook: &NotebookReport,
    key: &str,
    partition: Option<&String>,
    label: &str,
) -> Option<Planned> {
    let link = (label.to_owned(), Value::Url(notebook.url.clone()?));
    let mut about = format!("the notebook `{}`", notebook.path);
    if let Some(at) = &notebook.url_expires_at {
        // Where only one link can be attached, this is the place to say it.
        about.push_str(&format!("; the link ends at {at}"));
    }
    let end = notebook.url_expires_at.clone();
    let end = end.map(|at| (format!("{label}_expires_at"), Value::Text(at)));
    Some(Planned {
        notebook: notebook.path.clone(),
        target: Target::Asset {
            key: key.to_owned(),
            partition: partition.cloned(),
        },
        kind: "observation",
        operation: Operation::Observe {
            asset_key: key.split('/').map(str::to_owned).collect(),
            partition: partition.cloned(),
            metadata: std::iter::once(link).chain(end).collect(),
            description: Some(about),
        },
    })
}

/// The same for notebooks that are about jobs, where runs can't be tagged: for the assets that each
/// job makes.
pub fn plan_for_jobs(
    notebooks: &[NotebookReport],
    assets: &BTreeMap<String, Vec<String>>,
    label: &str,
) -> Vec<Planned> {
    let mut planned = Vec::new();
    for notebook in notebooks.iter().filter(|notebook| notebook.attempts > 0) {
        if let Some(Target::Job { name }) = &notebook.target {
            let keys = assets.get(name).into_iter().flatten();
            planned.extend(keys.filter_map(|key| observation(notebook, key, None, label)));
        }
    }
    planned
}

fn check(
    notebook: &NotebookReport,
    asset_key: Vec<String>,
    check_name: String,
    label: &str,
) -> Operation {
    let mut metadata = BTreeMap::new();
    if let Some(url) = &notebook.url {
        metadata.insert(label.to_owned(), Value::Url(url.clone()));
    }
    metadata.insert("notebook".to_owned(), Value::Text(notebook.path.clone()));
    metadata.insert("seconds".to_owned(), Value::Float(notebook.duration_s));
    for cell in notebook.root_causes().take(5) {
        let line = cell
            .error
            .as_ref()
            .and_then(|error| error.line)
            .or(cell.line);
        let place = line.map_or_else(|| cell.path.clone(), |line| format!("{}:{line}", cell.path));
        let error = cell.error.as_ref();
        let text = error.map_or_else(String::new, |error| {
            format!("{}: {}", error.kind, error.message)
        });
        metadata.insert(format!("failed at {place}"), Value::Text(text));
    }
    Operation::Check {
        asset_key,
        check_name,
        passed: !notebook.status.is_failure(),
        metadata,
        description: notebook.reason.clone(),
    }
}

/// Carries out what was planned and says what became of each.
pub async fn carry_out(
    host: &Host,
    home: &std::path::Path,
    scratch: &std::path::Path,
    planned: &[Planned],
) -> Vec<Attachment> {
    let operations: Vec<Operation> = planned.iter().map(|p| p.operation.clone()).collect();
    let written = write_to_instance(host, home, scratch, &operations).await;
    let result = |index: usize| -> Written {
        match &written {
            Ok(all) => all.get(index).cloned().unwrap_or(Written {
                ok: false,
                error: Some("the process that writes to the instance said nothing of it".into()),
            }),
            Err(error) => Written {
                ok: false,
                error: Some(describe(error)),
            },
        }
    };
    planned
        .iter()
        .enumerate()
        .map(|(index, planned)| {
            let written = result(index);
            planned.attachment(written.ok, written.error, "instance")
        })
        .collect()
}

fn describe(error: &Error) -> String {
    let detail = error.detail();
    let last = detail
        .as_deref()
        .and_then(|detail| detail.lines().last())
        .unwrap_or_default();
    if last.is_empty() {
        error.to_string()
    } else {
        format!("{error}: {last}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::model::NotebookStatus;

    #[test]
    fn the_checks_name_is_a_name_to_dagster() {
        assert_eq!(
            check_name("notebooks/orders explore-2.py"),
            "notebook_orders_explore_2"
        );
    }

    fn report(path: &str, asset: Option<&str>) -> NotebookReport {
        NotebookReport {
            path: path.to_owned(),
            title: String::new(),
            status: NotebookStatus::Passed,
            reason: None,
            duration_s: 0.0,
            attempts: 1,
            allow_failure: false,
            html: None,
            interactive: None,
            url: None,
            url_expires_at: None,
            files: Vec::new(),
            target: asset.map(|key| Target::Asset {
                key: key.to_owned(),
                partition: None,
            }),
            args: Vec::new(),
            peak_memory_bytes: None,
            cells: Vec::new(),
        }
    }

    #[test]
    fn no_two_notebooks_write_the_same_check_of_an_asset() {
        let notebooks = [
            report("a/x.py", Some("orders")),
            report("b-c/x.py", Some("orders")),
            report("b_c/x.py", Some("orders")),
            report("d/x.py", Some("other")),
            report("e/x.py", None),
        ];
        assert_eq!(
            check_names(&notebooks)[..4],
            [
                "notebook_a_x",
                "notebook_b_c_x",
                "notebook_b_c_x_2",
                "notebook_x"
            ]
        );
    }
}
