"""The messages between daglab and the warm host: one JSON object a line.

The other half is `src/host/protocol.rs`, which documents each message.
"""

from __future__ import annotations

import json
from typing import Any

PROTOCOL = 1

# The variable by which daglab finds a task's processes, wherever they have gone.
MARK = "DAGLAB_TASK"

Message = dict[str, Any]


def encode(message: Message) -> bytes:
    """Return a message as one line."""
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


def decode(line: bytes) -> Message:
    """Read one line; anything but an object with a `type` is a ValueError."""
    message = json.loads(line)
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        raise ValueError("not a message")
    return message
