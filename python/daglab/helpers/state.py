"""What a notebook remembers: from cell to cell, and from one session to the next."""

from __future__ import annotations

import copy
import errno
import json
import os
import re
import stat
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from daglab.helpers.errors import Conflict, UsageError, ValidationFailed, remember

__all__ = ["NotebookState", "StateChange", "manage_state"]

# How many changes are kept, in memory and in the file.
_HISTORY = 200
# The largest state that is written, in bytes.
_LARGEST = 8 * 1024 * 1024
# The largest file that is read: of one that is larger, somebody else has made something.
_LARGEST_FILE = 64 * 1024 * 1024
# How long to wait for another process that writes, in seconds.
_PATIENCE = 10.0
_VERSION = 1

# What is named so is a secret, and has no business in a file of the project.
_SECRET = re.compile(
    r"(?i)(^|[^a-z])(pass(word|wd|phrase)?|secret|token|credentials?|authorization|"
    r"(api|access|private|secret|signing|encryption)[^a-z]?key)([^a-z]|s?$)"
)
# And so are these, whatever they are called.
_SECRET_VALUE = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY|\b(gh[pousr]_[A-Za-z0-9]{30,}|github_pat_\w{30,}|"
    r"AKIA[0-9A-Z]{16}|xox[abpr]-[\w-]{10,}|eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]+)"
    r"|://[^/\s:@]+:[^/\s:@]+@"
)


@dataclass(frozen=True)
class StateChange:
    """A change of the state.

    Attributes:
        key: What was changed; `*` for a reset.
        before: The value before it; nothing if there was none.
        after: The value after it; nothing if it was removed.
        at: When, in seconds since 1970.
        was_there: Whether there was a value before, which may have been nothing.
    """

    key: str
    before: Any
    after: Any
    at: float
    was_there: bool = True


