//! Artifacts of a workflow run, version 4 and later.
