//! `daglab ci`: the main job.

mod comment;
mod github;
mod publish;

use std::path::{Path, PathBuf};
use std::rc::Rc;

use clap::{Args, Subcommand, ValueEnum};

use self::github::GithubArgs;
use super::children::{self, ChildArgs};
use super::prepare::{self, Begun, Setting};
use super::upload::{self, UploadArgs};
use super::{Context, Failure};
use crate::ci::job::Job;
use crate::ci::outcome::{self, Outcome};
use crate::ci::pipeline;
use crate::ci::plan::Plan;
use crate::ci::planner::{self, Filters};
use crate::completion;
use crate::config::{FlagValue, Loaded};
use crate::error::ExitStatus;
use crate::github::delivery::Delivery;
use crate::host;
use crate::host::instance::Kind;
use crate::project::{Project, notebooks};
use crate::publish::Publisher;
use crate::publish::local::{self, LocalStore};
use crate::publish::remote::Publication;
use crate::report::model::{CiReport, RunResult};
use crate::report::terminal::{self, RenderOptions};
use crate::report::{html, junit, markdown};
use crate::supervise::cancel::{Cancel, Reason};
use crate::supervise::descendants;
use crate::ui::progress::{Event, Progress};

/// Validate and run a project's jobs, assets and notebooks, and report.
///
/// Starts an ephemeral Dagster instance, loads every code location, runs what the `ci` section of
/// `daglab.yaml` names and every marimo notebook, stores the exported pages with an `index.html`,
/// and attaches their links to the assets. Without a `ci` section nothing is launched that writes.
#[derive(Debug, Clone, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct CiArgs {
    /// The project's directory
    #[arg(value_name = "PROJECT", default_value = ".")]
    pub project: PathBuf,

    /// Where the report, its index and the exported pages go [default: .daglab/artifacts]
    #[arg(long, value_name = "DIR")]
    pub artifacts_dir: Option<PathBuf>,

    /// Run only notebooks that match, and the runs they need; may be given several times
    #[arg(long, value_name = "GLOB")]
    pub notebooks: Vec<String>,

    /// Run only this job; may be given several times
    #[arg(long, value_name = "NAME", add = completion::jobs())]
    pub jobs: Vec<String>,

    /// How many runs and notebooks go at once [default: the number of processors]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=512))]
    pub concurrency: Option<u16>,

    /// How long each run and each notebook may take [default: 600]
    #[arg(long, value_name = "SECONDS", value_parser = children::positive_seconds)]
    pub timeout: Option<f64>,

    /// How children are started, and what they get
    #[command(flatten)]
    pub children: ChildArgs,

    /// Which Dagster instance to use
    #[arg(long, value_name = "WHICH", default_value = "ephemeral")]
    pub instance: InstanceArg,

    /// Keep the instance in this directory, to be opened in Dagster's UI
    #[arg(long, value_name = "DIR", conflicts_with = "instance")]
    pub keep_instance: Option<PathBuf>,

    /// Which executor jobs get that did not choose one
    #[arg(long, value_name = "WHICH")]
    pub executor: Option<ExecutorArg>,

    /// Print what would run, and why, and start nothing
    #[arg(long)]
    pub plan: bool,

    /// Also write the result as JUnit XML
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,

    /// Keep files of earlier runs for so many days, and artifacts of this one [default: 30, and
    /// what the repository says]
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..))]
    pub retention_days: Option<u32>,

    /// Keep files of so many runs of each branch at most [default: all]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub retention_count: Option<u32>,

    /// What to print on stdout
    #[arg(long, short, value_name = "FORMAT", default_value = "table")]
    pub output: OutputArg,

    /// Where pages are published
    #[command(flatten)]
    pub upload: UploadArgs,

    /// What GitHub is told
    #[command(flatten)]
    pub github: GithubArgs,

    /// Something else to do
    #[command(subcommand)]
    pub command: Option<CiCommand>,
}

/// Which Dagster instance to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum InstanceArg {
    /// A fresh one that is removed in the end
    Ephemeral,
    /// The one in `DAGSTER_HOME`, with its own storage and run launcher
    Existing,
}

/// Which executor jobs get that did not choose one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ExecutorArg {
    /// All steps in the run's process
    InProcess,
    /// The job's own
    Job,
}

/// What to print on stdout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OutputArg {
    /// A summary for people
    Table,
    /// The report as one JSON value
    Json,
    /// The text of a pull-request comment
    Markdown,
}

/// What else there is to do for the main job.
#[derive(Debug, Clone, Subcommand)]
pub enum CiCommand {
    /// Write a report that lies here to the pull request it is about
    Comment(comment::CommentArgs),
    /// Publish a report that lies here, with everything beside it, in an object store
    Publish(publish::PublishArgs),
}

/// What a run came to.
struct Finished {
    report: CiReport,
    /// Where its files go; none if nothing could begin.
    artifacts: Option<PathBuf>,
    failure: Option<Failure>,
    status: ExitStatus,
    /// How a kept instance is opened.
    kept: Option<String>,
    /// Where its pages are, with the settings they were published by.
    published: Option<(Rc<Publication>, Loaded)>,
}

