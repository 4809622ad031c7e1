"""What generated notebooks are made of, without a server."""

from __future__ import annotations

import asyncio
import tempfile
import unittest
import xml.etree.ElementTree as ElementTree
from datetime import datetime, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import yaml  # type: ignore[import-untyped]

from daglab.helpers import (
    AuthenticationFailed,
    ConnectionFailed,
    Health,
    InProcessResult,
    NotebookState,
    RunFailed,
    RunSubmitResult,
    charts,
    experiments,
    features,
    inplace,
    launching,
    live,
    panels,
)
from daglab.helpers import records as kept
from daglab.helpers.controls import Choices
from daglab.helpers.live import Found, Order, Selected
from daglab.helpers.records import keep, records
from daglab.helpers.validation import ValidationResult


def record(**more: Any) -> dict[str, Any]:
    return {
        "where": "dagster",
        "name": "training",
        "at": "2026-11-22T01:02:03+00:00",
        "status": "SUCCESS",
        "run_id": "0123456789",
        "seconds": 2.0,
        **more,
    }


def read(text: str) -> ValidationResult:
    """What the binary makes of a run config, without it."""
    return ValidationResult(True, value=yaml.safe_load(text))


class ChartTest(unittest.TestCase):
    def test_a_chart_is_well_formed_whatever_it_shows(self) -> None:
        rows = [
            charts.Bar("<script>&\"'", 3, "3 <s>"),
            charts.Bar("x" * 200, 0, "0"),
            charts.Bar("no number", float("nan"), "nan"),
        ]
        drawn = charts.bars("A < B & C", rows)
        root = ElementTree.fromstring(drawn)
        self.assertEqual(sum(1 for element in root.iter() if element.tag.endswith("rect")), 2)
        self.assertNotIn("<script>", drawn)
        line = charts.trend("t", [1.0, -2.0, float("inf"), 3.0], ["a", "b", "c", "<d>"])
        points = [one for one in ElementTree.fromstring(line).iter() if one.tag.endswith("circle")]
        self.assertEqual(len(points), 3)

    def test_there_is_no_chart_of_nothing(self) -> None:
        self.assertEqual(charts.bars("t", []), "")
        self.assertEqual(charts.trend("t", [1.0], ["1"]), "")

    def test_figures_are_read_by_people(self) -> None:
        told = [charts.seconds_text(value) for value in (0.346, 12.3, 184, 7300, float("inf"))]
        self.assertEqual(told, ["0.35 s", "12 s", "3 min 4 s", "2 h 1 min", "?"])
        told = [charts.bytes_text(value) for value in (12, 3_400_000, 168_000_000, 2.5e9)]
        self.assertEqual(told, ["12 B", "3.4 MB", "168 MB", "2.5 GB"])


class PressTest(unittest.TestCase):
    def test_a_press_is_acted_on_once(self) -> None:
        press = live.Press()
        self.assertFalse(press.take())
        press.made(True)
        self.assertTrue(press.take())
        self.assertFalse(press.take())

    def test_a_press_that_waited_for_the_last_is_none(self) -> None:
        press = live.Press()
        press.made(True)
        self.assertTrue(press.take())
        press.done()
        press.made(True)
        self.assertFalse(press.take())
        self.assertTrue(press.ignored)
        # It is said once.
        self.assertFalse(press.take())
        self.assertFalse(press.ignored)


