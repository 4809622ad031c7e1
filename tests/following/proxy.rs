//! A proxy between client and server that can refuse and cut websockets.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

#[derive(Default)]
struct State {
    refusal: Option<&'static str>,
    websockets: Vec<TcpStream>,
    opened: usize,
}

#[derive(Clone)]
pub struct Proxy {
    port: u16,
    state: Arc<Mutex<State>>,
}

impl Proxy {
    /// Its threads end with the test's process.
    pub fn start(server: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let port = listener.local_addr().expect("its address").port();
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(stream) = stream else { return };
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || serve(stream, server, &shared));
            }
        });
        Self { port, state }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// From now on, requests for websockets get this answer.
    pub fn refuse(&self, status: &'static str) {
        self.state.lock().expect("the state").refusal = Some(status);
    }

    /// Cuts all websockets, and says how many there were.
    pub fn cut(&self) -> usize {
        let websockets = std::mem::take(&mut self.state.lock().expect("the state").websockets);
        for stream in &websockets {
            let _ = stream.shutdown(Shutdown::Both);
        }
        websockets.len()
    }

    /// How many websockets were opened.
    pub fn opened(&self) -> usize {
        self.state.lock().expect("the state").opened
    }
}

fn serve(mut client: TcpStream, server: u16, state: &Mutex<State>) {
    let mut head = Vec::new();
    let mut buffer = [0; 4096];
    let end = loop {
        if let Some(end) = head.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
        match client.read(&mut buffer) {
            Ok(0) | Err(_) => return,
            Ok(length) => head.extend_from_slice(&buffer[..length]),
        }
    };
    let is_websocket = String::from_utf8_lossy(&head)
        .to_lowercase()
        .contains("upgrade: websocket");
    if is_websocket {
        let mut state = state.lock().expect("the state");
        if let Some(status) = state.refusal {
            let answer =
                format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            let _ = client.write_all(answer.as_bytes());
            return;
        }
        state.opened += 1;
        state.websockets.push(client.try_clone().expect("a handle"));
    } else {
        // Only the first request of a connection is looked at.
        head.splice(end..end, *b"\r\nconnection: close");
    }
    let Ok(mut upstream) = TcpStream::connect(("127.0.0.1", server)) else {
        return;
    };
    if upstream.write_all(&head).is_err() {
        return;
    }
    let both = (client.try_clone(), upstream.try_clone());
    let (Ok(mut to_client), Ok(mut from_server)) = both else {
        return;
    };
    let back = std::thread::spawn(move || {
        let _ = std::io::copy(&mut from_server, &mut to_client);
        let _ = to_client.shutdown(Shutdown::Both);
    });
    let _ = std::io::copy(&mut client, &mut upstream);
    let _ = upstream.shutdown(Shutdown::Both);
    let _ = back.join();
}
