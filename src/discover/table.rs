//! What was found, for a terminal.

use super::filter::{Details, Filter, Kind, Listing};
use super::model::pairs;
use crate::dagster::catalog::{Asset, State};
use crate::dagster::discover::PartitionKind;
use crate::ui::style::Role;
use crate::ui::table::{Align, Column, Table, TableCell};
use crate::ui::{Paint, text};

/// How a listing is rendered.
#[derive(Debug, Clone, Copy)]
pub struct RenderOptions {
    /// In colour, or not.
    pub color: bool,
    /// The columns of the terminal; nothing is cut without it.
    pub width: Option<usize>,
    /// The time, in milliseconds since 1970, that ages are told from.
    pub now_ms: i64,
}

const LEFT: Column = Column::new(Align::Left);
const RIGHT: Column = Column::new(Align::Right);

/// A listing as tables, one for each kind that has any items.
pub fn render(listing: &Listing<'_>, filter: &Filter, options: RenderOptions) -> String {
    let paint = Paint::new(options.color);
    let several = listing.catalog.locations.len() > 1;
    let mut out = String::new();
    for kind in Kind::ALL {
        let shown = listing.count(kind);
        if !filter.wants(kind) || shown == 0 {
            continue;
        }
        if !out.is_empty() {
            out.push('\n');
        }
        let title = title(kind, shown, total(listing, kind));
        out.push_str(&paint.paint(Role::Heading, &title));
        out.push('\n');
        let table = match kind {
            Kind::Locations => locations(listing),
            Kind::Repositories => repositories(listing),
            Kind::Jobs => jobs(listing, several),
            Kind::Assets => assets(listing, several, options.now_ms),
            Kind::Schedules => schedules(listing, several),
            Kind::Sensors => sensors(listing, several),
        };
        out.push_str(&table.render(paint, 2, options.width));
    }
    out
}

/// `3 jobs`, `3 of 12 jobs`.
fn title(kind: Kind, shown: usize, all: usize) -> String {
    let nouns = match (kind, all) {
        (_, 1) => kind.noun().to_owned(),
        (Kind::Repositories, _) => "repositories".to_owned(),
        _ => format!("{}s", kind.noun()),
    };
    if shown == all {
        format!("{} {nouns}", thousands(all))
    } else {
        format!("{} of {} {nouns}", thousands(shown), thousands(all))
    }
}

/// How many of a kind the server has.
fn total(listing: &Listing<'_>, kind: Kind) -> usize {
    let catalog = listing.catalog;
    match kind {
        Kind::Locations => catalog.locations.len(),
        Kind::Repositories => catalog.repositories().count(),
        Kind::Jobs => catalog.jobs().count(),
        Kind::Assets => catalog.assets().count(),
        Kind::Schedules => catalog.schedules().count(),
        Kind::Sensors => catalog.sensors().count(),
    }
}

fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A number that is worth mentioning.
fn some(number: usize) -> TableCell {
    match number {
        0 => TableCell::plain(""),
        number => TableCell::plain(&thousands(number)),
    }
}

fn said(description: Option<&str>) -> TableCell {
    let first = description.and_then(|text| text.trim().lines().next());
    TableCell::painted(Role::Muted, first.unwrap_or_default())
}

fn place(location: &str, several: bool) -> TableCell {
    TableCell::plain(if several { location } else { "" })
}

fn status(status: &str) -> TableCell {
    match status {
        "running" => TableCell::painted(Role::Good, status),
        status => TableCell::painted(Role::Muted, status),
    }
}

fn locations(listing: &Listing<'_>) -> Table {
    let mut table = Table::new([LEFT.shrinks(16), LEFT, LEFT.shrinks(16).leaves(1)]);
    table.heading(["location", "status", "repositories"]);
    for location in &listing.locations {
        let (word, more) = match &location.state {
            State::Loading => (TableCell::painted(Role::Warn, "loading"), String::new()),
            State::Failed(error) => (TableCell::painted(Role::Bad, "failed"), error.headline()),
            State::Loaded(all) => {
                let names: Vec<&str> = all.iter().map(|one| one.name.as_str()).collect();
                (TableCell::painted(Role::Good, "loaded"), names.join(", "))
            }
        };
        table.row([
            TableCell::painted(Role::Name, &location.name),
            word,
            TableCell::plain(&more),
        ]);
    }
    table
}

