//! What goes again: runs that are too old, or more than a branch may keep.
//!
//! A run is deleted only where its own list lies in its directory, and of that directory only what
//! the list names and nobody has changed since. A branch's newest run stays, whatever its age; of a
//! pull request nothing does.

use std::collections::BTreeMap;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use jiff::{SignedDuration, Timestamp};
use object_store::ObjectMeta;

use super::address::Place;
use super::error::Error;
use super::layout::{self, Layout, Subject};
use super::publication::{Line, Publication};
use super::runs::{self, Manifest, Runs};
use super::store::{AT_ONCE, RemoteStore};
use crate::publish::retention::Policy;

/// One run to delete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// The branch's or pull request's directory: `PREFIX/acme/shop/branches/main`.
    pub line: String,
    /// The run's directory in it.
    pub run: String,
    /// When it began.
    pub began: Timestamp,
    /// Bytes in its directory.
    pub bytes: u64,
    /// Objects in its directory.
    pub objects: usize,
    /// Whether it is too many rather than too old.
    pub is_surplus: bool,
}

/// What became of one.
#[derive(Debug, Clone)]
pub struct Removed {
    /// The run.
    pub item: Item,
    /// Why not all of it is gone.
    pub left: Option<String>,
}

impl Item {
    /// Its directory.
    pub fn dir(&self) -> String {
        format!("{}/{}", self.line, self.run)
    }
}

impl Publication {
    /// Deletes what is not to be kept of this project, but never this run. Gives what became of each.
    pub async fn sweep(&self, keep: Policy) -> Result<Vec<Removed>, Error> {
        let (store, layout) = self.parts();
        if keep == Policy::default() {
            return Ok(Vec::new());
        }
        let mut items = plan(store, &layout.scope, keep).await?;
        items.retain(|item| item.run != layout.run);
        Ok(remove(store, items).await)
    }
}

/// What would be deleted of a project's runs, of all branches and pull requests.
pub async fn plan_of(
    store: &RemoteStore,
    subject: &Subject,
    keep: Policy,
) -> Result<Vec<Item>, Error> {
    let layout = Layout::of(subject, Timestamp::now());
    plan(store, &store.address.key(&layout.scope), keep).await
}

async fn plan(store: &RemoteStore, scope: &str, keep: Policy) -> Result<Vec<Item>, Error> {
    let listed = store.list(scope).await?;
    let mut lines: BTreeMap<String, Vec<Item>> = BTreeMap::new();
    // Other projects of the repository lie below it, and are not this one's.
    let own = |item: &Item| {
        let line = item.line.strip_prefix(&format!("{scope}/"));
        line.is_some_and(|line| {
            let mut parts = line.split('/');
            matches!(parts.next(), Some("branches" | "pulls" | "commits")) && parts.count() == 1
        })
    };
    for item in items(&listed).into_iter().filter(own) {
        lines.entry(item.line.clone()).or_default().push(item);
    }
    let mut chosen = Vec::new();
    for items in lines.into_values() {
        chosen.extend(plan_of_line(store, items, keep).await?);
    }
    chosen.sort_by(|a, b| (&a.line, &a.run).cmp(&(&b.line, &b.run)));
    Ok(chosen)
}

