//! Exports to other formats than the page, by marimo's own commands.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::error::Error;
use super::notebooks::last_words;
use super::plan::{Plan, PlannedFile, PlannedNotebook};
use super::session::{Session, finding};
use crate::host::{Entry, Exit, Host, Task, tail};
use crate::marimo::format::{Ability, Format, Lack, missing_packages};
use crate::publish::Source;
use crate::report::model::{ExportedFile, NotebookReport, NotebookStatus, Severity};
use crate::supervise::left;
use crate::ui::progress::Event;
use crate::ui::text::sanitize;

/// The finding that says that packages are missing which only a format needs.
pub const MISSING_PACKAGE: &str = "missing-package";

/// How long marimo may take to say what it can do.
const ASKING: Duration = Duration::from_secs(60);

/// A larger file is no document, in bytes.
const LARGEST: u64 = 512 * 1024 * 1024;

/// Asks the installed marimo what it can do for each format of the plan. That it lacks one is known
/// before anything is run.
pub(super) async fn ask(
    host: &Host,
    plan: &Plan,
    scratch: &Path,
    version: &str,
) -> Result<BTreeMap<Format, Ability>, Error> {
    let files = plan.notebooks.iter().flat_map(|notebook| &notebook.files);
    let wanted: BTreeSet<Format> = files.map(|file| file.format).collect();
    let mut abilities = BTreeMap::new();
    for format in wanted {
        let log = scratch.join(format!("{}-help.txt", format.as_str()));
        let argv = ["export", format.as_str(), "--help"];
        let task = Task {
            entry: Entry::Marimo,
            argv: argv.map(str::to_owned).into(),
            // Wide enough that no option is broken up.
            env: BTreeMap::from([("COLUMNS".to_owned(), Some("200".to_owned()))]),
            cwd: host.interpreter().cwd.clone(),
            stdout: log.clone(),
            stderr: log.clone(),
        };
        let mut running = host.start(&task).await?;
        if tokio::time::timeout(ASKING, running.wait()).await.is_err() {
            running.end(Duration::ZERO).await;
        }
        running.kill_stragglers();
        let ability = Ability::of_help(format, &tail(&log, 200))
            .map_err(|lack| lacks(lack, format, version, &log))?;
        for notebook in &plan.notebooks {
            ability
                .check_arguments(&notebook.args)
                .map_err(|lack| lacks(lack, format, version, &log))?;
        }
        abilities.insert(format, ability);
    }
    Ok(abilities)
}

fn lacks(lack: Lack, format: Format, version: &str, log: &Path) -> Error {
    let name = format.as_str();
    let (what, said) = match lack {
        Lack::Format => (format!("can't export to `{name}`"), tail(log, 10)),
        Lack::Outputs => (
            format!("exports to `{name}` only without outputs"),
            String::new(),
        ),
        Lack::Arguments => (
            format!("gives a notebook no arguments when it exports it to `{name}`"),
            String::new(),
        ),
    };
    Error::Format {
        message: format!("the installed marimo {version} {what}"),
        hint: "install a newer marimo, or leave out the `--format`".to_owned(),
        log: sanitize(&said).into_owned(),
    }
}

/// Exports a notebook to what else it is to be exported to, one after the other: each run of it may
/// take all memory it needs.
pub(super) async fn export(
    session: &Session,
    planned: &PlannedNotebook,
    report: &mut NotebookReport,
) {
    for file in &planned.files {
        // What has crashed, or taken all of its time, would do so again.
        let ended = matches!(
            report.status,
            NotebookStatus::Passed | NotebookStatus::Failed
        );
        if file.format.runs() && !ended {
            continue;
        }
        session.emit(Event::Progress {
            title: planned.path.clone(),
            text: format!("exporting to {}", file.format.as_str()),
        });
        if let Err(problem) = export_one(session, planned, file, report).await {
            note(session, file, report, problem);
        }
    }
}

/// Why there is no file, or not a good one.
enum Problem {
    /// The notebook has not run to its end in time.
    TimedOut,
    /// It has failed, or there is no file.
    Failed(String),
    /// Something must be installed first.
    Missing { what: String, install: String },
}

