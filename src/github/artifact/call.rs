//! Requests that are tried again: the service's calls, and how any answer is judged.

use std::cell::Cell;
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Response, StatusCode};

use super::error::Error;
use super::names::shown;
use super::patience::{Limits, retry_after};
use super::service::Service;
use super::wire::{Call, Refusal};

/// Who answers, for messages.
pub(super) const SERVICE: &str = "the artifact service";
/// Who keeps the bytes, for messages.
pub(super) const BLOB_STORE: &str = "the blob store";

const SERVICE_PATH: &str = "twirp/github.actions.results.api.v1.ArtifactService";
/// Bytes of an answer: a list of ten thousand artifacts has less.
const LONGEST_ANSWER: usize = 8 * 1024 * 1024;

/// Why one try came to nothing.
#[derive(Debug)]
pub(super) enum Failed {
    /// It is worth another try.
    Passing {
        /// What to say if it was the last.
        error: Error,
        /// The pause that the server asks for.
        pause: Option<Duration>,
        /// Whether the server may have done what was asked.
        may_have_acted: bool,
    },
    /// Another try would come to the same.
    Final(Error),
}

/// What became of a request that was tried several times.
#[derive(Debug)]
pub(super) struct Tried<T> {
    pub(super) outcome: Result<T, Error>,
    /// Whether an earlier try may have been carried out, although no answer said so.
    pub(super) uncertain: bool,
}

/// Tries until it works, or is known not to, or has been tried often enough.
pub(super) async fn persist<T>(
    limits: &Limits,
    step: &'static str,
    mut attempt: impl AsyncFnMut() -> Result<T, Failed>,
) -> Tried<T> {
    let mut uncertain = false;
    let mut failed = 0;
    loop {
        let (error, pause, may_have_acted) = match attempt().await {
            Ok(value) => {
                return Tried {
                    outcome: Ok(value),
                    uncertain,
                };
            }
            Err(Failed::Final(error)) => {
                return Tried {
                    outcome: Err(error),
                    uncertain,
                };
            }
            Err(Failed::Passing {
                error,
                pause,
                may_have_acted,
            }) => (error, pause, may_have_acted),
        };
        uncertain |= may_have_acted;
        failed += 1;
        if failed >= limits.tries {
            return Tried {
                outcome: Err(error),
                uncertain,
            };
        }
        let pause = limits.pause_after(failed, pause);
        tracing::debug!(step, %error, ?pause, "trying again");
        tokio::time::sleep(pause).await;
    }
}

impl Service {
    /// Carries out a call.
    pub(super) async fn call<C: Call>(&self, call: &C) -> Tried<C::Answer> {
        persist(&self.limits, C::METHOD, async || {
            self.call_once(call, None).await
        })
        .await
    }

    /// Carries out a call that the server may be too old for. `None` if it is: it refuses what it
    /// can't read, once if it says so and twice if it does not.
    pub(super) async fn call_if_known<C: Call>(&self, call: &C) -> Tried<Option<C::Answer>> {
        let speechless = Cell::new(0);
        let once = async || match self.call_once(call, Some(&speechless)).await {
            Ok(answer) => Ok(Some(answer)),
            Err(_) if speechless.get() >= 2 => Ok(None),
            Err(failed) => Err(failed),
        };
        persist(&self.limits, C::METHOD, once).await
    }

    async fn call_once<C: Call>(
        &self,
        call: &C,
        unread: Option<&Cell<u32>>,
    ) -> Result<C::Answer, Failed> {
        let step = C::METHOD;
        let body = serde_json::to_vec(call)
            .map_err(|error| Failed::Final(Error::Setup(error.to_string())))?;
        let request = self
            .http
            .post(format!("{}{SERVICE_PATH}/{step}", self.base))
            .bearer_auth(self.token.secret())
            .header(CONTENT_TYPE, "application/json")
            .timeout(self.limits.call)
            .body(body);
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) => return Err(not_reached(SERVICE, step, error)),
        };
        let (status, pause) = (response.status(), asked_pause(&response));
        let body = read(response, SERVICE, step).await?;
        if status.is_success() {
            return serde_json::from_slice(&body).map_err(|error| Failed::Passing {
                // The position is enough: a part of the answer might be a part of a signed URL.
                error: Error::BrokenAnswer {
                    server: SERVICE,
                    step,
                    reason: position(&error),
                },
                pause: None,
                may_have_acted: true,
            });
        }
        if let Some(unread) = unread {
            unread.set(unread.get() + unreadable(status, &body));
        }
        Err(refused(step, status, &body, pause))
    }
}

