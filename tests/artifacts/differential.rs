//! The same upload by GitHub's client and by ours, request by request, and each reading what the
//! other wrote.
//!
//! Compared are, for each request: the method, the path, the names of the query's parameters and
//! their values, the message, and the headers that a server looks at. What differs, and why:
//!
//! - `user-agent`, `accept`, `connection` and `x-ms-client-request-id` say who asks, and change
//!   nothing.
//! - `x-ms-version`: each says the version of the store's protocol it was written for. Ours is held
//!   against the lowest that has blocks of more than 4 MiB for everybody.
//! - Names of blocks: theirs are random, ours are counted. Both have one length, which the store
//!   demands, and are put in the list in the order of the bytes.
//! - The bytes of archives, and so their size and digest: theirs have the files' times and modes and
//!   are written as a stream; ours have neither time nor owner. What is in them is compared instead.
//! - `expires_at` has the moment of the upload in it.

use std::io::Read as _;
use std::path::Path;

use daglab::github::artifact::{Content, Entry, ExtractLimits, Kind, UploadOptions};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::support::artifact_server::{ArtifactServer, Options, Recorded, Spelling, Step};
use crate::{Job, quick, reference};

const BOTH: [Spelling; 2] = [Spelling::Snake, Spelling::Camel];

fn server(spelling: Spelling) -> ArtifactServer {
    ArtifactServer::start(Options {
        spelling,
        ..Options::default()
    })
}

/// What two clients must agree on.
fn essence(record: &Recorded, is_archive: bool) -> Value {
    let header = |name: &str| record.headers.get(name);
    let is_block = record.step == Some(Step::PutBlock);
    let mut body = match record.step {
        Some(Step::PutBlockList) => {
            let text = String::from_utf8_lossy(&record.body);
            json!({"blocks": text.matches("<Latest>").count(), "others":
                text.matches("<Committed>").count() + text.matches("<Uncommitted>").count()})
        }
        Some(Step::PutBlock | Step::GetBlob) | None => Value::Null,
        Some(_) => record.json(),
    };
    if is_archive && record.step == Some(Step::Finalize) {
        for (name, beginning) in [("size", ""), ("hash", "sha256:")] {
            let text = body[name].as_str().unwrap();
            assert!(
                text.len() > beginning.len() && text.starts_with(beginning),
                "{text}"
            );
            body[name] = Value::Null;
        }
    }
    if let Some(end) = body.get_mut("expires_at") {
        *end = json!(end.as_str().unwrap().len());
    }
    let query: Vec<_> = record
        .query
        .iter()
        .map(|(name, value)| (name, if name == "blockid" { "" } else { value }))
        .collect();
    json!({
        "step": format!("{:?}", record.step),
        "method": record.method,
        "path": record.path,
        "query": query,
        "body": body,
        "size": if is_block && !is_archive { record.size } else { 0 },
        "content-type": header("content-type"),
        "content-length": header("content-length").is_some(),
        "transfer-encoding": header("transfer-encoding"),
        "content-encoding": header("content-encoding"),
        "authorization": header("authorization"),
        "x-ms-blob-type": header("x-ms-blob-type"),
        "x-ms-blob-content-type": header("x-ms-blob-content-type"),
        "if-none-match": header("if-none-match"),
    })
}

#[track_caller]
fn same_requests(ours: &[Recorded], theirs: &[Recorded], is_archive: bool) {
    let essences = |records: &[Recorded]| {
        let mut all: Vec<Value> = records.iter().map(|it| essence(it, is_archive)).collect();
        // Blocks are sent side by side, so their order is chance.
        let blocks = |it: &Value| it["step"] == "Some(PutBlock)";
        let first = all.iter().position(blocks).unwrap_or(0);
        let last = all.iter().rposition(blocks).unwrap_or(0);
        assert!(all.is_empty() || all[first..=last].iter().filter(|it| !blocks(it)).count() <= 1);
        all[first..=last].sort_by_key(|it| it["size"].as_u64());
        all
    };
    assert_eq!(essences(ours), essences(theirs));
    for records in [ours, theirs] {
        let blocks = records.iter().filter(|it| it.step == Some(Step::PutBlock));
        let lengths = blocks.map(|it| it.query.iter().find(|(name, _)| name == "blockid"));
        let lengths: Vec<_> = lengths.map(|it| it.map(|(_, id)| id.len())).collect();
        assert!(
            lengths.windows(2).all(|pair| pair[0] == pair[1]),
            "{lengths:?}"
        );
        for record in records.iter().filter(|it| it.path.starts_with("/devstore")) {
            assert!(record.headers["x-ms-version"].as_str() >= "2019-12-12");
        }
    }
}

