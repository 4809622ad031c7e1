//! Which repository, commit and pull request a run is about.
