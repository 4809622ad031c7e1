//! A notebook's link on an asset of a deployment, which is all that daglab knows of that Dagster.

use std::path::Path;

use crate::support::dagster::Server;
use crate::support::{Project, Run, in_instance_of, python};
use crate::{Release, Row};

const PROJECT: &str = "tests/versions/served";

pub fn links(release: &Release) -> Vec<Row> {
    let served = Project::copy_of(PROJECT);
    let server = Server::with_python(&release.python, &served.root(), 1);
    let project = Project::empty();
    project.notebook("a.py", &["print(1)"]);
    let python = python();
    let run = Run::of(project.daglab(&[
        "export",
        "--notebook",
        "a.py",
        "--python",
        python.to_str().unwrap(),
        "--dagster-url",
        &server.url,
        "--attach",
        "asset://summary",
        "--json",
    ]));
    run.expect_code(0);
    let result = run.report();
    assert_eq!(result["attachments"][0]["way"], "rest", "{result:#}");
    let page = result["notebooks"][0]["url"].as_str().unwrap().to_owned();
    assert_eq!(observed(release, server.home()).trim(), page);
    vec![Row::works(
        "`daglab export --dagster-url`: a notebook's link on an asset",
    )]
}

fn observed(release: &Release, home: &Path) -> String {
    in_instance_of(
        &release.python,
        home,
        "import dagster as dg\n\
         i = dg.DagsterInstance.get()\n\
         r = i.get_event_records(dg.EventRecordsFilter(\n\
             dg.DagsterEventType.ASSET_OBSERVATION, asset_key=dg.AssetKey('summary')), limit=1)\n\
         print(r[0].asset_observation.metadata['exploration'].value)\n",
    )
}
