"""What a Dagster server has: code locations, repositories, jobs, assets, schedules and sensors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

from daglab.helpers.errors import UsageError

if TYPE_CHECKING:
    from daglab.helpers.graphql import SyncDagsterClient

__all__ = [
    "AssetInfo",
    "AssetKey",
    "AssetKeyLike",
    "DiscoveryResult",
    "EntityFilters",
    "JobInfo",
    "LocationInfo",
    "RepositoryInfo",
    "ScheduleInfo",
    "SensorInfo",
    "discover",
]

EntityKind = Literal["jobs", "assets", "repos", "locations", "schedules", "sensors"]


class _HasPath(Protocol):
    """An asset key of Dagster's own, without importing Dagster."""

    @property
    def path(self) -> Sequence[str]:
        """Its parts."""


@dataclass(frozen=True, order=True)
class AssetKey:
    """The key of an asset.

    Attributes:
        path: Its parts.
    """

    path: tuple[str, ...]

    @classmethod
    def of(cls, key: AssetKeyLike) -> AssetKey:
        """Return the key that something stands for.

        Args:
            key: A key of ours or of Dagster's, `"a/b"`, or its parts.

        Returns:
            The key.

        Raises:
            UsageError: It has no parts, or an empty one.
        """
        if isinstance(key, AssetKey):
            return key
        if isinstance(key, str):
            path = tuple(key.split("/"))
        elif isinstance(key, Sequence):
            path = tuple(str(part) for part in key)
        else:
            path = tuple(str(part) for part in key.path)
        if not path or not all(part.strip() for part in path):
            raise UsageError(
                f"`{'/'.join(path)}` is not an asset key", hint="write it as in `core/orders`"
            )
        return cls(path)

    def __str__(self) -> str:
        """Return its parts, joined by `/`."""
        return "/".join(self.path)


AssetKeyLike = AssetKey | str | Sequence[str] | _HasPath


@dataclass(frozen=True)
class EntityFilters:
    """What to list. Several fields narrow it down together; of several values, each is allowed.

    Attributes:
        kinds: Only these kinds: `jobs`, `assets`, `repos`, `locations`, `schedules`, `sensors`.
        patterns: Only what one of these matches by its name; `*` stands for anything.
        tags: Only what has all of these tags: `KEY=VALUE`, or `KEY`.
        groups: Only assets of these groups.
        locations: Only what is in these code locations.
        select: Only assets that this selects, in Dagster's asset selection syntax.
        details: Whether to ask for checks and latest materializations; of up to 500 assets if
            nothing is said.
    """

    kinds: Sequence[EntityKind] = ()
    patterns: Sequence[str] = ()
    tags: Sequence[str] = ()
    groups: Sequence[str] = ()
    locations: Sequence[str] = ()
    select: str | None = None
    details: bool | None = None

    def request(self) -> dict[str, Any]:
        """Return the same as JSON can say it."""
        return {
            "kinds": _texts("kinds", self.kinds),
            "patterns": _texts("patterns", self.patterns),
            "tags": _texts("tags", self.tags),
            "groups": _texts("groups", self.groups),
            "locations": _texts("locations", self.locations),
            "select": self.select,
            "details": self.details,
        }


def _texts(name: str, values: Sequence[str]) -> list[str]:
    if isinstance(values, str):
        raise UsageError(f"`{name}` is a list of texts", hint=f"write `{name}=[{values!r}]`")
    return [str(value) for value in values]


@dataclass(frozen=True)
class LocationInfo:
    """A code location: whether it is `loaded`, `loading` or `failed`, and why it failed."""

    name: str
    status: str
    repositories: tuple[str, ...] = ()
    error: str | None = None


@dataclass(frozen=True)
class RepositoryInfo:
    """A repository, and how many jobs and assets it defines."""

    name: str
    location: str
    jobs: int = 0
    assets: int = 0


@dataclass(frozen=True)
class JobInfo:
    """A job, and where it is."""

    name: str
    location: str
    repository: str
    description: str | None = None
    is_asset_job: bool = False
    tags: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        """Return its name."""
        return self.name


@dataclass(frozen=True)
class AssetInfo:
    """An asset, and where it is. What older servers do not tell is `None`."""

    key: AssetKey
    location: str
    repository: str
    group: str
    description: str | None = None
    is_materializable: bool = False
    kinds: tuple[str, ...] | None = None
    tags: Mapping[str, str] | None = None
    partitions: tuple[str, ...] = ()
    dependencies: tuple[AssetKey, ...] = ()
    jobs: tuple[str, ...] = ()
    checks: tuple[str, ...] | None = None
    latest_materialization: Mapping[str, Any] | None = None

    def __str__(self) -> str:
        """Return its key."""
        return str(self.key)


@dataclass(frozen=True)
class ScheduleInfo:
    """A schedule."""

    name: str
    location: str
    repository: str
    cron: str
    status: str
    job: str | None = None


