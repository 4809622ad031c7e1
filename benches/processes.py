"""Whole process trees: started, timed, weighed, and ended without a trace.

Everything a measured command leaves behind becomes a child of this process (it is a subreaper), so
that its memory is counted and its end is certain. Processes are ended by their id alone.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36
_SAMPLE_EVERY_S = 0.1
_LOOK_EVERY_S = 0.002


class MeasurementError(Exception):
    """A measured command did not do its work, so its time says nothing."""


@dataclass(frozen=True)
class Result:
    """What one command took."""

    seconds: float
    stdout: str
    peak_bytes: int | None = None


def adopt_orphans() -> None:
    """Make this process the parent of every orphan below it."""
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


def run(
    command: list[str],
    cwd: Path,
    env: Mapping[str, str],
    *,
    log: Path,
    timeout: float = 1800,
    weigh: bool = False,
) -> Result:
    """Run a command to its end; `log` gets what it writes to stderr."""
    out = log.with_suffix(".out")
    with log.open("wb") as stderr, out.open("wb") as stdout:
        begun = time.perf_counter()
        child = subprocess.Popen(
            command,
            cwd=cwd,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
        )
        with _sampler() if weigh else _nothing() as peak:
            try:
                code = child.wait(timeout)
            except subprocess.TimeoutExpired:
                raise MeasurementError(f"still running after {timeout} s: {command}") from None
            finally:
                seconds = time.perf_counter() - begun
                end_all()
    text = out.read_text(errors="replace")
    if code != 0:
        tail = (text + log.read_text(errors="replace"))[-3000:]
        raise MeasurementError(f"exit code {code}: {command}\n{tail}")
    return Result(seconds, text, peak[0] if weigh else None)


def run_alone(command: list[str], cwd: Path, env: Mapping[str, str], *, log: Path) -> Result:
    """Run a command that starts no others, weigh it alone, and leave all else running."""
    out = log.with_suffix(".out")
    with log.open("wb") as stderr, out.open("wb") as stdout:
        begun = time.perf_counter()
        child = subprocess.Popen(
            command,
            cwd=cwd,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
        )
        peak = 0
        while child.poll() is None:
            peak = max(peak, _highest(child.pid))
            time.sleep(_LOOK_EVERY_S)
        seconds = time.perf_counter() - begun
    text = out.read_text(errors="replace")
    if child.returncode != 0:
        tail = (text + log.read_text(errors="replace"))[-3000:]
        raise MeasurementError(f"exit code {child.returncode}: {command}\n{tail}")
    return Result(seconds, text, peak)


@contextmanager
def started(
    command: list[str], cwd: Path, env: Mapping[str, str], *, log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """Start a server, and kill it and all below it at the end."""
    with log.open("wb") as output:
        child = subprocess.Popen(
            command,
            cwd=cwd,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        yield child
    finally:
        end_all()


def end_all() -> None:
    """Kill everything below this process and wait until it is gone."""
    deadline = time.monotonic() + 10
    while below := descendants(os.getpid()):
        for pid in below:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        # `Popen` has its own child's status already, or will find that it is gone.
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG) != (0, 0):
                pass
        if time.monotonic() > deadline:
            raise MeasurementError(f"still alive after SIGKILL: {below}")
        time.sleep(0.01)


def descendants(root: int) -> list[int]:
    """List the processes below `root`, in no order."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            stat = (entry / "stat").read_text()
        except OSError:
            continue
        # The name, in parentheses, may hold anything.
        parent = int(stat[stat.rindex(")") + 2 :].split()[1])
        children.setdefault(parent, []).append(int(entry.name))
    found: list[int] = []
    queue = [root]
    while queue:
        below = children.get(queue.pop(), [])
        found += below
        queue += below
    return found


def _memory(pid: int) -> int:
    """Count a process's memory; what it shares is divided among those who share it."""
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0


def _highest(pid: int) -> int:
    """Read the most memory that a process has had since its program was started."""
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0


@contextmanager
def _sampler() -> Iterator[list[int]]:
    peak = [0]
    over = threading.Event()

    def sample() -> None:
        while not over.wait(_SAMPLE_EVERY_S):
            peak[0] = max(peak[0], sum(_memory(pid) for pid in descendants(os.getpid())))

    thread = threading.Thread(target=sample, daemon=True)
    thread.start()
    try:
        yield peak
    finally:
        over.set()
        thread.join()


@contextmanager
def _nothing() -> Iterator[list[int]]:
    yield [0]
