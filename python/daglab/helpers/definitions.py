"""Definitions of Dagster, loaded from a file or module into this process."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType
from typing import Any

from daglab.helpers.errors import UsageError, ValidationFailed, remember
from daglab.helpers.exceptions import of_exception
from daglab.helpers.state import project_root

__all__ = ["load_definitions", "on_path"]


def load_definitions(source: Any) -> Any:
    """Return the definitions of a file or module.

    Args:
        source: A Python file or a module, as seen from the current folder or the project's; or a
            `Definitions`, which is returned as it is.

    Returns:
        Dagster's `Definitions`. Of a file without one, they are made of its jobs and assets.

    Raises:
        ValidationFailed: It is not there, can't be imported, or defines nothing.
    """
    import dagster

    if isinstance(source, dagster.Definitions):
        return source
    if not isinstance(source, (str, Path)):
        raise UsageError(
            f"`{type(source).__name__}` has no definitions", hint="give a file or a module"
        )
    with on_path(source):
        module = _import(source)
        found = [value for value in vars(module).values() if isinstance(value, dagster.Definitions)]
        # `@definitions` makes them when they are asked for.
        lazy = [value for value in vars(module).values() if hasattr(value, "load_fn")]
        if not found and lazy:
            found = [_loaded(lazy[0], source)]
    distinct = list({id(one): one for one in found}.values())
    if len(distinct) > 1:
        raise ValidationFailed(
            f"`{source}` has several `Definitions`", hint="give the one that is meant"
        )
    return distinct[0] if distinct else _collected(module, source)


def _loaded(lazy: Any, source: str | Path) -> Any:
    try:
        return lazy() if callable(lazy) else lazy.load_fn()
    except Exception as error:
        raise _not_loaded(source, error) from error


def _collected(module: ModuleType, source: str | Path) -> Any:
    import dagster

    jobs = [
        value
        for value in vars(module).values()
        if isinstance(value, dagster.JobDefinition)
        or type(value).__name__ == "UnresolvedAssetJobDefinition"
    ]
    assets = dagster.load_assets_from_modules([module])
    if not jobs and not assets:
        raise remember(
            ValidationFailed(
                f"`{source}` defines neither jobs nor assets",
                hint="name the file or module that has `Definitions`",
            )
        )
    return dagster.Definitions(assets=assets, jobs=jobs)


def _import(source: str | Path) -> ModuleType:
    is_file = isinstance(source, Path) or source.endswith(".py") or "/" in source
    try:
        if not is_file:
            return importlib.import_module(str(source))
        path = _file(source)
        if not path.is_file():
            raise remember(
                ValidationFailed(
                    f"there is no file `{source}`",
                    hint=f"it is looked for from `{Path.cwd()}` and from the project's folder",
                )
            )
        # As Dagster's own tools name it, so that what is pickled can be found again.
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        before = sys.modules.get(path.stem)
        sys.modules[path.stem] = module
        has_loaded = False
        try:
            spec.loader.exec_module(module)
            has_loaded = True
        finally:
            # A library of the same name must stay what it was, and nobody imports half a module.
            if before is not None:
                sys.modules[path.stem] = before
            elif not has_loaded:
                sys.modules.pop(path.stem, None)
        return module
    except ValidationFailed:
        raise
    except Exception as error:
        raise _not_loaded(source, error) from error


def _file(source: str | Path) -> Path:
    """Return a file as seen from the current folder, or else from the project's."""
    here = Path(source).resolve()
    return here if here.is_file() else (project_root() / source).resolve()


def _not_loaded(source: str | Path, error: Exception) -> ValidationFailed:
    of = of_exception(error)
    failed = ValidationFailed(
        f"`{source}` can't be loaded: {of['error']}", details=of["traceback"], hint=_missing(error)
    )
    remember(failed)
    return failed


def _missing(error: Exception) -> str | None:
    if isinstance(error, ModuleNotFoundError) and error.name:
        return (
            f"install what `{error.name}` belongs to, or name the folder that it is in:"
            " `[tool.marimo.runtime] pythonpath` in `pyproject.toml`"
        )
    return None


@contextmanager
def on_path(definitions: Any) -> Iterator[None]:
    """Let modules beside the definitions, and in the current folder, be imported meanwhile."""
    folders = [str(Path.cwd()), str(project_root())]
    if isinstance(definitions, (str, Path)) and str(definitions).endswith(".py"):
        folders.insert(0, str(_file(definitions).parent))
    added = [folder for folder in dict.fromkeys(folders) if folder not in sys.path]
    sys.path[:0] = added
    try:
        yield
    finally:
        for folder in added:
            with suppress(ValueError):
                sys.path.remove(folder)
