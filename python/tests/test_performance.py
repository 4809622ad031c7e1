"""Measurements of time and memory."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
import unittest
from pathlib import Path
from unittest import mock

from daglab.helpers import PerformanceTracker, UsageError, performance, track_performance


class PerformanceTest(unittest.TestCase):
    def test_memory_that_was_held_for_a_moment_is_seen(self) -> None:
        tracker = PerformanceTracker()
        with tracker.measure("large") as large:
            held = bytearray(64 << 20)
            held[::4096] = b"x" * len(held[::4096])
            during = tracker.get_memory_usage()
            del held
        record = large.record
        assert record is not None and record.memory_peak is not None
        assert record.memory_before is not None
        self.assertGreater(record.memory_peak, record.memory_before + (48 << 20))
        self.assertGreater(during.peak, 64 << 20)
        self.assertGreaterEqual(during.peak, during.rss)
        assert during.total is not None and during.available is not None
        self.assertGreaterEqual(during.total, during.available)

    def test_the_peak_of_what_started_this_is_not_its_own(self) -> None:
        # `exec` in the same process, as servers start kernels: what the system has counted stays.
        child = textwrap.dedent(
            """
            from daglab.helpers import PerformanceTracker
            print(PerformanceTracker().get_memory_usage().peak)
            """
        )
        parent = textwrap.dedent(
            f"""
            import os, sys
            held = b"x" * (256 << 20)
            os.execv(sys.executable, [sys.executable, "-c", {child!r}])
            """
        )
        env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
        said = subprocess.check_output([sys.executable, "-c", parent], env=env)
        self.assertLess(int(said), 200 << 20)

    def test_files_in_the_cache_are_no_memory_that_is_used(self) -> None:
        files = {
            "/sys/fs/cgroup/memory.max": "1000",
            "/sys/fs/cgroup/memory.current": "900",
            "/sys/fs/cgroup/memory.stat": "anon 100\ninactive_file 300\nactive_file 50\n",
            "/proc/meminfo": "MemTotal: 100 kB\nMemAvailable: 90 kB\n",
        }
        with mock.patch.object(Path, "read_text", lambda path, **_: files[str(path)]):
            self.assertEqual(performance._system_memory(), (400, 1000))

    def test_what_fails_is_measured_and_goes_on(self) -> None:
        tracker = PerformanceTracker()
        with self.assertRaises(ZeroDivisionError), tracker.measure("bad"):
            _ = 1 / 0
        tracker.start_timing("good")
        self.assertGreaterEqual(tracker.end_timing("good"), 0)
        bad, good = tracker.records
        self.assertEqual((bad.success, bad.error), (False, "ZeroDivisionError: division by zero"))
        self.assertTrue(good.success)
        self.assertEqual(tracker.success_rate(), 0.5)
        self.assertEqual(tracker.success_rate("good"), 1.0)
        self.assertIsNone(tracker.success_rate("never"))
        rows = tracker.to_rows()
        self.assertEqual([row["operation"] for row in rows], ["bad", "good"])

    def test_timings_overlap(self) -> None:
        tracker = PerformanceTracker()
        tracker.start_timing("a")
        tracker.start_timing("b")
        tracker.start_timing("a")
        tracker.end_timing("a")
        tracker.end_timing("b")
        with self.assertRaises(UsageError) as raised:
            tracker.end_timing("a")
        self.assertIn("start_timing('a')", str(raised.exception))
        names = [thread.name for thread in threading.enumerate()]
        self.assertNotIn("daglab-memory", names)

    def test_runs_are_compared(self) -> None:
        tracker = PerformanceTracker()
        tracker.record("dagster", 3.0)
        tracker.record("dagster", 2.0, memory_peak=5)
        tracker.record("dagster", 9.0, success=False)
        tracker.record("here", 0.5)
        result = tracker.compare_runs("dagster", "here")
        self.assertEqual((result.faster, result.ratio), ("here", 4.0))
        self.assertEqual((result.seconds_a, result.seconds_b), (2.0, 0.5))
        self.assertEqual(
            result.message, "`here` took 0.50 s, and `dagster` 2.00 s: 4.0 times as long"
        )
        with self.assertRaises(UsageError) as raised:
            tracker.compare_runs("dagster", "elsewhere")
        self.assertIn("`dagster`, `here`", str(raised.exception))

    def test_a_block_is_measured_alone(self) -> None:
        with track_performance("x") as measured:
            self.assertIsNone(measured.seconds)
        assert measured.seconds is not None
        self.assertGreater(measured.seconds, 0)


if __name__ == "__main__":
    unittest.main()
