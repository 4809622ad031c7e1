"""A second code location, with a job of the same name."""

import dagster as dg


@dg.op
def nothing() -> None:
    pass


@dg.job(executor_def=dg.in_process_executor)
def good():
    nothing()


@dg.job(executor_def=dg.in_process_executor)
def weekly():
    nothing()


@dg.asset(key=["reporting", "totals"])
def totals() -> None:
    pass


defs = dg.Definitions(assets=[totals], jobs=[good, weekly])
