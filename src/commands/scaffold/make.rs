//! From what a notebook is about to its text.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use url::Url;

use super::answer::{Answer, Answering};
use super::targets::Target;
use super::{Error, Setting};
use crate::commands::Failure;
use crate::commands::connect::Unanswered;
use crate::config::Placed;
use crate::config::tree;
use crate::dagster::contents::Contents;
use crate::dagster::validate::ExecutorPolicy;
use crate::host::look_up::LookUp;
use crate::project::detect::{CodeLocation, Target as Loads};
use crate::run::Refusal;
use crate::run::plan::Executor;
use crate::run::request::{self, Assets, Request};
use crate::scaffold::context::{
    Config, Context, Daglab, Export, Features, Kind, Notebook, Seed, Server, Target as About,
};
use crate::scaffold::module;
use crate::scaffold::place::{self, Folder, way};
use crate::scaffold::seed::seed;
use crate::scaffold::skeleton::skeleton;
use crate::scaffold::template::Templates;
use crate::ui::progress::Event;
use crate::ui::text::one_line;

/// The version that new notebooks begin with.
const VERSION: &str = "1.0.0";

/// The marimo that `__generated_with` names where the project's own is not asked for.
const MARIMO: &str = "0.25.2";

/// What all notebooks of a command are made from.
pub(super) struct Common<'a> {
    pub(super) templates: &'a Templates,
    pub(super) folder: &'a Folder,
    pub(super) author: &'a str,
}

/// A notebook that is to be written.
#[derive(Debug)]
pub(super) struct Made {
    /// Its file, relative to the project.
    pub(super) file: String,
    pub(super) text: String,
    pub(super) kind: Kind,
    pub(super) name: String,
    pub(super) assets: Vec<String>,
    pub(super) location: Option<String>,
    pub(super) module: Option<String>,
    /// Whether the run config was found valid; none if nobody was asked.
    pub(super) valid: Option<bool>,
    /// What sample data is made from.
    pub(super) seed: Option<String>,
}

/// Makes a notebook's text.
pub(super) async fn notebook(
    setting: &Setting<'_>,
    answer: &Answer<'_>,
    common: &Common<'_>,
    target: Target,
) -> Result<Made, Failure> {
    let (yaml, valid) = match (&answer.dagster, &target.selector) {
        (Some(answering), Some(_)) => config(setting, answering, &target).await?,
        _ => (String::new(), None),
    };
    let contents = match &answer.dagster {
        Some(answering) => contents(answering, &target).await?,
        None => None,
    };
    let seed = sample(setting, contents.as_ref(), &target);
    let code = code(setting, answer, &target).await?;
    let args = setting.args;
    let settings = &setting.loaded.settings;
    let is_single = target.kind == Kind::Asset;
    let described = contents.and_then(|it| it.description).filter(|_| is_single);
    let about = About {
        kind: target.kind,
        name: target.name.clone(),
        job: (target.kind == Kind::Job).then(|| target.name.clone()),
        assets: target.assets.iter().map(ToString::to_string).collect(),
        location: target.location.clone(),
        repository: target.repository.clone(),
        group: target.group.clone(),
        description: target.description.clone().or(described),
        module: code.module,
        attribute: code.attribute,
        definitions: code.definitions,
        module_directory: code.directory.map(|to| way(&target.file, &to)),
    };
    let runs_here = about.definitions.is_some() || about.module.is_some();
    if !runs_here && !args.no_inprocess {
        setting.say("the notebook can't run things in its own process: no code of this project is known to have them");
    }
    let before = std::fs::read_to_string(setting.root.join(&target.file)).ok();
    let today = jiff::Zoned::now().date().to_string();
    let dates = before.as_deref().and_then(Dates::of);
    let dates = dates.unwrap_or_else(|| Dates::both(&today));
    let mut context = Context {
        notebook: Notebook {
            title: args.title.clone().unwrap_or_else(|| title(&target)),
            name: common.folder.name(&target.file),
            filename: file_name(&target.file).to_owned(),
            template: setting.template().to_owned(),
            version: VERSION.to_owned(),
            author: common.author.to_owned(),
            created: dates.created,
            modified: dates.modified,
            marimo_version: marimo_version(setting, answer),
        },
        target: about,
        dagster: server(setting, answer.dagster.as_ref()).await,
        config: Config { yaml },
        features: Features {
            inprocess: !args.no_inprocess && runs_here,
            attach: !args.no_attach,
            seed_data: setting.seeds(),
        },
        export: Export {
            metadata_key: settings.defaults.attach_metadata_key.clone(),
            retention_days: settings.export.retention_days,
            compress: settings.export.compress,
        },
        seed,
        vars: args.template_vars.iter().cloned().collect(),
        daglab: Daglab::default(),
    };
    let template = setting.template();
    let mut text = common.templates.render(template, &context)?;
    if args.module.is_some() {
        let without = Context {
            target: About {
                module: None,
                attribute: None,
                ..context.target.clone()
            },
            ..context.clone()
        };
        let without = common.templates.render(template, &without);
        // What can't do without it names it.
        if without.is_ok_and(|without| without == text) {
            return Err(Error::ModuleUnused {
                template: template.to_owned(),
                no_inprocess: args.no_inprocess,
            }
            .into());
        }
    }
    if before.is_some_and(|before| before != text) {
        context.notebook.modified = today;
        text = common.templates.render(template, &context)?;
    }
    Ok(Made {
        text,
        kind: target.kind,
        name: target.name,
        assets: context.target.assets,
        location: target.location,
        module: context.target.module,
        valid,
        seed: context.seed.map(|seed| seed.source),
        file: target.file,
    })
}

