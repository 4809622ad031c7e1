//! Servers that misbehave: each a thread on a port of this machine.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use daglab::dagster::follow::FollowOptions;
use daglab::dagster::launch::{JobSelector, LaunchRequest, RepositorySelector, TerminatePolicy};
use daglab::dagster::{Client, ClientConfig, Error};
use daglab::error::{Diagnose, ExitStatus};

/// A server that answers each connection in turn with what `answer` makes of the request, and then
/// hangs up. The count is that of the connections so far.
struct Faulty {
    url: String,
    asked: Arc<AtomicUsize>,
}

impl Faulty {
    fn start(answer: impl Fn(usize, &str, &mut TcpStream) + Send + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let port = listener.local_addr().expect("its address").port();
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        // It ends with the test's process.
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                let request = read_request(&mut stream);
                answer(count.fetch_add(1, Ordering::SeqCst), &request, &mut stream);
            }
        });
        Self {
            url: format!("http://127.0.0.1:{port}"),
            asked,
        }
    }

    fn client(&self) -> Client {
        let config = ClientConfig {
            timeout: Duration::from_millis(500),
            ..ClientConfig::new(&self.url)
        };
        Client::new(&config).expect("a client")
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

/// The request's head and body; a body of which the head tells the length.
fn read_request(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&bytes).to_lowercase();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "))
                .map_or(0, |length| length.trim().parse().expect("a length"));
            if body.len() >= length {
                return String::from_utf8_lossy(&bytes).into_owned();
            }
        }
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return String::from_utf8_lossy(&bytes).into_owned(),
            Ok(n) => bytes.extend_from_slice(&buffer[..n]),
        }
    }
}

fn respond(stream: &mut TcpStream, status: &str, kind: &str, body: &str) {
    let length = body.len();
    let _ = write!(
        stream,
        "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    );
}

const JSON: &str = "application/json";
const HTML: &str = "text/html";

fn launch() -> LaunchRequest {
    LaunchRequest {
        selector: JobSelector {
            checks: None,
            repository: RepositorySelector {
                location: "main".into(),
                repository: "__repository__".into(),
            },
            job: "good_job".into(),
            assets: vec![],
        },
        run_config: serde_json::Map::new(),
        tags: std::collections::BTreeMap::new(),
    }
}

#[tokio::test]
async fn no_server() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let port = listener.local_addr().expect("its address").port();
    drop(listener);
    for host in ["127.0.0.1", "localhost"] {
        let config = ClientConfig::new(format!("http://{host}:{port}"));
        let client = Client::new(&config).expect("a client");
        let error = client.workspace().await.expect_err("nothing there");
        assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
        assert_eq!(error.exit_status(), ExitStatus::Network);
        let started = Instant::now();
        let limit = Duration::from_millis(300);
        let error = client.wait_ready(limit, 1).await.expect_err("never ready");
        assert!(matches!(error, Error::NotReady { .. }), "{error:?}");
        assert!(started.elapsed() < Duration::from_secs(2));
    }
}

#[tokio::test]
async fn a_name_that_does_not_exist() {
    let config = ClientConfig::new("http://no-such-host.invalid");
    let error = Client::new(&config).expect("a client").server_info().await;
    let error = error.expect_err("nothing there");
    assert_eq!(error.exit_status(), ExitStatus::Network);
}

#[tokio::test]
async fn a_server_that_never_answers() {
    let server = Faulty::start(|_, _, stream| {
        let _ = stream.read(&mut [0; 1]);
    });
    let started = Instant::now();
    let error = server.client().workspace().await.expect_err("no answer");
    assert!(matches!(error, Error::Timeout { .. }), "{error:?}");
    assert!(error.to_string().contains("within 0.5 s"), "{error}");
    assert_eq!(error.exit_status(), ExitStatus::Network);
    assert!(started.elapsed() < Duration::from_secs(5));
    assert_eq!(server.asked(), 1, "waiting twice as long helps nobody");
}

