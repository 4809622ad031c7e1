//! From configuration, flags and the notebooks that are there to a [`Plan`].

use std::path::Path;

use globset::{GlobBuilder, GlobMatcher};
use serde_json::{Map, Value};

use super::error::Error;
use super::plan::{Executor, Plan, PlannedNotebook, PlannedRun, Policy, Selection};
use super::session::finding;
use crate::config::{self, Loaded, Origin, ci};
use crate::dagster::discover::most_similar;
use crate::project::notebooks::{self, Notebook};
use crate::report::model::{Finding, Severity, Target};

/// What flags choose.
#[derive(Debug, Clone, Default)]
pub struct Filters {
    /// `--notebooks`.
    pub notebooks: Vec<String>,
    /// `--jobs`.
    pub jobs: Vec<String>,
}

impl Filters {
    fn choose(&self, run: &PlannedRun) -> bool {
        if self.jobs.is_empty() {
            return self.notebooks.is_empty();
        }
        matches!(&run.selection, Selection::Job { name, .. } if self.jobs.contains(name))
    }
}

/// Makes the plan.
pub fn plan(
    root: &Path,
    loaded: &Loaded,
    found: &[Notebook],
    filters: &Filters,
) -> Result<Plan, Error> {
    let planner = Planner { root, loaded };
    let ci = &loaded.settings.ci;
    let mut runs = planner.runs(filters)?;
    let mut notebooks = planner.notebooks(found, filters, &runs)?;
    keep_chosen(&mut runs, &mut notebooks, filters);
    let processors = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    Ok(Plan {
        validate: ci.validate,
        check: ci.check,
        strict: ci.strict,
        concurrency: ci.concurrency.map_or(processors, usize::from),
        findings: unused_settings(loaded)
            .chain(planner.nothing_discovered(found, filters))
            .chain(notebooks.iter().filter_map(|n| misread_header(n, found)))
            .collect(),
        runs,
        notebooks,
    })
}

/// Settings that somebody has set and that this version does not act on.
pub fn unused_settings(loaded: &Loaded) -> impl Iterator<Item = Finding> {
    loaded.unused().map(|(path, origin)| {
        let message =
            format!("`{path}` is set in {origin}; this version of daglab does not act on it yet");
        finding("daglab", "unused-setting", Severity::Warning, message)
    })
}

/// A notebook whose header has a word that is not understood may not be paired as its author thinks.
fn misread_header(planned: &PlannedNotebook, found: &[Notebook]) -> Option<Finding> {
    let notebook = found.iter().find(|other| other.path == planned.path)?;
    let (word, line) = notebook.source.as_ref().ok()?.unknown_in_header.clone()?;
    let keys = ["asset", "partition", "job"];
    let key = word.split('=').next().unwrap_or_default();
    let message = format!(
        "`{word}` in the header of `{}` is not understood",
        planned.path
    );
    Some(Finding {
        path: Some(planned.path.clone()),
        line: Some(line),
        hint: did_you_mean(key, &keys.map(str::to_owned))
            .or_else(|| Some("it takes `asset=KEY`, `partition=KEY` and `job=NAME`".to_owned())),
        ..finding("daglab", "header", Severity::Warning, message)
    })
}

/// Leaves out the runs that flags did not choose and no chosen notebook waits for.
fn keep_chosen(runs: &mut Vec<PlannedRun>, notebooks: &mut [PlannedNotebook], filters: &Filters) {
    let mut new_index = vec![None; runs.len()];
    let mut kept = Vec::new();
    for (old, run) in runs.drain(..).enumerate() {
        let needed = || notebooks.iter().any(|other| other.needs.contains(&old));
        if filters.choose(&run) || needed() {
            new_index[old] = Some(kept.len());
            kept.push(run);
        }
    }
    *runs = kept;
    for notebook in notebooks {
        notebook.needs = notebook
            .needs
            .iter()
            .filter_map(|old| new_index[*old])
            .collect();
    }
}

struct Planner<'a> {
    root: &'a Path,
    loaded: &'a Loaded,
}

