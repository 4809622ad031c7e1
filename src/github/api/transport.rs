//! One request of octocrab's, carried over our own HTTP stack until it is answered, refused for good
//! or given up.
//!
//! What only asks is repeated when the network or GitHub fails. What changes something is repeated
//! only after an answer, or the lack of a connection, that leaves no doubt that nothing was done:
//! whoever wants to try again after any other failure has to look first.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, LOCATION};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use url::{Origin, Url};

use super::error::{Error, excerpt};
use super::limits::{Limits, Refusal, only_asks, refusal, seconds};
use super::token::Token;

/// The version of the REST API that is spoken.
const API_VERSION: &str = "2022-11-28";
/// How many redirections are followed for one request.
const REDIRECTIONS: u32 = 5;
/// How much of a server's complaint is read, in bytes.
const COMPLAINT: usize = 64 * 1024;

/// The way to one server, with its token and its limits.
pub(super) struct Transport {
    http: reqwest::Client,
    base: Url,
    graphql: Url,
    token: Token,
    limits: Limits,
    /// Milliseconds that were waited by now.
    waited: AtomicU64,
}

/// A request as it can be sent several times.
struct Prepared {
    method: Method,
    url: Url,
    body: Vec<u8>,
    /// Method and path, for messages.
    shown: String,
    asks: bool,
}

/// An answer that was read to its end.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

#[derive(Deserialize)]
struct Complaint {
    #[serde(default)]
    message: String,
    #[serde(default)]
    errors: serde_json::Value,
}

impl Transport {
    pub(super) fn new(
        http: reqwest::Client,
        base: Url,
        graphql: Url,
        token: Token,
        limits: Limits,
    ) -> Self {
        Self {
            http,
            base,
            graphql,
            token,
            limits,
            waited: AtomicU64::new(0),
        }
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Sends a request until there is an answer, and returns only one that says that it was done.
    pub(super) async fn exchange(
        &self,
        parts: http::request::Parts,
        body: Vec<u8>,
    ) -> Result<http::Response<Vec<u8>>, Error> {
        let url = self.absolute(&parts.uri, &parts.method)?;
        let request = Prepared {
            shown: shown(&parts.method, &url),
            asks: only_asks(&parts.method) || url == self.graphql,
            method: parts.method,
            url,
            body,
        };
        let mut attempt = 1;
        loop {
            let pause = match self.follow(&request).await {
                Ok(answer) if answer.status.is_success() => return Ok(response(answer)),
                Ok(answer) => self.after_answer(&request, &answer, attempt)?,
                Err(error) => self.after_failure(&request, error, attempt)?,
            };
            tracing::debug!(request = request.shown, ?pause, "asking GitHub again");
            tokio::time::sleep(pause).await;
            attempt += 1;
        }
    }

    /// Waits as before a second attempt, for a caller that looks before it repeats. Without effect
    /// where all pauses are used up.
    pub(super) async fn pause(&self, attempt: u32) {
        let pause = self.limits.pause_after(attempt);
        if self.may_wait(pause) {
            tokio::time::sleep(pause).await;
        }
    }

    /// Where a request goes. Octocrab hands over paths, and the whole addresses of further pages.
    fn absolute(&self, uri: &http::Uri, method: &Method) -> Result<Url, Error> {
        let path = uri.path_and_query().map_or("/", |it| it.as_str());
        let text = if uri.scheme().is_some() {
            uri.to_string()
        } else {
            format!("{}{path}", self.base.as_str().trim_end_matches('/'))
        };
        let wrong = || Error::Answer {
            request: format!("{method} {}", uri.path()),
            reason: "it leads to what is not an address".to_owned(),
        };
        let url = Url::parse(&text).map_err(|_| wrong())?;
        if self.is_ours(&url) {
            return Ok(url);
        }
        Err(Error::Redirected {
            request: format!("{method} {}", uri.path()),
            to: url.host_str().unwrap_or_default().to_owned(),
        })
    }

    /// Whether the token may go there.
    fn is_ours(&self, url: &Url) -> bool {
        let origin: Origin = url.origin();
        (origin == self.base.origin() || origin == self.graphql.origin())
            && url.username().is_empty()
            && url.password().is_none()
    }

    /// The pause before the next attempt, or why there is none.
    fn after_answer(
        &self,
        request: &Prepared,
        answer: &Answer,
        attempt: u32,
    ) -> Result<Duration, Error> {
        let said = self.complaint(answer);
        if let Some(refusal) = refusal(&self.limits, answer.status, &answer.headers, &said, attempt)
        {
            return self.after_refusal(request, &refusal, attempt);
        }
        let again = request.asks && answer.status.is_server_error();
        if again && attempt < self.limits.attempts {
            let asked_for = answer
                .headers
                .get("retry-after")
                .and_then(|value| seconds(value.to_str().ok()?))
                .map(Duration::from_secs);
            let pause = asked_for.unwrap_or_else(|| self.limits.pause_after(attempt));
            if self.may_wait(pause) {
                return Ok(pause);
            }
        }
        Err(meaning(request, answer.status, said))
    }

    fn after_refusal(
        &self,
        request: &Prepared,
        refusal: &Refusal,
        attempt: u32,
    ) -> Result<Duration, Error> {
        if attempt < self.limits.attempts && self.may_wait(refusal.pause) {
            return Ok(refusal.pause);
        }
        let until = SignedDuration::try_from(refusal.pause)
            .ok()
            .and_then(|pause| Timestamp::now().checked_add(pause).ok())
            .unwrap_or(Timestamp::MAX);
        // A part of a second helps nobody.
        let until = Timestamp::from_second(until.as_second()).unwrap_or(until);
        Err(Error::RateLimited {
            request: request.shown.clone(),
            until,
            secondary: refusal.secondary,
        })
    }

    /// The pause before the next attempt after an exchange without an answer.
    fn after_failure(
        &self,
        request: &Prepared,
        error: Error,
        attempt: u32,
    ) -> Result<Duration, Error> {
        let again = match &error {
            Error::Network { may_have_acted, .. } => request.asks || !may_have_acted,
            _ => false,
        };
        let pause = self.limits.pause_after(attempt);
        if again && attempt < self.limits.attempts && self.may_wait(pause) {
            return Ok(pause);
        }
        Err(error)
    }

    /// Takes a pause from what may be waited in all.
    fn may_wait(&self, pause: Duration) -> bool {
        if pause > self.limits.longest_pause {
            return false;
        }
        let pause = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
        let most = u64::try_from(self.limits.all_pauses.as_millis()).unwrap_or(u64::MAX);
        let sum = |waited: u64| waited.checked_add(pause).filter(|sum| *sum <= most);
        self.waited
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, sum)
            .is_ok()
    }

