//! The one way to Dagster's GraphQL: every operation passes [`Client::execute`].
//!
//! What an answer means is told apart here as far as HTTP and GraphQL go; what its `data` means is
//! for the rooms that ask.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::CONTENT_TYPE;
use serde::{Deserialize, Serialize};
use tokio::sync::OnceCell;
use url::Url;

use super::address::{base_url, is_loopback, without_credentials};
use super::error::{BROKE_OFF, Error};
use super::excerpt::{after_colon, excerpt};
use super::operations::wire::NoVariables;
use super::operations::{Described, Kind, Operation, ServerVersion};
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
}

impl ClientConfig {
    /// A server with the usual limits.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            timeout: Duration::from_secs(60),
            retries: 2,
        }
    }
}

/// A client of one Dagster web server. Its connections are kept, so share it by reference.
#[derive(Debug)]
pub struct Client {
    http: reqwest::Client,
    /// The web server's root, ending in `/`, as it may be shown: without user and password.
    base: Url,
    graphql: Url,
    server_info: Url,
    timeout: Duration,
    retries: u32,
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

#[derive(Deserialize)]
struct Answer<T> {
    data: Option<T>,
    errors: Option<Vec<GraphQlError>>,
}

#[derive(Deserialize)]
struct GraphQlError {
    message: String,
}

impl Client {
    /// Prepares a client. Nothing is sent yet.
    pub fn new(config: &ClientConfig) -> Result<Self, Error> {
        let base = base_url(&config.url)?;
        let wrong = |error: url::ParseError| Error::Url {
            url: config.url.clone(),
            reason: error.to_string(),
        };
        let graphql = base.join("graphql").map_err(wrong)?;
        let server_info = base.join("server_info").map_err(wrong)?;
        let base = without_credentials(base);
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
        }
        if base.scheme() == "http" {
            // Reading the system's certificates takes milliseconds that plain HTTP need not pay.
            builder = builder.tls_certs_only([]);
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
            version: OnceCell::new(),
        })
    }

    /// The web server's address, without user and password.
    pub fn url(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    /// The page of a run in Dagster's UI.
    pub fn run_url(&self, run_id: &str) -> String {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().push("runs").push(run_id);
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
                reason: format!("`{}` is not a version", excerpt(data.version.as_bytes())),
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

    /// The document that fits the server. Its version is only asked for where it matters.
    async fn document_for(&self, operation: &Described) -> Result<&'static str, Error> {
        if let [only] = operation.documents {
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
            Kind::Mutation => 1,
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
                reason: reason(&error),
            }
        })
    }

    /// Tells a GraphQL answer from all else that a server may say.
    fn read<T: serde::de::DeserializeOwned>(
        &self,
        operation: &'static str,
        status: StatusCode,
        body: &[u8],
    ) -> Result<T, Error> {
        let mut json = serde_json::Deserializer::from_slice(body);
        let unread = match serde_path_to_error::deserialize::<_, Answer<T>>(&mut json) {
            // Dagster says 500 where whole data tell of an error in foreign code.
            Ok(Answer {
                data: Some(data),
                errors: None,
            }) if status.is_success() || status == StatusCode::INTERNAL_SERVER_ERROR => {
                return Ok(data);
            }
            Ok(answer) => {
                if let Some(error) = graphql_error(operation, answer.errors) {
                    return Err(error);
                }
                None
            }
            // The data may have failed to parse because of holes that the errors explain.
            Err(error) => {
                if let Ok(answer) = serde_json::from_slice::<Answer<serde::de::IgnoredAny>>(body) {
                    if let Some(error) = graphql_error(operation, answer.errors) {
                        return Err(error);
                    }
                    answer.data.map(|_| error.to_string())
                } else {
                    None
                }
            }
        };
        self.check_status(status, body)?;
        if let Some(reason) = unread {
            return Err(Error::BrokenAnswer {
                url: self.url().to_owned(),
                operation,
                reason,
            });
        }
        if body.trim_ascii_start().starts_with(b"{\"data\"") {
            return Err(Error::BrokenAnswer {
                url: self.url().to_owned(),
                operation,
                reason: "it is not valid JSON".to_owned(),
            });
        }
        Err(self.not_dagster(status, body, "GraphQL"))
    }

    /// The error of a status that says no.
    fn check_status(&self, status: StatusCode, body: &[u8]) -> Result<(), Error> {
        let url = self.url().to_owned();
        Err(match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Error::Unauthorized {
                url,
                message: format!("HTTP status {}{}", status.as_u16(), after_colon(body)),
            },
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => {
                self.not_dagster(status, body, "Dagster's paths")
            }
            status if status.is_redirection() => {
                self.not_dagster(status, body, "Dagster's paths itself")
            }
            status if !status.is_success() => Error::Http {
                url,
                status: status.as_u16(),
                body: excerpt(body),
            },
            _ => return Ok(()),
        })
    }

    fn not_dagster(&self, status: StatusCode, body: &[u8], what: &str) -> Error {
        Error::NotDagster {
            url: self.url().to_owned(),
            reason: format!(
                "it does not answer {what} (HTTP status {}{})",
                status.as_u16(),
                after_colon(body)
            ),
        }
    }
}

fn graphql_error(operation: &'static str, errors: Option<Vec<GraphQlError>>) -> Option<Error> {
    let errors = errors.filter(|errors| !errors.is_empty())?;
    Some(Error::GraphQl {
        operation,
        messages: errors
            .iter()
            .map(|error| excerpt(error.message.as_bytes()))
            .collect(),
    })
}

/// The innermost cause, which says what really happened.
fn reason(error: &dyn std::error::Error) -> String {
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
        assert_eq!(client.graphql.password(), Some("secret"));
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

    #[test]
    fn answers_are_told_apart() {
        let client = client("http://127.0.0.1:1");
        let read = |status: u16, body: &str| {
            let status = StatusCode::from_u16(status).expect("a status");
            client.read::<super::super::operations::wire::ServerVersionData>(
                "Op",
                status,
                body.as_bytes(),
            )
        };
        assert_eq!(
            read(200, r#"{"data": {"version": "1.2.3"}}"#)
                .expect("data")
                .version,
            "1.2.3"
        );
        let refused = read(
            400,
            r#"{"data": null, "errors": [{"message": "no such field"}]}"#,
        );
        assert!(
            matches!(&refused, Err(Error::GraphQl { messages, .. }) if messages == &["no such field"])
        );
        let holes = read(
            200,
            r#"{"data": {"version": null}, "errors": [{"message": "failed"}]}"#,
        );
        assert!(matches!(holes, Err(Error::GraphQl { .. })));
        let wrong = read(200, r#"{"data": {"version": 3}}"#);
        assert!(
            matches!(&wrong, Err(Error::BrokenAnswer { reason, .. }) if reason.contains("data.version"))
        );
        assert!(matches!(
            read(200, r#"{"data": {"vers"#),
            Err(Error::BrokenAnswer { .. })
        ));
        assert!(matches!(read(200, "<html>"), Err(Error::NotDagster { .. })));
        assert!(matches!(
            read(200, r#"{"hello": 1}"#),
            Err(Error::NotDagster { .. })
        ));
        assert!(matches!(
            read(404, "nothing"),
            Err(Error::NotDagster { .. })
        ));
        assert!(matches!(read(302, ""), Err(Error::NotDagster { .. })));
        assert!(matches!(read(401, ""), Err(Error::Unauthorized { .. })));
        assert!(matches!(read(403, "{}"), Err(Error::Unauthorized { .. })));
        assert!(matches!(
            read(502, "<html>"),
            Err(Error::Http { status: 502, .. })
        ));
    }
}
