"""Jobs and assets executed in this process: the fastest loop, of which Dagster knows nothing."""

from __future__ import annotations

import asyncio
import difflib
import re
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from daglab.helpers.definitions import load_definitions, on_path
from daglab.helpers.discover import AssetKey
from daglab.helpers.errors import EnvironmentMissing, UsageError, ValidationFailed, remember
from daglab.helpers.exceptions import of_exception, of_serialized
from daglab.helpers.performance import PeakSampler, current_rss
from daglab.helpers.validation import ConfigProblem, parse_yaml

__all__ = ["InProcessResult", "load_definitions", "run_inprocess"]

NOT_RECORDED = "Not recorded in Dagster"

# What the names of the folders of ephemeral instances begin with.
_FOLDER = "daglab-in-process-"

# What Dagster says of code that was interrupted. The first is no `Exception`, as the second.
_INTERRUPTS = ("DagsterExecutionInterruptedError", "KeyboardInterrupt")
_STOPPED: Mapping[str, Any] = {"error": "it was stopped", "stopped": True}
# What Dagster says of an input that can't be loaded.
_INPUT = re.compile(r'loading input "([^"]+)"')


@dataclass(frozen=True)
class InProcessResult:
    """What an execution in this process came to.

    Attributes:
        success: Whether it ended well.
        seconds: How long it took.
        memory_before: What this process held before it, in bytes.
        memory_peak: The most that it held meanwhile.
        memory_after: What it held after it.
        assets: The keys of the assets that were materialized.
        outputs: What was computed: by asset key, or by the op's name.
        metadata: What was said of each asset, by its key and label.
        error: Why it failed, in one sentence.
        step: The step that failed first.
        cause: The exception that the user's code raised.
        traceback: Its traceback, as far as it is the user's.
        hint: What to do about it, where that is known.
        stopped: Whether somebody has interrupted it.
        recorded: Whether Dagster knows of it: never.
        label: What to show beside the result.
    """

    success: bool
    seconds: float
    memory_before: int
    memory_peak: int
    memory_after: int
    assets: tuple[str, ...] = ()
    outputs: Mapping[str, Any] = field(default_factory=dict, repr=False)
    metadata: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, repr=False)
    error: str | None = None
    step: str | None = None
    cause: str | None = None
    traceback: str | None = field(default=None, repr=False)
    hint: str | None = None
    stopped: bool = False
    recorded: bool = False
    label: str = NOT_RECORDED


def run_inprocess(
    target: Any,
    *,
    definitions: str | Path | Any | None = None,
    run_config: Mapping[str, Any] | str | None = None,
    partition: str | None = None,
    resources: Mapping[str, Any] | None = None,
) -> InProcessResult:
    """Execute a job or assets in this process, with an instance that ends with it.

    Nothing of it is recorded in Dagster, and nothing is written to its instance. Imports stay as
    they are in this process: modules that have changed are imported again by marimo's autoreload,
    or by a restart.

    Args:
        target: An assets definition or a list of such, a job or graph, or a name: that of a job, or
            an asset key as text or `AssetKey`, which `definitions` have.
        definitions: Where names are looked up and resources come from: a `Definitions`, a Python
            file, or a module, as seen from the current folder or the project's.
        run_config: The run config: values, YAML, or Dagster's `RunConfig`.
        partition: The partition.
        resources: Resources in the place of those of the definitions.

    Returns:
        What it came to. User code that fails is no error here.

    Raises:
        EnvironmentMissing: Dagster is not installed.
        ValidationFailed: There is nothing of the name, the definitions can't be loaded, or the run
            config does not fit.
        UsageError: The target is nothing that can be executed.
    """
    try:
        import dagster
    except ImportError as error:
        raise remember(
            EnvironmentMissing(
                f"Dagster can't be imported: {error}",
                hint="install it into this environment: `pip install dagster`",
            )
        ) from error
    config = _config(run_config)
    with on_path(definitions), tempfile.TemporaryDirectory(prefix=_FOLDER) as folder:
        defs = None if definitions is None else load_definitions(definitions)
        execute = _executable(target, defs)
        given: dict[str, Any] = {"run_config": config, "raise_on_error": False}
        if partition is not None:
            given["partition_key"] = partition
        if resources is not None:
            given["resources"] = dict(resources)
        # Of what Dagster logs, what users say is of interest in a notebook; engine events are not.
        settings = {"telemetry": {"enabled": False}, "python_logs": {"python_log_level": "INFO"}}
        ephemeral = dagster.DagsterInstance.ephemeral(tempdir=folder, settings=settings)
        with ephemeral as instance, _signal_handlers_kept(), _no_running_loop():
            return _measured(lambda: execute(instance=instance, **given))


