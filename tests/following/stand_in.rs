//! A stand-in for a web server that does what a real one can't be asked to do.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

use daglab::dagster::{Client, ClientConfig};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;

pub type Socket = WebSocketStream<TcpStream>;
type Talk = Pin<Box<dyn Future<Output = ()>>>;
pub type Answer = Box<dyn Fn(&Value) -> Option<String>>;

/// What the stand-in does.
pub struct Manners {
    /// The answer to a query; none is an answer that never comes.
    pub query: Answer,
    /// What it does with a websocket.
    pub websocket: Box<dyn Fn(Socket) -> Talk>,
}

/// Starts a stand-in on the test's own runtime, and gives a client of it.
pub async fn stand_in(timeout: std::time::Duration, manners: Manners) -> Client {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let port = listener.local_addr().expect("its address").port();
    let manners = Rc::new(manners);
    tokio::task::spawn_local(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::task::spawn_local(serve(stream, Rc::clone(&manners)));
        }
    });
    let config = ClientConfig {
        timeout,
        ..ClientConfig::new(format!("http://127.0.0.1:{port}"))
    };
    Client::new(&config).expect("a client")
}

async fn serve(mut stream: TcpStream, manners: Rc<Manners>) {
    let mut bytes = Vec::new();
    loop {
        let Some((head, body)) = read_request(&mut stream, &mut bytes).await else {
            return;
        };
        if let Some(key) = header(&head, "sec-websocket-key") {
            let accept = derive_accept_key(key.as_bytes());
            // Dagster 1.5 names the protocol like this.
            let answer = format!(
                "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
                 sec-websocket-accept: {accept}\r\nsec-websocket-protocol: GraphQLWS.PROTOCOL\r\n\r\n"
            );
            if stream.write_all(answer.as_bytes()).await.is_ok() {
                let socket = WebSocketStream::from_raw_socket(stream, Role::Server, None).await;
                (manners.websocket)(socket).await;
            }
            return;
        }
        let query: Value = serde_json::from_slice(&body).expect("a query");
        let Some(answer) = (manners.query)(&query) else {
            return std::future::pending().await;
        };
        let length = answer.len();
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
        );
        let sent = stream.write_all(head.as_bytes()).await;
        if sent.is_err() || stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

async fn read_request(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> Option<(String, Vec<u8>)> {
    loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
            let length = header(&head, "content-length");
            let length: usize = length.map_or(0, |length| length.parse().expect("a length"));
            if bytes.len() >= end + 4 + length {
                let body = bytes[end + 4..end + 4 + length].to_vec();
                bytes.drain(..end + 4 + length);
                return Some((head, body));
            }
        }
        if stream.read_buf(bytes).await.ok()? == 0 {
            return None;
        }
    }
}

fn header(head: &str, name: &str) -> Option<String> {
    head.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name)
            .then(|| value.trim().to_owned())
    })
}

/// Agrees to the protocol, waits for the operation, and says from which cursor on it is.
pub async fn agree(socket: &mut Socket) -> Option<String> {
    heard(socket, "connection_init").await;
    say(socket, r#"{"type": "connection_ack"}"#.to_owned()).await;
    let start = heard(socket, "start").await;
    let cursor = &start["payload"]["variables"]["cursor"];
    cursor.as_str().map(str::to_owned)
}

async fn heard(socket: &mut Socket, kind: &str) -> Value {
    let message = socket
        .next()
        .await
        .expect("a message")
        .expect("a whole one");
    let message: Value =
        serde_json::from_str(message.to_text().expect("text")).expect("a JSON message");
    assert_eq!(message["type"], kind);
    message
}

pub async fn say(socket: &mut Socket, text: String) {
    // A client that has seen enough may be gone.
    let _ = socket.send(Message::text(text)).await;
}

/// Some events on the websocket.
pub fn data(cursor: &str, events: &str) -> String {
    format!(
        r#"{{"type": "data", "id": "1", "payload": {{"data": {{"pipelineRunLogs": {{
            "__typename": "PipelineRunLogsSubscriptionSuccess", "cursor": "{cursor}", "messages": [{events}]
        }}}}}}}}"#
    )
}

/// The answer to a look.
pub fn page(cursor: &str, has_more: bool, events: &str, status: &str) -> String {
    format!(
        r#"{{"data": {{
            "logsForRun": {{"__typename": "EventConnection", "cursor": "{cursor}", "hasMore": {has_more}, "events": [{events}]}},
            "runOrError": {{"__typename": "Run", "status": "{status}", "startTime": 1.0, "endTime": 2.0, "canTerminate": false}}
        }}}}"#
    )
}

pub fn event(kind: &str, message: &str) -> String {
    json!({
        "__typename": kind, "message": message, "timestamp": "1000", "level": "INFO", "stepKey": null
    })
    .to_string()
}

pub fn version() -> String {
    r#"{"data": {"version": "1.13.27"}}"#.to_owned()
}

pub fn is(query: &Value, operation: &str) -> bool {
    query["operationName"] == operation
}
