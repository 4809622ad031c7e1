//! Servers that are not there, are something else or say no, as `daglab discover` and `daglab run`
//! tell of them.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that can't be set up has failed"
)]

mod support;

use std::io::Read as _;
use std::time::{Duration, Instant};

use support::dagster::{Server, free_port};
use support::listener::Listener;
use support::{Project, Run};

/// What both commands say of a server.
fn both(project: &Project, url: &str) -> [Run; 2] {
    let run = |args: &[&str]| {
        let mut command = project.daglab(&[args, &["--dagster-url", url]].concat());
        command.env_remove("DAGSTER_GRAPHQL_TOKEN");
        Run::of(command)
    };
    [run(&["discover"]), run(&["run", "--job", "good_job"])]
}

#[test]
fn no_server() {
    let project = Project::small();
    for run in both(&project, &format!("http://127.0.0.1:{}", free_port())) {
        run.expect_code(5)
            .expect_stderr("could not reach Dagster at `http://127.0.0.1:")
            .expect_stderr("hint: start one with `dagster dev`, or name another one");
        assert_eq!(run.stdout(), "");
    }
}

#[test]
fn a_server_that_is_something_else() {
    let project = Project::small();
    for (status, kind, body) in [
        (
            "200 OK",
            "text/html",
            "<html><title>Welcome to\x1b[31m x\u{9b}m!</title></html>",
        ),
        ("200 OK", "application/json", r#"{"hello": "world"}"#),
        ("404 Not Found", "text/plain", "404 page not found"),
        ("405 Method Not Allowed", "text/plain", ""),
    ] {
        let server = Listener::saying(status, kind, body);
        for run in both(&project, &server.url()) {
            run.expect_code(5)
                .expect_stderr("is not Dagster")
                .expect_stderr("hint: check the address, and the path prefix");
            let hostile = |c: char| c.is_control() && c != '\n';
            assert!(!run.stderr().contains(hostile), "{:?}", run.stderr());
        }
    }
}

#[test]
fn a_proxy_without_a_server_behind_it() {
    let project = Project::small();
    let page = "<html>\r\n<head><title>502 Bad\x1b]0;owned\x07 Gateway</title></head>\r\n\
        <body>\x1b[31m<center>nginx</center></body></html>";
    let server = Listener::saying("502 Bad Gateway", "text/html", page);
    for run in both(&project, &server.url()) {
        run.expect_code(5)
            .expect_stderr("answered with HTTP status 502: 502 Bad")
            .expect_stderr("Gateway\n");
        let hostile = |c: char| c.is_control() && c != '\n';
        assert!(!run.stderr().contains(hostile), "{:?}", run.stderr());
    }
    // A read is tried again, as often as the settings say.
    assert_eq!(server.heads().len(), 2 * 4);
    project.write("daglab.yaml", "dagster: {graphql: {max_retries: 0}}\n");
    both(&project, &server.url());
    assert_eq!(server.heads().len(), 2 * 4 + 2);
}

#[test]
fn a_server_that_accepts_and_never_answers() {
    let project = Project::small();
    project.write("daglab.yaml", "dagster: {graphql: {timeout: 0.5}}\n");
    let server = Listener::start(|_, mut stream| {
        // Until the other side has had enough.
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let begun = Instant::now();
    for run in both(&project, &server.url()) {
        run.expect_code(5).expect_stderr("did not answer");
        run.expect_stderr("within 0.5 s");
    }
    assert!(
        begun.elapsed() < Duration::from_secs(20),
        "{:?}",
        begun.elapsed()
    );
}

#[test]
fn a_server_that_only_shows() {
    let project = Project::small();
    project.write(
        "workspace.yaml",
        "load_from: [python_file: definitions.py]\n",
    );
    let server = Server::with_args(&project.root(), 1, &["--read-only"]);
    let [discover, run] = both(&project, &server.url);
    discover.expect_code(0);
    assert!(
        discover.stdout().contains("good_job"),
        "{}",
        discover.stdout()
    );
    run.expect_code(6).expect_stderr("refused access");
    let json = [
        "run",
        "--job",
        "good_job",
        "-o",
        "json",
        "--dagster-url",
        &server.url,
    ];
    let run = Run::of(project.daglab(&json));
    let report = run.expect_code(6).report();
    assert_eq!(report["runs"][0]["status"], "failure");
    assert_eq!(report["runs"][0]["run_id"], serde_json::Value::Null);
}

#[test]
fn names_are_data_to_a_server() {
    let project = Project::small();
    project.write(
        "workspace.yaml",
        "load_from: [python_file: definitions.py]\n",
    );
    let server = Server::of(&project.root(), 1);
    let run = |args: &[&str]| {
        let all = [&["run", "--dagster-url", &server.url], args].concat();
        Run::of(project.daglab(&all))
    };
    for name in [
        "good_job\") { __typename } x: launchRun(",
        "good_job\"}}) { runId } } #",
        "{good_job}",
        "good_job\\\"",
        "$params",
        "good_job\n",
    ] {
        let refused = run(&["--job", name]);
        refused.expect_code(7).expect_stderr("there is no job `");
        run(&["--asset-selection", name]).expect_code(7);
        run(&["--job", "good_job", "--location", name]).expect_code(7);
        run(&["--follow", &format!("{name}-")])
            .expect_code(4)
            .expect_stderr("does not exist");
    }
    // What is data travels as data.
    let tag = "\"}]}) { __typename } #={{$x}}\n";
    run(&["--job", "good_job", "--tags", &format!("t={tag}")]).expect_code(0);
    let program = "import dagster as dg
runs = dg.DagsterInstance.get().get_runs()
print(len(runs), repr(runs[0].tags['t']))";
    let runs = support::in_instance(server.home(), program);
    assert_eq!(runs.trim(), format!("1 {}", python_repr(tag)));
}

fn python_repr(text: &str) -> String {
    format!("'{}'", text.replace('\n', "\\n"))
}

#[test]
fn run_config_is_data() {
    // Nothing is asked of a server before its text can be read.
    let project = Project::small();
    let server = Listener::saying("500 Internal Server Error", "text/plain", "asked");
    let url = server.url();
    let run = |args: &[&str]| {
        let all = [&["run", "--job", "good_job", "--dagster-url", &url], args].concat();
        let run = Run::of(project.daglab(&all));
        run.expect_code(7);
        run
    };
    let mut laughs = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
    for level in 1..12 {
        let before = [format!("*a{}", level - 1).as_str(); 10].join(",");
        laughs.push_str(&format!("a{level}: &a{level} [{before}]\n"));
    }
    let nested = format!("\n{}", "[".repeat(200));
    let again = format!("a: &a {}\nb: [{}]", "x".repeat(60_000), "*a,".repeat(2000));
    for (text, line, said) in [
        ("ops:\n  a: !!python/object/apply:os.system [id]", 2, "tag"),
        (
            "ops:\n  a:\n    b: !env [HOME]",
            3,
            "the tag `!env` is not allowed",
        ),
        (
            "ops: !include other.yaml",
            1,
            "the tag `!include` is not allowed",
        ),
        (laughs.as_str(), 5, "more than 100000 values"),
        (nested.as_str(), 2, "nested more than 64"),
        (again.as_str(), 2, "bytes of values"),
    ] {
        project.write("config.yaml", text);
        for (args, name) in [
            (["--run-config", "config.yaml"], "config.yaml"),
            (["--config-yaml", text], "--config-yaml"),
        ] {
            let refused = run(&args);
            refused
                .expect_stderr(said)
                .expect_stderr(&format!("{name}:{line}:"));
            assert!(
                refused.stderr().len() < 2000,
                "{} bytes",
                refused.stderr().len()
            );
        }
    }
    project.write("config.yaml", &format!("# {}\n", "x".repeat(4 << 20)));
    run(&["--run-config", "config.yaml"]).expect_stderr("more than 4194304 bytes");
    run(&["--run-config", "/dev/zero"]).expect_stderr("more than 4194304 bytes");
    // The system bounds one argument well below that.
    let long = format!("[{}]", "a,".repeat(60_000));
    run(&["--config-yaml", &long]).expect_stderr("it must be a mapping");
    assert_eq!(server.heads(), Vec::<String>::new());
}
