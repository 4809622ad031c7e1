//! The one way to Dagster's GraphQL: every operation passes [`Client::execute`].
//!
//! What an answer means is told apart here as far as HTTP and GraphQL go; what its `data` means is
//! for the rooms that ask.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use reqwest::{Certificate, StatusCode};
use serde::{Deserialize, Serialize};
use tokio::sync::OnceCell;
use url::Url;

use super::address::{self, base_url, is_loopback};
use super::credentials::Credentials;
use super::error::{BROKE_OFF, Error};
use super::excerpt::excerpt;
use super::gate::Gate;
use super::operations::wire::NoVariables;
use super::operations::{Described, Kind, OLDEST, Operation, ServerVersion};
use super::version::Version;

/// The wait before the second attempt; it doubles.
const RETRY_WAIT: Duration = Duration::from_millis(100);
/// An answer longer than this is not read to its end.
const ANSWER_LIMIT: usize = 512 * 1024 * 1024;

/// Where the server is and how long to wait for it.
#[derive(Debug, Clone)]
pub struct ClientConfig {
    /// The address of the web server with its path prefix, if it has one. A final `/graphql` may
    /// be there or not.
    pub url: String,
    /// How long one request may take.
    pub timeout: Duration,
    /// How often a read is tried again when the network fails.
    pub retries: u32,
    /// Who asks. User and password in the address do the same.
    pub credentials: Option<Credentials>,
    /// A file of certificates, in PEM, of authorities to trust beside those of the system.
    pub ca_file: Option<PathBuf>,
    /// What may be asked.
    pub gate: Gate,
}

impl ClientConfig {
    /// A server with the usual limits.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            timeout: Duration::from_secs(60),
            retries: 2,
            credentials: None,
            ca_file: None,
            gate: Gate::default(),
        }
    }
}

/// A client of one Dagster web server. Its connections are kept, so share it by reference.
#[derive(Debug)]
pub struct Client {
    http: reqwest::Client,
    /// The web server's root, ending in `/`, without user and password.
    base: Url,
    graphql: Url,
    server_info: Url,
    timeout: Duration,
    retries: u32,
    credentials: Option<Credentials>,
    gate: Gate,
    version: OnceCell<Version>,
}

/// What `/server_info` says.
#[derive(Debug, Clone, Deserialize)]
pub struct ServerInfo {
    /// The release of the `dagster` package that serves.
    pub dagster_version: String,
}

#[derive(Serialize)]
struct Request<'a, V> {
    #[serde(rename = "operationName")]
    operation_name: &'a str,
    query: &'a str,
    variables: &'a V,
}

