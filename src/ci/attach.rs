//! Links and verdicts for Dagster: what is to be attached to what.

use std::collections::BTreeMap;

use crate::host::writes::{Operation, Value, Written, write_to_instance};
use crate::host::{Error, Host};
use crate::report::model::{Attachment, NotebookReport, Target};

/// One attachment and the write that makes it.
#[derive(Debug, Clone, PartialEq)]
pub struct Planned {
    notebook: String,
    target: Target,
    kind: &'static str,
    operation: Operation,
}

/// The name of the asset check that carries a notebook's verdict. `daglab.helpers.notebook_check`
/// declares it under the same name.
pub fn check_name(path: &str) -> String {
    let stem = path
        .rsplit('/')
        .next()
        .unwrap_or(path)
        .trim_end_matches(".py");
    let plain: String = stem
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .collect();
    format!("notebook_{plain}")
}

/// What to attach for the notebooks that were run. `runs` are jobs with their runs' ids, `label` is
/// the link's name.
pub fn plan(notebooks: &[NotebookReport], runs: &[(String, String)], label: &str) -> Vec<Planned> {
    let mut planned = Vec::new();
    for notebook in notebooks.iter().filter(|notebook| notebook.attempts > 0) {
        let Some(target) = &notebook.target else {
            continue;
        };
        match target {
            Target::Asset { key, partition } => {
                let asset_key: Vec<String> = key.split('/').map(str::to_owned).collect();
                if let Some(url) = &notebook.url {
                    planned.push(Planned {
                        notebook: notebook.path.clone(),
                        target: target.clone(),
                        kind: "observation",
                        operation: Operation::Observe {
                            asset_key: asset_key.clone(),
                            partition: partition.clone(),
                            metadata: BTreeMap::from([(label.to_owned(), Value::Url(url.clone()))]),
                            description: Some(format!("the notebook `{}`", notebook.path)),
                        },
                    });
                }
                planned.push(Planned {
                    notebook: notebook.path.clone(),
                    target: target.clone(),
                    kind: "asset_check",
                    operation: check(notebook, asset_key, label),
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

fn check(notebook: &NotebookReport, asset_key: Vec<String>, label: &str) -> Operation {
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
        check_name: check_name(&notebook.path),
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
    planned: Vec<Planned>,
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
        .into_iter()
        .enumerate()
        .map(|(index, planned)| {
            let written = result(index);
            Attachment {
                notebook: planned.notebook,
                target: planned.target,
                kind: planned.kind.to_owned(),
                ok: written.ok,
                message: written.error,
            }
        })
        .collect()
}

fn describe(error: &Error) -> String {
    let detail = crate::error::Diagnose::detail(error);
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

    #[test]
    fn the_checks_name_is_a_name_to_dagster() {
        assert_eq!(
            check_name("notebooks/orders explore-2.py"),
            "notebook_orders_explore_2"
        );
    }
}
