"""Dagster's daemon, which looks at backfills every second and not every thirty."""

from dagster._daemon import controller
from dagster._daemon.cli import main

controller.DEFAULT_DAEMON_INTERVAL_SECONDS = 1

# Runs are forked from a process that has imported this.
if __name__ == "__main__":
    main()
