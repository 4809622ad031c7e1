//! What came of it, and what to do next.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{DAGSTER_PORT, Kind, Prepared, Template};
use crate::scaffold::changes::{Action, Step};
use crate::ui::Paint;
use crate::ui::style::Role;
use crate::ui::text;

/// What is shown with a plan.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a> {
    /// Whether nothing was written.
    pub dry_run: bool,
    /// The user's current directory, from which the project's is named.
    pub from: &'a Path,
    /// How it is painted.
    pub paint: Paint,
}

/// The word for what is done to a file, and how it looks.
fn word(action: Action) -> (&'static str, Role) {
    match action {
        Action::Create => ("create", Role::Good),
        Action::Overwrite => ("overwrite", Role::Bad),
        Action::Change => ("change", Role::Warn),
        Action::Keep => ("keep", Role::Muted),
        Action::Unchanged => ("unchanged", Role::Muted),
    }
}

/// What was done to each file, for people.
pub fn render(prepared: &Prepared, shown: &Shown<'_>) -> String {
    let plan = &prepared.plan;
    let place = plan.root().display();
    let what = match &prepared.kind {
        Kind::New { template, .. } => {
            format!("new project from the template `{}`", template.name())
        }
        Kind::Existing { locations } if locations.is_empty() => "project".to_owned(),
        Kind::Existing { locations } => format!(
            "project of {}",
            text::count(locations.len(), "code location")
        ),
    };
    if plan.changes_nothing() {
        return format!("nothing to change in `{place}`, {what}\n");
    }
    let mut out = format!(
        "{}\n",
        shown
            .paint
            .paint(Role::Heading, &format!("`{place}`, {what}"))
    );
    let steps = plan
        .steps
        .iter()
        .filter(|step| step.action != Action::Unchanged);
    for step in steps.clone() {
        let (word, role) = word(step.action);
        let path = text::one_line(&step.path.display().to_string());
        out.push_str(&format!(
            "  {} {path}\n",
            shown.paint.paint(role, &format!("{word:<9}"))
        ));
    }
    for folder in &plan.directories {
        let path = text::one_line(&folder.display().to_string());
        out.push_str(&format!(
            "  {} {path}/\n",
            shown.paint.paint(Role::Good, "create   ")
        ));
    }
    let written = steps.filter(|step| step.action.writes()).count();
    let verb = if shown.dry_run {
        "would be written"
    } else {
        "written"
    };
    out.push_str(&format!("{} {verb}\n", text::count(written, "file")));
    out
}

/// What to do next, one thing a line: a command and what it does.
pub fn next_steps(prepared: &Prepared, from: &Path) -> Vec<(String, &'static str)> {
    let root = prepared.plan.root();
    let mut steps = Vec::new();
    if from.canonicalize().as_deref().ok() != Some(root) {
        let name = root.strip_prefix(from).unwrap_or(root);
        steps.push((
            format!("cd {}", text::shell_word(&name.to_string_lossy())),
            "the project's folder",
        ));
    }
    match &prepared.kind {
        Kind::New { template, port, .. } => {
            let job = template.job();
            steps.push(("uv sync".to_owned(), "makes the project's environment"));
            steps.push((
                match *port {
                    DAGSTER_PORT => "uv run dg dev".to_owned(),
                    port => format!("uv run dg dev --port {port}"),
                },
                "starts Dagster with the project",
            ));
            steps.push((
                format!("daglab run --ephemeral --job {job}"),
                "runs a job, without a server",
            ));
        }
        Kind::Existing { locations } if locations.is_empty() => {
            let file = "edit `workspace.yaml` or `pyproject.toml`".to_owned();
            steps.push((file, "name what Dagster is to load"));
        }
        Kind::Existing { .. } => {
            steps.push(("daglab ci --plan".to_owned(), "shows what would be run"));
        }
    }
    if super::tasks::is_command("scaffold") {
        let asset = match &prepared.kind {
            Kind::New {
                template: Template::Ml,
                ..
            } => "evaluation",
            Kind::New { .. } => "orders",
            Kind::Existing { .. } => "NAME",
        };
        let scaffold = format!("daglab scaffold --asset {asset}");
        steps.push((scaffold, "makes a notebook for an asset"));
    }
    steps.push((
        "daglab ci".to_owned(),
        "checks everything, as a pull request would",
    ));
    steps
}

/// The next steps, for people.
pub fn render_next(steps: &[(String, &'static str)], paint: Paint) -> String {
    let width = steps.iter().map(|(command, _)| text::width(command)).max();
    let width = width.unwrap_or_default();
    let mut out = format!("{}\n", paint.paint(Role::Heading, "Next steps"));
    for (command, what) in steps {
        let command = text::one_line(command);
        let gap = " ".repeat(width.saturating_sub(text::width(&command)));
        out.push_str(&format!(
            "  {}{gap}  {what}\n",
            paint.paint(Role::Name, &command)
        ));
    }
    out
}

/// The same for programs.
pub fn json(prepared: &Prepared, shown: &Shown<'_>) -> Value {
    let plan = &prepared.plan;
    let file = |step: &Step| json!({ "path": step.path, "action": word(step.action).0 });
    let directories: Vec<&PathBuf> = plan.directories.iter().collect();
    let mut value = json!({
        "version": 1,
        "root": plan.root(),
        "dry_run": shown.dry_run,
        "notebooks_dir": prepared.notebooks_dir,
        "files": plan.steps.iter().map(file).collect::<Vec<_>>(),
        "directories": directories,
        "notes": prepared.notes,
    });
    value["project"] = match &prepared.kind {
        Kind::Existing { locations } => json!({ "kind": "existing", "locations": locations }),
        Kind::New {
            template, names, ..
        } => json!({
            "kind": "new",
            "template": template.name(),
            "name": names.name,
            "distribution": names.distribution,
            "locations": [names.package],
        }),
    };
    if shown.dry_run {
        value["diff"] = plan.diff().into();
    }
    let steps = next_steps(prepared, shown.from).into_iter();
    value["next_steps"] = steps.map(|(command, _)| command).collect();
    value
}
