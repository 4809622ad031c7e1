"""Writes docs/api-reference.md from the signatures and docstrings of `daglab.helpers`.

`python3 scripts/write-api-reference.py` writes the page; with `--print`, it goes to stdout instead.
The sources are read and not imported, and annotations are shown as they are written, so every
Python gives the same page.
"""

from __future__ import annotations

import ast
import re
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "daglab.helpers"
PAGE = ROOT / "docs" / "api-reference.md"
WIDTH = 96

HEAD = """\
# The helpers

What `from daglab.helpers import …` offers to notebooks and scripts. The package depends on no \
other: Dagster and marimo are imported by the functions that need them, when they are called. \
`scripts/write-api-reference.py` writes this page.
"""

Function = ast.FunctionDef | ast.AsyncFunctionDef
Definition = Function | ast.ClassDef | ast.Assign | ast.AnnAssign

SECTION = re.compile(
    r"^(Args|Attributes|Example|Examples|Note|Notes|Raises|Returns|Warns|Yields):$"
)
ENTRY = re.compile(r"^(\*{0,2}[\w.]+)(?: \([^)]*\))?: (.*)$")
TITLES = {"Args": "Arguments", "Examples": "Example", "Notes": "Note"}


class UnreadableError(Exception):
    """The sources are not as this program knows them."""


@dataclass(frozen=True)
class Module:
    """A module's source and its syntax tree."""

    name: str
    source: str
    tree: ast.Module
    is_package: bool

    def text(self, node: ast.expr) -> str:
        """Return an expression as it is written, on one line."""
        segment = ast.get_source_segment(self.source, node) or ""
        line = re.sub(r"\s+", " ", segment)
        return re.sub(r",? ([)\]}])", r"\1", re.sub(r"([(\[{]) ", r"\1", line))

    def imports(self) -> dict[str, tuple[str, str]]:
        """Return what each imported name is: its module and its name there."""
        found: dict[str, tuple[str, str]] = {}
        for node in self.tree.body:
            if isinstance(node, ast.ImportFrom):
                base = node.module or ""
                if node.level:
                    parts = self.name.split(".")
                    kept = len(parts) - node.level + self.is_package
                    base = ".".join([*parts[:kept], *filter(None, [node.module])])
                for alias in node.names:
                    found[alias.asname or alias.name] = (base, alias.name)
        return found

    def definition(self, name: str) -> list[Definition]:
        """Return what defines a name: several for overloads."""
        found: list[Definition] = []
        for node in self.tree.body:
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                names = [node.name]
            elif isinstance(node, ast.Assign):
                names = [target.id for target in node.targets if isinstance(target, ast.Name)]
            elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                names = [node.target.id]
            else:
                continue
            if name in names:
                found.append(node)
        return found


@cache
def module(name: str) -> Module:
    """Read a module of ours."""
    path = ROOT / "python" / Path(*name.split("."))
    is_package = path.is_dir()
    path = path / "__init__.py" if is_package else path.with_suffix(".py")
    source = path.read_text(encoding="utf-8")
    return Module(name, source, ast.parse(source, str(path)), is_package)


def public_names(of: Module) -> list[str]:
    """Return `__all__`."""
    for node in of.definition("__all__"):
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
            names = ast.literal_eval(node.value)
            return [str(name) for name in names]
    raise UnreadableError(f"`{of.name}` has no `__all__`")


def resolve(of: Module, name: str) -> tuple[Module, list[Definition]]:
    """Follow a name through imports to where it is defined."""
    for _ in range(10):
        if found := of.definition(name):
            return of, found
        where, name = of.imports().get(name, ("", name))
        if not where.startswith("daglab"):
            break
        of = module(where)
    raise UnreadableError(f"`{name}` of `{of.name}` is defined nowhere")


def paragraphs(lines: list[str]) -> str:
    """Join lines as Markdown: each paragraph one line, code and lists as they are."""
    blocks: list[str] = []
    in_code = False
    for block in "\n".join(lines).strip("\n").split("\n\n"):
        rows = block.split("\n")
        keep = in_code or any(row.startswith(("```", "- ", "    ", "| ", ">>>")) for row in rows)
        in_code ^= sum(row.startswith("```") for row in rows) % 2 == 1
        blocks.append(block if keep else " ".join(rows))
    return "\n\n".join(blocks)


def entries(lines: list[str]) -> list[tuple[str, str]]:
    """Return the entries of a section such as `Args`: a name and what it is."""
    found: list[tuple[str, list[str]]] = []
    for line in textwrap.dedent("\n".join(lines)).strip("\n").split("\n"):
        if match := ENTRY.match(line):
            found.append((match[1], [match[2]]))
        elif found:
            found[-1][1].append(line.strip())
        else:
            raise UnreadableError(f"`{line}` begins no entry")
    return [(name, " ".join(filter(None, text))) for name, text in found]


