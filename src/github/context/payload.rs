//! What each event's payload says. Pure: nothing is asked here.

use serde_json::Value;

use super::repository::{Repository, is_branch, is_commit, is_name};
use super::{Context, Question, run, set};

/// Adds what the payload of the context's event says.
pub(super) fn apply(
    context: &mut Context,
    event: &Value,
    variable: &dyn Fn(&str) -> Option<String>,
) {
    context.action = text(event, "/action").map(|action| action.chars().take(100).collect());
    let done = match context.event.as_str() {
        "push" => push(context, event, variable),
        "merge_group" => merge_group(context, event),
        "workflow_run" => workflow_run(context, event),
        "issue_comment" => issue_comment(context, event),
        "schedule" | "workflow_dispatch" => {
            context.head_ref = set(variable, "GITHUB_REF").and_then(|name| branch(&name));
            true
        }
        // Reviews and their comments carry the pull request as well.
        name if name.starts_with("pull_request") => pull_request(context, event),
        _ => true,
    };
    if !done {
        context.note(format!(
            "the payload is not one of `{}`, so the runner's variables are all that is known",
            context.event
        ));
        without(context, variable);
    }
}

/// What the variables alone say about the event.
pub(super) fn without(context: &mut Context, variable: &dyn Fn(&str) -> Option<String>) {
    let name = set(variable, "GITHUB_REF").unwrap_or_default();
    match context.event.as_str() {
        // The commit that was checked out is a merge; GitHub knows the head.
        event if event.starts_with("pull_request") => {
            let branch_of = |name| set(variable, name).filter(|name| is_branch(name));
            context.head_ref = branch_of("GITHUB_HEAD_REF");
            context.base_ref = branch_of("GITHUB_BASE_REF");
            context.head_owner = None;
            context.pull_request = name
                .strip_prefix("refs/pull/")
                .and_then(|rest| rest.split('/').next()?.parse().ok())
                .filter(|number| *number > 0);
            context.question = context.pull_request.map(Question::Pull);
        }
        "push" => {
            context.head_ref = branch(&name);
            ask_for_the_branch(context);
        }
        "merge_group" => {
            context.head_ref = branch(&name);
            context.pull_request = queued(&name);
        }
        _ => context.head_ref = branch(&name),
    }
}

fn pull_request(context: &mut Context, event: &Value) -> bool {
    let Some(pull) = event.get("pull_request") else {
        return false;
    };
    let (Some(number), Some(head)) = (number(pull, "/number"), commit(pull, "/head/sha")) else {
        return false;
    };
    context.pull_request = Some(number);
    context.head_sha = head;
    context.base_sha = commit(pull, "/base/sha");
    context.head_ref = text(pull, "/head/ref").filter(|name| is_branch(name));
    context.base_ref = text(pull, "/base/ref").filter(|name| is_branch(name));
    head_repository(context, pull.pointer("/head/repo/full_name"));
    true
}

/// Where the commit comes from. A fork that was deleted meanwhile has no name, and is a fork.
pub(super) fn head_repository(context: &mut Context, full_name: Option<&Value>) {
    let full_name = full_name.and_then(Value::as_str).unwrap_or_default();
    context.from_fork = !context.repository.is(full_name);
    context.head_owner = full_name
        .parse::<Repository>()
        .ok()
        .map(|repository| repository.owner().to_owned());
}

fn push(context: &mut Context, event: &Value, variable: &dyn Fn(&str) -> Option<String>) -> bool {
    let Some(name) = text(event, "/ref") else {
        return false;
    };
    if let Some(after) = commit(event, "/after") {
        context.head_sha = after;
    } else if event.get("deleted") == Some(&Value::Bool(true)) {
        context.note("the push deletes, so the runner's commit is another one");
        context.head_ref = set(variable, "GITHUB_REF").and_then(|name| branch(&name));
        return true;
    }
    context.base_sha = commit(event, "/before");
    context.head_ref = branch(&name);
    ask_for_the_branch(context);
    true
}

/// A tag has no pull request, though its commit may have one.
fn ask_for_the_branch(context: &mut Context) {
    if let Some(branch) = context.head_ref.clone() {
        let sha = context.head_sha.clone();
        context.question = Some(Question::PullOfBranch { branch, sha });
    }
}

