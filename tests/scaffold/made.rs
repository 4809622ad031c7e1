//! Notebooks that are made.

use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::shop::{Shop, expect_intact};
use crate::support::{Run, notebook_of, python};

const ORDERS: &str = "dagster/notebooks/assets/orders_explore.py";
const EXPORT: &str = "dagster/notebooks/jobs/export_orders_explore.py";

pub fn a_job_with_its_config(shop: &Shop) {
    let run = shop.scaffold(&["--job", "export_orders", "--output", "json"]);
    let report = run.expect_code(0).report();
    assert_eq!(
        report,
        json!({
            "notebooks": [{
                "path": EXPORT,
                "template": "default",
                "action": "created",
                "target": {
                    "kind": "job", "name": "export_orders", "job": "export_orders", "assets": [],
                    "location": "definitions.py", "module": null,
                },
                "config_valid": true,
                "seed": null,
            }],
            "committed": null,
            "dry_run": false,
        })
    );
    run.expect_stderr(&format!("next: `marimo edit {EXPORT}`"));
    let text = shop.read(EXPORT);
    expect_intact(&text, "default");
    assert_eq!(text.lines().nth(1), Some("# daglab: job=export_orders"));
    let context = shop.context(&["--job", "export_orders"]);
    let yaml = context["config"]["yaml"].as_str().unwrap();
    insta::assert_snapshot!("config_of_a_job", yaml);
    let target = &context["target"];
    assert_eq!(target["description"], "Sends orders away.");
    assert_eq!(target["definitions"], "dagster/definitions.py");
    assert_eq!(target["module_directory"], "../..");
    assert_eq!(context["notebook"]["title"], "Export orders");
    assert_eq!(context["notebook"]["name"], "jobs.export_orders_explore");
    assert_eq!(context["dagster"]["host"], "127.0.0.1");
    assert!(
        context["dagster"]["version"]
            .as_str()
            .unwrap()
            .starts_with("1.")
    );
    let plain = shop.context(&["--job", "plain"]);
    assert_eq!(plain["config"]["yaml"], "");
}

pub fn config_of_the_settings_is_validated(shop: &Shop) {
    let settings = |config: &str| {
        let text = format!("run: {{jobs: [{{name: export_orders, run_config: {config}}}]}}\n");
        shop.project.write("daglab.yaml", &text);
    };
    settings("{ops: {send: {config: {target: lake, rows: 5}}}}");
    let context = shop.context(&["--job", "export_orders"]);
    let yaml = context["config"]["yaml"].as_str().unwrap();
    assert!(yaml.contains("\n      target: lake  # "), "{yaml}");
    assert!(yaml.contains("\n      rows: 5  # Int"), "{yaml}");

    settings("{ops: {send: {config: {target: lake, rwos: 5}}}}");
    let args = ["--job", "export_orders", "--force"];
    shop.scaffold(&args)
        .expect_code(7)
        .expect_stderr("`ops.send.config.rwos`")
        .expect_stderr("did you mean `rows`?")
        .expect_stderr("rwos: 5\n");
    // Neither the flag nor the setting has it validated.
    shop.scaffold(&[&args[..], &["--no-validate-config", "--dry-run"]].concat())
        .expect_code(0);
    let settings = shop.read("daglab.yaml") + "defaults: {validate_config: false}\n";
    shop.project.write("daglab.yaml", &settings);
    shop.scaffold(&[&args[..], &["--dry-run"]].concat())
        .expect_code(0);
    shop.scaffold(&[&args[..], &["--validate-config"]].concat())
        .expect_code(7);
    shop.remove("daglab.yaml");
}

/// What `daglab ci` gives a job is there where `run.jobs` has nothing for it.
pub fn config_of_ci(shop: &Shop) {
    let yaml = |run: &str| {
        let ci = "ci: {jobs: [export_orders, {name: export_orders, run_config: \
                  {ops: {send: {config: {target: sample}}}}}]}\n";
        shop.project.write("daglab.yaml", &format!("{run}{ci}"));
        let context = shop.context(&["--job", "export_orders"]);
        context["config"]["yaml"].as_str().unwrap().to_owned()
    };
    let of_ci = yaml("");
    assert!(of_ci.contains("\n      target: sample  # "), "{of_ci}");
    let of_run = yaml(
        "run: {jobs: [{name: export_orders, run_config: \
         {ops: {send: {config: {target: lake}}}}}]}\n",
    );
    assert!(of_run.contains("\n      target: lake  # "), "{of_run}");
    shop.remove("daglab.yaml");
}