class NotebookState:
    """Persistent state of a notebook, with a history.

    With a path, each change is written at once, in one piece; several notebooks and processes may
    write to the same file, and each sees what the others have written when it changes something.
    A file that can't be read is moved aside, and `warnings` says so; a value that is no list or no
    dictionary, where the initial one is, gives way to the initial one in the same way.

    These texts are refused: any under a name with the word `password`, `passwd`, `passphrase`,
    `secret`, `token`, `credential` or `authorization` in it, or `api`, `access`, `private`,
    `secret`, `signing` or `encryption` before `key`; and under any name private keys in PEM, tokens
    of GitHub and Slack, key ids of AWS, JSON Web Tokens and addresses with a user and a password.
    Other secrets are not recognized: a password called `note` is written like any other text.
    """

    def __init__(self, initial: Mapping[str, Any], *, path: str | Path | None = None) -> None:
        """Begin with what the file holds, or with the initial values.

        Args:
            initial: The values that `reset` leads back to; what the file lacks is taken from them.
            path: The file; without one, the state ends with the process.

        Raises:
            ValidationFailed: A value can't be kept: it is a secret, or nothing that JSON has.
            Conflict: The file can't be read or moved aside.
        """
        _check(initial)
        self._initial = copy.deepcopy(dict(initial))
        self._state: dict[str, Any] = copy.deepcopy(self._initial)
        self._history: list[StateChange] = []
        self._path = None if path is None else Path(path)
        self._lock = threading.RLock()
        self.warnings: list[str] = []
        self._load()

    @property
    def path(self) -> Path | None:
        """The file, if there is one."""
        return self._path

    def get(self, key: str, default: Any = None) -> Any:
        """Return a copy of a value.

        Args:
            key: What it is called.
            default: What to return if there is none.

        Returns:
            The value. To change it, `update` it.
        """
        with self._lock:
            return copy.deepcopy(self._state.get(key, default))

    def __getitem__(self, key: str) -> Any:
        """Return a copy of a value.

        Raises:
            KeyError: There is none.
        """
        with self._lock:
            return copy.deepcopy(self._state[key])

    def __setitem__(self, key: str, value: Any) -> None:
        """Change a value, as `update` does."""
        self.update(key, value)

    def __contains__(self, key: object) -> bool:
        """Return whether there is a value of this name."""
        return key in self._state

    def __iter__(self) -> Iterator[str]:
        """Return the names of all values."""
        return iter(list(self._state))

    def __len__(self) -> int:
        """Return how many values there are."""
        return len(self._state)

    def as_dict(self) -> dict[str, Any]:
        """Return a copy of all values."""
        with self._lock:
            return copy.deepcopy(self._state)

    def update(self, key: str, value: Any) -> None:
        """Change a value.

        Args:
            key: What it is called.
            value: The value: what JSON has.

        Raises:
            ValidationFailed: It can't be kept: it is a secret, or nothing that JSON has.
            Conflict: The file can't be written.
        """
        _check({key: value})
        with self._changing():
            self._set(key, copy.deepcopy(value))

    def append(self, key: str, value: Any, *, limit: int | None = None) -> None:
        """Add to a list.

        Args:
            key: What the list is called; a new one if there is none.
            value: What to add: what JSON has.
            limit: How many of the newest stay.

        Raises:
            UsageError: There is something else of this name.
            ValidationFailed: It can't be kept: it is a secret, or nothing that JSON has.
            Conflict: The file can't be written.
        """
        _check({key: [value]})
        with self._changing():
            before = self._state.get(key, [])
            if not isinstance(before, list):
                raise UsageError(f"`{key}` is not a list", hint="change it with `update`")
            after = [*before, copy.deepcopy(value)]
            self._set(key, after if limit is None else after[-limit:] if limit > 0 else [])

    def remove(self, key: str) -> None:
        """Remove a value, if there is one.

        Args:
            key: What it is called.

        Raises:
            Conflict: The file can't be written.
        """
        with self._changing():
            if key in self._state:
                self._note(key, self._state.pop(key), None, True)

    def reset(self) -> None:
        """Return to the initial values. The history stays, and `undo` works.

        Raises:
            Conflict: The file can't be written.
        """
        with self._changing():
            before = self._state
            self._state = copy.deepcopy(self._initial)
            self._note("*", before, copy.deepcopy(self._state), True)

    def undo(self) -> StateChange | None:
        """Take back the last change.

        Returns:
            What was taken back; nothing if there was nothing.

        Raises:
            Conflict: The file can't be written.
        """
        with self._changing():
            if not self._history:
                return None
            last = self._history.pop()
            if last.key == "*":
                self._state = copy.deepcopy(last.before)
            elif not last.was_there:
                self._state.pop(last.key, None)
            else:
                self._state[last.key] = copy.deepcopy(last.before)
            return last

    def get_history(self) -> list[StateChange]:
        """Return the changes, oldest first: the last 200."""
        with self._lock:
            return list(self._history)

    def _set(self, key: str, value: Any) -> None:
        was_there = key in self._state
        before = self._state.get(key)
        if was_there and before == value and type(before) is type(value):
            return
        self._state[key] = value
        self._note(key, before, copy.deepcopy(value), was_there)

    def _note(self, key: str, before: Any, after: Any, was_there: bool) -> None:
        self._history.append(StateChange(key, before, after, time.time(), was_there))
        del self._history[:-_HISTORY]

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Hold the file while what it holds now is changed. A change that fails is none."""
        with self._lock, _locked(self._path):
            self._read()
            before = self._state, list(self._history)
            self._state = dict(self._state)
            try:
                yield
                self._write()
            except BaseException:
                self._state, self._history = before
                raise

    def _load(self) -> None:
        with self._lock, _locked(self._path):
            self._read()
            wrong = [
                key
                for key, value in self._initial.items()
                if isinstance(value, (list, tuple, Mapping))
                and _shape(value) is not _shape(self._state[key])
            ]
            for key in wrong:
                self.warnings.append(
                    f"`{key}` in `{self._path}` is no {_shape(self._initial[key]).__name__}: it"
                    " begins with its initial value; `undo` brings back what was there"
                )
                self._set(key, copy.deepcopy(self._initial[key]))
            if wrong:
                self._write()

    def _read(self) -> None:
        if self._path is None:
            return
        try:
            with os.fdopen(_opened(self._path, os.O_RDONLY), "rb") as file:
                text = file.read(_LARGEST_FILE + 1)
        except FileNotFoundError:
            return
        except OSError as error:
            raise _unwritable(self._path, error) from error
        try:
            if len(text) > _LARGEST_FILE:
                raise ValueError(f"it has more than {_LARGEST_FILE} bytes")
            state, history = _understood(text)
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            self._move_aside(error)
            return
        self._state = {**copy.deepcopy(self._initial), **state}
        self._history = history

    def _move_aside(self, why: Exception) -> None:
        assert self._path is not None
        stamp = datetime.now(timezone.utc).strftime("%Y%m%d-%H%M%S-%f")
        aside = self._path.with_name(f"{self._path.stem}.broken-{stamp}.json")
        try:
            self._path.replace(aside)
        except OSError as error:
            raise _unwritable(self._path, error) from error
        self.warnings.append(
            f"the state in `{self._path}` could not be read ({type(why).__name__}: {why}), and is"
            f" now in `{aside.name}`; the notebook begins with its initial state"
        )

    def _write(self) -> None:
        if self._path is None:
            return
        said = {
            "version": _VERSION,
            "state": self._state,
            "history": [
                [change.key, change.before, change.after, change.at, change.was_there]
                for change in self._history
            ],
        }
        text = json.dumps(said, ensure_ascii=False, allow_nan=True)
        if len(text) > _LARGEST:
            # What was is worth less than what is.
            said["history"] = []
            self._history.clear()
            text = json.dumps(said, ensure_ascii=False, allow_nan=True)
        if len(text) > _LARGEST:
            raise remember(
                ValidationFailed(
                    f"the state has more than {_LARGEST} bytes",
                    hint="keep data in files, and their paths in the state",
                )
            )
        try:
            _replace(self._path, text.encode("utf-8", "surrogatepass"))
        except OSError as error:
            raise _unwritable(self._path, error) from error


def _opened(path: Path, flags: int) -> int:
    """Open a regular file; a link may lead to what is not the project's."""
    always = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    handle = os.open(path, flags | always, 0o600)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "it is no file")
    return handle


