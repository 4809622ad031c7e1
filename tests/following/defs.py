import os
import time

import dagster as dg
from dagster._core.launcher import DefaultRunLauncher


class Launcher(DefaultRunLauncher):
    """Forgets the runs that are to stay where they are."""

    def launch_run(self, context):
        if "forget" not in context.dagster_run.tags:
            super().launch_run(context)

    def terminate(self, run_id):
        run = self._instance.get_run_by_id(run_id)
        return "forget" not in run.tags and super().terminate(run_id)


class Talk(dg.Config):
    gates: list[str]
    lines: int = 3


def wait_for(path: str) -> None:
    deadline = time.monotonic() + 300
    while not os.path.exists(path) and time.monotonic() < deadline:
        time.sleep(0.02)


@dg.op
def say(context: dg.OpExecutionContext, config: Talk) -> None:
    for number, gate in enumerate(config.gates):
        wait_for(gate)
        for line in range(config.lines):
            context.log.info(f"gate {number} line {line}")


@dg.job(executor_def=dg.in_process_executor)
def talk():
    say()


@dg.op
def first() -> int:
    return 1


class Marker(dg.Config):
    path: str


@dg.op
def second(config: Marker, value: int) -> int:
    for line in range(500):
        print(f"line {line} äöü")
    if not os.path.exists(config.path):
        raise ValueError("not yet")
    return value


@dg.op
def third(value: int) -> None:
    pass


# The default executor and IO manager, for a step's results must outlive the run.
@dg.job
def steps():
    third(second(first()))


@dg.op
def nothing() -> None:
    pass


@dg.job(
    partitions_def=dg.StaticPartitionsDefinition(["a", "b", "c", "d"]),
    executor_def=dg.in_process_executor,
)
def letters():
    nothing()


@dg.asset(partitions_def=dg.DailyPartitionsDefinition("2024-01-01", end_date="2024-01-10"))
def daily() -> None:
    pass


defs = dg.Definitions(jobs=[talk, steps, letters], assets=[daily])
