"""One import: `python -m daglab._host.look_up REQUEST.json RESPONSE.json`.

Imports a module as a notebook would, and says under which names it has an asset or a job; or why it
can't be imported, and where in the project that is.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import traceback
from pathlib import Path
from typing import Any

# How many names and keys are listed.
_LISTED = 200

Answer = dict[str, Any]


def _place(error: BaseException, root: Path) -> tuple[str | None, int | None]:
    """Say where an error is: in the deepest file of the project, or in the deepest at all."""
    if isinstance(error, SyntaxError) and error.filename:
        return error.filename, error.lineno
    frames: list[tuple[str, int | None]] = [
        (frame.filename, frame.lineno)
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith("<") and Path(frame.filename) != Path(__file__)
    ]
    inside = [
        frame
        for frame in frames
        if Path(frame[0]).is_relative_to(root) and "site-packages" not in frame[0]
    ]
    named = inside or frames
    return named[-1] if named else (None, None)


def _keys(value: object) -> list[str]:
    """Return the keys of what is an asset, or several, as `a/b`."""
    from dagster import AssetKey

    keys = getattr(value, "keys", None)
    found = keys if isinstance(keys, (set, frozenset)) else [getattr(value, "key", None)]
    return sorted(key.to_user_string() for key in found if isinstance(key, AssetKey))


def _jobs(value: object) -> list[str]:
    """Return the name of what is a job."""
    is_job = type(value).__name__ in ("JobDefinition", "UnresolvedAssetJobDefinition")
    name = getattr(value, "name", None)
    return [name] if is_job and isinstance(name, str) else []


def _names(module: object, wanted: str, kind: str) -> tuple[list[str], list[str]]:
    """Return the attributes that are what is wanted, the plainest first, and all that there is."""
    found: list[tuple[int, str]] = []
    known: set[str] = set()
    for name, value in list(vars(module).items()):
        # What its class computes may raise.
        try:
            has = _keys(value) if kind == "asset" else _jobs(value)
        except Exception:
            continue
        known.update(has)
        if wanted in has:
            found.append((len(has), name))
    return [name for _, name in sorted(found)], sorted(known)[:_LISTED]


def look_up(request: Answer) -> Answer:
    """Import a module and look for a name."""
    root = Path(request["root"])
    for directory in reversed(request["path"]):
        sys.path.insert(0, directory)
    try:
        module = importlib.import_module(request["module"])
    except BaseException as error:
        file, line = _place(error, root)
        return {
            "ok": False,
            "type": type(error).__name__,
            "message": str(error),
            "missing": getattr(error, "name", None)
            if isinstance(error, ModuleNotFoundError)
            else None,
            "file": file,
            "line": line,
        }
    if request["name"] is None:
        return {"ok": True, "found": [], "known": []}
    found, known = _names(module, request["name"], request["kind"])
    return {"ok": True, "found": found, "known": known}


def main() -> None:
    """Answer the request of a file."""
    request, response = map(Path, sys.argv[1:3])
    answer = look_up(json.loads(request.read_text()))
    unfinished = response.with_suffix(".part")
    unfinished.write_text(json.dumps(answer))
    os.replace(unfinished, response)


if __name__ == "__main__":
    main()
