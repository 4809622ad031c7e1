#!/usr/bin/env python3
"""Measure uploads beside awscli, on one local server: `benches/uploads.py [--server S3S_FS]`.

Both send the same files to the same server (s3s-fs, which verifies signatures, and is quick enough
to leave the measurement to the clients) and take turns. daglab does more than is asked of the other
side: it writes the run's list, report, index and pointers, and compares sizes in the end.

  one   a file of 500 MB
  many  1,000 files of 100 KB

Medians, ratios and the highest memory go to stdout as a Markdown table. Needs a release binary
(`cargo build --release`). The server is built by cargo, and awscli is installed from PyPI into a
folder of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
KEY, SECRET = "AKIABENCHMARK0000001", "secret-of-the-benchmark-and-nothing-else"
BUCKET = "reports"
WANTED = {"one": "1×", "many": "2×"}
REPORT = {
    "schema_version": 1,
    "daglab_version": "0",
    "result": "passed",
    "project": {"name": "bench"},
    "started_at": "2026-01-01T00:00:00Z",
    "duration_s": 0.0,
    "notebooks": [],
    "runs": [],
    "locations": [],
    "findings": [],
    "attachments": [],
    "timings": {},
}


def server_binary(given: Path | None) -> Path:
    """Find or build s3s-fs."""
    if given:
        return given.resolve()
    root = ROOT / "target" / "bench-tools"
    binary = root / "bin" / "s3s-fs"
    if not binary.exists():
        command = ["cargo", "install", "--locked", "--version", "0.14.1", "--root", str(root)]
        subprocess.run([*command, "s3s-fs", "--features", "binary"], check=True)
    return binary


def awscli(folder: Path) -> Path:
    """Install awscli."""
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "awscli"], check=True)
    return folder / "bin" / "aws"


@contextmanager
def serving(binary: Path, folder: Path) -> Iterator[str]:
    """Run the server; gives its address."""
    (folder / BUCKET).mkdir(parents=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(binary), "--host", "127.0.0.1", "--port", str(port)]
    command += ["--access-key", KEY, "--secret-key", SECRET, str(folder)]
    with (folder.parent / "server.log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            for _ in range(200):
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                if server.poll() is not None:
                    sys.exit(f"the server ended: {(folder.parent / 'server.log').read_text()}")
                time.sleep(0.05)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.kill()
            server.wait()


def measured(command: list[str], env: dict[str, str]) -> tuple[float, float]:
    """Run a command by itself: seconds, and its highest memory in MB."""
    begun = time.perf_counter()
    process = subprocess.Popen(
        command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    said = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    taken = time.perf_counter() - begun
    if process.returncode != 0:
        sys.exit(f"{command} ended with {process.returncode}:\n{said}")
    scale = 1 if sys.platform == "darwin" else 1024
    return taken, usage.ru_maxrss * scale / 1e6


def files(folder: Path, name: str) -> Path:
    """Make what is uploaded: of random bytes, which nothing makes smaller."""
    directory = folder / name
    (directory / "files").mkdir(parents=True)
    (directory / "report.json").write_text(json.dumps(REPORT))
    sizes = [500_000_000] if name == "one" else [100_000] * 1000
    for number, size in enumerate(sizes):
        with (directory / "files" / f"{number:04}.bin").open("wb") as file:
            while size > 0:
                file.write(os.urandom(min(size, 10_000_000)))
                size -= 10_000_000
    return directory


def must_hold(bucket: Path, count: int) -> None:
    """Check that all of it arrived, and make room."""
    found = sum(1 for path in bucket.rglob("*.bin") if path.is_file())
    if found != count:
        sys.exit(f"{found} files are in the bucket, not {count}")
    for path in bucket.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server", type=Path, help="the program s3s-fs")
    parser.add_argument("--daglab", type=Path, default=ROOT / "target" / "release" / "daglab")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    binary = server_binary(arguments.server)
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        aws = awscli(folder / "awscli")
        data = folder / "data"
        with serving(binary, data) as endpoint:
            env = {
                "PATH": os.environ["PATH"],
                "HOME": str(folder),
                "AWS_ACCESS_KEY_ID": KEY,
                "AWS_SECRET_ACCESS_KEY": SECRET,
                "AWS_REGION": "us-east-1",
                "AWS_DEFAULT_REGION": "us-east-1",
                "AWS_ENDPOINT_URL": endpoint,
            }
            for name, count in (("one", 1), ("many", 1000)):
                directory = files(folder, name)
                ours = [str(arguments.daglab), "ci", "publish", "--report", str(directory)]
                ours += ["--no-compress", "--upload", f"s3://{BUCKET}/bench"]
                theirs = [str(aws), "s3", "cp", "--recursive", "--only-show-errors"]
                theirs += [str(directory / "files"), f"s3://{BUCKET}/bench/files"]
                taken: list[list[tuple[float, float]]] = [[], []]
                for number in range(arguments.rounds + 1):
                    sides = [(0, ours), (1, theirs)]
                    for side, command in sides if number % 2 == 0 else reversed(sides):
                        result = measured(command, env)
                        must_hold(data / BUCKET, count)
                        # The first round fills caches.
                        if number > 0:
                            taken[side].append(result)
                    print(f"  {name}, round {number}: {taken}", file=sys.stderr, flush=True)
                a, b = (statistics.median(seconds for seconds, _ in side) for side in taken)
                m, n = (max(memory for _, memory in side) for side in taken)
                what = "1 file of 500 MB" if name == "one" else "1,000 files of 100 KB"
                rows.append(
                    f"| {what} | {a:.2f} s | {b:.2f} s | {b / a:.1f}× | {WANTED[name]} "
                    f"| {m:.0f} MB | {n:.0f} MB |"
                )
    print("| what | daglab | `aws s3 cp` | ratio | wanted | daglab's memory | awscli's |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    print("\n".join(rows))


if __name__ == "__main__":
    main()
