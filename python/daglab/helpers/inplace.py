"""Runs in the notebook's own process, beside those in Dagster."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from daglab.helpers.errors import DaglabError
from daglab.helpers.inprocess import InProcessResult, run_inprocess
from daglab.helpers.performance import current_rss
from daglab.helpers.records import keep, now, said_of
from daglab.helpers.state import notebook_folder

if TYPE_CHECKING:
    from daglab.helpers.launching import Order
    from daglab.helpers.state import NotebookState

__all__ = ["run_here"]


def run_here(
    target: Any, order: Order, state: NotebookState, *, definitions: str | None = None
) -> InProcessResult | DaglabError:
    """Runs in the notebook's own process, and keeps a record of time and memory.

    Args:
        target: What to run.
        order: The run config and the partition.
        state: Where the record is kept.
        definitions: The file or the module that a name is looked up in.
    """
    if isinstance(target, str | list):
        # Names are looked up: what is chosen counts.
        target = order.job or list(order.assets) or target
    record: dict[str, Any] = {"where": "in process", "name": _title(target, order), "at": now()}
    begun, before = time.perf_counter(), current_rss()
    try:
        result = run_inprocess(
            target,
            definitions=_file(definitions),
            run_config=order.run_config or None,
            partition=order.partition or None,
        )
    except DaglabError as error:
        keep(state, record | {"status": "REFUSED", **said_of(error)}, None)
        return error
    except KeyboardInterrupt:
        # The cell was stopped before anything was executed, while definitions were imported.
        seconds, after = time.perf_counter() - begun, current_rss()
        result = InProcessResult(False, seconds, before, max(before, after), after, stopped=True)
    status = "CANCELED" if result.stopped else "SUCCESS" if result.success else "FAILURE"
    record |= {
        "status": status,
        "seconds": result.seconds,
        "memory_before": result.memory_before,
        "memory_peak": result.memory_peak,
        "memory_after": result.memory_after,
        "assets": [str(key) for key in result.assets],
    }
    if result.error:
        record |= {"error": result.error, "hint": result.hint}
    keep(state, record, None)
    return result


def _title(target: Any, order: Order) -> str:
    """What runs, as an order of the same would be called."""
    if isinstance(target, str):
        return target
    several = target if isinstance(target, list | tuple | set) else [target]
    if all(isinstance(one, str) for one in several):
        keys = tuple(several)
    else:
        keys = tuple(sorted("/".join(key.path) for one in several for key in _keys(one)))
    if keys:
        return dataclasses.replace(order, job=None, assets=keys).title
    # A job, or a graph.
    return str(getattr(target, "name", order.title))


def _keys(definition: Any) -> Iterable[Any]:
    """The keys of an assets definition; a job has none."""
    return getattr(definition, "keys", ())


def _file(definitions: str | None) -> str | None:
    """The file that is meant, wherever in the project this notebook was opened; or the module."""
    if definitions is None or not definitions.endswith(".py"):
        return definitions
    folder = notebook_folder() or Path.cwd()
    places = (place / definitions for place in (Path.cwd(), folder, *folder.parents))
    return next((str(place) for place in places if place.is_file()), definitions)
