"""What a notebook remembers."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import unittest
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

from daglab.helpers import Conflict, NotebookState, UsageError, ValidationFailed, manage_state

PACKAGE = Path(__file__).parents[1]


class NotebookStateTest(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = Path(folder.name) / "state" / "a.json"

    def state(self, initial: dict[str, Any] | None = None) -> NotebookState:
        return NotebookState(initial or {"runs": [], "last": None}, path=self.path)

    def test_what_was_changed_is_there_in_the_next_session(self) -> None:
        state = self.state()
        state.append("runs", "a")
        state.update("last", {"x": [1, "ü"]})
        again = self.state({"runs": [], "last": None, "new": 7})
        self.assertEqual(again.as_dict(), {"runs": ["a"], "last": {"x": [1, "ü"]}, "new": 7})
        changes = [(one.key, one.before, one.after) for one in again.get_history()]
        self.assertEqual(changes[0], ("runs", [], ["a"]))
        self.assertEqual([key for key, _, _ in changes], ["runs", "last"])

    def test_changes_are_taken_back(self) -> None:
        state = self.state()
        state.update("last", 1)
        state.update("more", None)
        state.update("more", 2)
        state.reset()
        self.assertEqual(state.as_dict(), {"runs": [], "last": None})
        state.undo()
        self.assertEqual(state.as_dict(), {"runs": [], "last": 1, "more": 2})
        state.undo()
        self.assertEqual((state["more"], "more" in state), (None, True))
        state.undo()
        self.assertNotIn("more", state)
        undone = state.undo()
        assert undone is not None
        self.assertEqual((undone.before, undone.after), (None, 1))
        self.assertIsNone(state.undo())
        self.assertEqual(state.as_dict(), {"runs": [], "last": None})

    def test_what_comes_out_is_a_copy(self) -> None:
        initial: dict[str, Any] = {"runs": []}
        state = NotebookState(initial)
        state.get("runs").append("x")
        initial["runs"].append("y")
        self.assertEqual(state["runs"], [])
        with self.assertRaises(KeyError):
            state["nothing"]
        self.assertEqual(state.get("nothing", 3), 3)

    def test_a_list_keeps_its_newest(self) -> None:
        state = self.state()
        for number in range(5):
            state.append("runs", number, limit=2)
        self.assertEqual(state["runs"], [3, 4])
        with self.assertRaises(UsageError):
            state.append("last", 1)

    def test_a_value_is_changed_by_what_it_is_now(self) -> None:
        one, other = self.state(), self.state()
        one.change("last", lambda now: (now or 0) + 1)
        other.change("last", lambda now: now + 1)
        one.change("more", lambda now: [now])
        self.assertEqual((one["last"], one["more"]), (2, [None]))
        with self.assertRaises(ValidationFailed):
            one.change("last", lambda now: {"password": str(now)})
        self.assertEqual(one["last"], 2)

    def test_a_history_is_read_as_it_was_written(self) -> None:
        state = self.state({"runs": [True], "last": None, "gone": 1})
        state.update("runs", [1, 2])
        for number in range(4):
            state.append("runs", {"n": number}, limit=3)
        state.append("runs", 5, limit=0)
        state.append("new", "x")
        state.remove("gone")
        state.update("gone", None)
        state.reset()
        state.append("runs", 6)
        written = [(c.key, c.before, c.after, c.was_there) for c in state.get_history()]
        read = [(c.key, c.before, c.after, c.was_there) for c in self.state().get_history()]
        self.assertEqual(repr(read), repr(written))
        again = self.state()
        while again.undo() is not None:
            pass
        self.assertEqual(repr(again.as_dict()), repr({"runs": [True], "last": None, "gone": 1}))

    def test_what_is_added_to_a_list_is_written_once(self) -> None:
        state = self.state()
        for number in range(60):
            state.append("runs", f"{number}" * 500, limit=50)
        text = sum(len(one) for one in state["runs"])
        self.assertLess(self.path.stat().st_size, 3 * text)
        self.assertEqual(len(self.state().get_history()), 60)

    def test_the_oldest_changes_go_first(self) -> None:
        state = self.state()
        for number in range(6):
            state.update("last", f"{number}" * 2_000_000)
        kept = self.state().get_history()
        self.assertEqual(len(state.get_history()), len(kept))
        self.assertTrue(kept)
        self.assertEqual(kept[-1].before[:2], "44")

    def test_what_a_killed_writer_has_left_is_removed(self) -> None:
        state = self.state()
        state.update("last", 1)
        left = self.path.with_name(".a.abcd_123.new")
        others = [self.path.with_name(name) for name in (".a.b.abcd_123.new", ".a.new", "x.new")]
        for file in [left, *others]:
            file.write_text("{")
        state.update("last", 2)
        self.assertFalse(left.exists())
        self.assertTrue(all(file.exists() for file in others))

    def test_where_nothing_may_be_written_it_ends_with_the_process(self) -> None:
        # No user may make a folder there.
        state = manage_state({"a": 1}, name="a", directory="/sys/daglab")
        state.update("a", 2)
        self.assertEqual((state["a"], state.path), (2, None))
        self.assertIn("/sys/daglab", state.warnings[0])
        self.assertIn("ends with this session", state.warnings[0])

    def test_secrets_and_what_is_no_json_are_refused(self) -> None:
        state = self.state()
        for key, value in [
            ("api_key", "x"),
            ("GITHUB_TOKEN", "x"),
            ("db", {"password": "hunter2"}),
            ("url", "postgres://me:hunter2@host/db"),
            ("note", "ghp_" + "a" * 36),
            ("object", object()),
            ("keys", {1: "a"}),
            ("bytes", b"x"),
        ]:
            with self.assertRaises(ValidationFailed, msg=key) as raised:
                state.update(key, value)
            self.assertNotIn("hunter2", str(raised.exception))
        for key, value in [
            ("monkey", "x"),
            ("tokens_used", 5),
            ("password", None),
            ("asset_key", "a/b"),
            ("page", "https://example.com/a:b@c"),
        ]:
            state.update(key, value)
        self.assertNotIn("hunter2", self.path.read_text())

    def test_a_file_that_can_not_be_read_is_moved_aside(self) -> None:
        self.path.parent.mkdir()
        for text in [b"{", b"", b"\xff\xfe", b"[]", b'{"version": 9}', b"[" * 100_000]:
            self.path.write_bytes(text)
            state = self.state()
            self.assertEqual(state.as_dict(), {"runs": [], "last": None})
            self.assertIn("could not be read", state.warnings[0])
            state.update("last", 1)
            self.assertEqual(self.state()["last"], 1)
        kept = list(self.path.parent.glob("a.broken-*.json"))
        self.assertEqual(len(kept), 6)

    def test_several_notebooks_see_each_other(self) -> None:
        one, other = self.state(), self.state()
        one.append("runs", 1)
        other.append("runs", 2)
        one.append("runs", 3)
        self.assertEqual(one["runs"], [1, 2, 3])

    def test_processes_that_write_at_once_lose_nothing(self) -> None:
        program = textwrap.dedent(
            """
            import sys
            from daglab.helpers import NotebookState
            state = NotebookState({"runs": []}, path=sys.argv[1])
            for number in range(25):
                state.append("runs", f"{sys.argv[2]}-{number}")
            """
        )
        writers = [self.start(program, str(name)) for name in range(4)]
        for writer in writers:
            self.assertEqual(writer.wait(60), 0)
        self.assertEqual(len(set(self.state()["runs"])), 100)

    def test_a_writer_that_is_killed_leaves_a_whole_file(self) -> None:
        program = textwrap.dedent(
            """
            import sys
            from daglab.helpers import NotebookState
            state = NotebookState({"runs": []}, path=sys.argv[1])
            print("ready", flush=True)
            while True:
                state.append("runs", "x" * 20000, limit=50)
            """
        )
        for _ in range(3):
            writer = self.start(program, "a", stdout=subprocess.PIPE)
            assert writer.stdout is not None
            writer.stdout.readline()
            while not self.path.exists():
                self.assertIsNone(writer.poll())
            writer.send_signal(signal.SIGKILL)
            writer.wait()
            writer.stdout.close()
            state = self.state()
            self.assertEqual(state.warnings, [])
            # The lock of the dead is free.
            state.append("runs", "y")

    def start(self, program: str, *args: str, stdout: Any = None) -> subprocess.Popen[bytes]:
        env = {**os.environ, "PYTHONPATH": str(PACKAGE)}
        command = [sys.executable, "-c", program, str(self.path), *args]
        return subprocess.Popen(command, env=env, stdout=stdout)

    def test_a_change_that_can_not_be_written_is_none(self) -> None:
        state = self.state()
        state.update("last", 1)
        with self.assertRaises(ValidationFailed):
            state.update("last", "x" * 9_000_000)
        self.assertEqual(state["last"], 1)
        self.assertEqual(json.loads(self.path.read_text())["state"]["last"], 1)

    def test_the_state_lies_in_the_project(self) -> None:
        root = self.path.parent.parent
        (root / ".daglab").mkdir()
        (root / "deep" / "er").mkdir(parents=True)
        before = Path.cwd()
        os.chdir(root / "deep" / "er")
        self.addCleanup(os.chdir, before)
        state = manage_state({"a": 1}, name="../my notebook")
        state.update("a", 2)
        files = [file.name for file in (root / ".daglab" / "state").glob("*.json")]
        self.assertEqual(files, ["_my_notebook.json"])
        path = manage_state({}, name="assets.core.orders_explore").path
        assert path is not None
        self.assertEqual(path.name, "assets.core.orders_explore.json")
        # By the file of whoever calls.
        path = manage_state({}).path
        assert path is not None
        self.assertEqual(path.name, "test_state.json")

    def test_the_project_is_that_of_the_notebook(self) -> None:
        root = self.path.parent.parent
        notebooks = root / "project" / "notebooks"
        notebooks.mkdir(parents=True)
        (root / "project" / "daglab.yaml").touch()
        (root / "elsewhere" / ".daglab").mkdir(parents=True)
        before = Path.cwd()
        os.chdir(root / "elsewhere")
        self.addCleanup(os.chdir, before)
        marimo = SimpleNamespace(notebook_dir=lambda: notebooks)
        with mock.patch.dict(sys.modules, {"marimo": marimo}):
            path = manage_state({}, name="a").path
        assert path is not None
        self.assertEqual(path.resolve(), (root / "project/.daglab/state/a.json").resolve())
        # A notebook outside of projects belongs to that of the current folder.
        marimo.notebook_dir = lambda: root
        with mock.patch.dict(sys.modules, {"marimo": marimo}):
            path = manage_state({}, name="a").path
        assert path is not None
        self.assertEqual(path.resolve(), (root / "elsewhere/.daglab/state/a.json").resolve())

    def test_links_are_not_followed(self) -> None:
        root = self.path.parent.parent
        project, outside = root / "project", root / "outside"
        (project / ".daglab").mkdir(parents=True)
        outside.mkdir()
        (outside / "a.json").write_text('{"version": 2, "state": {"a": "theirs"}}')
        before = Path.cwd()
        os.chdir(project)
        self.addCleanup(os.chdir, before)
        folder = project / ".daglab" / "state"
        for target in (outside, folder):
            folder.symlink_to(target)
            with self.assertRaises(Conflict) as raised:
                manage_state({"a": 1}, name="a")
            self.assertIn("leads out of the project", str(raised.exception))
            folder.unlink()
        folder.mkdir()
        for name, target in [(".a.lock", outside / "new"), ("a.json", outside / "a.json")]:
            (folder / name).symlink_to(target)
            with self.assertRaises(Conflict) as raised:
                manage_state({"a": 1}, name="a")
            self.assertIn(f"{name}` is a link", str(raised.exception))
            (folder / name).unlink()
        self.assertEqual([file.name for file in outside.iterdir()], ["a.json"])
        os.mkfifo(folder / "a.json")
        with self.assertRaises(Conflict):
            manage_state({"a": 1}, name="a")

    def test_values_of_another_shape_give_way(self) -> None:
        self.path.parent.mkdir()
        held = {"runs": "x", "by": [], "last": {"a": 1}, "kept": [1]}
        self.path.write_text(json.dumps({"version": 2, "state": held}))
        initial: dict[str, Any] = {"runs": [], "by": {"b": 2}, "last": None, "kept": []}
        state = self.state(initial)
        expected = {"runs": [], "by": {"b": 2}, "last": {"a": 1}, "kept": [1]}
        self.assertEqual(state.as_dict(), expected)
        self.assertEqual(len(state.warnings), 2)
        self.assertIn("`runs`", state.warnings[0])
        state.append("runs", "y")
        again = self.state(initial)
        self.assertEqual((again["runs"], again.warnings), (["y"], []))
        # Whoever changes the shape in a session means it.
        state.update("kept", None)
        state.update("last", 1)
        self.assertIsNone(state["kept"])


if __name__ == "__main__":
    unittest.main()
