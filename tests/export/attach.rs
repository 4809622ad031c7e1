//! Links in a deployment: by REST, by GraphQL, and what is said when neither works.

use std::path::Path;
use std::process::Command;

use daglab::dagster::attach::Verdict;
use daglab::dagster::{AssetKey, Client, ClientConfig, Error};
use serde_json::{Value, json};

use crate::support::dagster::{Server, block_on, canned, free_port};
use crate::support::nginx::Nginx;
use crate::support::{Project, Run};
use crate::{command, json as result_of};

const TOKEN: &str = "c4n4ry-of-the-deployment";

const DEFINITIONS: &str = r#"import dagster as dg


@dg.asset
def numbers():
    return 1


@dg.asset(key=["shop", "orders"], partitions_def=dg.StaticPartitionsDefinition(["eu", "us"]))
def orders():
    return 2


@dg.asset_check(asset=numbers)
def notebook_a():
    return dg.AssetCheckResult(passed=True)


@dg.op
def nothing():
    pass


@dg.job
def plain_job():
    nothing()


assets_job = dg.define_asset_job("assets_job", selection=["numbers"])

defs = dg.Definitions(
    assets=[numbers, orders], asset_checks=[notebook_a], jobs=[plain_job, assets_job]
)
"#;

/// A deployment, and a project somewhere else.
struct Site {
    server: Server,
    _served: Project,
    project: Project,
}

impl Site {
    fn start() -> Self {
        let served = Project::empty();
        served.write("definitions.py", DEFINITIONS);
        served.write(
            "workspace.yaml",
            "load_from:\n- python_file: definitions.py\n",
        );
        let project = Project::empty();
        project.notebook("nb/a.py", &["print(1)"]);
        Self {
            server: Server::of(&served.root(), 1),
            _served: served,
            project,
        }
    }

    /// An export of the notebook with the deployment at an address.
    fn command(&self, url: &str, rest: &[&str]) -> Command {
        let mut all = vec!["--dagster-url", url];
        all.extend(rest);
        let mut command = command(&self.project, &["nb/a.py"], &all);
        // A flag comes before it.
        command.env("DAGSTER_HOME", "/nonexistent");
        command
    }

    fn export(&self, url: &str, rest: &[&str]) -> Run {
        Run::of(self.command(url, rest))
    }

    fn page(&self) -> String {
        let root = self.project.root().canonicalize().unwrap();
        format!("file://{}/nb/a.html", root.display())
    }

    /// The observations of an asset, the latest first, as GraphQL has them.
    fn observations(&self, key: &[&str]) -> Vec<Value> {
        let query = "query($key: AssetKeyInput!) { assetOrError(assetKey: $key) { ... on Asset {
            assetObservations { description partition metadataEntries {
                label ... on TextMetadataEntry { text } ... on UrlMetadataEntry { url } } } } } }";
        let data = self.ask(query, &json!({"key": {"path": key}}));
        let found = &data["assetOrError"]["assetObservations"];
        found.as_array().cloned().unwrap_or_default()
    }

    fn ask(&self, query: &str, variables: &Value) -> Value {
        let url = format!("{}/graphql", self.server.url);
        let body = json!({"query": query, "variables": variables});
        block_on(async {
            let answer = reqwest::Client::new().post(url).json(&body).send().await;
            let answer: Value = answer.unwrap().json().await.unwrap();
            assert!(answer["errors"].is_null(), "{answer:#}");
            answer["data"].clone()
        })
    }
}

/// The link among an observation's metadata.
fn link(observation: &Value) -> Option<&str> {
    let entries = observation["metadataEntries"].as_array()?;
    let entry = entries
        .iter()
        .find(|entry| entry["label"] == "exploration")?;
    entry["text"].as_str().or(entry["url"].as_str())
}

/// An nginx in front of the deployment, with these lines in its location.
fn proxy(server: &Server, lines: &str, locations: &str) -> (Nginx, String) {
    let port = free_port();
    let to = &server.url;
    let http = format!(
        "server {{ listen 127.0.0.1:{port}; {locations}
           location / {{ {lines} proxy_pass {to}; }} }}"
    );
    let nginx = Nginx::start(&http, &[port], |_: &Path| {});
    (nginx, format!("http://127.0.0.1:{port}"))
}

