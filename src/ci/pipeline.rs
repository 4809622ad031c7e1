//! The main job, carried out: from a plan to a [`CiReport`](crate::report::model::CiReport).

use std::rc::Rc;
use std::time::{Duration, Instant};

use futures_util::future::{join, join_all};
use tokio::task::JoinHandle;

use super::job::Job;
use super::outcome::{Clock, Done, End, Outcome, Progress};
use super::session::{Session, finding};
use super::start::{self, Started};
use super::{attach, checks, deployment, notebooks, notes, pairing, upload};
use crate::dagster::launch::TerminatePolicy;
use crate::dagster::summary::location_reports;
use crate::error::Diagnose;
use crate::host::Entry;
use crate::host::instance::Instance;
use crate::publish::local::LocalStore;
use crate::report::model::{Attachment, Severity};
use crate::run::{Dagster, launch};
use crate::ui::progress::Event;
use crate::ui::text::sanitize;

/// What a command waits for at most before it ends, so that runs in an instance that stays don't
/// look as if they went on.
const LAST_WORD: Duration = Duration::from_secs(2);

/// Carries out a plan; finished files go into the store.
pub async fn run(mut job: Job<'_>, store: LocalStore) -> Outcome {
    let mut clock = Clock::start(std::mem::take(&mut job.timings));
    (job.emit)(Event::Planned {
        total: job.plan.runs.len() + job.plan.notebooks.len(),
    });
    let cancel = job.cancel.clone();
    let progress = Progress::new(&job.plan);
    let started = tokio::select! {
        started = start::start(&mut job, &mut clock) => started,
        _ = cancel.cancelled() => return progress.stopped(job, clock, End::Cancelled),
    };
    let Started {
        host,
        warm,
        mut instance,
    } = match started {
        Ok(started) => started,
        Err(error) => return progress.stopped(job, clock, End::Failed(error)),
    };
    let abilities = tokio::select! {
        asked = start::abilities(&job, &host) => asked,
        _ = cancel.cancelled() => return progress.stopped(job, clock, End::Cancelled),
    };
    let session = abilities
        .and_then(|abilities| start::session(&mut job, store, &host, instance.as_ref(), abilities));
    let session = match session {
        Ok(session) => session,
        Err(error) => return progress.stopped(job, clock, End::Failed(error)),
    };

    let mut end = tokio::select! {
        () = carry_out(&session, &job, warm, &progress) => End::Done,
        _ = cancel.cancelled() => End::Cancelled,
        error = watch_servers(&session, instance.as_mut()) => End::Failed(error.into()),
    };
    if let Some(ready) = progress.ready.take() {
        clock.note("ready", ready);
    }
    clock.lap("execute");

    let mut done = progress.finish(&job.plan, &end);
    let first = match job.plan.notebooks.is_empty() {
        true => Entry::Run,
        false => Entry::Notebook,
    };
    let how = host.isolation(first);
    done.isolation = Some(how.as_str());
    if job.publisher.is_some() && matches!(end, End::Done) {
        upload::pages(&session, &job, &mut done.notebooks).await;
        if cancel.reason().is_some() {
            end = End::Cancelled;
        }
        clock.lap("publish");
    }
    if (job.attach || job.deployment.is_some()) && matches!(end, End::Done) {
        tokio::select! {
            () = attach_links(&session, &job, instance.as_ref(), &mut done) => {}
            _ = cancel.cancelled() => end = End::Cancelled,
        }
        clock.lap("attach");
    }
    if session.runner.instance_stays && !matches!(end, End::Done) {
        end_open_runs(&session).await;
    }
    // Someone who pressed Ctrl-C waits for nothing: the host takes its children down.
    if let (Some(instance), End::Done) = (&mut instance, &end) {
        instance.stop().await;
    }
    host.shut_down().await;
    clock.lap("stop");

    // Those of a deployment are not the project's.
    let workspace = session.runner.dagster.get().and_then(Result::ok);
    done.locations = workspace
        .filter(|_| job.deployment.is_none())
        .map(|workspace| location_reports(&workspace, &session.runner.root))
        .unwrap_or_default();
    notes::locations(&session, &job.plan, &mut done.locations);
    notes::degraded(&session, &job);
    done.findings = session.findings.take();
    let kept = session
        .store
        .borrow()
        .finish(job.info.branch.as_deref(), job.retention);
    if let Err(error) = kept {
        tracing::warn!("old files could not be removed: {error}");
    }
    done.report(job, clock, end)
}

/// All that goes on at once. Ends when everything has.
async fn carry_out(session: &Session, job: &Job<'_>, warm: JoinHandle<()>, progress: &Progress) {
    let plan = &job.plan;
    let ready = async {
        let state = await_dagster(session, job).await;
        progress.ready.replace(Some(Instant::now()));
        session.emit(Event::Phase("running".to_owned()));
        session.runner.dagster.open(state);
    };
    let warm = async {
        if let Err(error) = warm.await {
            tracing::debug!("nothing was imported for all notebooks: {error}");
        }
        session.warm.open(());
    };
    let names: Vec<String> = plan.runs.iter().map(|run| run.name.clone()).collect();
    let all_runs = join_all(
        plan.runs
            .iter()
            .enumerate()
            .map(|(index, planned)| async move {
                progress
                    .runs
                    .put(index, launch::run(&session.runner, planned, index).await);
            }),
    );
    let names = &names;
    let all_notebooks = join_all(plan.notebooks.iter().enumerate().map(
        |(index, planned)| async move {
            progress
                .notebooks
                .put(index, notebooks::run(session, planned, names).await);
        },
    ));
    let checks = checks::run(session, plan, &session.scratch);
    join(
        join(ready, warm),
        join(join(all_runs, all_notebooks), checks),
    )
    .await;
}

