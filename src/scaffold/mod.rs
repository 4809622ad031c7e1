//! What is made out of templates, and how it gets into a user's folder.

pub mod changes;
pub mod mark;
