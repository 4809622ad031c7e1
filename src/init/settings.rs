//! `daglab.yaml`, as it is written once and then belongs to the user.

use std::path::Path;

use super::{DAGSTER_PORT, MARIMO_PORT, Ports, Template};
use crate::config::yaml::scalar;
use crate::config::{Loaded, Origin};

/// What is in it.
pub(super) struct Values<'a> {
    pub notebooks_dir: &'a str,
    pub ports: Ports,
    /// The code location, if there is one alone.
    pub location: Option<&'a str>,
    /// Of a new project.
    pub template: Option<Template>,
    /// What counts already.
    pub above: Above<'a>,
}

/// The settings that other files have for the project: those of folders above it, and the user's own.
/// What the new file said of them would hide them.
pub(super) struct Above<'a> {
    loaded: &'a Loaded,
    root: &'a Path,
}

impl<'a> Above<'a> {
    /// As they were loaded for a project in this folder.
    pub(super) fn of(loaded: &'a Loaded, root: &'a Path) -> Self {
        Self { loaded, root }
    }

    /// The file that has a setting, as the project's would name it; none if there is none but its own.
    fn file(&self, key: &str) -> Option<String> {
        let Origin::File(place) = self.loaded.origins.of(key) else {
            return None;
        };
        let mut folders = self.root.ancestors();
        match folders.position(|folder| place.file.parent() == Some(folder)) {
            Some(0) => None,
            Some(up) => {
                let name = place.file.file_name().unwrap_or_default();
                Some(format!("{}{}", "../".repeat(up), name.to_string_lossy()))
            }
            None => Some("~/.daglab/config.yaml".to_owned()),
        }
    }
}

/// The file's text.
pub(super) fn render(values: &Values<'_>) -> String {
    let location = match values.location {
        Some(name) => format!("  repository_location_name: {}\n", scalar(name)),
        None => "  # repository_location_name: NAME  # where there are several\n".to_owned(),
    };
    let line = |key: &str, value: &str, remark: &str| match values.above.file(key) {
        None => set(key, &format!("{value}{remark}")),
        Some(file) => format!("  # {}: {value}  # `{file}` has it\n", name(key)),
    };
    let port = |key: &str, wanted: Option<u16>, default: u16| match wanted {
        Some(port) => set(key, &port.to_string()),
        None => line(key, &default.to_string(), ""),
    };
    let of_dagster = [
        line("dagster.host", "localhost", ""),
        port("dagster.port", values.ports.dagster, DAGSTER_PORT),
        location,
    ];
    let of_marimo = [port("marimo.port", values.ports.marimo, MARIMO_PORT)];
    let others = "  # or minimal, ml, feature-store";
    let defaults = [
        line("defaults.notebook_template", "default", others),
        line("defaults.attach_metadata_key", "exploration", ""),
    ];
    let export = [line("export.retention_days", "30", "")];
    [
        "# Settings of daglab. `daglab config show --origin` prints all of them and where each comes \
         from,\n# `daglab config schema` their schema.\nversion: 1.0\n\n\
         # Where paired notebooks live.\n"
            .to_owned(),
        // Its folders are made, whatever other projects have.
        format!("notebooks_dir: {}\n", scalar(values.notebooks_dir)),
        "\n# The Dagster that `run`, `discover` and notebooks talk to.\n".to_owned(),
        section("dagster", &of_dagster),
        "\n".to_owned(),
        section("marimo", &of_marimo),
        "\n".to_owned(),
        section("defaults", &defaults),
        "\n".to_owned(),
        section("export", &export),
        format!(
            "\n# What `daglab ci` runs beside all notebooks.\nci:\n{}",
            jobs(values.template)
        ),
    ]
    .concat()
}

/// The last part of a key, as it stands in its section.
fn name(key: &str) -> &str {
    key.rsplit_once('.').map_or(key, |(_, name)| name)
}

fn set(key: &str, value: &str) -> String {
    format!("  {}: {value}\n", name(key))
}

