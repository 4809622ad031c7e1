"""What every supported Dagster can serve, with what only newer ones know where they do."""

import inspect
import pathlib
import time

import dagster as dg

days = dg.DailyPartitionsDefinition(start_date="2024-01-01", end_date="2024-01-10")
about = {"owners": ["team:sales"], "tags": {"tier": "gold"}, "kinds": {"python"}}
known = {
    name: value
    for name, value in about.items()
    if name in inspect.signature(dg.asset).parameters
}


@dg.asset(group_name="sales", partitions_def=days)
def orders(context) -> dg.MaterializeResult:
    return dg.MaterializeResult(metadata={"day": context.partition_key})


@dg.asset(deps=[orders], **known)
def summary() -> None:
    pass


class Greeting(dg.Config):
    name: str
    times: int = 1


@dg.op
def greet(context, config: Greeting):
    for _ in range(config.times):
        context.log.info(f"hello {config.name}")
        # Long enough to be seen on its way.
        time.sleep(2)


@dg.op
def begin() -> int:
    return 1


@dg.op
def mend(begun: int):
    print("the last words of mend")
    broken = pathlib.Path(__file__).with_name("broken")
    if broken.exists():
        raise ValueError("this op fails as long as the file is there")


@dg.op
def hang():
    time.sleep(600)


@dg.job
def greeting_job():
    greet()


@dg.job
def half_job():
    mend(begin())


@dg.job
def hanging_job():
    hang()


@dg.schedule(job=greeting_job, cron_schedule="0 5 * * *")
def every_morning():
    return dg.RunRequest()


@dg.sensor(job=greeting_job)
def on_news():
    return dg.SkipReason("no news")


defs = dg.Definitions(
    assets=[orders, summary],
    jobs=[greeting_job, half_job, hanging_job],
    schedules=[every_morning],
    sensors=[on_news],
    # A process for each step would only take time here.
    executor=dg.in_process_executor,
)
