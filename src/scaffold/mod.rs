//! What is made out of templates: notebooks for jobs and assets; and what a command wants to write
//! into a user's folder.

pub mod changes;
pub mod commit;
pub mod context;
mod filters;
pub mod mark;
pub mod module;
pub mod place;
pub mod seed;
pub mod skeleton;
pub mod template;
