//! The releases of Dagster that tests run on, oldest first, and the interpreters that have them.

use std::path::PathBuf;

/// What the newest release is called here; which one it is, is the lock's to say.
pub const NEWEST: &str = "newest";

/// All of them.
#[allow(dead_code, reason = "not every test file names them all")]
pub const RELEASES: [&str; 4] = ["1.5", "1.8", "1.11", NEWEST];

/// The interpreter that has a release: `1.5`, or the newest.
pub fn python_with_dagster(version: &str) -> PathBuf {
    let variable = |name: &str| {
        std::env::var(name).unwrap_or_else(|_| {
            panic!("{name} must name interpreters that have Dagster; `scripts/test` sets it")
        })
    };
    if version == NEWEST {
        return variable("DAGLAB_TEST_PYTHON").into();
    }
    let all = variable("DAGLAB_TEST_PYTHONS");
    let mut entries = all.split(':').filter_map(|entry| entry.split_once('='));
    let found = entries.find(|(name, _)| *name == version);
    let (_, python) = found.unwrap_or_else(|| {
        panic!(
            "DAGLAB_TEST_PYTHONS names no Python with Dagster {version}, but `{all}`; \
             `scripts/setup-versions.sh` says why"
        )
    });
    python.into()
}