#[test]
fn a_link_goes_over_rest_and_a_verdict_over_graphql() {
    let site = Site::start();
    let url = site.server.url.clone();
    let run = site.export(&url, &["--attach", "asset://numbers"]);
    run.expect_code(0)
        .expect_stderr("the link to `a.py` is attached to the asset numbers over the REST path")
        .expect_stderr("the verdict on `a.py` is attached");
    let seen = site.observations(&["numbers"]);
    assert_eq!(link(&seen[0]), Some(site.page().as_str()), "{seen:#?}");
    let page = site.page();
    let description = format!("exploration: {page} (the notebook `a.py`)");
    assert_eq!(seen[0]["description"], description.as_str());
    let checks = "{ assetChecksOrError: assetNodes(assetKeys: [{path: [\"numbers\"]}]) {
        assetChecksOrError { ... on AssetChecks { checks { name
          executionForLatestMaterialization { status evaluation { metadataEntries { label } } } } } } } }";
    let seen = site.ask(checks, &json!({})).to_string();
    assert!(
        seen.contains("SUCCEEDED") && seen.contains("exploration"),
        "{seen}"
    );

    // A partition, in JSON.
    let run = site.export(&url, &["--attach", "asset://shop/orders:eu", "--json"]);
    run.expect_code(0);
    let result = result_of(&run);
    assert_eq!(result["attachments"][0]["way"], "rest", "{result:#}");
    let seen = site.observations(&["shop", "orders"]);
    assert_eq!(seen[0]["partition"], "eu", "{seen:#?}");
    assert!(link(&seen[0]).is_some());

    // What is not there.
    site.export(&url, &["--attach", "asset://nombers"])
        .expect_code(7)
        .expect_stderr("did you mean `numbers`?");
    site.export(&url, &["--attach", "asset://shop/orders:asia"])
        .expect_code(7)
        .expect_stderr("asia");
}

#[test]
fn a_job_is_linked_by_what_it_makes() {
    let site = Site::start();
    let url = site.server.url.clone();
    site.export(&url, &["--job", "assets_job"])
        .expect_code(0)
        .expect_stderr("the link goes to the 1 asset of the job `assets_job`");
    assert_eq!(site.observations(&["numbers"]).len(), 1);
    site.export(&url, &["--job", "plain_job"])
        .expect_code(7)
        .expect_stderr("the job `plain_job` makes no assets");
    site.export(&url, &["--job", "asets_job"])
        .expect_code(7)
        .expect_stderr("did you mean `assets_job`?");
}

#[test]
fn a_proxy_that_closes_the_rest_path_leaves_graphql() {
    let site = Site::start();
    for (how, status) in [
        ("return 404;", "404"),
        ("deny all;", "403"),
        ("return 405;", "405"),
    ] {
        let closed = format!("location /report_asset_observation {{ {how} }}");
        let (_nginx, url) = proxy(&site.server, "", &closed);
        let before = site.observations(&["numbers"]).len();
        site.export(&url, &["--attach", "asset://numbers"])
            .expect_code(0)
            .expect_stderr("over GraphQL, in the description of an observation");
        let seen = site.observations(&["numbers"]);
        assert_eq!(seen.len(), before + 1, "{status}");
        let description = seen[0]["description"].as_str().unwrap();
        assert!(
            description.contains(&site.page()),
            "{status}: {description}"
        );
    }
}

#[test]
fn a_server_that_asks_who_comes_gets_the_token_and_the_notebook_does_not() {
    let site = Site::start();
    let guard = format!("if ($http_authorization != \"Bearer {TOKEN}\") {{ return 401; }}");
    let (_nginx, url) = proxy(&site.server, &guard, "");
    site.project.notebook(
        "nb/a.py",
        &["import os\nprint('at', os.environ['DAGLAB_DAGSTER_URL'])\nprint(dict(os.environ))"],
    );
    let mut known = site.command(&url, &["--attach", "asset://numbers"]);
    known.env("DAGSTER_GRAPHQL_TOKEN", TOKEN);
    let run = Run::of(known);
    run.expect_code(0).expect_stderr("REST");
    assert_eq!(site.observations(&["numbers"]).len(), 1);
    let page = crate::read(&site.project, "nb/a.html");
    assert!(page.contains(&format!("at {url}")), "{}", run.stderr());
    assert!(!page.contains("DAGSTER_GRAPHQL_TOKEN"));
    for text in [page, run.stderr(), run.stdout()] {
        assert!(!text.contains("c4n4ry"), "{text}");
    }

    // The page is there, and the code to attach it.
    site.project.notebook("nb/a.py", &["print(1)"]);
    let mut unknown = site.command(&url, &["--attach", "asset://numbers"]);
    unknown.env("DAGSTER_GRAPHQL_TOKEN", "another-token");
    let run = Run::of(unknown);
    run.expect_code(6)
        .expect_stderr("refused access")
        .expect_stderr("to have the asset `numbers` attach it")
        .expect_stderr("dg.MetadataValue.url(\"file://");
    assert!(run.stdout().contains("a.html"), "{}", run.stdout());
    assert_eq!(site.observations(&["numbers"]).len(), 1);
}

