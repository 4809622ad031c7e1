//! `--watch`: exporting again whenever something changes that a notebook is made of.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::error::Error;
use super::notebooks::Selection;
use super::{ExportArgs, export};
use crate::commands::{Context, Failure};
use crate::error::ExitStatus;
use crate::project::changes::Changes;
use crate::project::notebooks::Notebook;
use crate::project::reach::Reach;
use crate::supervise::cancel::Cancel;
use crate::ui::render_error;
use crate::ui::text::{count, one_line};

/// How many names of files a line holds.
const NAMED: usize = 3;

/// Exports until Ctrl-C. What fails in one round is said, and the next change tries again; only
/// mistakes that no change of the code can mend end it at once.
pub(super) async fn run(
    args: &ExportArgs,
    context: &Context,
    cancel: &Cancel,
) -> Result<ExitStatus, Failure> {
    let mut selection = args.select(context)?;
    let root = selection.project.root.clone();
    // Before the first export, so that no change is missed.
    let mut changes = Changes::below(&root).map_err(|error| Error::Watch(error.to_string()))?;
    selection.tell_skipped(context);
    let mut known = files(&selection.notebooks);
    let mut first = true;
    loop {
        let ended = export(args, context, cancel, selection).await;
        if let Some(reason) = cancel.reason() {
            return Ok(reason.exit_status());
        }
        match ended {
            Err(failure) if first && !may_pass(&failure) => return Err(failure),
            Err(failure) => tell(context, &failure),
            Ok(_) => {}
        }
        first = false;
        let waiting = format!(
            "waiting for changes of {} below `{}`; Ctrl-C ends it",
            count(known.len(), "notebook"),
            root.display()
        );
        context.printer.message(&waiting);
        selection = tokio::select! {
            next = next_round(args, context, &mut changes, &mut known) => next,
            reason = cancel.cancelled() => return Ok(reason.exit_status()),
        };
    }
}

/// Whether a change of the project's code may help.
fn may_pass(failure: &Failure) -> bool {
    !matches!(
        failure.diagnose().exit_status(),
        ExitStatus::Usage | ExitStatus::Environment | ExitStatus::Authentication
    )
}

/// Waits until a notebook must be exported again, and says which.
async fn next_round(
    args: &ExportArgs,
    context: &Context,
    changes: &mut Changes,
    known: &mut BTreeSet<PathBuf>,
) -> Selection {
    let mut changed = BTreeSet::new();
    loop {
        changed.extend(changes.next().await);
        let mut selection = match args.select(context) {
            Ok(selection) => selection,
            Err(failure) => {
                tell(context, &failure);
                continue;
            }
        };
        let root = selection.project.root.clone();
        let all = files(&selection.notebooks);
        selection.notebooks.retain(|notebook| {
            !known.contains(&notebook.file)
                || changed.contains(&notebook.file)
                || Reach::of(notebook, &root).touches(&changed, &all)
        });
        known.extend(all);
        if selection.notebooks.is_empty() {
            changed.clear();
            continue;
        }
        let names: Vec<String> = changed
            .iter()
            .take(NAMED)
            .map(|file| {
                let path = file.strip_prefix(&root).unwrap_or(file);
                format!("`{}`", one_line(&path.to_string_lossy()))
            })
            .collect();
        let more = changed.len().saturating_sub(NAMED);
        let more = match more {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let line = format!("changed: {}{more}", names.join(", "));
        context.printer.message(&line);
        return selection;
    }
}

fn files(notebooks: &[Notebook]) -> BTreeSet<PathBuf> {
    notebooks.iter().map(|it| it.file.clone()).collect()
}

fn tell(context: &Context, failure: &Failure) {
    let text = render_error(failure.diagnose(), context.printer.stderr_color());
    context.printer.message(text.trim_end());
}