/// Carries out the command.
pub async fn run(args: &CiArgs, context: &Context) -> Result<ExitStatus, Failure> {
    match &args.command {
        Some(CiCommand::Comment(args)) => return comment::run(args, context).await,
        Some(CiCommand::Publish(args)) => return publish::run(args, context).await,
        None => {}
    }
    if args.plan {
        return show_plan(args, context);
    }
    let variable = |name: &str| context.variable(name).map(str::to_owned);
    let project = context.dir.join(&args.project);
    let mut delivery = match args.github.wishes(args.retention_days) {
        Some(wishes) => Some(Delivery::prepare(wishes, &variable, &project)?),
        None => None,
    };
    let begun = Begun::now();
    let started_at = begun.time().to_owned();
    let cancel = Cancel::on_signals()?;
    if let Some(delivery) = &mut delivery {
        delivery.learn(&cancel).await;
    }
    let finished = match carry_out(args, context, begun, delivery.as_ref(), &cancel).await {
        Ok(finished) => finished,
        Err(failure) => {
            let name = args.project.display().to_string();
            let report = outcome::not_begun(name, started_at, Some(failure.diagnose()));
            Finished {
                report,
                artifacts: None,
                status: failure.diagnose().exit_status(),
                failure: Some(failure),
                kept: None,
                published: None,
            }
        }
    };
    conclude(args, context, delivery.as_ref(), finished, &cancel).await
}

fn show_plan(args: &CiArgs, context: &Context) -> Result<ExitStatus, Failure> {
    let Planned { project, plan, .. } = plan(args, context)?;
    let text = match args.output {
        OutputArg::Json => {
            serde_json::to_string_pretty(&plan).expect("a plan is plain data") + "\n"
        }
        OutputArg::Table | OutputArg::Markdown => plan.describe(&project.name),
    };
    context.printer.result(&text).map_err(Failure::output)?;
    Ok(ExitStatus::Success)
}

/// What is to run, and where that was read.
struct Planned {
    project: Project,
    loaded: Loaded,
    plan: Plan,
}

fn plan(args: &CiArgs, context: &Context) -> Result<Planned, Failure> {
    let project = context.project(&args.project)?;
    let loaded = context.settings(&project.root, args.flags())?;
    let found = notebooks::find(&project.root);
    let filters = Filters {
        notebooks: args.notebooks.clone(),
        jobs: args.jobs.clone(),
    };
    let plan = planner::plan(&project.root, &loaded, &found, &filters)?;
    Ok(Planned {
        project,
        loaded,
        plan,
    })
}

/// Plans and runs everything.
async fn carry_out(
    args: &CiArgs,
    context: &Context,
    begun: Begun,
    delivery: Option<&Delivery>,
    cancel: &Cancel,
) -> Result<Finished, Failure> {
    let Planned {
        project,
        loaded,
        plan,
    } = plan(args, context)?;
    let artifacts = match &args.artifacts_dir {
        Some(dir) => context.dir.join(dir),
        None => project.root.join(&loaded.settings.ci.artifacts_dir),
    };
    let store = LocalStore::open(&artifacts)?;
    let artifacts = store.root().to_owned();

    let emit = Progress::new(context.printer).listening();
    for note in &project.notes {
        emit(Event::Message(note.clone()));
    }
    let started_at = begun.time().to_owned();
    let setting = Setting {
        context,
        project: &project,
        loaded: &loaded,
        children: &args.children,
        cancel: cancel.clone(),
        emit: Rc::clone(&emit),
        begun,
    };
    let info = || prepare::of_git(&project.root);
    let publication = args
        .upload
        .begin(context, &loaded, &project.root, info, (cancel, &emit))
        .await?;
    let job = match setting
        .job(plan, Some(args.instance_kind(context)?))
        .await?
    {
        Ok(job) => Job {
            keep_pictures: true,
            publisher: upload::publisher(publication.as_ref())
                .or_else(|| Some(Publisher::Artifacts(delivery?.store()?))),
            origin: delivery.map(Delivery::origin),
            ..job
        },
        Err(reason) => {
            return Ok(Finished {
                report: outcome::not_begun(project.name, started_at, None),
                artifacts: None,
                failure: None,
                status: reason.exit_status(),
                kept: None,
                published: None,
            });
        }
    };
    let package = job.interpreter.package.clone();
    let Outcome { report, failure } = pipeline::run(job, store).await;
    drop(emit);
    let status = match report.result {
        RunResult::Passed => ExitStatus::Success,
        RunResult::Failed | RunResult::Error => ExitStatus::RunFailed,
        RunResult::Cancelled => cancel
            .reason()
            .map_or(ExitStatus::RunFailed, Reason::exit_status),
    };
    let kept = args
        .keep_instance
        .as_ref()
        .map(|dir| kept(&context.dir.join(dir), &project, &package));
    Ok(Finished {
        report,
        artifacts: Some(artifacts),
        failure: failure.map(Failure::from),
        status,
        kept,
        published: publication.map(|publication| (publication, loaded)),
    })
}

