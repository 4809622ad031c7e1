"""One notebook: marimo's own `export html`, with its kernel watched.

`python -m daglab._host.notebook NB.py -o OUT.html --events FILE [--fork-kernel] [-- ARGS]`

marimo's command line runs the notebook and writes the page. What is added here hangs on private
parts of marimo and so is optional: each part that this version lacks is named in a `degraded` event
and left out.

- Cells' beginnings and ends, and the kernel's process, are written to the events file. The first
  line is written when marimo is about to start the kernel: before, a forked process may still hang
  on a lock that it has inherited.
- A kernel that dies ends this process with exit code 70; marimo alone would wait for ever.
- A kernel that does not end when the notebook is done is killed; for it too marimo would wait.
- SIGUSR1 means that the time is over: the running cell is interrupted until the export is done, so
  that the page shows everything up to it.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import json
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

# The exit code that tells daglab that the kernel died.
KERNEL_DIED = 70

# How much of a cell's console goes into the page, in characters.
_CONSOLE = 1_000_000

# The console entry that holds a traceback; it is never cut.
_TRACEBACK = "application/vnd.marimo+traceback"

# How long the kernel has between two interrupts; a cell may well catch the first.
_INTERRUPT_EVERY_S = 0.4

# How long a kernel has to end once marimo has told it to; marimo would wait for it for ever.
_END_S = 2.0


class _Events:
    """The side file: one JSON object a line, whole lines only."""

    def __init__(self, path: str) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._lock = threading.Lock()

    def write(self, event: str, **fields: object) -> None:
        line = json.dumps({"event": event, "time": time.time(), **fields}) + "\n"
        # A full disk must not end the notebook: what it means is for its own code to find out.
        with self._lock, contextlib.suppress(OSError):
            os.write(self._descriptor, line.encode())


class _Watch:
    """Knows the kernel's process and which cells are running."""

    def __init__(self, events: _Events) -> None:
        self._events = events
        self._kernel: Any = None
        self._running: dict[str, None] = {}
        self._done = False
        self._printed: dict[str, int] = {}

    def bound_console(self, cell_id: str, console: Any) -> None:
        """Drop what a cell prints beyond a bound: nobody reads it, and the page must open."""
        for entry in console if isinstance(console, list) else [console]:
            text = getattr(entry, "data", None)
            if not isinstance(text, str) or entry.mimetype == _TRACEBACK:
                continue
            before = self._printed.get(cell_id, 0)
            self._printed[cell_id] = before + len(text)
            if before > _CONSOLE:
                entry.data = ""
            elif before + len(text) > _CONSOLE:
                entry.data = text[: _CONSOLE - before] + "\n[the rest was left out]\n"

    def cells(self, ids: list[str]) -> None:
        self._events.write("cells", ids=ids)

    def cell(self, cell_id: str, status: str) -> None:
        if status == "running":
            self._running[cell_id] = None
        else:
            self._running.pop(cell_id, None)
        self._events.write("cell", id=cell_id, status=status)

    def kernel_started(self, kernel: Any) -> None:
        self._kernel = kernel
        self._events.write("kernel", pid=kernel.pid)
        threading.Thread(target=self._await_kernel, name="daglab-watch", daemon=True).start()

    def finished(self) -> None:
        self._done = True

    def interrupt(self, *_: object) -> None:
        """Interrupt the kernel now and again until the export is done."""
        threading.Thread(target=self._insist, name="daglab-interrupt", daemon=True).start()

    def _insist(self) -> None:
        while not self._done and self._kernel is not None and self._kernel.is_alive():
            try:
                os.kill(self._kernel.pid, signal.SIGINT)
            except ProcessLookupError:
                return
            time.sleep(_INTERRUPT_EVERY_S)

    def _await_kernel(self) -> None:
        from multiprocessing.connection import wait

        wait([self._kernel.sentinel])
        # marimo ends the kernel itself once the notebook has run.
        if self._done:
            return
        self._kernel.join(1)
        code = self._kernel.exitcode
        # The last messages of the kernel are still on their way.
        time.sleep(0.2)
        if self._done:
            return
        self._events.write(
            "kernel_died",
            code=code if code is not None and code >= 0 else None,
            signal=-code if code is not None and code < 0 else None,
            running=list(self._running),
        )
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(KERNEL_DIED)


