//! What notebooks are to be about, once Dagster has said what there is.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, IsTerminal as _, Write as _};

use super::answer::{Answer, Answering};
use super::{Error, Per, ScaffoldArgs, Setting};
use crate::commands::Failure;
use crate::commands::connect::Unanswered;
use crate::dagster::catalog::Ask;
use crate::dagster::discover::{Asset, Found, Workspace, most_similar};
use crate::dagster::launch::JobSelector;
use crate::dagster::selection::{Graph, Selection};
use crate::dagster::{AssetKey, Error as DagsterError};
use crate::run::Refusal;
use crate::scaffold::context::Kind;
use crate::scaffold::place::Folder;
use crate::ui::text::one_line;

/// More notebooks than this are a mistake.
const MOST: usize = 200;

/// What a notebook is to be about.
#[derive(Debug)]
pub(super) struct Target {
    /// Its file, relative to the project.
    pub(super) file: String,
    pub(super) kind: Kind,
    /// The job's name, the asset's key or the selection.
    pub(super) name: String,
    /// What a title is made from.
    pub(super) called: String,
    pub(super) assets: Vec<AssetKey>,
    pub(super) location: Option<String>,
    pub(super) repository: Option<String>,
    pub(super) group: Option<String>,
    pub(super) description: Option<String>,
    /// The job, or Dagster's own of the assets; none where nothing can be run.
    pub(super) selector: Option<JobSelector>,
}

/// Asks whoever sits at the terminal what of a selection gets a notebook of its own; what is answered
/// is a part of the command line. Asked before the work begins, for that is done by a process that
/// does not hear the terminal.
pub fn ask(args: &ScaffoldArgs) -> Option<Per> {
    let (stdin, stderr) = (std::io::stdin(), std::io::stderr());
    let is_asked = args.from_selection.is_some()
        && args.per.is_none()
        && args.filename.is_none()
        && stdin.is_terminal()
        && stderr.is_terminal();
    if !is_asked {
        return None;
    }
    for _ in 0..3 {
        let _ = write!(
            std::io::stderr(),
            "one notebook for each [g]roup, or for each [a]sset of the selection? [g] "
        );
        let mut line = String::new();
        if stdin.lock().read_line(&mut line).unwrap_or(0) == 0 {
            return None;
        }
        match line.trim().to_lowercase().as_str() {
            "" | "g" | "group" => return Some(Per::Group),
            "a" | "asset" => return Some(Per::Asset),
            _ => {}
        }
    }
    None
}

/// Finds what notebooks are to be about.
pub(super) async fn find(
    setting: &Setting<'_>,
    answer: &Answer<'_>,
    folder: &Folder,
) -> Result<Vec<Target>, Failure> {
    let args = setting.args;
    let Some(answering) = &answer.dagster else {
        return unchecked(setting, folder);
    };
    let workspace = narrowed(setting, answering)?;
    if let Some(name) = &args.job {
        return Ok(vec![job(setting, folder, &workspace, name)?]);
    }
    if let Some(text) = &args.asset {
        return Ok(vec![single_asset(setting, folder, &workspace, text)?]);
    }
    if let Some(name) = &args.name {
        return Ok(vec![either(setting, folder, &workspace, name)?]);
    }
    let text = args.from_selection.as_deref().unwrap_or_default();
    let targets = selection(setting, folder, answering, &workspace, text).await?;
    if targets.len() > MOST {
        return Err(Error::TooMany(targets.len()).into());
    }
    if targets.len() > 1 {
        let count = targets.len();
        for (is_given, flag) in [
            (args.filename.is_some(), "--filename"),
            (args.title.is_some(), "--title"),
        ] {
            if is_given {
                return Err(Error::Several { flag, count }.into());
            }
        }
    }
    let mut files = BTreeSet::new();
    for target in &targets {
        // Case does not tell files apart everywhere.
        if !files.insert(target.file.to_lowercase()) {
            return Err(Error::SameFile(target.file.clone()).into());
        }
    }
    Ok(targets)
}

/// What is asked for, where nobody says whether it is there.
fn unchecked(setting: &Setting<'_>, folder: &Folder) -> Result<Vec<Target>, Failure> {
    let args = setting.args;
    let Some((kind, name)) = args.single() else {
        return Ok(Vec::new());
    };
    let assets = match kind {
        Kind::Asset => vec![key(name)?],
        _ => Vec::new(),
    };
    Ok(vec![Target {
        file: setting.file(folder, kind, name)?,
        kind,
        name: name.to_owned(),
        called: name.to_owned(),
        assets,
        location: args.location.clone(),
        repository: None,
        group: None,
        description: None,
        selector: None,
    }])
}