impl Planner<'_> {
    fn error(&self, message: String, hint: Option<String>, path: &str) -> Error {
        Error::Plan {
            message,
            hint,
            snippet: self.loaded.origins.snippet(path),
        }
    }

    fn policy(&self, timeout: Option<config::model::Seconds>, retries: u32, allow: bool) -> Policy {
        let timeout = timeout
            .unwrap_or(self.loaded.settings.ci.timeout)
            .duration();
        Policy {
            timeout,
            retries,
            allow_failure: allow,
        }
    }

    fn executor(&self, own: Option<ci::Executor>) -> Executor {
        match own.unwrap_or(self.loaded.settings.ci.executor) {
            ci::Executor::InProcess => Executor::InProcess,
            ci::Executor::Job => Executor::Job,
        }
    }

    /// All configured runs, since any may be needed, and the jobs that only a flag names.
    fn runs(&self, filters: &Filters) -> Result<Vec<PlannedRun>, Error> {
        let settings = &self.loaded.settings.ci;
        let mut runs = Vec::new();
        for (index, job) in settings.jobs.iter().flatten().enumerate() {
            let path = format!("ci.jobs.{index}");
            if job.name.is_empty() {
                return Err(self.error("a job has no `name`".to_owned(), None, &path));
            }
            runs.push(self.job(job, &path)?);
        }
        for name in &filters.jobs {
            if !runs.iter().any(|run| run.name == *name) {
                let job = ci::Job {
                    name: name.clone(),
                    ..ci::Job::default()
                };
                let mut run = self.job(&job, "")?;
                run.why = "`--jobs`".to_owned();
                run.configured = None;
                runs.push(run);
            }
        }
        for (index, assets) in settings.assets.iter().flatten().enumerate() {
            runs.push(self.assets(assets, &format!("ci.assets.{index}"))?);
        }
        Ok(runs)
    }

    fn job(&self, job: &ci::Job, path: &str) -> Result<PlannedRun, Error> {
        Ok(PlannedRun {
            name: job.name.clone(),
            selection: Selection::Job {
                name: job.name.clone(),
                assets: job.assets.clone(),
            },
            location: job.location.clone(),
            run_config: self.run_config(&job.run_config, job.run_config_file.as_deref(), path)?,
            tags: tags(&job.tags),
            partition: job.partition.clone(),
            executor: self.executor(job.executor),
            policy: self.policy(job.timeout, job.retries, job.allow_failure),
            configured: Some(path.to_owned()),
            why: self.why(path),
        })
    }

    fn assets(&self, assets: &ci::Assets, path: &str) -> Result<PlannedRun, Error> {
        if assets.select.is_empty() {
            return Err(self.error("a selection of assets has no `select`".into(), None, path));
        }
        Ok(PlannedRun {
            name: assets
                .name
                .clone()
                .unwrap_or_else(|| assets.select.join(",")),
            selection: Selection::Assets(assets.select.clone()),
            location: assets.location.clone(),
            run_config: self.run_config(
                &assets.run_config,
                assets.run_config_file.as_deref(),
                path,
            )?,
            tags: tags(&assets.tags),
            partition: assets.partition.clone(),
            executor: self.executor(assets.executor),
            policy: self.policy(assets.timeout, assets.retries, assets.allow_failure),
            configured: Some(path.to_owned()),
            why: self.why(path),
        })
    }

    fn why(&self, path: &str) -> String {
        format!("`{path}` in {}", self.loaded.origins.of(path))
    }

    /// The run config of the entry over that of its file.
    fn run_config(
        &self,
        own: &Map<String, Value>,
        file: Option<&str>,
        path: &str,
    ) -> Result<Value, Error> {
        let mut config = Value::Object(Map::new());
        if let Some(file) = file {
            let place = format!("{path}.run_config_file");
            let full = self.root.join(file);
            let text = std::fs::read_to_string(&full).map_err(|error| {
                self.error(
                    format!("could not read the run config `{file}`: {error}"),
                    None,
                    &place,
                )
            })?;
            config = config::yaml_to_json(&text, &full).map_err(|error| Error::Plan {
                message: format!("the run config `{file}` is not YAML: {error}"),
                hint: None,
                snippet: crate::error::Diagnose::detail(&error),
            })?;
            if !config.is_object() {
                let message =
                    format!("the run config `{file}` must be a mapping of keys to values");
                return Err(self.error(message, None, &place));
            }
        }
        overlay(&mut config, &Value::Object(own.clone()));
        Ok(config)
    }

    fn notebooks(
        &self,
        found: &[Notebook],
        filters: &Filters,
        runs: &[PlannedRun],
    ) -> Result<Vec<PlannedNotebook>, Error> {
        let chosen_jobs_only = !filters.jobs.is_empty() && filters.notebooks.is_empty();
        let entries = self.entries(found)?;
        let wanted = filters
            .notebooks
            .iter()
            .map(|pattern| Ok((pattern, self.glob(pattern, "")?)))
            .collect::<Result<Vec<_>, Error>>()?;
        for (pattern, glob) in &wanted {
            if !found.iter().any(|notebook| glob.is_match(&notebook.path)) {
                return Err(Error::Plan {
                    message: format!("no notebook matches `--notebooks {pattern}`"),
                    hint: Some(list_of(found)),
                    snippet: None,
                });
            }
        }
        let slugs = notebooks::slugs(&found.iter().map(|n| n.path.clone()).collect::<Vec<_>>());
        let mut planned = Vec::new();
        for (notebook, slug) in found.iter().zip(slugs) {
            if chosen_jobs_only {
                continue;
            }
            let flagged = wanted.iter().any(|(_, glob)| glob.is_match(&notebook.path));
            let mine: Vec<_> = entries
                .iter()
                .filter(|(_, _, glob)| glob.is_match(&notebook.path))
                .collect();
            let listed = !mine.is_empty() || self.discovers(notebook);
            if if wanted.is_empty() { listed } else { flagged } {
                planned.push(self.notebook(notebook, slug, &mine, runs, flagged)?);
            }
        }
        Ok(planned)
    }

    /// Whether a notebook is run that nobody named: one in `notebooks_dir`, where that is set.
    fn discovers(&self, notebook: &Notebook) -> bool {
        let settings = &self.loaded.settings;
        let anywhere = *self.loaded.origins.of("notebooks_dir") == Origin::Default;
        let folder = self.root.join(&settings.notebooks_dir);
        settings.auto_discover
            && settings.ci.notebooks.is_none()
            && (anywhere || notebook.file.starts_with(folder))
    }

    /// A folder without notebooks is not what somebody meant whose notebooks are elsewhere.
    fn nothing_discovered(&self, found: &[Notebook], filters: &Filters) -> Option<Finding> {
        let settings = &self.loaded.settings;
        let named = !filters.notebooks.is_empty() || !filters.jobs.is_empty();
        let looks = settings.auto_discover && settings.ci.notebooks.is_none() && !named;
        if !looks || found.is_empty() || found.iter().any(|other| self.discovers(other)) {
            return None;
        }
        let message = format!(
            "there is no notebook in `{}`, which is `notebooks_dir` in {}",
            settings.notebooks_dir,
            self.loaded.origins.of("notebooks_dir")
        );
        Some(Finding {
            hint: Some(list_of(found)),
            ..finding("daglab", "no-notebooks", Severity::Warning, message)
        })
    }

    /// The entries of `ci.notebooks` with their patterns; one that matches nothing is an error.
    fn entries(
        &self,
        found: &[Notebook],
    ) -> Result<Vec<(String, &ci::Notebook, GlobMatcher)>, Error> {
        let mut entries = Vec::new();
        for (index, entry) in self
            .loaded
            .settings
            .ci
            .notebooks
            .iter()
            .flatten()
            .enumerate()
        {
            let path = format!("ci.notebooks.{index}");
            let glob = self.glob(&entry.path, &path)?;
            if !found.iter().any(|notebook| glob.is_match(&notebook.path)) {
                let message = format!("no notebook matches `{}`", entry.path);
                return Err(self.error(message, Some(list_of(found)), &path));
            }
            entries.push((path, entry, glob));
        }
        Ok(entries)
    }

    fn glob(&self, pattern: &str, path: &str) -> Result<GlobMatcher, Error> {
        // A file may be named as the shell completes it.
        let plain = pattern.strip_prefix("./").unwrap_or(pattern);
        let built = GlobBuilder::new(plain).literal_separator(true).build();
        built.map(|glob| glob.compile_matcher()).map_err(|error| {
            self.error(
                format!("`{pattern}` is no pattern: {}", error.kind()),
                None,
                path,
            )
        })
    }

    fn notebook(
        &self,
        notebook: &Notebook,
        slug: String,
        entries: &[&(String, &ci::Notebook, GlobMatcher)],
        runs: &[PlannedRun],
        flagged: bool,
    ) -> Result<PlannedNotebook, Error> {
        // Of entries that set the same thing, the last counts.
        fn last<'a, T>(
            entries: &[&'a (String, &ci::Notebook, GlobMatcher)],
            field: impl Fn(&'a ci::Notebook) -> Option<T>,
        ) -> Option<(&'a str, T)> {
            entries
                .iter()
                .rev()
                .find_map(|(path, entry, _)| Some((path.as_str(), field(entry)?)))
        }
        let source = notebook.source.as_ref().ok();
        let mut needs = Vec::new();
        if let Some((path, names)) = last(entries, |entry| entry.needs.as_ref()) {
            for name in names {
                // Several runs of one name are one job with several partitions, for example.
                let before = needs.len();
                needs.extend((0..runs.len()).filter(|index| runs[*index].name == *name));
                if needs.len() == before {
                    let names: Vec<String> = runs.iter().map(|run| run.name.clone()).collect();
                    let hint = did_you_mean(name, &names);
                    let message = format!("`{}` needs `{name}`, which is no run", notebook.path);
                    return Err(self.error(message, hint, &format!("{path}.needs")));
                }
            }
        }
        let attach = last(entries, |entry| entry.attach.as_deref());
        let job = last(entries, |entry| entry.job.as_deref());
        let target = match (attach, job) {
            (Some((path, text)), _) => Some(parse_target(text).ok_or_else(|| {
                let message = format!("`{text}` is not `asset://key` or `asset://key:partition`");
                self.error(message, None, &format!("{path}.attach"))
            })?),
            (None, Some((_, name))) => Some(Target::Job {
                name: name.to_owned(),
            }),
            (None, None) => source.and_then(|source| source.target.clone()),
        };
        let retries = last(entries, |entry| entry.retries).map_or(0, |(_, retries)| retries);
        let allow = last(entries, |entry| entry.allow_failure).is_some_and(|(_, allow)| allow);
        Ok(PlannedNotebook {
            path: notebook.path.clone(),
            file: notebook.file.clone(),
            page_key: format!("notebooks/{slug}.html"),
            slug,
            title: notebook.title(),
            args: last(entries, |entry| entry.args.clone())
                .map(|(_, args)| args)
                .unwrap_or_default(),
            env: last(entries, |entry| entry.env.clone())
                .map(|(_, env)| env)
                .unwrap_or_default(),
            needs_dagster: !needs.is_empty() || source.is_some_and(|source| source.uses_dagster),
            needs,
            target,
            policy: self.policy(last(entries, |e| e.timeout).map(|(_, t)| t), retries, allow),
            skip: last(entries, |entry| entry.skip.clone()).map(|(_, reason)| reason),
            imports: source
                .map(|s| s.imports.iter().cloned().collect())
                .unwrap_or_default(),
            why: match (flagged, entries.last()) {
                (true, _) => "`--notebooks`".to_owned(),
                (false, Some((path, ..))) => self.why(path),
                (false, None) => "a marimo notebook of the project".to_owned(),
            },
        })
    }
}

