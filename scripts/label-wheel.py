"""Makes sure of a wheel that maturin has built, and says in it all that it runs on.

`scripts/label-wheel.py BINARY WHEEL`: the wheel must hold this binary. A static binary needs no C
library, so it runs where musl is, too. maturin does not say both of one wheel, since for most
binaries it would be wrong.
"""

from __future__ import annotations

import base64
import hashlib
import os
import sys
import tempfile
import zipfile
from pathlib import Path

# Linux since glibc 2.17, which is the oldest that Rust supports, and since musl 1.1.
PLATFORMS = ("manylinux_2_17", "manylinux2014", "musllinux_1_1")


def labelled(metadata: str, architecture: str) -> str:
    """WHEEL with the tags of all platforms in the place of its own."""
    kept = [line for line in metadata.splitlines() if line and not line.startswith("Tag: ")]
    kept += [f"Tag: py3-none-{platform}_{architecture}" for platform in PLATFORMS]
    return "".join(f"{line}\n" for line in kept)


def record_line(name: str, content: bytes) -> str:
    """The line that RECORD has for a file."""
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=")
    return f"{name},sha256={digest.decode()},{len(content)}\n"


def label(binary: Path, wheel: Path) -> Path:
    """Write the wheel anew, with all its tags and under the name that says them."""
    name, version = wheel.name.split("-")[:2]
    architecture = os.uname().machine
    tags = ".".join(f"{platform}_{architecture}" for platform in PLATFORMS)
    target = wheel.with_name(f"{name}-{version}-py3-none-{tags}.whl")
    info = f"{name}-{version}.dist-info"
    record = f"{info}/RECORD"
    script = f"{name}-{version}.data/scripts/{binary.name}"
    lines: list[str] = []
    with (
        zipfile.ZipFile(wheel) as old,
        tempfile.NamedTemporaryFile(dir=wheel.parent, delete=False) as file,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        if old.read(script) != binary.read_bytes():
            sys.exit(f"error: `{wheel}` does not hold `{binary}`")
        for entry in old.infolist():
            content = old.read(entry)
            if entry.filename == record:
                continue
            if entry.filename == f"{info}/WHEEL":
                content = labelled(content.decode(), architecture).encode()
            lines.append(record_line(entry.filename, content))
            new.writestr(entry, content)
        lines.append(f"{record},,\n")
        new.writestr(old.getinfo(record), "".join(lines))
    os.chmod(file.name, 0o644)
    os.replace(file.name, target)
    if target != wheel:
        wheel.unlink()
    return target


if __name__ == "__main__":
    target = label(Path(sys.argv[1]), Path(sys.argv[2]))
    print(f"{target.name}: {target.stat().st_size / 1e6:.1f} MB")
