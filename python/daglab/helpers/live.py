"""What the cells of generated notebooks do: connect, look around, launch, follow, keep a record.

Nothing here raises because a server is away or a run fails: a notebook is also executed where there
is no server, and a cell that fails hides what the cells below it would say. What went wrong is
returned, drawn by `daglab.helpers.panels`, and kept in the state's error log.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import re
import sys
import textwrap
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from daglab.helpers.discover import EntityFilters
from daglab.helpers.errors import ConnectionFailed, DaglabError, ValidationFailed
from daglab.helpers.graphql import DagsterClient
from daglab.helpers.records import keep, log, now, problems_of, records, said_of
from daglab.helpers.validation import validate_yaml_config

if TYPE_CHECKING:
    from daglab.helpers.export import UploadProgress
    from daglab.helpers.graphql import Health
    from daglab.helpers.runs import RunEvent
    from daglab.helpers.state import NotebookState
    from daglab.helpers.validation import ValidationResult

__all__ = [
    "Found",
    "Order",
    "Press",
    "Progress",
    "Selected",
    "check",
    "connect",
    "discover",
    "export",
    "importable",
    "launch",
    "retry",
    "run_here",
    "select",
    "skeleton",
]

# What is no expression: keys, and patterns of keys, with commas between them.
_PATTERNS = re.compile(r"[\w./*?\[\]-]+(\s*,\s*[\w./*?\[\]-]+)*")
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
        self._ended: float | None = None
        #: Whether the last press came while the one before was acted on.
        self.ignored = False

    def made(self, value: Any) -> None:
        """Hears of a press: for a button's `on_change`."""
        if not value:
            return
        hasty = self._ended is not None and time.monotonic() - self._ended < _HASTE
        self.ignored = hasty
        self._waiting = not hasty

    def take(self) -> bool:
        """True the first time after a press."""
        waiting, self._waiting = self._waiting, False
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
    run_config: str | Mapping[str, Any] = ""
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


@dataclass(frozen=True)
class Selected:
    """The assets that a selection names, or what is wrong with it."""

    keys: tuple[str, ...] = ()
    expression: str = ""
    problem: str | None = None


@dataclass(frozen=True)
class Found:
    """What the server has; nothing if it does not answer."""

    repositories: list[Any] = field(default_factory=list)
    jobs: list[Any] = field(default_factory=list)
    assets: list[Any] = field(default_factory=list)
    problem: str | None = None


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


async def connect(address: str = "", tries: int = 3) -> tuple[DagsterClient, Health]:
    """A client, and whether its server answers. One that does not is asked again, a little later.

    Args:
        address: Where the server is; if empty, what DAGLAB_DAGSTER_URL or `daglab.yaml` say.
        tries: How often it is asked.
    """
    client = DagsterClient(url=address.strip() or None, project=_folder())
    health = await client.health()
    for attempt in range(1, tries):
        if not isinstance(health.error, ConnectionFailed):
            break
        await asyncio.sleep(0.2 * 2**attempt)
        health = await client.health()
    return client, health


def answers(health: Health) -> bool:
    """Whether the server can be asked, even if a code location of it has not loaded."""
    return health.ok or health.version is not None


def _folder() -> Path:
    """Where the notebook is: the settings of its project are meant."""
    import marimo as mo

    return mo.notebook_dir() or Path.cwd()


async def discover(client: DagsterClient, health: Health) -> Found:
    """What the server has."""
    if not answers(health):
        return Found()
    try:
        found = await client.discover_entities()
    except DaglabError as error:
        return Found(problem=str(error))
    return Found(list(found.repositories), list(found.jobs), list(found.assets))


