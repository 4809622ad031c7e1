//! GraphQL over a websocket: operations that go on answering.
//!
//! Dagster's web server speaks the older of the two protocols, `graphql-ws` of
//! subscriptions-transport-ws. The websocket is an HTTP request of the [`Client`] that is upgraded,
//! so address, TLS, proxies and credentials are the client's own.

use std::marker::PhantomData;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use reqwest::header::{
    CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL,
    SEC_WEBSOCKET_VERSION, UPGRADE,
};
use reqwest::{Response, StatusCode, Upgraded};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::{client::generate_key, derive_accept_key};
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error as SocketError, Message};

use super::client::{Client, reason};
use super::credentials::Credentials;
use super::error::Error;
use super::excerpt::excerpt;
use super::operations::Operation;

/// The subprotocol's name.
const PROTOCOL: &str = "graphql-ws";
/// How long the server may take to agree to a websocket and to the protocol on it.
const AGREE_WITHIN: Duration = Duration::from_secs(5);
/// A message longer than this is not read. Whoever asks in pages has no such limit.
const MESSAGE_LIMIT: usize = 64 * 1024 * 1024;
/// After this much silence the server is asked for a sign of life, which also keeps proxies from
/// closing a connection that is idle.
const PING_AFTER: Duration = Duration::from_secs(15);
/// How long that sign may take.
const PONG_WITHIN: Duration = Duration::from_secs(10);
/// How long a goodbye may take. The server notices without it, too.
const GOODBYE: Duration = Duration::from_millis(200);
/// There is one operation on each websocket.
const ID: &str = "1";

/// An operation that goes on answering.
#[derive(Debug)]
pub(super) struct Subscription<T> {
    socket: WebSocketStream<Upgraded>,
    url: String,
    credentials: Option<Credentials>,
    last_heard: Instant,
    pinged: Option<Instant>,
    data: PhantomData<fn() -> T>,
}

#[derive(Serialize)]
struct Say<'a, V> {
    #[serde(rename = "type")]
    kind: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<V>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Start<'a, V> {
    operation_name: &'a str,
    query: &'a str,
    variables: &'a V,
}

#[derive(Deserialize)]
struct Heard<T> {
    #[serde(rename = "type")]
    kind: String,
    payload: Option<Payload<T>>,
}

#[derive(Deserialize)]
struct Payload<T> {
    data: Option<T>,
    errors: Option<Vec<Said>>,
    message: Option<String>,
}

#[derive(Deserialize)]
struct Said {
    message: String,
}

impl Client {
    /// Starts an operation that goes on answering.
    ///
    /// Whatever stands in the way of a websocket is [`Error::NotLive`].
    pub(super) async fn subscribe<O: Operation>(
        &self,
        variables: &O::Variables,
    ) -> Result<Subscription<O::Data>, Error> {
        let text = self.document_for(&O::DESCRIBED).await?;
        let start = Say {
            kind: "start",
            id: Some(ID),
            payload: Some(Start {
                operation_name: O::DESCRIBED.name,
                query: text,
                variables,
            }),
        };
        let agree = async {
            let mut subscription = self.upgrade().await?;
            subscription.init().await?;
            subscription.say(&start).await?;
            Ok(subscription)
        };
        tokio::time::timeout(AGREE_WITHIN, agree)
            .await
            .unwrap_or_else(|_| {
                Err(self.not_live(format!("no answer within {} s", AGREE_WITHIN.as_secs())))
            })
    }

    async fn upgrade<T: DeserializeOwned>(&self) -> Result<Subscription<T>, Error> {
        let key = generate_key();
        let request = self
            .upgrade_request()
            .header(CONNECTION, "Upgrade")
            .header(UPGRADE, "websocket")
            .header(SEC_WEBSOCKET_VERSION, "13")
            .header(SEC_WEBSOCKET_PROTOCOL, PROTOCOL)
            .header(SEC_WEBSOCKET_KEY, &key);
        let unusable = |error: reqwest::Error| self.not_live(reason(&error));
        let response = request.send().await.map_err(unusable)?;
        if let Some(refusal) = refusal(&response, &key) {
            return Err(self.not_live(refusal));
        }
        let stream = response.upgrade().await.map_err(unusable)?;
        let config = WebSocketConfig::default()
            .max_message_size(Some(MESSAGE_LIMIT))
            .max_frame_size(Some(MESSAGE_LIMIT));
        Ok(Subscription {
            socket: WebSocketStream::from_raw_socket(stream, Role::Client, Some(config)).await,
            url: self.url().to_owned(),
            credentials: self.credentials().cloned(),
            last_heard: Instant::now(),
            pinged: None,
            data: PhantomData,
        })
    }

    pub(super) fn not_live(&self, reason: String) -> Error {
        Error::NotLive {
            url: self.url().to_owned(),
            reason,
        }
    }
}

