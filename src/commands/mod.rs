//! One file a subcommand: its flags, and what it calls. No business here.

pub mod ci;
pub mod export;
