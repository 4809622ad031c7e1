//! What `scaffold` says of the notebooks it has made.

use serde_json::json;

use super::make::Made;
use super::{OutputArg, Setting};
use crate::commands::Failure;
use crate::scaffold::changes::{Action, Plan};
use crate::scaffold::context::Kind;
use crate::scaffold::{commit, mark, place};
use crate::ui::Paint;
use crate::ui::text::{harmless_json, one_line, shell_word};

/// Shows what is lost of notebooks that somebody has edited.
pub(super) fn show_what_is_lost(setting: &Setting<'_>, plan: &Plan) {
    let is_edited = |before: &str| !mark::read(before).is_some_and(|mark| mark.intact);
    let edited: Vec<String> = plan
        .steps
        .iter()
        .filter(|step| step.action == Action::Overwrite)
        .filter(|step| step.before.as_deref().is_some_and(is_edited))
        .map(|step| step.path.display().to_string())
        .collect();
    if edited.is_empty() {
        return;
    }
    let printer = setting.context.printer;
    for path in &edited {
        printer.message(&format!(
            "warning: `{}` was edited, and is overwritten:",
            one_line(path)
        ));
    }
    printer.message(plan.shown(Paint::new(printer.stderr_color())).trim_end());
}

/// Prints the result, and what to do next.
pub(super) fn print(
    setting: Setting<'_>,
    made: &[Made],
    plan: &Plan,
    committed: &Result<Option<String>, commit::Error>,
) -> Result<(), Failure> {
    let args = setting.args;
    let printer = setting.context.printer;
    let commit = committed.as_ref().ok().and_then(Option::as_deref);
    // Commands are typed in the current directory.
    let dir = &setting.context.dir;
    let dir = dir.canonicalize().unwrap_or_else(|_| dir.clone());
    let root = setting.root.clone();
    let seen = |file: &str| place::seen(&root, file, &dir);
    // What is drawn goes before anything else is printed.
    let template = setting.template().to_owned();
    drop(setting);
    let text = match (args.output, args.dry_run) {
        (OutputArg::Json, _) => as_json(made, plan, &template, commit, args.dry_run),
        (OutputArg::Table, true) => plan.shown(Paint::new(printer.stdout_color())),
        (OutputArg::Table, false) => made
            .iter()
            .map(|notebook| format!("{}\n", one_line(&seen(&notebook.file))))
            .collect(),
    };
    printer.result(&text).map_err(Failure::output)?;
    if args.dry_run {
        printer.message("nothing was written");
        return Ok(());
    }
    if let Some(commit) = commit {
        let short: String = commit.chars().take(10).collect();
        printer.message(&format!("committed as {short}"));
    }
    if let ([first, ..], Ok(_)) = (made, committed) {
        let file = one_line(&shell_word(&seen(&first.file)));
        let project = match dir.starts_with(&root) {
            true => String::new(),
            false => format!(" {}", one_line(&shell_word(&root.to_string_lossy()))),
        };
        printer.message(&format!(
            "next: `marimo edit {file}`, and `daglab ci{project}` to run it as CI does"
        ));
    }
    Ok(())
}

fn as_json(
    made: &[Made],
    plan: &Plan,
    template: &str,
    commit: Option<&str>,
    dry_run: bool,
) -> String {
    let action = |file: &str| {
        let step = plan
            .steps
            .iter()
            .find(|step| step.path.to_str() == Some(file));
        match step.map(|step| step.action) {
            Some(Action::Overwrite | Action::Change) => "overwritten",
            Some(Action::Unchanged | Action::Keep) => "unchanged",
            Some(Action::Create) | None => "created",
        }
    };
    let notebooks = made.iter().map(|notebook| {
        json!({
            "path": notebook.file,
            "template": template,
            "action": action(&notebook.file),
            "target": {
                "kind": notebook.kind.as_str(),
                "name": notebook.name,
                "job": (notebook.kind == Kind::Job).then_some(&notebook.name),
                "assets": notebook.assets,
                "location": notebook.location,
                "module": notebook.module,
            },
            "config_valid": notebook.valid,
            "seed": notebook.seed,
        })
    });
    let value = json!({
        "notebooks": notebooks.collect::<Vec<_>>(),
        "committed": commit,
        "dry_run": dry_run,
    });
    harmless_json(format!("{value:#}")) + "\n"
}
