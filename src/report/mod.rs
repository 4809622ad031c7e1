//! What is left of a run: one value and the pages made of it.

pub mod model;
