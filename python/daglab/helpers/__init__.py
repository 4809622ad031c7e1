"""What Dagster projects and notebooks import from daglab."""

from __future__ import annotations

from daglab.helpers.auth import AuthConfig, AuthType
from daglab.helpers.checks import notebook_check
from daglab.helpers.discover import (
    AssetInfo,
    AssetKey,
    AssetKeyLike,
    DiscoveryResult,
    EntityFilters,
    JobInfo,
    LocationInfo,
    RepositoryInfo,
    ScheduleInfo,
    SensorInfo,
    discover,
)
from daglab.helpers.errors import (
    AuthenticationFailed,
    Conflict,
    ConnectionFailed,
    DaglabError,
    EnvironmentMissing,
    RunFailed,
    UsageError,
    ValidationFailed,
)
from daglab.helpers.graphql import DagsterClient, Health, SyncDagsterClient, run_job
from daglab.helpers.performance import (
    ComparisonResult,
    MemoryInfo,
    Performance,
    PerformanceRecord,
    PerformanceTracker,
    track_performance,
)
from daglab.helpers.runs import RunEvent, RunInfo, RunResult, RunStatus, RunSubmitResult
from daglab.helpers.state import NotebookState, StateChange, manage_state
from daglab.helpers.validation import (
    ConfigProblem,
    ConfigSchema,
    InputContext,
    ValidationResult,
    sanitize_input,
    validate_config,
    validate_yaml_config,
)

__all__ = [
    "AssetInfo",
    "AssetKey",
    "AssetKeyLike",
    "AuthConfig",
    "AuthType",
    "AuthenticationFailed",
    "ComparisonResult",
    "ConfigProblem",
    "ConfigSchema",
    "Conflict",
    "ConnectionFailed",
    "DaglabError",
    "DagsterClient",
    "DiscoveryResult",
    "EntityFilters",
    "EnvironmentMissing",
    "Health",
    "InputContext",
    "JobInfo",
    "LocationInfo",
    "MemoryInfo",
    "NotebookState",
    "Performance",
    "PerformanceRecord",
    "PerformanceTracker",
    "RepositoryInfo",
    "RunEvent",
    "RunFailed",
    "RunInfo",
    "RunResult",
    "RunStatus",
    "RunSubmitResult",
    "ScheduleInfo",
    "SensorInfo",
    "StateChange",
    "SyncDagsterClient",
    "UsageError",
    "ValidationFailed",
    "ValidationResult",
    "discover",
    "manage_state",
    "notebook_check",
    "run_job",
    "sanitize_input",
    "track_performance",
    "validate_config",
    "validate_yaml_config",
]
