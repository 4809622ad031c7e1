//! `daglab ci --upload`, from notebooks to links.

use serde_json::Value;

use super::site::{BUCKET, Site};
use super::support::object_servers::{Cloud, ObjectServer, open};
use super::support::{Run, notebook_of, python};

const DEFINITIONS: &str = "import dagster as dg\n\ndefs = dg.Definitions()\n";
const WORKS: &str = "import os\nprint('said in the notebook')\nprint(os.environ['SHOP_TOKEN'])";
const FAILS: &str = "raise ValueError('it broke')";

/// A project with a notebook that works and one that does not.
fn project(site: &Site) {
    site.project
        .write("definitions.py", DEFINITIONS)
        .notebook("notebooks/works.py", &[WORKS])
        .notebook("notebooks/fails.py", &[FAILS]);
}

fn ci(site: &Site) -> Run {
    let python = python();
    let destination = site.server.destination(&format!("{BUCKET}/pages"));
    let arguments = [
        "ci",
        "--output",
        "json",
        "--upload",
        &destination,
        "--python",
    ];
    let arguments = [&arguments[..], &[python.to_str().unwrap()]].concat();
    let mut command = site.prepared(site.project.daglab(&arguments));
    command.env("SHOP_TOKEN", "a-token-of-the-shop-0123456789");
    Run::of(command)
}

fn url(notebook: &Value) -> &str {
    notebook["url"].as_str().unwrap()
}

/// Every page is published, those of notebooks that failed too, and the report leads there.
#[test]
fn a_run_publishes_its_pages_and_its_report() {
    let site = Site::at(Cloud::S3);
    project(&site);
    let run = ci(&site);
    run.expect_code(4);
    let report = run.report();
    for (path, text) in [
        ("notebooks/works.py", "said in the notebook"),
        ("notebooks/fails.py", "it broke"),
    ] {
        let opened = open(url(notebook_of(&report, path)));
        assert_eq!(opened.status, 200, "{}", opened.text());
        assert_eq!(opened.header("content-encoding"), "gzip");
        let page = String::from_utf8(opened.unpacked()).unwrap();
        assert!(page.contains(text), "{page}");
        assert!(!page.contains("a-token-of-the-shop"));
    }
    let index = report["published"]["index_url"].as_str().unwrap();
    assert_eq!(open(index).status, 200);
    let stored = site.server.key_ending(BUCKET, "report.json");
    let stored: Value =
        serde_json::from_slice(&site.server.get(BUCKET, &stored).unpacked()).unwrap();
    assert_eq!(stored["result"], "failed");
    for key in site.keys() {
        let text = site.server.get(BUCKET, &key).unpacked();
        let text = String::from_utf8_lossy(&text);
        assert!(!text.contains("a-token-of-the-shop"), "{key}");
        for secret in site.server.secrets() {
            assert!(!text.contains(&secret), "{key}");
        }
    }
}

/// What can't be published is known before anything runs.
#[test]
fn nothing_runs_where_nothing_can_be_published() {
    let mut site = Site::at(Cloud::S3);
    let marker = site.project.tmp().join("it-ran");
    let cell = format!("open({:?}, 'w').close()", marker.display().to_string());
    site.project
        .write("definitions.py", DEFINITIONS)
        .notebook("notebooks/works.py", &[&cell]);
    site.variables = site.server.wrong_variables();
    ci(&site).expect_code(6);
    site.server = ObjectServer::start(Cloud::S3);
    site.variables = site.server.variables();
    site.settings("");
    ci(&site)
        .expect_code(7)
        .expect_stderr("there is no bucket `s3://exports`");
    assert!(!marker.exists());
    site.server.create_bucket(BUCKET);
    ci(&site).expect_code(0);
    assert!(marker.exists());
}
