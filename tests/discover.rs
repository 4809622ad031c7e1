//! `daglab discover` and the completion of names, against a real server.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that can't be set up has failed"
)]

mod support;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::{Command, Stdio};

use daglab::dagster::catalog::Ask;
use daglab::dagster::selection::{Graph, Selection};
use daglab::discover::model;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};
use support::dagster::{Server, block_on, canned, free_port};
use support::{Project, Run, python};

const WORKSPACE: &str = "load_from:
  - python_file: {relative_path: defs.py, location_name: main}
";
const WITH_BROKEN: &str = "load_from:
  - python_file: {relative_path: defs.py, location_name: main}
  - python_file: {relative_path: broken.py, location_name: broken}
";

fn project(workspace: &str) -> Project {
    let project = Project::copy_of("tests/discover");
    project.write("workspace.yaml", workspace);
    project.write("broken.py", "import dagster\nimport no_such_module\n");
    project
}

fn discover(project: &Project, url: &str, args: &[&str]) -> Run {
    let all = [&["discover", "--dagster-url", url], args].concat();
    Run::of(project.daglab(&all))
}

/// The names of the items of a list.
fn names<'a>(found: &'a Value, list: &str) -> Vec<&'a str> {
    let name = |item: &'a Value| item.get("key").unwrap_or(&item["name"]).as_str().unwrap();
    found[list].as_array().unwrap().iter().map(name).collect()
}

