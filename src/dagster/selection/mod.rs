//! Dagster's asset selection syntax, read and evaluated here: no server of all supported versions
//! does it for a client.
//!
//! ```text
//! group:marts and not tag:tier=draft
//! +key:"reporting/*"+1 or sinks(owner:"team:sales")
//! ```
//!
//! What Dagster accepts means the same here. Beyond it, a value that stands for itself need not be
//! quoted: `owner:team:sales`, `key:core-orders`, `group:mart_*`.
//! See <https://docs.dagster.io/guides/build/assets/asset-selection-syntax/reference>.

mod evaluate;
mod graph;
mod parse;

use std::fmt;

pub use graph::Graph;
pub(crate) use parse::ATTRIBUTES;
pub use parse::ParseError;

/// A selection of assets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    expr: Expr,
}

/// A part of a selection.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Expr {
    /// `*`
    All,
    /// `ATTRIBUTE:VALUE`
    Has(Attribute),
    /// `not …`
    Not(Box<Expr>),
    /// `… and …`
    And(Vec<Expr>),
    /// `… or …`
    Or(Vec<Expr>),
    /// `roots(…)`
    Roots(Box<Expr>),
    /// `sinks(…)`
    Sinks(Box<Expr>),
    /// `1+…+2`: so many steps up and down, if at all.
    Walk {
        from: Box<Expr>,
        up: Option<usize>,
        down: Option<usize>,
    },
}

/// What an asset is asked for. A value that is none is `<null>`.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Attribute {
    Key(String),
    Tag(String, String),
    Owner(Option<String>),
    Group(Option<String>),
    Kind(Option<String>),
    CodeLocation(Option<String>),
    Job(Option<String>),
    Partitions(Option<String>),
    IsExternal,
    IsMaterializable,
}

/// The selection asks for something that the server does not tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Untold {
    /// What that is: `tags`, `owners`, `kinds`.
    pub attribute: &'static str,
}

impl fmt::Display for Untold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the server does not tell the {} of assets",
            self.attribute
        )
    }
}

impl std::error::Error for Untold {}

#[cfg(test)]
mod tests;