/// Without a flag that says so, a name is an asset's or a job's.
pub fn names(shop: &Shop) {
    let kind = |name: &str| shop.context(&[name])["target"]["kind"].clone();
    assert_eq!(kind("shop/items"), "asset");
    assert_eq!(kind("export_orders"), "job");
    for (name, code, parts) in [
        (
            "outside",
            2,
            &[
                "`outside` is an asset, and a job, too",
                "give `--asset outside` or `--job outside`",
            ][..],
        ),
        (
            "export_ordres",
            7,
            &[
                "there is no asset and no job `export_ordres`",
                "did you mean `export_orders`?",
            ],
        ),
        ("a//b", 7, &["there is no asset and no job `a//b`"]),
    ] {
        let run = shop.scaffold(&[name]);
        run.expect_code(code);
        for part in parts {
            run.expect_stderr(part);
        }
    }
}

/// What is printed can be typed where it is printed.
pub fn paths_as_they_are_seen(shop: &Shop) {
    let root = shop.project.root().canonicalize().unwrap();
    let given = root.to_str().unwrap();
    let scaffold = |dir: &std::path::Path, args: &[&str]| {
        let common = [
            "scaffold",
            "--job",
            "plain",
            "--template",
            "short",
            "--force",
        ];
        let of = ["--dagster-url", shop.url(), "--project", given];
        let mut command = shop.project.daglab(&[&common[..], &of, args].concat());
        command.current_dir(dir);
        let run = Run::of(command);
        run.expect_code(0);
        run
    };
    std::fs::create_dir_all(root.join("docs/deep")).unwrap();
    for (dir, expected) in [
        ("", "dagster/notebooks/jobs/so plain.py"),
        ("dagster", "notebooks/jobs/so plain.py"),
        ("docs/deep", "../../dagster/notebooks/jobs/so plain.py"),
    ] {
        let run = scaffold(&root.join(dir), &["--filename", "so plain.py"]);
        assert_eq!(run.stdout(), format!("{expected}\n"), "{dir}");
        run.expect_stderr(&format!(
            "next: `marimo edit '{expected}'`, and `daglab ci` to run"
        ));
    }
    let elsewhere = tempfile::tempdir().unwrap();
    let run = scaffold(elsewhere.path(), &[]);
    let path = format!("{given}/dagster/notebooks/jobs/plain_explore.py");
    assert_eq!(run.stdout(), format!("{path}\n"));
    run.expect_stderr(&format!(
        "next: `marimo edit {path}`, and `daglab ci {given}` to run"
    ));
    shop.remove("dagster/notebooks/jobs/so plain.py");
    shop.remove("dagster/notebooks/jobs/plain_explore.py");
}

pub fn assets_with_and_without_partners(shop: &Shop) {
    let run = shop.scaffold(&["--asset", "shop/items"]);
    run.expect_code(0);
    assert_eq!(
        run.stdout(),
        "dagster/notebooks/assets/shop/items_explore.py\n"
    );
    let text = shop.read("dagster/notebooks/assets/shop/items_explore.py");
    assert_eq!(text.lines().nth(1), Some("# daglab: asset=shop/items"));
    let context = shop.context(&["--asset", "orders"]);
    assert_eq!(context["target"]["description"], "What was ordered.");
    assert_eq!(context["target"]["group"], "shop");
    assert_eq!(context["target"]["assets"], json!(["orders"]));
    let yaml = context["config"]["yaml"].as_str().unwrap();
    assert!(yaml.contains("limit: 10  # Int"), "{yaml}");
    // What nobody makes can be looked at all the same.
    let outside = shop.scaffold(&["--asset", "outside", "--dry-run"]);
    outside
        .expect_code(0)
        .expect_stderr("the notebook begins without run config");
}