def _shape(value: Any) -> type:
    if isinstance(value, (list, tuple)):
        return list
    return dict if isinstance(value, Mapping) else object


def _understood(text: bytes) -> tuple[dict[str, Any], list[StateChange]]:
    said = json.loads(text.decode("utf-8", "surrogatepass"))
    if not isinstance(said, dict) or said.get("version") != _VERSION:
        raise ValueError("it is not of this version")
    state = said["state"]
    if not isinstance(state, dict):
        raise ValueError("it holds no values")
    history = [
        StateChange(str(key), before, after, float(at), bool(was_there))
        for key, before, after, at, was_there in said.get("history", [])
    ]
    return state, history[-_HISTORY:]


def _replace(path: Path, text: bytes) -> None:
    """Write a file in one piece: whoever reads sees all of the old one or all of the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
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


@contextmanager
def _locked(path: Path | None) -> Iterator[None]:
    """Keep other processes from writing; the lock of one that is killed is free again."""
    if path is None:
        yield
        return
    import fcntl

    lock = path.with_name(f".{path.stem}.lock")
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        handle = _opened(lock, os.O_CREAT | os.O_RDWR)
    except OSError as error:
        raise _unwritable(lock if error.errno == errno.ELOOP else path, error) from error
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


def _unwritable(path: Path, error: OSError) -> Conflict:
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


def _check(values: Mapping[str, Any]) -> None:
    """Refuse secrets, and what would be another value when it is read again."""
    for key, value in values.items():
        _check_one(str(key), value, str(key), 0)


def _check_one(key: str, value: Any, place: str, depth: int) -> None:
    if depth > 60:
        raise ValidationFailed(f"`{place}` is nested too deeply")
    if isinstance(value, Mapping):
        for name, inner in value.items():
            if not isinstance(name, str):
                raise ValidationFailed(
                    f"`{place}` has a key that is no text: {type(name).__name__}",
                    hint="only what JSON has can be kept",
                )
            _check_one(name, inner, f"{place}.{name}", depth + 1)
    elif isinstance(value, (list, tuple)):
        for index, inner in enumerate(value):
            _check_one(key, inner, f"{place}[{index}]", depth + 1)
    elif isinstance(value, str):
        if value and (_SECRET.search(key) or _SECRET_VALUE.search(value)):
            raise ValidationFailed(
                f"`{place}` looks like a secret, which is not kept",
                hint="keep the name of the variable that holds it, and read `os.environ`",
            )
    elif value is not None and not isinstance(value, (bool, int, float)):
        raise ValidationFailed(
            f"`{place}` can't be kept: it is of type `{type(value).__name__}`",
            hint="only what JSON has can be kept: texts, numbers, lists and dictionaries",
        )


def manage_state(
    initial: Mapping[str, Any], *, name: str | None = None, directory: str | Path | None = None
) -> NotebookState:
    """Return the state of a notebook, kept in the project's `.daglab/state/NAME.json`.

    Args:
        initial: The values that `reset` leads back to.
        name: What the state is called; as the file of the notebook that calls this unless it is
            given. Where there is no file, the state ends with the process.
        directory: Where the file is, in the place of `.daglab/state`.

    Returns:
        The state, as it was left.

    Raises:
        ValidationFailed: A value can't be kept: it is a secret, or nothing that JSON has.
        Conflict: The file can't be read or moved aside, or `.daglab/state` leads out of
            the project.
    """
    from daglab.helpers.validation import sanitize_input

    if name is None:
        # marimo names the notebook's file so, as Python does with a script's.
        file = sys._getframe(1).f_globals.get("__file__")
        if not isinstance(file, str):
            return NotebookState(initial)
        name = Path(file).stem
    folder = _state_folder() if directory is None else Path(directory)
    return NotebookState(initial, path=folder / f"{sanitize_input(name, 'name')}.json")


def _state_folder() -> Path:
    """Return the project's `.daglab/state`, unless a link leads it out of the project."""
    root = project_root()
    folder = root / ".daglab" / "state"
    try:
        is_inside = folder.resolve().is_relative_to(root.resolve())
    except (OSError, RuntimeError):
        # Links that lead round in circles.
        is_inside = False
    if not is_inside:
        raise remember(
            Conflict(
                f"`{folder}` is a link that leads out of the project",
                hint="remove it, or give the `directory` that it leads to",
            )
        )
    return folder


def project_root() -> Path:
    """Return the folder of the project: the nearest with a `daglab.yaml` or `.daglab`."""
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "daglab.yaml").is_file() or (folder / ".daglab").is_dir():
            return folder
        if (folder / ".git").exists() or folder == Path.home():
            break
    return here
