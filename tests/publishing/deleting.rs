//! What goes again, and what never does.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};

use super::site::{BUCKET, LINE, Site, next_second, page};
use super::support::object_servers::{CLOUDS, Cloud, open};
use super::support::{Run, eventually};

/// The requests that delete objects, as a fault that they are to meet.
fn deletions(cloud: Cloud, fault: &Value) -> Value {
    let (method, path) = match cloud {
        Cloud::S3 => ("POST", r"\?delete"),
        Cloud::Azure => ("POST", "comp=batch"),
        Cloud::Gcs => ("DELETE", ""),
    };
    let mut fault = fault.clone();
    fault["method"] = method.into();
    fault["path"] = path.into();
    fault
}

/// Publishes a run with some files, later than those before.
fn run(site: &Site) {
    next_second();
    site.report(&[
        ("sales.html", &page("Sales")),
        ("costs.html", &page("Costs")),
    ]);
    for n in 0..6 {
        site.file(&format!("images/{n}.png"), b"a picture");
    }
    site.publish().expect_code(0);
}

/// The runs that the branch's list leads to, the oldest first.
fn listed(site: &Site) -> Vec<String> {
    let list = site.list();
    let runs = list["runs"].as_array().unwrap().iter().rev();
    runs.map(|it| it["run"].as_str().unwrap().to_owned())
        .collect()
}

/// Objects of others, wherever they may lie.
fn foreign(site: &Site) -> BTreeMap<String, Vec<u8>> {
    let oldest = site.runs()[0].clone();
    let names = [
        "README.md".to_owned(),
        "pages/README.md".to_owned(),
        "pages/other/branches/main/notes.html".to_owned(),
        format!("{LINE}/notes.html"),
        // In the directory of a run that is to go.
        format!("{LINE}/{oldest}/notes.html"),
        format!("{LINE}/{oldest}/images/mine.png"),
        // Named like a run, and like a run's list, by somebody else.
        format!("{LINE}/20200101T000000000Z-1a2b3c4d-0000000001/page.html"),
        format!("{LINE}/20200101T000000000Z-1a2b3c4d-0000000002/daglab-run.json"),
        format!("{LINE}/20200101T000000000Z-1a2b3c4d-0000000002/page.html"),
        format!("{LINE}/latest/notes.html"),
    ];
    let bodies = names.map(|name| {
        let body = format!("this is {name}, and somebody wants it").into_bytes();
        site.server.put(BUCKET, &name, &body);
        (name, body)
    });
    bodies.into_iter().collect()
}

fn all_are_there(site: &Site, foreign: &BTreeMap<String, Vec<u8>>) {
    for (key, body) in foreign {
        let stored = site.server.get(BUCKET, key);
        assert_eq!(stored.text(), String::from_utf8_lossy(body), "{key}");
    }
}

/// Beyond the number that stays, the oldest runs go, with all that is theirs, and nothing else.
#[test]
fn only_what_daglab_wrote_is_deleted() {
    for cloud in CLOUDS {
        let site = Site::at(cloud);
        run(&site);
        let foreign = foreign(&site);
        run(&site);
        let before = listed(&site);
        site.settings("  retention_count: 2\n");
        run(&site);
        all_are_there(&site, &foreign);
        let ours: Vec<String> = site
            .keys()
            .into_iter()
            .filter(|key| key.contains(&before[0]) && !foreign.contains_key(key))
            .collect();
        assert_eq!(ours, Vec::<String>::new(), "{cloud:?}");
        let left = listed(&site);
        assert_eq!((left.len(), &left[0]), (2, &before[1]), "{cloud:?}");
        assert_eq!(open(&site.url()).status, 200);
    }
}

