//! One connection to a Dagster web server.

use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::error::Error;
use super::operations::Operation;
use super::workspace::{self, Workspace};

/// How much of a foreign answer an error message shows.
const EXCERPT: usize = 200;

/// How often a read is asked again when the connection broke.
const READS: u32 = 3;

/// How a server is spoken to.
#[derive(Debug, Clone)]
pub struct ClientConfig {
    /// Its address, path prefix included, without `/graphql`.
    pub url: String,
    /// How long one request may take.
    pub timeout: Duration,
}

/// One connection to a Dagster web server; clones share it.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    config: ClientConfig,
    graphql: String,
}

impl Client {
    /// Gets ready; nothing is sent.
    pub fn new(config: ClientConfig) -> Result<Self, Error> {
        let url = config.url.trim_end_matches('/').to_owned();
        let http = reqwest::Client::builder()
            .timeout(config.timeout)
            .user_agent(concat!("daglab/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|source| Error::Unreachable {
                url: url.clone(),
                source,
            })?;
        let graphql = format!("{url}/graphql");
        Ok(Self {
            http,
            config: ClientConfig { url, ..config },
            graphql,
        })
    }

    /// The server's address, without a slash at the end.
    pub fn url(&self) -> &str {
        &self.config.url
    }

    /// The page of a run in Dagster's UI.
    pub fn run_url(&self, run_id: &str) -> String {
        format!("{}/runs/{run_id}", self.config.url)
    }

    /// Sends an operation and reads its data. A read is asked again when the connection breaks; a
    /// mutation never is, since the server may have carried it out.
    pub async fn execute<T: DeserializeOwned>(
        &self,
        operation: &'static Operation,
        variables: Value,
    ) -> Result<T, Error> {
        let body = json!({
            "operationName": operation.name,
            "query": operation.document(),
            "variables": variables,
        });
        let mut tries = if operation.is_read { READS } else { 1 };
        loop {
            tries -= 1;
            match self.send(operation, &body).await {
                Err(Error::Unreachable { .. }) if tries > 0 => {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                other => return other,
            }
        }
    }

    async fn send<T: DeserializeOwned>(
        &self,
        operation: &'static Operation,
        body: &Value,
    ) -> Result<T, Error> {
        let url = || self.config.url.clone();
        let failed = |source: reqwest::Error| {
            if source.is_timeout() {
                Error::Timeout {
                    url: url(),
                    time: self.config.timeout,
                }
            } else {
                Error::Unreachable { url: url(), source }
            }
        };
        let response = self
            .http
            .post(&self.graphql)
            .json(body)
            .send()
            .await
            .map_err(failed)?;
        let status = response.status();
        let bytes = response.bytes().await.map_err(failed)?;
        if matches!(status.as_u16(), 401 | 403) {
            return Err(Error::Unauthorized {
                message: excerpt(&bytes),
            });
        }
        // GraphQL's own errors come with 400, too, and as JSON.
        let Ok(mut answer) = serde_json::from_slice::<Value>(&bytes) else {
            let what = format!("{status}: {}", excerpt(&bytes));
            return Err(Error::NotDagster { url: url(), what });
        };
        if let Some(errors) = answer["errors"]
            .as_array()
            .filter(|errors| !errors.is_empty())
        {
            let messages: Vec<&str> = errors
                .iter()
                .filter_map(|error| error["message"].as_str())
                .collect();
            return Err(Error::Refused {
                operation: operation.name,
                message: messages.join("; "),
            });
        }
        serde_json::from_value(answer["data"].take()).map_err(|error| Error::NotDagster {
            url: url(),
            what: format!(
                "`{}` was answered in an unknown form: {error}",
                operation.name
            ),
        })
    }

    /// Waits until the server answers and every location is loaded or has failed to.
    pub async fn wait_ready(&self, time: Duration) -> Result<Workspace, Error> {
        const FIRST_PAUSE: Duration = Duration::from_millis(15);
        const LONGEST_PAUSE: Duration = Duration::from_millis(100);
        let deadline = Instant::now() + time;
        let mut pause = FIRST_PAUSE;
        let mut alive = false;
        loop {
            // The cheap question first: the workspace costs the server a load.
            if !alive {
                let info = self
                    .http
                    .get(format!("{}/server_info", self.config.url))
                    .send()
                    .await;
                alive = info.is_ok_and(|response| response.status().is_success());
            }
            let last = if alive {
                match workspace::load(self).await {
                    Ok(workspace) if !workspace.is_loading() => return Ok(workspace),
                    Ok(_) => None,
                    Err(error @ (Error::Unreachable { .. } | Error::Timeout { .. })) => Some(error),
                    Err(error) => return Err(error),
                }
            } else {
                None
            };
            if Instant::now() > deadline {
                return Err(last.unwrap_or(Error::Timeout {
                    url: self.config.url.clone(),
                    time,
                }));
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 3 / 2).min(LONGEST_PAUSE);
        }
    }
}

/// The beginning of a foreign answer, on one line.
fn excerpt(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(EXCERPT)]);
    let words: Vec<&str> = text.split_whitespace().collect();
    if words.is_empty() {
        "an empty answer".to_owned()
    } else {
        words.join(" ")
    }
}