@dataclass(frozen=True)
class SensorInfo:
    """A sensor."""

    name: str
    location: str
    repository: str
    kind: str
    status: str
    jobs: tuple[str, ...] = ()


@dataclass(frozen=True)
class DiscoveryResult:
    """What a server has, as far as it was asked for.

    Attributes:
        url: The server's address.
        server_version: Its release of Dagster.
        locations: Code locations.
        repositories: Repositories.
        jobs: Jobs, without those that Dagster makes for assets.
        assets: Assets; one that several locations define is there once for each.
        schedules: Schedules.
        sensors: Sensors.
        warnings: What is missing, and why: code locations that did not load.
    """

    url: str
    server_version: str
    locations: tuple[LocationInfo, ...] = ()
    repositories: tuple[RepositoryInfo, ...] = ()
    jobs: tuple[JobInfo, ...] = ()
    assets: tuple[AssetInfo, ...] = ()
    schedules: tuple[ScheduleInfo, ...] = ()
    sensors: tuple[SensorInfo, ...] = ()
    warnings: tuple[str, ...] = ()

    def job_names(self, location: str | None = None, repository: str | None = None) -> list[str]:
        """Return the names of jobs, each once, sorted.

        Args:
            location: Only those of this code location.
            repository: Only those of this repository.

        Returns:
            The names.
        """
        return sorted(
            {
                job.name
                for job in self.jobs
                if location in (None, job.location) and repository in (None, job.repository)
            }
        )

    def asset_keys(self) -> list[AssetKey]:
        """Return the keys of the assets, each once, sorted."""
        return sorted({asset.key for asset in self.assets})

    def groups(self) -> list[str]:
        """Return the names of the assets' groups, each once, sorted."""
        return sorted({asset.group for asset in self.assets})


def read_result(said: Mapping[str, Any]) -> DiscoveryResult:
    """Return the result that `daglab discover --json` has printed."""
    failed = {
        str(one["location"]): str((one.get("error") or {}).get("message") or "it does not say why")
        for one in said.get("failed", ())
    }
    return DiscoveryResult(
        url=str(said["server"]["url"]),
        server_version=str(said["server"]["dagster_version"]),
        locations=tuple(
            LocationInfo(
                name=one["name"],
                status=one["status"],
                repositories=tuple(one["repositories"]),
                error=failed.get(one["name"]),
            )
            for one in _listed(said, "locations")
        ),
        repositories=tuple(
            RepositoryInfo(one["name"], one["location"], one["jobs"], one["assets"])
            for one in _listed(said, "repositories")
        ),
        jobs=tuple(
            JobInfo(
                name=one["name"],
                location=one["location"],
                repository=one["repository"],
                description=one.get("description"),
                is_asset_job=one["is_asset_job"],
                tags=dict(one["tags"]),
            )
            for one in _listed(said, "jobs")
        ),
        assets=tuple(_asset(one) for one in _listed(said, "assets")),
        schedules=tuple(
            ScheduleInfo(
                name=one["name"],
                location=one["location"],
                repository=one["repository"],
                cron=one["cron"],
                status=one["status"],
                job=one.get("job"),
            )
            for one in _listed(said, "schedules")
        ),
        sensors=tuple(
            SensorInfo(
                name=one["name"],
                location=one["location"],
                repository=one["repository"],
                kind=one["kind"],
                status=one["status"],
                jobs=tuple(one["jobs"]),
            )
            for one in _listed(said, "sensors")
        ),
        warnings=tuple(
            f"code location `{name}` did not load: {why}" for name, why in failed.items()
        ),
    )


def _listed(said: Mapping[str, Any], name: str) -> Iterator[Mapping[str, Any]]:
    yield from said.get(name) or ()


def _asset(one: Mapping[str, Any]) -> AssetInfo:
    def some(name: str) -> tuple[str, ...] | None:
        found = one.get(name)
        return None if found is None else tuple(found)

    tags = one.get("tags")
    return AssetInfo(
        key=AssetKey.of(one["key"]),
        location=one["location"],
        repository=one["repository"],
        group=one["group"],
        description=one.get("description"),
        is_materializable=one["is_materializable"],
        kinds=some("kinds"),
        tags=None if tags is None else dict(tags),
        partitions=tuple(one["partitions"]),
        dependencies=tuple(AssetKey.of(key) for key in one["dependencies"]),
        jobs=tuple(one["jobs"]),
        checks=some("checks"),
        latest_materialization=one.get("latest_materialization"),
    )


def discover(
    filters: EntityFilters | None = None, *, client: SyncDagsterClient | None = None
) -> DiscoveryResult:
    """List what a Dagster server has.

    Args:
        filters: What to list; everything unless it is given.
        client: The server's client; that of the settings unless it is given.

    Returns:
        What was found. Code locations that did not load are among its warnings.

    Raises:
        ConnectionFailed: The server can't be asked.
        AuthenticationFailed: It does not let us.
        UsageError: The filters contradict each other.
    """
    from daglab.helpers.graphql import SyncDagsterClient

    return (client or SyncDagsterClient()).discover_entities(filters)
