//! A stand-in for GitHub's API: it keeps comments, pull requests and check runs, holds every request
//! and every answer against GitHub's own description of them, and fails on demand.
//!
//! GraphQL is the one exception. Its description is not part of OpenAPI, so the only question that
//! is allowed there is compared word by word.

#![allow(unused_imports, reason = "each test file uses some of it")]

pub mod contract;
pub mod faults;
pub mod state;

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::{Value, json};

pub use contract::Contract;
pub use faults::{Fault, What};
pub use state::{Comment, Pull, State};

use state::Answer;

/// The one question of GraphQL's that may be asked.
const VIEWER: &str = "query { viewer { login } }";

/// A request, and how it was answered.
#[derive(Debug, Clone)]
pub struct Recorded {
    pub method: String,
    pub path: String,
    pub query: Vec<(String, String)>,
    pub headers: Vec<(String, String)>,
    pub body: Option<Value>,
}

impl Recorded {
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(it, _)| it == name);
        found.map(|(_, value)| value.as_str())
    }
}

struct Shared {
    state: Mutex<State>,
    faults: Mutex<Vec<Fault>>,
    requests: Mutex<Vec<Recorded>>,
    violations: Mutex<Vec<String>>,
}

/// A running stand-in. A violation of the contract fails the test when it is dropped.
pub struct GithubServer {
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

impl GithubServer {
    /// On this machine only, on a free port, with a repository `octo-org/data`.
    pub fn start() -> Self {
        Self::start_at("127.0.0.1:0".parse().unwrap())
    }

    /// On another address: for containers.
    pub fn start_at(address: SocketAddr) -> Self {
        // Read before the first request, which may have little time.
        let _ = Contract::get();
        let listener = TcpListener::bind(address).unwrap();
        let shared = Arc::new(Shared {
            state: Mutex::new(State::new("octo-org/data")),
            faults: Mutex::default(),
            requests: Mutex::default(),
            violations: Mutex::default(),
        });
        let address = listener.local_addr().unwrap();
        let kept = Arc::clone(&shared);
        // It ends with the test's process.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&kept);
                std::thread::spawn(move || serve(&shared, &stream));
            }
        });
        Self { address, shared }
    }

    /// The address of the API, as github.com has it.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The same, as an Enterprise Server has it.
    pub fn enterprise_url(&self) -> String {
        format!("http://{}/api/v3", self.address)
    }

    /// What it knows.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap()
    }

    pub fn token(&self) -> String {
        self.state().token.clone()
    }

    /// The comments of a pull request, oldest first.
    pub fn comments(&self, number: u64) -> Vec<Comment> {
        let state = self.state();
        let all = state.comments.values().filter(|it| it.issue == number);
        all.cloned().collect()
    }

    /// Something that will go wrong.
    pub fn fault(&self, fault: Fault) {
        self.shared.faults.lock().unwrap().push(fault);
    }

    /// All requests so far.
    pub fn requests(&self) -> Vec<Recorded> {
        self.shared.requests.lock().unwrap().clone()
    }

    /// How many requests of a method went to paths that contain a text.
    pub fn count(&self, method: &str, path: &str) -> usize {
        let requests = self.requests();
        let fitting = requests
            .iter()
            .filter(|it| it.method == method && it.path.contains(path));
        fitting.count()
    }

    /// Where requests or answers were not as GitHub describes them.
    pub fn violations(&self) -> Vec<String> {
        self.shared.violations.lock().unwrap().clone()
    }

    /// The same, for a test that means them: they are forgotten.
    pub fn take_violations(&self) -> Vec<String> {
        std::mem::take(&mut self.shared.violations.lock().unwrap())
    }
}

impl Drop for GithubServer {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let violations = self.violations();
            assert!(violations.is_empty(), "{violations:#?}");
        }
    }
}

fn serve(shared: &Shared, stream: &TcpStream) {
    let Some(request) = read(stream) else {
        return;
    };
    shared.requests.lock().unwrap().push(request.clone());
    let wrong = |text: String| {
        let line = format!("{} {}: {text}", request.method, request.path);
        shared.violations.lock().unwrap().push(line);
    };
    for text in wrong_headers(&request) {
        wrong(text);
    }
    let fault = take_fault(shared, &request);
    match &fault {
        Some(What::DropBefore) => return,
        Some(What::Hang) => {
            let _ = (&mut &*stream).read_to_end(&mut Vec::new());
            return;
        }
        Some(What::Answer {
            status,
            headers,
            body,
        }) => {
            // What it would have been is judged all the same.
            judge(&request, &wrong);
            return send(stream, *status, headers, Some(body));
        }
        Some(What::Meet(barrier)) => {
            barrier.wait();
        }
        Some(What::Meanwhile(act)) => act(&mut shared.state.lock().unwrap()),
        _ => {}
    }
    let answer = answer(shared, &request, &wrong);
    let link = answer.next_page.map(|page| link(&request, page));
    let headers: Vec<(&str, String)> = link.into_iter().map(|it| ("link", it)).collect();
    match fault {
        Some(What::DropAfter) => {}
        Some(What::CutAfter) => {
            let _ = (&mut &*stream).write_all(
                b"HTTP/1.1 201 Created\r\ncontent-type: application/json\r\n\
                  content-length: 5000\r\n\r\n{\"id\":",
            );
            let _ = stream.shutdown(Shutdown::Both);
        }
        Some(What::AnswerAfter { status, body }) => send(stream, status, &[], Some(&body)),
        _ => send(stream, answer.status, &headers, answer.body.as_ref()),
    }
}

