"""Asset checks that carry the verdict of a notebook."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dagster import AssetChecksDefinition, AssetKey

# How much of marimo's last words a failed check shows.
_LAST_LINES = 20


def notebook_check(
    asset: str | AssetKey, notebook: str, *, name: str | None = None
) -> AssetChecksDefinition:
    """Declare the check under which `daglab ci` reports a notebook's verdict.

    Declared, it is shown on the asset's page. When Dagster itself executes the check, it runs the
    notebook with `marimo export html` and passes if every cell did.

    Args:
        asset: The asset, as a key or a string such as `core/orders`.
        notebook: The notebook's file; a relative path is seen from the working directory.
        name: The check's name; `notebook_` and the file's stem unless it is given.
    """
    from dagster import AssetCheckResult, AssetKey, asset_check

    key = AssetKey(asset.split("/")) if isinstance(asset, str) else asset
    stem = re.sub(r"[^A-Za-z0-9]", "_", Path(notebook).stem)

    # Dagster calls it without arguments, and reads no annotation here.
    def check():  # type: ignore[no-untyped-def]
        with tempfile.TemporaryDirectory() as folder:
            page = Path(folder) / "page.html"
            command = [sys.executable, "-m", "marimo", "export", "html", notebook]
            command += ["-o", str(page), "-f", "--no-sandbox"]
            ended = subprocess.run(command, capture_output=True, text=True, check=False)
        last = "\n".join(ended.stderr.splitlines()[-_LAST_LINES:])
        return AssetCheckResult(
            passed=ended.returncode == 0, metadata={"notebook": notebook, "output": last}
        )

    declared: AssetChecksDefinition = asset_check(
        asset=key,
        name=name or f"notebook_{stem}",
        description=f"The notebook {notebook} runs without a failed cell.",
    )(check)
    return declared
