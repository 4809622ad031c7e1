//! What is left of a run: one value and the pages made of it.
//!
//! Every sink is a pure function of a [`model::CiReport`], so each can be fed from a file as well
//! as from a run that has just ended. What the sinks agree on (words, counts, the verdict, which
//! lines of a traceback are the user's) is in [`summary`] and [`traceback`]; writing files is for
//! the caller.

pub mod annotations;
pub mod html;
pub mod json;
pub mod junit;
pub mod markdown;
pub mod model;
pub mod summary;
pub mod terminal;
pub mod traceback;
