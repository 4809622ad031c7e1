"""What somebody who helps wants to know of a notebook and its surroundings; no secrets."""

from __future__ import annotations

import importlib.metadata
import platform
import sys
from pathlib import Path
from typing import Any

import daglab
from daglab.helpers import errors
from daglab.helpers.binary import Caller, binary_version, find_binary
from daglab.helpers.errors import DaglabError
from daglab.helpers.performance import memory_info

__all__ = ["diagnostics"]

_PACKAGES = ("dagster", "dagster-webserver", "dagster-graphql", "marimo")


def diagnostics() -> dict[str, Any]:
    """Return versions, settings, memory and the last errors, for the notebook's error cell.

    Nothing is asked of a server, and nothing fails.

    Returns:
        Plain data without secrets, which JSON can hold.
    """
    memory = memory_info()
    return {
        "daglab": daglab.__version__,
        "binary": _binary(),
        "python": platform.python_version(),
        "executable": sys.executable,
        "platform": platform.platform(),
        "packages": {name: _installed(name) for name in _PACKAGES},
        "directory": str(Path.cwd()),
        "settings": _settings(),
        "memory": {"rss": memory.rss, "peak": memory.peak, "available": memory.available},
        "last_errors": errors.last_errors(),
    }


def _binary() -> dict[str, Any]:
    try:
        path = find_binary()
        return {"path": str(path), "version": binary_version(path)}
    except DaglabError as error:
        return {"error": str(error)}


def _settings() -> dict[str, Any]:
    try:
        return Caller(Path.cwd(), {}).call("settings", {})
    except DaglabError as error:
        return {"error": str(error)}


def _installed(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
