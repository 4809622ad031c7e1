"""A Dagster server, asked by notebooks: by a client that waits, and by one that awaits."""

from __future__ import annotations

import json
import os
import time
from collections.abc import AsyncGenerator, Callable, Generator, Mapping, Sequence
from contextlib import aclosing, closing
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any, ClassVar, TypeVar

from daglab.helpers import errors, runs
from daglab.helpers.auth import AuthConfig
from daglab.helpers.binary import Caller
from daglab.helpers.discover import (
    AssetKey,
    AssetKeyLike,
    DiscoveryResult,
    EntityFilters,
    LocationInfo,
)
from daglab.helpers.discover import read_result as read_discovery
from daglab.helpers.errors import DaglabError, RunFailed, UsageError, ValidationFailed, remember
from daglab.helpers.runs import RunEvent, RunInfo, RunResult, RunStatus, RunSubmitResult
from daglab.helpers.validation import ValidationResult
from daglab.helpers.validation import read_result as read_validation

__all__ = ["DagsterClient", "Health", "SyncDagsterClient", "run_job"]

RunConfig = Mapping[str, Any] | str
OnEvent = Callable[[RunEvent], object]

_Self = TypeVar("_Self", bound="_Endpoint")


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


class _Endpoint:
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


class _End:
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


class DagsterClient(_Endpoint):
    """A client of one Dagster web server, for code that awaits.

    There is one for each server, user and project: asking for the same again returns the same
    client. Where the settings say how to sign in, what is allowed in the sandbox and how often a
    question is repeated, it is so here.
    """

    async def health(self) -> Health:
        """Say whether the server answers. Never raises a `DaglabError`.

        Returns:
            What is known of the server, or why nothing is.
        """
        begun = time.monotonic()
        try:
            return self._health(await self._caller.call_async("health", {}))
        except DaglabError as error:
            return Health(ok=False, url=self._url, seconds=time.monotonic() - begun, error=error)

    async def discover_entities(self, filters: EntityFilters | None = None) -> DiscoveryResult:
        """List what the server has.

        Args:
            filters: What to list; everything unless it is given.

        Returns:
            What was found. Code locations that did not load are among its warnings.

        Raises:
            ConnectionFailed: The server can't be asked.
            AuthenticationFailed: It does not let us.
            UsageError: The filters contradict each other.
        """
        request = (filters or EntityFilters()).request()
        return read_discovery(await self._caller.call_async("discover", request))

    async def select_assets(self, expression: str) -> list[AssetKey]:
        """Return the assets that an expression selects.

        Args:
            expression: Dagster's asset selection syntax, such as `key:"orders*" or +group:core`.

        Returns:
            Their keys, sorted.

        Raises:
            UsageError: The expression can't be read.
            ConnectionFailed: The server can't be asked.
        """
        found = await self.discover_entities(_selecting(expression))
        return found.asset_keys()

    async def validate_config(
        self,
        job_name: str,
        run_config: RunConfig | None = None,
        repo: str | None = None,
        location: str | None = None,
    ) -> ValidationResult:
        """Say whether a run config fits a job. Nothing is launched.

        Args:
            job_name: The job.
            run_config: The run config; as YAML, problems have lines.
            repo: The repository, where several have a job of the name.
            location: The code location.

        Returns:
            Whether it fits, and all that is wrong with it.

        Raises:
            ConnectionFailed: The server can't be asked.
            ValidationFailed: There is no such job.
        """
        request = self._launch(job_name, repo, location, run_config)
        return read_validation(await self._caller.call_async("validate", request))

    async def config_skeleton(
        self, job_name: str, repo: str | None = None, location: str | None = None
    ) -> str:
        """Return a run config to start from: what the job has where nothing is chosen.

        Args:
            job_name: The job.
            repo: The repository, where several have a job of the name.
            location: The code location.

        Returns:
            YAML; empty if the job has no run config.

        Raises:
            ConnectionFailed: The server can't be asked.
            ValidationFailed: There is no such job.
        """
        request = self._launch(job_name, repo, location, None)
        return str((await self._caller.call_async("skeleton", request))["yaml"])

    async def submit_job(
        self,
        job_name: str | None,
        repo: str | None = None,
        location: str | None = None,
        run_config: RunConfig | None = None,
        asset_selection: Sequence[AssetKeyLike] | str | None = None,
        validate: bool = True,
        *,
        tags: Mapping[str, str] | None = None,
        partition: str | None = None,
    ) -> RunSubmitResult:
        """Launch a run, and return at once.

        Args:
            job_name: The job; nothing for assets alone.
            repo: The repository, where several have a job of the name.
            location: The code location.
            run_config: The run config: values, YAML, or Dagster's `RunConfig`.
            asset_selection: Only these assets: keys and globs; or, without a job, an expression in
                Dagster's asset selection syntax.
            validate: Whether Dagster looks at the run config before the launch.
            tags: Tags of the run.
            partition: The partition.

        Returns:
            The run, and where it can be seen.

        Raises:
            ValidationFailed: The run config does not fit; its problems are the `details`. Or there
                is no such job, asset or partition, or the sandbox does not allow it.
            ConnectionFailed: The server can't be asked.
            AuthenticationFailed: It does not let us.
            RunFailed: Dagster did not launch it.
        """
        request = self._launch(
            job_name,
            repo,
            location,
            run_config,
            asset_selection=asset_selection,
            validate=validate,
            tags=dict(tags or {}),
            partition=partition,
        )
        return self._submitted(await self._caller.call_async("submit", request))

    async def follow(
        self, run_id: str, timeout: float | None = None
    ) -> AsyncGenerator[RunEvent, None]:
        """Hand on what happens in a run, from its beginning to its end.

        Events come as they happen. Whoever stops listening leaves the run to itself.

        Args:
            run_id: The run.
            timeout: For how many seconds to follow it; until its end unless it is given.

        Yields:
            Each event: `launched` first, `ended` last.

        Raises:
            RunFailed: There is no such run.
            ConnectionFailed: The server is gone.
        """
        end = _End()
        request = {"run_id": run_id, "timeout": timeout}
        async with aclosing(self._caller.stream_async("follow", request)) as lines:
            async for line in lines:
                event = end.take(line)
                if event is not None:
                    yield event
                if "exit_code" in line and "type" not in line:
                    yield end.close(line["exit_code"])

    async def wait(
        self, run_id: str, timeout: float | None = None, on_event: OnEvent | None = None
    ) -> RunInfo:
        """Wait for the end of a run.

        Args:
            run_id: The run.
            timeout: For how many seconds; until its end unless it is given.
            on_event: Hears each event.

        Returns:
            The run as it stands then. After the timeout, it has not ended.

        Raises:
            RunFailed: There is no such run. One that fails is no error here.
            ConnectionFailed: The server is gone.
        """
        async with aclosing(self.follow(run_id, timeout)) as events:
            async for event in events:
                if on_event is not None:
                    on_event(event)
        return await self.get_run(run_id)

    async def run_job(
        self,
        job_name: str | None,
        run_config: RunConfig | None = None,
        *,
        repo: str | None = None,
        location: str | None = None,
        asset_selection: Sequence[AssetKeyLike] | str | None = None,
        validate: bool = True,
        tags: Mapping[str, str] | None = None,
        partition: str | None = None,
        timeout: float | None = None,
        on_event: OnEvent | None = None,
    ) -> RunResult:
        """Launch a run, and follow it to its end.

        Args:
            job_name: The job; nothing for assets alone.
            run_config: The run config: values, YAML, or Dagster's `RunConfig`.
            repo: The repository, where several have a job of the name.
            location: The code location.
            asset_selection: Only these assets: keys and globs; or, without a job, an expression.
            validate: Whether Dagster looks at the run config before the launch.
            tags: Tags of the run.
            partition: The partition.
            timeout: For how many seconds to follow it.
            on_event: Hears each event.

        Returns:
            What became of it. A run that fails is no error here: `raise_for_status` makes it one.

        Raises:
            ValidationFailed: The run config does not fit, or there is nothing of the name.
            ConnectionFailed: The server can't be asked.
        """
        submitted = await self.submit_job(
            job_name,
            repo,
            location,
            run_config,
            asset_selection,
            validate,
            tags=tags,
            partition=partition,
        )
        last = None
        async with aclosing(self.follow(submitted.run_id, timeout)) as events:
            async for event in events:
                last = event
                if on_event is not None:
                    on_event(event)
        return _result(last, submitted)

    async def get_run(self, run_id: str) -> RunInfo:
        """Return a run as it stands.

        Args:
            run_id: The run.

        Returns:
            Where it stands in the queue, how long it took, and why it failed.

        Raises:
            RunFailed: There is no such run.
            ConnectionFailed: The server can't be asked.
        """
        return runs.read_info(await self._caller.call_async("run", {"run_id": run_id}))

    async def get_run_status(self, run_id: str) -> RunStatus:
        """Return how far a run is.

        Args:
            run_id: The run.

        Returns:
            Its status.

        Raises:
            RunFailed: There is no such run.
            ConnectionFailed: The server can't be asked.
        """
        return (await self.get_run(run_id)).status

    async def get_run_url(self, run_id: str) -> str:
        """Return the page of a run in Dagster's UI. The server is not asked.

        Args:
            run_id: The run.

        Returns:
            Its address.
        """
        settings = await self._caller.call_async("settings", {})
        return f"{settings['url']}/runs/{run_id}"

    async def get_concurrent_runs(self, limit: int = 100) -> list[RunInfo]:
        """Return the runs that have not ended, newest first.

        Args:
            limit: How many at most.

        Returns:
            The runs. Their places in the queue are only known to `get_run`.

        Raises:
            ConnectionFailed: The server can't be asked.
        """
        answer = await self._caller.call_async("unfinished", {"limit": limit})
        return [runs.read_info(one) for one in answer["runs"]]

    async def cancel_run(self, run_id: str, force: bool = False) -> bool:
        """Ask a run to end.

        Args:
            run_id: The run.
            force: Whether it counts as cancelled at once, whatever its process does.

        Returns:
            Whether it was asked; not if it had ended already.

        Raises:
            RunFailed: There is no such run, or Dagster can't end it.
            ValidationFailed: The sandbox does not allow it.
            ConnectionFailed: The server can't be asked.
        """
        answer = await self._caller.call_async("cancel", {"run_id": run_id, "force": force})
        return bool(answer["cancelled"])

    async def retry_run(self, run_id: str, from_failure: bool = True) -> RunSubmitResult:
        """Launch a run again, with the run config and tags it had.

        Args:
            run_id: The run.
            from_failure: Whether only what failed is run, and what follows from it.

        Returns:
            The new run.

        Raises:
            RunFailed: There is no such run, or nothing of it failed.
            ConnectionFailed: The server can't be asked.
        """
        request = {"run_id": run_id, "from_failure": from_failure}
        return runs.read_submitted(await self._caller.call_async("retry", request))

    async def attach_metadata_mutation(
        self, target: AssetKeyLike, metadata: Mapping[str, Any]
    ) -> bool:
        """Attach metadata to an asset, if the server takes it.

        Args:
            target: The asset, or `asset://a/b:partition`.
            metadata: By label: texts, addresses, numbers, booleans, lists and dictionaries.

        Returns:
            Whether the server took it.

        Raises:
            ValidationFailed: There is no such asset.
            ConnectionFailed: The server can't be asked.
        """
        answer = await self._caller.call_async("attach", attach_request(target, metadata))
        return bool(answer["attached"])


