"""What generated notebooks are made of, without marimo and without a server."""

from __future__ import annotations

import tempfile
import unittest
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from daglab.helpers import NotebookState, charts, experiments, features, live, panels
from daglab.helpers.live import Found, Order, Selected
from daglab.helpers.records import keep, records


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


class RecordTest(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.state = NotebookState(
            {"run_ids": [], "performance_metrics": {}, "error_log": [], "last_run": None},
            path=Path(folder.name) / "state.json",
        )

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
        kept = records(self.state)
        self.assertEqual(kept[0]["run_id"], "0123456789")
        self.assertNotIn("materialized", kept[0])

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

    def test_defaults_that_are_comments_can_be_changed(self) -> None:
        skeleton = "# ops:  # Of ops.\n#   model:\n#     config:\n#       epochs: 3  # Int\n"
        config = experiments.written(skeleton, {"parameter_0": 5})
        self.assertEqual(experiments.parameters_of(config), {"ops.model.config.epochs": 5})
        # As long as nothing is sent, it stays as it was.
        self.assertEqual(experiments.written(skeleton, None), skeleton)

    def test_comments_of_people_are_none(self) -> None:
        config = "ops:\n  load: {config: {limit: 1}}\n# remember: the limit\n# execution: fast\n"
        changed = experiments.written(config, {"parameter_0": 2})
        self.assertEqual(experiments.parameters_of(changed), {"ops.load.config.limit": 2})
        self.assertNotIn("execution", changed)


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
