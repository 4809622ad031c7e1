//! `daglab export`: notebooks as pages and documents, attached in Dagster.

mod attach;
mod error;
mod notebooks;
mod places;
mod result;
mod watch;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::rc::Rc;

use clap::{Args, ValueEnum};

use self::attach::Where;
use self::error::Error;
use self::notebooks::Selection;
use self::places::{Output, Places};
use super::children::{self, ChildArgs};
use super::connect::ConnectArgs;
use super::prepare::{self, Begun, Setting};
use super::upload::{self, UploadArgs};
use super::{Context, Failure};
use crate::ci::job::Job;
use crate::ci::outcome::Outcome;
use crate::ci::pipeline;
use crate::ci::plan::{Plan, PlannedNotebook};
use crate::ci::planner;
use crate::config::{FlagValue, Loaded};
use crate::error::ExitStatus;
use crate::marimo::format::Format;
use crate::project::notebooks::{Notebook, slugs};
use crate::publish::local::LocalStore;
use crate::publish::retention;
use crate::report::model::{RunResult, Target};
use crate::run::plan::Policy;
use crate::supervise::cancel::Cancel;
use crate::ui::progress::Progress;

/// Run notebooks, export them, and attach the links in Dagster.
///
/// Pages are written beside the notebooks unless `--output` says otherwise. With `--attach` the link
/// goes to the asset, and with `--job` to the job's latest run: in the instance of `DAGSTER_HOME`, or
/// in the deployment of `--dagster-url`, where a job's assets take the place of its runs. A notebook
/// that speaks to Dagster speaks to the same, and without `--attach` and `--job` to an ephemeral
/// instance.
#[derive(Debug, Clone, Args)]
pub struct ExportArgs {
    /// The notebooks: files, or patterns in quotes; `*` stands for anything in a name, `**` for
    /// folders
    #[arg(long, value_name = "PATH|GLOB", required = true, num_args = 1..)]
    pub notebook: Vec<PathBuf>,

    /// Where it goes: a file for one notebook, a folder for several [default: the notebook's name
    /// with the format's extension, beside it]
    #[arg(long, short, value_name = "PATH")]
    pub output: Option<PathBuf>,

    /// What to export to; may be given several times
    #[arg(
        long,
        value_name = "FORMAT",
        value_delimiter = ',',
        default_value = "html"
    )]
    pub format: Vec<FormatArg>,

    /// Attach the page's link to this asset
    #[arg(long, value_name = "asset://KEY[:PARTITION]", conflicts_with = "job")]
    pub attach: Option<String>,

    /// Attach the page's link to the latest run of this job, as tags; in a deployment, to the assets
    /// that it makes
    #[arg(long, value_name = "NAME")]
    pub job: Option<String>,

    /// The label of the link [default: exploration]
    #[arg(long, value_name = "KEY")]
    pub metadata_key: Option<String>,

    /// Attach nothing, and print the code with which the asset of `--attach` attaches the link itself
    #[arg(long, requires = "attach", conflicts_with_all = ["job", "json", "watch"])]
    pub print_snippet: bool,

    /// Export again whenever a notebook or its code changes, until Ctrl-C
    #[arg(long)]
    pub watch: bool,

    /// Print the result as JSON, with `--watch` as one line for each export
    #[arg(long)]
    pub json: bool,

    /// How many notebooks run at once [default: the number of processors]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=512))]
    pub concurrency: Option<u16>,

    /// Remove earlier exports in the same directory that are older, and with `--upload` this
    /// project's runs in the store [default: 30]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub retention_days: Option<u32>,

    /// Keep so many exports of each branch at most [default: all]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub retention_count: Option<u32>,

    /// Remove no earlier exports: for notebooks that export themselves and say what goes
    #[arg(long, hide = true)]
    pub no_retention: bool,

    /// Speak to the server that settings and `DAGLAB_DAGSTER_URL` name: for notebooks, whose
    /// address may hold a password
    #[arg(long, hide = true)]
    pub deployment: bool,

    /// Write a gzip copy beside each page, which is the default; of other formats there is none
    #[arg(long, overrides_with = "no_compress")]
    pub compress: bool,

    /// Write no gzip copies
    #[arg(long, overrides_with = "compress")]
    pub no_compress: bool,

    /// How long each notebook may take, for each format that runs it [default: 600]
    #[arg(long, value_name = "SECONDS", value_parser = children::positive_seconds)]
    pub timeout: Option<f64>,

    /// How children are started, and what they get
    #[command(flatten)]
    pub children: ChildArgs,

    /// Where exports are published
    #[command(flatten)]
    pub upload: UploadArgs,

    /// Arguments for the notebooks
    #[arg(last = true, value_name = "ARGS")]
    pub args: Vec<String>,

    /// The deployment, and who asks
    #[command(flatten)]
    pub connect: ConnectArgs,
}

