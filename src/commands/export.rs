//! `daglab export`: one notebook as a page, attached in Dagster.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use clap::Args;

use super::children::{self, ChildArgs};
use super::prepare::{Begun, Setting};
use super::{Context, Failure};
use crate::ci::job::Job;
use crate::ci::outcome::Outcome;
use crate::ci::pipeline;
use crate::ci::plan::{Plan, PlannedNotebook};
use crate::ci::planner;
use crate::config::{FlagValue, Loaded};
use crate::error::{Diagnose, ExitStatus};
use crate::host;
use crate::host::instance::Kind;
use crate::project::notebooks::{self, Notebook};
use crate::project::{DetectRequest, Project, TargetFlags, detect};
use crate::publish::local::LocalStore;
use crate::report::model::{CiReport, Finding, NotebookStatus, RunResult, Severity, Target};
use crate::report::terminal::{self, RenderOptions};
use crate::run::Emit;
use crate::run::plan::Policy;
use crate::supervise::cancel::{Cancel, Reason};
use crate::ui::progress::Progress;

/// Run one notebook, export it to HTML, and attach the link in Dagster.
///
/// The page is written beside the notebook unless `--output` says otherwise. With `--attach` the
/// link goes to the asset, and with `--job` to the job's latest run, in the instance of
/// `DAGSTER_HOME`. A notebook that speaks to Dagster speaks to that instance, and without `--attach`
/// and `--job` to an ephemeral one.
#[derive(Debug, Clone, Args)]
pub struct ExportArgs {
    /// The notebook
    #[arg(long, value_name = "PATH.py")]
    pub notebook: PathBuf,

    /// Where the page goes [default: the notebook's name with .html, beside it]
    #[arg(long, short, value_name = "PATH.html")]
    pub output: Option<PathBuf>,

    /// Attach the page's link to this asset
    #[arg(long, value_name = "asset://KEY[:PARTITION]", conflicts_with = "job")]
    pub attach: Option<String>,

    /// Attach the page's link to the latest run of this job, as tags
    #[arg(long, value_name = "NAME")]
    pub job: Option<String>,

    /// The label of the link [default: exploration]
    #[arg(long, value_name = "KEY")]
    pub metadata_key: Option<String>,

    /// Remove earlier exports in the same directory that are older [default: 30]
    #[arg(long, value_name = "N")]
    pub retention_days: Option<u32>,

    /// Keep so many exports of each branch in the same directory at most [default: all]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub retention_count: Option<u32>,

    /// Write a gzip copy beside the page, which is the default
    #[arg(long, overrides_with = "no_compress")]
    pub compress: bool,

    /// Write no gzip copy
    #[arg(long, overrides_with = "compress")]
    pub no_compress: bool,

    /// How long the notebook may take [default: 600]
    #[arg(long, value_name = "SECONDS", value_parser = children::positive_seconds)]
    pub timeout: Option<f64>,

    /// How children are started, and what they get
    #[command(flatten)]
    pub children: ChildArgs,

    /// Arguments for the notebook
    #[arg(last = true, value_name = "ARGS")]
    pub args: Vec<String>,
}

/// What is wrong with the command line or its files.
#[derive(Debug, thiserror::Error)]
enum Error {
    /// There is no such file.
    #[error("there is no notebook `{}`", .0.display())]
    Missing(PathBuf),
    /// It is no notebook.
    #[error("`{}` is not a marimo notebook", .0.display())]
    NotANotebook(PathBuf),
    /// `--attach` can't be read.
    #[error("`{0}` is not `asset://key` or `asset://key:partition`")]
    Target(String),
    /// The page could not be written where the user wants it.
    #[error("`{}` has no file name", .0.display())]
    NoName(PathBuf),
}

impl Diagnose for Error {
    fn exit_status(&self) -> ExitStatus {
        match self {
            Self::Target(_) | Self::NoName(_) => ExitStatus::Usage,
            Self::Missing(_) | Self::NotANotebook(_) => ExitStatus::Validation,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::NotANotebook(_) => {
                Some("a Jupyter notebook becomes one with `marimo convert`".to_owned())
            }
            _ => None,
        }
    }
}

/// Carries out the command.
pub async fn run(args: &ExportArgs, context: &Context) -> Result<ExitStatus, Failure> {
    let begun = Begun::now();
    let file = context.dir.join(&args.notebook);
    let file = file
        .canonicalize()
        .map_err(|_| Error::Missing(args.notebook.clone()))?;
    let target = match (&args.attach, &args.job) {
        (Some(text), _) => {
            Some(planner::parse_target(text).ok_or_else(|| Error::Target(text.clone()))?)
        }
        (None, Some(name)) => Some(Target::Job { name: name.clone() }),
        (None, None) => None,
    };
    let project = find_project(context, &file, target.is_some())?;
    let loaded = context.settings(&project.root, args.flags())?;
    let notebook = Notebook::read(&project.root, &file)
        .ok_or_else(|| Error::NotANotebook(args.notebook.clone()))?;
    let output = match &args.output {
        Some(output) => context.dir.join(output),
        None => file.with_extension("html"),
    };
    let (Some(dir), Some(name)) = (output.parent(), output.file_name()) else {
        return Err(Error::NoName(output).into());
    };
    let compress = loaded.settings.export.compress;
    let store = LocalStore::open(dir)?.with_gzip_copies(compress);
    let output = store.root().join(name);

    let cancel = Cancel::on_signals()?;
    let progress = Rc::new(RefCell::new(Progress::new(context.printer)));
    let shown = Rc::clone(&progress);
    let emit: Emit = Rc::new(move |event| shown.borrow_mut().handle(event));
    let source = notebook.source.as_ref();
    // Outside of a project there is nothing that an instance could serve.
    let uses_dagster =
        source.is_ok_and(|source| source.uses_dagster) && !project.locations.is_empty();
    let instance = match (&target, context.variable("DAGSTER_HOME")) {
        (Some(_), Some(home)) => Some(Kind::Existing(home.into())),
        (Some(_), None) => return Err(host::Error::NoInstance.into()),
        (None, _) => uses_dagster.then_some(Kind::Ephemeral),
    };
    let tag_latest_run = target.is_some();
    let page_key = name.to_string_lossy();
    let plan = plan_of(args, &loaded, &notebook, target, uses_dagster, &page_key);
    let setting = Setting {
        context,
        project: &project,
        loaded: &loaded,
        children: &args.children,
        cancel: cancel.clone(),
        emit: Rc::clone(&emit),
        begun,
    };
    let job = match setting.job(plan, instance).await? {
        Ok(job) => Job {
            tag_latest_run,
            ..job
        },
        Err(reason) => return Ok(reason.exit_status()),
    };
    let Outcome { report, failure } = pipeline::run(job, store).await;
    drop(emit);
    drop(progress);
    if let Some(failure) = failure {
        return Err(failure.into());
    }
    let packed = compress.then(|| output.with_added_extension("gz"));
    let written = [Some(output), packed].into_iter().flatten();
    finish(context, &cancel, &report, written)
}