/// Writes the report to wherever it is wanted. What can't be written in one place is still written
/// in the others.
async fn conclude(
    args: &CiArgs,
    context: &Context,
    delivery: Option<&Delivery>,
    finished: Finished,
    cancel: &Cancel,
) -> Result<ExitStatus, Failure> {
    let Finished {
        mut report,
        artifacts,
        mut failure,
        status,
        kept,
        published,
    } = finished;
    if let Some(delivery) = delivery {
        // What was run is over, and must not disturb what is said of it.
        descendants::end_all();
        delivery.settle();
        report.origin = Some(delivery.origin());
    }
    let mut unpublished = None;
    // What somebody ended half-way leads nobody anywhere.
    if let Some((publication, loaded)) = &published
        && report.result != RunResult::Cancelled
    {
        unpublished = upload::conclude(publication, context, loaded, &mut report).await;
    }
    let root = artifacts.as_deref();
    let mut written = Vec::new();
    if let Some(root) = root {
        let junit = args.junit.as_deref().map(|file| context.dir.join(file));
        written.push(write_files(root, junit, &report));
    }
    if let Some(delivery) = delivery {
        for note in delivery.deliver(&mut report, root, cancel).await {
            context.printer.message(&note);
        }
    }
    if let Some(root) = root {
        if delivery.is_some() {
            // It now says where its archive is.
            written.push(write_report(root, &report));
        }
        written.push(print(args, context, &report, root));
    }
    if failure.is_none() {
        failure = written.into_iter().find_map(Result::err);
    }
    if let Some(failure) = failure {
        return Err(failure);
    }
    if let Some(kept) = kept {
        context.printer.message(&kept);
    }
    upload::exit_status(status, unpublished)
}

fn print(
    args: &CiArgs,
    context: &Context,
    report: &CiReport,
    artifacts: &Path,
) -> Result<(), Failure> {
    let printer = context.printer;
    match args.output {
        OutputArg::Json => printer.result(&(report.to_json() + "\n")),
        OutputArg::Markdown => printer.result(&markdown::render(report, markdown::DEFAULT_BUDGET)),
        OutputArg::Table => printer.page(&terminal::render(
            report,
            &RenderOptions {
                width: printer.stdout_width(),
                color: printer.stdout_color(),
                index: Some(&artifacts.join(INDEX)),
            },
        )),
    }
    .map_err(Failure::output)
}

impl CiArgs {
    /// The flags that are settings, for the topmost layer.
    fn flags(&self) -> Vec<FlagValue> {
        let executor = self.executor.map(|which| match which {
            ExecutorArg::InProcess => "in_process",
            ExecutorArg::Job => "job",
        });
        let own = [
            FlagValue::given("ci.concurrency", self.concurrency, "--concurrency"),
            FlagValue::given("ci.executor", executor, "--executor"),
            FlagValue::given("ci.timeout", self.timeout, "--timeout"),
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
        ];
        own.into_iter()
            .flatten()
            .chain(self.children.flags())
            .chain(self.upload.flags())
            .collect()
    }

    fn instance_kind(&self, context: &Context) -> Result<Kind, Failure> {
        match (&self.keep_instance, self.instance) {
            (Some(dir), _) => Ok(Kind::Kept(context.dir.join(dir))),
            (None, InstanceArg::Ephemeral) => Ok(Kind::Ephemeral),
            (None, InstanceArg::Existing) => match context.variable("DAGSTER_HOME") {
                Some(home) => Ok(Kind::Existing(home.into())),
                None => Err(host::Error::NoInstance.into()),
            },
        }
    }
}

/// The report's file, and the page that shows it all.
const REPORT: &str = "report.json";
const INDEX: &str = "index.html";

/// Writes the report beside the pages, and the index that shows it all.
fn write_files(
    artifacts: &Path,
    junit_file: Option<PathBuf>,
    report: &CiReport,
) -> Result<(), Failure> {
    local::write_whole(&artifacts.join(REPORT), report.to_json().as_bytes())?;
    local::write_whole(&artifacts.join(INDEX), html::render(report).as_bytes())?;
    if let Some(file) = junit_file {
        local::write_whole(&file, junit::render(report).as_bytes())?;
    }
    Ok(())
}

fn write_report(artifacts: &Path, report: &CiReport) -> Result<(), Failure> {
    local::write_whole(&artifacts.join(REPORT), report.to_json().as_bytes())?;
    Ok(())
}

/// How a kept instance is opened. The package is named because checks of notebooks are only shown
/// where `daglab.helpers` can be imported.
fn kept(dir: &Path, project: &Project, package: &Path) -> String {
    format!(
        "the instance is kept; to open it: cd {} && PYTHONPATH={} DAGSTER_HOME={} dagster dev",
        project.root.display(),
        package.display(),
        dir.display()
    )
}
