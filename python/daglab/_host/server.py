"""The warm host: imports once, then forks each task it is asked for.

It has one thread of Python, so that a fork copies nothing half-done, and it decides nothing: it
forks, reaps and reports. Foreign code is imported here only as third-party modules that the other
side names (`preload.py` says which of them are), and nothing in them is ever called.
"""

from __future__ import annotations

import contextlib
import errno
import gc
import importlib
import importlib.metadata
import os
import selectors
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

from daglab._host import entries, preload, process, protocol, storage
from daglab._host.protocol import Message

# How long tasks may take to end after SIGTERM when the host shuts down.
_GRACE_S = 0.5

# One message holds a task: arguments and variables. Anything larger is not one.
_LONGEST_LINE = 16 * 1024 * 1024

# The signals whose disposition a task must find as a fresh process would.
_RESET = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD, signal.SIGPIPE)


@dataclass(frozen=True)
class _Child:
    id: int
    pid: int


def main() -> None:
    """Serve until the socket is closed or a shutdown is asked for."""
    process.die_with_parent(os.getppid())
    with contextlib.suppress(OSError):
        os.setpgid(0, 0)
    # Away from descriptor 0, where every child would inherit it as its standard input.
    control = socket.socket(fileno=os.dup(0))
    os.set_inheritable(control.fileno(), False)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    Server(control).serve(sys.argv[1])


