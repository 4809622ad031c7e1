//! `daglab scaffold`: notebooks for jobs and assets.

mod answer;
mod error;
mod existing;
mod git;
mod make;
mod output;
mod targets;

use std::path::PathBuf;
use std::rc::Rc;

use clap::{ArgGroup, Args, ValueEnum};

use self::error::Error;
use super::children::ChildArgs;
use super::connect::ConnectArgs;
use super::{Context, Failure};
use crate::completion;
use crate::config::{FlagValue, Loaded, Origin};
use crate::dagster::AssetKey;
use crate::error::ExitStatus;
use crate::project::Project;
use crate::run::Emit;
use crate::scaffold::changes::{Changes, Overwrite};
use crate::scaffold::commit::Repository;
use crate::scaffold::context::Kind;
use crate::scaffold::place::Folder;
use crate::scaffold::template::Templates;
use crate::supervise::cancel::Cancel;
use crate::ui::progress::{Event, Progress};
use crate::ui::text::one_line;

pub use self::targets::ask;

/// Make notebooks for a job, an asset or a selection of assets.
///
/// Names are looked up in Dagster: in the server that flags or `daglab.yaml` name, in one on this
/// machine that serves the project, or in one that is started for this command alone. The run config
/// that a notebook begins with is made from the job's schema and validated. Templates are daglab's or
/// the project's own, in `.daglab/templates`.
#[derive(Debug, Clone, Args)]
#[command(group = ArgGroup::new("target").required(true)
    .args(["name", "job", "asset", "from_selection"]))]
pub struct ScaffoldArgs {
    /// A notebook for the asset or the job of this name
    #[arg(value_name = "NAME", add = completion::jobs_and_assets())]
    pub name: Option<String>,

    /// A notebook for this job
    #[arg(long, value_name = "NAME", add = completion::jobs())]
    pub job: Option<String>,

    /// A notebook for this asset
    #[arg(long, value_name = "KEY", add = completion::assets())]
    pub asset: Option<String>,

    /// Notebooks for what this selects: Dagster's asset selection syntax, or a pattern of keys such
    /// as `orders/*`
    #[arg(long, value_name = "EXPR", add = completion::selections())]
    pub from_selection: Option<String>,

    /// Of a selection, one notebook for each of these [default: asked on a terminal, else group]
    #[arg(long, value_name = "WHAT", conflicts_with_all = ["name", "job", "asset"])]
    pub per: Option<Per>,

    /// The repository, where several have what is asked for
    #[arg(long, value_name = "NAME", add = completion::repositories())]
    pub repo: Option<String>,

    /// The code location, where several have what is asked for
    #[arg(long, value_name = "NAME", add = completion::locations())]
    pub location: Option<String>,

    /// The module that the asset or job is imported from in the notebook: `assets/orders.py` or
    /// `assets.orders` [default: it is taken from the project's definitions]
    #[arg(long, value_name = "PATH", conflicts_with = "from_selection")]
    pub module: Option<String>,

    /// The notebook's file: a name, or a path from the current directory [default: NAME_explore.py
    /// below `notebooks_dir`]
    #[arg(long, value_name = "NAME.py")]
    pub filename: Option<String>,

    /// The notebook's title [default: made from the name]
    #[arg(long, value_name = "TITLE", value_parser = one_line_of_text)]
    pub title: Option<String>,

    /// The template: default, minimal, ml, feature-store or one of `.daglab/templates` [default:
    /// `defaults.notebook_template`]
    #[arg(long, value_name = "NAME", add = completion::templates())]
    pub template: Option<String>,

    /// Values for the template, which names them `vars.KEY`
    #[arg(long, value_name = "KEY=VALUE", num_args = 1.., value_parser = template_var)]
    pub template_vars: Vec<(String, String)>,

    /// Leave out the part that runs things in the notebook's own process
    #[arg(long)]
    pub no_inprocess: bool,

    /// Leave out the part that attaches the exported page
    #[arg(long)]
    pub no_attach: bool,

    /// Validate the run config that the notebook begins with [default: `defaults.validate_config`]
    #[arg(long, overrides_with = "no_validate_config")]
    pub validate_config: bool,

    /// Don't validate it
    #[arg(long, overrides_with = "validate_config")]
    pub no_validate_config: bool,

    /// Include sample data, made from what Dagster knows of the asset's columns [default:
    /// `defaults.seed_data`]
    #[arg(long, overrides_with = "no_seed_data")]
    pub seed_data: bool,

    /// Don't include sample data
    #[arg(long, overrides_with = "seed_data")]
    pub no_seed_data: bool,