/// The project the notebook is in: that of the current directory, or else of the notebook's folder.
/// Without `--attach` it need not be one: any folder will do.
fn find_project(context: &Context, file: &Path, required: bool) -> Result<Project, Failure> {
    let folder = file.parent().unwrap_or(Path::new("/")).to_owned();
    let variable = |name: &str| context.variable(name).map(str::to_owned);
    let find = |start: PathBuf| {
        detect(&DetectRequest {
            start,
            flags: TargetFlags::default(),
            variable: &variable,
        })
    };
    if let Ok(project) = find(context.dir.clone())
        && file.starts_with(&project.root)
    {
        return Ok(project);
    }
    match find(folder.clone()) {
        Ok(project) => Ok(project),
        Err(error) if required => Err(error.into()),
        Err(_) => Ok(Project {
            name: folder
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned(),
            locations: Vec::new(),
            marker: folder.clone(),
            notes: Vec::new(),
            root: folder,
        }),
    }
}

impl ExportArgs {
    /// The flags that are settings, for the topmost layer.
    fn flags(&self) -> Vec<FlagValue> {
        let compress = self.compress.then_some(true);
        let no_compress = self.no_compress.then_some(false);
        let label = self.metadata_key.clone();
        let own = [
            FlagValue::given("defaults.attach_metadata_key", label, "--metadata-key"),
            FlagValue::given(
                "export.retention_days",
                self.retention_days,
                "--retention-days",
            ),
            FlagValue::given(
                "export.retention_count",
                self.retention_count,
                "--retention-count",
            ),
            FlagValue::given("export.compress", compress, "--compress"),
            FlagValue::given("export.compress", no_compress, "--no-compress"),
            FlagValue::given("ci.timeout", self.timeout, "--timeout"),
        ];
        own.into_iter()
            .flatten()
            .chain(self.children.flags())
            .collect()
    }
}

/// A plan of one notebook.
fn plan_of(
    args: &ExportArgs,
    loaded: &Loaded,
    notebook: &Notebook,
    target: Option<Target>,
    needs_dagster: bool,
    page_key: &str,
) -> Plan {
    Plan {
        validate: false,
        check: false,
        strict: false,
        concurrency: 1,
        runs: Vec::new(),
        notebooks: vec![PlannedNotebook {
            path: notebook.path.clone(),
            file: notebook.file.clone(),
            slug: notebooks::slugs(std::slice::from_ref(&notebook.path)).swap_remove(0),
            title: notebook.title(),
            page_key: page_key.to_owned(),
            args: args.args.clone(),
            env: Vec::new(),
            needs: Vec::new(),
            needs_dagster,
            target,
            policy: Policy {
                timeout: loaded.settings.ci.timeout.duration(),
                retries: 0,
                allow_failure: false,
            },
            skip: None,
            imports: Vec::new(),
            why: "`--notebook`".to_owned(),
        }],
        findings: planner::unused_settings(loaded).collect(),
    }
}

fn finish(
    context: &Context,
    cancel: &Cancel,
    report: &CiReport,
    written: impl Iterator<Item = PathBuf>,
) -> Result<ExitStatus, Failure> {
    let notebook = &report.notebooks[0];
    if report.result != RunResult::Passed {
        let options = RenderOptions {
            width: None,
            color: context.printer.stderr_color(),
            index: None,
        };
        context.printer.message(&terminal::render(report, &options));
    }
    if notebook.html.is_some() {
        let lines: String = written
            .map(|file| format!("{}\n", file.display()))
            .collect();
        context.printer.result(&lines).map_err(Failure::output)?;
    }
    Ok(match report.result {
        RunResult::Passed => ExitStatus::Success,
        RunResult::Cancelled => cancel
            .reason()
            .map_or(ExitStatus::RunFailed, Reason::exit_status),
        RunResult::Failed | RunResult::Error => {
            let no_target = |found: &Finding| {
                found.code.as_deref() == Some("no-target") && found.severity == Severity::Error
            };
            if notebook.status == NotebookStatus::Passed && report.findings.iter().any(no_target) {
                ExitStatus::Validation
            } else {
                ExitStatus::RunFailed
            }
        }
    })
}
