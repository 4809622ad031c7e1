"""Notebooks exported, pages uploaded, old exports removed; the working directory is a project."""

import asyncio
import os
import unittest
from pathlib import Path
from unittest import mock

from daglab.helpers import (
    Conflict,
    NotebookState,
    RunFailed,
    UsageError,
    ValidationFailed,
    apply_retention_policy,
    experiments,
    export_html,
    export_html_sync,
    generate_compute_helper,
    records,
    upload_to_cloud,
    upload_to_cloud_sync,
    validate_yaml_config,
)

NOTEBOOK = """\
import marimo

app = marimo.App()


@app.cell
def _():
    {cell}
    return


if __name__ == "__main__":
    app.run()
"""


class HyperparametersTest(unittest.TestCase):
    def test_defaults_that_are_comments_can_be_changed(self):
        skeleton = "# ops:  # Of ops.\n#   model:\n#     config:\n#       epochs: 3  # Int\n"
        config = experiments.written(skeleton, {"ops.model.config.epochs": 5})
        self.assertEqual(experiments.parameters_of(config), {"ops.model.config.epochs": 5})
        # As long as nothing is sent, it stays as it was.
        self.assertEqual(experiments.written(skeleton, {}), skeleton)

    def test_comments_of_people_are_none(self):
        config = "ops:\n  load: {config: {limit: 1}}\n# remember: the limit\n# execution: fast\n"
        changed = experiments.written(config, {"ops.load.config.limit": 2})
        self.assertEqual(experiments.parameters_of(changed), {"ops.load.config.limit": 2})
        self.assertNotIn("execution", changed)

    def test_any_text_comes_back_from_run_config(self):
        texts = ["😀", "a\x7f\x85\u2028\ufeff\ufffe", "tab\t", '"\\']
        config = {"ops": {"say": {"config": {"text": texts, "deep": [{"er": texts}]}}}}
        read = validate_yaml_config(experiments.to_yaml(config))
        self.assertTrue(read, read.message)
        self.assertEqual(read.value, config)


class RecordsTest(unittest.TestCase):
    def test_no_secret_of_a_run_config_is_kept(self):
        state = NotebookState({}, path="state/a.json")
        run = {"where": "dagster", "name": "job", "at": "", "status": "SUCCESS", "run_id": "x"}
        for config in [
            "resources: {db: {config: {password: hunter2}}}",
            "a: &secret {password: hunter2}\nb: *secret\n",
            'resources: {db: {"pass\\u0077ord": hunter2}}',
            "resources:\n  db:\n    password: >-\n      hunter2\n",
            "password: [hunter2",
        ]:
            records.keep(state, dict(run), config)
        self.assertEqual(len(records.records(state)), 5)
        self.assertNotIn("hunter2", Path("state/a.json").read_text())
        records.keep(state, dict(run), "ops: {a: {config: {rows: 3}}}")
        self.assertIn("rows: 3", records.records(state)[-1]["run_config"])


class FilesTest(unittest.TestCase):
    def test_a_page_is_made_uploaded_and_removed(self):
        Path("good.py").write_text(NOTEBOOK.format(cell="print('a' + 'bc')"))
        page = asyncio.run(export_html("good.py", "pages/good.html", compress=True))
        self.assertIn("abc", page.read_text())
        self.assertTrue(page.with_name("good.html.gz").is_file())
        told = []
        done = asyncio.run(
            upload_to_cloud(page, "file", "store", "a/page.html", on_progress=told.append)
        )
        stored = Path("store/a/page.html")
        self.assertEqual(done.url, f"file://{stored.absolute()}")
        self.assertEqual((done.bytes, done.expires_at), (stored.stat().st_size, None))
        self.assertEqual(told[-1].bytes, told[-1].total)
        # Only what daglab wrote, and nobody since, is removed.
        Path("pages/mine.html").write_text("mine")
        Path("pages/good.html.gz").write_text("mine, too")
        self.assertEqual(apply_retention_policy("pages", 1), [])
        removed = [path.name for path in apply_retention_policy("pages", 0)]
        self.assertIn("good.html", removed)
        left = sorted(path.name for path in Path("pages").iterdir() if path.suffix != ".json")
        self.assertEqual(left, ["good.html.gz", "mine.html"])
        self.assertEqual(apply_retention_policy("store", 0), [])
        with self.assertRaises(Conflict):
            apply_retention_policy("nowhere", 1)
        with self.assertRaises(UsageError):
            apply_retention_policy("pages", -1)

    def test_nothing_older_goes_unless_that_is_asked_for(self):
        Path("daglab.yaml").write_text("export: {retention_days: 0}\n")
        self.addCleanup(Path("daglab.yaml").unlink)
        for name in ["one", "two"]:
            Path(f"{name}.py").write_text(NOTEBOOK.format(cell="1"))
            export_html_sync(f"{name}.py", f"older/{name}.html")
        self.assertTrue(Path("older/one.html").is_file())

    def test_a_notebook_that_fails_has_a_page_all_the_same(self):
        Path("bad.py").write_text(NOTEBOOK.format(cell="1 / 0"))
        with self.assertRaises(RunFailed) as raised:
            export_html_sync("bad.py")
        self.assertTrue(Path(raised.exception.details["page"]).is_file())
        with self.assertRaises(ValidationFailed):
            export_html_sync("nowhere.py")
        with mock.patch.dict(os.environ, {"DAGLAB_TASK": "x"}), self.assertRaises(Conflict):
            export_html_sync("bad.py")

    def test_what_can_not_be_uploaded_is_told(self):
        Path("page.html").write_text("x")
        for args, kind in [
            (("nowhere.html", "file", "store", "k"), ValidationFailed),
            (("page.html", "ftp", "store", "k"), UsageError),
            (("page.html", "file", "store", "../k"), UsageError),
            (("page.html", "s3", "Not A Bucket", "k"), ValidationFailed),
            ((".", "file", "store", "k"), ValidationFailed),
        ]:
            with self.assertRaises(kind, msg=args):
                upload_to_cloud_sync(*args)
        self.assertFalse(Path("k").exists())

    def test_the_code_that_attaches_is_python(self):
        for value in ["https://x/y", 'a "quoted" \\ text', 3, 0.5, True, None, [1, {"a": None}]]:
            code = generate_compute_helper("core/orders", {'la"bel': value})
            compile(code, "helper.py", "exec")
        self.assertIn('key=["core", "orders"]', code)
        with self.assertRaises(UsageError):
            generate_compute_helper("", {})


if __name__ == "__main__":
    unittest.main()