/// Uploads a page by both, each to a server of its own.
async fn page_by_both(bytes: &[u8], options: &Value) -> (ArtifactServer, ArtifactServer) {
    let (our_server, their_server) = (server(Spelling::Snake), server(Spelling::Snake));
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("my report.html");
    std::fs::write(&file, bytes).unwrap();

    let extra = ("GITHUB_RETENTION_DAYS".to_owned(), "5".to_owned());
    let mut environment = our_server.environment("job-1");
    environment.push(extra.clone());
    let job = Job::from(&environment, quick());
    let ours = UploadOptions {
        retention_days: options["retentionDays"].as_u64().map(|days| days as u32),
        ..UploadOptions::default()
    };
    let content = Content::File(file.clone());
    let uploaded = job
        .service
        .upload_page("my report.html", content, ours)
        .await
        .unwrap();

    let mut environment = their_server.environment("job-1");
    environment.push(extra);
    let mut options = options.clone();
    options["skipArchive"] = json!(true);
    let request = json!({"call": "upload", "name": "is not used", "files": [file],
        "root": dir.path(), "options": options});
    let result = reference::with_environment(&environment, &request).unwrap();

    assert_eq!(json!(uploaded.id), result["id"]);
    assert_eq!(json!(uploaded.size), result["size"]);
    assert_eq!(
        uploaded.digest,
        format!("sha256:{}", result["digest"].as_str().unwrap())
    );
    same_requests(&our_server.records(), &their_server.records(), false);
    for server in [&our_server, &their_server] {
        let stored = server.artifact("my report.html");
        assert_eq!(stored.bytes(), bytes);
        assert_eq!(
            (stored.content_type.as_str(), stored.version),
            ("text/html", 7)
        );
        assert_eq!(stored.mime_type.as_deref(), Some("text/html"));
    }
    (our_server, their_server)
}

#[tokio::test]
async fn a_page_is_uploaded_by_the_same_requests() {
    page_by_both("<h1>é</h1>".as_bytes(), &json!({})).await;
}

#[tokio::test]
async fn a_page_of_several_blocks_is_cut_in_the_same_way() {
    let bytes: Vec<u8> = (0..20 * 1024 * 1024_u32)
        .map(|index| (index / 997) as u8)
        .collect();
    let (ours, theirs) = page_by_both(&bytes, &json!({})).await;
    for server in [ours, theirs] {
        assert_eq!(server.artifact("my report.html").blocks(), 3);
    }
}

#[tokio::test]
async fn retention_is_asked_for_and_capped_in_the_same_way() {
    for (asked, granted) in [(3, 3), (90, 5)] {
        let (ours, theirs) = page_by_both(b"x", &json!({"retentionDays": asked})).await;
        let end = |server: &ArtifactServer| {
            let text = server.artifact("my report.html").expires_at.unwrap();
            text.parse::<jiff::Timestamp>().unwrap()
        };
        // They count days of the calendar, where one may have an hour more or less.
        let apart = end(&ours).as_second().abs_diff(end(&theirs).as_second());
        assert!(apart < 2 * 3600, "{apart}");
        let days = (end(&ours).as_second() - jiff::Timestamp::now().as_second()) / 3600;
        assert!((granted * 24 - 2..=granted * 24).contains(&days), "{days}");
    }
}