/// The most similar of some names, as a question.
pub(super) fn did_you_mean(wanted: &str, names: &[String]) -> Option<String> {
    most_similar(wanted, names.iter().map(String::as_str))
        .map(|name| format!("did you mean `{name}`?"))
}

/// Reads `asset://a/b:partition`.
pub fn parse_target(text: &str) -> Option<Target> {
    let rest = text.strip_prefix("asset://")?.trim_matches('/');
    let (key, partition) = match rest.split_once(':') {
        Some((key, partition)) => (key, Some(partition.to_owned())),
        None => (rest, None),
    };
    let whole = !key.is_empty() && key.split('/').all(|part| !part.is_empty());
    (whole && partition.as_deref() != Some("")).then(|| Target::Asset {
        key: key.to_owned(),
        partition,
    })
}

fn list_of(found: &[Notebook]) -> String {
    const SHOWN: usize = 5;
    if found.is_empty() {
        return "the project has no marimo notebooks".to_owned();
    }
    let names: Vec<String> = found
        .iter()
        .take(SHOWN)
        .map(|notebook| format!("`{}`", notebook.path))
        .collect();
    let more = if found.len() > SHOWN { ", …" } else { "" };
    format!("the project has {}{more}", names.join(", "))
}

fn tags(tags: &Map<String, Value>) -> Vec<(String, String)> {
    tags.iter()
        .map(|(key, value)| {
            (
                key.clone(),
                value
                    .as_str()
                    .map_or_else(|| value.to_string(), str::to_owned),
            )
        })
        .collect()
}

