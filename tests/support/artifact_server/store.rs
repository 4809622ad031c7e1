//! What the service knows of artifacts, and their bytes.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::Step;
use super::http::{Answer, Request};

/// The beginning of blobs' paths: an account and a container.
pub const BLOBS: &str = "/devstoreaccount1/artifacts/";

/// An artifact, finished or not.
#[derive(Debug, Clone)]
pub struct Artifact {
    pub id: u64,
    pub run: String,
    pub job: String,
    pub name: String,
    pub version: u64,
    pub mime_type: Option<String>,
    pub expires_at: Option<String>,
    pub finalized: bool,
    /// As the client said when it finalized.
    pub size: u64,
    pub hash: Option<String>,
    /// The type that the blob was stored with.
    pub content_type: String,
    staged: HashMap<String, Block>,
    committed: Option<Vec<Block>>,
    dir: Arc<tempfile::TempDir>,
}

impl Artifact {
    /// The stored bytes.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.reader().read_to_end(&mut bytes).unwrap();
        bytes
    }

    pub fn stored_size(&self) -> u64 {
        let blocks = self.committed.iter().flatten();
        blocks.map(|block| block.size).sum()
    }

    /// How many blocks the bytes came in.
    pub fn blocks(&self) -> usize {
        self.committed.iter().flatten().count()
    }

    fn reader(&self) -> Box<dyn Read> {
        let mut reader: Box<dyn Read> = Box::new(io::empty());
        for block in self.committed.iter().flatten() {
            reader = Box::new(reader.chain(File::open(&block.path).unwrap()));
        }
        reader
    }

    /// Signatures have in them what must be encoded in a URL.
    pub fn signature(&self) -> String {
        format!("{}+/=", STANDARD.encode(format!("key of {}", self.id)))
    }

    fn url(&self, host: &str) -> String {
        let signature = self.signature();
        let signature = url::form_urlencoded::byte_serialize(signature.as_bytes());
        format!(
            "http://{host}{BLOBS}{}?se=2100-01-01T00%3A00%3A00Z&sig={}&sv=2023-11-03",
            self.id,
            signature.collect::<String>()
        )
    }
}

/// Bytes that have arrived.
#[derive(Debug, Clone)]
pub struct Block {
    path: PathBuf,
    pub size: u64,
}

/// Where the next bytes go.
pub struct NewBlock {
    path: PathBuf,
    keep: bool,
}

impl NewBlock {
    /// All of it, or nothing: a body that breaks off is an error.
    pub fn receive(self, body: &mut dyn Read) -> io::Result<Block> {
        let size = if self.keep {
            io::copy(body, &mut File::create(&self.path)?)?
        } else {
            File::create(&self.path)?;
            io::copy(body, &mut io::sink())?
        };
        Ok(Block {
            path: self.path,
            size,
        })
    }
}

type Refusal = (u16, &'static str, &'static str);

pub struct Store {
    dir: Arc<tempfile::TempDir>,
    keep: bool,
    blocks: u64,
    next_id: u64,
    pub artifacts: Vec<Artifact>,
}

impl Store {
    pub fn new(keep: bool) -> Self {
        Self {
            dir: Arc::new(tempfile::tempdir().unwrap()),
            keep,
            blocks: 0,
            // More than a 53-bit number holds would be more than GitHub's own client takes.
            next_id: 4_000_000_001,
            artifacts: Vec::new(),
        }
    }

    pub fn new_block(&mut self) -> NewBlock {
        self.blocks += 1;
        NewBlock {
            path: self.dir.path().join(self.blocks.to_string()),
            keep: self.keep,
        }
    }

    pub fn create(&mut self, run: &str, job: &str, name: &str, mime_type: Option<&str>) -> usize {
        self.artifacts.push(Artifact {
            id: self.next_id,
            run: run.into(),
            job: job.into(),
            name: name.into(),
            version: 0,
            mime_type: mime_type.map(str::to_owned),
            expires_at: None,
            finalized: false,
            size: 0,
            hash: None,
            content_type: String::new(),
            staged: HashMap::new(),
            committed: None,
            dir: Arc::clone(&self.dir),
        });
        self.next_id += 1;
        self.artifacts.len() - 1
    }

