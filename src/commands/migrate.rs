//! `daglab migrate`: Jupyter notebooks as marimo notebooks.

mod files;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;

use super::{Context, Failure, Format};
use crate::error::ExitStatus;
use crate::host::package;
use crate::migrate::convert::{self, Draft, Options};
use crate::migrate::find::{self, Source};
use crate::migrate::read::Invalid;
use crate::migrate::report::Report;
use crate::migrate::worker::{Setting, Worker, Written};
use crate::migrate::{Error, Issue, Severity, remarks};
use crate::project::environment::cache_dir;
use crate::redact;
use crate::scaffold::changes::Plan;
use crate::supervise::cancel::Cancel;
use crate::supervise::left;
use crate::ui::progress::{Event, Progress};

use files::ReportFiles;

/// The largest notebook that is read, in bytes.
const LARGEST: u64 = 256 * 1024 * 1024;

/// How often cells that marimo refuses are turned into comments before a notebook is given up.
const ROUNDS: usize = 6;

/// Migrate Jupyter notebooks to marimo.
///
/// Each `.ipynb` becomes a marimo notebook beside it, or below `--to`. Magics, shell lines and names
/// that several cells define are translated; what can't be stays as a comment, `# TODO(migrate)`,
/// and is listed. The originals are never touched.
#[derive(Debug, Clone, Args)]
pub struct MigrateArgs {
    /// Notebooks, or folders of them
    #[arg(value_name = "PATH", required_unless_present = "from_jupyter")]
    pub paths: Vec<PathBuf>,

    /// Notebooks, or folders of them
    #[arg(long, value_name = "PATH", num_args = 1..)]
    pub from_jupyter: Vec<PathBuf>,

    /// Where they go: a `.py` file for one notebook, or a folder [default: the same name with `.py`,
    /// beside each]
    #[arg(long, value_name = "PATH")]
    pub to: Option<PathBuf>,

    /// Keep outputs as comments: text shortened, pictures by their type and size
    #[arg(long)]
    pub preserve_outputs: bool,

    /// Don't import daglab's helpers
    #[arg(long)]
    pub no_helpers: bool,

    /// Write the report that is printed to this file too, as Markdown, and beside it as JSON
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,

    /// Print what would be written as a diff, and write nothing
    #[arg(long)]
    pub dry_run: bool,

    /// Overwrite files that are there
    #[arg(long)]
    pub force: bool,

    /// A Python that has marimo: an interpreter, the folder of an environment, or a name on PATH
    /// [default: the active or the nearest environment]
    #[arg(long, value_name = "PYTHON")]
    pub python: Option<String>,

    /// What to print on stdout
    #[arg(long, short, value_name = "FORMAT", default_value = "table")]
    pub output: Format,
}

/// Carries out the command.
pub async fn run(args: &MigrateArgs, context: &Context) -> Result<ExitStatus, Failure> {
    let cancel = Cancel::on_signals()?;
    tokio::select! {
        done = migrate(args, context) => done,
        reason = cancel.cancelled() => Ok(reason.exit_status()),
    }
}

/// A notebook, as far as it has come.
struct Item {
    source: Source,
    result: Result<(Draft, String, Vec<String>), Invalid>,
    /// Why nothing can be written in its place.
    blocked: Option<String>,
}

async fn migrate(args: &MigrateArgs, context: &Context) -> Result<ExitStatus, Failure> {
    let paths: Vec<PathBuf> = args
        .paths
        .iter()
        .chain(&args.from_jupyter)
        .cloned()
        .collect();
    let sources = find::find(&context.dir, &paths, args.to.as_deref())?;
    let report_files = ReportFiles::of(args, context)?;
    let setting = setting(context)?;
    let pythons = pythons(args.python.as_deref(), context, &sources);
    let emit = Progress::new(context.printer).listening();
    emit(Event::Phase("Starting marimo".to_owned()));
    let mut worker = Worker::start(&pythons, &setting).await?;
    let ready = worker.ready.clone();
    let mut items = Vec::new();
    let count = sources.len();
    for (index, source) in sources.into_iter().enumerate() {
        let name = shown(&source.from, context);
        emit(Event::Phase(format!(
            "Migrating {name} ({} of {count})",
            index + 1
        )));
        let result = match one(args, &mut worker, &source).await {
            Ok(result) => result,
            // A notebook that takes Python along costs the others nothing.
            Err(error @ Error::Worker { .. }) => {
                worker = Worker::start(&pythons, &setting).await?;
                Err(failed(&error))
            }
            Err(error) => return Err(error.into()),
        };
        items.push(Item {
            source,
            result,
            blocked: None,
        });
    }
    let plans = files::plans(args, context, &mut items)?;
    let failure = match args.dry_run {
        true => None,
        false => files::apply(&plans, &mut items),
    };
    let notebooks = items
        .into_iter()
        .map(|item| files::told(item, &plans, context))
        .collect();
    let report = Report::new(notebooks, ready.marimo, ready.degraded, args.dry_run);
    if let Some(files) = report_files.filter(|_| !args.dry_run) {
        files.write(context, &report)?;
    }
    print(args, context, &report, &plans)?;
    match failure {
        Some(failure) => Err(failure),
        None => Ok(report.exit_status()),
    }
}

fn failed(error: &Error) -> Invalid {
    let message = match error {
        Error::Worker { what, .. } => format!("marimo could not write it: its process {what}"),
        other => other.to_string(),
    };
    Invalid {
        message,
        place: None,
        hint: None,
    }
}

