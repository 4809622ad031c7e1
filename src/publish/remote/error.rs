//! Why something could not be published, from what a server said.

use std::error::Error as _;
use std::sync::LazyLock;

use object_store::client::{HttpError, HttpErrorKind};
use regex::Regex;

use super::address::{self, Place};
use crate::error::{Diagnose, ExitStatus};
use crate::supervise::cancel::Reason;
use crate::ui::text::one_line;

/// Why something could not be published.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// It is not known where to.
    #[error(transparent)]
    Address(#[from] address::Error),
    /// A setting that the store can't be used with.
    #[error("{what}")]
    Setting {
        /// What is wrong.
        what: String,
        /// What to do.
        hint: String,
    },
    /// There are no credentials where they were looked for.
    #[error("there are no credentials for `{place}`: {why}")]
    NoCredentials {
        /// The bucket.
        place: String,
        /// What was tried.
        why: String,
        /// What to do.
        hint: &'static str,
    },
    /// There is no such bucket.
    #[error("there is no {what} `{place}`")]
    NoBucket {
        /// `bucket` or `container`.
        what: &'static str,
        /// The bucket.
        place: String,
    },
    /// The server knows us not, or does not allow it.
    #[error("`{place}` refused to {action}: {said}")]
    Refused {
        /// The bucket.
        place: String,
        /// What was to be done.
        action: String,
        /// The server's code and message.
        said: String,
    },
    /// The server's clock and ours differ too much for signatures.
    #[error("`{place}` refused a signature because of its time: {said}")]
    Clock {
        /// The bucket.
        place: String,
        /// The server's code and message.
        said: String,
    },
    /// The server could not be reached, or did not do what it should.
    #[error("`{place}` did not {action}: {said}")]
    Unreachable {
        /// The bucket.
        place: String,
        /// What was to be done.
        action: String,
        /// What became of it.
        said: String,
    },
    /// The server says that the request is wrong.
    #[error("`{place}` could not {action}: {said}")]
    Invalid {
        /// The bucket.
        place: String,
        /// What was to be done.
        action: String,
        /// The server's code and message.
        said: String,
    },
    /// Somebody else wrote in the meantime.
    #[error("`{key}` was changed by somebody else in the meantime")]
    Changed {
        /// The object.
        key: String,
    },
    /// There is no such object.
    #[error("there is no object `{key}`")]
    NoObject {
        /// The object.
        key: String,
    },
    /// What was to be published could not be read.
    #[error("`{path}` could not be read: {why}")]
    Source {
        /// The file.
        path: String,
        /// Why not.
        why: String,
    },
    /// What the store holds is not what was sent.
    #[error("`{key}` has {found} bytes in the store, and {sent} were sent")]
    Differs {
        /// The object.
        key: String,
        /// What was sent.
        sent: u64,
        /// What is there.
        found: u64,
    },
    /// Something of ours in the store is not what we write.
    #[error("`{key}` is not what daglab writes: {why}")]
    Foreign {
        /// The object.
        key: String,
        /// What is wrong with it.
        why: String,
    },
    /// The command was asked to end.
    #[error("the upload was cancelled")]
    Cancelled(Reason),
}

impl Error {
    /// Whether nothing else will go better: another object meets the same.
    pub fn is_final(&self) -> bool {
        !matches!(
            self,
            Self::Source { .. }
                | Self::Differs { .. }
                | Self::Changed { .. }
                | Self::Foreign { .. }
                | Self::NoObject { .. }
        )
    }
}

impl Diagnose for Error {
    fn exit_status(&self) -> ExitStatus {
        match self {
            Self::Address(error) => error.exit_status(),
            Self::Setting { .. } | Self::NoBucket { .. } | Self::Invalid { .. } => {
                ExitStatus::Validation
            }
            Self::NoCredentials { .. } | Self::Refused { .. } | Self::Clock { .. } => {
                ExitStatus::Authentication
            }
            Self::Unreachable { .. } | Self::Differs { .. } | Self::NoObject { .. } => {
                ExitStatus::Network
            }
            Self::Changed { .. } | Self::Source { .. } | Self::Foreign { .. } => {
                ExitStatus::Conflict
            }
            Self::Cancelled(reason) => reason.exit_status(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Address(error) => error.hint(),
            Self::Setting { hint, .. } => Some(hint.clone()),
            Self::NoCredentials { hint, .. } => Some((*hint).to_owned()),
            Self::NoBucket { what, .. } => Some(format!(
                "create the {what}, or name another; daglab creates none"
            )),
            Self::Refused { .. } => Some(
                "check which credentials the environment holds, and that they may read, list and \
                 write below the prefix"
                    .to_owned(),
            ),
            Self::Clock { .. } => Some("set this machine's clock right".to_owned()),
            Self::Unreachable { .. } => {
                Some("try again, or check the endpoint and the region".to_owned())
            }
            Self::Foreign { .. } => Some("choose another prefix, or move the object".to_owned()),
            _ => None,
        }
    }
}

/// What a server said, without addresses and signatures.
struct Said {
    status: Option<u16>,
    code: Option<String>,
    message: Option<String>,
}

impl Said {
    /// Reads it from the text of an error: the library keeps status and body to itself.
    fn of(error: &object_store::Error) -> Self {
        static STATUS: LazyLock<Regex> =
            LazyLock::new(|| Regex::new(r"status code: (\d{3})").expect("the expression is right"));
        static CODE: LazyLock<Regex> = LazyLock::new(|| {
            Regex::new(r"<Code>([^<]{1,100})</Code>").expect("the expression is right")
        });
        static MESSAGE: LazyLock<Regex> = LazyLock::new(|| {
            Regex::new(r"(?s)<Message>([^<]{1,2000})</Message>").expect("the expression is right")
        });
        let text = error.to_string();
        let group = |expression: &Regex| {
            let found = expression.captures(&text)?;
            Some(one_line(&found[1]))
        };
        Self {
            status: group(&STATUS).and_then(|status| status.parse().ok()),
            code: group(&CODE),
            message: group(&MESSAGE),
        }
    }