/// What goes of a branch's or pull request's runs.
///
/// Those that are not complete are still at work, or were interrupted: they count for nothing, and
/// go by their age alone, of which they have a day at least.
async fn plan_of_line(
    store: &RemoteStore,
    mut items: Vec<Item>,
    keep: Policy,
) -> Result<Vec<Item>, Error> {
    items.sort_by(|a, b| b.run.cmp(&a.run));
    let now = Timestamp::now();
    let before = |hours: i64| now.checked_sub(SignedDuration::from_hours(hours)).ok();
    let oldest = keep.days.and_then(|days| before(i64::from(days) * 24));
    let is_old = |item: &Item| oldest.is_some_and(|oldest| item.began < oldest);
    let is_too_many = keep.count.is_some_and(|count| items.len() > count as usize);
    if !is_too_many && !items.iter().any(is_old) {
        return Ok(Vec::new());
    }
    let complete: Vec<bool> = stream::iter(&items)
        .map(async |item| {
            let manifest = manifest(store, item).await?;
            Ok::<_, Error>(manifest.is_some_and(|manifest| manifest.complete))
        })
        .buffered(AT_ONCE)
        .try_collect()
        .await?;
    // What a branch's list leads to stays.
    let is_branch = items.first().is_some_and(|item| is_branch(&item.line));
    let latest = match items.first().filter(|_| is_branch) {
        Some(item) => listed_runs(store, &item.line)
            .await?
            .and_then(|runs| runs.latest),
        None => None,
    };
    let yesterday = before(24);
    let mut newer = 0;
    let mut chosen = Vec::new();
    for (item, complete) in items.into_iter().zip(complete) {
        let is_newest = complete && newer == 0;
        let is_surplus = complete && keep.count.is_some_and(|count| newer >= count);
        newer += u32::from(complete);
        let is_young = !complete && yesterday.is_some_and(|yesterday| item.began > yesterday);
        let stays = is_branch && (is_newest || latest.as_ref() == Some(&item.run));
        let is_old = oldest.is_some_and(|oldest| item.began < oldest);
        if !stays && !is_young && (is_old || is_surplus) {
            chosen.push(Item {
                is_surplus: !is_old,
                ..item
            });
        }
    }
    Ok(chosen)
}

/// By the last but one part of its directory: the parts before it may have any names.
fn is_branch(line: &str) -> bool {
    line.rsplit('/').nth(1) != Some("pulls")
}

