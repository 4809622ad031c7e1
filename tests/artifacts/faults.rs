//! Uploads that meet a server or a network at its worst.

use std::time::Duration;

use daglab::error::{Diagnose as _, ExitStatus};
use daglab::github::artifact::{Content, Error, Limits, UploadOptions};
use pretty_assertions::assert_eq;

use crate::support::artifact_server::{ArtifactServer, Fault, Options, Step, Types};
use crate::{Job, PAGE, entry, quick, start};

const UPLOADING: [Step; 4] = [
    Step::Create,
    Step::PutBlock,
    Step::PutBlockList,
    Step::Finalize,
];

/// Nothing that lets somebody in is in a message.
#[track_caller]
fn keeps_secrets(error: &Error, job: &Job) {
    let mut said = format!("{error:?} {error} {}", error.hint().unwrap_or_default());
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        said.push_str(&format!(" {error} {error:?}"));
        source = error.source();
    }
    assert!(!said.contains("sig=") && !said.contains("Bearer"), "{said}");
    let token = crate::support::artifact_server::token("run-1", "job-1");
    assert!(!said.contains(&token), "{said}");
    for secret in job.secrets.borrow().iter() {
        assert!(!said.contains(secret), "{said}");
    }
}

/// An upload that meets these faults works, and leaves one artifact with the right bytes.
async fn survives(step: Step, faults: Vec<Fault>) -> ArtifactServer {
    let (server, job) = start();
    let text = format!("{step:?} {faults:?}");
    server.inject(step, faults);
    let uploaded = job
        .try_page("report.html")
        .await
        .unwrap_or_else(|error| panic!("{text}: {error}"));
    assert_eq!(server.faults_left(), 0, "{text}");
    let artifacts = server.artifacts();
    assert_eq!(artifacts.len(), 1, "{text}");
    assert_eq!(artifacts[0].bytes(), PAGE.as_bytes(), "{text}");
    assert!(uploaded.viewable, "{text}");
    assert_eq!(
        (uploaded.id, artifacts[0].finalized),
        (artifacts[0].id, true),
        "{text}"
    );
    server
}

/// An upload that meets these faults does not.
async fn fails(step: Step, faults: Vec<Fault>) -> (Error, ArtifactServer) {
    let (server, job) = start();
    server.inject(step, faults);
    let error = job.try_page("report.html").await.unwrap_err();
    keeps_secrets(&error, &job);
    (error, server)
}

#[tokio::test]
async fn what_passes_is_tried_again_at_every_step() {
    for step in UPLOADING {
        for status in [429, 502, 503, 504] {
            survives(step, vec![Fault::status(status); 4]).await;
        }
        survives(step, vec![Fault::HangUp; 4]).await;
        survives(
            step,
            vec![Fault::CutAnswer(0), Fault::status(500), Fault::HangUp],
        )
        .await;
    }
}

#[tokio::test]
async fn what_does_not_pass_ends_after_five_tries() {
    for step in UPLOADING {
        let (error, server) = fails(step, vec![Fault::status(503); 9]).await;
        assert_eq!(server.records_of(step).len(), 5);
        assert_eq!(server.faults_left(), 4);
        assert_eq!(error.exit_status(), ExitStatus::Network);
        let last = server.records().last().unwrap().step;
        // A last look tells whether it was finished all the same; otherwise nothing goes on.
        let expected = if step == Step::Finalize {
            Step::List
        } else {
            step
        };
        assert_eq!(last, Some(expected));
    }
    let (error, _server) = fails(Step::PutBlock, vec![Fault::HangUp; 9]).await;
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");
}