fn key(text: &str) -> Result<AssetKey, Failure> {
    AssetKey::parse(text).ok_or_else(|| Error::NotAKey(text.to_owned()).into())
}

/// What the server has, as far as flags and settings are about it. Locations that did not load are
/// told of: what is asked for may be in them.
fn narrowed(setting: &Setting<'_>, answering: &Answering) -> Result<Workspace, Failure> {
    let mut workspace = answering.workspace.clone();
    let dagster = &setting.loaded.settings.dagster;
    let args = setting.args;
    let location = args.location.as_deref();
    // What is set is about a deployment; the project's own code may be loaded under other names.
    let is_there = |name: &&str| workspace.locations.iter().any(|it| it.name == *name);
    let set = dagster.repository_location_name.as_deref();
    let location = location.or(set.filter(is_there));
    let set = dagster.repository_name.as_deref();
    let is_there = |name: &&str| workspace.repositories().any(|(_, it)| it.name == *name);
    let repository = args.repo.as_deref().or(set.filter(is_there));
    let (location, repository) = (location.map(str::to_owned), repository.map(str::to_owned));
    workspace
        .narrow(location.as_deref(), repository.as_deref())
        .map_err(Unanswered)?;
    for (name, error) in workspace.failed() {
        let why = one_line(&error.headline());
        setting.say(&format!(
            "warning: code location `{}` did not load: {why}",
            one_line(name)
        ));
    }
    Ok(workspace)
}

/// Where something is not there, and a location did not load, that is what is wrong.
fn perhaps_broken(error: DagsterError, workspace: &Workspace) -> DagsterError {
    match workspace.failed().next() {
        Some((location, failed)) => DagsterError::LocationLoad {
            location: location.to_owned(),
            error: Box::new(failed.clone()),
        },
        None => error,
    }
}

fn job(
    setting: &Setting<'_>,
    folder: &Folder,
    workspace: &Workspace,
    name: &str,
) -> Result<Target, Failure> {
    let found = workspace.job(name, None);
    let found = found.map_err(|error| match error {
        DagsterError::JobNotFound { .. } => perhaps_broken(error, workspace),
        other => other,
    })?;
    let mut assets: Vec<AssetKey> = workspace
        .assets()
        .filter(|asset| asset.repository() == found.repository())
        .filter(|asset| asset.item.job_names.iter().any(|job| job == name))
        .map(|asset| asset.item.key.clone())
        .collect();
    assets.sort();
    Ok(Target {
        file: setting.file(folder, Kind::Job, name)?,
        kind: Kind::Job,
        name: name.to_owned(),
        called: name.to_owned(),
        assets,
        location: Some(found.location.to_owned()),
        repository: Some(found.repository.to_owned()),
        group: None,
        description: found.item.description.clone(),
        selector: Some(found.selector()),
    })
}

fn single_asset(
    setting: &Setting<'_>,
    folder: &Folder,
    workspace: &Workspace,
    text: &str,
) -> Result<Target, Failure> {
    let key = key(text)?;
    let found = workspace.asset(&key, None);
    let found = found.map_err(|error| perhaps_broken(error, workspace))?;
    asset(setting, folder, workspace, found)
}

/// The asset or the job of a name.
fn either(
    setting: &Setting<'_>,
    folder: &Folder,
    workspace: &Workspace,
    name: &str,
) -> Result<Target, Failure> {
    let key = AssetKey::parse(name);
    let as_asset = key.map(|key| workspace.asset(&key, None).map(|_| ()));
    let as_job = workspace.job(name, None).map(|_| ());
    match (as_asset, as_job) {
        (
            None | Some(Err(DagsterError::AssetNotFound { .. })),
            Err(error @ DagsterError::JobNotFound { .. }),
        ) => {
            if workspace.failed().next().is_some() {
                return Err(perhaps_broken(error, workspace).into());
            }
            let assets = workspace.assets().map(|it| it.item.key.to_string());
            let jobs = workspace.jobs().filter(|it| !it.item.is_implicit());
            let known: Vec<String> = assets.chain(jobs.map(|it| it.item.name.clone())).collect();
            Err(Error::Neither {
                name: one_line(name),
                suggestion: most_similar(name, known.iter().map(String::as_str)),
            }
            .into())
        }
        (Some(_), Err(DagsterError::JobNotFound { .. })) => {
            single_asset(setting, folder, workspace, name)
        }
        (None | Some(Err(DagsterError::AssetNotFound { .. })), _) => {
            job(setting, folder, workspace, name)
        }
        (Some(_), _) => Err(Error::Both(one_line(name)).into()),
    }
}

