"""Two servers side by side: ports, ends, and nothing that is left."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
import unittest
import webbrowser
from pathlib import Path
from unittest import mock

from daglab.helpers import (
    Conflict,
    EnvironmentMissing,
    UsageError,
    cleanup_processes,
    dev,
    find_available_port,
    start_sidecar,
)

PACKAGE = Path(__file__).parents[1]

# A server that has a child of its own, which ignores what it is asked.
SERVER = """\
import http.server, os, signal, subprocess, sys
child = subprocess.Popen([sys.executable, "-c",
    "import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN);"
    "signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"])
with open(sys.argv[1] + ".words", "a") as words:
    print(*sys.argv[2:], file=words)
with open(sys.argv[1], "a") as pids:
    print(os.getpid(), child.pid, os.environ.get("DAGLAB_DAGSTER_URL", "-"), file=pids)
port = int(sys.argv[sys.argv.index("--port") + 1])
http.server.HTTPServer(("127.0.0.1", port), http.server.SimpleHTTPRequestHandler).serve_forever()
"""


def is_there(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


class DevTest(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.pids = Path(folder.name) / "pids"
        (Path(folder.name) / "server.py").write_text(SERVER)
        self.command = [sys.executable, str(Path(folder.name) / "server.py"), str(self.pids)]

    def test_a_port_that_is_taken_is_left_out(self) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            self.assertIsNone(find_available_port(port, port))
            free = find_available_port(port, min(port + 50, 65535))
            assert free is not None
            self.assertGreater(free, port)
        self.assertEqual(find_available_port(port, port), port)
        self.assertIsNone(find_available_port(port, port - 1))
        for wrong in [(0, 1), (1, 70000)]:
            with self.assertRaises(UsageError):
                find_available_port(*wrong)
        with self.assertRaises(UsageError):
            find_available_port(5000, 5001, "no such host")

    def processes(self) -> list[tuple[int, int, str]]:
        if not self.pids.exists():
            return []
        lines = [line.split() for line in self.pids.read_text().splitlines()]
        return [(int(own), int(child), url) for own, child, url in lines]

    def wait_for(self, count: int) -> list[tuple[int, int, str]]:
        until = time.monotonic() + 30
        while len(self.processes()) < count:
            self.assertLess(time.monotonic(), until)
            time.sleep(0.02)
        return self.processes()

    def assert_gone(self) -> None:
        for own, child, _ in self.processes():
            self.assertFalse(is_there(own), own)
            self.assertFalse(is_there(child), child)

    def wait_for_ends(self) -> None:
        """Wait until those that were started have been told that nobody waits for them."""
        until = time.monotonic() + 10
        for own, child, _ in self.processes():
            while is_there(own):
                self.assertLess(time.monotonic(), until)
                time.sleep(0.02)
            os.kill(child, signal.SIGKILL)
            while is_there(child):
                self.assertLess(time.monotonic(), until)
                time.sleep(0.02)

    def started(self, marimo: list[str], pages: int) -> tuple[list[str], list[str]]:
        """The words of marimo's command line, and the pages that were opened, if there are any."""
        self.pids.unlink(missing_ok=True)
        port = find_available_port(20000, 30000)
        assert port is not None
        opened: list[str] = []

        def stop() -> None:
            self.wait_for(2)
            until = time.monotonic() + 20
            while len(opened) < pages and time.monotonic() < until:
                time.sleep(0.02)
            time.sleep(0.5)
            os.kill(self.processes()[0][0], signal.SIGTERM)

        stopper = threading.Thread(target=stop)
        stopper.start()
        command = [*self.command, *marimo]
        with (
            mock.patch.object(webbrowser, "open", opened.append),
            mock.patch.object(dev, "_GRACE", 0.3),
        ):
            start_sidecar(self.command, command, pages > 0, (port, port + 500))
        stopper.join()
        lines = Path(f"{self.pids}.words").read_text().splitlines()
        return [line for line in lines if marimo[0] in line][-1].split(), opened

    def test_words_for_the_notebook_stay_behind_those_for_marimo(self) -> None:
        words, opened = self.started(["edit", "nb.py", "--", "--port", "x"], 0)
        self.assertEqual(words[:3], ["edit", "nb.py", "--port"])
        self.assertTrue(words[3].isdigit())
        self.assertEqual(words[4:], ["--headless", "--", "--port", "x"])
        self.assertEqual(opened, [])

    def test_marimo_opens_its_own_page(self) -> None:
        words, opened = self.started(["run", "nb.py"], 1)
        self.assertNotIn("--headless", words)
        self.assertEqual(len(opened), 1)
        self.assertNotIn(words[-1], opened[0])
        # Unless it is told not to.
        words, opened = self.started(["edit", "--headless", "nb.py"], 2)
        self.assertTrue(opened[1].endswith(f":{words[-1]}"))

    def sidecar(self, taken: int) -> subprocess.Popen[bytes]:
        program = textwrap.dedent(
            """
            import sys
            from daglab.helpers import dev
            dev._GRACE = 0.5
            command = sys.argv[2:]
            named = [*command, "--port", sys.argv[1]]
            sys.exit(dev.start_sidecar(named, command, open_browser=False,
                                       port_range=(int(sys.argv[1]), 65535)))
            """
        )
        env = {**os.environ, "PYTHONPATH": str(PACKAGE)}
        command = [sys.executable, "-c", program, str(taken), *self.command]
        return subprocess.Popen(command, env=env, stderr=subprocess.DEVNULL)

    def test_both_end_with_ctrl_c_and_nothing_is_left(self) -> None:
        for number, code in [
            (signal.SIGINT, 130),
            (signal.SIGTERM, 143),
            (signal.SIGHUP, 129),
            (signal.SIGKILL, -9),
        ]:
            with socket.socket() as taken:
                taken.bind(("127.0.0.1", 0))
                taken.listen()
                port = taken.getsockname()[1]
                sidecar = self.sidecar(port)
                (_, _, none), (_, _, url) = sorted(self.wait_for(2), key=lambda one: one[2])
                sidecar.send_signal(number)
                self.assertEqual(sidecar.wait(30), code)
            self.assertEqual(none, "-")
            self.assertRegex(url, r"^http://localhost:\d+$")
            self.assertNotEqual(url, f"http://localhost:{port}")
            if number == signal.SIGKILL:
                # Nobody is left who could end what they have started: the test does.
                self.wait_for_ends()
            self.assert_gone()
            self.pids.unlink()

    def test_both_end_when_one_does(self) -> None:
        port = find_available_port(20000, 30000)
        assert port is not None
        failing = [sys.executable, "-c", "import sys; sys.exit(7)"]
        code = start_sidecar(self.command, failing, False, (port, port + 500))
        self.assertEqual(code, 7)
        self.assert_gone()

    def test_what_can_not_be_started_leaves_nothing(self) -> None:
        port = find_available_port(20000, 30000)
        assert port is not None
        with self.assertRaises(EnvironmentMissing) as raised:
            start_sidecar(self.command, ["/nowhere/marimo"], False, (port, port + 500))
        self.assertIn("pip install marimo", str(raised.exception))
        self.assert_gone()
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            with self.assertRaises(Conflict):
                start_sidecar(["x"], ["y"], False, (port, port))
        with self.assertRaises(UsageError):
            start_sidecar(["x", "--port=many"], ["y"], False)

    def test_processes_are_ended_with_what_they_have_started(self) -> None:
        process = subprocess.Popen(
            [*self.command, "--port", str(find_available_port(20000, 30000))],
            start_new_session=True,
            stderr=subprocess.DEVNULL,
        )
        self.wait_for(1)
        cleanup_processes([process.pid, process.pid])
        process.wait(5)
        self.assert_gone()
        # What is gone is left alone.
        cleanup_processes([process.pid])
        for wrong in [0, 1, -1, os.getpid()]:
            with self.assertRaises(UsageError):
                cleanup_processes([wrong])


if __name__ == "__main__":
    unittest.main()
