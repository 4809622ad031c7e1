//! The one comment on a pull request: found again, brought up to date, never doubled.
//!
//! GitHub can't compare and set, so writers agree on rules that any of them can follow alone. The
//! comment with the lowest number is the one; who has the newest result writes it there; who created
//! another one removes it. Right before a comment is changed it is read once more, so that hardly
//! anybody can come between; every write is followed by another look, until there is nothing to do.

mod marker;

use serde::Deserialize;
use serde_json::json;

pub use marker::Stamp;

use super::api::{Api, Error, Viewer};
use super::context::Repository;

/// How long a comment may be, in characters, its marker included: first a little less than GitHub's
/// limit of 65,536, then less each time it is refused.
const BUDGETS: &[usize] = &[65_000, 48_000, 32_000, 16_000, 4_000];
/// How often the comments are looked at. Undisturbed it is twice; each lost answer and each writer
/// who is quicker takes another look.
const LOOKS: u32 = 8;
/// How often a comment is created. A second time, if somebody deletes it or its creation is lost.
const CREATIONS: u32 = 3;

/// What became of a comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Posted {
    /// There was none.
    Created {
        /// Its address.
        url: String,
    },
    /// There was one, which now says something else.
    Updated {
        /// Its address.
        url: String,
    },
    /// There was one that says the same already.
    Unchanged {
        /// Its address.
        url: String,
    },
    /// A newer run has written its result, which stays.
    Superseded {
        /// Its address.
        url: String,
        /// The newer run.
        by: Stamp,
    },
}

impl Posted {
    /// The comment's address.
    pub fn url(&self) -> &str {
        match self {
            Self::Created { url }
            | Self::Updated { url }
            | Self::Unchanged { url }
            | Self::Superseded { url, .. } => url,
        }
    }
}

/// A comment as the API gives it, as far as it matters.
#[derive(Debug, Clone, Deserialize)]
struct Listed {
    id: u64,
    html_url: String,
    #[serde(default)]
    body: Option<String>,
    user: Option<Author>,
    /// Why it is hidden, on servers that say so.
    #[serde(default)]
    minimized: Option<serde_json::Value>,
}

#[derive(Debug, Clone, Deserialize)]
struct Author {
    login: String,
    #[serde(rename = "type", default)]
    kind: String,
}

/// A comment of ours.
#[derive(Debug, Clone)]
struct Own {
    id: u64,
    url: String,
    body: String,
    stamp: Stamp,
}

/// What is to be done about the comments that are there.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    Create,
    Update {
        id: u64,
    },
    Delete {
        id: u64,
        stays: String,
    },
    /// The comment that stays says what we have to say.
    Done {
        url: String,
    },
    /// A newer run's result stays; our own comment, if we made one, is in the way.
    Superseded {
        url: String,
        by: Stamp,
        delete: Option<u64>,
    },
}

/// Says something on a pull request, in the comment with this key.
///
/// `render` writes the text in at most that many characters. It is called again with less where
/// GitHub finds it too long.
pub async fn publish(
    api: &Api,
    repository: &Repository,
    number: u64,
    key: &str,
    stamp: &Stamp,
    render: &dyn Fn(usize) -> String,
) -> Result<Posted, Error> {
    let viewer = api.viewer().await?;
    let mut writer = Writer {
        api,
        repository,
        number,
        marker: marker::line(key, stamp),
        render,
        budget: 0,
        body: String::new(),
        created: Vec::new(),
        creations: 0,
        wrote: None,
        lost: 0,
    };
    writer.render();
    for _ in 0..LOOKS {
        let mut comments = writer.list().await?;
        let mut fresh = None;
        let step = loop {
            let own = own(&comments, viewer, key, &writer.created);
            match next(&own, stamp, &writer.body, &writer.created) {
                // Listing takes its time. No comment is read twice: what is gone stays gone.
                Step::Update { id } if fresh != Some(id) => {
                    writer.refresh(&mut comments, id).await?;
                    fresh = Some(id);
                }
                step => break step,
            }
        };
        if let Some(posted) = writer.take(step).await? {
            return Ok(posted);
        }
    }
    Err(Error::Answer {
        request: format!("GET {}", writer.path()),
        reason: "others change the comment each time it is written".to_owned(),
    })
}

