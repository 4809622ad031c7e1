//! A project that is there.

use std::path::Path;

use minijinja::context;

use super::settings::{self, Above, Values};
use super::tasks::Tasks;
use super::{Error, Kind, Prepared, Wishes, common, templates, workflow};
use crate::config::layers::FILE;
use crate::config::{Loaded, Origin};
use crate::project::{CodeLocation, Project, Target};
use crate::scaffold::changes::{Changes, Overwrite};
use crate::supervise::left;

/// What is asked for.
#[derive(Debug)]
pub struct Request<'a> {
    /// The project's folder.
    pub root: &'a Path,
    /// The git repository that it is in.
    pub git_root: Option<&'a Path>,
    /// What Dagster loads; none where it is not said yet.
    pub locations: &'a [CodeLocation],
    /// What is configured; a `daglab.yaml` that can't be read is not among its files.
    pub loaded: &'a Loaded,
    /// Whether files may be overwritten.
    pub force: bool,
    /// The rest.
    pub wishes: &'a Wishes,
}

/// Plans what daglab adds to a project.
pub fn prepare(request: &Request<'_>) -> Result<Prepared, crate::commands::Failure> {
    let wishes = request.wishes;
    let mut notes = Vec::new();
    let own = request
        .loaded
        .files
        .iter()
        .find(|file| file.parent() == Some(request.root));
    let is_table = own.is_some_and(|file| file.file_name() != Some(FILE.as_ref()));
    if let Some(file) = own {
        refuse_other_settings(request.loaded, wishes, file)?;
    }
    let configured = &request.loaded.settings.notebooks_dir;
    let notebooks = match &wishes.notebooks_dir {
        Some(dir) => dir.clone(),
        None if own.is_some() || is_configured(request.loaded) => super::notebooks_dir(configured)
            .map_err(|problem| Error::Folder {
                configured: configured.clone(),
                problem,
                origin: request.loaded.origins.of("notebooks_dir").to_string(),
            })?,
        None => conventional(request.root, request.locations),
    };
    let mut changes = Changes::new(request.root);
    if is_table {
        notes.push("`[tool.daglab]` in `pyproject.toml` holds the settings, so no `daglab.yaml` is written".to_owned());
    } else if own.is_none() {
        // What was read stays, whoever forces what: it holds what only its author knows.
        changes.file(
            FILE,
            settings::render(&Values {
                notebooks_dir: &notebooks,
                ports: wishes.ports,
                // Dagster's tools name the same location in different ways.
                location: None,
                template: None,
                above: Above::of(request.loaded, request.root),
            }),
        );
    }
    if hides_dagster(request.root, &notebooks) {
        notes.push(format!(
            "`{notebooks}` makes a folder `dagster`, and ruff then sorts `import dagster` as your own \
             code: set `src` in its settings, or name another folder with `--notebooks-dir`"
        ));
    }
    notebook_files(&mut changes, request, &notebooks);
    common(&mut changes, &notebooks);
    let tasks = Tasks {
        port: (wishes.ports.dagster).unwrap_or(request.loaded.settings.dagster.port),
        uv: uses_uv(request.root),
        checks: is_bootstrapped(request.root),
    };
    tasks.add(&mut changes, request.root, wishes.task_runner);
    if wishes.workflow == Some(true) {
        notes.extend(workflow(&mut changes, request.root, request.git_root));
    }
    let plan = changes.plan(Overwrite::keeping_unless(request.force))?;
    let names = request
        .locations
        .iter()
        .map(|location| location.name.clone());
    Ok(Prepared {
        plan,
        kind: Kind::Existing {
            locations: names.collect(),
        },
        notebooks_dir: notebooks,
        notes,
    })
}

