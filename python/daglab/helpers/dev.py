"""Dagster and the notebook's editor side by side: two processes that begin and end together."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
import webbrowser
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from daglab.helpers.errors import Conflict, EnvironmentMissing, UsageError, remember

__all__ = ["cleanup_processes", "find_available_port", "start_sidecar"]

# How long processes may take to end when they are asked to, in seconds; then they are killed.
_GRACE = 5.0
# How long a server may take before its page is opened, in seconds.
_START_UP = 120.0
# How many ports are tried after the first.
_PORTS = 10
_DAGSTER, _MARIMO = 3000, 3010


def find_available_port(start: int, end: int, host: str = "localhost") -> int | None:
    """Return a port that nobody listens on.

    Args:
        start: The first port to try.
        end: The last.
        host: The name or address that is to be listened at.

    Returns:
        The first that is free; nothing if none is.

    Raises:
        UsageError: The ports are none, or the host is unknown.
    """
    if not 1 <= start <= 65535 or not 1 <= end <= 65535:
        raise UsageError(f"{start} to {end} are not ports", hint="ports are numbers up to 65535")
    try:
        addresses = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError as error:
        raise UsageError(f"there is no host `{host}`: {error.strerror}") from error
    # Of a machine without IPv6, its address can't be had.
    usable = [(family, address) for family, _, _, _, address in addresses if _exists(family)]
    for port in range(start, end + 1):
        if all(_is_free(family, (address[0], port, *address[2:])) for family, address in usable):
            return port
    return None


def _exists(family: int) -> bool:
    address = "::1" if family == socket.AF_INET6 else "127.0.0.1"
    return family not in (socket.AF_INET, socket.AF_INET6) or _can_bind(family, (address, 0))


def _can_bind(family: int, address: tuple[str | int, ...]) -> bool:
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # As servers do it: a connection that has just ended is not in the way.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError:
            return False
        return True


def _is_free(family: int, address: tuple[str | int, ...]) -> bool:
    if not _can_bind(family, address):
        return False
    # Who listens at all addresses may leave room at this one on some systems.
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(address) != 0


def start_sidecar(
    dagster_cmd: Sequence[str],
    marimo_cmd: Sequence[str],
    open_browser: bool = True,
    port_range: tuple[int, int] | None = None,
) -> int:
    """Start Dagster and marimo, and wait until one of them ends or Ctrl-C ends both.

    Each gets a port that is free: the one that its command names, or one of the next ten, or of
    the range. Both lead process groups of their own, and all of them have ended when this returns;
    they are asked to end, too, if this process is killed. The notebook is led to this Dagster by
    `DAGLAB_DAGSTER_URL`.

    Args:
        dagster_cmd: Dagster's command, such as `["dagster", "dev", "-f", "definitions.py"]`.
        marimo_cmd: marimo's command, such as `["marimo", "edit", "notebook.py"]`.
        open_browser: Whether both pages are opened once they answer. marimo opens its own: only it
            knows the token that the page wants.
        port_range: The first and the last port to try.

    Returns:
        The exit code of the process that ended first; 130 after Ctrl-C, 143 after SIGTERM,
        129 when the terminal is closed.

    Raises:
        EnvironmentMissing: A command is not installed.
        Conflict: No port is free.
    """
    dagster, dagster_port = _with_port(list(dagster_cmd), _DAGSTER, port_range, set())
    marimo, marimo_port = _with_port(list(marimo_cmd), _MARIMO, port_range, {dagster_port})
    url, page = f"http://localhost:{dagster_port}", f"http://localhost:{marimo_port}"
    own = _own(marimo)
    opens_itself = not {"edit", "run", "new"}.isdisjoint(own) and "--headless" not in own
    if opens_itself and not open_browser:
        marimo = _with(marimo, "--headless")
    env = {**os.environ, "DAGLAB_DAGSTER_URL": url}
    processes: list[subprocess.Popen[bytes]] = []
    with _signals() as asked:
        try:
            processes.append(_start(dagster, dict(os.environ)))
            processes.append(_start(marimo, env))
            print(f"Dagster: {url}", file=sys.stderr)
            print(f"marimo: {page}", file=sys.stderr)
            ended = threading.Event()
            if open_browser:
                pages = [url] if opens_itself else [url, page]
                threading.Thread(target=_open, args=(pages, ended), daemon=True).start()
            try:
                return _first_end(processes, asked)
            finally:
                ended.set()
        finally:
            cleanup_processes([process.pid for process in processes])
            for process in processes:
                process.wait()


def _with_port(
    command: list[str], default: int, port_range: tuple[int, int] | None, taken: set[int]
) -> tuple[list[str], int]:
    """Return a command with a port that is free."""
    if not command:
        raise UsageError("a command is empty")
    at, wanted = _port_of(command)
    first = default if wanted is None else wanted
    start, end = port_range or (first, first + _PORTS)
    if port_range is not None and wanted is not None and start <= wanted <= end:
        # What the command names comes first, if it may.
        tried = [(wanted, wanted), (start, end)]
    else:
        tried = [(start, end)]
    for low, high in tried:
        port = _free_but(low, min(high, 65535), taken)
        if port is not None:
            break
    else:
        raise remember(
            Conflict(
                f"no port from {start} to {end} is free for `{Path(command[0]).name}`",
                hint="end what listens there, or give another `port_range`",
            )
        )
    if at is None:
        return _with(command, "--port", str(port)), port
    if "=" in command[at]:
        name = command[at].split("=", 1)[0]
        return [*command[:at], f"{name}={port}", *command[at + 1 :]], port
    return [*command[: at + 1], str(port), *command[at + 2 :]], port


def _free_but(start: int, end: int, taken: set[int]) -> int | None:
    while start <= end:
        port = find_available_port(start, end)
        if port is None or port not in taken:
            return port
        start = port + 1
    return None


def _own(command: Sequence[str]) -> Sequence[str]:
    """Return a command without what follows `--`: that is for the notebook."""
    return command[: command.index("--")] if "--" in command else command


def _with(command: Sequence[str], *more: str) -> list[str]:
    """Return a command with more words."""
    own = _own(command)
    return [*own, *more, *command[len(own) :]]


def _port_of(command: Sequence[str]) -> tuple[int | None, int | None]:
    """Return where a command names its port, and which."""
    own = _own(command)
    for index, word in enumerate(own):
        name, _, value = word.partition("=")
        if name not in ("--port", "-p"):
            continue
        if not value and index + 1 < len(own):
            value = own[index + 1]
        if not value.isdigit() or not 1 <= int(value) <= 65535:
            raise UsageError(f"`{value}` is not a port", hint="a port is a number up to 65535")
        return index, int(value)
    return None, None


def _start(command: Sequence[str], env: dict[str, str]) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            command,
            env=env,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            # It calls the C library, and nothing else.
            preexec_fn=_end_with_parent,
        )
    except OSError as error:
        raise remember(
            EnvironmentMissing(
                f"`{command[0]}` could not be started: {error.strerror}",
                hint=f"install it into this environment: `pip install {Path(command[0]).name}`",
            )
        ) from error


# Loaded before there is a fork: a child must not import anything.
_C_LIBRARY = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1


def _end_with_parent() -> None:
    """Be asked to end when the parent is killed, in a child that is about to begin."""
    _C_LIBRARY.prctl(_PR_SET_PDEATHSIG, int(signal.SIGINT), 0, 0, 0)


@contextmanager
def _signals() -> Iterator[list[int]]:
    """Note which signals ask to end, instead of ending; only the main thread can."""
    asked: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return

    def note(number: int, _frame: object) -> None:
        asked.append(number)

    ends = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, note) for number in ends}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _first_end(processes: Sequence[subprocess.Popen[bytes]], asked: Sequence[int]) -> int:
    while True:
        if asked:
            return 128 + asked[0]
        for process in processes:
            code = process.poll()
            if code is not None:
                return code if code >= 0 else 128 - code
        time.sleep(0.1)


def _open(pages: Sequence[str], ended: threading.Event) -> None:
    """Open each page once it answers."""
    until = time.monotonic() + _START_UP
    for page in pages:
        while not ended.is_set() and time.monotonic() < until:
            if _answers(page):
                with suppress(webbrowser.Error):
                    webbrowser.open(page)
                break
            ended.wait(0.3)


def _answers(page: str) -> bool:
    # The environment's proxies are not for this machine.
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(page, timeout=2):
            return True
    except urllib.error.HTTPError:
        return True
    except (OSError, ValueError):
        return False


def cleanup_processes(pids: Sequence[int]) -> None:
    """End processes and what they have started, gracefully and then for good.

    Each is asked to end with its process group, if it leads one; what is still there after ten
    seconds is killed. Processes that are gone already are left alone.

    Args:
        pids: Their ids.

    Raises:
        UsageError: An id is that of this process, or none at all.
    """
    own = {0, 1, os.getpid(), os.getppid()}
    for pid in pids:
        if pid <= 0 or pid in own:
            raise UsageError(f"{pid} is not a process that can be ended here")
    # Dagster takes SIGINT for Ctrl-C, and ends what it has started in order.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        left = [pid for pid in pids if _signal(pid, number)]
        if not left:
            return
        until = time.monotonic() + (_GRACE if number != signal.SIGKILL else 1.0)
        while time.monotonic() < until and any(_is_there(pid) for pid in left):
            time.sleep(0.05)
        if not any(_is_there(pid) for pid in left):
            return


def _group(pid: int) -> bool:
    """Say whether a process leads a group, or did: its children may have outlived it."""
    try:
        os.killpg(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return pid != os.getpgrp()


def _signal(pid: int, number: int) -> bool:
    """Send a signal, and say whether there was somebody to get it."""
    if not _is_there(pid):
        return False
    with suppress(ProcessLookupError, PermissionError):
        if _group(pid):
            os.killpg(pid, number)
        else:
            os.kill(pid, number)
    return True


def _is_there(pid: int) -> bool:
    """Say whether a process or one of its group has not ended. A zombie of ours has."""
    with suppress(ChildProcessError):
        return not _has_ended(pid) or _others(pid)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return _group(pid)
    except PermissionError:
        return True
    return True


def _has_ended(pid: int) -> bool:
    """Say whether a child of this process has ended.

    Raises:
        ChildProcessError: It is none, or was waited for already.
    """
    if hasattr(os, "waitid"):
        # Not reaped: whoever has started it wants to know its exit code.
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    return os.waitpid(pid, os.WNOHANG)[0] == pid


def _others(group: int) -> bool:
    """Say whether anybody but its dead leader is in a group."""
    processes = Path("/proc")
    if not processes.is_dir():
        return False
    for stat in processes.glob("[0-9]*/stat"):
        try:
            # The name may hold anything, and ends with the last `)`.
            state, _, of_group, *_ = stat.read_text().rpartition(")")[2].split()
        except (OSError, ValueError):
            continue
        if int(of_group) == group and state not in ("Z", "X"):
            return True
    return False