#[test]
fn a_server_is_listed() {
    let project = project(WITH_BROKEN);
    let server = Server::of(&project.root(), 2);
    let run = |args: &[&str]| discover(&project, &server.url, args);

    // All of it, as tables. One location does not load; the other is listed.
    let all = run(&[]);
    all.expect_code(0);
    insta::assert_snapshot!("tables", all.stdout());
    all.expect_stderr("code location `broken` did not load: ModuleNotFoundError")
        .expect_stderr("broken.py:2)");
    assert!(!all.stdout().contains('\u{1b}'), "{}", all.stdout());

    // As JSON, which fits its schema.
    let found = run(&["--json"]).expect_code(0).report();
    let schema = serde_json::from_str(&model::schema()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<String> = validator
        .iter_errors(&found)
        .map(|e| e.to_string())
        .collect();
    assert_eq!(errors, Vec::<String>::new());
    assert_eq!(found["schema_version"], 1);
    assert_eq!(found["failed"][0]["location"], "broken");
    assert_eq!(found["failed"][0]["error"]["line"], 2);
    let assets = found["assets"].as_array().unwrap();
    let orders = assets.iter().find(|it| it["key"] == "core/orders").unwrap();
    assert_eq!(
        *orders,
        json!({
            "key": "core/orders", "location": "main", "repository": "__repository__",
            "group": "core", "description": "Orders as they were placed.\nSecond line.",
            "is_executable": true, "is_materializable": true, "kinds": ["dbt", "snowflake"],
            "tags": {"domain": "sales", "tier": "1"},
            "owners": ["team:sales", "ann@example.com"], "partitions": [],
            "dependencies": ["raw/items", "raw/orders"], "jobs": [], "has_checks": false,
            "checks": [], "latest_materialization": null,
        })
    );

    // A line for each item.
    let lines = run(&["--output", "ndjson", "--filter", "jobs,sensors"]);
    let lines: Vec<Value> = lines
        .stdout()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let types: Vec<&str> = lines
        .iter()
        .map(|it| it["type"].as_str().unwrap())
        .collect();
    assert_eq!(types, ["failed", "job", "job", "sensor"]);

    // Filters.
    let json = |args: &[&str]| run(&[args, &["--json"]].concat()).expect_code(0).report();
    let jobs = json(&["--filter", "jobs"]);
    assert_eq!(names(&jobs, "jobs"), ["marts", "nightly"]);
    assert!(jobs.get("assets").is_none());
    let tagged = json(&["--tags", "domain=sales", "--tags", "tier"]);
    assert_eq!(names(&tagged, "assets"), ["core/orders"]);
    assert_eq!(names(&tagged, "jobs"), Vec::<&str>::new());
    assert_eq!(names(&json(&["--tags", "team=sales"]), "jobs"), ["nightly"]);
    let found = json(&["--pattern", "*orders"]);
    assert_eq!(names(&found, "assets"), ["core/orders", "raw/orders"]);
    let found = json(&["--group", "marts", "--group", "raw"]);
    let expected = ["mart_daily", "mart_weekly", "raw/items", "raw/orders"];
    assert_eq!(names(&found, "assets"), expected);
    let found = json(&["--select", "1+key:mart_daily", "--no-details"]);
    assert_eq!(
        names(&found, "assets"),
        ["core/items", "core/orders", "mart_daily"]
    );
    assert!(found["assets"][2].get("checks").is_none());
    let found = json(&["--select", "key:mart_daily"]);
    assert_eq!(
        found["assets"][0]["checks"],
        json!(["no_nulls", "not_empty"])
    );
    let nothing = run(&["--group", "none"]);
    nothing.expect_code(0).expect_stderr("Nothing matches");
    assert_eq!(nothing.stdout(), "");
    assert_eq!(json(&["--group", "none"])["assets"], json!([]));

    // Locations by name.
    let here = json(&["--location", "main", "--filter", "repos"]);
    assert_eq!(here["repositories"][0]["assets"], 11);
    run(&["--location", "broken"])
        .expect_code(7)
        .expect_stderr("no_such_module");
    run(&["--location", "mains"])
        .expect_code(7)
        .expect_stderr("did you mean `main`?");

    // Mistakes.
    let wrong = run(&["--select", "key:a or groups:b"]);
    wrong.expect_code(2).expect_stderr("did you mean `group:`?");
    wrong.expect_stderr("\n           ^\n");
    run(&["--filter", "jobs", "--group", "a"]).expect_code(2);
    run(&["--tags", "=x"]).expect_code(2);
    run(&["--json", "--output", "table"]).expect_code(2);

    // What was found is completed.
    let complete = |words: &[&str]| completed(&project, words);
    assert_eq!(complete(&["ci", "--jobs", ""]), ["marts", "nightly"]);
    assert_eq!(complete(&["discover", "--group", "m"]), ["marts"]);
    assert_eq!(
        complete(&["discover", "--location", ""]),
        ["broken", "main"]
    );
    let selection = complete(&["discover", "--select", "not (group:r"]);
    assert_eq!(selection, ["not (group:raw"]);
    assert_eq!(complete(&["disc"]), ["discover"]);

    // A materialization is told, and how long ago it was.
    let program = "import dagster as dg
dg.DagsterInstance.get().report_runless_asset_event(dg.AssetMaterialization('mart_daily'))";
    support::in_instance(server.home(), program);
    let table = run(&["--select", "key:mart_daily"]).stdout();
    assert!(table.contains("just now"), "{table}");
    let found = json(&["--select", "key:mart_daily"]);
    let at = found["assets"][0]["latest_materialization"]["at"]
        .as_str()
        .unwrap();
    assert!(at.parse::<jiff::Timestamp>().is_ok(), "{at}");
}

/// What bash is offered for a command line that ends in the last word.
fn completed(project: &Project, words: &[&str]) -> Vec<String> {
    let mut command = project.daglab(&[]);
    command.env("_DAGLAB_COMPLETE", "bash");
    command.env("_CLAP_COMPLETE_INDEX", words.len().to_string());
    command.env("_CLAP_COMPLETE_COMP_TYPE", "9");
    command.env("_CLAP_IFS", "\n");
    command.args(["--", "daglab"]).args(words);
    let run = Run::of(command);
    run.expect_code(0);
    run.stdout().lines().map(str::to_owned).collect()
}

#[test]
fn a_shell_completes_with_the_script_that_is_printed() {
    let project = Project::empty();
    project.write(
        ".daglab/cache/discovery.json",
        r#"{"jobs": ["nightly", "marts"], "assets": ["core/orders", "core/items", "raw"]}"#,
    );
    project.write(".daglab/templates/team.py.j2", "");
    let bash = |words: &[&str], line: &str| bash_offers(&project, words, line);
    let line = "daglab scaffold --template ";
    let words = ["daglab", "scaffold", "--template", ""];
    let names = ["default", "feature-store", "minimal", "ml", "team"];
    assert_eq!(bash(&words, line), names);
    let line = "daglab ci --jobs n";
    assert_eq!(bash(&["daglab", "ci", "--jobs", "n"], line), ["nightly"]);
    // Bash takes words apart at colons, and replaces only what follows.
    let line = "daglab discover --select key:core/o";
    let words = ["daglab", "discover", "--select", "key", ":", "core/o"];
    assert_eq!(bash(&words, line), ["core/orders"]);
    let line = "daglab discover --select key:";
    let words = ["daglab", "discover", "--select", "key", ":"];
    assert_eq!(bash(&words, line), ["core/items", "core/orders", "raw"]);
    let line = "daglab discover --select=k";
    let words = ["daglab", "discover", "--select", "=", "k"];
    assert_eq!(bash(&words, line), ["key:", "kind:"]);
    // In quotes it does not.
    let line = "daglab discover --select 'key:raw or key:core/i";
    let words = ["daglab", "discover", "--select", "'key:raw or key:core/i"];
    assert_eq!(bash(&words, line), ["key:raw or key:core/items"]);

    for shell in ["zsh", "fish", "elvish", "powershell"] {
        let run = Run::of(project.daglab(&["completions", shell]));
        run.expect_code(0);
        let script = run.stdout();
        assert!(script.contains("_DAGLAB_COMPLETE"), "{script}");
    }
    Run::of(project.daglab(&["completions", "tcsh"])).expect_code(2);
}

/// What bash offers with the printed script, asked as bash asks: by the function that is registered
/// for the command, with the words as bash has split them.
fn bash_offers(project: &Project, words: &[&str], line: &str) -> Vec<String> {
    let script = Run::of(project.daglab(&["completions", "bash"]));
    script.expect_code(0);
    let program = r#"source /dev/stdin
        COMP_LINE=$1 COMP_POINT=${#1} COMP_TYPE=9
        shift
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
        last=${COMP_WORDS[COMP_CWORD]}
        [[ $last == [:=] ]] && last=
        registered=$(complete -p daglab)
        function=${registered##*-F }
        ${function%% *} daglab "${last#\'}" "${COMP_WORDS[COMP_CWORD-1]}"
        printf '%s\n' "${COMPREPLY[@]}""#;
    let binary = std::path::Path::new(env!("CARGO_BIN_EXE_daglab"));
    let path = std::env::var("PATH").unwrap();
    let mut shell = Command::new("bash");
    shell
        .args(["-c", program, "bash", line])
        .args(words)
        .current_dir(project.root())
        .env(
            "PATH",
            format!("{}:{path}", binary.parent().unwrap().display()),
        )
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = shell.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(&script.output.stdout).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    let problems = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{problems}");
    let offered = String::from_utf8_lossy(&output.stdout);
    offered.lines().map(str::to_owned).collect()
}

#[test]
fn no_server_is_said_plainly() {
    let project = Project::empty();
    let port = free_port().to_string();
    let run = Run::of(project.daglab(&["discover", "--dagster-port", &port]));
    run.expect_code(5)
        .expect_stderr("start one with `dagster dev`");
    assert!(!project.root().join(".daglab").exists());
}

/// Selections that Dagster understands, too.
const SELECTIONS: &[&str] = &[
    "*",
    "key:core/orders",
    "key:core/*",
    "key:\"*orders\"",
    "key:*a*_*",
    "key:mart_*ly",
    "key:nothing",
    "tag:tier",
    "tag:tier=\"1\"",
    "tag:domain",
    "tag:\"domain\"=\"sales\"",
    "tag:\"dagster/kind/dbt\"",
    "owner:\"team:sales\"",
    "owner:\"ann@example.com\"",
    "group:core",
    "group:\"*r*\"",
    "group:<null>",
    "kind:dbt",
    "kind:\"s3\"",
    "kind:<null>",
    "is:external",
    "is:materializable",
    "partitions:none",
    "partitions:<null>",
    "partitions:time",
    "partitions:static",
    "partitions:multipartitions",
    "partitions:dynamic",
    "+key:core/items",
    "1+key:core/items",
    "+key:prices",
    "key:prices+",
    "key:prices+1",
    "key:rates+2",
    "2+key:mart_daily",
    "0+key:mart_daily",
    "1+key:core/orders+1",
    "+key:core/orders+",
    "2 + key:core/orders + 1",
    "+(key:core/items or key:lonely)",
    "(*)+",
    "+(not key:core/*)",
    "roots(*)",
    "sinks(*)",
    "roots(group:core)",
    "sinks(group:core or group:raw)",
    "roots(key:raw/orders or key:mart_weekly)",
    "sinks(key:raw/orders or key:mart_weekly)",
    "sinks(+key:mart_daily)+1",
    "roots(key:core/orders+)",
    "not key:core/*",
    "not not group:core",
    "not group:core and not group:raw",
    "NOT group:core AND key:mart_* OR key:odd",
    "key:lonely or group:core and tag:tier=\"2\"",
    "(key:lonely or group:core) and tag:tier=\"2\"",
    "group:core and not (+key:mart_daily and tag:domain=sales)",
    "tag:a/b=c",
    "key:lonely\tor\nkey:odd",
];

#[test]
fn selections_mean_what_they_mean_in_dagster() {
    let project = project(WORKSPACE);
    let mut child = Command::new(python())
        .arg("selections.py")
        .current_dir(project.root())
        .env_remove("PYTHONDONTWRITEBYTECODE")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin
        .write_all(&serde_json::to_vec(SELECTIONS).unwrap())
        .unwrap();
    drop(stdin);
    let server = Server::of(&project.root(), 1);
    let catalog = block_on(server.client().catalog(Ask::ALL)).unwrap();
    let by_fields = block_on(server.client().catalog_by_fields(Ask::ALL)).unwrap();
    assert_eq!(catalog, by_fields);
    let graph = Graph::of(&catalog);
    let ours: BTreeMap<String, Vec<String>> = SELECTIONS
        .iter()
        .map(|text| {
            let selection = Selection::parse(text).unwrap_or_else(|e| panic!("{text}: {e}"));
            let keys = selection.evaluate(&graph).unwrap();
            (
                (*text).to_owned(),
                keys.iter().map(ToString::to_string).collect(),
            )
        })
        .collect();
    let output = child.wait_with_output().unwrap();
    let theirs: BTreeMap<String, Vec<String>> = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(ours, theirs);
    // The location and the jobs are known to a server alone.
    for (text, expected) in [
        ("code_location:main and key:odd", vec!["odd"]),
        ("code_location:other", vec![]),
        ("job:marts", vec!["core/items", "mart_daily"]),
    ] {
        let keys = Selection::parse(text).unwrap().evaluate(&graph).unwrap();
        let keys: Vec<String> = keys.iter().map(ToString::to_string).collect();
        assert_eq!(keys, expected, "{text}");
    }
}

#[test]
fn an_old_server_tells_less_and_that_is_said() {
    let project = Project::empty();
    let url = canned(&[
        ("ServerVersion", r#"{"data": {"version": "1.5.14"}}"#),
        (
            "Catalog",
            r#"{"data": {"workspaceOrError": {"locationEntries": [{
                "name": "old", "loadStatus": "LOADED", "locationOrLoadError": {"repositories": [{
                    "name": "r", "assetNodes": [{
                        "assetKey": {"path": ["a"]}, "groupName": null, "description": null,
                        "isExecutable": true, "isObservable": false, "jobNames": ["__ASSET_JOB_0"],
                        "dependencyKeys": [], "partitionDefinition": null, "hasAssetChecks": false
                    }]}]}}]}}}"#,
        ),
    ]);
    let run = |args: &[&str]| discover(&project, &url, &[args, &["--no-details"]].concat());
    let listed = run(&["--filter", "assets"]);
    listed
        .expect_code(0)
        .expect_stderr("Dagster 1.5.14 does not tell the tags, owners and kinds of assets");
    let found = run(&["--filter", "assets", "--json"]).report();
    assert_eq!(found["untold"], json!(["tags", "owners", "kinds"]));
    assert_eq!(found["assets"][0]["kinds"], Value::Null);
    assert_eq!(found["assets"][0]["group"], "default");
    run(&["--tags", "a=b"])
        .expect_code(3)
        .expect_stderr("does not tell the tags of assets");
    run(&["--select", "kind:dbt"])
        .expect_code(3)
        .expect_stderr("--select: Dagster 1.5.14 does not tell the kinds of assets");
}

