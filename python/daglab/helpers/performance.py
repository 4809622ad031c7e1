"""How long things take, and how much memory they need."""

from __future__ import annotations

import os
import resource
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from daglab.helpers.errors import UsageError

__all__ = [
    "ComparisonResult",
    "MemoryInfo",
    "Performance",
    "PerformanceRecord",
    "PerformanceTracker",
    "track_performance",
]

# How many records a tracker keeps.
_RECORDS = 1000


@dataclass(frozen=True)
class MemoryInfo:
    """Memory of this process and of its machine or container, in bytes.

    Attributes:
        rss: What the process holds now.
        peak: The most that it ever held.
        available: What is left, if the system says so.
        total: What there is, if the system says so.
    """

    rss: int
    peak: int
    available: int | None = None
    total: int | None = None


@dataclass(frozen=True)
class PerformanceRecord:
    """What was measured of an operation.

    Attributes:
        operation: What it is called.
        seconds: How long it took.
        success: Whether it ended without an exception.
        at: When it began, in seconds since 1970.
        cpu_seconds: The processor time that this process spent on it.
        memory_before: What the process held before it, in bytes.
        memory_peak: The most that it held meanwhile.
        memory_after: What it held after it.
        error: The exception that ended it.
    """

    operation: str
    seconds: float
    success: bool
    at: float
    cpu_seconds: float | None = None
    memory_before: int | None = None
    memory_peak: int | None = None
    memory_after: int | None = None
    error: str | None = None


@dataclass(frozen=True)
class ComparisonResult:
    """Two operations, held against each other: of each, the latest that ended well.

    Attributes:
        a: The first.
        b: The second.
        seconds_a: How long the first took.
        seconds_b: How long the second took.
        ratio: How many times as long the slower took.
        faster: Which was faster.
        memory_a: The most memory that was held during the first, in bytes, if it was measured.
        memory_b: The same of the second.
        message: All this as a sentence.
    """

    a: str
    b: str
    seconds_a: float
    seconds_b: float
    ratio: float
    faster: str
    memory_a: int | None = None
    memory_b: int | None = None
    message: str = ""


@dataclass
class _Open:
    at: float
    begun: float
    cpu: float
    memory: int
    sampler: PeakSampler


