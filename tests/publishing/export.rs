//! `daglab export --upload`: links in Dagster, and what others open by them.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use super::site::{BUCKET, Site, next_second};
use super::support::browser::{self, screenshots};
use super::support::dagster::Server;
use super::support::object_servers::{Cloud, ObjectServer, REGION, altered, open};
use super::support::{Project, Run, eventually, notebook, notebook_of, python};

const LIMIT: Duration = Duration::from_secs(60);
const EXPLORE: &str = "notebooks/orders_explore.py";
/// Where the runs of a project are that is in no repository.
const DETACHED: &str = "pages/project/commits/detached";

/// A project whose exports go to S3, as the environment says; its settings are its own.
fn site_of(project: Project) -> Site {
    let server = ObjectServer::start(Cloud::S3);
    server.create_bucket(BUCKET);
    let mut variables = server.variables();
    variables.push(("AWS_ENDPOINT_URL_S3".to_owned(), server.url().to_owned()));
    variables.push(("AWS_REGION".to_owned(), REGION.to_owned()));
    Site {
        project,
        server,
        variables,
    }
}

/// A project with two notebooks that say this.
fn two_notebooks(word: &str) -> Project {
    let project = Project::small();
    say(&project, word);
    project
}

fn say(project: &Project, word: &str) {
    for name in ["sales", "costs"] {
        let cell = format!("print('{word} of {name}')");
        project.notebook(&format!("nb/{name}.py"), &[&cell]);
    }
}

fn command(site: &Site, notebook: &str, rest: &[&str]) -> Command {
    let python = python();
    let destination = site.server.destination(&format!("{BUCKET}/pages"));
    let mut all = vec!["export", "--python", python.to_str().unwrap()];
    all.extend(["--notebook", notebook, "--upload", &destination]);
    all.extend(rest);
    site.prepared(site.project.daglab(&all))
}

fn export(site: &Site, notebook: &str, rest: &[&str]) -> Run {
    Run::of(command(site, notebook, rest))
}

/// Has Chromium open addresses and follow links.
pub fn visit(visits: &Value) -> Value {
    std::fs::create_dir_all(screenshots()).unwrap();
    println!("the pictures are in {}", screenshots().display());
    let asked = json!({
        "browser": browser::program(), "screenshots": screenshots(), "visits": visits,
    });
    browser::drive("follow.mjs", &asked)
}

#[track_caller]
fn expect_text(seen: &Value, part: &str) {
    let text = seen["text"].as_str().unwrap();
    assert!(text.contains(part), "no {part:?} in {text}");
}

/// The link that `--attach` leaves is a link in Dagster's pages, and opens the notebook's page.
#[test]
fn a_link_in_dagster_opens_the_page() {
    let site = site_of(Project::copy_of("examples/orders"));
    let served = Project::copy_of("examples/orders");
    let workspace = "load_from:\n- python_module: orders.definitions\n";
    served.write("workspace.yaml", workspace);
    let dagster = Server::of(&served.root(), 1);

    let attach = ["--attach", "asset://orders", "--json"];
    let mut command = command(&site, EXPLORE, &attach);
    command.env("DAGSTER_HOME", dagster.home());
    let run = Run::of(command);
    run.expect_code(0)
        .expect_stderr("is attached to the asset orders in the instance of `DAGSTER_HOME`");
    let result = run.report();
    let exported = notebook_of(&result, EXPLORE);
    let url = exported["url"].as_str().unwrap();
    let end = exported["url_expires_at"].as_str().unwrap();
    assert!(url.starts_with(site.server.url()), "{url}");
    assert!(url.contains("X-Amz-Signature="), "{url}");

    let seen = visit(&json!([{
        "name": "export-dagster", "url": format!("{}/assets/orders?view=events", dagster.url),
        "text": "exploration_expires_at", "close": "Skip", "follow": url,
    }]));
    let seen = &seen["export-dagster"];
    expect_text(seen, &format!("exploration_expires_at\n\t\n{end}"));
    expect_text(seen, "the notebook notebooks/orders_explore.py");
    let links = seen["targets"].as_array().unwrap();
    assert!(links.contains(&json!([url, url, "_blank"])), "{links:#?}");

    // A click, and there it is.
    let page = &seen["followed"];
    assert_eq!(page["url"], url);
    assert_eq!(page["heading"], "Orders, explored");
    expect_text(
        page,
        "What was ordered in the first two weeks of January 2026.",
    );
    assert_eq!(page["broken"], json!([]));
    expect_text(page, "A Vega-Lite chart of the kind bar");
    assert_eq!(open(&altered(url)).status, 403);
    let links = page["links"].as_array().unwrap().iter();
    let interactive = links.filter_map(Value::as_str);
    let interactive: Vec<&str> = interactive
        .filter(|link| link.contains("/orders_explore.interactive.html?"))
        .collect();
    assert_eq!(interactive.len(), 1, "{}", page["links"]);
    assert_eq!(open(interactive[0]).status, 200);
}

