"""The `daglab` binary, found and asked: the one thing that speaks to Dagster and to stores."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import threading
from collections.abc import AsyncGenerator, Generator, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import IO, Any, cast

from daglab import __version__
from daglab.helpers import errors
from daglab.helpers.errors import (
    ConnectionFailed,
    DaglabError,
    EnvironmentMissing,
    UsageError,
    remember,
)

__all__ = ["Caller", "binary_version", "find_binary"]

# The longest answer, and the longest line of a stream, in bytes.
_LONGEST = 64 * 1024 * 1024
# How much of what the binary says on stderr an error shows, in bytes.
_SAID = 16 * 1024
# How long one answer may take, in seconds; the binary has limits of its own, which are shorter.
_PATIENCE = 900.0
# How long a process may take to end when it is asked to, in seconds.
_GRACE = 3.0

_INTERRUPTED = (130, 143)


def find_binary() -> Path:
    """Return the `daglab` binary.

    It is what `DAGLAB_BIN` names, as in notebooks that daglab itself runs; or what was installed
    with this package; or the one on the `PATH`.

    Returns:
        Its path. Its version is that of this package.

    Raises:
        EnvironmentMissing: There is none, or it is of another version.
    """
    named = os.environ.get("DAGLAB_BIN")
    if named:
        return _checked(Path(named), "which `DAGLAB_BIN` names")
    beside = [Path(sysconfig.get_path("scripts")), Path(sys.executable).parent]
    for directory in beside:
        found = directory / "daglab"
        if _is_binary(found):
            return _checked(found, "which is installed beside this Python")
    on_path = shutil.which("daglab")
    if on_path:
        return _checked(Path(on_path), "which is the first on the `PATH`")
    raise remember(
        EnvironmentMissing(
            "there is no `daglab` binary",
            hint="install it into this environment with `pip install daglab`, put it on the `PATH`,"
            " or set `DAGLAB_BIN` to it",
        )
    )


def binary_version(path: Path) -> str:
    """Return the version of a binary.

    Args:
        path: The binary.

    Returns:
        Its version, such as `0.1.0`.

    Raises:
        EnvironmentMissing: It can't be run, or is something else.
    """
    try:
        changed = path.stat().st_mtime_ns
    except OSError as error:
        raise remember(
            EnvironmentMissing(
                f"`{path}` can't be run: {error.strerror}",
                hint="set `DAGLAB_BIN` to the `daglab` binary, or unset it",
            )
        ) from error
    return _version(path, changed)


@lru_cache(maxsize=8)
def _version(path: Path, _changed: int) -> str:
    hint = "set `DAGLAB_BIN` to the `daglab` binary, or unset it"
    try:
        ended = subprocess.run(
            [str(path), "--version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=30,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        why = error.strerror if isinstance(error, OSError) else "it does not answer"
        raise remember(EnvironmentMissing(f"`{path}` can't be run: {why}", hint=hint)) from error
    words = ended.stdout[:200].split()
    if ended.returncode != 0 or len(words) != 2 or words[0] != "daglab":
        raise remember(EnvironmentMissing(f"`{path}` is not the `daglab` binary", hint=hint))
    return words[1]


def _checked(path: Path, which: str) -> Path:
    version = binary_version(path)
    if version != __version__:
        raise remember(
            EnvironmentMissing(
                f"`{path}`, {which}, is daglab {version}, and this package is daglab {__version__}",
                hint=f"install both in one version: `pip install daglab=={__version__}`, or set"
                f" `DAGLAB_BIN` to a binary of version {__version__}",
            )
        )
    return path


def _is_binary(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)


class Caller:
    """Asks the binary, as one user of one server: each question is a process of its own.

    A process is ended when whoever waits for it no longer does.
    """

    def __init__(self, directory: Path, variables: Mapping[str, str]) -> None:
        """Say where and as whom.

        Args:
            directory: The folder whose project and settings are meant.
            variables: What the process sees beside the variables of this one. Tokens are here, and
                never among arguments.
        """
        self.directory = directory
        self._variables = dict(variables)

    def call(self, method: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """Ask, and wait for the answer.

        Args:
            method: What is asked: a method of `daglab call`.
            request: What is said about it, as JSON can say it.

        Returns:
            The answer.

        Raises:
            DaglabError: There is none, and why.
        """
        return self.command(["call", method], _encoded(request))

    async def call_async(self, method: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """Ask, and wait for the answer without holding up others.

        Args:
            method: What is asked: a method of `daglab call`.
            request: What is said about it, as JSON can say it.

        Returns:
            The answer.

        Raises:
            DaglabError: There is none, and why.
        """
        return await self.command_async(["call", method], _encoded(request))

    def command(
        self, arguments: Sequence[str], text: bytes = b"", *, patience: float = _PATIENCE
    ) -> dict[str, Any]:
        """Run a command that answers with one JSON value.

        Args:
            arguments: The command line.
            text: What it reads on stdin.
            patience: How long it may take, in seconds.

        Returns:
            The answer.

        Raises:
            DaglabError: There is none, and why.
        """
        with tempfile.TemporaryFile() as said:
            process = self._start(arguments, said)
            is_late = threading.Event()
            timer = threading.Timer(patience, _end_late, (process, is_late))
            timer.daemon = True
            timer.start()
            try:
                _write(process, text)
                assert process.stdout is not None
                answer = process.stdout.read(_LONGEST + 1)
                if len(answer) > _LONGEST:
                    raise _too_long()
                code = process.wait()
            finally:
                timer.cancel()
                _end(process)
            if is_late.is_set():
                raise _no_answer(patience)
            return _answer(answer, code, said)

    async def command_async(
        self, arguments: Sequence[str], text: bytes = b"", *, patience: float = _PATIENCE
    ) -> dict[str, Any]:
        """Run a command that answers with one JSON value, without holding up others.

        Args:
            arguments: The command line.
            text: What it reads on stdin.
            patience: How long it may take, in seconds.

        Returns:
            The answer.

        Raises:
            DaglabError: There is none, and why.
        """
        with tempfile.TemporaryFile() as said:
            process = await self._start_async(arguments, said)
            try:
                answer, code = await asyncio.wait_for(_read_all(process, text), patience)
            except asyncio.TimeoutError:
                raise _no_answer(patience) from None
            finally:
                await _end_async(process)
            return _answer(answer, code, said)

    def stream(
        self, method: str, request: Mapping[str, Any]
    ) -> Generator[dict[str, Any], None, None]:
        """Ask, and take the answer line by line, as it comes.

        Args:
            method: What is asked: a method of `daglab call`.
            request: What is said about it, as JSON can say it.

        Yields:
            Each line. The last is `{"exit_code": …}`.

        Raises:
            DaglabError: The answer ended with an error.
        """
        with tempfile.TemporaryFile() as said:
            process = self._start(["call", method], said)
            try:
                _write(process, _encoded(request))
                assert process.stdout is not None
                while line := process.stdout.readline(_LONGEST + 1):
                    if len(line) > _LONGEST:
                        raise _too_long()
                    yield _line(line)
                yield _ended(process.wait(), said)
            finally:
                _end(process)

    async def stream_async(
        self, method: str, request: Mapping[str, Any]
    ) -> AsyncGenerator[dict[str, Any], None]:
        """Ask, and take the answer line by line, as it comes.

        Args:
            method: What is asked: a method of `daglab call`.
            request: What is said about it, as JSON can say it.

        Yields:
            Each line. The last is `{"exit_code": …}`.

        Raises:
            DaglabError: The answer ended with an error.
        """
        with tempfile.TemporaryFile() as said:
            process = await self._start_async(["call", method], said)
            try:
                await _write_async(process, _encoded(request))
                assert process.stdout is not None
                while True:
                    try:
                        line = await process.stdout.readline()
                    except ValueError as error:
                        raise _too_long() from error
                    if not line:
                        break
                    yield _line(line)
                yield _ended(await process.wait(), said)
            finally:
                await _end_async(process)

    def _arguments(self, arguments: Sequence[str]) -> list[str]:
        # Progress and notes are for people at a terminal.
        return [str(find_binary()), "--quiet", "--no-progress", *arguments]

    def _environment(self) -> dict[str, str]:
        return {**os.environ, **self._variables, "DAGLAB_ERRORS_AS_JSON": "1", "NO_COLOR": "1"}

    def _start(self, arguments: Sequence[str], said: IO[bytes]) -> subprocess.Popen[bytes]:
        command = self._arguments(arguments)
        try:
            return subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=said,
                cwd=self.directory,
                env=self._environment(),
                # Ctrl-C is for this process, which ends its children itself.
                start_new_session=True,
            )
        except OSError as error:
            raise _not_started(command[0], self.directory, error) from error

    async def _start_async(
        self, arguments: Sequence[str], said: IO[bytes]
    ) -> asyncio.subprocess.Process:
        command = self._arguments(arguments)
        try:
            return await asyncio.create_subprocess_exec(
                *command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=said,
                cwd=self.directory,
                env=self._environment(),
                start_new_session=True,
                limit=_LONGEST,
            )
        except OSError as error:
            raise _not_started(command[0], self.directory, error) from error


def _encoded(request: Mapping[str, Any]) -> bytes:
    given = {name: value for name, value in request.items() if value is not None}
    try:
        return json.dumps(given, allow_nan=False).encode()
    except (TypeError, ValueError) as error:
        raise remember(
            UsageError(
                f"what was given can't be written as JSON: {error}",
                hint="use texts, numbers, booleans, lists and dictionaries with texts as keys",
            )
        ) from error


def _not_started(binary: str, directory: Path, error: OSError) -> DaglabError:
    if not directory.is_dir():
        return remember(
            EnvironmentMissing(
                f"there is no folder `{directory}`", hint="give the project's folder as `project`"
            )
        )
    return remember(EnvironmentMissing(f"`{binary}` could not be started: {error.strerror}"))


def _too_long() -> DaglabError:
    return remember(ConnectionFailed(f"an answer has more than {_LONGEST} bytes"))


def _write(process: subprocess.Popen[bytes], text: bytes) -> None:
    assert process.stdin is not None
    # One that has ended already says why on its stdout.
    with suppress(BrokenPipeError):
        process.stdin.write(text)
    with suppress(BrokenPipeError):
        process.stdin.close()


async def _write_async(process: asyncio.subprocess.Process, text: bytes) -> None:
    assert process.stdin is not None
    with suppress(BrokenPipeError, ConnectionResetError):
        process.stdin.write(text)
        await process.stdin.drain()
    process.stdin.close()


async def _read_all(process: asyncio.subprocess.Process, text: bytes) -> tuple[bytes, int]:
    await _write_async(process, text)
    assert process.stdout is not None
    pieces = bytearray()
    while piece := await process.stdout.read(1 << 20):
        pieces += piece
        if len(pieces) > _LONGEST:
            raise _too_long()
    return bytes(pieces), await process.wait()


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process that nobody waits for any more, and leave no zombie."""
    if process.stdout is not None:
        process.stdout.close()
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(_GRACE)
    except subprocess.TimeoutExpired:
        _kill(process.pid)
        process.wait()