def markdown(docstring: str | None) -> str:
    """Return a docstring as Markdown, its sections as lists."""
    if docstring is None:
        return ""
    name, kept = "", list[str]()
    sections = [(name, kept)]
    for line in docstring.split("\n"):
        if match := SECTION.match(line):
            name, kept = match[1], []
            sections.append((name, kept))
        elif name and line and not line.startswith(" "):
            name, kept = "", [line]
            sections.append((name, kept))
        else:
            kept.append(line)
    return "\n\n".join(filter(None, (section(name, lines) for name, lines in sections)))


def section(name: str, lines: list[str]) -> str:
    """Return one section of a docstring as Markdown."""
    if not name:
        return paragraphs(lines)
    title = TITLES.get(name, name)
    if name in ("Args", "Attributes", "Raises", "Warns"):
        rows = "\n".join(f"- `{entry}`: {text}" for entry, text in entries(lines))
        return f"{title}:\n\n{rows}"
    text = paragraphs(textwrap.dedent("\n".join(lines)).split("\n"))
    if name in ("Example", "Examples") and ">>>" not in text and "```" not in text:
        text = f"```python\n{text}\n```"
    return f"{title}:\n\n{text}" if "\n" in text else f"{title}: {text}"


def parameters(of: Module, function: Function) -> list[str]:
    """Return the parameters as they are written, without `self`."""
    given = function.args
    shown: list[str] = []

    def one(argument: ast.arg, default: ast.expr | None = None, stars: str = "") -> None:
        text = stars + argument.arg
        if argument.annotation is not None:
            text += f": {of.text(argument.annotation)}"
        if default is not None:
            text += (" = " if argument.annotation else "=") + of.text(default)
        shown.append(text)

    plain = [*given.posonlyargs, *given.args]
    defaults = [None] * (len(plain) - len(given.defaults)) + list(given.defaults)
    for index, (argument, default) in enumerate(zip(plain, defaults, strict=True)):
        if not (index == 0 and argument.arg in ("self", "cls")):
            one(argument, default)
        if given.posonlyargs and index == len(given.posonlyargs) - 1 and shown:
            shown.append("/")
    if given.vararg is not None:
        one(given.vararg, stars="*")
    elif given.kwonlyargs:
        shown.append("*")
    for argument, default in zip(given.kwonlyargs, given.kw_defaults, strict=True):
        one(argument, default)
    if given.kwarg is not None:
        one(given.kwarg, stars="**")
    return shown


def call(head: str, shown: list[str], tail: str) -> str:
    """Return a signature, on several lines if one is not enough."""
    line = f"{head}({', '.join(shown)}){tail}"
    if len(line) <= WIDTH:
        return line
    rows = "".join(f"    {parameter},\n" for parameter in shown)
    # A star alone, and a slash, have no comma of their own after the last.
    return f"{head}(\n{rows}){tail}"


def decorators(node: Function | ast.ClassDef) -> set[str]:
    """Return the names of a definition's decorators."""
    found = set()
    for decorator in node.decorator_list:
        target = decorator.func if isinstance(decorator, ast.Call) else decorator
        found.add(target.attr if isinstance(target, ast.Attribute) else getattr(target, "id", ""))
    return found


def signature(of: Module, function: Function, owner: str = "") -> str:
    """Return a function's signature, as it is called."""
    marks = decorators(function)
    returns = f" -> {of.text(function.returns)}" if function.returns is not None else ""
    # A type variable for the class itself is nothing that a caller knows.
    returns = re.sub(r"\b_Self\b", owner, returns)
    if marks & {"property", "cached_property"}:
        return f"{function.name}{returns.replace(' -> ', ': ')}"
    head = "async def " if isinstance(function, ast.AsyncFunctionDef) else "def "
    for mark in ("classmethod", "staticmethod", "contextmanager", "asynccontextmanager"):
        if mark in marks:
            head = f"@{mark}\n{head}"
    name = f"{owner}.{function.name}" if marks & {"classmethod", "staticmethod"} else function.name
    return call(head + name, parameters(of, function), returns)


def members(of: Module, node: ast.ClassDef) -> Iterator[tuple[Module, ast.stmt]]:
    """Yield a class's members, those of its private bases first where it has none of its own."""
    own = {name for statement in node.body for name in bound(statement)}
    for base in node.bases:
        name = base.id if isinstance(base, ast.Name) else ""
        if not name.startswith("_"):
            continue
        where, definitions = resolve(of, name)
        for definition in definitions:
            if isinstance(definition, ast.ClassDef):
                for origin, member in members(where, definition):
                    if not own & set(bound(member)):
                        yield origin, member
    for statement in node.body:
        yield of, statement


