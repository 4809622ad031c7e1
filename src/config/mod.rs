//! What the user wants: `daglab.yaml` and the layers around it.

pub mod ci;
pub mod error;
pub mod layers;
pub mod model;
pub mod origins;
mod placed;
pub mod run;
pub mod tree;
mod unused;
pub mod yaml;

pub use error::Error;
pub use layers::{FlagValue, Loaded, Request, load};
pub use model::Settings;
pub use origins::{Origin, Origins};
pub use placed::Placed;
pub use tree::yaml_to_json;