#[tokio::test]
async fn what_was_done_is_not_undone_by_a_lost_answer() {
    let lost = || vec![Fault::ActAndHangUp, Fault::ActAndHangUp];
    let failed = || vec![Fault::ActAndAnswer(502, "<html>bad gateway</html>".into())];
    for step in UPLOADING {
        survives(step, failed()).await;
        survives(step, vec![Fault::CutAnswer(10)]).await;
    }
    for step in [Step::PutBlock, Step::PutBlockList, Step::Finalize] {
        survives(step, lost()).await;
    }
    // The name is taken by a creation whose answer was lost: that one goes, and another is made.
    let server = survives(Step::Create, vec![Fault::ActAndHangUp]).await;
    assert_eq!(server.records_of(Step::Create).len(), 3);
    assert_eq!(server.records_of(Step::Delete).len(), 1);
    // A finished artifact is found in the list.
    let server = survives(Step::Finalize, vec![Fault::ActAndHangUp]).await;
    assert_eq!(server.records_of(Step::Finalize).len(), 2);
    assert_eq!(server.records_of(Step::List).len(), 1);
    // Even if no answer ever came.
    survives(Step::Finalize, vec![Fault::ActAndHangUp; 5]).await;
}

#[tokio::test]
async fn an_answer_lost_while_deleting_is_no_harm() {
    for fault in [Fault::ActAndHangUp, Fault::status(500)] {
        let (server, job) = start();
        server.put("job-1", "report.html", "text/html", b"old");
        server.inject(Step::Delete, [fault]);
        let options = UploadOptions {
            overwrite: true,
            ..UploadOptions::default()
        };
        let content = Content::Bytes(PAGE.into());
        job.service
            .upload_page("report.html", content, options)
            .await
            .unwrap();
        assert_eq!(server.artifact("report.html").bytes(), PAGE.as_bytes());
        assert_eq!(server.artifacts().len(), 1);
    }
}

#[tokio::test]
async fn somebody_elses_artifact_is_not_taken_for_a_lost_creation() {
    let (server, job) = start();
    server.put("job-2", "report.html", "text/html", b"theirs");
    server.inject(Step::Create, [Fault::HangUp]);
    let error = job.try_page("report.html").await.unwrap_err();
    assert!(matches!(error, Error::Exists { .. }), "{error}");
    assert_eq!(error.exit_status(), ExitStatus::Conflict);
    assert_eq!(server.artifact("report.html").bytes(), b"theirs");
    assert!(server.records_of(Step::Delete).is_empty());
}

#[tokio::test]
async fn a_name_that_is_taken_is_a_conflict_unless_it_may_be_replaced() {
    let (server, job) = start();
    let old = job.page("report.html").await;
    let error = job.try_page("report.html").await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "this workflow run already has an artifact named `report.html`"
    );
    assert_eq!(error.exit_status(), ExitStatus::Conflict);
    let replace = UploadOptions {
        overwrite: true,
        ..UploadOptions::default()
    };
    let new = || Content::Bytes(b"new".to_vec());
    let uploaded = job
        .service
        .upload_page("report.html", new(), replace)
        .await
        .unwrap();
    assert_ne!(uploaded.id, old.id);
    assert_eq!(server.artifact("report.html").bytes(), b"new");
    // Another job's, and one that was never finished.
    let other = Job::new(&server, "job-2");
    other
        .service
        .upload_page("report.html", new(), replace)
        .await
        .unwrap();
    server.put_unfinished("job-2", "half.html");
    other
        .service
        .upload_page("half.html", new(), replace)
        .await
        .unwrap();
    assert_eq!(server.artifacts().len(), 2);
}

/// With pauses of an hour, only what the server asks for makes this end.
#[tokio::test]
async fn the_pause_that_a_server_asks_for_counts() {
    let patient = Limits {
        pause: Duration::from_secs(3600),
        longest_pause: Duration::from_secs(3600),
        ..quick()
    };
    for step in UPLOADING {
        for status in [429, 503] {
            for value in ["0", "Sat, 21 Nov 2020 12:00:00 GMT"] {
                let server = ArtifactServer::start(Options::default());
                let job = Job::with(&server, "job-1", patient.clone());
                server.inject(step, [Fault::with_header(status, "retry-after", value)]);
                job.page("report.html").await;
            }
        }
    }
}

