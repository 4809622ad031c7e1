//! As much HTTP/1.1 as the clients of the artifact service speak.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};

use percent_encoding::percent_decode_str;

/// A request, of which the body is still to be read.
pub struct Request<'a> {
    pub method: String,
    pub path: String,
    /// Names and values, decoded.
    pub query: Vec<(String, String)>,
    /// Names in lower case.
    pub headers: BTreeMap<String, String>,
    pub body: Box<dyn Read + 'a>,
}

impl Request<'_> {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    pub fn parameter(&self, name: &str) -> &str {
        let found = self.query.iter().find(|(key, _)| key == name);
        found.map_or("", |(_, value)| value)
    }
}

/// What is answered.
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub length: u64,
    pub body: Box<dyn Read>,
}

impl Answer {
    pub fn new(status: u16, kind: &str, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        Self {
            status,
            headers: vec![("content-type".into(), kind.into())],
            length: body.len() as u64,
            body: Box::new(io::Cursor::new(body)),
        }
    }

    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }
}

/// How an answer is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sending {
    Whole,
    /// The head promises all, and the connection ends after so many bytes of the body.
    CutAfter(u64),
    /// One byte is another one.
    Corrupted,
}

pub fn read_request<'a>(reader: &'a mut BufReader<TcpStream>) -> Option<Request<'a>> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        lines.push(line.to_owned());
    }
    let mut first = lines.first()?.split(' ');
    let (method, target) = (first.next()?.to_owned(), first.next()?);
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let headers: BTreeMap<_, _> = lines[1..]
        .iter()
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
        .collect();
    let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let query = query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (decode(name), decode(value)))
        .collect();
    let body: Box<dyn Read> = if headers.contains_key("transfer-encoding") {
        Box::new(Chunked {
            reader,
            left: 0,
            end: false,
        })
    } else {
        let length = headers.get("content-length").and_then(|it| it.parse().ok());
        Box::new(reader.take(length.unwrap_or(0)))
    };
    Some(Request {
        method,
        path: path.to_owned(),
        query,
        headers,
        body,
    })
}

struct Chunked<R> {
    reader: R,
    left: u64,
    end: bool,
}

impl<R: BufRead> Chunked<R> {
    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        self.reader.read_line(&mut line)?;
        Ok(line.trim().to_owned())
    }
}

impl<R: BufRead> Read for Chunked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 && !self.end {
            let size = self.line()?;
            self.left = u64::from_str_radix(&size, 16).map_err(io::Error::other)?;
            if self.left == 0 {
                self.line()?;
                self.end = true;
            }
        }
        let count = (&mut self.reader).take(self.left).read(buffer)?;
        self.left -= count as u64;
        if self.left == 0 && count > 0 {
            self.line()?;
        }
        Ok(count)
    }
}

/// Answers. An error means that the connection is of no more use.
pub fn send(stream: &TcpStream, answer: Answer, sending: Sending) -> io::Result<()> {
    let mut stream = io::BufWriter::with_capacity(256 * 1024, stream);
    write!(stream, "HTTP/1.1 {} As Told\r\n", answer.status)?;
    for (name, value) in &answer.headers {
        write!(stream, "{name}: {value}\r\n")?;
    }
    write!(stream, "content-length: {}\r\n\r\n", answer.length)?;
    let mut body = answer.body;
    match sending {
        Sending::Whole => {
            io::copy(&mut body, &mut stream)?;
            stream.flush()
        }
        Sending::CutAfter(bytes) => {
            io::copy(&mut body.take(bytes), &mut stream)?;
            stream.flush()?;
            Err(io::ErrorKind::ConnectionAborted.into())
        }
        Sending::Corrupted => {
            let mut bytes = Vec::new();
            body.read_to_end(&mut bytes)?;
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            stream.write_all(&bytes)?;
            stream.flush()
        }
    }
}

/// Ends a connection, so that whoever is at its other end notices.
pub fn hang_up(stream: &TcpStream) {
    let _ = stream.shutdown(Shutdown::Both);
}
