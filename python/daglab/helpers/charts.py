"""Charts as SVG: they need no library, take their colours from the page, and print as they are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

__all__ = ["Bar", "bars", "bytes_text", "seconds_text", "time_text", "trend"]

# Readable on white and on black; the first is for Dagster, the second for this process.
_COLORS = ("#4f7cff", "#e08a2e", "#2f9e6e", "#a866d9", "#d1556b", "#6b8a99")
_WIDTH = 640
_LABELS = 200
_VALUES = 90
_ROW = 26
# More than these are not read in a chart.
_MOST_BARS = 30
_MOST_POINTS = 200


@dataclass(frozen=True)
class Bar:
    """A bar: what it is, how long it is, and what is written behind it."""

    label: str
    value: float
    text: str
    series: int = 0


def time_text(at: str) -> str:
    """A time as a person reads it: `2026-11-22 01:22 UTC`."""
    return f"{at[:10]} {at[11:16]} UTC" if len(at) > 16 else at


def seconds_text(seconds: float) -> str:
    """Seconds as a person says them: `0.35 s`, `12 s`, `3 min 4 s`."""
    if not math.isfinite(seconds):
        return "?"
    if seconds < 10:
        return f"{seconds:.2f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def bytes_text(size: float) -> str:
    """Bytes as a person says them: `12 kB`, `3.4 MB`."""
    for unit in ("B", "kB", "MB"):
        if abs(size) < 1000:
            return f"{size:.0f} {unit}" if unit == "B" or size >= 100 else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"


def bars(title: str, rows: Sequence[Bar]) -> str:
    """A chart of horizontal bars. Of many, the last are drawn.

    Args:
        title: What is compared; a screen reader says it.
        rows: The bars, from top to bottom.
    """
    rows = [row for row in rows if math.isfinite(row.value) and row.value >= 0][-_MOST_BARS:]
    if not rows:
        return ""
    longest = max(row.value for row in rows) or 1.0
    room = _WIDTH - _LABELS - _VALUES
    parts = []
    for index, row in enumerate(rows):
        middle = index * _ROW + _ROW // 2
        width = max(2.0, room * row.value / longest)
        color = _COLORS[row.series % len(_COLORS)]
        parts.append(
            f'<text x="{_LABELS - 8}" y="{middle + 4}" text-anchor="end" '
            f'fill="currentColor">{escape(_short(row.label))}</text>'
            f'<rect x="{_LABELS}" y="{middle - 8}" width="{width:.1f}" height="16" rx="3" '
            f'fill="{color}"></rect>'
            f'<text x="{_LABELS + width + 6:.1f}" y="{middle + 4}" '
            f'fill="currentColor">{escape(row.text)}</text>'
        )
    return _drawing(title, len(rows) * _ROW, parts)


def trend(title: str, values: Sequence[float], texts: Sequence[str]) -> str:
    """A line over runs, the oldest first, with the first, the last and the largest written to it.

    Args:
        title: What is drawn.
        values: One value for each run.
        texts: What is said about each point when the pointer is on it.
    """
    points = [pair for pair in zip(values, texts, strict=True) if math.isfinite(pair[0])]
    points = points[-_MOST_POINTS:]
    if len(points) < 2:
        return ""
    height, left, right, top = 120, 12, 12, 22
    highest = max(value for value, _ in points)
    lowest = min(0.0, *(value for value, _ in points))
    span = (highest - lowest) or 1.0
    step = (_WIDTH - left - right) / (len(points) - 1)
    places = [
        (left + index * step, top + (height - top - 16) * (1 - (value - lowest) / span))
        for index, (value, _) in enumerate(points)
    ]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    base = top + (height - top - 16) * (1 - (0 - lowest) / span)
    parts = [
        f'<line x1="{left}" y1="{base:.1f}" x2="{_WIDTH - right}" y2="{base:.1f}" '
        'stroke="currentColor" stroke-opacity="0.25"></line>',
        f'<polyline points="{line}" fill="none" stroke="{_COLORS[0]}" stroke-width="2"></polyline>',
    ]
    for (x, y), (_, text) in zip(places, points, strict=True):
        parts.append(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{_COLORS[0]}">'
            f"<title>{escape(text)}</title></circle>"
        )
    for place, anchor in ((0, "start"), (len(points) - 1, "end")):
        x, y = places[place]
        parts.append(
            f'<text x="{x:.1f}" y="{max(12.0, y - 9):.1f}" text-anchor="{anchor}" '
            f'fill="currentColor">{escape(points[place][1])}</text>'
        )
    return _drawing(title, height, parts)


def _short(label: str) -> str:
    return label if len(label) <= 28 else f"{label[:27]}…"


def _drawing(title: str, height: int, parts: Sequence[str]) -> str:
    return (
        f'<figure style="margin:0.25rem 0"><figcaption style="font-weight:600;'
        f'font-size:0.85rem;margin-bottom:0.25rem">{escape(title)}</figcaption>'
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" '
        f'aria-label="{escape(title)}" width="100%" style="max-width:{_WIDTH}px;display:block" '
        f'font-size="12" font-family="system-ui, sans-serif">{"".join(parts)}</svg></figure>'
    )
