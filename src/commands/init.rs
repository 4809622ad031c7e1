//! `daglab init`: daglab in a Dagster project, or a new project.

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::{Context, Failure};
use crate::config::{self, Loaded};
use crate::error::ExitStatus;
use crate::init::summary::{self, Shown};
use crate::init::{
    self, Error, Ports, Prepared, TaskRunner, Template, Wishes, bootstrap, existing, notebooks_dir,
};
use crate::project::detect::git_root;
use crate::project::{self, Project};
use crate::scaffold::changes::{self, Action};
use crate::ui::Paint;
use crate::ui::runner::Stderr;

/// Add daglab to a Dagster project, or make a new one.
///
/// In a project it writes `daglab.yaml`, a folder for notebooks with an example, and entries of
/// `.gitignore`; what the project has configured and how it is laid out is kept to. With `--bootstrap`
/// it makes a new project that works at once with `dagster dev`, `dg`, pytest and `daglab ci`.
///
/// Files that are there stay as they are unless `--force` is given; lines that are added to them
/// stand between markers. All is written or nothing, and running it again changes nothing.
#[derive(Debug, Clone, Args)]
pub struct InitArgs {
    /// The project's folder; with `--bootstrap` it need not be there
    #[arg(value_name = "DIR", default_value = ".")]
    pub dir: PathBuf,

    /// Make a new Dagster project
    #[arg(long)]
    pub bootstrap: bool,

    /// What the new project begins with [default: standard]
    #[arg(long, value_name = "TEMPLATE", requires = "bootstrap")]
    pub template: Option<Template>,

    /// The new project's name [default: that of its folder]
    #[arg(long, requires = "bootstrap", value_parser = init::name)]
    pub name: Option<String>,

    /// Where notebooks go, relative to the project [default: `dagster/notebooks`, or `notebooks` in
    /// the package that is there]
    #[arg(long, value_name = "PATH", value_parser = notebooks_dir)]
    pub notebooks_dir: Option<String>,

    /// The ports of Dagster and marimo, as in `dagster=3000,marimo=3010`, which are the defaults
    #[arg(long, value_name = "PORTS", value_parser = Ports::parse)]
    pub ports: Option<Ports>,

    /// Write no example notebooks
    #[arg(long)]
    pub no_examples: bool,

    /// Whose recipes to write [default: those of the justfile or Makefile that is there; just for a
    /// new project]
    #[arg(long, value_name = "RUNNER")]
    pub task_runner: Option<TaskRunner>,

    /// Write the GitHub workflow that comments on pull requests, as for new projects
    #[arg(long, overrides_with = "no_workflow")]
    pub workflow: bool,

    /// Write no GitHub workflow
    #[arg(long)]
    pub no_workflow: bool,

    /// Overwrite files that are there, and show how they differ
    #[arg(long)]
    pub force: bool,

    /// Print what would be written as a diff, and write nothing
    #[arg(long)]
    pub dry_run: bool,

    /// What to print on stdout
    #[arg(long, short, value_name = "FORMAT", default_value = "text")]
    pub output: Format,
}

/// What is printed on stdout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Lines for people, or with `--dry-run` a diff
    Text,
    /// One JSON value
    Json,
}

/// Carries out the command.
pub fn run(args: &InitArgs, context: &Context) -> Result<ExitStatus, Failure> {
    let start = context.dir.join(&args.dir);
    if !args.dry_run {
        undo_what_was_killed(&start, context)?;
    }
    let prepared = prepare(args, &start, context)?;
    let printer = context.printer;
    for note in &prepared.notes {
        printer.message(&format!("note: {note}"));
    }
    if !args.dry_run {
        show_overwritten(&prepared, context);
        prepared.plan.apply()?;
    }
    print(args, &prepared, context).map_err(Failure::output)?;
    Ok(ExitStatus::Success)
}

/// Puts back what a daglab that was killed has left half-written, here or in the project around.
fn undo_what_was_killed(start: &Path, context: &Context) -> Result<(), Failure> {
    let Ok(start) = start.canonicalize() else {
        return Ok(());
    };
    let top = git_root(&start).unwrap_or(&start);
    for folder in start.ancestors().take_while(|it| it.starts_with(top)) {
        context.undo_interrupted(folder)?;
    }
    Ok(())
}

fn prepare(args: &InitArgs, start: &Path, context: &Context) -> Result<Prepared, Failure> {
    let wishes = Wishes {
        notebooks_dir: args.notebooks_dir.clone(),
        ports: args.ports.unwrap_or_default(),
        examples: !args.no_examples,
        task_runner: args.task_runner,
        workflow: match (args.workflow, args.no_workflow) {
            (true, _) => Some(true),
            (_, true) => Some(false),
            _ => None,
        },
    };
    if args.bootstrap {
        return new_project(args, start, &wishes, context);
    }
    match context.project(start) {
        Ok(project) => initialise(args, &project.root, Some(&project), &wishes, context),
        Err(error @ project::Error::NotAProject { .. }) => {
            let root = start.canonicalize().unwrap_or_else(|_| start.to_owned());
            if existing::is_unfinished_project(&root) {
                return initialise(args, &root, None, &wishes, context);
            }
            if asks_for_new(&root, args).map_err(Failure::output)? {
                return new_project(args, &root, &wishes, context);
            }
            Err(Error::NoProject(error).into())
        }
        Err(error @ project::Error::NoSuchFolder { .. }) => Err(Error::NoProject(error).into()),
        Err(error) => Err(error.into()),
    }
}

