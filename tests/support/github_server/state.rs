//! What GitHub knows, and what it answers: each answer is GitHub's own example of it, with what is
//! known put in.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::contract::Contract;
use super::faults::said;

const TIME: &str = "2026-11-21T12:00:00Z";
/// GitHub's limit of a comment, in characters.
const BODY: usize = 65_536;

/// An answer: status, body, and where the next page is.
pub struct Answer {
    pub status: u16,
    pub body: Option<Value>,
    pub next_page: Option<usize>,
}

impl Answer {
    pub fn of(status: u16, body: Value) -> Self {
        Self {
            status,
            body: Some(body),
            next_page: None,
        }
    }
}

#[derive(Debug, Clone)]
pub struct Comment {
    pub id: u64,
    pub issue: u64,
    pub login: String,
    pub kind: String,
    pub body: String,
    pub minimized: bool,
    pub edits: u32,
}

#[derive(Debug, Clone)]
pub struct Pull {
    pub number: u64,
    pub state: &'static str,
    pub head_owner: String,
    pub head_ref: String,
    pub head_sha: String,
    pub base_sha: String,
    /// Of another repository than the one that is asked, if set.
    pub base_repository: Option<String>,
    /// By which commit it was merged.
    pub merged_as: Option<String>,
}

pub struct State {
    pub repository: String,
    pub token: String,
    /// Who the token belongs to: login and type.
    pub viewer: (String, &'static str),
    /// Whether GraphQL is there.
    pub graphql: bool,
    /// Whether the token may write.
    pub writable: bool,
    pub comments: BTreeMap<u64, Comment>,
    pub pulls: Vec<Pull>,
    /// Which pull requests have a commit, beside those that end with it.
    pub commits: Vec<(String, u64)>,
    pub checks: BTreeMap<u64, Value>,
    /// The annotations of each check run.
    pub annotations: BTreeMap<u64, Vec<Value>>,
    next: u64,
}

impl State {
    pub fn new(repository: &str) -> Self {
        Self {
            repository: repository.to_owned(),
            token: "ghs_stand_in_0123456789".to_owned(),
            viewer: ("github-actions[bot]".to_owned(), "Bot"),
            graphql: true,
            writable: true,
            comments: BTreeMap::new(),
            pulls: Vec::new(),
            commits: Vec::new(),
            checks: BTreeMap::new(),
            annotations: BTreeMap::new(),
            next: 1000,
        }
    }

    pub fn add_comment(&mut self, issue: u64, login: &str, kind: &str, body: &str) -> u64 {
        self.next += 1;
        let comment = Comment {
            id: self.next,
            issue,
            login: login.to_owned(),
            kind: kind.to_owned(),
            body: body.to_owned(),
            minimized: false,
            edits: 0,
        };
        self.comments.insert(self.next, comment);
        self.next
    }

    /// Carries out an operation.
    pub fn act(
        &mut self,
        operation: (&str, &str),
        value: &dyn Fn(&str) -> String,
        query: &[(String, String)],
        body: &Value,
    ) -> Answer {
        let (method, template) = operation;
        let number = |name: &str| value(name).parse::<u64>().unwrap_or(0);
        if template != "/user" {
            let named = format!("{}/{}", value("owner"), value("repo"));
            if !named.eq_ignore_ascii_case(&self.repository) {
                return not_found();
            }
        }
        if method != "get" && !self.writable {
            return Answer::of(403, said("Resource not accessible by integration"));
        }
        let tail = template
            .strip_prefix("/repos/{owner}/{repo}")
            .unwrap_or(template);
        match (method, tail) {
            ("get", "/user") => self.user(),
            ("get", "/issues/{issue_number}/comments") => {
                self.comments(number("issue_number"), query)
            }
            ("post", "/issues/{issue_number}/comments") => {
                self.create_comment(number("issue_number"), body)
            }
            (_, "/issues/comments/{comment_id}") => {
                self.one_comment(method, number("comment_id"), body)
            }
            ("get", "/pulls") => self.pulls(query),
            ("get", "/pulls/{pull_number}") => self.pull(number("pull_number")),
            ("get", "/commits/{commit_sha}/pulls") => self.pulls_of(&value("commit_sha"), query),
            ("get", "/commits/{ref}/check-runs") => self.checks_of(&value("ref")),
            ("post", "/check-runs") => self.create_check(body),
            (_, "/check-runs/{check_run_id}") => {
                self.one_check(method, number("check_run_id"), body)
            }
            other => panic!("{other:?} is not served"),
        }
    }

