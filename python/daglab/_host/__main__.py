"""The entry file of the warm host: `python -m daglab._host`, with a Unix socket as descriptor 0."""

from __future__ import annotations

# Modules that use multiprocessing's spawn import this file again in their children.
if __name__ == "__main__":
    from daglab._host.server import main

    main()
