//! How daglab speaks to people: where text goes, what is drawn while work goes on, and how foreign
//! text is made harmless. What is said belongs to the rooms that say it.

mod drawn;
pub mod error;
pub mod printer;
pub mod progress;
pub mod runner;
pub mod steps;
pub mod style;
pub mod table;
pub mod text;

pub use error::{print_error, render_error};
pub use printer::Printer;
pub use style::Paint;
pub use text::sanitize;