fn overlay(below: &mut Value, above: &Value) {
    match (below, above) {
        (Value::Object(below), Value::Object(above)) => {
            for (key, value) in above {
                overlay(below.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (below, above) => *below = above.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notebook(path: &str, text: &str) -> Notebook {
        Notebook {
            path: path.to_owned(),
            file: Path::new("/p").join(path),
            source: crate::marimo::source::parse(&format!(
                "{text}import marimo\napp = marimo.App()\n"
            )),
        }
    }

    fn loaded(yaml: &str) -> (tempfile::TempDir, Loaded) {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("daglab.yaml"), yaml).unwrap();
        let request = config::Request {
            dir: dir.path().to_owned(),
            ..Default::default()
        };
        let loaded = config::load(&request).unwrap();
        (dir, loaded)
    }

    const YAML: &str = "ci:
  jobs:
    - build
    - name: report
      timeout: 5
  assets:
    - name: daily
      select: daily_orders
      partition: '2026-01-05'
  notebooks:
    - nb/*.py
    - path: nb/b.py
      needs: [daily]
      attach: asset://core/b:2026-01-05
      args: [--day, x]
";

    #[test]
    fn later_entries_override_earlier_ones() {
        let (dir, loaded) = loaded(YAML);
        let found = [
            notebook("nb/a.py", "# daglab: job=build\n"),
            notebook("nb/b.py", ""),
            notebook("c.py", ""),
        ];
        let plan = plan(dir.path(), &loaded, &found, &Filters::default()).unwrap();
        let names: Vec<&str> = plan.runs.iter().map(|run| run.name.as_str()).collect();
        assert_eq!(names, ["build", "report", "daily"]);
        assert_eq!(plan.runs[1].policy.timeout.as_secs(), 5);
        let [a, b] = plan.notebooks.as_slice() else {
            panic!("{:?}", plan.notebooks)
        };
        assert_eq!(
            a.target,
            Some(Target::Job {
                name: "build".into()
            })
        );
        assert_eq!((b.needs.as_slice(), b.args.len()), (&[2][..], 2));
        assert!(b.needs_dagster && !a.needs_dagster);
    }

    #[test]
    fn notebooks_are_discovered_where_settings_say() {
        let found = [notebook("nb/a.py", ""), notebook("nb2/b.py", "")];
        let paths = |yaml: &str, flags: &[&str]| {
            let (_dir, loaded) = loaded(yaml);
            let filters = Filters {
                notebooks: flags.iter().map(|flag| (*flag).to_owned()).collect(),
                ..Filters::default()
            };
            let plan = plan(Path::new("/p"), &loaded, &found, &filters).unwrap();
            let paths = plan.notebooks.into_iter().map(|planned| planned.path);
            paths.collect::<Vec<String>>()
        };
        assert_eq!(paths("", &[]), ["nb/a.py", "nb2/b.py"]);
        for dir in ["nb", "./nb/"] {
            assert_eq!(paths(&format!("notebooks_dir: {dir}"), &[]), ["nb/a.py"]);
        }
        assert_eq!(paths("notebooks_dir: .", &[]).len(), 2);
        let (_dir, elsewhere) = loaded("notebooks_dir: x");
        let none = plan(Path::new("/p"), &elsewhere, &found, &Filters::default()).unwrap();
        assert!(none.notebooks.is_empty());
        let hint = none.findings[0].hint.as_deref();
        assert_eq!(hint, Some("the project has `nb/a.py`, `nb2/b.py`"));
        let named = "{auto_discover: false, ci: {notebooks: [nb2/*]}}";
        assert_eq!(paths(named, &[]), ["nb2/b.py"]);
        assert!(paths("auto_discover: false", &[]).is_empty());
        assert_eq!(paths("auto_discover: false", &["nb/*"]), ["nb/a.py"]);
    }

    #[test]
    fn flags_choose_and_bring_what_is_needed() {
        let (dir, loaded) = loaded(YAML);
        let found = [
            notebook("nb/a.py", ""),
            notebook("nb/b.py", ""),
            notebook("c.py", ""),
        ];
        let with = |notebooks: &[&str], jobs: &[&str]| {
            let owned = |list: &[&str]| list.iter().map(|s| (*s).to_owned()).collect();
            let filters = Filters {
                notebooks: owned(notebooks),
                jobs: owned(jobs),
            };
            plan(dir.path(), &loaded, &found, &filters)
        };
        let plan = with(&["nb/b.py"], &[]).unwrap();
        assert_eq!(
            (plan.runs.len(), plan.notebooks[0].needs.as_slice()),
            (1, &[0][..])
        );
        let plan = with(&["c.py"], &[]).unwrap();
        assert_eq!((plan.runs.len(), plan.notebooks.len()), (0, 1));
        let plan = with(&[], &["report", "other"]).unwrap();
        assert_eq!((plan.runs.len(), plan.notebooks.len()), (2, 0));
        let plan = with(&["nb/b.py"], &["build"]).unwrap();
        let names: Vec<&str> = plan.runs.iter().map(|run| run.name.as_str()).collect();
        assert_eq!(names, ["build", "daily"]);
        assert_eq!(plan.notebooks[0].needs, [1]);
        assert!(with(&["nope/*"], &[]).is_err());
    }

    #[test]
    fn every_run_of_a_needed_name_is_waited_for() {
        let (dir, loaded) = loaded(
            "ci:
  jobs:
    - {name: load, partition: a}
    - other
    - {name: load, partition: b}
  notebooks:
    - {path: a.py, needs: [load]}
",
        );
        let found = [notebook("a.py", "")];
        let plan = plan(dir.path(), &loaded, &found, &Filters::default()).unwrap();
        assert_eq!(plan.notebooks[0].needs, [0, 2]);
        let text = plan.describe("p");
        assert!(text.contains("after load\n"), "{text}");
    }

    #[test]
    fn mistakes_point_at_the_line() {
        let (dir, loaded) =
            loaded("ci:\n  jobs: [build]\n  notebooks:\n    - path: a.py\n      needs: [biuld]\n");
        let Err(error) = plan(
            dir.path(),
            &loaded,
            &[notebook("a.py", "")],
            &Filters::default(),
        ) else {
            panic!()
        };
        let detail = crate::error::Diagnose::detail(&error).unwrap();
        assert!(detail.contains("daglab.yaml:5"), "{detail}");
        assert_eq!(
            crate::error::Diagnose::hint(&error).unwrap(),
            "did you mean `build`?"
        );
    }

    #[test]
    fn a_run_config_file_must_be_a_mapping() {
        let (dir, loaded) = loaded("ci:\n  jobs:\n    - {name: a, run_config_file: run.yaml}\n");
        let plan_with = |text: &str| {
            std::fs::write(dir.path().join("run.yaml"), text).unwrap();
            plan(dir.path(), &loaded, &[], &Filters::default())
        };
        assert!(plan_with("").is_ok());
        assert!(plan_with("ops: {}").is_ok());
        for text in ["- ops", "ops"] {
            let error = plan_with(text).unwrap_err();
            assert!(error.to_string().contains("`run.yaml`"), "{error}");
            let detail = crate::error::Diagnose::detail(&error).unwrap();
            assert!(detail.contains("daglab.yaml:3"), "{detail}");
        }
    }

    #[test]
    fn settings_without_effect_are_found() {
        let (dir, loaded) = loaded("security:\n  sandbox_mode: true\n");
        let plan = plan(dir.path(), &loaded, &[], &Filters::default()).unwrap();
        let [found] = plan.findings.as_slice() else {
            panic!("{:?}", plan.findings)
        };
        assert!(
            found
                .message
                .starts_with("`security.sandbox_mode` is set in ")
        );
        assert!(
            found.message.contains("daglab.yaml:2; "),
            "{}",
            found.message
        );
    }

    #[test]
    fn a_header_that_is_not_understood_is_found() {
        let (dir, loaded) = loaded("");
        let found = [
            notebook("a.py", "# daglab: aset=x\n"),
            notebook("b.py", "# daglab: asset=x\n"),
        ];
        let plan = plan(dir.path(), &loaded, &found, &Filters::default()).unwrap();
        let [found] = plan.findings.as_slice() else {
            panic!("{:?}", plan.findings)
        };
        assert_eq!((found.path.as_deref(), found.line), (Some("a.py"), Some(1)));
        let text = plan.describe("p");
        assert!(
            text.contains(
                "a.py:1: `aset=x` in the header of `a.py` is not understood; did you mean `asset`?"
            ),
            "{text}"
        );
    }

    #[test]
    fn targets_are_read() {
        let asset = |key: &str, partition: Option<&str>| {
            Some(Target::Asset {
                key: key.into(),
                partition: partition.map(str::to_owned),
            })
        };
        assert_eq!(parse_target("asset://a/b"), asset("a/b", None));
        assert_eq!(
            parse_target("asset://a:2026-01-05"),
            asset("a", Some("2026-01-05"))
        );
        for wrong in ["a/b", "asset://", "asset://a:", "asset://a//b"] {
            assert_eq!(parse_target(wrong), None, "{wrong}");
        }
    }
}