fn file_name(file: &str) -> &str {
    file.rsplit('/').next().unwrap_or(file)
}

fn title(target: &Target) -> String {
    let title = match target.kind {
        Kind::Selection => format!("Assets of the group {}", target.called),
        Kind::Job | Kind::Asset => place::title(&target.called),
    };
    // Keys may have line breaks, which marimo would write as they are.
    title.replace(char::is_control, " ")
}

/// The days that a notebook of this name names already.
struct Dates {
    created: String,
    modified: String,
}

impl Dates {
    fn both(day: &str) -> Self {
        Self {
            created: day.to_owned(),
            modified: day.to_owned(),
        }
    }

    fn of(text: &str) -> Option<Self> {
        let day = |name: &str| {
            let line = text.lines().find_map(|line| {
                let rest = line.trim_start().strip_prefix(name)?.trim_start();
                rest.strip_prefix('=')
            })?;
            let day = line.trim().trim_matches(['"', '\'']);
            day.parse::<jiff::civil::Date>()
                .ok()
                .map(|day| day.to_string())
        };
        let created = day("NOTEBOOK_CREATED")?;
        let modified = day("NOTEBOOK_MODIFIED").unwrap_or_else(|| created.clone());
        Some(Self { created, modified })
    }
}

/// The run config that a notebook begins with, and whether it is valid.
async fn config(
    setting: &Setting<'_>,
    answering: &Answering,
    target: &Target,
) -> Result<(String, Option<bool>), Failure> {
    let Some(selector) = &target.selector else {
        return Ok((String::new(), None));
    };
    let client = &answering.client;
    let given = match target.kind {
        Kind::Job => given(setting, &target.name)?,
        _ => Map::new(),
    };
    let schema = client.config_schema(selector).await.map_err(Unanswered)?;
    let yaml = skeleton(&schema, &given);
    if !setting.validates() {
        return Ok((yaml, None));
    }
    let called = PathBuf::from("the run config");
    let is_empty = tree::yaml_to_json(&yaml, &called)?.is_null();
    let placed = match is_empty {
        true => Placed::default(),
        false => Placed::parse(&yaml, &called)?,
    };
    let validated = client
        .validate(selector, placed.value(), ExecutorPolicy::Own)
        .await
        .map_err(Unanswered)?;
    match validated.problems {
        problems if problems.is_empty() => Ok((yaml, Some(true))),
        problems => Err(Refusal::run_config(&target.name, problems, &placed).into()),
    }
}

