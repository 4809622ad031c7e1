"""Notebook files, as marimo itself writes them, and what its linter says of them.

The functions behind `marimo convert` and `marimo check` are marimo's own business and move between
its releases, so each is looked for; where one is not there, the command is called instead.
"""

from __future__ import annotations

import ast
import json
import logging
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

Cells = list[dict[str, Any]]

#: Severities of marimo's linter that mean that a notebook does not work.
BROKEN = ("breaking",)

#: How long one command of marimo may take, in seconds.
PATIENCE = 100


def find() -> tuple[Writer | None, str]:
    """The writer of this Python's marimo, or why there is none."""
    try:
        import marimo
    except ImportError as error:
        return None, f"has no marimo: {error}"
    except Exception as error:  # an installation that is broken in any way
        return None, f"could not import marimo: {error!r}"
    logging.disable(logging.WARNING)
    return Writer(marimo.__version__), ""


class Writer:
    """One marimo."""

    def __init__(self, version: str) -> None:
        self.version = version
        self.degraded: list[str] = []
        self._generate = self._found("marimo writes files by its command", _generator)
        self._parse = self._found("files are not compared with what was put in", _parser)
        self._lint = self._found("marimo checks files by its command", _linter)
        self._compile = self._found("cells are compiled by Python alone", _compiler)

    @property
    def by_command(self) -> bool:
        """Whether files are written by marimo's command, which takes code and nothing else."""
        return self._generate is None

    def _found(self, otherwise: str, find: Callable[[], Any]) -> Any:
        try:
            return find()
        except Exception as error:
            self.degraded.append(f"{otherwise}: {type(error).__name__}: {error}")
            return None

    def write(self, cells: Cells, app: dict[str, Any], header: str) -> dict[str, Any]:
        """Writes a notebook, reads it again, writes it again, and checks it."""
        refused = [error for i, cell in enumerate(cells) if (error := self._refused(i, cell))]
        if refused:
            return {"refused": refused}
        text = self._text(cells, app, header)
        ast.parse(text)
        answer: dict[str, Any] = {"text": text, "stable": True, "changed": []}
        lines = [1] * len(cells)
        if self._parse is not None and self._generate is not None:
            back = self._parse(text)
            answer["stable"] = self._generate(back) == text
            answer["changed"] = _changed(cells, back)
            lines = [cell.lineno for cell in back.cells]
        broken, answer["findings"] = self._findings(text, lines)
        answer["refused"] = broken
        return answer

    def _refused(self, index: int, cell: dict[str, Any]) -> dict[str, Any] | None:
        try:
            flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
            compile(cell["code"], "<cell>", "exec", flags=flags, dont_inherit=True)
            if self._compile is not None:
                self._compile(cell["code"])
        except SyntaxError as error:
            message = str(error.msg).split("\n")[0]
            return {"cell": index, "message": message, "line": error.lineno}
        except (ValueError, RecursionError, MemoryError) as error:
            return {"cell": index, "message": str(error) or type(error).__name__, "line": None}
        return None

    def _text(self, cells: Cells, app: dict[str, Any], header: str) -> str:
        if self._generate is not None:
            return str(self._generate(_notebook(cells, app, header)))
        with tempfile.TemporaryDirectory() as folder:
            source, target = Path(folder, "notebook.ipynb"), Path(folder, "notebook.py")
            source.write_text(json.dumps(_ipynb(cells)), encoding="utf-8")
            command = [sys.executable, "-m", "marimo", "-q", "-y", "convert", str(source)]
            done = subprocess.run(
                [*command, "-o", str(target)], capture_output=True, text=True, timeout=PATIENCE
            )
            if not target.is_file():
                raise RuntimeError(f"marimo convert: {done.stderr[-2000:]}")
            return target.read_text(encoding="utf-8")

    def _findings(self, text: str, lines: list[int]) -> tuple[list[dict[str, Any]], list[str]]:
        """What the linter calls broken, by cell, and what else it says."""
        broken: dict[int, dict[str, Any]] = {}
        others: list[str] = []
        found = self._lint(text) if self._lint is not None else _check(text)
        for severity, code, message, places in found:
            if severity not in BROKEN:
                others.append(f"{code}: {message}")
                continue
            cells = [max((i for i, at in enumerate(lines) if at <= p), default=0) for p in places]
            # Of several cells that define one name, the first may stay.
            for cell in sorted(cells)[1:] or cells:
                broken.setdefault(cell, {"cell": cell, "message": message, "line": None})
        return list(broken.values()), others


