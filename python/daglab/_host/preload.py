"""Which modules the host imports for its tasks, and which must not come near it.

A module that hangs, ends its process or starts a thread while it is imported would take every task
along: what is not known to be harmless is imported in a fork first. Code of the project is never
imported, an editable install no more than a file beside the notebooks: each task imports it afresh.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import os
import select
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

# How long all the tries may take together. No task is started meanwhile.
_TIME_S = 20.0

# Widely used, and known to be harmless to import before a fork. Some have a pool of native threads,
# as that of OpenBLAS, which is made anew in a child.
# fmt: off
_HARMLESS = {
    "altair", "bokeh", "bs4", "cycler", "dagster", "dateutil", "duckdb", "folium", "geopandas",
    "great_tables", "httpx", "hvplot", "ibis", "jinja2", "joblib", "lxml", "marimo", "matplotlib",
    "msgspec", "narwhals", "networkx", "numpy", "openpyxl", "orjson", "pandas", "pandera", "patsy",
    "PIL", "plotly", "plotnine", "polars", "psycopg", "psycopg2", "pyarrow", "pydantic", "pytz",
    "requests", "rich", "scipy", "seaborn", "shapely", "sklearn", "sqlalchemy", "sqlglot",
    "statsmodels", "sympy", "tabulate", "tqdm", "xarray", "xlsxwriter", "yaml",
}
# fmt: on

# What a fork answers for each module, and what that means.
_FINE = b"+"
_PROBLEMS = {b"x": "its import fails", b"t": "its import starts a thread"}


def load(names: list[str], detach: Callable[[], None]) -> tuple[list[str], dict[str, str]]:
    """Import modules and say which, and why not the others.

    `detach` is called first in each fork, to let go of what is the host's.
    """
    skipped = {name: why for name in names if (why := _foreign(name)) is not None}
    loaded: list[str] = []
    # The known ones first: what they start is not the fault of those that import them, too.
    unknown = [name for name in names if name not in skipped and name not in _HARMLESS]
    for name in names:
        if name in _HARMLESS and name not in skipped:
            _import(name, loaded, skipped)
    skipped |= _harmful(unknown, detach)
    for name in unknown:
        if name not in skipped:
            _import(name, loaded, skipped)
    return loaded, skipped


def threads() -> int:
    """Count this process's threads, native ones included."""
    try:
        return len(os.listdir("/proc/self/task"))
    except OSError:
        return 1


def _import(name: str, loaded: list[str], skipped: dict[str, str]) -> None:
    try:
        importlib.import_module(name)
    except BaseException as error:
        skipped[name] = f"{type(error).__name__}: {error}"
    else:
        loaded.append(name)


def _foreign(name: str) -> str | None:
    """Say why a module is none of the environment's own, if it is none."""
    if name in sys.stdlib_module_names:
        return None
    try:
        spec = importlib.util.find_spec(name)
    except BaseException as error:
        return f"{type(error).__name__}: {error}"
    if spec is None:
        return "it is not installed"
    places = spec.submodule_search_locations or [spec.origin or ""]
    for place in places:
        if not {"site-packages", "dist-packages"} & set(Path(place).parts):
            return f"it is the project's own: {place}"
    return None


def _harmful(names: list[str], detach: Callable[[], None]) -> dict[str, str]:
    """Import modules in forks; return those that must not be imported here."""
    deadline = time.monotonic() + _TIME_S
    why: dict[str, str] = {}
    while names:
        if time.monotonic() > deadline:
            return why | dict.fromkeys(names, "there was no time to try it")
        answers = _try(names, detach, deadline)
        for name, answer in zip(names, answers, strict=False):
            if answer != _FINE:
                why[name] = _PROBLEMS[answer]
        if len(answers) < len(names):
            why[names[len(answers)]] = "its import does not come back"
        names = names[len(answers) + 1 :]
    return why


def _try(names: list[str], detach: Callable[[], None], deadline: float) -> list[bytes]:
    """Import modules in one fork; return its answers, up to the module that it did not survive."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        _answer(names, detach, write)
    with contextlib.suppress(OSError):
        os.setpgid(pid, pid)
    os.close(write)
    answers: list[bytes] = []
    while len(answers) < len(names):
        left = max(deadline - time.monotonic(), 0)
        if not select.select([read], [], [], left)[0]:
            break
        answer = os.read(read, 1)
        if not answer:
            break
        answers.append(answer)
    os.close(read)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return answers


def _answer(names: list[str], detach: Callable[[], None], write: int) -> NoReturn:
    """Import modules in this fork and write an answer for each."""
    try:
        detach()
        for name in names:
            before = threads()
            try:
                importlib.import_module(name)
            except BaseException:
                os.write(write, b"x")
            else:
                os.write(write, b"t" if threads() > before else _FINE)
    finally:
        os._exit(0)