class PeakSampler:
    """Watches how much memory this process holds, in a thread of its own."""

    def __init__(self, interval: float = 0.02) -> None:
        """Get ready.

        Args:
            interval: The pause between two looks, in seconds.
        """
        self.peak = current_rss()
        self._interval = interval
        self._ended = threading.Event()
        self._before = _peak_rss()
        self._thread = threading.Thread(target=self._watch, name="daglab-memory", daemon=True)

    def start(self) -> PeakSampler:
        """Begin to watch."""
        self._thread.start()
        return self

    def stop(self) -> int:
        """Stop watching, and return the most that was held, in bytes."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join(timeout=1)
        self.peak = max(self.peak, current_rss())
        # A peak between two looks is known to the system, if it is the highest there was.
        highest = _peak_rss()
        if highest > self._before:
            self.peak = max(self.peak, highest)
        return self.peak

    def _watch(self) -> None:
        while not self._ended.wait(self._interval):
            self.peak = max(self.peak, current_rss())


class Performance:
    """A measurement that is under way; what was measured is there when it has ended."""

    def __init__(self, operation: str) -> None:
        """Name it.

        Args:
            operation: What is measured.
        """
        self.operation = operation
        self.record: PerformanceRecord | None = None

    @property
    def seconds(self) -> float | None:
        """How long it took, once it has ended."""
        return None if self.record is None else self.record.seconds


class PerformanceTracker:
    """Tracks how long operations take and how much memory they need.

    Operations may overlap, and be measured in several threads; each is known by its name.
    """

    def __init__(self) -> None:
        """Begin without records."""
        self._open: dict[str, _Open] = {}
        self._records: list[PerformanceRecord] = []
        self._lock = threading.Lock()

    def start_timing(self, operation: str) -> None:
        """Begin to measure an operation; one of the same name that has not ended is forgotten.

        Args:
            operation: What it is called.
        """
        begun = _begin()
        with self._lock:
            forgotten = self._open.pop(operation, None)
            self._open[operation] = begun
        if forgotten is not None:
            forgotten.sampler.stop()

    def end_timing(
        self, operation: str, *, success: bool = True, error: str | None = None
    ) -> float:
        """End the measurement of an operation.

        Args:
            operation: What it is called.
            success: Whether it ended well.
            error: Why it did not.

        Returns:
            How long it took, in seconds.

        Raises:
            UsageError: It was never begun.
        """
        with self._lock:
            begun = self._open.pop(operation, None)
        if begun is None:
            raise UsageError(
                f"the timing of `{operation}` was never started",
                hint=f"call `start_timing({operation!r})` first",
            )
        record = _finish(operation, begun, success, error)
        self.add(record)
        return record.seconds

    @contextmanager
    def measure(self, operation: str) -> Iterator[Performance]:
        """Measure what is done inside of a `with` block; an exception is noted and goes on.

        Args:
            operation: What it is called.

        Yields:
            What was measured, once it has ended.
        """
        performance = Performance(operation)
        begun = _begin()
        error: str | None = None
        try:
            yield performance
        except BaseException as raised:
            error = f"{type(raised).__name__}: {raised}"
            raise
        finally:
            performance.record = _finish(operation, begun, error is None, error)
            self.add(performance.record)

    def record(
        self,
        operation: str,
        seconds: float,
        *,
        success: bool = True,
        memory_peak: int | None = None,
    ) -> PerformanceRecord:
        """Note what was measured elsewhere, such as a run on a server.

        Args:
            operation: What it is called.
            seconds: How long it took.
            success: Whether it ended well.
            memory_peak: The most memory that was held, in bytes.

        Returns:
            The record.
        """
        record = PerformanceRecord(
            operation, seconds, success, time.time() - seconds, memory_peak=memory_peak
        )
        self.add(record)
        return record

    def add(self, record: PerformanceRecord) -> None:
        """Add a record; of more than 1000 the oldest goes."""
        with self._lock:
            self._records.append(record)
            del self._records[:-_RECORDS]

    @property
    def records(self) -> list[PerformanceRecord]:
        """What was measured, oldest first."""
        with self._lock:
            return list(self._records)

    def get_memory_usage(self) -> MemoryInfo:
        """Return the memory of this process, and what is left."""
        return memory_info()

    def success_rate(self, operation: str | None = None) -> float | None:
        """Return the share of operations that ended well.

        Args:
            operation: Only those of this name.

        Returns:
            From 0 to 1; nothing if there is no record.
        """
        found = [one for one in self.records if operation in (None, one.operation)]
        return sum(one.success for one in found) / len(found) if found else None

    def compare_runs(self, run_a: str, run_b: str) -> ComparisonResult:
        """Hold two operations against each other.

        Args:
            run_a: The first.
            run_b: The second.

        Returns:
            Which was faster, and by how much.

        Raises:
            UsageError: One of them never ended well.
        """
        a, b = self._latest(run_a), self._latest(run_b)
        slower, faster = (a, b) if a.seconds >= b.seconds else (b, a)
        # What took no time at all is as fast as the clock can tell.
        ratio = slower.seconds / max(faster.seconds, 1e-9)
        return ComparisonResult(
            a=run_a,
            b=run_b,
            seconds_a=a.seconds,
            seconds_b=b.seconds,
            ratio=ratio,
            faster=faster.operation,
            memory_a=a.memory_peak,
            memory_b=b.memory_peak,
            message=f"`{faster.operation}` took {faster.seconds:.2f} s, and `{slower.operation}`"
            f" {slower.seconds:.2f} s: {ratio:.1f} times as long",
        )

    def to_rows(self) -> list[dict[str, Any]]:
        """Return the records as rows of a table or chart, with memory in MiB."""

        def mebibytes(count: int | None) -> float | None:
            return None if count is None else round(count / 2**20, 1)

        return [
            {
                "operation": one.operation,
                "seconds": round(one.seconds, 4),
                "success": one.success,
                "at": one.at,
                "cpu_seconds": None if one.cpu_seconds is None else round(one.cpu_seconds, 4),
                "memory_before_mib": mebibytes(one.memory_before),
                "memory_peak_mib": mebibytes(one.memory_peak),
                "memory_after_mib": mebibytes(one.memory_after),
                "error": one.error,
            }
            for one in self.records
        ]

    def _latest(self, operation: str) -> PerformanceRecord:
        for record in reversed(self.records):
            if record.operation == operation and record.success:
                return record
        known = sorted({record.operation for record in self.records if record.success})
        raise UsageError(
            f"no `{operation}` has ended well",
            hint=f"there are `{'`, `'.join(known)}`" if known else "measure something first",
        )


def _begin() -> _Open:
    sampler = PeakSampler().start()
    memory = current_rss()
    return _Open(time.time(), time.perf_counter(), time.process_time(), memory, sampler)


def _finish(operation: str, begun: _Open, success: bool, error: str | None) -> PerformanceRecord:
    seconds = time.perf_counter() - begun.begun
    cpu = time.process_time() - begun.cpu
    peak = begun.sampler.stop()
    return PerformanceRecord(
        operation=operation,
        seconds=seconds,
        success=success,
        at=begun.at,
        cpu_seconds=cpu,
        memory_before=begun.memory,
        memory_peak=max(peak, begun.memory),
        memory_after=current_rss(),
        error=error,
    )


@contextmanager
def track_performance(
    operation: str, tracker: PerformanceTracker | None = None
) -> Iterator[Performance]:
    """Measure what is done inside of a `with` block.

    Args:
        operation: What it is called.
        tracker: Where it is noted; nowhere unless it is given.

    Yields:
        What was measured: `seconds` and `record`, once the block has ended.
    """
    with (tracker or PerformanceTracker()).measure(operation) as performance:
        yield performance


def memory_info() -> MemoryInfo:
    """Return the memory of this process, and what is left."""
    rss = current_rss()
    available, total = _system_memory()
    return MemoryInfo(rss=rss, peak=max(rss, _peak_rss()), available=available, total=total)


def current_rss() -> int:
    """Return what this process holds now, in bytes."""
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[1]) * _PAGE
    except (OSError, IndexError, ValueError):
        # Elsewhere, the standard library only knows the most that there ever was.
        return _peak_rss()


def _peak_rss() -> int:
    # What `getrusage` says outlives `exec`: it may be the peak of a server that has started this.
    found = _proc("/proc/self/status", ("VmHWM:",))
    if found:
        return found["VmHWM:"]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


_PAGE = os.sysconf("SC_PAGE_SIZE")


def _system_memory() -> tuple[int | None, int | None]:
    found = _proc("/proc/meminfo", ("MemAvailable:", "MemTotal:"))
    available, total = found.get("MemAvailable:"), found.get("MemTotal:")
    if total is None:
        try:
            total = os.sysconf("SC_PHYS_PAGES") * _PAGE
        except (ValueError, OSError):
            total = None
    limit = _number("/sys/fs/cgroup/memory.max")
    if limit is not None and (total is None or limit < total):
        # A container has less than its machine.
        used = _number("/sys/fs/cgroup/memory.current")
        total = limit
        if used is not None:
            # Files that are read again if need be are given up first.
            cached = _words("/sys/fs/cgroup/memory.stat", ("inactive_file",))
            left = max(0, limit - used + cached.get("inactive_file", 0))
            available = left if available is None else min(available, left)
    return available, total


def _proc(file: str, names: tuple[str, ...]) -> dict[str, int]:
    return {name: kibibytes * 1024 for name, kibibytes in _words(file, names).items()}


def _words(file: str, names: tuple[str, ...]) -> dict[str, int]:
    """Return the numbers behind some of the words that lines begin with."""
    found: dict[str, int] = {}
    try:
        for line in Path(file).read_text(encoding="ascii", errors="replace").splitlines():
            words = line.split()
            if words and words[0] in names:
                found[words[0]] = int(words[1])
    except (OSError, IndexError, ValueError):
        pass
    return found


def _number(file: str) -> int | None:
    try:
        return int(Path(file).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