/// A run that was interrupted is none of those that stay, and has a day to be looked at.
#[test]
fn interrupted_runs_count_for_nothing() {
    let site = Site::at(Cloud::S3);
    run(&site);
    run(&site);
    let complete = listed(&site);
    let interrupted = format!("{}0000000001", &complete[1][..complete[1].len() - 10]);
    let list = json!({
        "version": 1, "run": interrupted, "daglab": "0.1.0", "complete": false,
        "files": {"sales.html": null},
    });
    let dir = format!("{LINE}/{interrupted}");
    let list = list.to_string().into_bytes();
    site.server
        .put(BUCKET, &format!("{dir}/daglab-run.json"), &list);
    site.server
        .put(BUCKET, &format!("{dir}/sales.html"), b"half of it");
    site.settings("  retention_count: 2\n");
    run(&site);
    let left = listed(&site);
    assert_eq!((left.len(), &left[0]), (2, &complete[1]));
    assert_eq!(
        site.server.get(BUCKET, &format!("{dir}/sales.html")).status,
        200
    );
}

/// Whatever the folders above are called, a branch's newest run stays.
#[test]
fn a_prefix_makes_no_pull_request() {
    let site = Site::at(Cloud::S3);
    let place = format!("{BUCKET}/team/pulls/x");
    site.report(&[("sales.html", &page("Sales"))]);
    Run::of(site.command_to(&place, &[])).expect_code(0);
    let remote = site.server.destination(&place);
    let arguments = ["clean", "--remote", &remote, "--older-than", "0", "--yes"];
    let clean = site.prepared(site.project.daglab(&arguments));
    Run::of(clean).expect_code(0);
    assert!(
        site.keys()
            .iter()
            .any(|key| key.ends_with("/sales.html") && key.contains("/2"))
    );
}

/// An object that somebody has changed since is somebody's.
#[test]
fn what_was_changed_since_stays() {
    let site = Site::at(Cloud::S3);
    run(&site);
    let key = format!("{LINE}/{}/costs.html", site.runs()[0]);
    site.server
        .put(BUCKET, &key, b"a page that was corrected by hand");
    site.settings("  retention_count: 1\n");
    run(&site);
    assert_eq!(
        site.server.get(BUCKET, &key).text(),
        "a page that was corrected by hand"
    );
}

/// Old runs go by the day they began, which their names say.
#[test]
fn old_runs_are_deleted() {
    for cloud in [Cloud::S3, Cloud::Gcs] {
        let site = Site::at(cloud);
        run(&site);
        let young = site.runs()[0].clone();
        let old = format!("20250101{}", &young["20250101".len()..]);
        // The same run, as it would look had it been published long ago.
        for key in site.keys().iter().filter(|key| key.contains(&young)) {
            let stored = site.server.get(BUCKET, key);
            let body = match key.ends_with("/daglab-run.json") {
                true => String::from_utf8(stored.unpacked())
                    .unwrap()
                    .replace(&young, &old)
                    .into(),
                false => stored.body,
            };
            site.server.put(BUCKET, &key.replace(&young, &old), &body);
        }
        assert_eq!(site.runs(), [old.clone(), young.clone()]);
        run(&site);
        let keys = site.keys();
        assert!(
            !keys.iter().any(|key| key.contains(&old)),
            "{cloud:?} {keys:#?}"
        );
        assert!(site.runs().contains(&young));
    }
}

/// Killed in the middle of deleting: what is left is still known as ours, and the next run finishes.
#[test]
fn a_deletion_that_was_interrupted_is_finished_by_the_next() {
    for cloud in CLOUDS {
        let site = Site::at(cloud);
        run(&site);
        let oldest = site.runs()[0].clone();
        let foreign = foreign(&site);
        site.settings("  retention_count: 1\n");
        let hold = json!({"kind": "hold", "skip": 3, "times": null});
        site.server.fault(&deletions(cloud, &hold));
        next_second();
        site.report(&[("sales.html", &page("Sales"))]);
        let mut command = site.command(&[]);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let held = eventually(Duration::from_secs(60), || site.server.faults_met()[0] > 0);
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(held, "{cloud:?}");
        // What was held is as if it had never come: it has no one to answer to.
        let left = |site: &Site| {
            let keys = site.keys();
            let ours = keys.iter().filter(|key| key.contains(&oldest));
            ours.filter(|key| !foreign.contains_key(*key)).count()
        };
        assert!(left(&site) > 1);
        site.server.forget_faults();
        run(&site);
        assert_eq!(left(&site), 0, "{cloud:?} {:#?}", site.keys());
        all_are_there(&site, &foreign);
    }
}

