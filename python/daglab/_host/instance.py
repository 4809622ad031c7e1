"""Writes to a Dagster instance: `python -m daglab._host.instance REQUEST.json RESPONSE.json`.

For what GraphQL has no mutation, or none with typed values. The instance is that of `DAGSTER_HOME`.
Each operation stands alone: one that fails does not stop the others.
"""

from __future__ import annotations

import inspect
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dagster import AssetKey, AssetObservation, DagsterInstance, MetadataValue

try:
    from dagster import AssetCheckEvaluation
except ImportError:
    # Old releases have the class, and their instances take it, but they export it nowhere.
    from dagster._core.definitions.asset_check_evaluation import (  # type: ignore[import-not-found, no-redef]
        AssetCheckEvaluation,
    )

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Operation = dict[str, Any]

# An evaluation has a description from Dagster 1.6 on; before, it stands among the metadata.
_CHECKS_ARE_DESCRIBED = "description" in inspect.signature(AssetCheckEvaluation).parameters


def _value(value: Mapping[str, Any]) -> MetadataValue[Any]:
    """Make a typed value of `{"url": "…"}`."""
    ((kind, content),) = value.items()
    make: dict[str, Callable[[Any], MetadataValue[Any]]] = {
        "url": MetadataValue.url,
        "text": MetadataValue.text,
        "float": MetadataValue.float,
        "int": MetadataValue.int,
    }
    return make[kind](content)


def _metadata(operation: Operation) -> dict[str, MetadataValue[Any]]:
    return {label: _value(value) for label, value in operation["metadata"].items()}


def _observe(instance: DagsterInstance, operation: Operation) -> None:
    instance.report_runless_asset_event(
        AssetObservation(
            asset_key=AssetKey(operation["asset_key"]),
            partition=operation.get("partition"),
            description=operation.get("description"),
            metadata=_metadata(operation),
        )
    )


def _check(instance: DagsterInstance, operation: Operation) -> None:
    metadata = _metadata(operation)
    described: dict[str, Any] = {}
    if description := operation.get("description"):
        if _CHECKS_ARE_DESCRIBED:
            described["description"] = description
        else:
            metadata.setdefault("description", MetadataValue.text(description))
    instance.report_runless_asset_event(
        AssetCheckEvaluation(
            asset_key=AssetKey(operation["asset_key"]),
            check_name=operation["check_name"],
            passed=operation["passed"],
            metadata=metadata,
            **described,
        )
    )


def _run_tags(instance: DagsterInstance, operation: Operation) -> None:
    instance.add_run_tags(operation["run_id"], operation["tags"])


def _run_failed(instance: DagsterInstance, operation: Operation) -> None:
    run = instance.get_run_by_id(operation["run_id"])
    if run is not None and not run.is_finished:
        instance.report_run_failed(run, operation["message"])


def _run_canceled(instance: DagsterInstance, operation: Operation) -> None:
    run = instance.get_run_by_id(operation["run_id"])
    if run is not None and not run.is_finished:
        instance.report_run_canceled(run)


def _make_databases(instance: DagsterInstance) -> None:
    """Read from each storage: its database is made when it is first asked."""
    instance.get_runs_count()
    instance.all_asset_keys()
    instance.all_instigator_state()


_OPERATIONS: dict[str, Callable[[DagsterInstance, Operation], None]] = {
    "observe": _observe,
    "check": _check,
    "run_tags": _run_tags,
    "run_failed": _run_failed,
    "run_canceled": _run_canceled,
}


def main() -> None:
    """Carry out the operations of a request file, in their order."""
    request, response = map(Path, sys.argv[1:3])
    operations: list[Operation] = json.loads(request.read_text())["operations"]
    results: list[dict[str, object]] = []
    with DagsterInstance.get() as instance:
        if not operations:
            _make_databases(instance)
        for operation in operations:
            try:
                _OPERATIONS[operation["op"]](instance, operation)
            except Exception as error:
                results.append({"ok": False, "error": f"{type(error).__name__}: {error}"})
            else:
                results.append({"ok": True})
    unfinished = response.with_suffix(".part")
    unfinished.write_text(json.dumps({"results": results}))
    os.replace(unfinished, response)


if __name__ == "__main__":
    main()
