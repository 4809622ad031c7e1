"""daglab's Python side: helpers for notebooks, and the host that runs them."""

# As Cargo.toml has it, for the binary is asked for the same.
__version__ = "0.1.0"
