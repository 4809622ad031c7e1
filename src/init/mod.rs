//! `daglab init`: a Dagster project made ready for paired notebooks, or a new one.
//!
//! [`bootstrap`] and [`existing`] say what is wanted, as [`Changes`]; nothing here writes. What both
//! write stands in [`tasks`] (recipes of just and make), [`settings`] (`daglab.yaml`) and
//! [`templates`]. [`summary`] says what came of it and what to do next.

pub mod bootstrap;
mod error;
pub mod existing;
mod names;
mod settings;
pub mod summary;
mod tasks;
mod templates;

use std::path::{Component, Path, PathBuf};

use clap::ValueEnum;

use crate::scaffold::changes::{self, Changes, Plan, Region};

pub use error::Error;
pub use names::{Names, name};
pub use tasks::TaskRunner;

/// The name of the regions that are ours in files of the user's.
const REGION: &str = "daglab";
/// Where the workflow goes.
const WORKFLOW: &str = ".github/workflows/notebooks.yml";
/// The workflow that the documentation shows, and that is tested.
const PULL_REQUEST: &str = include_str!("../../examples/workflows/pull-request.yml");

/// The template of a new project.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Template {
    /// Two assets, a check and a job
    Minimal,
    /// Daily partitions with a schedule, a resource, checks, and a job with config
    #[default]
    Standard,
    /// Features, a model with hyperparameters, and its evaluation, with scikit-learn
    Ml,
}

impl Template {
    /// As it is called on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Minimal => "minimal",
            Self::Standard => "standard",
            Self::Ml => "ml",
        }
    }

    /// The job that the project is shown with.
    fn job(self) -> &'static str {
        match self {
            Self::Minimal => "refresh",
            Self::Standard => "weekly_summary",
            Self::Ml => "train",
        }
    }
}

/// The ports of the servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ports {
    /// Dagster's web server.
    pub dagster: Option<u16>,
    /// The marimo editor.
    pub marimo: Option<u16>,
}

impl Ports {
    /// Reads `dagster=3000,marimo=3010`, of which either may be left out.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut ports = Self::default();
        for part in text.split(',') {
            let (name, value) = part
                .split_once('=')
                .ok_or_else(|| format!("`{part}` is not NAME=PORT, as in `dagster=3000`"))?;
            let port = match value.trim().parse() {
                Ok(port @ 1..) => port,
                _ => return Err(format!("`{value}` is not a port from 1 to 65535")),
            };
            let slot = match name.trim() {
                "dagster" => &mut ports.dagster,
                "marimo" => &mut ports.marimo,
                other => return Err(format!("`{other}` is neither `dagster` nor `marimo`")),
            };
            if slot.replace(port).is_some() {
                return Err(format!("`{}` is given twice", name.trim()));
            }
        }
        if ports.dagster.unwrap_or(DAGSTER_PORT) == ports.marimo.unwrap_or(MARIMO_PORT) {
            return Err("Dagster and marimo can't have the same port".to_owned());
        }
        Ok(ports)
    }
}

/// What a folder of notebooks can't be called with, beside control characters.
const NO_PLACE: &str = "\"\\`*?[]{}";

const DAGSTER_PORT: u16 = 3000;
const MARIMO_PORT: u16 = 3010;

/// What is asked for, whatever the project.
#[derive(Debug, Clone, Default)]
pub struct Wishes {
    /// Where notebooks go, relative to the project, if somebody said it.
    pub notebooks_dir: Option<String>,
    /// The ports, where somebody said them.
    pub ports: Ports,
    /// Whether there are to be example notebooks.
    pub examples: bool,
    /// Whose recipes are wanted; none means those of what is there.
    pub task_runner: Option<TaskRunner>,
    /// Whether the GitHub workflow is wanted; none means for new projects.
    pub workflow: Option<bool>,
}

/// Checks a folder for notebooks, and writes it plainly: relative, below the project, with `/`.
pub fn notebooks_dir(text: &str) -> Result<String, String> {
    let mut parts = Vec::new();
    for part in Path::new(text).components() {
        match part {
            Component::Normal(name) => parts.push(name.to_str().unwrap_or_default()),
            // `./x` is `x`.
            Component::CurDir => {}
            _ => return Err("it has to be a folder below the project".to_owned()),
        }
    }
    if parts.is_empty() {
        return Err("it has to be a folder of its own".to_owned());
    }
    // It is written into TOML, Markdown and patterns, and matched by tools that each have their own
    // way of quoting.
    let odd = |c: &char| c.is_control() || NO_PLACE.contains(*c);
    if let Some(c) = text.chars().find(odd) {
        return Err(format!("it can't hold the character {c:?}"));
    }
    let is_tool_s = |part: &&str| {
        [".git", changes::HOME]
            .iter()
            .any(|it| part.eq_ignore_ascii_case(it))
    };
    if let Some(part) = parts.iter().find(|part| is_tool_s(part)) {
        return Err(format!("`{part}` is no folder for notebooks"));
    }
    Ok(parts.join("/"))
}

