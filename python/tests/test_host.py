"""The warm host, driven as daglab drives it: over a socket pair, with real Dagster and marimo."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path
from typing import Any, NoReturn

from daglab._host import entries, preload, protocol
from daglab._host.server import Server

PACKAGE = Path(__file__).parent.parent

NOTEBOOK = """import marimo

__generated_with = "0.25.2"
app = marimo.App()


@app.cell
def body():
    {body}
    return


if __name__ == "__main__":
    app.run()
"""


class Host:
    """A host process and our end of its socket."""

    def __init__(self, *path: Path) -> None:
        """Start it, with folders to import from, and hear its hello."""
        ours, theirs = socket.socketpair()
        pythonpath = os.pathsep.join(map(str, (PACKAGE, *path)))
        environment = {**os.environ, "PYTHONPATH": pythonpath}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "daglab._host", "dagster"],
            stdin=theirs.fileno(),
            env=environment,
            cwd=PACKAGE,
        )
        theirs.close()
        self.socket = ours
        self.socket.settimeout(120)
        self.lines = ours.makefile("rb")
        self.hello = self.read()

    def read(self) -> protocol.Message:
        """Wait for the next message."""
        return protocol.decode(self.lines.readline())

    def send(self, **message: object) -> None:
        """Send a message."""
        self.socket.sendall(protocol.encode(message))

    def fork(self, number: int, entry: str, argv: list[str], folder: Path) -> int:
        """Start a task and return its process."""
        log = str(folder / "log")
        task = {"entry": entry, "argv": argv, "env": {}, "cwd": str(folder)}
        self.send(type="fork", id=number, task={**task, "stdout": log, "stderr": log})
        started = self.read()
        assert started["type"] == "started", started
        return int(started["pid"])

    def close(self) -> None:
        """Hang up and wait."""
        self.lines.close()
        self.socket.close()
        self.process.wait(20)


def is_alive(pid: int) -> bool:
    """Say whether a process is there and not a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def open_files() -> set[str]:
    """Say what this process's descriptors lead to."""
    found = set()
    for descriptor in os.listdir("/proc/self/fd"):
        # The one that the listing took is closed again.
        with contextlib.suppress(OSError):
            found.add(os.readlink(f"/proc/self/fd/{descriptor}"))
    return found


