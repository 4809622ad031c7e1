"""What both clients of a server share: who is asked, what is said, and what the answers mean."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any, ClassVar, TypeVar

from daglab.helpers import errors, runs
from daglab.helpers.auth import AuthConfig
from daglab.helpers.binary import Caller
from daglab.helpers.discover import AssetKey, AssetKeyLike, EntityFilters, LocationInfo
from daglab.helpers.errors import DaglabError, RunFailed, UsageError, ValidationFailed, remember
from daglab.helpers.runs import RunEvent, RunResult, RunSubmitResult
from daglab.helpers.validation import read_result as read_validation

__all__ = ["Endpoint", "Health", "OnEvent", "RunConfig", "attach_request"]

RunConfig = Mapping[str, Any] | str
OnEvent = Callable[[RunEvent], object]

_Self = TypeVar("_Self", bound="Endpoint")


@dataclass(frozen=True)
class Health:
    """Whether a server answers.

    Attributes:
        ok: It does, and each of its code locations has loaded. The whole is true where it is.
        url: Its address.
        version: Its release of Dagster.
        locations: Its code locations.
        seconds: How long the answer took.
        error: Why there is none.
    """

    ok: bool
    url: str | None = None
    version: str | None = None
    locations: tuple[LocationInfo, ...] = ()
    seconds: float = 0.0
    error: DaglabError | None = None

    def __bool__(self) -> bool:
        """Return whether it answers."""
        return self.ok


class Endpoint:
    """What both clients share: who is asked, what is said, and what the answers mean."""

    _known: ClassVar[dict[tuple[Any, ...], Any]] = {}
    _lock: ClassVar[Lock] = Lock()

    _caller: Caller
    _url: str | None
    _auth: AuthConfig | None
    _project: Path

    def __new__(
        cls: type[_Self],
        host: str | None = None,
        port: int | None = None,
        auth: AuthConfig | None = None,
        *,
        url: str | None = None,
        project: str | Path | None = None,
    ) -> _Self:
        """Return the one client of a server.

        Args:
            host: The server's host; `localhost` if only a port is given.
            port: Its port; 3000 if only a host is given.
            auth: How to sign in; as the settings say unless it is given.
            url: Its address with scheme and path prefix, in the place of host and port. Without
                any of the three, it is the one that `DAGLAB_DAGSTER_URL` or `daglab.yaml` names, or
                `localhost:3000`.
            project: The folder whose `daglab.yaml` is meant; the current one unless it is given.

        Returns:
            The same client for the same server, user and project.

        Raises:
            UsageError: Both an address and host or port are given.
        """
        address = _address(host, port, url)
        folder = Path.cwd() if project is None else Path(project).expanduser().absolute()
        # What says where to look may change from cell to cell.
        led = os.environ.get("DAGLAB_DAGSTER_URL") if address is None else None
        key = (cls, address, auth, folder, led)
        with cls._lock:
            client = cls._known.get(key)
            if client is None:
                client = object.__new__(cls)
                client._url = address
                client._auth = auth
                client._project = folder
                variables = {} if auth is None else auth.variables()
                if address is not None:
                    # An address may hold a password, which has no business among arguments.
                    variables["DAGLAB_DAGSTER_URL"] = address
                client._caller = Caller(folder, variables)
                cls._known[key] = client
        found: _Self = client
        return found

    @classmethod
    def from_config(cls: type[_Self], project: str | Path | None = None) -> _Self:
        """Return the client of the server that the settings name.

        Args:
            project: The folder whose `daglab.yaml` is meant; the current one unless it is given.

        Returns:
            The client.
        """
        return cls(project=project)

    @property
    def url(self) -> str:
        """The server's address, without user and password.

        Raises:
            ValidationFailed: The settings can't be read.
        """
        return str(self.settings()["url"])

    def settings(self) -> dict[str, Any]:
        """Return the settings in force, as far as notebooks need them.

        Returns:
            `url`, `repository`, `location`, `metadata_key`, `retention_days`, `compress`,
            `max_wait_s`, `sandbox`, `cloud` and others; no token.

        Raises:
            ValidationFailed: They can't be read.
        """
        return self._caller.call("settings", {})

    def __repr__(self) -> str:
        """Return who is asked, without how to sign in."""
        shown = "the server of the settings"
        if self._url is not None:
            shown = self._url.split("://")[0] + "://" + self._url.split("://")[-1].split("@")[-1]
        return f"{type(self).__name__}({shown!r})"

    def __copy__(self: _Self) -> _Self:
        """Return the client itself: there is one."""
        return self

    def __deepcopy__(self: _Self, _memo: object) -> _Self:
        """Return the client itself: there is one."""
        return self

    def __reduce__(self) -> str:
        """Refuse to be pickled: a token would go along.

        Raises:
            UsageError: Always.
        """
        raise UsageError("a client can't be pickled", hint="make one where it is needed")

    @staticmethod
    def _launch(
        job_name: str | None,
        repo: str | None,
        location: str | None,
        run_config: RunConfig | None,
        **more: Any,
    ) -> dict[str, Any]:
        selection = more.pop("asset_selection", None)
        assets, select = _selection(selection)
        return {
            "job": job_name,
            "repository": repo,
            "location": location,
            "run_config": run_config if isinstance(run_config, str) else _plain(run_config),
            "assets": assets,
            "select": select,
            **more,
        }

    @staticmethod
    def _submitted(answer: Mapping[str, Any]) -> RunSubmitResult:
        if not answer["launched"]:
            problems = read_validation(answer).problems
            hint = next((problem.hint for problem in problems if problem.hint), None)
            raise remember(
                ValidationFailed(str(answer["message"]), hint=hint, details=list(problems))
            )
        return runs.read_submitted(answer)

    @staticmethod
    def _health(answer: Mapping[str, Any]) -> Health:
        locations = tuple(
            LocationInfo(name=one["name"], status=one["status"], error=one["error"])
            for one in answer["locations"]
        )
        return Health(
            ok=all(location.status == "loaded" for location in locations),
            url=answer["url"],
            version=answer["version"],
            locations=locations,
            seconds=answer["seconds"],
        )

    @property
    def caller(self) -> Caller:
        """What asks the binary on behalf of this client."""
        return self._caller


def _address(host: str | None, port: int | None, url: str | None) -> str | None:
    if url is not None:
        if host is not None or port is not None:
            raise UsageError("an address is given, and host or port as well")
        return url.rstrip("/")
    if host is None and port is None:
        return None
    host, port = host or "localhost", 3000 if port is None else port
    if not 1 <= port <= 65535:
        raise UsageError(f"`{port}` is not a port", hint="a port is a number from 1 to 65535")
    if "://" in host or "/" in host:
        raise UsageError(f"`{host}` is not a host", hint=f"write `url={host!r}`")
    if ":" in host and not host.startswith("["):
        host = f"[{host}]"
    return f"http://{host}:{port}"


def _selection(
    selection: Sequence[AssetKeyLike] | str | None,
) -> tuple[list[str], str | None]:
    """Return keys, or an expression."""
    if selection is None:
        return [], None
    if isinstance(selection, str):
        return [], selection
    return [key if isinstance(key, str) else str(AssetKey.of(key)) for key in selection], None


def attach_request(target: AssetKeyLike, metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return the request by which metadata is attached."""
    key, partition = _target(target)
    return {"asset": str(key), "partition": partition, "metadata": dict(metadata)}


