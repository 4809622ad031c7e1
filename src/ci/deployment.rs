//! Links and verdicts for a deployment that is only reached over its web server.

use std::collections::BTreeMap;

use super::attach::{self, Planned};
use super::job::Job;
use super::outcome::Done;
use super::session::{Session, finding};
use super::{notes, pairing};
use crate::dagster::attach::{Link, Verdict, Way};
use crate::dagster::discover::Workspace;
use crate::dagster::{AssetKey, Client, Error};
use crate::error::{Diagnose, ExitStatus};
use crate::host::writes::{Operation, Value};
use crate::report::model::{Attachment, Finding, NotebookReport, NotebookStatus, Severity, Target};

/// The finding that says that a server has refused who asks.
pub const REFUSED: &str = "not-authorized";

/// The finding that says that a server does not answer as it should.
pub const UNREACHABLE: &str = "not-reachable";

/// The way that is left when no other has worked: code in the asset itself.
pub const SNIPPET: &str = "snippet";

/// Attaches what there is to attach, and says of the rest why it is not.
pub(super) async fn attach_links(session: &Session, job: &Job<'_>, done: &mut Done) {
    let linked = |notebook: &NotebookReport| notebook.target.is_some() && notebook.attempts > 0;
    // Nobody's deployment gets what was not asked for.
    let wanted = job.attach && done.notebooks.iter().any(linked);
    let workspace = session.runner.dagster.get().and_then(Result::ok);
    let Some(workspace) = workspace else {
        let error = session.unanswered.take();
        let missed = |notebook: &NotebookReport| notebook.status == NotebookStatus::Skipped;
        if let Some(error) = &error
            && (wanted || done.notebooks.iter().any(missed))
        {
            session.find(trouble(error));
        }
        if !wanted {
            return;
        }
        let planned = attach::plan(&done.notebooks, &[], &job.metadata_key);
        let why = error.map(|error| error.to_string());
        done.attachments = planned
            .iter()
            .filter(|planned| planned.is_link())
            .map(|planned| planned.attachment(false, why.clone(), SNIPPET))
            .collect();
        return;
    };
    if !wanted {
        return;
    }
    pairing::settle(session, &workspace, &mut done.notebooks).await;
    let assets = assets_of_jobs(session, &workspace, &mut done.notebooks);
    let mut planned = attach::plan(&done.notebooks, &[], &job.metadata_key);
    planned.extend(attach::plan_for_jobs(
        &done.notebooks,
        &assets,
        &job.metadata_key,
    ));
    let client = &session.runner.client;
    if let Some(refused) = planned
        .iter()
        .find_map(|planned| planned.pass(client.gate()).err())
    {
        session.find(attach::refused(&refused));
        planned.retain(|planned| planned.pass(client.gate()).is_ok());
    }
    for planned in &planned {
        done.attachments.extend(carry_out(session, planned).await);
    }
}

/// The assets that each notebook's job makes. A job without any is no target: Dagster can't be
/// asked to tag its runs.
fn assets_of_jobs(
    session: &Session,
    workspace: &Workspace,
    notebooks: &mut [NotebookReport],
) -> BTreeMap<String, Vec<String>> {
    let mut assets: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for notebook in notebooks {
        let Some(Target::Job { name }) = &notebook.target else {
            continue;
        };
        let made = assets.entry(name.clone()).or_insert_with(|| {
            let of_job = workspace
                .assets()
                .filter(|asset| asset.item.job_names.iter().any(|job| job == name));
            let mut keys: Vec<String> = of_job.map(|asset| asset.item.key.to_string()).collect();
            keys.sort();
            keys.dedup();
            keys
        });
        if made.is_empty() {
            let message = format!(
                "the job `{name}` makes no assets, and Dagster has no request that adds tags to runs"
            );
            let mut found = finding("daglab", pairing::NO_TARGET, Severity::Error, message);
            found.path = Some(notebook.path.clone());
            found.hint = Some("name an asset with `--attach asset://…`".to_owned());
            session.find(found);
            notebook.target = None;
        } else {
            notes::assets_in_place_of_runs(session, name, made.len());
        }
    }
    assets
}

async fn carry_out(session: &Session, planned: &Planned) -> Option<Attachment> {
    let client = &session.runner.client;
    let outcome = match planned.operation() {
        Operation::Observe { .. } => link(client, planned).await.map(Some),
        Operation::Check { .. } => verdict(session, planned).await,
        // Tags have no request of their own.
        _ => Ok(None),
    };
    match outcome {
        Ok(way) => Some(planned.attachment(true, None, way?)),
        Err(error) => {
            session.find(trouble(&error));
            let way = match planned.is_link() {
                true => SNIPPET,
                false => "graphql",
            };
            Some(planned.attachment(false, Some(error.to_string()), way))
        }
    }
}

/// Attaches a link by whatever the server takes.
pub(super) async fn link(client: &Client, planned: &Planned) -> Result<&'static str, Error> {
    let Operation::Observe {
        asset_key,
        partition,
        metadata,
        description,
    } = planned.operation()
    else {
        return Ok(SNIPPET);
    };
    let mut way = SNIPPET;
    for (label, value) in metadata {
        let (Value::Url(url), Some(key)) = (value, AssetKey::parse(&asset_key.join("/"))) else {
            continue;
        };
        let link = Link {
            key: &key,
            partition: partition.as_deref(),
            label,
            url,
            about: description.as_deref().unwrap_or_default(),
        };
        way = match client.attach_link(&link).await? {
            Way::Rest => "rest",
            Way::GraphQl => "graphql",
        };
    }
    Ok(way)
}

/// Reports a verdict where the server takes one and the asset has the check; else says why not.
async fn verdict(session: &Session, planned: &Planned) -> Result<Option<&'static str>, Error> {
    let client = &session.runner.client;
    let Operation::Check {
        asset_key,
        check_name,
        passed,
        metadata,
        description,
    } = planned.operation()
    else {
        return Ok(None);
    };
    let Some(key) = AssetKey::parse(&asset_key.join("/")) else {
        return Ok(None);
    };
    let left_out = |why: String| {
        let message = format!(
            "the verdict on `{}` is not reported: {why}",
            planned.notebook()
        );
        session.find(finding("daglab", "no-verdict", Severity::Info, message));
        Ok(None)
    };
    let checks = client.asset_checks(vec![key.clone()]).await?;
    if !checks.iter().any(|check| check.name == *check_name) {
        return left_out(format!("the asset `{key}` has no check `{check_name}`"));
    }
    let plain = |value: &Value| match value {
        Value::Url(text) | Value::Text(text) => serde_json::Value::from(text.as_str()),
        Value::Float(number) => serde_json::Value::from(*number),
        Value::Int(number) => serde_json::Value::from(*number),
    };
    let verdict = Verdict {
        key,
        check: check_name.clone(),
        passed: *passed,
        metadata: metadata
            .iter()
            .map(|(label, value)| (label.clone(), plain(value)))
            .collect(),
        description: description.clone(),
    };
    match client.report_verdict(&verdict).await {
        Ok(()) => Ok(Some("graphql")),
        Err(error @ Error::Unsupported { .. }) => left_out(error.to_string()),
        Err(error) => Err(error),
    }
}

/// What to say of a server that refused, or did not answer.
fn trouble(error: &Error) -> Finding {
    let code = match error.exit_status() {
        ExitStatus::Authentication => REFUSED,
        _ => UNREACHABLE,
    };
    let mut found = finding("dagster", code, Severity::Error, error.to_string());
    found.hint = error.hint();
    found
}