    /// Commit the new notebooks, and nothing else [default: `defaults.git_commit`]
    #[arg(long, overrides_with = "no_git_commit")]
    pub git_commit: bool,

    /// Don't commit them
    #[arg(long, overrides_with = "git_commit")]
    pub no_git_commit: bool,

    /// Overwrite notebooks that are there
    #[arg(long)]
    pub force: bool,

    /// Print what would be written, and write nothing
    #[arg(long)]
    pub dry_run: bool,

    /// Look names up in the project's own code, whatever server there is
    #[arg(long, conflicts_with_all = ["dagster_url", "dagster_port", "auth_token", "offline"])]
    pub ephemeral: bool,

    /// Don't look names up; the notebook begins without run config
    #[arg(long, conflicts_with_all = ["dagster_url", "dagster_port", "auth_token",
        "from_selection", "repo", "validate_config", "seed_data"])]
    pub offline: bool,

    /// What to print on stdout
    #[arg(long, short, value_name = "FORMAT", default_value = "table")]
    pub output: OutputArg,

    /// The project's directory
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub project: PathBuf,

    /// How children are started, and what they get
    #[command(flatten)]
    pub children: ChildArgs,

    /// Which server, and who asks
    #[command(flatten)]
    pub connect: ConnectArgs,
}

/// What of a selection gets a notebook of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Per {
    /// Each asset
    Asset,
    /// Each group
    Group,
}

/// What to print on stdout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OutputArg {
    /// The notebooks' paths
    Table,
    /// One JSON value
    Json,
}

/// Reads `KEY=VALUE`.
fn template_var(text: &str) -> Result<(String, String), String> {
    let is_name = |key: &str| {
        !key.starts_with(|c: char| c.is_ascii_digit())
            && !key.is_empty()
            && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    match text.split_once('=') {
        Some((key, value)) if is_name(key) => Ok((key.to_owned(), value.to_owned())),
        _ => Err("not `KEY=VALUE` with a KEY of letters, digits and `_`".to_owned()),
    }
}

/// Reads a title: it stands on one line of the notebook and of the browser.
fn one_line_of_text(text: &str) -> Result<String, String> {
    match text {
        text if text.chars().any(char::is_control) => {
            Err("a title is one line, without control characters".to_owned())
        }
        text if text.trim().is_empty() => Err("a title has a word at least".to_owned()),
        text => Ok(text.to_owned()),
    }
}

/// What the command starts from.
struct Setting<'a> {
    args: &'a ScaffoldArgs,
    context: &'a Context,
    root: PathBuf,
    project: Option<Project>,
    loaded: Loaded,
    cancel: Cancel,
    emit: Emit,
}

/// What of the settings a flag or its opposite changes.
fn wanted(flag: bool, opposite: bool, setting: bool) -> bool {
    flag || (setting && !opposite)
}

impl Setting<'_> {
    fn validates(&self) -> bool {
        let setting = self.loaded.settings.defaults.validate_config;
        wanted(
            self.args.validate_config,
            self.args.no_validate_config,
            setting,
        )
    }

    fn seeds(&self) -> bool {
        let setting = self.loaded.settings.defaults.seed_data;
        wanted(self.args.seed_data, self.args.no_seed_data, setting)
    }

    fn commits(&self) -> bool {
        let setting = self.loaded.settings.defaults.git_commit;
        wanted(self.args.git_commit, self.args.no_git_commit, setting)
    }

    fn template(&self) -> &str {
        let setting = &self.loaded.settings.defaults.notebook_template;
        self.args.template.as_ref().unwrap_or(setting)
    }

    /// Where notebooks go.
    fn folder(&self) -> Result<Folder, Failure> {
        let is_default = *self.loaded.origins.of("notebooks_dir") == Origin::Default;
        let files = &self.loaded.files;
        let is_configured = files.iter().any(|file| file.starts_with(&self.root));
        // Whoever names a path need not have such a folder.
        let names_path = self
            .args
            .filename
            .as_ref()
            .is_some_and(|it| it.contains('/'));
        let notebooks_dir = &self.loaded.settings.notebooks_dir;
        Ok(Folder::of(
            &self.root,
            notebooks_dir,
            is_default,
            is_configured || names_path,
        )?)
    }

    fn say(&self, note: &str) {
        (self.emit)(Event::Message(note.to_owned()));
    }
}