fn home(context: &Context) -> Option<PathBuf> {
    context.variable("HOME").map(PathBuf::from)
}

fn new_project(
    args: &InitArgs,
    start: &Path,
    wishes: &Wishes,
    context: &Context,
) -> Result<Prepared, Failure> {
    let root = changes::Changes::new(start).root()?;
    init::refuse_wrong(&root, home(context).as_deref())?;
    // The nearest folder that is there, where the project's own is not.
    let there = root.ancestors().find(|folder| folder.is_dir());
    let inside = match context.project(there.unwrap_or(&root)) {
        Ok(project) => Some(project),
        Err(project::Error::NotAProject { .. }) => None,
        Err(error) => return Err(error.into()),
    };
    bootstrap::prepare(&bootstrap::Request {
        root: &root,
        git_root: git_root(&root),
        inside: inside.as_ref(),
        template: args.template.unwrap_or_default(),
        name: args.name.as_deref(),
        force: args.force,
        around: &settings(args, &root, context)?,
        wishes,
    })
}

fn initialise(
    args: &InitArgs,
    root: &Path,
    project: Option<&Project>,
    wishes: &Wishes,
    context: &Context,
) -> Result<Prepared, Failure> {
    init::refuse_wrong(root, home(context).as_deref())?;
    let loaded = settings(args, root, context)?;
    existing::prepare(&existing::Request {
        root,
        git_root: git_root(root),
        locations: existing::locations(project),
        loaded: &loaded,
        force: args.force,
        wishes,
    })
}

/// What is configured. Forced, a `daglab.yaml` of the project that is no YAML counts as none, and is
/// overwritten; one that can be read has settings that are worth an edit.
fn settings(args: &InitArgs, root: &Path, context: &Context) -> Result<Loaded, config::Error> {
    match context.settings(root, Vec::new()) {
        Err(config::Error::Syntax { place, .. })
            if args.force && place.file == root.join(config::layers::FILE) =>
        {
            Ok(Loaded {
                settings: config::Settings::default(),
                origins: config::Origins::default(),
                files: Vec::new(),
            })
        }
        loaded => loaded,
    }
}

/// Asks, where somebody can be asked, whether there is to be a new project.
fn asks_for_new(root: &Path, args: &InitArgs) -> std::io::Result<bool> {
    if args.dry_run || !(std::io::stdin().is_terminal() && std::io::stderr().is_terminal()) {
        return Ok(false);
    }
    let mut stderr = Stderr::new();
    let template = Template::default().name();
    write!(
        stderr,
        "There is no Dagster project in `{}`. Make a new one from the template `{template}`? [y/N] ",
        crate::ui::text::one_line(&root.display().to_string())
    )?;
    stderr.flush()?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    let answer = answer.trim().to_lowercase();
    Ok(answer == "y" || answer == "yes")
}

/// How the files that are about to be overwritten will differ.
fn show_overwritten(prepared: &Prepared, context: &Context) {
    let paint = Paint::new(context.printer.stderr_color());
    let overwritten = |step: &changes::Step| step.action == Action::Overwrite;
    let diff = prepared.plan.shown_of(overwritten, paint);
    if !diff.is_empty() {
        context.printer.message(diff.trim_end());
    }
}

fn print(args: &InitArgs, prepared: &Prepared, context: &Context) -> std::io::Result<()> {
    let printer = context.printer;
    let mut shown = Shown {
        dry_run: args.dry_run,
        from: &context.dir,
        paint: Paint::new(printer.stdout_color()),
    };
    if args.output == Format::Json {
        let json = summary::json(prepared, &shown);
        let json = serde_json::to_string_pretty(&json)? + "\n";
        return printer.result(&crate::ui::text::harmless_json(json));
    }
    if args.dry_run {
        shown.paint = Paint::new(printer.stderr_color());
        printer.message(summary::render(prepared, &shown).trim_end());
        return match std::io::stdout().is_terminal() {
            true => {
                let paint = Paint::new(printer.stdout_color());
                printer.page(&prepared.plan.shown(paint))
            }
            // What `git apply` takes.
            false => printer.result(&prepared.plan.diff()),
        };
    }
    let mut text = summary::render(prepared, &shown);
    if !prepared.plan.changes_nothing() {
        let steps = summary::next_steps(prepared, &context.dir);
        text.push_str(&format!("\n{}", summary::render_next(&steps, shown.paint)));
    }
    printer.page(&text)
}