#[tokio::test]
async fn a_proxy_without_a_server_behind_it() {
    let page = "<html><head><title>502 Bad Gateway</title></head><body>\x1b[31mnginx</body></html>";
    let server = Faulty::start(move |_, _, stream| respond(stream, "502 Bad Gateway", HTML, page));
    let error = server.client().workspace().await.expect_err("a proxy");
    assert!(
        matches!(&error, Error::Http { status: 502, body, .. } if body == "502 Bad Gateway"),
        "{error:?}"
    );
    assert_eq!(error.exit_status(), ExitStatus::Network);
    assert_eq!(server.asked(), 3, "a read is tried again");
}

#[tokio::test]
async fn a_proxy_that_finds_its_server_again() {
    let answer =
        r#"{"data": {"workspaceOrError": {"__typename": "Workspace", "locationEntries": []}}}"#;
    let server = Faulty::start(move |count, _, stream| match count {
        0 => respond(stream, "503 Service Unavailable", HTML, ""),
        1 => {}
        _ => respond(stream, "200 OK", JSON, answer),
    });
    let workspace = server
        .client()
        .workspace()
        .await
        .expect("an answer at last");
    assert!(workspace.locations.is_empty());
}

#[tokio::test]
async fn a_server_that_is_not_dagster() {
    for (status, kind, body) in [
        ("200 OK", HTML, "<html><title>Welcome</title>"),
        ("404 Not Found", "text/plain", "404 page not found"),
        ("200 OK", JSON, r#"{"hello": "world"}"#),
        ("302 Found", HTML, ""),
    ] {
        let server = Faulty::start(move |_, _, stream| respond(stream, status, kind, body));
        for error in [
            server.client().workspace().await.expect_err("not Dagster"),
            server
                .client()
                .server_info()
                .await
                .expect_err("not Dagster"),
        ] {
            assert!(
                matches!(error, Error::NotDagster { .. }),
                "{status}: {error:?}"
            );
            assert_eq!(error.exit_status(), ExitStatus::Network);
            assert!(error.hint().is_some());
        }
    }
    // What will never be ready is not waited for.
    let server = Faulty::start(|_, _, stream| respond(stream, "200 OK", HTML, "hello"));
    let started = Instant::now();
    let error = server.client().wait_ready(Duration::from_secs(60), 1).await;
    assert!(matches!(error, Err(Error::NotDagster { .. })), "{error:?}");
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn a_server_that_refuses_us() {
    let server = Faulty::start(|_, _, stream| respond(stream, "401 Unauthorized", JSON, "{}"));
    let error = server.client().workspace().await.expect_err("refused");
    assert_eq!(error.exit_status(), ExitStatus::Authentication);
    assert_eq!(server.asked(), 1);
}

#[tokio::test]
async fn an_error_in_foreign_code_has_status_500_and_whole_data() {
    let body = r#"{"data": {"launchRun": {"__typename": "PythonError", "message": "no place left",
        "className": "OSError", "stack": [], "errorChain": []}}}"#;
    let server =
        Faulty::start(move |_, _, stream| respond(stream, "500 Internal Server Error", JSON, body));
    let error = server.client().launch(&launch()).await.expect_err("failed");
    assert!(matches!(error, Error::Python { .. }), "{error:?}");
    assert_eq!(server.asked(), 1);
}

#[tokio::test]
async fn broken_json() {
    for body in [
        r#"{"data": {"workspaceOrError": {"#,
        r#"{"data": {"workspaceOrError": 3}}"#,
    ] {
        let server = Faulty::start(move |_, _, stream| respond(stream, "200 OK", JSON, body));
        let error = server.client().workspace().await.expect_err("broken");
        assert!(matches!(error, Error::BrokenAnswer { .. }), "{error:?}");
        assert_eq!(server.asked(), 1, "it would be broken again");
    }
}