class Server:
    """The host's state: the socket and the tasks under way."""

    def __init__(self, control: socket.socket) -> None:
        """Take over the socket to daglab."""
        self._control = control
        self._buffer = b""
        self._children: dict[int, _Child] = {}
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._wake_write, False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._control, selectors.EVENT_READ)
        self._selector.register(self._wake_read, selectors.EVENT_READ)
        self._warmed: set[str] = set()

    def serve(self, library: str) -> None:
        """Import a library, say hello, and answer until the other side is gone."""
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        errors: dict[str, str] = {}
        # The web server's libraries wait until it is forked: code servers load meanwhile.
        _warm(library, errors)
        self._send(
            {
                "type": "hello",
                "protocol": protocol.PROTOCOL,
                "python": ".".join(map(str, sys.version_info[:3])),
                "versions": _versions(),
                "import_errors": errors,
            }
        )
        if library == "dagster":
            storage.remember_migrations()
        gc.collect()
        gc.freeze()
        running = True
        while running:
            for key, _ in self._selector.select():
                if key.fileobj is self._control:
                    running = self._receive() and running
                else:
                    self._drain_wake_pipe()
            self._reap()
        self._end_all()

    def _drain_wake_pipe(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while os.read(self._wake_read, 4096):
                pass

    def _send(self, message: Message) -> None:
        # daglab is gone: the next read says so, and ends the host.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._control.sendall(protocol.encode(message))

    def _receive(self) -> bool:
        """Handle what has arrived; False when the host is to end."""
        try:
            # A wake-up without anything to read must not hold up the tasks.
            data = self._control.recv(65536, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return True
        except ConnectionResetError:
            return False
        if not data:
            return False
        self._buffer += data
        if len(self._buffer) > _LONGEST_LINE:
            return False
        *lines, self._buffer = self._buffer.split(b"\n")
        return all(self._handle(protocol.decode(line)) for line in lines)

    def _handle(self, message: Message) -> bool:
        kind = message["type"]
        if kind == "fork":
            self._fork(message["id"], message["task"])
        elif kind == "signal":
            self._signal(message["id"], message["signal"])
        elif kind == "preload":
            self._preload(message["modules"])
        elif kind == "shutdown":
            return False
        return True

    def _preload(self, modules: list[str]) -> None:
        self._warm_for("marimo")
        parent = os.getpid()
        loaded, skipped = preload.load(modules, lambda: self._detach(parent))
        gc.collect()
        gc.freeze()
        self._send(
            {
                "type": "preloaded",
                "loaded": loaded,
                "skipped": skipped,
                "threads": preload.threads() - 1,
            }
        )

    def _signal(self, task: int, number: int) -> None:
        for child in self._children.values():
            if child.id == task:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(child.pid, number)

    def _fork(self, task_id: int, task: Message) -> None:
        others = threading.active_count() - 1
        if others:
            # A lock that one of them holds would be held in the child for ever. Native threads, as
            # those of OpenBLAS, are stopped for the fork by the library that started them.
            reason = f"the Python host has {others} threads beside its own, so it can't fork"
            self._send({"type": "refused", "id": task_id, "reason": reason})
            return
        try:
            self._warm_for(task["entry"])
            run = entries.load(task["entry"])
        except BaseException as error:
            reason = f"`{task['entry']}` can't be imported: {type(error).__name__}: {error}"
            self._send({"type": "refused", "id": task_id, "reason": reason})
            return
        sys.stdout.flush()
        sys.stderr.flush()
        parent = os.getpid()
        try:
            pid = os.fork()
        except OSError as error:
            reason = f"the fork failed: {error.strerror}"
            self._send({"type": "refused", "id": task_id, "reason": reason})
            return
        if pid == 0:
            self._become(task, run, parent)
        # Both sides set it, so that a signal to the group finds it whoever is first.
        with contextlib.suppress(OSError):
            os.setpgid(pid, pid)
        self._children[pid] = _Child(task_id, pid)
        self._send({"type": "started", "id": task_id, "pid": pid})

    def _warm_for(self, entry: str) -> None:
        """Import an entry's libraries before its first fork; what fails, `load` will tell."""
        library = {"webserver": "dagster-webserver", "notebook": "marimo", "marimo": "marimo"}
        name = library.get(entry)
        if name is not None and name not in self._warmed:
            self._warmed.add(name)
            _warm(name, {})

    def _become(self, task: Message, run: Callable[[], object], parent: int) -> NoReturn:
        """Turn the forked child into the task. Never returns."""
        code = 1
        try:
            self._detach(parent)
            _redirect(task["stdout"], 1)
            _redirect(task["stderr"], 2)
            process.show_variable(protocol.MARK, task["env"].get(protocol.MARK, ""))
            for name, value in task["env"].items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value
            os.chdir(task["cwd"])
            _reseed()
            module = entries.ENTRIES[task["entry"]][0]
            sys.argv = [module, *task["argv"]]
            _import_path(task["cwd"])
            code = _exit_code(run)
        except BaseException:
            traceback.print_exc()
        finally:
            _leave(code)
        raise AssertionError("a child has left before")

    def _detach(self, parent: int) -> None:
        """Let go, in a forked child, of all that is the host's."""
        with contextlib.suppress(OSError):
            os.setpgid(0, 0)
        process.die_with_parent(parent)
        signal.set_wakeup_fd(-1)
        for number in _RESET:
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
        # The selector's descriptor is shared: what a task does to it happens to the host.
        self._selector.close()
        self._control.close()
        os.close(self._wake_read)
        os.close(self._wake_write)

    def _reap(self) -> None:
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            child = self._children.pop(pid, None)
            if child is None:
                continue
            code = os.waitstatus_to_exitcode(status)
            self._send(
                {
                    "type": "exited",
                    "id": child.id,
                    "code": code if code >= 0 else None,
                    "signal": -code if code < 0 else None,
                    "peak_memory_bytes": usage.ru_maxrss * 1024,
                }
            )

    def _end_all(self) -> None:
        for number, grace in ((signal.SIGTERM, _GRACE_S), (signal.SIGKILL, _GRACE_S)):
            for pid in self._children:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(pid, number)
            deadline = time.monotonic() + grace
            while self._children and time.monotonic() < deadline:
                self._reap()
                time.sleep(0.005)


def _warm(library: str, errors: dict[str, str]) -> None:
    """Import what belongs to a library; what this version lacks is left out."""
    first, *others = entries.WARM[library]
    try:
        importlib.import_module(first)
    except BaseException as error:
        errors[library] = f"{type(error).__name__}: {error}"
        return
    for name in others:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)


def _versions() -> dict[str, str]:
    found: dict[str, str] = {}
    for name in ("dagster", "dagster-graphql", "dagster-webserver", "marimo"):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found


def _redirect(path: str, descriptor: int) -> None:
    opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(opened, descriptor)
    os.close(opened)


def _import_path(cwd: str) -> None:
    """Give the child the path that `python -m` would have: here, `PYTHONPATH`, the libraries.

    The host itself has nothing of the project on its path.
    """
    own = [cwd, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    sys.path[:] = [*own, *(entry for entry in sys.path[1:] if entry not in own)]


def _reseed() -> None:
    """Forget the parent's random state: two tasks must not draw the same numbers."""
    import random

    random.seed()
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        with contextlib.suppress(Exception):
            numpy.random.seed()


def _exit_code(run: Callable[[], object]) -> int:
    """Call an entry and say what its process would have exited with."""
    try:
        run()
    except SystemExit as stop:
        if stop.code is None:
            return 0
        if isinstance(stop.code, int):
            return stop.code & 0xFF
        print(stop.code, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def _leave(code: int) -> None:
    """Exit as an interpreter does: threads are joined, exit handlers run, streams are flushed."""
    import atexit

    try:
        with contextlib.suppress(BaseException):
            threading._shutdown()  # type: ignore[attr-defined]
        with contextlib.suppress(BaseException):
            atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except OSError as error:
                if error.errno == errno.ENOSPC:
                    code = code or 1
    finally:
        os._exit(code)