def bound(statement: ast.stmt) -> list[str]:
    """Return the names that a statement of a class's body defines."""
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return [statement.name]
    if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
        return [statement.target.id]
    if isinstance(statement, ast.Assign):
        return [target.id for target in statement.targets if isinstance(target, ast.Name)]
    return []


def field(of: Module, statement: ast.AnnAssign | ast.Assign) -> str:
    """Return a field with its default, or a constant."""
    value = statement.value
    if isinstance(value, ast.Call) and of.text(value.func) in ("field", "dataclasses.field"):
        given = {keyword.arg: keyword.value for keyword in value.keywords}
        factory = given.get("default_factory")
        text = f"{of.text(factory)}()" if factory else ""
        text = of.text(given["default"]) if "default" in given else text
    else:
        text = of.text(value) if value is not None else ""
    name = bound(statement)[0]
    if isinstance(statement, ast.AnnAssign):
        name += f": {of.text(statement.annotation)}"
    return f"{name} = {text}" if text else name


def code(text: str) -> str:
    """Return a block of Python."""
    return f"```python\n{text}\n```"


def describe_class(of: Module, node: ast.ClassDef) -> Iterator[str]:
    """Yield the parts of a class: how it is made, what it is, its methods."""
    fields: list[str] = []
    methods: list[tuple[Module, Function]] = []
    made: tuple[Module, Function] | None = None
    for origin, member in members(of, node):
        names = bound(member)
        if isinstance(member, (ast.FunctionDef, ast.AsyncFunctionDef)):
            if member.name in ("__init__", "__new__"):
                made = (origin, member)
            elif not member.name.startswith("_"):
                methods.append((origin, member))
        elif (
            isinstance(member, (ast.AnnAssign, ast.Assign))
            and names
            and not names[0].startswith("_")
            and "ClassVar" not in ast.dump(member)
        ):
            fields.append(field(origin, member))
    bases = [of.text(base) for base in node.bases]
    bases = [base for base in bases if not base.startswith(("_", "Generic", "object"))]
    head = f"class {node.name}" + (f"({', '.join(bases)})" if bases else "")
    if made is not None:
        yield code(call(f"class {node.name}", parameters(*made), ""))
        if bases:
            yield f"A subclass of {', '.join(f'`{base}`' for base in bases)}."
    elif fields:
        yield code(head + ":\n" + textwrap.indent("\n".join(fields), "    "))
    else:
        yield code(head)
    yield markdown(ast.get_docstring(node))
    if made is not None:
        # What a class is stands above; of its constructor, only the sections are of interest.
        text = markdown(ast.get_docstring(made[1]))
        _, found, arguments = text.partition("Arguments:")
        yield found + arguments
    for origin, method in methods:
        yield f"#### {node.name}.{method.name}"
        yield code(signature(origin, method, node.name))
        yield markdown(ast.get_docstring(method))


def describe(of: Module, name: str) -> Iterator[str]:
    """Yield the parts of what a name is."""
    where, definitions = resolve(of, name)
    yield f"### {name}"
    functions = [
        node for node in definitions if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    ]
    if functions:
        overloads = [node for node in functions if "overload" in decorators(node)]
        yield code("\n".join(signature(where, node) for node in overloads or functions))
        yield markdown(ast.get_docstring(functions[-1]))
        return
    node = definitions[-1]
    if isinstance(node, ast.ClassDef):
        yield from describe_class(where, node)
    elif isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
        yield code(f"{name} = {where.text(node.value)}")


def page() -> str:
    """Return the whole page."""
    package = module(PACKAGE)
    names: dict[str, list[str]] = {}
    for name in public_names(package):
        where, _ = resolve(package, name)
        names.setdefault(where.name, []).append(name)
    parts = [HEAD.strip()]
    rows = []
    for room in sorted(names):
        links = ", ".join(f"[`{name}`](#{name.lower()})" for name in sorted(names[room]))
        rows.append(f"| `{room.rsplit('.', 1)[1]}` | {links} |")
    parts.append("| module | |\n| --- | --- |\n" + "\n".join(rows))
    for room in sorted(names):
        parts += [f"## {room}", markdown(ast.get_docstring(module(room).tree))]
        # In the order in which they are written, which tells a story.
        position = {name: resolve(package, name)[1][0].lineno for name in names[room]}
        for name in sorted(names[room], key=position.__getitem__):
            parts += describe(package, name)
    return "\n\n".join(filter(None, parts)) + "\n"


if __name__ == "__main__":
    try:
        text = page()
    except UnreadableError as error:
        sys.exit(f"error: {error}")
    if sys.argv[1:] == ["--print"]:
        sys.stdout.write(text)
    else:
        PAGE.write_text(text, encoding="utf-8")