/// What `daglab.yaml` gives the job.
fn given(setting: &Setting<'_>, job: &str) -> Result<Map<String, Value>, Failure> {
    let request = Request {
        jobs: vec![job.to_owned()],
        assets: Assets::None,
        partitions: Vec::new(),
        tags: Vec::new(),
        config: Vec::new(),
        timeout: std::time::Duration::ZERO,
        executor: Executor::Job,
        validate: false,
    };
    let planned = request.plan(&setting.root, &setting.loaded)?;
    let first = planned.into_iter().next().map(|run| run.run_config);
    let given = match first.filter(|config| !config.value().is_empty()) {
        Some(config) => config,
        None => request::of_ci(job, &setting.root, &setting.loaded)?,
    };
    Ok(given.value().clone())
}

/// What is known of the asset's contents, by the location that makes it.
async fn contents(answering: &Answering, target: &Target) -> Result<Option<Contents>, Failure> {
    if target.kind != Kind::Asset {
        return Ok(None);
    }
    let all = answering.client.contents(target.assets.clone()).await;
    let all = all.map_err(Unanswered)?;
    // Of several nodes, the one that says most is that of whoever makes it.
    Ok(all.into_iter().max_by_key(|it| {
        (
            it.latest.is_some(),
            it.type_name.is_some(),
            it.description.is_some(),
        )
    }))
}

/// Sample data, if it is wanted and there is something to make it from.
fn sample(setting: &Setting<'_>, contents: Option<&Contents>, target: &Target) -> Option<Seed> {
    if !setting.seeds() {
        return None;
    }
    let made = match (target.kind, contents) {
        (Kind::Asset, Some(contents)) => seed(contents),
        (Kind::Asset, None) => Err("nobody has said what is in it".to_owned()),
        _ => Err("sample data is made for single assets".to_owned()),
    };
    match made {
        Ok(seed) => Some(seed),
        Err(why) => {
            let file = file_name(&target.file);
            setting.say(&format!("no sample data in `{file}`: {}", one_line(&why)));
            None
        }
    }
}

/// Where the code of a notebook's asset or job is.
#[derive(Default)]
struct Code {
    module: Option<String>,
    attribute: Option<String>,
    definitions: Option<String>,
    /// What must be on the import path, relative to the project.
    directory: Option<String>,
}

async fn code(
    setting: &Setting<'_>,
    answer: &Answer<'_>,
    target: &Target,
) -> Result<Code, Failure> {
    let location = location(setting, target.location.as_deref());
    let mut code = location.map_or_else(Code::default, |it| definitions(it, &setting.root));
    let Some(given) = &setting.args.module else {
        return Ok(code);
    };
    let mut path: Vec<PathBuf> = location
        .and_then(|it| it.target.working_directory())
        .map(Path::to_owned)
        .into_iter()
        .collect();
    path.extend(answer.import_path());
    let module = module::find(given, &setting.root, &path, &setting.context.dir)?;
    let kind = target.kind.as_str();
    let request = LookUp {
        module: module.name.clone(),
        path: vec![setting.root.join(&module.directory)],
        root: setting.root.clone(),
        kind,
        name: Some(target.name.clone()),
    };
    let python = location.and_then(|it| it.executable.as_deref());
    let phase = format!("importing `{}`", one_line(&module.name));
    (setting.emit)(Event::Phase(phase));
    let (looked, python) = answer.look_up(python, &request).await?;
    let attribute = module::attribute(&module, kind, &target.name, looked, &setting.root, &python)?;
    code.module = Some(module.name);
    code.attribute = Some(attribute);
    code.directory = Some(module.directory);
    Ok(code)
}

/// The project's code location of a name, or its only one: a server may know it by another name.
fn location<'a>(setting: &'a Setting<'_>, name: Option<&str>) -> Option<&'a CodeLocation> {
    let locations = &setting.project.as_ref()?.locations;
    let named = locations.iter().find(|it| Some(it.name.as_str()) == name);
    match locations.as_slice() {
        [only] => Some(only),
        _ => named,
    }
}