async def select(
    client: DagsterClient, health: Health, expression: str, wanted: bool = True
) -> Selected:
    """The assets that an expression names: `orders/*`, `group:sales`, `+orders`.

    Args:
        client: Whom to ask.
        health: Whether it answers.
        expression: Keys and patterns of keys with commas between them, or a selection in Dagster's
            syntax.
        wanted: Whether assets are to be run at all.
    """
    expression = expression.strip()
    if not (wanted and expression and answers(health)):
        return Selected(expression=expression if wanted else "")
    try:
        if _PATTERNS.fullmatch(expression):
            patterns = [part.strip() for part in expression.split(",")]
            found = await client.discover_entities(
                EntityFilters(kinds=["assets"], patterns=patterns, details=False)
            )
            keys = found.asset_keys()
        else:
            keys = await client.select_assets(expression)
    except DaglabError as error:
        said = f"{error.message}; {error.hint}" if error.hint else error.message
        return Selected(expression=expression, problem=said)
    problem = None if keys else f"no asset is meant by `{expression}`"
    return Selected(tuple(str(key) for key in keys), expression, problem)


async def skeleton(
    client: DagsterClient,
    health: Health,
    job: str | None,
    repository: str | None,
    location: str | None,
    known: Mapping[str | None, str] | None = None,
) -> str:
    """The run config that a job begins with.

    Args:
        client: Whom to ask.
        health: Whether it answers.
        job: The job; none for assets.
        repository: Its repository.
        location: Its code location.
        known: Run configs that need not be asked for, by job.
    """
    if known and known.get(job):
        return textwrap.dedent(known[job]).strip("\n") + "\n"
    if not answers(health) or not job:
        return ""
    with contextlib.suppress(DaglabError):
        return await client.config_skeleton(job, repo=repository, location=location)
    return ""


async def check(
    client: DagsterClient, health: Health, order: Order
) -> ValidationResult | DaglabError | None:
    """Whether the run config fits; none if nobody can say."""
    if not answers(health) or order.is_empty:
        return None
    try:
        return await _validate(client, order)
    except DaglabError as error:
        return error


