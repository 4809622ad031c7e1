"""marimo, as `daglab migrate` needs it: notebooks written and checked, many in one process."""
