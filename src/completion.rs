//! Shell completion: of subcommands and flags by clap, of names by what the last `daglab discover` has
//! found, and of templates by what is there.
//!
//! ```text
//! #[arg(long, add = completion::jobs())]
//! job: String,
//! ```

use std::collections::BTreeSet;
use std::ffi::OsStr;

use clap_complete::engine::{ArgValueCandidates, ArgValueCompleter, CompletionCandidate};

use crate::dagster::selection::ATTRIBUTES;
use crate::discover::names::{HIGHEST, Names, is_plain};
use crate::scaffold::template::{self, Templates};

/// The variable by which a shell asks for candidates. It does not begin like those of settings, and
/// nobody sets it by accident.
pub const VARIABLE: &str = "_DAGLAB_COMPLETE";

/// Names of jobs.
pub fn jobs() -> ArgValueCandidates {
    ArgValueCandidates::new(|| offered(|names| names.jobs))
}

/// Keys of assets.
pub fn assets() -> ArgValueCandidates {
    ArgValueCandidates::new(|| offered(|names| names.assets))
}

/// Names of jobs and keys of assets.
pub fn jobs_and_assets() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        offered(|mut names| {
            names.jobs.append(&mut names.assets);
            names.jobs
        })
    })
}

/// Groups of assets.
pub fn groups() -> ArgValueCandidates {
    ArgValueCandidates::new(|| offered(|names| names.groups))
}

/// Tags as `KEY=VALUE`.
pub fn tags() -> ArgValueCandidates {
    ArgValueCandidates::new(|| offered(|names| names.tags))
}

/// Names of code locations.
pub fn locations() -> ArgValueCandidates {
    ArgValueCandidates::new(|| offered(|names| names.locations))
}

/// Names of repositories.
pub fn repositories() -> ArgValueCandidates {
    ArgValueCandidates::new(|| offered(|names| names.repositories))
}

/// Names of templates of notebooks: daglab's, and those of the project that is near.
pub fn templates() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let here = std::env::current_dir().unwrap_or_default();
        let mut above = here.ancestors().take(HIGHEST);
        let root = above.find(|dir| dir.join(template::FOLDER).is_dir());
        let names = Templates::of(root.unwrap_or(&here)).names();
        let names = names.into_iter().filter(|name| is_plain(name));
        names.map(CompletionCandidate::new).collect()
    })
}

/// Asset selections: the last `ATTRIBUTE:VALUE` of one.
pub fn selections() -> ArgValueCompleter {
    ArgValueCompleter::new(|current: &OsStr| {
        let Some(current) = current.to_str() else {
            return Vec::new();
        };
        let names = known().unwrap_or_default();
        selection(current, &names)
            .into_iter()
            .map(CompletionCandidate::new)
            .collect()
    })
}

/// What a selection that begins so may go on with.
fn selection(current: &str, names: &Names) -> Vec<String> {
    let begins = current
        .rfind(|c: char| c.is_whitespace() || matches!(c, '(' | '+'))
        .map_or(0, |at| at + 1);
    let (before, last) = current.split_at(begins);
    let Some((attribute, _)) = last.split_once(':') else {
        return ATTRIBUTES
            .iter()
            .filter(|name| name.starts_with(last))
            .map(|name| format!("{before}{name}:"))
            .collect();
    };
    let values = match attribute {
        "key" => &names.assets,
        "group" => &names.groups,
        "kind" => &names.kinds,
        "owner" => &names.owners,
        "tag" => &names.tags,
        "job" => &names.jobs,
        "code_location" => &names.locations,
        _ => return Vec::new(),
    };
    values
        .iter()
        .map(|value| format!("{attribute}:{value}"))
        .filter(|candidate| candidate.starts_with(last))
        .map(|candidate| format!("{before}{candidate}"))
        .collect()
}

fn offered(of: impl FnOnce(Names) -> BTreeSet<String>) -> Vec<CompletionCandidate> {
    let names = known().map(of).unwrap_or_default();
    names.into_iter().map(CompletionCandidate::new).collect()
}

fn known() -> Option<Names> {
    Names::nearest(&std::env::current_dir().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_selection_is_completed() {
        let names = Names {
            assets: ["core/orders", "core/items", "raw"]
                .map(str::to_owned)
                .into(),
            groups: ["core".to_owned()].into(),
            ..Names::default()
        };
        for (current, expected) in [
            ("k", vec!["key:", "kind:"]),
            ("key:core/o", vec!["key:core/orders"]),
            ("+key:r", vec!["+key:raw"]),
            ("not (group:c", vec!["not (group:core"]),
            ("status:", vec![]),
        ] {
            assert_eq!(selection(current, &names), expected, "{current}");
        }
    }
}
