"""What may be kept in a file of the project: what JSON has, and no secrets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from daglab.helpers.errors import ValidationFailed

__all__ = ["check_values"]

# What is named so is a secret, and has no business in a file of the project.
_SECRET = re.compile(
    r"(?i)(^|[^a-z])(pass(word|wd|phrase)?|secret|token|credentials?|authorization|"
    r"(api|access|private|secret|signing|encryption)[^a-z]?key)([^a-z]|s?$)"
)
# And so are these, whatever they are called.
_SECRET_VALUE = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY|\b(gh[pousr]_[A-Za-z0-9]{30,}|github_pat_\w{30,}|"
    r"AKIA[0-9A-Z]{16}|xox[abpr]-[\w-]{10,}|eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]+)"
    r"|://[^/\s:@]+:[^/\s:@]+@"
)


def check_values(values: Mapping[str, Any]) -> None:
    """Refuse secrets, and what would be another value when it is read again."""
    for key, value in values.items():
        _check_one(str(key), value, str(key), 0)


def _check_one(key: str, value: Any, place: str, depth: int) -> None:
    if depth > 60:
        raise ValidationFailed(f"`{place}` is nested too deeply")
    if isinstance(value, Mapping):
        for name, inner in value.items():
            if not isinstance(name, str):
                raise ValidationFailed(
                    f"`{place}` has a key that is no text: {type(name).__name__}",
                    hint="only what JSON has can be kept",
                )
            _check_one(name, inner, f"{place}.{name}", depth + 1)
    elif isinstance(value, (list, tuple)):
        for index, inner in enumerate(value):
            _check_one(key, inner, f"{place}[{index}]", depth + 1)
    elif isinstance(value, str):
        if value and (_SECRET.search(key) or _SECRET_VALUE.search(value)):
            raise ValidationFailed(
                f"`{place}` looks like a secret, which is not kept",
                hint="keep the name of the variable that holds it, and read `os.environ`",
            )
    elif value is not None and not isinstance(value, (bool, int, float)):
        raise ValidationFailed(
            f"`{place}` can't be kept: it is of type `{type(value).__name__}`",
            hint="only what JSON has can be kept: texts, numbers, lists and dictionaries",
        )