/// Files for an archive, and the same as entries.
fn files(dir: &Path) -> (Vec<String>, Vec<Entry>) {
    let texts = [
        ("report.json", "{}".to_owned()),
        ("logs/a b.txt", "ünïcode".to_owned()),
        ("logs/deep/er/long.txt", "line\n".repeat(50_000)),
        ("empty", String::new()),
    ];
    let mut paths = Vec::new();
    let mut entries = Vec::new();
    for (name, text) in texts {
        let path = dir.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        paths.push(path.to_str().unwrap().to_owned());
        entries.push(Entry {
            name: name.into(),
            content: Content::File(path),
        });
    }
    (paths, entries)
}

#[tokio::test]
async fn an_archive_is_uploaded_by_the_same_requests() {
    let (our_server, their_server) = (server(Spelling::Snake), server(Spelling::Snake));
    let dir = tempfile::tempdir().unwrap();
    let (paths, entries) = files(dir.path());
    let job = Job::new(&our_server, "job-1");
    let options = UploadOptions::default();
    job.service
        .upload_archive("report", entries, options)
        .await
        .unwrap();
    let request = json!({"call": "upload", "name": "report", "files": paths, "root": dir.path()});
    reference::call(&their_server, "job-1", &request);
    same_requests(&our_server.records(), &their_server.records(), true);
    assert_eq!(
        unzipped(&our_server.artifact("report").bytes()),
        unzipped(&their_server.artifact("report").bytes())
    );
}

/// The files of an archive with their bytes, sorted by name.
fn unzipped(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(bytes)).unwrap();
    let mut files = Vec::new();
    for index in 0..archive.len() {
        let mut file = archive.by_index(index).unwrap();
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).unwrap();
        files.push((file.name().unwrap().into_owned(), bytes));
    }
    files.sort();
    files
}

#[tokio::test]
async fn theirs_reads_what_ours_wrote() {
    for spelling in BOTH {
        let server = server(spelling);
        let dir = tempfile::tempdir().unwrap();
        let (_, entries) = files(dir.path());
        let job = Job::new(&server, "job-1");
        let page = job.page("a page.html").await;
        let options = UploadOptions::default();
        let archive = job
            .service
            .upload_archive("report", entries, options)
            .await
            .unwrap();

        let listed = reference::call(&server, "job-2", &json!({"call": "list"}));
        let mut names: Vec<_> = listed["artifacts"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| (it["name"].as_str().unwrap(), it["digest"].as_str().unwrap()))
            .collect();
        names.sort_unstable();
        assert_eq!(
            names,
            [("a page.html", &*page.digest), ("report", &*archive.digest)]
        );

        let got = reference::call(&server, "job-2", &json!({"call": "get", "name": "report"}));
        assert_eq!(got["artifact"]["id"], json!(archive.id));
        assert_eq!(got["artifact"]["size"], json!(archive.size));

        for uploaded in [&page, &archive] {
            let out = tempfile::tempdir().unwrap();
            let request = json!({"call": "download", "id": uploaded.id, "options":
                {"path": out.path(), "expectedHash": uploaded.digest}});
            let result = reference::call(&server, "job-2", &request);
            assert_eq!(result["digestMismatch"], json!(false));
            if uploaded.name == "report" {
                for (name, _) in unzipped(&server.artifact("report").bytes()) {
                    let both = [dir.path(), out.path()].map(|dir| std::fs::read(dir.join(&name)));
                    let [here, there] = both.map(Result::unwrap);
                    assert_eq!(here, there, "{name}");
                }
            } else {
                let bytes = std::fs::read(out.path().join("a page.html")).unwrap();
                assert_eq!(bytes, crate::PAGE.as_bytes());
            }
        }
        let deleted = reference::call(
            &server,
            "job-2",
            &json!({"call": "delete", "name": "report"}),
        );
        assert_eq!(deleted["id"], json!(archive.id));
    }
}