pub fn selections(shop: &Shop) {
    let paths = |args: &[&str]| -> Vec<String> {
        let all = [args, &["--output", "json", "--dry-run"]].concat();
        let report = shop.scaffold(&all).expect_code(0).report();
        let notebooks = report["notebooks"].as_array().unwrap();
        let path = |it: &Value| {
            it["path"]
                .as_str()
                .unwrap()
                .replace("dagster/notebooks/", "")
        };
        notebooks.iter().map(path).collect()
    };
    assert_eq!(
        paths(&["--from-selection", "*"]),
        [
            "assets/reports_group_explore.py",
            "assets/shop_group_explore.py"
        ]
    );
    assert_eq!(
        paths(&["--from-selection", "shop/*", "--per", "asset", "--force"]),
        ["assets/shop/items_explore.py"]
    );
    assert_eq!(
        paths(&[
            "--from-selection",
            "key:\"orders\"+1",
            "--per",
            "asset",
            "--force"
        ]),
        [
            "assets/orders_explore.py",
            "assets/revenue_explore.py",
            "assets/shop/items_explore.py"
        ]
    );
    let context = shop.context(&["--from-selection", "shop/*"]);
    assert_eq!(context["target"]["name"], "key:\"shop/*\"");
    assert_eq!(context["target"]["kind"], "selection");
    assert_eq!(context["target"]["group"], "shop");
    let written = shop.scaffold(&["--from-selection", "group:reports", "--title", "Reports"]);
    written.expect_code(0);
    let text = shop.read("dagster/notebooks/assets/reports_group_explore.py");
    assert!(!text.contains("# daglab: "), "{text}");
    shop.scaffold(&["--from-selection", "orderz/*"])
        .expect_code(7)
        .expect_stderr("no asset that can be materialized matches `orderz/*`");
    shop.scaffold(&["--from-selection", "group:"])
        .expect_code(7)
        .expect_stderr("the selection can't be read");
    shop.scaffold(&["--from-selection", "*", "--title", "All"])
        .expect_code(2)
        .expect_stderr("`--title` is for one notebook, and the selection makes 2");
}

/// Whoever sits at a terminal is asked, and may be wrong once.
pub fn asked_on_a_terminal(shop: &Shop) {
    let output = shop
        .project
        .daglab(&[])
        .get_envs()
        .fold(
            std::process::Command::new(python()),
            |mut command, (name, value)| {
                match value {
                    Some(value) => command.env(name, value),
                    None => command.env_remove(name),
                };
                command
            },
        )
        .args([
            "-c",
            AT_A_TERMINAL,
            env!("CARGO_BIN_EXE_daglab"),
            shop.url(),
        ])
        .current_dir(shop.project.root())
        .output()
        .unwrap();
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{shown}");
    assert!(
        shown.contains("for each [g]roup, or for each [a]sset"),
        "{shown}"
    );
    assert!(shown.contains("assets/revenue_explore.py\""), "{shown}");
}

/// Answers at a terminal, as a person would, and prints what stands there in the end.
const AT_A_TERMINAL: &str = r#"
import os, pty, sys
pid, terminal = pty.fork()
if pid == 0:
    arguments = ["scaffold", "--from-selection", "group:reports", "--dry-run", "--force", "-o", "json"]
    os.execv(sys.argv[1], ["daglab", *arguments, "--dagster-url", sys.argv[2]])
shown, answers = b"", [b"b\n", b"a\n"]
while True:
    try:
        more = os.read(terminal, 4096)
    except OSError:
        more = b""
    if not more:
        break
    shown += more
    if more.endswith(b"[g] ") and answers:
        os.write(terminal, answers.pop(0))
print(shown.decode())
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"#;

pub fn sample_data(shop: &Shop) {
    let seed = |args: &[&str]| shop.context(&[args, &["--seed-data"]].concat())["seed"].clone();
    let orders = seed(&["--asset", "orders"]);
    assert_eq!(orders["columns"], json!(["id", "customer", "total"]));
    assert_eq!(orders["rows"][0], json!([1, "customer 1", 1.5]));
    assert_eq!(orders["rows"][4], json!([5, null, null]));
    assert_eq!(
        orders["source"],
        "made up from the column schema of the asset's definition"
    );
    assert_eq!(shop.context(&["--asset", "orders"])["seed"], Value::Null);
    let unknown = [
        "--asset",
        "shop/items",
        "--seed-data",
        "--dry-run",
        "--force",
    ];
    shop.scaffold(&unknown)
        .expect_code(0)
        .expect_stderr("nothing is known of what is in `shop/items` but its type, `[Int]`");
    // What the asset has shown of itself comes first.
    let revenue = ["--asset", "revenue"];
    assert_eq!(seed(&revenue), Value::Null);
    let materialized = shop.project.daglab(&[
        "run",
        "--dagster-url",
        shop.url(),
        "--asset-selection",
        "revenue",
    ]);
    Run::of(materialized).expect_code(0);
    let shown = seed(&revenue);
    assert_eq!(shown["columns"], json!(["country", "total"]));
    assert_eq!(shown["rows"], json!([["DE", 1.5]]));
    assert_eq!(
        shown["source"],
        "rows that `preview` of the latest materialization shows"
    );
    shop.project
        .write("daglab.yaml", "defaults: {seed_data: true}\n");
    assert_eq!(shop.context(&revenue)["features"]["seed_data"], true);
    assert_eq!(
        shop.context(&["--asset", "revenue", "--no-seed-data"])["seed"],
        Value::Null
    );
    shop.remove("daglab.yaml");
}

