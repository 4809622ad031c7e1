"""What the cells of generated notebooks do: connect, look around, launch, follow, keep a record.

Nothing here raises because a server is away or a run fails: a notebook is also executed where there
is no server, and a cell that fails hides what the cells below it would say. What went wrong is
returned, drawn by `daglab.helpers.panels`, and kept in the state's error log.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import sys
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from daglab.helpers.discover import AssetInfo, EntityFilters, JobInfo, RepositoryInfo
from daglab.helpers.errors import ConnectionFailed, DaglabError
from daglab.helpers.exporting import export
from daglab.helpers.graphql import DagsterClient
from daglab.helpers.inplace import run_here
from daglab.helpers.launching import Order, Press, Progress, launch, retry, validated
from daglab.helpers.performance import PerformanceTracker
from daglab.helpers.state import notebook_folder

if TYPE_CHECKING:
    from daglab.helpers.graphql import Health
    from daglab.helpers.validation import ValidationResult

__all__ = [
    "Found",
    "Order",
    "PerformanceTracker",
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


@dataclass(frozen=True)
class Selected:
    """The assets that a selection names, or what is wrong with it."""

    keys: tuple[str, ...] = ()
    expression: str = ""
    problem: str | None = None


@dataclass(frozen=True)
class Found:
    """What the server has; nothing if it does not answer."""

    repositories: tuple[RepositoryInfo, ...] = ()
    jobs: tuple[JobInfo, ...] = ()
    assets: tuple[AssetInfo, ...] = ()
    problem: str | None = None


async def connect(address: str = "", tries: int = 3) -> tuple[DagsterClient, Health]:
    """A client, and whether its server answers. One that does not is asked again, a little later.

    Args:
        address: Where the server is; if empty, what DAGLAB_DAGSTER_URL or `daglab.yaml` say.
        tries: How often it is asked.
    """
    client = DagsterClient(url=address.strip() or None, project=notebook_folder() or Path.cwd())
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


async def discover(client: DagsterClient, health: Health) -> Found:
    """What the server has."""
    if not answers(health):
        return Found()
    try:
        found = await client.discover_entities()
    except DaglabError as error:
        return Found(problem=str(error))
    return Found(found.repositories, found.jobs, found.assets)


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
        return await validated(client, order)
    except DaglabError as error:
        return error


def importable(directory: str) -> None:
    """Lets modules of a folder be imported.

    Args:
        directory: The folder, as seen from the notebook's.
    """
    path = str(((notebook_folder() or Path.cwd()) / directory).resolve())
    if path not in sys.path:
        sys.path.insert(0, path)