/// Over the web, Dagster takes metadata as text: what can be clicked stands in the description.
#[test]
fn a_link_that_came_over_the_web_opens_the_page_too() {
    let site = site_of(two_notebooks("words"));
    let served = two_notebooks("words");
    let workspace = "load_from:\n- python_file: definitions.py\n";
    served.write("workspace.yaml", workspace);
    let dagster = Server::of(&served.root(), 1);
    let to = ["--attach", "asset://numbers", "--dagster-url", &dagster.url];
    let run = export(&site, "nb/sales.py", &[&to[..], &["--json"]].concat());
    run.expect_code(0).expect_stderr("over the REST path");
    let result = run.report();
    let url = result["notebooks"][0]["url"].as_str().unwrap();
    let end = result["notebooks"][0]["url_expires_at"].as_str().unwrap();

    let seen = visit(&json!([{
        "name": "export-deployment", "url": format!("{}/assets/numbers?view=events", dagster.url),
        "text": "nb/sales.py", "close": "Skip", "follow": url,
    }]));
    let seen = &seen["export-deployment"];
    expect_text(seen, &format!("the link ends at {end}"));
    assert_eq!(seen["followed"]["url"], url);
    expect_text(&seen["followed"], "words of sales");
}

/// A link that lasts leads to the newest page, whatever was exported since.
#[test]
fn a_link_to_the_latest_page_moves_on() {
    let mut site = site_of(two_notebooks("first words"));
    site.server = ObjectServer::start(Cloud::S3);
    site.server.create_public_bucket(BUCKET);
    site.variables[2].1 = site.server.url().to_owned();
    let base = format!("{}/{BUCKET}", site.server.url());
    let latest = ["--links", "latest", "--base-url", &base, "--json"];
    let run = export(&site, "nb/*.py", &latest);
    run.expect_code(0);
    let result = run.report();
    let url = |name: &str| {
        notebook_of(&result, name)["url"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let (sales, costs) = (url("nb/sales.py"), url("nb/costs.py"));
    assert_eq!(sales, format!("{base}/{DETACHED}/latest/nb/sales.html"));
    let ends = &notebook_of(&result, "nb/sales.py")["url_expires_at"];
    assert_eq!(*ends, Value::Null);

    let leads = |word: &str| {
        let seen = visit(&json!([
            {"name": "latest-sales", "url": sales, "text": format!("{word} of sales")},
            {"name": "latest-costs", "url": costs, "text": format!("{word} of costs")},
        ]));
        for name in ["sales", "costs"] {
            let at = seen[format!("latest-{name}")]["url"].as_str().unwrap();
            assert!(at.ends_with(&format!("/nb/{name}.html")), "{at}");
            assert!(at.starts_with(&base) && !at.contains("/latest/"), "{at}");
        }
        seen["latest-sales"]["url"].as_str().unwrap().to_owned()
    };
    let first = leads("first words");
    next_second();
    say(&site.project, "second words");
    let again = export(&site, "nb/*.py", &latest);
    again.expect_code(0);
    assert_eq!(again.report()["notebooks"][0]["url"], costs.as_str());
    let second = leads("second words");
    assert_ne!(first, second);
    assert!(open(&first).status == 200, "the first is still there");
}

/// Without a page, the link leads to what there is, however links are made.
#[test]
fn a_link_leads_to_what_was_exported() {
    let mut site = site_of(two_notebooks("words"));
    let md = ["--format", "md", "--json"];
    let run = export(&site, "nb/sales.py", &md);
    run.expect_code(0);
    let result = run.report();
    let url = result["notebooks"][0]["url"].as_str().unwrap();
    assert!(url.contains("/nb/sales.md?"), "{url}");
    let opened = open(url);
    assert_eq!(opened.status, 200, "{}", opened.text());
    let text = String::from_utf8(opened.unpacked()).unwrap();
    assert!(text.contains("words of sales"), "{text}");
    assert_eq!(result["published"]["note"], Value::Null);
    assert_eq!(
        result["published"]["links_expire_at"].as_str().unwrap()[..10],
        result["notebooks"][0]["url_expires_at"].as_str().unwrap()[..10]
    );
    let index = result["published"]["index_url"].as_str().unwrap();
    assert_eq!(open(index).status, 200);
    let place = result["published"]["place"].as_str().unwrap();
    let start = site.server.destination(&format!("{BUCKET}/{DETACHED}/"));
    assert!(place.starts_with(&start), "{place}");

    // What is no page can't lead on to another, so such a link stays where it is.
    site.server = ObjectServer::start(Cloud::S3);
    site.server.create_public_bucket(BUCKET);
    site.variables[2].1 = site.server.url().to_owned();
    let latest = [&md[..], &["--links", "latest"]].concat();
    let run = export(&site, "nb/sales.py", &latest);
    run.expect_code(0);
    let result = run.report();
    let url = result["notebooks"][0]["url"].as_str().unwrap();
    let opened = open(url);
    assert_eq!(opened.status, 200, "{url} {}", opened.text());
    let text = String::from_utf8(opened.unpacked()).unwrap();
    assert!(text.contains("words of sales"), "{text}");
}

/// On stdout there is the link as well as the file, and on stderr until when it is good.
#[test]
fn the_link_is_printed_and_put_into_code() {
    let site = site_of(two_notebooks("words"));
    let run = export(&site, "nb/sales.py", &[]);
    run.expect_code(0).expect_stderr("links end at ");
    let stdout = run.stdout();
    let url = stdout.lines().find(|line| line.starts_with("http"));
    assert_eq!(open(url.unwrap()).status, 200, "{stdout}");

    let snippet = ["--attach", "asset://shop/sales", "--print-snippet"];
    let run = export(&site, "nb/sales.py", &snippet);
    run.expect_code(0);
    let code = run.stdout();
    let (_, rest) = code.split_once("dg.MetadataValue.url(\"").unwrap();
    let url = rest.split('"').next().unwrap();
    assert!(url.contains("X-Amz-Signature="), "{code}");
    assert_eq!(open(url).status, 200, "{code}");
}

/// The page of a notebook that failed says why: it is published like any other.
#[test]
fn a_notebook_that_fails_is_published() {
    let site = site_of(two_notebooks("words"));
    site.project.notebook("nb/costs.py", &["1 / 0"]);
    let run = export(&site, "nb/*.py", &["--json"]);
    run.expect_code(4);
    let result = run.report();
    for (path, part) in [
        ("nb/costs.py", "ZeroDivisionError"),
        ("nb/sales.py", "words of sales"),
    ] {
        let opened = open(notebook_of(&result, path)["url"].as_str().unwrap());
        assert_eq!(opened.status, 200, "{}", opened.text());
        let page = String::from_utf8(opened.unpacked()).unwrap();
        assert!(page.contains(part), "no {part} in the page of {path}");
    }
}

/// Who may not publish need not wait for a notebook to be told so.
#[test]
fn nothing_is_exported_that_nobody_may_publish() {
    let mut site = site_of(Project::small());
    let marker = site.project.tmp().join("it-ran");
    let cell = format!("open({:?}, 'w').close()", marker.display().to_string());
    site.project.notebook("nb/a.py", &[&cell]);
    let known = std::mem::replace(&mut site.variables[1].1, "wr0ng/Secret".to_owned());
    export(&site, "nb/a.py", &[]).expect_code(6);
    assert!(!marker.exists(), "the notebook has run");
    assert!(!site.project.root().join("nb/a.html").exists());
    assert_eq!(site.keys(), Vec::<String>::new());
    site.variables[1].1 = known;
    export(&site, "nb/a.py", &[]).expect_code(0);
    assert!(marker.exists());
}

/// A signed link shows who has signed it, and nothing else is ever seen.
#[test]
fn secrets_stay_where_they_are() {
    let mut site = site_of(Project::small());
    let mut variables = site.server.temporary_variables();
    variables.extend(site.variables.drain(2..));
    site.variables = variables;
    let [key, _, token] = [0, 1, 2].map(|index| site.variables[index].1.clone());
    let secret = site.variables[1].1.clone();
    // It says what it sees, and what it should not know.
    let cell = format!("import os\nprint('began', dict(os.environ))\nprint('{secret}')");
    site.project.notebook("nb/a.py", &[&cell]);
    let mut command = command(&site, "nb/a.py", &["--json", "--format", "html,md"]);
    command.env("DAGLAB_LOG", "debug");
    let run = Run::of(command);
    run.expect_code(0);
    let url = run.report()["notebooks"][0]["url"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(url.contains(&key), "{url}");
    let page = open(&url);
    assert_eq!(page.status, 200, "{}", page.text());
    let page = String::from_utf8(page.unpacked()).unwrap();
    assert!(page.contains("began"), "{page}");
    for name in [
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
    ] {
        assert!(!page.contains(name), "the notebook sees {name}");
    }
    // As part of the link to the interactive page, and not as what the notebook has said.
    let count = |part: &str| page.matches(part).count();
    assert_eq!([count(&key), count("X-Amz-Credential=")], [1, 1]);
    assert_eq!(count(&token), 0);

    let mut texts = vec![run.stdout(), run.stderr()];
    texts.extend(files(&site.project.root().join("nb")));
    for key in site.keys() {
        let stored = site.server.get(BUCKET, &key);
        texts.push(format!("{key} {:?}", stored.headers));
        texts.push(String::from_utf8_lossy(&stored.unpacked()).into_owned());
    }
    let seen: Vec<&String> = texts.iter().filter(|it| it.contains(&secret)).collect();
    assert_eq!(seen, Vec::<&String>::new());
}

/// The texts of the files of a folder, but for notebooks.
fn files(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).unwrap().flatten();
    let paths = entries.map(|entry| entry.path());
    paths
        .filter(|path| path.is_file() && path.extension().is_none_or(|it| it != "py"))
        .map(|path| String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned())
        .collect()
}

/// Each round of `--watch` is a run of its own.
#[test]
fn each_round_of_a_watch_is_published() {
    let site = site_of(two_notebooks("first words"));
    let mut command = command(&site, "nb/sales.py", &["--watch", "--json"]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let (sender, rounds) = channel();
    let stdout = child.stdout.take().unwrap();
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            let _ = sender.send(line);
        }
    });
    let mut urls = Vec::new();
    for word in ["first", "second"] {
        let text = notebook(&[&format!("print('{word} words of sales')")]);
        if !urls.is_empty() {
            site.project.write("nb/sales.py", &text);
        }
        let line = rounds.recv_timeout(LIMIT).unwrap();
        let result: Value = serde_json::from_str(&line).unwrap();
        let url = result["notebooks"][0]["url"].as_str().unwrap().to_owned();
        let page = String::from_utf8(open(&url).unpacked()).unwrap();
        assert!(page.contains(&format!("{word} words of sales")), "{page}");
        urls.push(url);
    }
    assert_ne!(urls[0], urls[1]);
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let ended = eventually(LIMIT, || matches!(child.try_wait(), Ok(Some(_))));
    if !ended {
        child.kill().unwrap();
    }
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let list = site.json(&format!("{DETACHED}/runs.json"));
    assert_eq!(list["runs"].as_array().unwrap().len(), 2);
}
