//! GitHub's artifact service and its blob store, on one port of this machine.
//!
//! It does what can be seen of theirs: the five calls with their refusals, signed URLs, and blocks
//! that become a blob when their list is put. It keeps every request, and fails when it is told to.
//! Bytes are kept in files, so a test of memory can share its process.

pub mod http;
mod store;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::io::{BufReader, Read};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use http::{Answer, Request, Sending, hang_up, read_request, send};
pub use store::Artifact;
use store::Store;

/// What a client can ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    Create,
    Finalize,
    List,
    Sign,
    Delete,
    PutBlock,
    PutBlockList,
    GetBlob,
}

/// How answers are spelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spelling {
    /// As GitHub does.
    Snake,
    /// As Gitea and act do.
    Camel,
}

/// What happens to a request that says `mime_type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Types {
    Known,
    /// Refused with this status and body, as something that can't be read.
    Refused(u16, &'static str),
}

#[derive(Debug, Clone)]
pub struct Options {
    /// Where it listens; port 0 is any.
    pub address: String,
    pub spelling: Spelling,
    pub types: Types,
    /// Whether bytes are kept, or only counted.
    pub keep_bytes: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            address: "127.0.0.1:0".into(),
            spelling: Spelling::Snake,
            types: Types::Known,
            keep_bytes: true,
        }
    }
}

