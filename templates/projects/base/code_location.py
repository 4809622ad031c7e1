"""The project's definitions under a name that `dg` can import.

`dg` loads a module from this folder, and the code is in `dagster/`, which is no package: with an
`__init__.py` it would hide the installed `dagster`.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "dagster"))

from definitions import defs

__all__ = ["defs"]
