"""What Dagster projects and notebooks import from daglab."""

from __future__ import annotations

from daglab.helpers.checks import notebook_check

__all__ = ["notebook_check"]
