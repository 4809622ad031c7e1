//! A Dagster release, as far as it decides what may be asked of a server.

use std::fmt;

/// The numbers of a release. What follows them (`rc1`, `.dev0`, `+local`) is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    major: u16,
    minor: u16,
    patch: u16,
}

impl Version {
    /// A release by its numbers.
    pub const fn new(major: u16, minor: u16, patch: u16) -> Self {
        Self {
            major,
            minor,
            patch,
        }
    }

    /// Reads the numbers that a version text begins with: `1.13.27`, `1.8.0rc1`, `1!0+dev`.
    ///
    /// Dagster's own development builds call themselves `1!0+dev`; they are newer than any release.
    pub fn parse(text: &str) -> Option<Self> {
        if text.starts_with("1!0") {
            return Some(Self::new(u16::MAX, 0, 0));
        }
        let mut numbers = text.split('.').map(|part| {
            let digits = part.len() - part.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            part[..digits].parse::<u16>().ok()
        });
        let major = numbers.next()??;
        let minor = numbers.next()??;
        let patch = numbers.next().flatten().unwrap_or(0);
        Some(Self::new(major, minor, patch))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

#[cfg(test)]
mod tests {
    use super::Version;

    #[test]
    fn versions_are_read_and_ordered_by_number() {
        let read = |text| Version::parse(text).expect("a version");
        assert_eq!(read("1.13.27"), Version::new(1, 13, 27));
        assert_eq!(read("1.8.0rc1"), Version::new(1, 8, 0));
        assert_eq!(read("1.9"), Version::new(1, 9, 0));
        assert!(read("1.9.1") < read("1.13.0"));
        assert!(read("1!0+dev") > read("1.99.0"));
        assert!(Version::parse("newest").is_none());
        assert!(Version::parse("").is_none());
    }
}
