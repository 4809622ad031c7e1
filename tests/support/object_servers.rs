//! The object stores of tests/servers: S3, Google Cloud Storage and Azure Blob Storage, each on a
//! free port of this machine, ended when it goes out of scope.
//!
//! They refuse what the real ones refuse, and fail when they are told to.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

/// Whose store it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cloud {
    S3,
    Gcs,
    Azure,
}

pub const CLOUDS: [Cloud; 3] = [Cloud::S3, Cloud::Gcs, Cloud::Azure];

/// Of S3, for which requests have to be signed.
pub const REGION: &str = "eu-central-1";
/// Of Azure.
pub const ACCOUNT: &str = "daglabtests";
const ACCOUNT_KEY: &str = "dGhlIGFjY291bnQga2V5IG9mIHRoZSB0ZXN0cywgb2YgYXMgbWFueSBieXRlcyBhcyBBenVyZSdz\
                           Li4uLi4uLg==";
const ACCESS_KEY: &str = "AKIADAGLABTESTS00001";
const SECRET_KEY: &str = "5ecret/Of+The/Tests/0nly/n0tUsedAnywhereElse";
const TEMPORARY_KEY: &str = "ASIADAGLABTESTS00001";
const TEMPORARY_SECRET: &str = "Temp0rary/Secret+Of/The/Tests/n0tUsedElsewhere";
const SESSION_TOKEN: &str = "session-token-of-the-tests//with+signs==";

/// A store in a process of its own.
pub struct ObjectServer {
    pub cloud: Cloud,
    child: Child,
    url: String,
    folder: tempfile::TempDir,
}

/// What came back.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    /// By names in lower case.
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as a browser has it.
    pub fn unpacked(&self) -> Vec<u8> {
        if self.header("content-encoding") != "gzip" {
            return self.body.clone();
        }
        let mut unpacked = Vec::new();
        let mut decoder = flate2::read::GzDecoder::new(self.body.as_slice());
        std::io::Read::read_to_end(&mut decoder, &mut unpacked).unwrap();
        unpacked
    }
}

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Came {
    pub method: String,
    /// As it was sent, encoded.
    pub path: String,
    pub query: String,
    pub headers: Value,
    /// The fault that it met.
    pub fault: Option<String>,
    /// Nothing if it was not answered.
    pub status: Option<u64>,
    /// Of the body, if all of it arrived.
    pub size: Option<u64>,
}

impl ObjectServer {
    pub fn start(cloud: Cloud) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/servers");
        let mut command = Command::new(super::python());
        match cloud {
            Cloud::S3 => command.arg(script.join("s3.py")).arg(REGION),
            Cloud::Gcs => command.arg(script.join("gcs.py")).arg(folder.path()),
            Cloud::Azure => command
                .arg(script.join("azure.py"))
                .arg(std::env::var_os("DAGLAB_TEST_NODE").expect(
                    "DAGLAB_TEST_NODE must name a directory with the packages of tests/node; \
                     `scripts/test` sets it",
                ))
                .arg(folder.path()),
        };
        // Its standard input ends with this process, however that ends.
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut url = String::new();
        let stdout = child.stdout.take().unwrap();
        BufReader::new(stdout).read_line(&mut url).unwrap();
        assert!(url.starts_with("http://"), "{script:?} does not start");
        Self {
            cloud,
            child,
            url: url.trim_end().to_owned(),
            folder,
        }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// What `--upload` is given.
    pub fn destination(&self, place: &str) -> String {
        let scheme = match self.cloud {
            Cloud::S3 => "s3",
            Cloud::Gcs => "gs",
            Cloud::Azure => "az",
        };
        format!("{scheme}://{place}")
    }

    /// `export.cloud_storage` of a project whose exports come here.
    pub fn settings(&self) -> String {
        let provider = match self.cloud {
            Cloud::S3 => format!("s3, region: {REGION}"),
            Cloud::Gcs => "gcs".to_owned(),
            Cloud::Azure => format!("azure, account: {ACCOUNT}"),
        };
        let url = &self.url;
        format!("{{provider: {provider}, endpoint: \"{url}\"}}")
    }

