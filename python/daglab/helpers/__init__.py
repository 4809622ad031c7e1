"""What Dagster projects and notebooks import from daglab."""

from __future__ import annotations

from daglab.helpers.attach import (
    AttachResult,
    attach_metadata,
    attach_metadata_sync,
    generate_compute_helper,
)
from daglab.helpers.auth import AuthConfig, AuthType
from daglab.helpers.checks import notebook_check
from daglab.helpers.dev import (
    cleanup_processes,
    find_available_port,
    start_sidecar,
)
from daglab.helpers.diagnostics import (
    diagnostics,
)
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
from daglab.helpers.export import (
    CloudUploadResult,
    UploadProgress,
    apply_retention_policy,
    export_html,
    export_html_sync,
    upload_to_cloud,
    upload_to_cloud_sync,
)
from daglab.helpers.graphql import DagsterClient, Health, SyncDagsterClient, run_job
from daglab.helpers.inprocess import (
    InProcessResult,
    run_inprocess,
)
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
    "AttachResult",
    "AuthConfig",
    "AuthType",
    "AuthenticationFailed",
    "CloudUploadResult",
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
    "InProcessResult",
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
    "UploadProgress",
    "UsageError",
    "ValidationFailed",
    "ValidationResult",
    "apply_retention_policy",
    "attach_metadata",
    "attach_metadata_sync",
    "cleanup_processes",
    "diagnostics",
    "discover",
    "export_html",
    "export_html_sync",
    "find_available_port",
    "generate_compute_helper",
    "manage_state",
    "notebook_check",
    "run_inprocess",
    "run_job",
    "sanitize_input",
    "start_sidecar",
    "track_performance",
    "upload_to_cloud",
    "upload_to_cloud_sync",
    "validate_config",
    "validate_yaml_config",
]
