//! What is made out of templates: notebooks for jobs and assets.

pub mod commit;
pub mod context;
mod filters;
pub mod mark;
pub mod module;
pub mod place;
pub mod seed;
pub mod skeleton;
pub mod template;
