"""A file that several processes change: whole, one after another, and never by way of a link."""

from __future__ import annotations

import errno
import os
import re
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from daglab.helpers.errors import Conflict, remember

__all__ = ["locked", "opened", "replace", "unwritable"]

# How long to wait for another process that writes, in seconds.
_PATIENCE = 10.0


def opened(path: Path, flags: int) -> int:
    """Open a regular file; a link may lead to what is not the project's."""
    always = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    handle = os.open(path, flags | always, 0o600)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "it is no file")
    return handle


def replace(path: Path, text: bytes) -> None:
    """Write a file in one piece: whoever reads sees all of the old one or all of the new one.

    Its lock is held meanwhile.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _sweep(path)
    handle, name = tempfile.mkstemp(prefix=f".{path.stem}.", suffix=".new", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise


def _sweep(path: Path) -> None:
    """Remove what writers have left that were killed; nobody else writes while the lock is held."""
    begun = re.compile(re.escape(f".{path.stem}.") + r"[a-z0-9_]{8}\.new")
    for file in path.parent.iterdir():
        if begun.fullmatch(file.name):
            with suppress(OSError):
                file.unlink()


@contextmanager
def locked(path: Path | None) -> Iterator[None]:
    """Keep other processes from writing; the lock of one that is killed is free again."""
    if path is None:
        yield
        return
    import fcntl

    lock = path.with_name(f".{path.stem}.lock")
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        handle = opened(lock, os.O_CREAT | os.O_RDWR)
    except OSError as error:
        raise unwritable(lock if error.errno == errno.ELOOP else path, error) from error
    try:
        until = time.monotonic() + _PATIENCE
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > until:
                    raise remember(
                        Conflict(
                            f"another process has been writing to `{path}` for {_PATIENCE:.0f} s",
                            hint=f"end it; the lock is `{lock}`",
                        )
                    ) from None
                time.sleep(0.01)
        yield
    finally:
        os.close(handle)


def unwritable(path: Path, error: OSError) -> Conflict:
    """Return the error of a file that can't be read or written."""
    if error.errno == errno.ELOOP:
        conflict = Conflict(
            f"`{path}` is a link, which is not followed",
            hint="remove it, or give the `path` that it leads to",
        )
    else:
        conflict = Conflict(
            f"`{path}` can't be read or written: {error.strerror}",
            hint="give a `path` that you may write to",
        )
    remember(conflict)
    return conflict
