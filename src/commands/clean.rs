//! `daglab clean`: what daglab has left in a project, removed.

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use clap::Args;

use super::{Context, Failure, Format, prepare, upload};
use crate::clean::apply::{self, Done};
use crate::clean::plan::{self, Plan};
use crate::clean::table::{self, RenderOptions};
use crate::clean::{Error, refuse_wrong, remote};
use crate::config::{FlagValue, Origin};
use crate::error::ExitStatus;
use crate::project;
use crate::publish::remote::RemoteStore;
use crate::publish::retention::Policy;
use crate::supervise::cancel::Cancel;
use crate::ui::runner::Stderr;
use crate::ui::text;

/// Delete old exports, the cache and what interrupted commands left in a project.
///
/// Only what daglab itself wrote is deleted: exports that it has a list of and that nobody has
/// written to since, `.daglab/cache`, unfinished files older than a day, and private directories of
/// commands that were killed. Symbolic links are never followed. Asks before it deletes.
#[derive(Debug, Clone, Args)]
pub struct CleanArgs {
    /// The project's directory
    #[arg(value_name = "PROJECT", default_value = ".")]
    pub project: PathBuf,

    /// Delete exports that are older, however many there are; 0 means all [default: those that
    /// `export.retention_days` and `export.retention_count` don't keep]
    #[arg(long, value_name = "DAYS")]
    pub older_than: Option<u32>,

    /// Also delete generated notebooks that nobody has edited since
    #[arg(long)]
    pub notebooks: bool,

    /// Also delete generated notebooks that were edited
    #[arg(long, requires = "notebooks")]
    pub force: bool,

    /// Print what would be deleted, and why, and delete nothing
    #[arg(long)]
    pub dry_run: bool,

    /// Delete without asking
    #[arg(long, short)]
    pub yes: bool,

    /// Also delete runs of this project in an object store, `s3://BUCKET/PREFIX` as for `--upload`;
    /// without an address, in the one that `export.cloud_storage` names. A branch's newest run stays
    #[arg(long, value_name = "URL", num_args = 0..=1, default_missing_value = "")]
    pub remote: Option<String>,

    /// What to print on stdout
    #[arg(long, short, value_name = "FORMAT", default_value = "table")]
    pub output: Format,
}

/// Carries out the command.
pub async fn run(args: &CleanArgs, context: &Context) -> Result<ExitStatus, Failure> {
    let now = SystemTime::now();
    let Planned { mut plan, store } = plan(args, context, now).await?;
    let mut print = Print {
        args,
        context,
        now,
        asked: false,
    };
    if args.output == Format::Table {
        for kept in &plan.kept {
            context.printer.message(&table::kept(kept));
        }
    }
    if plan.items.is_empty() {
        return print.nothing(&plan, "nothing to delete");
    }
    if args.dry_run {
        return print.planned(plan);
    }
    if !args.yes {
        let total = table::total(plan.items.iter());
        let (stdin, stderr) = (std::io::stdin(), std::io::stderr());
        if !(stdin.is_terminal() && stderr.is_terminal()) {
            return Err(Error::NobodyToAsk(total).into());
        }
        let rows = table::render(plan.items.iter(), print.options(false));
        context.printer.message(rows.trim_end());
        print.asked = true;
        if !agrees(&total).map_err(Failure::output)? {
            return print.nothing(&plan, "nothing was deleted");
        }
    }
    let kept = plan.kept.clone();
    let mut far = Vec::new();
    if let Some(store) = &store {
        (plan.items, far) = remote::apply(store, plan.items).await;
    }
    let mut done = apply::apply(plan)?;
    done.append(&mut far);
    print.done(&done, &kept)
}

/// What is to be deleted, and where that is not in the project's folder.
struct Planned {
    plan: Plan,
    store: Option<RemoteStore>,
}

