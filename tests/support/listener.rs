//! Servers of a few lines, each a thread on a port of this machine: such as misbehave, and a proxy.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A server that answers each connection by `answer`, and keeps what it was asked.
pub struct Listener {
    pub port: u16,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Listener {
    pub fn start(answer: impl Fn(&str, TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let heads = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&heads);
        let answer = Arc::new(answer);
        // It ends with the test's process.
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (kept, answer) = (Arc::clone(&kept), Arc::clone(&answer));
                std::thread::spawn(move || {
                    let stream = stream.unwrap();
                    let Some(head) = read_head(&stream) else {
                        return;
                    };
                    kept.lock().unwrap().push(head.clone());
                    answer(&head, stream);
                });
            }
        });
        Self { port, heads }
    }

    /// One that says the same to everybody, and hangs up.
    pub fn saying(status: &'static str, kind: &'static str, body: &'static str) -> Self {
        Self::start(move |_, stream| respond(&stream, status, kind, body))
    }

    /// A proxy that lets through who brings this `Proxy-Authorization`, if one is wanted, and leads
    /// everybody to the same port of this machine, whatever host was asked for.
    pub fn proxy(to: u16, authorization: Option<&'static str>) -> Self {
        Self::start(move |head, client| {
            let lower = head.to_lowercase();
            let wanted =
                authorization.map(|it| format!("proxy-authorization: {it}").to_lowercase());
            if wanted.is_some_and(|wanted| !lower.contains(&wanted)) {
                return respond(
                    &client,
                    "407 Proxy Authentication Required",
                    "text/plain",
                    "no",
                );
            }
            let mut server = TcpStream::connect(("127.0.0.1", to)).unwrap();
            if head.starts_with("CONNECT ") {
                (&client).write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
            } else {
                // What is asked for by its whole address is asked for by its path. One request for
                // each connection: the next may be for another host.
                let (method, rest) = head.split_once(' ').unwrap();
                let path = rest
                    .split_once("://")
                    .map_or(rest, |(_, rest)| &rest[rest.find('/').unwrap()..]);
                let lines: Vec<&str> = path
                    .lines()
                    .filter(|line| !line.to_lowercase().starts_with("proxy-"))
                    .collect();
                let head = lines.join("\r\n").trim_end().to_owned();
                let head = format!("{method} {head}\r\nConnection: close\r\n\r\n");
                server.write_all(head.as_bytes()).unwrap();
            }
            let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            std::thread::spawn(move || {
                let _ = std::io::copy(&mut from, &mut to);
                let _ = to.shutdown(Shutdown::Write);
            });
            let _ = std::io::copy(&mut server, &mut &client);
            let _ = client.shutdown(Shutdown::Both);
        })
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The heads of all requests so far.
    pub fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

/// Reads a request's head, byte by byte: what follows belongs to whoever reads on.
fn read_head(stream: &TcpStream) -> Option<String> {
    let mut reader = BufReader::with_capacity(1, stream);
    let mut head = String::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line.trim().is_empty() {
            return Some(head);
        }
        head.push_str(&line);
    }
}

/// Answers, and waits until the other side hangs up: who does so before takes the answer along.
pub fn respond(mut stream: &TcpStream, status: &str, kind: &str, body: &str) {
    let length = body.len();
    let _ = write!(
        stream,
        "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\
         connection: close\r\n\r\n{body}"
    );
    let _ = stream.shutdown(Shutdown::Write);
    let _ = stream.read_to_end(&mut Vec::new());
}
