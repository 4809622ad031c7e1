//! Artifacts of this job and of others: found, downloaded and unpacked, whatever is in them.

use std::io::Write as _;

use daglab::error::{Diagnose as _, ExitStatus};
use daglab::github::artifact::{Error, ExtractLimits, Kind, Limits, UploadOptions};
use pretty_assertions::assert_eq;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::support::artifact_server::{ArtifactServer, Fault, Options, Spelling, Step};
use crate::{Job, entry, quick, start};

#[tokio::test]
async fn the_newest_of_a_name_counts_whichever_job_stored_it() {
    for spelling in [Spelling::Snake, Spelling::Camel] {
        let server = ArtifactServer::start(Options {
            spelling,
            ..Options::default()
        });
        server.put("job-1", "report", "application/zip", b"old");
        let newest = server.put("job-1-again", "report", "application/zip", b"new");
        server.put("job-2", "a.html", "text/html", b"page");
        server.put_unfinished("job-2", "half.html");
        let job = Job::new(&server, "job-3");
        let listed = job.service.list(None).await.unwrap();
        let named: Vec<_> = listed
            .iter()
            .map(|it| (it.name.as_str(), it.size))
            .collect();
        assert_eq!(named, [("a.html", 4), ("report", 3)]);
        assert_eq!(listed[1].id, newest);
        let one = job.service.list(Some("report")).await.unwrap();
        assert_eq!(one, listed[1..]);
        assert!(
            job.service
                .list(Some("half.html"))
                .await
                .unwrap()
                .is_empty()
        );

        assert_eq!(job.service.delete("a.html").await.unwrap(), listed[0].id);
        let error = job.service.delete("a.html").await.unwrap_err();
        assert!(matches!(error, Error::NotFound { .. }), "{error}");
    }
}

#[tokio::test]
async fn an_archive_comes_back_as_it_was_stored() {
    let (_server, job) = start();
    let entries = vec![entry("b/report.json", "{}"), entry("a.txt", "ü")];
    let options = UploadOptions::default();
    job.service
        .upload_archive("report", entries, options)
        .await
        .unwrap();
    let artifact = job.service.list(Some("report")).await.unwrap().remove(0);
    let dir = tempfile::tempdir().unwrap();
    let limits = ExtractLimits::default();
    let files = job
        .service
        .fetch(&artifact, dir.path(), &limits)
        .await
        .unwrap();
    assert_eq!(
        files,
        [
            std::path::Path::new("a.txt"),
            std::path::Path::new("b/report.json")
        ]
    );
    assert_eq!(
        std::fs::read(dir.path().join("a.txt")).unwrap(),
        "ü".as_bytes()
    );
    assert_eq!(
        std::fs::read(dir.path().join("b/report.json")).unwrap(),
        b"{}"
    );
}

#[tokio::test]
async fn a_download_survives_what_passes() {
    let (server, job) = start();
    let bytes: Vec<u8> = (0..300_000_u32).map(|index| (index / 7) as u8).collect();
    server.put("job-1", "x.html", "text/html", &bytes);
    let artifact = job.service.list(None).await.unwrap().remove(0);
    let dir = tempfile::tempdir().unwrap();
    for (number, faults) in [
        vec![
            Fault::CutAnswer(0),
            Fault::CutAnswer(100_000),
            Fault::CutAnswer(299_999),
        ],
        vec![Fault::status(503), Fault::HangUp, Fault::status(429)],
        vec![Fault::with_header(503, "retry-after", "86400")],
    ]
    .into_iter()
    .enumerate()
    {
        server.inject(Step::GetBlob, faults);
        let path = dir.path().join(number.to_string());
        let downloaded = job.service.download(&artifact, &path).await.unwrap();
        assert_eq!((downloaded.size, downloaded.kind), (300_000, Kind::Plain));
        assert!(std::fs::read(path).unwrap() == bytes);
        assert_eq!(server.faults_left(), 0);
    }
    for record in server.records_of(Step::GetBlob) {
        assert!(!record.headers.contains_key("authorization"));
    }
}

#[tokio::test]
async fn damage_is_noticed() {
    let (server, job) = start();
    server.put("job-1", "x.html", "text/html", b"0123456789");
    let artifact = job.service.list(None).await.unwrap().remove(0);
    server.inject(Step::GetBlob, [Fault::CorruptAnswer]);
    let dir = tempfile::tempdir().unwrap();
    let error = job
        .service
        .download(&artifact, &dir.path().join("x"))
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Digest { .. }), "{error}");
    assert_eq!(error.exit_status(), ExitStatus::Network);
}

#[tokio::test]
async fn no_file_that_is_there_is_written_over() {
    let (server, job) = start();
    server.put("job-1", "x.html", "text/html", b"0123456789");
    let artifact = job.service.list(None).await.unwrap().remove(0);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x");
    std::fs::write(&path, "mine").unwrap();
    let error = job.service.download(&artifact, &path).await.unwrap_err();
    assert!(matches!(error, Error::File { .. }), "{error}");
    assert_eq!(std::fs::read(path).unwrap(), b"mine");
}

