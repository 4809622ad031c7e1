//! Recipes of just and make.

use std::path::Path;

use clap::ValueEnum;

use super::REGION;
use crate::scaffold::changes::{Changes, Region};

/// A task runner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TaskRunner {
    /// Recipes in a justfile
    Just,
    /// Targets in a Makefile
    Make,
    /// None
    None,
}

/// What just reads, the first one that is there.
const JUSTFILES: &[&str] = &["justfile", "Justfile", ".justfile"];
/// What make reads, the first one that is there.
const MAKEFILES: &[&str] = &["GNUmakefile", "makefile", "Makefile"];

/// One recipe.
struct Recipe {
    name: &'static str,
    about: &'static str,
    /// What it runs; `{args}` is what the user adds.
    command: String,
}

/// What recipes depend on.
pub(super) struct Tasks {
    /// The port of Dagster's web server.
    pub port: u16,
    /// Whether programs of the environment are run by uv.
    pub uv: bool,
    /// Whether recipes for tests and style are wanted.
    pub checks: bool,
}

impl Tasks {
    /// Adds the recipes for a runner, or for those whose files are there. Recipes of the user's own
    /// names stay theirs. Returns the files.
    pub(super) fn add(
        &self,
        changes: &mut Changes,
        root: &Path,
        runner: Option<TaskRunner>,
    ) -> Vec<String> {
        let found = |names: &[&str]| {
            let there = names.iter().find(|name| root.join(name).exists());
            there.map(|name| (*name).to_owned())
        };
        let (just, make) = match runner {
            Some(TaskRunner::None) => (None, None),
            Some(TaskRunner::Just) => (found(JUSTFILES).or(Some("justfile".to_owned())), None),
            Some(TaskRunner::Make) => (None, found(MAKEFILES).or(Some("Makefile".to_owned()))),
            None => (found(JUSTFILES), found(MAKEFILES)),
        };
        let mut files = Vec::new();
        if let Some(file) = just {
            let taken = names(&read(&root.join(&file)));
            changes.region(&file, Region::new(REGION, self.just(&taken)));
            files.push(file);
        }
        if let Some(file) = make {
            let taken = names(&read(&root.join(&file)));
            changes.region(&file, Region::new(REGION, self.make(&taken)));
            files.push(file);
        }
        files
    }

    fn recipes(&self) -> Vec<Recipe> {
        let uv = if self.uv { "uv run " } else { "" };
        let recipe = |name, about, command: String| Recipe {
            name,
            about,
            command,
        };
        let dev = match is_command("dev") {
            true => "daglab dev".to_owned(),
            false => format!("{uv}dagster dev --port {}", self.port),
        };
        let mut recipes = vec![recipe("dev", "Start Dagster", dev)];
        if is_command("scaffold") {
            let about = "Make a notebook for an asset or a job";
            recipes.push(recipe(
                "scaffold",
                about,
                "daglab scaffold {args}".to_owned(),
            ));
        }
        let about = "Check what a pull request is checked for";
        recipes.push(recipe("ci", about, "daglab ci {args}".to_owned()));
        let about = "Delete old exports and the cache";
        recipes.push(recipe("clean", about, "daglab clean {args}".to_owned()));
        if self.checks {
            recipes.push(recipe(
                "test",
                "Run the tests",
                format!("{uv}pytest {{args}}"),
            ));
            let lint = format!("{uv}ruff check && {uv}ruff format --check");
            recipes.push(recipe("lint", "Check the style", lint));
        }
        recipes
    }

    fn just(&self, taken: &[String]) -> String {
        let mut text = String::new();
        for recipe in self.free(taken) {
            let args = recipe.command.contains("{args}");
            // As the shell got them: put into the text, what is quoted would be so no more.
            let (attribute, parameters) = match args {
                true => ("[positional-arguments]\n", " *args"),
                false => ("", ""),
            };
            let command = recipe.command.replace("{args}", "\"$@\"");
            let (about, name) = (recipe.about, recipe.name);
            let gap = if text.is_empty() { "" } else { "\n" };
            text.push_str(&format!(
                "{gap}# {about}\n{attribute}{name}{parameters}:\n    {command}\n"
            ));
        }
        text
    }

