//! Run config from files, from the command line and from `daglab.yaml`.

use pretty_assertions::assert_eq;
use serde_json::json;

use crate::asked::{Deployment, run_id};
use crate::support::dagster::free_port;
use crate::support::{Project, Run};

const SETTINGS: &str = "run:
  jobs:
    - name: configured
      run_config_file: base.yaml
      run_config: {ops: {greet: {config: {times: 7}}}}
      tags: {team: sales, rank: 1}
";

fn config(text: &str) -> String {
    format!("{{ops: {{greet: {{config: {{{text}}}}}}}}}")
}

pub fn texts_are_merged(server: &Deployment) {
    server
        .here
        .write("one.yaml", &config("name: one, times: 2"));
    server
        .here
        .write("two.yaml", &config("name: two, inner: {deep: 3}"));
    let said = |args: &[&str], expected: &str| {
        let run = server.job("configured", args);
        run.expect_code(0)
            .expect_stderr(&format!("INFO greet: {expected}\n"));
        run_id(&run)
    };
    let text = config("times: 4");
    said(
        &[
            "--run-config",
            "one.yaml",
            "--config-yaml",
            &text,
            "--run-config",
            "two.yaml",
        ],
        "two 4 3",
    );
    // Below all of it is what the project says.
    server.here.write("daglab.yaml", SETTINGS);
    server.here.write(
        "base.yaml",
        &config("name: base, times: 5, inner: {deep: 6}"),
    );
    let id = said(&["--tags", "team=ops", "--tags", "a=b=c"], "base 7 6");
    let tags = server.tags(&id);
    assert_eq!(
        (&tags["team"], &tags["rank"], &tags["a"]),
        (&json!("ops"), &json!("1"), &json!("b=c"))
    );
    said(
        &["--run-config", "one.yaml", "--config-yaml", &text],
        "one 4 6",
    );
    server.here.write("daglab.yaml", "");
}

pub fn mistakes_have_their_places(server: &Deployment) {
    let before = server.runs();
    let here = &server.here;
    let refused = |args: &[&str], parts: &[&str]| {
        let run = server.job("configured", args);
        run.expect_code(7);
        parts.iter().for_each(|part| {
            run.expect_stderr(part);
        });
        assert_eq!(run.stdout(), "");
    };
    here.write(
        "misspelt.yaml",
        "ops:\n  greet:\n    config:\n      nmae: x\n      inner: {depe: 1}\n",
    );
    let parts = [
        "  --> misspelt.yaml:4:7\n",
        "4 |       nmae: x\n",
        "|       ^ did you mean `name`?\n",
        "  --> misspelt.yaml:5:15\n",
        "^ did you mean `deep`?\n",
        "  --> misspelt.yaml:3:5\n",
        "^ `name` is missing here\n",
    ];
    refused(&["--run-config", "misspelt.yaml"], &parts);
    refused(
        &["--run-config", "misspelt.yaml", "--validate-only"],
        &parts,
    );
    here.write(
        "type.yaml",
        "ops:\n  greet:\n    config: {name: x, times: many}\n",
    );
    refused(
        &["--run-config", "type.yaml"],
        &["--> type.yaml:3:23\n", "^ Invalid scalar. Value \"many\""],
    );
    // Which text it is that is wrong.
    let good = config("name: x");
    refused(
        &[
            "--run-config",
            "type.yaml",
            "--config-yaml",
            &config("times: 1, nmo: 2"),
        ],
        &["--> --config-yaml:1:35\n"],
    );
    here.write("daglab.yaml", &SETTINGS.replace("times", "tims"));
    here.write("base.yaml", &config("nme: x"));
    refused(
        &["--config-yaml", &good],
        &[
            "/project/daglab.yaml:5:43\n",
            "^ did you mean `times`?",
            "--> base.yaml:1:25\n",
            "^ did you mean `name`?",
        ],
    );
    here.write("base.yaml", "[1]");
    refused(&[], &["it must be a mapping", "--> base.yaml:1:1\n"]);
    std::fs::remove_file(here.root().join("base.yaml")).unwrap();
    refused(&[], &["could not read the run config `base.yaml`"]);
    here.write("daglab.yaml", &SETTINGS.replace("tags", "tegs"));
    refused(&[], &["daglab.yaml:6:7\n", "tags"]);
    here.write("daglab.yaml", "");
    // Nothing is there to point at.
    refused(&[], &["`ops` is missing"]);
    // One of several refuses all.
    let both = server.job("configured", &["--job", "nap_one"]);
    both.expect_code(7);
    assert_eq!(server.runs(), before, "nothing was launched");
}

pub fn answers_for_programs(server: &Deployment) {
    let before = server.runs();
    let asked = |text: &str, output: &str| {
        let text = config(text);
        let args = [
            "--validate-only",
            "--output",
            output,
            "--config-yaml",
            &text,
        ];
        server.job("configured", &args)
    };
    let good = asked("name: x", "json");
    let answer = good.expect_code(0).report();
    assert_eq!(answer["valid"], true);
    let expected = json!({"ops": {"greet": {"config": {"name": "x"}}}});
    assert_eq!(answer["runs"][0]["run_config"], expected);
    let table = asked("name: x", "table");
    assert_eq!(
        table.expect_code(0).stdout(),
        "`configured` is valid; nothing was launched\n"
    );
    for output in ["json", "ndjson"] {
        let bad = asked("nmae: x, name: y", output);
        let answer = bad.expect_code(7).report();
        assert_eq!(answer["valid"], false);
        assert_eq!(
            answer["problems"],
            json!([{
                "path": ["ops", "greet", "config", "nmae"],
                "message": "there is no `ops.greet.config.nmae`; did you mean `name`?",
                "suggestion": "name", "file": "--config-yaml", "line": 1, "column": 25,
            }])
        );
        bad.expect_stderr("did you mean `name`?");
    }
    assert_eq!(server.runs(), before, "nothing was launched");
}