/// The comments that carry our marker and were written by whoever writes now, oldest first: those
/// that this process has made are known even where the server does not tell who it is. Hidden ones
/// are left alone: somebody wanted them out of sight.
fn own(comments: &[Listed], viewer: &Viewer, key: &str, created: &[u64]) -> Vec<Own> {
    let mut own: Vec<Own> = comments
        .iter()
        .filter(|comment| {
            comment
                .minimized
                .as_ref()
                .is_none_or(serde_json::Value::is_null)
        })
        .filter(|comment| {
            let author = comment.user.as_ref();
            created.contains(&comment.id)
                || author.is_some_and(|author| viewer.is(&author.login, &author.kind))
        })
        .filter_map(|comment| {
            let body = comment.body.clone().unwrap_or_default();
            Some(Own {
                id: comment.id,
                url: comment.html_url.clone(),
                stamp: marker::stamp_of(&body, key)?,
                body,
            })
        })
        .collect();
    own.sort_by_key(|comment| comment.id);
    own
}

/// What to do next. `created` are the comments that this process has made.
fn next(own: &[Own], stamp: &Stamp, body: &str, created: &[u64]) -> Step {
    let Some(stays) = own.first() else {
        return Step::Create;
    };
    let newest = own
        .iter()
        .filter(|comment| stamp.is_older_than(&comment.stamp))
        .max_by_key(|comment| (comment.stamp.run_id, comment.stamp.run_attempt));
    if let Some(newest) = newest {
        // Who wrote the newest puts it where it belongs; the first one is where.
        let in_the_way = own
            .iter()
            .skip(1)
            .find(|comment| comment.id != newest.id && created.contains(&comment.id));
        return Step::Superseded {
            url: newest.url.clone(),
            by: newest.stamp.clone(),
            delete: in_the_way.map(|comment| comment.id),
        };
    }
    if !same(&stays.body, body) {
        return Step::Update { id: stays.id };
    }
    match own.get(1) {
        Some(double) => Step::Delete {
            id: double.id,
            stays: stays.url.clone(),
        },
        None => Step::Done {
            url: stays.url.clone(),
        },
    }
}

/// Whether a comment says this. A server may change ends of lines, and drop those at the end.
fn same(stored: &str, body: &str) -> bool {
    let lines = |text: &str| text.replace("\r\n", "\n").trim_end().to_owned();
    lines(stored) == lines(body)
}

struct Writer<'a> {
    api: &'a Api,
    repository: &'a Repository,
    number: u64,
    marker: String,
    render: &'a dyn Fn(usize) -> String,
    /// Which of the budgets holds.
    budget: usize,
    body: String,
    /// The comments that were created.
    created: Vec<u64>,
    /// How often it was tried.
    creations: u32,
    /// What was done last, for the answer.
    wrote: Option<Wrote>,
    /// How many answers were lost.
    lost: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wrote {
    Created,
    Updated,
}

