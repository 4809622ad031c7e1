//! What can go wrong between this program and GitHub.

use std::path::PathBuf;

use jiff::Timestamp;

use crate::error::{Diagnose, ExitStatus};

/// How much of a foreign message is shown, in characters.
const EXCERPT: usize = 400;

/// Why GitHub did not do what it was asked. `request` is always method and path, without the query.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An address of the API is none.
    #[error("`{url}` is not an address of GitHub's API: {reason}")]
    Url {
        /// As it was configured, without user and password.
        url: String,
        /// What is wrong.
        reason: String,
    },
    /// The token can't be sent in a header.
    #[error("the GitHub token holds characters that no token has")]
    Token,
    /// The file of certificate authorities can't be used.
    #[error("could not read certificates from `{}`: {reason}", file.display())]
    Authorities {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The HTTP client could not be made.
    #[error("could not prepare the connection to GitHub: {0}")]
    Setup(String),
    /// No answer, or none that came to its end.
    #[error("no answer from GitHub at `{host}` to `{request}`: {reason}")]
    Network {
        /// Method and path.
        request: String,
        /// Who was asked.
        host: String,
        /// What happened.
        reason: String,
        /// Whether the request may have arrived and been carried out.
        may_have_acted: bool,
    },
    /// GitHub itself has failed.
    #[error("GitHub failed at `{request}` with status {status}: {message}")]
    Server {
        /// Method and path.
        request: String,
        /// 500 or above.
        status: u16,
        /// What it said.
        message: String,
    },
    /// Too many requests, and the pause that is asked for is longer than may be waited.
    #[error("GitHub's {} until {until}, at `{request}`", if *.secondary { "secondary rate limit holds" } else { "rate limit is used up" })]
    RateLimited {
        /// Method and path.
        request: String,
        /// When it may be tried again.
        until: Timestamp,
        /// A limit on pace rather than on the number of requests an hour.
        secondary: bool,
    },
    /// The token is no longer valid, or never was.
    #[error("GitHub does not accept the token: {message}")]
    Unauthorised {
        /// What it said.
        message: String,
    },
    /// The token may not do this.
    #[error("GitHub refuses `{request}`: {message}")]
    Forbidden {
        /// Method and path.
        request: String,
        /// What it said.
        message: String,
        /// The token belongs to a workflow or an app that was not given the permission, as is so
        /// for pull requests from forks.
        integration: bool,
    },
    /// There is no such thing, or the token may not see it.
    #[error("GitHub finds nothing at `{request}`")]
    NotFound {
        /// Method and path.
        request: String,
    },
    /// What was sent is not accepted.
    #[error("GitHub does not accept what `{request}` brings: {message}")]
    Validation {
        /// Method and path.
        request: String,
        /// What it said, with the details.
        message: String,
    },
    /// The answer leads to another server, which must not see the token.
    #[error("GitHub's answer to `{request}` leads to `{to}`, which is not followed")]
    Redirected {
        /// Method and path.
        request: String,
        /// The other server, or what stands in place of an address.
        to: String,
    },
    /// A status that nobody expects here.
    #[error("GitHub answered `{request}` with status {status}: {message}")]
    Unexpected {
        /// Method and path.
        request: String,
        /// The status.
        status: u16,
        /// What it said.
        message: String,
    },
    /// An answer that can't be read.
    #[error("GitHub's answer to `{request}` can't be read: {reason}")]
    Answer {
        /// Method and path.
        request: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl Error {
    /// Whether the request may have been carried out although no answer says so.
    pub fn may_have_acted(&self) -> bool {
        match self {
            Self::Network { may_have_acted, .. } => *may_have_acted,
            // Its answer is lost: it said that it was done, or broke while it was doing it.
            Self::Server { .. } | Self::Answer { .. } => true,
            _ => false,
        }
    }
}

impl Diagnose for Error {
    fn exit_status(&self) -> ExitStatus {
        match self {
            Self::Url { .. } | Self::NotFound { .. } | Self::Validation { .. } => {
                ExitStatus::Validation
            }
            Self::Authorities { .. } | Self::Setup(_) => ExitStatus::Environment,
            Self::Token | Self::Unauthorised { .. } | Self::Forbidden { .. } => {
                ExitStatus::Authentication
            }
            Self::Network { .. }
            | Self::Server { .. }
            | Self::RateLimited { .. }
            | Self::Redirected { .. }
            | Self::Unexpected { .. }
            | Self::Answer { .. } => ExitStatus::Network,
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Url { .. } => {
                "`GITHUB_API_URL` is `https://api.github.com`, or `https://HOST/api/v3` on an \
                 Enterprise Server"
            }
            Self::Token => "give the token as it is, without quotes or a line's end",
            Self::Authorities { .. } => "the file must hold certificates in PEM",
            Self::Network { .. } => {
                "check the proxy's variables, and `SSL_CERT_FILE` where a private authority signs"
            }
            Self::RateLimited { .. } => {
                "run fewer jobs at once, or give a token of its own to this one"
            }
            Self::Unauthorised { .. } => {
                "a workflow's own token is valid only while its job runs; pass \
                 `${{ github.token }}`"
            }
            Self::Forbidden {
                integration: true, ..
            } => {
                "give the job `permissions:` with `pull-requests: write` (`checks: write` for a \
                 check run); the token of a pull request from a fork can't get them"
            }
            Self::Forbidden { .. } | Self::NotFound { .. } => {
                "check the repository's name, and that the token may see it"
            }
            Self::Redirected { .. } => "check `GITHUB_API_URL`",
            Self::Setup(_)
            | Self::Server { .. }
            | Self::Validation { .. }
            | Self::Unexpected { .. }
            | Self::Answer { .. } => return None,
        };
        Some(hint.to_owned())
    }
}

/// The beginning of what a server said, on one line, without control characters and without the
/// token, which it may send back.
pub(super) fn excerpt(text: &str, token: &str) -> String {
    let hidden = if token.is_empty() {
        text.to_owned()
    } else {
        text.replace(token, "***")
    };
    let line = crate::ui::text::one_line(&hidden);
    match line.char_indices().nth(EXCERPT) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;

    #[test]
    fn excerpts_are_short_clean_and_without_the_token() {
        assert_eq!(excerpt("a\x1b[31m\n b ghs_x", "ghs_x"), "a b ***");
        assert_eq!(excerpt(&"ä".repeat(900), "").chars().count(), EXCERPT + 1);
    }
}
