//! Writing a plan: all of it or nothing.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::sync::oneshot;

use super::error::Fault;
use super::journal::{Before, Entry, HOME, Journal, STAGED, digest};
use super::place::{Held, Root};
use super::{Action, Error, Plan, Step};
use crate::supervise::cancel::{Cancel, Reason};

/// Writes a plan, unless a signal comes.
pub(super) fn apply(plan: &Plan) -> Result<(), Error> {
    if plan.changes_nothing() && plan.root.is_dir() {
        return Ok(());
    }
    let signals = Signals::listen();
    let mut look = || match signals.reason() {
        Some(reason) => ControlFlow::Break(Halt::Undo(Error::Interrupted(reason))),
        None => ControlFlow::Continue(()),
    };
    apply_with(plan, &mut look)
}

/// Why writing ends before it is done.
pub(super) enum Halt {
    /// What was done is to be undone.
    Undo(Error),
    /// As if the process had been killed.
    #[cfg(test)]
    Killed,
}

impl From<Error> for Halt {
    fn from(error: Error) -> Self {
        Self::Undo(error)
    }
}

/// Asked before each step whether to go on.
type Look<'a> = &'a mut dyn FnMut() -> ControlFlow<Halt>;

/// Writes a plan, as long as `look` wants to go on.
pub(super) fn apply_with(plan: &Plan, look: Look<'_>) -> Result<(), Error> {
    let made = make_root(&plan.root)?;
    let done = below_root(plan, look);
    if done.is_err() {
        // Only those that are empty go.
        for folder in made.iter().rev() {
            let _ = std::fs::remove_dir(folder);
        }
    }
    done
}

/// Makes the root and what leads to it. Returns what was not there, parents first.
fn make_root(root: &Path) -> Result<Vec<PathBuf>, Error> {
    let missing = root.ancestors().take_while(|folder| !folder.exists());
    let mut missing: Vec<PathBuf> = missing.map(Path::to_owned).collect();
    missing.reverse();
    std::fs::create_dir_all(root).map_err(|source| Error::Write {
        path: root.to_owned(),
        source,
    })?;
    Ok(missing)
}

fn below_root(plan: &Plan, look: Look<'_>) -> Result<(), Error> {
    let root = Root::open_if_there(&plan.root)?.ok_or_else(|| Error::Changed {
        path: plan.root.clone(),
    })?;
    let Some(_lock) = root
        .lock()
        .map_err(|e| Fault::from(e).writing(&plan.root))?
    else {
        let root = plan.root.clone();
        return Err(Error::Busy { root });
    };
    super::journal::refuse_unfinished(&root)?;
    let mut directories = plan.missing_directories(&root)?;
    let home = Path::new(HOME);
    let made_home = !root.is_directory(home).map_err(|error| error.at(home))?;
    let wants_home = directories.iter().any(|folder| folder == home);
    directories.retain(|folder| folder != home);
    if made_home {
        directories.insert(0, home.to_owned());
    }
    let steps: Vec<&Step> = plan.steps.iter().filter(|s| s.action.writes()).collect();
    let (mut journal, held) = journal(&steps, directories, &root)?;
    if made_home {
        root.make_directory(home).map_err(|e| e.writing(home))?;
    }
    if let Err(error) = journal.write(&root) {
        if made_home {
            let _ = root.remove_directory(home);
        }
        return Err(error);
    }
    match write(&steps, &journal, &held, &root, look) {
        Ok(()) => {}
        #[cfg(test)]
        Err(Halt::Killed) => return Ok(()),
        Err(Halt::Undo(cause)) => {
            return Err(match journal.undo(&root) {
                Ok(_) => cause,
                Err(source) => Error::Undo {
                    cause: Box::new(cause),
                    source: Box::new(source),
                },
            });
        }
    }
    // From here on it is done.
    Journal::remove(&root)?;
    if made_home && !wants_home {
        // It was there for the journal alone.
        let _ = root.remove_directory(home);
    }
    Ok(())
}

/// What will be written and what is there, if it is still what was planned on.
fn journal(
    steps: &[&Step],
    directories: Vec<PathBuf>,
    root: &Root,
) -> Result<(Journal, Vec<Option<Held>>), Error> {
    let mut files = Vec::new();
    let mut all = Vec::new();
    let salt = salt();
    for (index, step) in steps.iter().enumerate() {
        let held = root.read(&step.place).map_err(|e| e.at(&step.path))?;
        if held.as_ref().map(|held| &held.text) != step.before.as_ref() {
            let path = step.path.clone();
            return Err(Error::Changed { path });
        }
        let name = format!("{STAGED}{:06x}", (salt + index as u64) % 0x0100_0000);
        files.push(Entry {
            path: step.place.clone(),
            staged: step.place.with_file_name(name),
            before: held.as_ref().map(|held| Before {
                text: held.text.clone(),
                mode: held.mode,
            }),
            after: digest(&step.after),
        });
        all.push(held);
    }
    Ok((Journal::new(directories, files), all))
}

/// What the names of staged files are counted from: another number each time.
fn salt() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    u64::from(now.unwrap_or_default().subsec_nanos())
}

fn write(
    steps: &[&Step],
    journal: &Journal,
    held: &[Option<Held>],
    root: &Root,
    look: Look<'_>,
) -> Result<(), Halt> {
    let mut look = || match look() {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(halt) => Err(halt),
    };
    for folder in journal.directories.iter().filter(|f| *f != Path::new(HOME)) {
        look()?;
        root.make_directory(folder).map_err(|e| e.writing(folder))?;
    }
    let all = || steps.iter().zip(&journal.files).zip(held);
    for ((step, file), held) in all() {
        look()?;
        root.write_new(&file.staged, &step.after, held.as_ref())
            .map_err(|error| error.writing(&step.path))?;
    }
    for ((step, file), held) in all() {
        look()?;
        if let Some(held) = held {
            let now = root.read(&step.place).map_err(|e| e.at(&step.path))?;
            if now.is_none_or(|now| now.text != held.text) {
                let path = step.path.clone();
                return Err(Error::Changed { path }.into());
            }
        }
        let is_new = step.action == Action::Create;
        root.rename(&file.staged, &step.place, is_new)
            .map_err(|error| error.writing(&step.path))?;
    }
    look()
}

/// Hears signals on a thread of its own, since the one that writes does not wait for anything.
struct Signals {
    heard: Arc<OnceLock<Reason>>,
    /// Dropped when nobody asks any more.
    _listens: oneshot::Sender<()>,
}

impl Signals {
    /// Listens from now on. Where that is not possible, a signal ends the process, and the next
    /// command undoes what it did.
    fn listen() -> Self {
        let heard = Arc::new(OnceLock::new());
        let (listens, mut ends) = oneshot::channel::<()>();
        let (ready, is_ready) = std::sync::mpsc::channel();
        let hears = Arc::clone(&heard);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            let Ok(runtime) = runtime else { return };
            runtime.block_on(async {
                let Ok(cancel) = Cancel::on_signals() else {
                    return;
                };
                let _ = ready.send(());
                tokio::select! {
                    reason = cancel.cancelled() => drop(hears.set(reason)),
                    _ = &mut ends => {}
                }
            });
        });
        // An error means that the thread could not listen.
        let _ = is_ready.recv();
        Self {
            heard,
            _listens: listens,
        }
    }

    fn reason(&self) -> Option<Reason> {
        self.heard.get().copied()
    }
}