#[tokio::test]
async fn ours_reads_what_theirs_wrote() {
    for spelling in BOTH {
        let server = server(spelling);
        let dir = tempfile::tempdir().unwrap();
        let (paths, entries) = files(dir.path());
        let request = json!({"call": "upload", "name": "report", "files": paths,
            "root": dir.path()});
        let archive = reference::call(&server, "job-1", &request);
        let page = dir.path().join("page ü.html");
        std::fs::write(&page, crate::PAGE).unwrap();
        let request = json!({"call": "upload", "name": "x", "files": [page], "root": dir.path(),
            "options": {"skipArchive": true}});
        reference::call(&server, "job-1", &request);

        let job = Job::new(&server, "job-2");
        let listed = job.service.list(None).await.unwrap();
        let names: Vec<_> = listed.iter().map(|it| it.name.as_str()).collect();
        assert_eq!(names, ["page ü.html", "report"]);
        assert_eq!(json!(listed[1].id), archive["id"]);
        assert_eq!(json!(listed[1].size), archive["size"]);
        assert!(listed[1].digest.is_some() && listed[1].created_at.is_some());

        let out = tempfile::tempdir().unwrap();
        let limits = ExtractLimits::default();
        let mut found = job
            .service
            .fetch(&listed[1], out.path(), &limits)
            .await
            .unwrap();
        found.sort();
        let mut expected: Vec<_> = entries.into_iter().map(|it| it.name).collect();
        expected.sort();
        assert_eq!(
            found,
            expected
                .iter()
                .map(Into::into)
                .collect::<Vec<std::path::PathBuf>>()
        );
        for name in expected {
            let both = [dir.path(), out.path()].map(|dir| std::fs::read(dir.join(&name)).unwrap());
            assert_eq!(both[0], both[1], "{name}");
        }
        let file = dir.path().join("downloaded");
        let downloaded = job.service.download(&listed[0], &file).await.unwrap();
        assert_eq!(downloaded.kind, Kind::Plain);
        assert_eq!(std::fs::read(file).unwrap(), crate::PAGE.as_bytes());
    }
}

/// Theirs has no such option: the action that uses it deletes first, always. Ours creates first,
/// which is one call less where there is nothing to replace; when that is refused, it goes on as
/// theirs does.
#[tokio::test]
async fn an_artifact_is_replaced_by_the_same_requests_but_for_the_first() {
    let (our_server, their_server) = (server(Spelling::Snake), server(Spelling::Snake));
    for server in [&our_server, &their_server] {
        server.put("job-1", "x.html", "text/html", b"old");
    }
    let job = Job::new(&our_server, "job-1");
    let options = UploadOptions {
        overwrite: true,
        ..UploadOptions::default()
    };
    let content = Content::Bytes(b"new".to_vec());
    job.service
        .upload_page("x.html", content, options)
        .await
        .unwrap();

    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("x.html");
    std::fs::write(&file, "new").unwrap();
    reference::call(
        &their_server,
        "job-1",
        &json!({"call": "delete", "name": "x.html"}),
    );
    let request = json!({"call": "upload", "name": "x", "files": [file], "root": dir.path(),
        "options": {"skipArchive": true}});
    reference::call(&their_server, "job-1", &request);

    let ours = our_server.records();
    assert_eq!(ours[0].step, Some(Step::Create));
    same_requests(&ours[1..], &their_server.records(), false);
}

#[tokio::test]
async fn both_refuse_a_server_of_ones_own() {
    let server = server(Spelling::Snake);
    for (url, refused) in [
        ("https://github.example.com", true),
        ("https://octo.ghe.com", false),
        ("https://GitHub.com", false),
        ("http://github.localhost", false),
        ("https://ghe.com", true),
    ] {
        let mut environment = server.environment("job-1");
        environment.retain(|(name, _)| name != "GITHUB_SERVER_URL");
        environment.push(("GITHUB_SERVER_URL".into(), url.into()));
        let theirs = reference::with_environment(&environment, &json!({"call": "list"}));
        assert_eq!(
            theirs.is_err_and(|it| it.contains("GHESNotSupportedError")),
            refused,
            "{url}"
        );
        let variable = |name: &str| {
            let found = environment.iter().find(|(key, _)| key == name)?;
            Some(found.1.clone())
        };
        let ours = daglab::github::artifact::Service::from_environment(&variable, quick(), |_| {});
        assert_eq!(ours.is_err(), refused, "{url}");
    }
}
