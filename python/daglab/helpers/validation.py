"""Run config and other input, looked at before it is used."""

from __future__ import annotations

import html
import json
import re
import shlex
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from daglab.helpers import binary
from daglab.helpers.errors import UsageError, ValidationFailed

if TYPE_CHECKING:
    from daglab.helpers.graphql import SyncDagsterClient

__all__ = [
    "ConfigProblem",
    "ConfigSchema",
    "InputContext",
    "ValidationResult",
    "sanitize_input",
    "validate_config",
    "validate_yaml_config",
]

InputContext = Literal["name", "path", "html", "markdown", "yaml", "shell", "python"]

# Longer input is none that a person has typed.
_LONGEST = 1_000_000


@dataclass(frozen=True)
class ConfigProblem:
    """One thing that is wrong with a run config.

    Attributes:
        message: What is wrong.
        path: Where: field names and list indices from the root.
        line: The line of the text, counted from 1, if the config was given as text.
        column: The column in it.
        hint: The field that was perhaps meant.
    """

    message: str
    path: tuple[str, ...] = ()
    line: int | None = None
    column: int | None = None
    hint: str | None = None

    def __str__(self) -> str:
        """Return the message with its line."""
        return self.message if self.line is None else f"line {self.line}: {self.message}"


@dataclass(frozen=True)
class ValidationResult:
    """Whether something is valid, and what is wrong with it.

    Attributes:
        valid: The verdict. The result is true where it is.
        problems: All that is wrong.
        message: The same in one sentence; nothing if it is valid.
        value: What the text means, where text was read.
    """

    valid: bool
    problems: tuple[ConfigProblem, ...] = ()
    message: str | None = None
    value: dict[str, Any] | None = None

    def __bool__(self) -> bool:
        """Return the verdict."""
        return self.valid

    def raise_if_invalid(self) -> None:
        """Do nothing if it is valid.

        Raises:
            ValidationFailed: It is not; the problems are its `details`.
        """
        if not self.valid:
            raise ValidationFailed(self.message or "it is not valid", details=list(self.problems))


@dataclass(frozen=True)
class ConfigSchema:
    """What a run config must fit: that of a job, as its server knows it.

    Attributes:
        job: The job.
        repository: The repository, where several have a job of the name.
        location: The code location.
        client: The server's client; that of the settings unless it is given.
    """

    job: str
    repository: str | None = None
    location: str | None = None
    client: SyncDagsterClient | None = None


def read_result(answer: Mapping[str, Any]) -> ValidationResult:
    """Return what the binary says about a run config."""
    problems = tuple(
        ConfigProblem(
            message=str(problem["message"]),
            path=tuple(str(part) for part in problem.get("path", ())),
            line=problem.get("line"),
            column=problem.get("column"),
            hint=_meant(problem.get("suggestion")),
        )
        for problem in answer.get("problems", ())
    )
    return ValidationResult(
        valid=bool(answer.get("valid", False)),
        problems=problems,
        message=answer.get("message"),
        value=answer.get("value"),
    )


def _meant(name: str | None) -> str | None:
    if name is None:
        return None
    return f"did you mean `{name}`?" if re.fullmatch(r"[\w.-]+", name) else name


def validate_yaml_config(config: str, schema: ConfigSchema | None = None) -> ValidationResult:
    """Read a run config, and hold it against its job where one is named.

    It is read as data: tags that would make objects are refused, as are aliases that grow without
    end. Without a schema no server is asked.

    Args:
        config: The run config, as YAML.
        schema: The job that it is for.

    Returns:
        Whether it is valid, with the line of each problem, and its value.

    Raises:
        ConnectionFailed: The server can't be asked.
        ValidationFailed: There is no such job.
    """
    parsed = parse_yaml(config)
    if schema is None or not parsed.valid:
        return parsed
    result = validate_config(
        schema.job,
        config,
        repo=schema.repository,
        location=schema.location,
        client=schema.client,
    )
    return ValidationResult(result.valid, result.problems, result.message, parsed.value)


def parse_yaml(text: str) -> ValidationResult:
    """Return the value of a YAML mapping, or what is wrong with it."""
    caller = binary.Caller(Path.cwd(), {})
    return read_result(caller.call("parse", {"text": text}))


def validate_config(
    job_name: str,
    run_config: Mapping[str, Any] | str | None = None,
    repo: str | None = None,
    location: str | None = None,
    *,
    client: SyncDagsterClient | None = None,
) -> ValidationResult:
    """Say whether a run config fits a job. Nothing is launched.

    Args:
        job_name: The job.
        run_config: The run config; as YAML, problems have lines.
        repo: The repository, where several have a job of the name.
        location: The code location.
        client: The server's client; that of the settings unless it is given.

    Returns:
        Whether it fits, and all that is wrong with it.

    Raises:
        ConnectionFailed: The server can't be asked.
        ValidationFailed: There is no such job.
    """
    from daglab.helpers.graphql import SyncDagsterClient

    client = client or SyncDagsterClient()
    return client.validate_config(job_name, run_config, repo, location)


def sanitize_input(text: str, context: InputContext) -> str:
    """Make what somebody has typed harmless where it is going to stand.

    Control characters, and those that make a text read differently from what it holds, are removed
    everywhere.

    Args:
        text: What was typed.
        context: Where it goes: a `name` (letters, digits, `_`, `-` and `.`; anything else becomes
            `_`), a relative `path` (refused if it leads out of its folder), `html`, `markdown`,
            `yaml` or `python` (a quoted text), or a `shell` (one quoted word).

    Returns:
        The text that may stand there.

    Raises:
        ValidationFailed: Nothing harmless can be made of it: it is empty, too long, or leads out.
        UsageError: The context is unknown.
    """
    if len(text) > _LONGEST:
        raise ValidationFailed(f"the input has more than {_LONGEST} characters")
    clean = "".join(c for c in text if c in "\n\t" or unicodedata.category(c) not in _HIDDEN)
    if context == "html":
        return html.escape(clean, quote=True)
    if context == "markdown":
        return re.sub(r"([\\`*_{}\[\]()#+\-.!|<>~$&])", r"\\\1", clean)
    if context in ("yaml", "python"):
        return quoted(clean)
    if context == "shell":
        return shlex.quote(clean.replace("\n", " "))
    if context == "name":
        name = re.sub(r"[^\w.-]", "_", clean.strip()).lstrip(".-")
        if not name:
            raise ValidationFailed("the name is empty")
        return name
    if context == "path":
        return _path(clean)
    raise UsageError(
        f"there is no context `{context}`",
        hint="it is `name`, `path`, `html`, `markdown`, `yaml`, `shell` or `python`",
    )


def quoted(value: Any) -> str:
    """Return a value as JSON that YAML and Python read in the same way.

    As two escapes, which JSON has for it, a character beyond the first 65536 is none in YAML and
    two in Python. What YAML doesn't take as it is, or takes for the end of a line, is escaped.
    """
    text = json.dumps(value, ensure_ascii=False)
    return _ESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


_ESCAPED = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
# Controls, formats such as bidirectional marks, surrogates, line and paragraph separators.
_HIDDEN = ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")


def _path(text: str) -> str:
    text = text.strip().replace("\n", " ")
    parts = text.replace("\\", "/").split("/")
    if not text or text.startswith(("/", "~", "\\")) or re.match(r"[A-Za-z]:", text):
        raise ValidationFailed(
            f"`{text}` is not a relative path", hint="write it as seen from the project's folder"
        )
    if ".." in parts:
        raise ValidationFailed(f"`{text}` leads out of its folder")
    return "/".join(part for part in parts if part not in ("", "."))
