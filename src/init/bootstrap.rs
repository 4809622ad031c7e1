//! A new project.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use minijinja::context;

use super::settings::{self, Above, Values};
use super::tasks::{TaskRunner, Tasks};
use super::{DAGSTER_PORT, Error, Kind, MARIMO_PORT, Names, Prepared, Template, Wishes};
use super::{REGION, WORKFLOW, common, in_the_way, templates, workflow};
use crate::config::Loaded;
use crate::project::Project;
use crate::scaffold::changes::{self, Changes, Overwrite, Region};

/// Where notebooks are, unless somebody says otherwise; as the templates have it.
const NOTEBOOKS: &str = "dagster/notebooks";

/// What git need not know of a Python project.
const IGNORED: &str = "\
__pycache__/
*.py[cod]
.venv/
.env
.pytest_cache/
.ruff_cache/
.mypy_cache/
.tmp_dagster_home_*/
";

/// What is asked for.
#[derive(Debug)]
pub struct Request<'a> {
    /// The folder, absolute; it need not be there.
    pub root: &'a Path,
    /// The git repository that it is in.
    pub git_root: Option<&'a Path>,
    /// The project that it is in already.
    pub inside: Option<&'a Project>,
    /// The template.
    pub template: Template,
    /// The project's name, if it is not to be the folder's.
    pub name: Option<&'a str>,
    /// Whether files may be overwritten.
    pub force: bool,
    /// What is configured around it.
    pub around: &'a Loaded,
    /// The rest.
    pub wishes: &'a Wishes,
}

/// Plans a new project. Run again on one that it has made, it plans nothing.
pub fn prepare(request: &Request<'_>) -> Result<Prepared, crate::commands::Failure> {
    let folder = request.root.file_name().unwrap_or_default();
    let names = Names::of(request.name.unwrap_or(&folder.to_string_lossy()));
    let refused = |project: &Project| Error::AlreadyThere {
        root: project.root.clone(),
        marker: project.marker.clone(),
    };
    let inside = request.inside.filter(|it| encloses(it, request.root));
    if let Some(project) = inside
        && (project.root != request.root || (request.force && !is_ours(project)))
    {
        return Err(refused(project).into());
    }
    let mut notes = Vec::new();
    let notebooks = request.wishes.notebooks_dir.as_deref().unwrap_or(NOTEBOOKS);
    refuse_taken(notebooks, request.template)?;
    let plan = wanted(request, &names, notebooks, &mut notes)
        .plan(Overwrite::keeping_unless(request.force))?;
    if !request.force {
        if let Some(project) = inside
            && !plan.changes_nothing()
        {
            return Err(refused(project).into());
        }
        let paths = in_the_way(&plan, may_stay);
        if !paths.is_empty() {
            return match inside {
                Some(project) => Err(refused(project).into()),
                None => Err(changes::Error::Exists { paths }.into()),
            };
        }
    }
    let template = request.template;
    Ok(Prepared {
        plan,
        kind: Kind::New {
            template,
            names,
            port: request.wishes.ports.dagster.unwrap_or(DAGSTER_PORT),
        },
        notebooks_dir: notebooks.to_owned(),
        notes,
    })
}

/// Whether a folder is a project's own, or among the code that it loads. A workspace of `dg` has
/// projects below it; another one is no part of these.
fn encloses(project: &Project, root: &Path) -> bool {
    project.root == root
        || project.locations.iter().any(|location| {
            let folder = location.target.working_directory();
            folder.is_none_or(|folder| root.starts_with(folder))
        })
}

/// The folders of templates that a new project is made of.
fn folders(template: Template) -> [&'static str; 3] {
    ["base", template.name(), "new"]
}

/// Refuses a folder for notebooks that the project has for something else.
fn refuse_taken(notebooks: &str, template: Template) -> Result<(), Error> {
    let files = folders(template).into_iter().flat_map(templates::paths);
    let others = files.filter(|path| !Path::new(path).starts_with(NOTEBOOKS));
    let generated = [
        "daglab.yaml",
        ".gitignore",
        "justfile",
        "Makefile",
        WORKFLOW,
    ];
    let notebooks = Path::new(notebooks);
    let mut all = others
        .chain(generated.map(str::to_owned))
        .map(PathBuf::from);
    match all.find(|other| other.starts_with(notebooks) || notebooks.starts_with(other)) {
        Some(other) => Err(Error::Taken {
            folder: notebooks.display().to_string(),
            other,
        }),
        None => Ok(()),
    }
}