class SyncDagsterClient(_Endpoint):
    """A client of one Dagster web server, for code that waits.

    The twin of `DagsterClient`, with the same names. It works in scripts and in cells alike, even
    where a loop is running.
    """

    def health(self) -> Health:
        """Say whether the server answers. Never raises a `DaglabError`.

        Returns:
            What is known of the server, or why nothing is.
        """
        begun = time.monotonic()
        try:
            return self._health(self._caller.call("health", {}))
        except DaglabError as error:
            return Health(ok=False, url=self._url, seconds=time.monotonic() - begun, error=error)

    def discover_entities(self, filters: EntityFilters | None = None) -> DiscoveryResult:
        """List what the server has, as `DagsterClient.discover_entities` does."""
        request = (filters or EntityFilters()).request()
        return read_discovery(self._caller.call("discover", request))

    def select_assets(self, expression: str) -> list[AssetKey]:
        """Return the assets that an expression selects, as `DagsterClient.select_assets` does."""
        return self.discover_entities(_selecting(expression)).asset_keys()

    def validate_config(
        self,
        job_name: str,
        run_config: RunConfig | None = None,
        repo: str | None = None,
        location: str | None = None,
    ) -> ValidationResult:
        """Say whether a run config fits a job, as `DagsterClient.validate_config` does."""
        request = self._launch(job_name, repo, location, run_config)
        return read_validation(self._caller.call("validate", request))

    def config_skeleton(
        self, job_name: str, repo: str | None = None, location: str | None = None
    ) -> str:
        """Return a run config to start from, as `DagsterClient.config_skeleton` does."""
        request = self._launch(job_name, repo, location, None)
        return str(self._caller.call("skeleton", request)["yaml"])

    def submit_job(
        self,
        job_name: str | None,
        repo: str | None = None,
        location: str | None = None,
        run_config: RunConfig | None = None,
        asset_selection: Sequence[AssetKeyLike] | str | None = None,
        validate: bool = True,
        *,
        tags: Mapping[str, str] | None = None,
        partition: str | None = None,
    ) -> RunSubmitResult:
        """Launch a run, and return at once, as `DagsterClient.submit_job` does."""
        request = self._launch(
            job_name,
            repo,
            location,
            run_config,
            asset_selection=asset_selection,
            validate=validate,
            tags=dict(tags or {}),
            partition=partition,
        )
        return self._submitted(self._caller.call("submit", request))

    def follow(self, run_id: str, timeout: float | None = None) -> Generator[RunEvent, None, None]:
        """Hand on what happens in a run, as `DagsterClient.follow` does."""
        end = _End()
        request = {"run_id": run_id, "timeout": timeout}
        with closing(self._caller.stream("follow", request)) as lines:
            for line in lines:
                event = end.take(line)
                if event is not None:
                    yield event
                if "exit_code" in line and "type" not in line:
                    yield end.close(line["exit_code"])

    def wait(
        self, run_id: str, timeout: float | None = None, on_event: OnEvent | None = None
    ) -> RunInfo:
        """Wait for the end of a run, as `DagsterClient.wait` does."""
        with closing(self.follow(run_id, timeout)) as events:
            for event in events:
                if on_event is not None:
                    on_event(event)
        return self.get_run(run_id)

    def run_job(
        self,
        job_name: str | None,
        run_config: RunConfig | None = None,
        *,
        repo: str | None = None,
        location: str | None = None,
        asset_selection: Sequence[AssetKeyLike] | str | None = None,
        validate: bool = True,
        tags: Mapping[str, str] | None = None,
        partition: str | None = None,
        timeout: float | None = None,
        on_event: OnEvent | None = None,
    ) -> RunResult:
        """Launch a run, and follow it to its end, as `DagsterClient.run_job` does."""
        submitted = self.submit_job(
            job_name,
            repo,
            location,
            run_config,
            asset_selection,
            validate,
            tags=tags,
            partition=partition,
        )
        last = None
        with closing(self.follow(submitted.run_id, timeout)) as events:
            for event in events:
                last = event
                if on_event is not None:
                    on_event(event)
        return _result(last, submitted)

    def get_run(self, run_id: str) -> RunInfo:
        """Return a run as it stands, as `DagsterClient.get_run` does."""
        return runs.read_info(self._caller.call("run", {"run_id": run_id}))

    def get_run_status(self, run_id: str) -> RunStatus:
        """Return how far a run is, as `DagsterClient.get_run_status` does."""
        return self.get_run(run_id).status

    def get_run_url(self, run_id: str) -> str:
        """Return the page of a run in Dagster's UI, as `DagsterClient.get_run_url` does."""
        return f"{self.url}/runs/{run_id}"

    def get_concurrent_runs(self, limit: int = 100) -> list[RunInfo]:
        """Return the runs that have not ended, as `DagsterClient.get_concurrent_runs` does."""
        answer = self._caller.call("unfinished", {"limit": limit})
        return [runs.read_info(one) for one in answer["runs"]]

    def cancel_run(self, run_id: str, force: bool = False) -> bool:
        """Ask a run to end, as `DagsterClient.cancel_run` does."""
        answer = self._caller.call("cancel", {"run_id": run_id, "force": force})
        return bool(answer["cancelled"])

    def retry_run(self, run_id: str, from_failure: bool = True) -> RunSubmitResult:
        """Launch a run again, as `DagsterClient.retry_run` does."""
        request = {"run_id": run_id, "from_failure": from_failure}
        return runs.read_submitted(self._caller.call("retry", request))

    def attach_metadata_mutation(self, target: AssetKeyLike, metadata: Mapping[str, Any]) -> bool:
        """Attach metadata to an asset, as `DagsterClient.attach_metadata_mutation` does."""
        return bool(self._caller.call("attach", attach_request(target, metadata))["attached"])


