//! The real binary on the oldest, the newest and some releases of Dagster between them, and the
//! table in `docs/versions.md` of what works with each.
//!
//! Every release is a test, every feature a function that is called with each release: it fails when
//! what it looks at does not work, and says what the table shall tell. Each test holds its column of
//! the committed table against what it saw, or writes it if `DAGLAB_TEST_UPDATE` is set.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that can't be set up has failed"
)]

#[path = "versions/ci.rs"]
mod ci;
#[path = "versions/exported.rs"]
mod exported;
#[path = "versions/graphql.rs"]
mod graphql;
#[path = "versions/served.rs"]
mod served;
mod support;
#[path = "versions/table.rs"]
mod table;

use std::path::PathBuf;

use daglab::dagster::version::Version;
use support::versions::{NEWEST, python_with_dagster};

/// All that is looked at with each release, in the order of the table.
const FEATURES: &[fn(&Release) -> Vec<Row>] = &[
    ci::forked,
    ci::spawned,
    served::works,
    exported::links,
    graphql::assets,
];

/// A release and where it is installed.
pub struct Release {
    /// An interpreter that has it.
    pub python: PathBuf,
    /// Which patch it is.
    pub version: Version,
}

/// A line of the table, for one release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// What works, or does not.
    pub what: &'static str,
    /// What is said about this release.
    pub cell: String,
}

impl Row {
    /// What works with every release; where it does not, the function has failed before.
    pub fn works(what: &'static str) -> Self {
        Self {
            what,
            cell: "yes".to_owned(),
        }
    }

    /// What works from a release on, and was seen to work, or not to, with this one.
    #[track_caller]
    pub fn works_since(
        what: &'static str,
        (major, minor): (u16, u16),
        release: &Release,
        seen: bool,
    ) -> Self {
        let expected = release.version >= Version::new(major, minor, 0);
        assert_eq!(seen, expected, "{what} with Dagster {}", release.version);
        let mut row = Self::works(what);
        if !seen {
            row.cell = format!("from {major}.{minor}");
        }
        row
    }
}

fn works_with(name: &str) {
    let python = python_with_dagster(name);
    let text = support::printed_by(&python, "import dagster; print(dagster.__version__)");
    let release = Release {
        python,
        version: Version::parse(text.trim()).unwrap(),
    };
    let rows: Vec<Row> = FEATURES
        .iter()
        .flat_map(|feature| feature(&release))
        .collect();
    table::compare_or_write(name, release.version, &rows);
}

mod spread {
    use super::{NEWEST, works_with};

    #[test]
    fn dagster_1_5() {
        works_with("1.5");
    }

    #[test]
    fn dagster_1_8() {
        works_with("1.8");
    }

    #[test]
    fn dagster_1_11() {
        works_with("1.11");
    }

    #[test]
    fn dagster_newest() {
        works_with(NEWEST);
    }
}
