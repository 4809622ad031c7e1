"""The command lines that a task can be: each as `python -m MODULE` would run it."""

from __future__ import annotations

import importlib
from collections.abc import Callable

# By entry: the module of `python -m`, and the module and function that its command line calls.
ENTRIES: dict[str, tuple[str, str, str]] = {
    "dagster": ("daglab._host.run_dagster", "daglab._host.run_dagster", "main"),
    "run": ("daglab._host.run", "daglab._host.run", "main"),
    "webserver": ("daglab._host.run_webserver", "daglab._host.run_webserver", "main"),
    "marimo": ("marimo", "marimo._cli.cli", "main"),
    "notebook": ("daglab._host.notebook", "daglab._host.notebook", "main"),
    "instance": ("daglab._host.instance", "daglab._host.instance", "main"),
    "look_up": ("daglab._host.look_up", "daglab._host.look_up", "main"),
}

# By library: its distribution and what a fork saves when it is imported before.
WARM: dict[str, tuple[str, ...]] = {
    "dagster": (
        "dagster",
        "dagster._cli",
        "dagster._cli.api",
        "dagster._grpc.server",
        "dagster._grpc.impl",
        "dagster._core.execution.api",
        "dagster._core.storage.event_log.sqlite",
        "dagster._core.storage.runs.sqlite",
        "dagster._core.storage.schedules.sqlite",
        "dagster._core.storage.local_compute_log_manager",
        "dagster._core.executor.in_process",
        "daglab._host.launcher",
        "daglab._host.run_dagster",
        "daglab._host.instance",
    ),
    "dagster-webserver": (
        "dagster_webserver.cli",
        "dagster_webserver.app",
        "dagster_webserver.webserver",
        "dagster_graphql.schema",
        "uvicorn.protocols.http.auto",
        "uvicorn.protocols.websockets.auto",
        "uvicorn.lifespan.on",
        "uvicorn.loops.auto",
    ),
    "marimo": (
        "marimo",
        "marimo._cli.cli",
        "marimo._cli.export.commands",
        "marimo._export.file",
        "marimo._export.exporter",
        "marimo._session.session",
        "marimo._session.managers.kernel",
        "marimo._runtime.runtime",
        "marimo._output.formatters.formatters",
        "daglab._host.notebook",
    ),
}


def load(entry: str) -> Callable[[], object]:
    """Return the function that runs an entry's command line."""
    _, module, name = ENTRIES[entry]
    function: Callable[[], object] = getattr(importlib.import_module(module), name)
    return function
