//! What only GitHub can tell about an event.

use serde_json::Value;

use super::payload::{commit, head_repository, number, owner, text};
use super::repository::is_branch;
use super::{Context, Question};
use crate::github::api::{Api, Error};

/// How many pull requests of one branch are looked at. There is one for each base.
const PULLS: usize = 100;

impl Context {
    /// Asks GitHub for what the payload does not say: which pull request a pushed branch has,
    /// where a fork's run comes from, and the head of a pull request that somebody comments on.
    ///
    /// A fork's pull request that is not there is a note; a push without one is nothing special. A
    /// failure leaves the context as it was.
    pub async fn resolve(&mut self, api: &Api) -> Result<(), Error> {
        let Some(question) = self.question.clone() else {
            return Ok(());
        };
        match &question {
            Question::Pull(number) => {
                let path = format!("/repos/{}/pulls/{number}", self.repository);
                let pull: Value = api.get(&path).await?;
                self.take_pull(&pull, &path)?;
            }
            Question::PullOfBranch { branch, sha } => {
                let owner = self.repository.owner().to_owned();
                let pulls = self.pulls(api, "open", &owner, branch).await?;
                self.pull_request = self.pull_of_branch(&pulls, branch, sha);
            }
            Question::PullOfHead { owner, branch, sha } => {
                let pulls = self.pulls(api, "all", owner, branch).await?;
                self.take_head(&pulls, sha);
            }
        }
        self.question = None;
        Ok(())
    }

    /// A pull request whose number is known.
    fn take_pull(&mut self, pull: &Value, path: &str) -> Result<(), Error> {
        let Some(head) = commit(pull, "/head/sha") else {
            return Err(Error::Answer {
                request: format!("GET {path}"),
                reason: "the pull request names no commit".to_owned(),
            });
        };
        self.head_sha = head;
        self.take_sides(pull);
        Ok(())
    }

    /// The pull requests in a state that come from a branch.
    async fn pulls(
        &self,
        api: &Api,
        state: &str,
        owner: &str,
        branch: &str,
    ) -> Result<Vec<Value>, Error> {
        let path = format!("/repos/{}/pulls", self.repository);
        let head = format!("{owner}:{branch}");
        api.list(&path, &[("state", state), ("head", &head)]).await
    }

    /// The pull request that a push brought to this commit: an open one with the pushed branch of
    /// this very repository as its head. What was merged was reviewed with the result that it shows,
    /// and the same commit may be the head of somebody else's pull request, too.
    fn pull_of_branch(&self, pulls: &[Value], branch: &str, sha: &str) -> Option<u64> {
        let head_is_here = |pull: &&Value| {
            let name = text(pull, "/head/repo/full_name");
            name.is_some_and(|name| self.repository.is(&name))
        };
        let fitting = pulls
            .iter()
            .take(PULLS)
            .filter(|pull| self.is_here(pull))
            .filter(head_is_here)
            .filter(|pull| text(pull, "/state").as_deref() == Some("open"))
            .filter(|pull| text(pull, "/head/ref").as_deref() == Some(branch))
            .filter(|pull| commit(pull, "/head/sha").as_deref() == Some(sha));
        fitting.filter_map(|pull| number(pull, "/number")).min()
    }

    /// The pull request of a fork's branch: the commit that was run must be its head, so that nobody
    /// can have a result shown where it does not belong. An open one is preferred.
    fn take_head(&mut self, pulls: &[Value], sha: &str) {
        let mut fitting: Vec<&Value> = pulls
            .iter()
            .take(PULLS)
            .filter(|pull| self.is_here(pull))
            .filter(|pull| commit(pull, "/head/sha").as_deref() == Some(sha))
            .collect();
        fitting.sort_by_key(|pull| {
            let closed = text(pull, "/state").as_deref() != Some("open");
            (closed, number(pull, "/number"))
        });
        let Some(pull) = fitting.first() else {
            let why = if pulls.is_empty() {
                "no pull request comes from the branch that was run"
            } else {
                "the pull request has moved on since the run began"
            };
            self.note(why);
            return;
        };
        self.pull_request = number(pull, "/number");
        self.take_sides(pull);
    }

    fn take_sides(&mut self, pull: &Value) {
        self.base_sha = commit(pull, "/base/sha");
        self.head_ref = text(pull, "/head/ref").filter(|name| is_branch(name));
        self.base_ref = text(pull, "/base/ref").filter(|name| is_branch(name));
        head_repository(self, pull.pointer("/head/repo/full_name"));
        if self.head_owner.is_none() {
            self.head_owner = owner(pull, "/head/user/login");
        }
    }

    /// Whether a pull request is one of this repository: commits are shared with forks.
    fn is_here(&self, pull: &Value) -> bool {
        text(pull, "/base/repo/full_name").is_some_and(|name| self.repository.is(&name))
    }
}
