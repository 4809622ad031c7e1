//! What there is to say about the project and the machine, beside the results.

use super::job::Job;
use super::plan::Plan;
use super::session::{Session, finding};
use crate::dagster::discover::Workspace;
use crate::host::instance;
use crate::report::model::{LocationReport, Severity};
use crate::ui::text::count;

/// Dagster loads a location whose resources read variables that are not set; its runs then fail.
pub(super) async fn unset_variables(session: &Session, workspace: &Workspace) {
    let env = &session.host.interpreter().env;
    let required = match session.runner.client.required_env_vars(workspace).await {
        Ok(required) => required,
        Err(error) => {
            let message = format!("the variables that resources read are not known: {error}");
            return session.find(finding("preflight", "unknown", Severity::Info, message));
        }
    };
    for variable in required
        .iter()
        .filter(|variable| !env.contains_key(&variable.name))
    {
        let name = &variable.name;
        let message = format!(
            "`{name}` is not set; read by {}",
            variable.readers.join(", ")
        );
        let mut found = finding("preflight", "unset-variable", Severity::Warning, message);
        found.hint = Some(format!(
            "set it and pass it on with `--env {name}` or `ci.env`"
        ));
        session.find(found);
    }
}

/// A location that did not load, or that lost its server, is a finding: it fails the run unless
/// validation is off.
pub(super) fn locations(session: &Session, plan: &Plan, locations: &mut [LocationReport]) {
    let severity = if plan.validate {
        Severity::Error
    } else {
        Severity::Warning
    };
    let lost = session.lost.borrow();
    for location in locations {
        let name = &location.name;
        let error = location.error.as_mut();
        let message = match (lost.get(name), &error) {
            (Some(how), _) if location.loaded => how.clone(),
            (Some(how), _) => format!("the code location `{name}` did not load: {how}"),
            (None, Some(error)) => {
                format!("the code location `{name}` did not load: {}", error.message)
            }
            (None, None) if location.loaded => continue,
            (None, None) => format!("the code location `{name}` did not load in time"),
        };
        let mut found = finding("dagster", "location", severity, message);
        if let Some(error) = error {
            // That nobody answered any more says less than why.
            if let Some(how) = lost.get(name) {
                error.message.clone_from(how);
            }
            found.path.clone_from(&error.path);
            found.line = error.line;
        }
        session.find(found);
    }
}

/// A job's runs can't be given a link from outside, so what it makes gets it.
pub(super) fn assets_in_place_of_runs(session: &Session, job: &str, assets: usize) {
    let message = format!(
        "runs can't be tagged over the web server: the link goes to the {} of the job `{job}`",
        count(assets, "asset")
    );
    session.find(finding("daglab", "assets-of-job", Severity::Info, message));
}

/// What went another way than one might think.
pub(super) fn degraded(session: &Session, job: &Job<'_>) {
    for reason in session.host.degraded() {
        session.find(finding("daglab", "slower", Severity::Info, reason));
    }
    if let Some(instance::Kind::Existing(home)) = &job.instance {
        let message = format!("the existing instance in `{}` was used", home.display());
        session.find(finding(
            "daglab",
            "existing-instance",
            Severity::Info,
            message,
        ));
    }
}
