//! What the Python helpers ask of the binary beside its public commands: one request as JSON on
//! stdin, one value as JSON on stdout, or a line for each event.
//!
//! [`request`]: what may be asked, as types. [`answer`]: errors as JSON, and whether the caller is
//! still there. [`launch`], [`runs`], [`metadata`], [`texts`] and [`files`]: the rooms that are
//! asked. What a value means to a notebook is for `python/daglab/helpers` to say.

pub mod answer;
pub mod error;
pub mod files;
pub mod launch;
pub mod metadata;
pub mod request;
pub mod runs;
pub mod texts;

pub use error::Error;
