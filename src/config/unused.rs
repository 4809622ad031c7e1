//! Settings that are read, and that this version does not act on yet.

use super::{Loaded, Origin};

/// Those that one would expect `ci` or `export` to heed. What is for commands that are still to
/// come surprises nobody.
const UNUSED: &[&str] = &[
    "logging.format",
    "logging.file",
    "logging.max_bytes",
    "logging.backup_count",
];

impl Loaded {
    /// The settings that somebody has set in vain, with where.
    pub fn unused(&self) -> impl Iterator<Item = (&'static str, &Origin)> {
        let origins = UNUSED.iter().map(|path| (*path, self.origins.of(path)));
        origins.filter(|(_, origin)| **origin != Origin::Default)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Request, Settings, load};

    #[test]
    fn the_list_names_settings() {
        let settings = serde_json::to_value(Settings::default()).unwrap();
        for path in UNUSED {
            let pointer = format!("/{}", path.replace('.', "/"));
            assert!(settings.pointer(&pointer).is_some(), "{path}");
        }
    }

    #[test]
    fn only_what_is_set_is_named() {
        let request = Request {
            env: vec![("DAGLAB_LOGGING__FILE".to_owned(), "x.log".to_owned())],
            ..Request::default()
        };
        let loaded = load(&request).unwrap();
        let named: Vec<_> = loaded
            .unused()
            .map(|(path, origin)| format!("{path} {origin}"))
            .collect();
        assert_eq!(named, ["logging.file DAGLAB_LOGGING__FILE"]);
    }
}
