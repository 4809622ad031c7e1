//! The warm host: one Python process that imports once and forks the rest.

pub mod protocol;