    fn user(&self) -> Answer {
        if self.viewer.1 == "Bot" {
            return Answer::of(403, said("Resource not accessible by integration"));
        }
        let mut user = Contract::get().example("get", "/user");
        user["login"] = json!(self.viewer.0);
        Answer::of(200, user)
    }

    fn comments(&self, issue: u64, query: &[(String, String)]) -> Answer {
        if !self.pulls.iter().any(|pull| pull.number == issue) {
            return not_found();
        }
        let all = self.comments.values().filter(|it| it.issue == issue);
        page(all.map(|it| self.shown(it)).collect(), query)
    }

    fn create_comment(&mut self, issue: u64, body: &Value) -> Answer {
        if !self.pulls.iter().any(|pull| pull.number == issue) {
            return not_found();
        }
        let text = body["body"].as_str().unwrap();
        if text.chars().count() > BODY {
            return too_long();
        }
        let (login, kind) = self.viewer.clone();
        let id = self.add_comment(issue, &login, kind, text);
        Answer::of(201, self.shown(&self.comments[&id]))
    }

    fn one_comment(&mut self, method: &str, id: u64, body: &Value) -> Answer {
        let Some(comment) = self.comments.get_mut(&id) else {
            return not_found();
        };
        if method == "delete" {
            self.comments.remove(&id);
            return Answer {
                status: 204,
                body: None,
                next_page: None,
            };
        }
        if method == "patch" {
            let text = body["body"].as_str().unwrap();
            if text.chars().count() > BODY {
                return too_long();
            }
            comment.body = text.to_owned();
            comment.edits += 1;
        }
        Answer::of(200, self.shown(&self.comments[&id]))
    }

    fn shown(&self, comment: &Comment) -> Value {
        let mut shown = Contract::get().example(
            "post",
            "/repos/{owner}/{repo}/issues/{issue_number}/comments",
        );
        let Comment { id, issue, .. } = comment;
        let repository = &self.repository;
        shown["id"] = json!(id);
        shown["url"] = json!(format!(
            "https://api.github.com/repos/{repository}/issues/comments/{id}"
        ));
        shown["html_url"] = json!(format!(
            "https://github.com/{repository}/pull/{issue}#issuecomment-{id}"
        ));
        shown["issue_url"] = json!(format!(
            "https://api.github.com/repos/{repository}/issues/{issue}"
        ));
        shown["body"] = json!(comment.body);
        shown["user"]["login"] = json!(comment.login);
        shown["user"]["type"] = json!(comment.kind);
        shown["created_at"] = json!(TIME);
        shown["updated_at"] = json!(TIME);
        if comment.minimized {
            shown["minimized"] = json!({ "reason": "outdated" });
        }
        shown
    }

    fn pulls(&self, query: &[(String, String)]) -> Answer {
        let asked = |name: &str| {
            query
                .iter()
                .find(|(it, _)| it == name)
                .map(|(_, it)| it.as_str())
        };
        let state = asked("state").unwrap_or("open");
        let fitting = self.pulls.iter().filter(|pull| {
            let head = format!("{}:{}", pull.head_owner, pull.head_ref);
            (state == "all" || state == pull.state) && asked("head").is_none_or(|it| it == head)
        });
        page(
            fitting
                .map(|it| self.shown_pull(it, self.simple()))
                .collect(),
            query,
        )
    }

    fn pulls_of(&self, sha: &str, query: &[(String, String)]) -> Answer {
        let fitting = self.pulls.iter().filter(|pull| {
            let has = self
                .commits
                .iter()
                .any(|(it, number)| it == sha && *number == pull.number);
            has || pull.head_sha == sha || pull.merged_as.as_deref() == Some(sha)
        });
        page(
            fitting
                .map(|it| self.shown_pull(it, self.simple()))
                .collect(),
            query,
        )
    }

    fn pull(&self, number: u64) -> Answer {
        let Some(pull) = self.pulls.iter().find(|it| it.number == number) else {
            return not_found();
        };
        let example = Contract::get().example("get", "/repos/{owner}/{repo}/pulls/{pull_number}");
        Answer::of(200, self.shown_pull(pull, example))
    }

