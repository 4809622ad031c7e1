import asyncio
import time

import dagster as dg


@dg.asset(group_name="core")
def orders() -> int:
    return 3


@dg.asset(group_name="core")
def totals(orders: int) -> int:
    return orders * 2


class Rows(dg.Config):
    rows: int = 5
    name: str


@dg.op
def count(context, config: Rows):
    for row in range(config.rows):
        context.log.info(f"row {row} of {config.name}")


@dg.job
def configured():
    count()


@dg.op
def wait_long():
    time.sleep(120)


@dg.job
def slow():
    wait_long()


@dg.op
def look_up():
    raise ValueError("no such order")


@dg.job
def bad():
    look_up()


@dg.op
def fine():
    return 7


@dg.job
def good():
    fine()


@dg.op
async def fetch():
    await asyncio.sleep(0)
    return 5


@dg.job
def fetched():
    fetch()


defs = dg.Definitions(
    assets=[orders, totals],
    jobs=[configured, slow, bad, good, fetched],
    # A process for each step would take most of the time.
    executor=dg.in_process_executor,
)
