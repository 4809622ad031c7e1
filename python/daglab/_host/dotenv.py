"""The project's `.env`, without what would lead Dagster to another instance.

Dagster's command lines read the file by themselves and let it win over the environment. A
`DAGSTER_HOME` in it is for `dagster dev`; here it would send the runs of an ephemeral instance to
the one that people work with.
"""

from __future__ import annotations

import functools
import sys
from typing import Any

# `src/redact.rs` says the same of the environment.
_NEVER = ("DAGSTER_HOME",)


def ignore_instance() -> None:
    """Have Dagster read the file without the variables that choose an instance."""
    try:
        from dagster._core.secrets import env_file

        original = env_file.get_env_var_dict
    except (ImportError, AttributeError):
        # A version that reads no such file.
        return
    if hasattr(original, "__wrapped__"):
        return

    @functools.wraps(original)
    def get_env_var_dict(*args: Any, **kwargs: Any) -> dict[str, str]:
        read = original(*args, **kwargs)
        return {name: value for name, value in read.items() if name not in _NEVER}

    env_file.get_env_var_dict = get_env_var_dict
    # Imported by name there, perhaps already.
    utils: Any = sys.modules.get("dagster._cli.utils")
    if getattr(utils, "get_env_var_dict", None) is original:
        utils.get_env_var_dict = get_env_var_dict