pub fn modules(shop: &Shop) {
    let target = |args: &[&str]| shop.context(args)["target"].clone();
    for module in ["assets/orders.py", "assets.orders"] {
        let found = target(&["--asset", "shop/items", "--module", module]);
        assert_eq!(found["module"], "assets.orders", "{module}");
        assert_eq!(found["attribute"], "shop_items");
        assert_eq!(found["module_directory"], "../../..");
        assert_eq!(found["definitions"], "dagster/definitions.py");
    }
    let job = target(&["--job", "export_orders", "--module", "jobs/exports.py"]);
    assert_eq!(job["attribute"], "export_orders");
}

pub fn overwriting(shop: &Shop) {
    let args = ["--asset", "orders", "--template", "short"];
    let with = |more: &[&str]| shop.scaffold(&[&args[..], more].concat());
    with(&[]).expect_code(0);
    let made = shop.read(ORDERS);
    // Even what is the same is not touched without being asked.
    with(&[]).expect_code(8).expect_stderr("--force");
    let again = with(&["--force", "-o", "json"]).expect_code(0).report();
    assert_eq!(again["notebooks"][0]["action"], "unchanged");
    assert_eq!(shop.read(ORDERS), made);

    // Somebody's work is shown before it is lost; the day it was made on stays.
    let day = made
        .lines()
        .find(|line| line.contains("NOTEBOOK_CREATED"))
        .unwrap();
    let edited = made
        .replace(day, "    NOTEBOOK_CREATED = \"2020-02-03\"")
        .replace("    print(", "    my_work = 1\n    print(");
    shop.project.write(ORDERS, &edited);
    let dry = with(&["--force", "--dry-run"]);
    dry.expect_code(0).expect_stderr("nothing was written");
    assert!(
        dry.stdout().contains("-    my_work = 1"),
        "{}",
        dry.stdout()
    );
    assert_eq!(shop.read(ORDERS), edited);
    let forced = with(&["--force", "-o", "json"]);
    forced
        .expect_code(0)
        .expect_stderr(&format!(
            "warning: `{ORDERS}` was edited, and is overwritten"
        ))
        .expect_stderr("-    my_work = 1");
    assert_eq!(forced.report()["notebooks"][0]["action"], "overwritten");
    let text = shop.read(ORDERS);
    expect_intact(&text, "short");
    assert!(text.contains("NOTEBOOK_CREATED = \"2020-02-03\""), "{text}");
    assert!(text.contains(&day.replace("CREATED", "MODIFIED")), "{text}");
}

pub fn every_other_flag(shop: &Shop) {
    let context = shop.context(&[
        "--asset",
        "orders",
        "--title",
        "Nice \"orders\"",
        "--no-inprocess",
        "--no-attach",
        "--template-vars",
        "team=data",
        "owner=a=b",
        "--repo",
        "__repository__",
        "--location",
        "definitions.py",
        "--filename",
        "nice.py",
    ]);
    assert_eq!(context["notebook"]["title"], "Nice \"orders\"");
    assert_eq!(context["notebook"]["filename"], "nice.py");
    assert_eq!(
        context["features"],
        json!({"inprocess": false, "attach": false, "seed_data": false})
    );
    assert_eq!(context["vars"], json!({"team": "data", "owner": "a=b"}));
    assert_eq!(
        context["export"],
        json!({"metadata_key": "exploration", "retention_days": 30, "compress": true})
    );
    let args = ["--job", "plain", "--template", "short", "--filename"];
    shop.scaffold(&[&args[..], &["plain.py"]].concat())
        .expect_code(0);
    assert!(shop.is_there("dagster/notebooks/jobs/plain.py"));
    shop.scaffold(&[&args[..], &["elsewhere/plain.py"]].concat())
        .expect_code(0);
    assert!(shop.is_there("elsewhere/plain.py"));
    shop.scaffold(&[&args[..], &["../plain.py"]].concat())
        .expect_code(2)
        .expect_stderr("`../plain.py` is not in the project");
    shop.project.write(
        "daglab.yaml",
        "notebooks_dir: nb\ndefaults: {notebook_template: short}\n",
    );
    let run = shop.scaffold(&["--job", "plain"]);
    assert_eq!(run.expect_code(0).stdout(), "nb/jobs/plain_explore.py\n");
    expect_intact(&shop.read("nb/jobs/plain_explore.py"), "short");
    shop.remove("daglab.yaml");
}