fn merge_group(context: &mut Context, event: &Value) -> bool {
    let group = &event["merge_group"];
    let Some(head) = commit(group, "/head_sha") else {
        return false;
    };
    context.head_sha = head;
    context.base_sha = commit(group, "/base_sha");
    context.base_ref = text(group, "/base_ref").and_then(|name| branch(&name));
    if let Some(name) = text(group, "/head_ref") {
        context.pull_request = queued(&name);
        context.head_ref = branch(&name);
    }
    if context.pull_request.is_none() {
        context.note("the merge group's branch names no pull request");
    }
    true
}

/// The pull request in the name of a merge queue's branch: `…/pr-<number>-<sha>`. The queue's target
/// is before it and may look alike, so it is read from the end.
fn queued(name: &str) -> Option<u64> {
    let (_, rest) = name
        .contains("gh-readonly-queue/")
        .then(|| name.rsplit_once("/pr-"))??;
    let (number, sha) = rest.split_once('-')?;
    is_commit(sha).then_some(())?;
    number.parse().ok().filter(|number| *number > 0)
}

fn workflow_run(context: &mut Context, event: &Value) -> bool {
    let Some(cause) = event.get("workflow_run") else {
        return false;
    };
    let (Some(id), Some(head)) = (number(cause, "/id"), commit(cause, "/head_sha")) else {
        return false;
    };
    let attempt = number(cause, "/run_attempt").and_then(|attempt| u32::try_from(attempt).ok());
    context.caused_by = Some(run(
        &context.server_url,
        &context.repository,
        id,
        attempt.unwrap_or(1),
    ));
    context.head_sha = head;
    context.head_ref = text(cause, "/head_branch").filter(|name| is_branch(name));
    head_repository(context, cause.pointer("/head_repository/full_name"));
    of_the_cause(context, cause);
    true
}

/// The pull request of the run that caused this one. GitHub names it unless it is a fork's.
fn of_the_cause(context: &mut Context, cause: &Value) {
    let listed = cause["pull_requests"].as_array();
    let ours = listed.into_iter().flatten().find(|pull| {
        let here = text(pull, "/base/repo/url")
            .is_some_and(|url| url.ends_with(&format!("/repos/{}", context.repository)));
        here && text(pull, "/head/sha").as_deref() == Some(context.head_sha.as_str())
    });
    if let Some(pull) = ours {
        context.pull_request = number(pull, "/number");
        context.base_sha = commit(pull, "/base/sha");
        context.base_ref = text(pull, "/base/ref").filter(|name| is_branch(name));
        return;
    }
    let event = text(cause, "/event").unwrap_or_default();
    let sha = context.head_sha.clone();
    context.question = match (&context.head_owner, &context.head_ref) {
        (Some(owner), Some(branch)) if event.starts_with("pull_request") => {
            Some(Question::PullOfHead {
                owner: owner.clone(),
                branch: branch.clone(),
                sha,
            })
        }
        (_, Some(branch)) if event == "push" => Some(Question::PullOfBranch {
            branch: branch.clone(),
            sha,
        }),
        _ if event.starts_with("pull_request") => {
            context.note(
                "the run that caused this one names neither a repository nor a branch any more, so \
                 its pull request can't be found",
            );
            None
        }
        _ => None,
    };
}

fn issue_comment(context: &mut Context, event: &Value) -> bool {
    let Some(number) = number(event, "/issue/number") else {
        return false;
    };
    if event
        .pointer("/issue/pull_request")
        .is_some_and(Value::is_object)
    {
        context.pull_request = Some(number);
        context.question = Some(Question::Pull(number));
        // Until it is known.
        context.head_owner = None;
    }
    true
}

/// A branch's name without `refs/heads/`; none for a tag.
fn branch(name: &str) -> Option<String> {
    let name = name.strip_prefix("refs/heads/")?;
    is_branch(name).then(|| name.to_owned())
}

pub(super) fn text(value: &Value, pointer: &str) -> Option<String> {
    value.pointer(pointer)?.as_str().map(str::to_owned)
}

pub(super) fn number(value: &Value, pointer: &str) -> Option<u64> {
    value
        .pointer(pointer)?
        .as_u64()
        .filter(|number| *number > 0)
}

pub(super) fn commit(value: &Value, pointer: &str) -> Option<String> {
    text(value, pointer).filter(|sha| is_commit(sha))
}

/// The owner in `head` of a pull request as the API gives it.
pub(super) fn owner(value: &Value, pointer: &str) -> Option<String> {
    text(value, pointer).filter(|owner| is_name(owner))
}
