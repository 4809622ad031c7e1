"""One run: `python -m daglab._host.run FINISHED ARGV…`, with the arguments of `dagster`.

The file FINISHED is made once Dagster's command has come back, and so has said how the run ended.
An exit code can't tell: the code of a run may well call `os._exit(0)`.
"""

from __future__ import annotations

import sys
from pathlib import Path

from daglab._host.dotenv import ignore_instance
from daglab._host.storage import hurry


def main() -> None:
    """Execute the run."""
    ignore_instance()
    hurry()
    # Here: a step that has a process of its own imports this file, too.
    from dagster._cli import ENV_PREFIX, cli

    finished = Path(sys.argv.pop(1))
    # Otherwise click ends the process itself, by an exception that user code may raise, too.
    cli(auto_envvar_prefix=ENV_PREFIX, standalone_mode=False)
    finished.touch()


if __name__ == "__main__":
    main()
