//! The notebooks of a plan.

use globset::{GlobBuilder, GlobMatcher};

use super::{Filters, Planner, did_you_mean, parse_target};
use crate::ci::error::Error;
use crate::ci::plan::PlannedNotebook;
use crate::ci::session::finding;
use crate::config::{Origin, ci};
use crate::project::notebooks::{self, Notebook};
use crate::report::model::{Finding, Severity, Target};
use crate::run::plan::PlannedRun;

impl Planner<'_> {
    pub(super) fn notebooks(
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
    pub(super) fn nothing_discovered(
        &self,
        found: &[Notebook],
        filters: &Filters,
    ) -> Option<Finding> {
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
            page: true,
            files: Vec::new(),
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

/// A notebook whose header has a word that is not understood may not be paired as its author thinks.
pub(super) fn misread_header(planned: &PlannedNotebook, found: &[Notebook]) -> Option<Finding> {
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
