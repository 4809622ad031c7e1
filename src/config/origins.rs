//! Where settings came from.

use std::collections::BTreeMap;
use std::fmt;

use super::error::Place;

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Nobody set it.
    Default,
    /// A file, with the line.
    File(Place),
    /// A variable.
    Variable(String),
    /// A flag.
    Flag(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => write!(f, "default"),
            Self::File(place) => match place.at {
                Some((line, _)) => write!(f, "{}:{line}", place.file.display()),
                None => write!(f, "{}", place.file.display()),
            },
            Self::Variable(name) => write!(f, "{name}"),
            Self::Flag(flag) => write!(f, "{flag}"),
        }
    }
}

/// Where each value came from.
#[derive(Debug, Clone, Default)]
pub struct Origins(BTreeMap<String, Origin>);

impl Origins {
    /// Where the value at a dotted path came from: of itself, or of what it is part of.
    pub fn of(&self, path: &str) -> &Origin {
        let mut path = path;
        loop {
            if let Some(origin) = self.0.get(path) {
                return origin;
            }
            match path.rsplit_once('.') {
                Some((parent, _)) => path = parent,
                None => return &Origin::Default,
            }
        }
    }

    /// Where the value at exactly this path came from.
    pub(super) fn exactly(&self, path: &str) -> Option<&Origin> {
        self.0.get(path)
    }

    /// The origins of what is inside of the value at a path, which is their root.
    pub(super) fn below(&self, path: &str) -> Self {
        let inside = format!("{path}.");
        let below = self.0.iter().filter_map(|(key, origin)| {
            let key = if key == path {
                ""
            } else {
                key.strip_prefix(&inside)?
            };
            Some((key.to_owned(), origin.clone()))
        });
        Self(below.collect())
    }

    /// The line of the user's file that a value came from, with an arrow.
    pub fn snippet(&self, path: &str) -> Option<String> {
        match self.of(path) {
            Origin::File(place) => Some(place.snippet()),
            _ => None,
        }
    }
}

impl From<BTreeMap<String, Origin>> for Origins {
    fn from(origins: BTreeMap<String, Origin>) -> Self {
        Self(origins)
    }
}

impl From<Origins> for BTreeMap<String, Origin> {
    fn from(origins: Origins) -> Self {
        origins.0
    }
}
