//! The files of `daglab migrate`: notebooks and the report.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{Item, MigrateArgs, shown};
use crate::commands::{Context, Failure};
use crate::migrate::Error;
use crate::migrate::report::{self, NotebookReport, Refusal, Report, Status};
use crate::redact;
use crate::scaffold::changes::{self, Action, Changes, Overwrite, Plan};

/// What is to be written, one plan for each folder that files go below. A notebook whose place can't
/// be written to costs the others nothing.
pub(super) fn plans(
    args: &MigrateArgs,
    context: &Context,
    items: &mut [Item],
) -> Result<Vec<(PathBuf, Plan)>, Failure> {
    let overwrite = if args.force {
        Overwrite::Force
    } else {
        Overwrite::Keep
    };
    let mut folders: BTreeMap<PathBuf, Vec<&mut Item>> = BTreeMap::new();
    for item in items {
        if item.result.is_ok() {
            let root = root(args, context, &item.source.to);
            folders.entry(root).or_default().push(item);
        }
    }
    let mut plans = Vec::new();
    for (root, items) in folders {
        context.undo_interrupted(&root)?;
        let mut all = Changes::new(&root);
        for item in items {
            let Ok((_, text, _)) = &item.result else {
                continue;
            };
            let target = &item.source.to;
            let target = target.strip_prefix(&root).unwrap_or(target);
            let mut alone = Changes::new(&root);
            alone.file(target, text);
            match alone.plan(overwrite) {
                Ok(_) => all.file(target, text),
                Err(error) if is_of_place(&error) => item.blocked = Some(error.to_string()),
                Err(error) => return Err(error.into()),
            }
        }
        plans.push((root, all.plan(overwrite)?));
    }
    Ok(plans)
}

/// Whether what stands in one place is to blame.
fn is_of_place(error: &changes::Error) -> bool {
    use changes::Error::{Link, Not, NotText, Outside, Read};
    matches!(
        error,
        Link { .. } | Not { .. } | NotText { .. } | Outside { .. } | Read { .. }
    )
}

/// The folder that a file is written below.
fn root(args: &MigrateArgs, context: &Context, target: &Path) -> PathBuf {
    let to = args.to.as_ref().map(|to| context.dir.join(to));
    let roots = [to.as_deref(), Some(&*context.dir)];
    let mut roots = roots.into_iter().flatten();
    let root = roots.find(|root| target.starts_with(root) && *root != target);
    root.or(target.parent()).unwrap_or(target).to_owned()
}

/// Writes the notebooks. Where that fails, nothing more is written, and it is said of which.
pub(super) fn apply(plans: &[(PathBuf, Plan)], items: &mut [Item]) -> Option<Failure> {
    let mut failed: Option<changes::Error> = None;
    for (root, plan) in plans {
        if failed.is_none() {
            failed = plan.apply().err();
        }
        let Some(error) = &failed else { continue };
        for item in items.iter_mut() {
            let steps = || plan.steps.iter().map(|step| root.join(&step.path));
            if item.blocked.is_none() && steps().any(|place| place == item.source.to) {
                item.blocked = Some(format!("it was not written: {error}"));
            }
        }
    }
    failed.map(Into::into)
}

/// What became of a notebook.
pub(super) fn told(item: Item, plans: &[(PathBuf, Plan)], context: &Context) -> NotebookReport {
    let Item {
        source,
        result,
        blocked,
    } = item;
    let (name, target) = (shown(&source.from, context), shown(&source.to, context));
    match result {
        Ok((draft, _, findings)) => {
            let action = plans.iter().find_map(|(root, plan)| {
                let mut steps = plan.steps.iter();
                let step = steps.find(|step| root.join(&step.path) == source.to)?;
                Some(step.action)
            });
            let status = match action {
                _ if blocked.is_some() => Status::Exists,
                Some(Action::Keep) => Status::Exists,
                Some(Action::Unchanged) => Status::Unchanged,
                _ => Status::Converted,
            };
            NotebookReport {
                source: name,
                target,
                status,
                refusal: blocked.map(|message| Refusal {
                    message,
                    place: None,
                    hint: None,
                }),
                format: draft.format,
                statistics: draft.statistics,
                issues: draft.issues,
                findings,
            }
        }
        Err(invalid) => NotebookReport {
            source: name,
            target,
            status: Status::Invalid,
            refusal: Some(Refusal {
                message: invalid.message,
                place: invalid.place,
                hint: invalid.hint,
            }),
            format: String::new(),
            statistics: crate::migrate::Statistics::default(),
            issues: Vec::new(),
            findings: Vec::new(),
        },
    }
}

/// Where `--report` goes: Markdown, and JSON beside it.
pub(super) struct ReportFiles {
    markdown: PathBuf,
    json: PathBuf,
}

impl ReportFiles {
    /// Refuses, before anything is done, what is no place for a report, and files that are no
    /// reports, unless `--force` is given.
    pub(super) fn of(args: &MigrateArgs, context: &Context) -> Result<Option<Self>, Failure> {
        let Some(path) = args.report.as_ref() else {
            return Ok(None);
        };
        let path = context.dir.join(path);
        let extension = path.extension().unwrap_or_default().to_ascii_lowercase();
        if path.is_dir() || path.file_name().is_none() || extension == "py" || extension == "ipynb"
        {
            return Err(Error::ReportPlace { path }.into());
        }
        let files = Self {
            json: path.with_extension("json"),
            markdown: match extension == "json" {
                true => path.with_extension("md"),
                false => path,
            },
        };
        let foreign = [&files.markdown, &files.json]
            .into_iter()
            .find(|path| !is_report(path));
        match foreign {
            Some(path) if !args.force && !args.dry_run => {
                Err(Error::NotAReport { path: path.clone() }.into())
            }
            _ => Ok(Some(files)),
        }
    }

    /// Writes both.
    pub(super) fn write(&self, context: &Context, report: &Report) -> Result<(), Failure> {
        let root = self.markdown.parent().unwrap_or(&context.dir);
        let mut changes = Changes::new(root);
        let name = |path: &Path| PathBuf::from(path.file_name().unwrap_or_default());
        let known = redact::secrets::known();
        changes.file(
            name(&self.markdown),
            known.remove_from_document(&report.markdown()),
        );
        changes.file(
            name(&self.json),
            known.remove_from_document(&(report.json() + "\n")),
        );
        context.undo_interrupted(root)?;
        changes.plan(Overwrite::Force)?.apply()?;
        Ok(())
    }
}

/// Whether a file is an earlier report, or is not there.
fn is_report(path: &Path) -> bool {
    match std::fs::read_to_string(path) {
        Ok(text) => text.starts_with(report::HEADING) || report::is_json(&text),
        Err(error) => error.kind() == std::io::ErrorKind::NotFound,
    }
}
