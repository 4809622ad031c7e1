//! One run's files in a bucket, from the first word to what leads to them.

use std::cell::RefCell;
use std::collections::BTreeMap;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use jiff::Timestamp;
use percent_encoding::utf8_percent_encode;

use super::error::Error;
use super::index;
use super::layout::{self, Layout, Subject};
use super::links::{Link, Policy};
use super::runs::{self, Entry, Manifest, Runs};
use super::store::{AT_ONCE, Content, Put, RemoteStore};
use crate::config::model::{CloudStorage, Links};
use crate::percent::PATH;
use crate::redact::secrets;

/// How often somebody else may have written a list before us. Each time, one of us was done.
const PATIENCE: usize = 50;

/// One run's files.
#[derive(Debug)]
pub struct Publication {
    store: RemoteStore,
    policy: Policy,
    layout: Layout,
    subject: Subject,
    /// Files that have other names in the run than here.
    names: RefCell<BTreeMap<String, String>>,
    /// Names inside the run, with the bytes that were sent.
    sent: RefCell<BTreeMap<String, u64>>,
    /// The first thing that went wrong.
    failure: RefCell<Option<Error>>,
}

impl Publication {
    /// Makes a directory for a run, so that it is known before anything runs whether there is a
    /// bucket, and whether it may be written to.
    pub async fn begin(
        store: RemoteStore,
        settings: &CloudStorage,
        subject: Subject,
        began: Timestamp,
    ) -> Result<Self, Error> {
        let policy = Policy::of(settings, &store.connection)?;
        let mut layout = Layout::of(&subject, began);
        layout.scope = store.address.key(&layout.scope);
        if policy.kind == Links::Signed {
            secrets::show(&store.connection.shown_by_links);
        }
        let publication = Self {
            store,
            policy,
            layout,
            subject,
            names: RefCell::default(),
            sent: RefCell::default(),
            failure: RefCell::default(),
        };
        publication
            .write_manifest(&Manifest::new(&publication.layout.run))
            .await?;
        Ok(publication)
    }

    /// What to say of the links, if they last less than was asked for.
    pub fn note(&self) -> Option<&str> {
        self.policy.note.as_deref()
    }

    /// Notes that something went wrong, for whoever asks in the end.
    pub fn fail(&self, error: &Error) {
        let mut failure = self.failure.borrow_mut();
        failure.get_or_insert_with(|| error.clone());
    }

    /// The first thing that went wrong.
    pub fn failure(&self) -> Option<Error> {
        self.failure.borrow().clone()
    }

    /// Whether a file of the run is in the bucket.
    pub fn has(&self, name: &str) -> bool {
        self.name(name).is_some()
    }

    /// The name of a file of the run as it is in the bucket; `None` if it is not there.
    pub fn name(&self, name: &str) -> Option<String> {
        Some(self.plain(name)).filter(|name| self.sent.borrow().contains_key(name))
    }

    /// Where the run's files are, as people write it.
    pub fn place(&self) -> String {
        let layout = &self.layout;
        format!("{}/{}", self.store.address.place, layout.in_run(""))
            .trim_end_matches('/')
            .to_owned()
    }

    /// Whether each object needs an address of its own: what is beside it can't be reached.
    pub fn is_signed(&self) -> bool {
        self.policy.kind == Links::Signed
    }

    /// Has files of these names get other ones in the run.
    pub fn rename(&self, names: BTreeMap<String, String>) {
        self.names.borrow_mut().extend(names);
    }

    fn plain(&self, name: &str) -> String {
        let names = self.names.borrow();
        layout::plain(names.get(name).map_or(name, String::as_str))
    }