#[tokio::test]
async fn a_connection_that_drops_inside_the_answer() {
    let server = Faulty::start(|_, _, stream| {
        let _ = stream.write_all(
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{\"data\"",
        );
    });
    let error = server.client().workspace().await.expect_err("cut off");
    assert!(
        matches!(&error, Error::BrokenAnswer { reason, .. } if reason.contains("ended before")),
        "{error:?}"
    );
    assert_eq!(server.asked(), 3, "a read is tried again");
}

#[tokio::test]
async fn a_mutation_is_sent_once() {
    let server = Faulty::start(|_, _, stream| respond(stream, "502 Bad Gateway", HTML, ""));
    let ended = server.client().terminate("r", TerminatePolicy::Safe).await;
    assert!(matches!(ended, Err(Error::Http { .. })));
    assert_eq!(server.asked(), 1);
}

#[tokio::test]
async fn a_launch_whose_answer_is_lost_is_found_again() {
    let found =
        r#"{"data": {"runsOrError": {"__typename": "Runs", "results": [{"runId": "r-1"}]}}}"#;
    let nothing = r#"{"data": {"runsOrError": {"__typename": "Runs", "results": []}}}"#;
    let server = Faulty::start(move |count, request, stream| match count {
        0 => {
            assert!(request.contains("launchRun"));
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{\"data\"");
        }
        1 => respond(stream, "200 OK", JSON, nothing),
        _ => {
            assert!(!request.contains("launchRun"), "launched twice");
            respond(stream, "200 OK", JSON, found);
        }
    });
    let run_id = server.client().launch(&launch()).await.expect("the run");
    assert_eq!(run_id, "r-1");
}

#[tokio::test]
async fn a_run_that_is_deleted_while_it_is_followed() {
    let version = r#"{"data": {"version": "1.13.27"}}"#;
    let running = r#"{"data": {
        "logsForRun": {"__typename": "EventConnection", "cursor": "c", "hasMore": false, "events": []},
        "runOrError": {"__typename": "Run", "status": "STARTED", "startTime": 1.0, "endTime": null, "canTerminate": true}
    }}"#;
    let gone = r#"{"data": {
        "logsForRun": {"__typename": "RunNotFoundError"},
        "runOrError": {"__typename": "RunNotFoundError"}
    }}"#;
    let server = Faulty::start(move |count, _, stream| {
        let body = match count {
            0 => version,
            1 | 2 => running,
            _ => gone,
        };
        respond(stream, "200 OK", JSON, body);
    });
    let client = server.client();
    let outcome = client
        .follow("r-1", &FollowOptions::default(), |_| {})
        .await;
    let error = outcome.expect_err("deleted");
    assert!(matches!(error, Error::RunNotFound { .. }), "{error:?}");
    assert_eq!(error.exit_status(), ExitStatus::RunFailed);
}

#[tokio::test]
async fn a_nudge_ends_the_wait() {
    let version = r#"{"data": {"version": "1.13.27"}}"#;
    let page = |status: &str, events: &str| {
        format!(
            r#"{{"data": {{
                "logsForRun": {{"__typename": "EventConnection", "cursor": "c", "hasMore": false, "events": [{events}]}},
                "runOrError": {{"__typename": "Run", "status": "{status}", "startTime": 1.0, "endTime": 2.0, "canTerminate": false}}
            }}}}"#
        )
    };
    let running = page("STARTED", "");
    let ended = page(
        "SUCCESS",
        r#"{"__typename": "RunSuccessEvent", "message": "", "timestamp": "2000", "level": "INFO", "stepKey": null}"#,
    );
    let over = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let is_over = Arc::clone(&over);
    let server = Faulty::start(move |count, _, stream| {
        let body = match count {
            0 => version,
            _ if is_over.load(Ordering::SeqCst) => &ended,
            _ => &running,
        };
        respond(stream, "200 OK", JSON, body);
    });
    let client = server.client();
    let nudge = tokio::sync::Notify::new();
    let options = FollowOptions {
        polling_interval: Duration::from_secs(3600),
        nudge: Some(&nudge),
        ..FollowOptions::default()
    };
    let started = Instant::now();
    let tell = async {
        // By then the wait has grown well beyond what follows.
        tokio::time::sleep(Duration::from_millis(1500)).await;
        over.store(true, Ordering::SeqCst);
        nudge.notify_one();
    };
    let (outcome, ()) = tokio::join!(client.follow("r-1", &options, |_| {}), tell);
    assert_eq!(outcome.expect("an end").status, "SUCCESS");
    assert!(
        started.elapsed() < Duration::from_millis(1700),
        "{:?}",
        started.elapsed()
    );
}