async def _validate(client: DagsterClient, order: Order) -> ValidationResult:
    if order.job is None and isinstance(order.run_config, str):
        # Which job assets make is known when they are launched; Dagster looks at it then.
        return await asyncio.to_thread(validate_yaml_config, order.run_config)
    return await client.validate_config(
        order.job or "", order.run_config, repo=order.repository, location=order.location
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
        checked = await _validate(client, order)
        if not checked.valid:
            record |= {"status": "INVALID", "problems": [str(one) for one in checked.problems]}
            return keep(state, record, order.run_config)
        submitted = await client.submit_job(
            order.job,
            order.repository,
            order.location,
            run_config=order.run_config,
            asset_selection=list(order.assets) or None,
            validate=order.job is None,
            partition=order.partition or None,
        )
    except ValidationFailed as error:
        record |= {"status": "INVALID", "problems": problems_of(error), "hint": error.hint}
        return keep(state, record, order.run_config)
    except DaglabError as error:
        record |= {"status": "REFUSED", **said_of(error)}
        return keep(state, record, order.run_config)
    record |= {"run_id": submitted.run_id, "url": submitted.url, "job": submitted.job}
    return await _follow(client, record, order, state)


async def retry(client: DagsterClient, state: NotebookState) -> dict[str, Any] | None:
    """Launches the last failed run again, from where it failed, and follows it."""
    failed = next(
        (
            one
            for one in reversed(records(state))
            if one.get("run_id") and one.get("status") in ("FAILURE", "CANCELED")
        ),
        None,
    )
    if failed is None:
        return None
    record: dict[str, Any] = {"where": "dagster", "name": failed["name"], "at": now()}
    record["retry_of"] = failed["run_id"]
    try:
        again = await client.retry_run(failed["run_id"], from_failure=True)
    except DaglabError as error:
        record |= {"status": "REFUSED", **said_of(error)}
        return keep(state, record, None)
    record |= {"run_id": again.run_id, "url": again.url, "job": failed.get("job")}
    return await _follow(client, record, None, state)


async def _follow(
    client: DagsterClient, record: dict[str, Any], order: Order | None, state: NotebookState
) -> dict[str, Any]:
    run_id = record["run_id"]
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


async def run_here(
    run_inprocess: Callable[..., Any],
    target: Any,
    order: Order,
    state: NotebookState,
    *,
    definitions: str | None = None,
) -> Any:
    """Runs in the notebook's own process, and keeps a record of time and memory.

    Args:
        run_inprocess: `daglab.helpers.run_inprocess`.
        target: What to run.
        order: The run config and the partition.
        state: Where the record is kept.
        definitions: The file or the module that a name is looked up in.
    """
    if isinstance(target, str | list):
        # Names are looked up: what is chosen counts.
        target = order.job or list(order.assets) or target
    record: dict[str, Any] = {"where": "in process", "name": order.title, "at": now()}
    try:
        result = run_inprocess(
            target,
            definitions=_file(definitions),
            run_config=order.run_config or None,
            partition=order.partition or None,
        )
        if inspect.isawaitable(result):
            result = await result
    except DaglabError as error:
        record |= {"status": "REFUSED", **said_of(error)}
        keep(state, record, None)
        return error
    record |= {
        "status": "SUCCESS" if result.success else "FAILURE",
        "seconds": result.seconds,
        "memory_before": result.memory_before,
        "memory_peak": result.memory_peak,
        "memory_after": result.memory_after,
        "assets": [str(key) for key in result.assets],
    }
    if result.error:
        record["error"] = str(result.error)
    keep(state, record, None)
    return result


async def export(
    client: DagsterClient,
    notebook: str,
    options: Mapping[str, Any],
    assets: tuple[str, ...],
    state: NotebookState,
) -> dict[str, Any]:
    """Exports the notebook, uploads the page if that is wanted, and attaches its link.

    Args:
        client: Whose assets get the link.
        notebook: The notebook's file.
        options: The value of `controls.export_options`.
        assets: The assets; those of the last run if there are none.
        state: Where runs and errors are kept.
    """
    from daglab.helpers.attach import attach_metadata
    from daglab.helpers.export import apply_retention_policy, export_html, upload_to_cloud

    done: dict[str, Any] = {"attached": [], "removed": 0}
    page = Path(notebook).with_suffix(".html")
    try:
        compress = bool(options["compress"])
        written = await export_html(Path(notebook), page, compress=compress, client=client)
        done["page"] = str(written)
        link = page.resolve().as_uri()
        if options["provider"] and options["bucket"]:
            bucket, _, prefix = str(options["bucket"]).strip("/").partition("/")
            key = "/".join(part for part in (prefix, Path(written).name) if part)
            uploaded = await upload_to_cloud(
                written, options["provider"], bucket, key, on_progress=_uploading
            )
            done["url"] = link = uploaded.url
            done["expires_at"] = uploaded.expires_at
        if options["attach"]:
            for asset in assets or _made(state):
                metadata = {str(options["metadata_key"]): link}
                attached = await attach_metadata(asset, metadata, client)
                done["attached"].append((asset, attached))
        if options["retention_days"]:
            removed = apply_retention_policy(page.parent, int(options["retention_days"]))
            done["removed"] = len(removed)
    except DaglabError as error:
        done["problem"] = str(error)
        log(state, "export", said_of(error))
    return done


def _file(definitions: str | None) -> str | None:
    """The file that is meant, wherever in the project this notebook was opened; or the module."""
    if definitions is None or not definitions.endswith(".py"):
        return definitions
    folder = _folder()
    places = (place / definitions for place in (Path.cwd(), folder, *folder.parents))
    return next((str(place) for place in places if place.is_file()), definitions)


def _made(state: NotebookState) -> list[str]:
    """The assets that the last run has materialized."""
    made = (state.get("last_run") or {}).get("materialized", [])
    return sorted({str(one["asset"]) for one in made})


def _uploading(progress: UploadProgress) -> None:
    import marimo as mo

    from daglab.helpers import panels

    mo.output.replace(panels.uploading(progress.bytes, progress.total))


def importable(directory: str) -> None:
    """Lets modules of a folder be imported.

    Args:
        directory: The folder, as seen from the notebook's.
    """
    path = str((_folder() / directory).resolve())
    if path not in sys.path:
        sys.path.insert(0, path)
