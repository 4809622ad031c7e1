//! What can go wrong on the way to GitHub and inside of it.

use std::sync::{Arc, Barrier};

use serde_json::{Value, json};

use super::State;

/// A fault that befalls requests of one method to paths that contain a text.
pub struct Fault {
    pub method: &'static str,
    pub path: &'static str,
    /// How many such requests go well before.
    pub after: usize,
    /// How many it befalls.
    pub times: usize,
    pub what: What,
}

#[derive(Clone)]
pub enum What {
    /// This answer, and nothing is done.
    Answer {
        status: u16,
        headers: Vec<(&'static str, String)>,
        body: Value,
    },
    /// It is done, and this is the answer all the same.
    AnswerAfter { status: u16, body: Value },
    /// The connection ends without an answer, and nothing is done.
    DropBefore,
    /// It is done, and the connection ends without an answer.
    DropAfter,
    /// It is done, and the answer ends in the middle.
    CutAfter,
    /// No answer until the other side gives up.
    Hang,
    /// All whom this befalls are served only when they are together.
    Meet(Arc<Barrier>),
    /// Somebody else is quicker.
    Meanwhile(Arc<dyn Fn(&mut State) + Send + Sync>),
}

impl Fault {
    /// Befalls the first request.
    pub fn once(method: &'static str, path: &'static str, what: What) -> Self {
        Self {
            method,
            path,
            after: 0,
            times: 1,
            what,
        }
    }

    /// Befalls every request.
    pub fn always(method: &'static str, path: &'static str, what: What) -> Self {
        Self {
            times: usize::MAX,
            ..Self::once(method, path, what)
        }
    }
}

impl What {
    pub fn status(status: u16, message: &str) -> Self {
        Self::Answer {
            status,
            headers: Vec::new(),
            body: said(message),
        }
    }

    pub fn with_headers(status: u16, message: &str, headers: &[(&'static str, &str)]) -> Self {
        Self::Answer {
            status,
            headers: headers
                .iter()
                .map(|(name, value)| (*name, (*value).to_owned()))
                .collect(),
            body: said(message),
        }
    }

    pub fn redirect(status: u16, location: &str) -> Self {
        Self::with_headers(status, "Moved", &[("location", location)])
    }
}

/// A failure in GitHub's words.
pub fn said(message: &str) -> Value {
    json!({ "message": message, "documentation_url": "https://docs.github.com/rest" })
}