fn take_fault(shared: &Shared, request: &Recorded) -> Option<What> {
    let mut faults = shared.faults.lock().unwrap();
    for fault in faults.iter_mut() {
        if fault.method != request.method || !request.path.contains(fault.path) {
            continue;
        }
        if fault.after > 0 {
            fault.after -= 1;
        } else if fault.times > 0 {
            fault.times -= 1;
            return Some(fault.what.clone());
        }
    }
    None
}

/// The path without what an Enterprise Server has before it.
fn path(request: &Recorded) -> &str {
    request
        .path
        .strip_prefix("/api/v3")
        .unwrap_or(&request.path)
}

fn is_graphql(request: &Recorded) -> bool {
    matches!(request.path.as_str(), "/graphql" | "/api/graphql")
}

fn answer(shared: &Shared, request: &Recorded, wrong: &dyn Fn(String)) -> Answer {
    let mut state = shared.state.lock().unwrap();
    let expected = format!("Bearer {}", state.token);
    if request.header("authorization") != Some(&expected) {
        return Answer::of(401, faults::said("Bad credentials"));
    }
    if is_graphql(request) {
        return graphql(&state, request, wrong);
    }
    let contract = Contract::get();
    let Some((operation, values)) = judge(request, wrong) else {
        return Answer::of(404, faults::said("Not Found"));
    };
    let value = |name: &str| values.get(name).cloned().unwrap_or_default();
    let body = request.body.clone().unwrap_or_default();
    let answer = state.act(
        (operation.method, operation.template),
        &value,
        &request.query,
        &body,
    );
    match contract.judge_answer(operation, answer.status, answer.body.as_ref()) {
        Some(errors) => {
            for error in errors {
                wrong(format!("answer {}: {error}", answer.status));
            }
        }
        // GitHub describes few failures, and means them everywhere.
        None if matches!(answer.status, 403 | 404) => {}
        None => wrong(format!("no answer {} is described", answer.status)),
    }
    answer
}

fn judge(
    request: &Recorded,
    wrong: &dyn Fn(String),
) -> Option<(
    &'static contract::Operation,
    std::collections::HashMap<String, String>,
)> {
    if is_graphql(request) {
        return None;
    }
    let contract = Contract::get();
    let Some((operation, values)) = contract.find(&request.method, path(request)) else {
        wrong("there is no such operation".to_owned());
        return None;
    };
    for error in contract.judge_request(operation, &values, &request.query, request.body.as_ref()) {
        wrong(error);
    }
    Some((operation, values))
}

fn graphql(state: &State, request: &Recorded, wrong: &dyn Fn(String)) -> Answer {
    if !state.graphql {
        return Answer::of(404, faults::said("Not Found"));
    }
    if request.method != "POST" || request.body != Some(json!({ "query": VIEWER })) {
        wrong(format!("an unknown question: {:?}", request.body));
    }
    Answer::of(
        200,
        json!({ "data": { "viewer": { "login": state.viewer.0 } } }),
    )
}

/// What GitHub asks of every request.
fn wrong_headers(request: &Recorded) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut expect = |name: &str, fits: &dyn Fn(&str) -> bool| {
        if !request.header(name).is_some_and(fits) {
            wrong.push(format!("{name} is {:?}", request.header(name)));
        }
    };
    expect("user-agent", &|it| it.starts_with("daglab/"));
    expect("accept", &|it| it == "application/vnd.github+json");
    expect("x-github-api-version", &|it| it == "2022-11-28");
    expect("authorization", &|it| it.starts_with("Bearer "));
    if request.body.is_some() {
        expect("content-type", &|it| it == "application/json");
    }
    wrong
}

fn link(request: &Recorded, page: usize) -> String {
    let mut query = String::new();
    for (name, value) in request.query.iter().filter(|(name, _)| name != "page") {
        query.push_str(&format!("{name}={value}&"));
    }
    let host = request.header("host").unwrap();
    let url = format!("http://{host}{}?{query}", request.path);
    format!("<{url}page={page}>; rel=\"next\", <{url}page=1>; rel=\"first\"")
}

fn read(stream: &TcpStream) -> Option<Recorded> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        headers.push((name.to_lowercase(), value.trim().to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length = length.map_or(0, |(_, value)| value.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let query = url::form_urlencoded::parse(query.as_bytes());
    Some(Recorded {
        method,
        path: path.to_owned(),
        query: query.into_owned().collect(),
        headers,
        body: (length > 0).then(|| {
            serde_json::from_slice(&body)
                .unwrap_or_else(|_| json!(String::from_utf8_lossy(&body).into_owned()))
        }),
    })
}

fn send(mut stream: &TcpStream, status: u16, headers: &[(&str, String)], body: Option<&Value>) {
    let body = body.map(Value::to_string).unwrap_or_default();
    let mut head = format!("HTTP/1.1 {status} -\r\nconnection: close\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if status != 204 {
        head.push_str(&format!(
            "content-type: application/json; charset=utf-8\r\ncontent-length: {}\r\n",
            body.len()
        ));
    }
    let _ = stream.write_all(format!("{head}\r\n{body}").as_bytes());
    let _ = stream.shutdown(Shutdown::Write);
    // Who hangs up before the other side takes the answer along.
    let _ = stream.read_to_end(&mut Vec::new());
}
