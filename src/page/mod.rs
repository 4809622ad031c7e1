//! A notebook's results as one page that opens anywhere: no script, nothing loaded.