/// What is not to get into git.
fn ignored(notebooks: &str) -> Region {
    let folder = escaped(notebooks);
    // All of ours but the user's own templates; exports, wherever below the folder.
    let lines = [
        ".daglab/*",
        "!.daglab/templates/",
        &format!("{folder}/**/*.html"),
        &format!("{folder}/**/*.html.gz"),
        &format!("{folder}/**/.daglab-files.json"),
        &format!("{folder}/**/.ipynb_checkpoints/"),
        "__marimo__/",
    ];
    Region::new(REGION, lines.join("\n"))
}

/// A path as a pattern of git that matches nothing else.
fn escaped(path: &str) -> String {
    let mut pattern = String::new();
    for c in path.chars() {
        if matches!(c, '*' | '?' | '[' | ']' | '\\' | '#' | '!') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern
}

/// What every project gets.
fn common(changes: &mut Changes, notebooks: &str) {
    changes.directory(".daglab/cache");
    changes.directory(".daglab/templates");
    changes.directory(format!("{notebooks}/assets"));
    changes.directory(format!("{notebooks}/jobs"));
    changes.region(".gitignore", ignored(notebooks));
}

/// The workflow, in a repository whose root the project is. Returns why it is left out.
fn workflow(changes: &mut Changes, root: &Path, git_root: Option<&Path>) -> Option<String> {
    match git_root {
        Some(top) if top != root => Some(format!(
            "no workflow was written: GitHub reads those of `{}`, and the project is below it",
            top.display()
        )),
        _ => {
            changes.file(WORKFLOW, PULL_REQUEST);
            None
        }
    }
}

/// Refuses folders that nobody means: the top of the file system, and a home directory.
pub fn refuse_wrong(root: &Path, home: Option<&Path>) -> Result<(), Error> {
    let home = home.and_then(|home| home.canonicalize().ok());
    let what = match root {
        root if root.parent().is_none() => "the top of the file system",
        root if home.as_deref() == Some(root) => "your home directory",
        _ => return Ok(()),
    };
    let path = root.to_owned();
    Err(Error::Refused { path, what })
}

/// What `init` is about to do.
#[derive(Debug)]
pub struct Prepared {
    /// What is written.
    pub plan: Plan,
    /// What kind of project it is.
    pub kind: Kind,
    /// Where its notebooks are.
    pub notebooks_dir: String,
    /// What the user may want to know, as sentences.
    pub notes: Vec<String>,
}

/// What kind of project it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// One that was there.
    Existing {
        /// Its code locations.
        locations: Vec<String>,
    },
    /// A new one.
    New {
        /// Its template.
        template: Template,
        /// Its names.
        names: Names,
        /// The port of Dagster's web server.
        port: u16,
    },
}

/// The files of a plan that would stay as they are, but for those that a project may well have.
fn in_the_way(plan: &Plan, may_stay: impl Fn(&Path) -> bool) -> Vec<PathBuf> {
    let kept = plan.steps.iter();
    kept.filter(|step| step.action == changes::Action::Keep && !may_stay(&step.path))
        .map(|step| step.path.clone())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_read() {
        let ports = |dagster, marimo| Ok(Ports { dagster, marimo });
        assert_eq!(Ports::parse("dagster=1,marimo=2"), ports(Some(1), Some(2)));
        assert_eq!(Ports::parse("marimo=65535"), ports(None, Some(65535)));
        for wrong in [
            "",
            "3000",
            "dagster=0",
            "dagster=65536",
            "dagster=x",
            "other=1",
            "dagster=1,dagster=2",
            "dagster=1,",
            "dagster=3010",
            "marimo=5,dagster=5",
        ] {
            assert!(Ports::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn notebooks_are_below_the_project() {
        assert_eq!(notebooks_dir("./a//b/").as_deref(), Ok("a/b"));
        assert_eq!(notebooks_dir("a b/ü#c").as_deref(), Ok("a b/ü#c"));
        assert_eq!(notebooks_dir(".github/nb").as_deref(), Ok(".github/nb"));
        for wrong in [
            "",
            ".",
            "..",
            "a/../..",
            "/etc",
            "a\nb",
            ".git/hooks",
            "a/.GIT",
            ".daglab/x",
            "a\"b",
            "a\\b",
            "a`b",
            "a*",
            "a?",
            "[a]",
            "{a,b}",
            "a\u{7f}",
        ] {
            assert!(notebooks_dir(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn folders_are_escaped_for_git() {
        assert_eq!(escaped("a [b]/#c*"), "a \\[b\\]/\\#c\\*");
    }
}