@contextmanager
def _no_running_loop() -> Iterator[None]:
    """Let Dagster run an event loop of its own for `async def`, as a marimo kernel runs one, too.

    The thread stays the same: what it prints is that of the cell, and an interrupt reaches it. The
    outer loop waits, as it does for any cell that does not await.
    """
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        yield
        return
    # What asyncio's documentation has for those who write loops.
    task = asyncio.current_task(loop)
    if task is not None:
        asyncio.tasks._leave_task(loop, task)
    asyncio._set_running_loop(None)
    try:
        yield
    finally:
        asyncio._set_running_loop(loop)
        if task is not None:
            asyncio.tasks._enter_task(loop, task)


@contextmanager
def _signal_handlers_kept() -> Iterator[None]:
    """Put the handlers of signals back as they were.

    Dagster has SIGTERM do what SIGINT does and leaves it so. A marimo kernel interrupts its cell on
    SIGINT and goes on: it would not end any more when it is told to.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # Dagster replaces none in another thread
        return
    kept = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in kept.items():
            if handler is not None:  # None: not of Python's, and so can't be put back
                signal.signal(number, handler)


def _measured(execute: Callable[[], Any]) -> InProcessResult:
    """Execute, and say what it came to."""
    before = current_rss()
    sampler = PeakSampler().start()
    begun = time.perf_counter()
    result: Any = None
    raised: BaseException | None = None
    try:
        result = execute()
    except BaseException as error:  # what user code raises is a result
        if not isinstance(error, Exception) and type(error).__name__ != _INTERRUPTS[0]:
            raise
        raised = error
    finally:
        seconds = time.perf_counter() - begun
        peak = sampler.stop()
    measured: dict[str, Any] = {
        "seconds": seconds,
        "memory_before": before,
        "memory_peak": max(peak, before),
        "memory_after": current_rss(),
    }
    if raised is not None and not isinstance(raised, Exception):
        return InProcessResult(success=False, **measured, **_STOPPED)
    if raised is not None:
        _raise_if_config(raised)
        return InProcessResult(success=False, **measured, **of_exception(raised))
    outputs, assets, metadata = _made(result)
    failure = {} if result.success else _failure(result)
    return InProcessResult(
        success=bool(result.success),
        assets=assets,
        outputs=outputs,
        metadata=metadata,
        **measured,
        **failure,
    )


def _config(given: Any) -> Any:
    if isinstance(given, str):
        parsed = parse_yaml(given)
        parsed.raise_if_invalid()
        return parsed.value
    return given


def _executable(target: Any, defs: Any) -> Callable[..., Any]:
    """Return what executes the target, and takes instance, run config and so on."""
    import dagster

    if isinstance(target, (str, AssetKey, dagster.AssetKey)):
        return _named(target, defs)
    if isinstance(target, (dagster.JobDefinition, dagster.GraphDefinition)):
        return target.execute_in_process
    if type(target).__name__ == "UnresolvedAssetJobDefinition":
        return _named_job(str(target.name), defs)
    assets = list(target) if isinstance(target, (list, tuple, set, frozenset)) else [target]
    if assets and all(isinstance(one, dagster.AssetsDefinition) for one in assets):
        if defs is None:
            return lambda **given: dagster.materialize(assets, **given)
        return _of_assets([key for one in assets for key in one.keys], defs)
    if assets and all(isinstance(one, (str, AssetKey, dagster.AssetKey)) for one in assets):
        return _of_assets([_dagster_key(one) for one in assets], defs)
    raise UsageError(
        f"`{type(target).__name__}` is nothing that can be executed",
        hint="give an asset or a list of such, a job, or the name of one and `definitions=…`",
    )


def _named(target: Any, defs: Any) -> Callable[..., Any]:
    if isinstance(target, str) and "/" not in target:
        names = set(_job_names(defs)) if defs is not None else set()
        if target in names:
            return _named_job(target, defs)
    return _of_assets([_dagster_key(target)], defs, name=str(target))


def _named_job(name: str, defs: Any) -> Callable[..., Any]:
    if defs is None:
        raise _needs_definitions(name)
    find = getattr(defs, "resolve_job_def", None) or defs.get_job_def
    try:
        job = find(name)
    except Exception as error:  # Dagster has several for it
        raise _unknown(name, defs) from error
    executable: Callable[..., Any] = job.execute_in_process
    return executable


def _of_assets(keys: Sequence[Any], defs: Any, name: str | None = None) -> Callable[..., Any]:
    shown = name or ", ".join(_key_text(key) for key in keys)
    if defs is None:
        raise _needs_definitions(shown)
    # The method that is spelt so is there from 1.10 on.
    find = getattr(defs, "resolve_implicit_job_def_def_for_assets", None)
    find = find or defs.get_implicit_job_def_for_assets
    known = _asset_keys(defs)
    missing = [key for key in keys if known and _key_text(key) not in known]
    if missing:
        raise _unknown(_key_text(missing[0]) if name is None else name, defs)
    try:
        job = find(list(keys))
    except Exception as error:  # Dagster has several for it
        raise _unknown(shown, defs) from error
    if job is None:
        raise remember(
            ValidationFailed(
                f"`{shown}` can't be materialized in one run",
                hint="assets that are partitioned differently need a run each",
            )
        )
    return lambda **given: job.execute_in_process(asset_selection=list(keys), **given)


def _dagster_key(key: Any) -> Any:
    import dagster

    return key if isinstance(key, dagster.AssetKey) else dagster.AssetKey(AssetKey.of(key).path)


def _key_text(key: Any) -> str:
    return "/".join(key.path)


def _needs_definitions(name: str) -> UsageError:
    return UsageError(
        f"where `{name}` is defined is not said",
        hint="name the file or module: `definitions='dagster/definitions.py'`",
    )


def _unknown(name: str, defs: Any) -> ValidationFailed:
    known = [*_job_names(defs), *_asset_keys(defs)]
    meant = difflib.get_close_matches(name, known, 1)
    if meant:
        hint = f"did you mean `{meant[0]}`?"
    elif known:
        hint = f"there are `{'`, `'.join(known[:20])}`"
    else:
        hint = "the definitions have neither jobs nor assets"
    error = ValidationFailed(f"the definitions have no job or asset `{name}`", hint=hint)
    remember(error)
    return error


def _job_names(defs: Any) -> list[str]:
    names = [str(name) for name in defs.get_repository_def().job_names]
    return sorted(name for name in names if not name.startswith("__"))


def _asset_keys(defs: Any) -> list[str]:
    with suppress(Exception):  # how they are listed differs
        return sorted(_key_text(key) for key in defs.get_repository_def().assets_defs_by_key)
    return []


def _made(result: Any) -> tuple[dict[str, Any], tuple[str, ...], dict[str, dict[str, Any]]]:
    """Return outputs, the keys of materialized assets, and their metadata."""
    outputs: dict[str, Any] = {}
    metadata: dict[str, dict[str, Any]] = {}
    keys: dict[str, str] = {}
    for event in result.all_events:
        if event.event_type_value == "ASSET_MATERIALIZATION":
            made = event.event_specific_data.materialization
            key = _key_text(made.asset_key)
            keys[str(event.step_key)] = key
            said = {label: getattr(value, "value", value) for label, value in made.metadata.items()}
            # Where the value was stored is gone with the instance.
            if _FOLDER in str(said.get("path")):
                del said["path"]
            metadata.setdefault(key, {}).update(said)
    for event in result.all_events:
        if event.event_type_value != "STEP_OUTPUT":
            continue
        step, name = str(event.step_key), event.step_output_data.output_name
        # A step of a mapped output has no one value.
        with suppress(Exception):
            value = result.output_for_node(step, name)
            shown = keys.get(step, step)
            outputs[shown if name == "result" else f"{shown}.{name}"] = value
    return outputs, tuple(metadata), metadata


def _failure(result: Any) -> dict[str, Any]:
    """Return why an execution failed: the first step that did says it best."""
    for event in result.all_events:
        if event.event_type_value == "STEP_FAILURE":
            error = event.step_failure_data.error
            if error is not None and error.cls_name in _INTERRUPTS:
                return {"step": event.step_key, **_STOPPED}
            return {"step": event.step_key, "hint": _hint(error), **of_serialized(error)}
    for event in result.all_events:
        if event.event_type_value in ("PIPELINE_FAILURE", "RUN_FAILURE"):
            data = event.event_specific_data
            error = getattr(data, "error", None)
            if error is not None and error.cls_name in _INTERRUPTS:
                return dict(_STOPPED)
            if error is not None:
                return of_serialized(error)
            return {"error": event.message}
    return {"error": "it failed without saying why"}


def _hint(error: Any) -> str | None:
    """Return what to do about an input that nobody has made in this process."""
    if error is None or error.cls_name != "DagsterExecutionLoadInputError":
        return None
    found = _INPUT.search(error.message)
    name = found[1] if found else "that it needs"
    return (
        f"also run what makes the input `{name}`, or give the resources that have it:"
        " `resources={'io_manager': …}`"
    )


def _raise_if_config(error: Exception) -> None:
    """Say of a run config what is wrong with it.

    Raises:
        ValidationFailed: That was why.
    """
    if type(error).__name__ not in ("DagsterInvalidConfigError", "DagsterInvalidInvocationError"):
        return
    problems = []
    for one in getattr(error, "errors", None) or ():
        path = tuple(
            str(part)
            for entry in one.stack.entries
            for part in [getattr(entry, "field_name", getattr(entry, "list_index", None))]
            if part is not None
        )
        problems.append(ConfigProblem(message=str(one.message), path=path))
    message = problems[0].message if problems else str(error).strip()
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    raise remember(
        ValidationFailed(f"the run config is not valid: {message}{more}", details=problems)
    ) from error
