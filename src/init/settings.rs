//! `daglab.yaml`, as it is written once and then belongs to the user.

use super::{DAGSTER_PORT, MARIMO_PORT, Ports, Template};
use crate::config::yaml::scalar;

/// What is in it.
pub(super) struct Values<'a> {
    pub notebooks_dir: &'a str,
    pub ports: Ports,
    /// The code location, if there is one alone.
    pub location: Option<&'a str>,
    /// Of a new project.
    pub template: Option<Template>,
}

/// The file's text.
pub(super) fn render(values: &Values<'_>) -> String {
    let location = match values.location {
        Some(name) => format!("  repository_location_name: {}\n", scalar(name)),
        None => "  # repository_location_name: NAME  # where there are several\n".to_owned(),
    };
    format!(
        "# Settings of daglab. `daglab config show --origin` prints all of them and where each comes \
         from,\n# `daglab config schema` their schema.\nversion: 1.0\n\n\
         # Where paired notebooks live.\nnotebooks_dir: {notebooks}\n\n\
         # The Dagster that `run`, `discover` and notebooks talk to.\ndagster:\n  host: localhost\n  \
         port: {dagster}\n{location}\nmarimo:\n  port: {marimo}\n\n\
         defaults:\n  notebook_template: default  # or minimal, ml, feature-store\n  \
         attach_metadata_key: exploration\n\n\
         export:\n  retention_days: 30\n\n\
         # What `daglab ci` runs beside all notebooks.\nci:\n{jobs}",
        notebooks = scalar(values.notebooks_dir),
        dagster = values.ports.dagster.unwrap_or(DAGSTER_PORT),
        marimo = values.ports.marimo.unwrap_or(MARIMO_PORT),
        jobs = jobs(values.template),
    )
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
                let text = render(&Values {
                    notebooks_dir: notebooks,
                    ports: Ports {
                        dagster: Some(4000),
                        marimo: None,
                    },
                    location,
                    template,
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
