//! `daglab export`: one notebook as a page, attached in Dagster.

use std::path::PathBuf;

use clap::Args;

use super::ci::{IsolationArg, positive_seconds};

/// Run one notebook, export it to HTML, and attach the link in Dagster.
///
/// The page is written beside the notebook unless `--output` says otherwise. With `--attach` the
/// link goes to the asset, and with `--job` to the job's latest run, in the instance of
/// `DAGSTER_HOME`.
#[derive(Debug, Clone, Args)]
pub struct ExportArgs {
    /// The notebook
    #[arg(long, value_name = "PATH.py")]
    pub notebook: PathBuf,

    /// Where the page goes [default: the notebook's name with .html, beside it]
    #[arg(long, short, value_name = "PATH.html")]
    pub output: Option<PathBuf>,

    /// Attach the page's link to this asset
    #[arg(long, value_name = "asset://KEY[:PARTITION]", conflicts_with = "job")]
    pub attach: Option<String>,

    /// Attach the page's link to the latest run of this job, as tags
    #[arg(long, value_name = "NAME")]
    pub job: Option<String>,

    /// The label of the link [default: exploration]
    #[arg(long, value_name = "KEY")]
    pub metadata_key: Option<String>,

    /// Remove earlier exports in the same directory that are older
    #[arg(long, value_name = "N")]
    pub retention_days: Option<u32>,

    /// Write a gzip copy beside the page
    #[arg(long)]
    pub compress: bool,

    /// How long the notebook may take [default: 600]
    #[arg(long, value_name = "SECONDS", value_parser = positive_seconds)]
    pub timeout: Option<f64>,

    /// How processes are started [default: fork, and spawn where that fails]
    #[arg(long, value_name = "HOW")]
    pub isolation: Option<IsolationArg>,

    /// The interpreter to use, or its version
    #[arg(long, value_name = "PATH|VERSION")]
    pub python: Option<String>,

    /// Let the notebook see this variable; may be given several times
    #[arg(long, value_name = "NAME")]
    pub env: Vec<String>,

    /// Arguments for the notebook
    #[arg(last = true, value_name = "ARGS")]
    pub args: Vec<String>,
}
