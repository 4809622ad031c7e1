//! The table in `docs/versions.md`: a line for each feature, a column for each release.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use daglab::dagster::version::Version;

use crate::Row;
use crate::support::versions::RELEASES;

/// The corner of the table, by which it is found among the text.
const CORNER: &str = "With Dagster";
/// What stands in a column that nobody has written yet.
const UNKNOWN: &str = "?";

/// All cells, as text: the heading first.
type Table = Vec<Vec<String>>;

fn file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/versions.md")
}

fn is_update() -> bool {
    std::env::var_os("DAGLAB_TEST_UPDATE").is_some()
}

/// Holds a release's column against what was seen, or writes it.
pub fn compare_or_write(name: &str, version: Version, rows: &[Row]) {
    // The tests of other releases write to the same file, each from a process of its own.
    let lock = Path::new(env!("CARGO_TARGET_TMPDIR")).join("versions.lock");
    let lock = File::create(lock).unwrap();
    lock.lock().unwrap();

    let path = file();
    let committed = fs::read_to_string(&path).unwrap();
    let seen = with_column(&committed, name, version, rows);
    if is_update() {
        let unfinished = path.with_extension("md.new");
        fs::write(&unfinished, seen).unwrap();
        fs::rename(unfinished, path).unwrap();
    } else {
        pretty_assertions::assert_str_eq!(
            committed,
            seen,
            "docs/versions.md tells something else of Dagster {version} than was seen; \
             `DAGLAB_TEST_UPDATE=1 scripts/test versions` writes it"
        );
    }
}

/// The document with the column of one release as it was seen, and all else as it was.
fn with_column(document: &str, name: &str, version: Version, rows: &[Row]) -> String {
    let (before, old, after) = split(document);
    let column = 1 + RELEASES
        .iter()
        .position(|release| *release == name)
        .unwrap();
    let old_cell = |what: &str, column: usize| {
        let row = old.iter().find(|row| row[0] == what);
        row.and_then(|row| row.get(column))
            .map_or_else(|| UNKNOWN.to_owned(), Clone::clone)
    };
    let line = |what: &str, cell: &str| {
        let mut line: Vec<String> = (0..=RELEASES.len()).map(|at| old_cell(what, at)).collect();
        line[0] = what.to_owned();
        line[column] = cell.to_owned();
        line
    };
    let mut table = vec![line(CORNER, &version.to_string())];
    table.extend(rows.iter().map(|row| line(row.what, &row.cell)));
    format!("{before}{}{after}", render(&table))
}

fn render(table: &Table) -> String {
    let mut text = String::new();
    for (at, row) in table.iter().enumerate() {
        text += &format!("| {} |\n", row.join(" | "));
        if at == 0 {
            text += &format!("|{}\n", " --- |".repeat(row.len()));
        }
    }
    text
}

/// What stands before the table, the table, and what follows.
fn split(document: &str) -> (&str, Table, &str) {
    let begin = document
        .find(&format!("| {CORNER}"))
        .unwrap_or_else(|| panic!("docs/versions.md has no table that begins with `| {CORNER} |`"));
    let end = document[begin..]
        .find("\n\n")
        .map_or(document.len(), |at| begin + at + 1);
    let cells = |line: &str| {
        let inside = line.trim().trim_start_matches('|').trim_end_matches('|');
        inside
            .split('|')
            .map(|cell| cell.trim().to_owned())
            .collect()
    };
    let table = document[begin..end]
        .lines()
        .filter(|line| !line.starts_with("| --- "))
        .map(cells)
        .collect();
    (&document[..begin], table, &document[end..])
}

#[test]
fn a_column_is_replaced_and_the_rest_stays() {
    let document = "# Title\n\n| With Dagster | 1.5.1 | 1.8.1 | 1.11.1 | 1.13.1 |\n\
                    | --- | --- | --- | --- | --- |\n| old | yes | yes | yes | yes |\n\
                    | kinds | ? | yes | yes | yes |\n\nText.\n";
    let rows = [
        Row::works("new"),
        Row {
            what: "kinds",
            cell: "from 1.8".to_owned(),
        },
    ];
    let written = with_column(document, "1.5", Version::new(1, 5, 14), &rows);
    assert_eq!(
        written,
        "# Title\n\n| With Dagster | 1.5.14 | 1.8.1 | 1.11.1 | 1.13.1 |\n\
         | --- | --- | --- | --- | --- |\n| new | yes | ? | ? | ? |\n\
         | kinds | from 1.8 | yes | yes | yes |\n\nText.\n"
    );
    assert_eq!(
        with_column(&written, "1.5", Version::new(1, 5, 14), &rows),
        written
    );
}

#[test]
fn the_committed_table_is_whole() {
    let document = fs::read_to_string(file()).unwrap();
    let (_, table, _) = split(&document);
    assert!(table.len() > 1);
    if is_update() {
        // The columns are being written at this moment.
        return;
    }
    for row in &table {
        assert_eq!(row.len(), 1 + RELEASES.len(), "{row:?}");
        assert!(!row.iter().any(|cell| cell == UNKNOWN), "{row:?}");
    }
    for (release, heading) in RELEASES.iter().zip(&table[0][1..]) {
        let of_release = heading.starts_with(&format!("{release}."));
        assert!(of_release || *release == RELEASES[RELEASES.len() - 1]);
    }
}