    /// The credentials of somebody who may do everything, as the cloud's own tools find them.
    pub fn variables(&self) -> Vec<(String, String)> {
        let account = self.service_account().display().to_string();
        let variables: &[(&str, &str)] = match self.cloud {
            Cloud::S3 => &[
                ("AWS_ACCESS_KEY_ID", ACCESS_KEY),
                ("AWS_SECRET_ACCESS_KEY", SECRET_KEY),
            ],
            Cloud::Gcs => &[("GOOGLE_APPLICATION_CREDENTIALS", &account)],
            Cloud::Azure => &[
                ("AZURE_STORAGE_ACCOUNT_NAME", ACCOUNT),
                ("AZURE_STORAGE_ACCOUNT_KEY", ACCOUNT_KEY),
            ],
        };
        owned(variables)
    }

    /// The same with temporary credentials; S3 only.
    pub fn temporary_variables(&self) -> Vec<(String, String)> {
        assert_eq!(self.cloud, Cloud::S3);
        owned(&[
            ("AWS_ACCESS_KEY_ID", TEMPORARY_KEY),
            ("AWS_SECRET_ACCESS_KEY", TEMPORARY_SECRET),
            ("AWS_SESSION_TOKEN", SESSION_TOKEN),
        ])
    }

    /// The credentials of somebody whom the store does not know.
    pub fn wrong_variables(&self) -> Vec<(String, String)> {
        let mut variables = self.variables();
        match self.cloud {
            Cloud::S3 => variables[1].1 = "wr0ng/Secret".to_owned(),
            Cloud::Gcs => {
                // A key of the right form that is another one.
                let other = Self::start(Cloud::Gcs);
                let text = std::fs::read_to_string(other.service_account()).unwrap();
                let file = self.folder.path().join("wrong-account.json");
                std::fs::write(&file, text).unwrap();
                variables[0].1 = file.display().to_string();
            }
            Cloud::Azure => variables[1].1 = "d3JvbmcgYWNjb3VudCBrZXk=".to_owned(),
        }
        variables
    }

    /// What must never be seen anywhere.
    pub fn secrets(&self) -> Vec<String> {
        match self.cloud {
            Cloud::S3 => [SECRET_KEY, TEMPORARY_SECRET].map(str::to_owned).to_vec(),
            Cloud::Gcs => {
                let text = std::fs::read_to_string(self.service_account()).unwrap();
                let account: Value = serde_json::from_str(&text).unwrap();
                let key = account["private_key"].as_str().unwrap();
                key.lines().skip(1).take(3).map(str::to_owned).collect()
            }
            Cloud::Azure => vec![ACCOUNT_KEY.to_owned()],
        }
    }

    /// The key file of Google's service account.
    pub fn service_account(&self) -> PathBuf {
        self.folder.path().join("service-account.json")
    }

    /// The file of Google's workload identity federation.
    pub fn external_account(&self) -> PathBuf {
        self.folder.path().join("external-account.json")
    }

    pub fn create_bucket(&self, name: &str) -> &Self {
        self.control("PUT", &format!("bucket/{name}"), b"{}");
        self
    }

