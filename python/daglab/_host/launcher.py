"""A run launcher that asks daglab for each run's process.

It is set in the `dagster.yaml` of an instance that daglab made, so runs launched by the UI, by a
notebook and by daglab itself all wait in one queue and start from the warm host.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from dagster import Field, StringSource
from dagster._core.launcher.base import (
    CheckRunHealthResult,
    LaunchRunContext,
    RunLauncher,
    WorkerStatus,
)
from dagster._grpc.types import ExecuteRunArgs
from dagster._serdes import ConfigurableClass

from daglab._host import protocol

if TYPE_CHECKING:
    from dagster._core.storage.dagster_run import DagsterRun
    from dagster._serdes import ConfigurableClassData

# daglab answers at once: a request only puts a run into a queue.
_TIMEOUT_S = 30.0

_HEALTH = {
    "queued": WorkerStatus.RUNNING,
    "running": WorkerStatus.RUNNING,
    "succeeded": WorkerStatus.SUCCESS,
    "failed": WorkerStatus.FAILED,
}


# How releases have called the origin of a run's job, and in it that of the job's repository.
_JOB_ORIGINS = ("remote_job_origin", "external_job_origin")
_REPOSITORY_ORIGINS = ("repository_origin", "external_repository_origin")


def _first(thing: object, names: tuple[str, ...]) -> Any:
    """Return the first of some attributes that is there and is something."""
    found = (getattr(thing, name, None) for name in names)
    return next((value for value in found if value is not None), None)


def _location_of(run: DagsterRun) -> str | None:
    repository = _first(_first(run, _JOB_ORIGINS), _REPOSITORY_ORIGINS)
    return None if repository is None else str(repository.code_location_origin.location_name)


class WarmRunLauncher(RunLauncher, ConfigurableClass):
    """Launches runs through daglab's queue."""

    def __init__(self, socket: str, inst_data: ConfigurableClassData | None = None) -> None:
        """Remember where daglab listens."""
        self._socket = socket
        self._inst_data = inst_data
        super().__init__()  # type: ignore[no-untyped-call]

    @property
    def inst_data(self) -> ConfigurableClassData | None:
        """Return what the instance was configured with."""
        return self._inst_data

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        """Describe the `config` section."""
        return {"socket": Field(StringSource, description="The Unix socket daglab listens on.")}

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> WarmRunLauncher:
        """Make a launcher from the `config` section."""
        return cls(socket=config_value["socket"], inst_data=inst_data)

    def _ask(self, kind: str, run_id: str, **more: object) -> protocol.Message:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(_TIMEOUT_S)
            connection.connect(self._socket)
            connection.sendall(
                protocol.encode(
                    {"type": kind, "protocol": protocol.PROTOCOL, "run_id": run_id, **more}
                )
            )
            with connection.makefile("rb") as lines:
                return protocol.decode(lines.readline())

    def launch_run(self, context: LaunchRunContext) -> None:
        """Queue a run; its process will execute it as `dagster api execute_run` does."""
        run = context.dagster_run
        origin = context.job_code_origin
        if origin is None:
            raise RuntimeError(f"run {run.run_id} does not say where its code is")
        arguments = ExecuteRunArgs(
            job_origin=origin,
            run_id=run.run_id,
            instance_ref=self._instance.get_ref(),
            set_exit_code_on_failure=True,
        ).get_command_args()
        # Before it stand the interpreter and `-m dagster`, which are daglab's to choose.
        argv = list(arguments[arguments.index("api") :])
        reply = self._ask("launch", run.run_id, location=_location_of(run), argv=argv)
        if reply["type"] != "accepted":
            raise RuntimeError(f"daglab did not take the run: {reply.get('reason')}")

    def terminate(self, run_id: str) -> bool:
        """Ask for the end of a run, queued or under way."""
        run = self._instance.get_run_by_id(run_id)
        if run is None or run.is_finished:
            return False
        self._instance.report_run_canceling(run)
        return bool(self._ask("terminate", run_id)["type"] == "accepted")

    @property
    def supports_check_run_worker_health(self) -> bool:
        """Say that `check_run_worker_health` has an answer."""
        return True

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """Say what the run's process is doing."""
        try:
            reply = self._ask("status", run.run_id)
        except OSError as error:
            return CheckRunHealthResult(WorkerStatus.NOT_FOUND, f"daglab is gone: {error}")
        status = _HEALTH.get(str(reply.get("state")), WorkerStatus.NOT_FOUND)
        return CheckRunHealthResult(status, cast("str | None", reply.get("detail")))
