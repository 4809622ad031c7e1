//! `daglab discover` and `daglab run` on a server that is there already.

use serde_json::Value;

use crate::support::dagster::Server;
use crate::support::{Project, Run};
use crate::{Release, Row};

const PROJECT: &str = "tests/versions/served";

/// A project and the release's web server on it.
struct Served {
    project: Project,
    server: Server,
}

impl Served {
    fn daglab(&self, args: &[&str]) -> Run {
        let url = ["--dagster-url", self.server.url.as_str()];
        Run::of(self.project.daglab(&[args, &url].concat()))
    }

    /// A run that ends as is expected; its report.
    #[track_caller]
    fn run(&self, code: i32, args: &[&str]) -> (Value, String) {
        let run = self.daglab(&[&["run", "--output", "json"], args].concat());
        run.expect_code(code);
        (run.report()["runs"][0].clone(), run.stderr())
    }
}

pub fn works(release: &Release) -> Vec<Row> {
    let project = Project::copy_of(PROJECT);
    let server = Server::with_python(&release.python, &project.root(), 1);
    let served = Served { project, server };
    let mut rows = discovers(&served, release);
    rows.extend(runs(&served));
    rows.extend(partitions(&served));
    rows.extend(again(&served));
    rows
}

fn discovers(served: &Served, release: &Release) -> Vec<Row> {
    let run = served.daglab(&["discover", "--json"]);
    run.expect_code(0);
    let found = run.report();
    let names = |kind: &str, name: &str| -> Vec<String> {
        let items = found[kind].as_array().unwrap();
        items
            .iter()
            .map(|item| item[name].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(names("assets", "key"), ["orders", "summary"], "{found:#}");
    assert_eq!(
        names("jobs", "name"),
        ["greeting_job", "half_job", "hanging_job"]
    );
    assert_eq!(names("schedules", "name"), ["every_morning"]);
    assert_eq!(names("sensors", "name"), ["on_news"]);
    let [orders, summary] = [0, 1].map(|index| &found["assets"][index]);
    assert_eq!(orders["group"], "sales");
    assert_eq!(summary["dependencies"], serde_json::json!(["orders"]));

    let selected = served.daglab(&["discover", "--json", "--select", "group:sales+"]);
    selected.expect_code(0);
    assert_eq!(selected.report()["assets"].as_array().unwrap().len(), 2);

    let tells = |names: &[&str]| {
        let told = names.iter().filter(|name| !summary[**name].is_null());
        let told = told.count();
        assert!(told == 0 || told == names.len(), "{names:?} came together");
        told > 0
    };
    let since = |what, from, names: &[&str]| Row::works_since(what, from, release, tells(names));
    vec![
        Row::works("`daglab discover`, with Dagster's asset selections"),
        since("The owners and tags of assets", (1, 6), &["owners", "tags"]),
        since("The kinds of assets", (1, 8), &["kinds"]),
    ]
}

fn runs(served: &Served) -> Vec<Row> {
    let config = "ops: {greet: {config: {name: you, times: 2}}}";
    let (report, stderr) = served.run(
        0,
        &["--job", "greeting_job", "--config-yaml", config, "-vv"],
    );
    assert_eq!(report["status"], "success", "{report:#}");
    assert_eq!(stderr.matches("hello you").count(), 2, "{stderr}");
    assert!(stderr.contains("feed=Live"), "events came live:\n{stderr}");
    let address = report["url"].as_str().unwrap();
    assert!(stderr.contains(address), "{stderr}");

    served
        .project
        .write("run.yaml", "ops:\n  greet:\n    config:\n      nmae: you\n");
    let wrong = [
        "run",
        "--job",
        "greeting_job",
        "--run-config",
        "run.yaml",
        "--validate-only",
    ];
    served
        .daglab(&wrong)
        .expect_code(7)
        .expect_stderr("did you mean `name`?")
        .expect_stderr("run.yaml:4:7");

    let args = [
        "--job",
        "hanging_job",
        "--timeout",
        "8",
        "--cancel-on-timeout",
    ];
    let (report, _) = served.run(4, &args);
    assert_eq!(report["status"], "timed_out", "{report:#}");
    vec![
        Row::works("`daglab run`, live over a websocket"),
        Row::works("Run config that does not fit, by line, before anything is launched"),
        Row::works("`--cancel-on-timeout`"),
    ]
}

fn partitions(served: &Served) -> Vec<Row> {
    let one = ["--asset-selection", "orders", "--partition", "2024-01-02"];
    let (report, _) = served.run(0, &one);
    assert_eq!(
        report["materializations"][0]["partition"], "2024-01-02",
        "{report:#}"
    );
    // Nobody launches its runs here: there is no daemon.
    let range = [
        "--asset-selection",
        "orders",
        "--partition-range",
        "2024-01-02...2024-01-04",
    ];
    let (report, stderr) = served.run(0, &[&range[..], &["--no-wait"]].concat());
    assert_eq!(report["status"], "launched", "{report:#}");
    assert!(stderr.contains("daemon"), "{stderr}");
    let id = report["run_id"].as_str().unwrap();
    let (report, _) = served.run(
        4,
        &["--follow", id, "--timeout", "3", "--cancel-on-timeout"],
    );
    assert_eq!(report["status"], "timed_out", "{report:#}");
    vec![
        Row::works("`--partition`"),
        Row::works("`--partition-range`: a backfill is launched, followed and canceled"),
    ]
}

fn again(served: &Served) -> Vec<Row> {
    served.project.write("broken", "");
    let (failed, _) = served.run(4, &["--job", "half_job"]);
    let steps = failed["steps"].as_array().unwrap();
    let mend = steps.iter().find(|step| step["key"] == "mend").unwrap();
    assert_eq!(mend["error"]["path"], "definitions.py", "{failed:#}");
    assert_eq!(mend["last_output"], "the last words of mend");
    std::fs::remove_file(served.project.root().join("broken")).unwrap();
    let id = failed["run_id"].as_str().unwrap();
    let (mended, _) = served.run(0, &["--from-failure", id]);
    let steps = mended["steps"].as_array().unwrap();
    assert_eq!(steps.len(), 1, "only what failed: {mended:#}");
    vec![
        Row::works("What a failed step printed last"),
        Row::works("`--from-failure`"),
    ]
}
