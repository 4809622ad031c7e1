//! stub
/// x
pub const OLDEST_PYTHON: &str = "3.10";
/// x
pub const SUPPORTED_DAGSTER: &str = ">=1.5,<2.0";
