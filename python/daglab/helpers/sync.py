"""The client of a Dagster server for code that waits."""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
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
from daglab.helpers.validation import ValidationResult
from daglab.helpers.validation import read_result as read_validation

__all__ = ["SyncDagsterClient"]


class SyncDagsterClient(Endpoint):
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
        return self.discover_entities(selecting(expression)).asset_keys()

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
        end = End()
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
        return result_of(last, submitted)

    def get_run(self, run_id: str) -> RunInfo:
        """Return a run as it stands, as `DagsterClient.get_run` does."""
        return runs.read_info(self._caller.call("run", {"run_id": run_id}))

    def get_run_status(self, run_id: str) -> RunStatus:
        """Return how far a run is, as `DagsterClient.get_run_status` does."""
        return self.get_run(run_id).status

    def get_run_url(self, run_id: str) -> str:
        """Return the page of a run in Dagster's UI, as `DagsterClient.get_run_url` does."""
        return f"{self.url}/runs/{quote(run_id, safe='')}"

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