/// What goes wrong with one request.
#[derive(Debug, Clone)]
pub enum Fault {
    /// Nothing is done, and this is answered: status, headers, body.
    Answer(u16, Vec<(&'static str, String)>, String),
    /// It is done, and this is answered.
    ActAndAnswer(u16, String),
    /// Nothing is done, and the connection ends.
    HangUp,
    /// It is done, and the connection ends.
    ActAndHangUp,
    /// So many bytes of the body are read, then the connection ends.
    CutRequest(u64),
    /// So many bytes of the answer are sent, then the connection ends.
    CutAnswer(u64),
    /// A byte of the answer is another one.
    CorruptAnswer,
    /// There is no answer at all, until the client goes.
    Silence,
}

impl Fault {
    pub fn status(status: u16) -> Self {
        let body = format!(r#"{{"code":"unavailable","msg":"injected {status}"}}"#);
        Self::Answer(status, Vec::new(), body)
    }

    pub fn with_header(status: u16, name: &'static str, value: &str) -> Self {
        Self::Answer(status, vec![(name, value.into())], "{}".into())
    }
}

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Recorded {
    pub step: Option<Step>,
    pub method: String,
    pub path: String,
    pub query: Vec<(String, String)>,
    pub headers: BTreeMap<String, String>,
    /// The body of everything but blocks.
    pub body: Vec<u8>,
    /// Bytes of the body that arrived.
    pub size: u64,
}

impl Recorded {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

struct State {
    options: Options,
    store: Store,
    records: Vec<Recorded>,
    faults: HashMap<Step, VecDeque<Fault>>,
    tokens_expired: bool,
}

/// The service; it serves as long as the process lives.
pub struct ArtifactServer {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

impl ArtifactServer {
    pub fn start(options: Options) -> Self {
        let listener = TcpListener::bind(&options.address).unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State {
            store: Store::new(options.keep_bytes),
            options,
            records: Vec::new(),
            faults: HashMap::new(),
            tokens_expired: false,
        }));
        let shared = Arc::clone(&state);
        // It ends with the test's process.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = Arc::clone(&shared);
                std::thread::spawn(move || serve(&stream, &state));
            }
        });
        Self { address, state }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port())
    }

    /// What a runner sets for a job.
    pub fn environment(&self, job: &str) -> Vec<(String, String)> {
        self.environment_at(&self.url(), job)
    }

    /// The same for a job that reaches this server by another address, such as one in a container.
    /// Signed URLs have the address that a call came to.
    pub fn environment_at(&self, url: &str, job: &str) -> Vec<(String, String)> {
        let token = token("run-1", job);
        [
            ("GITHUB_ACTIONS", "true"),
            ("ACTIONS_RUNTIME_TOKEN", &token),
            ("ACTIONS_RESULTS_URL", &format!("{url}/")),
            ("GITHUB_SERVER_URL", "https://github.com"),
            ("GITHUB_REPOSITORY", "octo/hello"),
            ("GITHUB_RUN_ID", "42"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec()
    }

    /// From the next request of this kind on, one fault each.
    pub fn inject(&self, step: Step, faults: impl IntoIterator<Item = Fault>) {
        self.state().faults.entry(step).or_default().extend(faults);
    }

    /// How many faults have not happened yet.
    pub fn faults_left(&self) -> usize {
        self.state().faults.values().map(VecDeque::len).sum()
    }

    pub fn expire_tokens(&self) {
        self.state().tokens_expired = true;
    }

    pub fn records(&self) -> Vec<Recorded> {
        self.state().records.clone()
    }

    /// The requests of a kind so far.
    pub fn records_of(&self, step: Step) -> Vec<Recorded> {
        let mut records = self.records();
        records.retain(|record| record.step == Some(step));
        records
    }

    /// Forgets the requests so far.
    pub fn take_records(&self) -> Vec<Recorded> {
        std::mem::take(&mut self.state().records)
    }

    /// All artifacts, the unfinished too.
    pub fn artifacts(&self) -> Vec<Artifact> {
        self.state().store.artifacts.clone()
    }

    /// The finalized artifact of this name.
    #[track_caller]
    pub fn artifact(&self, name: &str) -> Artifact {
        let found = self.artifacts().into_iter().rev();
        let mut found = found.filter(|it| it.finalized && it.name == name);
        found.next().unwrap_or_else(|| panic!("no `{name}`"))
    }

    /// Puts an artifact there that no client has stored.
    pub fn put(&self, job: &str, name: &str, kind: &str, bytes: &[u8]) -> u64 {
        self.state().store.put("run-1", job, name, kind, bytes)
    }

    /// The same, as something that was never finished.
    pub fn put_unfinished(&self, job: &str, name: &str) {
        self.state().store.create("run-1", job, name, None);
    }
}

/// A job's token, which nobody has signed.
pub fn token(run: &str, job: &str) -> String {
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let claims =
        format!(r#"{{"scp":"Actions.Example Actions.Results:{run}:{job}","exp":4102444800}}"#);
    format!(
        "{}.{}.{}",
        part(r#"{"alg":"RS256"}"#),
        part(&claims),
        part("signature")
    )
}

fn serve(stream: &TcpStream, state: &Mutex<State>) {
    let _ = stream.set_nodelay(true);
    let mut reader = BufReader::with_capacity(256 * 1024, stream.try_clone().unwrap());
    while let Some(request) = read_request(&mut reader) {
        let Some((answer, sending)) = answer(request, state) else {
            break;
        };
        if send(stream, answer, sending).is_err() {
            break;
        }
    }
    hang_up(stream);
}

/// What to answer; nothing if the connection is to end.
fn answer(mut request: Request<'_>, state: &Mutex<State>) -> Option<(Answer, Sending)> {
    let step = step_of(&request);
    let fault = step.and_then(|step| state.lock().unwrap().faults.get_mut(&step)?.pop_front());
    if let Some(Fault::CutRequest(bytes)) = fault {
        let size = std::io::copy(&mut (&mut request.body).take(bytes), &mut std::io::sink());
        record(state, step, &request, Vec::new(), size.unwrap_or(0));
        return None;
    }
    // Blocks go to a file; everything else is small. The state is not held while bytes arrive.
    let (body, block) = if step == Some(Step::PutBlock) {
        let keep = state.lock().unwrap().store.new_block();
        (Vec::new(), Some(keep.receive(&mut request.body).ok()?))
    } else {
        let mut body = Vec::new();
        request.body.read_to_end(&mut body).ok()?;
        (body, None)
    };
    let size = block.as_ref().map_or(body.len() as u64, |block| block.size);
    record(state, step, &request, body.clone(), size);
    let act = || {
        let mut state = state.lock().unwrap();
        match step {
            None => Answer::new(404, "text/plain", "nothing is here"),
            Some(Step::PutBlock | Step::PutBlockList | Step::GetBlob) => {
                state.store.blob(&request, &body, block)
            }
            Some(step) => state.call(step, &request, &body),
        }
    };
    let whole = |answer| Some((answer, Sending::Whole));
    match fault {
        None => whole(act()),
        Some(Fault::Answer(status, headers, body)) => {
            let answer = Answer::new(status, "application/json", body);
            whole(
                headers
                    .into_iter()
                    .fold(answer, |answer, (name, value)| answer.with(name, value)),
            )
        }
        Some(Fault::ActAndAnswer(status, body)) => {
            act();
            whole(Answer::new(status, "application/json", body))
        }
        Some(Fault::HangUp | Fault::CutRequest(_)) => None,
        Some(Fault::ActAndHangUp) => {
            act();
            None
        }
        Some(Fault::CutAnswer(bytes)) => {
            let answer = act();
            // What has no body is cut in its head.
            (answer.length > 0).then_some((answer, Sending::CutAfter(bytes)))
        }
        Some(Fault::CorruptAnswer) => Some((act(), Sending::Corrupted)),
        Some(Fault::Silence) => {
            // By then the client has given up.
            std::thread::park_timeout(std::time::Duration::from_secs(30));
            None
        }
    }
}

fn record(
    state: &Mutex<State>,
    step: Option<Step>,
    request: &Request<'_>,
    body: Vec<u8>,
    size: u64,
) {
    state.lock().unwrap().records.push(Recorded {
        step,
        method: request.method.clone(),
        path: request.path.clone(),
        query: request.query.clone(),
        headers: request.headers.clone(),
        body,
        size,
    });
}

fn step_of(request: &Request<'_>) -> Option<Step> {
    if request.path.starts_with(store::BLOBS) {
        return match (request.method.as_str(), request.parameter("comp")) {
            ("PUT", "block") => Some(Step::PutBlock),
            ("PUT", "blocklist") => Some(Step::PutBlockList),
            ("GET", "") => Some(Step::GetBlob),
            _ => None,
        };
    }
    let method = request
        .path
        .strip_prefix("/twirp/github.actions.results.api.v1.ArtifactService/")?;
    if request.method != "POST" {
        return None;
    }
    match method {
        "CreateArtifact" => Some(Step::Create),
        "FinalizeArtifact" => Some(Step::Finalize),
        "ListArtifacts" => Some(Step::List),
        "GetSignedArtifactURL" => Some(Step::Sign),
        "DeleteArtifact" => Some(Step::Delete),
        _ => None,
    }
}

impl State {
    fn call(&mut self, step: Step, request: &Request<'_>, body: &[u8]) -> Answer {
        let refuse = |status, code: &str, msg: &str| {
            let body = serde_json::json!({"code": code, "msg": msg});
            Answer::new(status, "application/json", body.to_string())
        };
        let authorized = request
            .header("authorization")
            .strip_prefix("Bearer ")
            .and_then(|token| token.split('.').nth(1))
            .and_then(|payload| URL_SAFE_NO_PAD.decode(payload).ok())
            .and_then(|payload| serde_json::from_slice::<Value>(&payload).ok());
        let Some(claims) = authorized.filter(|_| !self.tokens_expired) else {
            return refuse(401, "unauthenticated", "the token is not valid");
        };
        let Ok(body) = serde_json::from_slice::<Value>(body) else {
            return refuse(400, "malformed", "the json request could not be decoded");
        };
        if let Types::Refused(status, text) = self.options.types
            && body.get("mime_type").is_some()
        {
            return Answer::new(status, "text/plain", text);
        }
        let scope = claims["scp"].as_str().unwrap_or_default();
        match self.store.call(step, &body, scope, request.header("host")) {
            Ok(answer) => {
                let answer = match self.options.spelling {
                    Spelling::Snake => answer,
                    Spelling::Camel => camel(answer),
                };
                Answer::new(200, "application/json", answer.to_string())
            }
            Err((status, code, msg)) => refuse(status, code, msg),
        }
    }
}

/// The same with names in camelCase.
fn camel(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let named = map.into_iter().map(|(name, value)| {
                let mut parts = name.split('_');
                let mut name = parts.next().unwrap_or_default().to_owned();
                for part in parts {
                    name.push_str(&part[..1].to_uppercase());
                    name.push_str(&part[1..]);
                }
                (name, camel(value))
            });
            Value::Object(named.collect())
        }
        Value::Array(values) => Value::Array(values.into_iter().map(camel).collect()),
        other => other,
    }
}
