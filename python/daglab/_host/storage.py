"""Dagster's SQLite databases, in an instance that lives for one command.

Each run has a database of its own, which the web server makes while the launch waits for it. Most
of that time goes into waiting for the disk and into reading Dagster's migrations, again in every
process. An instance that daglab made need not survive a power cut, and migrations don't change.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path
from typing import Any

# Where the databases are that need not survive; set for instances that daglab made only.
DATA = "DAGLAB_INSTANCE_DATA"


def hurry() -> None:
    """Do both; what this version of a library has in another shape is left as it is."""
    remember_migrations()
    if DATA in os.environ:
        _do_not_wait_for_the_disk(Path(os.environ[DATA]).resolve())


def remember_migrations() -> None:
    """Read the migrations once, for this process and those it forks."""
    with contextlib.suppress(ImportError, AttributeError, TypeError):
        from alembic.script import ScriptDirectory
        from dagster._core.storage.event_log.sqlite import sqlite_event_log
        from dagster._core.storage.sql import get_alembic_config

        if hasattr(ScriptDirectory, "daglab_known"):
            return
        original = ScriptDirectory.from_config
        known: dict[str | None, Any] = {}

        def from_config(config: Any) -> Any:
            place = config.get_main_option("script_location")
            if place not in known:
                known[place] = original(config)
            return known[place]

        ScriptDirectory.from_config = from_config  # type: ignore[method-assign]
        ScriptDirectory.daglab_known = known  # type: ignore[attr-defined]
        config = get_alembic_config(sqlite_event_log.__file__)
        ScriptDirectory.from_config(config).as_revision_number("head")


def _do_not_wait_for_the_disk(data: Path) -> None:
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    def relax(connection: Any, _: object) -> None:
        # The code of a project has databases, too, and those are not daglab's.
        if isinstance(connection, sqlite3.Connection):
            [(_, _, path), *_] = connection.execute("PRAGMA database_list").fetchall()
            if path and Path(path).is_relative_to(data):
                connection.execute("PRAGMA synchronous=OFF")

    event.listen(Engine, "connect", relax)