/// A branch's list, if it is one of ours.
async fn listed_runs(store: &RemoteStore, line: &str) -> Result<Option<Runs>, Error> {
    let key = format!("{line}/{}", layout::RUNS);
    match store.get(&key, runs::LARGEST).await {
        Ok(found) => Ok(found.and_then(|(bytes, _)| Runs::read(&bytes))),
        Err(Error::Foreign { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The runs among objects: the directories that hold a run's list and are named like one.
fn items(listed: &[ObjectMeta]) -> Vec<Item> {
    let mut found: BTreeMap<&str, Item> = BTreeMap::new();
    for meta in listed {
        let key = meta.location.as_ref();
        let Some(dir) = key
            .strip_suffix(layout::MANIFEST)
            .and_then(|it| it.strip_suffix('/'))
        else {
            continue;
        };
        let Some((line, run)) = dir.rsplit_once('/') else {
            continue;
        };
        let Some(began) = layout::began(run) else {
            continue;
        };
        let item = Item {
            line: line.to_owned(),
            run: run.to_owned(),
            began,
            bytes: 0,
            objects: 0,
            is_surplus: false,
        };
        found.insert(dir, item);
    }
    for meta in listed {
        let key = meta.location.as_ref();
        let mut above = key.match_indices('/').map(|(at, _)| &key[..at]);
        if let Some(dir) = above.find(|dir| found.contains_key(dir))
            && let Some(item) = found.get_mut(dir)
        {
            item.bytes += meta.size;
            item.objects += 1;
        }
    }
    found.into_values().collect()
}

async fn manifest(store: &RemoteStore, item: &Item) -> Result<Option<Manifest>, Error> {
    let key = format!("{}/{}", item.dir(), layout::MANIFEST);
    match store.get(&key, runs::LARGEST).await {
        Ok(found) => Ok(found.and_then(|(bytes, _)| Manifest::read(&bytes, &item.run))),
        Err(Error::Foreign { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Deletes runs. First nothing leads to them any more, then their files go, and last their lists:
/// what is stopped half-way is found and finished by the next.
pub async fn remove(store: &RemoteStore, items: Vec<Item>) -> Vec<Removed> {
    let mut lines: BTreeMap<String, Vec<Item>> = BTreeMap::new();
    for item in items {
        lines.entry(item.line.clone()).or_default().push(item);
    }
    let mut removed = Vec::new();
    // What nothing else will do better with.
    let mut failed: Option<Error> = None;
    for (line, items) in lines {
        let runs: Vec<String> = items.iter().map(|item| item.run.clone()).collect();
        // Somebody else's file among what leads there holds up this branch, and no other.
        let mut held_up = None;
        if failed.is_none()
            && let Err(error) = forget(store, &line, &runs).await
        {
            held_up = Some(error.to_string());
            failed = Some(error).filter(Error::is_final);
        }
        for item in items {
            let left = match (&held_up, &failed) {
                (Some(why), _) => Some(why.clone()),
                (None, Some(error)) => Some(error.to_string()),
                (None, None) => match remove_run(store, &item).await {
                    Ok(left) => left,
                    Err(error) => {
                        let why = error.to_string();
                        failed = Some(error).filter(Error::is_final);
                        Some(why)
                    }
                },
            };
            removed.push(Removed { item, left });
        }
    }
    removed
}

/// Takes runs off their branch's list. A list of somebody else's stays as it is.
async fn forget(store: &RemoteStore, line: &str, runs: &[String]) -> Result<(), Error> {
    // Its kind and its name, behind a scope of any names.
    let at = line.rmatch_indices('/').nth(1).map_or(0, |(at, _)| at);
    let (scope, name) = (&line[..at], line[at..].trim_start_matches('/'));
    let layout = Layout {
        scope: scope.to_owned(),
        line: name.to_owned(),
        run: runs.first().cloned().unwrap_or_default(),
    };
    let listed = listed_runs(store, line).await?;
    let is_listed = listed.is_some_and(|all| all.runs.iter().any(|it| runs.contains(&it.run)));
    if !is_listed {
        return Ok(());
    }
    let subject = Subject::default();
    let line = Line {
        store,
        layout: &layout,
        subject: &subject,
    };
    line.update(&mut |all| all.remove(runs)).await
}

/// Deletes one run. Gives why not all of it is gone.
async fn remove_run(store: &RemoteStore, item: &Item) -> Result<Option<String>, Error> {
    let dir = item.dir();
    let Some(manifest) = manifest(store, item).await? else {
        return Ok(Some("its list is not one of daglab's".to_owned()));
    };
    let judged = stream::iter(store.list(&dir).await?).map(async |meta| {
        let ours = is_ours(store, item, &manifest, &meta).await?;
        Ok::<_, Error>((meta.location.to_string(), ours))
    });
    let judged: Vec<(String, bool)> = judged.buffer_unordered(AT_ONCE).try_collect().await?;
    let list = format!("{dir}/{}", layout::MANIFEST);
    let foreign = judged
        .iter()
        .filter(|(key, ours)| !ours && *key != list)
        .count();
    let ours = judged
        .into_iter()
        .filter(|(_, ours)| *ours)
        .map(|(key, _)| key);
    store.delete_all(ours.collect()).await?;
    store.delete(&list).await?;
    Ok((foreign > 0).then(|| {
        format!("{foreign} objects in it are not daglab's, or were changed since, and stay")
    }))
}

/// Whether an object is what the run's list says.
async fn is_ours(
    store: &RemoteStore,
    item: &Item,
    manifest: &Manifest,
    meta: &ObjectMeta,
) -> Result<bool, Error> {
    let key = meta.location.as_ref();
    let name = key
        .strip_prefix(&format!("{}/", item.dir()))
        .unwrap_or_default();
    match manifest.files.get(name) {
        None => Ok(false),
        Some(Some(tag)) => Ok(meta.e_tag.as_ref() == Some(tag)),
        // It was about to be written: what is there says who did.
        Some(None) if matches!(store.address.place, Place::File(_)) => Ok(true),
        Some(None) => Ok(store.mark(key).await?.as_deref() == Some(&*item.run)),
    }
}
