//! `daglab ci`: forked from a warm host, and by plain command lines.

use serde_json::Value;

use crate::support::{Project, in_instance_of, notebook_of, run_of};
use crate::{Release, Row};

const PROJECT: &str = "tests/versions/project";

/// What the instance knows: the link of the exploration on the asset `summary`, the status of each
/// run, whether the checks in it have passed, and what is said of the notebook that crashes.
const IN_INSTANCE: &str = "
from dagster import AssetCheckKey, AssetKey, DagsterInstance, EventRecordsFilter, DagsterEventType as T

instance = DagsterInstance.get()
of = lambda kind: instance.get_event_records(EventRecordsFilter(kind, asset_key=AssetKey('summary')))
[observed] = of(T.ASSET_OBSERVATION)
link = observed.asset_observation.metadata['exploration']
print(type(link).__name__, link.url)
for run in instance.get_runs():
    print(run.job_name, run.status.value)
    for entry in instance.all_logs(run.run_id, T.ASSET_CHECK_EVALUATION):
        evaluation = entry.dagster_event.asset_check_evaluation_data
        print(evaluation.check_name, evaluation.passed)
key = AssetCheckKey(AssetKey('orders'), 'notebook_crashes')
for record in instance.event_log_storage.get_asset_check_execution_history(key, limit=9):
    evaluation = record.event.dagster_event.event_specific_data
    described = evaluation.metadata.get('description')
    text = described.value if described else evaluation.description
    print(evaluation.check_name, evaluation.passed, text)
";

/// A run of the project with one of its settings files, on an instance that is kept.
struct Ran {
    project: Project,
    report: Value,
    instance: String,
}

fn ran(release: &Release, project: Project, isolation: &str) -> Ran {
    let settings = format!("{isolation}ed.yaml");
    std::fs::rename(
        project.root().join(settings),
        project.root().join("daglab.yaml"),
    )
    .unwrap();
    let kept = project.tmp().join("kept");
    let run = project.ci_with(
        &release.python,
        &[
            "--isolation",
            isolation,
            "--keep-instance",
            kept.to_str().unwrap(),
        ],
    );
    run.expect_code(4);
    let report = run.report();
    let about = &report["project"];
    assert_eq!(about["dagster"], release.version.to_string());
    // Had it fallen back to the other way, it would say so here and there.
    assert_eq!(about["isolation"], isolation);
    assert_eq!(report["findings"], serde_json::json!([]));
    let instance = in_instance_of(&release.python, &kept, IN_INSTANCE);
    Ran {
        project,
        report,
        instance,
    }
}

impl Ran {
    fn run(&self, title: &str) -> &Value {
        run_of(&self.report, title)
    }

    #[track_caller]
    fn instance_says(&self, line: &str) {
        let mut lines = self.instance.lines();
        assert!(lines.any(|one| one == line), "{line}:\n{}", self.instance);
    }

    /// What both ways must do.
    fn works(&self) {
        let failed = self.run("failing_job");
        assert_eq!(failed["status"], "failure");
        let error = &failed["error"];
        assert_eq!(error["message"], "this op always fails");
        assert_eq!(error["path"], "definitions.py");
        let source = std::fs::read_to_string(self.project.root().join("definitions.py")).unwrap();
        let line = usize::try_from(error["line"].as_u64().unwrap()).unwrap();
        let code = source.lines().nth(line - 1).unwrap();
        assert!(code.contains("raise ValueError"), "{code}");

        let summary = self.run("summary");
        assert_eq!(summary["status"], "success", "{summary:#}");
        self.instance_says("summary_is_fine True");

        let notebook = notebook_of(&self.report, "look.py");
        assert_eq!(notebook["status"], "passed", "{notebook:#}");
        let attached = self.report["attachments"].as_array().unwrap();
        let of_look = attached.iter().filter(|one| one["notebook"] == "look.py");
        assert_eq!(of_look.count(), 2, "a link and a verdict");
        assert!(
            attached.iter().all(|one| one["ok"] == true),
            "{attached:#?}"
        );
        let link = self.instance.lines().next().unwrap();
        assert!(link.starts_with("UrlMetadataValue file://"), "{link}");
    }
}

pub fn forked(release: &Release) -> Vec<Row> {
    let project = Project::copy_of(PROJECT);
    project.notebook("crashes.py", &["import os\nos._exit(3)"]);
    let ran = ran(release, project, "fork");
    ran.works();

    let good = ran.run("good_job");
    assert_eq!(good["status"], "success");
    let log = ran.project.artifacts().join(good["log"].as_str().unwrap());
    let printed = std::fs::read_to_string(log).unwrap();
    for part in ["printed to stdout", "printed to stderr"] {
        assert!(printed.contains(part), "{printed}");
    }

    let crashed = notebook_of(&ran.report, "crashes.py");
    assert_eq!(crashed["status"], "crashed");
    let reason = crashed["reason"].as_str().unwrap();
    ran.instance_says(&format!("notebook_crashes False {reason}"));

    assert_eq!(ran.run("hanging_job")["status"], "timed_out");
    let ended = ["hanging_job CANCELED", "hanging_job FAILURE"];
    assert!(
        ran.instance.lines().any(|line| ended.contains(&line)),
        "{}",
        ran.instance
    );

    let orders = ran.run("orders");
    assert_eq!(orders["status"], "success", "{orders:#}");
    let made = &orders["materializations"][0];
    assert_eq!(made["partition"], "2024-01-02");
    assert_eq!(made["metadata"]["day"], "2024-01-02");

    vec![
        Row::works("`daglab ci`, forking from a warm host"),
        Row::works("Runs through daglab's queue; failures by file and line"),
        Row::works("What a step prints, in the run's log"),
        Row::works("Runs that take too long are terminated"),
        Row::works("A partition of an asset"),
        Row::works("Asset checks, with their assets"),
        Row::works("A notebook's link and verdict on its asset"),
    ]
}

pub fn spawned(release: &Release) -> Vec<Row> {
    ran(release, Project::copy_of(PROJECT), "spawn").works();
    vec![Row::works("`daglab ci --isolation spawn`")]
}