impl Writer<'_> {
    fn path(&self) -> String {
        format!("/repos/{}/issues/{}/comments", self.repository, self.number)
    }

    fn comment(&self, id: u64) -> String {
        format!("/repos/{}/issues/comments/{id}", self.repository)
    }

    /// Writes the text anew, within the budget that holds.
    fn render(&mut self) {
        let most = BUDGETS.get(self.budget).copied().unwrap_or_default();
        let rest = most.saturating_sub(self.marker.len() + 1);
        self.body = format!("{}\n{}", self.marker, (self.render)(rest));
    }

    /// All comments. One that was just created may be missing from a list that lags behind; without
    /// it there, it would be created again.
    async fn list(&self) -> Result<Vec<Listed>, Error> {
        let mut comments: Vec<Listed> = self.api.list(&self.path(), &[]).await?;
        for id in &self.created {
            if comments.iter().any(|comment| comment.id == *id) {
                continue;
            }
            match self.api.get(&self.comment(*id)).await {
                Ok(comment) => comments.push(comment),
                Err(Error::NotFound { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(comments)
    }

    /// Reads one of the comments again. One that is gone is no longer among them.
    async fn refresh(&self, comments: &mut Vec<Listed>, id: u64) -> Result<(), Error> {
        let now: Option<Listed> = match self.api.get(&self.comment(id)).await {
            Ok(now) => Some(now),
            Err(Error::NotFound { .. }) => None,
            Err(error) => return Err(error),
        };
        comments.retain(|comment| comment.id != id);
        comments.extend(now);
        Ok(())
    }

    /// Does one step. None: look again.
    async fn take(&mut self, step: Step) -> Result<Option<Posted>, Error> {
        match step {
            Step::Create => self.create().await?,
            Step::Update { id } => self.update(id).await?,
            Step::Delete { id, stays } => {
                // That a second one may not be removed does not make the first one wrong.
                if !self.delete(id).await? {
                    return Ok(Some(self.done(stays)));
                }
            }
            Step::Done { url } => return Ok(Some(self.done(url))),
            Step::Superseded { url, by, delete } => {
                if let Some(id) = delete {
                    self.delete(id).await?;
                }
                return Ok(Some(Posted::Superseded { url, by }));
            }
        }
        Ok(None)
    }

    fn done(&self, url: String) -> Posted {
        match self.wrote {
            Some(Wrote::Created) => Posted::Created { url },
            Some(Wrote::Updated) => Posted::Updated { url },
            None => Posted::Unchanged { url },
        }
    }

    async fn create(&mut self) -> Result<(), Error> {
        let path = self.path();
        if self.creations >= CREATIONS {
            return Err(Error::Answer {
                request: format!("POST {path}"),
                reason: "the comment is gone each time after it was created".to_owned(),
            });
        }
        self.creations += 1;
        let sent: Result<Listed, Error> = self.api.post(&path, &json!({ "body": self.body })).await;
        match sent {
            Ok(comment) => {
                self.created.push(comment.id);
                self.wrote = Some(Wrote::Created);
                Ok(())
            }
            Err(error) if error.may_have_acted() && self.creations < CREATIONS => {
                // If it was created after all, it is found by its stamp.
                self.wrote = Some(Wrote::Created);
                self.lose(&error).await;
                Ok(())
            }
            Err(error) => self.shorten(error),
        }
    }

    async fn update(&mut self, id: u64) -> Result<(), Error> {
        let path = self.comment(id);
        let sent: Result<Listed, Error> =
            self.api.patch(&path, &json!({ "body": self.body })).await;
        let updated = Some(self.wrote.unwrap_or(Wrote::Updated));
        match sent {
            Ok(_) => {
                self.wrote = updated;
                Ok(())
            }
            Err(error) if error.may_have_acted() && self.lost < CREATIONS => {
                self.wrote = updated;
                self.lose(&error).await;
                Ok(())
            }
            // Deleted since it was listed.
            Err(Error::NotFound { .. }) if self.creations < CREATIONS => {
                self.lost += 1;
                Ok(())
            }
            Err(error) => self.shorten(error),
        }
    }

    /// Removes a second comment, and says whether this was allowed. That it is no longer there is
    /// as good.
    async fn delete(&mut self, id: u64) -> Result<bool, Error> {
        match self.api.delete(&self.comment(id)).await {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(true),
            Err(Error::Forbidden { message, .. }) => {
                tracing::warn!("the second comment {id} can't be removed: {message}");
                Ok(false)
            }
            Err(error) if error.may_have_acted() && self.lost < CREATIONS => {
                self.lose(&error).await;
                Ok(true)
            }
            Err(error) => Err(error),
        }
    }

    async fn lose(&mut self, error: &Error) {
        self.lost += 1;
        tracing::debug!(%error, "looking whether the comment was written");
        self.api.pause(self.lost).await;
    }

    /// After a refusal: less text, if that was the reason.
    fn shorten(&mut self, error: Error) -> Result<(), Error> {
        let too_long = matches!(
            &error,
            Error::Validation { message, .. } if message.to_ascii_lowercase().contains("too long")
        );
        if !too_long || self.budget + 1 >= BUDGETS.len() {
            return Err(error);
        }
        self.budget += 1;
        // It was refused, so it does not count.
        self.creations = self.creations.saturating_sub(1);
        self.render();
        Ok(())
    }
}

#[cfg(test)]
mod tests;