/// What to export to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FormatArg {
    /// A page that opens anywhere, with outputs, and marimo's interactive one beside it
    Html,
    /// Markdown with the code; the notebook is not run
    Md,
    /// A Jupyter notebook with outputs; needs the package nbformat
    Ipynb,
    /// A document with outputs; needs the packages `nbconvert[webpdf]` and playwright
    Pdf,
}

impl From<FormatArg> for Format {
    fn from(arg: FormatArg) -> Self {
        match arg {
            FormatArg::Html => Self::Html,
            FormatArg::Md => Self::Md,
            FormatArg::Ipynb => Self::Ipynb,
            FormatArg::Pdf => Self::Pdf,
        }
    }
}

/// Carries out the command.
pub async fn run(args: &ExportArgs, context: &Context) -> Result<ExitStatus, Failure> {
    let cancel = Cancel::on_signals()?;
    if args.watch {
        return watch::run(args, context, &cancel).await;
    }
    let selection = args.select(context)?;
    selection.tell_skipped(context);
    export(args, context, &cancel, selection).await
}

/// Exports what is selected, once.
async fn export(
    args: &ExportArgs,
    context: &Context,
    cancel: &Cancel,
    selection: Selection,
) -> Result<ExitStatus, Failure> {
    let begun = Begun::now();
    let Selection {
        project,
        notebooks,
        named,
        ..
    } = selection;
    let loaded = context.settings(&project.root, args.flags())?;
    let target = args.target()?;
    let output = args.output(context);
    let places = Places::decide(&notebooks, output.as_ref(), &args.formats(), named)?;
    // Outside of a project there is nothing that an instance could serve.
    let speaks = |notebook: &Notebook| {
        let source = notebook.source.as_ref();
        source.is_ok_and(|source| source.uses_dagster)
    };
    let place = args.place(context, &loaded, &project.root)?;
    let may_speak = !project.locations.is_empty() || matches!(place, Some(Where::Deployment(_)));
    let needs: Vec<bool> = notebooks.iter().map(|n| may_speak && speaks(n)).collect();
    let place = place.or_else(|| needs.contains(&true).then_some(Where::Ephemeral));

    let compress = loaded.settings.export.compress;
    let store = LocalStore::open(&places.root)?
        .with_gzip_copies(compress)
        .with_a_list_in_each_folder();
    let root = store.root().to_owned();
    let plan = plan_of(args, &loaded, &notebooks, places, target.as_ref(), &needs);
    let emit = Progress::new(context.printer).listening();
    let setting = Setting {
        context,
        project: &project,
        loaded: &loaded,
        children: &args.children,
        cancel: cancel.clone(),
        emit: Rc::clone(&emit),
        begun,
    };
    let info = || prepare::of_git(&project.root);
    let publication = args
        .upload
        .begin(context, &loaded, &project.root, info, (cancel, &emit))
        .await?;
    let (instance, deployment) = match place {
        Some(Where::Deployment(config)) => (None, Some(*config)),
        Some(place) => (place.kind(), None),
        None => (None, None),
    };
    let job = match setting.job(plan, instance).await? {
        Ok(job) => Job {
            tag_latest_run: target.is_some(),
            deployment,
            publisher: upload::publisher(publication.as_ref()),
            // By name alone, nothing is attached.
            attach: target.is_some() && !args.print_snippet,
            retention: match args.no_retention {
                true => retention::Policy::default(),
                false => job.retention,
            },
            ..job
        },
        Err(reason) => return Ok(reason.exit_status()),
    };
    let Outcome {
        mut report,
        failure,
    } = pipeline::run(job, store).await;
    drop(emit);
    if let Some(failure) = failure {
        return Err(failure.into());
    }
    let mut unpublished = None;
    if let Some(publication) = &publication
        && report.result != RunResult::Cancelled
    {
        unpublished = upload::conclude(publication, context, &loaded, &mut report).await;
    }
    let told = result::Told {
        args,
        context,
        report: &report,
        root: &root,
        compress,
        label: &loaded.settings.defaults.attach_metadata_key,
        target: target.as_ref(),
    };
    told.print()?;
    upload::exit_status(result::exit_status(&report, cancel), unpublished)
}

