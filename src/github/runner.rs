//! What a step says to its runner: annotations, masks, outputs, the summary.
