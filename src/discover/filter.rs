//! Which of a server's items are listed.

use std::collections::{BTreeSet, HashMap};

use globset::{GlobBuilder, GlobMatcher};

use crate::dagster::AssetKey;
use crate::dagster::catalog::{
    Ask, Asset, Catalog, Job, Location, Materialization, Repository, Schedule, Sensor, Tags,
};
use crate::dagster::discover::Found;
use crate::dagster::selection::{Graph, ParseError, Selection, Untold};
use crate::dagster::version::Version;
use crate::error::{Diagnose, ExitStatus};

/// A kind of item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Code locations.
    Locations,
    /// Repositories.
    Repositories,
    /// Jobs.
    Jobs,
    /// Assets.
    Assets,
    /// Schedules.
    Schedules,
    /// Sensors.
    Sensors,
}

impl Kind {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 6] = [
        Self::Locations,
        Self::Repositories,
        Self::Jobs,
        Self::Assets,
        Self::Schedules,
        Self::Sensors,
    ];

    /// What one of the kind is called.
    pub fn noun(self) -> &'static str {
        match self {
            Self::Locations => "code location",
            Self::Repositories => "repository",
            Self::Jobs => "job",
            Self::Assets => "asset",
            Self::Schedules => "schedule",
            Self::Sensors => "sensor",
        }
    }

    fn has_tags(self) -> bool {
        !matches!(self, Self::Locations | Self::Repositories)
    }
}

/// What was asked for, as it was written.
#[derive(Debug, Clone, Default)]
pub struct Wishes {
    /// Only these kinds; all that the others leave, if empty.
    pub kinds: Vec<Kind>,
    /// Only what one of these patterns matches by its name.
    pub patterns: Vec<String>,
    /// Only what has all of these tags: `KEY=VALUE`, or `KEY` for any value.
    pub tags: Vec<String>,
    /// Only assets of one of these groups.
    pub groups: Vec<String>,
    /// Only what is in one of these code locations.
    pub locations: Vec<String>,
    /// Only assets that this selects.
    pub select: Option<String>,
}

/// What was asked for, understood.
#[derive(Debug)]
pub struct Filter {
    kinds: BTreeSet<Kind>,
    patterns: Vec<GlobMatcher>,
    tags: Vec<(String, Option<String>)>,
    groups: Vec<String>,
    locations: Vec<String>,
    select: Option<Selection>,
}

/// Why nothing can be listed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A pattern that is none.
    #[error("--pattern: `{pattern}` is no pattern: {reason}")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A tag without a name.
    #[error("--tags: `{0}` is neither `KEY=VALUE` nor `KEY`")]
    Tag(String),
    /// A selection that can't be read.
    #[error("--select: {0}")]
    Select(ParseError),
    /// A flag for items that another flag leaves out.
    #[error("{flag} chooses among {among}, and `--filter` leaves them out")]
    Contradiction {
        /// The flag.
        flag: &'static str,
        /// What it chooses among.
        among: &'static str,
    },
    /// The server does not tell what is asked for.
    #[error("{flag}: Dagster {version} does not tell the {attribute} of {among}")]
    Untold {
        /// The flag.
        flag: &'static str,
        /// The server's release.
        version: Version,
        /// What it does not tell.
        attribute: &'static str,
        /// Of what.
        among: &'static str,
    },
}

impl Diagnose for Error {
    fn exit_status(&self) -> ExitStatus {
        match self {
            Self::Untold { .. } => ExitStatus::Environment,
            _ => ExitStatus::Usage,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Select(error) => error.hint.clone(),
            Self::Untold { flag: "--tags", .. } => {
                Some("`--filter jobs` lists jobs by their tags".to_owned())
            }
            _ => None,
        }
    }

    fn detail(&self) -> Option<String> {
        match self {
            Self::Select(error) => Some(error.excerpt()),
            _ => None,
        }
    }
}

