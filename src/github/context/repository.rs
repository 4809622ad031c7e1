//! Names that come from outside and become part of addresses.

use std::fmt;
use std::str::FromStr;

/// `owner/name`, of characters that need no encoding in a path.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Repository {
    owner: String,
    name: String,
}

/// A text that is not a repository's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a repository is `owner/name`")]
pub struct NoRepository;

impl Repository {
    /// The user or organization.
    pub fn owner(&self) -> &str {
        &self.owner
    }

    /// The name without its owner.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether this is its name; GitHub does not tell letters' cases apart.
    pub fn is(&self, full_name: &str) -> bool {
        self.to_string().eq_ignore_ascii_case(full_name)
    }
}

impl FromStr for Repository {
    type Err = NoRepository;

    fn from_str(text: &str) -> Result<Self, NoRepository> {
        let (owner, name) = text.split_once('/').ok_or(NoRepository)?;
        if is_name(owner) && is_name(name) {
            Ok(Self {
                owner: owner.to_owned(),
                name: name.to_owned(),
            })
        } else {
            Err(NoRepository)
        }
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.owner, self.name)
    }
}

/// Whether a text is the name of an owner or a repository.
pub(super) fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 100
        && text != "."
        && text != ".."
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}

/// Whether a text is a commit's name, in full, and not the one that stands for none.
pub fn is_commit(text: &str) -> bool {
    matches!(text.len(), 40 | 64)
        && text.bytes().all(|byte| byte.is_ascii_hexdigit())
        && text.bytes().any(|byte| byte != b'0')
}

/// Whether a text can be a branch: git's own rules, as far as they matter to who passes it on.
pub(super) fn is_branch(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 255
        && !text.contains("..")
        && !text
            .chars()
            .any(|c| c.is_control() || matches!(c, ' ' | '~' | '^' | ':' | '?' | '*' | '[' | '\\'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_can_not_change_a_path() {
        for wrong in [
            "", "a", "a/", "/b", "a/b/c", "../b", "a/..", "a/b?c", "a/b#c", "a/%2e", "ä/b",
        ] {
            assert!(wrong.parse::<Repository>().is_err(), "{wrong:?}");
        }
        let repository: Repository = "octo-org/Hello.World_1".parse().expect("a name");
        assert_eq!(repository.to_string(), "octo-org/Hello.World_1");
        assert!(repository.is("Octo-Org/hello.world_1"));
        assert!(is_commit(&"a1".repeat(20)));
        assert!(!is_commit(&"0".repeat(40)));
        assert!(!is_commit("main"));
        assert!(is_branch("feature/ä#1"));
        assert!(!is_branch("a b"));
    }
}