/// Ends when Dagster can't be spoken to any more. A code server that dies takes only its own
/// location with it.
async fn watch_servers(session: &Session, instance: Option<&mut Instance>) -> crate::host::Error {
    let Some(instance) = instance else {
        return std::future::pending().await;
    };
    let code_server_ended = |location: &str, error: crate::host::Error| {
        let mut how = error.to_string();
        if let Some(output) = error.detail() {
            how.push_str(&format!("; it said:\n{}", sanitize(&output)));
        }
        session.lost.borrow_mut().insert(location.to_owned(), how);
    };
    instance.watch(code_server_ended).await
}

async fn await_dagster(session: &Session, job: &Job<'_>) -> Dagster {
    if job.deployment.is_some() {
        return await_deployment(session, job).await;
    }
    if job.instance.is_none() {
        return Err("no instance was started".into());
    }
    match session
        .runner
        .client
        .wait_ready(job.start_up, job.locations.len())
        .await
    {
        Ok(workspace) => {
            notes::unset_variables(session, &workspace).await;
            Ok(Rc::new(workspace))
        }
        Err(error) => {
            let message = format!("Dagster did not come up: {error}");
            session.find(finding("dagster", "not-ready", Severity::Error, message));
            Err(error.to_string().into())
        }
    }
}

/// What a deployment has. That it does not answer is no error yet: perhaps nothing needs it.
async fn await_deployment(session: &Session, job: &Job<'_>) -> Dagster {
    let client = &session.runner.client;
    let answered = match client.workspace().await {
        Ok(workspace) if workspace.loading().next().is_some() => {
            client.wait_ready(job.start_up, 0).await
        }
        answered => answered,
    };
    answered.map(Rc::new).map_err(|error| {
        let why = error.to_string().into();
        session.unanswered.replace(Some(error));
        why
    })
}

async fn attach_links(
    session: &Session,
    job: &Job<'_>,
    instance: Option<&Instance>,
    done: &mut Done,
) {
    if job.deployment.is_some() {
        (job.emit)(Event::Phase("attaching links".to_owned()));
        return deployment::attach_links(session, job, done).await;
    }
    let workspace = session.runner.dagster.get().and_then(Result::ok);
    let (Some(workspace), Some(instance)) = (workspace, instance) else {
        return;
    };
    (job.emit)(Event::Phase("attaching links".to_owned()));
    pairing::settle(session, &workspace, &mut done.notebooks).await;
    let mut run_ids = pairing::run_ids(&done.runs);
    if job.tag_latest_run {
        run_ids.extend(pairing::latest_runs(session, &done.notebooks).await);
    }
    let mut planned = attach::plan(&done.notebooks, &run_ids, &job.metadata_key);
    // It does not go through GraphQL, and is allowed or not all the same.
    let gate = session.runner.client.gate();
    if let Some(refused) = planned.iter().find_map(|planned| planned.pass(gate).err()) {
        session.find(attach::refused(&refused));
        planned.retain(|planned| planned.pass(gate).is_ok());
    }
    if !planned.is_empty() {
        done.attachments =
            attach::carry_out(&session.host, &instance.home, &instance.scratch, &planned).await;
        if session.runner.instance_stays {
            by_its_web_server(session, &planned, &mut done.attachments).await;
        }
    }
}

/// Tries links that could not be written to an instance over its web server, which is up already.
async fn by_its_web_server(
    session: &Session,
    planned: &[attach::Planned],
    attachments: &mut [Attachment],
) {
    for (planned, attachment) in planned.iter().zip(attachments) {
        if attachment.ok || !planned.is_link() {
            continue;
        }
        match deployment::link(&session.runner.client, planned).await {
            Ok(way) => *attachment = planned.attachment(true, attachment.message.take(), way),
            Err(error) => {
                tracing::debug!(%error, "the link is not attached over the web server either");
                attachment.way = Some(deployment::SNIPPET.to_owned());
            }
        }
    }
}

/// Has runs that are under way marked as cancelled: they end with daglab.
async fn end_open_runs(session: &Session) {
    let open = session.runner.open_runs.take();
    let client = &session.runner.client;
    let ends = open.keys().map(|run_id| async move {
        if let Err(error) = client
            .terminate(run_id, TerminatePolicy::MarkCanceled)
            .await
        {
            tracing::warn!("the run `{run_id}` is not marked as cancelled: {error}");
        }
    });
    if tokio::time::timeout(LAST_WORD, join_all(ends))
        .await
        .is_err()
    {
        tracing::warn!("runs that were under way may look as if they went on");
    }
}
