//! `daglab discover`: what a Dagster server has.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::connect::{ConnectArgs, Unanswered};
use super::{Context, Failure};
use crate::completion;
use crate::dagster::catalog::{Ask, Catalog, State};
use crate::dagster::discover::most_similar;
use crate::dagster::{AssetKey, Client, Error as DagsterError};
use crate::discover::filter::{Details, Filter, Kind, Listing, Wishes};
use crate::discover::model::Discovery;
use crate::discover::names::Names;
use crate::discover::table::{self, RenderOptions};
use crate::error::{Diagnose, ExitStatus};
use crate::ui::Paint;
use crate::ui::style::Role;

/// For how many assets details are asked without `--details`. They cost a server about half a
/// millisecond each, four times as much as all the rest.
const DETAILED: usize = 500;
/// For how many assets at once the checks are asked.
const BATCH: usize = 1000;
/// The pause between two looks at code locations that are loading.
const PAUSE: Duration = Duration::from_millis(100);

/// List code locations, repositories, jobs, assets, schedules and sensors.
///
/// Asks the Dagster web server; nothing is started or changed. Several flags narrow the list down
/// together; a flag that is given several times allows each of its values, and `--tags` asks for
/// all of them.
#[derive(Debug, Clone, Args)]
pub struct DiscoverArgs {
    /// List only these; may be given several times [default: all]
    #[arg(long, value_name = "KIND", value_delimiter = ',')]
    pub filter: Vec<KindArg>,

    /// List only what this matches by its name; `*` stands for anything
    #[arg(long, value_name = "GLOB", add = completion::jobs_and_assets())]
    pub pattern: Vec<String>,

    /// List only what has this tag; `KEY` alone allows any value
    #[arg(long, value_name = "KEY=VALUE", add = completion::tags())]
    pub tags: Vec<String>,

    /// List only assets of this group
    #[arg(long, value_name = "NAME", add = completion::groups())]
    pub group: Vec<String>,

    /// List only what is in this code location
    #[arg(long, value_name = "NAME", add = completion::locations())]
    pub location: Vec<String>,

    /// List only assets that this selects, in Dagster's asset selection syntax
    #[arg(long, value_name = "EXPR", add = completion::selections())]
    pub select: Option<String>,

    /// Ask for checks and latest materializations of all listed assets [default: of up to 500]
    #[arg(long, overrides_with = "no_details")]
    pub details: bool,

    /// Don't ask for checks and latest materializations
    #[arg(long, overrides_with = "details")]
    pub no_details: bool,

    /// How to print it
    #[arg(long, short, value_name = "FORMAT", default_value = "table")]
    pub output: Format,

    /// Short for `--output json`
    #[arg(long, conflicts_with = "output")]
    pub json: bool,

    /// Which server, and who asks
    #[command(flatten)]
    pub connect: ConnectArgs,
}

/// A kind of item, as flags name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum KindArg {
    /// Jobs
    Jobs,
    /// Assets
    Assets,
    /// Repositories
    #[value(alias = "repositories")]
    Repos,
    /// Code locations
    Locations,
    /// Sensors
    Sensors,
    /// Schedules
    Schedules,
}

/// How a listing is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Tables
    Table,
    /// One JSON value
    Json,
    /// A JSON value on a line of its own for each item
    Ndjson,
}

/// A code location that was asked for.
#[derive(Debug, thiserror::Error)]
enum Error {
    /// There is none of that name.
    #[error("there is no code location `{name}`")]
    NoLocation {
        /// The name.
        name: String,
        /// The name that was perhaps meant.
        suggestion: Option<String>,
        /// Those that there are.
        known: Vec<String>,
    },
}

impl Diagnose for Error {
    fn exit_status(&self) -> ExitStatus {
        ExitStatus::Validation
    }

    fn hint(&self) -> Option<String> {
        let Self::NoLocation {
            suggestion, known, ..
        } = self;
        match suggestion {
            Some(name) => Some(format!("did you mean `{name}`?")),
            None if known.is_empty() => None,
            None => Some(format!("the server has `{}`", known.join("`, `"))),
        }
    }
}

impl DiscoverArgs {
    fn wishes(&self) -> Wishes {
        let kind = |arg: &KindArg| match arg {
            KindArg::Jobs => Kind::Jobs,
            KindArg::Assets => Kind::Assets,
            KindArg::Repos => Kind::Repositories,
            KindArg::Locations => Kind::Locations,
            KindArg::Sensors => Kind::Sensors,
            KindArg::Schedules => Kind::Schedules,
        };
        Wishes {
            kinds: self.filter.iter().map(kind).collect(),
            patterns: self.pattern.clone(),
            tags: self.tags.clone(),
            groups: self.group.clone(),
            locations: self.location.clone(),
            select: self.select.clone(),
        }
    }

    fn wants_details(&self, listing: &Listing<'_>) -> bool {
        let default = !self.no_details && listing.assets.len() <= DETAILED;
        !listing.assets.is_empty() && (self.details || default)
    }
}