impl Filter {
    /// Understands what was asked for.
    pub fn new(wishes: &Wishes) -> Result<Self, Error> {
        let by_asset = [
            ("--select", wishes.select.is_some()),
            ("--group", !wishes.groups.is_empty()),
        ];
        let by_asset = by_asset.into_iter().find(|(_, given)| *given);
        let by_tag = !wishes.tags.is_empty();
        let mut kinds: BTreeSet<Kind> = wishes.kinds.iter().copied().collect();
        if kinds.is_empty() {
            kinds.extend(Kind::ALL.into_iter().filter(|kind| match by_asset {
                Some(_) => *kind == Kind::Assets,
                None => kind.has_tags() || !by_tag,
            }));
        }
        if let Some((flag, _)) = by_asset
            && kinds.iter().any(|kind| *kind != Kind::Assets)
        {
            let among = "assets";
            return Err(Error::Contradiction { flag, among });
        }
        if by_tag && kinds.iter().any(|kind| !kind.has_tags()) {
            let (flag, among) = ("--tags", "jobs, assets, schedules and sensors");
            return Err(Error::Contradiction { flag, among });
        }
        let select = wishes.select.as_deref().map(Selection::parse).transpose();
        Ok(Self {
            kinds,
            patterns: wishes
                .patterns
                .iter()
                .map(|text| pattern(text))
                .collect::<Result<_, _>>()?,
            tags: wishes
                .tags
                .iter()
                .map(|text| tag(text))
                .collect::<Result<_, _>>()?,
            groups: wishes.groups.clone(),
            locations: wishes.locations.clone(),
            select: select.map_err(Error::Select)?,
        })
    }

    /// What the server must be asked for.
    pub fn ask(&self) -> Ask {
        // A repository is shown with the number of what it defines.
        let wants = |kind| self.wants(kind) || self.wants(Kind::Repositories);
        Ask {
            assets: wants(Kind::Assets),
            jobs: wants(Kind::Jobs),
            schedules: wants(Kind::Schedules),
            sensors: wants(Kind::Sensors),
        }
    }

    /// Whether a kind is listed.
    pub fn wants(&self, kind: Kind) -> bool {
        self.kinds.contains(&kind)
    }

    /// Whether anything is left out.
    pub fn is_narrow(&self) -> bool {
        !(self.patterns.is_empty()
            && self.tags.is_empty()
            && self.groups.is_empty()
            && self.locations.is_empty()
            && self.select.is_none())
    }

    /// Chooses.
    pub fn apply<'a>(&self, catalog: &'a Catalog) -> Result<Listing<'a>, Error> {
        let selected = match &self.select {
            Some(selection) => Some(selection.evaluate(&Graph::of(catalog)).map_err(
                |Untold { attribute }| Error::Untold {
                    flag: "--select",
                    version: catalog.version,
                    attribute,
                    among: "assets",
                },
            )?),
            None => None,
        };
        if !self.tags.is_empty() {
            self.can_tell_tags(catalog)?;
        }
        let mut listing = Listing::of(catalog);
        if self.wants(Kind::Locations) {
            let locations = catalog.locations.iter();
            listing.locations = locations
                .filter(|location| self.is_here(&location.name) && self.is_named(&location.name))
                .collect();
        }
        if self.wants(Kind::Repositories) {
            let repositories = catalog.repositories();
            listing.repositories = repositories
                .filter(|at| self.is_here(at.location) && self.is_named(at.repository))
                .collect();
        }
        if self.wants(Kind::Jobs) {
            listing.jobs = self.choose(catalog.jobs(), |job| (&job.name, Some(&job.tags)));
        }
        if self.wants(Kind::Schedules) {
            listing.schedules =
                self.choose(catalog.schedules(), |item| (&item.name, item.tags.as_ref()));
        }
        if self.wants(Kind::Sensors) {
            listing.sensors =
                self.choose(catalog.sensors(), |item| (&item.name, item.tags.as_ref()));
        }
        if self.wants(Kind::Assets) {
            let assets = catalog.assets().filter(|at| {
                let asset = at.item;
                (self.groups.is_empty() || self.groups.contains(&asset.group))
                    && selected
                        .as_ref()
                        .is_none_or(|keys| keys.contains(&asset.key))
                    && self.is_here(at.location)
                    && self.is_tagged(asset.tags.as_ref())
                    && (self.patterns.is_empty() || self.is_named(&asset.key.to_string()))
            });
            listing.assets = assets.collect();
            listing.assets.sort_by_key(|at| &at.item.key);
        }
        Ok(listing)
    }

    fn choose<'a, T>(
        &self,
        items: impl Iterator<Item = Found<'a, T>>,
        what: impl Fn(&'a T) -> (&'a String, Option<&'a Tags>),
    ) -> Vec<Found<'a, T>> {
        let mut chosen: Vec<Found<'a, T>> = items
            .filter(|at| {
                let (name, tags) = what(at.item);
                self.is_here(at.location) && self.is_named(name) && self.is_tagged(tags)
            })
            .collect();
        chosen.sort_by_key(|at| what(at.item).0);
        chosen
    }

    fn can_tell_tags(&self, catalog: &Catalog) -> Result<(), Error> {
        let untold = |among| Error::Untold {
            flag: "--tags",
            version: catalog.version,
            attribute: "tags",
            among,
        };
        if self.wants(Kind::Assets) && catalog.assets().any(|at| at.item.tags.is_none()) {
            return Err(untold("assets"));
        }
        if self.wants(Kind::Schedules) && catalog.schedules().any(|at| at.item.tags.is_none()) {
            return Err(untold("schedules"));
        }
        if self.wants(Kind::Sensors) && catalog.sensors().any(|at| at.item.tags.is_none()) {
            return Err(untold("sensors"));
        }
        Ok(())
    }

    fn is_here(&self, location: &str) -> bool {
        self.locations.is_empty() || self.locations.iter().any(|name| name == location)
    }

    fn is_named(&self, name: &str) -> bool {
        self.patterns.is_empty() || self.patterns.iter().any(|pattern| pattern.is_match(name))
    }

    fn is_tagged(&self, tags: Option<&Tags>) -> bool {
        self.tags.iter().all(|(key, value)| {
            let found = tags.and_then(|tags| tags.get(key));
            found.is_some_and(|found| value.as_ref().is_none_or(|value| value == found))
        })
    }
}