#[tokio::test]
async fn a_download_has_a_limit_whatever_the_service_says_of_its_size() {
    let server = ArtifactServer::start(Options::default());
    let limits = Limits {
        download: 1000,
        ..quick()
    };
    let job = Job::with(&server, "job-1", limits);
    server.put("job-1", "fits", "application/zip", &[0; 1000]);
    server.put("job-1", "large", "application/zip", &[0; 1001]);
    let listed = job.service.list(None).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    job.service.download(&listed[0], &path("a")).await.unwrap();
    let error = job
        .service
        .download(&listed[1], &path("b"))
        .await
        .unwrap_err();
    assert!(matches!(error, Error::TooLarge { .. }), "{error}");
    assert!(server.records_of(Step::GetBlob).len() == 1);
    // The service says little, and much comes.
    let mut lie = listed[1].clone();
    lie.size = 1;
    lie.digest = None;
    let error = job.service.download(&lie, &path("c")).await.unwrap_err();
    assert!(matches!(error, Error::TooLarge { .. }), "{error}");
    assert!(std::fs::metadata(path("c")).unwrap().len() <= 1000);
}

#[tokio::test]
async fn a_link_that_ran_out_and_an_artifact_that_is_gone_are_said() {
    let (server, job) = start();
    server.put("job-1", "x.html", "text/html", b"0123456789");
    let artifact = job.service.list(None).await.unwrap().remove(0);
    let dir = tempfile::tempdir().unwrap();
    server.inject(Step::GetBlob, [Fault::status(403)]);
    let error = job
        .service
        .download(&artifact, &dir.path().join("a"))
        .await
        .unwrap_err();
    assert!(matches!(error, Error::LinkRefused { .. }), "{error}");
    assert!(!format!("{error:?}").contains("sig"));
    job.service.delete("x.html").await.unwrap();
    let error = job
        .service
        .download(&artifact, &dir.path().join("b"))
        .await
        .unwrap_err();
    assert!(matches!(error, Error::NotFound { .. }), "{error}");
}

/// An archive as an attacker writes it.
fn hostile(write: impl FnOnce(&mut ZipWriter<std::io::Cursor<Vec<u8>>>)) -> Vec<u8> {
    let mut writer = ZipWriter::new(std::io::Cursor::new(Vec::new()));
    write(&mut writer);
    writer.finish().unwrap().into_inner()
}

#[tokio::test]
async fn a_hostile_archive_gets_nowhere() {
    let (server, job) = start();
    let options = SimpleFileOptions::default();
    let file = |name: &'static str| {
        hostile(move |writer| {
            writer.start_file(name, options).unwrap();
            writer.write_all(b"text").unwrap();
        })
    };
    let bomb = hostile(|writer| {
        writer.start_file("bomb", options).unwrap();
        for _ in 0..64 {
            writer.write_all(&[0; 65_536]).unwrap();
        }
    });
    let link = hostile(|writer| {
        writer.add_symlink("link", "/etc", options).unwrap();
    });
    let many = hostile(|writer| {
        for index in 0..200 {
            writer.start_file(index.to_string(), options).unwrap();
        }
    });
    let archives = [
        ("slip", file("../../slip")),
        ("absolute", file("/tmp/daglab-must-not-be-here")),
        ("bomb", bomb),
        ("link", link),
        ("many", many),
        ("broken", b"PK\x03\x04 and no more".to_vec()),
    ];
    let limits = ExtractLimits {
        entries: 100,
        bytes: 1_000_000,
    };
    for (name, bytes) in archives {
        server.put("job-2", name, "application/zip", &bytes);
        let artifact = job.service.list(Some(name)).await.unwrap().remove(0);
        let dir = tempfile::tempdir().unwrap();
        let inside = dir.path().join("inside");
        let error = job
            .service
            .fetch(&artifact, &inside, &limits)
            .await
            .unwrap_err();
        assert!(
            matches!(error, Error::Archive { .. } | Error::TooLarge { .. }),
            "{name}: {error}"
        );
        let beside: Vec<_> = std::fs::read_dir(dir.path()).unwrap().collect();
        assert_eq!(beside.len(), 1, "{name}");
    }
}

#[tokio::test]
async fn a_plain_file_with_a_hostile_name_gets_nowhere() {
    let (server, job) = start();
    for name in ["../x.html", "/tmp/daglab-must-not-be-here", "a\\b", ".."] {
        server.put("job-2", name, "text/html", b"text");
        let artifact = job.service.list(Some(name)).await.unwrap().remove(0);
        let dir = tempfile::tempdir().unwrap();
        let inside = dir.path().join("inside");
        let limits = ExtractLimits::default();
        let error = job
            .service
            .fetch(&artifact, &inside, &limits)
            .await
            .unwrap_err();
        assert!(matches!(error, Error::Name { .. }), "{name}: {error}");
        assert_eq!(std::fs::read_dir(&inside).unwrap().count(), 0);
    }
}

#[tokio::test]
async fn a_list_that_fails_is_asked_for_again() {
    let (server, job) = start();
    server.inject(
        Step::List,
        [Fault::HangUp, Fault::status(502), Fault::CutAnswer(5)],
    );
    assert!(job.service.list(None).await.unwrap().is_empty());
    server.expire_tokens();
    let error = job.service.list(None).await.unwrap_err();
    assert_eq!(error.exit_status(), ExitStatus::Authentication);
}
