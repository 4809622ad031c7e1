"""Runs that a notebook launches, follows and launches again."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Coroutine
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from daglab.helpers.errors import DaglabError, ValidationFailed
from daglab.helpers.records import keep, now, problems_of, records, said_of
from daglab.helpers.validation import validate_yaml_config

if TYPE_CHECKING:
    from daglab.helpers.graphql import DagsterClient
    from daglab.helpers.runs import RunEvent, RunSubmitResult
    from daglab.helpers.state import NotebookState
    from daglab.helpers.validation import ValidationResult

__all__ = ["Order", "Press", "Progress", "launch", "retry", "retryable", "validated"]

# Seconds between two pictures of a run that goes on.
_REDRAWN = 0.4
# A press that is heard so soon after the last one was acted on was made before its end was seen.
_HASTE = 0.5
# How many lines of a run's log are shown while it goes on.
_TAIL = 8


class Press:
    """Whether a button was pressed since it was last asked.

    A cell also runs because something else that it reads has changed, and in marimo's lazy mode the
    value of a button stays. A press is acted on once, and one that waited while the last was acted
    on is not acted on at all.
    """

    def __init__(self) -> None:
        """Nobody has pressed."""
        self._waiting = False
        self._was_hasty = False
        self._ended: float | None = None
        #: Whether the press that was asked for last came while the one before was acted on.
        self.ignored = False

    def made(self, value: Any) -> None:
        """Hears of a press: for a button's `on_change`."""
        if not value:
            return
        hasty = self._ended is not None and time.monotonic() - self._ended < _HASTE
        self._was_hasty = hasty
        self._waiting = not hasty

    def take(self) -> bool:
        """True the first time after a press."""
        waiting, self._waiting = self._waiting, False
        self.ignored, self._was_hasty = self._was_hasty, False
        return waiting

    def done(self) -> None:
        """What was pressed for has ended."""
        self._ended = time.monotonic()


