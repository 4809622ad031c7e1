//! From all that a server has to what a person asked to see: [`filter`] chooses, [`model`] is what
//! was chosen as JSON, [`table`] the same for a terminal, and [`names`] what completion remembers.
//!
//! Nothing here waits or asks.

pub mod filter;
pub mod model;
pub mod names;
pub mod table;
