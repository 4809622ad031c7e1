"""Records of what a notebook has run, and its error log, as its state keeps them."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from daglab.helpers.errors import DaglabError

if TYPE_CHECKING:
    from daglab.helpers.state import NotebookState

__all__ = ["keep", "log", "now", "problems_of", "records", "said_of"]

# So much is kept in the state, the latest.
_KEPT = 200
# A longer run config is not kept with each run.
_LONGEST = 8000
# What of a record is no user's text.
_ALWAYS_KEPT = ("where", "name", "at", "status", "run_id", "url", "job", "seconds", "retry_of")


def records(state: NotebookState) -> list[dict[str, Any]]:
    """The records of runs that the state holds, the oldest first."""
    metrics = state.get("performance_metrics") or {}
    return list(metrics.get("runs", []))


def keep(state: NotebookState, record: dict[str, Any], run_config: Any) -> dict[str, Any]:
    """Keeps a record, with as much of it as the state takes.

    The state refuses what looks like a secret; then only what no user has written is kept.

    Args:
        state: Where it is kept.
        record: The record: at least `where`, `name`, `at` and `status`.
        run_config: The YAML it ran with, if it was text.
    """
    if isinstance(run_config, str):
        with contextlib.suppress(DaglabError):
            state.update("last_config", run_config)
            if len(run_config) <= _LONGEST:
                record["run_config"] = run_config
    if record["status"] not in ("SUCCESS", "LEFT"):
        problems = record.get("problems")
        message = record.get("error") or ("; ".join(problems) if problems else record["status"])
        said = {"message": message, "hint": record.get("hint"), "run_id": record.get("run_id")}
        log(state, record["name"], said)
    try:
        _put(state, record)
    except DaglabError as error:
        kept = {key: value for key, value in record.items() if key in _ALWAYS_KEPT}
        with contextlib.suppress(DaglabError):
            _put(state, {**kept, "hint": error.message})
    return record


def _put(state: NotebookState, record: dict[str, Any]) -> None:
    if record["where"] == "dagster":
        state.update("last_run", record)
    if record.get("run_id"):
        run_ids = [*(state.get("run_ids") or []), record["run_id"]]
        state.update("run_ids", run_ids[-_KEPT:])
    if record["status"] not in ("INVALID", "REFUSED"):
        state.update("performance_metrics", {"runs": [*records(state), record][-_KEPT:]})


def log(state: NotebookState, what: str, said: Mapping[str, Any]) -> None:
    """Adds to the error log."""
    entry = {"at": now(), "what": what, **said}
    entries = state.get("error_log") or []
    try:
        state.update("error_log", [*entries, entry][-_KEPT:])
    except DaglabError as error:
        with contextlib.suppress(DaglabError):
            hidden = {"at": now(), "what": what, "message": error.message}
            state.update("error_log", [*entries, hidden][-_KEPT:])


def problems_of(error: DaglabError) -> list[str]:
    """What is wrong with a run config, one by one."""
    if isinstance(error.details, list) and error.details:
        return [str(problem) for problem in error.details]
    return [error.message]


def said_of(error: DaglabError) -> dict[str, Any]:
    """What a record says of an error."""
    return {"error": error.message, "message": error.message, "hint": error.hint}


def now() -> str:
    """The time, as records have it."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