/// A server that refuses to delete does not keep anything from being published.
#[test]
fn a_refused_deletion_is_told() {
    let site = Site::at(Cloud::S3);
    run(&site);
    site.settings("  retention_count: 1\n");
    let refuse = json!({
        "kind": "status", "times": null, "status": 403, "code": "AccessDenied",
        "message": "Access Denied",
    });
    site.server.fault(&deletions(Cloud::S3, &refuse));
    next_second();
    site.report(&[("sales.html", &page("Newer"))]);
    site.publish()
        .expect_code(0)
        .expect_stderr("is kept: ")
        .expect_stderr("AccessDenied");
    assert_eq!(site.list()["runs"].as_array().unwrap().len(), 1);
    assert_eq!(site.runs().len(), 2);
}

fn clean(site: &Site, more: &[&str]) -> Run {
    site.project.write(
        "definitions.py",
        "import dagster as dg\n\ndefs = dg.Definitions()\n",
    );
    let destination = site.server.destination(&format!("{BUCKET}/pages"));
    let arguments = [
        &["clean", "--remote", &destination, "--older-than", "0"],
        more,
    ]
    .concat();
    Run::of(site.prepared(site.project.daglab(&arguments)))
}

/// `clean` says what it would delete, and then deletes that; what is a branch's newest stays.
#[test]
fn clean_deletes_runs_in_the_bucket() {
    for cloud in CLOUDS {
        let site = Site::at(cloud);
        run(&site);
        run(&site);
        let foreign = foreign(&site);
        run(&site);
        let (before, runs) = (site.keys(), listed(&site));
        let told = clean(&site, &["--dry-run"]);
        told.expect_code(0);
        for old in &runs[..2] {
            assert!(told.stdout().contains(old), "{cloud:?} {}", told.stdout());
        }
        assert!(!told.stdout().contains(&runs[2]));
        // Nobody is there to be asked.
        assert_ne!(clean(&site, &[]).code(), 0);
        assert_eq!(site.keys(), before);

        clean(&site, &["--yes"])
            .expect_code(8)
            .expect_stderr("2 objects in it are not daglab's");
        assert_eq!(listed(&site), runs[2..]);
        for old in &runs[..2] {
            let keys = site.keys();
            let ours = keys
                .iter()
                .filter(|key| key.contains(old) && !foreign.contains_key(*key));
            assert_eq!(ours.count(), 0, "{cloud:?} {keys:#?}");
        }
        all_are_there(&site, &foreign);
    }
}

/// A server that fails in the middle leaves something to do for the next time.
#[test]
fn clean_goes_on_where_it_was_interrupted() {
    for cloud in CLOUDS {
        let site = Site::at(cloud);
        run(&site);
        run(&site);
        let runs = listed(&site);
        let fails = json!({"kind": "status", "skip": 3, "times": null});
        site.server.fault(&deletions(cloud, &fails));
        let failed = clean(&site, &["--yes"]);
        assert_ne!(failed.code(), 0, "{cloud:?} {}", failed.stdout());
        let left = |site: &Site| {
            let keys = site.keys();
            keys.iter().filter(|key| key.contains(&runs[0])).count()
        };
        assert!(left(&site) > 0, "{cloud:?}");
        site.server.forget_faults();
        clean(&site, &["--yes"]).expect_code(0);
        assert_eq!(left(&site), 0, "{cloud:?} {:#?}", site.keys());
        assert_eq!(listed(&site), runs[1..]);
    }
}