#[test]
fn locations_that_load_are_waited_for() {
    let project = Project::empty();
    let url = canned(&[
        ("ServerVersion", r#"{"data": {"version": "1.13.27"}}"#),
        ("Catalog", LOADING),
        ("Catalog", LOADED),
        ("Locations", LOADING),
        ("Locations", LOADED),
    ]);
    let found = discover(&project, &url, &["--json", "--filter", "locations"]);
    let found = found.expect_code(0).report();
    assert_eq!(found["locations"][0]["status"], "loaded");

    project.write("daglab.yaml", "performance: {max_wait_time: 0.5}\n");
    let url = canned(&[
        ("ServerVersion", r#"{"data": {"version": "1.13.27"}}"#),
        ("Catalog", LOADING),
        ("Locations", LOADING),
    ]);
    let slow = discover(&project, &url, &["--json", "--filter", "locations"]);
    slow.expect_code(0)
        .expect_stderr("code location `slow` is still loading");
    assert_eq!(slow.report()["locations"][0]["status"], "loading");
    discover(&project, &url, &["--location", "slow"])
        .expect_code(5)
        .expect_stderr("still loading: `slow`");
}

const LOADING: &str = r#"{"data": {"workspaceOrError": {"__typename": "Workspace",
    "locationEntries": [{"name": "slow", "loadStatus": "LOADING", "locationOrLoadError": null}]}}}"#;
