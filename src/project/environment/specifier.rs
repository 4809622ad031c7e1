//! Python versions and the part of PEP 440 that says which Pythons a project accepts.

use std::fmt;
use std::str::FromStr;

/// A release such as `3.11` or `3.11.7`; what follows (`rc1`, `+local`) is left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release(Vec<u32>);

impl Release {
    /// The first three numbers, with zeros for those that are not given.
    fn padded(&self) -> [u32; 3] {
        std::array::from_fn(|i| self.0.get(i).copied().unwrap_or(0))
    }

    /// Whether `self` begins with the numbers of `prefix`: `3.11.7` with `3.11`.
    pub fn starts_with(&self, prefix: &Self) -> bool {
        self.0.len() >= prefix.0.len() && self.0[..prefix.0.len()] == prefix.0
    }
}

impl PartialOrd for Release {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.padded().cmp(&other.padded()))
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<String> = self.0.iter().map(u32::to_string).collect();
        f.write_str(&parts.join("."))
    }
}

impl FromStr for Release {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let end = text
            .find(|c: char| c != '.' && !c.is_ascii_digit())
            .unwrap_or(text.len());
        let numbers = text[..end].trim_matches('.');
        let parts: Result<Vec<u32>, _> = numbers.split('.').map(str::parse).collect();
        parts.map(Self).map_err(|_| ())
    }
}

/// Whether `version` is inside a `requires-python` such as `>=3.10,<3.14`. A clause that cannot be
/// read excludes nothing: the installation tool has the last word.
pub fn allows(specifier: &str, version: &Release) -> bool {
    specifier
        .split(',')
        .all(|clause| allows_clause(clause.trim(), version))
}

fn allows_clause(clause: &str, version: &Release) -> bool {
    let end = clause
        .find(|c: char| !"<>=!~^".contains(c))
        .unwrap_or(clause.len());
    let (operator, operand) = (&clause[..end], clause[end..].trim());
    let wildcard = operand.ends_with(".*");
    let Ok(bound) = operand.trim_end_matches(".*").parse::<Release>() else {
        return true;
    };
    match operator {
        ">=" => *version >= bound,
        ">" => *version > bound,
        "<=" => *version <= bound,
        "<" => *version < bound,
        "!=" if wildcard => !version.starts_with(&bound),
        "!=" => version.padded() != bound.padded(),
        "==" | "===" if wildcard => version.starts_with(&bound),
        "==" | "===" => version.padded() == bound.padded(),
        "~=" => {
            let series = Release(bound.0[..bound.0.len().saturating_sub(1)].to_vec());
            *version >= bound && version.starts_with(&series)
        }
        // Poetry's caret.
        "^" => *version >= bound && version.0.first() == bound.0.first(),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn specifiers() {
        let version: Release = "3.11.7".parse().expect("a release");
        for inside in [
            "",
            ">=3.10",
            ">=3.10,<3.14",
            "==3.11.*",
            "~=3.11",
            "~=3.11.2",
            "!=3.11.1",
            "^3.10",
            ">3.10",
            "<=3.11.7",
            ">= 3.11",
            "!=3.12.*",
            "nonsense",
        ] {
            assert!(allows(inside, &version), "{inside}");
        }
        for outside in [
            "<3.11", ">=3.12", "==3.12.*", "~=3.12", "~=3.11.8", "!=3.11.*", "==3.11",
        ] {
            assert!(!allows(outside, &version), "{outside}");
        }
    }

    #[test]
    fn releases() {
        let release = |text: &str| text.parse::<Release>();
        assert_eq!(
            release("3.13.0rc1").map(|r| r.to_string()),
            Ok("3.13.0".to_owned())
        );
        assert_eq!(
            release("1.13.27+local").map(|r| r.to_string()),
            Ok("1.13.27".to_owned())
        );
        assert!(release("python").is_err());
        assert!(release("").is_err());
        assert!(release("3.11").expect("one") < release("3.11.1").expect("one"));
    }
}