async def _end_async(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    with suppress(ProcessLookupError):
        process.terminate()
    # A task that is cancelled once more must not leave the process behind.
    waiting = asyncio.ensure_future(process.wait())
    try:
        await asyncio.wait_for(asyncio.shield(waiting), _GRACE)
    except (asyncio.TimeoutError, asyncio.CancelledError) as error:
        _kill(process.pid)
        if isinstance(error, asyncio.CancelledError):
            raise
        await waiting


def _end_late(process: subprocess.Popen[bytes], is_late: threading.Event) -> None:
    """End a process whose time is over, while another thread waits for it."""
    is_late.set()
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        process.wait(_GRACE)
    except subprocess.TimeoutExpired:
        _kill(process.pid)


def _no_answer(patience: float) -> DaglabError:
    return remember(
        ConnectionFailed(
            f"the `daglab` process gave no answer within {patience:.0f} s",
            hint="it was ended; see whether the server answers, and try again",
        )
    )


def _kill(pid: int) -> None:
    """Kill a process and what it has started: it leads a session of its own."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def _line(line: bytes) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise remember(ConnectionFailed("the `daglab` binary gave an answer that is not JSON"))
    error = value.get("error")
    if isinstance(error, dict) and "exit_code" in error:
        raise remember(errors.from_json(error))
    return cast(dict[str, Any], value)


def _answer(answer: bytes, code: int, said: IO[bytes]) -> dict[str, Any]:
    # Of one that was ended, what it has said is not all.
    if answer.strip() and code >= 0 and code not in _INTERRUPTED:
        return _line(answer)
    raise _unsaid(code, said)


def _ended(code: int, said: IO[bytes]) -> dict[str, Any]:
    """Return the end of a stream; one that was cut off has failed."""
    if code < 0 or code in _INTERRUPTED:
        raise _unsaid(code, said)
    return {"exit_code": code}


def _unsaid(code: int, said: IO[bytes]) -> DaglabError:
    """Return the error of a process that has not said why on stdout."""
    words = _tail(said)
    if code < 0 or code in _INTERRUPTED:
        name = signal.Signals(-code).name if code < 0 else "a signal"
        return remember(DaglabError(f"the `daglab` process was ended by {name}", details=words))
    if code == 2 and "unrecognized subcommand" in words:
        return remember(
            EnvironmentMissing(
                "the `daglab` binary is too old for this package",
                hint=f"install both in one version: `pip install daglab=={__version__}`",
            )
        )
    return remember(
        errors.from_exit_code(code, f"daglab ended with exit code {code}", details=words)
    )


def _tail(said: IO[bytes]) -> str:
    size = said.seek(0, os.SEEK_END)
    said.seek(max(0, size - _SAID))
    return said.read(_SAID).decode(errors="replace").strip()