    fn simple(&self) -> Value {
        Contract::get().example("get", "/repos/{owner}/{repo}/pulls")[0].clone()
    }

    fn shown_pull(&self, pull: &Pull, mut shown: Value) -> Value {
        let (_, name) = self.repository.split_once('/').unwrap();
        shown["number"] = json!(pull.number);
        // GitHub's example lacks what GitHub's schema requires of a team.
        shown["requested_teams"] = json!([]);
        shown["state"] = json!(pull.state);
        shown["merged_at"] = pull.merged_as.as_ref().map_or(Value::Null, |_| json!(TIME));
        shown["merge_commit_sha"] = json!(pull.merged_as);
        shown["head"]["ref"] = json!(pull.head_ref);
        shown["head"]["sha"] = json!(pull.head_sha);
        shown["head"]["label"] = json!(format!("{}:{}", pull.head_owner, pull.head_ref));
        shown["head"]["user"]["login"] = json!(pull.head_owner);
        shown["head"]["repo"]["full_name"] = json!(format!("{}/{name}", pull.head_owner));
        shown["base"]["sha"] = json!(pull.base_sha);
        shown["base"]["ref"] = json!("main");
        let base = pull.base_repository.as_ref().unwrap_or(&self.repository);
        shown["base"]["repo"]["full_name"] = json!(base);
        shown
    }

    fn checks_of(&self, sha: &str) -> Answer {
        let fitting: Vec<&Value> = self
            .checks
            .values()
            .filter(|it| it["head_sha"] == sha)
            .collect();
        Answer::of(
            200,
            json!({ "total_count": fitting.len(), "check_runs": fitting }),
        )
    }

    fn create_check(&mut self, body: &Value) -> Answer {
        self.next += 1;
        let id = self.next;
        let mut check =
            Contract::get().example("get", "/repos/{owner}/{repo}/check-runs/{check_run_id}");
        check["id"] = json!(id);
        check["html_url"] = json!(format!("https://github.com/{}/runs/{id}", self.repository));
        for name in [
            "name",
            "head_sha",
            "external_id",
            "status",
            "conclusion",
            "details_url",
        ] {
            if let Some(value) = body.get(name) {
                check[name] = value.clone();
            }
        }
        self.checks.insert(id, check);
        self.write_check(id, body);
        Answer::of(201, self.checks[&id].clone())
    }

    fn one_check(&mut self, method: &str, id: u64, body: &Value) -> Answer {
        if !self.checks.contains_key(&id) {
            return not_found();
        }
        if method == "patch" {
            self.write_check(id, body);
        }
        Answer::of(200, self.checks[&id].clone())
    }

    fn write_check(&mut self, id: u64, body: &Value) {
        let check = self.checks.get_mut(&id).unwrap();
        for name in ["title", "summary", "text"] {
            if let Some(value) = body["output"].get(name) {
                check["output"][name] = value.clone();
            }
        }
        let added = body["output"]["annotations"].as_array().cloned();
        let annotations = self.annotations.entry(id).or_default();
        annotations.extend(added.unwrap_or_default());
        check["output"]["annotations_count"] = json!(annotations.len());
    }
}

fn page(items: Vec<Value>, query: &[(String, String)]) -> Answer {
    let number = |name: &str, otherwise: usize| {
        let found = query.iter().find(|(it, _)| it == name);
        found.map_or(otherwise, |(_, it)| it.parse().unwrap())
    };
    let (size, page) = (number("per_page", 30).min(100), number("page", 1));
    let total = items.len();
    let items: Vec<Value> = items
        .into_iter()
        .skip((page - 1) * size)
        .take(size)
        .collect();
    Answer {
        status: 200,
        body: Some(items.into()),
        next_page: (page * size < total).then_some(page + 1),
    }
}

fn not_found() -> Answer {
    Answer::of(404, said("Not Found"))
}

fn too_long() -> Answer {
    let mut body = said("Validation Failed");
    body["errors"] = json!([{
        "resource": "IssueComment",
        "code": "unprocessable",
        "field": "data",
        "message": "Body is too long (maximum is 65536 characters)",
    }]);
    Answer::of(422, body)
}
