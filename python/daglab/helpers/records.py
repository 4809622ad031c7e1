"""Records of what a notebook has run, and its error log, as its state keeps them."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from daglab.helpers.errors import DaglabError
from daglab.helpers.kept import check_values
from daglab.helpers.validation import validate_yaml_config

if TYPE_CHECKING:
    from daglab.helpers.state import NotebookState

__all__ = ["keep", "log", "now", "problems_of", "records", "said_of"]

# So much is kept in the state, the latest.
_KEPT = 200
# A longer run config is not kept with each run.
_LONGEST = 8000
# Nothing to be logged: it went well, or somebody wanted it so.
_AS_WANTED = ("SUCCESS", "LEFT", "CANCELED")
# What of a record is no user's text.
_ALWAYS_KEPT = ("where", "name", "at", "status", "run_id", "url", "job", "seconds", "retry_of")


def records(state: NotebookState) -> list[dict[str, Any]]:
    """The records of runs that the state holds, the oldest first."""
    return list(state.get("runs") or [])


def keep(state: NotebookState, record: dict[str, Any], run_config: Any) -> dict[str, Any]:
    """Keeps a record, with as much of it as the state takes.

    The state refuses what looks like a secret; then only what no user has written is kept.

    Args:
        state: Where it is kept.
        record: The record: at least `where`, `name`, `at` and `status`.
        run_config: The YAML it ran with, if it was text.
    """
    if run_config and isinstance(run_config, str) and _may_be_kept(run_config):
        with contextlib.suppress(DaglabError):
            state.update("last_config", run_config)
            if len(run_config) <= _LONGEST:
                record["run_config"] = run_config
    if record["status"] not in _AS_WANTED:
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


def _may_be_kept(run_config: str) -> bool:
    """Whether nothing in a run config looks like a secret: of a text, the state can't tell."""
    try:
        read = validate_yaml_config(run_config)
        if read.valid:
            check_values(read.value or {})
        return read.valid
    except DaglabError:
        # A secret; or nobody can read it.
        return False


def _put(state: NotebookState, record: dict[str, Any]) -> None:
    # What adds to a list goes first: if it is refused, nothing was kept.
    if record["status"] not in ("INVALID", "REFUSED"):
        state.append("runs", record, limit=_KEPT)
        state.change("performance_metrics", functools.partial(_counted, record))
    if record["where"] == "dagster":
        state.update("last_run", record)
    if record.get("run_id"):
        state.append("run_ids", record["run_id"], limit=_KEPT)


def _counted(record: Mapping[str, Any], metrics: Any) -> dict[str, Any]:
    """The totals with one more run: they go on where records have been dropped."""
    metrics = metrics or {}
    before = metrics.get(record["where"]) or {"runs": 0, "succeeded": 0, "failed": 0, "seconds": 0}
    after = {
        "runs": before["runs"] + 1,
        "succeeded": before["succeeded"] + (record["status"] == "SUCCESS"),
        "failed": before["failed"] + (record["status"] == "FAILURE"),
        "seconds": before["seconds"] + (record.get("seconds") or 0),
    }
    return {**metrics, record["where"]: after}


def log(state: NotebookState, what: str, said: Mapping[str, Any]) -> None:
    """Adds to the error log."""
    entry = {"at": now(), "what": what, **said}
    try:
        state.append("error_log", entry, limit=_KEPT)
    except DaglabError as error:
        with contextlib.suppress(DaglabError):
            hidden = {"at": now(), "what": what, "message": error.message}
            state.append("error_log", hidden, limit=_KEPT)


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