fn asset(
    setting: &Setting<'_>,
    folder: &Folder,
    workspace: &Workspace,
    found: Found<'_, Asset>,
) -> Result<Target, Failure> {
    let key = &found.item.key;
    let name = key.to_string();
    Ok(Target {
        file: setting.file(folder, Kind::Asset, &name)?,
        kind: Kind::Asset,
        called: name.clone(),
        name,
        assets: vec![key.clone()],
        location: Some(found.location.to_owned()),
        repository: Some(found.repository.to_owned()),
        group: Some(group_of(found.item).to_owned()),
        description: None,
        selector: implicit_job(setting, workspace, std::slice::from_ref(key)),
    })
}

/// Dagster's own job of some assets, if they can be materialized together.
fn implicit_job(
    setting: &Setting<'_>,
    workspace: &Workspace,
    keys: &[AssetKey],
) -> Option<JobSelector> {
    match workspace.asset_job(keys, None) {
        Ok(selector) => Some(selector),
        Err(error) => {
            let why = one_line(&error.to_string());
            setting.say(&format!("the notebook begins without run config: {why}"));
            None
        }
    }
}

fn group_of(asset: &Asset) -> &str {
    asset.group.as_deref().unwrap_or("default")
}

/// A selection in Dagster's syntax; a pattern of keys is made to one.
fn expression(text: &str) -> Result<(String, Selection), Failure> {
    let error = match Selection::parse(text) {
        Ok(selection) => return Ok((text.to_owned(), selection)),
        Err(error) => error,
    };
    let is_pattern = !text.is_empty()
        && text
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | '*' | '?'));
    let quoted = format!("key:\"{text}\"");
    match (is_pattern, Selection::parse(&quoted)) {
        (true, Ok(selection)) => Ok((quoted, selection)),
        _ => Err(Refusal::Expression(error).into()),
    }
}

async fn selection(
    setting: &Setting<'_>,
    folder: &Folder,
    answering: &Answering,
    workspace: &Workspace,
    text: &str,
) -> Result<Vec<Target>, Failure> {
    let (text, expression) = expression(text)?;
    let ask = Ask {
        assets: true,
        ..Ask::default()
    };
    let catalog = answering.client.catalog(ask).await.map_err(Unanswered)?;
    let is_here = |location: &str, repository: &str| {
        workspace
            .repositories()
            .any(|(at, it)| at == location && it.name == repository)
    };
    let graph = Graph::new(
        catalog
            .assets()
            .filter(|at| at.item.is_executable && is_here(at.location, at.repository)),
    );
    let selected = expression.evaluate(&graph).map_err(Refusal::from)?;
    let mut assets = Vec::new();
    for key in &selected {
        assets.push(workspace.asset(key, None)?);
    }
    if assets.is_empty() {
        let keys: Vec<String> = workspace
            .assets()
            .map(|it| it.item.key.to_string())
            .collect();
        let wanted = text.trim_start_matches("key:").trim_matches('"').to_owned();
        let refusal = Refusal::nothing_selected(&wanted, keys.iter().map(String::as_str));
        return Err(refusal.into());
    }
    if setting.args.per == Some(Per::Asset) {
        let one = |found| asset(setting, folder, workspace, found);
        return assets.into_iter().map(one).collect();
    }
    let mut groups: BTreeMap<&str, Vec<Found<'_, Asset>>> = BTreeMap::new();
    for found in assets {
        groups.entry(group_of(found.item)).or_default().push(found);
    }
    let several = groups.len() > 1;
    let group = |(name, members): (&str, Vec<Found<'_, Asset>>)| {
        let text = match several {
            true => format!("({text}) and group:\"{name}\""),
            false => text.clone(),
        };
        group(setting, folder, workspace, name, &members, text)
    };
    groups.into_iter().map(group).collect()
}

fn group(
    setting: &Setting<'_>,
    folder: &Folder,
    workspace: &Workspace,
    name: &str,
    members: &[Found<'_, Asset>],
    text: String,
) -> Result<Target, Failure> {
    let keys: Vec<AssetKey> = members.iter().map(|it| it.item.key.clone()).collect();
    let first = members.first();
    let same = |of: fn(&Found<'_, Asset>) -> String| {
        let value = first.map(of)?;
        members.iter().all(|it| of(it) == value).then_some(value)
    };
    Ok(Target {
        file: setting.file(folder, Kind::Selection, name)?,
        kind: Kind::Selection,
        name: text,
        called: name.to_owned(),
        location: same(|it| it.location.to_owned()),
        repository: same(|it| it.repository.to_owned()),
        group: Some(name.to_owned()),
        description: None,
        selector: implicit_job(setting, workspace, &keys),
        assets: keys,
    })
}