    /// A bucket that everybody may read.
    pub fn create_public_bucket(&self, name: &str) -> &Self {
        self.control("PUT", &format!("bucket/{name}"), br#"{"public": true}"#);
        self
    }

    /// Keys and sizes, sorted.
    pub fn objects(&self, bucket: &str) -> BTreeMap<String, u64> {
        let listed = self.control("GET", &format!("bucket/{bucket}"), b"");
        let listed: Vec<Value> = serde_json::from_slice(&listed.body).unwrap();
        let entry = |one: &Value| Some((one["key"].as_str()?.to_owned(), one["size"].as_u64()?));
        listed.iter().map(|one| entry(one).unwrap()).collect()
    }

    pub fn keys(&self, bucket: &str) -> Vec<String> {
        self.objects(bucket).into_keys().collect()
    }

    /// The only key that ends so.
    #[track_caller]
    pub fn key_ending(&self, bucket: &str, end: &str) -> String {
        let keys = self.keys(bucket);
        let found: Vec<&String> = keys.iter().filter(|key| key.ends_with(end)).collect();
        assert_eq!(found.len(), 1, "{end} in {keys:#?}");
        found[0].clone()
    }

    /// The keys of uploads in parts that were neither completed nor aborted.
    pub fn uploads(&self, bucket: &str) -> Vec<String> {
        let listed = self.control("GET", &format!("uploads/{bucket}"), b"");
        serde_json::from_slice(&listed.body).unwrap()
    }

    /// An object as it is stored.
    pub fn get(&self, bucket: &str, key: &str) -> Reply {
        self.control("GET", &format!("object/{bucket}/{}", encoded(key)), b"")
    }

    /// An object that daglab has not written.
    pub fn put(&self, bucket: &str, key: &str, body: &[u8]) -> &Self {
        self.control("PUT", &format!("object/{bucket}/{}", encoded(key)), body);
        self
    }

    /// Adds a fault; tests/servers/control.py says what it can be.
    pub fn fault(&self, fault: &Value) -> &Self {
        self.control("POST", "faults", fault.to_string().as_bytes());
        self
    }

    /// How many requests each fault has met.
    pub fn faults_met(&self) -> Vec<u64> {
        serde_json::from_slice(&self.control("GET", "faults", b"").body).unwrap()
    }

    pub fn forget_faults(&self) {
        self.control("DELETE", "faults", b"");
    }

    /// Sets the server's clock so many seconds ahead of the machine's.
    pub fn set_clock(&self, offset: i64) {
        let offset = json!({ "offset": offset }).to_string();
        self.control("POST", "clock", offset.as_bytes());
    }

    pub fn requests(&self) -> Vec<Came> {
        let listed = self.control("GET", "requests", b"");
        let listed: Vec<Value> = serde_json::from_slice(&listed.body).unwrap();
        let text = |value: &Value| value.as_str().map(str::to_owned);
        listed
            .iter()
            .map(|one| Came {
                method: text(&one["method"]).unwrap(),
                path: text(&one["path"]).unwrap(),
                query: text(&one["query"]).unwrap(),
                headers: one["headers"].clone(),
                fault: text(&one["fault"]),
                status: one["status"].as_u64(),
                size: one["size"].as_u64(),
            })
            .collect()
    }

    pub fn forget_requests(&self) {
        self.control("DELETE", "requests", b"");
    }

    #[track_caller]
    fn control(&self, method: &str, what: &str, body: &[u8]) -> Reply {
        let reply = request(method, &format!("{}/_control/{what}", self.url), &[], body);
        assert!(
            reply.status < 300,
            "{what}: {} {}",
            reply.status,
            reply.text()
        );
        reply
    }
}

impl Drop for ObjectServer {
    fn drop(&mut self) {
        // It ends with its input, and Azurite with it.
        drop(self.child.stdin.take());
        let ended = super::eventually(Duration::from_secs(20), || {
            matches!(self.child.try_wait(), Ok(Some(_)) | Err(_))
        });
        if !ended {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// What somebody gets who only has an address.
pub fn open(url: &str) -> Reply {
    request("GET", url, &[("accept-encoding", "gzip")], b"")
}

/// The same address with another signature: its last digit is another one.
pub fn altered(url: &str) -> String {
    let name = ["X-Amz-Signature=", "X-Goog-Signature=", "sig="]
        .into_iter()
        .find(|name| url.contains(name))
        .unwrap_or_else(|| panic!("{url} is not signed"));
    let (before, after) = url.split_once(name).unwrap();
    let first = if after.starts_with('1') { '2' } else { '1' };
    format!("{before}{name}{first}{}", &after[1..])
}

/// Sends a request and reads the answer as it is.
pub fn request(method: &str, url: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let client = reqwest::Client::builder()
            .no_gzip()
            .no_proxy()
            .timeout(Duration::from_secs(120))
            .build()
            .unwrap();
        let mut request = client
            .request(method.parse().unwrap(), url)
            .body(body.to_vec());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = request.send().await.unwrap();
        let headers = answer.headers().iter();
        Reply {
            status: answer.status().as_u16(),
            headers: headers
                .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
                .collect(),
            body: answer.bytes().await.unwrap().to_vec(),
        }
    })
}

fn encoded(key: &str) -> String {
    percent_encoding::utf8_percent_encode(key, percent_encoding::NON_ALPHANUMERIC).to_string()
}

fn owned(variables: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    variables.iter().map(owned).collect()
}
