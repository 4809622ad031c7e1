"""The helpers as a user's notebook calls them: mypy holds each line against their types."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from typing_extensions import assert_type

from daglab.helpers import (
    AssetKey,
    AttachResult,
    AuthConfig,
    CloudUploadResult,
    ComparisonResult,
    ConfigSchema,
    DagsterClient,
    DiscoveryResult,
    EntityFilters,
    Health,
    InProcessResult,
    MemoryInfo,
    PerformanceTracker,
    RunEvent,
    RunInfo,
    RunResult,
    RunStatus,
    RunSubmitResult,
    StateChange,
    SyncDagsterClient,
    ValidationResult,
    apply_retention_policy,
    attach_metadata,
    diagnostics,
    discover,
    export_html,
    export_html_sync,
    find_available_port,
    generate_compute_helper,
    manage_state,
    run_inprocess,
    run_job,
    sanitize_input,
    start_sidecar,
    track_performance,
    upload_to_cloud,
    validate_config,
    validate_yaml_config,
)

if TYPE_CHECKING:
    import dagster


async def awaiting(key: dagster.AssetKey) -> None:
    """Use the client that awaits."""
    client = DagsterClient("localhost", 3000, AuthConfig.from_env())
    assert_type(DagsterClient.from_config(), DagsterClient)
    assert_type(await client.health(), Health)
    submitted = await client.submit_job(
        "etl", "repo", "main", {"ops": {}}, [key, "a/b", AssetKey(("a",)), ("a", "b")], tags={}
    )
    assert_type(submitted, RunSubmitResult)
    events: AsyncIterator[RunEvent] = client.follow(submitted.run_id)
    async for event in events:
        assert_type(event.status, RunStatus | None)
    assert_type(await client.wait(submitted.run_id, timeout=3, on_event=print), RunInfo)
    assert_type(await client.get_run_status(submitted.run_id), RunStatus)
    assert_type(await client.get_run_url(submitted.run_id), str)
    assert_type(await client.get_concurrent_runs(), list[RunInfo])
    assert_type(await client.cancel_run(submitted.run_id), bool)
    assert_type(await client.retry_run(submitted.run_id), RunSubmitResult)
    assert_type(await client.select_assets("*"), list[AssetKey])
    assert_type(await client.config_skeleton("etl"), str)
    assert_type(await client.discover_entities(EntityFilters(kinds=["jobs"])), DiscoveryResult)
    assert_type(await client.attach_metadata_mutation(key, {"page": "https://x"}), bool)
    assert_type(await attach_metadata(key, {"page": "https://x"}, client), AttachResult)
    page = await export_html("notebook.py", client=client)
    assert_type(page, Path)
    assert_type(await upload_to_cloud(page, "s3", "bucket", "key"), CloudUploadResult)


def waiting(definitions: dagster.Definitions, job: dagster.JobDefinition) -> None:
    """Use what waits."""
    client = SyncDagsterClient(url="http://localhost:3000")
    events: Iterator[RunEvent] = client.follow("run")
    assert_type(next(events), RunEvent)
    result = run_job("etl", "ops: {}", client=client)
    assert_type(result, RunResult)
    assert_type(result.raise_for_status(), RunResult)
    assert_type(discover(), DiscoveryResult)
    assert_type(validate_config("etl", {}), ValidationResult)
    assert_type(validate_yaml_config("a: 1", ConfigSchema("etl")), ValidationResult)
    assert_type(run_inprocess(job, definitions=definitions, partition="a"), InProcessResult)
    assert_type(generate_compute_helper("a/b", {}), str)
    assert_type(export_html_sync(Path("notebook.py"), compress=True), Path)
    assert_type(apply_retention_policy("pages", 30), list[Path])
    assert_type(sanitize_input("x", "html"), str)
    assert_type(find_available_port(3000, 3010), int | None)
    assert_type(start_sidecar(["dagster", "dev"], ["marimo", "edit"]), int)
    assert_type(diagnostics(), dict[str, Any])


def remembering() -> None:
    """Use state and measurements."""
    state = manage_state({"runs": []}, name="notebook")
    state.append("runs", "id")
    state["last"] = {"a": 1}
    assert_type(state.get_history(), list[StateChange])
    assert_type(state.undo(), StateChange | None)
    tracker = PerformanceTracker()
    with tracker.measure("a") as measured, track_performance("b", tracker):
        pass
    assert_type(measured.seconds, float | None)
    assert_type(tracker.end_timing("c"), float)
    assert_type(tracker.get_memory_usage(), MemoryInfo)
    assert_type(tracker.compare_runs("a", "b"), ComparisonResult)
