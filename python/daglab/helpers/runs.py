"""Runs of Dagster as notebooks see them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from daglab.helpers.errors import RunFailed

__all__ = ["RunEvent", "RunInfo", "RunResult", "RunStatus", "RunSubmitResult"]


class RunStatus(str, Enum):
    """How far a run is, in Dagster's words. It is a text, too."""

    QUEUED = "QUEUED"
    NOT_STARTED = "NOT_STARTED"
    MANAGED = "MANAGED"
    STARTING = "STARTING"
    STARTED = "STARTED"
    CANCELING = "CANCELING"
    SUCCESS = "SUCCESS"
    FAILURE = "FAILURE"
    CANCELED = "CANCELED"
    UNKNOWN = "UNKNOWN"

    @classmethod
    def of(cls, text: str) -> RunStatus:
        """Return the status that Dagster calls so; `UNKNOWN` if it is new."""
        try:
            return cls(text.upper())
        except ValueError:
            return cls.UNKNOWN

    @property
    def is_finished(self) -> bool:
        """Whether the run has ended."""
        return self in (RunStatus.SUCCESS, RunStatus.FAILURE, RunStatus.CANCELED)

    @property
    def is_success(self) -> bool:
        """Whether it has ended well."""
        return self is RunStatus.SUCCESS

    def __str__(self) -> str:
        """Return Dagster's word."""
        return self.value


@dataclass(frozen=True)
class RunSubmitResult:
    """A run that was launched.

    Attributes:
        run_id: Its id.
        url: Its page in Dagster's UI.
        job: The job's name; one of Dagster's own for runs of assets.
        location: The code location.
        repository: The repository.
        assets: The keys of the assets that were asked for; none for a whole job.
        partition: The partition.
        parent_run_id: The run that it repeats.
    """

    run_id: str
    url: str
    job: str
    location: str | None = None
    repository: str | None = None
    assets: tuple[str, ...] = ()
    partition: str | None = None
    parent_run_id: str | None = None


@dataclass(frozen=True)
class RunInfo:
    """A run as it stands.

    Attributes:
        run_id: Its id.
        job: The job's name.
        status: How far it is.
        url: Its page in Dagster's UI.
        location: The code location, if Dagster remembers it.
        repository: The repository.
        queue_position: How many runs are before it in Dagster's queue, if it waits there.
        queue_length: How many wait there.
        started: When its process started, in seconds since 1970.
        ended: When it ended.
        seconds: From its start to its end.
        assets: The keys of the assets that were asked for; none for a whole job.
        partition: The partition.
        parent_run_id: The run that it repeats.
        tags: Its tags.
        error: Why it failed, in one sentence.
        traceback: The traceback of what failed, as far as it is the user's.
    """

    run_id: str
    job: str
    status: RunStatus
    url: str
    location: str | None = None
    repository: str | None = None
    queue_position: int | None = None
    queue_length: int | None = None
    started: float | None = None
    ended: float | None = None
    seconds: float | None = None
    assets: tuple[str, ...] = ()
    partition: str | None = None
    parent_run_id: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    error: str | None = None
    traceback: str | None = None

    @property
    def is_finished(self) -> bool:
        """Whether it has ended."""
        return self.status.is_finished

    @property
    def is_success(self) -> bool:
        """Whether it has ended well."""
        return self.status.is_success


@dataclass(frozen=True)
class RunEvent:
    """Something that happened while a run was followed.

    Attributes:
        type: `launched` (first of all, with the page's address), `queued`, `event` (something in
            the run) or `ended` (last of all, with the status).
        message: What happened, in words.
        run_id: The run.
        kind: What kind of event it was: `started`, `step_started`, `step_failed`, `materialized`,
            `log`, `failed`, `succeeded` and so on.
        level: `DEBUG`, `INFO`, `WARNING`, `ERROR` or `CRITICAL`.
        step: The step it happened in.
        at: When, as RFC 3339.
        url: The run's page in Dagster's UI, of `launched` and `ended`.
        queue_position: How many runs are before it, of `queued`.
        queue_length: How many wait, of `queued`.
        status: What became of the run, of `ended`.
        seconds: How long it took, of `ended`.
        asset_key: The asset that was materialized or checked.
        partition: Its partition.
        check: The asset check.
        passed: Whether it passed.
        metadata: What was said of the asset, by label.
        error: Why a step or the run failed, in one sentence.
        raw: The event as the binary has printed it.
    """

    type: str
    message: str = ""
    run_id: str | None = None
    kind: str | None = None
    level: str | None = None
    step: str | None = None
    at: str | None = None
    url: str | None = None
    queue_position: int | None = None
    queue_length: int | None = None
    status: RunStatus | None = None
    seconds: float | None = None
    asset_key: str | None = None
    partition: str | None = None
    check: str | None = None
    passed: bool | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    error: str | None = None
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class RunResult:
    """A run that was launched and followed.

    Attributes:
        run_id: Its id.
        job: The job's name.
        status: What became of it; of one that was not waited for, how far it was.
        url: Its page in Dagster's UI.
        seconds: How long its process ran.
        assets: The keys of the assets that it materialized.
        error: Why it failed, in one sentence.
        traceback: The traceback of what failed, as far as it is the user's.
        steps: Its steps: `key`, `status`, `duration_s`.
    """

    run_id: str
    job: str
    status: RunStatus
    url: str
    seconds: float | None = None
    assets: tuple[str, ...] = ()
    error: str | None = None
    traceback: str | None = None
    steps: tuple[Mapping[str, Any], ...] = ()

    @property
    def success(self) -> bool:
        """Whether it has ended well."""
        return self.status.is_success

    def raise_for_status(self) -> RunResult:
        """Return the result itself, if the run has ended well.

        Raises:
            RunFailed: It has not.
        """
        if not self.success:
            state = self.status.value.lower()
            why = self.error or "it does not say why"
            raise RunFailed(
                f"run `{self.run_id}` of `{self.job}` is {state}: {why}",
                hint=f"look at {self.url}",
                details=self.traceback,
            )
        return self


