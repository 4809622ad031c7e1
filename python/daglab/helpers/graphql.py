"""A Dagster server, asked by notebooks: by a client that awaits, or by its twin that waits."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Any
from urllib.parse import quote

from daglab.helpers import runs
from daglab.helpers.discover import AssetKey, AssetKeyLike, DiscoveryResult, EntityFilters
from daglab.helpers.discover import read_result as read_discovery
from daglab.helpers.endpoint import (
    End,
    Endpoint,
    Health,
    OnEvent,
    RunConfig,
    attach_request,
    result_of,
    selecting,
)
from daglab.helpers.errors import DaglabError
from daglab.helpers.runs import RunEvent, RunInfo, RunResult, RunStatus, RunSubmitResult
from daglab.helpers.sync import SyncDagsterClient
from daglab.helpers.validation import ValidationResult
from daglab.helpers.validation import read_result as read_validation

__all__ = ["DagsterClient", "Health", "SyncDagsterClient", "attach_request", "run_job"]


class DagsterClient(Endpoint):
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
        found = await self.discover_entities(selecting(expression))
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
            ValidationFailed: There is no such run.
            ConnectionFailed: The server is gone.
        """
        end = End()
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
            ValidationFailed: There is no such run. One that fails is no error here.
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
        return result_of(last, submitted)

    async def get_run(self, run_id: str) -> RunInfo:
        """Return a run as it stands.

        Args:
            run_id: The run.

        Returns:
            Where it stands in the queue, how long it took, and why it failed.

        Raises:
            ValidationFailed: There is no such run.
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
            ValidationFailed: There is no such run.
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
        return f"{settings['url']}/runs/{quote(run_id, safe='')}"

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
            RunFailed: Dagster can't end it.
            ValidationFailed: There is no such run, or the sandbox does not allow it.
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
            ValidationFailed: There is no such run.
            RunFailed: Nothing of it failed.
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