/// A mapping; a comment where all of it is one.
fn section(name: &str, lines: &[String]) -> String {
    let is_comment = |line: &String| line.trim_start().starts_with('#');
    if !lines.iter().all(is_comment) {
        return format!("{name}:\n{}", lines.concat());
    }
    let lines: String = lines
        .iter()
        .map(|line| format!("# {}", line.replacen("# ", "", 1)))
        .collect();
    format!("# {name}:\n{lines}")
}

fn jobs(template: Option<Template>) -> String {
    let Some(template) = template else {
        return "  validate: true\n  # jobs: [NAME]\n".to_owned();
    };
    let job = template.job();
    match template {
        Template::Minimal | Template::Ml => format!("  jobs: [{job}]\n"),
        Template::Standard => format!(
            "  jobs:\n    - name: daily_shop\n      partition: \"2026-01-05\"\n    - {job}\n"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nothing() -> Loaded {
        Loaded {
            settings: crate::config::Settings::default(),
            origins: crate::config::Origins::default(),
            files: Vec::new(),
        }
    }

    #[test]
    fn what_a_folder_above_says_is_not_hidden() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("services/shop");
        std::fs::create_dir_all(&root).unwrap();
        std::fs::create_dir(dir.path().join(".git")).unwrap();
        let above = "dagster: {host: dagster.internal, port: 8080}\nmarimo: {port: 5}\n\
                     export: {retention_days: 90}\n";
        std::fs::write(dir.path().join("daglab.yaml"), above).unwrap();
        let load = || {
            let request = crate::config::Request {
                dir: root.clone(),
                ..Default::default()
            };
            crate::config::load(&request).unwrap()
        };
        let before = load();
        let text = render(&Values {
            notebooks_dir: "nb",
            ports: Ports {
                dagster: None,
                marimo: Some(6),
            },
            location: None,
            template: None,
            above: Above::of(&before, &root),
        });
        assert!(
            text.contains("# dagster:\n#   host: localhost  # `../../daglab.yaml` has it\n"),
            "{text}"
        );
        std::fs::write(root.join("daglab.yaml"), &text).unwrap();
        let settings = load().settings;
        assert_eq!(settings.dagster.host, "dagster.internal");
        assert_eq!((settings.dagster.port, settings.marimo.port), (8080, 6));
        assert_eq!(settings.export.retention_days, 90);
        assert_eq!(settings.notebooks_dir, "nb");
        // Uncommented, it is YAML as before.
        let alone: String = text
            .lines()
            .map(|line| format!("{}\n", line.strip_prefix("# ").unwrap_or(line)))
            .filter(|line| !line.starts_with(|c: char| c.is_ascii_uppercase() || c == '`'))
            .collect();
        std::fs::write(root.join("daglab.yaml"), alone).unwrap();
        assert_eq!(load().settings.dagster.host, "localhost");
    }

    #[test]
    fn whatever_is_in_it_it_is_read_again() {
        for (notebooks, location) in [
            ("dagster/notebooks", Some("shop")),
            ("a b/#c: ü", Some("no")),
            ("on", Some("it's \"x\" \\ {{ y }}\u{1}")),
            ("2026", None),
        ] {
            for template in [None, Some(Template::Minimal), Some(Template::Standard)] {
                let dir = tempfile::tempdir().unwrap();
                let nothing = nothing();
                let text = render(&Values {
                    notebooks_dir: notebooks,
                    ports: Ports {
                        dagster: Some(4000),
                        marimo: None,
                    },
                    location,
                    template,
                    above: Above::of(&nothing, dir.path()),
                });
                std::fs::write(dir.path().join("daglab.yaml"), &text).unwrap();
                let loaded = crate::config::load(&crate::config::Request {
                    dir: dir.path().to_owned(),
                    ..Default::default()
                })
                .unwrap();
                let settings = loaded.settings;
                assert_eq!(settings.notebooks_dir, notebooks);
                assert_eq!(
                    settings.dagster.repository_location_name.as_deref(),
                    location
                );
                assert_eq!((settings.dagster.port, settings.marimo.port), (4000, 3010));
            }
        }
    }
}
