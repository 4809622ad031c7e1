"""What Python's standard library does not say about processes: death signals, and the environment
that others see."""

from __future__ import annotations

import ctypes
import os
import signal

_PR_SET_PDEATHSIG = 1


def die_with_parent(parent: int) -> None:
    """Get SIGKILL when the parent dies; die at once if it is dead already.

    Linux only; elsewhere the host's end of its socket is what ends its children.
    """
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    except (OSError, AttributeError):
        return
    if os.getppid() != parent:
        os._exit(1)


def show_variable(name: str, value: str) -> None:
    """Write a variable over the one that this process, or the one it was forked from, began with.

    `/proc/PID/environ` shows that memory, and nothing that is set later. Does nothing where there
    is no such variable, or one of another length.
    """
    try:
        libc = ctypes.CDLL(None)
        libc.getenv.restype = ctypes.c_void_p
        place = libc.getenv(name.encode())
    except (OSError, AttributeError):
        return
    new = value.encode()
    if place is not None and len(ctypes.string_at(place)) == len(new):
        ctypes.memmove(place, new, len(new))