pub fn settings_have_an_effect(server: &Deployment) {
    let here = &server.here;
    // What is not validated before is refused by the launch, with the same code.
    here.write("daglab.yaml", "defaults: {validate_config: false}\n");
    let late = server.job("configured", &["--config-yaml", &config("nmae: x")]);
    late.expect_code(7).expect_stderr("nmae");
    server
        .job(
            "configured",
            &["--config-yaml", &config("nmae: x"), "--validate-only"],
        )
        .expect_code(7)
        .expect_stderr("did you mean `name`?");
    // A name that stands there is a flag that need not be given.
    here.write(
        "daglab.yaml",
        "dagster: {repository_location_name: reports}\n",
    );
    let run = server.run(&["--job", "good", "--output", "json"]);
    let report = run.expect_code(0).report();
    assert_eq!(report["runs"][0]["location"], "reports");
    here.write("daglab.yaml", "dagster: {repository_name: nobody}\n");
    server
        .run(&["--job", "weekly"])
        .expect_code(7)
        .expect_stderr("no repository `nobody`");
    // Time, where no flag says more about it.
    here.write("daglab.yaml", "performance: {max_wait_time: 0.5}\n");
    let gate = server.gate("settings");
    let run = server.job("gated", &["--config-yaml", &gate.config("waits")]);
    run.expect_code(4)
        .expect_stderr("it had not ended within 0.5 s, and goes on");
    gate.open();
    here.write("daglab.yaml", "");
}

/// What is wrong with a text by itself is told without asking anybody.
#[test]
fn texts_that_can_not_be_read() {
    let project = Project::empty();
    let port = free_port().to_string();
    let refused = |args: &[&str], code: i32, part: &str| {
        let all = ["run", "--dagster-port", &port, "--job", "x"];
        Run::of(project.daglab(&[&all, args].concat()))
            .expect_code(code)
            .expect_stderr(part);
    };
    let deep = format!("{}1{}", "{a: ".repeat(100), "}".repeat(100));
    let huge = format!("a: {}", "x".repeat(5 * 1024 * 1024));
    for (name, text, part) in [
        ("syntax.yaml", "a: 1\nb: [1\n", "--> syntax.yaml:"),
        (
            "list.yaml",
            "- 1\n",
            "it must be a mapping of keys to values",
        ),
        ("tag.yaml", "ops: !env X\n", "the tag `!env` is not allowed"),
        ("deep.yaml", &deep, "nested more than 64 levels deep"),
        ("huge.yaml", &huge, "it has more than 4194304 bytes"),
        (
            "two.yaml",
            "a: 1\n---\nb: 2\n",
            "a second document is not read",
        ),
        ("twice.yaml", "a: 1\na: 2\n", "`a` stands here twice"),
    ] {
        project.write(name, text);
        refused(&["--run-config", name], 7, part);
    }
    std::fs::write(project.root().join("latin.yaml"), b"a: \xe4\n").unwrap();
    refused(&["--run-config", "latin.yaml"], 7, "valid UTF-8");
    refused(
        &["--run-config", "nowhere.yaml"],
        7,
        "could not read the run config `nowhere.yaml`",
    );
    refused(
        &["--run-config", "."],
        7,
        "could not read the run config `.`",
    );
    // It never ends, and has no size.
    refused(
        &["--run-config", "/dev/zero"],
        7,
        "it has more than 4194304 bytes",
    );
    refused(&["--config-yaml", "[1"], 7, "--> --config-yaml:");
    // What can be read is asked of the server, which is not there.
    refused(&["--config-yaml", "{}"], 5, "could not reach Dagster");
}

#[test]
fn flags_that_do_not_go_together() {
    let project = Project::empty();
    let usage = |args: &[&str]| {
        let run = Run::of(project.daglab(&[&["run"], args].concat()));
        run.expect_code(2);
        assert_eq!(run.stdout(), "");
    };
    let id = "00000000-0000-4000-8000-000000000000";
    for args in [
        &[][..],
        &["--job", "a", "--select", "key:b"],
        &["--job", "a", "--follow", id],
        &["--follow", id, "--no-wait"],
        &["--follow", id, "--reexecute", id],
        &["--from-failure", id, "--config-yaml", "{}"],
        &[
            "--job",
            "a",
            "--partition",
            "x",
            "--partition-range",
            "a...b",
        ],
        &["--job", "a", "--partition-range", "a..b"],
        &[
            "--job",
            "a",
            "--partition-range",
            "a...b",
            "--config-yaml",
            "{}",
        ],
        &["--job", "a", "--tags", "x"],
        &["--job", "a", "--tags", "=x"],
        &["--job", "a", "--timeout", "0"],
        &["--job", "a", "--timeout", "-1"],
        &["--job", "a", "--timeout", "nan"],
        &[
            "--job",
            "a",
            "--dagster-port",
            "1",
            "--dagster-url",
            "http://127.0.0.1:1",
        ],
        &["--job", "a", "--ephemeral", "--no-wait"],
        &["--job", "a", "--ephemeral", "--dagster-port", "1"],
        &["--job", "a", "--ephemeral", "--repo", "r"],
        &["--ephemeral", "--from-failure", id],
        &["--job", "a", "--output", "xml"],
    ] {
        usage(args);
    }
    // Found out later than by the parser of flags.
    usage(&["--job", "a", "--job", "b", "--asset-selection", "c"]);
}