class HostTest(unittest.TestCase):
    """One host for each test."""

    def setUp(self) -> None:
        """Start the host."""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.installed = self.folder / "site-packages"
        self.installed.mkdir()
        self.host = Host(self.installed, self.folder)
        self.addCleanup(self.host.close)

    def export(self, number: int, body: str, *flags: str) -> int:
        """Start the export of a notebook with one cell and return its process."""
        notebook = self.folder / f"nb{number}.py"
        notebook.write_text(NOTEBOOK.format(body=body))
        events = self.folder / f"events{number}"
        page = str(self.folder / f"page{number}.html")
        argv = [str(notebook), "-o", page, "--events", str(events), *flags]
        return self.host.fork(number, "notebook", argv, self.folder)

    def events(self, number: int) -> list[dict[str, Any]]:
        """Read what a notebook's process has noted."""
        text = (self.folder / f"events{number}").read_text()
        return [json.loads(line) for line in text.splitlines()]

    def test_hello_names_versions(self) -> None:
        """The first message says who speaks."""
        self.assertEqual(self.host.hello["protocol"], protocol.PROTOCOL)
        self.assertIn("dagster", self.host.hello["versions"])
        self.assertEqual(self.host.hello["import_errors"], {})

    def test_a_task_exits_as_its_command_line_would(self) -> None:
        """Exit codes and output are those of `python -m dagster`."""
        self.host.fork(1, "dagster", ["--version"], self.folder)
        self.assertEqual(self.host.read()["code"], 0)
        self.assertIn("version", (self.folder / "log").read_text())
        self.host.fork(2, "dagster", ["no-such-command"], self.folder)
        self.assertEqual(self.host.read()["code"], 2)

    def test_a_failed_cell_is_exported(self) -> None:
        """marimo's own exit code and page, with a forked kernel and a spawned one."""
        for number, flags in enumerate(([], ["--fork-kernel"])):
            self.export(number, "1 / 0", *flags)
            self.assertEqual(self.host.read()["code"], 1)
            self.assertTrue((self.folder / f"page{number}.html").is_file())
            degraded = [e for e in self.events(number) if e["event"] == "degraded"]
            self.assertEqual(degraded, [])

    def test_a_dead_kernel_ends_the_export(self) -> None:
        """A kernel that dies is noticed, and named is the cell that was running."""
        self.export(1, "import os; os._exit(3)", "--fork-kernel")
        self.assertEqual(self.host.read()["code"], 70)
        died = self.events(1)[-1]
        self.assertEqual((died["event"], died["code"], len(died["running"])), ("kernel_died", 3, 1))

    def test_the_first_event_comes_with_the_kernel(self) -> None:
        """A process that hangs before, on a lock that it has inherited, shows no sign of life."""
        self.export(1, "pass", "--fork-kernel")
        self.assertEqual(self.host.read()["code"], 0)
        self.assertEqual(self.events(1)[0]["event"], "cells")

    def test_time_over_interrupts_the_cell(self) -> None:
        """SIGUSR1 ends a hanging cell, and the page is still written."""
        pid = self.export(1, "import time; time.sleep(600)", "--fork-kernel")
        deadline = time.monotonic() + 60
        while not any(e.get("status") == "running" for e in self.events_if_any(1)):
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.05)
        os.kill(pid, signal.SIGUSR1)
        # marimo does not count an interruption among the failures.
        self.assertEqual(self.host.read()["code"], 0)
        self.assertIn("interrupted", (self.folder / "page1.html").read_text())

    def events_if_any(self, number: int) -> list[dict[str, Any]]:
        """Read the events, or none if the file is not there yet."""
        try:
            return self.events(number)
        except (OSError, ValueError):
            return []

    def test_hanging_up_or_killing_ends_all_tasks(self) -> None:
        """No task outlives the host, however it ends."""
        pid = self.export(1, "import time; time.sleep(600)", "--fork-kernel")
        self.host.process.kill()
        self.host.process.wait(10)
        deadline = time.monotonic() + 10
        while is_alive(pid):
            self.assertLess(time.monotonic(), deadline, "the task is still there")
            time.sleep(0.02)

    def test_shutdown_ends_all_tasks(self) -> None:
        """A shutdown takes the tasks along."""
        pid = self.export(1, "import time; time.sleep(600)", "--fork-kernel")
        self.host.send(type="shutdown")
        self.assertEqual(self.host.process.wait(20), 0)
        self.assertFalse(is_alive(pid))

    def test_what_cannot_be_imported_is_refused(self) -> None:
        """An unknown entry is an answer, and the host lives on."""
        task = {"entry": "nonsense", "argv": [], "env": {}, "cwd": "/"}
        self.host.send(
            type="fork", id=1, task={**task, "stdout": "/dev/null", "stderr": "/dev/null"}
        )
        self.assertEqual(self.host.read()["type"], "refused")
        self.host.send(type="preload", modules=["no_such_module", "json"])
        preloaded = self.host.read()
        self.assertIn("no_such_module", preloaded["skipped"])
        self.assertIn("json", preloaded["loaded"])

    def test_modules_that_do_harm_are_not_preloaded(self) -> None:
        """The host lives on, and has all that is harmless."""
        for name, body in {
            "first": "",
            "leaves": "import os; os._exit(0)",
            "crashes": "import os; os.abort()",
            "threaded": "import threading, time;"
            " threading.Thread(target=time.sleep, args=[600], daemon=True).start()",
            "last": "",
        }.items():
            (self.installed / f"{name}.py").write_text(body)
        (self.folder / "own.py").write_text("")
        modules = ["first", "leaves", "crashes", "threaded", "last", "own", "numpy"]
        self.host.send(type="preload", modules=modules)
        preloaded = self.host.read()
        self.assertEqual(sorted(preloaded["loaded"]), ["first", "last", "numpy"])
        self.assertEqual(
            preloaded["skipped"],
            {
                "leaves": "its import does not come back",
                "crashes": "its import does not come back",
                "threaded": "its import starts a thread",
                "own": f"it is the project's own: {self.folder / 'own.py'}",
            },
        )
        self.host.fork(1, "dagster", ["--version"], self.folder)
        self.assertEqual(self.host.read()["code"], 0)