#[test]
fn a_server_that_reads_but_takes_nothing_leaves_the_snippet() {
    let site = Site::start();
    // Dagster's own read-only mode knows who may do what.
    let read_only = Server::with_args(&site._served.root(), 1, &["--read-only"]);
    let run = site.export(&read_only.url, &["--attach", "asset://numbers", "--json"]);
    run.expect_code(6).expect_stderr("dg.MetadataValue.url");
    let result = result_of(&run);
    let attachment = &result["attachments"][0];
    assert_eq!(attachment["way"], "snippet", "{result:#}");
    assert_eq!(attachment["ok"], false);
}

#[test]
fn a_server_that_is_gone_does_not_keep_a_notebook_from_being_exported() {
    let project = Project::empty();
    project.notebook("nb/a.py", &["print(1)"]);
    let url = format!("http://127.0.0.1:{}", free_port());
    let run = crate::export(
        &project,
        &["nb/a.py"],
        &["--dagster-url", &url, "--attach", "asset://numbers"],
    );
    run.expect_code(5)
        .expect_stderr("could not reach Dagster")
        .expect_stderr("dg.MetadataValue.url");
    assert!(run.stdout().contains("a.html"));
    // Without anything to attach, nobody misses it, unless the notebook itself does.
    crate::export(&project, &["nb/a.py"], &["--dagster-url", &url]).expect_code(0);
    project.notebook(
        "nb/a.py",
        &["import os\nprint(os.environ['DAGLAB_DAGSTER_URL'])"],
    );
    crate::export(&project, &["nb/a.py"], &["--dagster-url", &url])
        .expect_code(5)
        .expect_stderr("it needs Dagster");
}

#[test]
fn the_sandbox_and_the_settings_count() {
    let site = Site::start();
    let url = &site.server.url;
    let attach = ["--attach", "asset://numbers"];
    let mut closed = site.command(url, &attach);
    closed.env("DAGLAB_SECURITY__SANDBOX_MODE", "true");
    let run = Run::of(closed);
    run.expect_code(7)
        .expect_stderr("`reportRunlessAssetEvents`");
    assert!(site.observations(&["numbers"]).is_empty());
    let mut partly = site.command(url, &attach);
    partly.env("DAGLAB_SECURITY__SANDBOX_MODE", "true").env(
        "DAGLAB_SECURITY__ALLOWED_OPERATIONS",
        "[reportRunlessAssetEvents]",
    );
    Run::of(partly)
        .expect_code(0)
        .expect_stderr("over the REST path")
        .expect_stderr("`reportAssetCheckEvaluations` is not allowed");
    assert_eq!(site.observations(&["numbers"]).len(), 1);

    // The address in the settings counts where no instance is named.
    site.project
        .write("daglab.yaml", &format!("dagster: {{url: '{url}'}}\n"));
    site.project.write("definitions.py", DEFINITIONS);
    crate::export(&site.project, &["nb/a.py"], &attach)
        .expect_code(0)
        .expect_stderr("REST");
    assert_eq!(site.observations(&["numbers"]).len(), 2);
    let home = site.project.tmp().join("home");
    std::fs::create_dir(&home).unwrap();
    std::fs::write(home.join("dagster.yaml"), "telemetry: {enabled: false}\n").unwrap();
    let mut own = command(&site.project, &["nb/a.py"], &attach);
    own.env("DAGSTER_HOME", &home);
    Run::of(own)
        .expect_code(0)
        .expect_stderr("in the instance of `DAGSTER_HOME`");
    assert_eq!(site.observations(&["numbers"]).len(), 2);
}

#[test]
fn an_old_server_is_sent_no_verdict() {
    let url = canned(&[("ServerVersion", r#"{"data": {"version": "1.8.13"}}"#)]);
    let client = Client::new(&ClientConfig::new(url)).unwrap();
    let verdict = Verdict {
        key: AssetKey::parse("numbers").unwrap(),
        check: "notebook_a".to_owned(),
        passed: true,
        metadata: Default::default(),
        description: None,
    };
    let refused = block_on(client.report_verdict(&verdict)).unwrap_err();
    assert!(matches!(refused, Error::Unsupported { .. }), "{refused}");
}