def _generator() -> Callable[[Any], str]:
    from marimo._ast.codegen import generate_filecontents_from_ir

    return generate_filecontents_from_ir


def _parser() -> Callable[[str], Any]:
    from marimo._ast.parse import parse_notebook

    return lambda text: parse_notebook(text, filepath="notebook.py")


def _compiler() -> Callable[[str], object]:
    from marimo._ast.compiler import compile_cell

    return lambda code: compile_cell(code, cell_id="0")  # type: ignore[arg-type]


Finding = tuple[str, str, str, list[int]]


def _linter() -> Callable[[str], list[Finding]]:
    from marimo._ast.parse import parse_notebook
    from marimo._lint.rule_engine import RuleEngine

    engine = RuleEngine.create_default()

    def lint(text: str) -> list[Finding]:
        notebook = parse_notebook(text, filepath="notebook.py")
        if notebook is None:
            return [("breaking", "", "it is no notebook", [0])]
        found = engine.check_notebook_sync(notebook, text)
        return [
            (
                str(getattr(one.severity, "value", one.severity)),
                str(one.code),
                one.message,
                one.line if isinstance(one.line, list) else [one.line],
            )
            for one in found
        ]

    return lint


def _check(text: str) -> list[Finding]:
    """The same by the command; nothing where there is no such command."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "notebook.py")
        file.write_text(text, encoding="utf-8")
        command = [sys.executable, "-m", "marimo", "-q", "check", "--format", "json", str(file)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
        try:
            issues = json.loads(done.stdout[done.stdout.index("{") :])["issues"]
        except (ValueError, KeyError):
            return []
    found: list[Finding] = []
    for one in issues:
        line = one.get("line", 0)
        places = line if isinstance(line, list) else [line]
        found.append((one.get("severity", ""), str(one.get("code")), one["message"], places))
    return found


def _notebook(cells: Cells, app: dict[str, Any], header: str) -> Any:
    from marimo._schemas.serialization import (
        AppInstantiation,
        CellDef,
        Header,
        NotebookSerializationV1,
    )

    return NotebookSerializationV1(
        app=AppInstantiation(options=app),
        header=Header(value=header),
        cells=[
            CellDef(
                code=cell["code"],
                name=cell["name"] or "_",
                options={key: True for key in ("hide_code", "disabled") if cell[key]},
            )
            for cell in cells
        ],
    )


def _changed(cells: Cells, back: Any) -> list[int]:
    """Cells whose meaning is another after they were written and read."""
    if back is None or len(back.cells) != len(cells):
        return list(range(len(cells)))
    changed = []
    for index, (cell, read) in enumerate(zip(cells, back.cells, strict=True)):
        try:
            before, after = _meaning(cell), _meaning({**cell, "code": read.code})
        except SyntaxError:
            changed.append(index)
            continue
        if before != after:
            changed.append(index)
    return changed


def _meaning(cell: dict[str, Any]) -> str:
    tree = ast.parse(cell["code"])
    if cell["markdown"]:
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                # marimo lays Markdown out anew.
                lines = [line.strip() for line in node.value.strip().splitlines()]
                node.value = "\n".join(lines)
    return ast.dump(tree)


def _ipynb(cells: Cells) -> dict[str, Any]:
    def cell(one: dict[str, Any]) -> dict[str, Any]:
        hidden = {"source_hidden": True} if one["hide_code"] else {}
        return {
            "cell_type": "code",
            "source": one["code"],
            "metadata": {"jupyter": hidden},
            "outputs": [],
            "execution_count": None,
        }

    return {
        "nbformat": 4,
        "nbformat_minor": 4,
        "metadata": {},
        "cells": [cell(one) for one in cells],
    }