    pub fn put(&mut self, run: &str, job: &str, name: &str, kind: &str, bytes: &[u8]) -> u64 {
        let index = self.create(run, job, name, Some(kind));
        let block = self.new_block().receive(&mut &*bytes).unwrap();
        let artifact = &mut self.artifacts[index];
        artifact.committed = Some(vec![block]);
        artifact.finalized = true;
        artifact.size = bytes.len() as u64;
        artifact.content_type = kind.into();
        let mut hash = String::from("sha256:");
        for byte in Sha256::digest(bytes) {
            hash.push_str(&format!("{byte:02x}"));
        }
        artifact.hash = Some(hash);
        artifact.id
    }

    /// Carries out a call.
    pub fn call(
        &mut self,
        step: Step,
        body: &Value,
        scope: &str,
        host: &str,
    ) -> Result<Value, Refusal> {
        let text = |name: &str| body[name].as_str().unwrap_or_default();
        let (run, job) = (
            text("workflow_run_backend_id"),
            text("workflow_job_run_backend_id"),
        );
        let run_scope = format!("Actions.Results:{run}:");
        if !scope.split(' ').any(|it| it.starts_with(&run_scope)) {
            return Err((403, "permission_denied", "the token is for another run"));
        }
        let own = scope.split(' ').any(|it| it == format!("{run_scope}{job}"));
        let name = text("name");
        let found = self
            .artifacts
            .iter()
            .position(|it| it.run == run && it.name == name && it.job == job);
        match step {
            Step::Create if !own => Err((403, "permission_denied", "not this job")),
            Step::Create => self.call_create(body, run, job, name, host),
            Step::Finalize => self.call_finalize(body, found),
            Step::List => Ok(self.call_list(body, run)),
            Step::Sign => found
                .map(|index| &self.artifacts[index])
                .filter(|artifact| artifact.finalized)
                .map(|artifact| json!({"signed_url": artifact.url(host)}))
                .ok_or((404, "not_found", "artifact not found")),
            Step::Delete => {
                let index = found.ok_or((404, "not_found", "artifact not found"))?;
                let artifact = self.artifacts.remove(index);
                Ok(json!({"ok": true, "artifact_id": artifact.id.to_string()}))
            }
            Step::PutBlock | Step::PutBlockList | Step::GetBlob => {
                unreachable!("these are no calls")
            }
        }
    }

    fn call_create(
        &mut self,
        body: &Value,
        run: &str,
        job: &str,
        name: &str,
        host: &str,
    ) -> Result<Value, Refusal> {
        let forbidden = ['"', ':', '<', '>', '|', '*', '?', '\r', '\n', '\\', '/'];
        if name.is_empty() || name.contains(forbidden) {
            return Err((400, "invalid_argument", "the artifact name is not valid"));
        }
        if self
            .artifacts
            .iter()
            .any(|it| it.run == run && it.name == name)
        {
            let text = "an artifact with this name already exists on the workflow run";
            return Err((409, "already_exists", text));
        }
        let index = self.create(run, job, name, body["mime_type"].as_str());
        let artifact = &mut self.artifacts[index];
        artifact.version = body["version"].as_u64().unwrap_or(0);
        artifact.expires_at = body["expires_at"].as_str().map(str::to_owned);
        Ok(json!({"ok": true, "signed_upload_url": artifact.url(host)}))
    }

