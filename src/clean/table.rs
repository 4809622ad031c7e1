//! What goes, or is gone, for a terminal and for a program.

use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use super::apply::Done;
use super::plan::{Item, Kept};
use crate::ui::style::Role;
use crate::ui::table::{Align, Column, Table, TableCell};
use crate::ui::{Paint, text};

/// The version of the JSON.
const SCHEMA_VERSION: u32 = 1;

/// How a table is rendered.
#[derive(Debug, Clone, Copy)]
pub struct RenderOptions {
    /// In colour, or not.
    pub color: bool,
    /// The columns of the terminal; nothing is cut without it.
    pub width: Option<usize>,
    /// The time that ages are told from.
    pub now: SystemTime,
}

/// A row for each item.
pub fn render<'a>(items: impl Iterator<Item = &'a Item>, options: RenderOptions) -> String {
    let mut table = Table::new([
        Column::new(Align::Left),
        Column::new(Align::Right),
        Column::new(Align::Right).leaves(1),
        Column::new(Align::Left),
    ]);
    table.heading(["path", "size", "age", "why"]);
    for item in items {
        let age = item
            .written
            .and_then(|written| options.now.duration_since(written).ok());
        table.row([
            TableCell::painted(Role::Name, &item.path),
            TableCell::plain(&text::bytes(item.bytes)),
            TableCell::plain(&age.map_or(String::new(), self::age)),
            TableCell::plain(&item.reason.describe()),
        ]);
    }
    table.render(Paint::new(options.color), 0, options.width)
}

/// `12 files (3.4 MiB)`.
pub fn total<'a>(items: impl Iterator<Item = &'a Item>) -> String {
    let (files, bytes) = items.fold((0, 0), |(files, bytes), item| {
        (files + item.files, bytes + item.bytes)
    });
    format!("{} ({})", text::count(files, "file"), text::bytes(bytes))
}

/// What stays, as a line.
pub fn kept(kept: &Kept) -> String {
    let path = text::one_line(&kept.path);
    format!("kept `{path}`: {}", text::one_line(&kept.why))
}

/// What could not be deleted, as a line.
pub fn left(item: &Item, error: &str) -> String {
    let path = text::one_line(&item.path);
    format!("`{path}`: {}", text::one_line(error))
}

/// What a plan has, and what became of each of its items; nothing was done without that.
pub fn json(dry_run: bool, done: &[Done], kept: &[Kept]) -> String {
    let items: Vec<Value> = done
        .iter()
        .map(|Done { item, error }| {
            json!({
                "path": item.path,
                "files": item.files,
                "bytes": item.bytes,
                "reason": item.reason.name(),
                "why": item.reason.describe(),
                "deleted": !dry_run && error.is_none(),
                "error": error,
            })
        })
        .collect();
    let kept: Vec<Value> = kept
        .iter()
        .map(|kept| json!({ "path": kept.path, "why": kept.why }))
        .collect();
    let value = json!({
        "schema_version": SCHEMA_VERSION,
        "dry_run": dry_run,
        "items": items,
        "kept": kept,
    });
    let text = serde_json::to_string_pretty(&value).expect("a JSON value is plain data") + "\n";
    text::harmless_json(text)
}

/// An age as roughly as people say it.
fn age(age: Duration) -> String {
    let minutes = age.as_secs() / 60;
    match minutes {
        0..120 => format!("{minutes} min"),
        120..2880 => format!("{} h", minutes / 60),
        _ => text::count(usize::try_from(minutes / 1440).unwrap_or(usize::MAX), "day"),
    }
}