def _selecting(expression: str) -> EntityFilters:
    return EntityFilters(kinds=["assets"], select=expression, details=False)


def _result(last: RunEvent | None, submitted: RunSubmitResult) -> RunResult:
    if last is None or last.type != "ended":
        raise remember(RunFailed(f"run `{submitted.run_id}` could not be followed to its end"))
    return runs.read_report(last, submitted)


def run_job(
    job: str | None,
    run_config: RunConfig | None = None,
    *,
    repo: str | None = None,
    location: str | None = None,
    asset_selection: Sequence[AssetKeyLike] | str | None = None,
    validate: bool = True,
    tags: Mapping[str, str] | None = None,
    partition: str | None = None,
    timeout: float | None = None,
    on_event: OnEvent | None = None,
    client: SyncDagsterClient | None = None,
) -> RunResult:
    """Launch a run, and follow it to its end.

    Args:
        job: The job; nothing for assets alone.
        run_config: The run config: values, YAML, or Dagster's `RunConfig`.
        repo: The repository, where several have a job of the name.
        location: The code location.
        asset_selection: Only these assets: keys and globs; or, without a job, an expression.
        validate: Whether Dagster looks at the run config before the launch.
        tags: Tags of the run.
        partition: The partition.
        timeout: For how many seconds to follow it.
        on_event: Hears each event: the first has the address of the run's page.
        client: The server's client; that of the settings unless it is given.

    Returns:
        What became of it. A run that fails is no error here: `raise_for_status` makes it one.

    Raises:
        ValidationFailed: The run config does not fit, or there is nothing of the name.
        ConnectionFailed: The server can't be asked.
        AuthenticationFailed: It does not let us.
    """
    return (client or SyncDagsterClient()).run_job(
        job,
        run_config,
        repo=repo,
        location=location,
        asset_selection=asset_selection,
        validate=validate,
        tags=tags,
        partition=partition,
        timeout=timeout,
        on_event=on_event,
    )
