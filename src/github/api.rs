//! The client of GitHub's REST API: octocrab over the one HTTP stack of the program.