/// Carries out the command.
pub async fn run(args: &DiscoverArgs, context: &Context) -> Result<ExitStatus, Failure> {
    let filter = Filter::new(&args.wishes())?;
    let root = super::config::root(&context.dir, context)?;
    let loaded = context.settings(&root, args.connect.flags().collect())?;
    let client = args.connect.client(context, &loaded, &root)?;
    let limit = loaded.settings.performance.max_wait_time.duration();
    let ask = filter.ask();
    let catalog = load(&client, ask, limit).await.map_err(Unanswered)?;
    for name in &args.location {
        must_be_there(&catalog, name, &client, limit)?;
    }
    let mut listing = filter.apply(&catalog)?;
    if args.wants_details(&listing) {
        let details = details(&client, &listing).await.map_err(Unanswered)?;
        listing.details = Some(details);
    }
    let text = match (args.json, args.output) {
        (true, _) | (_, Format::Json) => {
            Discovery::new(&listing, &filter, client.url(), &root).to_json()
        }
        (_, Format::Ndjson) => Discovery::new(&listing, &filter, client.url(), &root).to_ndjson(),
        (_, Format::Table) => table::render(
            &listing,
            &filter,
            RenderOptions {
                color: context.printer.stdout_color(),
                width: context.printer.stdout_width(),
                now_ms: jiff::Timestamp::now().as_millisecond(),
            },
        ),
    };
    context.printer.result(&text).map_err(Failure::output)?;
    drop(text);
    speak(context, &listing, &filter, &root);
    remember(&root, client.url(), &catalog, ask);
    Ok(ExitStatus::Success)
}

/// What there is, once all code locations have loaded or failed to. One that takes longer than the
/// limit is part of the answer.
async fn load(client: &Client, ask: Ask, limit: Duration) -> Result<Catalog, DagsterError> {
    let catalog = client.catalog(ask).await?;
    if catalog.loading().next().is_none() {
        return Ok(catalog);
    }
    let loaded = async {
        // Bounded by the limit around it.
        while client.locations().await?.loading().next().is_some() {
            tokio::time::sleep(PAUSE).await;
        }
        Ok::<_, DagsterError>(())
    };
    if let Ok(outcome) = tokio::time::timeout(limit, loaded).await {
        outcome?;
    }
    client.catalog(ask).await
}

/// Refuses to go on without a code location that was asked for by name.
fn must_be_there(
    catalog: &Catalog,
    name: &str,
    client: &Client,
    limit: Duration,
) -> Result<(), Failure> {
    let found = catalog.locations.iter().find(|it| it.name == name);
    match found.map(|location| &location.state) {
        Some(State::Loaded(_)) => Ok(()),
        Some(State::Failed(error)) => Err(DagsterError::LocationLoad {
            location: name.to_owned(),
            error: error.clone(),
        }
        .into()),
        Some(State::Loading) => Err(DagsterError::NotReady {
            url: client.url().to_owned(),
            limit,
            reason: format!("still loading: `{name}`"),
        }
        .into()),
        None => {
            let known: Vec<String> = catalog.locations.iter().map(|it| it.name.clone()).collect();
            Err(Error::NoLocation {
                name: name.to_owned(),
                suggestion: most_similar(name, known.iter().map(String::as_str)),
                known,
            }
            .into())
        }
    }
}

/// What is asked about the listed assets alone.
async fn details(client: &Client, listing: &Listing<'_>) -> Result<Details, DagsterError> {
    let keys = |wanted: &dyn Fn(bool) -> bool| -> Vec<AssetKey> {
        let mut keys: Vec<AssetKey> = listing
            .assets
            .iter()
            .filter(|at| wanted(at.item.has_checks))
            .map(|at| at.item.key.clone())
            .collect();
        keys.dedup();
        keys
    };
    let mut checks: HashMap<AssetKey, Vec<String>> = HashMap::new();
    for batch in keys(&|has_checks| has_checks).chunks(BATCH) {
        for check in client.asset_checks(batch.to_vec()).await? {
            checks.entry(check.asset).or_default().push(check.name);
        }
    }
    let latest = client.latest_materializations(&keys(&|_| true)).await?;
    Ok(Details { latest, checks })
}

/// Says on stderr what the list itself does not.
fn speak(context: &Context, listing: &Listing<'_>, filter: &Filter, root: &Path) {
    let paint = Paint::new(context.printer.stderr_color());
    for note in table::notes(listing, filter, root) {
        let label = paint.paint(Role::Warn, "warning:");
        context.printer.message(&format!("{label} {note}"));
    }
    if listing.is_empty() {
        context.printer.message(match filter.is_narrow() {
            true => "Nothing matches.",
            false => "There is nothing of that kind.",
        });
    }
}

/// Leaves the names for shell completion, if this is a project. The list has been printed; nothing
/// that happens here changes that.
fn remember(root: &Path, server: &str, catalog: &Catalog, ask: Ask) {
    let is_project = root.join(".daglab").is_dir() || root.join("daglab.yaml").is_file();
    if !is_project && !is_dagster_project(root) {
        return;
    }
    let before = Names::read(root).unwrap_or_default();
    let mut names = before.clone();
    names.learn(server, catalog, ask);
    if names != before
        && let Err(error) = names.write(root)
    {
        tracing::info!("no names for completion: {error}");
    }
}

/// Whether a folder is one that other commands take for a project.
fn is_dagster_project(root: &Path) -> bool {
    crate::project::detect(&crate::project::DetectRequest {
        start: root.to_owned(),
        flags: crate::project::TargetFlags::default(),
        variable: &|_| None,
    })
    .is_ok()
}
