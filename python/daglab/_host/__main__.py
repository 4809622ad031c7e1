"""The entry file of the warm host: `python -m daglab._host LIBRARY`; descriptor 0 is a socket."""

from __future__ import annotations

# Modules that use multiprocessing's spawn import this file again in their children.
if __name__ == "__main__":
    from daglab._host.server import main

    main()
