"""The databases of an instance that daglab made, and those that are none of its business."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import textwrap
import unittest
from pathlib import Path

from daglab._host import storage


def run(program: str, **variables: str) -> list[str]:
    """Run a program in a process of its own: what it changes holds for all of SQLAlchemy."""
    output = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(program)],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=True,
    )
    return output.stdout.split()


class Storage(unittest.TestCase):
    """What `hurry` changes."""

    def test_only_the_instance_does_not_wait_for_the_disk(self) -> None:
        program = """
            import sqlalchemy
            from daglab._host import storage
            storage.hurry()
            for path in PATHS:
                with sqlalchemy.create_engine(f"sqlite:///{path}").connect() as c:
                    print(c.execute(sqlalchemy.text("PRAGMA synchronous")).scalar())
        """
        with tempfile.TemporaryDirectory() as folder:
            data = Path(folder) / "data"
            data.mkdir()
            paths = [data / "run.db", Path(folder) / "theirs.db"]
            source = textwrap.dedent(program).replace("PATHS", repr([str(path) for path in paths]))
            self.assertEqual(run(source, **{storage.DATA: str(data)}), ["0", "2"])
            self.assertEqual(run(source), ["2", "2"])

    def test_an_instance_works_with_what_is_remembered(self) -> None:
        program = """
            import dagster as dg
            from daglab._host import storage
            storage.hurry()
            from alembic.script import ScriptDirectory
            print(len(ScriptDirectory.daglab_known))
            instance = dg.DagsterInstance.get()
            instance.report_runless_asset_event(dg.AssetMaterialization("numbers"))
            print(instance.get_latest_materialization_event(dg.AssetKey("numbers")) is not None)
            print(len(ScriptDirectory.daglab_known))
        """
        with tempfile.TemporaryDirectory() as home:
            (Path(home) / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
            self.assertEqual(run(program, DAGSTER_HOME=home), ["1", "True", "1"])


if __name__ == "__main__":
    unittest.main()