#[tokio::test]
async fn a_pause_of_a_day_is_cut_short() {
    for step in UPLOADING {
        survives(step, vec![Fault::with_header(429, "retry-after", "86400")]).await;
    }
}

#[tokio::test]
async fn pauses_and_tries_together_have_an_end() {
    let server = ArtifactServer::start(Options::default());
    let limits = Limits {
        pause: Duration::from_secs(3600),
        longest_pause: Duration::from_secs(3600),
        total: Duration::from_millis(200),
        ..quick()
    };
    let job = Job::with(&server, "job-1", limits);
    server.inject(Step::PutBlock, [Fault::status(503)]);
    let error = job.try_page("report.html").await.unwrap_err();
    assert!(matches!(error, Error::TooLong { .. }), "{error}");
    assert_eq!(error.exit_status(), ExitStatus::Network);
}

#[tokio::test]
async fn a_server_that_says_nothing_is_left() {
    for step in [Step::Create, Step::PutBlock] {
        let server = ArtifactServer::start(Options::default());
        let limits = Limits {
            call: Duration::from_millis(100),
            block: Duration::from_millis(100),
            ..quick()
        };
        let job = Job::with(&server, "job-1", limits);
        server.inject(step, vec![Fault::Silence; 5]);
        let error = job.try_page("report.html").await.unwrap_err();
        assert!(
            error.to_string().ends_with("there was no answer in time"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_block_that_is_cut_in_the_middle_is_sent_again_whole() {
    let server = ArtifactServer::start(Options::default());
    let limits = Limits {
        block_size: 100_000,
        ..quick()
    };
    let job = Job::with(&server, "job-1", limits);
    let bytes: Vec<u8> = (0..1_234_567_u32)
        .map(|index| (index / 101) as u8)
        .collect();
    let cut = [1, 50_000, 99_999].map(Fault::CutRequest);
    server.inject(Step::PutBlock, cut);
    let content = Content::Bytes(bytes.clone());
    let options = UploadOptions::default();
    let uploaded = job
        .service
        .upload_page("report.html", content, options)
        .await
        .unwrap();
    let stored = server.artifact("report.html");
    assert_eq!(stored.blocks(), 13);
    assert!(stored.bytes() == bytes);
    assert_eq!(stored.hash, Some(uploaded.digest));
    assert_eq!(server.records_of(Step::PutBlock).len(), 13 + 3);
}

#[tokio::test]
async fn an_expired_token_is_said_and_not_tried_again() {
    let (server, job) = start();
    server.expire_tokens();
    let error = job.try_page("report.html").await.unwrap_err();
    assert_eq!(error.exit_status(), ExitStatus::Authentication);
    assert!(
        error
            .hint()
            .is_some_and(|hint| hint.contains("as long as the job"))
    );
    keeps_secrets(&error, &job);
    assert_eq!(server.records().len(), 1);
    for status in [401, 403] {
        for step in [Step::Create, Step::Finalize] {
            let (error, _server) = fails(step, vec![Fault::status(status)]).await;
            assert!(matches!(error, Error::TokenRefused { .. }), "{error}");
        }
        let (error, _server) = fails(Step::PutBlock, vec![Fault::status(status)]).await;
        assert!(matches!(error, Error::LinkRefused { .. }), "{error}");
        assert_eq!(error.exit_status(), ExitStatus::Authentication);
    }
}

#[tokio::test]
async fn a_quota_that_is_used_up_is_final_whatever_its_status() {
    for status in [403, 429, 500] {
        let body = r#"{"code":"resource_exhausted","msg":"insufficient usage to create artifact"}"#;
        let fault = Fault::Answer(status, Vec::new(), body.into());
        let (error, server) = fails(Step::Create, vec![fault]).await;
        assert!(matches!(error, Error::Quota), "{error}");
        assert!(error.hint().is_some());
        assert_eq!(server.records().len(), 1);
    }
}

#[tokio::test]
async fn a_server_without_types_gets_an_archive_and_is_asked_once() {
    for (status, text, tries) in [
        (500, "Error decode request body", 1),
        (500, "", 2),
        (
            400,
            r#"{"code":"malformed","msg":"unknown field mime_type"}"#,
            1,
        ),
    ] {
        let server = ArtifactServer::start(Options {
            types: Types::Refused(status, text),
            ..Options::default()
        });
        let job = Job::new(&server, "job-1");
        let uploaded = job.page("report.html").await;
        assert!(!uploaded.viewable);
        let stored = server.artifact("report.html");
        assert_eq!((stored.version, stored.mime_type.as_deref()), (4, None));
        assert_eq!(stored.content_type, "application/zip");
        let bytes = std::io::Cursor::new(stored.bytes());
        let mut archive = zip::ZipArchive::new(bytes).unwrap();
        let page = std::io::read_to_string(archive.by_name("report.html").unwrap()).unwrap();
        assert_eq!(page, PAGE);
        assert_eq!(server.records_of(Step::Create).len(), tries + 1);

        job.page("another.html").await;
        let entries = vec![entry("a", "b")];
        let options = UploadOptions::default();
        job.service
            .upload_archive("all", entries, options)
            .await
            .unwrap();
        assert_eq!(server.records_of(Step::Create).len(), tries + 3);
    }
}

/// A bad moment of a server that knows types must not cost the page its address.
#[tokio::test]
async fn a_server_that_stumbles_is_not_taken_for_one_without_types() {
    survives(
        Step::Create,
        vec![Fault::Answer(500, Vec::new(), String::new())],
    )
    .await;
    survives(Step::Create, vec![Fault::status(500); 4]).await;
    // Nor one that refuses for another reason.
    let refusal = r#"{"code":"invalid_argument","msg":"no"}"#;
    let (server, job) = start();
    let refused = Fault::Answer(400, Vec::new(), refusal.into());
    server.inject(Step::Create, [refused.clone(), refused]);
    let error = job.try_page("report.html").await.unwrap_err();
    assert!(error.to_string().contains("HTTP status 400: no"), "{error}");
    assert!(job.page("report.html").await.viewable);
}

#[tokio::test]
async fn answers_that_make_no_sense_are_refused() {
    for body in [
        "<html>not JSON</html>",
        r#"{"ok":false}"#,
        r#"{"ok":true}"#,
        r#"{"ok":true,"signed_upload_url":"file:///etc/passwd?sig=secret"}"#,
        "[]",
    ] {
        let fault = Fault::Answer(200, Vec::new(), body.into());
        let (error, server) = fails(Step::Create, vec![fault; 5]).await;
        assert!(
            matches!(error, Error::BrokenAnswer { .. }),
            "{body}: {error}"
        );
        assert!(server.records_of(Step::PutBlock).is_empty());
    }
    let endless = Fault::Answer(200, Vec::new(), " ".repeat(9 * 1024 * 1024));
    let (error, _server) = fails(Step::Create, vec![endless]).await;
    assert!(matches!(error, Error::TooLarge { .. }), "{error}");
    let hostile = r#"{"code":"x","msg":"a\n::error::b\u001b[31m"}"#;
    let hostile = Fault::Answer(404, Vec::new(), hostile.into());
    let (error, _server) = fails(Step::Create, vec![hostile]).await;
    assert!(!error.to_string().contains(['\n', '\u{1b}']), "{error}");
}

#[tokio::test]
async fn nobody_there_is_said() {
    let (server, _job) = start();
    let mut environment = server.environment("job-1");
    // A port that nobody listens to any more.
    let port = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let url = format!("http://127.0.0.1:{port}");
    environment.retain(|(name, _)| name != "ACTIONS_RESULTS_URL");
    environment.push(("ACTIONS_RESULTS_URL".into(), url));
    let job = Job::from(&environment, quick());
    let error = job.try_page("report.html").await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");
    assert!(error.hint().is_some());
}
