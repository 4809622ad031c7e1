//! The code that attaches a link while an asset is computed, in a real asset.

use crate::support::Run;
use crate::support::{Project, printed_by, python};
use crate::{command, export};

/// Materializes the asset of a module and prints the link that it got.
fn link_of(module: &str, asset: &str) -> String {
    let program = format!(
        "import dagster as dg\n\
         code = {module:?}\n\
         names = {{}}\n\
         exec(compile(code, 'snippet.py', 'exec'), names)\n\
         asset = names[{asset:?}]\n\
         result = dg.materialize([asset], instance=dg.DagsterInstance.ephemeral())\n\
         done = result.get_asset_materialization_events()[0].materialization\n\
         print(done.asset_key.to_user_string(), done.metadata['look'].url)\n"
    );
    printed_by(&python(), &program)
}

#[test]
fn the_code_that_is_printed_attaches_the_link() {
    let project = Project::empty();
    project.notebook("nb/a.py", &["print(1)"]);
    let run = export(
        &project,
        &["nb/a.py"],
        &[
            "--attach",
            "asset://shop/daily-orders",
            "--metadata-key",
            "look",
            "--print-snippet",
        ],
    );
    run.expect_code(0);
    let module = run.stdout();
    let page = format!(
        "file://{}/nb/a.html",
        project.root().canonicalize().unwrap().display()
    );
    let seen = link_of(&module, "daily_orders");
    assert_eq!(seen.trim(), format!("shop/daily-orders {page}"));

    // The other form stands there as comments.
    let (_, other) = module.split_once("in place of the above:\n#\n").unwrap();
    let other: String = other
        .lines()
        .map(|line| line.strip_prefix("# ").unwrap_or_default().to_owned() + "\n")
        .collect();
    assert!(other.contains("add_output_metadata"), "{other}");
    let seen = link_of(&other, "daily_orders");
    assert_eq!(seen.trim(), format!("shop/daily-orders {page}"));
}

#[test]
fn code_is_printed_for_assets_only() {
    let project = Project::empty();
    project.notebook("a.py", &["print(1)"]);
    Run::of(command(&project, &["a.py"], &["--print-snippet"])).expect_code(2);
    export(&project, &["a.py"], &["--job", "x", "--print-snippet"]).expect_code(2);
}
