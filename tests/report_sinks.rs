//! Every sink, fed from the same reports as files: all green, everything broken, hostile, large.

use std::path::Path;

use daglab::report::model::CiReport;
use daglab::report::terminal;

fn fixture(name: &str) -> CiReport {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/report")
        .join(name);
    let json = std::fs::read_to_string(path).expect("the fixture is there");
    CiReport::from_json(&json).expect("the fixture is a report")
}

fn terminal_text(report: &CiReport, width: Option<usize>, color: bool) -> String {
    let index = Some(Path::new(".daglab/artifacts/index.html"));
    terminal::render(
        report,
        &terminal::RenderOptions {
            width,
            color,
            index,
        },
    )
}

mod in_a_terminal {
    use super::*;

    #[test]
    fn green() {
        insta::assert_snapshot!(terminal_text(&fixture("green.json"), Some(100), false));
    }

    #[test]
    fn broken() {
        insta::assert_snapshot!(terminal_text(&fixture("broken.json"), Some(100), false));
    }
}