/// How sure it is, of 2, that the server could not read a request because it knows less than we.
fn unreadable(status: StatusCode, body: &[u8]) -> u32 {
    let said = String::from_utf8_lossy(body).to_lowercase();
    let is_twirp = serde_json::from_slice::<Refusal>(body).is_ok_and(|it| !it.msg.is_empty());
    match status {
        StatusCode::BAD_REQUEST => 2,
        StatusCode::INTERNAL_SERVER_ERROR if said.contains("decode request body") => 2,
        // Some say nothing at all. So may a server that has a bad moment: it is asked once more.
        StatusCode::INTERNAL_SERVER_ERROR if !is_twirp => 1,
        _ => 0,
    }
}

/// What a status other than success means.
fn refused(step: &'static str, status: StatusCode, body: &[u8], pause: Option<Duration>) -> Failed {
    let refusal: Refusal = serde_json::from_slice(body).unwrap_or_default();
    let mut message = shown(&refusal.msg);
    if message.is_empty() {
        message = shown(&refusal.code);
    }
    if refusal.msg.contains("insufficient usage") {
        return Failed::Final(Error::Quota);
    }
    if status == StatusCode::UNAUTHORIZED || status == StatusCode::FORBIDDEN {
        return Failed::Final(Error::TokenRefused { step, message });
    }
    judged(SERVICE, step, status, message, pause)
}

/// What a status means that is the same everywhere.
pub(super) fn judged(
    server: &'static str,
    step: &'static str,
    status: StatusCode,
    message: String,
    pause: Option<Duration>,
) -> Failed {
    let error = Error::Status {
        server,
        step,
        status: status.as_u16(),
        message,
    };
    let passing = [
        StatusCode::TOO_MANY_REQUESTS,
        StatusCode::REQUEST_TIMEOUT,
        StatusCode::INTERNAL_SERVER_ERROR,
        StatusCode::BAD_GATEWAY,
        StatusCode::SERVICE_UNAVAILABLE,
        StatusCode::GATEWAY_TIMEOUT,
    ];
    if passing.contains(&status) {
        Failed::Passing {
            error,
            pause,
            may_have_acted: status != StatusCode::TOO_MANY_REQUESTS,
        }
    } else {
        Failed::Final(error)
    }
}

/// A request without an answer.
pub(super) fn not_reached(
    server: &'static str,
    step: &'static str,
    error: reqwest::Error,
) -> Failed {
    let may_have_acted = !error.is_connect();
    Failed::Passing {
        error: unreachable(server, step, error),
        pause: None,
        may_have_acted,
    }
}

pub(super) fn unreachable(
    server: &'static str,
    step: &'static str,
    error: reqwest::Error,
) -> Error {
    let reason = if error.is_timeout() {
        "there was no answer in time".into()
    } else {
        // The URL may be a signed one.
        innermost(&error.without_url())
    };
    Error::Unreachable {
        server,
        step,
        reason,
    }
}

/// The pause that an answer asks for.
pub(super) fn asked_pause(response: &Response) -> Option<Duration> {
    let value = response.headers().get(RETRY_AFTER)?.to_str().ok()?;
    retry_after(value, jiff::Timestamp::now())
}

/// An answer's body, up to what an answer may have.
pub(super) async fn read(
    mut response: Response,
    server: &'static str,
    step: &'static str,
) -> Result<Vec<u8>, Failed> {
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > LONGEST_ANSWER => {
                return Err(Failed::Final(Error::TooLarge {
                    what: format!("the answer to `{step}`"),
                    limit: LONGEST_ANSWER as u64,
                    unit: "bytes",
                }));
            }
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => return Ok(body),
            Err(error) => {
                return Err(Failed::Passing {
                    error: unreachable(server, step, error),
                    pause: None,
                    may_have_acted: true,
                });
            }
        }
    }
}

/// The cause at the bottom says what happened; those above only say that something did.
pub(super) fn innermost(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

fn position(error: &serde_json::Error) -> String {
    let what = if error.is_data() {
        "not the message that belongs here"
    } else {
        "not JSON"
    };
    format!("{what}, at line {} column {}", error.line(), error.column())
}

/// The code of an Azure error, which is XML.
pub(super) fn azure_code(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let code = text
        .split_once("<Code>")
        .and_then(|(_, rest)| rest.split_once("</Code>"))
        .map_or("", |(code, _)| code);
    shown(code)
}
