"""The projects that are measured, written anew for every call."""

from __future__ import annotations

import json
from pathlib import Path

_TRIVIAL = """
@app.cell
def _():
    import marimo as mo

    return (mo,)


@app.cell
def _(mo):
    total = sum(range({number}))
    mo.md(f"The sum is **{{total}}**")
    return
"""

_PLOT = """
@app.cell
def _():
    import altair as alt
    import marimo as mo
    import pandas as pd

    return alt, mo, pd


@app.cell
def _(pd):
    days = pd.date_range("2026-01-01", periods=365)
    orders = pd.DataFrame({{"day": days, "revenue": [(n * {number}) % 97 for n in range(365)]}})
    return (orders,)


@app.cell
def _(mo, orders):
    monthly = orders.groupby(orders["day"].dt.month)["revenue"].sum().reset_index()
    mo.ui.table(monthly)
    return (monthly,)


@app.cell
def _(alt, monthly):
    alt.Chart(monthly).mark_bar().encode(x="day:O", y="revenue:Q")
    return
"""


def definitions(folder: Path, jobs: int) -> None:
    """Write a code location with one asset and so many jobs of one step that does nothing."""
    text = """from dagster import Definitions, asset, job, op


@asset
def orders():
    return 1


@op
def nothing():
    return None


def make(name):
    @job(name=name)
    def made():
        nothing()

    return made


"""
    text += f"jobs = [make(f'job_{{n:03}}') for n in range({jobs})]\n"
    text += "defs = Definitions(assets=[orders], jobs=jobs)\n"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "definitions.py").write_text(text)


def notebooks(folder: Path, version: str, count: int) -> list[str]:
    """Write notebooks, every other one with pandas and altair, and list their paths."""
    (folder / "notebooks").mkdir(parents=True, exist_ok=True)
    paths = []
    for number in range(count):
        cells = (_PLOT if number % 2 else _TRIVIAL).format(number=number + 3)
        path = f"notebooks/notebook_{number:03}.py"
        (folder / path).write_text(
            f'import marimo\n\n__generated_with = "{version}"\napp = marimo.App()\n\n{cells}\n\n'
            'if __name__ == "__main__":\n    app.run()\n'
        )
        paths.append(path)
    return paths


def configuration(folder: Path, jobs: list[str]) -> None:
    """Have `daglab ci` launch these jobs. JSON is YAML."""
    section = {"ci": {"jobs": [{"name": name} for name in jobs], "notebooks": []}}
    (folder / "daglab.yaml").write_text(json.dumps(section, indent=2) + "\n")