    fn call_finalize(&mut self, body: &Value, found: Option<usize>) -> Result<Value, Refusal> {
        let artifact = found.map(|index| &mut self.artifacts[index]).ok_or((
            404,
            "not_found",
            "artifact not found",
        ))?;
        if artifact.finalized {
            return Err((409, "already_exists", "the artifact is finalized"));
        }
        let size = body["size"].as_str().and_then(|size| size.parse().ok());
        if artifact.committed.is_none() || size != Some(artifact.stored_size()) {
            return Err((400, "failed_precondition", "the blob is not what was said"));
        }
        artifact.finalized = true;
        artifact.size = artifact.stored_size();
        artifact.hash = body["hash"].as_str().map(str::to_owned);
        Ok(json!({"ok": true, "artifact_id": artifact.id.to_string()}))
    }

    fn call_list(&self, body: &Value, run: &str) -> Value {
        let listed = self
            .artifacts
            .iter()
            .filter(|it| it.run == run && it.finalized)
            .filter(|it| {
                body["name_filter"]
                    .as_str()
                    .is_none_or(|name| name == it.name)
            })
            .filter(|it| {
                let wanted = body["id_filter"].as_str();
                wanted.is_none_or(|id| id == it.id.to_string())
            })
            .map(|it| {
                json!({
                    "workflow_run_backend_id": it.run,
                    "workflow_job_run_backend_id": it.job,
                    "database_id": it.id.to_string(),
                    "name": it.name,
                    "size": it.size.to_string(),
                    "created_at": "2026-11-21T12:00:00.123456Z",
                    "digest": it.hash,
                })
            });
        json!({"artifacts": listed.collect::<Vec<_>>()})
    }

    /// What the blob store does.
    pub fn blob(&mut self, request: &Request<'_>, body: &[u8], block: Option<Block>) -> Answer {
        let xml = |status, code: &str| {
            let body = format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code></Error>");
            Answer::new(status, "application/xml", body)
        };
        let id = request.path.strip_prefix(BLOBS).unwrap_or_default();
        let Some(artifact) = self
            .artifacts
            .iter_mut()
            .find(|it| it.id.to_string() == id && it.signature() == request.parameter("sig"))
        else {
            return xml(403, "AuthenticationFailed");
        };
        if !request.header("authorization").is_empty() {
            return xml(400, "InvalidAuthenticationInfo");
        }
        match (request.method.as_str(), block) {
            ("PUT", Some(block)) => {
                let id = request.parameter("blockid").to_owned();
                let length = id.len();
                if artifact.staged.keys().any(|other| other.len() != length) {
                    return xml(400, "InvalidBlobOrBlock");
                }
                artifact.staged.insert(id, block);
                Answer::new(201, "text/plain", "")
            }
            ("PUT", None) => {
                let text = String::from_utf8_lossy(body);
                let ids = text.split("<Latest>").skip(1);
                let blocks: Option<Vec<Block>> = ids
                    .filter_map(|part| part.split("</Latest>").next())
                    .map(|id| artifact.staged.get(id).cloned())
                    .collect();
                let Some(blocks) = blocks else {
                    return xml(400, "InvalidBlockList");
                };
                artifact.committed = Some(blocks);
                artifact.content_type = request.header("x-ms-blob-content-type").to_owned();
                Answer::new(201, "text/plain", "")
                    .with("etag", "\"0x8D\"")
                    .with("last-modified", "Sat, 21 Nov 2026 12:00:00 GMT")
            }
            _ if artifact.committed.is_none() => xml(404, "BlobNotFound"),
            _ => {
                let zipped = artifact.content_type == "application/zip";
                let name = if zipped {
                    format!("{}.zip", artifact.name)
                } else {
                    artifact.name.clone()
                };
                let name = percent_encoding::utf8_percent_encode(
                    &name,
                    percent_encoding::NON_ALPHANUMERIC,
                );
                let mut answer = Answer::new(200, &artifact.content_type, "").with(
                    "content-disposition",
                    format!("attachment; filename=\"artifact\"; filename*=UTF-8''{name}"),
                );
                answer.length = artifact.stored_size();
                answer.body = artifact.reader();
                answer
            }
        }
    }
}