impl Client {
    /// Prepares a client. Nothing is sent yet.
    pub fn new(config: &ClientConfig) -> Result<Self, Error> {
        let mut base = base_url(&config.url)?;
        let in_address = Credentials::take_from(&mut base)?;
        let credentials = config.credentials.clone().or(in_address);
        let wrong = |error: url::ParseError| Error::Url {
            url: address::shown(&config.url),
            reason: error.to_string(),
        };
        let graphql = base.join("graphql").map_err(wrong)?;
        let server_info = base.join("server_info").map_err(wrong)?;
        let loopback = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
        let loopback6 = SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), 0);
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("daglab/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(config.timeout.min(Duration::from_secs(10)))
            .redirect(reqwest::redirect::Policy::none())
            // `localhost` is this machine whatever the resolver thinks; port 0 stands for the URL's.
            .resolve_to_addrs("localhost", &[loopback, loopback6]);
        if is_loopback(&base) {
            builder = builder.no_proxy();
            if base.scheme() == "http" {
                // Reading the system's certificates takes milliseconds that need not be paid.
                builder = builder.tls_certs_only([]);
            }
        } else if base.scheme() == "http" && credentials.is_some() {
            tracing::warn!("the credentials go to `{base}` unencrypted");
        }
        if let Some(file) = &config.ca_file {
            builder = builder.tls_certs_merge(authorities(file)?);
        }
        Ok(Self {
            http: builder
                .build()
                .map_err(|error| Error::Setup(reason(&error)))?,
            base,
            graphql,
            server_info,
            timeout: config.timeout,
            retries: config.retries,
            credentials,
            gate: config.gate.clone(),
            version: OnceCell::new(),
        })
    }

    /// The web server's address, without user and password.
    pub fn url(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    /// What may be asked.
    pub fn gate(&self) -> &Gate {
        &self.gate
    }

    /// The page of a run in Dagster's UI.
    pub fn run_url(&self, run_id: &str) -> String {
        self.page(&["runs", run_id])
    }

    /// The page of a backfill in Dagster's UI.
    pub fn backfill_url(&self, id: &str) -> String {
        self.page(&["runs", "b", id])
    }

    fn page(&self, path: &[&str]) -> String {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        url.into()
    }

    /// Asks the server who it is. It answers this before its code locations have loaded.
    pub async fn server_info(&self) -> Result<ServerInfo, Error> {
        let request = self.http.get(self.server_info.clone());
        let (status, body) = self.send("server_info", request).await?;
        self.check_status(status, &body)?;
        let info: ServerInfo = serde_json::from_slice(&body)
            .map_err(|_| self.not_dagster(status, &body, "`/server_info`"))?;
        if let Some(version) = Version::parse(&info.dagster_version) {
            // Known already is as good.
            let _ = self.version.set(version);
        }
        Ok(info)
    }

    /// The server's version, if it was needed by now.
    pub fn known_version(&self) -> Option<Version> {
        self.version.get().copied()
    }

    /// The server's version, asked once.
    pub async fn version(&self) -> Result<Version, Error> {
        let version = self.version.get_or_try_init(|| async {
            let data = self
                .send_document::<ServerVersion>(
                    ServerVersion::DESCRIBED.documents[0].text,
                    &NoVariables {},
                )
                .await?;
            Version::parse(&data.version).ok_or_else(|| Error::BrokenAnswer {
                url: self.url().to_owned(),
                operation: ServerVersion::DESCRIBED.name,
                reason: format!(
                    "`{}` is not a version",
                    self.excerpt(data.version.as_bytes())
                ),
            })
        });
        version.await.copied()
    }

    /// Carries out an operation. Reads are tried again when the network fails; what changes
    /// something is sent once.
    pub async fn execute<O: Operation>(&self, variables: &O::Variables) -> Result<O::Data, Error> {
        let text = self.document_for(&O::DESCRIBED).await?;
        self.send_document::<O>(text, variables).await
    }

    /// The beginning of a connection that is to become a websocket, over which GraphQL is spoken too.
    pub(super) fn upgrade_request(&self) -> reqwest::RequestBuilder {
        self.sign(self.http.get(self.graphql.clone()))
    }

    /// The document that fits the server, if the operation is allowed at all: there is no other way
    /// to a document. The server's version is only asked for where it matters.
    pub(super) async fn document_for(&self, operation: &Described) -> Result<&'static str, Error> {
        self.gate.pass(operation)?;
        if let [only] = operation.documents
            && only.since <= OLDEST
        {
            return Ok(only.text);
        }
        let server = self.version().await?;
        operation
            .document_for(server)
            .map(|document| document.text)
            .ok_or(Error::Unsupported {
                operation: operation.name,
                needs: operation.documents[0].since,
                server,
            })
    }

    async fn send_document<O: Operation>(
        &self,
        text: &'static str,
        variables: &O::Variables,
    ) -> Result<O::Data, Error> {
        let attempts = match O::DESCRIBED.kind {
            Kind::Query => self.retries.saturating_add(1),
            Kind::Mutation | Kind::Subscription => 1,
        };
        let mut wait = RETRY_WAIT;
        for attempt in 1.. {
            let outcome = self.send_once::<O>(text, variables).await;
            match outcome {
                // A server that takes its time is not helped by being asked again.
                Err(error)
                    if attempt < attempts
                        && error.is_transient()
                        && !matches!(error, Error::Timeout { .. }) =>
                {
                    tracing::debug!(operation = O::DESCRIBED.name, %error, "asking again");
                    tokio::time::sleep(wait).await;
                    wait *= 2;
                }
                outcome => return outcome,
            }
        }
        unreachable!("the last attempt returns")
    }

    /// Says who asks.
    fn sign(&self, request: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
        match &self.credentials {
            Some(credentials) => credentials.sign(request),
            None => request,
        }
    }

    /// A little of what a server said, without the credentials that it may send back.
    pub(super) fn excerpt(&self, body: &[u8]) -> String {
        excerpt(self.credentials.as_ref(), body)
    }

    /// Who asks.
    pub(super) fn credentials(&self) -> Option<&Credentials> {
        self.credentials.as_ref()
    }

    /// Posts JSON to one of the server's own paths, which changes something: it is only sent again
    /// where it can't have arrived.
    pub(super) async fn post(
        &self,
        operation: &'static str,
        path: &[&str],
        body: &serde_json::Value,
    ) -> Result<(StatusCode, Vec<u8>), Error> {
        // As parts of a path, these would lead elsewhere.
        if path.iter().any(|part| matches!(*part, "." | "..")) {
            return Ok((StatusCode::NOT_FOUND, Vec::new()));
        }
        let url = self.page(path);
        let mut wait = RETRY_WAIT;
        for _ in 0..self.retries {
            let outcome = self.send(operation, self.http.post(&url).json(body)).await;
            let again = match &outcome {
                Err(Error::Unreachable {
                    may_have_arrived, ..
                }) => !may_have_arrived,
                Ok((status, _)) => {
                    let busy = [
                        StatusCode::TOO_MANY_REQUESTS,
                        StatusCode::SERVICE_UNAVAILABLE,
                    ];
                    busy.contains(status)
                }
                Err(_) => false,
            };
            if !again {
                return outcome;
            }
            tokio::time::sleep(wait).await;
            wait *= 2;
        }
        self.send(operation, self.http.post(&url).json(body)).await
    }

    async fn send_once<O: Operation>(
        &self,
        text: &'static str,
        variables: &O::Variables,
    ) -> Result<O::Data, Error> {
        let name = O::DESCRIBED.name;
        let request = self.http.post(self.graphql.clone()).json(&Request {
            operation_name: name,
            query: text,
            variables,
        });
        let (status, body) = self.send(name, request).await?;
        self.read::<O::Data>(name, status, &body)
    }

    /// Sends a request and reads the whole answer, within the time limit.
    async fn send(
        &self,
        operation: &'static str,
        request: reqwest::RequestBuilder,
    ) -> Result<(StatusCode, Vec<u8>), Error> {
        let request = self.sign(request);
        let exchange = async {
            let mut response = request.send().await?;
            let status = response.status();
            let html = response
                .headers()
                .get(CONTENT_TYPE)
                .is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
            tracing::trace!(operation, %status, html, "answer");
            let mut body = Vec::new();
            while let Some(chunk) = response.chunk().await? {
                if body.len() + chunk.len() > ANSWER_LIMIT {
                    break;
                }
                body.extend_from_slice(&chunk);
            }
            Ok((status, body))
        };
        let url = || self.url().to_owned();
        let error: reqwest::Error = match tokio::time::timeout(self.timeout, exchange).await {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) => error,
            Err(_) => {
                return Err(Error::Timeout {
                    url: url(),
                    operation,
                    limit: self.timeout,
                });
            }
        };
        Err(if error.is_body() || error.is_decode() {
            Error::BrokenAnswer {
                url: url(),
                operation,
                reason: BROKE_OFF.to_owned(),
            }
        } else if error.is_builder() {
            Error::Setup(reason(&error))
        } else {
            Error::Unreachable {
                url: url(),
                may_have_arrived: !error.is_connect(),
                reason: reason(&error),
            }
        })
    }
}