const LOADED: &str = r#"{"data": {"workspaceOrError": {"__typename": "Workspace",
    "locationEntries": [{"name": "slow", "loadStatus": "LOADED", "locationOrLoadError":
    {"__typename": "RepositoryLocation", "repositories": []}}]}}}"#;

#[test]
fn a_ready_value_of_another_form_is_asked_for_field_by_field() {
    let project = Project::empty();
    const OTHER: &str = r#"{"data": {"workspaceOrError": {"locationEntries": [{
        "name": "new", "loadStatus": "LOADED", "locationOrLoadError": {"repositories": [{
            "name": "r", "assetManifest": [{"key": "a"}]}]}}]}}}"#;
    let url = canned(&[
        ("ServerVersion", r#"{"data": {"version": "1.99.0"}}"#),
        ("Catalog", OTHER),
        ("CatalogFields", LOADED),
    ]);
    let found = discover(&project, &url, &["--json", "--filter", "assets,locations"]);
    let found = found.expect_code(0).report();
    assert_eq!(found["locations"][0]["name"], "slow");
}

#[test]
fn the_documented_schema_is_the_one_of_the_code() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("docs/reference/discovery.schema.json");
    if std::env::var_os("DAGLAB_TEST_UPDATE").is_some() {
        std::fs::write(&path, model::schema()).unwrap();
    }
    let documented = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        documented == model::schema(),
        "`docs/reference/discovery.schema.json` is not up to date; \
         run the tests with DAGLAB_TEST_UPDATE=1"
    );
}