def _watch_cells(watch: _Watch) -> None:
    """See each message of the kernel as marimo's session sees it."""
    from marimo._session.state.session_view import SessionView

    original = SessionView.add_notification

    @functools.wraps(original)
    def add_notification(self: Any, notification: Any) -> Any:
        cell_id = getattr(notification, "cell_id", None)
        status = getattr(notification, "status", None)
        console = getattr(notification, "console", None)
        if cell_id is not None and console is not None:
            watch.bound_console(str(cell_id), console)
        if cell_id is not None and isinstance(status, str):
            watch.cell(str(cell_id), status)
        elif type(notification).__name__ in ("CompletedRunNotification", "CompletedRun"):
            watch.finished()
        return original(self, notification)

    SessionView.add_notification = add_notification  # type: ignore[method-assign]


def _watch_kernel(watch: _Watch, *, fork: bool) -> None:
    """Hear of the kernel's process, and have it forked rather than spawned."""
    from marimo._session.managers import kernel, queue

    if fork:
        forking = multiprocessing.get_context("fork")
        for module in (kernel, queue):
            module.get_context = lambda _method=None: forking  # type: ignore[attr-defined]

    original = kernel.KernelManagerImpl.start_kernel

    @functools.wraps(original)
    async def start_kernel(self: Any) -> None:
        # In the order of the file; without a page it is all that ties a cell's id to its source.
        watch.cells([str(cell_id) for cell_id in self.configs])
        await original(self)
        watch.kernel_started(self.kernel_task)

    kernel.KernelManagerImpl.start_kernel = start_kernel  # type: ignore[method-assign]


def _end_kernel() -> None:
    """Kill a kernel that stays when it is told to end.

    What a cell executes may have replaced the handler of SIGTERM: Dagster does, and leaves it so.
    """
    from marimo._session.managers import kernel

    original = kernel.KernelManagerImpl.close_kernel

    @functools.wraps(original)
    def close_kernel(self: Any, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        task = self.kernel_task
        if not isinstance(task, multiprocessing.process.BaseProcess):
            return
        task.join(_END_S)
        if task.is_alive() and task.pid is not None:
            # It leads a group of its own, unless it has not come that far.
            with contextlib.suppress(ProcessLookupError):
                if os.getpgid(task.pid) == task.pid:
                    os.killpg(task.pid, signal.SIGKILL)
            task.kill()

    kernel.KernelManagerImpl.close_kernel = close_kernel  # type: ignore[method-assign]


def main() -> NoReturn:
    """Export one notebook and exit as marimo does, or with 70 when its kernel died."""
    own, rest = sys.argv[1:], []
    if "--" in own:
        cut = own.index("--")
        own, rest = own[:cut], own[cut + 1 :]
    parser = argparse.ArgumentParser(prog="daglab._host.notebook")
    parser.add_argument("notebook")
    parser.add_argument("-o", "--output", required=True)
    parser.add_argument("--events", required=True)
    parser.add_argument("--fork-kernel", action="store_true")
    options = parser.parse_args(own)

    events = _Events(options.events)
    watch = _Watch(events)
    steps: tuple[tuple[str, Callable[[], None]], ...] = (
        ("cells are not watched", lambda: _watch_cells(watch)),
        ("the kernel is not watched", lambda: _watch_kernel(watch, fork=options.fork_kernel)),
        ("the kernel may stay", _end_kernel),
    )
    for what, apply in steps:
        try:
            apply()
        except Exception as error:
            events.write("degraded", what=f"{what}: {type(error).__name__}: {error}")
    signal.signal(signal.SIGUSR1, watch.interrupt)

    from marimo._cli.cli import main as marimo

    argv = ["export", "html", options.notebook, "-o", options.output, "-f", "--no-sandbox"]
    if rest:
        argv += ["--", *rest]
    sys.argv = ["marimo", *argv]
    # marimo puts the notebook's directory on the path only in the kernel it spawns.
    sys.path[0] = str(Path(options.notebook).parent)
    try:
        marimo()
    finally:
        watch.finished()
    sys.exit(0)


if __name__ == "__main__":
    main()