/// The certificates in a file.
fn authorities(file: &Path) -> Result<Vec<Certificate>, Error> {
    let wrong = |reason: String| Error::Authorities {
        file: file.to_owned(),
        reason,
    };
    let pem = std::fs::read(file).map_err(|error| wrong(error.to_string()))?;
    let found = Certificate::from_pem_bundle(&pem).map_err(|error| wrong(reason(&error)))?;
    if found.is_empty() {
        return Err(wrong("it holds no certificate in PEM".to_owned()));
    }
    Ok(found)
}

/// The innermost cause, which says what really happened.
pub(super) fn reason(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;

    fn client(url: &str) -> Client {
        Client::new(&ClientConfig::new(url)).expect("a client")
    }

    #[test]
    fn the_address_may_be_written_in_several_ways() {
        for url in [
            "http://127.0.0.1:3000",
            "http://127.0.0.1:3000/",
            "http://127.0.0.1:3000/graphql",
            "http://127.0.0.1:3000/graphql?x=1#y",
        ] {
            let client = client(url);
            assert_eq!(client.graphql.as_str(), "http://127.0.0.1:3000/graphql");
            assert_eq!(client.run_url("r1"), "http://127.0.0.1:3000/runs/r1");
        }
        let client = client("https://data.example.com/team/dagster/");
        assert_eq!(
            client.graphql.as_str(),
            "https://data.example.com/team/dagster/graphql"
        );
        assert_eq!(
            client.run_url("a/b"),
            "https://data.example.com/team/dagster/runs/a%2Fb"
        );
    }

    #[test]
    fn credentials_in_the_address_are_used_but_not_shown() {
        let client = client("http://me:secret@127.0.0.1:3000/");
        assert!(client.credentials.is_some());
        assert_eq!(client.graphql.as_str(), "http://127.0.0.1:3000/graphql");
        assert_eq!(client.url(), "http://127.0.0.1:3000");
        assert_eq!(client.run_url("r"), "http://127.0.0.1:3000/runs/r");
    }

    #[test]
    fn what_is_not_an_address_is_refused() {
        for url in ["", "dagster", "ftp://x", "http://"] {
            let refused = Client::new(&ClientConfig::new(url));
            assert!(matches!(refused, Err(Error::Url { .. })), "{url}");
        }
    }
}
