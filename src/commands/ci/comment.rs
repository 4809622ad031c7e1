//! `daglab ci comment`: a report that lies here, told to the pull request it is about.

use std::path::PathBuf;

use clap::Args;

use crate::commands::{Context, Failure};
use crate::error::ExitStatus;
use crate::github::comment::Posted;
use crate::github::foreign;
use crate::github::runner::Files;

/// Write a report that lies here to the pull request it is about.
///
/// For pull requests from forks, whose runs may not comment: a workflow on `workflow_run` downloads
/// the report and calls this. The report is not trusted. Which pull request it is about is taken
/// from the event and from GitHub, never from the report.
#[derive(Debug, Clone, Args)]
pub struct CommentArgs {
    /// The report: `report.json`, or a directory or an archive that holds it
    #[arg(long, value_name = "PATH")]
    pub report: PathBuf,

    /// Tells the comment from those of other jobs on the same pull request [default: what the
    /// report says]
    #[arg(long, value_name = "NAME")]
    pub comment_key: Option<String>,
}

/// Carries out the command.
pub(super) async fn run(args: &CommentArgs, context: &Context) -> Result<ExitStatus, Failure> {
    let variable = |name: &str| context.variable(name).map(str::to_owned);
    let path = context.dir.join(&args.report);
    let files = Files::take(variable);
    let posted = foreign::post(&path, args.comment_key.as_deref(), &variable).await?;
    let what = match &posted {
        Posted::Created { .. } => "created",
        Posted::Updated { .. } => "updated",
        Posted::Unchanged { .. } => "unchanged",
        Posted::Superseded { by, .. } => {
            let note = format!("the comment stays: it shows the newer run {}", by.run_id);
            context.printer.message(&note);
            "kept"
        }
    };
    context.printer.message(&format!("{what}: the comment"));
    let url = posted.url().to_owned();
    if let Err(error) = files.set_outputs(&[("comment-url", url)]) {
        let note = format!("the step's outputs could not be written: {error}");
        context.printer.message(&note);
    }
    let line = format!("{}\n", posted.url());
    context.printer.result(&line).map_err(Failure::output)?;
    Ok(ExitStatus::Success)
}
