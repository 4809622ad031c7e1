"""Features as a store keeps them: which there are, how fresh, and what their values look like."""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from daglab.helpers.live import Found, Selected
from daglab.helpers.records import records

if TYPE_CHECKING:
    from daglab.helpers.state import NotebookState

__all__ = ["chosen", "describe", "preview", "rows_of", "statistics_of", "tables_of"]

# So many rows are looked at.
_MOST_ROWS = 100_000
_COLUMNS = ("dagster/column_schema", "columns", "schema")


def describe(found: Found, selected: Selected, state: NotebookState) -> list[dict[str, Any]]:
    """A row for each asset: its group, how fresh it is, its partitions and its columns.

    Args:
        found: What the server has.
        selected: The assets that are meant; all if there are none.
        state: What runs of this notebook said of their columns.
    """
    columns = _columns_seen(state)
    made = _made_here(state)
    rows = []
    for asset in found.assets:
        key = str(asset.key)
        if selected.keys and key not in selected.keys:
            continue
        rows.append(
            {
                "feature": key,
                "group": asset.group or "",
                "fresh": _age(made.get(key) or asset.latest_materialization),
                "partitions": ", ".join(map(str, asset.partitions)) or "none",
                "columns": columns.get(key, ""),
                "description": (asset.description or "").strip(),
            }
        )
    return rows


def chosen(rows: Sequence[Mapping[str, Any]], selected: Selected) -> Selected:
    """The features whose rows are ticked; without any, all that are selected."""
    keys = tuple(row["feature"] for row in rows)
    return Selected(keys, selected.expression) if keys else selected


def _made_here(state: NotebookState) -> dict[str, dict[str, str]]:
    """When runs of this notebook have materialized assets: the server was asked before them."""
    return {
        made["asset"]: {"at": record["at"]}
        for record in records(state)
        for made in record.get("materialized", [])
    }


def _columns_seen(state: NotebookState) -> dict[str, str]:
    seen = {}
    for record in records(state):
        for made in record.get("materialized", []):
            for label in _COLUMNS:
                if label in made["metadata"]:
                    lines = str(made["metadata"][label]).splitlines()
                    seen[made["asset"]] = ", ".join(line.strip() for line in lines if line.strip())
                    break
    return seen


def _age(latest: Any) -> str:
    """How long ago an asset was materialized."""
    at = latest.get("at") if isinstance(latest, Mapping) else getattr(latest, "at", None)
    if not at:
        return "never"
    if isinstance(at, str):
        # Python 3.10 reads fractions of three digits or six, and no `Z`.
        padded = re.sub(r"\.(\d{1,6})\d*", lambda found: f".{found[1]:0<6}", at)
        try:
            at = datetime.fromisoformat(padded.replace("Z", "+00:00"))
        except ValueError:
            return str(at)
    if isinstance(at, int | float):
        at = datetime.fromtimestamp(at, timezone.utc)
    seconds = max(0.0, (datetime.now(timezone.utc) - at).total_seconds())
    for size, name in ((86400, "day"), (3600, "hour"), (60, "minute")):
        count = int(seconds // size)
        if count:
            return f"{count} {name}{'s' if count > 1 else ''} ago"
    return "just now"


def tables_of(result: Any) -> dict[str, list[dict[str, Any]]]:
    """The tables among the outputs of a run in this process, by name."""
    outputs = getattr(result, "outputs", None)
    if not isinstance(outputs, Mapping):
        return {}
    tables = {str(name): rows_of(value) for name, value in outputs.items()}
    return {name: rows for name, rows in tables.items() if rows}


def rows_of(value: Any) -> list[dict[str, Any]]:
    """The rows of a table: of a data frame of pandas or Polars, or a list of dictionaries."""
    if hasattr(value, "to_dicts"):
        value = value.head(_MOST_ROWS).to_dicts()
    elif hasattr(value, "to_dict") and hasattr(value, "columns"):
        value = value.head(_MOST_ROWS).to_dict("records")
    if not isinstance(value, Sequence) or isinstance(value, str | bytes):
        return []
    return [dict(row) for row in value[:_MOST_ROWS] if isinstance(row, Mapping)]


def statistics_of(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A row for each column: how many values, how many are missing or differ, and their range."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    return [_column(name, [row.get(name) for row in rows]) for name in names]


def _column(name: str, values: Sequence[Any]) -> dict[str, Any]:
    there = [value for value in values if not _is_missing(value)]
    numbers = [
        float(value) for value in there if isinstance(value, int | float) and value is not True
    ]
    told: dict[str, Any] = {
        "column": str(name),
        "rows": len(values),
        "missing": len(values) - len(there),
        "distinct": len({repr(value) for value in there}),
    }
    is_numeric = bool(numbers) and len(numbers) == len(there)
    told["min"] = f"{min(numbers):g}" if is_numeric else ""
    told["mean"] = f"{statistics.fmean(numbers):.4g}" if is_numeric else ""
    told["max"] = f"{max(numbers):g}" if is_numeric else ""
    return told


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def preview(rows: Sequence[Mapping[str, Any]] | None) -> Any:
    """The first rows of a table, and what its columns hold."""
    import marimo as mo

    if not rows:
        return mo.Html(
            "<p><small>There is no table yet: run it in this process, or add one to "
            "<code>tables</code> above.</small></p>"
        )
    return mo.ui.tabs(
        {
            "Statistics": mo.ui.table(statistics_of(rows), selection=None),
            "Rows": mo.ui.table([dict(row) for row in rows[:200]], selection=None, page_size=8),
        }
    )