def read_submitted(said: Mapping[str, Any]) -> RunSubmitResult:
    """Return what the binary says of a run that it has launched."""
    return RunSubmitResult(
        run_id=said["run_id"],
        url=said["url"],
        job=said["job"],
        location=said.get("location"),
        repository=said.get("repository"),
        assets=tuple(said.get("assets") or ()),
        partition=said.get("partition"),
        parent_run_id=said.get("parent_run_id"),
    )


def read_info(said: Mapping[str, Any]) -> RunInfo:
    """Return what the binary says of a run."""
    queue = said.get("queue") or {}
    error = said.get("error") or {}
    started, ended = said.get("started_at"), said.get("ended_at")
    return RunInfo(
        run_id=said["run_id"],
        job=said["job"],
        status=RunStatus.of(said["status"]),
        url=said["url"],
        location=said.get("location"),
        repository=said.get("repository"),
        queue_position=queue.get("ahead"),
        queue_length=queue.get("total"),
        started=started,
        ended=ended,
        seconds=None if started is None or ended is None else max(0.0, ended - started),
        assets=tuple(said.get("assets") or ()),
        partition=said.get("partition"),
        parent_run_id=said.get("parent_run_id"),
        tags=dict(said.get("tags") or {}),
        error=sentence(error),
        traceback=error.get("stack"),
    )


def read_event(said: Mapping[str, Any]) -> RunEvent:
    """Return the event that a line tells of."""
    kind = str(said.get("type", "event"))
    if kind == "ended":
        return _ended(said)
    message = said.get("message")
    if kind == "launched":
        message = said.get("url") or "it is there"
    return RunEvent(
        type=kind,
        message=message or "",
        run_id=said.get("run_id"),
        kind=said.get("kind"),
        level=said.get("level"),
        step=said.get("step"),
        at=said.get("at"),
        url=said.get("url"),
        queue_position=said.get("ahead"),
        queue_length=said.get("total"),
        asset_key=said.get("asset_key"),
        partition=said.get("partition"),
        check=said.get("check"),
        passed=said.get("passed"),
        metadata=dict(said.get("metadata") or {}),
        error=said.get("error"),
        raw=dict(said),
    )


def _ended(said: Mapping[str, Any]) -> RunEvent:
    report = said["report"]
    status = _status(str(report["status"]))
    error = sentence(report.get("error") or {})
    return RunEvent(
        type="ended",
        message=error or status.value.lower(),
        run_id=report.get("run_id"),
        url=report.get("url"),
        status=status,
        seconds=report.get("duration_s"),
        partition=report.get("partition"),
        error=error,
        raw=dict(said),
    )


def _status(word: str) -> RunStatus:
    # One whose time was over, or that was not waited for, goes on.
    going_on = ("timed_out", "launched")
    return RunStatus.STARTED if word in going_on else RunStatus.of(word)


def read_report(event: RunEvent, submitted: RunSubmitResult) -> RunResult:
    """Return the result of a run, out of the event of its end."""
    report = event.raw.get("report") or {}
    made = report.get("materializations") or ()
    return RunResult(
        run_id=submitted.run_id,
        job=submitted.job,
        status=event.status or RunStatus.UNKNOWN,
        url=submitted.url,
        seconds=event.seconds,
        assets=tuple(dict.fromkeys(str(one["asset_key"]) for one in made)),
        error=event.error,
        traceback=(report.get("error") or {}).get("stack"),
        steps=tuple(report.get("steps") or ()),
    )


def sentence(error: Mapping[str, Any]) -> str | None:
    """Return an exception in one sentence."""
    message, kind = error.get("message"), error.get("class")
    if not message:
        return kind
    return f"{kind}: {message}" if kind else str(message)