pub fn templates_of_its_own(shop: &Shop) {
    let own = "{% include 'short.py.j2' %}\n# {{ vars.note }}\n";
    shop.project.write(".daglab/templates/minimal.py.j2", own);
    let args = [
        "--asset",
        "parted",
        "--template",
        "minimal",
        "--template-vars",
        "note=ours",
    ];
    shop.scaffold(&args).expect_code(0);
    let text = shop.read("dagster/notebooks/assets/parted_explore.py");
    assert!(text.ends_with("# ours\n"), "{text}");
    expect_intact(&text, "minimal");
}

/// Without a server, what is made runs as CI runs it, and marimo finds nothing wrong with it.
pub fn notebooks_run_in_ci(shop: &Shop) {
    // Nobody serves there.
    shop.project.write("daglab.yaml", "dagster: {port: 9}\n");
    let run = shop.scaffold(&[
        "--from-selection",
        "group:shop",
        "--per",
        "asset",
        "--template",
        "short",
        "-o",
        "json",
    ]);
    let report = run.expect_code(0).report();
    assert_eq!(
        report["notebooks"].as_array().unwrap().len(),
        3,
        "{report:#}"
    );
    assert_eq!(report["notebooks"][0]["config_valid"], true);
    let ci = shop.project.ci(&[]);
    let report = ci.expect_code(0).report();
    for name in ["orders", "shop/items"] {
        let path = format!("dagster/notebooks/assets/{name}_explore.py");
        let notebook = notebook_of(&report, &path);
        assert_eq!(notebook["status"], "passed", "{notebook:#}");
        assert_eq!(notebook["target"]["key"], name, "{notebook:#}");
    }
    // The mark and the pairing are kept when marimo writes the file.
    let path = shop.project.root().join(ORDERS);
    let before = shop.read(ORDERS);
    let saved = std::process::Command::new(python())
        .args(["-c", SAVE, path.to_str().unwrap()])
        .output()
        .unwrap();
    assert!(
        saved.status.success(),
        "{}",
        String::from_utf8_lossy(&saved.stderr)
    );
    pretty_assertions::assert_str_eq!(String::from_utf8_lossy(&saved.stdout), before);
    expect_intact(&before, "short");
}

/// What marimo writes when it saves a notebook that nobody has changed.
const SAVE: &str = "
import sys
from pathlib import Path
from marimo._convert.converters import MarimoConvert
text = Path(sys.argv[1]).read_text()
print(MarimoConvert.from_py(text).to_py(), end='')
";

pub fn offline() {
    let shop = Shop::new();
    let run = shop.scaffold(&[
        "--asset",
        "anything/goes",
        "--offline",
        "--template",
        "short",
    ]);
    run.expect_code(0)
        .expect_stderr("nobody was asked: names and run config are not checked");
    let text = shop.read("dagster/notebooks/assets/anything/goes_explore.py");
    assert_eq!(text.lines().nth(1), Some("# daglab: asset=anything/goes"));
    shop.project
        .write("daglab.yaml", "defaults: {seed_data: true}\n");
    shop.scaffold(&["--asset", "orders", "--offline", "--dry-run"])
        .expect_code(0)
        .expect_stderr("no sample data in `orders_explore.py`: nobody has said what is in it");
    shop.remove("daglab.yaml");
    let context = shop.context(&[
        "--asset",
        "orders",
        "--offline",
        "--module",
        "assets/orders.py",
    ]);
    assert_eq!(context["target"]["attribute"], "orders");
    assert_eq!(context["target"]["location"], Value::Null);
}
