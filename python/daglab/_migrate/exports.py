"""What `from module import *` would bring, found without running foreign code.

Modules of the standard library are imported; all others are read.
"""

from __future__ import annotations

import ast
import importlib
import sys
from pathlib import Path

#: How many modules one star may lead through.
DEPTH = 8

#: The largest file that is read, in bytes.
LARGEST = 4_000_000


def of(module: str, roots: list[str]) -> list[str] | None:
    """Names that a module exports, or None if that can't be told."""
    try:
        names = _names(module, [Path(root) for root in roots], DEPTH)
    except (OSError, SyntaxError, ValueError, RecursionError):
        return None
    return sorted(names) if names else None


def _names(module: str, roots: list[Path], depth: int) -> set[str] | None:
    top = module.split(".")[0]
    if top in sys.stdlib_module_names:
        try:
            found = importlib.import_module(module)
        except Exception:  # a module of another system
            return None
        public = [name for name in vars(found) if not name.startswith("_")]
        return set(getattr(found, "__all__", public))
    file = _file(module, roots)
    if file is None or depth == 0 or file.stat().st_size > LARGEST:
        return None
    package = module if file.name == "__init__.py" else module.rpartition(".")[0]
    tree = ast.parse(file.read_bytes())
    return _of_tree(tree, package, roots, depth)


def _file(module: str, roots: list[Path]) -> Path | None:
    if module.startswith("."):
        return None
    parts = module.split(".")
    for root in [*roots, *map(Path, sys.path)]:
        place = root.joinpath(*parts)
        for file in (place / "__init__.py", place.with_name(place.name + ".py")):
            if file.is_file():
                return file
    return None


def _of_tree(tree: ast.Module, package: str, roots: list[Path], depth: int) -> set[str] | None:
    names: set[str] = set()
    listed: set[str] | None = None
    for node in _statements(tree.body):
        if isinstance(node, ast.ImportFrom):
            names |= _imported(node, package, roots, depth)
        elif isinstance(node, ast.Import):
            names |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, (ast.Assign, ast.AugAssign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            stored = {
                name.id
                for target in targets
                for name in ast.walk(target)
                if isinstance(name, ast.Name)
            }
            names |= stored
            if "__all__" in stored:
                listed = _listed(node, listed)
    if listed is not None and listed:
        return listed
    return {name for name in names if not name.startswith("_")}


def _listed(
    node: ast.Assign | ast.AugAssign | ast.AnnAssign, before: set[str] | None
) -> set[str] | None:
    """`__all__`, if it is written out; the empty set, which counts for nothing, if it is not."""
    try:
        value = ast.literal_eval(node.value) if node.value is not None else []
    except ValueError:
        return set()
    added = {name for name in value if isinstance(name, str)}
    if isinstance(node, ast.AugAssign):
        return added | before if before else set()
    return added


def _imported(node: ast.ImportFrom, package: str, roots: list[Path], depth: int) -> set[str]:
    if all(alias.name != "*" for alias in node.names):
        return {alias.asname or alias.name for alias in node.names}
    module = node.module or ""
    if node.level:
        above = package.split(".")
        above = above[: len(above) - node.level + 1]
        module = ".".join([*above, *([module] if module else [])])
    return _names(module, roots, depth - 1) or set()


def _statements(body: list[ast.stmt]) -> list[ast.stmt]:
    found: list[ast.stmt] = []
    for node in body:
        if isinstance(node, (ast.If, ast.Try, ast.With)):
            found += _statements(node.body)
            found += _statements(getattr(node, "orelse", []))
            for handler in getattr(node, "handlers", []):
                found += _statements(handler.body)
        else:
            found.append(node)
    return found