    /// Sends a request, and again wherever this server says that it lives now. Who is sent on has
    /// not been served, so this holds for what changes something as well.
    async fn follow(&self, request: &Prepared) -> Result<Answer, Error> {
        let mut url = request.url.clone();
        for _ in 0..=REDIRECTIONS {
            let answer = self.send(request, &url).await?;
            if !matches!(answer.status.as_u16(), 301 | 302 | 307 | 308) {
                return Ok(answer);
            }
            let location = answer.headers.get(LOCATION);
            let next = location.and_then(|it| url.join(it.to_str().ok()?).ok());
            url = match next {
                Some(next) if self.is_ours(&next) => next,
                other => {
                    let host = other.and_then(|url| url.host_str().map(str::to_owned));
                    return Err(Error::Redirected {
                        request: request.shown.clone(),
                        to: host.unwrap_or_else(|| "nowhere".to_owned()),
                    });
                }
            };
        }
        Err(Error::Redirected {
            request: request.shown.clone(),
            to: "itself, over and over".to_owned(),
        })
    }

    async fn send(&self, request: &Prepared, url: &Url) -> Result<Answer, Error> {
        let mut builder = self
            .http
            .request(request.method.clone(), url.clone())
            .header(AUTHORIZATION, self.token.header())
            .header(
                ACCEPT,
                HeaderValue::from_static("application/vnd.github+json"),
            )
            .header(
                "x-github-api-version",
                HeaderValue::from_static(API_VERSION),
            );
        if !request.body.is_empty() {
            builder = builder
                .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
                .body(request.body.clone());
        }
        match tokio::time::timeout(self.limits.timeout, self.read(builder, request)).await {
            Ok(answer) => answer,
            Err(_) => Err(self.network(
                request,
                &format!("none within {} s", self.limits.timeout.as_secs_f32()),
                true,
            )),
        }
    }

    async fn read(
        &self,
        builder: reqwest::RequestBuilder,
        request: &Prepared,
    ) -> Result<Answer, Error> {
        let failed =
            |error: &reqwest::Error| self.network(request, &innermost(error), !error.is_connect());
        let mut answer = builder.send().await.map_err(|error| failed(&error))?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| failed(&error))? {
            if body.len() + chunk.len() > self.limits.answer {
                return Err(Error::Answer {
                    request: request.shown.clone(),
                    reason: format!("it is longer than {} bytes", self.limits.answer),
                });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer {
            status,
            headers,
            body,
        })
    }

    fn network(&self, request: &Prepared, reason: &str, may_have_acted: bool) -> Error {
        Error::Network {
            request: request.shown.clone(),
            host: request.url.host_str().unwrap_or_default().to_owned(),
            reason: excerpt(reason, self.token.text()),
            may_have_acted,
        }
    }

    /// What a server says about a request that it did not carry out, with its details.
    fn complaint(&self, answer: &Answer) -> String {
        let body = &answer.body[..answer.body.len().min(COMPLAINT)];
        let mut text = match serde_json::from_slice::<Complaint>(body) {
            Ok(complaint) => {
                let mut text = complaint.message;
                for error in complaint.errors.as_array().into_iter().flatten() {
                    let detail = error.as_str().or_else(|| error["message"].as_str());
                    if let Some(detail) = detail {
                        text.push_str("; ");
                        text.push_str(detail);
                    }
                }
                text
            }
            Err(_) => String::from_utf8_lossy(body).into_owned(),
        };
        if text.trim().is_empty() {
            text = answer
                .status
                .canonical_reason()
                .unwrap_or("no reason")
                .to_owned();
        }
        excerpt(&text, self.token.text())
    }
}

/// What a status means that neither is a success nor leads to another attempt.
fn meaning(request: &Prepared, status: StatusCode, message: String) -> Error {
    let request = request.shown.clone();
    match status.as_u16() {
        401 => Error::Unauthorised { message },
        403 => Error::Forbidden {
            request,
            integration: message
                .to_ascii_lowercase()
                .contains("not accessible by integration"),
            message,
        },
        404 | 410 => Error::NotFound { request },
        422 => Error::Validation { request, message },
        status @ 500.. => Error::Server {
            request,
            status,
            message,
        },
        status => Error::Unexpected {
            request,
            status,
            message,
        },
    }
}

fn response(answer: Answer) -> http::Response<Vec<u8>> {
    let mut response = http::Response::new(answer.body);
    *response.status_mut() = answer.status;
    *response.headers_mut() = answer.headers;
    response
}

fn shown(method: &Method, url: &Url) -> String {
    format!("{method} {}", url.path())
}

/// The innermost cause, which says what really happened.
pub(super) fn innermost(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