@dataclass(frozen=True)
class Order:
    """What is to run."""

    #: The job; none for assets alone.
    job: str | None
    #: Keys of assets, their parts joined by `/`.
    assets: tuple[str, ...] = ()
    repository: str | None = None
    location: str | None = None
    #: YAML.
    run_config: str = ""
    partition: str | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing was chosen."""
        return not self.job and not self.assets

    @property
    def title(self) -> str:
        """What runs, for people."""
        if self.job:
            return self.job
        if len(self.assets) > 3:
            return f"{', '.join(self.assets[:2])} and {len(self.assets) - 2} more assets"
        return ", ".join(self.assets)


@dataclass
class Progress:
    """A run while it goes on."""

    title: str
    run_id: str
    url: str | None
    begun: float = field(default_factory=time.monotonic)
    status: str = "starting"
    queue: str | None = None
    steps: dict[str, str] = field(default_factory=dict)
    materialized: list[dict[str, Any]] = field(default_factory=list)
    log: list[str] = field(default_factory=list)

    def hear(self, event: RunEvent) -> None:
        """Takes in what has happened."""
        if event.type == "queued":
            self.status, self.queue = "queued", event.message
        if event.type != "event":
            return
        self.queue = None
        self.status = _STATUS.get(event.kind or "", "running")
        if event.step and event.kind in _STEPS:
            self.steps[event.step] = _STEPS[event.kind]
        if event.kind == "materialized":
            made = {"asset": str(event.asset_key), "partition": event.partition}
            self.materialized.append({**made, "metadata": dict(event.metadata or {})})
        if event.message:
            prefix = f"{event.step}: " if event.step else ""
            self.log.append(prefix + event.message.splitlines()[0][:200])
            del self.log[:-_TAIL]

    @property
    def seconds(self) -> float:
        """Since it was launched."""
        return time.monotonic() - self.begun


_STEPS = {"step_started": "running", "step_succeeded": "done", "step_failed": "failed"}
_STATUS = {
    "queued": "queued",
    "starting": "starting",
    "failed": "failed",
    "succeeded": "success",
    "canceling": "canceling",
    "canceled": "canceled",
}


async def validated(client: DagsterClient, order: Order) -> ValidationResult:
    """Whether the run config of an order fits.

    Raises:
        DaglabError: Nobody can say.
    """
    if order.job is None:
        # Which job assets make is known when they are launched; Dagster looks at it then.
        return await asyncio.to_thread(validate_yaml_config, order.run_config)
    return await client.validate_config(
        order.job, order.run_config, repo=order.repository, location=order.location
    )


async def launch(client: DagsterClient, order: Order, state: NotebookState) -> dict[str, Any]:
    """Validates, launches and follows a run, and draws it in the cell meanwhile.

    Stopping the cell stops no run: it goes on in Dagster, and the record says so.

    Args:
        client: Whom to ask.
        order: What is to run.
        state: Where the record of it is kept.

    Returns:
        The record of the run, as it is kept in the state.
    """
    record: dict[str, Any] = {"where": "dagster", "name": order.title, "at": now()}
    try:
        if order.is_empty:
            raise DaglabError("nothing is chosen", hint="choose a job or assets", exit_code=2)
        checked = await validated(client, order)
        if not checked.valid:
            record |= {"status": "INVALID", "problems": [str(one) for one in checked.problems]}
            return keep(state, record, order.run_config)
        submitted, is_left = await _to_its_end(
            client.submit_job(
                order.job,
                order.repository,
                order.location,
                run_config=order.run_config,
                asset_selection=list(order.assets) or None,
                validate=order.job is None,
                partition=order.partition or None,
            )
        )
    except ValidationFailed as error:
        record |= {"status": "INVALID", "problems": problems_of(error), "hint": error.hint}
        return keep(state, record, order.run_config)
    except DaglabError as error:
        record |= {"status": "REFUSED", **said_of(error)}
        return keep(state, record, order.run_config)
    record |= {"run_id": submitted.run_id, "url": submitted.url, "job": submitted.job}
    return await _follow(client, record, order, state, is_left=is_left)


def retryable(state: NotebookState) -> dict[str, Any] | None:
    """The run that `retry` launches again: the last one, if it failed."""
    there = [one for one in records(state) if one["where"] == "dagster" and one.get("run_id")]
    if there and there[-1]["status"] in ("FAILURE", "CANCELED"):
        return there[-1]
    return None


async def retry(client: DagsterClient, state: NotebookState) -> dict[str, Any] | None:
    """Launches the last run again, if it failed, from where it did, and follows it."""
    failed = retryable(state)
    if failed is None:
        return None
    record: dict[str, Any] = {"where": "dagster", "name": failed["name"], "at": now()}
    record["retry_of"] = failed["run_id"]
    try:
        again, is_left = await _to_its_end(client.retry_run(failed["run_id"], from_failure=True))
    except DaglabError as error:
        record |= {"status": "REFUSED", **said_of(error)}
        return keep(state, record, None)
    record |= {"run_id": again.run_id, "url": again.url, "job": failed.get("job")}
    return await _follow(client, record, None, state, is_left=is_left)


async def _to_its_end(
    launching: Coroutine[Any, Any, RunSubmitResult],
) -> tuple[RunSubmitResult, bool]:
    """Waits for a launch even if the cell is stopped meanwhile, and says whether it was.

    Whoever ends a launch does not know whether there is a run now.
    """
    task = asyncio.ensure_future(launching)
    try:
        return await asyncio.shield(task), False
    except asyncio.CancelledError:
        return await task, True


async def _follow(
    client: DagsterClient,
    record: dict[str, Any],
    order: Order | None,
    state: NotebookState,
    *,
    is_left: bool,
) -> dict[str, Any]:
    run_id = record["run_id"]
    if is_left:
        record["status"] = "LEFT"
        return keep(state, record, order.run_config if order else None)
    progress = Progress(record["name"], run_id, record.get("url"))
    try:
        async with _drawn(progress):
            # The link is seen before anything has happened.
            async for event in client.follow(run_id):
                progress.hear(event)
        run = await client.get_run(run_id)
        record |= {"status": str(run.status), "seconds": run.seconds}
        if run.error:
            record["error"] = str(run.error)
    except DaglabError as error:
        record |= {"status": "UNKNOWN", **said_of(error)}
    except (asyncio.CancelledError, KeyboardInterrupt):
        # The cell was stopped, not the run.
        record["status"] = "LEFT"
    record["materialized"] = progress.materialized
    record["waited"] = progress.seconds
    return keep(state, record, order.run_config if order else None)


@contextlib.asynccontextmanager
async def _drawn(progress: Progress) -> AsyncIterator[None]:
    async def draw() -> None:
        while True:
            _show(progress)
            await asyncio.sleep(_REDRAWN)

    drawing = asyncio.create_task(draw())
    try:
        yield
    finally:
        drawing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await drawing


def _show(progress: Progress) -> None:
    import marimo as mo

    from daglab.helpers import panels

    mo.output.replace(panels.progress(progress))
