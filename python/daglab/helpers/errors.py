"""What can go wrong, with what to do about it and the exit code that the binary has for it."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any, ClassVar

__all__ = [
    "AuthenticationFailed",
    "Conflict",
    "ConnectionFailed",
    "DaglabError",
    "EnvironmentMissing",
    "RunFailed",
    "UsageError",
    "ValidationFailed",
    "last_errors",
]

# How many errors a notebook's diagnostics show.
_REMEMBERED = 20


class _Last(threading.local):
    """Each visitor's own: `marimo run` has a thread for each, which sees no other's errors."""

    def __init__(self) -> None:
        self.errors: deque[dict[str, Any]] = deque(maxlen=_REMEMBERED)


_last = _Last()


class DaglabError(Exception):
    """Something that daglab could not do.

    Attributes:
        message: What happened, as a sentence without a full stop.
        hint: What to do about it, if there is something to do.
        exit_code: The exit code that `daglab` has for it.
        details: More for programs, such as the problems of a run config; or the lines to show below
            the message.
        causes: What led to it, nearest first.
    """

    code: ClassVar[int] = 1

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        exit_code: int | None = None,
        details: Any = None,
        causes: Sequence[str] = (),
    ) -> None:
        """Say what happened.

        Args:
            message: A sentence without a full stop.
            hint: What to do about it.
            exit_code: The binary's exit code; that of the class unless it is given.
            details: More for programs.
            causes: What led to it, nearest first.
        """
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.exit_code = self.code if exit_code is None else exit_code
        self.details = details
        self.causes = tuple(causes)

    def __str__(self) -> str:
        """Return the message, what led to it, and the hint."""
        lines = [self.message, *(f"caused by: {cause}" for cause in self.causes)]
        if isinstance(self.details, str) and self.details.strip():
            lines.append(self.details.rstrip())
        if self.hint:
            lines.append(f"hint: {self.hint}")
        return "\n".join(lines)


class UsageError(DaglabError):
    """A call that can't be meant so."""

    code = 2


class EnvironmentMissing(DaglabError):  # noqa: N818 -- it says what happened
    """Something that this machine must have is missing: the binary, a package, a project."""

    code = 3


class RunFailed(DaglabError):  # noqa: N818 -- it says what happened
    """A run has failed, or there is none of that id."""

    code = 4


class ConnectionFailed(DaglabError):  # noqa: N818 -- it says what happened
    """A server could not be reached, or did not answer as it should."""

    code = 5


class AuthenticationFailed(DaglabError):  # noqa: N818 -- it says what happened
    """A server refused who we are."""

    code = 6


class ValidationFailed(DaglabError):  # noqa: N818 -- it says what happened
    """Something that was written is not valid: a run config, a name, a setting.

    Of a run config, `details` is a list of `ConfigProblem`.
    """

    code = 7


class Conflict(DaglabError):  # noqa: N818 -- it says what happened
    """A port, a file or another process is in the way."""

    code = 8


_BY_CODE: dict[int, type[DaglabError]] = {
    kind.code: kind
    for kind in (
        UsageError,
        EnvironmentMissing,
        RunFailed,
        ConnectionFailed,
        AuthenticationFailed,
        ValidationFailed,
        Conflict,
    )
}


def from_exit_code(
    exit_code: int,
    message: str,
    *,
    hint: str | None = None,
    details: Any = None,
    causes: Sequence[str] = (),
) -> DaglabError:
    """Return the error of an exit code."""
    kind = _BY_CODE.get(exit_code, DaglabError)
    return kind(message, hint=hint, exit_code=exit_code, details=details, causes=causes)


def from_json(said: Mapping[str, Any]) -> DaglabError:
    """Return the error that the binary has written as JSON."""
    return from_exit_code(
        int(said.get("exit_code", 1)),
        str(said.get("message", "daglab failed without saying why")),
        hint=said.get("hint"),
        details=said.get("detail"),
        causes=[str(cause) for cause in said.get("causes", ())],
    )


def remember(error: DaglabError) -> DaglabError:
    """Keep an error for `diagnostics`, and return it."""
    _last.errors.append(
        {
            "at": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "type": type(error).__name__,
            "message": error.message,
            "hint": error.hint,
            "exit_code": error.exit_code,
        }
    )
    return error


def last_errors() -> list[dict[str, Any]]:
    """Return the last errors of this thread, oldest first: those of one notebook."""
    return list(_last.errors)