class RecordTest(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.state = NotebookState(
            {"run_ids": [], "performance_metrics": {}, "error_log": [], "last_run": None},
            path=Path(folder.name) / "state.json",
        )
        reading = mock.patch.object(kept, "validate_yaml_config", read)
        reading.start()
        self.addCleanup(reading.stop)

    def test_runs_are_kept_and_failures_logged(self) -> None:
        keep(self.state, record(), "a: 1")
        keep(self.state, record(status="FAILURE", error="ValueError: no"), None)
        keep(self.state, record(status="INVALID", problems=["line 2: no"], run_id=None), "b: 2")
        keep(self.state, record(where="in process", run_id=None), None)
        self.assertEqual(len(records(self.state)), 3)
        self.assertEqual(records(self.state)[0]["run_config"], "a: 1")
        messages = [entry["message"] for entry in self.state["error_log"]]
        self.assertEqual(messages, ["ValueError: no", "line 2: no"])
        self.assertEqual(self.state["last_run"]["status"], "INVALID")

    def test_what_looks_like_a_secret_is_left_out_and_the_run_is_kept(self) -> None:
        made = [{"asset": "a", "partition": None, "metadata": {"api_token": "x"}}]
        keep(self.state, record(materialized=made), "password: hunter2")
        (run,) = records(self.state)
        self.assertEqual(run["run_id"], "0123456789")
        self.assertNotIn("materialized", run)
        keep(self.state, record(), "resources: {db: {config: {password: hunter2}}}")
        keep(self.state, record(), "a: {note: 'postgres://me:hunter2@host/db'}")
        # What can't be read can't be looked at.
        with mock.patch.object(kept, "validate_yaml_config", lambda _: ValidationResult(False)):
            keep(self.state, record(), "password: [hunter2")
        self.assertEqual(len(records(self.state)), 4)
        self.assertIsNone(self.state.get("last_config"))
        path = self.state.path
        assert path is not None
        self.assertNotIn("hunter2", path.read_text())
        named = "resources: {db: {config: {password: {env: DB_PASSWORD}}}}"
        keep(self.state, record(), named)
        self.assertEqual(self.state.get("last_config"), named)

    def test_two_kernels_keep_what_both_have_run(self) -> None:
        other = NotebookState({"run_ids": [], "error_log": []}, path=self.state.path)
        keep(other, record(run_id="a", status="FAILURE", error="x"), None)
        keep(self.state, record(run_id="b", status="FAILURE", error="y"), None)
        keep(other, record(run_id="c"), None)
        self.assertEqual([one["run_id"] for one in records(other)], ["a", "b", "c"])
        self.assertEqual(other["run_ids"], ["a", "b", "c"])
        self.assertEqual([one["message"] for one in other["error_log"]], ["x", "y"])
        totals = {"runs": 3, "succeeded": 1, "failed": 2, "seconds": 6.0}
        self.assertEqual(other["performance_metrics"], {"dagster": totals})

    def test_runs_without_times_are_counted(self) -> None:
        keep(self.state, record(), None)
        keep(self.state, record(status="FAILURE", seconds=None, error="it did not start"), None)
        keep(self.state, record(where="in process", run_id=None, status="CANCELED"), None)
        shown = panels.performance(self.state, live.PerformanceTracker()).text
        self.assertIn("50%", shown)
        self.assertIn("1 of 2", shown)
        # Who stops a run in the notebook needs no log of it.
        self.assertEqual([one["message"] for one in self.state["error_log"]], ["it did not start"])

    def test_the_last_run_is_tried_again_if_it_failed(self) -> None:
        self.assertIsNone(launching.retryable(self.state))
        self.assertIn("No run to retry", panels.retry(self.state).text)
        keep(self.state, record(run_id="first", status="FAILURE"), None)
        keep(self.state, record(where="in process", run_id=None), None)
        failed = launching.retryable(self.state)
        assert failed is not None
        self.assertEqual(failed["run_id"], "first")
        self.assertIn("run first of training", panels.retry(self.state).text)
        keep(self.state, record(run_id="second", retry_of="first"), None)
        self.assertIsNone(launching.retryable(self.state))

    def test_only_runs_of_the_same_are_compared(self) -> None:
        result = InProcessResult(True, 1.0, 1, 2, 1)
        keep(self.state, record(where="in process", run_id=None, name="orders"), None)
        keep(self.state, record(name="training"), None)
        self.assertIn("to compare both", panels.inprocess(result, self.state).text)
        keep(self.state, record(name="orders"), None)
        self.assertNotIn("to compare both", panels.inprocess(result, self.state).text)

    def test_what_was_stopped_here_did_not_fail(self) -> None:
        stopped = InProcessResult(False, 1.0, 1, 2, 1, error="it was stopped", stopped=True)
        with mock.patch.object(inplace, "run_inprocess", return_value=stopped):
            inplace.run_here("slow", Order("slow"), self.state)
        with mock.patch.object(inplace, "run_inprocess", side_effect=KeyboardInterrupt):
            result = inplace.run_here("slow", Order("slow"), self.state)
        assert isinstance(result, InProcessResult)
        self.assertTrue(result.stopped)
        self.assertEqual([one["status"] for one in records(self.state)], ["CANCELED"] * 2)
        self.assertIn("Stopped", panels.inprocess(result, self.state).text)

    def test_a_record_is_named_by_what_ran(self) -> None:
        def key(*path: str) -> Any:
            return SimpleNamespace(path=path)

        good = InProcessResult(True, 1.0, 1, 2, 1)
        asset = SimpleNamespace(keys=[key("report", "revenue")])
        cases: list[tuple[Any, Order, str]] = [
            (asset, Order("other"), "report/revenue"),
            ([asset, SimpleNamespace(keys=[key("a")])], Order(None), "a, report/revenue"),
            (SimpleNamespace(name="nightly"), Order("other"), "nightly"),
            ("quick", Order("slow"), "slow"),
            (["a"], Order(None, ("b", "c")), "b, c"),
            (["a"], Order(None), "a"),
        ]
        for target, order, name in cases:
            with mock.patch.object(inplace, "run_inprocess", return_value=good):
                inplace.run_here(target, order, self.state)
            self.assertEqual(records(self.state)[-1]["name"], name)

    def test_a_launch_that_is_stopped_is_brought_to_its_end(self) -> None:
        submitted = RunSubmitResult("run-1", "http://x/runs/run-1", "quick")
        begun = asyncio.Event()

        class Client:
            async def validate_config(self, *_: Any, **__: Any) -> ValidationResult:
                return ValidationResult(True)

            async def submit_job(self, *_: Any, **__: Any) -> RunSubmitResult:
                begun.set()
                await asyncio.sleep(0.05)
                return submitted

            async def retry_run(self, *_: Any, **__: Any) -> RunSubmitResult:
                begun.set()
                await asyncio.sleep(0.05)
                raise RunFailed("nothing of it failed")

        async def stopped(doing: Any) -> Any:
            task = asyncio.ensure_future(doing)
            await begun.wait()
            begun.clear()
            task.cancel()
            return await task

        async def cells() -> None:
            client: Any = Client()
            left = await stopped(live.launch(client, Order("quick"), self.state))
            self.assertEqual((left["status"], left["run_id"]), ("LEFT", "run-1"))
            keep(self.state, record(status="FAILURE"), None)
            refused = await stopped(live.retry(client, self.state))
            self.assertEqual(refused["status"], "REFUSED")

        asyncio.run(cells())
        self.assertEqual(self.state["run_ids"], ["run-1", "0123456789"])

    def test_an_export_without_a_bucket_is_none(self) -> None:
        options = {"provider": "s3", "bucket": " ", "attach": True, "compress": False}
        client: Any = None
        done = asyncio.run(live.export(client, "nb.py", options, ("orders",), self.state))
        self.assertIn("no bucket", done["problem"])
        self.assertNotIn("page", done)
        self.assertEqual(done["attached"], [])

    def test_what_the_state_warns_of_is_shown(self) -> None:
        self.state.warnings.append("it begins anew")
        self.assertIn("it begins anew", panels.last_run(self.state).text)
        press = live.Press()
        press.ignored = True
        self.assertIn("press it again", panels.last_run(self.state, press).text)

    def test_metrics_are_compared(self) -> None:
        for loss in ("0.5", "0.25"):
            metadata = {"loss": loss, "note": "good", "bad": "nan"}
            made = [{"asset": "model", "partition": None, "metadata": metadata}]
            keep(self.state, record(materialized=made), None)
        rows = experiments.compare(self.state)
        self.assertEqual([row["loss"] for row in rows], [0.5, 0.25])
        self.assertEqual(experiments.metric_names(self.state), ["loss"])
        self.assertIn("polyline", experiments.chart(self.state, "loss"))
        card = experiments.model_card("A | B", self.state, {"Data": ""})
        self.assertIn("| loss | 0.25 |", card)


class ConfigTest(unittest.TestCase):
    def test_values_come_back_from_yaml(self) -> None:
        values: tuple[dict[str, Any], ...] = (
            {"ops": {"a": {"config": {"x": 1, "y": 0.1, "z": "two words", "w": True}}}},
            {"no": "yes", "1": "1.5", "a: b": "# c", "": "", "n": None, "e": {}, "l": []},
            {"list": [1, "x", None, {"deep": [1, {"er": "é"}]}], "plain": [1, "true"]},
            {"small": 1e-07, "large": 1e22, "line": "a\nb", "quote": "'\"", "date": "2026-11-22"},
        )
        for value in values:
            self.assertEqual(yaml.safe_load(experiments.to_yaml(value)), value)
        for text in ("😀", "a\x7f\x85\u2028\ufeff", "ü"):
            value = {"ops": {text: text, "list": [text, {"deep": [text]}]}}
            written = experiments.to_yaml(value)
            self.assertEqual(yaml.safe_load(written), value)
            # Two escapes for one character are none for the binary's parser.
            self.assertNotIn("\\ud83d", written)

    def test_what_was_sent_stays_when_the_form_is_made_again(self) -> None:
        choices = Choices()
        config = "ops:\n  train:\n    config:\n      rate: 0.5\n      name: a\n"
        with mock.patch.object(experiments, "_parsed", yaml.safe_load):
            first = experiments.form(config, choices, "train")
            first._update({"parameter_0": 1, "parameter_1": "b"})
            sent = experiments.sent(choices, "train")
            self.assertEqual(experiments.sent(choices, "other"), {})
            again = experiments.form(config, choices, "train")
            self.assertEqual(again.element.value, {"parameter_0": 1.0, "parameter_1": "b"})
            told = yaml.safe_load(experiments.written(config, sent))
            self.assertEqual(told["ops"]["train"]["config"], {"rate": 1.0, "name": "b"})
            # A job whose config has changed since.
            other = config.replace("0.5", "fast").replace("name", "title")
            self.assertEqual(
                experiments.form(other, choices, "train").element.value,
                {"parameter_0": "fast", "parameter_1": "a"},
            )

    def test_a_comment_that_was_indented_stays_one(self) -> None:
        config = "ops:\n  a:\n    config:\n#       rows: 5\n      sql: |\n        # note: x\n"
        config += "      # limit: 5\n"
        with mock.patch.object(experiments, "_parsed", yaml.safe_load):
            whole = yaml.safe_load(experiments._with_defaults(config))
        self.assertEqual(whole["ops"]["a"]["config"], {"rows": 5, "sql": "# note: x\n"})


class FeatureTest(unittest.TestCase):
    def test_columns_are_described(self) -> None:
        rows: list[dict[str, Any]] = [{"a": 1, "b": "x"}, {"a": 3, "b": None}, {"a": float("nan")}]
        told = {one["column"]: one for one in features.statistics_of(rows)}
        self.assertEqual(
            (told["a"]["missing"], told["a"]["min"], told["a"]["mean"], told["a"]["max"]),
            (1, "1", "2", "3"),
        )
        self.assertEqual((told["b"]["missing"], told["b"]["mean"]), (2, ""))

    def test_what_is_no_table_has_no_rows(self) -> None:
        for value in (None, 3, "text", [1, 2], {"a": 1}):
            self.assertEqual(features.rows_of(value), [])

    def test_ticked_rows_come_before_the_selection(self) -> None:
        selected = Selected(("a", "b"), "*")
        self.assertEqual(features.chosen([], selected).keys, ("a", "b"))
        self.assertEqual(features.chosen([{"feature": "b"}], selected).keys, ("b",))
        self.assertEqual(features.describe(Found(), selected, NotebookState({})), [])

    def test_what_is_ticked_stays_so(self) -> None:
        choices = Choices()
        rows = [{"feature": "a"}, {"feature": "b"}, {"feature": "c"}]
        table = choices.table("Features", rows, "feature")
        self.assertEqual(table.value, [])
        table._on_change([rows[1], rows[2]])
        again = choices.table("Features", [rows[2], rows[0], rows[1]], "feature")
        self.assertEqual(again.value, [rows[2], rows[1]])
        self.assertEqual(choices.table("Features", rows[:1], "feature").value, [])

    def test_times_of_any_precision_are_read(self) -> None:
        now = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")
        for fraction in ("", ".25", ".123456", ".123456789"):
            self.assertEqual(features._age({"at": f"{now}{fraction}Z"}), "just now")
        self.assertEqual(features._age({"at": "yesterday"}), "yesterday")


class ConnectionTest(unittest.TestCase):
    def test_a_server_that_refuses_is_not_away(self) -> None:
        away = Health(False, error=ConnectionFailed("could not reach it"))
        self.assertIn("No Dagster server", panels.connection(away).text)
        refused = Health(False, error=AuthenticationFailed("401", hint="set a token"))
        shown = panels.connection(refused).text
        self.assertIn("The Dagster server refuses", shown)
        self.assertIn("set a token", shown)
        self.assertNotIn("Everything below works", shown)

    def test_what_could_not_be_asked_is_said(self) -> None:
        self.assertIsNone(panels.found(Found()))
        self.assertIn("no route", panels.found(Found(problem="no route")).text)


class OrderTest(unittest.TestCase):
    def test_it_has_a_title(self) -> None:
        self.assertTrue(Order(None).is_empty)
        self.assertEqual(Order("a").title, "a")
        many = Order(None, tuple("abcde")).title
        self.assertEqual(many, "a, b and 3 more assets")

    def test_links_lead_to_pages_only(self) -> None:
        self.assertNotIn("href", panels._link("javascript:alert(1)", "x"))
        self.assertIn("&lt;b&gt;", panels._link("http://x", "<b>"))


if __name__ == "__main__":
    unittest.main()
