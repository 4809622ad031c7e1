"""The binary found, asked and ended; a script stands in for it, which misbehaves as told."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
import threading
import time
import unittest
from collections.abc import Callable
from contextlib import aclosing, closing
from pathlib import Path
from typing import Any
from unittest import mock

import daglab
from daglab.helpers import (
    ConnectionFailed,
    DaglabError,
    DagsterClient,
    EnvironmentMissing,
    Health,
    SyncDagsterClient,
    UsageError,
    binary,
)
from daglab.helpers.binary import Caller, find_binary

# Answers by the first word of what it reads, and notes its process in a file.
STAND_IN = """\
#!{python}
import json, os, signal, sys, time
if "--version" in sys.argv:
    print("daglab {version}")
    sys.exit()
with open({pids!r}, "a") as pids:
    print(os.getpid(), file=pids)
asked = json.loads(sys.stdin.read() or "{{}}")
do = asked.get("text") or asked.get("run_id")
if do == "answer":
    print(json.dumps({{"argv": sys.argv[1:], "variables": dict(os.environ)}}))
elif do == "error":
    print(json.dumps({{"error": {{"message": "no", "hint": "h", "exit_code": 6, "causes": []}}}}))
    sys.exit(6)
elif do == "nothing":
    print("it went wrong", file=sys.stderr)
    sys.exit(5)
elif do == "garbage":
    print("Segmentation fault")
elif do == "endless":
    while True:
        sys.stdout.write("x" * 65536)
elif do == "killed":
    os.kill(os.getpid(), signal.SIGKILL)
elif do == "lines":
    for number in range(3):
        print(json.dumps({{"type": "event", "message": str(number)}}), flush=True)
    print(json.dumps({{"type": "ended", "report": {{"status": "success", "run_id": "r"}}}}))
elif do == "lost":
    print(json.dumps({{"type": "ended", "report": {{"status": "failure", "error":
        {{"message": "the server is gone"}}}}}}))
    sys.exit(5)