fn repositories(listing: &Listing<'_>) -> Table {
    let number = RIGHT.leaves(1);
    let mut table = Table::new([
        LEFT.shrinks(16),
        LEFT.shrinks(12),
        number,
        number,
        number,
        number,
    ]);
    table.heading([
        "repository",
        "location",
        "jobs",
        "assets",
        "schedules",
        "sensors",
    ]);
    for at in &listing.repositories {
        let all = at.item;
        table.row([
            TableCell::painted(Role::Name, at.repository),
            TableCell::plain(at.location),
            some(all.jobs.len()),
            some(all.assets.len()),
            some(all.schedules.len()),
            some(all.sensors.len()),
        ]);
    }
    table
}

fn jobs(listing: &Listing<'_>, several: bool) -> Table {
    let mut table = Table::new([
        LEFT.shrinks(20),
        LEFT.shrinks(8).leaves(3),
        LEFT.leaves(4),
        LEFT.shrinks(10).leaves(2),
        LEFT.shrinks(16).leaves(5),
    ]);
    table.heading(["job", "location", "of", "tags", "description"]);
    for at in &listing.jobs {
        let job = at.item;
        table.row([
            TableCell::painted(Role::Name, &job.name),
            place(at.location, several),
            TableCell::painted(Role::Muted, if job.is_asset_job { "assets" } else { "ops" }),
            TableCell::plain(&pairs(&job.tags)),
            said(job.description.as_deref()),
        ]);
    }
    table
}

fn assets(listing: &Listing<'_>, several: bool, now_ms: i64) -> Table {
    let mut table = Table::new([
        LEFT.shrinks(24),
        LEFT.shrinks(8).leaves(7),
        LEFT.shrinks(8).leaves(1),
        LEFT.shrinks(8).leaves(3),
        LEFT.shrinks(6).leaves(4),
        RIGHT.leaves(8),
        RIGHT.leaves(5),
        LEFT.leaves(2),
        LEFT.shrinks(12).leaves(6),
        LEFT.shrinks(10).leaves(9),
    ]);
    table.heading([
        "asset",
        "location",
        "group",
        "kinds",
        "partitions",
        "deps",
        "checks",
        "materialized",
        "tags",
        "owners",
    ]);
    let list = |words: Option<&Vec<String>>| {
        TableCell::plain(&words.map_or(String::new(), |words| words.join(", ")))
    };
    for at in &listing.assets {
        let asset = at.item;
        let details = listing.details.as_ref();
        table.row([
            TableCell::painted(Role::Name, &asset.key.to_string()),
            place(at.location, several),
            TableCell::plain(&asset.group),
            list(asset.kinds.as_ref()),
            TableCell::plain(&partitions(&asset.partitions)),
            some(asset.dependencies.len()),
            checks(asset, details),
            materialized(asset, details, now_ms),
            TableCell::plain(&asset.tags.as_ref().map_or(String::new(), pairs)),
            list(asset.owners.as_ref()),
        ]);
    }
    table
}

fn checks(asset: &Asset, details: Option<&Details>) -> TableCell {
    match details {
        Some(known) => some(known.checks.get(&asset.key).map_or(0, Vec::len)),
        None => TableCell::plain(if asset.has_checks { "yes" } else { "" }),
    }
}

fn materialized(asset: &Asset, details: Option<&Details>, now_ms: i64) -> TableCell {
    match details.map(|known| known.latest.get(&asset.key)) {
        Some(Some(latest)) => TableCell::plain(&ago(now_ms - latest.timestamp_ms)),
        Some(None) if asset.is_materializable => TableCell::painted(Role::Muted, "never"),
        _ => TableCell::plain(""),
    }
}

/// How long ago something was, as roughly as people say it.
fn ago(ms: i64) -> String {
    let minutes = ms / 60_000;
    match minutes {
        ..1 => "just now".to_owned(),
        1..120 => format!("{minutes} min ago"),
        120..2880 => format!("{} h ago", minutes / 60),
        _ => format!(
            "{} days ago",
            thousands((minutes / 1440).unsigned_abs() as usize)
        ),
    }
}

fn partitions(by: &[PartitionKind]) -> String {
    let words: Vec<&str> = by
        .iter()
        .map(|kind| match kind {
            PartitionKind::TimeWindow => "time",
            PartitionKind::Static => "static",
            PartitionKind::Dynamic => "dynamic",
            PartitionKind::Multi => "multi",
            PartitionKind::Other => "other",
        })
        .collect();
    words.join(" × ")
}

