//! The flags by which `ci` reports to GitHub.

use clap::{ArgAction, Args, ValueEnum};

use crate::github::delivery::Wishes;

/// What GitHub is told.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "GitHub options")]
pub struct GithubArgs {
    /// Report to the GitHub Actions runner that this runs on: artifacts, the job's summary,
    /// annotations, outputs, and a comment on the pull request
    #[arg(long)]
    pub github: bool,

    /// Whether there is a comment on the pull request
    #[arg(long, value_name = "WHEN", default_value = "auto", requires = "github")]
    pub comment: CommentArg,

    /// Tells this report's comment from those of other jobs on the same pull request [default: the
    /// project's folder]
    #[arg(long, value_name = "NAME", requires = "github")]
    pub comment_key: Option<String>,

    /// Also publish a check run
    #[arg(long, requires = "github")]
    pub check_run: bool,

    /// Whether failures are annotated
    #[arg(long, value_name = "BOOL", default_value_t = true, action = ArgAction::Set, requires = "github")]
    pub annotations: bool,

    /// Whether the job's summary is written
    #[arg(long, value_name = "BOOL", default_value_t = true, action = ArgAction::Set, requires = "github")]
    pub summary: bool,

    /// Whether pages and the report are stored as artifacts
    #[arg(long, value_name = "BOOL", default_value_t = true, action = ArgAction::Set, requires = "github")]
    pub artifacts: bool,

    /// Tells the artifacts of this job from those of others in the same run [default: the project's
    /// folder]
    #[arg(long, value_name = "NAME", requires = "github")]
    pub artifact_suffix: Option<String>,
}

/// Whether there is a comment on the pull request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CommentArg {
    /// Where there is a pull request, and the token may write to it
    Auto,
    /// Nowhere
    Never,
}

impl GithubArgs {
    /// What was asked for; none if GitHub is not to be told anything.
    pub(super) fn wishes(&self, retention_days: Option<u32>) -> Option<Wishes> {
        self.github.then(|| Wishes {
            comment: self.comment == CommentArg::Auto,
            comment_key: self.comment_key.clone(),
            check_run: self.check_run,
            annotations: self.annotations,
            summary: self.summary,
            artifacts: self.artifacts,
            artifact_suffix: self.artifact_suffix.clone(),
            retention_days,
        })
    }
}
