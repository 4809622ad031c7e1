//! Carrying a plan out.
//!
//! One item after the other, so that whoever interrupts it finds the rest where it was: what is gone
//! is gone, and a list that still names it is as good as one that does not.

use std::path::{Path, PathBuf};

use super::Error;
use super::plan::{Item, Place, Plan};
use crate::publish::removal::{self, Root};
use crate::publish::retention;
use crate::supervise::workdir;

/// What became of an item.
#[derive(Debug)]
pub struct Done {
    /// The item.
    pub item: Item,
    /// Why it is still there.
    pub error: Option<String>,
}

/// Deletes what a plan says. What can't be deleted stays, and holds nothing else up.
pub fn apply(plan: Plan) -> Result<Vec<Done>, Error> {
    let root = Root::open(&plan.root).map_err(|source| Error::Open {
        path: plan.root.clone(),
        source,
    })?;
    let mut done = Vec::new();
    let mut stores: Vec<PathBuf> = Vec::new();
    for item in plan.items {
        if let Place::Listed { store, .. } = &item.place
            && !stores.contains(store)
        {
            stores.push(store.clone());
        }
        let error = match remove(&root, &item.place) {
            Ok(()) => None,
            // Somebody was quicker.
            Err(error) if error.is_gone() => None,
            Err(error) => Some(error.to_string()),
        };
        done.push(Done { item, error });
    }
    for store in stores {
        let forgotten = root
            .below(&store)
            .and_then(|store| retention::forget_gone(&store));
        if let Err(error) = forgotten {
            tracing::warn!(
                "the list of exports in `{}` still names those that are gone: {error}",
                store.display()
            );
        }
    }
    Ok(done)
}

fn remove(root: &Root, place: &Place) -> Result<(), removal::Error> {
    match place {
        Place::Listed { store, key, seen } => {
            let store = root.below(store)?;
            store.remove_file(Path::new(key), seen)?;
            store.remove_empty_parents(Path::new(key));
            Ok(())
        }
        Place::File { path, seen } => root.remove_file(path, seen),
        Place::Tree(path) => root.remove_tree(path),
        Place::Run(run) => Err(removal::Error::Outside(PathBuf::from(run.dir()))),
        Place::Workdir(path) => {
            // A command that has begun to use it keeps it.
            let _lock = workdir::claim(path).ok_or(removal::Error::Changed)?;
            let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
                return Err(removal::Error::Outside(path.clone()));
            };
            let parent = parent
                .canonicalize()
                .map_err(|_| removal::Error::Outside(path.clone()))?;
            Root::open(&parent)?.remove_tree(Path::new(name))
        }
    }
}
