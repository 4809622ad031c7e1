"""A code location for `daglab run`: jobs and assets that do what the tests ask of them."""

import os
import sys
import time

import dagster as dg

daily = dg.DailyPartitionsDefinition("2026-01-01", end_date="2026-01-06")
regions = dg.StaticPartitionsDefinition(["eu", "us"])
at_once = dg.in_process_executor
NAP = float(os.environ.get("TEST_NAP", "0.001"))
WIDTH = int(os.environ.get("TEST_WIDTH", "20"))


@dg.op
def extract(context: dg.OpExecutionContext) -> int:
    print("printed by extract")
    context.log.debug("read the index")
    context.log.info("two lines\nof one message")
    context.log_event(dg.AssetMaterialization("landed", metadata={"rows": 3}))
    return 3


@dg.op
def load(context: dg.OpExecutionContext, rows: int) -> None:
    context.log.warning(f"only {rows} rows \x1b[31mred\x1b[0m ##[error]no")


@dg.job(executor_def=at_once, description="Always works.")
def good():
    load(extract())


@dg.op
def breaks(context: dg.OpExecutionContext) -> int:
    for number in range(30):
        print(f"stdout line {number}")
    context.log.info("about to fail")
    print("last words on stderr", file=sys.stderr)
    raise ValueError("no rows: \x1b[31mred")


@dg.op
def after(value: int) -> None:
    pass


@dg.job(executor_def=at_once)
def bad():
    after(breaks())


class Inner(dg.Config):
    deep: int = 1


class Greeting(dg.Config):
    name: str
    times: int = 1
    inner: Inner = Inner()


@dg.op
def greet(context: dg.OpExecutionContext, config: Greeting) -> None:
    context.log.info(f"{config.name} {config.times} {config.inner.deep}")


@dg.job(executor_def=at_once)
def configured():
    greet()


class Gate(dg.Config):
    path: str


@dg.op
def waits(context: dg.OpExecutionContext, config: Gate) -> None:
    context.log.info("at the gate")
    deadline = time.monotonic() + 240
    while not os.path.exists(config.path):
        if time.monotonic() > deadline:
            raise TimeoutError("nobody opened the gate")
        time.sleep(0.02)
    context.log.info("through the gate")


@dg.job(executor_def=at_once)
def gated():
    waits()


@dg.job(executor_def=at_once)
def gated_too():
    waits()


@dg.op
def naps() -> None:
    time.sleep(0.3)


@dg.job(executor_def=at_once)
def nap_one():
    naps()


@dg.job(executor_def=at_once)
def nap_two():
    naps()


@dg.job(executor_def=at_once)
def nap_three():
    naps()


@dg.op
def first() -> int:
    return 1


@dg.op
def second(config: Gate, value: int) -> int:
    if not os.path.exists(config.path):
        raise ValueError("not yet")
    return value


@dg.op
def third(value: int) -> None:
    pass


# What the steps return is in files, so that another run can go on from there.
@dg.job(executor_def=at_once)
def steps():
    third(second(first()))


@dg.op
def letter(context: dg.OpExecutionContext) -> None:
    context.log.info(f"letter {context.partition_key}")
    if context.partition_key == "c":
        raise ValueError("c is broken")


@dg.job(
    partitions_def=dg.StaticPartitionsDefinition(["a", "b", "c", "d"]), executor_def=at_once
)
def letters():
    letter()


@dg.asset(key_prefix="raw", group_name="raw")
def orders(context: dg.AssetExecutionContext) -> int:
    context.log.info("raw")
    return 1


@dg.asset(key_prefix="raw", group_name="raw")
def items() -> int:
    return 1


@dg.asset(key=["core", "orders"], deps=[orders], group_name="core")
def core_orders() -> int:
    return 2


@dg.asset_check(asset=core_orders)
def not_empty():
    return dg.AssetCheckResult(passed=False, severity=dg.AssetCheckSeverity.WARN)


@dg.asset(key=["days"], partitions_def=daily)
def days(context: dg.AssetExecutionContext) -> None:
    context.log.info(f"day {context.partition_key}")


@dg.asset(
    key=["by_region"],
    partitions_def=dg.MultiPartitionsDefinition({"day": daily, "region": regions}),
)
def by_region(context: dg.AssetExecutionContext) -> None:
    keys = context.partition_key.keys_by_dimension
    context.log.info(f"{keys['day']} in {keys['region']}")


outside = dg.AssetSpec("outside")

core = dg.define_asset_job("core", selection=[orders, core_orders], executor_def=at_once)


@dg.op(out=dg.DynamicOut(int))
def spread():
    for number in range(WIDTH):
        yield dg.DynamicOutput(number, mapping_key=f"n{number:02}")


@dg.op
def work(context: dg.OpExecutionContext, number: int) -> int:
    time.sleep((number * 7 % 13) * NAP)
    if number % 10 == 3:
        context.log.info(f"number {number} has something to say")
    if number == 17:
        print("seventeen was here")
        raise RuntimeError("seventeen is not a round number")
    return number


@dg.op
def gather(numbers: list[int]) -> int:
    return sum(numbers)


@dg.job(executor_def=at_once)
def fan():
    gather(spread().map(work).collect())


defs = dg.Definitions(
    assets=[orders, items, core_orders, days, by_region, outside],
    asset_checks=[not_empty],
    jobs=[
        good,
        bad,
        configured,
        gated,
        gated_too,
        nap_one,
        nap_two,
        nap_three,
        steps,
        letters,
        core,
        fan,
    ],
    executor=at_once,
)
