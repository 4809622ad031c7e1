//! `daglab ci publish`: a report that lies here, published with everything beside it.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::commands::upload::{self, UploadArgs};
use crate::commands::{Context, Failure};
use crate::error::{Diagnose, ExitStatus};
use crate::publish::local;
use crate::publish::remote::Content;
use crate::publish::report;
use crate::redact::secrets;
use crate::report::model::CiReport;
use crate::report::terminal::{self, RenderOptions};
use crate::supervise::cancel::Cancel;
use crate::supervise::left;
use crate::ui::progress::{Event, Progress};

/// The largest report, in bytes.
const LARGEST: u64 = 256 * 1024 * 1024;

/// How deep directories may lie in each other.
const DEEPEST: usize = 32;

/// Publish a report that lies here, with everything beside it, in an object store.
///
/// For a job that has the store's credentials and runs nothing foreign, after one that ran
/// everything and has none. The report's links lead to the store from then on. Pages are published
/// as they are: publish only what was made from code that you trust.
#[derive(Debug, Clone, Args)]
pub struct PublishArgs {
    /// The directory with `report.json`
    #[arg(long, value_name = "DIR", default_value = ".daglab/artifacts")]
    pub report: PathBuf,

    /// Store texts as they are, and not compressed
    #[arg(long)]
    pub no_compress: bool,

    /// Delete this project's runs that are older, of all branches and pull requests [default: 30]
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..))]
    pub retention_days: Option<u32>,

    /// Keep so many runs of each branch at most [default: all]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub retention_count: Option<u32>,

    /// Where pages are published
    #[command(flatten)]
    pub upload: UploadArgs,
}

/// Why there is nothing to publish.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("`{}` could not be read: {why}", path.display())]
    Unreadable { path: PathBuf, why: String },
    #[error("`{}` is not a report of daglab's: {why}", path.display())]
    NoReport { path: PathBuf, why: String },
    #[error("it is not said where to publish")]
    Nowhere,
}

impl Diagnose for Error {
    fn exit_status(&self) -> ExitStatus {
        match self {
            Self::Nowhere => ExitStatus::Usage,
            Self::Unreadable { .. } | Self::NoReport { .. } => ExitStatus::Validation,
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Nowhere => "give `--upload`".to_owned(),
            _ => "`--report` names the directory that `daglab ci` wrote".to_owned(),
        })
    }
}

/// Carries out the command.
pub(super) async fn run(args: &PublishArgs, context: &Context) -> Result<ExitStatus, Failure> {
    let dir = context.dir.join(&args.report);
    let path = dir.join("report.json");
    let unreadable = |error: std::io::Error| Error::Unreadable {
        path: path.clone(),
        why: error.to_string(),
    };
    let text = left::read(&path, LARGEST).map_err(unreadable)?;
    let told =
        CiReport::from_json(&String::from_utf8_lossy(&text)).map_err(|error| Error::NoReport {
            path: path.clone(),
            why: error.to_string(),
        })?;
    let loaded = context.settings(&context.dir, args.flags())?;
    let mut told = secrets::known().remove_from(told);
    let cancel = Cancel::on_signals()?;
    let emit = Progress::new(context.printer).listening();
    emit(Event::Phase("publishing".to_owned()));
    let begun = args
        .upload
        .begin(
            context,
            &loaded,
            &context.dir,
            || told.project.clone(),
            (&cancel, &emit),
        )
        .await?;
    let Some(publication) = begun else {
        return Err(Error::Nowhere.into());
    };
    publication.rename(report::names(&told.notebooks));
    let files = files(&dir, Path::new(""), 0).map_err(unreadable)?;
    for (name, stored) in publication.put_all(files).await? {
        if let Err(error) = stored {
            publication.fail(&error);
            context
                .printer
                .message(&format!("`{name}` was not published: {error}"));
        }
    }
    report::link(&publication, &mut told.notebooks).await?;
    let failure = upload::conclude(&publication, context, &loaded, &mut told).await;
    drop((publication, emit));
    if let Some(error) = failure {
        return Err(error.into());
    }
    local::write_whole(&path, told.to_json().as_bytes())?;
    let printer = context.printer;
    let shown = terminal::published(
        &told,
        &RenderOptions {
            width: printer.stdout_width(),
            color: printer.stdout_color(),
            index: None,
        },
    );
    printer.result(&shown).map_err(Failure::output)?;
    Ok(ExitStatus::Success)
}

/// The regular files of a directory, but for the report and its index, which are written anew, what
/// is hidden, and gzip copies. Links are not followed.
fn files(root: &Path, below: &Path, depth: usize) -> std::io::Result<Vec<(String, Content)>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(root.join(below))? {
        let entry = entry?;
        let name = entry.file_name();
        let path = below.join(&name);
        let (kind, Some(key)) = (entry.file_type()?, path.to_str()) else {
            continue;
        };
        let is_ours = matches!(key, "report.json" | "index.html");
        let is_copy = key.ends_with(".gz") && root.join(path.with_extension("")).is_file();
        if is_ours || is_copy || name.to_string_lossy().starts_with('.') {
            continue;
        }
        if kind.is_dir() && depth < DEEPEST {
            found.extend(files(root, &path, depth + 1)?);
        } else if kind.is_file() {
            found.push((key.to_owned(), Content::File(root.join(&path))));
        }
    }
    Ok(found)
}

impl PublishArgs {
    fn flags(&self) -> Vec<crate::config::FlagValue> {
        use crate::config::FlagValue;
        let no_compress = self.no_compress.then_some(false);
        let (days, count) = (self.retention_days, self.retention_count);
        [
            FlagValue::given("export.compress", no_compress, "--no-compress"),
            FlagValue::given("export.retention_days", days, "--retention-days"),
            FlagValue::given("export.retention_count", count, "--retention-count"),
        ]
        .into_iter()
        .flatten()
        .chain(self.upload.flags())
        .collect()
    }
}
