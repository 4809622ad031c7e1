"""Looks at every result of a migration: `python check.py RESULTS TRUTH REPORT`."""

from __future__ import annotations

import ast
import asyncio
import contextlib
import inspect
import io
import json
import logging
import os
import runpy
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from marimo._convert.converters import MarimoConvert

problems: list[str] = []


def expect(name: str, what: str, found: Any, wanted: Any) -> None:
    """A value that is not as it must be is a problem."""
    if found != wanted:
        problems.append(f"{name}: {what} is {found!r}, not {wanted!r}")


def main() -> None:
    """Looks at all of them."""
    results, truth_file, report_file = (Path(name).absolute() for name in sys.argv[1:4])
    truths = json.loads(truth_file.read_text())
    report = json.loads(report_file.read_text())
    told = {one["source"].split("/", 1)[1]: one for one in report["notebooks"]}
    expect("report", "notebooks", sorted(told), sorted(truths))
    for name, truth in truths.items():
        notebook(name, truth, told.get(name, {}), results / Path(name).with_suffix(".py"))
    check(results)
    print(f"{len(truths)} notebooks, {len(problems)} problems")
    for problem in problems[:60]:
        print(problem)
    sys.exit(bool(problems))


def notebook(name: str, truth: dict[str, Any], told: dict[str, Any], file: Path) -> None:
    """Looks at one result, and at what was said of it."""
    status = truth["status"]
    if status is None:
        status = told.get("status")
        if status not in ("converted", "invalid"):
            problems.append(f"{name}: status is {status!r}")
    expect(name, "status", told.get("status"), status)
    if status == "invalid":
        expect(name, "a file", file.exists(), False)
        said = json.dumps(told.get("refusal"))
        if truth.get("word", "") not in said:
            problems.append(f"{name}: {truth['word']!r} is not in {said}")
        return
    if not file.is_file():
        problems.append(f"{name}: there is no {file}")
        return
    text = file.read_bytes().decode()
    try:
        ast.parse(text)
    except SyntaxError as error:
        problems.append(f"{name}: {error}")
        return
    if "_unparsable_cell" in text:
        problems.append(f"{name}: it has an unparsable cell")
    if MarimoConvert.from_py(text).to_py() != text:
        problems.append(f"{name}: marimo writes it otherwise")
    numbers(name, truth, told)
    if truth.get("plain") is not None:
        expect(name, "what it prints", printed_by_marimo(file), printed_by_python(truth["plain"]))


def numbers(name: str, truth: dict[str, Any], told: dict[str, Any]) -> None:
    """Compares what was counted and said with the truth."""
    statistics = told["statistics"]
    for key in (
        "cells",
        "code_cells",
        "markdown_cells",
        "raw_cells",
        "attachments_inlined",
        "attachments_lost",
    ):
        if key in truth:
            expect(name, key, statistics[key], truth[key])
    if "outputs" in truth:
        expect(
            name,
            "outputs",
            statistics["outputs_dropped"] + statistics["outputs_kept"],
            truth["outputs"],
        )
        expect(name, "format", told["format"], truth["format"])
    worst: dict[int, set[str]] = {}
    for issue in told["issues"]:
        if not (
            issue["reason"] and (issue["severity"] == "info" or issue["action"] or issue["done"])
        ):
            problems.append(f"{name}: {issue} does not say enough")
        worst.setdefault(issue["cell"], set()).add(issue["severity"])
    for cell, need in truth.get("needs", {}).items():
        if need not in worst.get(int(cell), set()):
            problems.append(f"{name}: cell {cell} is not told as {need}: {worst.get(int(cell))}")
    for cell in truth.get("free", []):
        if "manual" in worst.get(cell, set()):
            issues = [i for i in told["issues"] if i["cell"] == cell and i["severity"] == "manual"]
            problems.append(f"{name}: cell {cell} needs nobody, but {issues}")
    if "code" in truth and truth["code"] not in {issue["code"] for issue in told["issues"]}:
        problems.append(f"{name}: nothing is said of {truth['code']}")


def printed_by_python(cells: list[str]) -> str:
    """What the cells print one after another in one namespace, as Jupyter runs them."""
    space: dict[str, Any] = {"__name__": "__main__"}
    out = io.StringIO()
    with in_scratch(), contextlib.redirect_stdout(out):
        for cell in cells:
            compiled = compile(cell, "<cell>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
            value = eval(compiled, space)
            if inspect.iscoroutine(value):
                asyncio.run(value)
    return out.getvalue()


def printed_by_marimo(file: Path) -> str:
    """What a result prints as a script."""
    out = io.StringIO()
    try:
        with (
            in_scratch(),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            runpy.run_path(str(file), run_name="__main__")
    except BaseException as error:
        return f"{out.getvalue()}{type(error).__name__}: {error}"
    return out.getvalue()


@contextlib.contextmanager
def in_scratch() -> Any:
    """Stands in an empty directory."""
    before = os.getcwd()
    with tempfile.TemporaryDirectory() as scratch:
        os.chdir(scratch)
        try:
            yield
        finally:
            os.chdir(before)


def check(results: Path) -> None:
    """marimo's own check of all files, with everything it knows."""
    files = [str(file) for file in results.rglob("*.py")]
    command = [sys.executable, "-m", "marimo", "-q", "check", "--format", "json", *files]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    found = json.loads(done.stdout[done.stdout.index("{") :])
    expect("marimo check", "files", found["summary"]["total_files"], len(files))
    for issue in found["issues"]:
        problems.append(
            f"{issue['filename']}:{issue.get('line')}: {issue.get('code')} {issue['message']}"
        )


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    main()