impl ExportArgs {
    /// The notebooks that are named. A link needs a project to look for its target in, unless a
    /// deployment has it.
    fn select(&self, context: &Context) -> Result<Selection, Failure> {
        let linked = self.attach.is_some() || self.job.is_some();
        let required = linked && !self.connect.is_given() && !self.print_snippet;
        Selection::find(context, &self.notebook, required)
    }

    fn target(&self) -> Result<Option<Target>, Error> {
        match (&self.attach, &self.job) {
            (Some(text), _) => planner::parse_target(text)
                .map(Some)
                .ok_or_else(|| Error::Target(text.clone())),
            (None, Some(name)) => Ok(Some(Target::Job { name: name.clone() })),
            (None, None) => Ok(None),
        }
    }

    fn output(&self, context: &Context) -> Option<Output<'_>> {
        let given = self.output.as_deref()?;
        Some(Output {
            given,
            path: context.dir.join(given),
        })
    }

    fn formats(&self) -> Vec<Format> {
        let formats: BTreeSet<Format> = self.format.iter().map(|arg| (*arg).into()).collect();
        formats.into_iter().collect()
    }

    /// The flags that are settings, for the topmost layer.
    fn flags(&self) -> Vec<FlagValue> {
        let compress = self.compress.then_some(true);
        let no_compress = self.no_compress.then_some(false);
        let label = self.metadata_key.clone();
        let own = [
            FlagValue::given("defaults.attach_metadata_key", label, "--metadata-key"),
            FlagValue::given(
                "export.retention_days",
                self.retention_days,
                "--retention-days",
            ),
            FlagValue::given(
                "export.retention_count",
                self.retention_count,
                "--retention-count",
            ),
            FlagValue::given("export.compress", compress, "--compress"),
            FlagValue::given("export.compress", no_compress, "--no-compress"),
            FlagValue::given("ci.concurrency", self.concurrency, "--concurrency"),
            FlagValue::given("ci.timeout", self.timeout, "--timeout"),
        ];
        own.into_iter()
            .flatten()
            .chain(self.children.flags())
            .chain(self.connect.flags())
            .chain(self.upload.flags())
            .collect()
    }
}

/// A plan of notebooks alone.
fn plan_of(
    args: &ExportArgs,
    loaded: &Loaded,
    notebooks: &[Notebook],
    places: Places,
    target: Option<&Target>,
    needs_dagster: &[bool],
) -> Plan {
    let paths: Vec<String> = notebooks.iter().map(|n| n.path.clone()).collect();
    let slugs = slugs(&paths);
    let of_all = notebooks.iter().zip(slugs).zip(places.notebooks);
    let planned = of_all.zip(needs_dagster);
    Plan {
        validate: false,
        check: false,
        strict: false,
        concurrency: planner::concurrency(&loaded.settings),
        runs: Vec::new(),
        notebooks: planned
            .map(
                |(((notebook, slug), place), needs_dagster)| PlannedNotebook {
                    path: notebook.path.clone(),
                    file: notebook.file.clone(),
                    slug,
                    title: notebook.title(),
                    page_key: place.page_key,
                    page: place.page,
                    files: place.files,
                    args: args.args.clone(),
                    env: Vec::new(),
                    needs: Vec::new(),
                    needs_dagster: *needs_dagster,
                    target: target.cloned(),
                    policy: Policy {
                        timeout: loaded.settings.ci.timeout.duration(),
                        retries: 0,
                        allow_failure: false,
                    },
                    skip: None,
                    imports: match &notebook.source {
                        Ok(source) => source.imports.iter().cloned().collect(),
                        Err(_) => Vec::new(),
                    },
                    why: "`--notebook`".to_owned(),
                },
            )
            .collect(),
        findings: planner::unused_settings(loaded).collect(),
    }
}
