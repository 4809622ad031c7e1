"""Figures of what a notebook has done: times, memory, and how often it went well."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from daglab.helpers import charts
from daglab.helpers.charts import Bar, bytes_text, seconds_text
from daglab.helpers.records import records

if TYPE_CHECKING:
    from daglab.helpers.performance import PerformanceTracker
    from daglab.helpers.state import NotebookState

__all__ = ["performance"]


def performance(state: NotebookState, tracker: PerformanceTracker) -> Any:
    """Times, memory and success of the runs made from here, and of what else the notebook does.

    Args:
        state: What the runs were.
        tracker: What else was measured in this session.
    """
    import marimo as mo

    runs = records(state)
    shown = [_of_runs(runs, state.get("performance_metrics") or {}) if runs else None]
    if not runs:
        shown = [mo.Html("<p><small>Figures of runs appear after the first.</small></p>")]
    if tracker.records:
        # Open, it would be the longest part of most notebooks.
        shown.append(mo.accordion({"Operations of this session": _operations(tracker)}))
    return mo.vstack(shown)


def _of_runs(runs: Sequence[Mapping[str, Any]], totals: Mapping[str, Mapping[str, Any]]) -> Any:
    import marimo as mo

    timed = [one for one in runs if one.get("seconds") is not None]
    times = {
        where: [one["seconds"] for one in timed if one["where"] == where]
        for where in ("dagster", "in process")
    }
    count, good, bad = (
        sum(total[name] for total in totals.values()) for name in ("runs", "succeeded", "failed")
    )
    stats = [
        mo.stat(str(count), label="Runs", caption="so far", bordered=True),
        mo.stat(
            f"{100 * good / (good + bad):.0f}%" if good + bad else "none",
            label="Success rate",
            # Those that somebody has stopped say nothing about it.
            caption=f"{good} of {good + bad}",
            bordered=True,
        ),
    ]
    for where, label in (("dagster", "In Dagster"), ("in process", "In process")):
        if times[where]:
            median = seconds_text(statistics.median(times[where]))
            stats.append(mo.stat(median, label=label, caption="median", bordered=True))
    here = [one for one in timed if one.get("memory_peak")]
    peaks = [one["memory_peak"] for one in here]
    shown = [
        charts.bars(
            "Time of the last runs",
            [
                Bar(
                    f"{one['where']} {one['at'][11:16]}",
                    one["seconds"],
                    seconds_text(one["seconds"]),
                    int(one["where"] != "dagster"),
                )
                for one in timed[-10:]
            ],
        ),
        _memory(here[-1]) if here else "",
        charts.trend(
            "Time over runs in Dagster",
            times["dagster"],
            [seconds_text(seconds) for seconds in times["dagster"]],
        ),
        charts.trend(
            "Peak of memory over runs in this process",
            peaks,
            [bytes_text(peak) for peak in peaks],
        ),
    ]
    return mo.vstack(
        [mo.hstack(stats, justify="start", wrap=True), *(mo.Html(one) for one in shown if one)]
    )


def _memory(run: Mapping[str, Any]) -> str:
    rows = [
        Bar(label, run[f"memory_{label}"], bytes_text(run[f"memory_{label}"]), 1)
        for label in ("before", "peak", "after")
    ]
    return charts.bars("Memory of the last run in this process", rows)


def _operations(tracker: PerformanceTracker) -> Any:
    """A table of what the notebook itself has done, and what its process holds now."""
    import marimo as mo

    measured = tracker.records
    rows = []
    for operation in dict.fromkeys(one.operation for one in measured):
        times = [one for one in measured if one.operation == operation]
        rows.append(
            {
                "operation": operation,
                "times": len(times),
                "last": seconds_text(times[-1].seconds),
                "median": seconds_text(statistics.median(one.seconds for one in times)),
                "processor": seconds_text(times[-1].cpu_seconds or 0.0),
                "memory": bytes_text(times[-1].memory_peak or 0),
                "succeeded": f"{100 * (tracker.success_rate(operation) or 0.0):.0f}%",
            }
        )
    memory = tracker.get_memory_usage()
    said = f"This process holds {bytes_text(memory.rss)}, {bytes_text(memory.peak)} at its peak"
    if memory.available is not None:
        said += f"; {bytes_text(memory.available)} are left"
    return mo.vstack([mo.ui.table(rows, selection=None), mo.Html(f"<p><small>{said}.</small></p>")])