elif do == "cut":
    print(json.dumps({{"type": "event"}}), flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
else:
    if do == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print(json.dumps({{"type": "event"}}), flush=True)
    time.sleep(600)
"""


class BinaryTest(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.pids = self.folder / "pids"
        self.stand_in = self.script(self.folder / "daglab", daglab.__version__)
        named = mock.patch.dict(os.environ, {"DAGLAB_BIN": str(self.stand_in)})
        named.start()
        self.addCleanup(named.stop)
        self.caller = Caller(self.folder, {"DAGLAB_CLIENT_TOKEN": "hunter2"})

    def script(self, path: Path, version: str) -> Path:
        path.parent.mkdir(exist_ok=True)
        text = STAND_IN.format(python=sys.executable, version=version, pids=str(self.pids))
        path.write_text(text)
        path.chmod(0o755)
        return path

    def ask(self, text: str) -> dict[str, Any]:
        return self.caller.call("parse", {"text": text, "left out": None})

    def both(self, text: str) -> list[Callable[[], Any]]:
        async def ask() -> Any:
            return await self.caller.call_async("parse", {"text": text})

        return [lambda: self.ask(text), lambda: asyncio.run(ask())]

    def tearDown(self) -> None:
        """Whatever became of a test, no process is left, and none that was not waited for."""
        if not self.pids.exists():
            return
        for pid in map(int, self.pids.read_text().split()):
            until = time.monotonic() + 10
            while Path(f"/proc/{pid}").exists():
                self.assertLess(time.monotonic(), until, f"{pid} is left")
                time.sleep(0.01)

    def test_a_token_is_passed_where_others_can_not_see_it(self) -> None:
        for ask in self.both("answer"):
            said = ask()
            self.assertNotIn("hunter2", " ".join(said["argv"]))
            self.assertEqual(said["argv"][-2:], ["call", "parse"])
            self.assertEqual(said["variables"]["DAGLAB_CLIENT_TOKEN"], "hunter2")

    def test_each_way_to_fail_is_an_error_of_its_own(self) -> None:
        for text, kind, said in [
            ("error", DaglabError, "no\nhint: h"),
            ("nothing", ConnectionFailed, "it went wrong"),
            ("garbage", ConnectionFailed, "not JSON"),
            ("killed", DaglabError, "ended by SIGKILL"),
        ]:
            for ask in self.both(text):
                with self.assertRaises(kind) as raised:
                    ask()
                self.assertIn(said, str(raised.exception), text)
        with self.assertRaises(UsageError):
            self.caller.call("parse", {"text": object()})
        with self.assertRaises(EnvironmentMissing) as missing:
            Caller(self.folder / "nowhere", {}).call("parse", {})
        self.assertIn("there is no folder", str(missing.exception))

    def test_an_answer_without_end_is_cut_off(self) -> None:
        with mock.patch.object(binary, "_LONGEST", 1 << 20):
            for ask in self.both("endless"):
                with self.assertRaises(ConnectionFailed) as raised:
                    ask()
                self.assertIn("more than", str(raised.exception))

    def test_a_binary_that_says_nothing_is_ended(self) -> None:
        async def ask(text: bytes) -> None:
            await self.caller.command_async(["call", "x"], text, patience=0.5)

        for text in (b"{}", b'{"text": "stubborn"}'):
            ways: list[Callable[[], Any]] = [
                lambda: self.caller.command(["call", "x"], text, patience=0.5),  # noqa: B023
                lambda: asyncio.run(ask(text)),  # noqa: B023
            ]
            for way in ways:
                with (
                    mock.patch.object(binary, "_GRACE", 0.3),
                    self.assertRaises(ConnectionFailed) as raised,
                ):
                    way()
                self.assertIn("no answer within", str(raised.exception))
                self.assertIsNotNone(raised.exception.hint)

    def test_a_task_that_is_cancelled_ends_its_process(self) -> None:
        async def cancelled(text: str) -> None:
            task = asyncio.create_task(self.caller.call_async("parse", {"text": text}))
            while not self.pids.exists():
                await asyncio.sleep(0.01)
            task.cancel()
            with self.assertRaises(asyncio.CancelledError):
                await task

        for text in ["sleep", "stubborn"]:
            with mock.patch.object(binary, "_GRACE", 0.3):
                asyncio.run(cancelled(text))
            self.tearDown()
            self.pids.unlink()

    def test_a_listener_that_leaves_ends_the_process(self) -> None:
        client = SyncDagsterClient(url="http://127.0.0.1:1", project=self.folder)
        with closing(client.follow("sleep")) as events:
            self.assertEqual(next(events).type, "event")
        self.tearDown()
        for event in client.follow("sleep"):
            self.assertEqual(event.type, "event")
            break
        self.tearDown()

        async def listen() -> None:
            other = DagsterClient(url="http://127.0.0.1:1", project=self.folder)
            async with aclosing(other.follow("sleep")) as events:
                async for event in events:
                    self.assertEqual(event.type, "event")
                    break

        asyncio.run(listen())

    def test_what_was_followed_ends_as_it_ended(self) -> None:
        client = SyncDagsterClient(url="http://127.0.0.1:1", project=self.folder)
        events = list(client.follow("lines"))
        self.assertEqual([event.message for event in events], ["0", "1", "2", "success"])
        with self.assertRaises(ConnectionFailed) as lost:
            list(client.follow("lost"))
        self.assertIn("the server is gone", str(lost.exception))
        with self.assertRaises(DaglabError):
            list(client.follow("cut"))

    def test_the_twin_works_where_a_loop_is_running(self) -> None:
        async def cell() -> Any:
            return self.ask("answer")

        self.assertIn("argv", asyncio.run(cell()))
        found: list[Any] = []
        # A kernel's thread has a loop, too, and is not the main one.
        thread = threading.Thread(
            target=lambda: found.append(
                asyncio.run(self.caller.call_async("parse", {"text": "answer"}))
            )
        )
        thread.start()
        thread.join(20)
        self.assertIn("argv", found[0])

    def test_the_binary_is_of_this_version_or_none(self) -> None:
        self.assertEqual(find_binary(), self.stand_in)
        old = self.script(self.folder / "old" / "daglab", "0.0.9")
        with mock.patch.dict(os.environ, {"DAGLAB_BIN": str(old)}):
            with self.assertRaises(EnvironmentMissing) as raised:
                find_binary()
            said = str(raised.exception)
            self.assertIn("is daglab 0.0.9, and this package is daglab", said)
            self.assertIn(f"pip install daglab=={daglab.__version__}", said)
            health = SyncDagsterClient(url="http://127.0.0.1:1", project=self.folder).health()
            self.assertIsInstance(health, Health)
            self.assertIsInstance(health.error, EnvironmentMissing)
        for wrong in ["/nowhere/daglab", "/bin/true", str(self.folder)]:
            with mock.patch.dict(os.environ, {"DAGLAB_BIN": wrong}):
                with self.assertRaises(EnvironmentMissing, msg=wrong) as raised:
                    find_binary()
                self.assertIn("DAGLAB_BIN", str(raised.exception))

    def test_the_binary_is_looked_for_beside_python_and_on_the_path(self) -> None:
        nowhere = str(self.folder / "empty")
        found = {"scripts": str(self.folder)}
        with (
            mock.patch.dict(os.environ, {"PATH": nowhere}),
            mock.patch("sysconfig.get_path", lambda name: found[name]),
            mock.patch.object(sys, "executable", f"{nowhere}/python"),
        ):
            del os.environ["DAGLAB_BIN"]
            self.assertEqual(find_binary(), self.stand_in)
            found["scripts"] = nowhere
            with self.assertRaises(EnvironmentMissing) as raised:
                find_binary()
            self.assertIn("pip install daglab", str(raised.exception))
            os.environ["PATH"] = str(self.folder)
            self.assertEqual(find_binary(), self.stand_in)

    def test_what_is_followed_is_plain_data(self) -> None:
        for event in SyncDagsterClient(project=self.folder).follow("lines"):
            json.dumps(dict(event.raw))


if __name__ == "__main__":
    unittest.main()