/// Carries out the command.
pub async fn run(args: &ScaffoldArgs, context: &Context) -> Result<ExitStatus, Failure> {
    let start = context.folder(&args.project);
    let project = match context.project(&start) {
        Ok(project) => Some(project),
        // A server may be all that is needed; but then somebody has named it.
        Err(error) if args.connect.is_given() || args.offline => {
            tracing::debug!("no project: {error}");
            None
        }
        Err(error) => return Err(Error::NoProject(error).into()),
    };
    let canonical = || start.canonicalize().unwrap_or_else(|_| start.clone());
    let root = project
        .as_ref()
        .map_or_else(canonical, |project| project.root.clone());
    let loaded = context.settings(&root, args.flags())?;
    let cancel = Cancel::on_signals()?;
    let progress = std::cell::RefCell::new(Progress::new(context.printer));
    let setting = Setting {
        args,
        context,
        root,
        project,
        loaded,
        cancel: cancel.clone(),
        emit: Rc::new(move |event| progress.borrow_mut().handle(event)),
    };
    tokio::select! {
        done = scaffold(setting) => done,
        reason = cancel.cancelled() => Ok(reason.exit_status()),
    }
}

async fn scaffold(setting: Setting<'_>) -> Result<ExitStatus, Failure> {
    let args = setting.args;
    if let (Some(name), true) = (&args.name, args.offline) {
        return Err(Error::Either(one_line(name)).into());
    }
    if !args.dry_run {
        setting.context.undo_interrupted(&setting.root)?;
    }
    // What is known to be in the way is said before anything is started.
    let templates = Templates::of(&setting.root);
    templates.find(setting.template())?;
    let folder = setting.folder()?;
    let repository = match setting.commits() && !args.dry_run {
        true => Some(Repository::of(&setting.root).await?),
        false => None,
    };
    if let Some((kind, name)) = args.single() {
        let file = setting.file(&folder, kind, name)?;
        let key = AssetKey::parse(name).filter(|_| kind == Kind::Asset);
        let name = key.map_or_else(|| name.to_owned(), |key| key.to_string());
        setting.refuse_existing([(file.as_str(), kind, name.as_str())].into_iter())?;
    }
    let answer = answer::ask(&setting).await?;
    let targets = targets::find(&setting, &answer, &folder).await?;
    let files = targets.iter();
    setting.refuse_existing(files.map(|it| (it.file.as_str(), it.kind, it.name.as_str())))?;
    if let Some(repository) = &repository {
        for target in &targets {
            repository.must_take(&target.file).await?;
        }
    }
    let common = make::Common {
        templates: &templates,
        folder: &folder,
        author: &git::author(&setting),
    };
    let mut made = Vec::new();
    for target in targets {
        made.push(make::notebook(&setting, &answer, &common, target).await?);
    }
    answer.stop().await;
    write(setting, made, repository).await
}

/// Writes what was made, all of it or nothing.
async fn write(
    setting: Setting<'_>,
    made: Vec<make::Made>,
    repository: Option<Repository>,
) -> Result<ExitStatus, Failure> {
    let args = setting.args;
    let mut wanted = Changes::new(&setting.root);
    for notebook in &made {
        wanted.file(&notebook.file, notebook.text.clone());
    }
    let plan = wanted.plan(match args.force {
        true => Overwrite::Force,
        false => Overwrite::Never,
    })?;
    let mut committed = Ok(None);
    if !args.dry_run {
        output::show_what_is_lost(&setting, &plan);
        plan.apply()?;
        if let Some(repository) = &repository {
            let files: Vec<String> = made.iter().map(|it| it.file.clone()).collect();
            committed = repository.commit(&files, &git::message(&made)).await;
        }
    }
    // What is written is said even if it is not committed.
    output::print(setting, &made, &plan, &committed)?;
    committed?;
    Ok(ExitStatus::Success)
}

impl ScaffoldArgs {
    /// The flags that are settings, for the topmost layer.
    fn flags(&self) -> Vec<FlagValue> {
        self.connect.flags().chain(self.children.flags()).collect()
    }

    /// What a single notebook is about, where a flag says it.
    fn single(&self) -> Option<(Kind, &str)> {
        let asset = self.asset.as_deref().map(|key| (Kind::Asset, key));
        asset.or(self.job.as_deref().map(|name| (Kind::Job, name)))
    }
}

impl Setting<'_> {
    /// The file of a notebook, relative to the project.
    fn file(&self, folder: &Folder, kind: Kind, name: &str) -> Result<String, Failure> {
        let by_itself = folder.file(kind, name);
        Ok(match &self.args.filename {
            Some(given) => folder.named(given, &by_itself, &self.root, &self.context.dir)?,
            None => by_itself,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_are_one_line() {
        assert_eq!(one_line_of_text("say \"é\" \\").unwrap(), "say \"é\" \\");
        for bad in ["a\nb", "a\u{7}", "a\u{85}b", "", "  "] {
            assert!(one_line_of_text(bad).is_err(), "{bad:?}");
        }
    }
}