fn note(session: &Session, file: &PlannedFile, report: &mut NotebookReport, problem: Problem) {
    let name = file.format.as_str();
    let (status, reason) = match problem {
        Problem::TimedOut => (
            NotebookStatus::TimedOut,
            format!("{name}: it was still running when its time was over"),
        ),
        Problem::Failed(reason) => (NotebookStatus::Failed, format!("{name}: {reason}")),
        Problem::Missing { what, install } => {
            let what = sanitize(&what).into_owned();
            let message = format!("`{}` is not exported to `{name}`: {what}", report.path);
            let mut found = finding("marimo", MISSING_PACKAGE, Severity::Error, message);
            found.path = Some(report.path.clone());
            found.hint = Some(format!(
                "install it where the project's packages are, as with `{}`",
                sanitize(&install)
            ));
            return session.find(found);
        }
    };
    if report.status == NotebookStatus::Passed {
        report.status = status;
    }
    report.reason.get_or_insert(reason);
}

async fn export_one(
    session: &Session,
    planned: &PlannedNotebook,
    file: &PlannedFile,
    report: &mut NotebookReport,
) -> Result<(), Problem> {
    let failed = |error: &dyn std::error::Error| Problem::Failed(error.to_string());
    let dir = session.scratch_dir().map_err(|error| failed(&error))?;
    let made = Made::in_dir(dir.path(), file.format).map_err(|error| failed(&error))?;
    let Some(ability) = session.abilities.get(&file.format) else {
        return Err(Problem::Failed("marimo was not asked about it".to_owned()));
    };
    let mut env = session.env_of(planned);
    env.insert("TMPDIR".to_owned(), Some(made.tmp.display().to_string()));
    let task = Task {
        entry: Entry::Marimo,
        argv: ability.argv(&planned.file, &made.output, &planned.args),
        env,
        cwd: session.host.interpreter().cwd.clone(),
        stdout: made.log.clone(),
        stderr: made.log.clone(),
    };
    let begun = std::time::Instant::now();
    // These commands start their kernel from the main module, which in a fork is the host's.
    let mut running = session.host.spawn(&task).map_err(|error| failed(&error))?;
    let ended = tokio::time::timeout(planned.policy.timeout, running.wait()).await;
    if ended.is_err() {
        running.end(Duration::ZERO).await;
    }
    running.kill_stragglers();
    if !planned.page {
        report.duration_s += begun.elapsed().as_secs_f64();
    }
    let exit = ended.map_err(|_| Problem::TimedOut)?;
    made.whole(file.format, exit)?;
    let stored = session
        .store
        .borrow_mut()
        .put(&file.key, &Source::File(&made.output));
    let published = stored.map_err(|error| failed(&error))?;
    report.files.push(ExportedFile {
        format: file.format.as_str().to_owned(),
        path: published.key,
    });
    if report.url.is_none() {
        report.url = Some(published.url);
    }
    if exit.is_success() {
        Ok(())
    } else {
        Err(Problem::Failed(last_words(&made.log)))
    }
}

/// What one export leaves.
struct Made {
    tmp: PathBuf,
    output: PathBuf,
    log: PathBuf,
}

impl Made {
    fn in_dir(dir: &Path, format: Format) -> std::io::Result<Self> {
        let tmp = dir.join("tmp");
        std::fs::create_dir(&tmp)?;
        Ok(Self {
            tmp,
            output: dir.join(format!("export.{}", format.as_str())),
            log: dir.join("log.txt"),
        })
    }

    /// Whether there is a whole file; marimo writes one also when cells have failed.
    fn whole(&self, format: Format, exit: Exit) -> Result<(), Problem> {
        let bytes = left::read(&self.output, LARGEST);
        if bytes.is_ok_and(|bytes| format.is_whole(&bytes)) {
            return Ok(());
        }
        let log = tail(&self.log, 60);
        if let Some(missing) = missing_packages(&log) {
            return Err(Problem::Missing {
                what: missing.what,
                install: missing.install,
            });
        }
        Err(Problem::Failed(match exit.code {
            Some(_) => last_words(&self.log),
            None => format!("its process {}", exit.describe()),
        }))
    }
}