    fn make(&self, taken: &[String]) -> String {
        let recipes = self.free(taken);
        let names: Vec<&str> = recipes.iter().map(|recipe| recipe.name).collect();
        let mut text = format!(".PHONY: {}\n", names.join(" "));
        for recipe in recipes {
            let command = recipe.command.replace("{args}", "$(ARGS)");
            let (about, name) = (recipe.about, recipe.name);
            let with = if command.ends_with("$(ARGS)") {
                ", with ARGS='...'"
            } else {
                ""
            };
            text.push_str(&format!("\n# {about}{with}\n{name}:\n\t{command}\n"));
        }
        text
    }

    fn free(&self, taken: &[String]) -> Vec<Recipe> {
        let recipes = self.recipes().into_iter();
        recipes
            .filter(|recipe| !taken.iter().any(|name| name == recipe.name))
            .collect()
    }
}

/// Whether this daglab has a subcommand.
pub(super) fn is_command(name: &str) -> bool {
    use clap::CommandFactory as _;
    crate::cli::Cli::command().find_subcommand(name).is_some()
}

/// A file that is not there, or is no text, has no recipes; the plan says what is wrong with it.
fn read(path: &Path) -> String {
    crate::supervise::left::read_linked(path, 1024 * 1024)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .unwrap_or_default()
}

/// The recipes of a justfile or the targets of a Makefile, but for those between our markers.
fn names(text: &str) -> Vec<String> {
    let mut ours = false;
    let mut names = Vec::new();
    for line in text.lines() {
        match line.trim() {
            "# >>> daglab >>>" => ours = true,
            "# <<< daglab <<<" => ours = false,
            _ => {}
        }
        let begins = line.starts_with(|c: char| c.is_ascii_alphabetic() || "_@".contains(c));
        let (false, true, Some((head, rest))) = (ours, begins, line.split_once(':')) else {
            continue;
        };
        // A variable of make; a parameter of just has its default without blanks.
        let assigns = head.split_whitespace().nth(1);
        let assigns = matches!(assigns, Some("=" | "?=" | "+=" | "!="));
        if assigns || rest.starts_with('=') || head.contains('=') && !head.contains(' ') {
            continue;
        }
        // A rule of make may have several targets; the rest of a recipe of just are parameters.
        let words = head.split_whitespace();
        names.extend(words.map(|word| word.trim_start_matches('@').to_owned()));
        if let Some(alias) = head.strip_prefix("alias ") {
            names.extend(alias.split_whitespace().next().map(str::to_owned));
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    const TASKS: Tasks = Tasks {
        port: 3000,
        uv: true,
        checks: false,
    };

    #[test]
    fn recipes_of_the_users_are_left_out() {
        let text = "set shell := ['bash']\nversion := '1'\nalias c := clean\n\n[private]\n@dev port='3':\n    x: y\nci *args: dev\n\
                    # >>> daglab >>>\nclean:\n# <<< daglab <<<\n";
        let taken = names(text);
        assert!(taken.contains(&"dev".to_owned()) && taken.contains(&"ci".to_owned()));
        assert!(!taken.contains(&"clean".to_owned()) && !taken.contains(&"version".to_owned()));
        let just = TASKS.just(&taken);
        assert!(
            just.contains("\n[positional-arguments]\nclean *args:\n    daglab clean \"$@\"\n"),
            "{just}"
        );
        assert!(!just.contains("\ndev") && !just.contains("ci"), "{just}");
    }

    #[test]
    fn a_makefile_has_tabs() {
        let taken = names("CC := gcc\nA = b:c\n.PHONY: dev\nall dev: x.o\n\tcc\n");
        assert_eq!(taken, ["all", "dev"]);
        let make = TASKS.make(&taken);
        assert!(make.contains("\nci:\n\tdaglab ci $(ARGS)\n"), "{make}");
        assert!(!make.contains("\ndev:"), "{make}");
    }

    #[test]
    fn every_command_is_one_of_ours() {
        for recipe in TASKS.recipes() {
            if let Some(rest) = recipe.command.strip_prefix("daglab ") {
                assert!(is_command(rest.split(' ').next().unwrap()), "{rest}");
            }
        }
    }
}
