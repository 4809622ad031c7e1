"""`python -m daglab`: the binary that belongs to this package, with the same arguments."""

from __future__ import annotations

import os
import sys
from typing import NoReturn

from daglab.helpers.binary import find_binary
from daglab.helpers.errors import DaglabError


def main() -> NoReturn:
    """Become the binary, so that its exit code and the signals it gets are its own."""
    try:
        binary = find_binary()
    except DaglabError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    environment = dict(os.environ)
    if sys.prefix != sys.base_prefix:
        # Who names the interpreter means its environment, activated or not.
        environment["VIRTUAL_ENV"] = sys.prefix
    os.execve(binary, [str(binary), *sys.argv[1:]], environment)


if __name__ == "__main__":
    main()