/// What a folder may well have before there is a project in it.
fn may_stay(path: &Path) -> bool {
    ["README.md", ".gitignore", WORKFLOW]
        .iter()
        .any(|it| path == Path::new(it))
}

/// Whether a project has the layout of our templates, so that overwriting does not mix two.
fn is_ours(project: &Project) -> bool {
    project.marker == project.root.join("workspace.yaml")
        && project.root.join("code_location.py").is_file()
        && project.root.join("dagster/definitions.py").is_file()
}

fn wanted(
    request: &Request<'_>,
    names: &Names,
    notebooks: &str,
    notes: &mut Vec<String>,
) -> Changes {
    let (template, wishes) = (request.template, request.wishes);
    let dagster = wishes.ports.dagster.unwrap_or(DAGSTER_PORT);
    let marimo = wishes.ports.marimo.unwrap_or(MARIMO_PORT);
    let context = context! {
        project => context! {
            name => &names.name,
            distribution => &names.distribution,
            package => &names.package,
            description => "A Dagster project with marimo notebooks",
            dependencies => dependencies(template),
        },
        notebooks_dir => notebooks,
        examples => wishes.examples,
        job => template.job(),
        ports => context! { dagster, marimo },
    };
    let mut changes = Changes::new(request.root);
    let files: BTreeMap<String, String> = folders(template)
        .into_iter()
        .flat_map(|folder| templates::render(folder, &context))
        .collect();
    for (path, text) in files {
        let path = match path.strip_prefix(NOTEBOOKS) {
            Some(rest) if !wishes.examples && rest.starts_with("/examples/") => continue,
            Some(rest) => PathBuf::from(format!("{notebooks}{rest}")),
            None => PathBuf::from(path),
        };
        changes.file(path, text);
    }
    let values = Values {
        notebooks_dir: notebooks,
        ports: wishes.ports,
        location: Some(&names.package),
        template: Some(template),
        above: Above::of(request.around, request.root),
    };
    changes.file("daglab.yaml", settings::render(&values));
    common(&mut changes, notebooks);
    // A region, too: a `.gitignore` that is there may keep secrets out of git.
    let python = Region::new(format!("{REGION} python"), IGNORED);
    changes.region(".gitignore", python);
    let tasks = Tasks {
        port: dagster,
        uv: true,
        checks: true,
    };
    let runner = wishes.task_runner;
    if tasks.add(&mut changes, request.root, runner).is_empty() && runner.is_none() {
        tasks.add(&mut changes, request.root, Some(TaskRunner::Just));
    }
    if wishes.workflow != Some(false) {
        notes.extend(workflow(&mut changes, request.root, request.git_root));
    }
    changes
}

fn dependencies(template: Template) -> Vec<&'static str> {
    let mut all = vec![
        "dagster>=1.11,<2",
        "dagster-webserver>=1.11,<2",
        "marimo>=0.14,<1",
    ];
    match template {
        Template::Minimal => {}
        Template::Standard => all.extend(["altair>=5", "pandas>=2"]),
        Template::Ml => all.extend(["altair>=5", "pandas>=2", "scikit-learn>=1.4"]),
    }
    all.sort_unstable();
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notebooks_have_a_folder_of_their_own() {
        let all = [Template::Minimal, Template::Standard, Template::Ml];
        for template in all {
            for free in [NOTEBOOKS, "notebooks", "dagster/assets/notebooks", "src"] {
                assert!(refuse_taken(free, template).is_ok(), "{free}");
            }
            for taken in [
                "dagster",
                "dagster/assets",
                "dagster/definitions.py",
                "dagster.yaml",
                "dagster.yaml/x",
                "daglab.yaml",
                "tests",
                ".github",
                ".github/workflows",
                "justfile",
            ] {
                let refused = refuse_taken(taken, template);
                assert!(matches!(refused, Err(Error::Taken { .. })), "{taken}");
            }
        }
    }
}