fn schedules(listing: &Listing<'_>, several: bool) -> Table {
    let mut table = Table::new([
        LEFT.shrinks(20),
        LEFT.shrinks(8).leaves(3),
        LEFT,
        LEFT.shrinks(9),
        LEFT.shrinks(6).leaves(2),
        LEFT.shrinks(12).leaves(1),
        LEFT.shrinks(10).leaves(4),
    ]);
    table.heading([
        "schedule", "location", "status", "cron", "zone", "job", "tags",
    ]);
    for at in &listing.schedules {
        let schedule = at.item;
        table.row([
            TableCell::painted(Role::Name, &schedule.name),
            place(at.location, several),
            status(&schedule.status),
            TableCell::plain(&schedule.cron),
            TableCell::plain(schedule.timezone.as_deref().unwrap_or_default()),
            TableCell::plain(schedule.job.as_deref().unwrap_or_default()),
            TableCell::plain(&schedule.tags.as_ref().map_or(String::new(), pairs)),
        ]);
    }
    table
}

fn sensors(listing: &Listing<'_>, several: bool) -> Table {
    let mut table = Table::new([
        LEFT.shrinks(20),
        LEFT.shrinks(8).leaves(3),
        LEFT,
        LEFT.leaves(2),
        RIGHT.leaves(5),
        LEFT.shrinks(12).leaves(1),
        LEFT.shrinks(10).leaves(4),
    ]);
    table.heading([
        "sensor", "location", "status", "type", "every", "jobs", "tags",
    ]);
    for at in &listing.sensors {
        let sensor = at.item;
        table.row([
            TableCell::painted(Role::Name, &sensor.name),
            place(at.location, several),
            status(&sensor.status),
            TableCell::plain(&sensor.kind.replace('_', " ")),
            TableCell::plain(&format!("{} s", sensor.interval_s)),
            TableCell::plain(&sensor.jobs.join(", ")),
            TableCell::plain(&sensor.tags.as_ref().map_or(String::new(), pairs)),
        ]);
    }
    table
}

/// What there is to say about code locations that are missing, and about what the server does not
/// tell: for people, a line each.
pub fn notes(listing: &Listing<'_>, filter: &Filter, root: &std::path::Path) -> Vec<String> {
    let mut notes = Vec::new();
    for location in &listing.catalog.locations {
        let name = text::one_line(&location.name);
        match &location.state {
            State::Loaded(_) => {}
            State::Loading => notes.push(format!("code location `{name}` is still loading")),
            State::Failed(error) => {
                let error = error.to_run_error(root);
                let place = match (&error.path, error.line) {
                    (Some(path), Some(line)) => format!(" ({path}:{line})"),
                    (Some(path), None) => format!(" ({path})"),
                    _ => String::new(),
                };
                let class = error
                    .class
                    .map_or(String::new(), |class| format!("{class}: "));
                let message = error.message.lines().next().unwrap_or_default();
                let line = format!("code location `{name}` did not load: {class}{message}{place}");
                notes.push(text::one_line(&line));
            }
        }
    }
    let untold = listing.catalog.untold();
    if filter.wants(Kind::Assets) && !listing.assets.is_empty() && !untold.is_empty() {
        let version = listing.catalog.version;
        let what = match untold {
            [only] => (*only).to_owned(),
            [first @ .., last] => format!("{} and {last}", first.join(", ")),
            [] => String::new(),
        };
        notes.push(format!(
            "Dagster {version} does not tell the {what} of assets"
        ));
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_ages_are_readable() {
        let numbers = [0, 999, 1000, 10_000, 1_234_567].map(thousands);
        assert_eq!(numbers, ["0", "999", "1,000", "10,000", "1,234,567"]);
        let minute = 60_000;
        let ages = [-5, 59_999, minute, 150 * minute, 3000 * minute].map(ago);
        assert_eq!(
            ages,
            ["just now", "just now", "1 min ago", "2 h ago", "2 days ago"]
        );
        assert_eq!(title(Kind::Repositories, 2, 2), "2 repositories");
        assert_eq!(title(Kind::Assets, 1, 1), "1 asset");
        assert_eq!(title(Kind::Assets, 1, 2000), "1 of 2,000 assets");
    }
}