class PreloadTest(unittest.TestCase):
    """What is tried, in this process."""

    def test_an_import_that_hangs_has_an_end(self) -> None:
        """The one that hangs is named, and the others wait no longer."""
        self.addCleanup(setattr, preload, "_TIME_S", preload._TIME_S)
        preload._TIME_S = 1.0
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "hangs.py").write_text("import time; time.sleep(600)")
            sys.path.insert(0, folder)
            self.addCleanup(sys.path.remove, folder)
            why = preload._harmful(["json", "hangs", "tomllib"], lambda: None)
        self.assertEqual(
            why,
            {"hangs": "its import does not come back", "tomllib": "there was no time to try it"},
        )


class ServerTest(unittest.TestCase):
    """The server's parts, in this process."""

    def setUp(self) -> None:
        """Make a server that nobody serves."""
        self.ours, self.theirs = socket.socketpair()
        self.addCleanup(self.ours.close)
        self.addCleanup(self.theirs.close)

    def test_a_wake_up_without_a_message_does_not_block(self) -> None:
        """Nothing to read is no end, and no reason to wait."""
        self.assertTrue(Server(self.theirs)._receive())

    def test_a_host_with_a_second_thread_does_not_fork(self) -> None:
        """What that thread holds would be held in the child for ever."""
        over = threading.Event()
        self.addCleanup(over.set)
        threading.Thread(target=over.wait).start()
        Server(self.theirs)._fork(1, {"entry": "dagster"})
        refused = protocol.decode(self.ours.recv(4096))
        self.assertEqual((refused["type"], refused["id"]), ("refused", 1))
        self.assertIn("threads", refused["reason"])

    def test_a_task_inherits_no_descriptor_of_the_host(self) -> None:
        """A task has nothing by which it could reach the host."""
        streams = {"stdout": os.devnull, "stderr": os.devnull}
        task = {"entry": "dagster", "argv": [], "env": {}, "cwd": "/", **streams}
        read, write = os.pipe()
        before = open_files()
        control = os.readlink(f"/proc/self/fd/{self.theirs.fileno()}")
        parent = os.getpid()

        def tell() -> NoReturn:
            os.write(write, json.dumps(list(open_files())).encode())
            # The exit handlers of this process are not the child's.
            os._exit(0)

        server = Server(self.theirs)
        pid = os.fork()
        if pid == 0:
            server._become(task, tell, parent)
        os.waitpid(pid, 0)
        os.close(write)
        with open(read, "rb") as answer:
            inherited = set(json.load(answer)) - {os.devnull}
        self.assertTrue(inherited)
        self.assertLessEqual(inherited, before - {control})


class ProtocolTest(unittest.TestCase):
    """Messages are lines."""

    def test_lines(self) -> None:
        """What is encoded is decoded; anything else is refused."""
        message = {"type": "x", "text": "a\nb ü"}
        line = protocol.encode(message)
        self.assertEqual(line.count(b"\n"), 1)
        self.assertEqual(protocol.decode(line), message)
        for wrong in (b"[]", b"{}", b'{"type": 1}', b"nonsense"):
            with self.assertRaises(ValueError):
                protocol.decode(wrong)

    def test_entries_are_modules(self) -> None:
        """Every entry names a module that `python -m` could run."""
        for module, _, _ in entries.ENTRIES.values():
            self.assertTrue(module.replace("_", "").replace(".", "").isidentifier())


if __name__ == "__main__":
    unittest.main()