async fn plan(args: &CleanArgs, context: &Context, now: SystemTime) -> Result<Planned, Failure> {
    let home = context.variable("HOME").map(PathBuf::from);
    let root = root(&context.dir.join(&args.project), context, home.as_deref())?;
    let days = FlagValue::given("export.retention_days", args.older_than, "--older-than");
    let loaded = context.settings(&root, days.into_iter().collect())?;
    let export = &loaded.settings.export;
    let by_age_alone = matches!(loaded.origins.of("export.retention_days"), Origin::Flag(_));
    let mut policy = Policy::from(export);
    if by_age_alone {
        policy.count = None;
    }
    let mut plan = plan::plan(&plan::Request {
        root: &root,
        home: home.as_deref(),
        policy,
        artifacts_dir: &loaded.settings.ci.artifacts_dir,
        notebooks: args.notebooks,
        force: args.force,
        now,
    })?;
    let flag = args.remote.as_deref();
    let Some(address) = upload::address(flag, &loaded, &root)? else {
        return Ok(Planned { plan, store: None });
    };
    let cloud = &export.cloud_storage;
    upload::refuse_foreign_places(context, &loaded)?;
    let cancel = Cancel::never();
    let store = RemoteStore::open(address, cloud, &context.env, false, cancel).await?;
    let subject = upload::subject(context, &root, &prepare::of_git(&root));
    plan.items
        .extend(remote::items(&store, &subject, policy).await?);
    let store = Some(store);
    Ok(Planned { plan, store })
}

/// The project's folder: that of a Dagster project, or else the nearest with settings of daglab.
fn root(start: &Path, context: &Context, home: Option<&Path>) -> Result<PathBuf, Failure> {
    if let Ok(start) = start.canonicalize() {
        refuse_wrong(&start, home)?;
    }
    let (error, start) = match context.project(start) {
        Ok(project) => return Ok(project.root),
        Err(error) => match &error {
            project::Error::NotAProject { start, .. } => {
                let start = start.clone();
                (error, start)
            }
            _ => return Err(error.into()),
        },
    };
    let files = context.settings(&start, Vec::new())?.files;
    files
        .iter()
        .filter_map(|file| file.parent())
        .find(|folder| start.starts_with(folder))
        .map(Path::to_owned)
        .ok_or_else(|| error.into())
}

/// Asks; whatever is not a yes is a no.
fn agrees(total: &str) -> std::io::Result<bool> {
    let mut stderr = Stderr::new();
    stderr.write_all(format!("Delete {total}? [y/N] ").as_bytes())?;
    stderr.flush()?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    let answer = answer.trim().to_lowercase();
    Ok(answer == "y" || answer == "yes")
}

/// How results are printed.
struct Print<'a> {
    args: &'a CleanArgs,
    context: &'a Context,
    now: SystemTime,
    /// Whether the table was shown with a question.
    asked: bool,
}

impl Print<'_> {
    fn options(&self, stdout: bool) -> RenderOptions {
        let printer = self.context.printer;
        RenderOptions {
            color: match stdout {
                true => printer.stdout_color(),
                false => printer.stderr_color(),
            },
            width: printer.stdout_width(),
            now: self.now,
        }
    }

    fn nothing(&self, plan: &Plan, what: &str) -> Result<ExitStatus, Failure> {
        let printer = self.context.printer;
        match self.args.output {
            Format::Table => printer.message(what),
            Format::Json => {
                let json = table::json(self.args.dry_run, &[], &plan.kept);
                printer.result(&json).map_err(Failure::output)?;
            }
        }
        Ok(ExitStatus::Success)
    }

    fn planned(&self, plan: Plan) -> Result<ExitStatus, Failure> {
        let done = |item| Done { item, error: None };
        let done: Vec<Done> = plan.items.into_iter().map(done).collect();
        self.results(&done, &plan.kept, "would be deleted")?;
        Ok(ExitStatus::Success)
    }

    fn done(&self, done: &[Done], kept: &[plan::Kept]) -> Result<ExitStatus, Failure> {
        self.results(done, kept, "deleted")?;
        let which: Vec<String> = done
            .iter()
            .filter_map(|Done { item, error }| Some(table::left(item, error.as_deref()?)))
            .collect();
        if !which.is_empty() {
            let all = text::count(done.len(), "item");
            return Err(Error::Left { all, which }.into());
        }
        Ok(ExitStatus::Success)
    }

    /// The items that went, or would, and how much that is.
    fn results(&self, done: &[Done], kept: &[plan::Kept], what: &str) -> Result<(), Failure> {
        let printer = self.context.printer;
        let written = match self.args.output {
            Format::Json => printer.result(&table::json(self.args.dry_run, done, kept)),
            Format::Table => {
                let gone = || {
                    let gone = done.iter().filter(|done| done.error.is_none());
                    gone.map(|done| &done.item)
                };
                let rows = match gone().next() {
                    Some(_) if !self.asked => table::render(gone(), self.options(true)) + "\n",
                    _ => String::new(),
                };
                printer.page(&format!("{rows}{} {what}\n", table::total(gone())))
            }
        };
        written.map_err(Failure::output)
    }
}
