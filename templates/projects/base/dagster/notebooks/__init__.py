"""Notebooks that explore what is in `assets` and `jobs`."""
