//! What is made out of templates.

pub mod mark;
