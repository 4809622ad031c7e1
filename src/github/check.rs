//! A check run: the result beside the commit, for those who ask for it.
