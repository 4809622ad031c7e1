"""daglab's Python side: helpers for notebooks, and the host that runs them."""