    /// Puts files, many at once, and gives what became of each in no order. They are said to be
    /// coming first, so that they are known as ours even if we are stopped.
    pub async fn put_all(
        &self,
        files: Vec<(String, Content)>,
    ) -> Result<Vec<(String, Result<u64, Error>)>, Error> {
        let mut manifest = Manifest::new(&self.layout.run);
        let before: Vec<String> = self.sent.borrow().keys().cloned().collect();
        let coming = files.iter().map(|(name, _)| self.plain(name));
        manifest.files = before
            .into_iter()
            .chain(coming)
            .map(|name| (name, None))
            .collect();
        self.write_manifest(&manifest).await?;
        self.store.meter.expect(files.len());
        let put = stream::iter(files).map(async |(name, content)| {
            let stored = self.put(&name, content).await;
            (name, stored)
        });
        Ok(put.buffer_unordered(AT_ONCE).collect().await)
    }

    async fn put(&self, name: &str, content: Content) -> Result<u64, Error> {
        let put = Put {
            run: &self.layout.run,
            is_pointer: false,
        };
        let name = self.plain(name);
        let key = self.layout.in_run(&name);
        let size = self.store.put(&key, content, put).await?;
        self.sent.borrow_mut().insert(name, size);
        self.store.meter.file();
        Ok(size)
    }

    /// Where a file of the run can be opened.
    pub async fn link(&self, name: &str) -> Result<Link, Error> {
        let name = self.plain(name);
        let key = match self.policy.kind {
            // The run's index has its like one above.
            Links::Latest if name == layout::INDEX => self.layout.in_line(&name),
            // Only pages have one that leads to the newest.
            Links::Latest if name.ends_with(".html") => self.layout.latest(&name),
            Links::Latest | Links::Signed | Links::Public => self.layout.in_run(&name),
        };
        self.store.link(&self.policy, &key).await
    }

    /// How a page of the run leads to one that lies beside it: by its name, or by a signed link.
    pub async fn beside(&self, name: &str) -> Result<String, Error> {
        if self.is_signed() {
            return Ok(self.link(name).await?.url);
        }
        let name = self.plain(name);
        let last = name.rsplit('/').next().unwrap_or(&name);
        Ok(utf8_percent_encode(last, PATH).to_string())
    }

    /// Where the list of the branch's runs is.
    pub async fn link_to_runs(&self) -> Result<Link, Error> {
        let key = self.layout.in_line(layout::INDEX);
        self.store.link(&self.policy, &key).await
    }

    /// Compares what the bucket holds with what was sent, and only then leads people there.
    pub async fn finish(&self, entry: Entry) -> Result<(), Error> {
        let dir = self.layout.in_run("");
        let listed = self.store.list(dir.trim_end_matches('/')).await?;
        let listed: BTreeMap<&str, _> = listed
            .iter()
            .filter_map(|meta| Some((meta.location.as_ref().strip_prefix(&dir)?, meta)))
            .collect();
        let mut manifest = Manifest::new(&self.layout.run);
        for (name, sent) in self.sent.borrow().iter() {
            let found = listed.get(name.as_str());
            let size = found.map_or(0, |meta| meta.size);
            if size != *sent {
                return Err(Error::Differs {
                    key: self.layout.in_run(name),
                    sent: *sent,
                    found: size,
                });
            }
            let tag = found.and_then(|meta| meta.e_tag.clone());
            manifest.files.insert(name.clone(), tag);
        }
        manifest.complete = true;
        self.write_manifest(&manifest).await?;
        let entry = Entry {
            run: self.layout.run.clone(),
            ..entry
        };
        self.line()
            .update(&mut |runs| runs.add(entry.clone()))
            .await
    }

    fn line(&self) -> Line<'_> {
        Line {
            store: &self.store,
            layout: &self.layout,
            subject: &self.subject,
        }
    }

    async fn write_manifest(&self, manifest: &Manifest) -> Result<(), Error> {
        let put = Put {
            run: &self.layout.run,
            is_pointer: true,
        };
        let key = self.layout.in_run(layout::MANIFEST);
        let content = Content::Bytes(manifest.to_json());
        self.store.put(&key, content, put).await.map(drop)
    }

    pub(super) fn parts(&self) -> (&RemoteStore, &Layout) {
        (&self.store, &self.layout)
    }
}

/// A branch or pull request, and what leads to its runs.
pub(super) struct Line<'a> {
    pub(super) store: &'a RemoteStore,
    pub(super) layout: &'a Layout,
    pub(super) subject: &'a Subject,
}

