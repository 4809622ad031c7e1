"""What every supported Dagster can load."""

import sys
import time

import dagster as dg

days = dg.DailyPartitionsDefinition(start_date="2024-01-01", end_date="2024-01-10")


@dg.asset(partitions_def=days)
def orders(context) -> dg.MaterializeResult:
    return dg.MaterializeResult(metadata={"day": context.partition_key})


@dg.asset(deps=[orders])
def summary() -> None:
    pass


@dg.asset_check(asset=summary)
def summary_is_fine():
    return dg.AssetCheckResult(passed=True)


@dg.op
def greet():
    print("printed to stdout")
    print("printed to stderr", file=sys.stderr)


@dg.op
def explode():
    raise ValueError("this op always fails")


@dg.op
def hang():
    time.sleep(600)


@dg.job
def good_job():
    greet()


@dg.job
def failing_job():
    explode()


@dg.job
def hanging_job():
    hang()


defs = dg.Definitions(
    assets=[orders, summary],
    asset_checks=[summary_is_fine],
    jobs=[good_job, failing_job, hanging_job],
)
