//! The names of a new project, made of whatever its folder is called.

use crate::ui::text;

/// Packages that the project depends on: one of the same name could not depend on them.
const TAKEN: &[&str] = &[
    "altair",
    "daglab",
    "dagster",
    "dagster-dg-cli",
    "dagster-webserver",
    "marimo",
    "pandas",
    "pytest",
    "ruff",
    "scikit-learn",
];
/// The longest name, in characters.
const LONGEST: usize = 60;

/// The names of a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    /// For people, in a heading: letters, digits, blanks, `-`, `_` and `.`.
    pub name: String,
    /// Of the distribution, as `pyproject.toml` may have it: `my-project-2`.
    pub distribution: String,
    /// Of the code location, a Python identifier: `my_project_2`.
    pub package: String,
}

/// Checks a name that somebody gives: something has to remain of it.
pub fn name(text: &str) -> Result<String, String> {
    match text.chars().take(LONGEST).any(char::is_alphanumeric) {
        true => Ok(text.to_owned()),
        false => Err("it has to have a letter or a digit".to_owned()),
    }
}

impl Names {
    /// Made of any text.
    pub fn of(text: &str) -> Self {
        let plain = |c: char| {
            if c.is_alphanumeric() || "-_.".contains(c) {
                c
            } else {
                ' '
            }
        };
        let name = text::one_line(&text.chars().take(LONGEST).map(plain).collect::<String>());
        let mut distribution = String::new();
        for c in name.chars().flat_map(char::to_lowercase) {
            if c.is_ascii_alphanumeric() {
                distribution.push(c);
            } else if !distribution.is_empty() && !distribution.ends_with('-') {
                distribution.push('-');
            }
        }
        let mut distribution = distribution.trim_end_matches('-').to_owned();
        if distribution.is_empty() {
            "project".clone_into(&mut distribution);
        }
        if TAKEN.contains(&distribution.as_str()) {
            distribution.push_str("-project");
        }
        let mut package = distribution.replace('-', "_");
        if package.starts_with(|c: char| c.is_ascii_digit()) {
            package.insert_str(0, "project_");
        }
        let is_name = name.chars().any(char::is_alphanumeric);
        Self {
            name: if is_name { name } else { distribution.clone() },
            distribution,
            package,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn something_remains_of_a_name() {
        assert_eq!(name("日本").as_deref(), Ok("日本"));
        for wrong in ["", " ", "--", "\"`", "._."] {
            assert!(name(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn any_folder_gives_valid_names() {
        let names = |text: &str| {
            let Names {
                name,
                distribution,
                package,
            } = Names::of(text);
            format!("{name} | {distribution} | {package}")
        };
        assert_eq!(
            names("my project-2"),
            "my project-2 | my-project-2 | my_project_2"
        );
        assert_eq!(names("Größe.x"), "Größe.x | gr-e-x | gr_e_x");
        assert_eq!(names("2026"), "2026 | 2026 | project_2026");
        assert_eq!(
            names("dagster"),
            "dagster | dagster-project | dagster_project"
        );
        assert_eq!(names("日本"), "日本 | project | project");
        assert_eq!(names("--"), "project | project | project");
        assert_eq!(names("a\n\"b`{{c}}"), "a b c | a-b-c | a_b_c");
        assert!(Names::of(&"ä b".repeat(99)).distribution.len() <= LONGEST);
    }
}
