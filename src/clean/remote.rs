//! Runs in an object store, as items beside those of the project's folder.

use std::time::SystemTime;

use super::apply::Done;
use super::plan::{Item, Place, Reason};
use crate::publish::remote::{self, Error, RemoteStore, Subject};
use crate::publish::retention::{Policy, Why};

/// What goes of a project's runs.
pub async fn items(
    store: &RemoteStore,
    subject: &Subject,
    policy: Policy,
) -> Result<Vec<Item>, Error> {
    let found = remote::plan_of(store, subject, policy).await?;
    let place = &store.address().place;
    let item = |run: remote::Item| Item {
        path: format!("{place}/{}/", run.dir()),
        reason: Reason::Export(why(&run, policy)),
        files: run.objects,
        bytes: run.bytes,
        written: Some(SystemTime::from(run.began)),
        place: Place::Run(run),
    };
    Ok(found.into_iter().map(item).collect())
}

fn why(run: &remote::Item, policy: Policy) -> Why {
    match policy.count {
        Some(count) if run.is_surplus => Why::Count {
            count,
            branch: run.line.rsplit('/').next().map(str::to_owned),
        },
        _ => Why::Age(policy.days.unwrap_or_default()),
    }
}

/// Deletes what of a plan is in the store; gives the rest back.
pub async fn apply(store: &RemoteStore, items: Vec<Item>) -> (Vec<Item>, Vec<Done>) {
    let (mut rest, mut runs) = (Vec::new(), Vec::new());
    let mut shown = Vec::new();
    for item in items {
        match &item.place {
            Place::Run(run) => {
                runs.push(run.clone());
                shown.push(item);
            }
            _ => rest.push(item),
        }
    }
    let removed = remote::remove(store, runs).await;
    let done = shown.into_iter().map(|item| {
        let became = removed.iter().find(|removed| match &item.place {
            Place::Run(run) => removed.item.dir() == run.dir(),
            _ => false,
        });
        let error = match became {
            Some(became) => became.left.clone(),
            None => Some("nothing was done with it".to_owned()),
        };
        Done { item, error }
    });
    (rest, done.collect())
}