/// One notebook, up to the text of its file.
async fn one(
    args: &MigrateArgs,
    worker: &mut Worker,
    source: &Source,
) -> Result<Result<(Draft, String, Vec<String>), Invalid>, Error> {
    let bytes = match left::read_linked(&source.from, LARGEST) {
        Ok(bytes) => bytes,
        Err(error) => {
            return Ok(Err(Invalid {
                message: format!("it can't be read: {error}"),
                place: None,
                hint: None,
            }));
        }
    };
    let options = Options {
        preserve_outputs: args.preserve_outputs,
        helpers: !args.no_helpers,
    };
    let mut draft = match convert::draft(&bytes, options) {
        Ok(draft) => draft,
        Err(invalid) => return Ok(Err(invalid)),
    };
    let roots: Vec<&Path> = source.from.parent().into_iter().collect();
    let exports = worker.exports(&draft.stars(), &roots).await?;
    for _ in 0..ROUNDS {
        let mut finished = draft.clone().finish(&exports);
        if worker.ready.by_command {
            finished.without_options();
        }
        let written = worker.write(&finished).await?;
        if written.refused.is_empty() && !written.text.is_empty() {
            remark(&mut finished, &written, source, worker);
            return Ok(Ok((finished, written.text, written.findings)));
        }
        for refused in &written.refused {
            draft.refuse(&finished, refused.cell, &refused.message, refused.line);
        }
    }
    let message = "marimo refuses it whatever is left out".to_owned();
    Ok(Err(Invalid {
        message,
        place: None,
        hint: None,
    }))
}

/// What is known once a notebook is written.
fn remark(draft: &mut Draft, written: &Written, source: &Source, worker: &Worker) {
    let Draft { pieces, issues, .. } = draft;
    for piece in written
        .changed
        .iter()
        .filter_map(|index| pieces.get(*index))
    {
        let reason = "a text over several lines comes out different: marimo indents it";
        let issue = Issue::new(Severity::Review, "layout", reason);
        issues.push(piece.about(issue.action("compare it with the original")));
    }
    if !written.stable {
        let reason = "marimo's editor will lay the file out anew when it saves it";
        issues.push(Issue::new(Severity::Review, "layout", reason).action("save it there once"));
    }
    if let Some(name) = source.to.file_stem() {
        remarks::shadow(
            pieces,
            &name.to_string_lossy(),
            &worker.ready.modules,
            issues,
        );
    }
}

/// How Python is started: with daglab's package, and with no more of the environment than it needs.
fn setting(context: &Context) -> Result<Setting, Failure> {
    let variables: BTreeMap<String, String> = context.env.iter().cloned().collect();
    let package = package::install(&cache_dir(&variables))?;
    let mut env = redact::allowed(context.env.iter().cloned(), &[]);
    let mut path = vec![package.display().to_string()];
    path.extend(env.get("PYTHONPATH").cloned());
    env.insert("PYTHONPATH".to_owned(), path.join(":"));
    let dir = context
        .workdir
        .as_ref()
        .expect("commands that start processes have one");
    Ok(Setting {
        env,
        dir: dir.path().to_owned(),
    })
}

/// Pythons that may have marimo, the first that has is taken.
fn pythons(named: Option<&str>, context: &Context, sources: &[Source]) -> Vec<PathBuf> {
    let of_environment = |folder: &Path| {
        let found = ["python", "python3"].map(|name| folder.join("bin").join(name));
        found.into_iter().find(|python| python.exists())
    };
    let on_path = |name: &str| {
        let path = context.variable("PATH").unwrap_or_default();
        std::env::split_paths(path)
            .map(|folder| folder.join(name))
            .find(|python| python.is_file())
    };
    if let Some(named) = named {
        let path = context.dir.join(named);
        let found = of_environment(&path)
            .or_else(|| path.is_file().then_some(path))
            .or_else(|| on_path(named));
        return vec![found.unwrap_or_else(|| PathBuf::from(named))];
    }
    let mut found: Vec<PathBuf> = Vec::new();
    found.extend(
        context
            .variable("VIRTUAL_ENV")
            .and_then(|folder| of_environment(Path::new(folder))),
    );
    let first = sources.first().and_then(|source| source.from.parent());
    for start in [Some(context.dir.as_path()), first].into_iter().flatten() {
        found.extend(
            start
                .ancestors()
                .filter_map(|folder| of_environment(&folder.join(".venv"))),
        );
    }
    found.extend(["python3", "python"].into_iter().filter_map(on_path));
    let mut seen = std::collections::BTreeSet::new();
    found.retain(|python| seen.insert(python.clone()));
    found
}

/// A path as it is shown: relative to where the command was started, if it is below.
fn shown(path: &Path, context: &Context) -> String {
    path.strip_prefix(&context.dir)
        .unwrap_or(path)
        .display()
        .to_string()
}

fn print(
    args: &MigrateArgs,
    context: &Context,
    report: &Report,
    plans: &[(PathBuf, Plan)],
) -> Result<(), Failure> {
    let printer = context.printer;
    for reason in &report.degraded {
        printer.message(&format!("degraded: {reason}"));
    }
    let written = match args.output {
        Format::Json => printer.result(&report.json()),
        Format::Table => {
            let color = printer.stdout_color();
            let mut page = String::new();
            if args.dry_run {
                let paint = crate::ui::style::Paint::new(color);
                page.extend(plans.iter().map(|(_, plan)| plan.shown(paint)));
            }
            page.push_str(&report.terminal(color));
            printer.page(&page)
        }
    };
    written.map_err(Failure::output)?;
    if args.output == Format::Table && report.totals.exists > 0 {
        printer.message("hint: `--force` overwrites what is there");
    }
    Ok(())
}
