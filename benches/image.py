#!/usr/bin/env python3
"""Measure the image beside a plain one with the same packages: `benches/image.py IMAGE BASE`.

Both are on one engine (`DOCKER_HOST`) and take turns; the plain one is BASE with pip's installation
of the same versions. Medians go to stdout as a Markdown table.

  size     all layers, unpacked
  version  from `docker run` to the end of `--version`
  job      from `docker run` to the end of one small job: `daglab ci` (which also starts an
           instance, loads the code location and writes a report), and `dagster job execute`
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import projects

ROOT = Path(__file__).resolve().parent.parent
PLAIN = "daglab-bench-plain"
DOCKERFILE = """ARG BASE
FROM ${BASE}
ENV PIP_CERT=/etc/ssl/certs/ca-certificates.crt
COPY requirements.txt /requirements.txt
RUN python3 -m venv /venv && /venv/bin/pip install --quiet --no-cache-dir \\
    --constraint /requirements.txt dagster dagster-webserver marimo
ENV PATH=/venv/bin:$PATH
"""


def docker(*arguments: str) -> str:
    """Run docker and return what it prints; a failure ends the benchmark."""
    result = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)
    if result.returncode != 0:
        sys.exit(f"docker {arguments}:\n{result.stdout}{result.stderr}")
    return result.stdout


def build_plain(base: str) -> None:
    """Make the image to compare with."""
    with tempfile.TemporaryDirectory() as folder:
        context = Path(folder)
        (context / "Dockerfile").write_text(DOCKERFILE)
        shutil.copy(ROOT / "scripts" / "test-requirements.txt", context / "requirements.txt")
        docker("build", "--quiet", "--build-arg", f"BASE={base}", "--tag", PLAIN, folder)


def timed(folder: Path, image: str, *arguments: str) -> float:
    """Measure one container from start to end, with a fresh copy of the project."""
    with tempfile.TemporaryDirectory() as copy:
        shutil.copytree(folder, copy, dirs_exist_ok=True)
        begun = time.perf_counter()
        docker("run", "--rm", "--workdir", "/work", "--volume", f"{copy}:/work", image, *arguments)
        taken = time.perf_counter() - begun
        # What a container's root has written is root's.
        docker(
            "run", "--rm", "--volume", f"{copy}:/work", PLAIN, "sh", "-c", "rm -rf /work/.daglab"
        )
        return taken


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("image")
    parser.add_argument("base")
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    build_plain(given.base)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        projects.definitions(folder, 1)
        projects.configuration(folder, ["job_000"])
        sides = {
            "`--version`": (["--version"], ["dagster", "--version"]),
            "one small job": (
                ["ci"],
                ["dagster", "job", "execute", "-f", "definitions.py", "-j", "job_000"],
            ),
        }
        print("| what | the image | plain |\n| --- | --- | --- |")
        sizes = [
            docker("image", "inspect", "--format", "{{.Size}}", i) for i in (given.image, PLAIN)
        ]
        base = int(docker("image", "inspect", "--format", "{{.Size}}", given.base))
        cells = [f"{(int(size) - base) / 1e6:.0f} MB" for size in sizes]
        print(f"| size beyond the base of {base / 1e6:.0f} MB | {' | '.join(cells)} |")
        for what, (ours, theirs) in sides.items():
            taken: tuple[list[float], list[float]] = ([], [])
            for _ in range(given.rounds):
                taken[0].append(timed(folder, given.image, *ours))
                taken[1].append(timed(folder, PLAIN, *theirs))
            a, b = (statistics.median(side) for side in taken)
            print(f"| {what} | {a:.2f} s | {b:.2f} s |", flush=True)


if __name__ == "__main__":
    main()