impl Line<'_> {
    /// Changes the list of runs, and then everything that follows from it. Others may do the same
    /// at the same time: nobody's run is lost, and in the end all of it follows from the last list.
    pub(super) async fn update(&self, change: &mut dyn FnMut(&mut Runs)) -> Result<(), Error> {
        let _lock = self.store.lock(&self.layout.line_dir()).await?;
        let mut known: Vec<String> = Vec::new();
        let mut runs = self.change(change, &mut known).await?;
        for _ in 0..PATIENCE {
            self.lead_there(&runs, &known).await?;
            let (now, _) = self.read().await?;
            if now == runs {
                return Ok(());
            }
            runs = now;
        }
        Ok(())
    }

    /// Changes the list. `known` gets the pages that it led to before or leads to now.
    async fn change(
        &self,
        change: &mut dyn FnMut(&mut Runs),
        known: &mut Vec<String>,
    ) -> Result<Runs, Error> {
        let key = self.layout.in_line(layout::RUNS);
        let mut last = Error::Changed { key: key.clone() };
        for _ in 0..PATIENCE {
            let (mut runs, version) = self.read().await?;
            known.extend(runs.newest_pages().into_keys().map(str::to_owned));
            change(&mut runs);
            known.extend(runs.newest_pages().into_keys().map(str::to_owned));
            known.sort();
            known.dedup();
            match self
                .store
                .replace(&key, &runs.to_json(), version, self.pointer())
                .await
            {
                Ok(()) => return Ok(runs),
                Err(error @ Error::Changed { .. }) => last = error,
                Err(error) => return Err(error),
            }
        }
        Err(last)
    }

    async fn read(&self) -> Result<(Runs, Option<super::store::Version>), Error> {
        let key = self.layout.in_line(layout::RUNS);
        match self.store.get(&key, runs::LARGEST).await? {
            None => Ok((Runs::new(self.subject), None)),
            Some((bytes, version)) => match Runs::read(&bytes) {
                Some(runs) => Ok((runs, Some(version))),
                None => Err(Error::Foreign {
                    key,
                    why: "it can't be read as a list of runs".to_owned(),
                }),
            },
        }
    }

    fn pointer(&self) -> Put<'_> {
        Put {
            run: &self.layout.run,
            is_pointer: true,
        }
    }

    /// Writes the page of the runs, and what leads to the newest pages of those that are known.
    async fn lead_there(&self, runs: &Runs, known: &[String]) -> Result<(), Error> {
        let newest = runs.newest_pages();
        let mut pages = vec![(
            self.layout.in_line(layout::INDEX),
            Some(index::of_runs(runs)),
        )];
        for page in known {
            let to = newest.get(page.as_str());
            let content = to.map(|entry| index::of_latest(page, &entry.run));
            pages.push((self.layout.latest(page), content));
        }
        stream::iter(pages)
            .map(async |(key, content)| match content {
                Some(bytes) => self.write_page(&key, bytes).await,
                None => self.remove_page(&key).await,
            })
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await
    }

    /// Somebody else's file in our place stays.
    async fn is_foreign(&self, key: &str) -> Result<bool, Error> {
        Ok(match self.store.get(key, runs::LARGEST).await {
            Ok(found) => found.is_some_and(|(bytes, _)| !index::is_ours(&bytes)),
            Err(Error::Foreign { .. }) => true,
            Err(error) => return Err(error),
        })
    }

    async fn write_page(&self, key: &str, bytes: Vec<u8>) -> Result<(), Error> {
        if self.is_foreign(key).await? {
            return Err(Error::Foreign {
                key: key.to_owned(),
                why: "somebody else has written it".to_owned(),
            });
        }
        let content = Content::Bytes(bytes);
        self.store.put(key, content, self.pointer()).await.map(drop)
    }

    async fn remove_page(&self, key: &str) -> Result<(), Error> {
        if self.is_foreign(key).await? {
            return Ok(());
        }
        self.store.delete(key).await
    }
}
