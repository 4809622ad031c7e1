//! marimo notebooks: their source, the page they are exported to, and what `marimo check` says.
//!
//! Everything here reads text that exists; nothing is run.

pub mod check;
pub mod events;
pub mod format;
pub mod page;
pub mod results;
pub mod source;
pub(crate) mod text;
