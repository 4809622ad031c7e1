"""Exceptions of user code, without the frames that are not the user's."""

from __future__ import annotations

import re
import traceback
from typing import Any

__all__ = ["of_exception", "of_serialized"]

# How many frames of the user's a traceback has.
_FRAMES = 12
# How many links of a chain of causes are followed.
_CAUSES = 16


def of_serialized(error: Any) -> dict[str, Any]:
    """Return what the user's code raised, out of Dagster's record of it."""
    innermost = error
    for _ in range(_CAUSES):
        # Dagster wraps what user code raises; what that was raised from stays a cause.
        if innermost.cause is None or not str(innermost.cls_name).startswith("Dagster"):
            break
        innermost = innermost.cause
    message = _without_module(str(innermost.message).strip())
    stack = [frame for frame in innermost.stack if not _is_dagster(frame)] or innermost.stack
    return {
        "error": message,
        "cause": innermost.cls_name,
        "traceback": "".join([*stack[-_FRAMES:], message]),
    }


def _is_dagster(frame: str) -> bool:
    return any(f"/{name}/" in frame for name in ("dagster", "_dagster")) and (
        "site-packages" in frame
    )


def of_exception(error: Exception) -> dict[str, Any]:
    """Return what the user's code raised, out of an exception of this process."""
    raised: BaseException = error
    for _ in range(_CAUSES):
        if raised.__cause__ is None or not type(raised).__name__.startswith("Dagster"):
            break
        raised = raised.__cause__
    frames = traceback.format_tb(raised.__traceback__)
    ours = [frame for frame in frames if not _is_dagster(frame) and "/daglab/helpers/" not in frame]
    ours = [frame for frame in ours if "importlib" not in frame]
    message = "".join(traceback.format_exception_only(type(raised), raised)).strip()
    message = _without_module(message)
    return {
        "error": message.splitlines()[-1] if isinstance(raised, SyntaxError) else message,
        "cause": type(raised).__name__,
        "traceback": "".join([*ours[-_FRAMES:], message]),
    }


def _without_module(message: str) -> str:
    """Return an exception's last line with the name of its class alone."""
    return re.sub(r"^(?:\w+\.)+(\w+)(?=:|$)", r"\1", message)