/// Why an answer is no agreement to a websocket.
fn refusal(response: &Response, key: &str) -> Option<String> {
    let status = response.status();
    let accept = response.headers().get(SEC_WEBSOCKET_ACCEPT);
    if status != StatusCode::SWITCHING_PROTOCOLS {
        Some(format!(
            "the request for a websocket got HTTP status {}",
            status.as_u16()
        ))
    } else if accept.is_none_or(|accept| accept != &derive_accept_key(key.as_bytes())) {
        Some("what answered the request for a websocket speaks another protocol".to_owned())
    } else {
        // Not the subprotocol's name, which older servers misspell. What they answer on it tells.
        None
    }
}

impl<T: DeserializeOwned> Subscription<T> {
    /// The next answer, or why there is none. May be given up and asked again at any time.
    pub(super) async fn next(&mut self) -> Result<T, Error> {
        loop {
            let heard = self.hear().await?;
            let payload = heard.payload;
            match heard.kind.as_str() {
                "data" => return self.read(payload),
                "error" => return Err(self.refused(payload)),
                "complete" => return Err(self.ended("the server has no more to say")),
                // Keep-alives, and what later servers may add.
                _ => {}
            }
        }
    }

    /// Ends the operation. The server would notice without it, but later.
    pub(super) async fn end(mut self) {
        let goodbye = async {
            let stop = Say::<()> {
                kind: "stop",
                id: Some(ID),
                payload: None,
            };
            self.say(&stop).await?;
            let _ = self.socket.close(None).await;
            Ok::<_, Error>(())
        };
        let _ = tokio::time::timeout(GOODBYE, goodbye).await;
    }

    async fn init(&mut self) -> Result<(), Error> {
        let init = Say {
            kind: "connection_init",
            id: None,
            payload: Some(serde_json::Map::new()),
        };
        self.say(&init).await?;
        loop {
            let heard = self.hear().await?;
            match heard.kind.as_str() {
                "connection_ack" => return Ok(()),
                "connection_error" => return Err(self.refused(heard.payload)),
                _ => {}
            }
        }
    }

    async fn say<V: Serialize>(&mut self, what: &Say<'_, V>) -> Result<(), Error> {
        let text = serde_json::to_string(what).map_err(|error| self.ended(&error.to_string()))?;
        let sent = self.socket.send(Message::text(text)).await;
        sent.map_err(|error| self.broken(&error))
    }

    /// The next message of the protocol.
    async fn hear(&mut self) -> Result<Heard<T>, Error> {
        loop {
            let patient_until = match self.pinged {
                Some(pinged) => pinged + PONG_WITHIN,
                None => self.last_heard + PING_AFTER,
            };
            let Ok(message) = tokio::time::timeout_at(patient_until, self.socket.next()).await
            else {
                if self.pinged.is_some() {
                    return Err(self.ended("it gives no sign of life"));
                }
                self.pinged = Some(Instant::now());
                let sent = self.socket.send(Message::Ping(Vec::new().into())).await;
                sent.map_err(|error| self.broken(&error))?;
                continue;
            };
            let message = match message {
                Some(Ok(message)) => message,
                Some(Err(error)) => return Err(self.broken(&error)),
                None => return Err(self.ended("it was closed")),
            };
            self.last_heard = Instant::now();
            self.pinged = None;
            let bytes = match &message {
                Message::Text(text) => text.as_bytes(),
                Message::Binary(bytes) => bytes,
                Message::Close(_) => return Err(self.ended("the server closed it")),
                // Reading has queued the answer to a ping; it leaves with the next read.
                _ => continue,
            };
            return serde_json::from_slice(bytes)
                // What it says may hold a piece of the message.
                .map_err(|error| {
                    self.ended(&self.excerpt(&format!("a message can't be read: {error}")))
                });
        }
    }

    fn read(&self, payload: Option<Payload<T>>) -> Result<T, Error> {
        match payload {
            Some(Payload {
                data: Some(data),
                errors: None,
                ..
            }) => Ok(data),
            Some(Payload {
                errors: Some(errors),
                ..
            }) if !errors.is_empty() => Err(self.ended(&self.excerpt(&errors[0].message))),
            _ => Err(self.ended("a message has no data")),
        }
    }

    fn broken(&self, error: &SocketError) -> Error {
        self.ended(&reason(error))
    }

    fn refused(&self, payload: Option<Payload<T>>) -> Error {
        match payload.and_then(|payload| payload.message) {
            Some(message) => self.ended(&self.excerpt(&message)),
            None => self.ended("it refused"),
        }
    }

    /// A little of what the server said, without the credentials that it may send back.
    fn excerpt(&self, message: &str) -> String {
        excerpt(self.credentials.as_ref(), message.as_bytes())
    }

    fn ended(&self, why: &str) -> Error {
        Error::NotLive {
            url: self.url.clone(),
            reason: format!("the websocket ended: {why}"),
        }
    }
}