/// What flags say has to be what is configured, since that file is not written.
fn refuse_other_settings(loaded: &Loaded, wishes: &Wishes, file: &Path) -> Result<(), Error> {
    let settings = &loaded.settings;
    let ports = [
        ("dagster.port", wishes.ports.dagster, settings.dagster.port),
        ("marimo.port", wishes.ports.marimo, settings.marimo.port),
    ];
    let mut all: Vec<(&'static str, Option<String>, String)> = ports
        .into_iter()
        .map(|(key, wanted, is)| (key, wanted.map(|port| port.to_string()), is.to_string()))
        .collect();
    let dir = wishes.notebooks_dir.clone();
    let configured = super::notebooks_dir(&settings.notebooks_dir);
    let configured = configured.unwrap_or(settings.notebooks_dir.clone());
    all.push(("notebooks_dir", dir, configured));
    for (key, wanted, configured) in all {
        if let Some(wanted) = wanted.filter(|wanted| *wanted != configured) {
            return Err(Error::Configured {
                key,
                configured,
                wanted,
                origin: loaded.origins.of(key).to_string(),
                file: file.to_owned(),
            });
        }
    }
    Ok(())
}

fn is_configured(loaded: &Loaded) -> bool {
    *loaded.origins.of("notebooks_dir") != Origin::Default
}

/// Where the project's notebooks would be looked for: in the package whose code they are about, as
/// in `src/shop/notebooks`, or in `dagster/notebooks`, which hides no installed package as long as
/// there is no `dagster/__init__.py`.
fn conventional(root: &Path, locations: &[CodeLocation]) -> String {
    let default = crate::config::Settings::default().notebooks_dir;
    if root.join(&default).is_dir() {
        return default;
    }
    let [only] = locations else { return default };
    let folder = match &only.target {
        Target::Module {
            name,
            working_directory,
            ..
        }
        | Target::Package {
            name,
            working_directory,
            ..
        }
        | Target::DefsModule {
            name,
            working_directory,
        } => {
            let first = name.split('.').next().unwrap_or(name);
            Some(working_directory.join(first)).filter(|folder| folder.is_dir())
        }
        Target::PythonFile { path, .. } => path.parent().map(Path::to_owned),
        Target::Grpc { .. } => None,
    };
    let below = folder
        .as_deref()
        .and_then(|folder| folder.strip_prefix(root).ok());
    below
        .and_then(Path::to_str)
        .and_then(|folder| super::notebooks_dir(folder).ok())
        .map_or(default, |folder| format!("{folder}/notebooks"))
}

fn notebook_files(changes: &mut Changes, request: &Request<'_>, notebooks: &str) {
    let names: Vec<&str> = request
        .locations
        .iter()
        .map(|it| it.name.as_str())
        .collect();
    let folder = request
        .root
        .file_name()
        .unwrap_or_default()
        .to_string_lossy();
    let context = context! {
        project => context! { name => super::Names::of(&folder).name },
        notebooks_dir => notebooks,
        examples => request.wishes.examples,
        // A list of JSON is one of Python.
        locations => serde_json::to_string(&names).expect("names are plain data"),
    };
    let readme = templates::render("base/dagster/notebooks", &context);
    for (name, text) in readme.into_iter().filter(|(name, _)| name == "README.md") {
        changes.file(format!("{notebooks}/{name}"), text);
    }
    // Given once: who has deleted them does not want them back.
    let is_new = !request.root.join(notebooks).join("README.md").exists();
    if request.wishes.examples && is_new {
        for (name, text) in templates::render("existing", &context) {
            changes.file(format!("{notebooks}/examples/{name}"), text);
        }
    }
}

/// Whether a folder `dagster` will be new in a project that ruff checks.
fn hides_dagster(root: &Path, notebooks: &str) -> bool {
    let folder = root.join("dagster");
    let ruff = ["ruff.toml", ".ruff.toml"];
    Path::new(notebooks).starts_with("dagster")
        && !folder.exists()
        && (ruff.iter().any(|file| root.join(file).is_file())
            || pyproject(root).is_some_and(|it| {
                let ruff = it.get("tool").and_then(|tool| tool.get("ruff"));
                ruff.is_some_and(|ruff| ruff.get("src").is_none())
            }))
}

fn uses_uv(root: &Path) -> bool {
    root.join("uv.lock").is_file()
        || pyproject(root)
            .is_some_and(|it| it.get("tool").and_then(|tool| tool.get("uv")).is_some())
}

/// Whether the recipes are those of a new project.
fn is_bootstrapped(root: &Path) -> bool {
    root.join("code_location.py").is_file() && root.join("dagster/definitions.py").is_file()
}

fn pyproject(root: &Path) -> Option<toml::Table> {
    let bytes = left::read_linked(&root.join("pyproject.toml"), 1024 * 1024).ok()?;
    String::from_utf8(bytes).ok()?.parse().ok()
}

/// Whether a folder is a Dagster project that does not say what is to be loaded: it has a
/// `dagster.yaml`, or its `pyproject.toml` depends on Dagster.
pub fn is_unfinished_project(root: &Path) -> bool {
    if root.join("dagster.yaml").is_file() {
        return true;
    }
    let Some(pyproject) = pyproject(root) else {
        return false;
    };
    let project = pyproject.get("project");
    let lists = [
        project.and_then(|project| project.get("dependencies")),
        project.and_then(|project| project.get("optional-dependencies")),
        pyproject.get("dependency-groups"),
    ];
    let poetry = pyproject.get("tool").and_then(|tool| tool.get("poetry"));
    let poetry = poetry.and_then(|poetry| poetry.get("dependencies"));
    let named = poetry
        .and_then(|it| it.as_table())
        .is_some_and(|it| it.contains_key("dagster"));
    named || lists.into_iter().flatten().any(depends_on_dagster)
}

fn depends_on_dagster(value: &toml::Value) -> bool {
    match value {
        toml::Value::String(text) => {
            let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c)));
            text[..end.unwrap_or(text.len())].eq_ignore_ascii_case("dagster")
        }
        toml::Value::Array(items) => items.iter().any(depends_on_dagster),
        toml::Value::Table(table) => table.values().any(depends_on_dagster),
        _ => false,
    }
}

/// The code locations of a project.
pub fn locations(project: Option<&Project>) -> &[CodeLocation] {
    project.map_or(&[], |project| project.locations.as_slice())
}
