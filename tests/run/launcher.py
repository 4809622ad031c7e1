"""Starts runs as the default launcher does, from a process that has imported Dagster already: of many
small runs, most of the time would go into imports. Runs outlive their web server."""

import multiprocessing
import os
import signal

from dagster._cli.api import api_cli
from dagster._core.launcher import RunLauncher
from dagster._grpc.types import ExecuteRunArgs
from dagster._serdes import ConfigurableClass

context = multiprocessing.get_context("forkserver")
context.set_forkserver_preload(["launcher"])


def execute(arguments: list[str]) -> None:
    # What is printed outside of steps is nobody's business.
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    api_cli(arguments)


class Quick(RunLauncher, ConfigurableClass):
    def __init__(self, inst_data=None):
        self._inst_data = inst_data
        self._processes: dict[str, multiprocessing.process.BaseProcess] = {}
        super().__init__()

    @property
    def inst_data(self):
        return self._inst_data

    @classmethod
    def config_type(cls):
        return {}

    @classmethod
    def from_config_value(cls, inst_data, config_value):
        return cls(inst_data=inst_data)

    def launch_run(self, context_of_launch) -> None:
        run = context_of_launch.dagster_run
        arguments = ExecuteRunArgs(
            job_origin=run.job_code_origin,
            run_id=run.run_id,
            instance_ref=self._instance.get_ref(),
        ).get_command_args()
        process = context.Process(target=execute, args=(arguments[arguments.index("api") + 1 :],))
        process.start()
        self._processes[run.run_id] = process

    def terminate(self, run_id: str) -> bool:
        run = self._instance.get_run_by_id(run_id)
        process = self._processes.get(run_id)
        if run is None or run.is_finished or process is None or not process.is_alive():
            return False
        self._instance.report_run_canceling(run)
        os.kill(process.pid, signal.SIGINT)
        return True
