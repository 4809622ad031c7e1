"""What a notebook remembers: from cell to cell, and from one session to the next."""

from __future__ import annotations

import copy
import errno
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from daglab.helpers.errors import Conflict, UsageError, ValidationFailed, remember
from daglab.helpers.kept import check_values
from daglab.helpers.storage import locked, opened, replace, unwritable

__all__ = ["NotebookState", "StateChange", "manage_state"]

# How many changes are kept, in memory and in the file.
_HISTORY = 200
# The largest state that is written, in bytes.
_LARGEST = 8 * 1024 * 1024
# The largest file that is read: of one that is larger, somebody else has made something.
_LARGEST_FILE = 64 * 1024 * 1024
_VERSION = 2
# What keeps a file from being written that is no mistake of anybody.
_READ_ONLY = (errno.EACCES, errno.EPERM, errno.EROFS)


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
        check_values(initial)
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
        check_values({key: value})
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
        check_values({key: [value]})
        with self._changing():
            before = self._state.get(key, [])
            if not isinstance(before, list):
                raise UsageError(f"`{key}` is not a list", hint="change it with `update`")
            after = [*before, copy.deepcopy(value)]
            self._set(key, after if limit is None else after[-limit:] if limit > 0 else [])

    def change(self, key: str, how: Callable[[Any], Any]) -> None:
        """Change a value by what it is now, whoever has written it.

        Args:
            key: What it is called.
            how: Returns the new value of a copy of the old one; of nothing if there is none.

        Raises:
            ValidationFailed: It can't be kept: it is a secret, or nothing that JSON has.
            Conflict: The file can't be written.
        """
        with self._changing():
            value = how(copy.deepcopy(self._state.get(key)))
            check_values({key: value})
            self._set(key, copy.deepcopy(value))

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
            self._note("*", before, dict(self._state), True)

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
            return copy.deepcopy(self._history)

    def _set(self, key: str, value: Any) -> None:
        was_there = key in self._state
        before = self._state.get(key)
        if was_there and before == value and type(before) is type(value):
            return
        self._state[key] = value
        self._note(key, before, value, was_there)

    def _note(self, key: str, before: Any, after: Any, was_there: bool) -> None:
        # Values are never changed in their places, so that the history may hold them, too.
        self._history.append(StateChange(key, before, after, time.time(), was_there))
        del self._history[:-_HISTORY]

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Hold the file while what it holds now is changed. A change that fails is none."""
        with self._lock, locked(self._path):
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
        with self._lock, locked(self._path):
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
            with os.fdopen(opened(self._path, os.O_RDONLY), "rb") as file:
                text = file.read(_LARGEST_FILE + 1)
        except FileNotFoundError:
            return
        except OSError as error:
            raise unwritable(self._path, error) from error
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
            raise unwritable(self._path, error) from error
        self.warnings.append(
            f"the state in `{self._path}` could not be read ({type(why).__name__}: {why}), and is"
            f" now in `{aside.name}`; the notebook begins with its initial state"
        )

    def _write(self) -> None:
        if self._path is None:
            return
        text = _text_of(self._state, self._history)
        while len(text) > _LARGEST and self._history:
            # What was is worth less than what is, and the less the older.
            del self._history[: (len(self._history) + 1) // 2]
            text = _text_of(self._state, self._history)
        if len(text) > _LARGEST:
            raise remember(
                ValidationFailed(
                    f"the state has more than {_LARGEST} bytes",
                    hint="keep data in files, and their paths in the state",
                )
            )
        try:
            replace(self._path, text.encode("utf-8", "surrogatepass"))
        except OSError as error:
            raise unwritable(self._path, error) from error


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
    return state, _history_of(said.get("history", []), state)


def _text_of(state: Mapping[str, Any], history: Sequence[StateChange]) -> str:
    """Return a state and its history as they are written.

    What was there after a change follows from what there is, and from the later changes. Of what
    was added to a list, only what went at its other end must be written.
    """
    changes = []
    for change in history:
        dropped = _dropped(change)
        before = change.before if dropped is None else dropped
        changes.append([change.key, before, dropped is not None, change.at, change.was_there])
    said = {"version": _VERSION, "state": state, "history": changes}
    return json.dumps(said, ensure_ascii=False, allow_nan=True)


def _dropped(change: StateChange) -> list[Any] | None:
    """Return what a list lost at its beginning when a value was added; none if that is no such."""
    before, after = change.before, change.after
    if not (change.was_there and isinstance(before, list) and isinstance(after, list) and after):
        return None
    count = len(before) + 1 - len(after)
    if count < 0:
        return None
    # What stays is the same, and not only equal: 1 equals True.
    stays = zip(before[count:], after[:-1], strict=True)
    return before[:count] if all(one is other for one, other in stays) else None


def _history_of(changes: Sequence[Any], state: Mapping[str, Any]) -> list[StateChange]:
    """Return a history as it was before it was written."""
    now = dict(state)
    history = []
    after: Any
    for key, before, is_added, at, was_there in reversed(changes):
        if key == "*":
            after, now = now, dict(before)
        else:
            after = now.get(key)
            if is_added:
                before = [*before, *after[:-1]]
            now[key] = before
            if not was_there:
                del now[key]
        history.append(StateChange(str(key), before, after, float(at), bool(was_there)))
    history.reverse()
    return history[-_HISTORY:]


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
        The state, as it was left. Where nothing may be written, it ends with the process, and
        `warnings` says so.

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
    path = folder / f"{sanitize_input(name, 'name')}.json"
    try:
        return NotebookState(initial, path=path)
    except Conflict as error:
        why = error.__cause__
        if not (isinstance(why, OSError) and why.errno in _READ_ONLY):
            raise
        state = NotebookState(initial)
        state.warnings.append(f"{error.message}: what is kept ends with this session")
        return state


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
    """Return the folder of the project: the nearest with a `daglab.yaml` or `.daglab`.

    It is looked for from the notebook's folder, and then from the current one.
    """
    here = Path.cwd()
    for start in (notebook_folder() or here, here):
        for folder in (start, *start.parents):
            if (folder / "daglab.yaml").is_file() or (folder / ".daglab").is_dir():
                return folder
            if (folder / ".git").exists() or folder == Path.home():
                break
    return here


def notebook_folder() -> Path | None:
    """Return the folder of the notebook that runs, if one does."""
    # Who has not imported marimo is in none of its notebooks.
    marimo = sys.modules.get("marimo")
    folder = marimo.notebook_dir() if marimo is not None else None
    return None if folder is None else Path(folder)