fn pattern(text: &str) -> Result<GlobMatcher, Error> {
    // `*` stands for anything, `/` too, as in Dagster's own selections.
    let glob = GlobBuilder::new(text).literal_separator(false).build();
    glob.map(|glob| glob.compile_matcher())
        .map_err(|error| Error::Pattern {
            pattern: text.to_owned(),
            reason: error.kind().to_string(),
        })
}

fn tag(text: &str) -> Result<(String, Option<String>), Error> {
    let (key, value) = match text.split_once('=') {
        Some((key, value)) => (key, Some(value.to_owned())),
        None => (text, None),
    };
    match key.trim() {
        "" => Err(Error::Tag(text.to_owned())),
        key => Ok((key.to_owned(), value)),
    }
}

/// What is known of assets only when it is asked for, for it is asked one asset at a time.
#[derive(Debug, Default)]
pub struct Details {
    /// The latest materializations.
    pub latest: HashMap<AssetKey, Materialization>,
    /// The names of the checks.
    pub checks: HashMap<AssetKey, Vec<String>>,
}

/// What is listed.
#[derive(Debug)]
pub struct Listing<'a> {
    /// All that was found.
    pub catalog: &'a Catalog,
    /// Code locations.
    pub locations: Vec<&'a Location>,
    /// Repositories.
    pub repositories: Vec<Found<'a, Repository>>,
    /// Jobs, by name.
    pub jobs: Vec<Found<'a, Job>>,
    /// Assets, by key.
    pub assets: Vec<Found<'a, Asset>>,
    /// Schedules, by name.
    pub schedules: Vec<Found<'a, Schedule>>,
    /// Sensors, by name.
    pub sensors: Vec<Found<'a, Sensor>>,
    /// More about the assets, if it was asked for.
    pub details: Option<Details>,
}

impl<'a> Listing<'a> {
    fn of(catalog: &'a Catalog) -> Self {
        Self {
            catalog,
            locations: Vec::new(),
            repositories: Vec::new(),
            jobs: Vec::new(),
            assets: Vec::new(),
            schedules: Vec::new(),
            sensors: Vec::new(),
            details: None,
        }
    }

    /// How many of a kind there are.
    pub fn count(&self, kind: Kind) -> usize {
        match kind {
            Kind::Locations => self.locations.len(),
            Kind::Repositories => self.repositories.len(),
            Kind::Jobs => self.jobs.len(),
            Kind::Assets => self.assets.len(),
            Kind::Schedules => self.schedules.len(),
            Kind::Sensors => self.sensors.len(),
        }
    }

    /// Whether there is nothing to list.
    pub fn is_empty(&self) -> bool {
        Kind::ALL.into_iter().all(|kind| self.count(kind) == 0)
    }
}
