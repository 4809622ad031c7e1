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


_CATALOG = """import dagster as dg

COUNT = {count}
TEAMS = ["sales", "core", "growth", "finance"]
KINDS = ["python", "dbt", "snowflake", "s3", "pandas"]
DAILY = dg.DailyPartitionsDefinition("2025-01-01")
REGIONS = dg.StaticPartitionsDefinition(["eu", "us", "apac"])
PARTITIONS = {{0: DAILY, 1: REGIONS}}


def key(layer, place):
    return dg.AssetKey([f"layer_{{layer:02}}", f"asset_{{place:03}}"])


def make_asset(number):
    layer, place = divmod(number, 500)
    parents = [(place * 7 + step) % 500 for step in range(place % 4)] if layer else []

    @dg.asset(
        key=key(layer, place),
        group_name=f"group_{{place % 40:02}}",
        tags={{"domain": TEAMS[place % 4], "tier": str(place % 3)}} if place % 3 else None,
        owners=[f"team:{{TEAMS[place % 4]}}", "someone@example.com"] if place % 2 else None,
        kinds={{KINDS[place % 5], KINDS[(place + 1) % 5]}},
        description=f"Asset {{place}} of layer {{layer}}, made from what lies below it.",
        deps=[key(layer - 1, parent) for parent in parents],
        partitions_def=PARTITIONS.get(place % 50),
    )
    def made():
        return None

    return made


def make_check(number):
    @dg.asset_check(asset=key(*divmod(number, 500)), name="not_empty")
    def made():
        return dg.AssetCheckResult(passed=True)

    return made


@dg.op
def nothing():
    return None


def make_job(number):
    @dg.job(name=f"job_{{number:02}}", tags={{"team": TEAMS[number % 4]}})
    def made():
        nothing()

    return made


def make_sensor(job):
    @dg.sensor(name=f"{{job.name}}_sensor", job=job)
    def made():
        return dg.SkipReason("nothing")

    return made


jobs = [make_job(number) for number in range(40)]
defs = dg.Definitions(
    assets=[make_asset(number) for number in range(COUNT)],
    asset_checks=[make_check(number) for number in range(0, COUNT, 25)],
    jobs=jobs,
    schedules=[dg.ScheduleDefinition(job=job, cron_schedule="0 3 * * *") for job in jobs[:20]],
    sensors=[make_sensor(job) for job in jobs[20:30]],
)
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


def catalog(folder: Path, count: int) -> None:
    """Write a code location with so many assets that have groups, tags, owners and parents."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "definitions.py").write_text(_CATALOG.format(count=count))