/// What a location's definitions are loaded from.
fn definitions(location: &CodeLocation, root: &Path) -> Code {
    let inside = |path: &Path| {
        let path = path.strip_prefix(root).ok()?;
        Some(path.to_string_lossy().into_owned())
    };
    let definitions = match &location.target {
        Loads::PythonFile { path, .. } => inside(path),
        Loads::Module { name, .. }
        | Loads::Package { name, .. }
        | Loads::DefsModule { name, .. } => Some(name.clone()),
        Loads::Grpc { .. } => None,
    };
    let directory = location.target.working_directory().and_then(inside);
    Code {
        directory: directory.filter(|_| definitions.is_some()),
        definitions,
        ..Code::default()
    }
}

/// The server that a notebook speaks to by itself: the one that was asked, or that of the settings.
async fn server(setting: &Setting<'_>, answering: Option<&Answering>) -> Server {
    let settings = &setting.loaded.settings.dagster;
    let version = match answering {
        // A notebook is made all the same.
        Some(answering) => answering.client.version().await.ok(),
        None => None,
    };
    let asked = answering
        .filter(|it| !it.is_ephemeral)
        .map(|it| it.client.url());
    let url = asked.or(settings.url.as_deref());
    let url = url.and_then(|url| Url::parse(url).ok());
    let of_url = url.and_then(|url| {
        let host = url.host_str()?.to_owned();
        Some((host, url.port_or_known_default()?))
    });
    let (host, port) = of_url.unwrap_or_else(|| (settings.host.clone(), settings.port));
    Server {
        host,
        port,
        version: version.map(|version| version.to_string()),
    }
}

/// The marimo of the project's Python; where that was not asked, the one of its `.venv`.
fn marimo_version(setting: &Setting<'_>, answer: &Answer<'_>) -> String {
    if let Some(version) = answer.marimo_version().filter(|it| is_version(it)) {
        return version.to_owned();
    }
    installed_marimo(&setting.root).unwrap_or_else(|| MARIMO.to_owned())
}

/// What is in a version; names of folders, and what a Python says, may be anything.
fn is_version(text: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || ".+!-".contains(c);
    (1..=64).contains(&text.len()) && text.chars().all(is_part)
}

/// The marimo of a project's `.venv`, as its folders tell.
fn installed_marimo(root: &Path) -> Option<String> {
    let lib = root.join(".venv/lib");
    let pythons = std::fs::read_dir(lib).into_iter().flatten().flatten();
    pythons
        .filter_map(|python| std::fs::read_dir(python.path().join("site-packages")).ok())
        .flat_map(|entries| entries.flatten())
        .find_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let version = name.strip_prefix("marimo-")?.strip_suffix(".dist-info")?;
            is_version(version).then(|| version.to_owned())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_folders_that_may_be_called_anything() {
        let dir = tempfile::tempdir().unwrap();
        let packages = dir.path().join(".venv/lib/python3.11/site-packages");
        let install = |name: &str| std::fs::create_dir_all(packages.join(name)).unwrap();
        install("marimo-0.1\"; import os; os.abort(); \".dist-info");
        install("marimo-.dist-info");
        assert_eq!(installed_marimo(dir.path()), None);
        install("marimo-1!0.25.2rc1+local.dist-info");
        let found = installed_marimo(dir.path());
        assert_eq!(found.as_deref(), Some("1!0.25.2rc1+local"));
    }

    #[test]
    fn days_are_read_from_notebooks() {
        let text =
            "x = 1\n    NOTEBOOK_CREATED = \"2026-01-02\"\n    NOTEBOOK_MODIFIED = '2026-02-03'\n";
        let dates = Dates::of(text).unwrap();
        assert_eq!(
            (&*dates.created, &*dates.modified),
            ("2026-01-02", "2026-02-03")
        );
        assert!(Dates::of("NOTEBOOK_CREATED = yesterday()\n").is_none());
        assert!(Dates::of("").is_none());
    }
}