    fn shown(&self) -> Option<String> {
        // What follows the first sentence names requests and times.
        let message = self.message.as_deref().map(|message| {
            let first = message.split("RequestId:").next().unwrap_or(message);
            first.trim().trim_end_matches('.').to_owned()
        });
        match (&self.code, message, self.status) {
            (Some(code), Some(message), _) => Some(format!("{code} ({message})")),
            (Some(code), None, _) => Some(code.clone()),
            (None, Some(message), _) => Some(message),
            (None, None, Some(status)) => Some(format!("status {status}")),
            (None, None, None) => None,
        }
    }

    fn is(&self, codes: &[&str]) -> bool {
        self.code
            .as_deref()
            .is_some_and(|code| codes.contains(&code))
    }
}

const NO_BUCKET: &[&str] = &["NoSuchBucket", "ContainerNotFound", "ContainerBeingDeleted"];
const CLOCK: &[&str] = &["RequestTimeTooSkewed", "RequestExpired"];
const WHO: &[&str] = &[
    "AccessDenied",
    "AuthenticationFailed",
    "AuthorizationFailure",
    "ExpiredToken",
    "InvalidAccessKeyId",
    "InvalidAuthenticationInfo",
    "InvalidToken",
    "SignatureDoesNotMatch",
    "TokenRefreshRequired",
];

/// What a library's error means. `action` says what was to be done: `store `a/b.html``.
pub(super) fn explain(
    error: &object_store::Error,
    place: &Place,
    key: &str,
    action: &str,
) -> Error {
    use object_store::Error as Library;
    if let Place::File(_) = place {
        return explain_file(error, place, key, action);
    }
    let said = Said::of(error);
    let (what, shown) = (what(place), place.to_string());
    let text = said.shown();
    let action = action.to_owned();
    if said.is(NO_BUCKET) {
        return Error::NoBucket { what, place: shown };
    }
    // Azure says so beside its message.
    let whole = error.to_string();
    let about_time = whole.contains("Request date header too old") || whole.contains("time skew");
    if said.is(CLOCK) || about_time {
        let said = text.unwrap_or_default();
        return Error::Clock { place: shown, said };
    }
    if said.is(WHO) || matches!(said.status, Some(401 | 403)) {
        let said = text.unwrap_or_default();
        return Error::Refused {
            place: shown,
            action,
            said,
        };
    }
    match error {
        Library::PermissionDenied { .. } | Library::Unauthenticated { .. } => Error::Refused {
            place: shown,
            action,
            said: text.unwrap_or_else(|| "the credentials are not accepted".to_owned()),
        },
        Library::NotFound { .. } => Error::NoObject {
            key: key.to_owned(),
        },
        Library::Precondition { .. } | Library::AlreadyExists { .. } => Error::Changed {
            key: key.to_owned(),
        },
        _ => match said.status {
            Some(400..=499) if said.status != Some(408) && said.status != Some(429) => {
                Error::Invalid {
                    place: shown,
                    action,
                    said: text.unwrap_or_default(),
                }
            }
            _ => Error::Unreachable {
                place: shown,
                action,
                said: text.unwrap_or_else(|| transport(error)),
            },
        },
    }
}

fn explain_file(error: &object_store::Error, place: &Place, key: &str, action: &str) -> Error {
    match error {
        object_store::Error::NotFound { .. } => Error::NoObject {
            key: key.to_owned(),
        },
        object_store::Error::Precondition { .. } | object_store::Error::AlreadyExists { .. } => {
            Error::Changed {
                key: key.to_owned(),
            }
        }
        _ => Error::Foreign {
            key: format!("{place}/{key}"),
            why: format!("it could not {action}: {}", root_cause(error)),
        },
    }
}

/// What a bucket is called where it is.
pub(super) fn what(place: &Place) -> &'static str {
    match place {
        Place::S3(_) | Place::Gcs(_) => "bucket",
        Place::Azure(_) => "container",
        Place::File(_) => "directory",
    }
}

/// What became of a request that got no answer.
fn transport(error: &object_store::Error) -> String {
    let mut next = error.source();
    while let Some(source) = next {
        if let Some(http) = source.downcast_ref::<HttpError>() {
            let how = match http.kind() {
                HttpErrorKind::Connect => "no connection",
                HttpErrorKind::Timeout => "no answer in time",
                HttpErrorKind::Interrupted => "the connection was cut",
                HttpErrorKind::Decode => "an answer that can't be read",
                _ => "the request failed",
            };
            return format!("{how} ({})", root_cause(http));
        }
        next = source.source();
    }
    root_cause(error)
}

/// The innermost error's message: the ones around it repeat it, with addresses.
pub(super) fn root_cause(error: &dyn std::error::Error) -> String {
    let mut last = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        last = source.to_string();
        next = source.source();
    }
    let line = one_line(&last);
    line.chars().take(300).collect()
}
