//! The artifact service's client: against GitHub's own client on the same server, and against all
//! that can go wrong.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that can't be set up has failed"
)]

mod support;

#[path = "artifacts/differential.rs"]
mod differential;
#[path = "artifacts/faults.rs"]
mod faults;
#[path = "artifacts/memory.rs"]
mod memory;
#[path = "artifacts/reading.rs"]
mod reading;
#[path = "artifacts/reference.rs"]
mod reference;

use std::cell::RefCell;
use std::collections::HashSet;
use std::rc::Rc;
use std::time::Duration;

use daglab::github::artifact::{
    Content, Entry, Limits, Names, Service, UploadOptions, Uploaded, check_name,
};
use support::artifact_server::{ArtifactServer, Options, Step};

const PAGE: &str = "<!doctype html><title>é</title>";

/// The limits of a job, with pauses that a test does not notice.
fn quick() -> Limits {
    Limits {
        pause: Duration::from_millis(1),
        longest_pause: Duration::from_millis(5),
        call: Duration::from_secs(20),
        block: Duration::from_secs(20),
        total: Duration::from_secs(60),
        ..Limits::default()
    }
}

/// The service as a job sees it, and what that job was told to hide.
struct Job {
    service: Service,
    secrets: Rc<RefCell<Vec<String>>>,
}

impl Job {
    fn new(server: &ArtifactServer, name: &str) -> Self {
        Self::with(server, name, quick())
    }

    fn with(server: &ArtifactServer, name: &str, limits: Limits) -> Self {
        Self::from(&server.environment(name), limits)
    }

    fn from(environment: &[(String, String)], limits: Limits) -> Self {
        let secrets = Rc::new(RefCell::new(Vec::new()));
        let kept = Rc::clone(&secrets);
        let variable = |name: &str| {
            let found = environment.iter().find(|(key, _)| key == name)?;
            Some(found.1.clone())
        };
        let keep = move |secret: &str| kept.borrow_mut().push(secret.to_owned());
        let service = Service::from_environment(&variable, limits, keep);
        Self {
            service: service.unwrap().unwrap(),
            secrets,
        }
    }

    async fn page(&self, name: &str) -> Uploaded {
        self.try_page(name).await.unwrap()
    }

    async fn try_page(&self, name: &str) -> Result<Uploaded, daglab::github::artifact::Error> {
        let content = Content::Bytes(PAGE.into());
        let options = UploadOptions::default();
        self.service.upload_page(name, content, options).await
    }
}

fn entry(name: &str, text: &str) -> Entry {
    Entry {
        name: name.into(),
        content: Content::Bytes(text.into()),
    }
}

/// A server and a job of it.
fn start() -> (ArtifactServer, Job) {
    let server = ArtifactServer::start(Options::default());
    let job = Job::new(&server, "job-1");
    (server, job)
}

#[tokio::test]
async fn a_page_is_stored_as_it_is_and_has_an_address() {
    let (server, job) = start();
    let uploaded = job.page("report.html").await;
    let stored = server.artifact("report.html");
    assert_eq!(stored.bytes(), PAGE.as_bytes());
    assert_eq!(
        (stored.content_type.as_str(), stored.version),
        ("text/html", 7)
    );
    assert_eq!(stored.hash.as_deref(), Some(uploaded.digest.as_str()));
    assert_eq!(uploaded.id, stored.id);
    assert_eq!(uploaded.size, PAGE.len() as u64);
    assert!(uploaded.viewable);
    let url = format!(
        "https://github.com/octo/hello/actions/runs/42/artifacts/{}",
        stored.id
    );
    assert_eq!(uploaded.url, url);
}

#[tokio::test]
async fn an_empty_page_is_stored_too() {
    let (server, job) = start();
    let content = Content::Bytes(Vec::new());
    let options = UploadOptions::default();
    job.service
        .upload_page("empty.html", content, options)
        .await
        .unwrap();
    assert_eq!(server.artifact("empty.html").stored_size(), 0);
}

#[tokio::test]
async fn what_is_no_page_or_no_name_is_refused_before_anything_is_sent() {
    let (server, job) = start();
    for name in ["report", "a/b.html", "../x.html", "", "x.html\n"] {
        assert!(job.try_page(name).await.is_err(), "{name:?}");
    }
    let missing = Content::File("/nonexistent/x.html".into());
    let options = UploadOptions::default();
    assert!(
        job.service
            .upload_page("x.html", missing, options)
            .await
            .is_err()
    );
    for name in ["../x", "/x", "a/../../x"] {
        let entries = vec![entry("fine", ""), entry(name, "")];
        assert!(
            job.service
                .upload_archive("a", entries, options)
                .await
                .is_err()
        );
    }
    assert!(server.records().is_empty());
}

#[tokio::test]
async fn signatures_are_told_before_they_are_used() {
    let (server, job) = start();
    job.page("report.html").await;
    let artifact = job.service.list(None).await.unwrap().remove(0);
    let dir = tempfile::tempdir().unwrap();
    job.service
        .download(&artifact, &dir.path().join("x"))
        .await
        .unwrap();
    let signature = server.artifact("report.html").signature();
    let encoded = signature
        .replace('+', "%2B")
        .replace('/', "%2F")
        .replace('=', "%3D");
    let secrets = job.secrets.borrow();
    assert!(
        secrets.contains(&signature) && secrets.contains(&encoded),
        "{secrets:?}"
    );
}

#[tokio::test]
async fn five_hundred_notebooks_with_names_of_all_kinds_are_stored() {
    let (server, job) = start();
    let mut names = Names::new(Some("leg 1"));
    let mut given = HashSet::new();
    for index in 0..500 {
        let path = match index % 8 {
            0 => format!("../../n{index}.py"),
            1 => format!("a|b\"{index}'.py"),
            2 => format!("line\nend\r{index}.py"),
            3 => format!("📈{index}.py"),
            4 => format!("<b onclick=x>{index}</b>.py"),
            // These differ in case or in what is left out.
            5 => format!("Same{}.py", "?".repeat(index)),
            6 => format!("same{}.py", "*".repeat(index)),
            _ => format!("{}{index}.py", "folder/".repeat(index)),
        };
        let name = names.page(&path);
        check_name(&name).unwrap();
        assert!(given.insert(name.to_lowercase()), "{name}");
        let uploaded = job.page(&name).await;
        assert!(uploaded.viewable);
    }
    assert_eq!(server.artifacts().len(), 500);
    assert_eq!(job.service.list(None).await.unwrap().len(), 500);
    assert_eq!(server.records_of(Step::Create).len(), 500);
}

#[tokio::test]
async fn uploads_go_side_by_side() {
    let (server, job) = start();
    let names: Vec<String> = (0..20).map(|index| format!("n{index}.html")).collect();
    let uploads = names.iter().map(|name| job.page(name));
    let uploaded = futures_util::future::join_all(uploads).await;
    let ids: HashSet<u64> = uploaded.iter().map(|it| it.id).collect();
    assert_eq!(ids.len(), 20);
    for one in uploaded {
        assert_eq!(server.artifact(&one.name).id, one.id);
    }
}
