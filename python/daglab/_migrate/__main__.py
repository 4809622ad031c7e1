"""Answers one JSON request a line, until its input ends."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from . import exports, write


def main() -> None:
    """Says what it can do, and then answers."""
    # Whatever a library prints must not come between answers.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def say(answer: object) -> None:
        answers.write(json.dumps(answer) + "\n")
        answers.flush()

    writer, missing = write.find()
    if writer is None:
        say({"missing": missing})
        return
    say(
        {
            "marimo": writer.version,
            "degraded": writer.degraded,
            "by_command": writer.by_command,
            "modules": sorted(sys.stdlib_module_names),
        }
    )
    for line in sys.stdin:
        request: dict[str, Any] = json.loads(line)
        if "exports" in request:
            say({name: exports.of(name, request["roots"]) for name in request["exports"]})
        else:
            say(writer.write(request["write"], request["app"], request["header"]))


if __name__ == "__main__":
    main()