def _target(target: AssetKeyLike) -> tuple[AssetKey, str | None]:
    """Return the asset and the partition of `asset://a/b:partition`, or of a key alone."""
    if isinstance(target, str) and target.startswith("asset://"):
        key, _, partition = target[len("asset://") :].partition(":")
        return AssetKey.of(key), partition or None
    return AssetKey.of(target), None


def _plain(config: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return a run config without objects: Dagster's own `RunConfig` can say itself as values."""
    if config is None:
        return None
    as_values = getattr(config, "to_config_dict", None)
    values = as_values() if callable(as_values) else dict(config)
    try:
        json.dumps(values, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise UsageError(f"the run config can't be written as JSON: {error}") from error
    return dict(values)


class End:
    """Holds back the event of a run's end until it is sure that the run has ended."""

    def __init__(self) -> None:
        self.event: RunEvent | None = None

    def take(self, line: Mapping[str, Any]) -> RunEvent | None:
        """Return the event of a line that is to be handed on now."""
        if line.get("type") == "report" or "type" not in line:
            return None
        event = runs.read_event(line)
        if event.type == "ended":
            self.event = event
            return None
        return event

    def close(self, exit_code: int) -> RunEvent:
        """Return the event of the end, if that is what the exit code means.

        Raises:
            DaglabError: It was lost on the way.
        """
        if exit_code in (0, RunFailed.code) and self.event is not None:
            return self.event
        message = self.event.error if self.event else None
        raise remember(
            errors.from_exit_code(exit_code, message or "the run could not be followed any longer")
        )


def selecting(expression: str) -> EntityFilters:
    """Return what lists the assets of an expression, and nothing else."""
    return EntityFilters(kinds=["assets"], select=expression, details=False)


def result_of(last: RunEvent | None, submitted: RunSubmitResult) -> RunResult:
    """Return what became of a run, by the last event of it."""
    if last is None or last.type != "ended":
        raise remember(RunFailed(f"run `{submitted.run_id}` could not be followed to its end"))
    return runs.read_report(last, submitted)
