//! The one comment on a pull request.
